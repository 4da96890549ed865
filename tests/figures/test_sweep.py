"""The charts of a sweep show their records: curves on shared axes, means, intervals."""

import math
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from scipy import stats

from tests.tables import each
from vae.base.statistics import Interval, interval
from vae.experiments.configurations import Line
from vae.experiments.knee import Knee
from vae.figures import base, sweep, sweep_plane

NOTHING = Interval(math.nan, math.nan, math.nan, 0)
GRID = [(row, column) for row in range(2) for column in range(3)]


def line(values: Any) -> Line:
    y = np.asarray(values, np.float32)
    x = np.arange(len(y), dtype=np.float32)
    return Line(x, y, x)


def panel(k: int, seeds: int = 2, reports: int = 12) -> sweep.Panel:
    curve = 30 + 20 * np.exp(-np.arange(reports) / 3) + k
    lines = {
        "reconstruction": {s: line(curve + s) for s in range(seeds)},
        "kl": {s: line(np.linspace(0, 4, reports)) for s in range(seeds)},
        "elbo": {s: line(curve + s + np.linspace(0, 4, reports)) for s in range(seeds)},
    }
    return sweep.Panel(f"β {k}", "1 of 2", GRID[k], lines)


def setting_points(
    values: list[list[float]], places: Any = (0.5, 1.0, 2.0)
) -> tuple[sweep.SettingPoint, ...]:
    return tuple(
        sweep.SettingPoint(x, f"β {x:g}", dict(enumerate(own)), interval(own) if own else NOTHING)
        for x, own in zip(places, values, strict=True)
    )


SEEDS = [[31.0, 30.0, 30.2], [28.0, 28.5, 29.3], [29.0, 29.9, 29.1]]
ONE = [sweep.Series("", None, setting_points(SEEDS))]
TWO = [
    sweep.Series(f"Z {k}", k, setting_points([[v + k / 50 for v in own] for own in SEEDS]))
    for k in range(2)
]
PLANE = [
    sweep_plane.PlaneCurve(
        f"Z {k}",
        k,
        tuple(
            sweep_plane.PlanePoint(
                "", f"β {i}", interval(r), interval(d), tuple(zip(r, d, strict=True))
            )
            for i, (r, d) in enumerate(zip(SEEDS, SEEDS[::-1], strict=True))
        ),
        Knee(1, 0, 1, 1.0, (0, 2), 3),
    )
    for k in range(2)
]
NO_TICKS: list[tuple[float, str]] = []
FULL = {
    "multiples": lambda: sweep.small_multiples([panel(k) for k in range(5)], 12),
    "one": lambda: sweep.setting_summary(ONE, "elbo", "β", NO_TICKS, False, 380),
    "log": lambda: sweep.setting_summary(TWO, "kl", "β", NO_TICKS, True, 380),
    "plane": lambda: sweep_plane.sweep_plane(PLANE, 380),
    "named": lambda: sweep.setting_summary(
        ONE, "elbo", "objective", [(0.5, "elbo"), (1, "wae")], False, 380
    ),
}


@each("name", FULL)
@each("dark", [False, True])
def test_charts_have_the_colours_of_the_palette(name: str, dark: bool) -> None:
    drawn = base.themed(FULL[name](), dark)
    assert "var(--" not in drawn.to_json()
    assert "nats per example" in drawn.to_json()


def test_every_seed_of_every_configuration_has_a_line() -> None:
    panels = [panel(k) for k in range(5)]
    figure = sweep.small_multiples(panels, 12)
    assert len(figure.data) == 5 * 3
    for k, one in enumerate(panels):
        ref = str(k + 1) if k else ""
        own = {t.name: t for t in figure.data if t.yaxis == f"y{ref}"}
        assert set(own) == {"reconstruction", "KL", "−ELBO"}
        for quantity, name in sweep.TITLES.items():
            rows = np.asarray(own[name].y).reshape(2, 13)
            assert np.isnan(rows[:, 12]).all()
            wanted = np.stack([one.lines[quantity][s].value for s in range(2)])
            np.testing.assert_array_equal(rows[:, :12], wanted)
            assert set(own[name].customdata[:13]) == {0}
            assert f"var(--{quantity}/" in own[name].line.color


def test_small_charts_share_their_axes_and_do_not_overlap() -> None:
    figure = sweep.small_multiples([panel(k) for k in range(5)], 12)
    layout = figure.to_plotly_json()["layout"]
    ups = [layout[f"yaxis{k or ''}"] for k in ("", 2, 3, 4, 5)]
    overs = [layout[f"xaxis{k or ''}"] for k in ("", 2, 3, 4, 5)]
    assert len({tuple(y["range"]) for y in ups}) == len({tuple(x["range"]) for x in overs}) == 1
    assert overs[0]["range"] == [0, 12]
    low, high = ups[0]["range"]
    assert low < 0 < 50 < high < 75
    boxes = [(*x["domain"], *y["domain"]) for x, y in zip(overs, ups, strict=True)]
    for i, a in enumerate(boxes):
        assert all(-1e-9 <= edge <= 1 + 1e-9 for edge in a)
        for b in boxes[:i]:
            assert a[1] < b[0] or b[1] < a[0] or a[3] < b[2] or b[3] < a[2]
    assert [x["showticklabels"] for x in overs] == [False, False, True, True, True]
    heads = [a["text"] for a in layout["annotations"]]
    assert heads[:2] == ["<b>β 0</b>  1 of 2", "<b>β 1</b>  1 of 2"]


@each("rows", range(1, 12))
def test_small_charts_fill_the_height_above_a_minimum(rows: int) -> None:
    panels = [sweep.Panel("β", "", (k, k % 7), {}) for k in range(rows)]
    figure = sweep.small_multiples(panels, 5)
    assert min(a.domain[0] for a in figure.select_yaxes()) == pytest.approx(0, abs=1e-9)
    assert max(a.domain[1] for a in figure.select_xaxes()) == pytest.approx(1)
    low, high = figure.layout.yaxis.domain
    tall = (high - low) * (figure.layout.height - sweep.HEAD - sweep.FOOT)
    assert sweep.LOWEST - 1e-6 <= tall <= sweep.HIGHEST
    assert figure.layout.height <= 540 or tall == pytest.approx(sweep.LOWEST)


def test_the_first_reports_do_not_set_the_axis() -> None:
    steep = sweep.Panel("β", "", (0, 0), {"elbo": {0: line([9000.0, *[40.0] * 30])}})
    assert sweep.small_multiples([steep], 31).layout.yaxis.range[1] < 50


def test_many_lines_are_thinned_and_keep_their_peaks() -> None:
    """For two hundred runs of a thousand reports."""
    values = np.sin(np.arange(1000)) + np.where(np.arange(1000) == 537, 9, 0)
    many = {k: line(values) for k in range(20)}
    panels = [sweep.Panel("β", "", (k, 0), dict.fromkeys(sweep.TITLES, many)) for k in range(10)]
    figure = sweep.small_multiples(panels, 1000)
    sizes = [len(trace.y) for trace in figure.data]
    assert sum(sizes) < 1.2 * sweep.TOTAL
    assert min(sizes) >= 20 * sweep.LEAST
    assert all(np.nanmax(trace.y) == np.float32(values.max()) for trace in figure.data)


def parts(figure: go.Figure) -> tuple[list[Any], list[Any]]:
    return list(figure.data[::2]), list(figure.data[1::2])


def test_points_show_seeds_and_bars_the_interval_of_their_mean() -> None:
    """Student's t by scipy."""
    (points,), (means,) = parts(sweep.setting_summary(ONE, "elbo", "β", NO_TICKS, False, 380))
    np.testing.assert_allclose(points.x, np.repeat([0.5, 1, 2], 3))
    np.testing.assert_allclose(points.y, np.ravel(SEEDS), rtol=1e-6)
    np.testing.assert_allclose(means.x, [0.5, 1, 2])
    np.testing.assert_allclose(means.y, np.mean(SEEDS, 1), rtol=1e-6)
    for k, own in enumerate(SEEDS):
        low, high = stats.t.interval(0.95, 2, np.mean(own), stats.sem(own))
        assert means.error_y.array[k] == pytest.approx((high - low) / 2, rel=1e-9)
        hover = means.hovertext[k]
        assert f"mean of 3 seeds<br>{np.mean(own):.2f} nats ({low:.2f} to {high:.2f})" in hover
    assert means.mode == "lines+markers"
    assert points.hovertext[0] == "β 0.5, seed 0<br>31.00 nats"


def test_few_seeds_have_no_interval() -> None:
    few = [sweep.Series("", None, setting_points([[31.0], [28.0, 29.0], []]))]
    (points,), (means,) = parts(sweep.setting_summary(few, "kl", "β", NO_TICKS, False, 380))
    np.testing.assert_allclose(means.y, [31, 28.5])
    assert len(points.y) == 3
    assert means.error_y.array is None
    mixed = [sweep.Series("", None, setting_points([[31.0], SEEDS[1], SEEDS[2]]))]
    _, (means,) = parts(sweep.setting_summary(mixed, "kl", "β", NO_TICKS, False, 380))
    assert [math.isfinite(v) for v in means.error_y.array] == [False, True, True]


def test_series_are_side_by_side_with_names_that_do_not_overlap() -> None:
    figure = sweep.setting_summary(TWO, "elbo", "β", NO_TICKS, False, 380)
    points, means = parts(figure)
    apart = np.asarray(means[1].x) - np.asarray(means[0].x)
    assert (apart > 0).all()
    assert (apart < 0.03 * 1.5).all()
    np.testing.assert_allclose((np.asarray(means[0].x) + means[1].x) / 2, [0.5, 1, 2], rtol=1e-5)
    np.testing.assert_array_equal(np.repeat(means[0].x, 3), points[0].x)
    colours = [m.line.color for m in means]
    assert colours == ["var(--class0)", "var(--class1)"]
    low, high = figure.layout.yaxis.range
    scale = (380 - sweep.TOP - sweep.BOTTOM) / (high - low)
    labels = {a.text: a.y * scale + a.yshift for a in figure.layout.annotations}
    assert set(labels) == {"Z 0", "Z 1"}
    assert labels["Z 1"] - labels["Z 0"] >= sweep.LINE - 1e-6
    assert all(low < v < high for own in SEEDS for v in own)


def test_series_at_different_values_stand_at_these() -> None:
    """As the trials of a search do."""
    alone = [sweep.Series(f"Z {k}", k, (one.points[k],)) for k, one in enumerate([ONE[0], TWO[1]])]
    _, means = parts(sweep.setting_summary(alone, "elbo", "β", NO_TICKS, False, 380))
    assert [float(m.x[0]) for m in means] == [0.5, 1]


def test_a_log_axis_labels_the_values_and_separates_series_by_a_factor() -> None:
    places = tuple(np.geomspace(1e-4, 1e-2, 5))
    wide = [sweep.Series(f"Z {k}", k, setting_points([[30.0 + k]] * 5, places)) for k in range(2)]
    figure = sweep.setting_summary(wide, "elbo", "learning rate", NO_TICKS, True, 380)
    axis = figure.layout.xaxis
    assert axis.type == "log"
    np.testing.assert_allclose(axis.tickvals, places)
    assert list(axis.ticktext) == ["0.0001", "0.000316", "0.001", "0.00316", "0.01"]
    assert axis.range[0] < -4 < -2 < axis.range[1]
    _, means = parts(figure)
    factor = np.asarray(means[1].x) / np.asarray(means[0].x)
    np.testing.assert_allclose(factor, factor[0], rtol=1e-5)
    assert 1 < factor[0] < 1.2
    ends = [a.x for a in figure.layout.annotations]
    np.testing.assert_allclose(ends, [math.log10(m.x[-1]) for m in means], atol=1e-5)


def test_categorical_values_are_labelled_and_not_joined() -> None:
    names = ["elbo", "capacity", "reconstruction"]
    named = [sweep.Series("", None, setting_points(SEEDS, (0.0, 1.0, 2.0)))]
    ticks = [(float(k), name) for k, name in enumerate(names)]
    figure = sweep.setting_summary(named, "elbo", "objective", ticks, False, 380)
    assert list(figure.layout.xaxis.ticktext) == names
    assert figure.layout.xaxis.tickangle == 0
    assert figure.data[1].mode == "markers"
    many = [(float(k), "reconstruction") for k in range(3, 9)]
    crowded = sweep.setting_summary(named, "elbo", "objective", ticks + many, False, 380)
    assert crowded.layout.xaxis.tickangle == -30


def test_missing_data_have_a_sentence() -> None:
    nothing = sweep.setting_summary([], "elbo", "β", NO_TICKS, False, 380)
    assert nothing.layout.annotations[0].text == "No run has a −ELBO on validation data so far"
    unborn = sweep.setting_summary(
        [sweep.Series("", None, setting_points([[], [], []]))], "kl", "β", [], False, 380
    )
    assert "No run has a KL" in unborn.layout.annotations[0].text
    assert "No configuration yet" in sweep.small_multiples([], 1).layout.annotations[0].text
    waiting = sweep.small_multiples([sweep.Panel("β 1", "0 of 2", (0, 0), {"elbo": {}})], 7)
    assert waiting.layout.xaxis.range == (0, 7)
    assert waiting.layout.annotations[0].text == "<b>β 1</b>  0 of 2"
