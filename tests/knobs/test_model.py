"""Effects of the settings of the model: each as in its help, in the same direction.

`EFFECTS` names the test of each setting; `test_every_setting` misses one that has none.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from tests.cells import cells
from tests.knobs.harness import DIGITS, data_of, done, quick, trained
from vae.analysis.encoding import decode, prior_sample
from vae.base.records import Domain
from vae.batches import Batches
from vae.components.networks import ACTIVATIONS
from vae.components.posterior_base import Point
from vae.components.priors import PRIORS
from vae.config import RunConfig
from vae.evaluation import evaluate
from vae.footprint import cost
from vae.model import build


def test_network_is_the_architecture() -> None:
    """One latent can follow a circle of five clumps with a nonlinear decoder, and not with a
    linear one. A convolution counts weights by channels, not by pixels."""
    ring = {"data": "mixture", "latent_dim": 1, "sigma": 0.1, "lr": 1e-2}
    assert done(**ring).squares < 0.5 * done(network="linear", **ring).squares

    def growth(network: str) -> float:
        config = RunConfig.of(network=network)
        small, large = (cost(config, Domain((1, side, side))).weights for side in (16, 64))
        return large / small

    assert growth("mlp") > growth("linear") / 4 > 2
    kinds = {type(m) for m in build(RunConfig.of(network="conv"), DIGITS).modules()}
    assert torch.nn.Conv2d in kinds


def test_hidden_more_and_wider_layers_fit_more() -> None:
    """A second layer takes longer to train."""
    slow = {"epochs": 20, "lr": 3e-3}
    for few, more, pace in (((2,), (32,), {}), ((16,), (128, 64), slow)):
        assert cost(quick(hidden=few), DIGITS).weights < cost(quick(hidden=more), DIGITS).weights
        worse, better = (done(hidden=h, **pace).record.reconstruction for h in (few, more))
        assert better < worse - 3


def test_channels_more_fit_more() -> None:
    sizes = [(1, 1), (16, 16)]
    few, many = (quick(network="conv", channels=c) for c in sizes)
    assert cost(many, DIGITS).weights > cost(few, DIGITS).weights
    worse, better = (done(network="conv", channels=c).record.reconstruction for c in sizes)
    assert better < worse - 3
    down = [m.out_channels for m in build(many, DIGITS).encoder if isinstance(m, torch.nn.Conv2d)]
    assert down == [16, 16]


def test_blocks_more_are_deeper() -> None:
    """Each block adds two convolutions to each stage of encoder and decoder."""
    one, three = (quick(network="resnet", channels=(4, 6), blocks=k) for k in (1, 3))
    kinds = torch.nn.Conv2d
    found = [sum(isinstance(m, kinds) for m in build(c, DIGITS).modules()) for c in (one, three)]
    assert found == [2 + 2 * 2 * 2, 2 + 3 * 2 * 2 * 2]
    assert cost(three, DIGITS).flops > cost(one, DIGITS).flops


def test_activation_is_the_nonlinearity() -> None:
    """The outputs of the hidden layer have the range of the chosen function."""
    lowest = {"relu": 0.0, "tanh": -1.0, "gelu": -0.17, "silu": -0.279}
    assert set(lowest) == set(ACTIVATIONS)
    x = 40 * torch.randn(500, *DIGITS.shape, generator=torch.Generator().manual_seed(0))
    for name, low in lowest.items():
        encoder = build(quick(activation=name), DIGITS).encoder
        with torch.no_grad():
            out = encoder[2](encoder[1](encoder[0](x)))
        assert float(out.min()) == pytest.approx(low, abs=0.01)
        assert (float(out.max()) < 1.01) == (name == "tanh")


def test_latent_dim_more_carry_more_and_reconstruct_better() -> None:
    few, some, many = (done(latent_dim=z).record for z in (1, 2, 4))
    assert few.kl + 1 < some.kl < many.kl - 0.5
    assert few.reconstruction - 1 > some.reconstruction > many.reconstruction + 1
    assert len(many.kl_per_dimension) == 4


def test_likelihood_is_the_distribution_of_the_decoder() -> None:
    """The mean of a Bernoulli stays in [0, 1], that of a Gaussian does not. A learned σ approaches
    the residuals."""
    far = 50 * torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    bernoulli = done(likelihood="bernoulli").model.likelihood(far).mean
    assert bernoulli.min() >= 0
    assert bernoulli.max() <= 1
    assert done().model.likelihood(far).mean.min() < -1
    learned = done(likelihood="gaussian-learned", epochs=30, lr=3e-2)
    sigmas = [r.terms["sigma"] for r in learned.reports("val")]
    assert sigmas[0] == 1
    assert sigmas[-1] == pytest.approx((learned.squares / 64) ** 0.5, rel=0.3)
    assert "sigma" not in done().reports("val")[-1].terms


def test_sigma_larger_is_blurrier_with_a_smaller_kl() -> None:
    sharp, soft, softer = (done(sigma=s) for s in (0.1, 0.4, 1.0))
    assert sharp.record.kl > soft.record.kl + 1 > softer.record.kl + 1
    assert sharp.squares < soft.squares < softer.squares


def test_degrees_of_freedom_fewer_forgive_outliers() -> None:
    """One value 50 σ away costs less, and moves the model less; 0 learns the number."""
    costs, pulls = [], []
    for nu in (1.0, 4.0, 1000.0):
        model = build(quick(likelihood="student-t", degrees_of_freedom=nu), DIGITS)
        h = torch.zeros(1, 1, 1, 8, 8, requires_grad=True)
        x = torch.zeros(1, 1, 8, 8)
        x[..., 0, 0] = 50
        far, near = (-model._likelihood(h).log_prob(v) for v in (x, 0 * x))
        costs.append(float((far - near).detach()))
        pulls.append(float(torch.autograd.grad(far, h)[0].abs().sum()))
    assert costs[0] < costs[1] / 1.5 < costs[2] / 10
    assert pulls[0] < pulls[1] / 2 < pulls[2] / 20
    learned = build(quick(likelihood="student-t", degrees_of_freedom=0.0), DIGITS)
    assert float(learned.scalars()["degrees_of_freedom"]) == pytest.approx(10)
    assert "degrees_of_freedom" not in model.scalars()


class Fixed(torch.nn.Module):
    """A known decoder of one number, without training."""

    def __init__(self, f: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.f = f

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.f(z).view(-1, 1, 1)


def total(z: torch.Tensor) -> torch.Tensor:
    """x = z1 + z2 + noise has a correlated Gaussian posterior."""
    return z.sum(-1)


def radius(z: torch.Tensor) -> torch.Tensor:
    """x = |z| + noise has a ring as posterior."""
    return z.norm(dim=-1)


@cache
def bound(
    f: Callable[[torch.Tensor], torch.Tensor], posterior: str, steps: int, **options: Any
) -> float:
    """Return the ELBO of the best encoder with this posterior under a known decoder, nats."""
    config = quick(activation="tanh", latent_dim=2, posterior=posterior, **options)
    model = build(config, Domain((1,)))
    model.decoder = Fixed(f)
    torch.manual_seed(0)
    x = torch.linspace(0.5, 2, 32).view(-1, 1)
    learned = [*model.encoder.parameters(), *model._posterior.parameters()]
    optimizer = torch.optim.Adam(learned, 1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        model.loss(model(x, 16), {}).total.backward()
        optimizer.step()
    with torch.no_grad():
        return -float(model.loss(model(x, 2000), {}).total)


def test_posterior_can_have_the_shapes_of_its_row() -> None:
    """A shape outside the family costs ELBO: correlations for a diagonal Gaussian, a ring for
    every Gaussian. A point has no spread and reconstructs better."""
    diagonal, full, flow = (bound(total, name, 100) for name in ("diagonal", "full", "flow"))
    assert full > diagonal + 1
    assert flow == pytest.approx(full, abs=0.05)
    assert bound(radius, "flow", 150) > bound(radius, "full", 100) + 0.4
    cloud, point = done(), done(posterior="point", objective="reconstruction")
    assert point.record.kl is None
    assert cloud.record.kl > 1
    assert point.squares < cloud.squares
    x = torch.rand(3, *DIGITS.shape)
    with torch.no_grad():
        assert not point.model(x, 50).z.std(0).any()
        assert cloud.model(x, 50).z.std(0).min() > 0.01


def test_posterior_transforms_fit_more_complex_shapes() -> None:
    """A run has two transforms by default."""
    one = bound(radius, "flow", 150, posterior_transforms=1)
    assert bound(radius, "flow", 150) > one + 0.3


CODED = {"posterior": "quantised", "objective": "reconstruction", "epochs": 20}


def codebook(**settings: Any) -> dict[str, float]:
    """Return the last validation figures of a model with a codebook."""
    report = done(**CODED | settings).reports("val")[-1]
    return report.terms | {"reconstruction": report.reconstruction}


def test_codes_more_reconstruct_better() -> None:
    one, four, many = (codebook(codes=k) for k in (1, 4, 64))
    assert one["perplexity"] == 1
    assert 2 < four["perplexity"] <= 4 < many["perplexity"] - 4
    assert one["reconstruction"] > four["reconstruction"] + 2 > many["reconstruction"] + 4


def test_code_groups_more_combine_more_codes() -> None:
    one, four = (codebook(codes=8, code_groups=g) for g in (1, 4))
    assert four["reconstruction"] < one["reconstruction"] - 2
    assert done(**CODED, codes=8, code_groups=4).model.codes.codebook.shape == (4, 8, 1)


def test_commitment_larger_holds_z_closer_to_its_codes() -> None:
    """Without it z moves away from the codes, which follow too slowly."""
    apart = [codebook(commitment=w, epochs=60)["commitment"] for w in (0.0, 0.25, 5.0)]
    assert apart[0] > 2 * apart[1] > 4 * apart[2]
    found = done(**CODED).reports("val")[-1]
    assert found.loss == pytest.approx(
        found.reconstruction + 0.25 * found.terms["commitment"], rel=1e-5
    )


def test_code_decay_larger_follows_more_slowly() -> None:
    """A code that has seen outputs at 0 covers a share 1 − γ of the way to outputs at 1."""
    for decay in (0.0, 0.9, 0.99):
        config = quick(**CODED, codes=1, code_decay=decay)
        row = build(config, DIGITS).codes
        for place in (0.0, 1.0):
            row.learn(Point(torch.full((8, 4), place)))
            row.use.fill_(1)
        assert float(row.codebook.mean()) == pytest.approx(1 - decay, abs=1e-6)


def test_code_revival_brings_dead_codes_back() -> None:
    """Without it most codes die within the first epochs."""
    dead, revived = (codebook(latent_dim=8, code_revival=share) for share in (0.0, 0.1))
    assert revived["perplexity"] > 1.3 * dead["perplexity"]
    assert revived["unused_codes"] < dead["unused_codes"]
    assert revived["reconstruction"] < dead["reconstruction"] - 5


FLAT = {"data": "mixture", "latent_dim": 2, "epochs": 20, "sigma": 0.1, "lr": 1e-2}
FLAT |= {"batch_size": 64}


def test_a_learned_prior_has_a_smaller_kl() -> None:
    """Five clumps differ from N(0, I): a prior that fits the latents has less KL."""
    assert set(PRIORS) == {"standard", "mixture", "vamp", "flow"}
    plain = done(**FLAT).record
    for prior in PRIORS.keys() - {"standard"}:
        record = done(prior=prior, **FLAT).record
        assert record.elbo > plain.elbo + 1, prior
        assert record.kl < plain.kl - 1, prior
    z = done(**FLAT).model.prior().sample(torch.Size((20_000,)))
    assert z.mean(0).abs().max() < 0.05
    assert (torch.cov(z.T) - torch.eye(2)).abs().max() < 0.05


def misfit(prior: str, steps: int, **options: int) -> float:
    """Return −ln p(z) of points on a spiral under a prior that was fitted to them, nats."""
    torch.manual_seed(0)
    t = 1.5 + 9 * torch.rand(500)
    spiral = torch.stack([t * t.cos(), t * t.sin()], 1) / 4 + 0.05 * torch.randn(500, 2)
    fitted = PRIORS[prior](2, Domain((2,)), **options)
    optimizer = torch.optim.Adam(fitted.parameters(), 1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = -fitted(lambda x: x).log_prob(spiral).mean()
        loss.backward()
        optimizer.step()
    return loss.item()


def test_prior_components_fit_more_complex_shapes() -> None:
    """Ten components follow a spiral better than two. The prior has the configured number."""
    two, ten = (misfit("mixture", 100, prior_components=n) for n in (2, 10))
    assert ten < two - 0.2
    for prior in ("mixture", "vamp"):
        model = build(quick(prior=prior, prior_components=7), DIGITS)
        assert model.prior().component_distribution.batch_shape == (7,)


def test_prior_transforms_fit_more_complex_shapes() -> None:
    """One transform shapes each latent given those before it. A spiral needs more than one."""
    assert misfit("flow", 70, prior_transforms=2) < misfit("flow", 70, prior_transforms=1) - 0.2


def test_condition_replaces_the_class_in_z() -> None:
    """A better bound with less KL, and samples of the requested class."""
    usual = {"likelihood": "bernoulli", "epochs": 25}
    plain, told = done(**usual), done(condition="labels", **usual)
    assert told.record.elbo > plain.record.elbo + 1
    data = data_of(told.config)
    means = np.stack([data.x[data.labels == k].mean(0) for k in range(10)]).reshape(10, -1) / 16
    labels = np.repeat(np.arange(10), 20)
    for run, least, most in ((told, 0.8, 1.0), (plain, 0.0, 0.3)):
        x = decode(run.model, prior_sample(run.model, 200, 0), labels=labels).reshape(200, 1, -1)
        nearest = ((x - means) ** 2).sum(-1).argmin(1)
        assert least <= (nearest == labels).mean() <= most


def test_library_size_observed_frees_the_latents_from_the_depth() -> None:
    """On cells whose depth varies 10-fold: a better held-out bound, and shares that are nearer to
    the true ones."""
    found = cells(600, 20, (30, 300))
    usual = {"likelihood": "poisson", "latent_dim": 2, "epochs": 60, "lr": 1e-2}
    elbo, error = {}, {}
    for size in ("none", "observed"):
        config = quick(**usual, library_size=size, test_share=0.2)
        model = trained(config, found.data)
        rows = config.split(found.data).test
        batches = Batches(found.data, rows, config, torch.device("cpu"))
        elbo[size] = evaluate(model, batches).elbo
        with torch.no_grad():
            mean = model(torch.from_numpy(found.data.x[rows]), 0).px.mean[0].numpy()
        shares = mean / mean.sum(1, keepdims=True)
        error[size] = np.abs(shares - found.shares[rows]).sum(1).mean()
    assert elbo["observed"] > elbo["none"] + 1
    assert error["observed"] < 0.9 * error["none"]


EFFECTS: dict[str, Callable[..., None]] = {
    "network": test_network_is_the_architecture,
    "hidden": test_hidden_more_and_wider_layers_fit_more,
    "activation": test_activation_is_the_nonlinearity,
    "channels": test_channels_more_fit_more,
    "blocks": test_blocks_more_are_deeper,
    "latent_dim": test_latent_dim_more_carry_more_and_reconstruct_better,
    "likelihood": test_likelihood_is_the_distribution_of_the_decoder,
    "sigma": test_sigma_larger_is_blurrier_with_a_smaller_kl,
    "library_size": test_library_size_observed_frees_the_latents_from_the_depth,
    "degrees_of_freedom": test_degrees_of_freedom_fewer_forgive_outliers,
    "posterior": test_posterior_can_have_the_shapes_of_its_row,
    "posterior_transforms": test_posterior_transforms_fit_more_complex_shapes,
    "codes": test_codes_more_reconstruct_better,
    "code_groups": test_code_groups_more_combine_more_codes,
    "commitment": test_commitment_larger_holds_z_closer_to_its_codes,
    "code_decay": test_code_decay_larger_follows_more_slowly,
    "code_revival": test_code_revival_brings_dead_codes_back,
    "prior": test_a_learned_prior_has_a_smaller_kl,
    "prior_components": test_prior_components_fit_more_complex_shapes,
    "prior_transforms": test_prior_transforms_fit_more_complex_shapes,
    "condition": test_condition_replaces_the_class_in_z,
}
