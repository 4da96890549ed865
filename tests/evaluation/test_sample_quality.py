"""Sample quality: naive definitions, closed forms, and the coverage of intervals."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import sqrtm

from vae.base.records import Estimate
from vae.evaluation import sample_quality as room
from vae.evaluation.measures import TABLES
from vae.evaluation.sample_quality import (
    HALVINGS,
    NEIGHBOURS,
    Pair,
    Side,
    Space,
    squared_frechet,
)

Matrix = Any
ROWS = TABLES["fidelity"].functions
SHARES = [name for name, row in ROWS.items() if row.share]
T95 = stats.t.ppf(0.975, HALVINGS)


def normal(n: int, d: int, seed: int, shift: float = 0.0, scale: float = 1.0) -> Matrix:
    x = scale * np.random.default_rng(seed).standard_normal((n, d))
    x[:, 0] += shift
    return x


def near(real: Matrix, sampled: Matrix) -> dict[str, float]:
    pair = Pair(Side(real), Side(sampled))
    return {name: row.compute(pair) for name, row in ROWS.items() if name != "squared_frechet"}


def fidelity(real: Matrix, sampled: Matrix, seed: int, *more: Any) -> dict[str, Estimate]:
    return room.fidelity(real, sampled, ROWS, seed, *more)


def turned(d: int) -> Matrix:
    return np.linalg.qr(normal(d, d, 77))[0]


def naive(real: Matrix, sampled: Matrix) -> dict[str, float]:
    """Return the statistics by their definitions, one pair at a time."""

    def radius(side: Matrix, i: int) -> float:
        rest = [math.dist(side[i], other) for j, other in enumerate(side) if j != i]
        return sorted(rest)[NEIGHBOURS - 1]

    balls = [radius(real, i) for i in range(len(real))]
    own = [radius(sampled, j) for j in range(len(sampled))]
    inside = [[math.dist(a, s) <= r for s in sampled] for a, r in zip(real, balls, strict=True)]
    held = [any(math.dist(a, s) <= r for s, r in zip(sampled, own, strict=True)) for a in real]
    columns = list(zip(*inside, strict=True))
    return {
        "precision": sum(map(any, columns)) / len(sampled),
        "recall": sum(held) / len(real),
        "density": sum(map(sum, inside)) / (NEIGHBOURS * len(sampled)),
        "coverage": sum(map(any, inside)) / len(real),
    }


def exact_frechet(m1: Matrix, s1: Matrix, m2: Matrix, s2: Matrix) -> float:
    """|m₁ − m₂|² + tr(S₁ + S₂ − 2 (S₁S₂)^½), with the root by Schur's method."""
    return float(((m1 - m2) ** 2).sum() + np.trace(s1 + s2 - 2 * sqrtm(s1 @ s2).real))


# ── one comparison


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (0.8, 0.7), (0.0, 1.6), (4.0, 0.1)])
def test_statistics_equal_their_definitions(shift: float, scale: float) -> None:
    a, b = normal(60, 3, 0), normal(60, 3, 1, shift, scale)
    assert near(a, b) == pytest.approx(naive(a, b), abs=1e-12)
    assert near(b, a)["precision"] == near(a, b)["recall"]


def test_equal_examples_lie_in_each_others_balls() -> None:
    """With repeated bytes a ball of radius 0 still contains its centre."""
    few = normal(12, 24, 0)[np.random.default_rng(0).integers(12, size=250)]
    found = near(few[:200], few[200:])
    assert found == pytest.approx(naive(few[:200], few[200:]), abs=1e-12)
    assert found["precision"] == found["recall"] == found["coverage"] == 1


def test_distant_sets_share_nothing() -> None:
    a, b = normal(200, 5, 0), normal(200, 5, 1, shift=100)
    assert set(near(a, b).values()) == {0.0}
    found = fidelity(a, b, 0)
    for name in ("precision", "recall", "density", "coverage"):
        assert found[name].value == 0
        assert found[name].low == pytest.approx(0, abs=1e-12)
        assert 0 < found[name].high < 0.05, name
    assert found["squared_frechet"].value == pytest.approx(100**2, rel=0.01)


def test_the_trace_term_equals_that_of_the_matrix_root() -> None:
    a = normal(300, 6, 0) @ normal(6, 6, 2)
    b = normal(200, 6, 1, 0.5) @ normal(6, 6, 3)
    expected = exact_frechet(a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T))
    assert squared_frechet(a, b) == pytest.approx(expected, rel=1e-8)
    assert squared_frechet(b, a) == pytest.approx(expected, rel=1e-8)
    flat = a * (np.arange(6) < 1)  # a side without spread in all directions but one
    there = ((a.mean(0) * (np.arange(6) < 1) - b.mean(0)) ** 2).sum()
    there += (a[:, 0].std(ddof=1) - b[:, 0].std(ddof=1)) ** 2 + np.trace(np.cov(b.T)[1:, 1:])
    assert squared_frechet(flat, b) == pytest.approx(there, rel=1e-8)
    assert squared_frechet(a, a) == pytest.approx(0, abs=1e-6)
    assert squared_frechet(a, a + 2) == pytest.approx(6 * 2**2, rel=1e-8)


def test_in_one_dimension_the_distance_has_a_closed_form() -> None:
    a, b = normal(400, 1, 0), normal(400, 1, 1, 3.0, 2.0)
    expected = (a.mean() - b.mean()) ** 2 + (a.std(ddof=1) - b.std(ddof=1)) ** 2
    assert squared_frechet(a, b) == pytest.approx(expected, rel=1e-10)


# ── all of it


def test_identical_sets_have_perfect_statistics() -> None:
    a = normal(300, 5, 0)
    found = fidelity(a, a.copy(), 0)
    assert found["squared_frechet"].value < 0.02
    for name in SHARES:
        assert found[name].value > 0.95
        assert found[name].value == pytest.approx(found[name].reference, abs=0.05)
    twins = 1 / (2 * NEIGHBOURS)  # half of the examples meet themselves
    assert found["density"].value == pytest.approx(1 + twins, abs=0.05)


def test_a_missing_mode_lowers_recall_and_not_precision() -> None:
    a, b = normal(400, 5, 0), normal(400, 5, 1, scale=0.4)
    found = fidelity(a, b, 0)
    assert found["precision"].value > 0.99
    assert found["recall"].value < 0.3
    assert found["density"].value > 1.5
    spread = fidelity(b, a, 0)
    assert spread["precision"].value == pytest.approx(found["recall"].value, abs=0.05)
    assert spread["recall"].value > 0.99


def test_rotation_translation_and_unit_change_only_the_distance() -> None:
    a, b = normal(200, 6, 0), normal(200, 6, 1, 0.7, 0.8)
    plain = fidelity(a, b, 3)
    moved = fidelity(a @ turned(6) + 1e3, b @ turned(6) + 1e3, 3)
    scaled = fidelity(10 * a, 10 * b, 3)
    for name, row in plain.items():
        values, unit = row.as_json(), 100 if name == "squared_frechet" else 1
        assert moved[name].as_json() == pytest.approx(values, abs=1e-6), name
        wanted = {key: unit * value for key, value in values.items()}
        assert scaled[name].as_json() == pytest.approx(wanted, rel=1e-6), name


def test_the_reference_is_independent_of_the_samples() -> None:
    """The distance of two halves of one set is corrected for its bias as well."""
    a, b = normal(300, 10, 0), normal(300, 10, 1, 3.0, 0.5)
    near_by, far = fidelity(a, normal(300, 10, 2), 0), fidelity(a, b, 0)
    for name, row in near_by.items():
        assert far[name].reference == row.reference, name
    biased = squared_frechet(a[:150], a[150:])
    assert biased > 0.4
    assert far["squared_frechet"].reference < 0.2 * biased


def test_the_same_seed_gives_the_same_values() -> None:
    a, b = normal(150, 4, 0), normal(150, 4, 1)
    assert fidelity(a, b, 0) == fidelity(a, b, 0) != fidelity(a, b, 1)


def test_progress_is_reported_and_can_cancel() -> None:
    told: list[float] = []
    a = normal(120, 3, 0)
    fidelity(a, a, 0, told.append)
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(told) >= HALVINGS


def test_invalid_inputs_raise_a_sentence() -> None:
    few, a = normal(99, 3, 0), normal(200, 3, 0)
    with pytest.raises(ValueError, match="at least 100 examples: here are 99"):
        fidelity(few, few, 0)
    with pytest.raises(ValueError, match="not finite: the model diverged"):
        fidelity(a, a * np.where(np.arange(200) == 7, np.nan, 1)[:, None], 0)
    pixels = np.ones((200, 1, 4, 4), np.float32)
    with pytest.raises(ValueError, match="all the same"):
        Space.of(pixels, 200)
    with pytest.raises(ValueError, match="here are 200 and 50"):
        Space.of(pixels[:50], 200)


# ── how sure the figures are


def known_pair(d: int) -> tuple[Matrix, Matrix, Matrix, float]:
    """Return roots of two covariances, a mean, and the exact squared distance, with spectra of
    pictures."""
    sd, turn = 1 / np.arange(1, d + 1), turned(d)
    first = turn * sd
    second = np.linalg.qr(turn + 0.1 * normal(d, d, 5))[0] * (0.8 * sd)
    mean = 0.05 * normal(1, d, 6)[0]
    truth = exact_frechet(np.zeros(d), first @ first.T, mean, second @ second.T)
    return first, second, mean, truth


@pytest.mark.parametrize(("n", "d"), [(180, 18), pytest.param(300, 30, marks=pytest.mark.long)])
def test_intervals_cover_the_exact_distance(n: int, d: int) -> None:
    """About 95 of 100, although the uncorrected distance is far too large."""
    rows = {"squared_frechet": ROWS["squared_frechet"]}
    first, second, mean, truth = known_pair(d)
    covered, raw, values = 0, [], []
    for seed in range(100):
        a, b = normal(n, d, 2 * seed) @ first.T, normal(n, d, 2 * seed + 1) @ second.T + mean
        row = room.fidelity(a, b, rows, seed)["squared_frechet"]
        covered += row.low <= truth <= row.high
        raw.append(squared_frechet(a, b))
        values.append(row.value)
    assert 90 <= covered <= 99
    error = np.std(values) / 10
    assert np.mean(values) == pytest.approx(truth, abs=4 * error + 0.01 * truth)
    assert np.mean(raw) > truth + 2 * np.std(raw) / 10


def test_intervals_cover_the_exact_values_of_equal_distributions() -> None:
    """Density has mean 1, coverage of n examples by n samples 1 − Π (n − i) / (2n − i), i = 1…k
    (Naeem et al. 2020, eq. 9), in every space. For precision and recall the exact values are their
    means over the seeds."""
    n, half = 160, 80
    exact = {"density": 1.0}
    exact["coverage"] = 1 - math.prod((half - i) / (2 * half - i) for i in range(1, 6))
    found = [fidelity(normal(n, 6, 2 * s), normal(n, 6, 2 * s + 1), s) for s in range(100)]
    for name in ("density", "coverage", "precision", "recall"):
        values = [row[name].value for row in found]
        truth = exact.get(name, float(np.mean(values)))
        assert np.mean(values) == pytest.approx(truth, abs=4 * np.std(values) / 10), name
        references = [row[name].reference for row in found]
        assert np.mean(references) == pytest.approx(truth, abs=0.02), name
        covered = sum(row[name].low <= truth <= row[name].high for row in found)
        assert covered >= 90, name
        width = np.mean([row[name].high - row[name].low for row in found])
        most = 1.5 if name == "coverage" else 1.7  # wide enough, and not by far
        assert width < most * 2 * T95 * np.std(values), name


@pytest.mark.long
def test_intervals_cover_where_the_sides_differ() -> None:
    found = [
        fidelity(normal(160, 6, 2 * s), normal(160, 6, 2 * s + 1, 1.0, 0.8), s) for s in range(100)
    ]
    for name in ("precision", "recall", "density", "coverage"):
        values = [row[name].value for row in found]
        covered = sum(row[name].low <= np.mean(values) <= row[name].high for row in found)
        assert covered >= 90, name


# ── the space


def test_the_space_has_the_principal_components() -> None:
    x = (normal(400, 12, 0) * np.arange(12, 0, -1) + 3).astype(np.float32)
    space = Space.of(x.reshape(400, 3, 2, 2), 400)
    placed = space.place(x.reshape(400, 3, 2, 2))
    np.testing.assert_allclose(placed.mean(0), 0, atol=1e-3)
    assert placed.shape == (400, 12)
    covariance = np.cov(placed.T)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-2)
    eigen = np.sort(np.linalg.eigvalsh(np.cov(x.T)))[::-1]
    np.testing.assert_allclose(np.diag(covariance), eigen, rtol=1e-4)
    assert space.variance == pytest.approx(eigen.sum(), rel=1e-4)
    assert space.explained == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(
        np.diff(placed[:2], axis=0) @ space.axes.T, np.diff(x[:2], axis=0), atol=1e-4
    )


@pytest.mark.parametrize(("judged", "values", "d"), [(150, 80, 15), (3000, 80, 50), (900, 7, 7)])
def test_few_examples_have_few_components(judged: int, values: int, d: int) -> None:
    space = Space.of(normal(300, values, 0).astype(np.float32), judged)
    assert space.axes.shape == (values, d)
    eigen = np.sort(np.linalg.eigvalsh(np.cov(normal(300, values, 0).T)))[::-1]
    assert space.explained == pytest.approx(eigen[:d].sum() / eigen.sum(), rel=0.02)


def test_a_row_has_a_value_its_interval_and_a_reference() -> None:
    for row in fidelity(normal(120, 4, 0), normal(120, 4, 1, 0.5), 0).values():
        assert row.as_json().keys() == {"value", "low", "high", "reference"}
        assert row.low is not None
        assert row.high is not None
        assert 0 <= row.low <= row.value <= row.high
