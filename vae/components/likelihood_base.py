"""The base class of the likelihoods p(x|z); `vae.components.likelihoods` has the table of rows."""

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent

from vae.base.records import Domain
from vae.components.slopes import Slope


class Likelihood(nn.Module):
    """p(x|z), from `multiplicity` decoder outputs per element of x."""

    multiplicity: int = 1
    # values of x: "real", "unit" for [0, 1], "levels" for a grid in [0, 1], "counts" for 0, 1, …,
    # "columns" for columns of several kinds
    support = "real"
    discrete = False  # log_prob is the log of a probability, so bits are defined
    noise = ""  # scale of the noise: "fixed", "learned", "per element" (learned) or "" for none
    form = "other"  # of −ln p(x|z) up to a constant: "squared error" / (2σ²), "cross-entropy"
    reads_size = False  # the elements of x depend on their sum, the library size of counts
    browser = ""  # formula of E[x|z] in the browser (dashboard/plot/decoder.js), or "" for none

    def __init__(self, domain: Domain) -> None:
        super().__init__()
        self.domain = domain
        self.dims = len(domain.shape)

    @staticmethod
    def caveat(domain: Domain) -> str:
        """Return the reason why log_prob is not a log-likelihood of such data, or ""."""
        return ""

    @property
    def coded_shape(self) -> tuple[int, ...]:
        """Shape of the encoder's input, and of each of the decoder's `multiplicity` outputs."""
        return self.domain.shape

    def scalars(self) -> dict[str, Tensor]:
        """Return the learned scalars to plot: name → scalar."""
        return {}

    def encoder_input(self, u: Tensor) -> Tensor:
        """Return the numbers that the encoder receives for u (..., *event)."""
        return u

    def of_examples(self, px: Distribution, x: Tensor) -> Distribution:
        """Return p(x|z) from `forward` whose mean and samples have the library sizes of examples
        x (B, *event); ln p(x|z) is the same."""
        return px

    def separated(self, x: Tensor) -> list[tuple["Likelihood", Tensor]]:
        """Return the likelihoods of parts of x (N, *event) that are independent given h, with the
        values of each part; [] for a single likelihood."""
        return []

    def together(self, outputs: list[Tensor]) -> Tensor:
        """Return h (multiplicity, *event) from the outputs for the `separated` parts."""
        raise NotImplementedError

    def average(self, px: Distribution, weights: Tensor) -> Tensor:
        """Return Σ_k w_k E[x|z_k] for p(x|z_k) and weights, both (K, B): (B, *event)."""
        return torch.einsum("kb,kb...->b...", weights, px.mean)

    def first_output(self, mean: Tensor) -> Tensor:
        """Return a constant h (multiplicity, *event) near those with a large likelihood of data
        with this mean (*event)."""
        if self.support == "real":
            return mean.expand(self.multiplicity, *mean.shape)
        return mean.new_zeros(self.multiplicity, *mean.shape)

    def best_output(self, mean: Tensor) -> Tensor | None:
        """Return the constant h (multiplicity, *event) with the largest likelihood of data with
        this mean (*event), if it is the same for all values of the learned parameters."""
        return None

    def profile(self, h: Tensor, mean: Tensor) -> Tensor | None:
        """Return the constant outputs (multiplicity, *event) with the largest likelihood of data
        with this mean (*event) among those that end with h (multiplicity - 1, *event), if the
        first one is the same for all values of the learned parameters."""
        return None

    def slope(self, h: Tensor, u: Tensor) -> Slope:
        """Return −ln p(u|z) and its gradient for the decoder's output, h and u (B, D)."""
        raise NotImplementedError

    def learned_gradient(self, mean: Tensor) -> Tensor:
        """Return the gradient for the learned parameter from the mean of `Slope.learned`."""
        return mean

    def mean_constants(self) -> Tensor:
        """Return the numbers besides h that `browser` needs, each for an equal part of x."""
        return torch.empty(0)


def elements(distribution: Distribution, dims: int) -> Distribution:
    """Return the distribution of an example with independent elements, the last `dims` axes."""
    return Independent(distribution, dims, validate_args=False)
