"""Permissions of the visitors of a shared server, from the environment of its process.

VAE_LAB_READ_ONLY=1: runs are explored, not changed; training, evaluation, uploads, renaming and
deletion are refused. VAE_LAB_PATHS: the folders, separated as in PATH, whose files can be named as
data or as a network. Without it all files can be named, and none on a read-only server.

The checks stand where files are written and read; pages only disable the controls.
"""

import os
from pathlib import Path

READ_ONLY, PATHS = "VAE_LAB_READ_ONLY", "VAE_LAB_PATHS"
CLOSED = "This VAE Lab is read-only: its runs can be explored, not changed."


class RefusedError(ValueError):
    """The server does not let its visitors do this."""


def is_read_only() -> bool:
    """Return whether nothing may be changed."""
    return os.environ.get(READ_ONLY, "0") not in ("", "0")


def check_change() -> None:
    """Raise RefusedError if nothing may be changed."""
    if is_read_only():
        raise RefusedError(CLOSED)


def check_path(path: str | Path) -> None:
    """Raise RefusedError unless a visitor may name this file, which need not exist."""
    given = os.environ.get(PATHS)
    if given is None and not is_read_only():
        return
    folders = [_real(folder) for folder in (given or "").split(os.pathsep) if folder]
    real = "" if "\0" in str(path) else _real(path)
    if not real or not any(os.path.commonpath([real, folder]) == folder for folder in folders):
        raise RefusedError(
            "This file is not in a folder that the server opens to its visitors: its owner can "
            f"add the folder to the environment variable {PATHS}."
        )


def _real(path: str | Path) -> str:
    return os.path.realpath(os.path.expanduser(path))


def open_folder(folder: Path) -> None:
    """Open a folder to visitors in this process and its children, where others are closed."""
    if PATHS in os.environ or is_read_only():
        known = os.environ.get(PATHS, "")
        os.environ[PATHS] = os.pathsep.join(filter(None, [known, str(folder.absolute())]))
