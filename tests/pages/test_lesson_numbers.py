"""Numbers that stand in the words of a lesson, or that only its page computes, against SciPy and
scikit-learn. The numbers of `vae.theory` have their tests in `tests/theory/`."""

import numpy as np
import pytest
from scipy import integrate, special, stats
from scipy.optimize import minimize
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from tests.pages.test_learn import lesson
from tests.theory.test_reparameterisation import closed_form
from vae.dashboard.learn.lesson import Value, View
from vae.dashboard.learn.lessons import LESSONS
from vae.theory import moon_model

SPECTRUM = PCA().fit(load_digits().data / 16).explained_variance_ * 1796 / 1797
GRID = np.linspace(-8, 8, 801)
WEIGHTS = stats.norm.pdf(GRID)
CONSTANT = stats.norm.logpdf(0, 0, 0.1)


def numbers(name: str, step: str, **values: Value) -> dict[str, float]:
    """The numbers of a step with these controls, without outcomes."""
    found = lesson(name)
    start = {n: control.start for n, control in found.controls.items()}
    start |= next(s for s in found.steps if s.name == step).starts
    view = View(start | values, step, lambda key: found.words[key].en)
    given = found.picture(view).numbers
    return {n: float(v) for n, v in given.items() if not isinstance(v, str)}


def stands(name: str, key: str, *parts: str) -> None:
    """Assert that the words hold these numbers in both languages."""
    for text in LESSONS[name][key]:
        for part in parts:
            assert part in text, (key, part)


def best_moon(x: float, beta: float) -> tuple[float, float]:
    """Mean and width of the Gaussian with the largest E[ln p(x|z)] − β KL, by a plain search."""

    def price(at: np.ndarray) -> float:
        mean, sd = at[0], np.exp(at[1])
        log_p = CONSTANT - 50 * (x - special.expit(mean + sd * GRID)) ** 2
        fit = integrate.trapezoid(WEIGHTS * log_p, GRID)
        return float(beta * 0.5 * (mean**2 + sd**2 - 1 - 2 * np.log(sd)) - fit)

    mean, log_sd = minimize(price, [0.5, -0.5], method="Nelder-Mead", tol=1e-6).x
    return float(mean), float(np.exp(log_sd))


def test_the_answers_of_the_lesson_on_both_terms() -> None:
    stands("terms", "guess.text", "1.17")
    assert best_moon(0.8, 1.0)[0] == pytest.approx(1.17, abs=0.005)
    for x, beta in ((0.8, 8.0), (0.95, 1.0)):
        assert moon_model.best_gaussian(x, beta) == pytest.approx(best_moon(x, beta), abs=1e-3)


def test_the_eigenvalues_of_the_digits() -> None:
    stands("linear", "exact.text", "0.70")
    assert SPECTRUM[0] == pytest.approx(0.70, abs=0.005)
    assert SPECTRUM[15] / SPECTRUM[0] == pytest.approx(0.1, abs=0.02)  # "a tenth of it"
    for beta, noise in ((4.0, 0.05), (16.0, 0.05), (0.5, 0.3)):
        found = numbers("linear", "threshold", beta=beta, noise=noise)
        assert found["open"] == (SPECTRUM[:16] > beta * noise).sum()
    for beta in (1.0, 4.0, 16.0):
        failing = numbers("failures", "noise", beta=beta)
        assert failing["closes"] == pytest.approx(np.sqrt(SPECTRUM[0] / beta), abs=1e-5)
    assert failing["largest"] == pytest.approx(SPECTRUM[0], abs=1e-6)


def test_one_gaussian_allows_moons_that_are_more_than_full() -> None:
    stands("goals", "mixture.text", "120 %")
    fitted = stats.norm(0.5, np.sqrt(1 / 8))  # the moments of the arcsine law
    assert fitted.pdf(1.2) > 0.1 * fitted.pdf(0.5)
    assert numbers("goals", "guess")["rarest"] == 0.5
    shares = np.linspace(0.01, 0.99, 99)
    assert shares[stats.arcsine.pdf(shares).argmin()] == pytest.approx(0.5)


def test_the_gaps_change_with_the_controls_by_the_ratios_in_the_words() -> None:
    near, middle = (numbers("gaps", "two_gaps", x=x) for x in (0.8, 0.5))
    assert near["approximation"] > 5 * near["amortisation"]
    assert middle["amortisation"] > 5 * middle["approximation"]
    linear, cubic = (numbers("gaps", "encoder", degree=d) for d in ("1", "3"))
    assert cubic["amortisation"] < 0.2 * linear["amortisation"]
    for x, left in ((0.5, 0.1), (0.95, 0.25)):
        few, many = (numbers("gaps", "iwae", x=x, samples=k) for k in ("100", "1000"))
        gaps = [n["log_evidence"] - n["bound"] for n in (few, many)]
        assert gaps[1] / gaps[0] == pytest.approx(left, abs=0.03)
    rises = [n["doubly_last"] / n["doubly_first"] for n in map(_noise, (1.0, 0.6))]
    assert rises[0] > 1 > rises[1]


def _noise(sd: float) -> dict[str, float]:
    return numbers("gaps", "noise", sd=sd)


def test_the_score_function_wins_for_a_wide_cosine_only() -> None:
    for mean in np.linspace(-2, 2, 21):
        _, pathwise, score = closed_form("cosine", float(mean), 2.0)
        assert score < pathwise
        _, pathwise, score = closed_form("cosine", float(mean), 0.1)
        assert score > pathwise


def test_slopes_of_the_three_widths_have_their_bounds() -> None:
    s = np.linspace(-20, 20, 1001)
    sd = np.log1p(np.exp(s))
    softplus = (sd - 1 / sd) * special.expit(s)  # (σ − 1/σ) dσ/ds
    assert softplus.min() >= -1 - 1e-12
    assert (0.5 * np.expm1(s)).min() > -0.5


def test_numbers_of_the_other_lessons() -> None:
    stands("mean_field", "factor.text", "0.070")
    assert numbers("mean_field", "factor", sweeps=8.0)["gap"] == pytest.approx(0.0697, abs=5e-4)
    stands("prior", "pieces.text", "0.98", "0.2")
    assert numbers("prior", "guess")["means"] == pytest.approx(0.98, abs=0.001)
    assert np.sqrt(1 - 0.98**2) == pytest.approx(0.2, abs=0.002)
    assert numbers("mean_field", "guess")["sd_of_09"] == pytest.approx(np.sqrt(0.19))
