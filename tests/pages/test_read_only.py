"""A read-only server: every page opens, nothing can be changed, and files are closed to
visitors."""

import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import PAGES, OpenPage, of_run, trained
from vae.base import files, visitors
from vae.base.visitors import CLOSED, PATHS, READ_ONLY, RefusedError
from vae.components import network_code
from vae.config import RunConfig
from vae.dashboard import server
from vae.data import DataError, download, load, save_upload
from vae.data.download import CACHE
from vae.runs import Run, mending, notes
from vae.runs.exporter import pack
from vae.runs.store import delete, rename
from vae.worker import Launcher
from vae.worker.job import Job

RUN = "a-run"


def job(run: Run) -> Job:
    """The job of a t-SNE."""
    return Job.of(run, "tsne", {"checkpoint": "best"})


def popover(at: AppTest, label: str) -> Any:
    """The popover with this label."""
    blocks = list(at.main.children.values())
    while blocks:
        block = blocks.pop()
        if getattr(block, "type", "") == "popover" and block.proto.popover.label == label:
            return block.proto.popover
        blocks += getattr(block, "children", {}).values()
    raise AssertionError(label)


def contents(root: Path) -> str:
    """A hash of the names, times and sizes of all files below a folder."""
    found = [(str(p), p.stat().st_mtime_ns, p.stat().st_size) for p in sorted(root.rglob("*"))]
    return hashlib.sha256(repr(found).encode()).hexdigest()


@pytest.fixture
def read_only(root: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run on a read-only server, with a damaged file."""
    run = trained(root, RUN)
    (run.path / "notes.json").write_text("[")
    monkeypatch.setenv(CACHE, str(root / "cache"))
    monkeypatch.setenv(READ_ONLY, "1")
    return run


CHANGES: dict[str, Callable[[Run], object]] = {
    "create": lambda run: Run.create(run.path.parent, run.config, load("digits")),
    "change a live setting": lambda run: run.want(beta=2.0),
    "pause": lambda run: run.want("pause"),
    "stop": lambda run: run.stop(),
    "set the state": lambda run: run.set_status(state="queued"),
    "take": lambda run: run.take(("finished",), state="queued"),
    "delete": delete,
    "rename": lambda run: rename(run, "other"),
    "note": lambda run: notes.change(run.path, title="mine"),
    "upload": lambda run: save_upload({"x.npy": b""}, run.path.parent),
    "write": lambda run: files.write_json(run.path / "new.json", {}),
    "append": lambda run: files.append_line(run.path / "metrics.jsonl", {}),
    "a folder": lambda run: files.temporary_folder(run.path / "new"),
    "resume": lambda run: Launcher(run.path.parent, spare=False).resume(run),
    "cancel a job": lambda run: job(run).cancel(),
    "mend": mending.mend,
    "export to a file": lambda run: pack([run], run.path.parent / "x.vae.zip"),
    "download": lambda run: download("mnist"),
    "a job": lambda run: Launcher(run.path.parent, spare=False).submit(job(run)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_is_refused_and_leaves_all_files_as_they_were(
    name: str, read_only: Run
) -> None:
    before = contents(read_only.path.parent)
    with pytest.raises(RefusedError, match="read-only"):
        CHANGES[name](read_only)
    assert contents(read_only.path.parent) == before


def test_a_queued_run_is_not_started(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Run.create(root, RunConfig.of(epochs=1), load("digits"), "queued")
    monkeypatch.setenv(READ_ONLY, "1")
    before = contents(root)
    Launcher(root).pump()
    assert contents(root) == before


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_and_its_buttons_change_nothing(
    page: str, read_only: Run, open_page: OpenPage
) -> None:
    """Every button that is not disabled is pressed once."""
    before = contents(read_only.path.parent)
    at = open_page(page, run=RUN)
    assert at.button(key="train").disabled
    assert at.button(key="train").help == CLOSED
    for key in [str(button.key) for button in at.button if not button.disabled]:
        if key not in [button.key for button in at.button]:
            continue  # gone after an earlier press
        at.button(key=key).click().run()
        assert not at.exception, (key, [e.value for e in at.exception])
    assert contents(read_only.path.parent) == before


@pytest.mark.parametrize("page", ["train.py", "compare.py", "evaluate.py", "sweep.py"])
def test_a_press_on_a_disabled_button_changes_nothing(
    page: str, read_only: Run, open_page: OpenPage
) -> None:
    """A visitor who speaks the protocol can press it."""
    before = contents(read_only.path.parent)
    at = open_page(page, run=RUN, runs=RUN)
    closed = [str(button.key) for button in at.button if button.disabled]
    assert closed
    for key in closed:
        if key in [button.key for button in at.button]:
            button = at.button(key=key)
            button.disabled = button.proto.disabled = False
            button.click().run()
            assert not at.exception, (key, [e.value for e in at.exception])
    assert contents(read_only.path.parent) == before


def test_a_closed_page_names_the_reason_and_offers_no_training(
    read_only: Run, open_page: OpenPage
) -> None:
    at = open_page("train.py", run=RUN)
    texts = [element.value for element in (*at.caption, *at.markdown)]
    assert CLOSED in texts
    assert not [text for text in texts if "Press Train" in text]
    assert "tour_start" not in [button.key for button in at.button]
    assert popover(at, "Add epochs").disabled
    assert popover(open_page("compare.py", runs=RUN), "Branch").disabled


def test_a_run_on_closed_data_is_named(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained(tmp_path / "runs", "own", data=str(table), likelihood="gaussian", batch_size=8)
    table.touch()  # not the data in memory
    monkeypatch.setenv(PATHS, "")
    with pytest.raises(RefusedError, match="The data of own are closed"):
        run.data()


def test_a_widget_that_changes_a_run_is_disabled(read_only: Run, open_page: OpenPage) -> None:
    at = open_page("evaluate.py", run=RUN)
    assert at.button(key="evaluate").disabled
    at = open_page("compare.py", runs=RUN)
    for key in ("favourite", "archived", "delete"):
        assert at.button(key=f"compare_{key}").disabled
    at = open_page("latent.py", run=RUN)
    at.selectbox(key=of_run(at, "latent_projection")).set_value("tsne").run()
    assert at.button(key="latent_compute").disabled


# ── paths


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A file of data in a separate folder."""
    path = tmp_path / "open" / "x.npy"
    path.parent.mkdir()
    np.save(path, np.random.default_rng(0).random((30, 4), np.float32))
    return path


def test_only_files_in_open_folders_are_read(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a link nor a path with dots leads out of them, and a refusal hides whether
    the file exists."""
    load(str(table))  # without the variable every file is open
    monkeypatch.setenv(PATHS, str(table.parent))
    load(str(table))
    other = tmp_path / "other.npy"
    other.write_bytes(table.read_bytes())
    (table.parent / "link.npy").symlink_to(other)
    refusals = set()
    wrong = (other, table.parent / "link.npy", table.parent / "../other.npy", tmp_path / "no.npy")
    for path in wrong:
        with pytest.raises(RefusedError) as refused:
            load(str(path))
        refusals.add(str(refused.value))
    assert len(refusals) == 1
    monkeypatch.setenv(PATHS, "")
    with pytest.raises(RefusedError):
        load(str(table))
    monkeypatch.setenv(PATHS, os.pathsep.join(["/nowhere", str(tmp_path)]))
    load(str(other))


@pytest.mark.parametrize("data", ["README.m.csv", "~some.one", "/x/\0.npy"])
def test_hints_name_no_file_of_a_closed_folder(
    data: str, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the files of the folder where the server began, nor another user's home."""
    monkeypatch.setenv(PATHS, str(table.parent))
    with pytest.raises(RefusedError):
        load(data)


def test_a_network_is_read_from_open_folders_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Path(__file__).parents[1] / "networks" / "residual.py"
    (tmp_path / "link.py").symlink_to(network)
    monkeypatch.setenv(PATHS, str(tmp_path))
    refusals = set()
    for path in (network, tmp_path / "link.py", tmp_path / "../no.py"):
        with pytest.raises(RefusedError) as refused:
            network_code.choose(f"{path}:residual")
        refusals.add(str(refused.value))
    assert len(refusals) == 1
    monkeypatch.setenv(PATHS, str(network.parent))
    network_code.choose(f"{network}:residual")


def test_a_read_only_server_starts_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr(server, "WARM", True)
    monkeypatch.setattr(server, "_import_slow", lambda: None)
    monkeypatch.setattr(server, "freeze", lambda frozen: frozen)
    monkeypatch.setattr(server.launcher, "warm", lambda: started.append("a spare worker"))
    monkeypatch.setattr(server.launcher, "pump", lambda: None)

    async def begin() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(server._heart(), 0.1)

    asyncio.run(begin())
    assert started == ["a spare worker"]
    monkeypatch.setenv(READ_ONLY, "1")
    asyncio.run(begin())
    assert started == ["a spare worker"]


def test_a_read_only_server_opens_the_named_folders_only(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(READ_ONLY, "1")
    monkeypatch.setenv(PATHS, "")  # restored after the test
    with pytest.raises(RefusedError):
        load(str(table))
    with pytest.raises(DataError, match="no data set"):
        load("mnsit")
    visitors.open_folder(table.parent)
    load(str(table))
