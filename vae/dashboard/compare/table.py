"""All runs in one table, with search, filters and selection.

The session stores the names of the selected runs: a run that a search hides stays selected. Each
list of names has a table with a new key, so that a row means the same run as soon as it is drawn.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import streamlit as st

from vae.base.numbers import fixed
from vae.base.query import LONGEST
from vae.components.network_file import title
from vae.dashboard.compare.search import search as searched
from vae.dashboard.shared import address, run_selection, widgets
from vae.dashboard.shared.address_values import some_of
from vae.dashboard.shared.address_values import words as texts
from vae.dashboard.shared.number_table import NATS, SHORT, WHOLE, Column, configured, styled
from vae.experiments.configurations import Entry

ROW, HEAD, MOST = 35, 38, 250  # pixels of a row, of the head, and of the table at most
ROWS = 1000  # runs of the table, at most
NEWEST = "newest"
ORDERS = {  # title → the value of a run, the lowest first
    "lowest −ELBO": lambda entry: _negative(entry.val.elbo),
    "lowest test −ELBO": lambda entry: _negative(entry.test.elbo),
    "lowest test −ln p(x)": lambda entry: entry.test.nll,
}
FAVOURITES, ARCHIVED = "favourites", "archived"
HELP = {
    "search": "Show runs that contain each of these words in name, title, tags, notes, state, "
    "data or settings, such as: mnist latent_dim=8 beta=4. Or those that satisfy a condition in "
    "SQL on columns and settings, with AND, OR, NOT, LIKE, IN, BETWEEN and IS NULL, such as: "
    "`beta > 1 AND data = 'digits'`. Text goes in single quotes, a name with spaces in double "
    'ones: `"test -ELBO" < 90`.',
    "show": "Show favourites only, or archived runs too.",
    "tags": "Show runs with all of these tags.",
    "order": f"The table has at most {ROWS:,} runs: those that come first in this order. "
    "Search finds every run.",
}


class RunTable(NamedTuple):
    """The visible and the selected runs."""

    all: list[Entry]
    visible: list[Entry]
    selected: list[Entry]  # in the order of the table, then hidden ones


def filters(entries: Sequence[Entry]) -> list[Entry]:
    """Draw the filters and return the runs that pass them."""
    search, show, tags = st.columns([5, 3, 4], vertical_alignment="bottom")
    address.link("search", "compare_search", texts(LONGEST), "")
    address.link("show", "compare_show", some_of([FAVOURITES, ARCHIVED]), [])
    words = search.text_input(
        "Search",
        key="compare_search",
        help=HELP["search"],
        placeholder="words, or beta > 1 AND data = 'digits'",
        persist_state="session",
    )
    groups = show.pills(
        "Show",
        [FAVOURITES, ARCHIVED],
        selection_mode="multi",
        key="compare_show",
        help=HELP["show"],
        persist_state="session",
    )
    known = sorted({tag for entry in entries for tag in entry.tags})
    key = "compare_tags"
    st.session_state[key] = [t for t in st.session_state.get(key, []) if t in known]
    address.link("tags", key, some_of(known), [])
    wanted = tags.multiselect(
        "Tags",
        known,
        key=key,
        help=HELP["tags"],
        placeholder="any" if known else "none yet: select a run and edit it",
        disabled=not known,
        persist_state="session",
    )
    passed = [
        entry
        for entry in entries
        if (ARCHIVED in groups or not entry.archived)
        and (FAVOURITES not in groups or entry.favourite)
        and set(wanted) <= set(entry.tags)
    ]
    return searched(passed, words, [*_config()], _row) if words else passed


def first(entries: list[Entry]) -> list[Entry]:
    """Return these runs; of more than the table holds, those that come first in an order to choose
    here."""
    if len(entries) <= ROWS:
        return entries
    with st.container(horizontal=True, vertical_alignment="center", key="compare_first"):
        st.caption(f"The table has {ROWS:,} of {len(entries):,} runs:", width="content")
        titles = {title: title for title in (NEWEST, *ORDERS)}
        order = widgets.choose(
            st,
            "First",
            "compare_order",
            titles,
            NEWEST,
            HELP["order"],
            hide_label=True,
            link="first",
            width=220,
        )
    value = ORDERS.get(order)
    return (entries if value is None else sorted(entries, key=_ascending(value)))[:ROWS]


def _ascending(value: Callable[[Entry], float | None]) -> Callable[[Entry], tuple[bool, float]]:
    """Return the key of an order by a value; runs without it come last."""

    def key(entry: Entry) -> tuple[bool, float]:
        found = value(entry)
        return found is None, found or 0.0

    return key


def select(entries: list[Entry], visible: list[Entry]) -> RunTable:
    """Draw the table, whose ticks are the selection, and return its runs."""
    chosen = set(run_selection.selected())
    leading = set(run_selection.leading())
    first = [entry for entry in visible if entry.name in leading]
    rows = first + [entry for entry in visible if entry.name not in leading]
    names = [entry.name for entry in rows]
    if rows:
        key = table_key(names)
        st.dataframe(
            styled(_columns(rows), NUMBERS),
            key=key,
            hide_index=True,
            on_select=lambda: _take(key, names),
            selection_mode="multi-row",
            selection_default={
                "selection": {"rows": [i for i, name in enumerate(names) if name in chosen]}
            },
            column_config=_config(),
            placeholder="",
            height=min(HEAD + ROW * len(rows), MOST),
        )
    else:
        st.info("No run passes these filters: clear the search, or show archived runs.")
    hidden = [entry for entry in entries if entry.name in chosen and entry.name not in set(names)]
    return RunTable(entries, visible, [e for e in visible if e.name in chosen] + hidden)


def table_key(names: Sequence[str]) -> str:
    """Names the table of these runs; another one for every `run_selection.version`."""
    which = repr((names, run_selection.version()))
    return f"compare_table_{hashlib.sha256(which.encode()).hexdigest()[:12]}"


def _take(key: str, names: list[str]) -> None:
    rows = st.session_state[key]["selection"]["rows"]
    ticked = [names[row] for row in rows if row < len(names)]
    hidden = [name for name in run_selection.selected() if name not in names]
    run_selection.take_ticks(ticked + hidden)


def _columns(entries: Sequence[Entry]) -> dict[str, list[Any]]:
    rows = [_row(entry) for entry in entries]
    return {name: [row[name] for row in rows] for name in rows[0]}


def _row(entry: Entry) -> dict[str, Any]:
    s, val, test = entry.settings, entry.val, entry.test
    return {
        "★": "★" if entry.favourite else "",
        "run": entry.name,
        "title": entry.title,
        "state": entry.state + (", archived" if entry.archived else ""),
        "data": entry.data,
        "network": title(s["network"]) if s else None,
        "Z": s.get("latent_dim") or None,
        "β": s.get("beta"),
        "seed": s.get("seed"),
        "−ELBO": _negative(val.elbo),
        "reconstruction": val.reconstruction,
        "KL": val.kl,
        "test −ELBO": _negative(test.elbo),
        "test −ln p(x)": test.nll,
        "K": test.nll_samples,
        "epochs": entry.epochs or None,
        "objective": s.get("objective"),
        "best by": None if val.best is None else entry.best_by.title,
        "best value": val.best,
        "likelihood": s.get("likelihood"),
        "tags": list(entry.tags),
        "seconds": entry.seconds or None,
        "created": _when(entry.created),
    }


def _negative(value: float | None) -> float | None:
    return None if value is None else -value


def _when(created: str) -> datetime | None:
    try:
        return datetime.fromisoformat(created).astimezone().replace(tzinfo=None)
    except ValueError:
        return None


def _config() -> dict[str, Any]:
    text = st.column_config.TextColumn
    found = configured(NUMBERS) | {name: text(help=about) for name, about in WORDS.items()}
    found["★"] = text(width=34, help="A favourite.", pinned=True)
    found["run"] = text(width=170, help="Name of the run and of its folder.", pinned=True)
    found["tags"] = st.column_config.ListColumn(help="Tags of the run: select it and press Edit.")
    found["created"] = st.column_config.DatetimeColumn(
        format="D MMM YYYY, HH:mm", help="Start of the run, in the server's time zone."
    )
    return found


NUMBERS = {
    "Z": Column(WHOLE, "Latent dimensions."),
    "β": Column(SHORT, "Weight of the KL in the trained loss; empty: the objective has none."),
    "seed": Column(
        WHOLE, "Random seed. Runs that differ in it only are seeds of one configuration."
    ),
    "−ELBO": Column(
        NATS,
        "Reconstruction + KL of the best weights on validation data, nats per example; lower is "
        "better. Comparable on the same data under the same likelihood.",
    ),
    "reconstruction": Column(
        NATS,
        "−E_q[ln p(x|z)] of the same weights and data, nats per example; lower is better.",
    ),
    "KL": Column(
        NATS,
        "KL(q(z|x) ‖ p(z)) of the same weights and data, nats per example; empty: not defined.",
    ),
    "test −ELBO": Column(
        NATS,
        "−ELBO of the best weights on test data, nats per example, from a saved evaluation (see "
        "Evaluate); lower is better.",
    ),
    "test −ln p(x)": Column(
        NATS,
        "Importance-sampled −ln p(x) of the best weights on test data, nats per example, from the "
        "saved evaluation with the most samples; lower is better.",
    ),
    "K": Column(WHOLE, "Importance samples per example of test −ln p(x). More tighten the bound."),
    "best value": Column(
        NATS,
        "Validation value that selected the best weights, nats per example. A reconstruction is "
        "better lower, an ELBO or a bound higher.",
    ),
    "epochs": Column(SHORT, "Completed epochs."),
    "seconds": Column(partial(fixed, places=0), "Training time in seconds."),
}
WORDS = {
    "title": "Label of the run: select it and press Edit.",
    "state": "State of the run.",
    "data": "Data set.",
    "network": "Bodies of encoder and decoder.",
    "objective": "Training objective.",
    "best by": "Validation value by which training selected the best weights.",
    "likelihood": "p(x|z). Nats of two likelihoods are not comparable.",
}
