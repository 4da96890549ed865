"""Random numbers: every draw is a pure function of (seed, purpose, position).

Training seeds the device's default generator before each step with `reseed(device, seed, "step",
step)`. A resumed run therefore draws the same numbers at step 1,234 as an uninterrupted run, and
no random state is saved. Evaluation and pages draw inside `stream(...)`, which restores the
generator.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

_PURPOSES = ("weights", "order", "step", "validation", "evaluation", "page", "start")
_LOCK = threading.RLock()  # the default generator is shared by the threads of a process
_MASK = (1 << 64) - 1


def mix(seed: int, purpose: str, position: int = 0) -> int:
    """Return a 63-bit seed for one use: SplitMix64 (Steele et al. 2014) of the three numbers."""
    state = 0
    for number in (seed, _PURPOSES.index(purpose), position):
        state = (state + number + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state >> 1


def _generator(device: torch.device) -> torch.Generator:
    if device.type == "cuda":
        torch.cuda.init()  # type: ignore[no-untyped-call]
        return torch.cuda.default_generators[device.index or 0]
    if device.type == "mps":
        return torch.mps._get_default_mps_generator()
    return torch.default_generator


def reseed(device: torch.device, seed: int, purpose: str, position: int = 0) -> None:
    """Set the default generator of `device`.

    `torch.manual_seed` is slower: it seeds every backend, and formats a traceback before CUDA is
    initialised.
    """
    _generator(device).manual_seed(mix(seed, purpose, position))


@contextmanager
def exclusive() -> Iterator[None]:
    """Keep other threads of the process from the default generator inside the block."""
    with _LOCK:
        yield


@contextmanager
def stream(device: torch.device, seed: int, purpose: str, position: int = 0) -> Iterator[None]:
    """Use a separate random generator inside the block and restore the default one afterwards."""
    with _LOCK:
        generator = _generator(device)
        before = generator.get_state()
        generator.manual_seed(mix(seed, purpose, position))
        try:
            yield
        finally:
            generator.set_state(before)


def permutation(n: int, seed: int, epoch: int) -> Tensor:
    """Return the order of the training examples in an epoch, int64 (n,), on the CPU."""
    generator = torch.Generator().manual_seed(mix(seed, "order", epoch))
    return torch.randperm(n, generator=generator)
