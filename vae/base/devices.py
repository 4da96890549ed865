"""The devices of this machine, and the device of a run.

A run's device is determined when it starts: "auto" is the first CUDA device, else Apple's MPS,
else the CPU.
"""

import platform
import re
import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

import psutil
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


def machine(device: torch.device) -> str:
    """Return the words by which a reader of training times knows the machine: the name of the
    accelerator, or that of the processor with its number of cores."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    about = f"{_processor()}, {cores} core" + ("s" if cores != 1 else "")
    return f"GPU of {about}" if device.type == "mps" else about


@cache
def _processor() -> str:
    """Return the processor's own name, without trade marks; its family where it has none."""
    found = ""
    with suppress(OSError, subprocess.SubprocessError):
        if platform.system() == "Linux":
            named = re.search(r"^model name\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
            found = named[1] if named else ""
        elif platform.system() == "Darwin":
            command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
            found = subprocess.run(command, capture_output=True, text=True, timeout=5).stdout
    found = found.strip() or platform.processor() or platform.machine() or "CPU"
    return re.sub(r"\((?:R|TM)\)", "", found)
