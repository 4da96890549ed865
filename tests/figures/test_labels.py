"""Labels on charts do not overlap, measured as boxes in px."""

import math
from itertools import combinations

import numpy as np
import plotly.graph_objects as go
import pytest

from vae.base.records import Hue, LatentMap
from vae.base.statistics import Interval
from vae.figures.class_labels import HALO, SMALLEST, class_labels, middle
from vae.figures.labels import Box, place_labels
from vae.figures.latent_map import latent_scatter
from vae.figures.rate_distortion import RunPoint, rate_distortion

HEIGHT = 350
WIDE, HIGH = 560.0, HEIGHT - 58.0  # px of the plane
CLOTHES = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker")


def run_point(name: str, rate: float, distortion: float, slot: int | None) -> RunPoint:
    ends = [math.nan] * 2
    places = Interval(rate, *ends, 1), Interval(distortion, *ends, 1)
    return RunPoint(name, 1.0, *places, -rate - distortion, slot)


def boxes_of(figure: go.Figure) -> list[Box]:
    """Return the labels of the points of a plane."""
    (x0, x1), (y0, y1) = figure.layout.xaxis.range, figure.layout.yaxis.range
    found = []
    for trace in figure.data[1:]:
        for x, y, text, side in zip(trace.x, trace.y, trace.text, trace.textposition, strict=True):
            if text:
                across, up = (x - x0) / (x1 - x0) * WIDE, (y - y0) / (y1 - y0) * HIGH
                width = 6 * len(text)
                right = {"right": 1, "left": -1}[side.split()[1]]
                above = {"top": 1, "bottom": -1, "middle": 0}[side.split()[0]]
                x_, y_ = across + right * (width / 2 + 5), up + above * 12
                found.append(Box.around(x_, y_, width, 14))
    return found


@pytest.mark.parametrize("seed", range(5))
def test_labels_of_the_plane_do_not_overlap(seed: int) -> None:
    """Runs with a KL near 0 lie above each other at the left edge, with similar distortions."""
    random = np.random.default_rng(seed)
    flat = [run_point(f"ta{k}", 0.001 * k, 26.9 + 0.02 * k, k) for k in range(3)]
    free = [
        run_point(f"a-wae-{k}", float(r), float(d), 3 + k if k < 3 else None)
        for k, (r, d) in enumerate(
            zip(random.gamma(1, 2, 9), random.normal(23, 2, 9), strict=True)
        )
    ]
    boxes = boxes_of(rate_distortion([*flat, *free], HEIGHT))
    assert len(boxes) >= 6
    assert not [pair for pair in combinations(boxes, 2) if pair[0].covers(pair[1])]
    assert all(box.left >= 0 and box.right <= WIDE for box in boxes)


def test_selected_runs_are_labelled_first() -> None:
    near = [run_point(f"run-{k}", 0.0, 27.0, None) for k in range(8)]
    figure = rate_distortion([*near, run_point("mine", 0.0, 27.0, 1)], HEIGHT)
    (mine,) = [trace for trace in figure.data if trace.name == "mine"]
    assert list(mine.text) == ["mine"]


def clusters(spread: float, names: tuple[str, ...] = CLOTHES, count: int = 60) -> LatentMap:
    random = np.random.default_rng(0)
    label = np.repeat(np.arange(len(names)), count)
    centre = spread * np.stack([np.cos(label), np.sin(label)], 1)
    points = (centre + random.normal(0, 0.2, centre.shape)).astype(np.float32)
    hue = Hue("class", label, names)
    return LatentMap(points, ("z1", "z2"), np.arange(len(label)), hue, len(label), True)


def class_name_boxes(figure: go.Figure) -> dict[str, Box]:
    """Return the class names of a map as boxes, on the smallest map."""
    ranges = figure.layout.xaxis.range, figure.layout.yaxis.range
    unit = SMALLEST / max(high - low for low, high in ranges)
    return {
        one.name: Box.around(
            (one.x - ranges[0][0]) * unit + one.xshift,
            (one.y - ranges[1][0]) * unit + one.yshift,
            8.5 * len(one.text),
            19,
        )
        for one in figure.layout.annotations
        if one.name
    }


@pytest.mark.parametrize("spread", [0.0, 0.5, 2.0])
def test_class_names_on_the_map_do_not_overlap(spread: float) -> None:
    boxes = class_name_boxes(latent_scatter(clusters(spread)))
    assert len(boxes) >= (3 if spread == 0 else len(CLOTHES) - 2)
    assert not [pair for pair in combinations(boxes.values(), 2) if pair[0].covers(pair[1])]


def test_a_class_name_lies_in_its_class() -> None:
    record = clusters(3.0)
    assert record.hue is not None
    for one in latent_scatter(record).layout.annotations:
        if one.name:
            own = record.points[record.hue.values == CLOTHES.index(one.text)]
            assert np.linalg.norm(np.array([one.x, one.y]) - np.median(own, 0)) < 0.3
            assert one.font.shadow == HALO


def test_a_class_in_two_parts_has_its_name_in_the_larger_one() -> None:
    parts = np.concatenate([np.full((70, 2), 2.0), np.full((30, 2), -2.0)])
    noise = np.random.default_rng(0).normal(0, 0.1, parts.shape)
    assert middle((parts + noise).astype(np.float32)) == pytest.approx([2, 2], abs=0.2)


def test_a_map_without_classes_has_no_names() -> None:
    points = np.zeros((3, 2), np.float32)
    many = Hue("class", np.zeros(3, np.int64), tuple(f"c{k}" for k in range(40)))
    for hue in (None, Hue("KL", np.zeros(3, np.float32)), many):
        assert class_labels(points, hue, (-1, 1), (-1, 1), True) == []


def test_a_label_without_room_is_left_out() -> None:
    anchors = np.zeros((3, 2))
    assert place_labels(anchors, [20, 20, 20], [(0, 0), (0, 2)]) == [0, 1, None]
    far = place_labels(anchors, [20, 20, 20], [(0, 0)], bounds=Box(5, 5, 9, 9))
    assert far == [None, None, None]


@pytest.mark.parametrize("wide", [0.01, 1.0, 50.0])
def test_circles_of_the_prior_are_round(wide: float) -> None:
    record = clusters(1.0)
    points = record.points * np.array([wide, 1], np.float32)
    layout = latent_scatter(record._replace(points=points)).layout
    assert [shape.type for shape in layout.shapes] == ["circle", "circle"]
    assert layout.yaxis.scaleanchor == "x"
