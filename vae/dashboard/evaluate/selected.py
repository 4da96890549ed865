"""The selected row of the saved evaluations: ticked in the table, or named by a link."""

from collections.abc import Sequence

import streamlit as st

from vae.dashboard.shared import address
from vae.dashboard.shared.address_values import one_of
from vae.runs.evaluations import SavedEvaluation

LATEST = ""
_STATE = "evaluate_selected"  # (key of the table, name of the result, whether it is ticked)
_WHEN = "%Y-%m-%d %H:%M:%S"


def selected(table: str, found: Sequence[SavedEvaluation]) -> SavedEvaluation | None:
    """Return the selected result of the table with this key; None if there is none.

    The address has its name as `?result=NAME`. A row that is no longer ticked is not selected, nor
    is a result of a table with other settings or results.
    """
    results = {one.path.stem: one for one in found}
    titles = {name: f"the result of {one.created:{_WHEN}}" for name, one in results.items()}
    form = one_of(titles | {LATEST: "the latest result of these settings"})
    linked = address.take("result", form, LATEST)
    owner, name, is_ticked = st.session_state.get(_STATE, ("", LATEST, False))
    if linked is not None:
        owner, name, is_ticked = table, linked, False
    rows = st.session_state.get(table, {}).get("selection", {}).get("rows", [])
    if rows and rows[0] < len(found):
        owner, name, is_ticked = table, found[rows[0]].path.stem, True
    elif is_ticked or owner != table:
        name = LATEST
    st.session_state[_STATE] = (owner, name, is_ticked)
    address.show("result", form, name, LATEST)
    return results.get(name)
