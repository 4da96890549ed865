"""The figures of an evaluation on the screen, in the groups that a person looks at together.

Each group shows its numbers with unit, error and help, its chart, then what is not defined and
why, and what to beware of.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from vae.base.records import Evaluation
from vae.dashboard.evaluate.measures import (
    BOUND,
    FIDELITY,
    FIDELITY_HEADS,
    LATENTS,
    NO_SAMPLES,
    NOT_FULL,
    PROBES,
    SCORES,
    SCORES_HELP,
    TABLE_HELP,
    TABLES,
    caveats,
    percent,
    reasons,
    said,
    tables,
    thousandths,
    title_of,
)
from vae.dashboard.plot import plot
from vae.figures.base import number
from vae.figures.evaluation import bound_bars, kl_parts, kl_per_latent, score_dots
from vae.runs.evaluations import SavedEvaluation

KL_HEIGHT = 170
KL_HELP = (
    "KL(q(z|x) ‖ p(z)) of each latent, mean over the examples, nats. One near 0 carries nothing. "
    "Whiskers are one standard error over the examples."
)
PARTS_HELP = (
    "KL = I(x; z) + KL(q(z) ‖ p(z)) (Hoffman & Johnson 2016): what z tells of the example, and "
    "how far the examples together stray from the prior. The two parts are sampled on their own, "
    "so they add up within their standard errors."
)


def groups(result: SavedEvaluation, latents: int) -> None:
    """All of an evaluation; `latents` is how many dimensions z has."""
    with st.container(key="evaluation"):
        left, right = st.columns(2, gap="large")
        with left:
            _bound(result, latents)
            _knowledge(result)
        with right:
            _latents(result, latents)
            _samples(result)


def _head(title: str, about: str) -> None:
    st.markdown(f"##### {title}", help=about)


def _cards(record: Evaluation, names: Sequence[str], latents: int) -> None:
    table = BOUND | LATENTS
    for place, name in zip(st.columns(len(names)), names, strict=True):
        value, below = said(record, name, latents)
        place.metric(
            table[name].title,
            value,
            below or None,
            delta_color="off",
            delta_arrow="off",
            help=table[name].help,
        )


def _told(record: Evaluation, names: Sequence[str]) -> None:
    """Why figures are not defined, and what to beware of in the others."""
    for sentence in reasons(record, names):
        st.caption(sentence)
    for name, sentence in caveats(record, names).items():
        if name == "nll":
            st.warning(sentence)
        else:
            st.caption(f"**{title_of(name)}**: {sentence}")


def _bound(result: SavedEvaluation, latents: int) -> None:
    record = result.record
    _head(
        "The bound",
        "ln p(x) ≥ ELBO = −(reconstruction + KL), in nats per example, mean over the examples.",
    )
    _cards(record, ("elbo", "reconstruction", "kl"), latents)
    chart = bound_bars(record)
    plot(
        chart,
        key="evaluate_bound",
        revision=result.path.stem,
        height=int(chart.layout.height),
        label="Reconstruction and KL add up to −ELBO, nats per example",
    )
    asked = result.request.samples > 0
    names = [*(("nll", "ess") if asked else ()), "bits_per_dimension"]
    _cards(record, names, latents)
    if not asked:
        st.caption(f"**−ln p(x)**: {NO_SAMPLES}")
    _told(record, ["elbo", "reconstruction", "kl", *names])
    caveat = record.notes.get("likelihood")
    if caveat and not (asked and caveat == record.notes.get("nll")):
        st.caption(f"**Likelihood**: {caveat}")


def _latents(result: SavedEvaluation, latents: int) -> None:
    record, full = result.record, result.request.full
    _head("The latents", "How much of z is used, and for what.")
    names = ["active_units", *(("mutual_information", "aggregate_kl") if full else ())]
    _cards(record, names, latents)
    if record.kl_per_dimension is not None:
        st.markdown("KL per latent", help=KL_HELP)
        plot(
            kl_per_latent(record).update_layout(height=KL_HEIGHT),
            key="evaluate_kl",
            revision=result.path.stem,
            height=KL_HEIGHT,
            label="KL per latent in nats per example, the largest first",
        )
    if record.mutual_information is not None and record.kl is not None:
        st.markdown("What the KL is made of", help=PARTS_HELP)
        chart = kl_parts(record)
        plot(
            chart,
            key="evaluate_parts",
            revision=result.path.stem,
            height=int(chart.layout.height),
            label="Mutual information and KL(q(z) ‖ p(z)) add up to the KL, nats",
        )
    if not full:
        st.caption(f"**Mutual information, KL(q(z) ‖ p(z))**: {NOT_FULL}")
    _told(record, [*names, "kl_per_dimension"])


def _knowledge(result: SavedEvaluation) -> None:
    record = result.record
    _head("What the latents know", "What simple classifiers read from the posterior mean.")
    if not result.request.full:
        st.caption(NOT_FULL)
        return
    if record.probes is not None:
        _probes(result, record.probes)
    if record.disentanglement is not None:
        st.markdown("Disentanglement", help=SCORES_HELP)
        _scores(result, "disentanglement", record.disentanglement, "score, 1 is best", None)
    _told(record, ["probes", "disentanglement"])


def _probes(result: SavedEvaluation, table: dict[str, dict[str, float]]) -> None:
    for place, (name, row) in zip(st.columns(len(table)), table.items(), strict=True):
        ends = f"{percent(row['low'])} to {percent(row['high'])}"
        place.metric(
            PROBES[name].title,
            percent(row["value"]),
            ends,
            delta_color="off",
            delta_arrow="off",
            help=PROBES[name].help,
        )
    st.caption("Accuracy, with its 95 % interval; the grey stroke is chance.")
    rest = {name: row for name, row in table.items() if name != "chance"}
    chance = table.get("chance", {}).get("value")
    _scores(result, "probes", rest, "examples named right", chance, percent=True)


def _scores(
    result: SavedEvaluation,
    name: str,
    table: Mapping[str, Any],
    title: str,
    chance: float | None,
    percent: bool = False,
) -> None:
    names = SCORES | {key: figure.title for key, figure in PROBES.items()}
    chart = score_dots(table, names, title, chance, percent)
    plot(
        chart,
        key=f"evaluate_{name}",
        revision=result.path.stem,
        height=int(chart.layout.height),
        label=f"{title_of(name)}: scores with their intervals and chance",
    )


def _samples(result: SavedEvaluation) -> None:
    record = result.record
    _head(TABLES["fidelity"], TABLE_HELP["fidelity"])
    if not result.request.full:
        st.caption(NOT_FULL)
    else:
        if record.fidelity is not None:
            _fidelity(record.fidelity)
        _told(record, ["fidelity"])
    _others(result)


def _fidelity(table: Mapping[str, Mapping[str, float]]) -> None:
    """A row for each figure: its value, its interval, and what real examples score."""
    lines = [[f":gray[{head}]" if head else "" for head in FIDELITY_HEADS]]
    about = [list(FIDELITY_HEADS.values())]
    for name, row in table.items():
        title, _, words = FIDELITY[name]
        value, low, high, real = (
            thousandths(row[k]) for k in ("value", "low", "high", "reference")
        )
        lines.append([title, f"**{value}**", f"{low} to {high}", real])
        about.append([words, "", "", ""])
    with st.container(key="evaluate_fidelity"):
        for line, helps in zip(lines, about, strict=True):
            places = st.columns([115, 58, 100, 100], gap="xsmall")
            for place, text, words in zip(places, line, helps, strict=True):
                place.markdown(text, help=words or None)


def _others(result: SavedEvaluation) -> None:
    """Tables that have no place of their own."""
    for name, table in tables(result.record).items():
        _head(title_of(name), TABLE_HELP.get(name, "Figures with their errors."))
        if not result.request.full:
            st.caption(NOT_FULL)
        elif table is None:
            _told(result.record, [name])
        else:
            st.table(_cells(table))
            _told(result.record, [name])


def _cells(table: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """A table of figures as text: a row each, a column for whatever they tell."""
    columns = dict.fromkeys(key for row in table.values() for key in row)
    cells = {"": [name.replace("_", " ") for name in table]}
    for column in columns:
        cells[column] = [_cell(row.get(column)) for row in table.values()]
    return cells


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return number(value) if isinstance(value, int | float) else str(value)
