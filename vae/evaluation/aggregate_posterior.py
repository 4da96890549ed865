"""The aggregate posterior q(z) = 1/N Σ_n q(z|x_n), the mixture of the posteriors of all examples.

On average KL(q(z|x) || p(z)) = I_q(x; z) + KL(q(z) || p(z)) (Hoffman & Johnson 2016, "ELBO
surgery"): the information in z about the identity of its example, at most ln N, and the distance
of the encoded data from the prior. Both are means over z ~ q(z) of a difference of log densities,
with q(z) the mixture of all N examples. The mixture of a batch, which training uses, is biased by
up to ln(N / batch size) (Chen et al. 2018, appendix C).

Everything is in nats, float64 and on the CPU. Letters: N examples, M draws of z, Z latents.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from vae.base.progress import Progress, silent

CELLS = 250_000  # pairs (draw, example) at a time: they fit into the cache


class Estimate(NamedTuple):
    """A mean over draws, with its standard error."""

    value: float
    se: float


class Information(NamedTuple):
    """Both parts of the mean KL, nats."""

    mutual_information: Estimate  # I_q(x; z)
    aggregate_kl: Estimate  # KL(q(z) || p(z))


class Posteriors(NamedTuple):
    """q(z|x_n) of N examples, Gaussians whose covariance is diagonal or full."""

    mean: Tensor  # (N, Z)
    scale: Tensor  # standard deviations (N, Z), or L (N, Z, Z) lower triangular, covariance L Lᵀ

    @classmethod
    def of(cls, q: Distribution) -> "Posteriors | None":
        """Return the posteriors of a distribution (N,); None if they are not Gaussian."""
        if isinstance(q, Independent) and isinstance(q.base_dist, Normal):
            return cls(q.mean.cpu(), q.stddev.cpu())
        if isinstance(q, MultivariateNormal):
            return cls(q.mean.cpu(), q.scale_tril.cpu())
        return None

    @property
    def log_scale(self) -> Tensor:
        """½ ln det of each covariance, (N,)."""
        diagonal = self.scale if self.scale.ndim == 2 else self.scale.diagonal(0, 1, 2)
        return diagonal.double().log().sum(1)

    def moved(self, noise: Tensor, rows: Tensor) -> Tensor:
        """Return z (M, Z) of the examples `rows` (M,) for noise (M, Z) from N(0, I)."""
        mean, scale = self.mean[rows].double(), self.scale[rows].double()
        if scale.ndim == 2:
            return mean + scale * noise
        return mean + (scale @ noise.unsqueeze(-1)).squeeze(-1)

    def log_aggregate(self, z: Tensor, progress: Progress = silent) -> Tensor:
        """Return ln 1/N Σ_n q(z|x_n) for z (M, Z), (M,)."""
        constant = self.mean.shape[1] / 2 * math.log(2 * math.pi) + math.log(len(self.mean))
        whiten, log_scale = self._whiten(), self.log_scale
        shift = torch.stack([(w * m).sum(0) for w, m in self._pairs(whiten)])  # (Z, N)
        found: list[Tensor] = []
        size = max(1, CELLS // len(self.mean))
        for part in torch.split(z, size):
            found.append(_distances(part, whiten, shift).mul_(-0.5).sub_(log_scale).logsumexp(1))
            progress(min(1.0, len(found) * size / len(z)))
        return torch.cat(found) - constant

    def _whiten(self) -> Tensor:
        """Return L⁻¹ of each example by row, each row contiguous: (Z, 1, N) if diagonal, else
        (Z, Z, N)."""
        scale = self.scale.double()
        if scale.ndim == 2:
            return (1 / scale).T.contiguous().unsqueeze(1)
        eye = torch.eye(scale.shape[1], dtype=scale.dtype)
        inverse: Tensor = torch.linalg.solve_triangular(scale, eye.expand_as(scale), upper=False)
        return inverse.permute(1, 2, 0).contiguous()

    def _pairs(self, whiten: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield each row of L⁻¹ with the means that it multiplies, both (1 or Z, N)."""
        mean = self.mean.double().T  # (Z, N)
        for i, row in enumerate(whiten):
            yield row, mean[i : i + 1] if len(row) == 1 else mean


def _distances(z: Tensor, whiten: Tensor, shift: Tensor) -> Tensor:
    """Return |L_n⁻¹ (z_m − mean_n)|² for z (M, Z) and N examples, (M, N).

    `shift` is L_n⁻¹ mean_n, (Z, N).
    """
    total = z.new_zeros(len(z), shift.shape[1])
    for i, row in enumerate(whiten):
        if len(row) == 1:
            whitened = torch.addcmul(-shift[i], z[:, i : i + 1], row)
        else:
            whitened = torch.addmm(-shift[i], z, row)
        total.addcmul_(whitened, whitened)
    return total


def joined(parts: list[Posteriors]) -> Posteriors:
    """Return the posteriors of all parts, in order."""
    return Posteriors(torch.cat([p.mean for p in parts]), torch.cat([p.scale for p in parts]))


def information(
    q: Posteriors,
    log_prior: Callable[[Tensor], Tensor],
    draws: int,
    seed: int,
    progress: Progress = silent,
) -> Information:
    """Return I_q(x; z) and KL(q(z) ‖ p(z)) from `draws` of a random example n and z ~ q(z|x_n).

    ln q(z) is over all N examples. The standard errors are over the draws, for these N examples.
    `log_prior` is ln p(z), z (M, Z) → (M,).
    """
    assert draws > 1
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randint(len(q.mean), (draws,), generator=generator)
    shape = (draws, q.mean.shape[1])
    noise = torch.randn(shape, generator=generator, dtype=torch.float64)
    z = q.moved(noise, rows)
    posterior = (
        -0.5 * (noise.square() + math.log(2 * math.pi)).sum(1) - q.log_scale[rows]
    )  # ln q(z|x_n)
    aggregate = q.log_aggregate(z, progress)
    prior = log_prior(z).cpu().double()
    return Information(_estimate(posterior - aggregate), _estimate(aggregate - prior))


def _estimate(values: Tensor) -> Estimate:
    return Estimate(float(values.mean()), float(values.std() / len(values) ** 0.5))
