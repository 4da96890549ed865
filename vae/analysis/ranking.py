"""Ranking of examples by −ELBO or by reconstruction error.

−ELBO(x) = reconstruction + KL in nats is an upper bound on −ln p(x); for a posterior without
density it is the reconstruction term. To compare an example with a split of the data, its
percentile is the share of the split's examples whose −ELBO is lower. The k-th highest of N
different values has the percentile (N − k) / N; an example from outside the split can have 1.

Each example is evaluated at one z. Letters: N examples, Z latent dimensions.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae.base import numbers
from vae.base.records import Floats, Ints


class BoundTerms(NamedTuple):
    """The terms of the bound of every example of a split, at one z each."""

    rows: Ints  # (N,) rows of the data set
    z: Floats  # (N, Z)
    reconstruction: Floats  # (N,) −ln p(x|z), nats
    kl: Floats | None  # (N,) KL(q(z|x) || p(z)), nats; None for a posterior without density

    @property
    def bound(self) -> Floats:
        """−ELBO, (N,), nats: reconstruction + KL; the reconstruction without a density."""
        return self.reconstruction if self.kl is None else self.reconstruction + self.kl


Order = Callable[[BoundTerms, Ints, int], Ints]


class Row(NamedTuple):
    """A row of the table: (terms, places, seed) → places in order, and its properties."""

    title: str
    order: Order
    random: bool = False
    needs_kl: bool = False


ORDERS: dict[str, Row] = {  # the first is the default
    "random": Row("random", lambda j, at, seed: np.random.default_rng(seed).permutation(at), True),
    "worst-elbo": Row(
        "most surprising", lambda j, at, seed: ascending(-j.bound, at), needs_kl=True
    ),
    "best-elbo": Row(
        "least surprising", lambda j, at, seed: ascending(j.bound, at), needs_kl=True
    ),
    "worst": Row("worst reconstruction", lambda j, at, seed: ascending(-j.reconstruction, at)),
    "best": Row("best reconstruction", lambda j, at, seed: ascending(j.reconstruction, at)),
}


def ascending(score: Floats, at: Ints) -> Ints:
    """Return the places `at` (n,) by rising score (N,); equal scores keep their order."""
    return at[np.argsort(score[at], kind="stable")]


def percentile(bound: Floats, among: Floats) -> NDArray[np.float64]:
    """Return the share, 0 to 1, of `among` (N,) that is lower than each of `bound` (M,), (M,)."""
    lower = np.searchsorted(np.sort(among), bound, side="left")
    return np.asarray(lower / max(len(among), 1), np.float64)


def percent(share: float) -> str:
    """Return a share in percent, rounded down, so that 100 % means all."""
    return numbers.percent(math.floor(1000 * share + 1e-9) / 1000, 1 if share < 1 else 0)
