"""The measures of an evaluation on the page, in the groups of the table of measures.

Each group shows its values with error, unit and help, its charts, then why values are undefined,
and cautions.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import streamlit as st

from vae.base.numbers import percent
from vae.base.records import Estimate, Evaluation
from vae.dashboard.evaluate.text import card, not_requested, reasons, three_decimals
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import plot
from vae.evaluation.measures import MEASURES, TABLES
from vae.evaluation.reading import cautions, concerns, estimates, title_of
from vae.evaluation.rows import GROUPS, Row
from vae.figures.evaluation import bound_bars, kl_parts, kl_per_latent, score_dots
from vae.runs.evaluations import EvaluationRequest

LESSON_OF = {  # group → lesson
    "bound": "bound",
    "latents": "gaussian_kl",
    "samples": "prior",
    "knowledge": "goals",
}
CARDS = 3  # values side by side
KL_HEIGHT = 170
COLUMNS = (("bound", "knowledge"), ("latents", "samples"))  # groups from top to bottom
PARTS_HELP = (
    "KL = I(x; z) + KL(q(z) ‖ p(z)) (Hoffman & Johnson 2016): the information in z about the "
    "example, and the distance of all examples together from the prior. Each part has its own "
    "draws, so they add up within their standard errors."
)
COMPARISON = {  # columns of a table of samples against examples, each with its help
    "": "",
    "value": "Of the samples against held-out examples.",
    "95 % interval": "With 95 %, it contains the value that infinitely many samples and examples "
    "would give at this number.",
    "real examples": "The reference: the same statistic of real examples against other real ones, "
    "mean over 20 halvings. Perfect samples would reach it, so compare each value with it.",
}


class View(NamedTuple):
    """An evaluation as the page shows it."""

    record: Evaluation
    request: EvaluationRequest
    revision: str  # another one resets the charts


def groups(view: View, latents: int, columns: Sequence[Sequence[str]] = COLUMNS) -> None:
    """Draw groups of an evaluation in columns; `latents` is the number of dimensions of z."""
    with st.container(key="evaluation"):
        for place, names in zip(st.columns(2, gap="large"), columns, strict=True):
            with place:
                for name in names:
                    _group(name, view, latents)


def _group(name: str, view: View, latents: int) -> None:
    record = view.record
    title, about = GROUPS[name]
    _head(title, about + lesson_link(LESSON_OF[name]))
    rows: dict[str, Row] = {k: r for k, r in (MEASURES | TABLES).items() if r.group == name}
    missing = {key: not_requested(view.request, row.needs) for key, row in rows.items()}
    keys = [key for key in rows if not missing[key] and concerns(record, key)]
    cards = [key for key in keys if key in MEASURES and not MEASURES[key].per_latent]
    first, rest = cards[:CARDS], cards[CARDS:]
    _cards(record, first, latents)
    for chart in CHARTS.get(name, ()):
        chart(view)
    _cards(record, rest, latents)
    for key in keys:
        if key in TABLES and record.get(key) is not None:
            _table(view, key)
    for text in dict.fromkeys(filter(None, missing.values())):
        titles = [title_of(key) for key in rows if missing[key] == text]
        st.caption(f"**{', '.join(titles)}**: {text}")
    _notes(record, keys)


def _head(title: str, about: str) -> None:
    st.markdown(f"##### {title}", help=about)


def _cards(record: Evaluation, keys: Sequence[str], latents: int) -> None:
    for start in range(0, len(keys), CARDS):
        row = keys[start : start + CARDS]
        for place, key in zip(st.columns(len(row)), row, strict=True):
            _card(place, MEASURES[key].title, MEASURES[key].help, *card(record, key, latents))


def _card(
    place: st.delta_generator.DeltaGenerator, title: str, about: str, value: str, below: str
) -> None:
    place.metric(title, value, below or None, delta_color="off", delta_arrow="off", help=about)


def _notes(record: Evaluation, keys: Sequence[str]) -> None:
    """Why measures are undefined, and cautions about the others."""
    for sentence in reasons(record, keys):
        st.caption(sentence)
    for sentence, concerned in cautions(record, keys).items():
        if "nll" in concerned:
            st.info(sentence)
        else:
            st.caption(f"**{', '.join(map(title_of, concerned))}**: {sentence}")


# ── charts of a group


def _bound_chart(view: View) -> None:
    chart = bound_bars(view.record)
    plot(
        chart,
        key="evaluate_bound",
        revision=view.revision,
        height=int(chart.layout.height),
        label="Reconstruction and KL add up to −ELBO, nats per example",
    )


def _latents_chart(view: View) -> None:
    if view.record.get("kl_per_dimension") is None:
        return
    st.markdown(
        "KL per latent", help=MEASURES["kl_per_dimension"].help + lesson_link("gaussian_kl")
    )
    plot(
        kl_per_latent(view.record).update_layout(height=KL_HEIGHT),
        key="evaluate_kl",
        revision=view.revision,
        height=KL_HEIGHT,
        label="KL per latent in nats per example",
    )


def _parts_chart(view: View) -> None:
    record = view.record
    if record.get("mutual_information") is None or record.get("kl") is None:
        return
    st.markdown("Parts of the KL", help=PARTS_HELP + lesson_link("prior", "pieces"))
    chart = kl_parts(record)
    plot(
        chart,
        key="evaluate_parts",
        revision=view.revision,
        height=int(chart.layout.height),
        label="Mutual information and KL(q(z) ‖ p(z)) add up to the KL, nats",
    )


CHARTS: dict[str, tuple[Callable[[View], None], ...]] = {
    "bound": (_bound_chart,),
    "latents": (_latents_chart, _parts_chart),
}


# ── tables of a group


def _table(view: View, key: str) -> None:
    """Rows beside real examples as text; others as dots with their chance."""
    table, found = TABLES[key], estimates(view.record, key)
    if any(value.reference is not None for value in found.values()):
        _comparison(key, found)
        return
    in_percent = table.unit == "accuracy"
    if in_percent:
        _shares(key, found)
    else:
        st.markdown(table.title, help=table.help)
    chance = found.pop("chance", None)
    chart = score_dots(
        {name: value.as_json() for name, value in found.items()},
        {name: row.title for name, row in table.rows.items()},
        table.unit,
        None if chance is None else chance.value,
        in_percent,
    )
    plot(
        chart,
        key=f"evaluate_{key}",
        revision=view.revision,
        height=int(chart.layout.height),
        label=f"{table.title}: values with their intervals and chance",
    )


def _shares(key: str, found: dict[str, Estimate]) -> None:
    names = list(found)
    for start in range(0, len(names), CARDS):
        line = names[start : start + CARDS]
        for place, name in zip(st.columns(len(line)), line, strict=True):
            row, value = TABLES[key].rows[name], found[name]
            ends = " to ".join(
                percent(end, 1) for end in (value.low, value.high) if end is not None
            )
            _card(place, row.title, row.help, percent(value.value, 1), ends)
    st.caption("Accuracy with its 95 % interval; the grey stroke is chance.")


def _comparison(key: str, found: dict[str, Estimate]) -> None:
    """A line for each statistic: its value, its interval, and the value of real examples."""
    lines = [[f":gray[{head}]" if head else "" for head in COMPARISON]]
    helps = [list(COMPARISON.values())]
    for name, value in found.items():
        row = TABLES[key].rows[name]
        numbers = [value.value, value.low, value.high, value.reference]
        text, low, high, real = ("" if n is None else three_decimals(n) for n in numbers)
        lines.append([row.title, f"**{text}**", f"{low} to {high}", real])
        helps.append([row.help, "", "", ""])
    with st.container(key=f"evaluate_{key}"):
        for line, about in zip(lines, helps, strict=True):
            places = st.columns([115, 58, 100, 100], gap="xsmall")
            for place, text, words in zip(places, line, about, strict=True):
                place.markdown(text, help=words or None)
