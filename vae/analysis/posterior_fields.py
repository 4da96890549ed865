"""The true posterior and q(z|x) of an example as densities on a map, and the best Gaussian.

    ln p(x) = ELBO(q) + amortisation gap + approximation gap

as in `vae.theory.gaps`, here for an example of a trained model with two latents.

M places, G lines of a grid on each side.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal

from vae.analysis.density import Field, field_of
from vae.analysis.projections import Plane
from vae.analysis.true_posterior import (
    Comparison,
    Doubles,
    Joint,
    TruePosterior,
    compare,
    elbo,
    nodes,
)
from vae.base.records import Floats
from vae.theory.gaps import Gaps

LINES = 72  # of the grid on each side
LEAST_MASS = 1e-4  # of p(z|x) outside the grid
LEAST_DENSITY = 3e-3  # of q at the border of the grid, relative to its mode: 3.4 σ
PRECISION, STEPS = 1e-8, 60  # relative, of the ELBO in a search; its steps at most
NEAR = 0.1  # density of places near the mode, relative to its own
NODES = 7  # of Gauss–Hermite quadrature in each direction, for a search


class Example(NamedTuple):
    """p(z|x) and q(z|x) of one example: the numbers, and the densities on the map."""

    found: Comparison
    posterior: Field
    q: Field


class ExampleGaps(NamedTuple):
    """The two gaps of one example of a run, and the densities on the map."""

    gaps: Gaps
    posterior: Field
    q: Field
    best: Field  # the best Gaussian of the posterior's kind
    full: float  # KL of the best Gaussian with full covariance to p(z|x), nats
    error: float  # of ln p(x), nats


def examine(joint: Joint, q: Distribution, plane: Plane) -> Example:
    """Return the record of the example of `joint` with its q, of batch shape (1,)."""
    found = compare(joint, nodes(q))
    return Example(found, *fields(joint, [q], found.posterior, plane))


def example_gaps(joint: Joint, q: Distribution, plane: Plane, correlates: bool) -> ExampleGaps:
    """Return both gaps of the encoder's Gaussian q; it `correlates` if its covariance is full.

    Amortisation: the ELBO of the best Gaussian − the ELBO of q. Approximation: KL of that
    Gaussian to p(z|x).
    """
    found = compare(joint, nodes(q))
    posterior = found.posterior
    best = best_gaussian(joint, q, correlates, posterior)
    highest = max(found.elbo, elbo(joint, nodes(best)))
    parts = (highest - found.elbo, max(posterior.log_evidence - highest, 0.0))
    full = parts[1]
    if not correlates:
        richer = elbo(joint, nodes(best_gaussian(joint, q, True, posterior)))
        full = min(full, max(posterior.log_evidence - richer, 0.0))
    of_p, of_q, of_best = fields(joint, [q, best], posterior, plane)
    gaps = Gaps(posterior.log_evidence, found.elbo, *parts)
    return ExampleGaps(gaps, of_p, of_q, of_best, full, posterior.error)


def fields(
    joint: Joint, others: Sequence[Distribution], found: TruePosterior, plane: Plane
) -> list[Field]:
    """Return p(z|x) and the `others`, each up to a factor, on a square that holds their mass."""
    window = _window([_heaviest(found), *map(_inside, others)], plane)
    densities = [lambda z: joint(z[:, 0].double().numpy()), *map(_log_density, others)]
    return [_field(window, density) for density in densities]


def field_alone(q: Distribution, plane: Plane) -> Field:
    """Return q, up to a factor, on a square that holds its mass."""
    return _field(_window([_inside(q)], plane), _log_density(q))


def _log_density(q: Distribution) -> Callable[[Tensor], Doubles]:
    return lambda z: q.log_prob(z)[:, 0].double().numpy()


class _Window(NamedTuple):
    """A square of the map and the latents at its places."""

    x: Floats  # (LINES,)
    y: Floats  # (LINES,)
    z: Tensor  # (M, 1, 2)


def _window(mass: Sequence[Doubles], plane: Plane) -> _Window:
    """Return the square around places (M, 2)."""
    at = plane.places(np.concatenate(mass).astype(np.float32))
    middle, half = (at.min(0) + at.max(0)) / 2, 0.54 * float(np.ptp(at, axis=0).max())
    x, y = (np.linspace(m - half, m + half, LINES, dtype=np.float32) for m in middle)
    latents = plane.latents_at(np.stack(np.meshgrid(x, y), -1).reshape(-1, 2))
    return _Window(x, y, torch.from_numpy(latents).unsqueeze(1))


def _field(window: _Window, log_density: Callable[[Tensor], Doubles]) -> Field:
    with torch.no_grad():
        found = log_density(window.z)
    relative = np.exp(found - found.max()).reshape(LINES, LINES)
    return field_of(window.x, window.y, relative)


def _inside(q: Distribution) -> Doubles:
    """Return nodes of q where its density is not low, (M, 2)."""
    found = nodes(q)
    inside: Doubles = found.z[found.weight > LEAST_DENSITY * found.weight.max()].numpy()
    return inside


def _heaviest(found: TruePosterior) -> Doubles:
    """Return the centres of the cells that hold nearly all mass, (M, 2)."""
    order = np.argsort(-found.share)
    number = int(np.searchsorted(found.share[order].cumsum(), 1 - LEAST_MASS)) + 1
    heaviest: Doubles = found.z[order[:number]]
    return heaviest


def best_gaussian(
    joint: Joint, q: Distribution, correlates: bool, found: TruePosterior | None = None
) -> Distribution:
    """Return the Gaussian with the highest ELBO for one example, of batch shape (1,).

    Its covariance is full if it `correlates`, else diagonal. The search begins at q, or at the
    mode of p(z|x) if `found` shows that the ELBO is higher there: it may have several maxima.
    """
    noise, weight = _hermite()

    def loss(values: Doubles) -> tuple[float, Doubles]:
        at = torch.from_numpy(values).requires_grad_()
        middle, scale = _gaussian(at, correlates)
        z = (middle + noise @ scale.T).float()
        value = -(weight @ joint.at(z)) - scale.diagonal().log().sum()
        return value.item(), torch.autograd.grad(value, at)[0].numpy()

    starts = [np.r_[q.mean[0].detach(), q.stddev[0].detach().log(), 0.0].astype(np.float64)]
    if found is not None:
        starts.append(_at_mode(found))
    start = min(starts, key=lambda at: loss(at)[0])
    options = {"ftol": PRECISION, "maxiter": STEPS}
    best = minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x
    middle, scale = _gaussian(torch.from_numpy(best), correlates)
    return MultivariateNormal(middle[None].float(), scale_tril=scale[None].float())


def _at_mode(found: TruePosterior) -> Doubles:
    """Return the parameters (5,) of a Gaussian at the mode, as wide as the mass near it."""
    mode = found.z[found.share.argmax()]
    near = found.share > NEAR * found.share.max()
    spread = found.share[near] @ (found.z[near] - mode) ** 2 / found.share[near].sum()
    start: Doubles = np.r_[mode, 0.5 * np.log(spread), 0.0]
    return start


@lru_cache(maxsize=1)
def _hermite() -> tuple[Tensor, Tensor]:
    """Return nodes (M, 2) and weights (M,) that integrate polynomials over N(0, I) exactly."""
    line, weight = map(torch.from_numpy, np.polynomial.hermite_e.hermegauss(NODES))
    weight = weight / weight.sum()
    return torch.cartesian_prod(line, line), torch.outer(weight, weight).flatten()


def _gaussian(at: Tensor, correlates: bool) -> tuple[Tensor, Tensor]:
    """Return mean (2,) and lower triangular scale (2, 2) of the parameters (5,)."""
    scale = at[2:4].exp().diag_embed()
    below = torch.tensor([[0.0, 0.0], [float(correlates), 0.0]], dtype=at.dtype)
    return at[:2], scale + below * at[4] * scale[0, 0]
