"""Laws over a whole table in one test: a test costs pytest more than a cheap row takes."""

import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

import torch

from vae.components.likelihoods import LIKELIHOODS
from vae.components.networks import NETWORKS

# Likelihoods of one kind of value; test_mixed_likelihood has the one of tables of several kinds
SINGLE = [name for name, row in LIKELIHOODS.items() if row.support != "columns"]
Test = Callable[..., None]


def fitting(network: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a picture (C, H, W), or (C, H · W) for a network that needs series."""
    taken = NETWORKS[network].takes(shape)
    return shape if taken else (shape[0], math.prod(shape[1:]))


def each(
    names: str | Sequence[str],
    rows: Iterable[Any],
    ids: Callable[[Any], object] | Iterable[object] = repr,
) -> Callable[[Test], Test]:
    """Run a test for every row of a table, as `pytest.mark.parametrize` does with a test per row.

    For rows of a few milliseconds that need no separate folders: the rows share the fixtures.
    A failure carries the name of its row and ends the test.
    """
    columns = (names,) if isinstance(names, str) else tuple(names)
    table = [(row,) if isinstance(names, str) else tuple(row) for row in rows]
    assert table, f"no rows of {names}"
    titles = None if callable(ids) else list(ids)

    def title(k: int) -> str:
        if callable(ids):
            return ", ".join(str(ids(value)) for value in table[k])
        return str(titles[k]) if titles else ""

    def decorate(test: Test) -> Test:
        @wraps(test)
        def run(**fixtures: Any) -> None:
            for k, row in enumerate(table):
                torch.manual_seed(0)  # as at the beginning of a test
                try:
                    test(**fixtures, **dict(zip(columns, row, strict=True)))
                except BaseException as error:
                    error.add_note(f"in the row {title(k)} of {', '.join(columns)}")
                    raise

        signature = inspect.signature(test)
        others = [p for name, p in signature.parameters.items() if name not in columns]
        run.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]
        return run

    return decorate
