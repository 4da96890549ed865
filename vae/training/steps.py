"""Training as functions of a state: take one step, measure, keep the best weights.

The Trainer calls these functions, and an exported script contains them word for word, so that both
train the same model. Every random draw is a function of (seed, step).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from vae.base.numbers import plain
from vae.base.records import RESCALE, SLOWER, Change, Domain
from vae.base.rng import permutation, reseed, stream
from vae.batches import Batches
from vae.components.objectives import Loss
from vae.components.quantised import code_figures
from vae.components.schedules import Progress
from vae.components.terms import Pass
from vae.config import RunConfig
from vae.data import Dataset, Splits
from vae.model import VAE, build
from vae.training.metrics import Sums, yardstick
from vae.training.milestones import Plan
from vae.training.written import Written, is_written

LARGE = 30.0  # of |u|: Gaussian likelihoods have diverged from about 100 on
FIRST_EXAMPLES = 1000  # training examples that may initialise a model


class State:
    """Model, optimiser, running means and best weights: everything that a step changes."""

    def __init__(
        self,
        config: RunConfig,
        domain: Domain,
        data: Dataset,
        splits: Splits,
        device: torch.device,
    ) -> None:
        self.config, self.device = config, device
        self.batches = Batches(data, splits.train, config, device)
        self.held_out = Batches(data, splits.val, config, device)
        self.plan = Plan.of(config, len(splits.train))
        self.model = build(config, domain).to(device)
        self.optimizer = build_optimizer(self.model, config)
        self.gradient = gradient_of(config, device, domain.missing)
        self.forward: Callable[..., Pass] = self.model
        self.written: Any = None  # the tensors of `written_step`, from the first step on
        self.ranks: Any = None  # the processes of `divided_step`
        self.scheduled = config.scheduled
        self.changes: Sequence[Change] = ()  # live changes of scheduled settings
        self.step = 0  # optimiser steps taken
        self.order = torch.empty(0, dtype=torch.long)  # of the training examples in this epoch
        self.order_epoch = -1
        self.sums = Sums()
        self.best: dict[str, Any] = {"value": None, "step": 0}
        self.best_weights: dict[str, Tensor] = {}


def build_optimizer(model: VAE, config: RunConfig) -> torch.optim.Optimizer:
    """Return AdamW on all parameters of the model (Loshchilov & Hutter 2019)."""
    return torch.optim.AdamW(
        model.parameters(),
        lr=config.lr,
        eps=config.adam_eps,
        weight_decay=config.weight_decay,
        fused=model.device.type != "mps",
    )


def likely_cause(state: State) -> str:
    """Return the likely cause of a number that is not finite, with a way out."""
    largest, column = _largest(state)
    if largest > LARGE and not state.model.domain.scale:
        return f"The largest value of x is {plain(largest)}, too large for a network. {RESCALE}"
    if largest > LARGE:
        return (
            f"Feature {column + 1} has a value of {plain(largest)} times its scale: leave out the "
            "outlier, or take the logarithm of this feature."
        )
    if not state.step:
        return "No step was taken: the cause is the data or the options of likelihood and prior."
    return SLOWER


def _largest(state: State) -> tuple[float, int]:
    """Return the largest |u| of the training examples, and its column or channel."""
    found = torch.zeros(state.model.domain.shape, device=state.device)
    with torch.no_grad():
        for x, _ in state.batches.chunks():
            found = torch.maximum(found, state.model.units(x).nan_to_num().abs().amax(0))
    each = found.flatten(1).amax(1) if found.ndim > 1 else found
    return float(each.max()), int(each.argmax())


def init_from_data(state: State) -> None:
    """Initialise the parts of the model that start from training examples."""
    with torch.no_grad(), stream(state.device, state.config.seed, "start"):
        rows = torch.randperm(len(state.batches))[:FIRST_EXAMPLES].to(state.device)
        state.model.init_from_data(state.batches.take(rows).x)


def next_rows(state: State) -> Tensor:
    """Return the training examples of the next step, int64 (B,): a slice of the epoch's order."""
    epoch, position = divmod(state.step, state.plan.steps_per_epoch)
    if epoch != state.order_epoch:
        order = permutation(len(state.batches), state.config.seed, epoch)
        state.order, state.order_epoch = order.to(state.device), epoch
    size = state.config.batch_size
    return state.order[position * size : (position + 1) * size]


def scalars_at(state: State, of_last_step: bool = False) -> dict[str, float]:
    """Return every scheduled setting at this step, live changes included.

    A report takes `of_last_step`, without the changes made at this very step: when the report was
    first written they were not known, and a resumed run must write the same report again.
    """
    plan, until = state.plan, state.step - of_last_step
    progress = Progress(state.step, plan.steps, plan.steps_per_epoch)
    moved = {c.field: c.value for c in state.changes if c.step <= until}
    config = state.config
    return {name: config.at(name, progress, moved.get(name)) for name in state.scheduled}


def train_step(state: State, rows: Tensor) -> None:
    """Take one optimiser step on these training examples (B,); add their means to the sums."""
    scalars = scalars_at(state)
    state.optimizer.param_groups[0]["lr"] = scalars.pop("lr")
    reseed(state.device, state.config.seed, "step", state.step)
    state.sums.add(GRADIENTS[state.gradient](state, rows, scalars), len(rows))
    state.step += 1


def autograd_step(state: State, rows: Tensor, scalars: dict[str, float]) -> dict[str, Tensor]:
    """Change the weights by autograd's gradient, for any model on any device. Return the means of
    the loss and of its terms."""
    out, loss = backpropagated(state, rows, scalars)
    descend(state, out)
    return yardstick(state.model, out, loss)


def backpropagated(state: State, rows: Tensor, scalars: dict[str, float]) -> tuple[Pass, Loss]:
    """Compute the gradient of the loss of these training examples (B,) for all weights. Return
    the pass and its loss."""
    x, y = state.batches.take(rows)
    out = state.forward(x, state.config.posterior_samples, y)
    loss = state.model.loss(out, scalars)
    state.optimizer.zero_grad(set_to_none=True)
    loss.total.backward()  # type: ignore[no-untyped-call]
    return out, loss


def descend(state: State, out: Pass) -> None:
    """Change the weights by their gradients, clipped if configured, and the tensors of the model
    that learn without gradient by the pass."""
    if state.config.grad_clip:
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), state.config.grad_clip)
    state.optimizer.step()
    state.model.learn(out)


def written_step(state: State, rows: Tensor, scalars: dict[str, float]) -> dict[str, Tensor]:
    """Change the weights by a written-out gradient, see `Written`: faster, for common models."""
    if state.written is None:
        state.written = Written(state.model, state.optimizer)
    means: dict[str, Tensor] = state.written.step(state.batches, rows, scalars["beta"])
    return means


def divided_step(state: State, rows: Tensor, scalars: dict[str, float]) -> dict[str, Tensor]:
    """Change the weights by the gradient that several processes compute together, see `Ranks`."""
    out, loss = backpropagated(state, rows, scalars)
    state.ranks.average(state.model.parameters())
    descend(state, out)
    return yardstick(state.model, out, loss)


GRADIENTS: dict[str, Callable[[State, Tensor, dict[str, float]], dict[str, Tensor]]] = {
    "autograd": autograd_step,
    "written": written_step,
    "divided": divided_step,
}


def gradient_of(config: RunConfig, device: torch.device, missing: bool = False) -> str:
    """Return the row of GRADIENTS that trains a configuration on a device; the written-out
    gradient needs every value of x."""
    is_plain = is_written(config) and not missing
    return "written" if is_plain and device.type == "cpu" else "autograd"


def validate(state: State) -> dict[str, Any]:
    """Return the means over the validation examples at the current weights.

    The random draws come from a separate stream and are the same at every step.
    """
    config, model, sums = state.config, state.model, Sums()
    scalars = scalars_at(state, of_last_step=True)
    scalars.pop("lr")
    with torch.no_grad(), stream(state.device, config.seed, "validation"):
        for x, y in state.held_out.chunks():
            out = state.forward(x, config.posterior_samples, y)
            terms = yardstick(model, out, model.loss(out, scalars))
            sums.add(terms | model.code_use(out), len(x))
    return derived(sums.means())


def derived(means: dict[str, Any]) -> dict[str, Any]:
    """Return the means with the figures that follow from them: the ELBO, −(reconstruction + KL),
    where there is a KL, and of the validation examples the use of a codebook."""
    if "code_shares" in means:
        means |= code_figures(torch.tensor(means.pop("code_shares")))
    if "kl" not in means:
        return means
    return means | {"elbo": -(means["reconstruction"] + means["kl"])}


def keep_best(state: State, figures: dict[str, Any]) -> None:
    """Copy the weights if these validation figures have the highest score so far."""
    value = state.config.best_by.score(figures)
    if value is None:
        return
    if state.best["value"] is None or value > state.best["value"]:
        state.best = {"value": value, "step": state.step}
        state.best_weights = {k: v.clone() for k, v in state.model.state_dict().items()}


def due_figures(state: State, end: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ("train", means since the last report) and ("val", means over the validation examples)
    where they are due at this step of a run of `end` steps; keep the best weights."""
    plan, step = state.plan, state.step
    if state.sums.count and (plan.report_due(step) or step == end):
        yield "train", derived(state.sums.means())
        state.sums = Sums()
    if len(state.held_out) and step % plan.steps_per_epoch == 0:
        figures = validate(state)
        keep_best(state, figures)
        yield "val", figures
