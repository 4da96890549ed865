"""Choosing examples by class or by number, and taking a selection along.

What is chosen here is selected in the browser as if by a lasso, so that everything that follows
from a selection follows from this one too.
"""

import csv
import io
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from vae.analysis.loaded_run import LoadedRun
from vae.base.records import Encoding, Hue, Ints
from vae.dashboard import server
from vae.data import save_upload

WANTED = "latent_wanted"
MISSING = "latent_missing"
RANGE = re.compile(r"#?(\d+)\s*(?:[-–]\s*#?(\d+))?")
CLASSES = "All points of these classes."
ROWS = "Numbers of examples in the data set, as the pointer shows them (#12), and ranges."
ABSENT = "not among the points: choose all under Examples, and more under Points."
MOST = 10_000_000  # rows that a range may speak of


def rows_named(text: str) -> Ints:
    """The rows that a text such as "12, 40-60" names, ascending; ValueError for other texts."""
    found: list[Any] = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        match = RANGE.fullmatch(part)
        if match is None or int(match[2] or match[1]) < int(match[1]):
            raise ValueError(f"{part!r} is no row: write numbers and ranges, such as 12, 40-60.")
        first, last = int(match[1]), int(match[2] or match[1])
        if last - first > MOST:
            raise ValueError(f"{part!r} is too long a range.")
        found.append(np.arange(first, last + 1))
    return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)


def chooser(encoding: Encoding, colours: Mapping[str, Hue], revision: str) -> None:
    """The popover that selects by class and by row numbers."""
    with st.popover("Select", help="Select points by class or by row number."):
        with st.form("latent_choice", border=False):
            hue = colours.get("class")
            names = () if hue is None else hue.classes
            chosen = (
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
            text = st.text_input("Rows", placeholder="12, 40-60", key="latent_rows", help=ROWS)
            pressed = st.form_submit_button("Select", key="latent_choose")
        if pressed:
            _choose(encoding, hue, chosen, text, revision)
        belongs, missing = st.session_state.get(MISSING, ("", 0))
        if missing and belongs == revision:
            st.caption(f"{missing:,} of these rows {'is' if missing == 1 else 'are'} {ABSENT}")


def _choose(
    encoding: Encoding, hue: Hue | None, chosen: list[int], text: str, revision: str
) -> None:
    try:
        named = rows_named(text)
    except ValueError as error:
        st.error(str(error))
        return
    own = np.isin(encoding.index, named)
    if hue is not None:
        own |= np.isin(hue.values, chosen)
    missing = len(named) - int(np.isin(named, encoding.index).sum())
    st.session_state[MISSING] = (revision, missing)
    number = st.session_state.get(WANTED, ("", 0, None))[1] + 1
    st.session_state[WANTED] = (revision, number, encoding.index[own])


def wanted(revision: str) -> tuple[int, Ints] | None:
    """What was chosen last on this map: a number for the choice, and the rows."""
    belongs, number, rows = st.session_state.get(WANTED, ("", 0, None))
    return (number, rows) if belongs == revision and rows is not None else None


def takeaway(
    loaded: LoadedRun, encoding: Encoding, colours: Mapping[str, Hue], positions: Ints
) -> None:
    """Buttons that take the selection along: as a table, as arrays, as a new data set."""
    name = f"{loaded.run.name}-selection"
    with st.container(horizontal=True, key="latent_take"):
        st.download_button(
            "CSV",
            lambda: table(loaded, encoding, colours, positions),
            f"{name}.csv",
            "text/csv",
            on_click="ignore",
            help="Row, split, class, factors, nats and latents of the selected examples.",
        )
        st.download_button(
            "NPZ",
            lambda: arrays(loaded, encoding, positions),
            f"{name}.npz",
            on_click="ignore",
            help="The examples (x), labels, rows (index), means and standard deviations of "
            "q(z|x) as NumPy arrays.",
        )
        kept = st.button(
            "Use as new data set",
            key="latent_keep",
            help="Keeps the selected examples among the uploads, to train on them alone.",
        )
    if kept:
        try:
            path = save_upload(
                f"{name}.npz", examples(loaded, encoding.index[positions]), server.ROOT
            )
        except (ValueError, OSError) as error:
            st.error(str(error))
            return
        st.caption(
            "Kept. In the sidebar choose Data: a file of your own, and give this path:",
        )
        st.code(str(path.resolve()), language=None, wrap_lines=True)


def table(
    loaded: LoadedRun, encoding: Encoding, colours: Mapping[str, Hue], positions: Ints
) -> bytes:
    """The selection as CSV: a line an example."""
    rows = encoding.index[positions]
    columns: dict[str, Any] = {"row": rows, "split": loaded.split_of(rows)}
    for name, hue in colours.items():
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
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue().encode()


def arrays(loaded: LoadedRun, encoding: Encoding, positions: Ints) -> bytes:
    """The selection as .npz: x as it is kept, labels, index, mean, std."""
    rows = encoding.index[positions]
    held: dict[str, Any] = {"x": loaded.data.x[rows], "index": rows}
    held["mean"] = encoding.mean[positions]
    if loaded.data.labels is not None:
        held["labels"] = loaded.data.labels[rows]
    if encoding.std is not None:
        held["std"] = encoding.std[positions]
    return _packed(held)


def examples(loaded: LoadedRun, rows: Ints) -> bytes:
    """Rows of the data set as .npz that can be read as a data set: x, and labels by name."""
    held: dict[str, Any] = {"x": loaded.data.x[rows]}
    if loaded.data.labels is not None:
        names = np.array([*loaded.data.classes, "none"])
        held["labels"] = names[loaded.data.labels[rows]]
    return _packed(held)


def _packed(held: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **held)
    return file.getvalue()
