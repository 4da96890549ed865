"""The reconstruction error of a mixed table, column by column."""

import streamlit as st

from vae.analysis.column_terms import ColumnTerms, column_terms
from vae.analysis.entry_tables import ROW
from vae.analysis.loaded_run import LoadedRun
from vae.dashboard.shared.number_table import NATS, Column, styled
from vae.data.missing import element_names
from vae.figures.quantities import SPLITS
from vae.runs.result_keys import run_key

MOST = 12  # rows in sight
ABOUT = (
    "−ln p(x|z) of each column, nats per example; the sum is the reconstruction. A missing cell "
    "has no term. **constant**: the same of the best constant, fitted to the training examples. "
    "**gain**: constant − model; near 0, the latents are independent of the column. Nats of "
    "numbers depend on their unit, the gain does not."
)
COLUMNS = {name: Column(NATS, "") for name in ("nats", "±", "constant", "gain")}


def columns(loaded: LoadedRun, split: str) -> None:
    """Show the terms of the columns of a mixed table; nothing for other data."""
    if not loaded.data.kinds:
        return
    found = _terms(f"{run_key(loaded.run, loaded.checkpoint)} {split}", loaded, split)
    title = f"**Columns**, nats per example · {SPLITS.get(split, split)} examples"
    st.markdown(title, help=ABOUT)
    table = {
        "column": element_names(loaded.data.columns, loaded.data.event_shape),
        "kind": list(loaded.data.kinds),
        "nats": found.model,
        "±": found.se,
        "constant": found.constant,
        "gain": found.gain,
    }
    height = ROW * (1 + min(MOST, len(found.model)))
    st.dataframe(styled(table, COLUMNS), hide_index=True, height=height)


@st.cache_data(max_entries=8, show_spinner="Computing the terms of the columns…")
def _terms(key: str, _loaded: LoadedRun, split: str) -> ColumnTerms:
    return column_terms(_loaded, _loaded.rows(split))
