"""Written-out gradients equal those of autograd, and their steps do not depend on the load.

In float64 both ways give the same weights to the last digits for every configuration that
`is_written` accepts. It refuses every other row of every table.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tests.tables import each
from vae.base.records import Control, Domain, Snapshot
from vae.components.likelihoods import LIKELIHOODS, Bernoulli, GaussianLearned
from vae.components.networks import ACTIVATIONS
from vae.components.products import product
from vae.config import TABLES, RunConfig
from vae.data import Dataset
from vae.training import train, written
from vae.training.crew import Crew
from vae.training.steps import State, build_optimizer, gradient_of, next_rows, train_step
from vae.training.written import is_written

CPU = torch.device("cpu")
Small = Callable[..., RunConfig]
Toy = Callable[..., Dataset]


@pytest.fixture
def two_threads() -> None:
    torch.set_num_threads(2)


def begun(config: RunConfig, data: Dataset, gradient: str) -> State:
    """A state before its first step; only the written-out one uses two threads."""
    torch.set_num_threads(2 if gradient == "written" else 1)
    state = State(config, config.domain(data), data, config.split(data), CPU)
    state.gradient = gradient
    return state


def double(config: RunConfig, data: Dataset, gradient: str) -> State:
    """A state in float64 after four steps, the last of them on a smaller batch."""
    state = begun(config, data, gradient)
    state.model.double()
    state.optimizer = build_optimizer(state.model, config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "float", torch.Tensor.double)
        for _ in range(4):
            train_step(state, next_rows(state))
    return state


def same_training(config: RunConfig, data: Dataset) -> None:
    """Assert that weights, mean gradients and their squares, and mean terms are equal."""
    ours, theirs = (double(config, data, gradient) for gradient in ("written", "autograd"))
    for (name, p), q in zip(ours.model.named_parameters(), theirs.model.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-10, atol=1e-12, msg=name)
        torch.testing.assert_close(
            ours.optimizer.state[p], theirs.optimizer.state[q], rtol=1e-10, atol=1e-11
        )
    assert list(ours.sums.totals) == list(theirs.sums.totals)
    torch.testing.assert_close(ours.sums.totals, theirs.sums.totals, rtol=1e-10, atol=1e-10)


# ── the gradient

SETTINGS: list[dict[str, Any]] = [
    *({"activation": name} for name in ACTIVATIONS),
    *({"likelihood": name} for name in ("bernoulli", "gaussian", "gaussian-learned")),
    {"network": "linear", "likelihood": "gaussian-learned"},
    {"hidden": (7, 9, 5), "beta": 0.3, "latent_dim": 3},
    {"binarize": "threshold"},
    {"binarize": "stochastic"},
    {"grad_clip": 1.0, "weight_decay": 0.1, "adam_eps": 1e-4},
    {"likelihood": "gaussian-learned", "grad_clip": 0.5},
    {"beta_schedule": "warmup:1", "lr_schedule": "cosine", "batch_size": 30},
]


@each("settings", SETTINGS)
def test_the_gradient_is_that_of_autograd(
    small: Small, toy: Toy, settings: dict[str, Any]
) -> None:
    config = small(**({"batch_size": 70} | settings))
    assert is_written(config)
    same_training(config, toy(300, (1, 3, 3)))


@each("scale", ["standardise", "minmax", "none"])
def test_the_gradient_is_that_of_autograd_on_rescaled_columns(
    small: Small, toy: Toy, scale: str
) -> None:
    data = toy(150, (5,), bytes_=False)
    data = data._replace(x=data.x * np.arange(1, 6, dtype=np.float32) + 3)
    for likelihood in ("gaussian", "gaussian-learned"):
        same_training(small(likelihood=likelihood, data_scale=scale, batch_size=70), data)


def test_a_sigma_below_its_floor_has_the_gradient_of_autograd() -> None:
    likelihood = GaussianLearned(Domain((5,)))
    likelihood.log_var.data.fill_(GaussianLearned.LOWEST - 1)
    for x in (torch.ones(4, 5), torch.zeros(4, 5)):  # sigma should increase, decrease
        likelihood.log_var.grad = None
        (-likelihood(torch.zeros(4, 1, 5)).log_prob(x)).mean().backward()
        found = likelihood.slope(torch.zeros(4, 5), x)
        ours = likelihood.learned_gradient(found.learned / 4)
        torch.testing.assert_close(ours, likelihood.log_var.grad)


@each("size", [1, 3, 64])
def test_a_product_is_that_of_a_linear_layer(size: int) -> None:
    """Also from transposed views, which the gradients of weights are taken from."""
    for rows, inputs in ((5, 7), (40, 33), (200, 2)):
        a, weight, bias = torch.randn(size, inputs), torch.randn(rows, inputs), torch.randn(rows)
        for w in (weight, weight.T.contiguous().T):
            torch.testing.assert_close(product(a, w, bias), torch.addmm(bias, a, w.T))
        delta = torch.randn(size, rows)[:, : rows // 2]
        torch.testing.assert_close(product(delta.T, a.T), delta.T @ a)


# ── the choice


def test_every_row_is_refused_or_has_the_gradient_of_autograd(small: Small, toy: Toy) -> None:
    """A row that is added, or that changes its gradient, cannot be trained by another's."""
    accepted = []
    for kind in ("network", "likelihood", "posterior", "prior", "objective"):
        for name in TABLES[kind]:
            point = kind == "posterior" and not TABLES[kind][name].has_density
            settings = {kind: name} | ({"objective": "reconstruction"} if point else {})
            config = small(batch_size=70, **settings)
            if is_written(config):
                same_training(config, toy(200, (1, 3, 3)))
                accepted.append((kind, name))
    expected = [("network", "mlp"), ("network", "linear"), ("posterior", "diagonal")]
    expected += [("prior", "standard"), ("objective", "elbo")]
    expected += [("likelihood", name) for name in ("bernoulli", "gaussian", "gaussian-learned")]
    assert sorted(accepted) == sorted(expected)


@each(
    "settings",
    [
        {"posterior_samples": 2},
        {"condition": "labels"},
        {"network": "conv"},
    ],
)
def test_other_settings_are_left_to_autograd(small: Small, settings: dict[str, Any]) -> None:
    assert gradient_of(small(**settings), CPU) == "autograd"


def test_other_devices_are_left_to_autograd(small: Small) -> None:
    assert gradient_of(small(), CPU) == "written"
    assert gradient_of(small(), torch.device("cuda")) == "autograd"


def test_a_subclass_is_left_to_autograd(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(Bernoulli):
        pass

    monkeypatch.setitem(LIKELIHOODS, "bernoulli", Other)
    assert not is_written(small())


# ── bfloat16


def slopes_after_a_step(config: RunConfig, data: Dataset, gradient: str) -> torch.Tensor:
    state = begun(config, data, gradient)
    train_step(state, next_rows(state))
    parameters = state.model.parameters()
    return torch.cat([state.optimizer.state[p]["exp_avg"].flatten() for p in parameters])


def test_the_gradient_in_bfloat16_is_near_that_in_float32(small: Small, toy: Toy) -> None:
    """As near as that of autograd in bfloat16, whose numbers have 8 bits."""
    data = toy(300, (1, 5, 5))
    exact, short = (small(batch_size=70, precision=name) for name in ("fp32", "bf16"))
    wanted = slopes_after_a_step(exact, data, "written")
    errors = [
        float((slopes_after_a_step(short, data, gradient) - wanted).norm() / wanted.norm())
        for gradient in ("written", "autograd")
    ]
    assert 0 < errors[0] < 2 * errors[1] < 0.05


def test_products_in_bfloat16_use_the_weights_of_the_last_step(small: Small, toy: Toy) -> None:
    state = begun(small(batch_size=70, precision="bf16"), toy(300, (1, 5, 5)), "written")
    for _ in range(6):  # over two sizes of a batch
        train_step(state, next_rows(state))
    for weight, factor in state.written.factors.items():
        assert factor.dtype is torch.bfloat16
        torch.testing.assert_close(factor, weight.detach().bfloat16(), rtol=0, atol=0)


def test_bfloat16_is_left_to_autograd_without_its_instructions(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    for native, wanted in ((True, "written"), (False, "autograd")):
        monkeypatch.setattr(written, "multiplies_bfloat16", lambda native=native: native)
        assert gradient_of(small(precision="bf16"), CPU) == wanted


# ── the threads


def trained(small: Small, toy: Toy, **settings: Any) -> Snapshot:
    """The last snapshot of a run on batches that two threads share."""
    config = small(**({"batch_size": 64, "epochs": 2, "hidden": (40, 24)} | settings))
    *_, end = train(config, toy(300, (1, 5, 5)))
    assert isinstance(end, Snapshot)
    return end


def equal(a: Snapshot, b: Snapshot) -> None:
    assert a.arrays.keys() == b.arrays.keys()
    for name, array in a.arrays.items():
        np.testing.assert_array_equal(array, b.arrays[name], err_msg=name)


@pytest.mark.usefixtures("two_threads")
def test_the_weights_do_not_depend_on_the_load(
    small: Small, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tasks in any order give the weights of a real crew."""
    calm = trained(small, toy)
    order = np.random.default_rng(0)

    def share(self: Crew, task: Callable[[int], Any], count: int) -> list[Any]:
        done = {int(k): task(int(k)) for k in order.permutation(count)}
        return [done[k] for k in range(count)]

    monkeypatch.setattr(Crew, "share", share)
    equal(trained(small, toy), calm)


@pytest.mark.usefixtures("two_threads")
def test_the_weights_are_the_same_without_a_helper(
    small: Small, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A helper that the system never runs delays nothing: the caller does its tasks."""
    calm = trained(small, toy)
    alone = Crew(0)
    alone.helpers = 1  # orders without anybody to read them
    monkeypatch.setattr("vae.training.written.crew_of", lambda threads: alone)
    equal(trained(small, toy), calm)


def test_both_ways_give_nearly_the_same_weights(small: Small, toy: Toy) -> None:
    config, data = small(batch_size=70, hidden=(40,)), toy(300, (1, 5, 5))
    ours, theirs = (begun(config, data, gradient) for gradient in ("written", "autograd"))
    for _ in range(3):
        train_step(theirs, next_rows(theirs))
    torch.set_num_threads(2)
    for _ in range(3):
        train_step(ours, next_rows(ours))
    for p, q in zip(ours.model.parameters(), theirs.model.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-4, atol=1e-5)
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_a_run_of_two_threads_resumes_bit_for_bit(
    small: Small, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vae.training.milestones.SNAPSHOT_EXAMPLES", 64)
    config, data = small(batch_size=64, likelihood="gaussian-learned"), toy(300, (1, 5, 5))
    *snapshots, end = (e for e in train(config, data) if isinstance(e, Snapshot))
    for start in snapshots[1::4]:
        *_, last = train(config, data, start=start, control=lambda _: Control())
        assert isinstance(last, Snapshot)
        equal(last, end)


def test_a_run_that_autograd_began_goes_on(
    small: Small, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run folder of an earlier version continues near the weights that it would have had."""
    config, data = small(batch_size=64, epochs=2), toy(300, (1, 5, 5))
    monkeypatch.setattr("vae.training.milestones.SNAPSHOT_EXAMPLES", 64)
    monkeypatch.setattr("vae.training.steps.is_written", lambda config: False)
    *snapshots, end = (e for e in train(config, data) if isinstance(e, Snapshot))
    monkeypatch.undo()
    *_, last = train(config, data, start=snapshots[2])
    assert isinstance(last, Snapshot)
    assert last.arrays.keys() == end.arrays.keys()
    for name, array in end.arrays.items():
        np.testing.assert_allclose(last.arrays[name], array, rtol=1e-3, atol=1e-4, err_msg=name)


# ── the crew


def test_a_crew_returns_results_in_order_and_raises_errors() -> None:
    crew = Crew(2)
    for count in (1, 2, 3, 7):
        assert crew.share(lambda k: k * k, count) == [k * k for k in range(count)]

    def failing(k: int) -> int:
        if k == 1:
            raise ValueError("task 1")
        return k

    with pytest.raises(ValueError, match="task 1"):
        crew.share(failing, 3)
    assert crew.share(lambda k: k, 3) == [0, 1, 2]
