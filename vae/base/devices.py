"""The devices of this machine, and the device of a run.

A run's device is determined when it starts: "auto" is the first CUDA device, else Apple's MPS,
else the CPU.
"""

from typing import NamedTuple

import torch


class Device(NamedTuple):
    """A device with its description for the sidebar."""

    name: str  # "cpu", "cuda:0", "mps"
    about: str  # "NVIDIA H100, 78.1 of 79.2 GiB free"


def available() -> list[Device]:
    """Every device of this machine, the preferred first, the CPU last."""
    found = [Device(f"cuda:{i}", _about_cuda(i)) for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append(Device("mps", "Apple GPU"))
    return [*found, Device("cpu", "CPU")]


def _about_cuda(index: int) -> str:
    free, total = torch.cuda.mem_get_info(index)
    name = torch.cuda.get_device_name(index)
    return f"{name}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free"


def resolve(name: str) -> torch.device:
    """The device of that name; "auto" is the preferred one and "cuda" the first CUDA device.

    Raises ValueError if the machine has no such device.
    """
    names = [device.name for device in available()]
    if name == "auto":
        return torch.device(names[0])
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in names:
        raise ValueError(f"Device {name!r} is not on this machine; it has {', '.join(names)}.")
    return torch.device(wanted)
