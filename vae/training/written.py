"""Written-out gradients: one training step of a fully connected VAE without autograd's graph.

The loss of an example is −ln p(x|z) + β KL(q(z|x) || N(0, I)) for one sample z = μ + σ ε.

A step shares its work among threads in two rounds. First, forward and backward pass of each part
of the batch. Then gradient and AdamW of each part of the rows of every W, from the whole batch.
The parts depend on the number of threads alone, and sums over parts have a fixed order. So the
weights do not depend on the load of the machine.
Notation: B batch, b examples of a part, D values of an example, Z latent dimensions.
"""

from collections.abc import Sequence
from itertools import chain, pairwise
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
from vae.components.products import multiplies_bfloat16, product
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
        and (config.precision == "fp32" or multiplies_bfloat16())
    )


class Part(NamedTuple):
    """A part of a batch."""

    examples: slice
    encoder: list[Layer]
    decoder: list[Layer]


class Slots(NamedTuple):
    """Weights and the state of AdamW for each."""

    weights: list[Tensor]
    factors: list[Tensor]  # the weights in bfloat16; empty in float32
    means: list[Tensor]
    squares: list[Tensor]
    steps: list[Tensor]


class Rows(NamedTuple):
    """Some rows of every W and b, and the tensors that give their gradients."""

    layers: list[tuple[Tensor, Tensor, Tensor]]  # delta (B, rows), deltaᵀ and aᵀ (in, B) of each
    slots: Slots  # of each W (rows, in) and b (rows,), in turns


class Space(NamedTuple):
    """The tensors of a step on batches of one size."""

    parts: list[Part]
    rows: list[Rows]  # of each part of the rows


class PartSums(NamedTuple):
    """Sums over the examples of a part, or of the batch."""

    error: Tensor  # −ln p(u|z)
    kl: Tensor  # (Z,)
    learned: Tensor  # the gradient for the likelihood's parameter; 0 without one


class Written:
    """The training step of one model on the CPU, with its tensors."""

    def __init__(self, model: VAE, optimizer: torch.optim.Optimizer) -> None:
        self.model, self.optimizer = model, optimizer
        self.dtype = next(model.parameters()).dtype
        for parameter in model.parameters():
            _begin(optimizer, parameter)
        self.steps = [optimizer.state[p]["step"] for p in model.parameters()]
        self.likelihood, self.posterior = model.outputs
        self.is_short = model.config.precision == "bf16"
        self.factors: dict[Tensor, Tensor] = {
            p: self._factor(p.detach()) for p in model.parameters()
        }
        self.learned = self._slots([(p, ...) for p in self.likelihood.parameters()])
        self.threads = torch.get_num_threads()
        self.crew = crew_of(self.threads)
        self.spaces: dict[int, Space] = {}

    def _factor(self, weight: Tensor) -> Tensor:
        """Return a weight in the precision of products."""
        return weight.bfloat16() if self.is_short else weight

    def step(self, batches: Batches, rows: Tensor, beta: float) -> dict[str, Tensor]:
        """Take one step on the training examples `rows` (B,). Return the means of the loss and of
        its terms over them."""
        with one_thread_each():
            space = self._space(len(rows))
            sums = self._passes(space, batches, rows, beta)
            torch._foreach_add_(self.steps, 1)
            slope = sums.learned / len(rows)
            self._learn(
                space, [self.likelihood.learned_gradient(slope) for _ in self.learned.weights]
            )
            return self._terms(sums, len(rows), beta)

    def _passes(self, space: Space, batches: Batches, rows: Tensor, beta: float) -> PartSums:
        """Compute the tensors of all layers; return the sums over the batch."""
        size, shape = len(rows), (len(rows), self.model.config.latent_dim)
        drawn = batches.take(rows).x if batches.binarization.random else None
        noise = torch.randn(shape, dtype=self.dtype)

        def task(k: int) -> PartSums:
            part = space.parts[k]
            x = batches.take(rows[part.examples]).x if drawn is None else drawn[part.examples]
            return self._pass(part, x, noise[part.examples], beta, 1 / size)

        found = self.crew.share(task, len(space.parts))
        return PartSums(*(sum(each[1:], each[0]) for each in zip(*found, strict=True)))

    def _pass(self, part: Part, x: Tensor, noise: Tensor, beta: float, share: float) -> PartSums:
        """Compute the tensors of the layers for a part of the batch: forward and backward pass."""
        encoder, decoder = part.encoder, part.decoder
        u = self.model.units(x).flatten(1)  # (b, *event) → (b, D)
        encoder[0].a.copy_(u)
        encoded = forward(encoder)
        q = self.posterior.moments(encoded[-1].to(self.dtype))
        decoder[0].a.copy_(q.transformed(noise))
        decoded = forward(decoder)
        error, slope, learned = self.likelihood.slope(decoded[-1].to(self.dtype), u)
        torch.mul(slope, share, out=decoder[-1].delta)
        backward(decoder, decoded)
        of_z = product(decoder[0].delta, decoder[0].columns).to(self.dtype)  # (b, Z)
        encoder[-1].delta.copy_(self.posterior.slope(q, noise, of_z, beta * share))
        backward(encoder, encoded)
        return PartSums(error, q.kl_sums(), learned)

    def _terms(self, sums: PartSums, size: int, beta: float) -> dict[str, Tensor]:
        """Return the means of the loss and of its terms over a batch."""
        kl = sums.kl / size  # (Z,)
        terms = {
            "reconstruction": sums.error / size + self.model.units.log_volume,
            "kl": kl.sum(),
            "kl_per_dimension": kl,
        }
        return terms | {"loss": terms["reconstruction"] + beta * terms["kl"]}

    def _learn(self, space: Space, learned: list[Tensor]) -> None:
        """Take a step of AdamW on all weights; `learned` is the likelihood's gradient."""
        clip, rows = self.model.config.grad_clip, space.rows
        if clip:
            found = self.crew.share(lambda k: gradients(rows[k]), len(rows))
            scale_down([*learned, *chain(*found)], clip)
            self.crew.share(lambda k: self._adamw(rows[k].slots, found[k]), len(rows))
        else:
            self.crew.share(lambda k: self._adamw(rows[k].slots, gradients(rows[k])), len(rows))
        if learned:
            self._adamw(self.learned, learned)

    def _space(self, size: int) -> Space:
        """Return the tensors for batches of B = `size` examples."""
        if size not in self.spaces:
            count = max(1, min(self.threads, size // SMALLEST))
            activation = str(self.model.config.get("activation"))
            encoder = layers_of(self.model.encoder, activation, size, self.factors)
            decoder = layers_of(self.model.decoder, activation, size, self.factors)
            parts = [
                Part(part, [e.of(part) for e in encoder], [d.of(part) for d in decoder])
                for part in divided(size, count)
            ]
            # The first layer comes last: the next step begins with its weights, then in the cache
            layers = [*decoder, *reversed(encoder)]
            self.spaces[size] = Space(parts, [self._rows(layers, k, count) for k in range(count)])
        return self.spaces[size]

    def _rows(self, layers: Sequence[Layer], k: int, count: int) -> Rows:
        """Return part `k` of `count` of the rows of these layers."""
        parts = [(layer, divided(len(layer.bias), count)[k]) for layer in layers]
        deltas = [(layer.delta[:, part], layer.a) for layer, part in parts]
        return Rows(
            [(delta, delta.T, a.T) for delta, a in deltas],
            self._slots([(w, part) for of, part in parts for w in of.parameters]),
        )

    def _slots(self, rows: Sequence[tuple[Tensor, slice | EllipsisType]]) -> Slots:
        """Return these rows of these parameters, and of their state."""
        states = [(self.optimizer.state[p], part) for p, part in rows]
        return Slots(
            [p.detach()[part] for p, part in rows],
            [self.factors[p][part] for p, part in rows] if self.is_short else [],
            [state["exp_avg"][part] for state, part in states],
            [state["exp_avg_sq"][part] for state, part in states],
            [state["step"] for state, _ in states],
        )

    def _adamw(self, slots: Slots, slopes: list[Tensor]) -> None:
        """Take a step of AdamW on these weights, as `torch.optim.AdamW(fused=True)` does."""
        group = self.optimizer.param_groups[0]
        beta1, beta2 = group["betas"]
        torch._fused_adamw_(
            slots.weights,
            slopes,
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
        if slots.factors:
            torch._foreach_copy_(slots.factors, slots.weights)


def gradients(rows: Rows) -> list[Tensor]:
    """Return the gradients of these rows of every W and b over the whole batch, in turns."""
    dtype = rows.slots.weights[0].dtype
    found = (
        (product(across, inputs).to(dtype), delta.sum(0, dtype=dtype))
        for delta, across, inputs in rows.layers
    )
    return list(chain(*found))


def scale_down(slopes: list[Tensor], norm: float) -> None:
    """Scale gradients down to this norm of all of them, as `clip_grad_norm_` does."""
    total = nn.utils.get_total_norm(slopes)
    torch._foreach_mul_(slopes, torch.clamp(norm / (total + 1e-6), max=1.0))


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
