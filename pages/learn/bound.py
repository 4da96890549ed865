"""Lesson: ln p(x) = ELBO + KL(q ‖ p(z|x)), in a model where every term can be computed."""

import numpy as np
import plotly.graph_objects as go

from vae.base.numbers import fixed, percent
from vae.dashboard.learn.lesson import Guess, Lesson, Picture, Slider, Step, View
from vae.dashboard.learn.view import show
from vae.dashboard.learn.words.bound import WORDS
from vae.figures import lesson_parts as draw
from vae.figures.base import Part, axis, figure
from vae.figures.palette import token
from vae.theory import Doubles, moon_model
from vae.theory.moon_model import Bound

Z = np.linspace(-4, 5, 361)
TICKS = np.arange(-4.0, 6.0, 2.0)
FLOOR, TOP = -6.0, 0.9  # of the bars, nats
RATIOS = [-6.0, 4.0]  # of the axis of ln p(x,z)/q(z|x), nats

EVIDENCE = r"\ln p(\X{x}) = \ln \int p(\X{x}|z)\,\P{p(z)}\,dz = [[log_evidence]]\ \text{[[nats]]}"
SUM = (
    r"\underbrace{\ln p(\X{x})}_{[[log_evidence]]} = \underbrace{\E{\mathrm{ELBO}}}_{[[elbo]]} + "
    r"\underbrace{\T{\mathrm{KL}(q\,\|\,p(z|x))}}_{[[gap]]}"
)
JENSEN = (
    r"\underbrace{\ln \mathbb{E}_{\Q{q}}\!\left[\frac{p(x,z)}{\Q{q(z|x)}}\right]}"
    r"_{\ln p(\X{x})\,=\,[[log_evidence]]}"
    r"\;\ge\; \underbrace{\mathbb{E}_{\Q{q}}\!\left[\ln \frac{p(x,z)}{\Q{q(z|x)}}\right]}"
    r"_{\E{\mathrm{ELBO}}\,=\,[[elbo]]}"
)


def picture(view: View) -> Picture:
    """Draw the densities over z and the bars of the bound."""
    x, mean, sd = (view.number(name) for name in ("x", "mean", "sd"))
    bound = moon_model.bound(x, mean, sd)
    best_mean, best_sd = moon_model.best_gaussian(x)
    best = moon_model.bound(x, best_mean, best_sd)
    numbers = bound._asdict() | {
        "x": x,
        "inverse": float(np.log(x / (1 - x))),
        "best_mean": best_mean,
        "best_gap": best.gap,
    }
    return Picture(_figure(view, bound, best_mean), numbers)


def _figure(view: View, bound: Bound, best_mean: float) -> go.Figure:
    is_first, is_guess = view.step == "evidence", view.step == "guess"
    traces, labels = _densities(view)
    bars, words = _bars(view, bound)
    if is_guess:
        labels += _marks(view, best_mean)
    visible_bars = [] if is_first or is_guess else bars
    lit = moon_model.lit_fraction(TICKS)
    ticks = [f"{fixed(z, 0)}<br>{percent(f)}" for z, f in zip(TICKS, lit, strict=True)]
    return figure(
        [*traces, *visible_bars],
        xaxis=axis(view.say("axis_z"), tickvals=TICKS, ticktext=ticks, range=[Z[0], Z[-1]]),
        yaxis=axis(
            view.say("axis_density"), domain=[0.42, 1] if visible_bars else [0, 1], range=[0, 1.3]
        ),
        xaxis2=axis(
            view.say("axis_nats"), anchor="y2", range=[FLOOR, TOP], visible=bool(visible_bars)
        ),
        yaxis2=axis(domain=[0, 0.2], anchor="x2", autorange="reversed", visible=bool(visible_bars))
        | {"showgrid": False},  # it would cross out the words behind the bars
        yaxis3=axis(
            view.say("ratio"), overlaying="y", side="right", range=RATIOS, dtick=2, showgrid=False
        )
        | {"visible": view.step == "jensen", "tickmode": "linear", "tick0": 0},
        annotations=[*labels, *(words if visible_bars else [])],
        barmode="stack",
    )


def _densities(view: View) -> tuple[list[Part], list[Part]]:
    """Return the curves over z that the step shows, and their labels."""
    x, mean, sd = (view.number(name) for name in ("x", "mean", "sd"))
    log_joint = moon_model.log_likelihood(x, Z) + moon_model.log_normal(Z)
    curves = [("prior", np.exp(moon_model.log_normal(Z)), "prior", False)]
    if view.step == "evidence":
        curves.append(("joint", np.exp(log_joint), "data", True))
    elif view.step != "guess" or view.is_revealed:
        curves.append(("posterior", np.exp(moon_model.log_posterior(x, Z)), "posterior", True))
    if view.step not in ("evidence", "guess"):
        log_q = moon_model.log_normal(Z, mean, sd)
        curves.append(("approximate", np.exp(log_q), "q", True))
    traces = [
        draw.curve(Z, density, colour, filled=filled) for _, density, colour, filled in curves
    ]
    labels = [_label(view.say(name), density, colour) for name, density, colour, _ in curves]
    if view.step == "jensen":
        dotted = {"dash": "dot"}
        traces.append(draw.curve(Z, log_joint - log_q, "elbo", line=dotted, yaxis="y3"))
        found = _heights(moon_model.bound(x, mean, sd))
        return [*traces, *found[0]], [*labels, *found[1]]
    return traces, labels


def _heights(bound: Bound) -> tuple[list[Part], list[Part]]:
    """Return the heights of ln p(x) and of the ELBO on the axis of the ratio, with labels."""
    rows = [("ln p(x)", bound.log_evidence, "data", "bottom"), ("ELBO", bound.elbo, "elbo", "top")]
    place = {"yref": "y3", "xanchor": "left"}
    lines = [
        draw.curve(Z[[0, -1]], [height] * 2, colour, line={"width": 1.5}, yaxis="y3")
        for _, height, colour, _ in rows
    ]
    return lines, [
        draw.label(f"{name} {fixed(height)}", Z[0], height, colour, yanchor=side, **place)
        for name, height, colour, side in rows
    ]


def _label(text: str, density: Doubles, colour: str) -> Part:
    """Return a label at the peak of a curve; that of the prior stands at its left flank."""
    peak = 120 if colour == "prior" else int(density.argmax())
    height = min(float(density[peak]), 1.22)
    side = "right" if colour == "prior" else "center"
    veil = token("background", 0.7)
    return draw.label(text, Z[peak], height, colour, xanchor=side, yshift=14, bgcolor=veil)


def _bars(view: View, bound: Bound) -> tuple[list[Part], list[Part]]:
    """Return the bars of ln p(x) and of ELBO + gap, from the floor of the axis, with labels."""
    elbo = max(bound.elbo, FLOOR)
    names = ["ln p(x)", "ELBO + KL"]
    parts = [
        (names[0], FLOOR, bound.log_evidence, "data", f"ln p(x) {fixed(bound.log_evidence)}"),
        (names[1], FLOOR, elbo, "elbo", f"ELBO {fixed(bound.elbo)}"),
        (names[1], elbo, bound.log_evidence, "posterior", f"{view.say('gap')} {fixed(bound.gap)}"),
    ]
    bars = [
        {"type": "bar", "orientation": "h", "xaxis": "x2", "yaxis": "y2", "y": [name]}
        | {"x": [end - start], "base": [start], "marker": {"color": token(colour, 0.75)}}
        | {"hoverinfo": "skip", "width": [0.62]}
        for name, start, end, colour, _ in parts
    ]
    ends = [(bound.log_evidence, 0), (FLOOR, 1), (bound.log_evidence, 1)]
    labels = [
        {"x": x, "y": y, "xref": "x2", "yref": "y2", "text": text, "showarrow": False}
        | {"xanchor": "left", "xshift": 6}
        | {"font": {"size": 14, "color": token("background" if x == FLOOR else colour)}}
        for (x, y), (_, _, _, colour, text) in zip(ends, parts, strict=True)
    ]
    return bars, labels


def _marks(view: View, best_mean: float) -> list[Part]:
    """Return the reader's guess and, when revealed, the computed centre of q."""
    marks = [] if view.guess is None else [(view.guess, view.say("your_guess"), "accent")]
    if view.is_revealed:
        marks.append((best_mean, f"μ {fixed(best_mean)}", "q"))
    return [
        draw.arrow(text, x, 0, colour, 150 + 24 * k) for k, (x, text, colour) in enumerate(marks)
    ]


LESSON = Lesson(
    name="bound",
    words=WORDS,
    controls={
        "x": Slider(0.05, 0.95, 0.01, 0.8, symbol="x", colour="data"),
        "mean": Slider(-3.0, 4.0, 0.02, 0.2, symbol="μ", colour="q"),
        "sd": Slider(0.05, 2.0, 0.01, 0.9, symbol="σ", colour="q"),
    },
    steps=(
        Step("evidence", ("x",), EVIDENCE),
        Step("guess", guess=Guess("x", "best_mean")),
        Step("bound", ("mean", "sd"), SUM),
        Step("jensen", ("mean", "sd"), JENSEN),
        Step("conclusions", (), SUM),
        Step("sandbox", ("x", "mean", "sd"), SUM),
    ),
    picture=picture,
    check="python -m pytest tests/theory/test_moon_model.py",
    sources=(
        "Kingma & Welling 2014, Auto-Encoding Variational Bayes, section 2.2",
        "Bishop 2006, Pattern Recognition and Machine Learning, section 10.1",
    ),
    run={"data": "moon-phases", "latent_dim": 2, "likelihood": "gaussian-learned"},
)
show(LESSON)
