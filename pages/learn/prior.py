"""Lesson: the prior N(0, I) makes the latents of all examples a place to draw z from."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from scipy.stats import norm

from vae.base.numbers import fixed
from vae.base.records import Floats
from vae.config import RunConfig
from vae.dashboard.learn import latents
from vae.dashboard.learn.demonstration import Course, stats
from vae.dashboard.learn.lesson import Choice, Guess, Lesson, Picture, Slider, Step, Values, View
from vae.dashboard.learn.outcomes import Arrays, Outcome
from vae.dashboard.learn.view import show
from vae.dashboard.learn.words.prior import WORDS
from vae.figures.base import SEQUENTIAL, Part, axis, figure
from vae.figures.lesson_parts import arrow, curve, dots, heading, label, legend, sheet
from vae.figures.palette import token
from vae.theory import aggregate, moons

REACH, FAR = 5.0, 8.0  # end of the axes of the maps, at first and with other settings
CELLS = 41  # of the error map in each direction
SAMPLES, DRAWS = 16, 200  # pictures on the screen, draws from the prior in all
COMPONENTS, WIDTH = 20, 0.2  # of a mixture or VampPrior; of the posteriors in the question
Z = np.linspace(-3.2, 3.2, 241)
WORST = 0.25  # distance of a decoded picture to the nearest moon, from which the red is deepest
COMMON = {
    "data": "moon-phases",
    "tilt": 0.0,
    "examples": 60,
    "batch_size": 60,
    "epochs": 700,
    "lr": 0.003,
    "latent_dim": 2,
    "hidden": (64, 64),
    "likelihood": "gaussian",
    "sigma": 0.3,
    "val_share": 0.0,
    "test_share": 0.0,
    "frames": 0,
}
AUTOENCODER = {"posterior": "point", "objective": "reconstruction"}

PULL = (
    r"\underbrace{\mathbb{E}_x[\K{\mathrm{KL}(q(z|x)\|p)}]}_{[[mean_kl]]} = "
    r"\underbrace{I(\X{x}; z)}_{[[mean_kl]]} + "
    r"\underbrace{\K{\mathrm{KL}(q(z)\|p)}}_{[[pieces_kl]]}"
)
RATES = r"\K{\mathrm{KL}(q(z)\,\|\,p(z))} = [[right_kl]]\ \text{[[nats]]}"


class Panel(NamedTuple):
    """One model of the picture: its name in the table of words, and its outcome so far."""

    name: str
    outcome: Outcome | None
    beta: str = ""  # its β, where the reader chooses it

    @property
    def draws(self) -> Floats:
        """Draws from its prior; from N(0, I) without a model."""
        if self.outcome is None:
            return np.random.default_rng(0).standard_normal((DRAWS, 2)).astype(np.float32)
        return self.outcome.arrays["draws"]


def picture(view: View) -> Picture:
    """Draw the latent maps of two models with decoded draws, or a prior made of posteriors."""
    width = WIDTH if view.step == "guess" else view.number("width")
    panels = _panels(view)
    numbers: dict[str, float | str] = {
        "width": WIDTH,
        "means": float(np.sqrt(1 - WIDTH**2)),
        "mean_kl": aggregate.mean_kl(width),
        "pieces_kl": 0.0,
        **_measures("left", panels[0].outcome),
        **_measures("right", panels[1].outcome),
    }
    if view.step in ("guess", "pieces"):
        return Picture(_pieces(view, width), numbers)
    return Picture(_maps(view, panels, numbers), numbers)


def _panels(view: View) -> list[Panel]:
    """Return the model at the left and the one at the right."""
    names = ["autoencoder", "vae"]
    if view.step in ("others", "sandbox"):
        names = ["prior.standard", f"prior.{_prior(view)}"]
    outcomes = [*view.outcomes, *view.outcomes, None, None][:2]
    betas = ["", f" · β = {view.option('beta')}" if view.step in ("beta", "sandbox") else ""]
    return [Panel(*parts) for parts in zip(names, outcomes, betas, strict=True)]


def _prior(view: View) -> str:
    """Return the prior of the model at the right; without a KL no other one can be learned."""
    is_idle = view.step == "sandbox" and view.option("beta") == "0"
    return "standard" if is_idle else view.option("prior")


def _measures(side: str, found: Outcome | None) -> dict[str, float | str]:
    """Return error of the decoded draws, ELBO, and KL of the aggregate posterior to the prior."""
    values = {name: found.number(name) if found else None for name in ("error", "elbo", "kl")}
    written = {n: "∞" if v == np.inf else "–" if v is None else v for n, v in values.items()}
    return {f"{side}_{name}": value for name, value in written.items()}


def shows(course: Course) -> Arrays:
    """Return the means, draws from the prior, their pictures, the errors of the map, numbers."""
    draws, kl = latents.prior_draws(course, DRAWS), latents.aggregate_kl(course)
    pictures, elbo = latents.decoded(course, draws), stats(course).trained
    return {
        "means": latents.means(course),
        "draws": draws,
        "pictures": pictures[:SAMPLES].clip(0, 1),
        "errors": latents.moon_errors(course, FAR, CELLS),
        "error": moons.distance_to_moons(pictures).mean(),
        "elbo": np.array(np.nan if elbo is None else elbo),
        "kl": np.array(np.inf if kl is None else kl),
    }


def _maps(view: View, panels: list[Panel], numbers: Mapping[str, float | str]) -> go.Figure:
    """Return both latent maps, and pictures decoded from draws of the prior below each."""
    traces: list[Part] = []
    labels: list[Part] = []
    shapes: list[Part] = []
    layout: Part = {}
    reach = REACH if view.step in ("models", "samples") else FAR
    for k, (side, panel) in enumerate(zip(("left", "right"), panels, strict=True)):
        x, y = f"x{k + 1}".replace("1", ""), f"y{k + 1}".replace("1", "")
        traces += [part | {"xaxis": x, "yaxis": y} for part in _map(panel, reach)]
        traces += [part | {"xaxis": f"x{k + 3}", "yaxis": f"y{k + 3}"} for part in _strip(panel)]
        shapes += [_ring(sigma, x, y) for sigma in (1, 2) if _is_standard(panel)]
        layout |= _axes(k, x, y, reach)
        error = numbers[f"{side}_error"]
        words = f"{view.say('drawn')} {error if isinstance(error, str) else fixed(error, 3)}"
        middle = 0.24 + 0.52 * k
        labels += [heading(f"<b>{view.say(panel.name)}</b>{panel.beta}", middle)]
        labels += [heading(words, middle, 0.19, "muted"), _z1(x, y)]
    layout["margin"] = {"l": 44, "r": 8, "t": 34, "b": 8}
    return figure(traces, annotations=labels, shapes=shapes, **layout)


def _is_standard(panel: Panel) -> bool:
    return panel.outcome is None or panel.outcome.config.unit_normal


def _axes(k: int, x: str, y: str, reach: float) -> Part:
    """Return the axes of one map, of equal scale, and of the pictures below it."""
    across = [0.52 * k, 0.52 * k + 0.48]
    ends = {"range": [-reach, reach], "constrain": "domain", "dtick": 2}
    hidden = {"visible": False, "constrain": "domain"}
    title = "" if k else "z₂"
    first = {"showticklabels": k == 0}  # both maps have the same heights
    return {
        f"{x}axis".replace("x2axis", "xaxis2"): axis("", domain=across, anchor=y, **ends),
        f"{y}axis".replace("y2axis", "yaxis2"): axis(
            title, domain=[0.32, 1], anchor=x, scaleanchor=x, **first, **ends
        ),
        f"xaxis{k + 3}": hidden | {"domain": across, "anchor": f"y{k + 3}"},
        f"yaxis{k + 3}": hidden
        | {"domain": [0, 0.18], "anchor": f"x{k + 3}", "scaleanchor": f"x{k + 3}"}
        | {"autorange": "reversed"},
    }


def _z1(x: str, y: str) -> Part:
    """Return the name of the horizontal axis inside of its map; below it are words."""
    place = {"xref": f"{x} domain", "yref": f"{y} domain", "xanchor": "right", "yanchor": "bottom"}
    return label("z₁", 1.0, 0.0, "muted", **place)


def _map(panel: Panel, reach: float) -> list[Part]:
    """Return where decoding fails, draws from the prior, and the means of q(z|x); those outside of
    the map are diamonds at its edge."""
    grey = {"color": token("prior", 0.8), "line": {"width": 0}}
    x, y = panel.draws.T
    found = [dots(x, y, "prior", size=4, marker=grey)]
    if panel.outcome is None:
        return found
    colours = {
        "color": latents.lit_shares(panel.outcome.config),
        "colorscale": SEQUENTIAL,
        "cmin": 0,
        "cmax": 1,
    }
    means = panel.outcome.arrays["means"]
    is_outside = (np.abs(means) > reach).any(1)
    if is_outside.any():  # a symbol for each point takes time to draw
        colours["symbol"] = np.where(is_outside, "diamond-tall", "circle").tolist()
    x, y = means.clip(-reach, reach).T
    found.append(dots(x, y, "q", size=10, marker=colours, cliponaxis=False))
    return [_holes(panel.outcome), *found]


def _holes(found: Outcome) -> Part:
    """Return the places of the map whose decoded pictures are far from every real moon."""
    shade = [[0.0, token("failure", 0.0)], [1.0, token("failure", 0.5)]]
    return {
        "type": "heatmap",
        "x": latents.ticks(FAR, CELLS),
        "y": latents.ticks(FAR, CELLS),
        "z": found.arrays["errors"],
        "zmin": 0.05,
        "zmax": WORST,
        "zsmooth": "best",
        "colorscale": shade,
        "showscale": False,
        "hoverinfo": "skip",
    }


def _strip(panel: Panel) -> list[Part]:
    """Return decoded draws as pictures."""
    if panel.outcome is None:
        return []
    return [sheet(panel.outcome.arrays["pictures"], SAMPLES // 2)]


def _ring(sigma: int, x: str, y: str) -> Part:
    line = {"color": token("prior"), "width": 1.5, "dash": "solid" if sigma == 1 else "dot"}
    ends = {"x0": -sigma, "x1": sigma, "y0": -sigma, "y1": sigma}
    return {"type": "circle", "xref": x, "yref": y, "line": line, **ends}


def _pieces(view: View, width: float) -> go.Figure:
    """Return the posteriors of nine examples, the aggregate of all, and the prior."""
    prior = curve(Z, norm.pdf(Z), "prior", filled=True)
    traces, labels = [prior], []
    if view.is_revealed:
        whole = aggregate.posterior_means(width, 401)
        mean = aggregate.densities(Z, whole, width).mean(0)
        each = aggregate.densities(Z, aggregate.posterior_means(width, 9), width)
        traces += [curve(Z, row / 9, "q", line={"width": 1.3}) for row in each]
        traces.append(curve(Z, mean, "q", line={"dash": "dash", "width": 3}))
        rows = (f"– –  {view.say('aggregate')}", f"—  {view.say('ninth')}")
        labels += legend([(text, "q") for text in rows], top=0.97)
    ticks = aggregate.posterior_means(width, 9)
    traces.append(dots(ticks, np.zeros(9), "q", size=9, cliponaxis=False))
    labels.append(label("<b>p(z)</b>", 0, 0.41, "prior", yanchor="bottom"))
    if view.guess is not None and view.step == "guess":
        labels.append(arrow(view.say("your_guess"), view.guess, 0, "accent", 120))
    return figure(
        traces,
        xaxis=axis("z", range=[-3.2, 3.2], dtick=1),
        yaxis=axis(view.say("axis_density"), range=[0, 0.6]),
        annotations=labels,
    )


def models(_: Values) -> list[RunConfig]:
    """Return the autoencoder and the VAE."""
    return [_run(**AUTOENCODER), _run()]


def weighted(values: Values) -> list[RunConfig]:
    """Return the autoencoder and a VAE with the chosen β."""
    return [_run(**AUTOENCODER), _run(beta=float(values["beta"]))]


def priors(values: Values) -> list[RunConfig]:
    """Return the VAE with the standard prior and the one with the chosen prior."""
    return [_run(), _with_prior(values)]


def free(values: Values) -> list[RunConfig]:
    """Return the VAE with β = 1 and N(0, I), and the one with the chosen β and prior."""
    beta = float(values["beta"])
    return [_run(), _with_prior(values, beta=beta) if beta else _run(beta=0.0)]


def _with_prior(values: Values, **settings: Any) -> RunConfig:
    name = str(values["prior"])
    parts = {} if name == "standard" else {"prior_components": COMPONENTS}
    return _run(prior=name, **parts, **settings)


def _run(**settings: Any) -> RunConfig:
    return RunConfig.of(**COMMON | settings)


LESSON = Lesson(
    name="prior",
    words=WORDS,
    controls={
        "width": Slider(0.1, 1.0, 0.05, 0.3, symbol="σ", colour="q"),
        "beta": Choice(("0", "0.01", "0.1", "1", "10"), "0.01", symbol="β", colour="kl"),
        "prior": Choice(("standard", "mixture", "vamp"), "vamp", colour="prior"),
    },
    steps=(
        Step("models", trains=models),
        Step("samples", trains=models),
        Step("guess", guess=Guess("x", "width")),
        Step("pieces", ("width",), PULL),
        Step("beta", ("beta",), RATES, trains=weighted),
        Step("others", ("prior",), RATES, trains=priors, starts={"prior": "vamp"}),
        Step("sandbox", ("beta", "prior"), RATES, trains=free),
    ),
    picture=picture,
    shows=shows,
    check="python -m pytest tests/theory/test_aggregate.py; python -m pytest -m long -k prior",
    sources=(
        "Kingma & Welling 2014, Auto-Encoding Variational Bayes, section 3",
        "Hoffman & Johnson 2016, ELBO Surgery",
        "Tomczak & Welling 2018, VAE with a VampPrior",
    ),
    run={"data": "moon-phases", "latent_dim": 2, "likelihood": "gaussian", "prior": "vamp"}
    | {"epochs": 60, "sigma": 0.3},
)
show(LESSON)
