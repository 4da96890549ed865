"""Sources of z: moments, the first samples of a seed, temperature and options."""

import numpy as np
import pytest
import torch
from scipy.stats import chi2_contingency, contingency

from vae.analysis.encoding import encode
from vae.analysis.sampling import (
    ALL,
    BY_BIC,
    MOST,
    SOURCES,
    Draw,
    Latents,
    classes_of,
    sample_classes,
)
from vae.base.records import Encoding
from vae.batches import Batches
from vae.config import RunConfig
from vae.data import load
from vae.model import build

MANY = 6000
CPU = torch.device("cpu")


def encoded(**settings: object) -> tuple[Latents, Encoding]:
    config = RunConfig.of(**{"hidden": (16,), "latent_dim": 3} | settings)
    data = load("digits")
    rows = np.arange(600)
    model = build(config, config.domain(data))
    with torch.no_grad():  # spread the posteriors as training would
        for parameter in model.encoder.parameters():
            parameter.mul_(2.0)
    batches = Batches(data, rows, config, CPU)
    encoding = encode(model, batches, rows, 0)
    assert data.labels is not None
    return Latents(model, batches, encoding.mean, 0, data.labels[rows], data.classes), encoding


LATENTS, ENCODING = encoded()
CODED, _ = encoded(
    posterior="quantised", objective="reconstruction", latent_dim=6, code_groups=3, codes=12
)
CONTINUOUS = [name for name in SOURCES if name != "fitted-codes"]


def suitable(name: str) -> Latents:
    return CODED if name == "fitted-codes" else LATENTS


def moments(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return z.mean(0, dtype=np.float64), np.cov(z.T, bias=True).reshape(z.shape[1], -1)


def close(z: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> None:
    """Within five standard errors, those of a normal sample."""
    own_mean, own = moments(z)
    spread = np.sqrt(np.diag(covariance))
    assert (np.abs(own_mean - mean) < 5 * spread / len(z) ** 0.5).all()
    assert (np.abs(own - covariance) < 8 * np.outer(spread, spread) / len(z) ** 0.5).all()


def expected(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Expected mean and covariance of a source, by NumPy."""
    means, labels = LATENTS.mean.astype(np.float64), LATENTS.labels
    if name == "prior":
        return np.zeros(3), np.eye(3)
    if name == "noise":
        return moments(means)
    if name == "aggregate":  # law of total variance
        assert ENCODING.std is not None
        mean, covariance = moments(means)
        return mean, covariance + np.diag((ENCODING.std.astype(np.float64) ** 2).mean(0))
    if name == "mixture":
        return moments(LATENTS.z)
    parts = [moments(LATENTS.z[labels == label]) for label in range(10)]
    centre = np.mean([mean for mean, _ in parts], 0)
    apart = [np.outer(mean - centre, mean - centre) for mean, _ in parts]
    return centre, np.mean([c for _, c in parts], 0) + np.mean(apart, 0)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_draws_have_the_moments_of_their_source(name: str) -> None:
    z = SOURCES[name].draw(LATENTS, Draw(MANY, 0, components=1))
    assert z.shape == (MANY, 3)
    assert z.dtype == np.float32
    close(z, *expected(name))


@pytest.mark.parametrize("components", [3, BY_BIC])
def test_a_mixture_keeps_the_moments_of_the_latents(components: int) -> None:
    """Expectation maximisation matches the mean and the covariance of the data at its optimum."""
    z = SOURCES["mixture"].draw(LATENTS, Draw(MANY, 0, components=components))
    close(z, *moments(LATENTS.z))


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("few", [7, MOST - 1])
def test_more_samples_with_the_same_seed_begin_with_the_same_z(name: str, few: int) -> None:
    draw = SOURCES[name].draw
    first, more, other = (
        draw(suitable(name), Draw(number, seed, components=2))
        for number, seed in ((few, 3), (MOST, 3), (few, 4))
    )
    np.testing.assert_allclose(first, more[:few], atol=1e-6)
    assert not np.allclose(first, other)


def combinations(z: np.ndarray) -> np.ndarray:
    """Return the nearest codes of z, (M, G)."""
    assert CODED.model.codes is not None
    return CODED.model.codes.nearest(torch.from_numpy(z)).T.numpy()


def test_codes_have_the_frequencies_of_the_training_data() -> None:
    """In each group alone; the groups are independent, and every z is a code."""
    z = SOURCES["fitted-codes"].draw(CODED, Draw(MANY, 0))
    drawn, present = combinations(z), combinations(CODED.mean)
    np.testing.assert_array_equal(CODED.model.decoder_input(torch.from_numpy(z)), z)
    for g in range(3):
        share = np.bincount(present[:, g], minlength=12) / len(present)
        found = np.bincount(drawn[:, g], minlength=12) / MANY
        assert (np.abs(found - share) <= 5 * np.sqrt(share * (1 - share) / MANY)).all()
    tables = [contingency.crosstab(c[:, 0], c[:, 1]).count for c in (drawn, present)]
    independent, dependent = (chi2_contingency(table).pvalue for table in tables)
    assert independent > 1e-4 > dependent


def test_the_temperature_of_codes_favours_frequent_ones() -> None:
    largest, present = [], combinations(CODED.mean)
    for temperature in (0.0, 0.5, 1.0, 3.0):
        drawn = combinations(SOURCES["fitted-codes"].draw(CODED, Draw(2000, 0, temperature)))
        often = [np.bincount(present[:, g]).argmax() for g in range(3)]
        largest.append((drawn == often).mean())
    assert largest[0] == 1.0
    assert (np.diff(largest) < -0.02).all()


@pytest.mark.parametrize("name", CONTINUOUS)
def test_temperature_scales_the_deviation_from_the_centre(name: str) -> None:
    centre, half, whole, twice = (
        SOURCES[name].draw(LATENTS, Draw(50, 1, t, components=2)) for t in (0.0, 0.5, 1.0, 2.0)
    )
    np.testing.assert_allclose(half - centre, 0.5 * (whole - centre), atol=1e-5)
    np.testing.assert_allclose(twice - centre, 2 * (whole - centre), atol=1e-5)
    assert np.abs(whole - centre).max() > 0.01


def test_the_centres_of_the_aggregate_posterior_are_examples() -> None:
    centre = SOURCES["aggregate"].draw(LATENTS, Draw(60, 0, 0.0))
    apart = np.abs(centre[:, None] - LATENTS.mean).max(-1)  # (60, N)
    assert (apart.min(1) < 1e-5).all()
    assert len(np.unique(apart.argmin(1))) > 40


@pytest.mark.parametrize("label", [0, 7])
def test_samples_of_a_class_lie_among_its_examples(label: int) -> None:
    asked = Draw(MANY, 0, components=1, label=label)
    close(SOURCES["class"].draw(LATENTS, asked), *moments(LATENTS.z[LATENTS.labels == label]))
    drawn = sample_classes(LATENTS, "class", asked)
    assert drawn is not None
    assert set(drawn) == {label}


def test_all_classes_are_sampled_in_turn() -> None:
    asked = Draw(2000, 0, components=1, label=ALL)
    z, drawn = SOURCES["class"].draw(LATENTS, asked), sample_classes(LATENTS, "class", asked)
    assert drawn is not None
    np.testing.assert_array_equal(drawn[:12], [*range(10), 0, 1])
    for label in (2, 9):
        close(z[drawn == label], *moments(LATENTS.z[LATENTS.labels == label]))


def test_every_offered_source_suits_the_model() -> None:
    def offered(latents: Latents) -> set[str]:
        return {name for name, source in SOURCES.items() if source.offered(latents)}

    everything = set(CONTINUOUS)
    assert offered(CODED) == (everything | {"fitted-codes"}) - {"prior"}
    assert offered(LATENTS) == everything
    assert offered(encoded(condition="labels")[0]) == everything - {"class"}
    plain = encoded(posterior="point", objective="reconstruction")[0]
    assert offered(plain) == everything - {"prior"}
    np.testing.assert_array_equal(plain.z, plain.mean)
    unlabelled = Latents(LATENTS.model, LATENTS.batches, LATENTS.mean, 0)
    assert offered(unlabelled) == everything - {"class"}
    assert classes_of(unlabelled) == []


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_has_a_definition_and_a_use(name: str) -> None:
    words = SOURCES[name].draw.__doc__ or ""
    assert "Good " in words
    assert words.count(".") >= 2
