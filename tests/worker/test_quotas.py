"""Quotas of a shared server: each ends or refuses a run that exceeds it, wherever it starts."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.pages.conftest import open_page
from tests.runs.conftest import make_in
from tests.tables import each
from vae.base import quotas
from vae.base.quotas import QUOTAS
from vae.base.visitors import RefusedError
from vae.dashboard import server
from vae.experiments.admission import check_admitted
from vae.runs import Run
from vae.runs.exporter import pack
from vae.runs.importer import unpack
from vae.runs.store import delete, restore
from vae.worker.train import train_run

__all__ = ["open_page"]
EXCEEDED = {"examples": (39, 40), "weights": (50, 0), "runs": (1, 2)}  # the quota, the run's


def run_to_its_end(run: Run) -> None:
    for _ in train_run(run):
        pass


@each("name", ["examples", "weights"])
def test_a_run_above_a_quota_is_refused_before_and_by_the_worker(
    name: str, make: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was created without the quota ends with the sentence of both numbers."""
    run = make(examples=40)
    check_admitted(run.config, run.data())
    most, value = EXCEEDED[name]
    monkeypatch.setenv(QUOTAS[name].variable, str(most))
    for act in (lambda: check_admitted(run.config, run.data()), lambda: run_to_its_end(run)):
        with pytest.raises(RefusedError, match=f"at most {most}: lower"):
            act()
    assert run.status().state == "failed"
    assert f" {value or ''}" in run.status().message
    assert run.reports() == []
    monkeypatch.delenv(QUOTAS[name].variable)


def test_a_run_is_saved_and_stopped_after_its_seconds(
    make: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make(epochs=100_000)
    monkeypatch.setenv(QUOTAS["seconds"].variable, "0")
    run_to_its_end(run)
    status = run.status()
    assert status.state == "stopped"
    assert status.message.startswith("It has trained for 1 s, and a run on this server trains")
    assert run.snapshot() is not None
    monkeypatch.delenv(QUOTAS["seconds"].variable)
    run.want(epochs=1)
    run.want("run")
    run_to_its_end(run)
    assert run.status().state == "finished"


def test_no_way_leads_to_more_runs_than_the_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, first = tmp_path / "here", make_in(tmp_path / "here", "first")
    deleted = delete(make_in(here, "second"))
    monkeypatch.setenv(QUOTAS["runs"].variable, "1")
    archive = tmp_path / "one.vae.zip"
    pack([first], archive)
    ways: list[Callable[[], Any]] = [
        lambda: make_in(here, "third"),
        lambda: restore(deleted),
        lambda: unpack(here, archive),
    ]
    for way in ways:
        with pytest.raises(RefusedError, match="would be 2 runs, and this server holds at most 1"):
            way()
    assert [path.name for path in here.iterdir() if path.name[0] != "."] == ["first"]
    delete(first)
    assert restore(deleted).name == "second"


@each("text", ["x", "-1", "1.5", "9" * 400, "٣"])
def test_a_quota_that_is_no_number_is_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(QUOTAS["runs"].variable, text)
    with pytest.raises(ValueError, match="VAE_LAB_MOST_RUNS is a whole number, not"):
        quotas.check("runs", 1)


def test_the_page_names_a_quota_with_both_numbers_before_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_page: Callable[..., Any]
) -> None:
    monkeypatch.setattr(server, "ROOT", tmp_path)
    monkeypatch.setenv(QUOTAS["examples"].variable, "100")
    at = open_page("train.py")
    (words,) = [e.value for e in at.sidebar.error]
    assert re.search(r"would use [\d,]+ examples, and a run on this server has at most 100", words)
    assert at.button(key="train").disabled
    monkeypatch.delenv(QUOTAS["examples"].variable)
    monkeypatch.setenv(QUOTAS["seconds"].variable, "0")
    at.run()
    assert not at.sidebar.error
    assert any("trains for at most 0.01 s" in e.value for e in at.sidebar.caption)


def test_every_quota_is_in_the_readme() -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text()
    for row in QUOTAS.values():
        assert f"`{row.variable}=" in text
        assert f"| {row.effect} |" in text
