"""The header of every page: the chosen run and its state; and the guards that end a page early.

The run's name is part of the address, `?run=NAME`, so that a page can be shared and reloaded. The
state is a fragment: while the run waits or trains, it is read again every second.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NoReturn

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.base.foreign import markdown
from vae.base.numbers import compact, fixed, plural
from vae.base.records import Domain
from vae.components.count_distributions import library_sizes
from vae.components.likelihoods import LIKELIHOODS
from vae.components.network_file import title
from vae.components.rescalings import briefly, described
from vae.dashboard import server
from vae.dashboard.shared import address, current_run, damaged_files, remedies
from vae.dashboard.shared.network_text import network_text
from vae.dashboard.shared.stage import stage
from vae.experiments.entries import best_report
from vae.runs import Run, Status, manifest, names, recorded
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

SECONDS = 1.0  # between two reads of a run that waits or trains
FACTS = (
    "State of the run · data · model: network, number of latent dimensions, likelihood p(x|z), "
    "posterior q(z|x), and prior and objective unless they are the usual ones · device · best "
    "value on validation examples, in nats per example, and its epoch. The list on the left "
    "chooses the run that every page shows; its name is in the address: share or bookmark it."
)


def pick_run(*pictures: str) -> Run:
    """Show the list of runs and the header of the chosen run, and return that run.

    `pictures` are the keys of the containers that the page can show on the stage. Without any run
    the page ends with an explanation.
    """
    run, place = pick_run_and_place(*pictures)
    _live_facts(run, place)
    return run


def pick_run_and_place(*pictures: str) -> tuple[Run, DeltaGenerator]:
    """Do the same, and return also the place in which the page calls `show_facts`."""
    known = names(server.ROOT)
    if not known:
        empty(
            "There is no run yet.",
            "Press **Train** in the sidebar: it trains a VAE with the settings below the button, "
            "in the time shown there. The Train page shows the training, the other pages the "
            "trained model.",
            remedies.train,
        )
    left, right = st.columns([5, 17], vertical_alignment="center")
    run = _choice(left, known)
    header = right.container(horizontal=True, vertical_alignment="center", key="run_facts")
    place = header.empty()
    _guard_settings(run, place)
    with header:
        parts = (FACTS, _units(run, described), _sizes(run), _origin(run))
        badge, about = "", "\n\n".join(filter(None, parts))
        if caveat := _caveat(run):  # the Tab key reaches a help only beside words
            badge, about = (
                ":orange-badge[not ln p(x)] &nbsp;",
                f"**not ln p(x)**: {caveat}\n\n{about}",
            )
        st.markdown(badge, help=about, width="content")
        if pictures:
            stage(pictures)
    damaged_files.offer_mending(run)
    return run, place


def show_facts(run: Run, status: Status, place: DeltaGenerator) -> None:
    """Show the state and the facts of a run in its header."""
    place.markdown(facts(run, status))


def _choice(place: DeltaGenerator, known: Sequence[str]) -> Run:
    """Show the list of runs and return the chosen one."""
    present = current_run.name()
    if present is None or present not in known:
        present = known[0]
        current_run.choose(present)
    name = place.selectbox(
        "Run",
        known,
        index=known.index(present),
        label_visibility="collapsed",
        help="The run that every page shows. Its name is in the address: share or bookmark it.",
    )
    if name != present:
        current_run.choose(name)
        st.rerun()
    return Run(server.ROOT / name)


def _live_facts(run: Run, place: DeltaGenerator) -> None:
    """Show the state and the facts of a run. While it waits or trains they follow its files, and
    its end redraws the whole page once."""
    was_active = run.status().active

    @st.fragment(run_every=SECONDS if was_active else None)
    def view() -> None:
        status = run.status()
        show_facts(run, status, place)
        if was_active and not status.active:
            st.rerun()

    view()


def _guard_settings(run: Run, place: DeltaGenerator) -> None:
    """End the page with the reason and the fix if the settings of the run cannot be used."""
    try:
        _ = run.config
    except ValueError as error:
        place.markdown(ICONS["damaged"])
        words, is_mendable = damaged_files.settings(run, str(error))
        mend = partial(damaged_files.mend_button, run, type="primary")
        remedy = mend if is_mendable else remedies.another_than(run)
        empty("This run's settings cannot be used.", words, remedy)


def _caveat(run: Run) -> str:
    """Return why the run's numbers are not log-likelihoods of its data; "" if they are."""
    return LIKELIHOODS[run.config.likelihood].caveat(domain_of(run.header))


def _units(run: Run, words: Callable[[str, Domain], str]) -> str:
    """Return words about the rescaling of the run's data; "" for none."""
    domain = domain_of(run.header)
    return words(run.config.rescaling(domain), domain)


def _sizes(run: Run) -> str:
    """Return the library sizes that the run's pictures and numbers have; "" without any."""
    return "" if run.status().state == "damaged" else library_sizes(domain_of(run.header))


def _origin(run: Run) -> str:
    """Return a sentence about the packages and the machine that trained a run; "" if unknown."""
    words = manifest.origin(run.header, run.status().machine)
    return f"Trained with {markdown(words)}." if words else ""


def facts(run: Run, status: Status) -> str:
    """Return state, data, model, device and best value of a run as one line of Markdown."""
    if status.state == "damaged":
        return ICONS["damaged"]
    s, config = run.settings, run.config
    data = markdown(run.header["data"]["name"])
    model = f"{title(s['network'])}, {_latents(run)}{s['likelihood']}, "
    model += f"{s['posterior']} q"
    model += f", {s['prior']} prior" if not config.is_default("prior") else ""
    model += f", {s['objective']}" if not config.is_default("objective") else ""
    model += ", conditional on the class" if config.conditional else ""
    model += ", given the library size" if config.reads_size else ""
    parts = [ICONS[status.state], data, _units(run, briefly), markdown(model)]
    parts += [markdown(status.device)] if status.device else []
    parts += [_best(run)] if status.best is not None else []
    return " · ".join(filter(None, parts))


def _latents(run: Run) -> str:
    """Return the number of latents with a comma; "" for a recorded run that has none so far."""
    number = run.settings["latent_dim"]
    return f"{plural(number, 'latent')}, " if number else ""


def _best(run: Run) -> str:
    """Name and value of the criterion at the best weights, and their epoch; "" if not known."""
    by, best = run.config.best_by, best_report(run)
    value = None if best is None else by.value(best)
    if best is None or value is None:
        return ""
    domain = domain_of(run.header)
    volume = 0.0 if domain.missing else domain.log_volume  # it depends on the observed values
    rescaled = by.signed(by.signed(value) + volume)
    units = f" in units of x ({fixed(rescaled)} rescaled)" if volume else ""
    return (
        f"best validation {by.title} **{fixed(value)} nats**{units} at epoch "
        f"{compact(best['epoch'], 6)}"
    )


def has_rings(run: Run) -> bool:
    """Whether circles about the origin are contours of the prior."""
    return run.config.unit_normal


def guard_weights(run: Run, recorded_part: Callable[[Run], None] | None = None) -> None:
    """End the page with an explanation if the run has no weights; the page of a run that waits or
    trains continues by itself at the first weights.

    The page of a run that a training loop elsewhere has recorded ends with `recorded_part`, which
    shows the arrays of that loop, and with the reason why the rest is missing.
    """
    status = damaged_files.status(run)
    if status.recorded:
        _end_recorded(run, recorded_part)
    if has_weights(run):
        return
    waiting = {
        "queued": "It waits in the queue.",
        "starting": "It is starting.",
        "running": "It is training and will save its first weights soon.",
        "failed": f"It failed: {markdown(status.message)}",
        "finished": "Its weights are missing: restore last.safetensors, or train it again.",
    }
    ended = f"It was {status.state} before it saved any. {markdown(status.message)}"
    if status.active:
        _wait_for_weights(run)
    words = waiting.get(status.state, ended)
    empty("There are no weights to look at yet.", words, remedies.go_on(run, status))


def _end_recorded(run: Run, part: Callable[[Run], None] | None) -> NoReturn:
    words = markdown(recorded.no_network(run.name))
    if part is None:
        empty("This page needs the network of the run.", words, remedies.to_train)
    part(run)
    st.caption(f":gray-badge[recorded] {words}")
    address.end_page()


@st.fragment(run_every=SECONDS)
def _wait_for_weights(run: Run) -> None:
    if has_weights(run):
        st.rerun()


def has_weights(run: Run) -> bool:
    """Whether the run has saved weights."""
    try:
        return run.weights_path("last").exists()
    except ValueError:
        return False


def cannot_be_opened(run: Run, error: Exception) -> NoReturn:
    """End the page with the reason why weights or data of the run cannot be read."""
    network_text(run)
    empty("This run cannot be opened.", markdown(error), remedies.another_than(run))


def empty(what: str, way_out: str, remedy: remedies.Remedy | None) -> NoReturn:
    """End the page with the missing thing, the way to get it, and the button for it."""
    with st.container(border=True, horizontal_alignment="center", key="empty"):
        st.subheader(what, anchor=False, text_alignment="center")
        st.markdown(way_out, text_alignment="center")
        if remedy is not None:
            remedy()
    address.end_page()
