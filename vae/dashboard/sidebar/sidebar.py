"""The sidebar: a widget for every setting, made from its description, and the Train button.

The settings that most runs change stand in sight, the others in the box "All settings", whose
widgets are drawn only while it is open: they are a third of the elements of a page.
A setting's widget has the key `set_<name>`. A preset puts its values into those keys.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.base import quotas, visitors
from vae.base.foreign import markdown
from vae.base.numbers import typed
from vae.base.options import Field, first_sentence
from vae.base.progress import watched
from vae.components import schedules
from vae.components.likelihoods import LIKELIHOODS
from vae.config import TABLES, RunConfig, fields
from vae.config.presets import PRESETS, START
from vae.dashboard import server
from vae.dashboard.shared import current_run, starting, training_time, widgets
from vae.dashboard.shared.setting_choices import setting_titles
from vae.dashboard.sidebar import adapted, changes, file_settings, memory, network_field
from vae.dashboard.sidebar.beta_converter import ledger
from vae.dashboard.sidebar.choice import Choice, last_key, last_problem, remember
from vae.dashboard.sidebar.data_field import choose_data, chosen_data, data_widget
from vae.dashboard.sidebar.network_field import NO_NETWORK, network_widget
from vae.dashboard.sidebar.reading_bar import reading_bar
from vae.dashboard.sidebar.unseen import UNSEEN
from vae.data import ChoiceError, Dataset, is_missing
from vae.experiments.admission import check_admitted
from vae.runs import Run
from vae.runs.names import check_room

GROUPS = ("Data", "Model", "Objective", "Training")
IN_SIGHT = ("data", "latent_dim", "beta", "epochs", "device")  # above "All settings"
_STYLE = Path(__file__).with_suffix(".css")
_COST = "sidebar_cost"  # in the session: the latest estimate, shown until the next one
NO_FILE = "Under Data, give the path of a file or upload one."
ABOUT = "Train, see and understand variational autoencoders."


def sidebar() -> Choice:
    """Show the sidebar and return the choices, and whether Train was pressed."""
    _begin()
    with st.sidebar:
        st.html(_STYLE)
        with st.container(key="brand"):
            st.markdown(f"**VAE Lab**  \n{ABOUT}")
        before = last_problem()
        with st.container(key="train_bar"):
            closed = visitors.is_read_only()
            pressed = st.button(
                "Train",
                type="primary",
                width="stretch",
                key="train",
                disabled=bool(before) or closed,
                help=visitors.CLOSED if closed else None,
            )
            verdict = st.empty()
        verdict.caption(st.session_state.get(_COST, "Estimating the time of this run…"))
        widgets.choose(
            st,
            "Start from",
            "preset",
            {name: name for name in PRESETS},
            next(iter(PRESETS)),
            "A preset sets the fields below once; each can be changed afterwards.\n"
            + "".join(f"\n- **{name}**: {preset.about}" for name, preset in PRESETS.items()),
            act=_apply_preset,
        )
        values: dict[str, Any] = {}
        feet = _settings(values)
        choice = _checked(values, verdict)
        if closed and not choice.problem:
            verdict.caption(visitors.CLOSED)
        config, data, problem = choice.config, choice.data, choice.problem
        if config is not None and data is not None and not problem and feet:
            with feet["Objective"]:
                ledger(config, data)
        memory.keep(values, st.session_state.preset)
    found = remember(choice._replace(is_pressed=pressed and not problem))
    if bool(problem) != bool(before):
        st.rerun()  # the button changes its state
    return found


def _begin() -> None:
    """Put the settings that the browser kept into the widgets of a new session, else those of
    the starting preset and its data."""
    if "preset" not in st.session_state:
        usual = {"data": START.data} | PRESETS[START.preset].values
        cookie = memory.read(memory.cookie())
        found = cookie or usual
        st.session_state.preset = found.pop(memory.PRESET, START.preset)
        fill(found)
        if not cookie:
            adapted.leave(())
    for name, value in adapted.pending().items():
        _put(name, value)


def _apply_preset(name: str) -> None:
    """Put a preset's values into the widgets, and defaults into all others but the data."""
    data = chosen_data()
    fill(PRESETS[name].values)
    adapted.leave(())
    if data is not None:
        choose_data(data)


def fill(values: Mapping[str, Any]) -> None:
    """Put settings into the widgets, and defaults into all others, before they are drawn."""
    for key in [k for k in st.session_state if str(k).startswith("set_")]:
        del st.session_state[key]
    for name, value in values.items():
        _put(name, value)
    adapted.leave(values)


def prepare(values: Mapping[str, Any]) -> None:
    """Put settings into the widgets from a page without a sidebar, which would begin anew."""
    st.session_state.preset = START.preset
    fill(values)


def _put(name: str, value: Any) -> None:
    """Set the value of a widget in the widget's own format."""
    if name.endswith("_schedule"):
        kind, _, length = str(value).partition(":")
        st.session_state[f"set_{name}"] = kind
        if length:
            st.session_state[f"set_{name}_epochs"] = float(length)
    elif name == "data":
        choose_data(value)
    elif name == "network":
        network_field.put(value)
    else:
        text = isinstance(value, tuple)
        st.session_state[f"set_{name}"] = ", ".join(map(str, value)) if text else value


def _settings(values: dict[str, Any]) -> dict[str, DeltaGenerator]:
    """Show the widgets of all settings that apply, and return a place below each group; none
    while the box is closed."""
    in_sight = st.container(key="settings_in_sight")
    changed = changes.changed(PRESETS[st.session_state.preset].values)
    st.html(changes.marks(changed))
    hidden = [field for field in changed if field.name not in IN_SIGHT]
    count = f" · {len(hidden)} changed" if hidden else ""
    box = st.expander(f"All settings{count}", key="all_settings", on_change="rerun")
    groups = _groups(box, hidden) if box.open else {}
    for group in GROUPS:
        for field in _present(group, values):
            place = in_sight if field.name in IN_SIGHT else groups.get(group, UNSEEN)
            values[field.name] = _widget(place, field, values)
    return {group: place.container() for group, place in groups.items()}


def _groups(box: DeltaGenerator, hidden: list[Field]) -> dict[str, DeltaGenerator]:
    """Return a place for each group in the open box, below the changed settings."""
    with box:
        if hidden:
            changes.offer_reset(hidden, _reset)
        groups = {group: st.container(key=f"settings_{group.lower()}") for group in GROUPS}
    for group, place in groups.items():
        place.markdown(f"**{group}**")
    return groups


def _present(group: str, values: dict[str, Any]) -> Iterator[Field]:
    """Yield the settings of a group that apply under the values drawn so far."""
    for field in fields():
        if field.group == group and field.belongs_to(_chosen(values)):
            yield field
            if field.name == "network":
                yield from network_field.options(values)


def _reset(names: list[str]) -> None:
    """Put the preset's values into these widgets."""
    preset = PRESETS[st.session_state.preset].values
    for name in names:
        for key in (f"set_{name}", f"set_{name}_epochs"):
            st.session_state.pop(key, None)
        if name in preset:
            _put(name, preset[name])


def _chosen(values: dict[str, Any]) -> dict[str, Any]:
    """Return the chosen row of each table; defaults for tables further down."""
    return {f.name: values.get(f.name, f.default) for f in fields() if not f.kind}


def _widget(place: DeltaGenerator, field: Field, values: dict[str, Any]) -> Any:
    if field.name == "data":
        with place:
            return data_widget(field, field.option.help + _rows(TABLES["data"]))
    if field.name == "network":
        return network_widget(place, field, field.option.help + _rows(TABLES["network"]))
    if file_settings.is_file_setting(field):
        return file_settings.current()[field.name]
    if field.name.endswith("_schedule"):
        return _schedule_widget(place, field)
    chosen = _chosen(values)
    default = field.default_for(chosen)
    about = field.under(chosen).help + _rows(TABLES.get(field.name, {}))
    key = f"set_{field.name}"
    if titles := setting_titles(field):
        return widgets.choose(place, field.label, key, titles, default, about)
    if isinstance(default, tuple):
        st.session_state.setdefault(key, ", ".join(map(str, default)))
        return place.text_input(field.label, key=key, help=about, persist_state="session")
    step = 1 if field.type is int else widgets.step_of(default or 1e-3)
    ends = field.option.low, field.option.high
    return widgets.number(place, field.label, key, field.type(default), ends, about, step)


def _rows(table: Mapping[str, Callable[..., Any]]) -> str:
    """Return Markdown with the first sentence of the docstring of each row of a table."""
    return "".join(f"\n- **{name}**: {first_sentence(row)}" for name, row in table.items())


def _schedule_widget(place: DeltaGenerator, field: Field) -> str:
    key, titles = f"set_{field.name}", {name: name for name in schedules.SCHEDULES}
    table = {name: row.factor for name, row in schedules.SCHEDULES.items()}
    about = field.option.help.partition(":")[0] + ":" + _rows(table)
    name = widgets.choose(place, field.label, key, titles, field.default, about)
    if not schedules.SCHEDULES[name].takes_epochs:
        return str(name)
    about, title = "Epochs of the warm-up or of one cycle.", f"{field.label}, epochs"
    epochs = widgets.number(place, title, f"{key}_epochs", 20.0, (None, None), about, 1.0)
    return f"{name}:{typed(epochs)}"


def _checked(values: dict[str, Any], verdict: Any) -> Choice:
    """Return the configuration and its data; show an error instead of the estimate."""
    config = data = offer = None
    key = problem = ""
    try:
        if not values["data"]:
            raise file_settings.last_error() or ValueError(NO_FILE)
        network_field.check(values["network"])
        config = RunConfig.of(**values)
        check_room(server.ROOT)
        data, key = _data(config, verdict)
        adapted.follow(config, data, (key, st.session_state.preset))
        check_admitted(config, data)
        _estimate(verdict, config, data)
    except (ValueError, OSError) as error:
        problem, offer = str(error), error if isinstance(error, ChoiceError) else None
        wanting = problem in (NO_FILE, NO_NETWORK) or is_missing(values["data"])
        (verdict.info if wanting else verdict.error)(markdown(problem))
    return Choice(config, data, key, problem, offer)


def _estimate(verdict: Any, config: RunConfig, data: Dataset) -> None:
    """Show the cost of the run, and a caveat about its numbers."""
    words, about = training_time.sentence(config, data), training_time.ABOUT
    if caveat := LIKELIHOODS[config.likelihood].caveat(config.domain(data)):
        words += " · not ln p(x)"
        about += f"\n\n**not ln p(x)**: {caveat}"
    words += _time_limit(config, data)
    if adaptation := adapted.note(config):
        words += f" · {adaptation}"
    verdict.caption(words, help=about)
    st.session_state[_COST] = words


def _time_limit(config: RunConfig, data: Dataset) -> str:
    """Return a sentence about a run that takes longer than the server admits; "" for others."""
    limit, seconds = quotas.most("seconds"), training_time.seconds(config, data)
    if limit is None or seconds is None or seconds <= limit:
        return ""
    most = training_time.duration(limit)
    return f" · a run on this server trains for at most {most}: it is then saved and stopped"


def _data(config: RunConfig, verdict: Any) -> tuple[Dataset, str]:
    """Return the data and a key that identifies them; other data than before may take a while."""
    key = repr(config.data_request)
    if key == last_key():
        return config.load_data(), key
    with verdict, st.spinner("Loading data…"), watched(reading_bar(verdict)):
        return config.load_data(), key


def start(choice: Choice) -> None:
    """Create the chosen run, queue it, and show it on the Train page."""
    assert choice.config is not None
    assert choice.data is not None
    try:
        run = Run.create(server.ROOT, choice.config, choice.data)
    except (ValueError, OSError) as error:
        st.sidebar.error(markdown(error))
        return
    server.launcher.pump()
    current_run.choose(run.name)
    starting.announce(run.name)
    st.switch_page(server.PAGES / "train.py")
