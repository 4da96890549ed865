"""Columns of a table whose numbers are written as everywhere else, and sorted by value.

The formats of Streamlit's own number columns write a hyphen for the minus sign.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import streamlit as st

from vae.base.foreign import inert
from vae.base.numbers import compact, fixed, percent

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler  # type: ignore[import-untyped]

Format = Callable[[float], str]

WHOLE: Format = partial(compact, digits=12)  # 0, 128 and a seed, without commas
NATS: Format = fixed
SHORT: Format = compact
SHARE: Format = partial(percent, places=1)


class Column(NamedTuple):
    """The format and the help of a column of numbers."""

    format: Format
    about: str


def styled(columns: Mapping[Any, Any], numbers: Mapping[Any, Column]) -> "Styler":
    """Return a table whose number columns show texts; an empty cell stays empty. Names of two
    parts become headers of two rows."""
    import pandas as pd  # type: ignore[import-untyped]

    formats = {name: column.format for name, column in numbers.items() if name in columns}
    cells = {
        name: list(map(inert, values)) if isinstance(values, list) else values
        for name, values in columns.items()
    }
    return pd.DataFrame(cells).style.format(formats, na_rep="")


def configured(
    numbers: Mapping[Any, Column], width: Literal["small"] | None = None
) -> dict[Any, Any]:
    """Return the settings of the columns, without a format, which would replace the texts. A
    column with a name of two parts goes by its place."""
    return {
        name: st.column_config.NumberColumn(help=column.about, width=width)
        for name, column in numbers.items()
    }
