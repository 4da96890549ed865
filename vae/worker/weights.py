"""Convert the weights in a file of torch.save to safetensors, in a separate process.

A file of torch.save is a pickle, which can run code when it is loaded. `convert` starts a process
that loads it with torch's restricted unpickler (weights_only), writes the tensors and ends:
nothing is unpickled in this process. `python -m vae.worker.weights SOURCE FOLDER` is that process:
it writes `weights.safetensors` into the folder, and `result.json` with the names that it took and
left out, or with the problem.
"""

import json
import os
import pickle
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vae.base import files
from vae.base.archives import ZipArchive, has_overlaps
from vae.base.foreign import one_line, quoted
from vae.base.numbers import byte_count
from vae.worker.launcher import ENVIRONMENT, PROJECT

if TYPE_CHECKING:
    from torch import Tensor

SECONDS = 600  # of the process, at most
TIMES, SPARE = 4, 2**26  # tensors take at most so many times the bytes of the file, and these
WEIGHTS, RESULT = "weights.safetensors", "result.json"
WAY_OUT = "Load it where it was made, and save the weights: torch.save(model.state_dict(), FILE)."
PROGRAMS = {  # a member of the archive → the kind of file
    r"[^/]*/(constants\.pkl|code/.*)": "a TorchScript program",
    r"[^/]*/(archive_format|serialized_exported_program\.json|models/.*)": "an exported program",
    r"serialized_exported_program\.json": "an exported program",
}
USUAL = (
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "ema",
)  # keys of weights in a checkpoint
GLOBAL = re.compile(r"GLOBAL ([\w.]+)")


class Converted(NamedTuple):
    """The result of a conversion."""

    names: tuple[str, ...]  # of the tensors
    key: str  # of the checkpoint that held them; "" for a state dict
    left: tuple[str, ...]  # names of other entries


def convert(source: Path, target: Path) -> Converted:
    """Write the tensors of a state dict to a safetensors file.

    Raises ValueError with the reason for a file that is none, OSError if it cannot be opened.
    """
    check_kind(source)
    with tempfile.TemporaryDirectory(prefix="vae-weights-") as folder:
        path = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))
        command = [sys.executable, "-P", "-m", "vae.worker.weights", str(source), folder]
        environment = os.environ | ENVIRONMENT | {"PYTHONPATH": path}
        try:
            done = subprocess.run(
                command, capture_output=True, env=environment, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise ValueError(f"{source.name} took more than {SECONDS} s to read.") from None
        result = files.read_json(Path(folder) / RESULT)
        if not isinstance(result, dict):
            last = one_line(done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2])
            raise ValueError(f"{source.name} cannot be read: its process ended ({last}).")
        if "problem" in result:
            raise ValueError(result["problem"])
        target.parent.mkdir(parents=True, exist_ok=True)
        files.replace(target, (Path(folder) / WEIGHTS).read_bytes())
    return Converted(tuple(result["names"]), result["key"], tuple(result["left"]))


def check_kind(source: Path) -> None:
    """Raise ValueError for a file that holds a program, or no weights of torch.save."""
    with source.open("rb") as file:
        start = file.read(2)
    if not zipfile.is_zipfile(source):
        if start[:1] != b"\x80":
            raise ValueError(f"{source.name} is no file of torch.save. {WAY_OUT}")
        return
    with ZipArchive(source) as archive:
        names, infos = archive.namelist(), archive.infolist()
    for pattern, kind in PROGRAMS.items():
        if any(re.fullmatch(pattern, name) for name in names):
            raise ValueError(f"{source.name} is {kind}, which runs code, not weights. {WAY_OUT}")
    if not any(name.endswith("data.pkl") for name in names):
        raise ValueError(f"{source.name} is no file of torch.save. {WAY_OUT}")
    is_packed = any(info.compress_type != zipfile.ZIP_STORED for info in infos)
    if is_packed or has_overlaps(infos, source.stat().st_size):
        raise ValueError(f"{source.name} was packed again, which torch.save does not. {WAY_OUT}")


def load(source: Path) -> tuple[dict[str, "Tensor"], Converted]:
    """Return the tensors of a file of torch.save, loaded with the restricted unpickler.

    Raises ValueError with the reason if it holds other objects or no tensors.
    """
    import torch

    try:
        content = torch.load(source, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        names = ", ".join(dict.fromkeys(GLOBAL.findall(str(error)))) or "unknown objects"
        raise ValueError(
            f"{source.name} holds Python objects besides tensors ({names}), which could run code. "
            f"{WAY_OUT}"
        ) from None
    except (RuntimeError, EOFError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{source.name} is damaged ({one_line(error)}).") from None
    key, views = _state_dict(content)
    whole = sum(tensor.numel() * tensor.element_size() for tensor in views.values())
    if whole > TIMES * source.stat().st_size + SPARE:
        raise ValueError(
            f"{source.name} is small, and its tensors take {byte_count(whole)}: they repeat "
            f"values. {WAY_OUT}"
        )
    found = {name: tensor.detach().contiguous().clone() for name, tensor in views.items()}
    if not found:
        raise ValueError(f"{source.name} holds no tensors by name. {WAY_OUT}")
    left = [name for name in content if name != key] if key else []
    left += [name for name in (content[key] if key else content) if name not in found]
    return found, Converted(tuple(found), key, tuple(map(str, left)))


def _state_dict(content: Any) -> tuple[str, dict[str, "Tensor"]]:
    """Return the key of the state dict in a checkpoint ("" for the checkpoint itself) and it; its
    tensors are views of the loaded ones."""
    if not isinstance(content, Mapping):
        return "", {}
    whole = _tensors(content)
    inner = {k: _tensors(content[k]) for k in content if isinstance(content[k], Mapping)}
    usual = next((k for k in USUAL if inner.get(k)), "")
    if usual and len(inner[usual]) >= len(whole):
        return usual, inner[usual]
    return "", whole


def _tensors(content: Mapping[Any, Any]) -> dict[str, "Tensor"]:
    import torch

    return {
        name: value
        for name, value in content.items()
        if isinstance(name, str) and isinstance(value, torch.Tensor)
    }


def _main(source: Path, folder: Path) -> None:
    from safetensors.torch import save

    try:
        tensors, found = load(source)
        (folder / WEIGHTS).write_bytes(save(tensors))
        result: dict[str, Any] = found._asdict()
    except ValueError as error:
        result = {"problem": str(error)}
    (folder / RESULT).write_text(json.dumps(result))


def listed(names: tuple[str, ...]) -> str:
    """Return some of the names for people."""
    few = ", ".join(quoted(name) for name in names[:5])
    return few + (f" and {len(names) - 5} more" if len(names) > 5 else "")


if __name__ == "__main__":
    _main(Path(sys.argv[1]), Path(sys.argv[2]))
