"""The likelihood of a mixed table: each column has the likelihood of its kind.

Columns of one kind (and of one number of names) are a group with one likelihood of another table:
a Gaussian of x or of ln x, a negative binomial, a Bernoulli, a categorical distribution. ln p(x|z)
of an example is the sum over its columns: log-probabilities, and log-densities in the units of x.
`vae.base.kinds` defines x, g and the scales of the columns.

Letters: D columns, n of them in a group, W numbers that the encoder receives: one for each column,
but one for each name of a category. The decoder gives as many.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae.base.kinds import CATEGORY
from vae.base.records import Domain
from vae.components.column_groups import GROUPS, Group
from vae.components.distributions import Elementwise
from vae.components.likelihood_base import Likelihood, elements


def places_of(domain: Domain) -> dict[tuple[str, float], list[int]]:
    """Return the columns of each group, by kind and, for categories, number of names."""
    found: dict[tuple[str, float], list[int]] = {}
    for k, kind in enumerate(domain.kinds):
        names = domain.scale[k] if kind == CATEGORY else 0.0
        found.setdefault((kind, names), []).append(k)
    return found


class Mixed(Likelihood):
    """Each column of a mixed table has the likelihood of its kind, and ln p(x|z) is their sum
    (Nazabal et al. 2020, https://arxiv.org/abs/1807.03653): Gaussian, log-normal,
    negative binomial, Bernoulli or categorical."""

    support = "columns"
    noise = "per element"
    order: Tensor  # place of each column among those of the groups

    def __init__(self, domain: Domain) -> None:
        super().__init__(domain)
        self.places, self.parts = list(places_of(domain).items()), nn.ModuleList()
        for (kind, _), places in self.places:
            location, scale = ([v[k] for k in places] for v in (domain.location, domain.scale))
            inside = Domain((len(places),), location=tuple(location), scale=tuple(scale))
            self.parts.append(GROUPS[kind](inside))
        columns = [k for _, places in self.places for k in places]
        order = sorted(range(len(columns)), key=columns.__getitem__)
        self.register_buffer("order", torch.tensor(order), persistent=False)

    @property
    def groups(self) -> list[Group]:
        """The groups of columns, in order."""
        return [part for part in self.parts if isinstance(part, Group)]

    @property
    def coded_shape(self) -> tuple[int, ...]:
        return (sum(group.width for group in self.groups),)

    def divided(self, x: Tensor) -> list[Tensor]:
        """Return the columns of each group, (..., n), of x (..., D)."""
        return [x[..., places] for _, places in self.places]

    def joined(self, parts: list[Tensor]) -> Tensor:
        """Return (..., D) from the columns of each group."""
        return torch.cat(parts, -1).index_select(-1, self.order)

    def encoder_input(self, u: Tensor) -> Tensor:
        pairs = zip(self.groups, self.divided(u), strict=True)
        return torch.cat([group.encoder_input(part) for group, part in pairs], -1)

    def forward(self, h: Tensor) -> Distribution:
        widths = [group.width for group in self.groups]
        parts = torch.split(h.squeeze(-2), widths, -1)  # (..., 1, W) → (..., width) each
        each = [group(part) for group, part in zip(self.groups, parts, strict=True)]
        return elements(MixedColumns(self, each), 1)

    def separated(self, x: Tensor) -> list[tuple[Likelihood, Tensor]]:
        pairs = zip(self.groups, self.divided(x), strict=True)
        return [(group.likelihood, group.value(part)) for group, part in pairs]

    def together(self, outputs: list[Tensor]) -> Tensor:
        pairs = zip(self.groups, outputs, strict=True)
        return torch.cat([group.coded(h) for group, h in pairs], -1).unsqueeze(0)

    def average(self, px: Any, weights: Tensor) -> Tensor:
        """Return the value of each column for the weighted mean of its moments."""
        pairs = zip(self.groups, px.base_dist.moments(), strict=True)
        return self.joined(
            [group.best(torch.einsum("kb,kb...->b...", weights, part)) for group, part in pairs]
        )

    def scalars(self) -> dict[str, Tensor]:
        """Return the smallest and the largest σ and dispersion of all columns."""
        found: dict[str, Tensor] = {}
        for group in self.groups:
            for name, value in group.likelihood.scalars().items():
                pick = torch.minimum if name.endswith("min") else torch.maximum
                found[name] = pick(found[name], value) if name in found else value
        return found


class MixedColumns(Elementwise):
    """The distributions of the columns of a table, (..., D)."""

    def __init__(self, likelihood: Mixed, each: list[Distribution]) -> None:
        """Store the likelihood and the distributions of the columns of each group, (..., n)."""
        super().__init__(torch.Size((*each[0].batch_shape[:-1], *likelihood.domain.shape)))
        self.likelihood, self.each = likelihood, each

    def log_prob(self, x: Tensor) -> Tensor:
        """Return ln p(x) of each column in nats, x (..., D)."""
        rows = zip(self.likelihood.groups, self.each, self.likelihood.divided(x), strict=True)
        return self.likelihood.joined([group.log_prob(each, part) for group, each, part in rows])

    def moments(self) -> list[Tensor]:
        """Return the moments of each group, (..., multiplicity, n)."""
        return [g.moments(each) for g, each in zip(self.likelihood.groups, self.each, strict=True)]

    @property
    def mean(self) -> Tensor:
        """E[x], but of a category the position of the most probable name."""
        pairs = zip(self.likelihood.groups, self.moments(), strict=True)
        return self.likelihood.joined([group.best(part) for group, part in pairs])

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with torch.no_grad():
            pairs = zip(self.likelihood.groups, self.each, strict=True)
            parts = [group.sample(each, sample_shape) for group, each in pairs]
            return self.likelihood.joined(parts)
