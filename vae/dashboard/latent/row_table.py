"""The selected examples as a table, linked with the map: rows ticked in it are ringed there."""

import zlib
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from vae.base.records import Floats, Ints
from vae.dashboard.latent import state
from vae.dashboard.latent.request import MapContext
from vae.dashboard.latent.selection import columns
from vae.dashboard.shared.number_table import SHORT, Column, configured, styled
from vae.figures.map_layers import rings

MOST = 1_000  # rows of the table; the CSV has all
COLUMNS = 30  # at most
HEIGHT = 240
HELP = "Tick rows to ring their points on the map."


def row_table(context: MapContext, positions: Ints) -> None:
    """Show a table of the selected examples, and keep its ticks for the map."""
    part = positions[:MOST]
    rows = context.encoding.index[part]
    found: dict[str, Any] = {}
    numbers: dict[str, Column] = {}
    for name, column in list(columns(context).items())[:COLUMNS]:
        values = np.asarray(column())[part]
        found[name] = values.tolist() if values.dtype.kind in "OU" else values
        numbers |= {name: Column(SHORT, "")} if values.dtype.kind == "f" else {}
    key = f"latent_table_{zlib.crc32(rows.tobytes()):08x}"
    with st.expander("Table"):
        st.dataframe(
            styled(found, numbers),
            key=key,
            height=HEIGHT,
            hide_index=True,
            column_config=configured(numbers),
            on_select=partial(_tick, key, context.revision, rows),
        )
        first = f"The first {MOST:,} rows; the CSV has all. " if len(positions) > MOST else ""
        st.caption(first + HELP)


def _tick(key: str, revision: str, rows: Ints) -> None:
    state.put(state.TICKED, revision, rows[st.session_state[key]["selection"]["rows"]])


def ticked(
    context: MapContext, index: Ints, points: Floats, selected: Ints
) -> list[dict[str, Any]]:
    """Return rings around the ticked rows that are still selected; `points` (N, 2) or (N, 3) are
    the places of the rows `index` (N,)."""
    rows = state.get(state.TICKED, context.revision, np.empty(0, np.int64))
    is_ringed = np.isin(index, np.intersect1d(rows, selected))
    return [rings(points[is_ringed])] if is_ringed.any() else []
