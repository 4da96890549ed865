"""The Evaluate page: the library's values with unit, error and help; the job behind the button,
its outcomes, and saved results."""

import csv
import io
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import OpenPage, trained
from vae.analysis.loaded_run import LoadedRun
from vae.base.numbers import number, with_error
from vae.dashboard import server
from vae.dashboard.evaluate import text as words
from vae.dashboard.evaluate.view import table_key
from vae.evaluation import disentanglement, factor_sets
from vae.evaluation.measures import MEASURES, PROBES, STATISTICS
from vae.evaluation.reading import concerns
from vae.runs import Run, identity
from vae.runs.evaluations import KIND, EvaluationRequest, saved_evaluations
from vae.worker.job import Job
from vae.worker.run import work

KINDS: dict[str, dict[str, Any]] = {
    "binary": {"binarize": "threshold", "latent_dim": 3},
    "grey": {},
    "point": {"posterior": "point", "objective": "reconstruction"},
    "codes": {"posterior": "quantised", "objective": "reconstruction"},
    "told": {"condition": "labels", "binarize": "threshold"},
    "flow": {"posterior": "flow", "binarize": "threshold"},
    "categorical": {"likelihood": "categorical"},
    "vectors": {"data": "mixture", "likelihood": "gaussian-learned"},
    "factors": {"data": "shapes", "binarize": "threshold"},
}
DEFAULT = EvaluationRequest("best", "test")
SHORT = EvaluationRequest("best", "test", elbo_samples=2, samples=0, full=False)
TITLES = {row.title: key for key, row in MEASURES.items() if not row.per_latent}


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Use few sets and few halves for the scores of disentanglement."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(factor_sets, "SETS", {"train": 300, "test": 300})
        patch.setattr(disentanglement, "HALVES", 2)
        yield


@pytest.fixture(scope="module")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """`run_of(kind)` returns a run of that kind with an evaluation of the default settings."""
    folder, runs = tmp_path_factory.mktemp("made"), {}

    def make(kind: str) -> Run:
        if kind not in runs:
            few = {"examples": 1000, "epochs": 1, "frames": 0}
            runs[kind] = trained(folder, kind, **few, **KINDS[kind])
            work(job_of(runs[kind]).order, lambda: None)
        return runs[kind]

    return make


@pytest.fixture
def run(root: Path, run_of: Callable[[str], Run]) -> Run:
    """A run of binary digits in the dashboard's folder, evaluated."""
    return copied(root, run_of("binary"))


def copied(root: Path, run: Run) -> Run:
    return Run(shutil.copytree(run.path, root / run.name))


def job_of(run: Run, request: EvaluationRequest = DEFAULT) -> Job:
    return Job.of(run, KIND, request._asdict())


def text(at: AppTest) -> str:
    said = [e.value for e in [*at.markdown, *at.caption, *at.info, *at.warning, *at.error]]
    return " ".join([*said, *(bar.proto.text for bar in at.get("progress"))])


def metrics(at: AppTest) -> dict[str, tuple[str, str]]:
    return {m.label: (m.value, m.delta) for m in at.metric}


def drawn(at: AppTest) -> dict[str, dict[str, Any]]:
    sent = [json.loads(c.proto.bytes) for c in at.get("bidi_component")]
    return {message["key"]: message["figure"] for message in sent}


def read(value: str) -> tuple[float, float]:
    """Return a number on the screen, and half a unit of its last digit."""
    plain = value.replace("−", "-").replace(",", "").split()[0]
    places = len(plain.partition(".")[2])
    return float(plain), 0.5 * 10.0**-places


def press(at: AppTest, key: str) -> None:
    at.button(key=key).click().run()
    assert not at.exception


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_run_shows_its_values_or_reasons(
    kind: str, run_of: Callable[[str], Run], root: Path, open_page: OpenPage
) -> None:
    run = copied(root, run_of(kind))
    record, at = saved_evaluations(run)[0].record, open_page("evaluate.py")
    if kind in ("binary", "vectors"):  # the library's own once more, for all kinds takes long
        assert record == LoadedRun.of(run).evaluate("test", 10, 100, full=True)
    shown = metrics(at)
    titles = {title: name for title, name in TITLES.items() if concerns(record, name)}
    assert shown.keys() >= titles.keys()
    assert ("Perplexity" in shown) == (kind == "codes")
    for title, name in titles.items():
        value = getattr(record, name)
        if value is None:
            assert shown[title][0] == "not defined"
            assert record.notes[name] in text(at)
        elif name not in ("ess", "active_units"):
            shown_number, half = read(shown[title][0])
            assert abs(shown_number - value) <= half * 1.0001
            se = getattr(record, f"{name}_se", None)
            if se:
                error, half = read(shown[title][1].removeprefix("± "))
                assert abs(error - se) <= half * 1.0001
            assert MEASURES[name].unit in shown[title][1]
    for name, sentence in record.notes.items():
        assert sentence in text(at) or not concerns(record, name), name
    if record.ess is not None:
        assert shown["Effective samples"][0] == f"{number(record.ess['mean'])} of 100"
    if record.active_units is not None:
        low, high = record.active_units_interval or (0, 0)
        ends = f"{low} to {high} latents"
        assert shown["Active units"] == (f"{record.active_units} of {run.config.latent_dim}", ends)
    assert ("evaluate_disentanglement" in drawn(at)) == (kind == "factors")


def test_probes_are_compared_with_chance(run: Run, open_page: OpenPage) -> None:
    at, table = open_page("evaluate.py"), saved_evaluations(run)[0].record.probes
    assert table is not None
    for name, row in table.items():
        value, ends = metrics(at)[PROBES[name].title]
        assert value == f"{100 * row['value']:.1f} %"
        assert ends == f"{100 * row['low']:.1f} % to {100 * row['high']:.1f} %"


def test_samples_are_compared_with_real_examples(run: Run, open_page: OpenPage) -> None:
    at, table = open_page("evaluate.py"), saved_evaluations(run)[0].record.fidelity
    assert table is not None
    said = [e.value for e in at.markdown]
    for name, row in table.items():
        value, low, high, real = (
            words.three_decimals(row[k]) for k in ("value", "low", "high", "reference")
        )
        place = said.index(STATISTICS[name].title)
        assert said[place : place + 4][1:] == [f"**{value}**", f"{low} to {high}", real]
        assert len(at.markdown[place].help) > 40
    head = next(e for e in at.markdown if "real examples" in e.value)
    assert head.help.startswith("The reference:")


def test_every_value_has_a_help_and_a_unit(run: Run, open_page: OpenPage) -> None:
    at = open_page("evaluate.py")
    for metric in at.metric:
        assert len(metric.help) > 40
        assert metric.delta
    assert "± is one standard error" in text(at)
    assert "interval is of 95 %" in text(at)
    for widget in [*at.selectbox, *at.number_input, *at.toggle]:
        assert widget.help or widget.label == "Run"


# The job


def orders(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    sent: list[Job] = []
    monkeypatch.setattr(server.launcher, "submit", sent.append, raising=False)
    return sent


def setting(at: AppTest, request: EvaluationRequest) -> None:
    at.number_input(key="evaluate_samples").set_value(request.samples)
    at.number_input(key="evaluate_elbo_samples").set_value(request.elbo_samples)
    at.toggle(key="evaluate_full").set_value(request.full)
    at.selectbox(key="evaluate_checkpoint").set_value(request.checkpoint).run()
    assert not at.exception


def test_a_saved_result_cannot_be_computed_again(run: Run, open_page: OpenPage) -> None:
    at = open_page("evaluate.py")
    assert at.button(key="evaluate").disabled
    setting(at, SHORT)
    assert not at.button(key="evaluate").disabled
    assert "Not evaluated yet with these settings" in text(at)
    assert not at.metric


def test_the_button_starts_a_job_with_the_settings_of_the_controls(
    run: Run, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, at = orders(monkeypatch), open_page("evaluate.py")
    setting(at, SHORT._replace(checkpoint="last"))
    at.number_input(key="evaluate_elbo_samples").set_value(3)  # and pressed at once
    press(at, "evaluate")
    (job,) = sent
    assert job.order == job_of(run, SHORT._replace(checkpoint="last", elbo_samples=3)).order
    work(job.order, lambda: None)
    at.run()
    shown = metrics(at)
    found = saved_evaluations(run)[0].record
    assert (
        with_error(found.reconstruction, found.reconstruction_se)[0]
        == (shown["Reconstruction"][0])
    )
    assert "Not requested: choose K above 0" in text(at)
    assert text(at).count("Not requested: switch All measures on") >= 2
    assert not shown.keys() & {"−ln p(x)", "I(x; z)", "Linear probe"}


def test_progress_is_shown_and_can_be_cancelled(run: Run, open_page: OpenPage) -> None:
    job = job_of(run, SHORT)
    job.note(state="running", progress=0.25, begun=time.time() - 600, **identity())
    at = open_page("evaluate.py")
    assert "test, best weights, L = 2, quick measures: 25 %, about 30 min left" in text(at)
    setting(at, SHORT)
    assert at.button(key="evaluate").disabled
    assert "results appear here when it is done" in text(at)
    press(at, f"evaluate_cancel_{job.key}")
    assert job.cancelled
    assert "cancelling" in text(at)
    assert at.button(key=f"evaluate_cancel_{job.key}").disabled
    job.note(state="cancelled")
    at.run()
    assert "was cancelled" in text(at)
    assert not at.button(key="evaluate").disabled


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ({"state": "failed", "message": "The memory is full."}, "failed. The memory is full."),
        (
            {"state": "running", "process_started": 1.0},
            "The process of this job is gone: start it again.",
        ),
    ],
)
def test_an_ended_job_has_a_reason_and_can_be_repeated(
    status: dict[str, Any],
    sentence: str,
    run: Run,
    open_page: OpenPage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job, sent = job_of(run, SHORT), orders(monkeypatch)
    job.note(**identity() | status)
    at = open_page("evaluate.py")
    assert sentence not in text(at)  # of other settings
    setting(at, SHORT)
    assert sentence in text(at)
    press(at, "evaluate")
    assert [other.order for other in sent] == [job.order]
    assert sentence not in text(at)


def test_an_unreadable_result_can_be_computed_again(
    run: Run, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = orders(monkeypatch)
    saved_evaluations(run)[0].path.write_text("{")
    at = open_page("evaluate.py")
    assert "Not evaluated yet" in text(at)
    press(at, "evaluate")
    assert sent[0].status()["state"] == "none"


# What is kept


def test_a_result_of_earlier_weights_is_marked(run: Run, open_page: OpenPage) -> None:
    at = open_page("evaluate.py")
    step = saved_evaluations(run)[0].weights.step
    assert f"best weights, step {step}" in text(at)
    assert "earlier" not in text(at)
    run.weights_path("best").write_bytes(run.weights_path("last").read_bytes())
    at.run()
    assert f"of earlier best weights, step {step}" in text(at)
    assert not at.button(key="evaluate").disabled
    assert at.metric


def pick(at: AppTest, run: Run, row: int | None) -> None:
    """Select a row of the table, or none."""
    key, rows = table_key(run, DEFAULT, saved_evaluations(run)), [] if row is None else [row]
    at.session_state[key] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    at.run()
    assert not at.exception


def test_every_result_is_in_the_table_and_can_be_shown_and_deleted(
    run: Run, open_page: OpenPage
) -> None:
    work(job_of(run, SHORT).order, lambda: None)
    work(job_of(run, SHORT._replace(split="train")).order, lambda: None)
    at = open_page("evaluate.py")
    found, table = saved_evaluations(run), at.dataframe[0].value
    assert len(table) == len(found) == 3
    for row, result in zip(table.to_dict("records"), found, strict=True):
        value, se = with_error(result.record.elbo, result.record.elbo_se)
        assert row["ELBO"] == f"{value} ± {se}"
        assert int(row["K"]) == result.request.samples
        assert int(row["L"]) == result.request.elbo_samples
        assert row["step"] == str(result.weights.step)
    place = next(i for i, k in enumerate(found) if k.request == DEFAULT)
    assert (
        metrics(at)["ELBO"][0]
        == with_error(found[place].record.elbo, found[place].record.elbo_se)[0]
    )
    other = next(i for i, k in enumerate(found) if k.request.split == "train")
    pick(at, run, other)
    assert (
        metrics(at)["ELBO"][0]
        == with_error(found[other].record.elbo, found[other].record.elbo_se)[0]
    )
    assert f"{found[other].record.examples} train examples" in text(at)
    name = found[other].path.stem
    assert at.query_params["result"] in (name, [name])
    linked = open_page("evaluate.py", result=name)
    assert f"{found[other].record.examples} train examples" in text(linked)
    pick(linked, run, place)
    pick(linked, run, None)
    assert f"{found[other].record.examples} train examples" not in text(linked)
    assert "result" not in linked.query_params
    wrong = open_page("evaluate.py", result="none")
    assert "showing the latest result of these settings" in wrong.toast[0].value
    press(at, "evaluate_delete")
    assert saved_evaluations(run) == [k for k in found if k.request.split != "train"]


def test_the_files_contain_every_value(run: Run) -> None:
    (result,) = saved_evaluations(run)
    written = io.StringIO(words.as_csv(result.record).decode())
    rows = {row["figure"]: row for row in csv.DictReader(written)}
    record = result.record
    assert "perplexity" not in rows
    for name in filter(lambda name: concerns(record, name), TITLES.values()):
        if name == "ess":
            assert float(rows["ess mean"]["value"]) == record.ess["mean"]
            continue
        assert float(rows[name]["value"]) == getattr(record, name)
        if getattr(record, f"{name}_se", None) is not None:
            assert float(rows[name]["se"]) == getattr(record, f"{name}_se")
    for d, value in enumerate(record.kl_per_dimension or ()):
        assert float(rows[f"kl z{d + 1}"]["value"]) == value
        assert float(rows[f"kl z{d + 1}"]["se"]) == record.kl_per_dimension_se[d]
    ends = [int(rows["active_units"][end]) for end in ("low", "high")]
    assert ends == list(record.active_units_interval)
    for name, row in (record.probes or {}).items():
        assert [float(rows[f"probes {name}"][k]) for k in row] == list(row.values())
    assert rows["elbo"]["unit"] == "nats"
    assert rows["bits_per_dimension"]["unit"] == "bits"
    assert words.file_name(result) == "binary-best-test-evaluation"


def test_a_result_of_an_earlier_version_is_marked_and_can_be_computed_again(
    run: Run, open_page: OpenPage
) -> None:
    (result,) = saved_evaluations(run)
    saved = json.loads(result.path.read_text())
    del saved["evaluation"]["probes"]
    result.path.write_text(json.dumps(saved))
    at = open_page("evaluate.py")
    assert "This result comes from an earlier version" in text(at)
    assert not at.button(key="evaluate").disabled


def test_a_run_without_evaluation_has_a_sentence(
    root: Path, run_of: Callable[[str], Run], open_page: OpenPage
) -> None:
    run = copied(root, run_of("binary"))
    shutil.rmtree(run.path / "derived")
    at = open_page("evaluate.py")
    assert "Not evaluated yet" in text(at)
    assert "None yet." in text(at)
