"""The form of a new sweep: settings, values and seeds, with the number of runs, the expected time
and the refused combinations."""

import html
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.base.foreign import markdown
from vae.base.numbers import compact, typed
from vae.base.options import Field
from vae.config import RunConfig, fields
from vae.dashboard import server
from vae.dashboard.shared import address, training_time, widgets
from vae.dashboard.shared.address_values import some_of, words
from vae.dashboard.sweep import chosen
from vae.experiments import sweeps, variants
from vae.experiments.configurations import written
from vae.experiments.entries import entries
from vae.experiments.sweeps import Arm, Axis

NONE = "none"
VALUES, LINEAR, LOG = "Values", "Linear", "Log"
STARTING = 3.0  # seconds that a run takes beside its training: a process, data, validation
TRIALS = 8  # configurations that are timed, at most
LISTED = 6  # refused combinations that the page lists
ERROR = "sweep_error"
OFTEN = ("beta", "latent_dim", "lr", "objective")
HELP = {
    "field": "The setting that takes several values; all others are those of the sidebar.",
    "second": "With a second setting, the sweep has every combination of their values.",
    "how": (
        "Values: a list. Linear and Log: a range with first value, last value and count; evenly "
        "spaced, or with a constant factor."
    ),
    "values": "Values separated by commas: 0.5, 1, 2. If a value contains commas, separate by "
    "semicolons.",
    "choices": "Each value becomes one configuration.",
    "seeds": "Runs of each configuration, counted up from the sidebar's seed. A seed determines "
    "the held-out examples, the initial weights and all noise. Means have an interval from three "
    "seeds on.",
    "name": "Name of the sweep. Its runs have the tag sweep:NAME on the Compare page.",
    "time": "Estimated time to train all runs one after another: their steps at the speed of one "
    f"step timed on this machine, plus about {compact(STARTING)} s per run for starting and "
    "validation.",
    "queue": "Put all runs into the queue. They train one after another, also after this page is "
    "closed.",
}


class SweepRequest(NamedTuple):
    """A valid sweep: its name, combinations and number of seeds."""

    name: str
    arms: list[Arm]
    seeds: int

    @property
    def runs(self) -> list[tuple[str, RunConfig]]:
        return sweeps.configurations(self.arms, self.seeds)


def form(base: RunConfig | None, problem: str) -> None:
    """Draw the form, and the button that starts the sweep."""
    if error := st.session_state.pop(ERROR, ""):
        st.error(markdown(error))
    if base is None or problem:
        why = markdown(problem)
        st.info(f"A sweep starts from the sidebar's configuration, and that is refused. {why}")
        return
    left, right = st.columns([9, 5], gap="large")
    with left:
        try:
            axes = _axes(base)
            seeds, name = _seeds_and_name(axes)
            arms = _planned(base, axes, seeds)
        except ValueError as error:
            st.warning(markdown(error))
            return
    with right:
        _preview(SweepRequest(name, arms, seeds))


def _axes(base: RunConfig) -> list[Axis]:
    """Return the swept settings, chosen in one row of widgets each; raises ValueError."""
    known = _known(base)
    first = _axis("First", list(known), base, "sweep_first", HELP["field"])
    rest = [NONE, *(name for name in known if first is None or name != first.field)]
    second = _axis("Second", rest, base, "sweep_second", HELP["second"])
    return [one for one in (first, second) if one is not None]


def _known(base: RunConfig) -> list[str]:
    """Return every setting that applies, the most frequently swept ones first."""
    names = [field.name for field in variants.settings(base)]
    return [*(n for n in OFTEN if n in names), *(n for n in names if n not in OFTEN)]


def _axis(label: str, names: Sequence[str], base: RunConfig, key: str, about: str) -> Axis | None:
    left, right = st.columns([5, 12])
    known = {name: sweeps.field_of(name, base.network) for name in names if name != NONE}
    titles = {name: known[name].label if name in known else name for name in names}
    link = label.lower()
    name = str(widgets.choose(left, f"{label} setting", key, titles, names[0], about, link=link))
    if name == NONE:
        return None
    values = _values(known[name], base, f"{key}_{name}", right, link)
    return sweeps.axis_of(name, values, base.network)


def _values(field: Field, base: RunConfig, key: str, place: DeltaGenerator, link: str) -> str:
    """Return the values in the notation of `sweeps.axis_of`; `link` begins their parameters of the
    address."""
    if field.option.choices:
        options = list(dict.fromkeys((*field.option.choices, base.get(field.name))))
        address.link(f"{link}_values", key, some_of(options), [base.get(field.name)])
        found = place.multiselect(
            "Values",
            options,
            format_func=written,
            key=key,
            help=HELP["choices"],
            persist_state="session",
        )
        return ",".join(found)
    how = VALUES
    if field.type in (int, float):
        left, place = place.columns(2)
        kinds, about = (VALUES, LINEAR, LOG), HELP["how"]
        how = widgets.segments(
            left, "Written as", f"{key}_how", kinds, about, f"{link}_as", hide_label=False
        )
    if how != VALUES:
        return f"{how.lower()}:{':'.join(_range(field, base, key, place, link))}"
    return _text(place, "Values", f"{key}_values", _usual(field, base), f"{link}_values")


def _text(place: DeltaGenerator, label: str, key: str, usual: str, link: str) -> str:
    """A field of text at its usual value; `link` is its parameter of the address."""
    address.link(link, key, words(), usual)
    about = HELP.get(label.lower())
    return place.text_input(label, key=key, help=about, persist_state="session")


def _usual(field: Field, base: RunConfig) -> str:
    """Return the initial values: the sidebar's, and for a number also its half, double and
    fourfold."""
    value = base.get(field.name)
    if field.type not in (int, float) or not value:
        return written(value).replace(" ", "")
    low, high = field.option.low, field.option.high
    several = [field.type(value * factor) for factor in (0.5, 1, 2, 4)]
    allowed = [v for v in several if (low is None or v >= low) and (high is None or v <= high)]
    return ", ".join(typed(v) for v in dict.fromkeys(allowed))


def _range(field: Field, base: RunConfig, key: str, place: DeltaGenerator, link: str) -> list[str]:
    """Return first value, last value and count as text."""
    value = float(base.get(field.name) or 1.0)
    quarter = value // 4 if field.type is int else value / 4
    low = max(field.option.low or 0.0, quarter) or value
    defaults = {"From": typed(low), "To": typed(value * 4), "Count": "5"}
    columns = place.columns(3)
    return [
        _text(column, label, f"{key}_{label}", usual, f"{link}_{label.lower()}").strip()
        for column, (label, usual) in zip(columns, defaults.items(), strict=True)
    ]


def _seeds_and_name(axes: Sequence[Axis]) -> tuple[int, str]:
    left, right = st.columns([5, 12])  # as the rows above it
    seeds = widgets.whole(
        left, "Seeds", "sweep_seeds", (1, sweeps.SEEDS, 3), HELP["seeds"], link="seeds"
    )
    known = {name for entry in entries(server.ROOT) for name in sweeps.names_of(entry.tags)}
    free = sweeps.free_name(known, axes)
    address.link("name", chosen.NAME, words(sweeps.LONGEST), "")
    given = right.columns(2)[0].text_input(
        "Name", placeholder=free, key=chosen.NAME, help=HELP["name"]
    )
    return seeds, sweeps.checked_name(given.strip() or free, known)


def _planned(base: RunConfig, axes: Sequence[Axis], seeds: int) -> list[Arm]:
    """Return the combinations, each checked with its data."""
    with st.spinner("Checking every combination…", show_time=False):
        return sweeps.plan(base, axes, seeds)


def _preview(request: SweepRequest) -> None:
    """Draw the number of runs, the time, the refused combinations and the button."""
    valid = [arm for arm in request.arms if arm.config is not None]
    count = len(valid) * request.seeds
    seeds = f"{request.seeds} seed{'s' * (request.seeds != 1)}"
    plural = "s" * (len(valid) != 1)
    st.markdown(f"**{len(valid)} configuration{plural} × {seeds} = {_runs(count)}**")
    st.html(_chips(valid))
    st.markdown(_time(valid, request.seeds), help=HELP["time"])
    widgets.press(
        f"Queue {_runs(count)}",
        "sweep_queue",
        lambda: _queue(request),
        HELP["queue"],
        disabled=not count,
        changes=True,
        type="primary",
    )
    refused = [arm for arm in request.arms if arm.config is None]
    if refused:
        st.markdown(
            f":orange-badge[{len(refused)} left out]", help="Refused combinations and the reasons."
        )
    for arm in refused[:LISTED]:
        st.caption(f"**{markdown(arm.name)}**: {markdown(arm.problem)}")
    if len(refused) > LISTED:
        st.caption(f"And {len(refused) - LISTED} more.")


def _runs(count: int) -> str:
    return f"{count:,} run{'s' * (count != 1)}"


def _chips(arms: Sequence[Arm]) -> str:
    """Return HTML: the changes of each configuration."""
    names = "".join(f"<span>{html.escape(arm.name)}</span>" for arm in arms)
    return f'<div class="vae-chips">{names}</div>'


def _time(arms: Sequence[Arm], seeds: int) -> str:
    """Return the expected time of all runs, as text."""
    configs = [arm.config for arm in arms if arm.config is not None]
    alike: dict[str, RunConfig] = {}
    for config in configs:
        alike.setdefault(_shape(config), config)
    tried = list(alike.values())[:: -(-len(alike) // TRIALS) or 1]
    found = [training_time.seconds(config, config.load_data()) for config in tried]
    times = [seconds for seconds in found if seconds is not None]
    if not times or len(times) < len(found):
        return "One after another; their time is unknown on this device."
    total = (sum(times) / len(times) + STARTING) * len(configs) * seeds
    return f"About {training_time.duration(total)}, one after another"


def _shape(config: RunConfig) -> str:
    """Return a key that is equal for configurations of equal duration: it omits weights of the
    loss."""
    weighs = {field.name for field in fields() if field.type is float}
    settings: dict[str, Any] = {k: v for k, v in config.model_dump().items() if k not in weighs}
    return json.dumps(settings, sort_keys=True)


def _queue(request: SweepRequest) -> None:
    """Create the runs and show the sweep."""
    try:
        created, refused = sweeps.create(server.ROOT, request.name, request.runs)
    except ValueError as error:
        st.session_state[ERROR] = str(error)
        return
    server.launcher.pump()
    if refused:
        st.session_state[ERROR] = " ".join(refused[:LISTED])
    if created:
        chosen.created(request.name)
