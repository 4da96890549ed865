"""Baselines without latents: the best constant output for each likelihood that fits the data.

For large examples a button starts the fits. Any click cancels them: it reruns the script, which
ends the fits at their next report of progress.
"""

import math

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.base.data_records import Baseline
from vae.base.numbers import compact, number, with_error
from vae.components.count_likelihoods import NONE, OBSERVED
from vae.config import RunConfig
from vae.dashboard.data.view import DataView
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.shared.widgets import press
from vae.evaluation.baseline import baselines
from vae.evaluation.constant_fit import TOLERANCE
from vae.figures.quantities import SPLITS

FITTING = "Fitting the best constant output of each likelihood…"
CAPACITY = 16  # tables
AT_ONCE = 256  # elements of an example up to which the fits take about a second
ABOUT = (
    "A model without latents predicts the same output for every example. Its cost is the mean of "
    "−ln p(x) in nats per example; lower is better. A VAE must beat it: if the −ELBO with the "
    "same likelihood is not lower, its latents carry no information. ± is one standard error "
    "over the examples.\n\n"
    "The output, and a learned σ or scale, are fitted to training examples and evaluated on "
    "held-out ones if there are any. Where x lies in [0, 1] the fit adds one example spread "
    "evenly over all values of x: without it, one grey value in a pixel that is always black in "
    "training would have an infinite cost. The further example of counts is half at 0 and half "
    "at 1. A learned σ is at least e⁻⁷.\n\n"
    "A **probability** of the values can be compared between likelihoods, and converted to bits. "
    "A **density** can be compared only with other densities of the same x; it has no lower "
    "bound, and elements that hardly vary dominate it."
)
PROBABILITY = "A probability: comparable between likelihoods."
GIVEN = "A probability given the library size: comparable only with others that are given it."
READ = (
    "± is one standard error; in bold the likelihood of the sidebar. A VAE whose −ELBO is not "
    "lower gains nothing from its latents."
)
DENSITY = "A density: comparable with other densities only, in nats only."


def likelihoods(view: DataView) -> None:
    """Show the table; for large examples after a press."""
    st.markdown(
        "**Cost of each likelihood without latents**",
        help=ABOUT + lesson_link("terms"),
    )
    place, pressed = st.empty(), f"data_fit_{view.key}{_set(view.config)}"
    if math.prod(view.data.event_shape) > AT_ONCE and not st.session_state.get(pressed):
        left, right = place.container().columns([2, 10], vertical_alignment="center")
        right.caption(
            "The best constant output for each likelihood, which a VAE has to beat: "
            "fitting it takes seconds."
        )
        with left:
            press("Fit", "data_fit", lambda: _mark(pressed), width="stretch")
        return
    found = _found(view, pressed, place)
    st.markdown(table(found, view.config.likelihood))
    if words := judged(found):
        st.caption(f"{words} {READ}")


def _mark(key: str) -> None:
    st.session_state[key] = True


def _set(config: RunConfig) -> str:
    """Return the likelihood of the sidebar and its options, which the table uses."""
    return repr((config.likelihood, config.chosen("likelihood"), config.data_scale))


def _found(view: DataView, pressed: str, place: DeltaGenerator) -> tuple[Baseline, ...]:
    """Return the fits, computed once for all sessions; a cancelled fit needs a new press."""
    fits = _finished_fits()
    if pressed not in fits:
        st.session_state.pop(pressed, None)  # until they are whole
        fits[pressed] = _with_progress(view, place)
        for old in list(fits)[:-CAPACITY]:
            fits.pop(old, None)
    st.session_state[pressed] = True
    return fits[pressed]


@st.cache_resource
def _finished_fits() -> dict[str, tuple[Baseline, ...]]:
    return {}


def _with_progress(view: DataView, place: DeltaGenerator) -> tuple[Baseline, ...]:
    """Compute the fits with a progress bar and a Cancel button, both removed at the end."""
    left, right = place.container().columns([10, 2], vertical_alignment="center")
    bar = left.progress(0.0, text=FITTING)
    about = "Stop the fit. Fit starts it again from the beginning."
    right.button("Cancel", key="data_cancel", width="stretch", help=about)

    def tell(share: float) -> None:
        bar.progress(min(share, 1.0), text=FITTING)

    found = baselines(view.data, view.config, tell)
    place.empty()
    return found


def table(found: tuple[Baseline, ...], chosen: str) -> str:
    """Return a Markdown table of the likelihoods, that of the sidebar in bold."""
    lines = [
        "| likelihood | −ln p(x), nats per example | bits per dimension | kind of number |",
        "|:--|--:|--:|:--|",
    ]
    for row in found:
        name = f"**{row.likelihood}**" if row.likelihood == chosen else row.likelihood
        nats, bits = "–", "–"
        if row.nats is not None:
            nats = " ± ".join(filter(None, with_error(row.nats, row.se)))
        if row.bits_per_dimension is not None:
            bits = number(row.bits_per_dimension)
        lines.append(f"| {name}{_settings(row)} | {nats} | {bits} | {_meaning(row)} |")
    return "\n".join(lines)


def _settings(row: Baseline) -> str:
    """Return the set or fitted σ or scale as text."""
    options = {name: value for name, value in row.options.items() if value != NONE}
    found = {**options, **row.learned}
    words = [f"{k} {v if isinstance(v, str) else compact(v, 3)}" for k, v in found.items()]
    text = ", ".join(words)
    for name, word in (("dispersion", "dispersion"), ("sigma", "σ")):
        text = text.replace(f"{name}_min", f"{word} from").replace(f", {name}_max", " to")
    text = text.replace("sigma", "σ").replace("degrees_of_freedom", "ν")
    text = text.replace("library_size", "library size")
    return f" ({text})" if words else ""


def _meaning(row: Baseline) -> str:
    """Return the meaning of the number, or the reason why there is no number."""
    if row.refused:
        return f"{row.reason[:1].upper()}{row.reason[1:]}."
    usual = PROBABILITY if row.probability else DENSITY
    words = row.caveat or (GIVEN if row.options.get("library_size") == OBSERVED else usual)
    if not row.converged:
        words += f" The fit has not converged: its gradient is above {compact(TOLERANCE)} nats."
    return words


def judged(found: tuple[Baseline, ...]) -> str:
    """Return the examples that the numbers refer to, as text; "" if no likelihood fits the
    data."""
    row = next((row for row in found if row.nats is not None), None)
    if row is None:
        return ""
    (fitted, trained), (some, held) = row.fitted, row.examples
    text = f"Fitted to {fitted:,} of {trained:,} training examples"
    if row.split == "train":
        return f"{text} and evaluated on the same."
    return f"{text}, evaluated on {some:,} of {held:,} {SPLITS[row.split]} examples."
