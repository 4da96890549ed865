"""Lesson: z = μ + σ ⊙ ε lets the gradient pass through a sample, with little variance."""

import numpy as np
import plotly.graph_objects as go

from vae.base.numbers import fixed, plain
from vae.dashboard.learn.lesson import Choice, Guess, Lesson, Picture, Slider, Step, Values, View
from vae.dashboard.learn.view import show
from vae.dashboard.learn.words.reparameterisation import WORDS
from vae.figures.base import Part, axis, broken, figure
from vae.figures.gradient_path import HEIGHT, WIDTH, path_graph
from vae.figures.lesson_parts import Bar, arrow, bars, curve, dots, histogram, label, legend
from vae.figures.palette import token
from vae.theory import Doubles, reparameterisation
from vae.theory.moon_model import log_normal

NOISE = 0.8  # the ε of the first steps
DRAWS = np.random.default_rng(5).standard_normal(24)
Z = np.linspace(-5.0, 5.0, 301)
ENDS = {"square": (-12.0, 16.0), "cosine": (-4.0, 4.0)}  # of the axis of the estimates
BINS = 141  # edges of the histogram
OUTPUTS = np.linspace(-6.0, 6.0, 241)
READINGS = {"log_var": "q", "softplus": "accent", "raw": "failure"}  # of an output → colour
COLOURS = {"pathwise": "reconstruction", "score": "text"}
BATCHES = ((100, 1), (100, 10), (1000, 1))  # examples, samples
UPPER, LOWER = [0.56, 1.0], [0.0, 0.44]  # shares of the height

TRICK = (
    r"\frac{\partial f}{\partial\Q{\mu}} = \R{f'(z)} = [[dmean]],\qquad"
    r"\frac{\partial f}{\partial\Q{\sigma}} = \R{f'(z)}\,\P{\varepsilon} = [[dsd]]"
)
NOISY = (
    r"\underbrace{z}_{[[z]]} = \underbrace{\Q{\mu}}_{[[mean]]} + "
    r"\underbrace{\Q{\sigma}}_{[[sd]]}\,\underbrace{\P{\varepsilon}}_{[[noise]]}"
)
PAIR = (
    r"\begin{array}{l} \R{f'(z)} = \R{2z} \\[2pt] "
    r"f(z)\,\partial_{\Q{\mu}}\ln\Q{q}(z) = z^2\,\varepsilon/\Q{\sigma} \end{array}"
)
VARIANCES = (
    r"\begin{array}{r|cc} \mathrm{Var} & M = 1 & M = [[m]] \\ \hline "
    r"\R{f'(z)} & [[pathwise1]] & [[pathwise]] \\ "
    r"f(z)\,\varepsilon/\Q{\sigma} & [[score1]] & [[score]] \end{array}"
)
TABLE = (
    r"\begin{array}{r|ccc} s = [[output:1]] & \ln\Q{\sigma}^2 = s & \mathrm{softplus} & "
    r"\Q{\sigma} = s \\ \hline \Q{\sigma} & [[sd_log_var]] & [[sd_softplus]] & [[sd_raw]] \\ "
    r"\partial_s \K{\mathrm{KL}} & [[slope_log_var]] & [[slope_softplus]] & [[slope_raw]] "
    r"\end{array}"
)
BATCH = (
    r"\mathrm{Var} = \frac{1}{B}\Big(\underbrace{\X{V_x}}_{[[data_part]]} + "
    r"\frac{1}{M}\underbrace{\R{V_\varepsilon}}_{[[sampling_part]]}\Big)"
)


def picture(view: View) -> Picture:
    """Draw the picture of the step, with the numbers of all steps."""
    drawn = {"cut": _graphs, "noise": _clouds, "widths": _widths, "batch": _bars}
    return Picture(drawn.get(view.step, _histograms)(view), _numbers(view))


def _numbers(view: View) -> dict[str, float | str]:
    mean, sd = view.number("mean"), view.number("sd")
    name, samples = view.option("function"), int(view.option("samples"))
    exact = reparameterisation.gradient(name, mean, sd)
    one = reparameterisation.variances(name, mean, sd)
    many = reparameterisation.variances(name, mean, sd, samples)
    parts = reparameterisation.batch_variance(view.number("narrow"), 1, 1)
    return {
        **reparameterisation.path(mean, sd, NOISE),
        **{"mean": mean, "sd": sd, "noise": NOISE, "m": str(samples)},
        **{"pathwise_sd": one[0] ** 0.5, "pathwise_end": exact + one[0] ** 0.5},
        **{"score_end": exact + one[1] ** 0.5, "ratio": plain(one[1] / max(one[0], 1e-12))},
        **{"pathwise1": plain(one[0]), "score1": plain(one[1])},
        **{"pathwise": plain(many[0]), "score": plain(many[1])},
        **{"data_part": parts.data, "sampling_part": parts.sampling},
        **{"limit": reparameterisation.FLOAT32_LIMIT, "runs": reparameterisation.RUNS},
        **_written_widths(view.number("output")),
    }


def _written_widths(output: float) -> dict[str, float | str]:
    found: dict[str, float | str] = {"output": output}
    for name, width in reparameterisation.widths(output).items():
        both = (None, None) if width is None else width
        for key, value in zip(("sd", "slope"), both, strict=True):
            found[f"{key}_{name}"] = r"\mathrm{NaN}" if value is None else value
    return found


def _graphs(view: View) -> go.Figure:
    """The graph without and with the trick."""
    mean, sd = view.number("mean"), view.number("sd")
    numbers = reparameterisation.path(mean, sd, NOISE) | {"mean": mean, "sd": sd}
    upper = path_graph(7.6, numbers, None, view.say("no_path"))
    lower = path_graph(2.0, numbers, NOISE)
    titles = [
        label(view.say(name), 0, y, "text", xanchor="left")
        for name, y in (("drawn", 9.7), ("computed", 4.4))
    ]
    return figure(
        [*upper[0], *lower[0]],
        xaxis={"range": [-0.1, WIDTH], "visible": False},
        yaxis={"range": [0, HEIGHT], "visible": False},
        annotations=[*upper[1], *lower[1], *titles],
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
    )


def _clouds(view: View) -> go.Figure:
    """Draws of ε above and the same draws as z below, with their densities."""
    mean, sd = view.number("mean"), view.number("sd")
    top, bottom = 1.35, 0.75  # heights of the two rows of draws
    above = top + 0.08 + 1.2 * np.exp(log_normal(Z))
    below = bottom - 0.08 - np.minimum(0.6 * np.exp(log_normal(Z, mean, sd)), 0.62)
    z = mean + sd * DRAWS
    lines = broken(np.column_stack([DRAWS, z])), np.tile([top, bottom, np.nan], len(z))
    marked = mean + sd * NOISE
    words = [
        label("ε ~ N(0, 1)", -1.6, top + 0.33, "prior", xanchor="right"),
        label("z = μ + σ ε", mean, float(below.min()), "q", yshift=-14),
        label(f"ε = {fixed(NOISE)}", NOISE, top, "accent", yshift=17),
        label(f"z = {fixed(marked)}", marked, bottom, "accent", yshift=-17)
        | {"bgcolor": token("background", 0.75)},
    ]
    return figure(
        [
            curve(Z, np.full_like(Z, top + 0.08), "prior", line={"width": 0}),
            curve(Z, above, "prior", fill="tonexty", fillcolor=token("prior", 0.14)),
            curve(Z, np.full_like(Z, bottom - 0.08), "q", line={"width": 0}),
            curve(Z, below, "q", fill="tonexty", fillcolor=token("q", 0.14)),
            curve(*lines, "muted", line={"width": 1, "color": token("muted", 0.6)}),
            dots(DRAWS, np.full_like(z, top), "prior", size=8),
            dots(z, np.full_like(z, bottom), "q", size=8),
            curve([NOISE, marked], [top, bottom], "accent", line={"width": 2.5}),
            dots([NOISE, marked], [top, bottom], "accent"),
        ],
        xaxis=axis("ε, z", range=[Z[0], Z[-1]]),
        yaxis={"range": [-0.12, 2.0], "visible": False},
        annotations=words,
    )


def _histograms(view: View) -> go.Figure:
    """Estimates of both kinds around the exact gradient; one standard deviation as a bar."""
    mean, sd, name = view.number("mean"), view.number("sd"), view.option("function")
    samples = int(view.option("samples"))
    exact = reparameterisation.gradient(name, mean, sd)
    found = reparameterisation.estimates(name, mean, sd, samples)._asdict()
    theory = reparameterisation.variances(name, mean, sd, samples)
    traces: list[Part] = []
    words: list[Part] = [label(f"{view.say('exact')} {fixed(exact)}", exact, 1.14, "muted")]
    for (kind, values), variance, end in zip(found.items(), theory, ("", "2"), strict=True):
        names: Part = {"yaxis": f"y{end}"}
        traces.append(curve([exact, exact], [0, 1.08], "muted", line={"dash": "dot"}, **names))
        if kind == "score" and not view.is_revealed:
            words += _marks(view)
            continue
        traces.append(histogram(values, np.linspace(*ENDS[name], BINS), COLOURS[kind], **names))
        traces.append(_spread(exact, variance, COLOURS[kind], names))
        words.append(_panel_words(view, kind, values, variance, f"y{end}"))
    if view.step == "guess" and view.is_revealed:
        words += _marks(view)
    return figure(
        traces,
        xaxis=axis(view.say("axis_gradient"), range=list(ENDS[name]), anchor="y2"),
        yaxis={"domain": UPPER, "range": [0, 1.2], "visible": False},
        yaxis2={"domain": LOWER, "range": [0, 1.2], "visible": False, "anchor": "x"},
        annotations=words,
        margin={"l": 20, "r": 20, "t": 24, "b": 44},
    )


def _spread(exact: float, variance: float, colour: str, on: Part) -> Part:
    """Return one standard deviation as a line from the exact gradient."""
    ends = {"symbol": "line-ns-open", "size": 12, "color": token(colour)}
    width, look = [exact, exact + variance**0.5], {"width": 3}
    return curve(width, [0.5, 0.5], colour, mode="lines+markers", marker=ends, line=look, **on)


def _panel_words(view: View, kind: str, values: Doubles, variance: float, y: str) -> Part:
    """Return the name of an estimator and its variances."""
    both = {"measured": plain(float(values.var())), "theory": plain(variance)}
    place = {"xref": "paper", "yref": y, "xanchor": "left", "yanchor": "top", "align": "left"}
    text = f"<b>{view.say(kind)}</b><br>{view.say('spread').format(**both)}"
    return label(text, 0, 0.98, COLOURS[kind], **place)


def _marks(view: View) -> list[Part]:
    """Return the reader's guess and, when revealed, the end of one standard deviation."""
    marks = []
    if view.guess is not None:
        marks.append(arrow(view.say("your_guess"), view.guess, 0.56, "accent", 60, yref="y2"))
    if view.is_revealed:
        end = float(_numbers(view)["score_end"])
        text = view.say("ends").format(end=fixed(end))
        place = {"yref": "y2", "xanchor": "left", "xshift": 8, "yshift": -14}
        marks.append(label(text, end, 0.5, COLOURS["score"], **place))
    return marks


def _widths(view: View) -> go.Figure:
    """σ and the slope of the KL over the output of the network, for three readings of it."""
    output = view.number("output")
    curves = {name: _reading(name) for name in READINGS}
    here = reparameterisation.widths(output)
    traces = [
        curve([output, output], [-10, 10], "muted", line={"dash": "dot"}, yaxis=y)
        for y in ("y", "y2")
    ]
    for name, colour in READINGS.items():
        for k, y in enumerate(("y", "y2")):
            traces.append(curve(OUTPUTS, curves[name][k], colour, yaxis=y))
            if (width := here[name]) is not None:
                traces.append(dots([output], [width[k]], colour, yaxis=y))
    words = legend([(view.say(name), colour) for name, colour in READINGS.items()], top=0.95)
    text = f"{view.say('raw')}: {view.say('undefined')}"
    words.append(label(text, -3, -3.4, "failure", yref="y2"))
    shade = {"type": "rect", "x0": -6, "x1": 0, "y0": -4.5, "y1": 6.5, "yref": "y2"}
    shade |= {"fillcolor": token("failure", 0.06), "line": {"width": 0}}
    return figure(
        traces,
        xaxis=axis(view.say("axis_output"), range=[-6, 6], anchor="y2"),
        yaxis=axis(view.say("axis_sd"), domain=UPPER, range=[-0.3, 6]),
        yaxis2=axis(view.say("axis_slope"), domain=LOWER, range=[-4.5, 6.5], anchor="x"),
        annotations=words,
        shapes=[shade],
    )


def _reading(name: str) -> Doubles:
    """Return σ and the slope of the KL for all outputs, (2, outputs); NaN where undefined."""
    found = [reparameterisation.widths(float(s))[name] for s in OUTPUTS]
    return np.array([(np.nan, np.nan) if width is None else width for width in found]).T


def _bars(view: View) -> go.Figure:
    """The parts of the variance of a batch gradient for three batches, with measured values."""
    sd = view.number("narrow")
    rows, measured = [], []
    for batch, samples in BATCHES:
        cost = view.say("cost").format(cost=fixed(batch * samples, 0))
        name = f"B = {fixed(batch, 0)}, M = {samples}<br>{cost}"
        data, sampling = reparameterisation.batch_variance(sd, batch, samples)
        rows.append(Bar(name, 0.0, data, "data"))
        total = data + sampling
        rows.append(Bar(name, data, total, "reconstruction", fixed(total, 4)))
        measured.append(reparameterisation.simulated_variance(sd, batch, samples))
    traces, words = bars(rows, axes="")
    names = [row.row for row in rows[::2]]
    marker = {"symbol": "diamond", "color": token("text")}
    words = [{**text, "xshift": 22} for text in words]
    parts = (("data_part", "data"), ("sampling_part", "reconstruction"))
    named = [(f"■ {view.say(part)}", colour) for part, colour in parts]
    words += legend(named, top=0.2, step=0.07, right=True)
    return figure(
        [*traces, dots(measured, names, "text", marker=marker)],
        xaxis=axis(view.say("axis_variance"), range=[0, 0.05], tickformat=".2f"),
        yaxis=axis(categoryarray=names[::-1], categoryorder="array", type="category")
        | {"range": [-0.6, 2.6], "showgrid": False},
        annotations=words,
        barmode="overlay",
    )


START: Values = {"mean": 1.0, "sd": 0.5, "function": "square", "samples": "1"}
TEN: Values = {"function": "square", "samples": "10"}
LESSON = Lesson(
    name="reparameterisation",
    words=WORDS,
    controls={
        "mean": Slider(-2.0, 2.0, 0.05, 1.0, symbol="μ", colour="q"),
        "sd": Slider(0.1, 2.5, 0.05, 0.5, symbol="σ", colour="q"),
        "function": Choice(("square", "cosine"), "square", symbol="f", colour="reconstruction"),
        "samples": Choice(("1", "10", "100", "1000"), "1", symbol="M"),
        "output": Slider(-6.0, 6.0, 0.1, -1.0, symbol="s", colour="q"),
        "narrow": Slider(0.1, 0.9, 0.05, 0.5, symbol="σ", colour="q"),
    },
    steps=(
        Step("cut", ("mean", "sd"), TRICK),
        Step("noise", ("mean", "sd"), NOISY),
        Step("guess", (), PAIR, Guess("x", "score_end"), START),
        Step("samples", ("samples", "sd"), VARIANCES, starts=TEN),
        Step("widths", ("output",), TABLE),
        Step("batch", ("narrow",), BATCH),
        Step("sandbox", ("function", "samples", "mean", "sd"), VARIANCES),
    ),
    picture=picture,
    check="python -m pytest tests/theory/test_reparameterisation.py",
    sources=(
        "Kingma & Welling 2014, Auto-Encoding Variational Bayes, section 2.4",
        "Rezende, Mohamed & Wierstra 2014, Stochastic Backpropagation",
        "Mohamed et al. 2020, Monte Carlo Gradient Estimation",
    ),
    run={"data": "digits", "posterior_samples": 1, "batch_size": 100},
)
show(LESSON)
