"""The true posterior by a grid against exact Gaussians and a plain sum over the plane."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal, kl_divergence

from tests.tables import SINGLE, each
from vae.analysis.posterior_fields import best_gaussian, examine, example_gaps, fields
from vae.analysis.projections import Plane, plane_of_latents
from vae.analysis.true_posterior import Joint, compare, integrate, nodes, obstacle
from vae.components.likelihoods import LIKELIHOODS
from vae.components.posteriors import POSTERIORS
from vae.components.priors import PRIORS
from vae.theory import one_example

EXAMPLE = torch.tensor([0, 1, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 0, 1, 1.0]).reshape(1, 1, 4, 4)
SOFT = {"gaussian": {"sigma": 0.9}}
ROWS = [
    *({"likelihood": name} | SOFT.get(name, {}) for name in SINGLE),
    *({"prior": name} for name in PRIORS if name != "standard"),
    *(
        {"posterior": name}
        for name, q in POSTERIORS.items()
        if q.has_density and name != "diagonal"
    ),
    {"condition": "labels"},
]
PLANE = plane_of_latents(np.zeros(2), (0, 1))


class Exact:
    """A joint density that is a Gaussian times e."""

    def __init__(self, mean: list[float], covariance: list[list[float]]) -> None:
        self.p = MultivariateNormal(
            torch.tensor(mean).double(), torch.tensor(covariance).double(), validate_args=False
        )

    def prior_places(self) -> np.ndarray:
        return np.array([[-3.0, -3], [3, 3]])

    def at(self, z: Tensor) -> Tensor:
        return self.p.log_prob(z.double()) + 1

    def __call__(self, z: np.ndarray) -> np.ndarray:
        return self.at(torch.from_numpy(z)).numpy()


def digit() -> tuple[Joint, Distribution]:
    """The example of the lesson on symbols, whose posterior is known exactly."""
    x = torch.tensor(one_example.digits()[[one_example.DIGIT]]).float().reshape(1, 1, 8, 8)
    model = one_example.model()
    return Joint(model, x), model.posterior(x)


def test_the_grid_of_a_linear_model_is_probabilistic_pca() -> None:
    joint, q = digit()
    found = compare(joint, nodes(q))
    assert found.posterior.log_evidence == pytest.approx(one_example.log_evidence(), abs=1e-3)
    mean, sd = one_example.exact_posterior()
    z, share = found.posterior.z, found.posterior.share
    np.testing.assert_allclose(share @ z, mean, atol=1e-5)
    np.testing.assert_allclose(share @ (z - mean) ** 2, sd**2, rtol=1e-3)
    exact = MultivariateNormal(torch.tensor(mean).float(), torch.tensor(sd**2).float().diag())
    wide = MultivariateNormal(q.mean[0].detach(), q.variance[0].detach().diag())
    assert found.kl == pytest.approx(float(kl_divergence(wide, exact)), abs=1e-3)


@each("settings", ROWS)
def test_every_row_equals_a_plain_sum_over_the_plane(tiny: Any, settings: dict[str, str]) -> None:
    model = tiny(latent_dim=2, **settings)
    is_counts = LIKELIHOODS[settings.get("likelihood", "bernoulli")].support == "counts"
    factor = 1.5 if is_counts else 3  # a mean is exponential in z
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.mul_(factor)  # a posterior that differs from the prior
    y = torch.tensor([1]) if model.classes else None
    q, joint = model.posterior(EXAMPLE, y), Joint(model, EXAMPLE, y)
    found = compare(joint, nodes(q))
    line = torch.linspace(-5, 5, 201)
    z = torch.cartesian_prod(line, line).unsqueeze(1)
    with torch.no_grad():
        log_p = model.likelihood(z, y).log_prob(EXAMPLE)[:, 0] + model.prior().log_prob(z[:, 0])
        log_q = q.log_prob(z)[:, 0]
    log_p, cell = log_p.double().numpy(), 2 * np.log(10 / 200)
    wanted = logsumexp(log_p) + cell
    assert found.posterior.log_evidence == pytest.approx(wanted, abs=3e-3)
    q_cell = np.exp(log_q.double().numpy() + cell)
    assert found.kl == pytest.approx(q_cell @ (log_q.numpy() - log_p + wanted), rel=1e-3, abs=5e-3)


def test_two_narrow_peaks_far_apart_are_found() -> None:
    where = ((-3.1, 3.3), (2.7, -3.2))
    peaks = [Exact(list(at), [[1e-4, 0], [0, 4e-4]]) for at in where]
    around = np.array([[-4, -4], [4, 4], [-3.1, 3.3]])
    found = integrate(
        lambda z: np.logaddexp(peaks[0](z) + np.log(0.3), peaks[1](z) + np.log(0.7)), around
    )
    assert found.log_evidence == pytest.approx(1, abs=1e-3)
    is_first = np.abs(found.z - where[0]).max(1) < 0.2
    assert found.share[is_first].sum() == pytest.approx(0.3, abs=1e-3)


def test_the_grid_widens_until_it_holds_the_mass() -> None:
    joint = Exact([9.0, -8.0], [[1.0, 0.3], [0.3, 0.5]])
    found = integrate(joint, np.array([[-3.0, -3], [3, 3]]))
    assert found.log_evidence == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(found.share @ found.z, [9, -8], atol=1e-4)


def test_the_best_gaussian_is_exact_or_has_the_conditional_variances() -> None:
    covariance = np.array([[0.5, 0.3], [0.3, 0.4]])
    joint = Exact([0.4, -1.2], covariance.tolist())
    start = MultivariateNormal(torch.zeros(1, 2), torch.eye(2))
    full = best_gaussian(joint, start, correlates=True)  # type: ignore[arg-type]
    np.testing.assert_allclose(full.mean[0], [0.4, -1.2], atol=1e-4)
    np.testing.assert_allclose(full.covariance_matrix[0], covariance, atol=1e-4)
    diagonal = best_gaussian(joint, start, correlates=False)  # type: ignore[arg-type]
    wanted = 1 / np.diag(np.linalg.inv(covariance))  # PRML, equation 10.13
    np.testing.assert_allclose(diagonal.variance[0], wanted, rtol=1e-3)


def test_densities_on_a_turned_map_have_their_levels() -> None:
    turn = np.array([[0.6, 0.8], [-0.8, 0.6]], np.float32)
    plane = Plane(np.float32([1, 2]), turn, turn, ("a", "b"), ("a", "b"))
    joint, q = digit()
    found = compare(joint, nodes(q))
    posterior, of_q = fields(joint, [q], found.posterior, plane)
    mean, sd = one_example.exact_posterior()
    height = np.unravel_index(posterior.value.argmax(), posterior.value.shape)
    at = plane.latents_at(np.float32([[posterior.x[height[1]], posterior.y[height[0]]]]))
    np.testing.assert_allclose(at[0], mean, atol=2 * float(np.ptp(of_q.x)) / 72)
    for field, width in ((posterior, 1.0), (of_q, one_example.WIDER)):
        inside = (field.value > field.level(0.3935)).sum() * np.diff(field.x)[0] ** 2
        assert inside == pytest.approx(np.pi * np.prod(sd) * width**2, rel=0.05)  # one sigma
    assert examine(joint, q, PLANE).found.kl == pytest.approx(found.kl)


def test_all_of_a_linear_models_gap_is_amortisation() -> None:
    joint, q = digit()
    found = example_gaps(joint, q, PLANE, correlates=False).gaps
    wide = one_example.WIDER
    assert found.amortisation == pytest.approx(wide**2 - 1 - 2 * np.log(wide), abs=2e-3)
    assert found.approximation == pytest.approx(0, abs=2e-3)
    assert found.log_evidence == pytest.approx(one_example.log_evidence(), abs=1e-3)


def test_a_diagonal_q_loses_the_correlation() -> None:
    """½ ln ΛᵢᵢΛⱼⱼ |Σ| for a Gaussian posterior (PRML, section 10.1.2)."""
    covariance = np.array([[0.5, 0.3], [0.3, 0.4]])
    joint: Any = Exact([0.4, -1.2], covariance.tolist())
    q = MultivariateNormal(torch.zeros(1, 2), torch.eye(2))
    both = [example_gaps(joint, q, PLANE, way) for way in (False, True)]
    assert [one.full for one in both] == pytest.approx([0, 0], abs=1e-3)
    diagonal, full = (one.gaps for one in both)
    precision = np.linalg.inv(covariance)
    lost = 0.5 * np.log(np.diag(precision).prod() * np.linalg.det(covariance))
    assert diagonal.approximation == pytest.approx(lost, abs=1e-3)
    assert full.approximation == pytest.approx(0, abs=1e-3)
    whole = float(
        kl_divergence(
            q, MultivariateNormal(joint.p.mean.float(), joint.p.covariance_matrix.float())
        )
    )
    assert diagonal.amortisation + lost == pytest.approx(whole, abs=1e-3)
    assert full.amortisation == pytest.approx(whole, abs=1e-3)


def test_a_model_without_a_plane_or_a_prior_has_a_reason(tiny: Any) -> None:
    assert obstacle(tiny(latent_dim=2)) == ""
    assert "two latents" in obstacle(tiny(latent_dim=3))
    assert "no p(z|x)" in obstacle(
        tiny(latent_dim=2, posterior="point", objective="reconstruction")
    )
