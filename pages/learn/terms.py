"""Lesson: the two terms of the ELBO, the optimum of each alone, and β as the exchange rate."""

from functools import lru_cache

import numpy as np
import plotly.graph_objects as go

from vae.base.numbers import compact, fixed
from vae.config import RunConfig
from vae.dashboard.learn.demonstration import Course, stats
from vae.dashboard.learn.lesson import Guess, Lesson, Picture, Runs, Slider, Step, Values, View
from vae.dashboard.learn.outcomes import Arrays, Outcome
from vae.dashboard.learn.run_choice import without_bound
from vae.dashboard.learn.run_examples import course_of
from vae.dashboard.learn.view import show
from vae.dashboard.learn.words.terms import WORDS
from vae.figures.base import Part, axis, empty_figure, figure
from vae.figures.lesson_parts import arrow, curve, dots, label, levels
from vae.figures.palette import token
from vae.theory import Doubles, linear_vae, moon_model

X = 0.8  # lit fraction of the moon
TOP = 4.0  # nats, the highest contour
BETAS = np.geomspace(0.02, 64, 60)
NOISE, LATENTS = 0.05, 8  # of the linear model
TRAINED_BETAS = (1.0, 3.0, 9.0)  # β of the trained models
SPECTRUM = linear_vae.eigenvalues("digits")

ELBO = (
    r"\underbrace{\E{\mathrm{ELBO}}}_{[[elbo]]} = "
    r"\underbrace{\R{\mathbb{E}_{q}[\ln p(\X{x}|z)]}}_{[[likelihood]]} - "
    r"\underbrace{\K{\mathrm{KL}(q(z|x)\,\|\,p(z))}}_{[[kl]]}"
)
ERROR = (
    r"\begin{aligned}\underbrace{\R{-\mathbb{E}_{q}[\ln p(\X{x}|z)]}}_{[[reconstruction]]} &= "
    r"\underbrace{\R{\frac{\mathbb{E}_q[(\X{x}-f(z))^2]}{2s^2}}}_{[[squared]]}\\ &\quad + "
    r"\underbrace{\ln s + \tfrac{1}{2}\ln 2\pi}_{[[constant]]}\end{aligned}"
)
BETA = (
    r"\min_q\ \underbrace{\R{-\mathbb{E}_q[\ln p(\X{x}|z)]}}_{[[reconstruction]]} + "
    r"[[beta:1]]\cdot\underbrace{\K{\mathrm{KL}(q\,\|\,p(z))}}_{[[kl]]}"
)
FRONTIER = (
    r"\begin{gathered}R = \sum_{i \le 8} \max\!\big(0, \tfrac{1}{2}\ln"
    r"\tfrac{\lambda_i}{\beta\sigma^2}\big)\\"
    r"D = \sum_{i \le 8} \min(\lambda_i, \beta\sigma^2) + \sum_{i > 8} \lambda_i\end{gathered}"
)


def picture(view: View) -> Picture:
    """Draw the plane of all Gaussians q with the optimum, or the rate–distortion curve."""
    beta = view.number("beta")
    mean, sd = moon_model.best_gaussian(X, beta)
    bound = moon_model.bound(X, mean, sd)
    squared = moon_model.expected_squared_error(X, mean, sd)
    numbers = {
        "beta": beta,
        "elbo": bound.elbo,
        "likelihood": -bound.reconstruction,
        "reconstruction": bound.reconstruction,
        "kl": bound.kl,
        "squared": squared / (2 * moon_model.NOISE**2),
        "constant": moon_model.CONSTANT,
        "mean": mean,
        "mean_of_8": moon_model.best_gaussian(X, 8.0)[0],
    }
    if view.step == "run":
        return _of_run(view, numbers | {"epoch": 0.0})
    if view.step == "frontier":
        return Picture(_frontier(view), numbers)
    return Picture(_plane(view, mean, sd), numbers)


def _of_run(view: View, numbers: dict[str, float]) -> Picture:
    """Draw the way of a run through the plane of both terms, with one of its reports."""
    if view.run is None:
        return Picture(empty_figure(view.say("no_run")), numbers)
    course = course_of(view.run)
    last = len(course.epoch) - 1
    at = round(view.number("training") / 100 * last)
    kl, error = float(course.kl[at]), float(course.reconstruction[at])
    numbers |= {"kl": kl, "reconstruction": error, "likelihood": -error, "elbo": -kl - error}
    rates = np.array([0.0, 1.1 * float(course.kl.max()) + 0.1])
    low, high = float(course.reconstruction.min()), float(course.reconstruction.max())
    margin = 0.08 * (high - low) + 0.1
    dash = {"dash": "dot", "width": 1.5}
    text = f"ELBO {fixed(-kl - error)}"
    drawn = figure(
        [
            curve(rates, kl + error - rates, "elbo", line=dash),
            curve(course.kl, course.reconstruction, "q"),
            dots([kl], [error], "elbo", size=14),
        ],
        xaxis=axis(view.say("axis_kl"), range=list(rates)),
        yaxis=axis(view.say("axis_error"), range=[low - margin, high + margin]),
        annotations=[label(text, kl, error, "elbo", xanchor="left", xshift=12, yshift=12)],
    )
    return Picture(drawn, numbers | {"epoch": float(course.epoch[at])})


def _plane(view: View, mean: float, sd: float) -> go.Figure:
    """Return contours of both terms over mean and width of q, and the path of the optimum."""
    land = moon_model.landscape(X)
    above = land.reconstruction - land.reconstruction.min()
    terms = [(above, "reconstruction"), (land.kl, "kl")]
    traces = [_contours(land.means, land.sds, values, colour) for values, colour in terms]
    numbers = [
        label
        for values, colour in terms
        for label in levels(land.means, land.sds, values, colour, TOP, to_the_right=colour == "kl")
    ]
    path = _path()
    line = {"color": token("elbo"), "width": 2.5}
    is_early = view.step in ("wishes", "gaussian", "guess")
    is_hidden = is_early and not (view.guess and view.is_revealed)
    if not is_hidden:
        traces.append({"type": "scatter", "x": path[0], "y": path[1], "line": line})
        traces[-1] |= {"mode": "lines", "hoverinfo": "skip"}
    if view.step != "guess" or view.is_revealed:
        marker = {"size": 15, "color": token("q"), "line": {"width": 2, "color": token("elbo")}}
        traces.append({"type": "scatter", "x": [mean], "y": [sd], "marker": marker})
        traces[-1] |= {"mode": "markers", "hoverinfo": "skip"}
    return figure(
        traces,
        xaxis=axis(view.say("axis_mean"), range=[-1, 3]),
        yaxis=axis(view.say("axis_sd"), range=[0, 1.6]),
        annotations=[*numbers, *_wishes(view), *_marks(view)],
    )


def _contours(x: Doubles, y: Doubles, values: Doubles, colour: str) -> Part:
    """Return contours of the nats above the least value."""
    return {
        "type": "contour",
        "x": x,
        "y": y,
        "z": values,
        "contours": {"start": 0.5, "end": TOP, "size": 0.5, "coloring": "none"},
        "line": {"color": token(colour, 0.7), "width": 1.3},
        "showscale": False,
        "hoverinfo": "skip",
    }


@lru_cache(maxsize=1)
def _path() -> tuple[Doubles, Doubles]:
    """Return mean and width of the best q for each β."""
    found = np.array([moon_model.best_gaussian(X, float(beta)) for beta in BETAS])
    return found[:, 0], found[:, 1]


def _wishes(view: View) -> list[Part]:
    """Return a label at the optimum of each term alone."""
    best = float(np.log(X / (1 - X)))
    places = [(best, 0.02, "wish_reconstruction", "reconstruction", 16)]
    places += [(0.0, 1.0, "wish_kl", "kl", 22)]
    return [
        {"x": x, "y": y, "text": f"<b>{view.say(key)}</b>", "showarrow": False, "yshift": shift}
        | {"font": {"size": 14, "color": token(colour)}, "bgcolor": token("background", 0.85)}
        for x, y, key, colour, shift in places
    ]


def _marks(view: View) -> list[Part]:
    if view.guess is None or view.step != "guess":
        return []
    return [arrow(view.say("your_guess"), view.guess, 0, "accent", 330)]


def _frontier(view: View) -> go.Figure:
    """Return the exact rate–distortion curve of the linear model, and trained runs on it."""
    thresholds = np.geomspace(0.01, SPECTRUM[0], 120)
    exact = [linear_vae.optimum(SPECTRUM, LATENTS, theta, 1.0) for theta in thresholds]
    curve: Part = {"type": "scatter", "mode": "lines"}
    curve |= {"line": {"color": token("elbo"), "width": 2.5}}
    curve |= {"x": [o.kl for o in exact], "y": [o.distortion for o in exact]}
    trained = [point for o in view.outcomes if (point := _rate_and_distortion(o))]
    runs: Part = {"type": "scatter", "mode": "markers"}
    runs["marker"] = {"size": 13, "color": token("q"), "line": {"width": 1.5}}
    runs["x"], runs["y"] = ([p[k] for p in trained] for k in (0, 1))
    labels = [_goal(beta) for beta in TRAINED_BETAS]
    return figure(
        [curve, runs],
        xaxis=axis(view.say("axis_rate"), range=[0, 12]),
        yaxis=axis(view.say("axis_distortion"), range=[0, 5]),
        annotations=labels,
    )


def _goal(beta: float) -> Part:
    """Return a label at the point of the curve that belongs to a β."""
    best = linear_vae.optimum(SPECTRUM, LATENTS, NOISE, beta)
    place = {"x": best.kl, "y": best.distortion, "ax": 36, "ay": -30, "arrowhead": 2}
    return place | {"text": f"β = {compact(beta)}", "arrowcolor": token("kl"), "standoff": 8}


def shows(course: Course) -> Arrays:
    """Return the trained ELBO and KL."""
    found = stats(course)
    values = {"elbo": found.trained, "kl": found.kl}
    return {name: np.array(np.nan if v is None else v) for name, v in values.items()}


def _rate_and_distortion(found: Outcome) -> tuple[float, float] | None:
    """Return KL and E‖x − E[x|z]‖² of a run."""
    elbo, kl = found.number("elbo"), found.number("kl")
    if elbo is None or kl is None:
        return None
    constant = 0.5 * len(SPECTRUM) * (linear_vae.LOG_2PI + np.log(NOISE))
    return kl, float(2 * NOISE * (-elbo - kl - constant))


def linear_runs(_: Values) -> list[RunConfig]:
    """Return one linear VAE for each β."""
    settings = {"data": "digits", "network": "linear", "likelihood": "gaussian", "lr": 0.03}
    settings |= {"sigma": round(NOISE**0.5, 6), "latent_dim": LATENTS, "epochs": 120, "frames": 0}
    settings |= {"lr_schedule": "cosine", "batch_size": 128, "val_share": 0.0, "test_share": 0.0}
    return [RunConfig.of(**settings, beta=beta) for beta in TRAINED_BETAS]


LESSON = Lesson(
    name="terms",
    words=WORDS,
    controls={
        "beta": Slider(0.1, 16.0, 0.1, 1.0, symbol="β", colour="kl"),
        "training": Slider(0, 100, 1, 100, symbol="%", colour="elbo"),
    },
    steps=(
        Step("wishes", (), ELBO, starts={"beta": 1.0}),
        Step("gaussian", (), ERROR, starts={"beta": 1.0}),
        Step("guess", (), guess=Guess("x", "mean_of_8"), starts={"beta": 8.0}),
        Step("beta", ("beta",), BETA),
        Step("frontier", (), FRONTIER, trains=linear_runs),
        Step("run", ("training",), ELBO),
        Step("sandbox", ("beta",), BETA),
    ),
    picture=picture,
    shows=shows,
    check="python -m pytest tests/theory/test_moon_model.py tests/theory/test_linear_vae.py",
    sources=(
        "Kingma & Welling 2014, Auto-Encoding Variational Bayes, section 2.2",
        "Higgins et al. 2017, β-VAE",
        "Alemi et al. 2018, Fixing a Broken ELBO, section 2",
        "Cover & Thomas 2006, Elements of Information Theory, section 10.3",
    ),
    run={"data": "fashion-mnist-10k", "likelihood": "gaussian-learned", "beta": 4.0},
    runs=Runs(("run",), without_bound),
)
show(LESSON)
