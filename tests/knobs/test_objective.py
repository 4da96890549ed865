"""Effects of the settings of the objective: each as in its help, in the same direction.

`EFFECTS` names the test of each setting; `test_every_setting` misses one that has none.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tests.knobs.harness import DIGITS, done, quick, ready
from vae.base.options import Field
from vae.config import fields
from vae.data import load
from vae.model import build
from vae.training.steps import scalars_at, train_step


def test_objective_reconstruction_ignores_the_kl() -> None:
    bound, alone = done(), done(objective="reconstruction")
    assert alone.record.reconstruction < bound.record.reconstruction - 0.5
    assert alone.record.kl > bound.record.kl + 3
    assert alone.record.elbo < bound.record.elbo


def test_larger_beta_lowers_the_kl() -> None:
    loose, plain, pressed = (done(beta=b).record for b in (0.1, 1.0, 8.0))
    assert loose.kl > plain.kl + 1 > pressed.kl + 2
    assert loose.reconstruction < plain.reconstruction < pressed.reconstruction - 3
    assert plain.elbo > max(loose.elbo, pressed.elbo)  # β = 1 is the one that maximises it


def test_beta_schedule_changes_the_weight_of_the_kl() -> None:
    warm = done(beta=4.0, beta_schedule="warmup:10")
    for report in warm.reports("val"):
        assert report.beta == pytest.approx(4 * min(1, report.epoch / 10))
        weighted = report.reconstruction + report.beta * report.kl
        assert report.loss == pytest.approx(weighted, rel=1e-5)
    constant = done(beta=4.0)
    early = [next(r.kl for r in d.reports("val") if r.epoch == 4) for d in (warm, constant)]
    assert early[0] > early[1] + 1  # the KL is free at first
    cyclic = done(beta_schedule="cyclical:4").reports("val")
    assert [r.beta for r in cyclic if r.epoch in (0, 2, 4, 6, 8)] == [0, 1, 0, 1, 0]


def test_posterior_samples_reduce_the_noise_of_the_gradient() -> None:
    """The variance from z falls like 1/K."""
    model = build(quick(), DIGITS)
    x = torch.rand(32, *DIGITS.shape, generator=torch.Generator().manual_seed(0))

    def variance(k: int) -> float:
        grads = []
        for seed in range(60):
            torch.manual_seed(seed)
            model.zero_grad()
            model.loss(model(x, k), {}).total.backward()
            grads.append(model.encoder[1].weight.grad.clone())
        return float(torch.stack(grads).var(0).sum())

    assert variance(1) / variance(16) == pytest.approx(16, rel=0.35)
    state = ready(quick(posterior_samples=7), load("digits", examples=300))
    shapes = []
    state.model.register_forward_hook(lambda m, i, out: shapes.append(out.z.shape))
    train_step(state, torch.arange(32))
    assert shapes == [(7, 32, 4)]


def kl(**settings: Any) -> float:
    found = done(**settings).record.kl
    assert found is not None
    return found


def term(name: str, **settings: Any) -> float:
    """Return a term of the objective at the end of training."""
    return done(**settings).reports()[-1].terms[name]


def test_capacity_is_the_target_of_the_kl() -> None:
    for asked in (2.0, 6.0):
        assert kl(objective="capacity", capacity=asked) == pytest.approx(asked, abs=0.6)


def test_larger_capacity_weight_holds_the_kl_closer() -> None:
    off = [
        abs(kl(objective="capacity", capacity=2.0, capacity_weight=w) - 2) for w in (0.1, 1.0, 100)
    ]
    assert off[0] > off[1] + 1 > off[2] + 2


def test_free_bits_keep_more_dimensions_in_use() -> None:
    """Every dimension has its free nats, and no more if the data have little information."""
    soft = {"objective": "free-bits", "latent_dim": 8, "sigma": 0.5}
    none, half, one = (done(free_bits=f, **soft).record.kl_per_dimension for f in (0.0, 0.5, 1.0))
    assert max(none) < 0.35 < min(half) < max(half) < 0.7 < min(one)


def test_gradient_doubly_has_the_same_mean_and_less_noise() -> None:
    """Over draws of z at K = 32: equal means within five standard errors, and a smaller
    variance."""
    x = torch.from_numpy(load("digits", examples=32).x / np.float32(16))

    def gradients(kind: str) -> torch.Tensor:
        model = build(quick(objective="iwae", gradient=kind), DIGITS)
        model.load_state_dict(done().model.state_dict())
        found = []
        for seed in range(200):
            torch.manual_seed(seed)
            model.zero_grad()
            model.loss(model(x, 32), {}).total.backward()
            found.append(model.encoder[1].weight.grad.flatten().clone())
        return torch.stack(found)

    plain, doubly = gradients("reparameterised"), gradients("doubly")
    error = ((plain.var(0) + doubly.var(0)) / 200).sqrt()
    off = (plain.mean(0) - doubly.mean(0)).abs() / error.clamp(min=1e-12)
    assert off.quantile(0.99) < 5
    assert doubly.var(0).sum() < 0.7 * plain.var(0).sum()


def test_larger_mi_weight_lowers_the_information() -> None:
    parts = {"objective": "beta-tc", "tc_weight": 1.0}
    told = [term("mutual_information", mi_weight=w, **parts) for w in (0.0, 1.0, 5.0)]
    assert told[0] > told[1] > told[2] + 0.8


def test_larger_tc_weight_makes_dimensions_more_independent() -> None:
    tied = [term("total_correlation", objective="beta-tc", tc_weight=w) for w in (0.0, 1.0, 10.0)]
    assert tied[0] > tied[1] + 0.5 > tied[2] + 1


def test_larger_dimension_weight_brings_each_dimension_closer_to_the_prior() -> None:
    parts = {"objective": "beta-tc", "tc_weight": 1.0}
    away = [term("dimension_wise_kl", dimension_weight=w, **parts) for w in (0.0, 1.0, 10.0)]
    assert away[0] > away[1] + 1 > away[2] + 1.7


def test_larger_info_alpha_raises_the_information() -> None:
    low, plain, high = (kl(objective="info", info_alpha=a) for a in (-1.0, 0.0, 0.9))
    assert low < plain - 1 < high - 3


def test_larger_mmd_weight_brings_all_latents_closer_to_the_prior() -> None:
    """Their moments approach 0 and 1, and the reconstruction error rises."""
    found = [done(objective="wae", mmd_weight=w) for w in (1.0, 100.0)]
    loose, tight = [float(r.reports()[-1].terms["mmd"]) for r in found]
    assert loose > 0.1 > 0.05 > tight
    x = load("digits", examples=300).x / np.float32(16)
    q = [d.model.posterior(torch.from_numpy(x)) for d in found]
    off = [float((p.sample().std(0) - 1).abs().max()) for p in q]
    assert off[0] > 0.3 > off[1]
    assert found[0].record.reconstruction < found[1].record.reconstruction


SCHEDULED = [f for f in fields() if f.kind == "objective" and f.option.scheduled]


@pytest.mark.parametrize("field", SCHEDULED, ids=lambda f: f.name)
def test_every_scalar_follows_its_schedule(field: Field) -> None:
    """At each step the loss equals that of a run with the scheduled value as a constant."""
    row = field.specs[0][0]
    value = field.default_for({"objective": row}) or 1.0
    given = {"objective": row, field.name: value, f"{field.name}_schedule": "warmup:4"}
    data = load("digits", examples=300)
    state = ready(quick(**given), data)
    x = torch.rand(32, *DIGITS.shape, generator=torch.Generator().manual_seed(0))
    out = state.model(x, 2)
    for epochs in (1, 2, 4, 9):
        state.step = epochs * state.plan.steps_per_epoch
        now = scalars_at(state)
        assert now[field.name] == pytest.approx(value * min(1, epochs / 4))
        now.pop("lr")
        losses = []
        for scalars in (now, {field.name: value * min(1, epochs / 4)}):
            torch.manual_seed(0)  # an MMD draws from the prior
            losses.append(state.model.loss(out, scalars).total.item())
        assert losses[0] == pytest.approx(losses[1], rel=1e-6)


EFFECTS: dict[str, Callable[..., None]] = {
    "objective": test_objective_reconstruction_ignores_the_kl,
    "beta": test_larger_beta_lowers_the_kl,
    "beta_schedule": test_beta_schedule_changes_the_weight_of_the_kl,
    "capacity": test_capacity_is_the_target_of_the_kl,
    "capacity_weight": test_larger_capacity_weight_holds_the_kl_closer,
    "free_bits": test_free_bits_keep_more_dimensions_in_use,
    "gradient": test_gradient_doubly_has_the_same_mean_and_less_noise,
    "mi_weight": test_larger_mi_weight_lowers_the_information,
    "tc_weight": test_larger_tc_weight_makes_dimensions_more_independent,
    "dimension_weight": test_larger_dimension_weight_brings_each_dimension_closer_to_the_prior,
    "info_alpha": test_larger_info_alpha_raises_the_information,
    "mmd_weight": test_larger_mmd_weight_brings_all_latents_closer_to_the_prior,
    "posterior_samples": test_posterior_samples_reduce_the_noise_of_the_gradient,
}
