"""An evaluation drawn: what the bound is made of, what its KL is made of, and scores with chance.

Sums are drawn as steps from left to right, so that parts of either sign add up to see: each bar
begins where the one above it ended, and a total begins at 0. Nats per example; a whisker is one
standard error to each side, an interval is one of 95 %.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from vae.base.records import Evaluation
from vae.figures.base import Part, axis, empty_figure, figure, note, number
from vae.figures.latent_bars import kl_bars
from vae.figures.palette import token

ERROR, KL, ELBO = token("reconstruction"), token("kl"), token("elbo")
ROW = 30  # pixels of height for a bar
AROUND = 62  # and for the axis below all of them
BESIDE = 108  # pixels beside scores for their numbers
BEYOND = 0.22  # of the axis that stays free for the numbers behind the bars


def with_error(value: float, se: float | None) -> tuple[str, str]:
    """A value and its standard error in matching digits, two for the error: −26.03 and 0.38; where
    there is none, four digits and ""."""
    if se is None or not se > 0:
        return number(value), ""
    places = min(max(0, 1 - math.floor(math.log10(se))), 6)
    return f"{value:,.{places}f}".replace("-", "−"), f"{se:,.{places}f}"


class Step(NamedTuple):
    """One bar of a sum."""

    name: str
    start: float  # nats; where it begins
    value: float  # nats; how long it is, to the left if negative
    se: float | None
    colour: str  # a token


def bound_bars(record: Evaluation) -> go.Figure:
    """Reconstruction and KL add up to -ELBO, which -ln p(x) lies below."""
    error, kl = record.reconstruction, record.kl
    steps = [Step("reconstruction", 0.0, error, _se(record, "reconstruction"), ERROR)]
    if kl is not None and record.elbo is not None:
        steps += [
            Step("KL", error, kl, _se(record, "kl"), KL),
            Step("−ELBO", 0.0, -record.elbo, record.elbo_se, ELBO),
        ]
    if record.nll is not None:
        steps.append(Step("−ln p(x)", 0.0, record.nll, record.nll_se, token("prior")))
    return _sum(steps)


def kl_per_latent(record: Evaluation) -> go.Figure:
    """The KL of each latent, the largest first, with one standard error to each side."""
    values, errors = record.kl_per_dimension, record.kl_per_dimension_se
    chart = kl_bars(None if values is None else np.array(values, np.float32))
    if values is None or errors is None:
        return chart
    (bars,) = chart.data
    order = bars.customdata - 1
    told = [with_error(values[d], errors[d]) for d in order]
    bars.error_y = _whisker(1.0, 1.0, 1.2, 4) | {
        "array": np.array(errors)[order],
        "arrayminus": np.array(errors)[order],
    }
    if bars.texttemplate:  # above the whisker, not through it
        bars.texttemplate = None
        for place, d in enumerate(order):
            top = {"x": place, "y": values[d] + errors[d], "xref": "x", "yref": "y"}
            chart.add_annotation(note(told[place][0], **top, yanchor="bottom"))
    bars.hovertext = [f"z{d + 1}: {v} ± {e} nats" for d, (v, e) in zip(order, told, strict=True)]
    bars.hovertemplate = "%{hovertext} (one standard error)<extra></extra>"
    return chart


def kl_parts(record: Evaluation) -> go.Figure:
    """The mutual information and KL(q(z) || p(z)) add up to the KL (Hoffman & Johnson 2016)."""
    told, strayed = record.mutual_information, record.aggregate_kl
    if record.kl is None or told is None or strayed is None:
        return empty_figure("The parts of the KL are not known")
    return _sum(
        [
            Step("I(x; z)", 0.0, told, record.mutual_information_se, token("kl", 0.9)),
            Step("KL(q(z) ‖ p(z))", told, strayed, record.aggregate_kl_se, token("kl", 0.72)),
            Step("KL", 0.0, record.kl, _se(record, "kl"), KL),
        ]
    )


def _se(record: Evaluation, name: str) -> float | None:
    found: float | None = getattr(record, f"{name}_se", None)
    return found


def _sum(steps: list[Step]) -> go.Figure:
    """Horizontal bars from top to bottom, each with its number behind it."""
    ends = [0.0, *(s.start for s in steps), *(s.start + s.value + (s.se or 0) for s in steps)]
    low, high = min(ends), max(ends)
    room = BEYOND * ((high - low) or 1.0)
    return figure(
        [_bar(i, step) for i, step in enumerate(steps)],
        height=AROUND + ROW * len(steps),
        xaxis=axis("nats per example", range=[low - (room if low < 0 else 0), high + room]),
        yaxis=_names([step.name for step in steps]),
        bargap=0.3,
        barmode="overlay",
        margin={"l": 8, "r": 8, "t": 4, "b": 44},
        annotations=[_number_of(i, step) for i, step in enumerate(steps)],
    )


def _bar(place: int, step: Step) -> Part:
    value, se = with_error(step.value, step.se)
    told = f"{step.name}: {value}" + (f" ± {se} nats (one standard error)" if se else " nats")
    return {
        "type": "bar",
        "orientation": "h",
        "x": np.array([step.value], np.float32),
        "base": [step.start],
        "y": [place],
        "marker": {"color": step.colour, "line": {"width": 0}},
        "error_x": _whisker(step.se, step.se, 1.2, 4),
        "hovertemplate": f"{told}<extra></extra>",
    }


def _whisker(plus: float | None, minus: float | None, thickness: float, width: int) -> Part:
    if plus is None or minus is None:
        return {"visible": False}
    return {
        "type": "data",
        "symmetric": False,
        "array": [plus],
        "arrayminus": [minus],
        "thickness": thickness,
        "width": width,
        "color": token("muted"),
    }


def _number_of(place: int, step: Step) -> Part:
    end = max(step.start, step.start + step.value) + (step.se or 0.0)
    here = {"xref": "x", "yref": "y", "x": end, "y": place, "xanchor": "left", "xshift": 5}
    return note(with_error(step.value, step.se)[0], **here)


def _names(names: list[str]) -> Part:
    """The axis of rows with names, the first one above."""
    places = list(range(len(names)))
    return axis(
        tickvals=places,
        ticktext=names,
        range=[len(names) - 0.5, -0.5],
        showgrid=False,
        fixedrange=True,
    )


def score_dots(
    table: Mapping[str, Mapping[str, float]],
    names: Mapping[str, str],
    title: str,
    chance: float | None = None,
    percent: bool = False,
) -> go.Figure:
    """Scores between 0 and 1 as dots with their intervals, each with a mark at chance; as shares
    of 1 or in percent.

    `table` maps a score to value, low and high (95 %), or value and se; its chance is its own or
    the one for all. `names` says how a score is called.
    """
    if not table:
        return empty_figure("No scores yet")
    rows = list(table.items())
    dots = [_dot(i, names.get(name, name), row, percent) for i, (name, row) in enumerate(rows)]
    read = [_read(i, row, percent) for i, (_, row) in enumerate(rows)]
    marks = [(row.get("chance", chance), i) for i, (_, row) in enumerate(rows)]
    lowest = min([0.0, *(float(row["value"]) - (_ends(row) or (0, 0))[0] for _, row in rows)])
    return figure(
        [*dots, _chances([(at, i) for at, i in marks if at is not None], percent)],
        height=AROUND + ROW * len(rows),
        xaxis=axis(title, range=[lowest - 0.02, 1.02], **_ticks(percent)),
        yaxis=_names([names.get(name, name) for name, _ in rows]),
        margin={"l": 8, "r": BESIDE, "t": 4, "b": 44},
        annotations=read,
    )


def _spelt(value: float, percent: bool) -> str:
    return f"{100 * value:.1f} %" if percent else f"{value:.3f}"


def _ticks(percent: bool) -> Part:
    if not percent:
        return {"dtick": 0.2, "tickformat": ".1f"}
    ends = range(0, 101, 20)
    return {"tickvals": [k / 100 for k in ends], "ticktext": [f"{k} %" for k in ends]}


def _read(place: int, row: Mapping[str, float], percent: bool) -> Part:
    """A score in figures at the end of its row."""
    value, se = with_error(row["value"], row.get("se"))
    if "low" in row:
        text = f"{_spelt(row['low'], percent)} to {_spelt(row['high'], percent)}"
    else:
        text = f"{value} ± {se}" if se else value
    here = {"xref": "paper", "yref": "y", "x": 1, "y": place, "xanchor": "left", "xshift": 8}
    return note(text, **here)


def _ends(row: Mapping[str, float]) -> tuple[float, float] | None:
    """How far the interval reaches below and above the value."""
    if "low" in row:
        return row["value"] - row["low"], row["high"] - row["value"]
    se = row.get("se")
    return None if se is None or not math.isfinite(se) else (se, se)


def _dot(place: int, name: str, row: Mapping[str, float], percent: bool) -> Part:
    below, above = _ends(row) or (None, None)
    told = f"{name}: {_spelt(row['value'], percent)}"
    if "low" in row:
        ends = [_spelt(row[end], percent) for end in ("low", "high")]
        told += f", 95 % interval {' to '.join(ends)}"
    elif below is not None:
        told += f" ± {_spelt(below, percent)} (one standard error)"
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [row["value"]],
        "y": [place],
        "marker": {"size": 9, "color": token("text")},
        "error_x": _whisker(above, below, 2, 0),
        "hovertemplate": f"{told}<extra></extra>",
    }


def _chances(marks: list[tuple[float, int]], percent: bool) -> Part:
    """An upright stroke where a code that tells nothing would be."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [at for at, _ in marks],
        "y": [place for _, place in marks],
        "marker": {
            "symbol": "line-ns",
            "size": 16,
            "line": {"width": 2.5, "color": token("prior")},
        },
        "customdata": [_spelt(at, percent) for at, _ in marks],
        "hovertemplate": "chance: %{customdata}<extra></extra>",
    }
