"""Search of examples by a condition on the columns of their data set (`vae.base.query`)."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.base.foreign import markdown
from vae.base.query import LONGEST, Columns, QueryError, positions
from vae.base.records import Ints
from vae.dashboard.shared import address
from vae.dashboard.shared.address_values import words
from vae.dashboard.shared.row_names import names_of
from vae.data import Dataset
from vae.data.column_kinds import entry
from vae.data.missing import element_names

HELP = (
    "Or a condition in SQL on {columns}, with AND, OR, NOT, LIKE, IN, BETWEEN and IS NULL, such "
    "as: `row < 100 AND class IN ('3', '5')`. Text goes in single quotes, a name with spaces in "
    "double ones."
)


def columns_of(data: Dataset, rows: Ints) -> dict[str, Callable[[], Any]]:
    """Return the columns of a condition on these rows: row, class, name, the known factors and
    the columns of a table."""
    found: dict[str, Callable[[], Any]] = {"row": lambda: rows}
    if data.labels is not None:
        found["class"] = partial(names_of, data.labels, data.classes, rows)
    if (names := data.names) is not None:
        found["name"] = lambda: names[rows]
    for name, values in data.factors.items():
        found.setdefault(name, partial(values.__getitem__, rows))
    if data.x.ndim == 2:
        for k, name in enumerate(element_names(data.columns, data.event_shape)):
            found.setdefault(name, partial(_column, data, rows, k))
    return found


def _column(data: Dataset, rows: Ints, k: int) -> Any:
    """Return the values of a column of a table; its names where it has names."""
    values = data.x[rows, k]
    if names := data.entries[k] if data.entries else ():
        return [entry(value, names) if value == value else None for value in values]
    return values / data.scale


def help_of(columns: Columns) -> str:
    """Return the help of a field that reads a condition on these columns."""
    first = [f"`{name}`" for name in columns][:8]
    more = f" and {len(columns) - 8} more" if len(columns) > 8 else ""
    return HELP.format(columns=", ".join(first) + more)


def field(place: DeltaGenerator, key: str, columns: Columns) -> str:
    """Show the field of a condition and return its text."""
    address.link("search", key, words(LONGEST), "")
    found: str = place.text_input(
        "Search",
        key=key,
        help="A" + help_of(columns).removeprefix("Or a"),
        placeholder="row < 100",
        persist_state="session",
    )
    return found


def passing(columns: Columns, condition: str) -> Ints:
    """Return the positions of the rows that satisfy a condition, all of them without any; below a
    sentence after a mistake."""
    everything = np.arange(len(columns["row"]()))
    if not condition.strip():
        return everything
    try:
        found = positions(columns, condition)
    except QueryError as error:
        st.warning(markdown(error))
        return everything
    if not len(found):
        st.info("No example satisfies this condition. All are shown.")
    return found if len(found) else everything
