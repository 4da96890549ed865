"""Lesson: common failures of training, their curves, the product's diagnosis, and a cure."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from vae.config import RunConfig
from vae.dashboard.learn import latents
from vae.dashboard.learn.demonstration import Course, diagnosis, epoch_curve, stats
from vae.dashboard.learn.lesson import Choice, Guess, Lesson, Picture, Slider, Step, Values, View
from vae.dashboard.learn.outcomes import Arrays, Outcome
from vae.dashboard.learn.view import show
from vae.dashboard.learn.words.failures import WORDS
from vae.figures.base import Part, axis, figure, note
from vae.figures.lesson_parts import RIGHT, arrow, curve, heading, label, sheet
from vae.theory import Doubles, linear_vae

SPECTRUM = linear_vae.eigenvalues("digits")
LATENTS = 6
SIGMAS = np.linspace(0.1, 1.2, 111)
QUESTION = 4.0  # β of the question
GAP = 0.08  # between two columns, a share of the width
EXAMPLES = 8  # originals, reconstructions and draws
SPLITS: dict[str, Part] = {"train": {"width": 1.5}, "val": {"width": 2.5, "dash": "dot"}}
COLOURS = ("kl", "reconstruction")  # of the curves over σ
STEEP = 2  # epochs left out of the range of the axes
COMMON: dict[str, Any] = {
    "data": "digits",
    "batch_size": 128,
    "epochs": 40,
    "lr": 0.003,
    "latent_dim": LATENTS,
    "hidden": (64, 64),
    "val_share": 0.2,
    "test_share": 0.0,
    "frames": 0,
}
FIXED: dict[str, Any] = {"likelihood": "gaussian", "sigma": 0.2}
FEW: dict[str, Any] = {
    "examples": 200,
    "val_share": 0.5,
    "batch_size": 20,
    "epochs": 250,
    "hidden": (128, 128),
}
FEW |= {"likelihood": "gaussian-learned", "lr": 0.006, "latent_dim": 10}
QUICK: dict[str, Any] = {"lr": 0.01, "batch_size": 48, "epochs": 60}

Settings = dict[str, Any]
FAILURES: dict[str, tuple[Settings, Settings]] = {  # name → settings that fail, their cure
    "collapse": (FIXED | {"beta": 40.0}, FIXED | {"beta": 1.0}),
    "blur": (FIXED | {"sigma": 0.45}, FIXED),
    "overfitting": (FEW, FEW | {"patience": 18}),
    "floor": (
        QUICK | {"likelihood": "gaussian-per-dimension"},
        QUICK | {"likelihood": "gaussian-learned"},
    ),
    "warmup": (FIXED | {"beta_schedule": "warmup:4000"}, FIXED | {"beta_schedule": "warmup:10"}),
    "holes": (FIXED | {"beta": 0.01}, FIXED | {"beta": 1.0}),
}

THRESHOLD = r"\sigma = \sqrt{\lambda_1 / \beta} = [[closes:3]]"
FOUND = (
    r"\text{[[left_name]]} & \!\E{\mathrm{ELBO}} = [[left_elbo]] & \!"
    r"\K{\mathrm{KL}} = [[left_kl]]\ \text{[[nats]]}"
)
CURED = (
    r"\text{[[right_name]]} & \!\E{\mathrm{ELBO}} = [[right_elbo]] & \!"
    r"\K{\mathrm{KL}} = [[right_kl]]\ \text{[[nats]]}"
)
ONE = rf"\begin{{array}}{{lll}}{FOUND}\end{{array}}"
BOTH = rf"\begin{{array}}{{lll}}{FOUND}\\{CURED}\end{{array}}"


def picture(view: View) -> Picture:
    """Draw the KL of the exact model over σ, or the curves and pictures of the runs."""
    beta = QUESTION if view.step == "guess" else view.number("beta")
    failure = view.option("failure")
    outcomes = [*view.outcomes, None, None][:2]
    numbers: dict[str, float | str] = {
        "closes": float(np.sqrt(SPECTRUM[0] / beta)),
        "largest": float(SPECTRUM[0]),
        "story": view.say(f"story.{failure}"),
        "remedy": view.say(f"remedy.{failure}"),
        **_measures(view, "left", "fails", outcomes[0]),
        **_measures(view, "right", "cured", outcomes[1]),
    }
    if view.step in ("noise", "guess"):
        return Picture(_collapse(view, beta), numbers)
    return Picture(_runs(view, outcomes[: 1 if view.step == "fails" else 2]), numbers)


def _measures(view: View, side: str, name: str, found: Outcome | None) -> dict[str, float | str]:
    """Return the trained validation ELBO and KL, and the names of the findings."""
    elbo, kl = (found.number(n) if found else None for n in ("elbo", "kl"))
    return {
        f"{side}_name": view.say(name),
        f"{side}_elbo": "–" if elbo is None else elbo,
        f"{side}_kl": "–" if kl is None else kl,
        f"{side}_found": _diagnosis(view, found),
    }


def shows(course: Course) -> Arrays:
    """Return the curves of both splits, the trained values, findings, reconstructions, draws."""
    originals, found = course.examples.originals[:EXAMPLES], stats(course)
    drawn = latents.decoded(course, latents.prior_draws(course, EXAMPLES))
    values = {"elbo": found.trained, "kl": found.kl}
    return {
        **{f"{s}_{n}": epoch_curve(course, s, n) for s in SPLITS for n in values},
        **{name: np.array(np.nan if v is None else v) for name, v in values.items()},
        "findings": np.array(tuple(diagnosis(course).findings) if course.is_done else (), str),
        "pictures": np.concatenate([originals, latents.reconstructed(course, originals), drawn]),
    }


def _diagnosis(view: View, found: Outcome | None) -> str:
    if found is None or not found.is_done:
        return "–"
    names = found.arrays["findings"]
    return view.say("and").join(view.say(f"check.{n}") for n in names) or view.say("nothing")


def _collapse(view: View, beta: float) -> go.Figure:
    """Return KL and squared error of the optimal linear model for each fixed σ."""
    exact = [linear_vae.optimum(SPECTRUM, LATENTS, float(s**2), beta) for s in SIGMAS]
    is_drawn = (1.2 if view.is_revealed else 0.2) >= SIGMAS
    kl, error = (np.array([getattr(o, n) for o in exact])[is_drawn] for n in ("kl", "distortion"))
    curves = zip((kl, error), COLOURS, strict=True)
    traces = [curve(SIGMAS[is_drawn], y, colour) for y, colour in curves]
    labels = _names(view, float(kl[0]), float(error[0]))
    closes = float(np.sqrt(SPECTRUM[0] / beta))
    if view.is_revealed and closes <= SIGMAS[-1]:
        labels.append(arrow(view.say("collapse"), closes, 0, "failure", 110))
    if view.guess is not None and view.step == "guess":
        labels.append(arrow(view.say("your_guess"), view.guess, 0, "accent", 190))
    return figure(
        traces,
        xaxis=axis(view.say("axis_sigma"), range=[0.1, 1.2]),
        yaxis=axis(view.say("axis_nats"), range=[0, 12]),
        annotations=labels,
    )


def _names(view: View, kl: float, error: float) -> list[Part]:
    """Return the names of both curves. As long as the answer is hidden they stand beside the
    visible parts, which begin at `kl` and `error`."""
    shift: Part = {}
    places = [(1.0, 0.6), (1.0, float(SPECTRUM.sum()) + 0.5)]
    if not view.is_revealed:
        places, shift = [(0.1, kl), (0.1, error - 0.5)], RIGHT
    keys = zip(("kl", "squared_error"), places, COLOURS, strict=True)
    return [label(view.say(key), *place, colour, **shift) for key, place, colour in keys]


def _runs(view: View, outcomes: Sequence[Outcome | None]) -> go.Figure:
    """Return ELBO, KL and reconstructions of one run or of two, in columns of equal scale."""
    traces: list[Part] = []
    layout: Part = {}
    labels: list[Part] = []
    there = [found for found in outcomes if found is not None]
    epochs = [0.0, float(max([found.config.epochs for found in there], default=40))]
    highest = float(np.max([1.0, *(1.1 * _late(there, "kl"))]))
    ends = epochs, _range(_late(there, "elbo")), [0, highest]
    for k, found in enumerate(outcomes):
        width = (0.98 - GAP * (len(outcomes) - 1)) / len(outcomes)
        across = [k * (width + GAP), k * (width + GAP) + width]
        rows = [2 * k + 1, 2 * k + 2, 9 + k]
        layout |= _axes(view, rows, across, ends)
        traces += [] if found is None else _traces(found, rows)
        name = ("fails", "cured")[k]
        setting = view.say(f"{name}.{view.option('failure')}")
        title = f"<b>{view.say(name)}</b> · {setting}"
        labels.append(heading(title, sum(across) / 2))
    if not there:
        labels.append(note(view.say("press"), x=0.5, y=0.8) | {"font": {"size": 15}})
    margin = {"l": 60, "r": 8, "t": 30, "b": 8}
    return figure(traces, annotations=labels, margin=margin, **layout)


def _late(outcomes: Sequence[Outcome], name: str) -> Doubles:
    """Return the values of a curve without the first steep epochs."""
    curves = [found.arrays[f"{split}_{name}"] for found in outcomes for split in SPLITS]
    return np.concatenate([np.zeros(0), *(values[epoch > STEEP] for epoch, values in curves)])


def _range(values: Doubles) -> list[float]:
    """Return a range above the lower tenth of the values."""
    low, high = np.quantile(values, [0.1, 1.0]) if len(values) else (-20.0, 20.0)
    return [float(low - 0.1 * (high - low) - 1), float(high + 0.1 * (high - low) + 1)]


def _axes(view: View, rows: list[int], across: list[float], ends: tuple[list[float], ...]) -> Part:
    """Return the axes of ELBO, KL and pictures of a column."""
    upper, lower, tiles = rows
    first = upper == 1
    titles = ("ELBO", "KL") if first else ("", "")
    hidden = {"visible": False, "constrain": "domain"}
    names = {n: "" if n == 1 else str(n) for n in rows}
    common = {"domain": across, "range": ends[0]}
    epochs = axis(view.say("axis_epoch"), anchor=f"y{lower}", **common)
    return {
        f"xaxis{names[upper]}": axis("", anchor=f"y{names[upper]}", **common),
        f"yaxis{names[upper]}": axis(
            titles[0], domain=[0.62, 1], anchor=f"x{names[upper]}", range=ends[1]
        ),
        f"xaxis{lower}": epochs,
        f"yaxis{lower}": axis(titles[1], domain=[0.32, 0.54], anchor=f"x{lower}", range=ends[2]),
        f"xaxis{tiles}": hidden | {"domain": across, "anchor": f"y{tiles}"},
        f"yaxis{tiles}": hidden
        | {"domain": [0, 0.2], "anchor": f"x{tiles}", "scaleanchor": f"x{tiles}"}
        | {"autorange": "reversed"},
    }


def _traces(outcome: Outcome, rows: list[int]) -> list[Part]:
    """Return ELBO and KL of both splits, and originals, reconstructions and draws in rows."""
    found = []
    for split, line in SPLITS.items():
        for number, name in zip(rows, ("elbo", "kl"), strict=False):
            place: Part = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
            epochs, values = outcome.arrays[f"{split}_{name}"]
            found.append(curve(epochs, values, name, line=line, **place))
    tiles = sheet(outcome.arrays["pictures"].clip(0, 1), EXAMPLES)
    return [*found, tiles | {"xaxis": f"x{rows[2]}", "yaxis": f"y{rows[2]}"}]


def failing(values: Values) -> list[RunConfig]:
    """Return the run that fails."""
    return [RunConfig.of(**COMMON | FAILURES[str(values["failure"])][0])]


def both(values: Values) -> list[RunConfig]:
    """Return the run that fails and its cure."""
    return [RunConfig.of(**COMMON | settings) for settings in FAILURES[str(values["failure"])]]


LESSON = Lesson(
    name="failures",
    words=WORDS,
    controls={
        "beta": Slider(1.0, 16.0, 0.5, 1.0, symbol="β", colour="kl"),
        "failure": Choice(tuple(FAILURES), "collapse", colour="failure"),
    },
    steps=(
        Step("noise", ("beta",), THRESHOLD),
        Step("guess", guess=Guess("x", "closes")),
        Step("fails", ("failure",), ONE, trains=failing),
        Step("cure", ("failure",), BOTH, trains=both),
        Step("sandbox", ("failure",), BOTH, trains=both),
    ),
    picture=picture,
    shows=shows,
    check="python -m pytest -m long tests/pages/test_failures_lesson.py",
    sources=(
        "Lucas, Tucker, Grosse & Norouzi 2019, Don't Blame the ELBO!",
        "Mattei & Frellsen 2018, Leveraging the Exact Likelihood of Deep Latent Variable Models",
        "Sønderby et al. 2016, Ladder Variational Autoencoders",
    ),
    run={**COMMON, **FIXED, "beta": 40.0, "frames": 32},
)
show(LESSON)
