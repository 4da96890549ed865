"""Charts of a data set show the numbers of its summary."""

import numpy as np

from tests.tables import each
from vae.analysis.dataset_summary import summarise
from vae.base.records import Floats, Tiles
from vae.config import RunConfig
from vae.data import load, prepare
from vae.figures import base
from vae.figures.dataset import class_bars, feature_lines, feature_spread, value_bars
from vae.figures.vectors import reconstruction_pairs, sample_vectors

DIGITS = summarise(load("digits"), RunConfig.of())
VECTORS = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)
FULL = {
    "classes": lambda: class_bars(DIGITS),
    "values": lambda: value_bars(DIGITS),
    "lines": lambda: feature_lines(VECTORS),
    "spread": lambda: feature_spread(DIGITS.moments._replace(mean=VECTORS[0], sd=VECTORS[1])),
}


@each("name", FULL)
@each("dark", [False, True])
def test_charts_have_their_colours_and_titles(name: str, dark: bool) -> None:
    drawn = base.themed(FULL[name](), dark)
    assert "var(--" not in drawn.to_json()
    assert drawn.layout.xaxis.title.text


def test_bars_of_classes_add_up() -> None:
    bars = class_bars(DIGITS).data
    assert [bar.name for bar in bars] == ["train", "validation", "test"]
    np.testing.assert_array_equal(np.stack([bar.x for bar in bars], 1), DIGITS.class_counts)
    one = class_bars(DIGITS._replace(classes=(), class_counts=np.zeros((0, 3), int)))
    assert [bar.x[0] for bar in one.data] == list(DIGITS.splits.values())
    whole = DIGITS._replace(splits=DIGITS.splits | {"val": 0})
    assert [bar.name for bar in class_bars(whole).data] == ["train", "test"]


def test_bars_of_values_are_at_their_levels() -> None:
    bar = value_bars(DIGITS).data[0]
    np.testing.assert_allclose(bar.x, np.arange(17) / 16, atol=1e-6)
    np.testing.assert_array_equal(bar.y, DIGITS.counts)
    assert value_bars(DIGITS, log=True).layout.yaxis.type == "log"


def test_lines_equal_the_vectors() -> None:
    labels = np.arange(12) % 2
    lines = feature_lines(VECTORS, labels, ("even", "odd")).data
    assert [line.name for line in lines] == ["even", "odd"]
    for k, line in enumerate(lines):
        rows: Floats = np.asarray(line.y).reshape(6, 6)[:, :5]
        np.testing.assert_array_equal(rows, VECTORS[labels == k])
        assert np.nanmin(line.x) == 1
    assert not feature_lines(VECTORS[:0]).data


def test_each_chart_calls_the_first_feature_1() -> None:
    charts = [FULL["lines"](), FULL["spread"](), sample_vectors(VECTORS)]
    charts.append(reconstruction_pairs(Tiles(VECTORS), Tiles(VECTORS)))
    for chart in charts:
        assert (np.nanmin(chart.data[0].x), np.nanmax(chart.data[0].x)) == (1, 5)
        assert list(chart.layout.xaxis.tickvals) == [1, 2, 3, 4, 5]


def test_the_spread_shows_mean_and_sd() -> None:
    x = prepare(load("mixture"))
    record = summarise(load("mixture"), RunConfig.of()).moments
    dots = feature_spread(record).data[0]
    np.testing.assert_allclose(dots.y, x.mean(0), atol=1e-5)
    np.testing.assert_allclose(dots.error_y.array, x.std(0), atol=1e-5)
