"""The linear VAE is probabilistic PCA (Tipping & Bishop 1999; Lucas et al. 2019): its optimum is
known exactly, and no correct number exceeds it. Windows are two-sided; nats per example.

λ are the eigenvalues of the data's biased covariance. At the optimum σ² is the mean of the other
eigenvalues, KLᵢ = ½ ln(λᵢ / σ²) and Var(μᵢ) = 1 - σ² / λᵢ.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from vae.base.epoch_means import epoch_means, example_counter
from vae.base.records import Domain, Evaluation, Report, Snapshot
from vae.batches import Batches
from vae.config import RunConfig
from vae.data import load
from vae.data.dataset import Dataset
from vae.evaluation import evaluate, log_likelihood
from vae.model import VAE, build
from vae.training import train

CPU = torch.device("cpu")
KNOWN = {  # latents: (PCA.score, σ², KL at the optimum)
    2: (0.0057, 0.05412, 2.5137),
    5: (8.9076, 0.03620, 6.4814),
    10: (17.4519, 0.02275, None),
}
KLS_OF_5 = (1.480, 1.436, 1.364, 1.195, 1.007)


class Trained(NamedTuple):
    model: VAE
    data: Dataset
    record: Evaluation  # on all training examples
    curve: list[float]  # the train ELBO of every epoch
    sigma2: float


@cache
def trained(latents: int, epochs: int, **held_out: float) -> Trained:
    """Train with default initialisation, one learned σ from 1, one sample and a cosine schedule to
    0."""
    config = RunConfig.of(
        network="linear",
        likelihood="gaussian-learned",
        latent_dim=latents,
        epochs=epochs,
        batch_size=128,
        lr=1e-2,
        lr_schedule="cosine",
        val_share=0,
        test_share=held_out.get("test_share", 0),
        frames=0,
        device="cpu",
    )
    torch.set_num_threads(1)
    data = load("digits")
    run = list(train(config, data))
    model = build(config, config.domain(data))
    assert isinstance(run[-1], Snapshot)
    weights = {k[6:]: v for k, v in run[-1].arrays.items() if k.startswith("model.")}
    model.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
    model.requires_grad_(False)
    rows = config.split(data).train
    record = evaluate(model, Batches(data, rows, RunConfig.of(), CPU), elbo_samples=20)
    reports = [r for r in run if isinstance(r, Report)]
    told = [r._asdict() for r in reports]
    counter = example_counter(len(rows), config.batch_size)
    curve = list(epoch_means(told, lambda r: r["elbo"], counter).values())
    return Trained(model, data, record, curve, float(model.scalars()["sigma"]) ** 2)


def exact(model: VAE, x: np.ndarray) -> np.ndarray:
    """Return ln N(x; b, W Wᵀ + σ² I) of a linear model, x (N, D) → (N,)."""
    weight, bias = (p.double().numpy() for p in (model.decoder[0].weight, model.decoder[0].bias))
    noise = float(model.scalars()["sigma"]) ** 2 * np.eye(len(bias))
    return stats.multivariate_normal(bias, weight @ weight.T + noise).logpdf(x)


def test_the_digits_and_their_maxima_equal_scikit_learns() -> None:
    x = load_digits().data / 16
    ours = load("digits")
    np.testing.assert_array_equal(ours.x.reshape(1797, 64) / ours.scale, x)
    for latents, (score, sigma2, kl) in KNOWN.items():
        fitted = PCA(latents).fit(x)
        assert fitted.score(x) == pytest.approx(score, abs=5e-4)
        eigenvalues = np.sort(np.linalg.eigvalsh(np.cov(x.T, bias=True)))[::-1]
        left_out = eigenvalues[latents:].mean()
        assert left_out == pytest.approx(sigma2, abs=1e-5)
        if kl is not None:
            informative = 0.5 * np.log(eigenvalues[:latents] / left_out)
            assert informative.sum() == pytest.approx(kl, abs=5e-4)


@pytest.mark.parametrize(
    ("latents", "epochs", "gap"),
    [
        (2, 150, 0.06),
        pytest.param(5, 150, 0.1, marks=pytest.mark.long),
        pytest.param(2, 200, 0.05, marks=pytest.mark.long),
        pytest.param(5, 200, 0.08, marks=pytest.mark.long),
        pytest.param(10, 600, 0.07, marks=pytest.mark.long),
    ],
)
def test_a_linear_vae_ends_just_below_the_exact_maximum(
    latents: int, epochs: int, gap: float
) -> None:
    """ELBO ≤ mean ln N(x; b, W Wᵀ + σ² I) ≤ PCA.score, and each close to the next."""
    score, sigma2, kl = KNOWN[latents]
    got = trained(latents, epochs)
    x = got.data.x.reshape(-1, 64) / 16.0
    own = exact(got.model, x).mean()
    assert got.record.examples == 1797
    assert 0 < score - got.record.elbo < gap
    assert got.record.elbo < own + 0.005  # the noise of 20 samples
    assert own < score
    assert got.sigma2 == pytest.approx(sigma2, rel=0.02)
    if kl is not None:
        assert got.record.kl == pytest.approx(kl, abs=0.08)
        at_optimum = score + kl  # E_q[ln p(x|z)]
        assert -got.record.reconstruction == pytest.approx(at_optimum, abs=0.12)
    assert got.record.active_units == latents


def test_each_latent_has_the_kl_of_its_eigenvalue() -> None:
    """The KLs of k = 5, each latent on a separate axis."""
    got = sorted(trained(5, 150).record.kl_per_dimension, reverse=True)
    np.testing.assert_allclose(got, KLS_OF_5, atol=0.1)


def test_no_epoch_of_the_curve_exceeds_the_maximum() -> None:
    """Over an epoch every example counts once, and only the noise of z remains."""
    got = trained(5, 150)
    assert len(got.curve) == 150
    assert max(got.curve) < KNOWN[5][0] + 0.1
    assert got.curve[-1] > KNOWN[5][0] - 0.3


def test_importance_sampling_agrees_with_the_exact_likelihood() -> None:
    """K = 1: gap about .04; K = 100: none. A forgotten -ln K would be off by 4.6."""
    got = trained(5, 100, test_share=0.2)
    held = got.model.config.split(got.data).test
    seen = torch.from_numpy(got.data.x[held] / np.float32(16))
    truth = exact(got.model, got.data.x[held].reshape(-1, 64) / 16.0)
    with torch.no_grad():
        torch.manual_seed(0)
        once = np.mean([float(log_likelihood(got.model, seen, 1).mean()) for _ in range(10)])
        ten = log_likelihood(got.model, seen, 10).numpy()
        hundred = log_likelihood(got.model, seen, 100).numpy()
    assert 0.0 < truth.mean() - once < 0.2
    assert abs(ten.mean() - truth.mean()) < 0.05
    assert abs(hundred.mean() - truth.mean()) < 0.02
    assert np.abs(hundred - truth).max() < 1.0
    record = evaluate(
        got.model, Batches(got.data, held, RunConfig.of(), CPU), elbo_samples=5, nll_samples=100
    )
    assert -record.nll == pytest.approx(truth.mean(), abs=0.02)
    assert record.nll_samples == 100


def test_a_fixed_sigma_deactivates_latents() -> None:
    """At a fixed σ a latent is active iff λᵢ > β σ², and exactly these units are active."""
    x = load_digits().data / 16
    eigenvalues = np.sort(np.linalg.eigvalsh(np.cov(x.T, bias=True)))[::-1]
    sigma = math.sqrt((eigenvalues[2] + eigenvalues[3]) / 2 / 2)  # with β = 2: three of them
    config = RunConfig.of(
        network="linear",
        likelihood="gaussian",
        sigma=sigma,
        beta=2.0,
        latent_dim=6,
        epochs=60,
        batch_size=128,
        lr=1e-2,
        lr_schedule="cosine",
        val_share=0,
        test_share=0,
        frames=0,
        device="cpu",
    )
    data = load("digits")
    run = list(train(config, data))
    model = build(config, config.domain(data))
    assert isinstance(run[-1], Snapshot)
    weights = {k[6:]: v for k, v in run[-1].arrays.items() if k.startswith("model.")}
    model.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
    rows = np.arange(len(data.x))
    record = evaluate(model, Batches(data, rows, RunConfig.of(), CPU))
    expected = 0.5 * np.log(eigenvalues[:3] / (2 * sigma**2))
    assert record.kl == pytest.approx(expected.sum(), abs=0.1)


@pytest.mark.parametrize(
    ("mu", "sd", "nats"),
    [
        (0, 0.5, 0.318147180560),
        (0, 2, 0.806852819440),
        (1.5, 0.5, 1.443147180560),
        (-2, 0.1, 3.807585092994),
        (3, 2, 5.306852819440),
    ],
)
def test_the_kl_of_a_whole_model_has_its_exact_values(mu: float, sd: float, nats: float) -> None:
    """Through encoder, posterior, prior and objective, for an encoder with the constant output (μ,
    ln s²)."""
    model = build(RunConfig.of(network="linear", latent_dim=3), Domain((4,)))
    with torch.no_grad():
        model.encoder[1].weight.zero_()
        bias = torch.tensor([mu] * 3 + [2 * math.log(sd)] * 3)
        model.encoder[1].bias.copy_(bias)
        out = model(torch.rand(5, 4), 1)
        terms = model.loss(out, {}).terms
    np.testing.assert_allclose(terms["kl_per_dimension"], [nats] * 3, rtol=2e-6)
