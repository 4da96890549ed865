"""Lesson: pictures of the moon, without their phases, and the two goals."""

import numpy as np
import plotly.graph_objects as go

from vae.base.numbers import fixed
from vae.base.records import Floats
from vae.config import RunConfig
from vae.dashboard.learn.demonstration import Course, decoded_path
from vae.dashboard.learn.lesson import Guess, Lesson, Picture, Slider, Step, Values, View
from vae.dashboard.learn.outcomes import Arrays
from vae.dashboard.learn.view import show
from vae.dashboard.learn.words.goals import WORDS
from vae.figures.base import Part, axis, figure
from vae.figures.lesson_parts import arrow, dots, label, sheet
from vae.figures.palette import token
from vae.theory import moons

SHUFFLED = np.random.default_rng(5).permutation(24)
EXAMPLES = 24
WAY, EVERY = 33, 4  # places between full and half moon; every fourth is in the strip
SIZE, GAP = 28, 18  # pixels of a picture, and above it for the name of its row
ENLARGED = 1.5  # the picture at t, beside its strip
SHARES = np.linspace(-0.25, 1.25, 301)
COMMON = {
    "data": "moon-phases",
    "tilt": 0.0,
    "examples": EXAMPLES,
    "batch_size": EXAMPLES,
    "epochs": 800,
    "latent_dim": 2,
    "hidden": (128, 128),
    "likelihood": "gaussian",
    "sigma": 0.2,
    "val_share": 0.0,
    "test_share": 0.0,
    "frames": 0,
}
MODELS: tuple[dict[str, str], ...] = ({}, {"posterior": "point", "objective": "reconstruction"})

GOALS = r"\text{[[infer]]}\ \Q{q(z|x)} \qquad \text{[[generate]]}\ p(\X{x}|z),\ \P{z \sim p(z)}"
PATH = r"z = (1 - t)\,z_0 + t\,z_1 \qquad t = [[way]]"
LIKELIHOOD = (
    r"\underbrace{\tfrac{1}{N}\textstyle\sum_n \ln p(\X{x_n})}_{[[score:3]]} \;\le\; "
    r"\underbrace{\mathbb{E}[\ln p^{*}(\X{x})]}_{[[highest:3]]}\ \text{[[nats]]}"
)


def picture(view: View) -> Picture:
    """Draw moons, the distribution of their lit share, or strips from full to half moon."""
    components = int(view.number("components"))
    strips = {"pixels": pixels()}
    strips |= {name: o.arrays["strip"] for name, o in zip(ROWS, view.outcomes, strict=False)}
    measured = strips.items() if view.step == "between" else ()
    errors = {name: _error(strip) for name, strip in measured}
    numbers: dict[str, float | str] = {
        "score": moons.mixture(components)[-1],
        "highest": moons.HIGHEST,
        "rarest": 0.5,
        "way": view.number("way"),
        "infer": view.say("infer"),
        "generate": view.say("generate"),
        **{f"error_{name}": errors.get(name, "–") for name in ROWS},
    }
    if view.step in ("moons", "goals"):
        return Picture(_gallery(view), numbers)
    if view.step == "between":
        return Picture(_between(view, strips), numbers)
    return Picture(_shares(view, components), numbers)


def _gallery(view: View) -> go.Figure:
    """Return 24 moons, in a random order or by their phase."""
    pictures = moons.upright_moons(25)[:24]
    pictures = pictures[SHUFFLED] if view.step == "moons" else pictures
    return figure([sheet(pictures, 6)], **_blank())


def _blank() -> Part:
    hidden = {"visible": False, "constrain": "domain"}
    down = {**hidden, "autorange": "reversed", "scaleanchor": "x"}
    return {"xaxis": hidden, "yaxis": down, "margin": {"l": 8, "r": 8, "t": 8, "b": 8}}


def _shares(view: View, components: int) -> go.Figure:
    """Return the histogram of lit shares over a month, and the mixture of K Gaussians."""
    bars: Part = {"type": "histogram", "x": moons.month(), "histnorm": "probability density"}
    bars |= {"xbins": {"start": 0, "end": 1, "size": 0.05}, "hoverinfo": "skip"}
    traces = [bars | {"marker": {"color": token("data", 0.55)}}]
    if view.step == "guess" and not view.is_revealed:
        traces = []
    if view.step in ("mixture", "sandbox"):
        curve: Part = {"type": "scatter", "mode": "lines", "x": SHARES, "hoverinfo": "skip"}
        curve["y"] = moons.mixture_density(components, SHARES)
        traces.append(curve | {"line": {"color": token("elbo"), "width": 2.5}})
    guess = [] if view.guess is None or view.step != "guess" else [_mark(view, view.guess)]
    return figure(
        traces,
        xaxis=axis(view.say("axis_share"), range=[-0.25, 1.25], tickformat=".0%"),
        yaxis=axis(view.say("axis_density"), range=[0, 3.2]),
        annotations=guess,
    )


def _mark(view: View, place: float) -> Part:
    return arrow(view.say("your_guess"), place, 0, "accent", 200)


ROWS = ("vae", "autoencoder", "pixels")


def ends() -> Floats:
    """Return the full moon and the half moon, (2, 1, H, W)."""
    found: Floats = moons.upright_moons(401)[[200, 100]]
    return found


def pixels() -> Floats:
    """Return the way from full to half moon as averages of the pixels, (WAY, 1, H, W)."""
    share = np.linspace(0, 1, WAY, dtype=np.float32)[:, None, None, None]
    first, last = ends()
    strip: Floats = (1 - share) * first + share * last
    return strip


def shows(course: Course) -> Arrays:
    """Return the way from full to half moon in the latent space of a model, (WAY, 1, H, W)."""
    return {"strip": decoded_path(course, ends(), WAY).clip(0, 1)}


def _between(view: View, strips: dict[str, Floats]) -> go.Figure:
    """Return one strip of pictures a model with its error, and its picture at t, enlarged."""
    names = [name for name in ROWS if name in strips]
    at = view.number("way") * (WAY - 1)
    columns, tile = len(range(0, WAY, EVERY)), SIZE + 2  # 2: the hairline of a sheet
    traces, labels = [], []
    for row, name in enumerate(names):
        top = (tile + GAP) * row
        text = f"<b>{view.say(name)}</b>  {view.say('error')} {fixed(_error(strips[name]), 3)}"
        labels.append(label(text, 0, top - 3, "text", xanchor="left", yanchor="bottom"))
        first = top + SIZE - ENLARGED * SIZE
        place = {"x0": tile * columns + 8, "dx": ENLARGED, "y0": first, "dy": ENLARGED}
        strip = {"x0": 0, "dx": 1, "y0": top, "dy": 1}
        traces.append(sheet(strips[name][::EVERY], columns) | strip)
        traces.append(sheet(strips[name][[round(at)]], 1) | place)
        mark = tile * at / EVERY + SIZE / 2
        below = {"symbol": "triangle-up"}
        traces.append(dots([mark], [top + SIZE + 3], "accent", size=12, marker=below))
    return figure(traces, annotations=labels, **_blank())


def _error(strip: Floats) -> float:
    """Return the mean distance of the middle of a strip to the nearest moons."""
    return float(moons.distance_to_moons(strip[::EVERY])[2:-2].mean())


def models(_: Values) -> list[RunConfig]:
    """Return the VAE and the plain autoencoder, on the same 24 moons."""
    return [RunConfig.of(**{**COMMON, **settings}) for settings in MODELS]


LESSON = Lesson(
    name="goals",
    words=WORDS,
    controls={
        "components": Slider(1, 6, 1, 1, symbol="K", colour="data"),
        "way": Slider(0.0, 1.0, 0.01, 0.5, symbol="t", colour="accent"),
    },
    steps=(
        Step("moons"),
        Step("guess", guess=Guess("x", "rarest")),
        Step("mixture", ("components",), LIKELIHOOD, starts={"components": 1.0}),
        Step("goals", (), GOALS),
        Step("between", ("way",), PATH, trains=models),
        Step("sandbox", ("components",), LIKELIHOOD),
    ),
    picture=picture,
    shows=shows,
    check="python -m pytest tests/theory/test_moons.py",
    sources=(
        "Kingma & Welling 2014, Auto-Encoding Variational Bayes, section 2.1",
        "Bishop 2006, Pattern Recognition and Machine Learning, section 9.2 and chapter 12",
    ),
    run={"data": "moon-phases", "latent_dim": 2, "likelihood": "gaussian-learned", "epochs": 60},
)
show(LESSON)
