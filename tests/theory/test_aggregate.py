"""The aggregate of Gaussian posteriors against quadrature and torch; trained priors on moons."""

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch.distributions import Normal, kl_divergence

from tests.pages.test_learn import lesson
from vae.base.records import Control, Frame, Report
from vae.dashboard.learn import latents
from vae.dashboard.learn.demonstration import Course
from vae.theory import aggregate, moons
from vae.training import Trainer

WIDTHS = (0.1, 0.3, 0.7)
Z = np.linspace(-6, 6, 301)


def test_posteriors_together_are_the_prior() -> None:
    for width in WIDTHS:
        means = aggregate.posterior_means(width, 2001)
        whole = aggregate.densities(Z, means, width).mean(0)
        assert integrate.trapezoid(whole, Z) == pytest.approx(1, abs=1e-4)
        assert np.abs(whole - stats.norm.pdf(Z)).max() < 2e-3
        assert integrate.trapezoid(whole * Z**2, Z) == pytest.approx(1, abs=5e-3)


def test_mean_kl_is_the_mean_over_the_posteriors() -> None:
    for width in WIDTHS:
        means = torch.from_numpy(aggregate.posterior_means(width, 5001))
        each = kl_divergence(Normal(means, width), Normal(0.0, 1.0))
        assert aggregate.mean_kl(width) == pytest.approx(float(each.mean()), abs=2e-3)


def trained(of: str, name: str, **values: float | str) -> list[Course]:
    """Train the models of a step of a lesson."""
    found = lesson(of)
    step = next(s for s in found.steps if s.name == name)
    assert step.trains is not None
    start = {n: c.start for n, c in found.controls.items()}
    courses = []
    for config in step.trains(start | values):
        trainer = Trainer(config, config.load_data())
        events = list(trainer.run(lambda _: Control()))
        frames = tuple(e for e in events if isinstance(e, Frame))
        reports = tuple(e for e in events if isinstance(e, Report))
        model, data = trainer.state.model, trainer.data
        courses.append(Course(config, data, trainer.examples, frames, reports, 1, model, True))
    return courses


def error(course: Course) -> float:
    pictures = latents.decoded(course, latents.prior_draws(course, 200))
    return float(moons.distance_to_moons(pictures).mean())


@pytest.mark.long
def test_draws_of_a_vae_are_closer_to_moons_than_those_of_an_autoencoder() -> None:
    autoencoder, vae = trained("prior", "models")
    assert error(autoencoder) > 1.5 * error(vae)
    assert latents.aggregate_kl(autoencoder) is None


@pytest.mark.long
def test_aggregate_kl_falls_with_beta() -> None:
    found = [
        latents.aggregate_kl(trained("prior", "beta", beta=b)[1])
        for b in ("0.01", "0.1", "1", "10")
    ]
    assert None not in found
    assert found == sorted(found, reverse=True)


@pytest.mark.long
def test_other_priors_raise_the_elbo_and_fit_the_posteriors() -> None:
    for name in ("mixture", "vamp"):
        standard, other = trained("prior", "others", prior=name)
        assert other.reports[-1].elbo > standard.reports[-1].elbo, name
        assert latents.aggregate_kl(other) < latents.aggregate_kl(standard), name
