"""Lesson: the linear VAE is probabilistic PCA, so its optimum is known before it trains."""

import numpy as np
import plotly.graph_objects as go

from vae.base.numbers import fixed
from vae.config import RunConfig
from vae.dashboard.learn.demonstration import Course, epoch_curve, stats
from vae.dashboard.learn.lesson import Guess, Lesson, Picture, Slider, Step, Values, View
from vae.dashboard.learn.outcomes import Arrays, Outcome
from vae.dashboard.learn.view import show
from vae.dashboard.learn.words.linear import WORDS
from vae.figures.base import Part, axis, figure
from vae.figures.lesson_parts import arrow
from vae.figures.palette import token
from vae.theory import Doubles, linear_vae
from vae.theory.linear_vae import Optimum

BARS = 16  # eigenvalues in the picture
LATENTS = 8  # of the trained model
LEARNED = 5  # latents of the model that learns its noise
TICKS = {"tickvals": [0.01, 0.03, 0.1, 0.3, 1.0], "ticktext": ["0.01", "0.03", "0.1", "0.3", "1"]}
SPECTRUM = linear_vae.eigenvalues("digits")
COMMON = {
    "data": "digits",
    "network": "linear",
    "lr": 0.01,
    "lr_schedule": "cosine",
    "batch_size": 128,
    "val_share": 0.0,
    "test_share": 0.0,
    "frames": 0,
}

MODEL = r"\X{x} = b + W z + \sigma\varepsilon,\quad \P{z \sim N(0, I)},\;\varepsilon \sim N(0, I)"
THRESHOLD = r"\text{[[open_word]]} \iff \lambda_i > \beta\sigma^2 = [[threshold:3]]"
KL = (
    r"\K{\mathrm{KL}_i} = \tfrac{1}{2} \ln \frac{\lambda_i}{\beta\sigma^2},\qquad "
    r"\underbrace{\K{\textstyle\sum_i \mathrm{KL}_i}}_{[[kl]]}"
)
GAP = (
    r"\underbrace{\max_\theta \ln p_\theta(\X{x})}_{[[maximum]]} - "
    r"\underbrace{\E{\mathrm{ELBO}}}_{[[elbo]]} = [[gap]]\ \text{[[nats]]}"
)


def picture(view: View) -> Picture:
    """Draw the spectrum, the KL of each latent, or the curve of training."""
    noise, beta = view.number("noise"), view.number("beta")
    best = linear_vae.optimum(SPECTRUM, LATENTS, noise, beta)
    whole = linear_vae.optimum(SPECTRUM, BARS, noise, beta)
    maximum, _ = linear_vae.exact_maximum(SPECTRUM, LEARNED)
    trained = view.outcomes[0] if view.outcomes else None
    kls = trained.arrays["kl"] if trained else np.zeros(0)
    elbo = trained.number("elbo") if trained else None
    numbers: dict[str, float | str] = {
        "threshold": noise * beta,
        "kl": best.kl,
        "open": int((whole.kl_per_dimension > 0).sum()),
        "trained_kl": float(kls.sum()) if len(kls) else "–",
        "open_word": view.say("open"),
        "maximum": maximum,
        "elbo": "–" if elbo is None else elbo,
        "gap": "–" if elbo is None else maximum - elbo,
    }
    if view.step == "gap":
        return Picture(_curve(view, trained, maximum), numbers)
    if view.step in ("kl", "train", "sandbox"):
        return Picture(_latents(view, best, kls), numbers)
    return Picture(_spectrum(view, whole, noise * beta), numbers)


def _spectrum(view: View, best: Optimum, threshold: float) -> go.Figure:
    """Return the eigenvalues with the threshold βσ², unless the step asks for it."""
    number = np.arange(1, BARS + 1)
    is_open = (best.kl_per_dimension > 0) & view.is_revealed & (view.step != "exact")
    colours = [token("kl" if is_coloured else "prior", 0.85) for is_coloured in is_open]
    bars = {"type": "bar", "x": number, "y": SPECTRUM[:BARS], "marker": {"color": colours}}
    shapes, labels = [], _guesses(view)
    if view.is_revealed and view.step != "exact":
        line = {"color": token("text"), "width": 2, "dash": "dash"}
        shapes = [{"type": "line", "x0": 0.4, "x1": BARS + 0.6, "y0": threshold, "y1": threshold}]
        shapes = [shape | {"line": line} for shape in shapes]
        words = f"βσ² = {fixed(threshold, 3)}"
        labels.append(
            {"x": BARS + 0.5, "y": np.log10(threshold), "text": words, "showarrow": False}
            | {"xanchor": "right", "yshift": 12, "font": {"size": 14}}
        )
    return figure(
        [bars],
        xaxis=axis(view.say("axis_latent"), dtick=1, range=[0.4, BARS + 0.6]),
        yaxis=axis(view.say("axis_eigenvalue"), type="log", range=[-2.2, 0.2], **TICKS),
        shapes=shapes,
        annotations=labels,
        bargap=0.25,
    )


def _guesses(view: View) -> list[Part]:
    if view.guess is None:
        return []
    return [arrow(view.say("your_guess"), view.guess, -2.2, "accent", 220)]


def _latents(view: View, best: Optimum, kls: Doubles) -> go.Figure:
    """Return the predicted KL of each latent as outlines, the trained one as bars."""
    number = np.arange(1, LATENTS + 1)
    outline = {"color": token("kl", 0.12), "line": {"color": token("kl"), "width": 2}}
    predicted = {"type": "bar", "x": number, "y": best.kl_per_dimension, "marker": outline}
    trained = {"type": "bar", "x": number, "width": 0.45, "marker": {"color": token("kl", 0.85)}}
    trained["y"] = kls
    names = [f"□ {view.say('predicted')}", f"■ {view.say('trained')}"]
    labels = [
        {"x": 0.99, "y": 0.99 - 0.06 * k, "xref": "paper", "yref": "paper", "text": text}
        | {"showarrow": False, "xanchor": "right", "font": {"color": token("kl"), "size": 14}}
        for k, text in enumerate(names[: 2 if len(kls) else 1])
    ]
    return figure(
        [predicted, *([trained] if len(kls) else [])],
        xaxis=axis(view.say("axis_latent"), dtick=1, range=[0.4, LATENTS + 0.6]),
        yaxis=axis(view.say("axis_kl"), range=[0, 2.2]),
        annotations=labels,
        barmode="overlay",
        bargap=0.25,
    )


def shows(course: Course) -> Arrays:
    """Return the trained KL of each latent, largest first, the trained ELBO and its curve."""
    found = stats(course)
    kl = np.zeros(0) if found.kl_per_dimension is None else found.kl_per_dimension
    elbo = np.nan if found.trained is None else found.trained
    return {
        "kl": np.sort(kl)[::-1],
        "elbo": np.array(elbo),
        "curve": epoch_curve(course, "train", "elbo"),
    }


def _curve(view: View, trained: Outcome | None, maximum: float) -> go.Figure:
    """Return the ELBO of each epoch below the exact maximum."""
    epochs, elbos = trained.arrays["curve"] if trained else np.zeros((2, 0))
    line = {"type": "scatter", "x": epochs, "y": elbos, "mode": "lines"}
    line["line"] = {"color": token("elbo"), "width": 2.5}
    exact = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": maximum, "y1": maximum}
    exact["line"] = {"color": token("data"), "width": 2, "dash": "dash"}
    label = {"x": 0, "xref": "paper", "y": maximum, "xanchor": "left", "yshift": 12}
    label |= {"text": f"{view.say('exact_maximum')} {fixed(maximum)}", "showarrow": False}
    label["font"] = {"color": token("data"), "size": 14}
    return figure(
        [line],
        xaxis=axis(view.say("axis_epoch"), range=[0, 60]),
        yaxis=axis(view.say("axis_elbo"), range=[-20, 12]),
        shapes=[exact],
        annotations=[label],
    )


def fixed_noise(values: Values) -> list[RunConfig]:
    """Return the run with the noise and β of the controls."""
    sigma = round(float(values["noise"]) ** 0.5, 6)
    settings = {"likelihood": "gaussian", "sigma": sigma, "beta": float(values["beta"])}
    settings |= {"lr": 0.03, "latent_dim": LATENTS, "epochs": 120}
    return [RunConfig.of(**COMMON | settings)]


def learned_noise(values: Values) -> list[RunConfig]:
    """Return the run that learns its noise."""
    return [RunConfig.of(**COMMON, likelihood="gaussian-learned", latent_dim=LEARNED, epochs=60)]


LESSON = Lesson(
    name="linear",
    words=WORDS,
    controls={
        "beta": Slider(0.5, 16.0, 0.5, 4.0, symbol="β", colour="kl"),
        "noise": Slider(0.01, 0.3, 0.01, 0.05, symbol="σ²", colour="reconstruction"),
    },
    steps=(
        Step("exact", (), MODEL),
        Step("guess", (), THRESHOLD.split("=")[0], guess=Guess("x", "open", places=0)),
        Step("threshold", ("beta", "noise"), THRESHOLD),
        Step("kl", ("beta", "noise"), KL),
        Step("train", ("beta",), KL, trains=fixed_noise),
        Step("gap", (), GAP, trains=learned_noise),
        Step("sandbox", ("beta", "noise"), KL, trains=fixed_noise),
    ),
    picture=picture,
    shows=shows,
    check="python -m pytest tests/theory/test_linear_vae.py tests/test_truth.py",
    sources=(
        "Tipping & Bishop 1999, Probabilistic Principal Component Analysis",
        "Bishop 2006, Pattern Recognition and Machine Learning, section 12.2",
        "Lucas, Tucker, Grosse & Norouzi 2019, Don't Blame the ELBO!",
    ),
    run={**COMMON, "likelihood": "gaussian-learned", "latent_dim": LEARNED, "epochs": 150},
)
show(LESSON)
