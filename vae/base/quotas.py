"""Quotas of a shared server: the largest run that it trains, and the number of runs that it holds.

Each row of QUOTAS is an environment variable of the server, a whole number; without it there is no
limit. The checks stand where runs are created and trained: workers and commands get them with
their environment, so that no page, link or button gets around them.
"""

import os
from typing import NamedTuple

from vae.base.visitors import RefusedError

LONGEST = 15  # digits of a quota


class Quota(NamedTuple):
    """An environment variable, and the sentence of a value above it."""

    variable: str
    sentence: str  # with both numbers
    effect: str


QUOTAS: dict[str, Quota] = {
    "examples": Quota(
        "VAE_LAB_MOST_EXAMPLES",
        "This run would use {value:,} examples, and a run on this server has at most {most:,}: "
        "lower examples.",
        "examples of a run, with those for validation and test",
    ),
    "weights": Quota(
        "VAE_LAB_MOST_WEIGHTS",
        "This model has {value:,} weights, and a run on this server has at most {most:,}: lower "
        "latent_dim or the sizes of the layers.",
        "weights of a run",
    ),
    "seconds": Quota(
        "VAE_LAB_MOST_SECONDS",
        "It has trained for {value:,} s, and a run on this server trains for at most {most:,} s: "
        "its weights are saved.",
        "seconds of training of a run, added over all its sessions; it is then saved and stopped",
    ),
    "runs": Quota(
        "VAE_LAB_MOST_RUNS",
        "With this run there would be {value:,} runs, and this server holds at most {most:,}: "
        "delete a run first, on the Compare page.",
        "runs in the folder of runs",
    ),
    "upload": Quota(
        "VAE_LAB_MOST_UPLOAD",
        "These files take {value:,} MB, and a window uploads at most {most:,} MB to this server: "
        "remove a file first, or upload a part of them.",
        "megabytes of the files that a window of the browser uploads",
    ),
}


def most(name: str) -> int | None:
    """Return a quota; None without one. Raises ValueError if the variable is no whole number."""
    return whole_number(QUOTAS[name].variable)


def whole_number(variable: str) -> int | None:
    """Return the value of an environment variable; None without one. Raises ValueError."""
    text = os.environ.get(variable, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= LONGEST):
        raise ValueError(f"{variable} is a whole number, not {text[:LONGEST]!r}.")
    return int(text)


def problem(name: str, value: int) -> str:
    """Return the sentence of a value above a quota; "" if it is not."""
    limit = most(name)
    if limit is None or value <= limit:
        return ""
    return QUOTAS[name].sentence.format(value=value, most=limit)


def check(name: str, value: int) -> None:
    """Raise RefusedError for a value above a quota."""
    if words := problem(name, value):
        raise RefusedError(words)
