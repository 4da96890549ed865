"""Likelihoods: the decoder's output → p(x|z).

A likelihood is a module built from the event shape and its own options. It is called with the
decoder's output h, (..., multiplicity, *event), and returns a distribution with batch shape (...)
and event shape *event; `log_prob` is in nats per example, summed over the event.

x is what the model sees: pictures scaled to [0, 1], vectors as they are.
"""

import math
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli as TorchBernoulli
from torch.distributions import Distribution, Independent, Normal

from vae.options import Option


class Likelihood(nn.Module):
    """p(x|z); `multiplicity` decoder outputs per element of x; `support` is "unit" or "real"."""

    multiplicity = 1
    support = "real"
    discrete = False  # whether log_prob is the log of a probability, so that bits make sense

    def __init__(self, event_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.event_shape = event_shape

    def scalars(self) -> dict[str, Tensor]:
        """Learned numbers worth plotting: name → scalar."""
        return {}


class Bernoulli(Likelihood):
    """Bernoulli(x; logits h). Exact for binary x; for grey values in [0, 1] it is the customary
    cross-entropy of pytorch/examples and not a density (Loaiza-Ganem & Cunningham 2019)."""

    support = "unit"
    discrete = True

    def forward(self, h: Tensor) -> Distribution:
        logits = h.squeeze(-1 - len(self.event_shape))  # (..., 1, *event) → (..., *event)
        return Independent(
            TorchBernoulli(logits=logits, validate_args=False),
            len(self.event_shape),
            validate_args=False,
        )


def _gaussian(h: Tensor, sigma: Tensor, dims: int) -> Distribution:
    mean = h.squeeze(-1 - dims)
    normal = Normal(mean, sigma.expand_as(mean), validate_args=False)
    return Independent(normal, dims, validate_args=False)


class Gaussian(Likelihood):
    """N(x; h, sigma² I) with a sigma that stays as it is set."""

    sigma: Tensor

    def __init__(
        self,
        event_shape: tuple[int, ...],
        *,
        sigma: Annotated[
            float,
            Option(
                "Standard deviation of the noise around a reconstruction, in units of x "
                "(pictures: black 0, white 1). Larger forgives more: blurrier pictures, a "
                "smaller KL.",
                low=1e-3,
                high=100.0,
                log=True,
                label="Noise σ",
            ),
        ] = 0.1,
    ) -> None:
        super().__init__(event_shape)
        self.register_buffer("sigma", torch.tensor(float(sigma)), persistent=False)

    def forward(self, h: Tensor) -> Distribution:
        return _gaussian(h, self.sigma, len(self.event_shape))


class GaussianLearned(Likelihood):
    """N(x; h, sigma² I) with one sigma for all elements, learned with the weights
    (sigma-VAE, Rybkin et al. 2021, https://arxiv.org/abs/2006.13202, section 3.1)."""

    LOWEST = -14.0  # of ln sigma²: far below any real noise, it only keeps float32 finite

    def __init__(self, event_shape: tuple[int, ...]) -> None:
        super().__init__(event_shape)
        self.log_var = nn.Parameter(torch.zeros(()))  # from sigma = 1: a low start stalls

    def _sigma(self) -> Tensor:
        return (0.5 * self.log_var.clamp(min=self.LOWEST)).exp()

    def forward(self, h: Tensor) -> Distribution:
        return _gaussian(h, self._sigma(), len(self.event_shape))

    def scalars(self) -> dict[str, Tensor]:
        return {"sigma": self._sigma().detach()}


LIKELIHOODS: dict[str, type[Likelihood]] = {
    "bernoulli": Bernoulli,
    "gaussian": Gaussian,
    "gaussian-learned": GaussianLearned,
}


def bits_per_dimension(nats: float, dimensions: int) -> float:
    """Nats per example → bits per dimension: nats / (D ln 2)."""
    return nats / (dimensions * math.log(2))
