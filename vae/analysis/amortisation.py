"""The amortisation gap of a model over many examples at once.

    gap = max over q of ELBO(x, q) − ELBO(x, q(z|x)),   q Gaussian with diagonal covariance

A search for the best q of every example starts at the encoder's. E_q is a Gauss–Hermite quadrature
in each of the few latents, so nothing is random (Cremer et al. 2018). Nats per example.

Letters: N examples, Z latent dimensions, K nodes.
"""

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Normal

from vae.model import VAE

NODES = 9  # of the quadrature in each latent: exact for polynomials up to degree 17
STEPS = 60  # of the search


def mean_elbos(model: VAE, x: Tensor) -> tuple[float, float]:
    """Return the mean ELBO of examples x (N, *event) with the encoder's q, and with the best q."""
    with torch.no_grad():
        q = model.posterior(x)
    mean, log_sd = (t.clone().requires_grad_() for t in (q.mean, q.stddev.log()))
    noise, weight = _nodes(mean.shape[1])
    search = torch.optim.LBFGS([mean, log_sd], max_iter=STEPS, line_search_fn="strong_wolfe")

    def elbo() -> Tensor:
        z = mean + log_sd.exp() * noise[:, None]  # (K, N, Z)
        sd = log_sd.exp()
        log_q = Normal(mean, sd).log_prob(z).sum(-1)  # type: ignore[no-untyped-call]
        inside = model.likelihood(z).log_prob(x) + model.prior().log_prob(z) - log_q
        return torch.mean(weight @ inside)

    def closure() -> Tensor:
        loss = -elbo()
        mean.grad, log_sd.grad = torch.autograd.grad(loss, [mean, log_sd])
        return loss.detach()

    encoder = elbo().item()
    search.step(closure)  # type: ignore[no-untyped-call]
    return encoder, elbo().item()


def _nodes(latents: int) -> tuple[Tensor, Tensor]:
    """Return nodes (K, Z) and weights (K,) of E[f(ε)] with ε ~ N(0, I)."""
    line, weight = np.polynomial.hermite_e.hermegauss(NODES)
    axes = [torch.from_numpy(line)] * latents
    weights = [torch.from_numpy(weight / weight.sum())] * latents
    nodes = torch.cartesian_prod(*axes).reshape(-1, latents)
    product = torch.cartesian_prod(*weights).reshape(-1, latents).prod(1)
    return nodes.float(), product.float()
