"""The symbols' functions exist; the values of the example agree with closed forms and SciPy."""

import importlib
import re
from functools import reduce
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tests.pages.conftest import ROOT
from vae.components.likelihoods import LIKELIHOODS
from vae.components.posteriors import POSTERIORS
from vae.components.priors import PRIORS
from vae.dashboard.learn.run_symbols import forward_of, line_of
from vae.dashboard.learn.words.symbols import NAMES
from vae.theory import one_example
from vae.theory.symbols import GROUPS, HEADWORDS, SYMBOLS


@pytest.mark.parametrize("key", SYMBOLS)
def test_each_symbol_names_a_function_of_the_library(key: str) -> None:
    symbol = SYMBOLS[key]
    found = reduce(getattr, symbol.function.split("."), importlib.import_module(symbol.module))
    assert callable(found)


def test_every_symbol_has_a_step() -> None:
    steps = [key for name, keys in GROUPS.items() if name != "symbol" for key in keys]
    assert sorted(steps) == sorted(SYMBOLS)


def test_shapes_are_samples_examples_and_latents() -> None:
    shapes = {name: q.shape for name, q in one_example.quantities().items()}
    k, z = one_example.SAMPLES, one_example.LATENTS
    assert shapes["x"] == (1, 1, 8, 8)
    assert shapes["mu"] == shapes["sigma"] == (1, z)
    assert shapes["z"] == shapes["eps"] == (k, 1, z)
    assert shapes["likelihood"] == (k, 1, 1, 8, 8)
    assert (shapes["reconstruction"], shapes["kl"], shapes["elbo"]) == ((k, 1), (1,), ())


def test_evidence_and_posterior_are_those_of_scipy() -> None:
    of, x = one_example.weights(), one_example.digits()[one_example.DIGIT]
    covariance = of.loadings @ of.loadings.T + of.noise * np.eye(64)
    exact = stats.multivariate_normal(of.offset, covariance).logpdf(x)
    assert one_example.log_evidence() == pytest.approx(exact, abs=1e-8)
    precision = np.eye(2) + of.loadings.T @ of.loadings / of.noise
    mean, sd = one_example.exact_posterior()
    solved = np.linalg.solve(precision, of.loadings.T @ (x - of.offset)) / of.noise
    np.testing.assert_allclose(mean, solved, atol=1e-9)
    np.testing.assert_allclose(np.diag(sd**2), np.linalg.inv(precision), atol=1e-9)


def test_values_of_the_forward_pass() -> None:
    value = {name: q.value for name, q in one_example.quantities().items()}
    mu, sigma, z = value["mu"], value["sigma"], value["z"]
    mean, sd = one_example.exact_posterior()
    np.testing.assert_allclose(mu, mean, atol=1e-5)
    np.testing.assert_allclose(sigma, one_example.WIDER * sd, atol=1e-5)
    np.testing.assert_allclose(z, mu + sigma * value["eps"], atol=1e-6)
    assert value["prior"] == pytest.approx(stats.norm.logpdf(z).sum(), abs=1e-4)
    assert value["q"] == pytest.approx(stats.norm.logpdf(z, mu, sigma).sum(), abs=1e-4)
    of = one_example.weights()
    decoded = of.offset + of.loadings @ z
    np.testing.assert_allclose(value["likelihood"].ravel(), decoded, atol=1e-5)
    assert value["kl"] == pytest.approx(
        0.5 * (mu**2 + sigma**2 - 1 - 2 * np.log(sigma)).sum(), abs=1e-5
    )


def test_elbo_is_its_terms_and_stays_below_the_evidence_by_the_gap() -> None:
    value = {name: float(q.value.ravel()[0]) for name, q in one_example.quantities().items()}
    assert value["elbo"] == pytest.approx(-value["reconstruction"] - value["kl"], abs=1e-4)
    of, sigma = one_example.weights(), one_example.quantities()["sigma"].value
    wide = one_example.WIDER
    gap = 2 * (0.5 * (wide**2 - 1) - np.log(wide))
    # The reconstruction varies by the term Σ λ (z − μ)² / 2σ², a chi-squared number per latent
    spread = np.sqrt((sigma**4 * (of.carried - of.noise) ** 2 / (2 * of.noise**2)).sum())
    error = float(spread) / one_example.SAMPLES**0.5
    assert one_example.log_evidence() - value["elbo"] == pytest.approx(gap, abs=4 * error)


def test_every_symbol_has_the_name_of_its_description_in_both_languages() -> None:
    assert HEADWORDS.keys() == SYMBOLS.keys()
    for key, names in HEADWORDS.items():
        for name, text in zip(names, NAMES[key], strict=True):
            assert name in re.sub(r" ?[(（][^()（）]*[)）]", "", text), key


@pytest.mark.parametrize("key", SYMBOLS)
def test_the_line_of_a_symbol_is_that_of_its_function(key: str) -> None:
    symbol = SYMBOLS[key]
    place = Path(*symbol.module.split(".")).with_suffix(".py")
    lines = (ROOT / place).read_text("utf-8").splitlines()[line_of(symbol.code) - 1 :]
    name = symbol.function.split(".")[-1]
    first = next(line for line in lines if not line.lstrip().startswith("@"))
    assert re.match(rf"\s*(def|class) {name}\b", first)


@pytest.mark.parametrize("table", [POSTERIORS, LIKELIHOODS, PRIORS])
def test_the_function_of_every_row_has_its_full_name(table: Any) -> None:
    for name, row in table.items():
        assert resolve_name(forward_of(row)) is row.forward, name
        assert line_of(forward_of(row)) > 1, name
