"""The true posterior and q(z|x) of an example as densities on a map, and the best Gaussian.

M places, G lines of a grid on each side.
"""

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
    Nodes,
    TruePosterior,
    compare,
    nodes,
    standard_nodes,
)

LINES = 72  # of the grid on each side
LEAST_MASS = 1e-4  # of p(z|x) outside the grid
LEAST_DENSITY = 3e-3  # of q at the border of the grid, relative to its mode: 3.4 σ
COARSE = (4.5, 15)  # reach and lines of the noise in a search


class PosteriorFields(NamedTuple):
    """p(z|x) and q(z|x) on the same part of a map."""

    posterior: Field
    q: Field


class Example(NamedTuple):
    """p(z|x) and q(z|x) of one example: the numbers and the densities on the map."""

    found: Comparison
    fields: PosteriorFields


def examine(joint: Joint, q: Distribution, plane: Plane) -> Example:
    """Return the record of the example of `joint` with its q, of batch shape (1,)."""
    of_q = nodes(q)
    found = compare(joint, of_q)
    return Example(found, fields(joint, q, of_q, found.posterior, plane))


def fields(
    joint: Joint, q: Distribution, of_q: Nodes, found: TruePosterior, plane: Plane
) -> PosteriorFields:
    """Return both densities, each up to a factor, on a square that holds their mass."""
    is_inside = of_q.weight.numpy() > LEAST_DENSITY * float(of_q.weight.max())
    z = np.concatenate([_heaviest(found), of_q.z.numpy()[is_inside]]).astype(np.float32)
    at = plane.places(z)
    middle, half = (at.min(0) + at.max(0)) / 2, 0.54 * float(np.ptp(at, axis=0).max())
    x, y = (np.linspace(m - half, m + half, LINES, dtype=np.float32) for m in middle)
    places = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    latents = plane.latents_at(places)
    with torch.no_grad():
        log_q = q.log_prob(torch.from_numpy(latents).unsqueeze(1))[:, 0].double().numpy()
    drawn = [_relative(joint(latents.astype(np.float64))), _relative(log_q)]
    return PosteriorFields(*(field_of(x, y, d.reshape(LINES, LINES)) for d in drawn))


def _heaviest(found: TruePosterior) -> Doubles:
    """Return the centres of the cells that hold nearly all mass, (M, 2)."""
    order = np.argsort(-found.share)
    number = int(np.searchsorted(found.share[order].cumsum(), 1 - LEAST_MASS)) + 1
    heaviest: Doubles = found.z[order[:number]]
    return heaviest


def _relative(log_density: Doubles) -> Doubles:
    density: Doubles = np.exp(log_density - log_density.max())
    return density


def best_gaussian(
    joint: Joint, q: Distribution, correlates: bool, peak: Doubles | None = None
) -> Distribution:
    """Return the Gaussian with the highest ELBO for one example, of batch shape (1,).

    Its covariance is full if it `correlates`, else diagonal. The search begins at q and at `peak`
    (2,), such as the mode of p(z|x), because an ELBO may have several maxima.
    """
    mean, log_scale = q.mean[0].tolist(), q.stddev[0].log().tolist()
    starts = [mean] if peak is None else [mean, peak.tolist()]
    noise, weight, _ = standard_nodes(*COARSE)

    def loss(values: Doubles) -> tuple[float, Doubles]:
        at = torch.from_numpy(values).requires_grad_()
        middle, scale = _gaussian(at, correlates)
        z = (middle + noise @ scale.T).float()
        value = -(weight @ joint.at(z)) - scale.diagonal().log().sum()
        return value.item(), torch.autograd.grad(value, at)[0].numpy()

    found = [
        minimize(loss, [*start, *log_scale, 0.0], jac=True, method="L-BFGS-B") for start in starts
    ]
    best = torch.from_numpy(min(found, key=lambda f: f.fun).x)
    middle, scale = _gaussian(best, correlates)
    return MultivariateNormal(middle[None].float(), scale_tril=scale[None].float())


def _gaussian(at: Tensor, correlates: bool) -> tuple[Tensor, Tensor]:
    """Return mean (2,) and lower triangular scale (2, 2) of the parameters (5,)."""
    scale = at[2:4].exp().diag_embed()
    below = torch.tensor([[0.0, 0.0], [float(correlates), 0.0]], dtype=at.dtype)
    return at[:2], scale + below * at[4] * scale[0, 0]
