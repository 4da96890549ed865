"""Amortisation gaps against exact evidence, and against a search for one example."""

import numpy as np
import pytest
import torch
from scipy import stats

from vae.analysis import amortisation
from vae.analysis.posterior_fields import best_gaussian
from vae.analysis.true_posterior import Joint, elbo, nodes
from vae.config import RunConfig
from vae.model import VAE, build


def model(**settings: object) -> tuple[VAE, torch.Tensor]:
    """An untrained model of points in the plane, and eight of them."""
    config = RunConfig.of(data="mixture", examples=40, **settings)
    data = config.load_data()
    torch.manual_seed(3)
    built = build(config, config.domain(data)).eval()
    return built, torch.from_numpy(data.x[:8])


def test_the_best_q_of_a_linear_model_reaches_the_evidence() -> None:
    linear, x = model(network="linear", likelihood="gaussian", sigma=0.7, latent_dim=1)
    encoder, best = amortisation.mean_elbos(linear, x)
    with torch.no_grad():
        px = linear.likelihood(torch.tensor([[0.0], [1.0]]))
        ends, away = px.mean.double().numpy(), torch.eye(2) + px.mean[:1]
        fall = px.log_prob(px.mean)[:1] - linear.likelihood(torch.zeros(2, 1)).log_prob(away)
        noise = 0.5 / fall.double().numpy()  # a step of 1 costs 1 / 2σ², in the unit of x
    loading = (ends[1] - ends[0])[:, None]
    covariance = loading @ loading.T + np.diag(noise)
    exact = stats.multivariate_normal(ends[0], covariance).logpdf(x.double().numpy()).mean()
    assert best == pytest.approx(exact, abs=1e-4)
    assert encoder < best


def test_the_best_q_of_each_example_is_that_of_a_search_for_it_alone() -> None:
    deep, x = model(hidden=(8,), likelihood="gaussian", sigma=0.7, latent_dim=2)
    encoder, best = amortisation.mean_elbos(deep, x)
    alone = []
    for one in x.split(1):
        with torch.no_grad():
            q = deep.posterior(one)
        joint = Joint(deep, one)
        found = [elbo(joint, nodes(r)) for r in (q, best_gaussian(joint, q, correlates=False))]
        alone.append(found)
    assert (encoder, best) == pytest.approx(tuple(np.mean(alone, 0)), abs=2e-3)
    assert best > encoder + 0.01
