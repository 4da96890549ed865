"""Lesson: every symbol in the picture of a VAE, with its tensor and the line that computes it."""

import numpy as np
import plotly.graph_objects as go

from vae.dashboard.learn.lesson import Choice, Guess, Lesson, Picture, Runs, Step, View
from vae.dashboard.learn.run_choice import without_tensors
from vae.dashboard.learn.run_symbols import SymbolFacts, lesson_facts, line_of, run_facts
from vae.dashboard.learn.view import show
from vae.dashboard.learn.words.symbols import WORDS
from vae.figures.base import Part, axis, figure
from vae.figures.lesson_parts import arrow, label
from vae.figures.palette import token
from vae.theory import Doubles, one_example
from vae.theory.symbols import GROUPS, HEADWORDS, SYMBOLS

Place = tuple[float, float, float, float]  # centre, width and height of a box

BOXES: dict[str, Place] = {
    "x": (1.0, 3.4, 1.6, 1.7),
    "phi": (2.85, 3.4, 1.3, 0.8),
    "q": (4.6, 3.4, 1.65, 2.7),
    "mu": (4.6, 4.0, 1.45, 0.85),
    "sigma": (4.6, 2.75, 1.45, 0.85),
    "eps": (6.4, 5.3, 1.45, 0.85),
    "z": (6.4, 3.4, 1.45, 0.85),
    "prior": (6.4, 1.85, 1.25, 0.7),
    "theta": (8.05, 3.4, 1.3, 0.8),
    "likelihood": (9.9, 3.4, 1.6, 1.7),
    "posterior": (4.6, 5.5, 1.45, 0.7),
    "kl": (4.6, 0.7, 1.25, 0.85),
    "elbo": (6.9, 0.7, 1.25, 0.85),
    "reconstruction": (9.6, 0.7, 1.9, 0.85),
    "evidence": (9.9, 5.5, 1.25, 0.85),
    "beta": (5.75, 1.0, 0.8, 0.5),
    "samples": (7.2, 4.05, 0.9, 0.5),
    "eigenvalue": (1.3, 1.9, 2.3, 0.75),
}
ARROWS = (
    ("x", "phi"),
    ("phi", "q"),
    ("q", "z"),
    ("eps", "z"),
    ("z", "theta"),
    ("theta", "likelihood"),
    ("q", "kl"),
    ("prior", "kl"),
    ("kl", "elbo"),
    ("likelihood", "reconstruction"),
    ("reconstruction", "elbo"),
)
TERMS = (
    r"\E{\mathrm{ELBO}} = \underbrace{\R{\mathbb{E}_q[\ln p(x|z)]}}_{[[fit]]} - "
    r"\underbrace{\K{\mathrm{KL}(q\,\|\,p(z))}}_{[[kl]]} = [[elbo]]"
)


def picture(view: View) -> Picture:
    """Draw the graph of the VAE with the chosen symbol lit."""
    facts, lit = lesson_facts() if view.run is None else run_facts(view.run), _lit(view)
    found = facts.tensors
    symbol = SYMBOLS[lit or "x"]
    shape, value = facts.live(lit or "x")
    english, chinese = HEADWORDS[lit or "x"]
    code = facts.code.get(lit, symbol.code)
    numbers: dict[str, float | str] = {
        "mark": symbol.mark,
        "name": view.say(f"name.{lit or 'x'}"),
        "tensor": symbol.tensor,
        "shape": shape,
        "value": value,
        "code": code,
        "line": line_of(code),
        "english": english,
        "chinese": chinese,
        "example": view.say("example_own" if view.run is None else "example_run"),
        "row": f"#{facts.row}",
        "fit": -float(found["reconstruction"].value.item()),
        "kl": float(found["kl"].value.item()),
        "elbo": float(found["elbo"].value.item()),
        "noise_place": BOXES["eps"][0],
    }
    return Picture(_graph(view, facts, lit), numbers)


def _lit(view: View) -> str:
    """Return the chosen symbol of the step; "" if the step has no choice."""
    return view.option(CHOICES[view.step]) if view.step in CHOICES else ""


def _graph(view: View, facts: SymbolFacts, lit: str) -> go.Figure:
    """Return boxes, arrows and both pictures of the digit."""
    hidden = {"visible": False}
    texts = [_text(view, key, facts) for key in BOXES if key not in ("x", "likelihood")]
    titles = [_above("x"), _above("likelihood"), _above("q")]
    return figure(
        [_image(key, facts.tensors[key].value) for key in ("x", "likelihood")],
        xaxis=axis(range=[0, 10.9]) | hidden,
        yaxis=axis(range=[0, 6.1]) | hidden,
        shapes=[_box(key, key == lit) for key in BOXES],
        annotations=[
            *(_arrow(start, end) for start, end in ARROWS),
            *texts,
            *titles,
            *_guess(view),
        ],
        margin={"l": 4, "r": 4, "t": 8, "b": 8},
    )


def _box(key: str, is_lit: bool) -> Part:
    x, y, width, height = BOXES[key]
    colour = SYMBOLS[key].colour
    dash = "dot" if key in ("posterior", "evidence", "eigenvalue") else "solid"
    faint = 0.0 if key in ("beta", "samples") else 0.5
    return {
        "type": "rect",
        "x0": x - width / 2,
        "x1": x + width / 2,
        "y0": y - height / 2,
        "y1": y + height / 2,
        "line": {
            "color": token(colour, 1.0 if is_lit else faint),
            "width": 4 if is_lit else 1.5,
            "dash": "solid" if is_lit else dash,
        },
        "fillcolor": token(colour, 0.22 if is_lit else 0.04),
        "layer": "below",
    }


def _text(view: View, key: str, facts: SymbolFacts) -> Part:
    """Return the words in a box: its symbol, and below it its value."""
    x, y, _, _ = BOXES[key]
    named = {"phi": "encoder", "theta": "decoder", "reconstruction": "reconstruction_node"}
    words = view.say(named[key]) if key in named else f"<b>{SYMBOLS[key].mark}</b>"
    if key == "samples":
        words = f"× K = {one_example.SAMPLES}"
    if key == "beta":
        words += f" = {facts.live(key)[1]}"
    if key == "eigenvalue":
        words = f"<b>λ₁</b> = {facts.live(key)[1]}<br>{view.say('eigenvalue_node')}"
    with_value = {
        "mu",
        "sigma",
        "eps",
        "z",
        "kl",
        "elbo",
        "reconstruction",
        "evidence",
        "posterior",
    }
    value = f"<br>{facts.live(key)[1]}" if key in with_value else ""
    if key == "q":
        words = ""
    return label(f"{words}{value}", x, y, SYMBOLS[key].colour, font=_font(key))


def _font(key: str) -> Part:
    return {"size": 13, "color": token(SYMBOLS[key].colour)}


def _above(key: str) -> Part:
    x, y, _, height = BOXES[key]
    return label(f"<b>{SYMBOLS[key].mark}</b>", x, y + height / 2, SYMBOLS[key].colour, yshift=12)


def _edge(key: str, towards: tuple[float, float]) -> tuple[float, float]:
    """Return the point of a box's border on the line from its centre to another point."""
    x, y, width, height = BOXES[key]
    across, up = towards[0] - x, towards[1] - y
    share = 0.5 / max(abs(across) / (width + 0.1), abs(up) / (height + 0.1))
    return x + across * share, y + up * share


def _arrow(start: str, end: str) -> Part:
    ends = BOXES[start][:2], BOXES[end][:2]
    (x0, y0), (x1, y1) = _edge(start, ends[1]), _edge(end, ends[0])
    return {
        "x": x1,
        "y": y1,
        "ax": x0,
        "ay": y0,
        "axref": "x",
        "ayref": "y",
        "text": "",
        "arrowhead": 2,
        "arrowwidth": 1.6,
        "arrowcolor": token("muted"),
    }


def _image(key: str, values: Doubles) -> Part:
    """Return an example as a grey picture: (C, H, W), or (D,) as a row."""
    x, y, width, _ = BOXES[key]
    side = width - 0.2
    pixels = values.mean(0) if values.ndim == 3 else values.reshape(1, -1)
    across, down = ((np.arange(n) + 0.5) / n * side - side / 2 for n in pixels.shape[::-1])
    is_grey = values.ndim == 3
    return {
        "type": "heatmap",
        "x": x + across,
        "y": y - down,
        "z": pixels,
        "zmin": 0 if is_grey else pixels.min(),
        "zmax": 1 if is_grey else pixels.max(),
        "colorscale": [[0, "#000000"], [1, "#ffffff"]],
        "showscale": False,
        "hoverinfo": "skip",
    }


def _guess(view: View) -> list[Part]:
    """Return the reader's guess and, when revealed, the place of the noise."""
    if view.step != "guess":
        return []
    marks = []
    if view.guess is not None:
        marks.append(arrow(view.say("your_guess"), view.guess, 4.6, "accent", 50))
    if view.is_revealed:
        place = BOXES["eps"]
        marks.append(arrow(f"ε: {view.say('noise')}", place[0] + 0.7, place[1], "q", 0, ax=90))
    return marks


CHOICES = {
    "inference": "inference",
    "latent": "latent",
    "generative": "generative",
    "objective": "objective",
    "sandbox": "symbol",
}
LESSON = Lesson(
    name="symbols",
    words=WORDS,
    controls={name: Choice(keys, keys[0]) for name, keys in GROUPS.items()},
    steps=(
        Step("inference", ("inference",)),
        Step("guess", guess=Guess("x", "noise_place", 1)),
        Step("latent", ("latent",)),
        Step("generative", ("generative",)),
        Step("objective", ("objective",), TERMS),
        Step("bridge"),
        Step("sandbox", ("symbol",)),
    ),
    picture=picture,
    check="python -m pytest tests/theory/test_symbols.py",
    sources=(
        "Kingma & Welling 2014, Auto-Encoding Variational Bayes, sections 2 and 3",
        "Bishop 2006, Pattern Recognition and Machine Learning, section 10.1",
        "邱锡鹏, 神经网络与深度学习, 第 1 版第 13 章 深度生成模型",
    ),
    run={"data": "digits", "latent_dim": 2, "network": "linear", "likelihood": "gaussian"},
    runs=Runs(tuple(CHOICES), without_tensors, has_own_example=True),
)
show(LESSON)
