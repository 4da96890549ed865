"""Names of runs: valid names and default names."""

import re
from contextlib import suppress
from pathlib import Path

from vae.base import quotas
from vae.components.network_file import stem

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class NameTakenError(ValueError):
    """Another run has that name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The name {name!r} is taken: choose another, or leave it out for a free one."
        )


def check_room(root: Path, more: int = 1) -> None:
    """Raise RefusedError if the server does not hold so many more runs in this folder."""
    if quotas.most("runs") is not None:
        with suppress(OSError):  # a folder that does not exist yet has no runs
            names = [path.name for path in root.iterdir() if path.is_dir()]
            quotas.check("runs", len(list(filter(NAME.fullmatch, names))) + more)


def checked_name(name: str) -> str:
    """Return the name if it is valid for a run; else raise ValueError."""
    if not NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} cannot be the name of a run: use up to 64 letters, digits, dots, dashes "
            "and underscores, beginning with a letter or digit."
        )
    return name


def default_stem(data: str, network: str, latent_dim: int) -> str:
    """Return data-network-zN, without characters that are not valid in a folder's name."""
    clean = re.sub(r"[^A-Za-z0-9._-]+", "-", data).strip("-._") or "data"
    return f"{clean[:40]}-{stem(network)[:16]}-z{latent_dim}"
