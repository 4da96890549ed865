"""Replay: alignment recovers planted motions and keeps distances; places equal those of the
files."""

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.spatial.distance import pdist
from scipy.stats import ortho_group

from tests.tables import each
from vae.analysis.replay import Replay, align, distance, npz, procrustes, replay, usable
from vae.base.records import Curve, Curves, Examples, Frame, Hue
from vae.figures.palette import COLOURS
from vae.figures.replay import Scene, replay_curves, replay_scene, scale_ends
from vae.figures.replay_frame import View, draw, positions, size
from vae.runs.artifacts import frame as read_frame
from vae.runs.artifacts import write

RNG = np.random.default_rng(0)
CASES = list(itertools.product((1, 2, 3, 8), (1, -1)))  # Z, and whether it is a reflection


def rotation(size: int, sign: int, seed: int = 1) -> np.ndarray:
    """An orthogonal matrix with this determinant."""
    matrix = np.eye(1) if size == 1 else ortho_group.rvs(size, random_state=seed)
    matrix[:, 0] *= sign * np.sign(np.linalg.det(matrix))
    return matrix


def walk(frames: int = 6, count: int = 50, latents: int = 3) -> np.ndarray:
    """Latents (T, N, Z) that move, turn and drift."""
    points, walked = RNG.standard_normal((count, latents)), []
    for k in range(frames):
        points = points + 0.2 * RNG.standard_normal(points.shape)
        turned = points @ rotation(latents, (-1) ** k, seed=k) + RNG.standard_normal(latents)
        walked.append(turned)
    return np.stack(walked).astype(np.float32)


def examples(count: int = 50, shape: tuple[int, ...] = (1, 4, 4), tiles: int = 5) -> Examples:
    rng = np.random.default_rng(1)
    return Examples(
        index=np.arange(count) * 3,
        label=np.arange(count) % 3,
        factors={},
        classes=("a", "b", "c"),
        original_index=np.arange(tiles),
        originals=rng.random((tiles, *shape)).astype(np.float32),
        total=3 * count,
    )


def frames_of(latents: np.ndarray, seen: Examples, samples: int = 4) -> list[Frame]:
    rng = np.random.default_rng(2)
    shape = seen.originals.shape[1:]

    def pictures(number: int) -> np.ndarray:
        return rng.random((number, *shape)).astype(np.float32)

    return [
        Frame(10 * k, k / 2, mean, pictures(len(seen.originals)), pictures(samples))
        for k, mean in enumerate(latents)
    ]


def sequence(latents: int = 3, shape: tuple[int, ...] = (1, 4, 4), frames: int = 6) -> Replay:
    seen = examples(shape=shape)
    return replay(frames_of(walk(frames, latents=latents), seen), seen)


def scene_of(latents: int = 3, shape: tuple[int, ...] = (1, 4, 4), rings: bool = False) -> Scene:
    seen = examples(shape=shape)
    assert seen.label is not None
    return replay_scene(
        sequence(latents, shape), seen, Hue("class", seen.label, seen.classes), rings
    )


@each(("latents", "sign"), CASES)
def test_a_planted_motion_is_recovered(latents: int, sign: int) -> None:
    x = RNG.standard_normal((40, latents)) * np.arange(1, latents + 1)
    planted, shift = rotation(latents, sign), RNG.standard_normal(latents) * 5
    motion = procrustes(x, x @ planted + shift)
    np.testing.assert_allclose(motion.rotation, planted, atol=1e-6)
    np.testing.assert_allclose(motion.offset, shift, atol=1e-6)
    assert np.sign(np.linalg.det(motion.rotation)) == sign


@pytest.mark.parametrize("latents", [1, 2, 3, 8])
def test_procrustes_equals_scipys_and_never_increases_the_distance(latents: int) -> None:
    for _ in range(20):
        x, y = RNG.standard_normal((2, 30, latents)) + RNG.standard_normal((2, 1, latents))
        motion = procrustes(x, y)
        expected, _ = orthogonal_procrustes(x - x.mean(0), y - y.mean(0))
        np.testing.assert_allclose(motion.rotation, expected, atol=1e-9)
        np.testing.assert_allclose(motion.rotation @ motion.rotation.T, np.eye(latents), atol=1e-9)
        best = distance(motion(x), y)
        assert best <= distance(x, y)
        for seed in range(3):  # nor than any other rotation about the means
            other = (x - x.mean(0)) @ rotation(latents, 1, seed) + y.mean(0)
            assert best <= distance(other, y) + 1e-12


def test_identical_frames_stay_in_place() -> None:
    x = RNG.standard_normal((30, 4))
    motion = procrustes(x, x)
    np.testing.assert_allclose(motion.rotation, np.eye(4), atol=1e-9)
    np.testing.assert_allclose(motion.offset, 0, atol=1e-9)
    flat = x * [1, 1, 0, 0]  # collapsed dimensions leave R free there, and points where they are
    np.testing.assert_allclose(procrustes(flat, flat)(flat), flat, atol=1e-9)


def test_a_distance_is_averaged_over_points() -> None:
    assert distance(np.zeros((2, 2)), np.array([[3, 4], [0, 0]])) == pytest.approx(12.5**0.5)


def test_frames_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        procrustes(np.zeros((3, 2)), np.zeros((4, 2)))


def test_a_sequence_keeps_all_distances_and_its_last_frame() -> None:
    latents = walk()
    motions = align(latents)
    moved = [motion(x) for motion, x in zip(motions, latents, strict=True)]
    for before, after in zip(latents, moved, strict=True):
        np.testing.assert_allclose(pdist(after), pdist(before.astype(float)), rtol=1e-9)
    np.testing.assert_array_equal(moved[-1], latents[-1])
    for (a, b), (c, d) in zip(itertools.pairwise(moved), itertools.pairwise(latents), strict=True):
        assert distance(a, b) <= distance(c, d) + 1e-9


def test_rotations_of_the_frames_change_only_the_common_view() -> None:
    latents = walk()
    turned = np.stack(
        [x @ rotation(3, (-1) ** k, seed=20 + k) + k for k, x in enumerate(latents[:-1])]
        + [latents[-1]]
    )
    first, second = (
        [motion(x) for motion, x in zip(align(each), each, strict=True)]
        for each in (latents, turned)
    )
    np.testing.assert_allclose(first, second, atol=1e-5)


def test_a_new_frame_moves_all_earlier_frames_rigidly() -> None:
    latents = walk(7)
    before = np.concatenate([m(x) for m, x in zip(align(latents[:6]), latents[:6], strict=True)])
    after = np.concatenate([m(x) for m, x in zip(align(latents)[:6], latents[:6], strict=True)])
    np.testing.assert_allclose(pdist(after), pdist(before), rtol=1e-6)


def test_the_plane_has_the_components_of_the_last_frame() -> None:
    from sklearn.decomposition import PCA

    record = sequence(latents=5)
    last = record.latents[-1]
    places = PCA(2).fit_transform(last.astype(float))
    signs = np.sign((places * record.aligned[-1]).sum(0))
    np.testing.assert_allclose(record.aligned[-1], places * signs, atol=1e-5)
    np.testing.assert_array_equal(record.raw[-1], record.aligned[-1])
    axes = record.plane.forward
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-6)
    assert (np.take_along_axis(axes, np.abs(axes).argmax(1)[:, None], 1) > 0).all()
    share = PCA(2).fit(last).explained_variance_ratio_ * 100
    wanted = tuple(f"PC {k + 1} ({share[k]:.1f} % of variance)" for k in range(2))
    assert record.plane.titles == wanted


def test_two_latents_are_the_axes() -> None:
    record = sequence(latents=2)
    np.testing.assert_array_equal(record.raw, record.latents)
    np.testing.assert_array_equal(record.aligned[-1], record.latents[-1])
    moved = [m(x) for m, x in zip(record.motions, record.latents, strict=True)]
    np.testing.assert_allclose(record.aligned, moved, atol=1e-5)
    np.testing.assert_array_equal(record.origin[1], 0)
    np.testing.assert_allclose(record.origin[0], [m.offset for m in record.motions], atol=1e-12)
    residual = [distance(a, b) for a, b in itertools.pairwise(moved)]
    np.testing.assert_allclose(record.residual[0, :-1], residual, rtol=1e-5)
    assert record.residual[0, -1] == record.residual[1, -1] == 0


def test_one_latent_has_a_lane_for_each_class() -> None:
    record, seen = sequence(latents=1), examples()
    assert seen.label is not None
    np.testing.assert_array_equal(record.raw[..., 0], record.latents[..., 0])
    assert (record.aligned[..., 1] == record.aligned[0, :, 1]).all()
    np.testing.assert_array_equal(np.rint(record.aligned[0, :, 1]), -seen.label)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_points_and_few_frames_can_be_replayed(count: int) -> None:
    seen = examples(count)
    record = replay(frames_of(walk(1, count, 4), seen), seen)
    assert record.aligned.shape == (1, count, 2)
    assert np.isfinite(record.aligned).all()


def test_the_sequence_equals_the_files(tmp_path: Path) -> None:
    seen = examples()
    for made in frames_of(walk(), seen):
        write(tmp_path, made)
    read = [read_frame(tmp_path, 10 * k) for k in range(6)]
    record = replay(usable(read, seen), seen)
    for k, frame in enumerate(read):
        assert frame is not None
        assert (record.step[k], record.epoch[k]) == (frame.step, frame.epoch)
        np.testing.assert_array_equal(record.latents[k], frame.mean)
        np.testing.assert_array_equal(record.reconstructions[k], frame.reconstructions)
        np.testing.assert_array_equal(record.samples[k], frame.samples)


def test_invalid_frames_are_left_out() -> None:
    seen = examples()
    good = frames_of(walk(), seen)
    bad = [
        None,
        good[0]._replace(mean=np.full_like(good[0].mean, np.nan)),
        good[0]._replace(mean=good[0].mean[:-1]),
        good[0]._replace(reconstructions=good[0].reconstructions[:-1]),
        good[0]._replace(mean=good[0].mean[:, :2]),
        good[0]._replace(samples=good[0].samples[:-1]),
    ]
    assert usable([*bad, *good], seen) == good
    assert usable(bad[:4], seen) == []


def test_the_npz_contains_the_sequence() -> None:
    record, seen = sequence(), examples()
    kept = np.load(io.BytesIO(npz(record, seen)))
    np.testing.assert_array_equal(kept["latents"], record.latents)
    np.testing.assert_allclose(
        kept["aligned"],
        np.einsum("tnz,tzy->tny", kept["latents"], kept["rotation"]) + kept["offset"][:, None],
        atol=1e-5,
    )
    np.testing.assert_array_equal(kept["aligned"][-1], record.latents[-1])
    np.testing.assert_array_equal(kept["plane"], record.aligned)
    np.testing.assert_array_equal(kept["label"], seen.label)
    np.testing.assert_array_equal(kept["index"], seen.index)
    np.testing.assert_array_equal(kept["step"], record.step)
    np.testing.assert_array_equal(kept["residual"], record.residual[0])


def test_axes_contain_every_point_of_every_frame() -> None:
    drawn = scene_of()
    for places in (drawn.record.aligned, drawn.record.raw):
        for k, (low, high) in enumerate((drawn.x, drawn.y)):
            assert low < places[..., k].min() <= places[..., k].max() < high


def test_colours_are_classes_or_a_scale() -> None:
    seen, record = examples(), sequence()
    label = np.where(np.arange(50) == 7, -1, np.arange(50) % 3)
    drawn = replay_scene(record, seen, Hue("class", label, seen.classes), False)
    names = [f"class{k}" for k in range(10)] + ["muted"]
    assert [drawn.palette[0][c] for c in drawn.colour] == [
        COLOURS[names[10 if k < 0 else k]][0] for k in label
    ]
    values = np.linspace(0, 1, 50).astype(np.float32)
    scale = replay_scene(record, seen, Hue("phase", values), False)
    assert (np.diff(scale.colour.astype(int)) >= 0).all()
    assert (scale.colour[0], scale.colour[-1]) == (0, 255)
    assert scale.palette[0][0] == "#3b528b"
    assert scale.palette[0][-1] == "#c8e020"
    np.testing.assert_allclose(scale_ends(Hue("phase", values)), (0.01, 0.99), atol=1e-6)
    assert (replay_scene(record, seen, None, False).colour == 0).all()


def test_curves_end_with_the_last_frame() -> None:
    step = np.arange(10)
    curve = Curve(step, (step / 2).astype(np.float32), (100.0 - step).astype(np.float32))
    gone = curve._replace(value=np.full(10, np.nan, np.float32))
    curves = {("train", "reconstruction"): curve, ("val", "reconstruction"): curve}
    found = replay_curves(Curves(curves | {("train", "kl"): gone}, (), None, None), 6)
    assert [panel.title for panel in found] == ["Reconstruction"]
    (panel,) = found
    assert set(panel.lines) == {"train", "val"}
    np.testing.assert_array_equal(panel.lines["val"][1], 100.0 - step[:7])
    assert panel.range[0] < 94
    assert panel.range[1] > 100


def test_an_animation_has_every_frame_and_places_between() -> None:
    np.testing.assert_allclose(positions(3, 1, 100), [0, 0.5, 1, 1.5, 2])
    np.testing.assert_allclose(positions(5, 0, 3), [0, 2, 4])
    np.testing.assert_allclose(positions(1, 3, 100), [0])
    for frames, between, most in itertools.product((2, 7, 32), (0, 3), (2, 9, 1000)):
        stops = positions(frames, between, max(most, between + 2))
        assert stops[0] == 0
        assert stops[-1] == frames - 1
        assert len(stops) <= max(most, between + 2)


@pytest.mark.parametrize("dark", [False, True])
def test_a_drawn_point_lies_at_its_place_in_the_scene(dark: bool) -> None:
    """A single point at known places is drawn halfway at the middle between two frames."""
    seen = examples(2)._replace(label=np.array([0, 1]))
    latents = np.array([[[-1, -1], [1, 1]], [[-1, -1], [1, 1]], [[-1, 1], [1, -1]]], np.float32)
    record = replay(frames_of(latents, seen), seen)._replace(aligned=latents, raw=latents)
    drawn = replay_scene(record, seen, Hue("class", np.array([0, 1]), seen.classes), False)
    ink = np.array([int(COLOURS["class0"][dark][k : k + 2], 16) for k in (1, 3, 5)])

    def place(position: float) -> np.ndarray:
        picture = draw(View(drawn, position, dark), 640, "a run")
        return np.argwhere((picture[:, :380] == ink).all(2)).mean(0)

    first, middle, last = (place(p) for p in (1.0, 1.5, 2.0))
    np.testing.assert_allclose(middle, (first + last) / 2, atol=0.6)
    assert first[0] > last[0] + 100  # it rises
    assert abs(first[1] - last[1]) < 0.6


@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 4, 4), (2,), (5,), (1,)])
@pytest.mark.parametrize("latents", [1, 2, 4])
def test_every_kind_of_data_is_drawn(shape: tuple[int, ...], latents: int) -> None:
    width, height = size(500)
    picture = draw(View(scene_of(latents, shape, rings=True), 2.5, raw=latents == 2), 500, "a run")
    assert picture.shape == (height, width, 3)
    assert picture.dtype == np.uint8
    right = picture[: height - 80, round(0.62 * width) :]
    assert (right != 255).any(axis=2).mean() > 0.02


def test_pictures_belong_to_the_nearer_frame() -> None:
    drawn = scene_of()
    right = slice(round(0.62 * 640), None)
    early, late, next_ = (draw(View(drawn, p), 640, "")[:, right] for p in (2.4, 2.6, 3.0))
    np.testing.assert_array_equal(late, next_)
    assert (early != late).any()
