"""Surprise: how badly a model does on one example, against many others.

The surprise of an example is −ELBO(x) = reconstruction + KL in nats, an upper bound on −ln p(x);
where there is no KL (a point posterior) it is the reconstruction term alone. A bound in nats says
little by itself, so it is set against a split of the data: the percentile of surprise of an
example is the share of the split's examples whose ELBO is higher. The k-th most surprising of N
different examples has the percentile (N − k) / N; one from outside can have 1.

Every example is judged at one z of its own. Letters: N examples, Z latent dimensions.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae.base.records import Floats, Ints


class Judged(NamedTuple):
    """Every example of a split at one z of its own."""

    rows: Ints  # (N,) rows of the data set
    z: Floats  # (N, Z)
    reconstruction: Floats  # (N,) -ln p(x|z), nats
    kl: Floats | None  # (N,) KL(q(z|x) || p(z)), nats; None for a point posterior

    @property
    def bound(self) -> Floats:
        """reconstruction + KL, (N,); reconstruction alone where there is no KL."""
        return self.reconstruction if self.kl is None else self.reconstruction + self.kl


Order = Callable[[Judged, Ints, int], Ints]

ORDERS: dict[str, tuple[str, Order]] = {  # (judged, places, seed) → places, the first ones first
    "random": ("random", lambda j, at, seed: np.random.default_rng(seed).permutation(at)),
    "worst-elbo": ("most surprising", lambda j, at, seed: ascending(-j.bound, at)),
    "best-elbo": ("least surprising", lambda j, at, seed: ascending(j.bound, at)),
    "worst": ("worst reconstruction", lambda j, at, seed: ascending(-j.reconstruction, at)),
    "best": ("best reconstruction", lambda j, at, seed: ascending(j.reconstruction, at)),
}


def ascending(score: Floats, at: Ints) -> Ints:
    """The places `at` (n,) by rising score (N,); equal ones stay in order."""
    return at[np.argsort(score[at], kind="stable")]


def percentile(bound: Floats, among: Floats) -> NDArray[np.float64]:
    """The share, 0 to 1, of examples whose −ELBO `among` (N,) is lower than each of `bound` (M,):
    (M,)."""
    lower = np.searchsorted(np.sort(among), bound, side="left")
    return np.asarray(lower / max(len(among), 1), np.float64)


def percent(share: float) -> str:
    """A share in percent, rounded down so that only all is 100 %."""
    return "100 %" if share >= 1 else f"{math.floor(1000 * share + 1e-9) / 10:.1f} %"
