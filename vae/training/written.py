"""Written-out gradients: one training step of a fully connected VAE without autograd's graph.

The loss of an example is −ln p(x|z) + β KL(q(z|x) || N(0, I)) for one sample z = μ + σ ε.

A step shares its work among threads in two rounds. First, forward and backward pass of each part
of the batch. Then gradient and AdamW of each part of the rows of every W, from the whole batch.
The parts depend on the number of threads alone, and sums over parts have a fixed order. So the
weights do not depend on the load of the machine.
Notation: B batch, b examples of a part, D values of an example, Z latent dimensions.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from types import EllipsisType
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vae.batches import Batches
from vae.components.likelihoods import LIKELIHOODS
from vae.components.networks import NETWORKS, SLOPES
from vae.components.objectives import OBJECTIVES
from vae.components.posteriors import POSTERIORS
from vae.components.priors import PRIORS
from vae.config import RunConfig
from vae.model import VAE
from vae.training.crew import crew_of, one_thread_each
from vae.training.layers import Layer, backward, forward, layers_of

SMALLEST = 32  # examples of a part: matrix products of fewer rows are slower


def is_written(config: RunConfig) -> bool:
    """Whether the gradient of this configuration is written out.

    Likelihood and posterior take part if their class itself defines `slope`: a subclass that
    inherits it may have another gradient.
    """
    activation = config.get("activation")
    return (
        config.network in NETWORKS  # not one in a file
        and NETWORKS[config.network].dense
        and (activation is None or activation in SLOPES)
        and "slope" in vars(LIKELIHOODS[config.likelihood])
        and "slope" in vars(POSTERIORS[config.posterior])
        and PRIORS[config.prior].unit_normal
        and OBJECTIVES[config.objective].weighs_kl
        and config.posterior_samples == 1
        and not config.conditional
        and config.precision == "fp32"
    )


class Part(NamedTuple):
    """A part of a batch."""

    examples: slice
    encoder: list[Layer]
    decoder: list[Layer]


class Slots(NamedTuple):
    """Weights with their gradients and the state of AdamW."""

    weights: list[Tensor]
    gradients: list[Tensor]
    means: list[Tensor]
    squares: list[Tensor]
    steps: list[Tensor]


class Update(NamedTuple):
    """Some rows of one W and b, and the tensors that give their gradients."""

    delta: Tensor  # (B, rows)
    a: Tensor  # (B, in)
    slots: Slots  # of W (rows, in) and b (rows,)


class Space(NamedTuple):
    """The tensors of a step on batches of one size."""

    parts: list[Part]
    updates: list[list[Update]]  # of each part of the rows


class PartSums(NamedTuple):
    """PartSums over the examples of a part, or of the batch."""

    error: Tensor  # −ln p(u|z)
    kl: Tensor  # (Z,)
    learned: Tensor  # the gradient for the likelihood's parameter; 0 without one


class Written:
    """The training step of one model on the CPU, with its tensors."""

    def __init__(self, model: VAE, optimizer: torch.optim.Optimizer) -> None:
        self.model, self.optimizer = model, optimizer
        self.parameters = list(model.parameters())
        for parameter in self.parameters:
            parameter.grad = torch.zeros_like(parameter)
            _begin(optimizer, parameter)
        self.steps = [optimizer.state[p]["step"] for p in self.parameters]
        self.likelihood, self.posterior = model.outputs
        self.learned = list(self.likelihood.parameters())
        self.learned_slots = [self._slots([p], ...) for p in self.learned]
        self.threads = torch.get_num_threads()
        self.crew = crew_of(self.threads)
        self.spaces: dict[int, Space] = {}

    def step(self, batches: Batches, rows: Tensor, beta: float) -> dict[str, Tensor]:
        """Take one step on the training examples `rows` (B,). Return the means of the loss and of
        its terms over them."""
        clip = self.model.config.grad_clip
        with one_thread_each():
            space = self._space(len(rows))
            terms = self._passes(space, batches, rows, beta)
            torch._foreach_add_(self.steps, 1)
            if clip:
                self._each(space, set_gradient)
                nn.utils.clip_grad_norm_(self.parameters, clip)
                self._each(space, self._update)
            else:
                self._each(space, set_gradient, self._update)
            for slots in self.learned_slots:
                self._adamw(slots)
        return terms

    def _passes(
        self, space: Space, batches: Batches, rows: Tensor, beta: float
    ) -> dict[str, Tensor]:
        """Compute the tensors of all layers; return the means of the loss and of its terms."""
        size, shape = len(rows), (len(rows), self.model.config.latent_dim)
        drawn = batches.take(rows).x if batches.binarization.random else None
        noise = torch.randn(shape, dtype=self.parameters[0].dtype)

        def task(k: int) -> PartSums:
            part = space.parts[k]
            x = batches.take(rows[part.examples]).x if drawn is None else drawn[part.examples]
            return self._pass(part, x, noise[part.examples], beta, 1 / size)

        found = self.crew.share(task, len(space.parts))
        sums = PartSums(*(sum(each[1:], each[0]) for each in zip(*found, strict=True)))
        for parameter in self.learned:
            assert parameter.grad is not None
            parameter.grad.copy_(self.likelihood.learned_gradient(sums.learned / size))
        kl = sums.kl / size  # (Z,)
        terms = {
            "reconstruction": sums.error / size + self.model.units.log_volume,
            "kl": kl.sum(),
            "kl_per_dimension": kl,
        }
        return terms | {"loss": terms["reconstruction"] + beta * terms["kl"]}

    def _pass(self, part: Part, x: Tensor, noise: Tensor, beta: float, share: float) -> PartSums:
        """Compute the tensors of the layers for a part of the batch: forward and backward pass."""
        encoder, decoder = part.encoder, part.decoder
        encoder[0].a.copy_(self.model.units(x).flatten(1))  # (b, *event) → (b, D)
        forward(encoder)
        q = self.posterior.moments(encoder[-1].h)
        decoder[0].a.copy_(q.transformed(noise))
        forward(decoder)
        error, slope, learned = self.likelihood.slope(decoder[-1].h, encoder[0].a)
        torch.mul(slope, share, out=decoder[-1].delta)
        backward(decoder)
        of_z = decoder[0].delta @ decoder[0].weight  # (b, Z)
        encoder[-1].delta.copy_(self.posterior.slope(q, noise, of_z, beta * share))
        backward(encoder)
        return PartSums(error, q.kl_sums(), learned)

    def _space(self, size: int) -> Space:
        """Return the tensors for batches of B = `size` examples."""
        if size not in self.spaces:
            count = max(1, min(self.threads, size // SMALLEST))
            activation = str(self.model.config.get("activation"))
            encoder = layers_of(self.model.encoder, activation, size)
            decoder = layers_of(self.model.decoder, activation, size)
            parts = [
                Part(part, [e.of(part) for e in encoder], [d.of(part) for d in decoder])
                for part in divided(size, count)
            ]
            # The first layer comes last: the next step begins with its weights, then in the cache
            every = [self._updates(layer, count) for layer in (*decoder, *reversed(encoder))]
            self.spaces[size] = Space(parts, [list(one) for one in zip(*every, strict=True)])
        return self.spaces[size]

    def _updates(self, layer: Layer, count: int) -> list[Update]:
        """Return the weights of a layer in `count` parts of its rows."""
        return [
            Update(layer.delta[:, part], layer.a, self._slots([layer.weight, layer.bias], part))
            for part in divided(len(layer.bias), count)
        ]

    def _slots(self, parameters: Sequence[Tensor], part: slice | EllipsisType) -> Slots:
        """Return these rows of parameters, of their gradients and of their state."""
        states = [self.optimizer.state[p] for p in parameters]
        return Slots(
            [p.detach()[part] for p in parameters],
            [p.grad[part] for p in parameters if p.grad is not None],
            [s["exp_avg"][part] for s in states],
            [s["exp_avg_sq"][part] for s in states],
            [s["step"] for s in states],
        )

    def _each(self, space: Space, *works: Callable[[Update], None]) -> None:
        """Do these works for every part of the weights."""

        def task(k: int) -> None:
            for update in space.updates[k]:
                for work in works:
                    work(update)

        self.crew.share(task, len(space.updates))

    def _update(self, update: Update) -> None:
        self._adamw(update.slots)

    def _adamw(self, slots: Slots) -> None:
        """Take a step of AdamW on these weights, as `torch.optim.AdamW(fused=True)` does."""
        group = self.optimizer.param_groups[0]
        beta1, beta2 = group["betas"]
        torch._fused_adamw_(
            slots.weights,
            slots.gradients,
            slots.means,
            slots.squares,
            [],
            slots.steps,
            lr=group["lr"],
            beta1=beta1,
            beta2=beta2,
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
        )


def set_gradient(update: Update) -> None:
    """Compute the gradient of some rows of W and b over the whole batch."""
    weight, bias = update.slots.gradients
    torch.mm(update.delta.T, update.a, out=weight)
    torch.sum(update.delta, 0, out=bias)


def divided(size: int, count: int) -> list[slice]:
    """Return 0 … size in `count` parts of nearly equal size."""
    ends = [size * k // count for k in range(count + 1)]
    return [slice(a, b) for a, b in pairwise(ends)]


def _begin(optimizer: torch.optim.Optimizer, parameter: Tensor) -> None:
    """Add the state of AdamW before its first step, unless it continues from a snapshot."""
    if not optimizer.state[parameter]:
        optimizer.state[parameter] = {
            "step": torch.zeros((), dtype=torch.float32),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }
