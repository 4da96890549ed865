"""β in the conventions of other papers and libraries: a panel that converts in both directions.

The conversions are those of `vae.config.beta_conventions`. The panel is a dialog, because a table
does not fit into the sidebar.
"""

import math
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.base.foreign import markdown
from vae.base.numbers import typed
from vae.base.options import check
from vae.components.likelihoods import LIKELIHOODS
from vae.components.schedules import CONSTANT
from vae.config import RunConfig, fields
from vae.config.beta_conventions import OTHER, SQUARED_ERROR, Context, Convention, meaningful
from vae.dashboard.shared.widgets import choose, number, press
from vae.data import Dataset

SIZES = {"D": "elements", "Z": "latents", "B": "batch", "N": "n_data"}
RANGES = {1.0: "0 to 1, as here", 2.0: "−1 to 1", 255.0: "0 to 255"}
TITLE = "β in other conventions"
STYLE = """<style>
.st-key-ledger_panel table {
  width: 100%;
  font-size: 0.875rem;
}
.st-key-ledger_panel :is(th, td) {
  padding: 0.2rem 1rem 0.2rem 0;
  border: none;
  white-space: nowrap;
}
.st-key-ledger_panel tr {
  border-bottom: 1px solid var(--st-border-color);
}
</style>"""
HELP = {
    "convention": "The form of the loss that the value comes from.",
    "value": "The weight in that loss, without unit; a σ in the unit of x (of rescaled columns: "
    "in their new scale). The equivalent β in VAE Lab is shown below.",
    "D": "Elements of one example there. With your number: the β of such a loss on your data; "
    "with the paper's number: the β of the paper's model. More elements make a mean smaller "
    "relative to the KL, so the same weight means a larger β.",
    "Z": "Latent dimensions there. More make a mean KL smaller, so the same weight means a "
    "smaller β.",
    "B": "Examples in a batch there. More make the same weight a larger β.",
    "N": "Training examples there. More make the same weight a smaller β.",
    "range": "The values of x there. A squared error in twice the unit is four times as large, "
    "so the same weight then means a quarter of the β.",
    "sigma": "A learned σ has no fixed conversion: read its present value off the run's curves. "
    "Training begins at 1; a larger σ makes the same weight a smaller β.",
}


def ledger(config: RunConfig, data: Dataset) -> None:
    """Show a button that opens the panel, if the objective has a β."""
    if config.get("beta") is None:
        return
    press(
        TITLE,
        "ledger_open",
        _open,
        "The equivalent of this β for losses that are averaged or weighted differently, and the β "
        "equivalent to the value of a paper.",
        width="stretch",
    )
    if st.session_state.get("ledger"):
        _dialog(config, data)


def _open() -> None:
    st.session_state.ledger = True


def _close() -> None:
    st.session_state.ledger = False


@st.dialog(TITLE, width="large", on_dismiss=_close)
def _dialog(config: RunConfig, data: Dataset) -> None:
    with st.container(key="ledger_panel"):
        st.html(STYLE)
        _panel(config, data)


def _panel(config: RunConfig, data: Dataset) -> None:
    context = Context(
        math.prod(data.event_shape),
        config.latent_dim,
        config.batch_size,
        len(config.split(data).train),
        LIKELIHOODS[config.likelihood].form,
    )
    if context.kind == SQUARED_ERROR:
        context = context._replace(sigma=_sigma(config))
    beta = float(config.get("beta"))
    table, converter = st.columns([11, 7], gap="large")
    with table:
        st.markdown(f"**β = {typed(beta, 4)} elsewhere**")
        st.markdown(_table(beta, context))
        st.caption(_legend(config, context))
    with converter:
        st.markdown("**From elsewhere to β here**")
        _converter(config, data, context)


def _sigma(config: RunConfig) -> float:
    """Return the σ of the conversions: the configured one, or the one typed in the panel."""
    if config.get("sigma") is not None:
        return float(config.get("sigma"))
    words, place = st.columns([11, 7], gap="large", vertical_alignment="bottom")
    words.markdown(
        "σ is learned: a weight beside a squared error determines β · σ², so there is no fixed "
        "conversion. The values below hold for this σ only."
    )
    return number(place, "At σ", "ledger_sigma", 1.0, (1e-3, 100.0), HELP["sigma"], 0.01)


def _table(beta: float, context: Context) -> str:
    lines = ["| Convention | Loss | Value now |", "|:--|:--|:--|"]
    for row in meaningful(context).values():
        value = _number(row.theirs_from(beta, context))
        lines.append(f"| {row.title} | {row.formula} | {row.symbol} = **{value}** |")
    return "\n".join(lines).replace("_", r"\_")


def _number(value: float) -> str:
    return "∞" if math.isinf(value) else typed(value, 4)


def _legend(config: RunConfig, context: Context) -> str:
    """Show the present values of the letters."""
    sizes = f"D = {context.elements:,}, Z = {context.latents}, B = {context.batch:,}"
    text = "R is −ln p(x|z) in nats, summed over the D elements; KL is summed over the Z latents. "
    if context.kind == SQUARED_ERROR:
        text += "S = Σ(x − x̂)², so R = S / (2σ²) + constant; the MSE is S / D. "
        sizes += f", N = {context.n_data:,}, σ = {typed(context.sigma)}"
    else:
        text += "A mean is one over the elements; BCE is the binary cross-entropy. "
    if context.kind == OTHER:
        text += (
            f"A weight beside a squared error does not apply to a {config.likelihood} likelihood. "
        )
    if (schedule := config.get("beta_schedule")) != CONSTANT:
        text += f"β follows {schedule}; this is its full value. "
    return f"{text}Here {sizes}."


def _converter(config: RunConfig, data: Dataset, context: Context) -> None:
    """Convert a value of a convention to β, with buttons that put it into the sidebar."""
    rows = {name: row for name, row in meaningful(context).items() if name != "ours"}
    titles = {name: row.title for name, row in rows.items()}
    name = choose(
        st, "Convention", "ledger_convention", titles, next(iter(rows)), HELP["convention"]
    )
    row = rows[name]
    st.caption(f"Loss {row.formula}. {row.about}".replace("_", r"\_"))
    sizes = {letter: field for letter, field in SIZES.items() if letter in row.rule}
    scaled = context.kind == SQUARED_ERROR and data.is_image and data.in_unit_interval
    places = iter(st.columns(1 + len(sizes)))
    value = _value(next(places), name, row)
    here = context._asdict()
    sizes_there = {f: _size(next(places), letter, here[f]) for letter, f in sizes.items()}
    scale = _range() if scaled else 1.0
    there = Context(**here | sizes_there | {"sigma": context.sigma * scale})
    try:
        beta = row.ours_from(value, there)
    except ValueError as error:
        st.error(markdown(error))
        return
    at = f"at σ = {typed(there.sigma, 4)}" * ("σ" in row.rule)
    at += f", which is {typed(context.sigma)} in the unit of x there" * (scale != 1)
    st.markdown(f"β = {row.rule} = **{typed(beta, 4)}** {at}".replace("_", r"\_"))
    _buttons(config, beta)


def _value(place: DeltaGenerator, name: str, row: Convention) -> float:
    key, symbol = f"ledger_value_{name}", row.symbol.replace("_", r"\_")
    typical = float(row.typical)
    return number(place, symbol, key, typical, (0.0, None), HELP["value"], typical / 10)


def _size(place: DeltaGenerator, letter: str, here: int) -> int:
    """Return D, Z, B or N of the other convention; at first the value of this configuration."""
    return int(number(place, letter, f"ledger_{letter}_{here}", here, (1, None), HELP[letter], 1))


def _range() -> float:
    """Return the factor between the x of the other convention and x here."""
    return float(choose(st, "Values of x there", "ledger_range", RANGES, 1.0, HELP["range"]))


def _buttons(config: RunConfig, beta: float) -> None:
    """Put the result into the sidebar's widgets: as β, or as the σ at which the same β is 1."""
    sigma = config.get("sigma")
    ways = {f"Set β = {typed(beta, 4)}": {"beta": beta}}
    if sigma is not None and beta > 0:
        same = sigma * math.sqrt(beta)
        ways[f"Set β = 1, σ = {typed(same, 4)}"] = {"beta": 1.0, "sigma": same}
    wrong = {label: _outside(values) for label, values in ways.items()}
    with st.container(horizontal=True):
        for label, values in ways.items():
            key = "ledger_set_" + "_".join(values)
            press(label, key, partial(_put, values), disabled=bool(wrong[label]))
    if len(ways) == 2:
        st.caption("Either trains the same model; the curves show the ELBO at the σ that is set.")
    st.caption(" ".join(filter(None, wrong.values())))


def _outside(values: dict[str, float]) -> str:
    """Return a sentence for each setting that refuses its value; "" if none does."""
    found = []
    for field in (f for f in fields() if f.name in values):
        try:
            check(field, values[field.name])
        except ValueError:
            ends = [typed(end) for end in (field.option.low, field.option.high) if end is not None]
            found.append(f"{field.label} goes from {' to '.join(ends)} here.")
    return " ".join(found)


def _put(values: dict[str, float]) -> None:
    for name, value in values.items():
        st.session_state[f"set_{name}"] = float(typed(value))
