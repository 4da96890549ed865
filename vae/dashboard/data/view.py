"""The Data page: the data set chosen in the sidebar, its numbers and their help.

Values are those that a model receives: divided by their scale, and binarized if the sidebar
requests it. Results are cached by data, seed, shares and binarization.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from vae.analysis.dataset_summary import summarise
from vae.base.data_records import DataSummary
from vae.base.foreign import markdown
from vae.base.kinds import kind_of
from vae.base.numbers import compact, extent, number, percent, plural
from vae.base.options import first_sentence
from vae.components.binarizations import BINARIZATIONS
from vae.components.rescalings import described
from vae.config import DEFAULTS, RunConfig
from vae.config.rules import values_of
from vae.dashboard.shared.number_table import SHARE, WHOLE, Column, styled
from vae.dashboard.shared.remedies import Remedy
from vae.dashboard.shared.run_picker import empty
from vae.dashboard.sidebar import choice as sidebar_choice
from vae.dashboard.sidebar.choice import Choice
from vae.data import Dataset
from vae.data.missing import element_names
from vae.figures.quantities import SPLITS

MISSING = 200  # px
HOLES = {"not observed": Column(WHOLE, ""), "share": Column(SHARE, "")}
STYLE = Path(__file__).with_name("view.css")
HELP = {
    "class": "Only examples of this class, below and in mean and SD.",
    "number": "Number of examples on the page, drawn evenly over the classes.",
    "seed": "Seed of the draw of these examples: the same seed shows the same examples. The parts "
    "and the training use the seed of the sidebar.",
    "examples": "Number of examples, and their division into training, validation and test "
    "by the shares and the seed of the sidebar.",
    "size": "Size of one example: width × height of a picture in pixels, the time steps of a "
    "series, or the number of features. Its elements, in all channels, are the numbers that a "
    "likelihood sums over.",
    "values": (
        "The smallest and the largest x as the model receives it. Levels: number of the evenly "
        "spaced values of x that occur. Real: x can take any value."
    ),
    "kinds": "The kind of each column, with mean and standard deviation of numbers, and "
    "the most common of the names. Change a kind above, under Kinds of columns.",
    "mean": "Mean over all elements of all examples, with the standard deviation (SD), in the "
    "unit of x.",
    "zeros": "Share of all values that are exactly 0, and the number of constant elements, equal "
    "in every example. A constant element carries no information, but with a learned σ it raises "
    "the likelihood a lot.",
    "classes": "Labels that come with the data. Training does not use them unless the model is "
    "conditioned on them. Maps and probes use them.",
    "factors": "Quantities that generated each example, known for synthetic data: an angle in "
    "degrees, a category as a number from 0, positions and a phase from 0 to 1.",
    "fingerprint": "The data that Train uses; choose others in the sidebar, under Data. The "
    "fingerprint is a hash of values and labels: equal data, equal fingerprint. Each run records "
    "it.",
    "mean_image": "The mean of each pixel over these examples: black 0, white 1.",
    "sd_image": "The standard deviation of each pixel over these examples, in the unit of x; "
    "for colour images the root of the mean variance of the channels. Black pixels are equal in "
    "all examples. With values in [0, 1] it is at most 0.5.",
    "vectors": "Observed variables x as the model receives them. Colours are classes.",
    "spread": "The mean of each feature, or of each time step of a series, and one standard "
    "deviation to each side. A step counts the series that reach it.",
    "histogram": "Number of values, over all examples and elements, in each interval.",
    "log": "Logarithmic vertical axis: rare values stay visible beside a large share of zeros.",
    "missing": "Values that were not observed, or are hidden by Hidden share. The likelihood sums "
    "the observed values only; the encoder receives 0 in place of the others, beside which values "
    "were observed.",
    "lengths": "A series has no values after its end. These steps are left out of the likelihood "
    "and are not counted as missing. The encoder receives where each series ends, so the latents "
    "may encode the length; the decoder gives every step, and the length is not modelled.",
    "balance": "Examples of each class in the three parts.",
    "each": "Mean and standard deviation of each class, on the scales above.",
}


class DataView(NamedTuple):
    """The data set of the sidebar, the settings that apply to it, and its summary."""

    data: Dataset
    config: RunConfig
    key: str  # equal keys, equal data under equal settings
    summary: DataSummary


def chosen(remedy: Callable[[Choice], Remedy | None]) -> DataView:
    """Return the data of the sidebar; without any, the page ends with the reason and the remedy
    of the choice."""
    choice = sidebar_choice.current()
    if choice.config is None or choice.data is None:
        empty("There are no data to show.", markdown(choice.problem), remedy(choice))
    config = choice.config
    if config.binarized and not choice.data.in_unit_interval:
        config = config.model_copy(update={"binarize": DEFAULTS["binarize"]})
    key = repr((choice.key, config.seed, config.val_share, config.test_share, config.binarize))
    try:
        summary = _summary(choice.data, config, key)
    except ValueError as error:
        empty("These data cannot be divided.", markdown(error), None)
    if choice.problem:
        st.warning(f"Train is not ready: {markdown(choice.problem)}")
    return DataView(choice.data, config, key, summary)


@st.cache_data(max_entries=8, show_spinner="Looking at the data…")
def _summary(_data: Dataset, _config: RunConfig, key: str) -> DataSummary:
    return summarise(_data, _config)


def facts(view: DataView) -> None:
    """Show one row of numbers about the data set."""
    s = view.summary
    parts = [f"{size:,} {SPLITS[name]}" for name, size in s.splits.items() if size]
    kind = f"{s.distinct:,} of {s.levels} levels" if s.levels else _unlimited(view)
    named = [str(name) for name in s.classes if name != "no class"]
    cards: tuple[tuple[str, str, str, str], ...] = (
        ("Examples", f"{s.examples:,}", " · ".join(parts), "examples"),
        ("Size", extent(s.shape), _elements(s.shape), "size"),
        ("Values of x", f"{compact(s.low)} to {compact(s.high)}", kind, "values"),
        ("Mean x", number(s.mean), f"SD {number(s.sd)}", "mean"),
        ("Zeros", percent(s.zeros, 1), f"{s.constant:,} constant", "zeros"),
        ("Classes", str(len(named) or "none"), _sizes(s), "classes"),
        ("Factors", str(len(s.factors) or "none"), _named(s), "factors"),
    )
    words = [
        f"**{s.name}**, chosen in the sidebar",
        s.about.rstrip("."),
        f"fingerprint `{s.fingerprint}`",
    ]
    st.markdown(" · ".join(filter(None, words)), help=HELP["fingerprint"])
    widths = [17, 9, 12, 9, 9, 10, 12]
    if kinds := view.data.kinds:  # their values have no common unit
        each = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
        cards = (*cards[:2], ("Columns", str(len(kinds)), each, "kinds"), *cards[5:])
        widths = [17, 9, 30, 10, 12]
    places = st.columns(widths, gap="xsmall")
    for place, (title, value, below, about) in zip(places, cards, strict=True):
        place.metric(
            title,
            value,
            below or " ",
            delta_color="off",
            delta_arrow="off",
            help=HELP[about],
        )
    domain = view.config.domain(view.data)
    if rescaling := described(view.config.rescaling(domain), domain):
        st.caption(rescaling)
    if s.binarize != DEFAULTS["binarize"]:
        levels, about = view.data.levels, first_sentence(BINARIZATIONS[s.binarize].apply)
        had = f"{levels} levels" if levels else "real values"
        st.caption(f"Binarized ({s.binarize}). {about} The data have {had}; the model sees 2.")


def missing(s: DataSummary) -> None:
    """Show the number of missing values of each column or channel, if there are any, and the
    lengths of series."""
    if s.missing is None:
        return
    total, size = int(s.missing.sum()), s.inside * len(s.missing)
    if 0 < s.shortest < s.shape[-1]:
        words = f"**Lengths**: {s.shortest:,} to {s.shape[-1]:,} steps"
        st.markdown(words, help=HELP["lengths"])
    if not total:
        return
    st.markdown(
        f"**Not observed**: {total:,} of {plural(size, 'value')} ({percent(total / size, 1)})",
        help=HELP["missing"],
    )
    names, share = element_names(s.columns, s.shape), s.missing / s.inside
    part = "channel" if kind_of(s.shape) == "series" else "column"
    table = {part: names, "not observed": s.missing, "share": share}
    st.dataframe(styled(table, HOLES), hide_index=True, height=MISSING)


def _unlimited(view: DataView) -> str:
    """Return the kind of values without levels: counts or real values, and their number."""
    kind, number = values_of(view.data), view.summary.distinct
    return kind if number is None else f"{kind.removesuffix(' values')}, {number:,} different"


def _elements(shape: Sequence[int]) -> str:
    """Return the number of elements of an example, by channel if there are several."""
    if kind_of(shape) == "series":
        return f"steps of {plural(shape[0], 'channel')}"
    if len(shape) == 3 and shape[0] > 1:
        return f"{shape[0]} × {math.prod(shape[1:]):,} elements"
    return f"{math.prod(shape):,} elements"


def _named(s: DataSummary) -> str:
    return ", ".join(factor.name for factor in s.factors)


def _sizes(s: DataSummary) -> str:
    """Return the sizes of the smallest and the largest class."""
    sizes = s.class_counts.sum(axis=1)
    if not len(sizes):
        return ""
    low, high = int(sizes.min()), int(sizes.max())
    return f"{low:,} each" if low == high else f"{low:,} to {high:,} each"
