"""One run on several processes, the ranks: each computes its part of every batch.

Encoder and decoder see the rank's part of the examples. Their results, the parameters of q(z|x)
and −ln p(x|z) of each example, are gathered, so that every rank has the latents, all terms and the
loss of the whole batch. Every rank draws the noise of the whole batch from the same seed. So each
objective, also one that compares the examples of a batch, has the value that one process computes,
up to the order of sums.

On R ranks, the gradient of Σ_r loss_r = R · loss reaches a parameter in R summands, one on each
rank: a gathered tensor passes on the sum of the gradients of all ranks. Their mean is the gradient
of the loss. Notation: B batch, b examples of a part, K posterior samples.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributions import Distribution

from vae.base.deferred import compiler_absent
from vae.base.devices import available, resolve
from vae.base.records import Change, Control
from vae.base.world import LostRankError, Place, place
from vae.components.terms import Pass
from vae.config import RunConfig
from vae.model import VAE
from vae.training import metrics
from vae.training.metrics import Clock
from vae.training.steps import State

FAILURE = "vae/failure"  # key of the sentence of the rank that failed
GROWTH = 2  # the steps between two ticks at most double from one to the next


class Ranks:
    """The processes of one run. Every rank calls each method at the same point of training."""

    def __init__(self, place: Place, store: Any) -> None:
        self.place, self.store = place, store

    @property
    def is_first(self) -> bool:
        return self.place.rank == 0

    def device(self, name: str) -> torch.device:
        """Return the device of this rank: on GPUs, one for each rank of a machine."""
        found = resolve(name)
        return torch.device("cuda", self.place.local_rank) if found.type == "cuda" else found

    def part(self, size: int) -> slice:
        """Return the part of this rank of `size` examples; fewer than ranks are not divided."""
        if size < self.place.size:
            return slice(0, size)
        ends = [size * k // self.place.size for k in (self.place.rank, self.place.rank + 1)]
        return slice(*ends)

    def gather(self, part: Tensor, size: int) -> Tensor:
        """Return the whole (size, …) of which each rank has a part (b, …)."""
        if size < self.place.size:
            return part
        return cast(Tensor, _Gather.apply(part, size, self))  # type: ignore[no-untyped-call]

    def average(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace the gradients by their means over the ranks."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        self.sum(flat).div_(self.place.size)
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        torch._foreach_copy_(
            gradients, [p.view_as(g) for p, g in zip(parts, gradients, strict=True)]
        )

    def sum(self, values: Tensor) -> Tensor:
        """Add the values of all ranks in place, and return them."""
        with self._together():
            dist.all_reduce(values)
        return values

    def differ(self, number: int) -> bool:
        """Return whether the ranks have different whole numbers."""
        return bool(self.sum(torch.tensor(int(self.say(number) != number))))

    def equalise(self, tensors: Iterable[Tensor]) -> None:
        """Set tensors to those of rank 0."""
        with self._together():
            for tensor in tensors:
                dist.broadcast(tensor.data, 0)

    def say(self, value: Any = None) -> Any:
        """Return rank 0's value, which is JSON, on every rank."""
        text = json.dumps(value).encode() if self.is_first else b""
        with self._together():
            size = torch.tensor([len(text)])
            dist.broadcast(size, 0)
            content = torch.zeros(int(size), dtype=torch.uint8)
            if self.is_first:
                content = torch.frombuffer(bytearray(text), dtype=torch.uint8)
            dist.broadcast(content, 0)
        return json.loads(content.numpy().tobytes())

    def control(self, decide: Callable[[int], Control]) -> Callable[[int], Control]:
        """Return rank 0's function `decide` as one that gives every rank its answer."""

        def answer(step: int) -> Control:
            wanted, changes = self.say(decide(step) if self.is_first else None)
            return Control(wanted, tuple(Change(*change) for change in changes))

        return answer

    def fail(self, sentence: str) -> None:
        """Leave the reason why this rank ends to the others."""
        with suppress(RuntimeError):
            self.store.set(FAILURE, sentence)

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Raise LostRankError, or the reason that a rank has left, if another rank has ended."""
        try:
            yield
        except RuntimeError as error:
            reason = self._reason()
            if reason:
                raise ValueError(reason) from error
            raise LostRankError(
                f"A process of the run has ended, and rank {self.place.rank} of "
                f"{self.place.size} ends with it. Resume continues from the last saved state."
            ) from error

    def _reason(self) -> str:
        try:
            found = self.store.get(FAILURE) if self.store.check([FAILURE]) else b""
        except RuntimeError:  # the store was in the process that has ended
            return ""
        return str(found.decode())


class _Gather(torch.autograd.Function):
    """The whole of a tensor whose parts lie on the ranks."""

    @staticmethod
    def forward(ctx: Any, part: Tensor, size: int, ranks: Ranks) -> Tensor:
        ctx.ranks, ctx.examples = ranks, ranks.part(size)
        whole = part.new_zeros(size, *part.shape[1:])
        whole[ctx.examples] = part
        return ranks.sum(whole)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None]:
        whole = ctx.ranks.sum(slope.clone(memory_format=torch.contiguous_format))
        return whole[ctx.examples], None, None


class Divided(Distribution):
    """p(x|z) of a batch, of which this rank decodes a part: batch shape (K, B)."""

    def __init__(self, px: Distribution, size: int, ranks: Ranks) -> None:
        self.px, self.size, self.ranks = px, size, ranks
        batch = torch.Size((*px.batch_shape[:-1], size))
        super().__init__(batch, px.event_shape, validate_args=False)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return ln p(x|z) of all examples x (B, *event): (K, B)."""
        found = self.px.log_prob(x[self.ranks.part(self.size)])  # (K, b)
        return self.ranks.gather(found.T, self.size).T


def divided(model: VAE, ranks: Ranks) -> Callable[..., Pass]:
    """Return `model.forward` with encoder and decoder divided among the ranks."""
    _, posterior = model.outputs

    def forward(x: Tensor, samples: int = 1, y: Tensor | None = None) -> Pass:
        part, size = ranks.part(len(x)), len(x)
        of_part = None if y is None else y[part]
        h = model.encoder_output(model.encoder_input(x[part]), of_part)
        q = posterior(ranks.gather(h, size))
        z = model.latents(q, samples)  # (K, B, Z)
        px = model.likelihood(z[:, part], of_part, x[part])
        return Pass(x, y, q, model.prior(), z, Divided(px, size, ranks))

    return forward


def divide(state: State, ranks: Ranks) -> None:
    """Let a state take its steps together with the same states of the other ranks.

    Raises ValueError if the ranks begin at different steps.
    """
    if ranks.differ(state.step):
        raise ValueError(
            "The processes read different saved states of the run: its folder has to be on a disk "
            "that all of them share."
        )
    state.ranks, state.gradient = ranks, "divided"
    state.forward = divided(state.model, ranks)
    ranks.equalise(state.model.state_dict().values())


class SharedClock(Clock):
    """A clock whose ticks fall on the same step on every rank: rank 0 plans the next one."""

    def __init__(self, ranks: Ranks) -> None:
        super().__init__()
        self.ranks, self.planned, self.left = ranks, 1, 1

    def due(self) -> bool:
        self.left -= 1
        if self.left:
            return False
        passed = max(time.perf_counter() - self.ticked, 1e-9)
        wanted = min(GROWTH * self.planned, round(self.planned * metrics.TICK_SECONDS / passed))
        self.planned = self.left = self.ranks.say(max(1, wanted))
        return True


def check_ranks(config: RunConfig, place: Place) -> None:
    """Raise ValueError if so many processes cannot train this configuration together."""
    if place.size == 1:
        return
    if config.batch_size < place.size:
        raise ValueError(
            f"batch_size {config.batch_size} cannot be divided among {place.size} processes: set "
            "it to that number or more, or start fewer."
        )
    kind = resolve(config.device).type
    if kind not in ("cpu", "cuda") or config.device not in ("auto", "cpu", "cuda"):
        raise ValueError(
            f"{place.size} processes cannot share device {config.device}: choose device cpu, or "
            "cuda for one GPU each."
        )
    gpus = sum(device.name.startswith("cuda") for device in available())
    if kind == "cuda" and place.local_size > gpus:
        raise ValueError(
            f"{place.local_size} processes need a GPU each, and this machine has {gpus}: start "
            "fewer, or choose device cpu."
        )


@contextmanager
def joined() -> Iterator[Ranks | None]:
    """Join the processes that torchrun has started, for the block; None for a single process.

    An exception in the block ends the others with its sentence.
    """
    here = place()
    if here.size == 1:
        yield None
        return
    if not dist.is_available():
        raise ValueError("This build of torch has no torch.distributed: start a single process.")
    from torch.distributed.rendezvous import rendezvous

    store, rank, size = next(rendezvous("env://"))
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    with compiler_absent():
        dist.init_process_group(backend, store=store, rank=rank, world_size=size)
    try:
        yield Ranks(here, store)
    finally:
        dist.destroy_process_group()
