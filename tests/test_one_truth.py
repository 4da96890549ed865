"""One truth: numbers of one name agree on every page, in the report, the commands and the script.

Each objective trains one small run, and the point posterior another. The expected numbers are read
from the files alone: the validation report at the step of the best weights, and the saved
evaluation of these weights on test data with the most importance samples.
"""

import json
import re
from argparse import Namespace
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import NamedTuple

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import MAIN, Idle, trained
from vae.base import files
from vae.base.criterion import Criterion
from vae.base.numbers import number
from vae.commands import listing, main, sweep
from vae.components.objectives import OBJECTIVES
from vae.dashboard import server
from vae.diagnostics.training_stats import training_stats
from vae.evaluation.measures import MEASURES
from vae.experiments import entries, sweeps
from vae.report import report
from vae.runs import Run, notes
from vae.runs.evaluations import EvaluationRequest, save
from vae.script.run_facts import recorded
from vae.worker.evaluate import evaluation_of, load_run

POINT = "point"
ROWS = [*OBJECTIVES, POINT]
SAMPLES = (3, 5, 2)  # K of the evaluations, in the order in which they are saved


class Truth(NamedTuple):
    """A run and the numbers of its best weights, nats per example."""

    run: Run
    by: Criterion
    epoch: float
    value: float  # of the criterion
    elbo: float | None
    reconstruction: float
    kl: float | None
    test_elbo: float | None
    nll: float | None
    k: int | None


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("truth")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "ROOT", path)
        patch.setattr(server, "launcher", Idle())
        yield path


@pytest.fixture(scope="module")
def truths(root: Path) -> dict[str, Truth]:
    return {row: truth_of(train(root, row)) for row in ROWS}


def train(root: Path, row: str) -> Run:
    """Return a run of few steps, for which its criterion and the ELBO can select different
    weights."""
    own = {"posterior": POINT, "objective": "reconstruction"} if row == POINT else {}
    k = 3 if row == "iwae" else 1
    small = {"examples": 120, "epochs": 20, "batch_size": 16, "latent_dim": 8, "hidden": (32,)}
    settings = small | {"objective": row, "posterior_samples": k} | own
    run = trained(root, row, lr=0.03, binarize="threshold", frames=0, **settings)
    loaded, weights = load_run(run, "best")
    for samples in SAMPLES:
        request = EvaluationRequest("best", "test", 2, samples, False)
        save(run, request, weights, evaluation_of(loaded, request, lambda share: None))
    return run


def truth_of(run: Run) -> Truth:
    step = files.read_meta(run.path / "best.safetensors")["step"]
    (best,) = (r for r in run.reports() if (r["split"], r["step"]) == ("val", step))
    saved = [files.read_json(path) for path in (run.path / "derived").glob("evaluate-*.json")]
    record = max((s["evaluation"] for s in saved), key=lambda e: e["nll_samples"] or 0)
    by = run.config.best_by
    values = best | best["terms"]
    numbers = (values[by.key], best["elbo"], best["reconstruction"], best["kl"])
    tested = (record["elbo"], record["nll"], record["nll_samples"])
    return Truth(run, by, best["epoch"], *numbers, *tested)


def page(file: str, run: Run | None = None, **address: str) -> AppTest:
    at = AppTest.from_file(str(MAIN), default_timeout=60)
    for name, value in (address if run is None else address | {"run": run.name}).items():
        at.query_params[name] = value
    at.run()
    at.switch_page(f"../../pages/{file}").run()
    assert not at.exception, [e.value for e in at.exception]
    return at


def plain(text: str) -> str:
    return text.replace("−", "-").replace("**", "")


@pytest.mark.parametrize("row", ROWS)
def test_the_header_names_the_criterion_and_the_best_weights(
    truths: dict[str, Truth], row: str
) -> None:
    truth = truths[row]
    at = page("evaluate.py", truth.run)
    words = plain(" ".join(e.value for e in [*at.markdown, *at.caption]))
    best = f"best validation {truth.by.title} {truth.value:.2f} nats at epoch {truth.epoch:g}"
    assert plain(best) in words
    for name in ("K-sample bound", "reconstruction"):
        assert (f"best validation {name}" in words) == (truth.by.title == name)


def test_compare_shows_the_best_weights_of_every_run(truths: dict[str, Truth]) -> None:
    rows = {row["run"]: row for row in page("compare.py").dataframe[0].value.to_dict("records")}
    for truth in truths.values():
        row = rows[truth.run.name]
        expected = {
            "−ELBO": negative(truth.elbo),
            "reconstruction": truth.reconstruction,
            "KL": truth.kl,
            "test −ELBO": negative(truth.test_elbo),
            "test −ln p(x)": truth.nll,
            "K": truth.k,
            "best value": truth.value,
        }
        for name, value in expected.items():
            found = None if row[name] != row[name] else row[name]
            assert found == (value if value is None else pytest.approx(value)), (row, name)
        assert row["best by"] == truth.by.title


def negative(value: float | None) -> float | None:
    return None if value is None else -value


def test_the_plane_places_every_run_at_its_best_weights(truths: dict[str, Truth]) -> None:
    at = page("compare.py")
    messages = [json.loads(c.proto.bytes) for c in at.get("bidi_component")]
    (chart,) = (m["figure"] for m in messages if m["key"] == "compare_plane_chart")
    words = plain(" ".join(str(t.get("hovertext")) for t in chart["data"]))
    for truth in truths.values():
        if truth.kl is not None:
            rate, distortion = plain(number(truth.kl)), plain(number(truth.reconstruction))
            assert f"rate {rate} nats<br>distortion {distortion} nats" in words, truth.run.name


def test_the_report_prints_the_same_numbers(truths: dict[str, Truth]) -> None:
    text = report([truth.run for truth in truths.values()])
    overview = text[text.index("<h2>Runs") : text.index("<h2>Data")]
    for truth in truths.values():
        (line,) = re.findall(rf"<tr><th>{truth.run.name}</th>(.*?)</tr>", overview)
        cells = [unescape(cell) for cell in re.findall(r"<td>(.*?)</td>", line)]
        values = (truth.elbo, truth.reconstruction, truth.kl)
        held = ["–" if value is None else number(value) for value in values]
        elbo = "–" if truth.test_elbo is None else number(truth.test_elbo)
        nll = "–" if truth.nll is None else f"{number(truth.nll)} (K = {truth.k})"
        best = f"{truth.by.title} {number(truth.value)}"
        assert cells[3:] == [*held, best, elbo, nll], truth.run.name
        if truth.nll is not None:
            assert text.count(f"−ln p(x), K = {truth.k}") > 0


def test_the_commands_print_the_same_numbers(
    truths: dict[str, Truth], root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = {truth.run.name: truth for truth in truths.values()}
    listing.runs(Namespace(root=str(root), json=False))
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    for name, truth in runs.items():
        score = f"best validation {truth.by.title} {truth.value:.2f} nats"
        assert plain(score) in plain(lines[name])
    for name, truth in runs.items():
        sweep._table([truth.run])
        out = plain(capsys.readouterr().out)
        assert re.search(rf"{truth.by.title} +{truth.value:.2f} +1 seed", out), (name, out)


def test_the_evaluate_page_and_the_command_show_the_saved_evaluation(
    truths: dict[str, Truth], root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for truth in truths.values():
        request = ["--root", str(root), "--split", "test", "--elbo-samples", "2", "--json"]
        k = [] if truth.k is None else ["--samples", str(truth.k)]
        assert main(["evaluate", truth.run.name, *request, *k]) == 0
        printed = json.loads(capsys.readouterr().out)
        tested = (printed["elbo"], printed["nll"], printed["nll_samples"])
        assert tested == (truth.test_elbo, truth.nll, truth.k), truth.run.name
        rows = page("evaluate.py", truth.run).dataframe[0].value.to_dict("records")
        (row,) = (r for r in rows if r["K"] == str(max(SAMPLES)))
        for key, value in (("elbo", truth.test_elbo), ("nll", truth.nll)):
            found = plain(row[MEASURES[key].title]).split(" ")[0]  # rounded to its standard error
            places = len(found.partition(".")[2])
            assert found == ("" if value is None else f"{value:.{places}f}"), truth.run.name


def test_the_sweep_page_shows_the_best_weights(truths: dict[str, Truth]) -> None:
    for truth in truths.values():
        notes.change(truth.run.path, tags=(sweeps.TAG + "all",))
    at = page("sweep.py", sweep="all")
    messages = [json.loads(c.proto.bytes) for c in at.get("bidi_component")]
    (chart,) = (m["figure"] for m in messages if m["key"] == "sweep_summary")
    found = {str(t["hovertext"]) for t in chart["data"]}
    for truth in truths.values():
        if truth.elbo is not None:
            ending = f"seed 0<br>{number(-truth.elbo)} nats"
            words = f"objective {truth.run.settings['objective']} ·"
            assert any(words in text and ending in text for text in found), truth.run.name


@pytest.mark.parametrize("row", ROWS)
def test_sweep_script_and_diagnostics_take_the_same_report(
    truths: dict[str, Truth], row: str
) -> None:
    truth = truths[row]
    best = recorded(truth.run).figures["best"]
    assert best[truth.by.key] == pytest.approx(truth.value)
    assert best["reconstruction"] == pytest.approx(truth.reconstruction)
    course = training_stats(truth.run.reports(), truth.by)
    place = int(course.value.argmax())
    assert course.value[place] == pytest.approx(truth.by.signed(truth.value))
    assert course.epoch[place] == truth.epoch
    entry = entries.entry(truth.run)
    assert (entry.val.epoch, entry.val.kl) == (truth.epoch, truth.kl)


def test_the_runs_choose_differently_by_elbo_and_by_their_criterion(
    truths: dict[str, Truth],
) -> None:
    """Without a difference the other tests could not detect the wrong rule."""

    for row in ("reconstruction", "wae", "iwae"):
        held = [r for r in truths[row].run.reports() if r["split"] == "val"]
        assert max(held, key=lambda r: r["elbo"])["epoch"] != truths[row].epoch, row
