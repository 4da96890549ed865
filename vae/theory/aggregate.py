"""The aggregate posterior of Gaussians side by side: none is the prior, and together they are.

The means follow N(0, 1 − σ²) and every posterior is N(μ, σ²). The aggregate q(z), the mean of all
posteriors, is then N(0, 1) for every σ: Var(z) = E[σ²] + Var(μ) = 1. Nats.
"""

import numpy as np
from scipy.stats import norm

from vae.theory import Doubles


def posterior_means(width: float, number: int) -> Doubles:
    """Return evenly spaced quantiles of the means, for posteriors of this width σ."""
    shares = (np.arange(number) + 0.5) / number
    means: Doubles = norm.ppf(shares) * np.sqrt(max(1 - width**2, 0.0))
    return means


def densities(z: Doubles, means: Doubles, width: float) -> Doubles:
    """Return the density of each posterior at each z, (N, len(z))."""
    values: Doubles = norm.pdf(z[None], means[:, None], width)
    return values


def mean_kl(width: float) -> float:
    """Return the mean KL(q(z|x) ‖ N(0, 1)) = −ln σ; all of it is information about x.

    Hoffman & Johnson 2016, "ELBO surgery": mean KL = I(x; z) + KL(q(z) ‖ p(z)), and the last term
    is 0 here.
    """
    return -float(np.log(width))
