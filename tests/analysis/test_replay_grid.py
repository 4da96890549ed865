"""Replays of several runs on one clock: planted rotations are undone, and the clock covers all."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from tests.analysis.test_replay import examples, frames_of, rotation, walk
from vae.analysis.replay import replay
from vae.analysis.replay_grid import Reel, evenly, position_at, thinned, timeline, turned
from vae.base.records import Hue
from vae.figures.palette import COLOURS
from vae.figures.replay import Scene, replay_scene
from vae.figures.replay_frame import in_ascii
from vae.figures.replay_grid import (
    KINDS,
    Grid,
    Tile,
    draw_grid,
    fitting,
    grid_size,
    on_common_axes,
)


def reel(latents: np.ndarray, **changes: object) -> Reel:
    seen = examples(latents.shape[1])._replace(**changes)
    return Reel(replay(frames_of(latents, seen), seen), seen)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_planted_rotation_or_reflection_is_undone(sign: int) -> None:
    latents = walk(latents=2)
    first, other = reel(latents), reel(latents @ rotation(2, sign).astype(np.float32))
    assert np.abs(other.record.aligned - first.record.aligned).max() > 0.5
    found = turned(other, first).record
    np.testing.assert_allclose(found.aligned, first.record.aligned, atol=1e-4)
    np.testing.assert_allclose(found.origin, first.record.origin, atol=1e-4)


def test_a_map_is_turned_as_a_whole_about_its_origin() -> None:
    first, other = reel(walk(latents=2)), reel(walk(latents=2))
    found = turned(other, first).record
    before = other.record
    np.testing.assert_allclose(pdist(found.aligned[0]), pdist(before.aligned[0]), rtol=1e-4)
    far = [np.linalg.norm(r.aligned - r.origin[0][:, None], axis=-1) for r in (before, found)]
    np.testing.assert_allclose(far[1], far[0], rtol=1e-4, atol=1e-5)


def test_a_map_without_common_examples_is_left_as_it_is() -> None:
    first, other = reel(walk(latents=2)), reel(walk(latents=2), index=np.arange(50) * 3 + 1)
    assert turned(other, first) is other
    line = reel(walk(latents=1))
    assert turned(line, line) is line


def test_a_thinned_replay_has_rows_of_the_whole_one() -> None:
    whole = reel(walk())
    few = thinned(whole, 7, 3)
    rows = np.searchsorted(whole.examples.index, few.examples.index)
    assert len(rows) == 7
    assert (rows[0], rows[-1]) == (0, 49)
    np.testing.assert_array_equal(few.record.aligned, whole.record.aligned[:, rows])
    np.testing.assert_array_equal(few.examples.label, whole.examples.label[rows])
    np.testing.assert_array_equal(few.record.samples, whole.record.samples[:, :3])
    assert len(few.examples.originals) == 3
    assert evenly(3, 9).tolist() == [0, 1, 2]


def test_the_clock_has_the_frames_of_the_longest_run_and_every_end() -> None:
    long, early, late = np.array([1.0, 2, 4]), np.array([0.0, 3]), np.array([2.5, 9])
    assert timeline([early, long, late]).tolist() == [0, 1, 2, 4, 9]
    assert [position_at(long, epoch) for epoch in (0, 1, 3, 9)] == [0, 0, 1.5, 2]


def scene(seed: int = 0) -> Scene:
    found = reel(walk(latents=2))
    return replay_scene(*found, Hue("class", found.examples.label, ("a", "b", "c")), True)


def test_a_picture_of_the_grid_shows_each_run_in_its_place() -> None:
    one = scene()
    tiles = tuple(
        Tile(f"β {k}", (0, k), one if k else None, ("−ELBO 5",) * 6, "Failed: why") for k in (0, 1)
    )
    for kind in KINDS:
        grid = Grid(kind, tiles)
        picture = draw_grid(grid, 2.5, 400, dark=False, title="β")
        assert picture.shape[1::-1] == grid_size(grid, 400)
        left, right = picture[80:, :190], picture[80:, 212:]
        assert np.ptp(left) == 0, kind  # a run without frames
        assert np.ptp(right) > 50, kind
    inks = [[int(COLOURS[f"class{k}"][0][i : i + 2], 16) for i in (1, 3, 5)] for k in range(3)]
    map_ = draw_grid(Grid("maps", tiles), 5, 400, dark=False, title="")[80:, 212:].astype(int)
    assert all((np.abs(map_ - ink).sum(2) < 20).sum() > 20 for ink in inks)
    assert in_ascii("β −1 · σ") == "beta -1 - sigma"


def test_common_axes_hold_every_map() -> None:
    pair = [scene(), scene()._replace(x=(-50.0, 1.0), y=(0.0, 60.0))]
    assert {(one.x, one.y) for one in on_common_axes(pair)} == {
        ((-50.0, pair[0].x[1]), (pair[0].y[0], 60.0))
    }


@pytest.mark.parametrize(
    ("layers", "size", "least", "count"),
    [(1, 162, 4, 4), (2, 162, 2, 2), (1, 100, 4, 9), (1, 20, 4, 1)],
)
def test_as_many_pictures_as_fit_are_enlarged(
    layers: int, size: int, least: int, count: int
) -> None:
    """28 × 28 px: at 162 px two rows of two fit at twice their size, which is 57 px."""
    assert fitting((9, 1, 28, 28), layers, size, least) == count
