"""Missing values: the values that the model expects in their place, and the errors at hidden ones.

The chart shows, for each column, the hidden values against those that the model expects.
"""

import csv
import io

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.analysis.entry_tables import texts_of
from vae.analysis.imputation import (
    DRAWS,
    HiddenErrors,
    Imputed,
    by_column,
    hidden_errors,
    impute,
)
from vae.analysis.loaded_run import LoadedRun
from vae.base.foreign import cell
from vae.base.kinds import KINDS
from vae.base.numbers import number, percent, plural
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import plot
from vae.dashboard.reconstructions.common import CONTROLS, split_controls
from vae.dashboard.shared import widgets
from vae.dashboard.shared.number_table import SHARE, WHOLE, Column, styled
from vae.data import Dataset
from vae.data.column_kinds import values_of
from vae.data.columns import unique_names
from vae.data.missing import element_names
from vae.figures.imputation import HIDDEN, Hidden, hidden_values
from vae.figures.quantities import examples_of
from vae.figures.series import Layer, Panels, series_chart
from vae.runs import Run
from vae.runs.result_keys import run_key

HEIGHT, TABLE, MOST = 360, 300, 200  # px, px, rows
CURVES, PANELS = 420, 24  # px, series
ERRORS = {name: Column(number, "") for name in ("RMSE", "RMSE of mean")}
ERRORS |= {name: Column(SHARE, "") for name in ("wrong", "wrong, most common")}
ERRORS |= {name: Column(WHOLE, "") for name in ("missing", "hidden")}
HELP = {
    "draws": "K, draws of z for each example. More draws bring the values closer to their "
    "expectation given the observed values, and take longer.",
    "view": "**Expected values**: Σ w E[x|z] over K draws of z given the observed values of an "
    "example, weighted by importance (Mattei & Frellsen 2019). **RMSE**: root mean squared error "
    "at values hidden on purpose (Hidden share in the sidebar), in the unit of the column; lower "
    "is better. A model that has learned nothing has the RMSE of the column's mean. In a column "
    "of names the model expects the most probable one, and the error is the share of wrong names.",
    "file": "All examples of the split with the expected values in place of the missing ones, and "
    "for each column whether its value was observed.",
}


def has_missing(run: Run) -> bool:
    """Whether values of the run's data were not observed."""
    return bool(run.header["data"].get("missing"))


def missing(run: Run, line: DeltaGenerator) -> None:
    """The view: controls, errors by column, and the completed examples."""
    at = st.columns(CONTROLS, vertical_alignment="bottom")
    loaded, split = split_controls(run, at)
    bounds = (1, 1000, DRAWS)
    draws = widgets.whole(at[2], "Draws", "reconstruct_draws", bounds, HELP["draws"], link="draws")
    found = _imputed(f"{run_key(loaded.run, loaded.checkpoint)} {split}", draws, loaded, split)
    errors = hidden_errors(loaded, found)
    line.markdown(summary(found, errors, split), help=HELP["view"] + lesson_link("gaps"))
    names = element_names(loaded.data.columns, loaded.data.event_shape)
    left, right = st.columns([6, 5], gap="large")
    with left:
        _chart(loaded, found, names, split)
    with right:
        _columns(found, errors, names)
    (_series if loaded.data.is_series else _examples)(loaded, found, names, split)


@st.cache_data(max_entries=8, show_spinner="Filling in missing values…")
def _imputed(key: str, draws: int, _loaded: LoadedRun, split: str) -> Imputed:
    return impute(_loaded, _loaded.rows(split), draws)


def summary(found: Imputed, errors: HiddenErrors | None, split: str) -> str:
    """Number of missing values, and the error at hidden ones, as Markdown."""
    gone = found.is_missing
    share = percent(gone.sum() / max(1, (gone | found.is_observed).sum()), 1)
    head = f"**{plural(gone.sum(), 'value')}** ({share}) of {examples_of(len(gone), split)}"
    if errors is None:
        return f":small[{head} not observed]"
    model, mean = (number(value) for value in errors.total)
    names = ""
    if wrong := errors.wrong:
        model_share, common = (percent(share, 1) for share in wrong)
        names = f" · names wrong **{model_share}**, of the most common **{common}**"
    return (
        f":small[{head} not observed · at the {errors.counts.sum():,} hidden ones RMSE "
        f"**{model}** SD, of the column's mean **{mean}** SD{names}]"
    )


def _chart(loaded: LoadedRun, found: Imputed, names: list[str], split: str) -> None:
    """Hidden numbers against expected ones, in standard deviations; a hint without hidden ones.
    Names have no order and no place in it."""
    truth, domain = loaded.data.truth, loaded.model.domain
    if truth is None:
        st.info("No value was hidden. Train with a Hidden share above 0 to measure the errors.")
        return
    counts = np.array([not KINDS[kind].named for kind in domain.kinds], bool)
    gone = found.is_missing & counts if len(counts) else found.is_missing
    parts = domain.rescale(truth[found.rows]), domain.rescale(found.expected), gone
    pairs = Hidden(*map(by_column, parts))
    plot(
        hidden_values(pairs, tuple(names)),
        key="hidden_values",
        revision=f"{run_key(loaded.run)} {split}",
        height=HEIGHT,
        label=HIDDEN,
    )


def _columns(found: Imputed, errors: HiddenErrors | None, names: list[str]) -> None:
    """The number of missing values of each column or channel, and the errors at hidden ones."""
    part = "channel" if found.observed.ndim == 3 else "column"
    table = {part: names, "missing": by_column(found.is_missing).sum(0)}
    if errors is not None:
        pairs = {"RMSE": errors.model, "RMSE of mean": errors.mean}
        table |= {"hidden": errors.counts}
        table |= {name: np.where(errors.named, np.nan, values) for name, values in pairs.items()}
        if errors.named.any():
            shares = {"wrong": errors.model, "wrong, most common": errors.mean}
            table |= {k: np.where(errors.named, values, np.nan) for k, values in shares.items()}
    st.dataframe(styled(table, ERRORS), hide_index=True, height=HEIGHT, placeholder="")


def _series(loaded: LoadedRun, found: Imputed, names: list[str], split: str) -> None:
    """The first series with missing values, and the expected values over them."""
    some = np.flatnonzero(found.is_missing.any((1, 2)))[:PANELS]
    line = st.container(horizontal=True, horizontal_alignment="distribute")
    line.caption(f"{len(some)} series with missing values, and the values that the model expects.")
    with line:
        name = f"{loaded.run.name}-{split}-completed.npz"
        arrays = {"completed": found.completed, "observed": found.is_observed, "row": found.rows}
        widgets.download("NPZ", lambda: widgets.packed(arrays), name, HELP["file"])
    panels = Panels(captions=[f"#{row}" for row in found.rows[some]])
    layers = [
        Layer("expected", found.completed[some], "reconstruction"),
        Layer("observed", found.observed[some], "text"),
    ]
    plot(
        series_chart(layers, names, loaded.model.domain, panels),
        key="completed_series",
        revision=f"{run_key(loaded.run)} {split}",
        height=CURVES,
        label="Series with the expected values in place of missing ones",
    )


def _examples(loaded: LoadedRun, found: Imputed, names: list[str], split: str) -> None:
    """The first completed examples; an expected value is in brackets."""
    line = st.container(horizontal=True, horizontal_alignment="distribute")
    count = min(MOST, len(found.rows))
    line.caption(
        f"The first {count:,} of {len(found.rows):,} examples: values in brackets were not "
        "observed, the model expects them."
    )
    with line:
        name = f"{loaded.run.name}-{split}-completed.csv"
        widgets.download("CSV", lambda: _csv(found, names, loaded.data), name, HELP["file"])
    texts = np.array(texts_of(found.completed[:count], loaded.data))  # (D, count)
    brackets = np.char.add(np.char.add("[", texts), "]")
    columns = np.where(found.is_missing[:count].T, brackets, texts)
    table = {"row": found.rows[:count]} | _named(names, columns)
    st.dataframe(table, hide_index=True, height=TABLE)


def _named(names: list[str], columns: np.ndarray) -> dict[str, np.ndarray]:
    """Return columns by name; equal names count on."""
    titles = unique_names(["row", *names])[1:]
    return dict(zip(titles, columns, strict=True))


def _csv(found: Imputed, names: list[str], data: Dataset) -> bytes:
    """Return all completed examples with the mask of the observed values."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["row", *(cell(n) for n in names), *(cell(f"{n} observed") for n in names)])
    columns = zip(*values_of(found.completed, data), strict=True)
    for row, values, mask in zip(found.rows, columns, found.is_observed, strict=True):
        writer.writerow([row, *map(cell, map(str, values)), *mask.astype(int)])
    return out.getvalue().encode()
