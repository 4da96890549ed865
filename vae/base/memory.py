"""Free memory of this machine and its devices, and the sentence of an exhausted one.

The free memory of the machine is that of the kernel, or the rest of the limit of a control group
(a container, a batch job) where that is less. Amounts are in bytes.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from vae.base.numbers import byte_count

GROUPS = Path("/sys/fs/cgroup")
OWN_GROUP = Path("/proc/self/cgroup")
REMEDY = "lower batch_size, latent_dim or the sizes of the layers, or end other processes"


class ExhaustedError(ValueError):
    """The memory is exhausted; the message is a sentence for people."""


def free(device: str = "cpu") -> int:
    """Return the free memory of a device; Apple's GPU shares that of the machine."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(torch.device(device))[0])
    return int(min([psutil.virtual_memory().available, *_group_rests(GROUPS, _own_group())]))


def _own_group() -> str:
    """Return the path of the control group of this process, "/" without one."""
    with suppress(OSError):
        for line in OWN_GROUP.read_text().splitlines():
            number, _, path = line.split(":", 2)
            if number == "0":
                return path
    return "/"


def _group_rests(groups: Path, group: str) -> Iterator[int]:
    """Yield the rest of the limit of a control group and of each group above it.

    Cached pages of files count as free: the kernel drops them first. Version 1 has one limit.
    """
    inner = groups / group.lstrip("/")
    for folder in (inner, *inner.parents):
        if not folder.is_relative_to(groups):
            break
        yield from _rest(folder / "memory.max", folder / "memory.current", folder)
    old = groups / "memory"
    yield from _rest(old / "memory.limit_in_bytes", old / "memory.usage_in_bytes", old)


def _rest(limit: Path, used: Path, folder: Path) -> Iterator[int]:
    with suppress(OSError, ValueError):  # no limit, or none that is a number ("max")
        yield max(0, int(limit.read_text()) - int(used.read_text()) + _cached(folder))


def _cached(folder: Path) -> int:
    with suppress(OSError, ValueError):
        rows = (line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return next((int(size) for name, size in rows if name == "inactive_file"), 0)
    return 0


def is_exhausted(error: BaseException) -> bool:
    """Whether an error means that the machine or a device has no memory left."""
    words = str(error).lower()
    is_named = ("out of memory" in words) or ("can't allocate memory" in words)
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and is_named)


def release() -> None:
    """Return the memory of deleted objects to the machine and to its devices."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


def exhausted_sentence() -> str:
    """Return the sentence of an exhausted memory, with the free memory now."""
    return f"The memory is full ({byte_count(free())} of this machine are free now): {REMEDY}."


@contextmanager
def guarded() -> Iterator[None]:
    """Raise ExhaustedError for a memory that is exhausted inside the block, after its release."""
    try:
        yield
        return
    except (MemoryError, RuntimeError) as error:
        if not is_exhausted(error):
            raise
    release()  # outside of the handler, whose traceback holds the tensors
    raise ExhaustedError(exhausted_sentence())
