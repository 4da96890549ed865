"""Lesson: mean-field inference by coordinate ascent, and the changes by amortisation."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from scipy import stats

from vae.base.numbers import fixed
from vae.config import RunConfig
from vae.dashboard.learn import latents
from vae.dashboard.learn.demonstration import Course, epoch_curve
from vae.dashboard.learn.lesson import Guess, Lesson, Picture, Slider, Step, Values, View
from vae.dashboard.learn.outcomes import Arrays, Outcome
from vae.dashboard.learn.view import show
from vae.dashboard.learn.words.mean_field import WORDS
from vae.figures.base import Part, axis, figure
from vae.figures.lesson_parts import arrow, curve, heading, legend
from vae.figures.palette import token
from vae.theory import Doubles, mean_field

X = (1.0, 2.0, 3.0, 4.0, 5.0)
START = (-1.4, 1.2)  # of the means in the correlated Gaussian
RHO = 0.9
MEANS, PRECISIONS = np.linspace(-0.5, 5.5, 81), np.linspace(0.01, 1.2, 80)
PLANE = np.linspace(-3, 3, 81)
LOWEST = -560.0  # of the axis of the mixture's bound, which starts far below
SETTINGS: dict[str, Any] = {  # of the VAE of the same points
    "data": "mixture",
    "examples": mean_field.POINTS,
    **mean_field.CLUSTERS,
    "latent_dim": 2,
    "likelihood": "gaussian-learned",
    "hidden": (32,),
}
TRAINED: dict[str, Any] = {"epochs": 300, "lr": 0.01, "lr_schedule": "cosine", "batch_size": 50}
WITHOUT_FILES: dict[str, Any] = {"val_share": 0.0, "test_share": 0.0, "frames": 0}

UPDATE = r"\ln \Q{q_j^{*}(z_j)} = \mathbb{E}_{\Q{q_{i \ne j}}}[\ln p(\X{x}, z)] + C"
AMORTISED = (
    r"\underbrace{\E{\mathrm{ELBO}}(\Q{q^*})}_{[[best_elbo]]} - "
    r"\underbrace{\E{\mathrm{ELBO}}(\Q{q(z|x)})}_{[[encoder_elbo]]} = [[amortisation:3]]"
    r"\ \text{[[nats]]}"
)
SUM = (
    r"\underbrace{\ln p(\X{x})}_{[[evidence:3]]} = \underbrace{\E{\mathrm{ELBO}}}_{[[elbo:3]]} + "
    r"\underbrace{\T{\mathrm{KL}(q\,\|\,p(z|x))}}_{[[gap:3]]}"
)
WIDTH = (
    r"\begin{gathered}\Q{\sigma_i^2} = 1/\Lambda_{ii} = 1 - \rho^2 = [[variance]] \;<\; 1\\"
    r"\T{\mathrm{KL}(q\,\|\,p)} = [[pair_gap:3]]\ \text{[[nats]]}\end{gathered}"
)
MIXTURE = (
    r"\underbrace{\E{\mathrm{ELBO}}}_{[[mixture_elbo]]}\ \text{[[nats]]}"
    r"\qquad \text{[[alive_name]]}\ [[alive:0]]\,/\,6"
)


def picture(view: View) -> Picture:
    """Draw one of the three models at the sweep of the controls."""
    sweeps, rho = int(view.number("sweeps")), view.number("rho")
    q, exact = mean_field.unknown_gaussian(X, sweeps), mean_field.exact_gaussian(X)
    pair = mean_field.correlated_gaussian(rho, sweeps, START)
    course = mean_field.mixture_course()
    fitted = course[int(view.number("rounds"))]
    numbers: dict[str, float | str] = {
        "evidence": exact.elbo,
        "elbo": q.elbo,
        "gap": exact.elbo - q.elbo,
        "variance": pair.sd**2,
        "pair_gap": pair.gap,
        "sd_of_09": float(np.sqrt(1 - RHO**2)),
        "mixture_elbo": fitted.elbo,
        "alive": int((fitted.weights > 0.02).sum()),
        "alive_name": view.say("alive"),
        **_amortised(view.outcomes),
    }
    return Picture(DRAWN.get(view.step, _mixture)(view), numbers)


def _amortised(outcomes: Sequence[Outcome]) -> dict[str, float | str]:
    """Return the mean ELBO of the encoder and of the best q, and their gap, of a trained VAE."""
    found = [outcomes[0].number(n) for n in ("encoder", "best")] if outcomes else [None, None]
    if found[0] is None or found[1] is None:
        return dict.fromkeys(("encoder_elbo", "best_elbo", "amortisation"), "–")
    encoder, best = found[0], found[1]
    return {"encoder_elbo": encoder, "best_elbo": best, "amortisation": best - encoder}


def _unknown(view: View) -> go.Figure:
    """Return the exact posterior of mean and precision, and the factorised q."""
    q = mean_field.unknown_gaussian(X, int(view.number("sweeps")))
    exact = mean_field.exact_gaussian(X)
    mu, tau = np.meshgrid(MEANS, PRECISIONS)
    normal, gamma = stats.norm.pdf, stats.gamma.pdf
    joint = normal(mu, exact.mean, (exact.precision * tau) ** -0.5)
    joint = joint * gamma(tau, exact.a, scale=1 / exact.b)
    product = normal(mu, q.mean, q.precision**-0.5) * gamma(tau, q.a, scale=1 / q.b)
    return figure(
        [
            _density(MEANS, PRECISIONS, joint, "posterior"),
            _density(MEANS, PRECISIONS, product, "q"),
        ],
        xaxis=axis(view.say("axis_mean"), range=[MEANS[0], MEANS[-1]]),
        yaxis=axis(view.say("axis_precision"), range=[0, 1.2]),
        annotations=_legend(view),
    )


def _density(x: Doubles, y: Doubles, density: Doubles, colour: str) -> Part:
    """Return contours at equal shares of the peak."""
    return {
        "type": "contour",
        "x": x,
        "y": y,
        "z": density / density.max(),
        "contours": {"start": 0.1, "end": 0.9, "size": 0.2, "coloring": "none"},
        "line": {"color": token(colour), "width": 2},
        "showscale": False,
        "hoverinfo": "skip",
    }


def _legend(view: View) -> list[Part]:
    rows = [(view.say("exact"), "posterior"), (view.say("factorised"), "q")]
    return legend(rows, step=0.06, right=True)


def _pair(view: View) -> go.Figure:
    """Return the correlated Gaussian, its factorised approximation and the path of the mean."""
    rho, sweeps = view.number("rho"), int(view.number("sweeps"))
    q = mean_field.correlated_gaussian(rho, sweeps, START)
    x, y = np.meshgrid(PLANE, PLANE)
    exact = np.exp(-0.5 * (x**2 - 2 * rho * x * y + y**2) / (1 - rho**2))
    traces = [_density(PLANE, PLANE, exact, "posterior")]
    if view.is_revealed:
        mean = q.path[-1]
        squares = (x - mean[0]) ** 2 + (y - mean[1]) ** 2
        traces.append(_density(PLANE, PLANE, np.exp(-0.5 * squares / q.sd**2), "q"))
        path: Part = {"type": "scatter", "x": q.path[:, 0], "y": q.path[:, 1]}
        path |= {"mode": "lines+markers", "marker": {"size": 5, "color": token("q")}}
        traces.append(path | {"line": {"color": token("q", 0.6), "width": 1.5, "dash": "dot"}})
    return figure(
        traces,
        xaxis=axis("z₁", range=[-3, 3], constrain="domain"),
        yaxis=axis("z₂", range=[-3, 3], scaleanchor="x", constrain="domain"),
        annotations=[*_legend(view), *_guess(view)],
    )


def _guess(view: View) -> list[Part]:
    if view.guess is None or view.step != "guess":
        return []
    return [arrow(view.say("your_guess"), view.guess, 0, "accent", 160)]


def _mixture(view: View) -> go.Figure:
    """Return the points by their component, a circle a component, and the bound so far."""
    rounds, course = int(view.number("rounds")), mean_field.mixture_course()
    fitted, x = course[rounds], mean_field.points()
    owner = fitted.responsibilities.argmax(1)
    colours = [token(f"class{k}") for k in owner]
    dots: Part = {"type": "scatter", "mode": "markers", "x": x[:, 0], "y": x[:, 1]}
    dots |= {"marker": {"size": 7, "color": colours}, "hoverinfo": "skip"}
    circles = [_circle(fitted, k) for k in range(len(fitted.weights))]
    weights = [_weight(fitted, k) for k in range(len(fitted.weights)) if fitted.weights[k] > 0.02]
    elbos = [q.elbo for q in course]
    curve: Part = {"type": "scatter", "mode": "lines", "xaxis": "x2", "yaxis": "y2"}
    curve |= {"x": np.arange(len(elbos)), "y": elbos, "line": {"color": token("elbo"), "width": 2}}
    now = curve | {"x": [rounds], "y": [max(elbos[rounds], LOWEST)], "mode": "markers"}
    shape = "circle" if elbos[rounds] >= LOWEST else "triangle-down"
    now |= {"marker": {"size": 11, "color": token("accent"), "symbol": shape}, "cliponaxis": False}
    return figure(
        [dots, *circles, curve, now],
        xaxis=axis("x₁", domain=[0, 1], range=[-4.6, 4.6], constrain="domain"),
        yaxis=axis("x₂", domain=[0.38, 1], range=[-3, 3.7], scaleanchor="x", constrain="domain"),
        xaxis2=axis(view.say("axis_sweep"), anchor="y2", range=[-1, len(elbos)]),
        yaxis2=axis(view.say("axis_elbo"), domain=[0, 0.22], anchor="x2", range=[LOWEST, -400]),
        annotations=weights,
    )


def _beside_vae(view: View) -> go.Figure:
    """Return the points by their component, and the same points in the latent plane of a VAE with
    its ELBO over the epochs; one colour for one point."""
    fitted, x = mean_field.mixture_course()[-1], mean_field.points()
    colours = [token(f"class{k}") for k in fitted.responsibilities.argmax(1)]
    dots: Part = {"type": "scatter", "mode": "markers", "hoverinfo": "skip"}
    dots |= {"marker": {"size": 6, "color": colours}}
    traces = [dots | {"x": x[:, 0], "y": x[:, 1]}]
    found = view.outcomes[0] if view.outcomes else None
    if found is not None:
        means, (epochs, elbos) = found.arrays["means"], found.arrays["curve"]
        traces.append(dots | {"x": means[:, 0], "y": means[:, 1], "xaxis": "x2", "yaxis": "y2"})
        traces.append(curve(epochs, elbos, "elbo", xaxis="x3", yaxis="y3"))
    left, right = [0, 0.46], [0.54, 1]
    ends: Part = {"constrain": "domain"}
    return figure(
        traces,
        xaxis=axis("x₁", domain=left, range=[-4.2, 4.2], **ends),
        yaxis=axis("x₂", domain=[0.4, 0.96], range=[-4.2, 4.2], scaleanchor="x", **ends),
        xaxis2=axis("z₁", domain=right, range=[-3.5, 3.5], anchor="y2", **ends),
        yaxis2=axis("z₂", domain=[0.4, 0.96], range=[-3.5, 3.5], anchor="x2", **ends)
        | {"scaleanchor": "x2"},
        xaxis3=axis(view.say("axis_epoch"), anchor="y3", range=[0, TRAINED["epochs"]]),
        yaxis3=axis(view.say("axis_example"), domain=[0, 0.22], anchor="x3", range=[-6, -2.5]),
        annotations=[
            heading(f"<b>{view.say('by_mean_field')}</b>", sum(left) / 2),
            heading(f"<b>{view.say('by_vae')}</b>", sum(right) / 2),
        ],
    )


def shows(course: Course) -> Arrays:
    """Return the means of q(z|x), the ELBO of each epoch, and at the end that of the best q."""
    encoder, best = latents.mean_elbos(course) if course.is_done else (np.nan, np.nan)
    return {
        "means": latents.means(course),
        "curve": epoch_curve(course, "train", "elbo"),
        "encoder": np.array(encoder),
        "best": np.array(best),
    }


def amortised(_: Values) -> list[RunConfig]:
    """Return the VAE of the same points."""
    return [RunConfig.of(**SETTINGS | TRAINED | WITHOUT_FILES)]


def _circle(fitted: mean_field.Mixture, k: int) -> Part:
    """Return the circle of two standard deviations around the mean of a component."""
    angle = np.linspace(0, 2 * np.pi, 60)
    radius = _radius(fitted, k)
    opacity = 0.15 + 0.85 * min(1.0, 3 * float(fitted.weights[k]))
    is_alive = fitted.weights[k] > 0.02
    return {
        "type": "scatter",
        "mode": "lines",
        "x": fitted.means[k, 0] + radius * np.cos(angle),
        "y": fitted.means[k, 1] + radius * np.sin(angle),
        "line": {
            "color": token(f"class{k}" if is_alive else "prior", opacity),
            "width": 2.5 if is_alive else 1,
            "dash": "solid" if is_alive else "dot",
        },
        "hoverinfo": "skip",
    }


def _radius(fitted: mean_field.Mixture, k: int) -> float:
    return float(2 * np.sqrt(mean_field.SPREAD**2 + fitted.variances[k]))


def _weight(fitted: mean_field.Mixture, k: int) -> Part:
    """Return the weight above the circle, or below it where it overlaps that of a heavier one."""
    text = f"<b>{fixed(float(fitted.weights[k]))}</b>"
    heavier = fitted.means[fitted.weights > fitted.weights[k]]
    radius = _radius(fitted, k)
    is_alone = (np.linalg.norm(heavier - fitted.means[k], axis=1) > 2 * radius).all()
    way, anchor = (1, "bottom") if is_alone else (-1, "top")
    place = {"x": fitted.means[k, 0], "y": fitted.means[k, 1] + way * radius, "text": text}
    look = {"bgcolor": token("background", 0.8), "font": {"size": 13}, "borderpad": 0}
    return place | look | {"showarrow": False, "yanchor": anchor, "yshift": 2 * way}


DRAWN = {
    "factor": _unknown,
    "guess": _pair,
    "correlated": _pair,
    "amortised": _beside_vae,
}
LESSON = Lesson(
    name="mean_field",
    words=WORDS,
    controls={
        "sweeps": Slider(0, 8, 1, 0),
        "rho": Slider(-0.95, 0.95, 0.05, RHO, symbol="ρ", colour="posterior"),
        "rounds": Slider(0, 40, 1, 0),
    },
    steps=(
        Step("factor", ("sweeps",), SUM, starts={"sweeps": 0.0}),
        Step("guess", (), guess=Guess("x", "sd_of_09"), starts={"sweeps": 8.0, "rho": RHO}),
        Step("correlated", ("rho", "sweeps"), WIDTH, starts={"sweeps": 3.0}),
        Step("mixture", ("rounds",), MIXTURE, starts={"rounds": 0.0}),
        Step("amortised", (), AMORTISED, starts={"rounds": 40.0}, trains=amortised),
        Step("family", ("rounds",), UPDATE, starts={"rounds": 40.0}),
    ),
    picture=picture,
    shows=shows,
    check="python -m pytest tests/theory/test_mean_field.py tests/analysis/test_amortisation.py",
    sources=(
        "Bishop 2006, Pattern Recognition and Machine Learning, sections 10.1 and 10.2",
        "Hoffman, Blei, Wang & Paisley 2013, Stochastic Variational Inference",
        "Kingma & Welling 2014, Auto-Encoding Variational Bayes, section 2.3",
    ),
    run=SETTINGS | TRAINED,
)
show(LESSON)
