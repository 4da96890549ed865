"""Conversion between β of VAE Lab and the weights in the losses of other papers and libraries.

The loss of VAE Lab is R + β · KL. R = −ln p(x|z) in nats is summed over the D elements of an
example, KL over the Z latent dimensions, and both are averaged over the B examples of a batch.
Others take means instead of sums, omit the noise σ of a Gaussian, or weight the other term. Two
losses train the same model if one is a positive multiple of the other (up to a constant): the
gradient has the same direction, and Adam ignores its length. So each convention is multiplied to
the form R + (…) · KL; the factor of the KL is β.

For a Gaussian with a fixed σ, R = S / (2σ²) + constant with S = Σ (x − x̂)², the sum of squares
over the D elements. A weight next to a squared error fixes the product β · σ². If σ is learned, it
changes during training and β with it, so a conversion holds only at one value of σ.

x and σ have the same unit; for rescaled data x stands for u, its new scale. If another loss uses a
· x instead of x (a = 2 for pictures from −1 to 1 instead of 0 to 1), S becomes a² S, and σ becomes
a σ in the conversion.

In every convention β = unit · valueᵖ with p = 1, 2 or −1. `unit` is β at the value 1; the
docstring of its function derives it.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from vae.base.numbers import typed

SQUARED_ERROR, CROSS_ENTROPY, OTHER = KINDS = ("squared error", "cross-entropy", "other")


class Context(NamedTuple):
    """Sizes and likelihood that a conversion depends on."""

    elements: int  # D, elements of one example
    latents: int  # Z
    batch: int  # B
    n_data: int  # N, training examples
    kind: str  # of R, one of KINDS: the `form` of the likelihood
    sigma: float = 1.0  # σ of a Gaussian, in the unit of x in the convention


class Convention(NamedTuple):
    """A row of the table: a loss of another source, and the conversion of its weight to β."""

    title: str
    symbol: str  # of the weight in the formula
    formula: str  # of the loss
    rule: str  # β as a formula of the weight
    unit: Callable[[Context], float]  # β at the value 1
    power: int = 1
    kinds: tuple[str, ...] = KINDS  # kinds of R for which the convention is meaningful
    typical: float = 1.0  # a typical value in practice
    about: str = ""  # source of the convention

    def ours_from(self, value: float, context: Context) -> float:
        """Return the β that trains the same model as `value`; ValueError if it is out of range."""
        if value < 0 or (value == 0 and self.power < 0) or not math.isfinite(value):
            lowest = "above 0" if self.power < 0 else "at least 0"
            raise ValueError(f"{self.symbol} must be finite and {lowest}, not {typed(value)}.")
        return float(self.unit(context) * value**self.power)

    def theirs_from(self, beta: float, context: Context) -> float:
        """Return the value that trains the same model as β; infinite if β = 0 has no value."""
        if beta == 0:
            return math.inf if self.power < 0 else 0.0
        return float((beta / self.unit(context)) ** (1 / self.power))


def meaningful(context: Context) -> dict[str, "Convention"]:
    """Return the conventions that are meaningful for this likelihood: name → row."""
    return {name: row for name, row in CONVENTIONS.items() if context.kind in row.kinds}


def _summed(context: Context) -> float:
    """R + w · KL is the loss of VAE Lab: β = w."""
    return 1.0


def _weighted(context: Context) -> float:
    """λ · R + KL, divided by λ: R + 1 / λ · KL."""
    return 1.0


def _normalised(context: Context) -> float:
    """β_norm = β Z / D (Higgins et al. 2017, section 4.2, https://openreview.net/forum?id=Sy2fzU9gl;
    M and N there), so β = β_norm D / Z. It makes R / D + β_norm · KL / Z of R + β · KL."""
    return context.elements / context.latents


def _averaged(context: Context) -> float:
    """R / D + w · KL, times D: R + w D · KL."""
    return float(context.elements)


def _both_averaged(context: Context) -> float:
    """R / D + w · KL / Z, times D: R + w D / Z · KL."""
    return _averaged(context) / context.latents


def _averaged_kl_over_batch(context: Context) -> float:
    """KL summed over the batch is B times its mean: R / D + w B · KL, times D: R + w B D · KL."""
    return _averaged(context) * context.batch


def _half_squares(context: Context) -> float:
    """S / 2 + w · KL, times 1 / σ²: S / (2σ²) + w / σ² · KL. At σ = 1, β = w."""
    return 1 / context.sigma**2


def _squares(context: Context) -> float:
    """S + w · KL, times 1 / (2σ²): S / (2σ²) + w / (2σ²) · KL."""
    return 1 / (2 * context.sigma**2)


def _mean_squares(context: Context) -> float:
    """S / D + w · KL, times D / (2σ²): S / (2σ²) + w D / (2σ²) · KL. β = 1 where σ² = w D / 2."""
    return context.elements * _squares(context)


def _mean_squares_mean_kl(context: Context) -> float:
    """S / D + w · KL / Z: as `_mean_squares` with w / Z instead of w."""
    return _mean_squares(context) / context.latents


def _mean_squares_kl_over_batch(context: Context) -> float:
    """S / D averaged over the batch, KL summed over it: `_mean_squares` with w B instead of w."""
    return _mean_squares(context) * context.batch


def _mean_squares_share(context: Context) -> float:
    """S / D + β′ · (B / N) · KL: as `_mean_squares` with β′ B / N instead of w."""
    return _mean_squares(context) * context.batch / context.n_data


def _noise(context: Context) -> float:
    """The ELBO at another noise s is S / (2s²) + KL. S / (2σ²) + β · KL, divided by β, is
    S / (2βσ²) + KL: that ELBO with s² = βσ², so β = s² / σ²."""
    return 1 / context.sigma**2


def _precision(context: Context) -> float:
    """½ τ S + KL equals `_noise` with τ = 1 / s²: β = 1 / (τ σ²)."""
    return 1 / context.sigma**2


GAUSSIAN = (SQUARED_ERROR,)
ENTROPY = (CROSS_ENTROPY, OTHER)

CONVENTIONS: dict[str, Convention] = {
    "ours": Convention("VAE Lab, both summed", "β", "R + β · KL", "β", _summed),
    "mse": Convention("MSE", "w", "S / D + w · KL", "w D / (2σ²)", _mean_squares, kinds=GAUSSIAN),
    "mse-mean-kl": Convention(
        "MSE, KL averaged over Z",
        "w",
        "S / D + w · KL / Z",
        "w D / (2σ² Z)",
        _mean_squares_mean_kl,
        kinds=GAUSSIAN,
    ),
    "mse-batch-kl": Convention(
        "MSE, KL summed over the batch",
        "w",
        "S / D + w · B · KL",
        "w B D / (2σ²)",
        _mean_squares_kl_over_batch,
        kinds=GAUSSIAN,
    ),
    "sse": Convention("Sum of squares", "w", "S + w · KL", "w / (2σ²)", _squares, kinds=GAUSSIAN),
    "half-sse": Convention(
        "Half the sum of squares", "w", "S / 2 + w · KL", "w / σ²", _half_squares, kinds=GAUSSIAN
    ),
    "bce": Convention("Mean BCE or −ln p", "w", "R / D + w · KL", "w D", _averaged, kinds=ENTROPY),
    "bce-mean-kl": Convention(
        "Mean BCE or −ln p, KL averaged over Z",
        "w",
        "R / D + w · KL / Z",
        "w D / Z",
        _both_averaged,
        kinds=ENTROPY,
    ),
    "bce-batch-kl": Convention(
        "Mean BCE or −ln p, KL summed over the batch",
        "w",
        "R / D + w · B · KL",
        "w B D",
        _averaged_kl_over_batch,
        kinds=ENTROPY,
    ),
    "kld-weight": Convention(
        "kld_weight of PyTorch-VAE",
        "w",
        "S / D + w · KL",
        "w D / (2σ²)",
        _mean_squares,
        kinds=GAUSSIAN,
        typical=0.00025,
        about="Its configurations set 0.00025, for pictures from 0 to 1.",
    ),
    "m-n": Convention(
        "M_N = B / N of PyTorch-VAE",
        "β′",
        "S / D + β′ · B / N · KL",
        "β′ B D / (2σ² N)",
        _mean_squares_share,
        kinds=GAUSSIAN,
        about="Early versions of its code: the KL has the weight B / N times β′, which is 1 by "
        "default, for pictures from −1 to 1.",
    ),
    "higgins": Convention(
        "β_norm of Higgins et al. 2017",
        "β_norm",
        "R / D + β_norm · KL / Z",
        "β_norm D / Z",
        _normalised,
        typical=0.01,
    ),
    "lambda": Convention(
        "Weight on the reconstruction", "λ", "λ · R + KL", "1 / λ", _weighted, power=-1
    ),
    "sigma": Convention(
        "σ at which β is 1",
        "s",
        "S / (2s²) + KL",
        "s² / σ²",
        _noise,
        power=2,
        kinds=GAUSSIAN,
    ),
    "precision": Convention(
        "Precision at which β is 1",
        "τ",
        "½ τ S + KL",
        "1 / (τ σ²)",
        _precision,
        power=-1,
        kinds=GAUSSIAN,
    ),
}
