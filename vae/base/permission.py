"""Permission to run code of the user in this process, given by the person who started it.

The command line gives it with `--allow-code`, the server with VAE_LAB_ALLOW_CODE=1; the server
gives it to a worker with the same flag. `vae.components.network_code` asks for it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from vae.base import visitors

FLAG, VARIABLE = "--allow-code", "VAE_LAB_ALLOW_CODE"
HOW = f"add {FLAG} to the command, or start the server with {VARIABLE}=1"

_is_given = False


def allow() -> None:
    """Give the permission for the rest of this process; for entry points only."""
    global _is_given
    _is_given = True


def allow_by_environment() -> None:
    """Give the permission if VAE_LAB_ALLOW_CODE is 1 and the server is not read-only."""
    if os.environ.get(VARIABLE) == "1" and not visitors.is_read_only():
        allow()


@contextmanager
def allowing() -> Iterator[None]:
    """Give the permission inside the block."""
    global _is_given
    before, _is_given = _is_given, True
    try:
        yield
    finally:
        _is_given = before


def is_allowed() -> bool:
    """Whether this process may run code of the user."""
    return _is_given
