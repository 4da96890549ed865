"""Runs recorded by a training loop elsewhere (`vae.recorder`): curves, latents and pictures.

Their settings name the network `NETWORK`, which no table has: nothing can be encoded, decoded or
resumed. They may also name a likelihood, posterior, prior or objective that VAE Lab lacks.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vae.base.json_text import is_count, is_number

if TYPE_CHECKING:
    from vae.config import RunConfig

NETWORK = "recorded"
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,39}")
LATENTS = 2**16  # of a recorded run, at most


def is_recorded(settings: Mapping[str, Any]) -> bool:
    """Whether these are the settings of a recorded run."""
    return bool(settings.get("network") == NETWORK)


def no_network(name: str) -> str:
    """Return the reason why a recorded run cannot encode, decode or train, with the way out."""
    return (
        f"{name} was recorded by a training loop elsewhere, and its network is not here: VAE Lab "
        "cannot encode, decode, evaluate or train it. Record more in that loop, or train such a "
        "model here with the Train button or python -m vae train."
    )


def no_control(name: str) -> str:
    """Return the reason why a recorded run cannot be paused, stopped, resumed or changed."""
    return (
        f"{name} is recorded by a training loop elsewhere, which VAE Lab cannot control: stop or "
        "start it there."
    )


def checks(settings: Mapping[str, Any]) -> dict[str, bool]:
    """Return name → whether a setting of a recorded run is valid: no table checks its rows, and
    pages show them."""
    rows = ("likelihood", "posterior", "prior", "objective", "binarize", "condition")
    numbers = {"latent_dim": LATENTS, "epochs": 2**40, "seed": 2**40, "examples": 2**40}
    found = {name: is_word(settings.get(name)) for name in rows}
    for name, most in numbers.items():
        value: Any = settings.get(name)
        found[name] = is_count(value) and value <= most
    beta = settings.get("beta")
    return found | {"beta": beta is None or (is_number(beta) and beta >= 0)}


def is_word(value: Any) -> bool:
    """Whether a value is the name of a row: letters, digits, spaces and ._+- without markup."""
    return isinstance(value, str) and WORD.fullmatch(value) is not None


def nearest(**settings: Any) -> "RunConfig":
    """Return the configuration nearest to the settings of a recorded run.

    A row that no table has, or a combination that is not valid, gives way to the default; an
    unknown likelihood to a Gaussian with a learned σ, whose numbers are log-likelihoods of any x.
    """
    from vae.config import RunConfig

    for values in _attempts(settings):
        with suppress(ValueError):
            return RunConfig.of(**values)
    return RunConfig.of()


def _attempts(settings: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the settings to try, from the whole to the smallest part."""
    from vae.base.options import first_row
    from vae.components.likelihoods import LIKELIHOODS
    from vae.config import TABLES

    general = {k: settings[k] for k in ("latent_dim", "seed") if is_count(settings.get(k))}
    if not general.get("latent_dim"):
        general.pop("latent_dim", None)
    rows = {"likelihood": first_row(LIKELIHOODS, support="real", noise="learned")}
    for kind, table in TABLES.items():
        name = settings.get(kind)
        if isinstance(name, str) and name in table and kind != "data":
            rows[kind] = name
    yield general | rows | {"beta": settings.get("beta")}
    yield general | rows
    yield general | {"likelihood": rows["likelihood"]}
    yield general
