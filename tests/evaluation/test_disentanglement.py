"""Disentanglement: codes with known scores, and each definition computed in another way."""

import sys
from typing import Any

import numpy as np
import pytest
from scipy.stats import entropy, pearsonr

from vae.evaluation import factor_sets
from vae.evaluation.disentanglement import (
    Score,
    _concentration,
    dci,
    disentanglement,
    mig,
    prepared,
    sap,
    scores,
)
from vae.evaluation.factor_sets import beta_vae, factor_vae
from vae.evaluation.measures import TABLES

N = 1500
ROWS = TABLES["disentanglement"].functions


@pytest.fixture(autouse=True)
def fewer_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(factor_sets, "SETS", {"train": 1000, "test": 1000})


def factors(kinds: int = 0, seed: int = 0) -> dict[str, Any]:
    """Return two independent factors: of `kinds` values, or uniform."""
    drawn = np.random.default_rng(seed).random((2, N))
    drawn = np.floor(drawn * kinds) if kinds else drawn
    return {"a": drawn[0], "b": 3 * drawn[1]}


def code(known: dict[str, Any], degrees: float = 0.0, noise: float = 0.0) -> Any:
    """Return standardised factors, rotated, and two latents of noise."""
    rng = np.random.default_rng(1)
    f = np.stack(list(known.values()), 1)
    f = (f - f.mean(0)) / f.std(0) + noise * rng.standard_normal(f.shape)
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.c_[f @ [[c, -s], [s, c]], rng.standard_normal((N, 2))].astype(np.float32)


def scored(z: Any, known: dict[str, Any]) -> dict[str, float]:
    return scores(prepared(z, known), ROWS, np.random.default_rng(0))


@pytest.mark.parametrize("kinds", [0, 2])
def test_perfect_random_and_rotated_codes_have_known_scores(kinds: int) -> None:
    known = factors(kinds)
    perfect = scored(code(known), known)
    noise = np.random.default_rng(2).standard_normal((N, 4)).astype(np.float32)
    lost = scored(noise, known)
    turned = scored(code(known, 25), known)
    best = {"sap": 0.5} if kinds else {}  # accuracy 1 ahead of accuracy ½
    for name, value in perfect.items():
        assert value == pytest.approx(best.get(name, 1), abs=0.05), name
        nothing = 0.5 if "vae" in name or (kinds and "inform" in name) else 0
        assert lost[name] == pytest.approx(nothing, abs=0.08), name
    if kinds:  # two bits, turned by little, are still parted by a threshold each
        return
    for name in ("mig", "sap", "dci_disentanglement", "dci_completeness"):
        assert lost[name] + 0.03 < turned[name] < perfect[name] - 0.05, name
    assert turned["dci_informativeness"] > 0.95


def test_a_rotation_by_45_degrees_has_no_lead() -> None:
    known = factors()
    found = scored(code(known, 45), known)
    assert found["mig"] < 0.05
    assert found["sap"] < 0.1
    assert found["dci_disentanglement"] < 0.05
    assert found["dci_completeness"] == pytest.approx(0.5, abs=0.05)  # two latents of four
    assert found["beta_vae"] < 0.65
    assert found["factor_vae"] < 0.65


def test_doubled_latents_are_not_complete() -> None:
    known = factors()
    z = code(known)
    twice = np.c_[z[:, :2], z[:, :2] + 0.001 * z[:, 2:]]
    found = scored(twice, known)
    assert found["mig"] < 0.05
    assert found["dci_disentanglement"] > 0.95


def published_codes() -> tuple[Any, dict[str, Any]]:
    """Return five discrete factors, and codes of them: unchanged, noisy, rotated, random."""
    count, kinds = 3000, (2, 3, 4, 5, 6)
    rng = np.random.default_rng(0)
    f = np.stack([rng.integers(k, size=count) for k in kinds], 1).astype(float)
    plain = (f - f.mean(0)) / f.std(0)
    rng = np.random.default_rng(1)
    turn = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    noise = rng.standard_normal((count, 5))
    codes = {"perfect": plain, "noisy": plain + 0.3 * noise, "turned": plain @ turn}
    codes["random"] = noise
    return f, {name: z.astype(np.float32) for name, z in codes.items()}


# What google-research/disentanglement_lib at 86a644d (mig.py with its histograms of 20 bins,
# sap_score.py, dci.py), the code of Locatello et al. 2019, gives for these codes under
# scikit-learn 1.9.1; the first half is its training set and the second its test set
PUBLISHED = {  # mig, sap, sap of continuous factors, the three of dci in their order
    "perfect": (0.998001, 0.488000, 0.999862, 1.000000, 1.000000, 1.000000),
    "noisy": (0.811680, 0.440000, 0.918770, 0.832515, 0.833568, 0.867867),
    "turned": (0.236769, 0.095733, 0.261938, 0.329076, 0.346126, 0.989600),
    "random": (0.000751, 0.007067, 0.000807, 0.002770, 0.003350, 0.300933),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_scores_agree_with_the_published_implementation(name: str) -> None:
    f, codes = published_codes()
    sample = prepared(codes[name], {str(i): column for i, column in enumerate(f.T)})
    half = len(f) // 2
    train, test = sample.take(np.arange(half)), sample.take(np.arange(half, 2 * half))
    continuous = sample._replace(continuous=np.ones(5, bool))
    theirs = PUBLISHED[name]
    assert mig(sample) == pytest.approx(theirs[0], abs=1e-6)
    assert sap(train, test) == pytest.approx(theirs[1], abs=1e-6)
    assert sap(continuous, continuous) == pytest.approx(theirs[2], abs=1e-6)


@pytest.mark.long
@pytest.mark.parametrize("name", PUBLISHED)
def test_dci_agrees_with_the_published_implementation(name: str) -> None:
    """Its trees break ties at random, so that the two agree within the difference between two
    seeds."""
    f, codes = published_codes()
    sample = prepared(codes[name], {str(i): column for i, column in enumerate(f.T)})
    half = len(f) // 2
    train, test = sample.take(np.arange(half)), sample.take(np.arange(half, 2 * half))
    ours = list(dci(train, test, 0).values())
    assert ours == pytest.approx(PUBLISHED[name][3:], abs=0.005)


def test_mig_equals_its_definition() -> None:
    """I = Σ p ln p(v, c) / p(v) p(c) over histograms."""
    known, gaps = factors(), []
    z = code(known, 20, 0.3)
    for f in known.values():
        v = np.histogram_bin_edges(f, 20)
        told = []
        for column in z.T:
            joint = np.histogram2d(f, column, (v, np.histogram_bin_edges(column, 20)))[0] / N
            told.append(entropy(joint.sum(1)) + entropy(joint.sum(0)) - entropy(joint.ravel()))
        own = entropy(np.histogram(f, v)[0])
        gaps.append((sorted(told)[-1] - sorted(told)[-2]) / own)
    assert mig(prepared(z, known)) == pytest.approx(np.mean(gaps), rel=1e-3)


def test_sap_equals_its_definition() -> None:
    known = factors()
    z = code(known, 20, 0.3)
    r = np.sort([[pearsonr(c, f)[0] ** 2 for c in z.T] for f in known.values()], 1)
    sample = prepared(z, known)
    assert sap(sample, sample) == pytest.approx((r[:, -1] - r[:, -2]).mean(), rel=1e-5)


def test_concentration_equals_its_definition() -> None:
    assert _concentration(np.eye(3)) == pytest.approx(1)
    assert _concentration(np.ones((4, 3))) == pytest.approx(0)
    r = np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]])
    expected = (1 * (1 - np.log(2) / np.log(3)) + 3 * 1) / 4
    assert _concentration(r) == pytest.approx(expected)
    assert _concentration(np.zeros((2, 2))) == 0


def test_sets_share_exactly_one_factor() -> None:
    known = factors(5)
    sample = prepared(code(known), known)
    rng = np.random.default_rng(0)
    rows, shared = factor_sets._sets(sample, 200, 64, rng)
    pairs, alike = factor_sets._sets(sample, 200, 128, rng, pairs=True)
    assert rows.shape == (200, 64)
    for f in range(2):
        here = sample.values[rows[shared == f]]  # (S, 64, F)
        assert (here[:, :, f] == here[:, :1, f]).all()
        assert (here[:, :, 1 - f] == here[:, :1, 1 - f]).mean() == pytest.approx(0.2, abs=0.05)
        two = sample.values[pairs[alike == f]].reshape(-1, 64, 2, 2)
        assert (two[:, :, 0, f] == two[:, :, 1, f]).all()
        assert (two[:, :, 0, 1 - f] == two[:, :, 1, 1 - f]).mean() == pytest.approx(0.2, abs=0.02)
        assert (two[:, 1:, 0, f] == two[:, :1, 0, f]).mean() == pytest.approx(0.2, abs=0.03)
        assert len(np.unique(rows)) > 0.9 * N


def test_the_vote_ignores_scale_and_constant_latents() -> None:
    known = factors()
    z = code(known, 0, 0.2)
    plain = factor_vae(prepared(z, known), np.random.default_rng(0))
    scaled = z * np.array([100, 0.01, 1, 1], np.float32)
    assert factor_vae(prepared(scaled, known), np.random.default_rng(0)) == plain
    constant = np.c_[z, np.full((N, 1), 3, np.float32)].astype(np.float32)
    assert factor_vae(prepared(constant, known), np.random.default_rng(0)) == plain
    nothing = prepared(np.zeros((N, 2), np.float32), known)
    assert factor_vae(nothing, np.random.default_rng(0)) == 0
    assert mig(nothing) == sap(nothing, nothing) == 0
    assert beta_vae(nothing, np.random.default_rng(0)) == pytest.approx(0.5, abs=0.05)


def test_factors_are_discrete_up_to_twenty_values() -> None:
    known = factors(20) | {"c": factors(21)["a"], "same": np.ones(N)}
    sample = prepared(code(factors()), known)
    assert sample.continuous.tolist() == [False, False, True]
    assert sample.values.max(0).tolist() == [19, 19, 19]


def test_the_standard_error_equals_the_spread_over_data_sets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "N", 600)
    rows = {
        "sap": Score(lambda draw: sap(draw.sample, draw.sample)),
        "mig": Score(lambda draw: mig(draw.sample)),
    }
    found = []
    for seed in range(25):
        known = factors(seed=seed)
        z = np.stack(list(known.values()), 1)
        z = z + np.random.default_rng(100 + seed).standard_normal(z.shape)
        found.append(disentanglement(z.astype(np.float32), known, rows, seed))
    for name, most in (("sap", 1.5), ("mig", 2.5)):
        spread = np.std([f[name].value for f in found])
        assert 0.67 < np.mean([f[name].se for f in found]) / spread < most


def test_scores_are_deterministic_and_have_chance() -> None:
    known = factors(3)
    known, z = {k: v[:300] for k, v in known.items()}, code(known, 20)[:300]
    first = disentanglement(z, known, ROWS, 0, halves=2)
    assert disentanglement(z, known, ROWS, 0, halves=2) == first
    assert first["factor_vae"].chance == first["beta_vae"].chance == 0.5
    assert first["dci_informativeness"].chance == pytest.approx(1 / 3, abs=0.06)
    assert first["mig"].chance == 0


@pytest.mark.parametrize(("latents", "known", "count"), [(1, 2, N), (3, 1, N), (3, 2, 99)])
def test_invalid_codes_and_factors_raise_a_sentence(latents: int, known: int, count: int) -> None:
    z = np.random.default_rng(0).standard_normal((count, latents)).astype(np.float32)
    some = {str(i): z[:, 0] + i for i in range(known)} | {"constant": np.zeros(count)}
    with pytest.raises(ValueError, match="at least two latents, two factors that vary"):
        disentanglement(z, some, ROWS, 0)


def test_progress_never_decreases_and_ends_at_one() -> None:
    known, told = {k: v[:300] for k, v in factors(3).items()}, []
    z = code(factors(3))[:300]
    disentanglement(z, known, ROWS, 0, halves=2, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert np.diff(told).max() < 0.1


def test_each_tree_advances_the_progress_equally() -> None:
    """Boosting fits a tree for each value of a factor: five for a factor of 5 values, one for
    two."""
    rng = np.random.default_rng(0)
    known = {"a": rng.integers(2, size=300).astype(float), "b": rng.integers(5, size=300) * 1.0}
    sample, told = prepared(rng.standard_normal((300, 3)).astype(np.float32), known), []
    dci(sample, sample, 0, told.append)
    assert len(told) == 200
    assert told[99] == pytest.approx(1 / 6)
    assert told[-1] == 1.0
