"""The values of the curves as a table: one line a report, the latest first."""

from typing import Any

import numpy as np
import streamlit as st

from vae.base.records import Curves
from vae.dashboard.shared.number_table import NATS, Column, configured, styled
from vae.figures.quantities import NATS as UNIT
from vae.figures.quantities import PER_EXAMPLE, QUANTITIES, SPLITS, quantity

MOST = 1000  # lines
EPOCH = "epoch"
HELP = f"In {PER_EXAMPLE}, at the report of this epoch."


def table(curves: Curves, height: int) -> None:
    """Show the reports of a run as a table that can be sorted, searched and saved."""
    columns = values(curves)
    about = {("", EPOCH): "Completed epochs at the report."}
    numbers = {name: Column(NATS, about.get(name, HELP)) for name in columns}
    st.dataframe(
        styled(columns, numbers),
        column_config=configured(dict(enumerate(numbers.values())), "small"),
        hide_index=True,
        height=height,
        key="curve_values",
        placeholder="",
        alt="The values of the curves",
    )


def values(curves: Curves) -> dict[tuple[str, str], Any]:
    """Return the columns by quantity and split: the epoch, and each quantity in nats per example;
    gaps are NaN."""
    order = list(QUANTITIES)
    known = [
        (split, name)
        for split, name in curves.curves
        if name in QUANTITIES and quantity(name).unit == UNIT
    ]
    known.sort(key=lambda key: (order.index(key[1]), key[0] != "train"))
    epochs = [curves.curves[key].epoch for key in known]
    times = np.unique(np.concatenate([*epochs, np.empty(0)]))[::-1][:MOST]
    columns: dict[tuple[str, str], Any] = {("", EPOCH): times.tolist()}
    for split, name in known:
        curve = curves.curves[split, name]
        found = dict(zip(curve.epoch.tolist(), curve.value.tolist(), strict=True))
        title = quantity(name).title, SPLITS[split]
        columns[title] = [found.get(time, np.nan) for time in times.tolist()]
    return columns
