"""The runs selected in the table of the Compare page, for the session.

The selection is a list of run names. It does not depend on the filters: a hidden run stays
selected. The browser keeps the ticks of a table under the table's key, so a selection that is set
from Python needs a table with a new key: `version` is part of that key. The runs of such a
selection lead the table; ticks in the table itself move no row.
"""

from collections.abc import Sequence

import streamlit as st

from vae.dashboard.shared import address
from vae.dashboard.shared.address_values import some_of

SELECTED, _VERSION, _LEADING = "compare_selected", "compare_drawn", "compare_leading"


def selected() -> list[str]:
    """Return the names of the selected runs."""
    return list(st.session_state.get(SELECTED, []))


def version() -> int:
    """Return the number of times that `select` has set the selection from outside the table."""
    return int(st.session_state.get(_VERSION, 0))


def select(names: Sequence[str]) -> None:
    """Select exactly these runs, and let the table show it."""
    take_ticks(names)
    st.session_state[_LEADING] = list(names)
    st.session_state[_VERSION] = version() + 1


def leading() -> list[str]:
    """Return the runs of the last `select`, which stand first in the table."""
    return list(st.session_state.get(_LEADING, []))


def take_ticks(names: Sequence[str]) -> None:
    """Select exactly these runs, as ticked in the table itself."""
    st.session_state[SELECTED] = list(names)


def link(names: Sequence[str]) -> None:
    """Link the selection among the runs `names` to the address; call it before the table."""
    form = some_of(names)
    if (found := address.take("runs", form, [])) is not None:
        select(found)
    address.show("runs", form, [name for name in selected() if name in names], [])


def rename(old: str, new: str) -> None:
    """Replace the name of a selected run."""
    take_ticks([new if name == old else name for name in selected()])
