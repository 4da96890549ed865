"""Charts of an evaluation: the terms of the bound, the parts of the KL, and scores with chance.

A sum is a staircase of horizontal bars: each bar begins where the bar above it ends, and the total
begins at 0. Nats per example. Error bars are one standard error on each side; intervals are 95 %
confidence intervals.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from vae.base import numbers
from vae.base.numbers import number, whole, with_error
from vae.base.records import Estimate, Evaluation
from vae.figures.base import Part, axis, empty_figure, figure, note
from vae.figures.latent_bars import kl_bars
from vae.figures.palette import token
from vae.figures.quantities import PER_EXAMPLE, quantity

ROW = 30  # px, height of a bar
AROUND = 62  # px, height of the axis below the bars
BESIDE = 108  # px beside scores for their numbers
BEHIND = 64  # px behind the bars of a sum for their numbers


def described(estimate: Estimate) -> tuple[str, str]:
    """Return value and uncertainty as text: ("−26.03", "± 0.38"), ("3", "2 to 4")."""
    value, error = with_error(estimate.value, estimate.se)
    if isinstance(estimate.value, int):
        value = whole(estimate.value)
    beside = {"smallest": estimate.smallest, "chance": estimate.chance}
    beside["real examples"] = estimate.reference
    found = [f"± {error}"] if error else []
    if estimate.low is not None and estimate.high is not None:
        ends = (estimate.low, estimate.high)
        found.append(" to ".join(map(whole, ends)))
    found += [f"{name} {number(v)}" for name, v in beside.items() if v is not None]
    return value, "; ".join(found)


class Step(NamedTuple):
    """One bar of a sum, in nats."""

    name: str
    start: float
    value: float  # length; to the left if negative
    se: float | None
    colour: str  # a token


def bound_bars(record: Evaluation) -> go.Figure:
    """Reconstruction and KL add up to −ELBO, an upper bound on −ln p(x)."""
    steps = [_term(record, "reconstruction")]
    if record.get("kl") is not None and record.get("elbo") is not None:
        steps.append(_term(record, "kl", start=record.get("reconstruction")))
        elbo = _term(record, "elbo")
        steps.append(elbo._replace(name=f"−{elbo.name}", value=-elbo.value))
    if record.get("nll") is not None:
        steps.append(_step(record, "nll", "−ln p(x)", token("prior")))
    return _sum(steps)


def kl_per_latent(record: Evaluation) -> go.Figure:
    """KL of each latent, with one standard error on each side."""
    values, errors = record.get("kl_per_dimension"), record.get("kl_per_dimension_se")
    chart = kl_bars(None if values is None else np.array(values, np.float32))
    if values is None or errors is None:
        return chart
    (bars,) = chart.data
    labels = [with_error(value, se) for value, se in zip(values, errors, strict=True)]
    ends = {"array": np.array(errors), "arrayminus": np.array(errors)}
    bars.error_y = _whisker(1.0, 1.0, 1.2, 4) | ends
    if bars.texttemplate:  # above the error bar, not across it
        bars.texttemplate = None
        for d, (label, _) in enumerate(labels):
            top = {"x": d, "y": values[d] + errors[d], "xref": "x", "yref": "y"}
            chart.add_annotation(note(label, **top, yanchor="bottom"))
    bars.hovertext = [f"z{d + 1}: {v} ± {e} nats" for d, (v, e) in enumerate(labels)]
    bars.hovertemplate = "%{hovertext} (one standard error)<extra></extra>"
    return chart


def kl_parts(record: Evaluation) -> go.Figure:
    """Mutual information and KL(q(z) ‖ p(z)) add up to the KL (Hoffman & Johnson 2016)."""
    keys = ("kl", "mutual_information", "aggregate_kl")
    if any(record.get(key) is None for key in keys):
        return empty_figure("This evaluation has no parts of the KL")
    information = _step(record, "mutual_information", "I(x; z)", token("kl", 0.9))
    aggregate = _step(record, "aggregate_kl", "KL(q(z) ‖ p(z))", token("kl", 0.72))
    return _sum([information, aggregate._replace(start=information.value), _term(record, "kl")])


def _step(record: Evaluation, key: str, name: str, colour: str) -> Step:
    """The bar of a measure, from 0, with its standard error."""
    return Step(name, 0.0, record.get(key), record.get(f"{key}_se"), colour)


def _term(record: Evaluation, key: str, start: float = 0.0) -> Step:
    """The bar of a term of the bound, with its title and colour."""
    row = quantity(key)
    return _step(record, key, row.title, row.ink)._replace(start=start)


def _sum(steps: list[Step]) -> go.Figure:
    """Horizontal bars from top to bottom, each with its value behind it."""
    ends = [0.0, *(s.start for s in steps), *(s.start + s.value + (s.se or 0) for s in steps)]
    low, high = min(ends), max(ends)
    room = 0.02 * ((high - low) or 1.0)
    return figure(
        [_bar(i, step) for i, step in enumerate(steps)],
        height=AROUND + ROW * len(steps),
        xaxis=axis(PER_EXAMPLE, range=[low - (room if low < 0 else 0), high + room]),
        yaxis=_names([step.name for step in steps]),
        bargap=0.3,
        barmode="overlay",
        margin={"l": 8, "r": BEHIND, "t": 4, "b": 44},
        annotations=[_number_of(i, step) for i, step in enumerate(steps)],
    )


def _bar(place: int, step: Step) -> Part:
    """The bar of one step with its error bar."""
    value, se = with_error(step.value, step.se)
    hover = f"{step.name}: {value}" + (f" ± {se} nats (one standard error)" if se else " nats")
    return {
        "type": "bar",
        "orientation": "h",
        "x": np.array([step.value], np.float32),
        "base": [step.start],
        "y": [place],
        "marker": {"color": step.colour, "line": {"width": 0}},
        "error_x": _whisker(step.se, step.se, 1.2, 4),
        "hovertemplate": f"{hover}<extra></extra>",
    }


def _whisker(plus: float | None, minus: float | None, thickness: float, width: int) -> Part:
    """An error bar that reaches `minus` below and `plus` above its value."""
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
    """The value of a step behind its bar."""
    end = max(step.start, step.start + step.value + (step.se or 0.0))  # within the axis
    here = {"xref": "x", "yref": "y", "x": end, "y": place, "xanchor": "left", "xshift": 5}
    return note(with_error(step.value, step.se)[0], **here)


def _names(names: list[str]) -> Part:
    """The axis of the rows' names, the first row on top."""
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
    """Scores between 0 and 1 as dots with intervals and a mark at the chance level.

    `table` maps a score to its value with low and high (95 %), or with se. The chance level is the
    score's own "chance" or `chance`. `names` are the titles of the scores; with `percent` all
    numbers are in percent.
    """
    if not table:
        return empty_figure("No scores yet")
    rows = list(table.items())
    dots = [_dot(i, names.get(name, name), row, percent) for i, (name, row) in enumerate(rows)]
    texts = [_row_text(i, row, percent) for i, (_, row) in enumerate(rows)]
    marks = [(row.get("chance", chance), i) for i, (_, row) in enumerate(rows)]
    lowest = min([0.0, *(float(row["value"]) - (_ends(row) or (0, 0))[0] for _, row in rows)])
    return figure(
        [*dots, _chances([(at, i) for at, i in marks if at is not None], percent)],
        height=AROUND + ROW * len(rows),
        xaxis=axis(title, range=[lowest - 0.02, 1.02], **_ticks(percent)),
        yaxis=_names([names.get(name, name) for name, _ in rows]),
        margin={"l": 8, "r": BESIDE, "t": 4, "b": 44},
        annotations=texts,
    )


def _spelt(value: float, percent: bool) -> str:
    """A score as text, as a share or in percent."""
    return numbers.percent(value, 1) if percent else numbers.fixed(value, 3)


def _ticks(percent: bool) -> Part:
    """Ticks from 0 to 1, or from 0 % to 100 %."""
    if not percent:
        return {"dtick": 0.5, "tickformat": ".1f"}
    ends = range(0, 101, 50)
    return {"tickvals": [k / 100 for k in ends], "ticktext": [f"{k} %" for k in ends]}


def _row_text(place: int, row: Mapping[str, float], percent: bool) -> Part:
    """The interval of a score, or its value, at the end of its row."""
    value, se = with_error(row["value"], row.get("se"))
    if "low" in row:
        text = f"{_spelt(row['low'], percent)} to {_spelt(row['high'], percent)}"
    else:
        text = f"{value} ± {se}" if se else value
    here = {"xref": "paper", "yref": "y", "x": 1, "y": place, "xanchor": "left", "xshift": 8}
    return note(text, **here)


def _ends(row: Mapping[str, float]) -> tuple[float, float] | None:
    """Distances from the value to the ends of its interval, below and above."""
    if "low" in row:
        return row["value"] - row["low"], row["high"] - row["value"]
    se = row.get("se")
    return None if se is None or not math.isfinite(se) else (se, se)


def _dot(place: int, name: str, row: Mapping[str, float], percent: bool) -> Part:
    """The dot of a score with its interval."""
    below, above = _ends(row) or (None, None)
    hover = f"{name}: {_spelt(row['value'], percent)}"
    if "low" in row:
        ends = [_spelt(row[end], percent) for end in ("low", "high")]
        hover += f", 95 % interval {' to '.join(ends)}"
    elif below is not None:
        hover += f" ± {_spelt(below, percent)} (one standard error)"
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [row["value"]],
        "y": [place],
        "marker": {"size": 9, "color": token("text")},
        "error_x": _whisker(above, below, 2, 0),
        "hovertemplate": f"{hover}<extra></extra>",
    }


def _chances(marks: list[tuple[float, int]], percent: bool) -> Part:
    """A vertical mark at the chance level of each row."""
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
