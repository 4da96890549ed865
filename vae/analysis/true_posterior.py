"""The true posterior p(z|x) of one example under a model with two latents, by a grid.

    p(z|x) = p(x|z) p(z) / p(x),   ln p(x) = ln ∫ p(x|z) p(z) dz = ELBO(q) + KL(q ‖ p(z|x))

for any density q. The integral is a sum over square cells of the plane: the midpoint rule, whose
error for a smooth peak falls like exp(−2π² (width / side)²). The cells that can carry mass are
halved until ln p(x) stays. The ELBO is an integral over q by the same rule in the coordinates of
its noise, so that KL(q ‖ p(z|x)) is a difference of two integrals. Nats, M places.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import logsumexp
from torch import Tensor
from torch.distributions import Distribution

from vae.base import rng
from vae.components.posteriors import Transformed
from vae.evaluation.aggregate_posterior import Posteriors
from vae.evaluation.bound import batch_size
from vae.model import VAE

LATENTS = 2
CHUNK = 4096  # places at a time, at most
SPACING, LEAST, MOST_LINES = 0.25, 48, 128  # sides of the first cells, and lines of cells
MARGIN, DRAWS = 1.5, 256  # of the first square around q and draws of the prior
DEPTH = 25.0  # nats below the highest cell that leave a cell without mass
SLACK = 200.0  # nats that a peak can rise above the centre of a cell of side SPACING
MOST = 60_000  # cells at a time
HALVINGS, WIDENINGS = 9, 8
TOLERANCE = 3e-4  # nats between two halvings
MANY, ROUGH = 8_000, 3e-3  # cells above which this tolerance ends the halvings
REACH, LINES = 6.0, 41  # of the noise of q, standard deviations, and lines of its grid

Doubles = NDArray[np.float64]
Places = Callable[[Doubles], Doubles]  # z (M, 2) → ln p(x, z), (M,)


class Nodes(NamedTuple):
    """A density q as nodes of a quadrature: E_q[f] = Σ weight f(z)."""

    z: Tensor  # (M, 2)
    weight: Tensor  # (M,), sum 1
    log_q: Tensor  # (M,)


class TruePosterior(NamedTuple):
    """p(z|x) as cells of a grid."""

    z: Doubles  # (M, 2) centres
    share: Doubles  # (M,) probability of each cell
    log_evidence: float  # ln p(x)
    error: float  # change of ln p(x) by the last halving of the cells


class Comparison(NamedTuple):
    """The true posterior of an example and the bound of a density q."""

    posterior: TruePosterior
    elbo: float

    @property
    def kl(self) -> float:
        """KL(q ‖ p(z|x)) = ln p(x) − ELBO."""
        return max(self.posterior.log_evidence - self.elbo, 0.0)


def obstacle(model: VAE) -> str:
    """Return why a model has no true posterior on the plane; "" if it has one."""
    if model.config.latent_dim != LATENTS:
        return f"p(z|x) needs two latents: a grid over {model.config.latent_dim} is too large."
    if not model.has_kl:
        return "An autoencoder without KL is trained without a prior p(z): it has no p(z|x)."
    return ""


class Joint:
    """ln p(x, z) of one example, as a function of z."""

    def __init__(self, model: VAE, x: Tensor, y: Tensor | None = None) -> None:
        """Store a model, one example x (1, *event) and its class y (1,)."""
        self.model, self.x, self.y = model, x, y
        self.chunk = batch_size(model, CHUNK)

    def __call__(self, z: Doubles) -> Doubles:
        """Return ln p(x, z) at z (M, 2), (M,)."""
        parts = torch.split(torch.from_numpy(z).float(), self.chunk)
        with torch.no_grad():
            found: Doubles = torch.cat([self.at(part) for part in parts]).numpy()
        return found

    def prior_places(self) -> Doubles:
        """Return draws of the prior, (DRAWS, 2), the same every time."""
        with torch.no_grad(), rng.stream(self.model.device, 0, "page"):
            drawn: Doubles = self.model.prior().sample(torch.Size((DRAWS,))).double().numpy()
        return drawn

    def at(self, z: Tensor) -> Tensor:
        """Return ln p(x, z) at z (M, 2) with its gradient, (M,) float64."""
        px = self.model.likelihood(z.unsqueeze(1), self.y)  # (M, 1)
        return px.log_prob(self.x)[:, 0].double() + self.model.prior().log_prob(z).double()


def standard_nodes(reach: float = REACH, lines: int = LINES) -> tuple[Tensor, Tensor, Tensor]:
    """Return nodes, weights and log density of N(0, I) in the plane: (M, 2), (M,), (M,)."""
    line = torch.linspace(-reach, reach, lines, dtype=torch.float64)
    noise = torch.cartesian_prod(line, line)
    log_density = -0.5 * noise.square().sum(1) - math.log(2 * math.pi)
    return noise, log_density.softmax(0), log_density


def nodes(q: Distribution) -> Nodes:
    """Return the nodes of q, a distribution of batch shape (1,) with a density."""
    noise, weight, log_density = standard_nodes()
    with torch.no_grad():
        if isinstance(q, Transformed):
            base = Posteriors.of(q.base)
            assert base is not None
            start = base.moved(noise, torch.zeros(len(noise), dtype=torch.long))
            z, log_det = q.transform.call_and_ladj(start.float().unsqueeze(1))
            log_q = log_density - base.log_scale - log_det[:, 0].double()
            return Nodes(z[:, 0].double(), weight, log_q)
        of = Posteriors.of(q)
        assert of is not None
        z = of.moved(noise, torch.zeros(len(noise), dtype=torch.long))
        return Nodes(z, weight, log_density - of.log_scale)


def elbo(log_joint: Places, q: Nodes) -> float:
    """Return E_q[ln p(x, z) − ln q(z)]."""
    return float(q.weight.numpy() @ (log_joint(q.z.numpy()) - q.log_q.numpy()))


def compare(joint: Joint, q: Nodes) -> Comparison:
    """Return the true posterior and the bound of q. The grid begins around q and the prior."""
    around = np.concatenate([q.z.numpy(), joint.prior_places()])
    return Comparison(integrate(joint, around), elbo(joint, q))


def integrate(log_joint: Places, around: Doubles) -> TruePosterior:
    """Return the posterior of a joint density with mass in a square around places (M, 2).

    The square grows while its border has mass; a peak beyond it and a valley stays unknown.
    """
    z, side, values = _covering(log_joint, around)
    near = log_joint(around)
    best, peak = around[near.argmax()], float(near.max())
    slack, before, error = SLACK * (side / SPACING) ** 2, math.inf, math.inf
    for _ in range(HALVINGS):
        z, side = _halved(z, values, side, DEPTH + slack, best)
        values, slack = log_joint(z), slack / 4
        log_evidence = float(logsumexp(values)) + 2 * math.log(side)
        error, before = abs(log_evidence - before), log_evidence
        tolerance = TOLERANCE if len(z) < MANY else ROUGH
        if error < tolerance and values.max() > peak - 1:
            break
    return TruePosterior(z, np.exp(values - logsumexp(values)), log_evidence, error)


def _covering(log_joint: Places, around: Doubles) -> tuple[Doubles, float, Doubles]:
    """Return centres, side and values of cells over a square that holds the mass."""
    centre = (around.min(0) + around.max(0)) / 2
    half = MARGIN * float(np.ptp(around, axis=0).max()) / 2
    for _ in range(WIDENINGS):
        lines = min(max(math.ceil(2 * half / SPACING), LEAST), MOST_LINES)
        side = 2 * half / lines
        line = (np.arange(lines) + 0.5) * side - half
        z = centre + np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
        values = log_joint(z)
        square = values.reshape(lines, lines)
        rim = max(square[[0, -1]].max(), square[:, [0, -1]].max())
        if rim < values.max() - DEPTH:
            break
        half *= 1.5
    return z, side, values


def _halved(
    z: Doubles, values: Doubles, side: float, depth: float, best: Doubles
) -> tuple[Doubles, float]:
    """Return the quarters of the cells within `depth` of the highest, and of those at `best`."""
    keep = (values > values.max() - depth) | (np.abs(z - best).max(1) <= side)
    if 4 * keep.sum() > MOST:
        keep &= values >= np.sort(values[keep])[-MOST // 4]
    quarter = side / 4 * np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
    return (z[keep][:, None] + quarter).reshape(-1, 2), side / 2
