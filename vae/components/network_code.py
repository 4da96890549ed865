"""The code of a network in a file: the one place that decides whether it runs, and that runs it.

Two conditions hold together. The person who started this process allowed code: `--allow-code` on
the command line, VAE_LAB_ALLOW_CODE=1 for the server, and the server's order for a worker. And the
text is that of a file which this person chose by its path, or which lies in the folder of the run.
An upload, an archive, an address and a cookie can bring the name and the text of a network; none
of them brings such a file.
"""

import hashlib
import sys
import traceback
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from vae.base import permission
from vae.base.foreign import one_line
from vae.components import network_file
from vae.components.network_file import NetworkFile, is_file, title
from vae.components.networks import NETWORKS, Bodies, Network

_chosen: dict[str, str] = {}  # networks whose file lies on this machine → their place


def choose(place: str) -> str:
    """Return the value of the setting `network` for "PATH.py:FUNCTION", a file on this machine.

    It reads the file and does not run it. Raises ValueError if it holds no such network.
    """
    file = network_file.read(place)
    _chosen[file.value] = place
    return file.value


def is_chosen(network: str) -> bool:
    """Whether this process has read the file of a network on this machine."""
    return network in _chosen


def place_of(network: str) -> str:
    """Return the place from which a network was chosen; the network itself for one of a run."""
    return _chosen.get(network, network)


def check_run(path: Path, network: str) -> None:
    """Raise ValueError unless the network of a run may run: its file lies at `path`, unchanged,
    and code is allowed. A row of the table always may."""
    check_place(path, network)
    check_allowed(network)


def check_place(path: Path, network: str) -> None:
    """Raise ValueError unless the file of a run's network lies at `path`, unchanged."""
    if not is_file(network):
        return
    wanted = network.rpartition("@")[2]
    try:
        content = path.read_bytes()
    except OSError:
        raise ValueError(
            f"The network {title(network)} is code from elsewhere, which is not run. To decode "
            f"with it, read the text, put this very file (SHA-256 {wanted}) at {path}, and "
            f"{permission.HOW}."
        ) from None
    found = hashlib.sha256(content).hexdigest()
    if found != wanted:
        raise ValueError(
            f"{path} was changed: its SHA-256 is {found}, and the run was trained with {wanted}. "
            "Restore the file."
        )
    network_file.remember(network_file.recalled(network)._replace(text=content.decode()))
    _chosen.setdefault(network, network)


def check_allowed(network: str) -> None:
    """Raise ValueError unless a network may run in this process. A row of the table always may."""
    if not is_file(network):
        return
    if not permission.is_allowed():
        raise ValueError(
            f"The network {title(network)} is code, and code runs only where the person at this "
            f"machine allows it: {permission.HOW}."
        )
    if network not in _chosen:
        raise ValueError(
            f"The file of the network {title(network)} is not on this machine: choose it by its "
            "path, FILE.py:FUNCTION."
        )


def network_of(network: str) -> Network:
    """Return the network of a setting: a row of the table, or the function in a file.

    Raises ValueError if the code may not run, and if it fails.
    """
    check_allowed(network)
    return _built(network) if is_file(network) else NETWORKS[network]


@lru_cache(maxsize=64)
def _built(network: str) -> Network:
    file = network_file.recalled(network)
    assert file.value == network, "the text of a network has another SHA-256"
    module = ModuleType(f"vae_network_{file.sha256[:16]}")
    sys.modules[module.__name__] = module  # dataclasses look their module up
    code = run_guarded(file, lambda: compile(file.text, _label(file), "exec"))
    run_guarded(file, lambda: exec(code, module.__dict__))
    function = getattr(module, file.function)

    def build(*sizes: Any, **options: Any) -> Bodies:
        bodies = run_guarded(file, lambda: tuple(function(*sizes, **options)))
        if len(bodies) != 2 or not all(isinstance(body, nn.Module) for body in bodies):
            raise ValueError(
                f"{file.function} of {file.name} must return two modules of torch: encoder and "
                "decoder."
            )
        return Bodies(*bodies)

    return Network(build)


def _label(file: NetworkFile) -> str:
    return f"<{file.name}>"


def run_guarded(file: NetworkFile, action: Callable[[], Any]) -> Any:
    """Return action(), which runs code of a file; its errors become a sentence with the line."""
    try:
        return action()
    except Exception as error:  # code of the user raises any type
        raise ValueError(sentence(file, error)) from None
    except SystemExit:
        raise ValueError(f"{file.name} ends the process: leave out sys.exit.") from None


def sentence(file: NetworkFile, error: Exception) -> str:
    """Return an error of a file's code as a sentence, with the last line of the file in it."""
    lines = [
        f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == _label(file)
    ]
    where = f"{file.name}, line {lines[-1]}" if lines else file.name
    return f"{where}: {type(error).__name__}: {one_line(error).rstrip('.')}."
