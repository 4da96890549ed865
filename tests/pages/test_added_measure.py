"""A new row of the table of measures appears on the command line, page, report and CSV."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.pages.conftest import OpenPage, trained
from vae.analysis.loaded_run import LoadedRun
from vae.commands import main
from vae.dashboard.evaluate.text import as_csv
from vae.evaluation.averages import mean
from vae.evaluation.inputs import Inputs, Result
from vae.evaluation.measures import MEASURES, TABLES
from vae.evaluation.probes import Folds
from vae.evaluation.reading import is_complete
from vae.evaluation.rows import Measure
from vae.evaluation.sample_quality import Pair, Statistic
from vae.report import report
from vae.runs.evaluations import saved_evaluations

HELP = "A measure that exists in this test only. Larger is better."


def width(inputs: Inputs) -> Result:
    """Return the mean norm of the posterior mean."""
    return mean(inputs.terms["mean"].norm(dim=1))


def first_class(folds: Folds) -> int:
    """Predict class 0 for every example."""
    return int((folds.labels == 0).sum())


def spread(pair: Pair) -> float:
    """Return the largest squared distance of an example and a sample."""
    return float(pair.across.max())


ADDED: dict[str, tuple[dict[str, Any], Measure[Any]]] = {
    "width": (
        MEASURES,
        Measure("Width of z", "prior σ", HELP, width, group="latents", needs=("density",)),
    ),
    "first_class": (TABLES["probes"].rows, Measure("First class", "accuracy", HELP, first_class)),
    "spread": (
        TABLES["fidelity"].rows,
        Measure("Spread", "squared units of x", HELP, Statistic(spread)),
    ),
}


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, (table, row) in ADDED.items():
        monkeypatch.setitem(table, name, row)


def test_a_new_row_appears_on_the_command_line_the_page_and_in_the_report(
    added: None,
    root: Path,
    capsys: pytest.CaptureFixture[str],
    open_page: OpenPage,
) -> None:
    run = trained(root, "new", examples=1000, epochs=1, frames=0, binarize="threshold")
    arguments = ["evaluate", run.name, "--root", str(root), "--full", "--samples", "100"]
    assert main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["width"] > 0
    assert found["width_se"] > 0
    assert 0 <= found["probes"]["first_class"]["low"] <= found["probes"]["first_class"]["high"]
    assert found["fidelity"]["spread"].keys() == {"value", "low", "high", "reference"}
    assert main(arguments) == 0
    said = capsys.readouterr().out
    (result,) = saved_evaluations(run)
    written = report([run])
    table, page = as_csv(result.record).decode(), open_page("evaluate.py")
    text = [e.value for e in page.markdown]
    for name, (_, row) in ADDED.items():
        assert name in said
        assert row.title in written
        assert name in table
        assert row.title in [*text, *(card.label for card in page.metric)], name
    shown = next(card for card in page.metric if card.label == "Width of z")
    assert shown.help == HELP
    assert shown.delta.startswith("± ")
    assert shown.delta.endswith(" prior σ")


def test_a_saved_evaluation_without_the_new_row_is_incomplete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained(tmp_path, "old", examples=300, epochs=1, frames=0)
    record = LoadedRun.of(run).evaluate("train", 2, 0, full=True)
    assert is_complete(record)
    for name, (table, row) in ADDED.items():
        with monkeypatch.context() as patch:
            patch.setitem(table, name, row)
            assert not is_complete(record), name
