"""Selection by class, row number or a condition, and export of the selected examples.

The browser receives such a selection like a lasso, so that everything that follows from a lasso
also follows from it.
"""

import csv
import io
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from vae.analysis.latent_map import CLASS, KL, RECONSTRUCTION
from vae.base import visitors
from vae.base.foreign import cell, markdown
from vae.base.query import is_condition, positions
from vae.base.records import Ints
from vae.dashboard import server
from vae.dashboard.latent import state
from vae.dashboard.latent.request import MapContext
from vae.dashboard.shared import address, address_values, row_search
from vae.data import save_upload

RANGE = re.compile(r"#?(\d+)\s*(?:[-–]\s*#?(\d+))?")
CLASSES = "All points of these classes."
ROWS = "Row numbers in the data set, as under the pointer (#12), and ranges. "
ABSENT = "not among the points: choose all under Examples, and more under Points."
MOST = 10_000_000  # rows in a range


def rows_named(text: str) -> Ints:
    """Return the rows of a text such as "12, 40-60", ascending. Raises ValueError otherwise."""
    found: list[Any] = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        match = RANGE.fullmatch(part)
        if match is None or int(match[2] or match[1]) < int(match[1]):
            raise ValueError(
                f"{part!r} is no row number: write numbers and ranges, such as 12, 40-60."
            )
        first, last = int(match[1]), int(match[2] or match[1])
        if last - first > MOST:
            raise ValueError(f"{part!r} is too long: a range has at most {MOST:,} rows.")
        found.append(np.arange(first, last + 1))
    return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)


def chooser(context: MapContext) -> None:
    """Show the popover that selects by class and by row number."""
    hue = context.colours.get(CLASS)
    names = () if hue is None else hue.classes
    with st.popover("Select", help="Select points by class, row number or a condition."):
        with st.form("latent_choice", border=False):
            labels = (
                st.multiselect(
                    "Classes",
                    range(len(names)),
                    format_func=lambda k: names[k],
                    key="latent_of",
                    help=CLASSES,
                )
                if names
                else []
            )
            text = st.text_input(
                "Rows, or a condition",
                placeholder="12, 40-60, or row < 100",
                key="latent_rows",
                help=ROWS + row_search.help_of(columns(context)),
            )
            pressed = st.form_submit_button("Select", key="latent_choose")
        if pressed:
            _choose(context, labels, text)
        missing = state.get(state.MISSING, context.revision, 0)
        if missing:
            st.caption(f"{missing:,} of these rows {'is' if missing == 1 else 'are'} {ABSENT}")


def _choose(context: MapContext, labels: list[int], text: str) -> None:
    """Store the rows of these classes and of the text as the selection of the map."""
    index = context.encoding.index
    try:
        named = _named(context, text)
    except ValueError as error:  # of the condition, too
        st.error(markdown(error))
        return
    chosen = np.isin(index, named)
    if labels:
        chosen |= np.isin(context.colours[CLASS].values, labels)
    state.put(state.MISSING, context.revision, len(named) - int(np.isin(named, index).sum()))
    state.put(state.CHOICE, context.revision, (state.next_number(), index[chosen]))


def _named(context: MapContext, text: str) -> Ints:
    """Return the rows of a text: those that it counts, or those of the map that satisfy its
    condition."""
    if is_condition(text):
        return context.encoding.index[positions(columns(context), text)]
    return rows_named(text)


def columns(context: MapContext) -> dict[str, Callable[[], Any]]:
    """Return the columns of a condition on the examples of the map."""
    encoding = context.encoding
    found = row_search.columns_of(context.loaded.data, encoding.index)
    for name in (KL, RECONSTRUCTION):
        if name in context.colours:
            found.setdefault(name, partial(getattr, context.colours[name], "values"))
    for d in range(encoding.mean.shape[1]):
        found.setdefault(f"z{d + 1}", partial(encoding.mean.__getitem__, (slice(None), d)))
    return found


def chosen_rows(revision: str) -> tuple[int, Ints] | None:
    """Return the number and the rows of the last choice on this map, None without one."""
    found: tuple[int, Ints] | None = state.get(state.CHOICE, revision, None)
    return found


def take_link(context: MapContext) -> Ints | None:
    """Select the rows of a new address; return them, None without any."""
    form, none = address_values.rows(context.encoding.index), np.empty(0, np.int64)
    found: Ints | None = address.take("rows", form, none)
    if found is not None:
        state.put(state.CHOICE, context.revision, (state.next_number(), found))
    return found


def show_link(context: MapContext, rows: Ints) -> None:
    """Put the selected rows into the address."""
    form = address_values.rows(context.encoding.index)
    address.show("rows", form, rows, np.empty(0, np.int64))


def export_buttons(context: MapContext, positions: Ints) -> None:
    """Show buttons that export the selection as a table, as arrays or as a new data set."""
    name = f"{context.loaded.run.name}-selection"
    with st.container(horizontal=True, key="latent_take"):
        st.download_button(
            "CSV",
            lambda: table(context, positions),
            f"{name}.csv",
            "text/csv",
            on_click="ignore",
            help="Row, split, class, factors, nats and latents of the selected examples.",
        )
        st.download_button(
            "NPZ",
            lambda: arrays(context, positions),
            f"{name}.npz",
            on_click="ignore",
            help="The examples (x), labels, rows (index), means and standard deviations of "
            "q(z|x) as NumPy arrays.",
        )
        pressed = st.button(
            "Use as new data set",
            key="latent_keep",
            help="Save the selected examples among the uploads, to train on them alone.",
            disabled=visitors.is_read_only(),
        )
    if pressed:
        _save(context, f"{name}.npz", positions)


def _save(context: MapContext, name: str, positions: Ints) -> None:
    content = data_set(context, context.encoding.index[positions])
    try:
        path = save_upload({name: content}, server.ROOT)
    except (ValueError, OSError) as error:
        st.error(markdown(error))
        return
    st.caption("Saved. In the sidebar choose Data: a file of your own, and enter this path:")
    st.code(str(path.resolve()), language=None, wrap_lines=True)


def table(context: MapContext, positions: Ints) -> bytes:
    """Return the selection as CSV, a line per example."""
    encoding = context.encoding
    rows = encoding.index[positions]
    columns: dict[str, Any] = {"row": rows, "split": context.loaded.split_of(rows)}
    for name, hue in context.colours.items():
        values = hue.values[positions]
        if hue.classes:
            names = dict(enumerate(hue.classes))
            columns[name] = [names.get(int(value), "") for value in values]
        else:
            columns[name] = values
    for d in range(encoding.mean.shape[1]):
        columns[f"z{d + 1}"] = encoding.mean[positions, d]
        if encoding.std is not None:
            columns[f"z{d + 1}_sd"] = encoding.std[positions, d]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(map(cell, columns))
    writer.writerows(map(cell, row) for row in zip(*columns.values(), strict=True))
    return text.getvalue().encode()


def arrays(context: MapContext, positions: Ints) -> bytes:
    """Return the selection as .npz: x in the format of the data set, index, mean, labels, std."""
    data, encoding = context.loaded.data, context.encoding
    rows = encoding.index[positions]
    found: dict[str, Any] = {"x": data.x[rows], "index": rows, "mean": encoding.mean[positions]}
    if data.labels is not None:
        found["labels"] = data.labels[rows]
    if encoding.std is not None:
        found["std"] = encoding.std[positions]
    return _npz(found)


def data_set(context: MapContext, rows: Ints) -> bytes:
    """Return rows of the data set as .npz in the format of a data set: x, and labels by name."""
    data = context.loaded.data
    found: dict[str, Any] = {"x": data.x[rows]}
    if data.labels is not None:
        found["labels"] = np.array([*data.classes, "none"])[data.labels[rows]]
    return _npz(found)


def _npz(found: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **found)
    return file.getvalue()
