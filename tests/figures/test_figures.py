"""Figures show their records: values, order, colours by meaning, and sentences about missing
data."""

import re
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from tests.tables import each
from vae.base.records import Curve, Curves, Domain, Hue, LatentMap, Tiles
from vae.base.smoothing import exponential_mean
from vae.data.missing import element_names
from vae.figures.base import decimate, themed
from vae.figures.class_labels import counted
from vae.figures.dataset import feature_lines
from vae.figures.history import training_curves
from vae.figures.imputation import Hidden, hidden_values
from vae.figures.latent_bars import kl_bars, scree
from vae.figures.latent_map import latent_scatter, map_caption, trace_rows
from vae.figures.palette import CLASS_SCALE, COLOURS, token
from vae.figures.paths import feature_curves, path_panels, path_plane
from vae.figures.series import WIDE, Layer, Panels, class_chart, pair_chart, series_chart
from vae.figures.smoothing import FAINT
from vae.figures.vectors import FEW, manifold_vectors, reconstruction_pairs, sample_vectors


def history(
    reports: int = 40, *, point: bool = False, quiet: bool = True, offset: float = 0.0
) -> Curves:
    """Return the curves of a run whose reconstruction falls from a high value, with two marks and
    a best epoch."""
    epoch = np.linspace(0.25, 10, reports).astype(np.float32)
    step = (epoch * 100).astype(np.int64)
    reconstruction = 80 + 400 * np.exp(-8 * epoch)
    kl = 25 * (1 - np.exp(-epoch))
    beta = np.ones(reports) if quiet else np.minimum(epoch / 5, 1)
    curves = {}
    for split, more in (("train", 0.0), ("val", offset)):
        series = {
            "reconstruction": reconstruction + more,
            "beta": beta,
            "lr": np.full(reports, 1e-3),
        }
        if not point:
            series |= {"kl": kl, "elbo": -(reconstruction + more + kl)}
        for name, values in series.items():
            curves[split, name] = Curve(step, epoch, values.astype(np.float32))
    return Curves(curves, ((4.0, "β → 4"), (9.9, "β → 1")), 7.0, np.array([2.0, 3.0], np.float32))


def latents(number: int = 100, classes: int = 3, **more: Any) -> LatentMap:
    """Return points with labels, whose rows in the data set differ from their positions."""
    random = np.random.default_rng(0)
    points = random.normal(size=(number, 2)).astype(np.float32)
    labels = np.arange(number) % max(classes, 1)
    hue = Hue("class", labels, tuple(f"c{k}" for k in range(classes)))
    record = LatentMap(points, ("z₁", "z₂"), 1000 + 7 * np.arange(number), hue, number, True)
    return record._replace(**more)


VECTORS = np.random.default_rng(1).normal(size=(6, 5)).astype(np.float32)
SERIES = np.random.default_rng(3).normal(size=(6, 2, 30)).astype(np.float32)
SERIES[:3, :, 20:] = np.nan
GRID = np.random.default_rng(2).normal(size=(3, 4, 2)).astype(np.float32)
FULL = {
    "curves": lambda: training_curves(history(quiet=False)),
    "curves-log": lambda: training_curves(history(), log=True, per="step", epochs=20),
    "curves-smooth": lambda: training_curves(history(quiet=False), smooth=2.0),
    "curves-point": lambda: training_curves(history(point=True)),
    "kl-2": lambda: kl_bars(VECTORS[0, :2] ** 2),
    "kl-128": lambda: kl_bars(np.linspace(0, 1, 128, dtype=np.float32)),
    "map": lambda: latent_scatter(latents()),
    "map-selected": lambda: latent_scatter(latents(), np.array([1000, 1021])),
    "map-30-classes": lambda: latent_scatter(latents(classes=30)),
    "map-quantity": lambda: latent_scatter(latents(hue=Hue("KL", np.arange(100.0)))),
    "map-plain": lambda: latent_scatter(latents(hue=None, rings=False)),
    "pairs-2": lambda: reconstruction_pairs(Tiles(VECTORS[:, :2]), Tiles(VECTORS[:, 2:4])),
    "pairs-5": lambda: reconstruction_pairs(Tiles(VECTORS), Tiles(VECTORS + 1)),
    "vectors-1": lambda: sample_vectors(VECTORS[:, :1]),
    "vectors-2": lambda: sample_vectors(VECTORS[:, :2], background=VECTORS[:, 2:4]),
    "vectors-5": lambda: sample_vectors(VECTORS, tuple("abcde"), background=VECTORS),
    "manifold-2": lambda: manifold_vectors(GRID, background=VECTORS[:, :2]),
    "manifold-5": lambda: manifold_vectors(VECTORS.reshape(2, 3, 5)),
    "scree": lambda: scree(np.array([0.6, 0.3, 0.1], np.float32)),
    "series": lambda: sample_vectors(SERIES, ("left", "right")),
    "series-1": lambda: sample_vectors(SERIES[:1]),
    "series-pairs": lambda: reconstruction_pairs(Tiles(SERIES, tuple("abcdef")), Tiles(-SERIES)),
    "series-manifold": lambda: manifold_vectors(SERIES[3:].reshape(1, 3, 2, 30)),
    "series-paths": lambda: path_panels(SERIES[None], ("z1",), tuple("abcdef"), "z"),
    "series-classes": lambda: class_chart(SERIES[:, :1], np.arange(6) % 2, ("p", "q")),
}
NOTHING = np.zeros((0, 2), np.float32)
EMPTY = {
    "curves": lambda: training_curves(Curves({}, (), None, None)),
    "kl": lambda: kl_bars(None),
    "map": lambda: latent_scatter(latents(0)),
    "pairs": lambda: reconstruction_pairs(Tiles(NOTHING), Tiles(NOTHING)),
    "vectors": lambda: sample_vectors(NOTHING),
    "series": lambda: sample_vectors(SERIES[:0]),
    "manifold": lambda: manifold_vectors(np.zeros((0, 0, 2), np.float32)),
    "scree": lambda: scree(np.zeros(0, np.float32)),
}


def strings(part: Any) -> list[str]:
    """Yield every string in a figure's JSON, without encoded arrays."""
    if isinstance(part, dict):
        values = [] if "bdata" in part else part.values()
        return [text for value in values for text in strings(value)]
    if isinstance(part, list | tuple):
        return [text for value in part for text in strings(value)]
    return [part] if isinstance(part, str) else []


def words(figure: go.Figure) -> str:
    return " | ".join(note.text for note in figure.layout.annotations)


def traces(figure: go.Figure) -> dict[str, Any]:
    """The traces that have points, by their uid."""
    return {trace.uid: trace for trace in figure.data if len(trace.x) > 1}


@each("name", FULL)
def test_colours_are_tokens_and_numbers_are_arrays(name: str) -> None:
    figure = FULL[name]()
    shown = figure.to_plotly_json()
    ours = {colour.replace("#", "") for pair in COLOURS.values() for colour in pair}
    assert not [text for text in strings(shown) if text.lstrip("#") in ours]
    for trace in shown["data"]:
        assert all(set(trace[axis]) >= {"dtype", "bdata"} for axis in "xy")
        assert trace["x"]["dtype"] != "f8"
        assert trace["y"]["dtype"] != "f8"
    assert not shown["layout"]["template"].get("layout")


@each("dark", [False, True])
@each("name", FULL)
def test_themed_replaces_every_token_in_a_copy(name: str, dark: bool) -> None:
    figure = FULL[name]()
    before = figure.to_json()
    shown = strings(themed(figure, dark).to_plotly_json())
    assert not [text for text in shown if text.startswith(("var(", "token:"))]
    assert COLOURS["text"][dark] in shown
    assert COLOURS["text"][not dark] not in shown
    assert figure.to_json() == before


def test_themed_class_scale_has_ten_flat_steps() -> None:
    figure = latent_scatter(latents(classes=30))
    assert figure.data[0].marker.colorscale[0][1] == CLASS_SCALE[0][1]
    scale = themed(figure, True).data[0].marker.colorscale
    assert [colour for _, colour in scale[::2]] == [COLOURS[f"class{k}"][1] for k in range(10)]
    assert [colour for _, colour in scale[1::2]] == [colour for _, colour in scale[::2]]


@pytest.mark.parametrize("name", EMPTY)
def test_empty_records_give_a_sentence(name: str) -> None:
    figure = EMPTY[name]()
    assert not figure.data
    assert len(words(figure).split()) >= 3
    themed(figure, True)


def test_decimate_keeps_extremes_ends_and_order() -> None:
    random = np.random.default_rng(3)
    for number in (5, 101, 5000):
        x = np.arange(number, dtype=np.float32)
        y = random.normal(size=number).astype(np.float32)
        y[number // 3], y[number // 2] = 90, -90
        short_x, short_y = decimate(x, y, 100)
        assert len(short_x) <= 100
        assert len(short_x) == number or len(short_x) > 70
        assert (np.diff(short_x) > 0).all()
        assert (short_y == y[short_x.astype(int)]).all()
        assert {short_x[0], short_x[-1]} == {0, number - 1}
        assert (short_y.max(), short_y.min()) == (90, -90)


def test_decimate_keeps_the_extremes_of_every_bucket() -> None:
    y = np.tile([0.0, 5.0, -5.0, 1.0], 250).astype(np.float32)
    x, short = decimate(np.arange(1000, dtype=np.float32), y, 102)
    for part in np.array_split(np.arange(1, 999), 50):
        inside = short[(x >= part[0]) & (x <= part[-1])]
        assert (inside.max(), inside.min()) == (5, -5)


def test_decimate_ignores_gaps() -> None:
    y = np.arange(1000, dtype=np.float32)
    y[::2] = np.nan
    y[400:600] = np.nan
    x, short = decimate(np.arange(1000, dtype=np.float32), y, 100)
    assert np.isnan(short[(x > 420) & (x < 580)]).all()
    assert not np.isnan(short[(x > 20) & (x < 380)]).any()
    with pytest.raises(ValueError, match="at least 4"):
        decimate(x, short, 3)


def test_curves_show_each_quantity_with_its_colour_and_sign() -> None:
    record = history(offset=2.0)
    lines = traces(training_curves(record))
    figure = training_curves(record)
    assert [key.legendgroup for key in figure.data if key.showlegend is None] == ["train", "val"]
    assert len(lines) == 6
    for (split, quantity), curve in record.curves.items():
        if quantity in ("beta", "lr"):
            continue
        line = lines[f"{quantity}-{split}"]
        assert line.legendgroup == split
        assert line.line.color == token(quantity)
        assert (line.line.dash == "solid") == (split == "train")
        np.testing.assert_array_equal(line.y, curve.value)
        np.testing.assert_array_equal(line.x, curve.epoch)
    total = lines["reconstruction-val"].y + lines["kl-val"].y
    np.testing.assert_allclose(-total, lines["elbo-val"].y, rtol=1e-6)
    assert len({line.name for line in lines.values()}) == 6  # a hidden line is found by its name
    assert len({line.yaxis for line in lines.values()}) == 3


def test_values_stay_behind_their_smoothed_curve_and_under_the_pointer() -> None:
    record = history(offset=2.0)
    plain, figure = traces(training_curves(record)), training_curves(record, smooth=2.0)
    lines = traces(figure)
    assert len(lines) == 2 * len(plain)
    for name, values in plain.items():
        split, quantity = name.split("-")[::-1]
        faint, mean = lines[name], lines[f"{name}-smoothed"]
        np.testing.assert_array_equal(faint.y, values.y)
        assert (faint.hovertemplate, faint.opacity) == (values.hovertemplate, FAINT)
        assert (mean.hoverinfo, mean.hovertemplate) == ("skip", None)
        assert mean.legendgroup == split  # the legend hides both
        curve = record.curves[split, quantity]
        np.testing.assert_array_equal(mean.y, exponential_mean(curve.epoch, curve.value, 2.0))
    assert "Mean of 2 epochs" in words(figure)
    ends = [note for note in words(training_curves(record)).split(" | ") if note[-1].isdigit()]
    assert set(ends) <= set(words(figure).split(" | ")), "the printed values are not means"


def test_settings_are_drawn_only_if_they_change() -> None:
    assert "beta-train" not in traces(training_curves(history()))
    moving = traces(training_curves(history(quiet=False)))
    assert "beta-train" in moving
    assert "lr-train" not in moving


def test_a_distant_first_value_is_printed_at_the_edge() -> None:
    figure = training_curves(history())
    low, high = figure.layout.yaxis.range
    values = history().curves["train", "reconstruction"].value
    assert values[0] > high
    assert low <= values[8:].min() <= values[8:].max() <= high
    assert f"starts at {values[0]:.4g}" in words(figure)
    assert figure.layout.yaxis2.range[0] == 0  # the KL is whole
    logarithmic = training_curves(history(), log=True).layout
    assert logarithmic.yaxis.type == "log"
    assert logarithmic.yaxis.range[1] > np.log10(values[0])
    assert logarithmic.yaxis3.type == "linear"  # the ELBO is negative


@pytest.mark.parametrize("latents", [1, 2, 10, 11, 20, 40, 41, 128, 400, 4096])
def test_names_of_dimensions_have_room(latents: int) -> None:
    for is_narrow, room in ((True, 9), (False, 40)):
        drawn = kl_bars(np.ones(latents), is_narrow=is_narrow).layout.xaxis
        assert 1 <= len(drawn.tickvals) <= room
        assert list(drawn.ticktext) == [f"z{k + 1}" for k in drawn.tickvals]


def test_ticks_of_a_flat_curve_have_few_digits() -> None:
    """44.34 and 44.36 alone would have ticks such as 44.345, which cover the title."""
    record = history()
    flat = {k: v._replace(value=44.35 + 1e-5 * v.value) for k, v in record.curves.items()}
    low, high = training_curves(record._replace(curves=flat)).layout.yaxis.range
    assert low < 44.35 < high
    assert high - low == pytest.approx(0.002 * 44.35, rel=0.1)


def test_best_epoch_and_live_changes_are_marked() -> None:
    for per, unit in (("epoch", 1.0), ("step", 100.0)):
        figure = training_curves(history(), per=per, epochs=12)
        assert [shape.x0 for shape in figure.layout.shapes] == pytest.approx(
            [4 * unit, 7 * unit, 9.9 * unit], rel=1e-5
        )
        assert all(label in words(figure) for label in ("β → 4", "β → 1", "best: epoch 7"))
        assert figure.layout.xaxis.range[1] == pytest.approx(12 * unit)
    with pytest.raises(ValueError, match="'epoch', 'step'"):
        training_curves(history(), per="hour")


def test_crowded_marks_do_not_overlap() -> None:
    record = history()._replace(marks=((5.0, "β → 4"), (5.05, "β → 3"), (5.1, "lr → 0.1")))
    labels = [note for note in training_curves(record).layout.annotations if "→" in note.text]
    assert len({note.yshift for note in labels}) == 3


@pytest.mark.parametrize("best", [1, 5, 10, 15, 29, 100])
def test_marks_leave_the_first_value_free(best: int) -> None:
    record = history()._replace(best_epoch=float(best), marks=((float(best), "β → 4"),))
    figure = training_curves(record, epochs=100)
    lines: dict[float, list[tuple[float, float]]] = {}
    for one in figure.layout.annotations:
        start = re.match(r"starts at|best: epoch|β →", one.text)
        if start is None or one.yref not in ("y", "paper"):
            continue  # of another panel
        place = 0.01 if start[0] == "starts at" else float(one.x) / 100
        length = len(one.text) * 6 / 600  # letters of 11 px on a chart 600 px wide
        line = 0.0 if one.yshift is None else round(-(one.yshift + 2) / 15)
        left = one.xanchor == "right"
        lines.setdefault(line, []).append((place - length * left, place + length * (not left)))
    assert sum(map(len, lines.values())) == 3
    for spans in lines.values():
        ends = sorted(spans)
        assert all(a[1] <= b[0] for a, b in pairwise(ends)), lines


def test_a_finished_run_without_reports_has_a_sentence() -> None:
    text = words(training_curves(Curves({}, (), None, None)))
    assert text == "No curves: the run has no report"


def test_point_posterior_has_no_kl() -> None:
    figure = training_curves(history(point=True))
    assert set(traces(figure)) == {"reconstruction-train", "reconstruction-val"}
    assert "KL and ELBO: not defined without a density q(z|x)" in words(figure)
    assert "not defined" not in words(training_curves(history()))


def test_long_series_are_thinned() -> None:
    lines = traces(training_curves(history(5000)))
    assert all(400 < len(line.x) <= 1000 for line in lines.values())


def test_end_labels_do_not_overlap() -> None:
    figure = training_curves(history(offset=0.01), quantities=("reconstruction",))
    ends = (" train", " validation")
    last = [note for note in figure.layout.annotations if note.text.endswith(ends)]
    assert [note.text for note in last] == ["80.00 train", "80.01 validation"]
    assert last[1].yshift - last[0].yshift > 10


@pytest.mark.parametrize("dimensions", [1, 2, 20, 128])
def test_kl_bars_keep_the_order_of_the_dimensions(dimensions: int) -> None:
    """A fixed order lets a reader follow each bar during training."""
    values = np.random.default_rng(4).gamma(0.5, size=dimensions).astype(np.float32)
    figure = kl_bars(values, threshold=0.3)
    bars = figure.data[0]
    np.testing.assert_array_equal(bars.y, values)
    np.testing.assert_array_equal(bars.customdata, np.arange(1, dimensions + 1))
    named = dict(zip(figure.layout.xaxis.tickvals, figure.layout.xaxis.ticktext, strict=True))
    assert named
    assert all(text == f"z{place + 1}" for place, text in named.items())
    assert bars.marker.color == token("kl")
    assert f"{(values > 0.3).sum()} of {dimensions} above 0.3 nats" in words(figure)


@pytest.mark.parametrize("classes", [0, 1, 3, 12, 13])
def test_map_draws_every_point_once(classes: int) -> None:
    record = latents(classes=classes)
    figure, index = latent_scatter(record), trace_rows(record)
    assert len(figure.data) == len(index) == (classes if 0 < classes <= 12 else 1)
    assert sorted(np.concatenate(index)) == record.index.tolist()
    for trace, rows in zip(figure.data, index, strict=True):
        np.testing.assert_array_equal(trace.customdata, rows)
        np.testing.assert_array_equal(trace.x, record.points[(rows - 1000) // 7, 0])
        np.testing.assert_array_equal(trace.y, record.points[(rows - 1000) // 7, 1])
        assert trace.hoverinfo == "none"


def test_map_colours_agree_with_the_labels() -> None:
    record = latents(classes=4)
    for k, trace in enumerate(latent_scatter(record).data):
        assert (trace.name, trace.marker.color) == (
            counted(f"c{k}", len(trace.x)),
            token(f"class{k}"),
        )
        assert (record.hue.values[(trace.customdata - 1000) // 7] == k).all()
    many = latents(classes=30)
    np.testing.assert_array_equal(latent_scatter(many).data[0].marker.color, many.hue.values % 10)


def test_map_shows_points_without_class() -> None:
    record = latents(hue=Hue("class", np.arange(100) % 4 - 1, ("a", "b", "c")))
    last = latent_scatter(record).data[-1]
    assert (last.name, len(last.x)) == (counted("no class", 25), 25)


def test_map_selection_fades_the_others() -> None:
    record = latents()
    figure = latent_scatter(record, record.index[[0, 1, 4]])
    assert [list(trace.selectedpoints) for trace in figure.data] == [[0], [0, 1], []]
    assert latent_scatter(record).data[0].selectedpoints is None


def test_rings_are_visible_circles() -> None:
    small = latents()._replace(points=np.full((100, 2), 0.01, np.float32))
    figure = latent_scatter(small)
    assert [shape.x1 for shape in figure.layout.shapes] == [1, 2]
    assert figure.layout.yaxis.scaleanchor == "x"
    assert figure.layout.xaxis.range[0] < -2 < 2 < figure.layout.xaxis.range[1]
    assert not latent_scatter(small._replace(rings=False)).layout.shapes


def test_map_contains_every_point_with_markers_sized_by_their_number() -> None:
    record = latents()
    record.points[5] = (40, -30)
    layout = latent_scatter(record).layout
    assert layout.xaxis.range[1] > 40
    assert layout.yaxis.range[0] < -30
    sizes = [latent_scatter(latents(n, 1)).data[0].marker.size for n in (64, 2000, 60000)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 2 * sizes[-1] > 4


def test_the_caption_counts_the_points() -> None:
    assert map_caption(latents()) == ""
    record = latents(total=60000, note="explains 61 %")
    assert map_caption(record) == "100 of 60,000 shown · explains 61 %"


def test_pairs_join_each_vector_with_its_reconstruction() -> None:
    before, after = VECTORS[:, :2], VECTORS[:, 2:4]
    hair = reconstruction_pairs(Tiles(before), Tiles(after)).data[0]
    joined = np.stack([hair.x, hair.y], 1).reshape(6, 3, 2)
    np.testing.assert_array_equal(joined[:, 0], before)
    np.testing.assert_array_equal(joined[:, 1], after)
    assert np.isnan(joined[:, 2]).all()


def test_parallel_coordinates_hold_every_value() -> None:
    first, second = reconstruction_pairs(Tiles(VECTORS), Tiles(VECTORS + 1)).data
    np.testing.assert_array_equal(np.reshape(first.y, (6, 6))[:, :5], VECTORS)
    np.testing.assert_array_equal(np.reshape(second.y, (6, 6))[:, :5], VECTORS + 1)
    np.testing.assert_array_equal(np.reshape(first.x, (6, 6))[2, :5], np.arange(1, 6))
    assert second.line.color == token("reconstruction") != first.line.color


def curves_of(figure: go.Figure) -> list[Any]:
    """The traces with the curves of a chart of series."""
    return [t for t in figure.data if t.customdata is not None]


def test_panels_hold_every_value_in_its_place() -> None:
    """The height of a point follows from its value by one scale; the hover text has the value."""
    domain = Domain((2, 30), location=(5.0, -1.0), scale=(2.0, 0.1))
    x = domain.restore(SERIES)
    figure = reconstruction_pairs(Tiles(x), Tiles(x), ("left", "right"), domain=domain)
    first = curves_of(figure)[:2]
    columns = round((6 * 1.6 / WIDE) ** 0.5)
    heights = []
    for k, trace in enumerate(first):
        step, value = np.asarray(trace.customdata).reshape(6, 31, 2)[:, :30].transpose(2, 0, 1)
        np.testing.assert_array_equal(step[3:], np.tile(np.arange(1, 31), (3, 1)))
        np.testing.assert_allclose(value, x[:, k], rtol=1e-6)
        floor = (
            np.asarray(trace.y).reshape(6, 31)[:, :30] + 1.0 + (np.arange(6) // columns)[:, None]
        )
        left = np.asarray(trace.x).reshape(6, 31)[:, :30] - (np.arange(6) % columns)[:, None]
        assert ((left > 0) & (left < 1)).all()
        heights.append(np.stack([floor, SERIES[:, k]]).reshape(2, -1))
    height, value = np.concatenate(heights, 1)
    known = ~np.isnan(value)
    slope, start = np.polyfit(value[known], height[known], 1)
    np.testing.assert_allclose(height[known], start + slope * value[known], atol=1e-5)
    assert 0 < height[known].min() < height[known].max() < 1


def test_nothing_is_drawn_after_the_end_of_a_series() -> None:
    figure = pair_chart(SERIES[:, :1], np.ones((6, 1, 30), np.float32))
    for trace in curves_of(figure):
        y = np.asarray(trace.y).reshape(6, 31)[:, :30]
        np.testing.assert_array_equal(np.isnan(y), np.isnan(SERIES[:, 0]))


def test_a_hole_in_a_series_is_bridged_by_its_reconstruction() -> None:
    x = SERIES[3:, :1].copy()
    x[0, 0, 10:13] = np.nan
    original, reconstruction = curves_of(pair_chart(x, SERIES[3:, :1]))
    assert np.isnan(np.asarray(original.y)).sum() == 3 + 3
    assert np.isnan(np.asarray(reconstruction.y)).sum() == 3


def test_a_single_series_has_axes_with_numbers() -> None:
    figure = series_chart([Layer("x", SERIES[5:], "text")], ("left", "right"))
    assert figure.layout.xaxis.title.text == "time step"
    assert len(curves_of(figure)) == 2
    np.testing.assert_array_equal(curves_of(figure)[1].y[:30], SERIES[5, 1])


def test_long_series_are_thinned_to_a_bound() -> None:
    x = np.zeros((64, 1, 5000), np.float32)
    figure = series_chart([Layer("x", x, "text")], panels=Panels(captions=["a"] * 64))
    assert sum(len(t.x) for t in curves_of(figure)) < 50_000
    assert len(figure.layout.annotations) == 64


def test_mesh_follows_rows_and_columns() -> None:
    along, across = manifold_vectors(GRID).data
    np.testing.assert_array_equal(np.reshape(along.x, (3, 5))[:, :4], GRID[..., 0])
    np.testing.assert_array_equal(np.reshape(across.y, (4, 4))[:, :3], GRID[..., 1].T)


def test_mesh_names_the_constant_axis() -> None:
    along, across = manifold_vectors(GRID, axes=("z6", "z2")).data
    assert (along.name, across.name) == ("z2 constant", "z6 constant")
    (line,) = manifold_vectors(GRID[:1], axes=("z1", "z1")).data
    assert line.name == "along z1"


def test_scree_adds_up() -> None:
    bars, line = scree(np.array([0.6, 0.3, 0.1], np.float32)).data
    np.testing.assert_allclose(bars.y, [60, 30, 10], rtol=1e-6)
    np.testing.assert_allclose(line.y, [60, 90, 100], rtol=1e-6)


def test_features_have_the_names_of_their_columns() -> None:
    """Ticks, hover texts and legends, with markup as text; without names they are counted."""
    names = ("ash", "a<b", "c & d", "hue", "x" * 40)
    for chart in (sample_vectors(VECTORS, names), feature_lines(VECTORS, columns=names)):
        ticks = chart.layout.xaxis.ticktext
        assert ticks[:4] == ("ash", "a&lt;b", "c &amp; d", "hue")
        assert len(ticks[4]) < 20
        assert "%{x}" in chart.data[-1].hovertemplate  # Plotly writes the tick's name
        assert "feature" not in chart.data[-1].hovertemplate
    assert "feature %{x}" in sample_vectors(VECTORS).data[0].hovertemplate
    curves = feature_curves([VECTORS], np.arange(6.0), "z1", columns=names).data
    assert [line.name for line in curves[:2]] == ["ash", "a&lt;b"]
    bare = feature_curves([VECTORS], np.arange(6.0), "z1").data
    assert [line.name for line in bare[:2]] == ["feature 1", "feature 2"]
    plane = path_plane(GRID, "abc", [0, 0, 0], columns=("width", "height")).layout
    assert (plane.xaxis.title.text, plane.yaxis.title.text) == ("width", "height")
    wide = np.zeros((2, FEW + 1), np.float32)
    many = sample_vectors(wide, tuple(f"g{k}" for k in range(FEW + 1))).data[0]
    assert many.text[: FEW + 2] == (*(f"g{k}" for k in range(FEW + 1)), "")
    assert len(many.text) == len(many.x)


def test_the_chart_of_hidden_values_needs_no_names_of_columns() -> None:
    shown = hidden_values(
        Hidden(VECTORS, VECTORS + 1, np.ones(VECTORS.shape, bool)),
        tuple(element_names((), VECTORS.shape[1:])),
    ).data[1]
    assert shown.text[:2] == ("feature 1", "feature 2")
    assert len(shown.x) == VECTORS.size
