"""Conventions of β: equivalent losses have parallel gradients.

Each loss is written here in plain torch with the reductions of its source. The loss of VAE Lab
comes from its likelihood and objective.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch import Tensor
from torch.distributions import Independent, Normal
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.nn.functional import mse_loss

from tests.tables import each
from vae.base.records import Domain
from vae.components.likelihoods import Bernoulli, Gaussian
from vae.components.objectives import elbo
from vae.components.terms import Pass
from vae.config.beta_conventions import CONVENTIONS, KINDS, Context, Convention, meaningful

ROWS = list(CONVENTIONS)
CONTEXTS = [
    Context(elements=12, latents=3, batch=5, n_data=40, kind="squared error", sigma=0.3),
    Context(elements=7, latents=1, batch=2, n_data=9, kind="squared error", sigma=1.7),
    Context(elements=7, latents=4, batch=6, n_data=33, kind="cross-entropy"),
    Context(elements=30, latents=2, batch=3, n_data=3, kind="cross-entropy"),
]
PAIRS = [(name, context) for context in CONTEXTS for name in meaningful(context)]
IDS = [f"{name}-{context.elements}-{context.sigma}" for name, context in PAIRS]


def kl(mu: Tensor, log_var: Tensor) -> Tensor:
    """KL of each latent dimension, (B, Z)."""
    return -0.5 * (1 + log_var - mu**2 - log_var.exp())


# Each takes (x̂ or logits, x, KL (B, Z), the weight, N) and is what stands in code elsewhere; a
# squared error is mse_loss, a cross-entropy comes as `bce` in its place.
Loss = Callable[[Tensor, Tensor, Tensor, float, int], Tensor]
SQUARED: dict[str, Loss] = {
    "mse": lambda h, x, k, w, n: mse_loss(h, x) + w * k.sum(1).mean(),
    "mse-mean-kl": lambda h, x, k, w, n: mse_loss(h, x) + w * k.mean(),
    "mse-batch-kl": lambda h, x, k, w, n: mse_loss(h, x) + w * k.sum(),
    "sse": lambda h, x, k, w, n: mse_loss(h, x, reduction="sum") + w * k.sum(),
    "half-sse": lambda h, x, k, w, n: 0.5 * (x - h).pow(2).sum(1).mean() + w * k.sum(1).mean(),
    "kld-weight": lambda h, x, k, w, n: mse_loss(h, x) + w * k.sum(1).mean(0),
    "m-n": lambda h, x, k, w, n: mse_loss(h, x) + w * (len(x) / n) * k.sum(1).mean(0),
    "sigma": lambda h, x, k, w, n: -Normal(h, w).log_prob(x).sum(1).mean() + k.sum(1).mean(),
    "precision": lambda h, x, k, w, n: w / 2 * ((x - h) ** 2).sum(1).mean() + k.sum(1).mean(),
}
ENTROPY: dict[str, Loss] = {
    "bce": lambda h, x, k, w, n: bce(h, x) + w * k.sum(1).mean(),
    "bce-mean-kl": lambda h, x, k, w, n: bce(h, x) + w * k.mean(),
    "bce-batch-kl": lambda h, x, k, w, n: bce(h, x) + w * k.sum(),
}


def either(nats: Callable[[Tensor, Tensor], Tensor], d: int, z: int) -> dict[str, Loss]:
    """Return the rows for every likelihood, with −ln p(x|z) of each example from `nats`, (B,)."""
    return {
        "ours": lambda h, x, k, w, n: (nats(h, x) + w * k.sum(1)).mean(),
        "higgins": lambda h, x, k, w, n: (nats(h, x) + w * d / z * k.sum(1)).mean(),
        "lambda": lambda h, x, k, w, n: (w * nats(h, x) + k.sum(1)).mean(),
    }


def elsewhere(name: str, context: Context) -> Loss:
    if context.kind == "squared error":

        def nats(h: Tensor, x: Tensor) -> Tensor:
            return -Normal(h, context.sigma).log_prob(x).sum(1)
    else:

        def nats(h: Tensor, x: Tensor) -> Tensor:
            return bce(h, x, reduction="none").sum(1)

    return (SQUARED | ENTROPY | either(nats, context.elements, context.latents))[name]


def here(h: Tensor, x: Tensor, mu: Tensor, log_var: Tensor, beta: float, c: Context) -> Tensor:
    """Return the loss of VAE Lab."""
    domain = Domain((c.elements,))
    row = Gaussian(domain, sigma=c.sigma) if c.kind == "squared error" else Bernoulli(domain)
    q = Independent(Normal(mu, (log_var / 2).exp()), 1)
    p = Independent(Normal(torch.zeros(c.latents), torch.ones(c.latents)), 1)
    out = Pass(x, None, q, p, mu[None], row(h[None, :, None]))
    return elbo(out, beta=beta).total


def gradient(loss: Tensor, *leaves: Tensor) -> Tensor:
    """∂ loss / ∂ (x̂, mu, log_var), as one vector."""
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, leaves)])


@each(("name", "context"), PAIRS, ids=IDS)
@each("value", [0.00025, 0.7, 3.0])
def test_a_converted_loss_has_a_parallel_gradient(
    name: str, context: Context, value: float
) -> None:
    torch.manual_seed(int(context.elements))
    b, d, z = context.batch, context.elements, context.latents
    x = torch.rand(b, d)
    h, mu, log_var = (torch.randn(b, n, requires_grad=True) for n in (d, z, z))
    beta = CONVENTIONS[name].ours_from(value, context)
    theirs = elsewhere(name, context)(h, x, kl(mu, log_var), value, context.n_data)
    g_theirs = gradient(theirs, h, mu, log_var).double()
    g_ours = gradient(here(h, x, mu, log_var, beta, context), h, mu, log_var).double()
    factor = g_theirs.norm() / g_ours.norm()
    torch.testing.assert_close(g_theirs, factor * g_ours, rtol=1e-3, atol=1e-5 * g_theirs.norm())


@each(("name", "context"), PAIRS, ids=IDS)
@each("value", [1e-4, 1.0, 250.0])
def test_conversions_are_inverse(name: str, context: Context, value: float) -> None:
    row = CONVENTIONS[name]
    assert row.theirs_from(row.ours_from(value, context), context) == pytest.approx(value)
    assert row.ours_from(row.theirs_from(value, context), context) == pytest.approx(value)


def test_every_row_has_a_reference_loss() -> None:
    assert {name for name, _ in PAIRS} == set(ROWS)


def convert(name: str, value: float, **given: float) -> float:
    usual = {"elements": 784, "latents": 10, "batch": 64, "n_data": 6400, "kind": "squared error"}
    return CONVENTIONS[name].ours_from(value, Context(**(usual | given)))  # type: ignore[arg-type]


def test_conversions_have_known_values() -> None:
    assert convert("mse", 1) == 392
    assert convert("mse", 0.01, sigma=math.sqrt(0.01 * 784 / 2)) == pytest.approx(1)
    assert convert("mse-mean-kl", 1) == pytest.approx(39.2)
    assert convert("sse", 1) == 0.5
    assert convert("half-sse", 1) == 1
    assert convert("bce", 1, kind="cross-entropy") == 784
    assert convert("m-n", 1) == pytest.approx(3.92)
    assert convert("sigma", 3, sigma=1.5) == pytest.approx(4)
    assert convert("precision", 0.25) == 4
    assert convert("higgins", 0.01) == pytest.approx(0.784)


def test_pytorch_vaes_default_is_a_beta_near_one() -> None:
    """64 × 64 pictures of three channels at σ = 1."""
    assert convert("kld-weight", 0.00025, elements=3 * 64 * 64) == pytest.approx(1.536)


def test_pictures_in_another_unit_change_the_conversion() -> None:
    """x from −1 to 1 instead of 0 to 1: four times the squared error, twice the σ."""
    assert convert("mse", 1, sigma=2 * 0.1) == pytest.approx(convert("mse", 1, sigma=0.1) / 4)


@each("name", ROWS)
def test_beta_zero_has_no_finite_equivalent_in_inverse_conventions(name: str) -> None:
    row = CONVENTIONS[name]
    value = row.theirs_from(0.0, CONTEXTS[0])
    assert value == (math.inf if row.power < 0 else 0)


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_impossible_values_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match="must be finite and"):
        CONVENTIONS[name].ours_from(value, CONTEXTS[0])


def test_a_reconstruction_of_weight_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        CONVENTIONS["lambda"].ours_from(0, CONTEXTS[0])
    assert CONVENTIONS["mse"].ours_from(0, CONTEXTS[0]) == 0


@each("row", CONVENTIONS.values(), ids=ROWS)
def test_the_letters_of_a_rule_are_its_dependencies(row: Convention) -> None:
    """β depends on the letters of the rule, and the weight appears in loss and rule."""
    assert row.symbol in row.formula
    assert row.symbol in row.rule
    assert set(row.kinds) <= set(KINDS)
    assert ("σ" in row.rule) <= (row.kinds == ("squared error",))
    base = Context(12, 3, 5, 40, row.kinds[0], 0.3)
    letters = {"D": "elements", "Z": "latents", "B": "batch", "N": "n_data", "σ": "sigma"}
    for letter, field in letters.items():
        other = base._replace(**{field: 2 * getattr(base, field)})
        moves = row.unit(other) != row.unit(base)
        assert moves == (letter in row.rule), letter


@each("row", CONVENTIONS.values(), ids=ROWS)
def test_the_text_of_a_rule_equals_the_conversion(row: Convention) -> None:
    """The text on the screen, evaluated as Python, gives the computed value."""
    context = Context(12, 3, 5, 40, row.kinds[0], 0.3)
    left, _, right = row.rule.partition(" / ")
    factors = {row.symbol: 0.7, "s²": 0.49, "D": 12, "Z": 3, "B": 5, "N": 40, "1": 1}
    factors |= {"σ²": 0.09, "2σ²": 0.18}

    def product(text: str) -> float:
        return math.prod(factors[part] for part in text.strip("()").split())

    written = product(left) / (product(right) if right else 1)
    assert row.ours_from(0.7, context) == pytest.approx(written)


def linear_optimum(w: float, k: int, steps: int = 1500) -> tuple[Tensor, float]:
    """A linear VAE on the digits / 16 trained with mean MSE + w · KL: KL per latent, MSE.

    Encoder mu = V x, decoder W z, widths s of q: in expectation, from the covariance S alone.
    """
    x = load_digits().data / 16
    s_xx = torch.tensor(np.cov(x.T, bias=True), dtype=torch.float32)
    d = len(s_xx)
    v, decoder = (0.1 * torch.randn(*shape) for shape in ((k, d), (d, k)))
    log_s = torch.zeros(k)
    leaves = [leaf.requires_grad_() for leaf in (v, decoder, log_s)]
    optimizer = torch.optim.Adam(leaves, 0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        rest = torch.eye(d) - decoder @ v
        noise = (decoder.pow(2).sum(0) * (2 * log_s).exp()).sum()
        mse = (((rest @ s_xx) * rest).sum() + noise) / d
        spread = ((v @ s_xx) * v).sum(1)  # (k,) Var(mu)
        per_latent = 0.5 * (spread + (2 * log_s).exp() - 2 * log_s - 1)
        optimizer.zero_grad()
        (mse + w * per_latent.sum()).backward()
        optimizer.step()
        schedule.step()
    return per_latent.detach(), float(mse.detach())


@pytest.mark.parametrize(("w", "active"), [(0.01, 4), (0.0058, 7)])
def test_latents_collapse_at_the_converted_beta(w: float, active: int) -> None:
    """A latent is active iff its eigenvalue exceeds β σ² (truth for the linear VAE), for any σ of
    the conversion. The training uses the other loss, which has no σ."""
    context = Context(64, 10, 64, 1797, "squared error", sigma=0.37)
    noise = CONVENTIONS["mse"].ours_from(w, context) * context.sigma**2
    x = load_digits().data / 16
    eigenvalues = PCA(10).fit(x).explained_variance_ * (len(x) - 1) / len(x)
    kept = eigenvalues[eigenvalues > noise]
    assert len(kept) == active
    per_latent, mse = linear_optimum(w, 10)
    assert int((per_latent > 0.01).sum()) == active
    assert float(per_latent.sum()) == pytest.approx(0.5 * np.log(kept / noise).sum(), abs=2e-3)
    if w == 0.01:
        assert float(per_latent.sum()) == pytest.approx(1.1154, abs=2e-3)
        assert mse == pytest.approx(0.057609, abs=1e-4)
