"""Lesson: KL(q ‖ p) of two Gaussians, its parts, its estimate by sampling, its two directions."""

import itertools

import numpy as np
import plotly.graph_objects as go

from vae.base.numbers import fixed
from vae.dashboard.learn.lesson import Choice, Guess, Lesson, Picture, Slider, Step, View
from vae.dashboard.learn.view import show
from vae.dashboard.learn.words.gaussian_kl import WORDS
from vae.figures import lesson_parts as draw
from vae.figures.base import Part, axis, figure
from vae.theory import Doubles, gaussian_kl, two_humps
from vae.theory.moon_model import log_normal

MEANS, WIDTHS = np.linspace(-3.4, 3.4, 69), np.linspace(0.1, 2.6, 51)
STEP, TOP = 0.5, 6.0  # of the contour lines, nats
PRICES = gaussian_kl.kl(*np.meshgrid(MEANS, WIDTHS))
PRICE_LEVELS = draw.levels(MEANS, WIDTHS, PRICES, "kl", TOP)
Z = np.linspace(-3.4, 3.4, 273)
HIGHEST = 1.0  # density at the upper end of the axis
MARGIN = {"l": 92, "r": 16, "t": 24, "b": 44}  # px, wide enough for the names of the bars
OWN_START = {"mean": -1.0, "sd": 1.0}
LEAST = 1e-9  # smallest error on a logarithmic axis
FEW, FRACTION, DOTS = 10, 0.1, 40  # samples before the guess; error to reach; runs as dots

KL = r"\K{\mathrm{KL}(q\,\|\,p)}"
CLOSED = (
    KL + r" = \tfrac12(\Q{\mu}^2 + \Q{\sigma}^2 - 1) - \ln\Q{\sigma} = [[kl]]\ \text{[[nats]]}"
)
PARTS = (
    KL + r" = \underbrace{\tfrac12\Q{\mu}^2}_{[[centre]]} + \underbrace{\tfrac12\Q{\sigma}^2}"
    r"_{[[spread]]} - \tfrac12 \underbrace{-\ln\Q{\sigma}}_{[[entropy]]} = [[kl]]"
)
MATRIX = (
    r"\tfrac12\big(\underbrace{\mathrm{tr}\,\Q{\Sigma}}_{[[trace]]} + \underbrace{\Q{\mu}^{\!\top}"
    r"\Q{\mu}}_{[[square]]} - \underbrace{d}_{2} - \underbrace{\ln|\Q{\Sigma}|}_{[[log_det]]}\big)"
    r" = \K{[[total]]}"
)
ESTIMATE = (
    KL + r" \approx \frac1M \sum_{m=1}^{M} \ln\frac{\Q{q}(z_m)}{p(z_m)},\quad z_m \sim \Q{q}"
)
TABLE = (
    r"\begin{array}{r|cc} & \Q{q_1} & \Q{q_2} \\ \hline "
    r"\mathrm{KL}(\Q{q}\,\|\,\T{p}) & \mathbf{[[reverse1]]} & [[reverse2]] \\ "
    r"\mathrm{KL}(\T{p}\,\|\,\Q{q}) & [[forward1]] & \mathbf{[[forward2]]} \end{array}"
)
SANDBOX = (
    r"\begin{array}{r|cc} & \Q{q} & \min \\ \hline "
    r"\mathrm{KL}(\Q{q}\,\|\,\T{p}) & [[reverse]] & [[reverse1]] \\ "
    r"\mathrm{KL}(\T{p}\,\|\,\Q{q}) & [[forward]] & [[forward2]] \end{array}"
)


def picture(view: View) -> Picture:
    """Draw the picture of the step, with the numbers of all steps."""
    drawn = {"samples": _errors, "directions": _directions, "sandbox": _directions}
    return Picture(drawn.get(view.step, _prices)(view), _numbers(view))


def _numbers(view: View) -> dict[str, float | str]:
    mean, sd, apart = (view.number(name) for name in ("mean", "sd", "apart"))
    centre, spread, _, entropy = gaussian_kl.parts(mean, sd)
    both = gaussian_kl.kl_of_covariance(*_both(view))
    needed = gaussian_kl.samples_for(FEW, FRACTION)
    answer = view.say("verdict").format(few=FEW, needed=fixed(needed, 0))
    fits = {"": two_humps.fit(mean, sd, apart)}
    fits |= {"1": two_humps.best_reverse(apart), "2": two_humps.best_forward(apart)}
    return {
        **{"kl": float(gaussian_kl.kl(mean, sd)), "centre": centre, "spread": spread},
        **{"entropy": entropy, "trace": both.trace, "square": both.square, "total": both.kl},
        **{"log_det": both.log_determinant, "runs": gaussian_kl.RUNS, "few": FEW},
        "error": float(gaussian_kl.standard_error(mean, sd, FEW)),
        **{"needed": needed, "verdict": answer if view.is_revealed else ""},
        **{f"reverse{key}": fit.reverse for key, fit in fits.items()},
        **{f"forward{key}": fit.forward for key, fit in fits.items()},
    }


def _both(view: View) -> tuple[Doubles, Doubles]:
    """Return mean and covariance of the Gaussian in two dimensions."""
    mean, sd = ([view.number(name + end) for end in ("", "2")] for name in ("mean", "sd"))
    return np.array(mean), np.diag(np.square(sd))


def _prices(view: View) -> go.Figure:
    """The surface over μ and σ with the reader's Gaussians; below, densities or bars."""
    ends = ("", "2") if view.step == "dimensions" else ("",)
    places = [(view.number(f"mean{end}"), view.number(f"sd{end}")) for end in ends]
    values = [float(gaussian_kl.kl(*at)) for at in places]
    which = "12" if len(places) == 2 else "q"
    texts = [f"{name}: {fixed(value)}" for name, value in zip(which, values, strict=True)]
    words = draw.names(texts, places, [draw.LEFT, draw.RIGHT][-len(places) :], "q")
    free = draw.dots([0], [1], "prior", size=10, marker={"symbol": "x"})
    is_far = all(abs(mean) > 1.3 or abs(sd - 1) > 0.45 for mean, sd in places)
    words += [draw.label("KL = 0", 0, 1, "prior", yshift=16)] if is_far else []
    traces, lower, below = _below(view)
    surface = draw.contours(MEANS, WIDTHS, PRICES, "kl", STEP, TOP)
    return figure(
        [surface, free, draw.points(places, "q", size=13), *traces],
        **_plane(view),
        **lower,
        annotations=[*PRICE_LEVELS, *words, *below],
        barmode="overlay",
        margin=MARGIN,
    )


def _plane(view: View) -> Part:
    """Return the axes of the upper picture: one point is one Gaussian."""
    sides = {"range": [MEANS[0], MEANS[-1]], "showgrid": False, "anchor": "y"}
    return {
        "xaxis": axis(view.say("axis_mean"), **sides),
        "yaxis": axis(
            view.say("axis_sd"), domain=[0.42, 1], range=[WIDTHS[0], WIDTHS[-1]], showgrid=False
        ),
    }


def _below(view: View) -> tuple[list[Part], Part, list[Part]]:
    """Return traces, axes and labels of the lower picture of a step about one q and the prior."""
    if view.step == "surface":
        q = "q(z|x)", view.number("mean"), view.number("sd")
        traces, words = _densities(view, np.exp(log_normal(Z)), "prior", [(*q, "solid")])
        return traces, _density_axes(view), words
    rows, high = _rows(view)
    traces, words = draw.bars(rows)
    names = list(dict.fromkeys(row.row for row in rows))[::-1]
    axes = {
        "xaxis2": axis(view.say("axis_nats"), anchor="y2", range=[-1.2, high]),
        "yaxis2": axis(anchor="x2", domain=[0, 0.27], categoryarray=names, type="category")
        | {"categoryorder": "array", "range": [-0.5, len(names) - 0.5], "showgrid": False},
    }
    return traces, axes, words


def _rows(view: View) -> tuple[list[draw.Bar], float]:
    """Return the bars of a step and the upper end of their axis."""
    mean, sd = view.number("mean"), view.number("sd")
    kl = float(gaussian_kl.kl(mean, sd))
    if view.step == "slips":
        wrong = gaussian_kl.slips(mean, sd)._asdict()
        values = {"right": kl, **wrong}
        colours = ["kl", *["failure"] * len(wrong)]
        rows = [
            draw.Bar(view.say(name), 0.0, value, colour, fixed(value))
            for (name, value), colour in zip(values.items(), colours, strict=True)
        ]
        return rows, 11.0
    if view.step == "dimensions":
        second = float(gaussian_kl.kl(view.number("mean2"), view.number("sd2")))
        values, high = {view.say("first"): kl, view.say("second"): second}, 11.0
    else:
        names = ("½ μ²", "½ σ²", "−½", "−ln σ")
        values, high = dict(zip(names, gaussian_kl.parts(mean, sd), strict=True)), 7.5
    ends = np.cumsum([0.0, *values.values()])
    rows = [
        draw.Bar(name, start, end, "kl", fixed(value))
        for (name, value), start, end in zip(values.items(), ends, ends[1:], strict=False)
    ]
    last = view.say("sum") if view.step == "dimensions" else "KL"
    return [*rows, draw.Bar(last, 0.0, ends[-1], "elbo", fixed(ends[-1]))], high


def _densities(
    view: View, fixed_one: Doubles, colour: str, qs: list[tuple[str, float, float, str]]
) -> tuple[list[Part], list[Part]]:
    """Return the curves of p and of each q (name, mean, sd, dash), with their labels."""
    below: Part = {"yaxis": "y2", "xaxis": "x"}
    traces = [draw.curve(Z, fixed_one, colour, filled=True, **below)]
    side = -1 if qs[0][1] >= 0 else 1
    name, place = ("prior", 1.15) if colour == "prior" else ("target", view.number("apart") + 0.45)
    height = float(np.interp(side * place, Z, fixed_one))
    anchor = {"yref": "y2", "xanchor": "right" if side < 0 else "left", "yshift": 12}
    words = [draw.label(view.say(name), side * place, height, colour, **anchor)]
    shifts = (-14, 14) if len(qs) == 2 else (0,)
    for (name, mean, sd, dash), shift in zip(qs, shifts, strict=True):
        density = np.exp(log_normal(Z, mean, sd))
        traces.append(draw.curve(Z, density, "q", line={"dash": dash, "width": 2.5}, **below))
        top = min(float(density.max()), HIGHEST - 0.12)
        words.append(draw.label(name, mean, top, "q", yref="y2", xshift=shift, yshift=11))
    return traces, words


def _density_axes(view: View) -> Part:
    """Return the axis of the lower picture; z shares the axis of μ."""
    look = {"showticklabels": False, "showgrid": False}
    title = view.say("axis_density")
    return {"yaxis2": axis(title, domain=[0, 0.29], range=[0, HIGHEST], anchor="x", **look)}


def _directions(view: View) -> go.Figure:
    """The surface of one direction over μ and σ; below, the target and the Gaussians."""
    apart, is_reverse = view.number("apart"), view.option("direction") == "reverse"
    surface = two_humps.surface(is_reverse, apart, MEANS, WIDTHS)
    best = two_humps.best_reverse(apart), two_humps.best_forward(apart)
    values = [fit.reverse if is_reverse else fit.forward for fit in best]
    places = [(fit.mean, fit.sd) for fit in best]
    crosses = draw.points(places, "q", marker={"symbol": "x"})
    traces = [draw.contours(MEANS, WIDTHS, surface, "kl", STEP, TOP), crosses]
    if view.step == "sandbox":
        shape = two_humps.fit(view.number("mean"), view.number("sd"), apart)
        at, value = (shape.mean, shape.sd), shape.reverse if is_reverse else shape.forward
        traces.append(draw.points([at], "accent", size=13))
        far = [np.hypot(shape.mean - mean, shape.sd - sd) > 0.5 for mean, sd in places]
        both = draw.names(["q₁", "q₂"], places, [draw.LEFT, draw.RIGHT], "q")
        words = list(itertools.compress(both, far))
        words += draw.names([f"q: {fixed(value)}"], [at], [draw.ABOVE], "accent")
        curves = [("q", *at, "solid")]
    else:
        texts = [f"q₁: {fixed(values[0])}", f"q₂: {fixed(values[1])}"]
        words = draw.names(texts, places, [draw.LEFT, draw.RIGHT], "q")
        curves = [("q₁", *places[0], "solid"), ("q₂", *places[1], "dash")]
    target = np.exp(two_humps.log_target(Z, apart))
    below, labels = _densities(view, target, "posterior", curves)
    return figure(
        [*traces, *below],
        **_plane(view),
        **_density_axes(view),
        annotations=[*draw.levels(MEANS, WIDTHS, surface, "kl", TOP), *words, *labels],
        margin=MARGIN,
    )


def _errors(view: View) -> go.Figure:
    """The errors of Monte Carlo estimates against the number of samples, both logarithmic."""
    mean, sd = view.number("mean"), view.number("sd")
    samples = np.array(gaussian_kl.SAMPLES)
    samples = samples[samples <= (samples[-1] if view.is_revealed else FEW)]
    theory = gaussian_kl.standard_error(mean, sd, samples).clip(LEAST)
    errors = np.abs(gaussian_kl.estimates(mean, sd) - gaussian_kl.kl(mean, sd)).clip(LEAST)
    errors = errors[:, : len(samples)]
    typical = np.sqrt(np.square(errors).mean(0))
    few = list(samples).index(FEW)
    target = float(theory[few]) * FRACTION
    single = draw.dots(np.tile(samples, DOTS), errors[:DOTS].ravel(), "kl", size=4, opacity=0.5)
    traces = [
        draw.curve([1, 1e4], [target, target], "muted", line={"dash": "dash"}),
        single,
        draw.dots(samples, typical, "kl"),
        *([draw.curve(samples, theory, "kl")] if view.is_revealed else []),
    ]
    place = float(np.log10(1.4 * FEW)), float(np.log10(typical[few]))
    text = view.say("typical").format(runs=gaussian_kl.RUNS)
    tenth = view.say("a_tenth").format(few=FEW)
    words = draw.names([text], [place], [{"xanchor": "left", "yshift": 6}], "kl")
    words.append(draw.label(tenth, 0, np.log10(target), "muted", xanchor="left", yshift=-12))
    return figure(
        traces,
        xaxis=axis(view.say("axis_samples"), type="log", range=[-0.15, 4.15], dtick=1),
        yaxis=axis(view.say("axis_error"), type="log", range=[-3.5, 0.7], dtick=1),
        annotations=words + _marks(view, np.log10(target)),
    )


def _marks(view: View, height: float) -> list[Part]:
    """Return the reader's guess and, when revealed, the number of samples that is needed."""
    needed = gaussian_kl.samples_for(FEW, FRACTION)
    marks = [] if view.guess is None else [(view.guess, view.say("your_guess"), "accent")]
    if view.is_revealed:
        marks.append((needed, f"M = {fixed(needed, 0)}", "kl"))
    return [
        draw.arrow(text, float(np.log10(max(samples, 0.5))), height, colour, -70 - 24 * k)
        for k, (samples, text, colour) in enumerate(marks)
    ]


LESSON = Lesson(
    name="gaussian_kl",
    words=WORDS,
    controls={
        "mean": Slider(-2.5, 2.5, 0.05, 1.5, symbol="μ", colour="q"),
        "sd": Slider(0.1, 2.5, 0.05, 0.5, symbol="σ", colour="q"),
        "mean2": Slider(-2.5, 2.5, 0.05, 0.0, symbol="μ", colour="q"),
        "sd2": Slider(0.1, 2.5, 0.05, 2.0, symbol="σ", colour="q"),
        "apart": Slider(0.0, 2.0, 0.05, 1.5, symbol="a", colour="posterior"),
        "direction": Choice(("reverse", "forward"), "reverse", colour="kl"),
    },
    steps=(
        Step("surface", ("mean", "sd"), CLOSED),
        Step("parts", ("mean", "sd"), PARTS),
        Step("slips", ("mean", "sd"), CLOSED),
        Step("dimensions", ("mean2", "sd2"), MATRIX, starts={"mean": 1.5, "sd": 0.5}),
        Step("samples", (), ESTIMATE, Guess("x", "needed", places=0), {"mean": 1.5, "sd": 0.5}),
        Step("directions", ("direction", "apart"), TABLE),
        Step("sandbox", ("direction", "apart", "mean", "sd"), SANDBOX, starts=OWN_START),
    ),
    picture=picture,
    check="python -m pytest tests/theory/test_gaussian_kl.py tests/theory/test_two_humps.py",
    sources=(
        "Kingma & Welling 2014, Auto-Encoding Variational Bayes, appendix B",
        "Bishop 2006, Pattern Recognition and Machine Learning, section 10.1.2",
        "Minka 2005, Divergence Measures and Message Passing",
    ),
    run={"data": "digits", "latent_dim": 10},
)
show(LESSON)
