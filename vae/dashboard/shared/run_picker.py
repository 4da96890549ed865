"""The head of every page: which run, and how it is; and the guards that end a page early.

The run's name lives in the address, `?run=NAME`, so that a page can be shared and reloaded.
"""

from typing import NoReturn

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.base.numbers import fixed
from vae.components.likelihoods import LIKELIHOODS
from vae.dashboard import server
from vae.experiments.entries import best_report
from vae.runs import Run, Status, listing
from vae.runs.manifest import domain_of

ICONS = {
    "queued": ":gray-badge[queued]",
    "starting": ":blue-badge[starting]",
    "running": ":blue-badge[running]",
    "paused": ":orange-badge[paused]",
    "finished": ":green-badge[finished]",
    "stopped": ":gray-badge[stopped]",
    "failed": ":red-badge[failed]",
    "interrupted": ":orange-badge[interrupted]",
    "damaged": ":red-badge[damaged]",
}

FACTS = (
    "State of the run · its data · its model: network, number of latent dimensions, likelihood "
    "p(x|z), posterior q(z|x), and prior or objective where they are not the usual ones · device "
    "· the best value on validation examples, in nats per example, and the epoch it was "
    "reached in. The list on the left chooses the run that every page shows; its name is in the "
    "address, to be shared or bookmarked."
)


def sync_address() -> None:
    """Take the run from the address when there is one, and keep the address up to date."""
    asked = st.query_params.get("run")
    if asked and asked != st.session_state.get("_address"):
        st.session_state.run = asked
    names = [run.name for run in listing(server.ROOT)]
    if st.session_state.get("run") not in names:
        if asked and asked == st.session_state.get("run"):
            st.toast(f"There is no run {asked!r}; here is the newest one.")
        st.session_state.run = names[0] if names else None
    show_in_address(st.session_state.run)


def show_in_address(name: str | None) -> None:
    """Put a run's name into the address."""
    if name and st.query_params.get("run") != name:
        st.query_params["run"] = name
    st.session_state._address = name


def choose(name: str) -> None:
    """Make a run the one that every page shows."""
    st.session_state.run = name
    show_in_address(name)


def pick_run() -> Run:
    """The chosen run under the page's head; ends the page with a word of help if there is none."""
    run, line = head(link=True)
    line.markdown(facts(run, run.status()))
    return run


def head(link: bool = False) -> tuple[Run, DeltaGenerator]:
    """The chosen run, and the place beside the picker where its facts belong, with what to beware
    of in its numbers behind it; `link` leads to Train where there is no run."""
    names = [run.name for run in listing(server.ROOT)]
    if not names:
        empty(
            "There is no run yet.",
            "Press **Train** in the sidebar: it trains a VAE with the settings below it, in the "
            "time told there. The Train page shows it learn, the others what it has learned.",
            link,
        )
    left, right = st.columns([5, 17], vertical_alignment="center")
    if st.session_state.get("run") not in names:
        st.session_state.run = names[0]
    name = left.selectbox(
        "Run",
        names,
        index=names.index(st.session_state.run),
        label_visibility="collapsed",
        help="The run that every page shows. Its name is in the address: share or bookmark it.",
    )
    if name != st.session_state.run:
        choose(name)
        st.rerun()
    run = Run(server.ROOT / name)
    _guard_settings(run)
    with right.container(horizontal=True, vertical_alignment="center", key="run_facts"):
        line = st.empty()
        badge, about = "", FACTS
        if caveat := _caveat(run):  # beside words the help can be reached with the Tab key
            badge, about = (
                ":orange-badge[not ln p(x)] &nbsp;",
                f"**not ln p(x)**: {caveat}\n\n{FACTS}",
            )
        st.markdown(badge, help=about, width="content")
    return run, line


def _guard_settings(run: Run) -> None:
    """End the page with a word of help if config.json can be read but not understood."""
    if run.status().state == "damaged":
        return
    try:
        _ = run.config
    except ValueError as error:
        empty("This run's settings cannot be used.", str(error))


def _caveat(run: Run) -> str:
    """Why the numbers of a run are no log-likelihoods of its data; "" where they are."""
    if run.status().state == "damaged":
        return ""
    return LIKELIHOODS[run.config.likelihood].caveat(domain_of(run.header))


def facts(run: Run, status: Status) -> str:
    """State, data, model, device and best value of a run, in one line."""
    if status.state == "damaged":
        return f"{ICONS['damaged']} {status.message}"
    s, config = run.settings, run.config
    data = run.header["data"]["name"]
    model = f"{s['network']}, {s['latent_dim']} latents, {s['likelihood']}, {s['posterior']} q"
    model += f", {s['prior']} prior" if not config.is_default("prior") else ""
    model += f", {s['objective']}" if not config.is_default("objective") else ""
    model += ", told the class" if config.conditional else ""
    parts = [ICONS[status.state], data, model]
    parts += [status.device] if status.device else []
    parts += [_best(run)] if status.best is not None else []
    return " · ".join(filter(None, parts))


def _best(run: Run) -> str:
    """Name and value of the criterion at the best weights, and their epoch; "" if not known."""
    by, best = run.config.best_by, best_report(run)
    value = None if best is None else by.value(best)
    if best is None or value is None:
        return ""
    return f"best validation {by.title} **{fixed(value)} nats** at epoch {best['epoch']:g}"


def has_rings(run: Run) -> bool:
    """Whether circles about the origin say where the prior lies."""
    return run.config.unit_normal


def guard_weights(run: Run) -> None:
    """End the page with a word of help if the run has no weights to look at yet; while it is
    going to have some, the page waits for them."""
    status = run.status()
    if status.state == "damaged":
        empty("This run's folder is damaged.", status.message)
    if _has_weights(run):
        return
    waiting = {
        "queued": "It waits in the queue and has not begun.",
        "starting": "It is starting.",
        "running": "It is training and will save its first weights soon.",
        "failed": f"It failed: {status.message}",
    }
    if status.active:
        _wait_for_weights(run)
    empty("There are no weights to look at yet.", waiting.get(status.state, status.message))


@st.fragment(run_every=1.0)
def _wait_for_weights(run: Run) -> None:
    if _has_weights(run):
        st.rerun()


def _has_weights(run: Run) -> bool:
    try:
        return run.weights_path("last").exists()
    except ValueError:
        return False


def empty(what: str, way_out: str, link: bool = True) -> NoReturn:
    """An empty state: what is missing, and the way out. Ends the page."""
    with st.container(border=True, horizontal_alignment="center", key="empty"):
        st.subheader(what, anchor=False, text_alignment="center")
        st.markdown(way_out, text_alignment="center")
        if link:
            st.page_link(server.PAGES / "train.py", label="Go to Train")
    st.stop()
