"""Every figure uses the title of a quantity's row; terms have the titles of their measures."""

import ast
from pathlib import Path

import numpy as np
import pytest

from tests.figures.test_evaluation import bars, record
from tests.tables import each
from vae.base.records import Curve, Curves
from vae.evaluation.measures import MEASURES
from vae.experiments.configurations import Line
from vae.figures import sweep
from vae.figures.comparison import RunCurve, overlaid_curves
from vae.figures.evaluation import bound_bars, kl_parts
from vae.figures.history import training_curves
from vae.figures.palette import COLOURS
from vae.figures.quantities import QUANTITIES, TERMS
from vae.figures.replay import replay_curves
from vae.runs import Run
from vae.script.run_facts import recorded

ROOT = Path(__file__).parents[2]
TITLES = {name: QUANTITIES[name].title for name in TERMS}


def test_terms_have_the_titles_of_their_measures() -> None:
    assert {name: MEASURES[name].title for name in TERMS} == TITLES


def test_a_script_prints_the_titles_of_the_table() -> None:
    """The name of a criterion is printed in addition."""
    run = Run(ROOT / "checkpoints/digits-first-look")
    assert {name: recorded(run).titles[name] for name in TERMS} == TITLES


def test_the_splits_have_one_table() -> None:
    """No other dictionary gives the validation split a name."""
    tables = {
        path.name
        for path in ROOT.glob("vae/**/*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if getattr(key, "value", None) == "val" and getattr(value, "value", None) == "validation"
    }
    assert tables == {"quantities.py"}


@each("name", QUANTITIES)
def test_every_quantity_has_a_colour_of_the_palette(name: str) -> None:
    assert QUANTITIES[name].colour in COLOURS


def test_every_figure_uses_the_titles_of_the_table() -> None:
    epochs = np.arange(3, dtype=np.float32)
    curve = Curve(np.arange(3), epochs, epochs + 1)
    curves = Curves({("train", name): curve for name in TERMS}, (), None, None)
    line = Line(epochs, epochs + 1, epochs)
    overlaid = overlaid_curves([RunCurve("a", n, "val", 0, line) for n in TERMS], "epoch", 300)
    for figure in (training_curves(curves), overlaid):
        text = " ".join(note.text for note in figure.layout.annotations)
        assert all(f"<b>{title}</b>" in text for title in TITLES.values())
    assert [panel.title for panel in replay_curves(curves, 2)] == list(TITLES.values())
    assert list(sweep.TITLES.values()) == [
        QUANTITIES["reconstruction"].title.lower(),
        TITLES["kl"],
        f"−{TITLES['elbo']}",
    ]


@pytest.mark.parametrize(("runs", "mode"), [(6, "x unified"), (7, "closest")])
def test_the_values_of_a_few_curves_are_shown_together(runs: int, mode: str) -> None:
    epochs = np.arange(3, dtype=np.float32)
    line = Line(epochs, epochs + 1, epochs)
    lines = [
        RunCurve(f"run {k}", name, split, k, line)
        for k in range(runs)
        for name in TERMS
        for split in ("train", "val")
    ]
    found = overlaid_curves(lines, "epoch", 300)
    assert found.layout.hovermode == mode
    hovers = [trace.hovertemplate for trace in found.data]
    assert all(("%{x" in hover) == (mode == "closest") for hover in hovers)
    title = found.layout.xaxis.unifiedhovertitle.text
    assert title == ("epoch %{x:.4~r}" if mode == "x unified" else None)


def test_bars_of_an_evaluation_have_the_titles_of_their_measures() -> None:
    full = record(
        reconstruction=20.0, kl=3.0, elbo=-23.0, nll=22.0, mutual_information=2.0, aggregate_kl=1.0
    )
    titles = {f"{'−' * (name == 'elbo')}{row.title}" for name, row in MEASURES.items()}
    for chart in (bound_bars(full), kl_parts(full)):
        assert set(bars(chart)) <= titles
