"""Groups of columns of a mixed table: n columns of one kind under one likelihood.

`vae.base.kinds` defines x, g and the scales of the columns. Letters: n columns of a group, K names
of a category.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae.base.kinds import BINARY, CATEGORY, COUNT, POSITIVE, REAL
from vae.base.records import Domain
from vae.components.count_likelihoods import NegativeBinomial
from vae.components.gaussian_likelihoods import GaussianPerDimension
from vae.components.level_likelihoods import Categorical
from vae.components.likelihood_base import Likelihood
from vae.components.rescalings import Units
from vae.components.unit_likelihoods import Bernoulli

TINY = torch.finfo(torch.float32).tiny
MOST = 80.0  # of the ln of a mean: float32 ends at 88


class Group(nn.Module):
    """The real columns of a table: x is Gaussian."""

    row: type[Likelihood] = GaussianPerDimension

    def __init__(self, domain: Domain) -> None:
        """Build the likelihood of columns whose location and scale are those of the domain."""
        super().__init__()
        self.columns, self.units = len(domain.scale), Units(domain)
        self.names = self._names(domain)  # of each column
        self.width = self.columns * max(self.names, 1)
        self.likelihood = self.row(domain._replace(levels=self.names))

    def _names(self, domain: Domain) -> int:
        return 0

    def g(self, x: Tensor) -> Tensor:
        """Return the number of which location and scale are known, for x (..., n)."""
        return x

    def encoder_input(self, x: Tensor) -> Tensor:
        """Return the encoder's numbers for x (..., n): (..., width)."""
        u: Tensor = self.units(self.g(x))
        return u

    def value(self, x: Tensor) -> Tensor:
        """Return the value whose distribution the likelihood gives, for x (..., n)."""
        return self.encoder_input(x)

    def log_slope(self, x: Tensor) -> Tensor:
        """Return ln |d value / dx| for x (..., n)."""
        return -self.units.scale.log()

    def outputs(self, h: Tensor) -> Tensor:
        """Return the outputs that the likelihood expects for those of the decoder,
        (..., multiplicity, n)."""
        return h

    def coded(self, h: Tensor) -> Tensor:
        """Return the decoder's output (..., width) for outputs that the likelihood expects."""
        return h.flatten(-2)

    def forward(self, h: Tensor) -> Distribution:
        """Return p(value|z) of each column for the decoder's output (..., width)."""
        h = h.reshape(*h.shape[:-1], -1, self.columns)  # (..., multiplicity, n)
        px: Any = self.likelihood(self.outputs(h))
        each: Distribution = px.base_dist
        return each

    def log_prob(self, each: Distribution, x: Tensor) -> Tensor:
        """Return ln p(x|z) of each column in nats, x (..., n)."""
        log_p: Tensor = each.log_prob(self.value(x))
        return log_p + self.log_slope(x)

    def moments(self, each: Distribution) -> Tensor:
        """Return E[x], or the probability of each name, (..., multiplicity, n)."""
        return self.units.inverse(each.mean).unsqueeze(-2)

    def best(self, moments: Tensor) -> Tensor:
        """Return the value x (..., n) to show for these moments."""
        return moments.squeeze(-2)

    def sample(self, each: Distribution, shape: Any) -> Tensor:
        """Return samples of x, (*shape, ..., n)."""
        return self.units.inverse(each.sample(shape))


class PositiveGroup(Group):
    """Columns of positive numbers: ln x is Gaussian, with E[x] = exp(m + s² / 2)."""

    def g(self, x: Tensor) -> Tensor:
        return x.clamp(min=TINY).log()

    def log_slope(self, x: Tensor) -> Tensor:
        return -self.units.scale.log() - self.g(x)

    def moments(self, each: Distribution) -> Tensor:
        spread = (self.units.scale * each.stddev).square() / 2
        return (self.units.inverse(each.mean) + spread).clamp(max=MOST).exp().unsqueeze(-2)

    def sample(self, each: Distribution, shape: Any) -> Tensor:
        return super().sample(each, shape).clamp(max=MOST).exp()


class BinaryGroup(Group):
    """Columns of 0 and 1; the value to show is the probability of 1."""

    row = Bernoulli

    def _names(self, domain: Domain) -> int:
        return 2

    def __init__(self, domain: Domain) -> None:
        super().__init__(domain)
        self.width = self.columns

    def log_slope(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


class CountGroup(Group):
    """Columns of counts: the decoder gives ln of the mean in the scale of ln(1 + x)."""

    row = NegativeBinomial
    START = 0.5  # of the spread of ln(1 + x) that the dispersion explains before training

    def __init__(self, domain: Domain) -> None:
        super().__init__(domain)
        start = (self.START * torch.tensor(domain.scale)).square().log()
        self.likelihood.log_dispersion = nn.Parameter(start)

    def g(self, x: Tensor) -> Tensor:
        return x.clamp(min=0).log1p()

    def value(self, x: Tensor) -> Tensor:
        return x

    def log_slope(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)

    def outputs(self, h: Tensor) -> Tensor:
        return self.units.inverse(h)

    def coded(self, h: Tensor) -> Tensor:
        return super().coded(self.units(h))

    def moments(self, each: Distribution) -> Tensor:
        return each.mean.unsqueeze(-2)

    def sample(self, each: Distribution, shape: Any) -> Tensor:
        return each.sample(shape)


class CategoryGroup(Group):
    """Columns of one of K names: the decoder gives a logit for each; the value to show is the
    position of the most probable one."""

    row = Categorical

    def _names(self, domain: Domain) -> int:
        return round(domain.scale[0]) + 1

    def encoder_input(self, x: Tensor) -> Tensor:
        """Return 1 for the name of each column, 0 for the others: (..., K n)."""
        place = torch.arange(self.names, device=x.device)[:, None]
        code = (x.unsqueeze(-2) == place).to(x.dtype)  # (..., K, n)
        return torch.where(x.isnan().unsqueeze(-2), torch.nan, code).flatten(-2)

    def value(self, x: Tensor) -> Tensor:
        return x / (self.names - 1)

    def log_slope(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)

    def moments(self, each: Any) -> Tensor:
        p: Tensor = each.log_p.exp()
        return p.movedim(-1, -2)  # (..., n, K) → (..., K, n)

    def best(self, moments: Tensor) -> Tensor:
        return moments.argmax(-2).to(moments.dtype)

    def sample(self, each: Distribution, shape: Any) -> Tensor:
        return (each.sample(shape) * (self.names - 1)).round()


GROUPS: dict[str, type[Group]] = {  # of each row of `vae.base.kinds.KINDS`
    REAL: Group,
    POSITIVE: PositiveGroup,
    COUNT: CountGroup,
    BINARY: BinaryGroup,
    CATEGORY: CategoryGroup,
}
