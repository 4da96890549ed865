"""Lesson: the gap between ELBO and ln p(x) has parts, and each has its own remedy."""

import numpy as np
import plotly.graph_objects as go

from vae.analysis.posterior_fields import ExampleGaps
from vae.base.numbers import fixed, plain
from vae.dashboard.learn.lesson import Choice, Guess, Lesson, Picture, Runs, Slider, Step, View
from vae.dashboard.learn.run_choice import without_plane
from vae.dashboard.learn.run_examples import POINTS, examples, gaps_of, image
from vae.dashboard.learn.view import show
from vae.dashboard.learn.words.gaps import WORDS
from vae.figures.base import Part, axis, empty_figure, figure
from vae.figures.lesson_parts import Bar, bars, curve, dots, label, legend
from vae.figures.run_gaps import GapPicture, gap_figure
from vae.theory import Doubles, gaps, importance, moon_model

Z = np.linspace(-4, 4, 321)
WIDEST = 0.06  # of the bars, nats
COUNTS = (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1000)
CHOICES = ("1", "10", "100", "1000")
COLOURS = {  # name of a curve or of a part of the gap → token
    "posterior": "posterior",
    "encoder": "q",
    "best": "q",
    "approximation": "posterior",
    "amortisation": "q",
    "plain": "failure",
    "doubly": "q",
}

SUM = (
    r"\begin{gathered}\underbrace{\ln p(\X{x})}_{[[log_evidence:3]]} = "
    r"\underbrace{\E{\mathrm{ELBO}}}_{[[elbo:3]]} + \T{\mathrm{KL}(q\,\|\,p(z|x))} \\[1ex] "
    r"\T{\mathrm{KL}} = \underbrace{\Q{\text{[[amortisation_name]]}}}"
    r"_{[[amortisation:3]]} + \underbrace{\T{\text{[[approximation_name]]}}}"
    r"_{[[approximation:3]]}\end{gathered}"
)
IWAE = (
    r"\underbrace{\E{L_K}}_{[[bound:4]]} = "
    r"\mathbb{E}\!\left[\ln \frac1K \sum_{k=1}^{[[samples]]} "
    r"\frac{p(\X{x}, z_k)}{\Q{q(z_k|x)}}\right] \le "
    r"\underbrace{\ln p(\X{x})}_{[[log_evidence:4]]}"
)
NAMED = ("approximation", "amortisation", "plain", "doubly")
NOISE = (
    r"\begin{array}{lrr} & K = 1 & K = 1000 \\"
    r"\text{[[plain_name]]} & [[plain_first:3]] & [[plain_last:3]] \\"
    r"\Q{\text{[[doubly_name]]}} & [[doubly_first:3]] & [[doubly_last:3]]\end{array}"
)


def picture(view: View) -> Picture:
    """Draw the densities with their gaps, the bound over K, or the noise of its gradient."""
    if view.run is not None:
        return _of_run(view)
    x = view.number("x")
    parts = gaps.gaps(x, *_encoded(view))
    numbers: dict[str, float | str] = {
        **parts._asdict(),
        **{f"{name}_name": view.say(name) for name in NAMED},
        "gap": parts.amortisation + parts.approximation,
        "full": "–",
    }
    if view.step == "noise":
        noise = importance.gradient_noise(x, 0.0, view.number("sd"), COUNTS)
        first = {f"{name}_first": found[0].ratio for name, found in noise.items()}
        last = {f"{name}_last": found[-1].ratio for name, found in noise.items()}
        return Picture(_noise(view, noise), numbers | first | last)
    if view.step in ("guess", "iwae"):
        samples, short = int(view.option("samples")), _shortfalls(view)
        bound: dict[str, float | str] = {
            "samples": str(samples),
            "bound": parts.log_evidence - short[samples],
        }
        return Picture(_bounds(view, short), numbers | bound | {"short_10": -short[10]})
    if view.step == "images":
        return Picture(empty_figure(view.say("no_run")), numbers | {"row": "–"})
    if view.step == "family":
        numbers |= {family: _least(x, family) for family in gaps.FAMILIES}
    return Picture(_densities(view, parts), numbers)


def _of_run(view: View) -> Picture:
    """Draw the chosen example of a run: q(z|x) at once, then its true posterior and both gaps."""
    assert view.run is not None
    among = examples(view.run)
    number = min(int(view.number("example")), len(among.rows)) - 1
    row = int(among.rows[number])
    one = gaps_of(view.run, row)
    found = one.gaps.value
    drawn = gap_figure(
        GapPicture(among.places, number, image(view.run, row), one.q, found), view.say
    )
    names = {f"{name}_name": view.say(name) for name in NAMED}
    numbers = {**_parts(found), **names, "row": f"#{row}"}
    return Picture(drawn, numbers, among.places, None if found else one.gaps)


def _parts(found: ExampleGaps | None) -> dict[str, float | str]:
    """Return the parts of the gap as numbers; "…" while they are computed."""
    if found is None:
        return dict.fromkeys((*gaps.Gaps._fields, "gap", "full"), "…")
    parts = found.gaps
    gap = parts.amortisation + parts.approximation
    return {**parts._asdict(), "gap": gap, "full": found.full}


def _encoded(view: View) -> tuple[float, float]:
    return gaps.encode(view.number("x"), int(view.option("degree")))


def _least(x: float, family: str) -> float:
    return gaps.gap(x, gaps.best(x, family))


def _shortfalls(view: View) -> dict[int, float]:
    """Return ln p(x) − L_K of the encoder's q for each K."""
    found = importance.shortfalls(view.number("x"), *_encoded(view), COUNTS)
    return dict(zip(COUNTS, map(float, found), strict=True))


def _densities(view: View, parts: gaps.Gaps) -> go.Figure:
    """Return the posterior with the densities of the step, and a bar for each of them."""
    x = view.number("x")
    best = gaps.best(x, view.option("family"))
    curves = {"posterior": curve(Z, _at(moon_model.log_posterior(x, Z)), "posterior", filled=True)}
    if view.step != "family":
        curves["encoder"] = curve(
            Z, _at(moon_model.log_normal(Z, *_encoded(view))), "q", filled=True
        )
    curves["best"] = curve(best.z, _at(best.log_q), "q", line={"dash": "dash", "width": 2.5})
    names = [(f"━━ {view.say(n)}", COLOURS[n]) for n in curves if n != "best"]
    names.append((f"╍╍ {view.say('best')}", COLOURS["best"]))
    traces, texts = bars(_rows(view, parts))
    if view.step != "family":
        texts += _both(view, parts)
    return figure(
        [*curves.values(), *traces],
        xaxis=axis(view.say("axis_z"), range=[Z[0], Z[-1]]),
        yaxis=axis(view.say("axis_density"), domain=[0.48, 1], range=[0, 1.3]),
        xaxis2=axis(view.say("axis_gap"), anchor="y2", range=[0, WIDEST]),
        yaxis2=axis(domain=[0, 0.3], anchor="x2", autorange="reversed", showgrid=False),
        annotations=[*legend(names), *texts],
        barmode="stack",
    )


def _at(log_density: Doubles) -> Doubles:
    density: Doubles = np.exp(log_density)
    return density


def _rows(view: View, parts: gaps.Gaps) -> list[Bar]:
    """Return the bars of a step."""
    x, near = view.number("x"), parts.approximation

    def best(family: str) -> Bar:
        text = _part(view, "approximation", _least(x, family))
        row = view.say(f"family.{family}")
        return Bar(row, 0.0, _least(x, family), COLOURS["approximation"], text)

    if view.step == "family":
        return [best(family) for family in gaps.FAMILIES]
    rows = [
        Bar(view.say("degree"), 0.0, near, COLOURS["approximation"]),
        Bar(view.say("degree"), near, near + parts.amortisation, COLOURS["amortisation"]),
        best(view.option("family") if view.step == "sandbox" else "gaussian"),
    ]
    if view.step == "sandbox":
        samples = int(view.option("samples"))
        short = _shortfalls(view)[samples]
        rows.append(Bar(f"K = {samples}", 0.0, short, "elbo", fixed(short, 4)))
    return rows


def _part(view: View, name: str, value: float) -> str:
    return f"{view.say(name)} {fixed(value, 4)}"


def _both(view: View, parts: gaps.Gaps) -> list[Part]:
    """Return the two numbers of the encoder's bar below each other, at its end."""
    end, row = parts.approximation + parts.amortisation, view.say("degree")
    place = {"xref": "x2", "yref": "y2", "xanchor": "left", "xshift": 6}
    both = {"approximation": (parts.approximation, 9), "amortisation": (parts.amortisation, -9)}
    return [
        label(_part(view, name, value), end, row, COLOURS[name], yshift=shift, **place)
        for name, (value, shift) in both.items()
    ]


def _bounds(view: View, shortfalls: dict[int, float]) -> go.Figure:
    """Return the bound over K; before the answer only its value at K = 1."""
    is_guess = view.step == "guess"
    at = 10 if is_guess else int(view.option("samples"))
    short = [-value for value in shortfalls.values()]
    height = -shortfalls[at]
    traces = [curve([0.8, 1300], [0, 0], "data", line={"dash": "dash"})]
    labels = [
        label("ln p(x)", 0.0, 0.0, "data", xanchor="left", yshift=14),
        label("ELBO", 0.0, short[0], "elbo", xanchor="left", yshift=-16),
    ]
    if is_guess:
        traces.append(curve([10, 10], [-0.04, 0], "muted", line={"dash": "dot", "width": 1.5}))
    if is_guess and not view.is_revealed:
        traces.append(dots(COUNTS[:1], short[:1], "elbo"))
    else:
        line = curve(COUNTS, short, "elbo", mode="lines+markers")
        traces += [line, dots([at], [height], "elbo", size=14)]
        side = "left" if at < 1000 else "right"
        labels.append(label(plain(height), np.log10(at), height, "elbo", xanchor=side, yshift=-20))
    if is_guess and view.guess is not None:
        text = f"◂ {view.say('your_guess')}"
        labels.append(label(text, 1.0, view.guess, "accent", xanchor="left"))
    return figure(
        traces,
        xaxis=_logarithmic(view.say("axis_samples"), [-0.1, 3.1]),
        yaxis=axis(view.say("axis_bound"), range=[-0.04, 0.004]),
        annotations=labels,
    )


def _logarithmic(title: str, extent: list[float]) -> Part:
    return axis(title, type="log", range=extent, dtick=1, exponentformat="power")


def _noise(view: View, noise: dict[str, list[importance.Noise]]) -> go.Figure:
    """Return the signal-to-noise ratio of both gradients over K, with the two slopes."""
    guide = {"dash": "dot", "width": 1.5}
    guides = [curve([1, 1000], [0.5, 0.5 * 1000**s], "muted", line=guide) for s in (-0.5, 0.5)]
    lines = [
        curve(COUNTS, [n.ratio for n in found], COLOURS[name], mode="lines+markers")
        for name, found in noise.items()
    ]
    return figure(
        [*guides, *lines],
        xaxis=_logarithmic(view.say("axis_samples"), [-0.1, 3.1]),
        yaxis=_logarithmic(view.say("axis_ratio"), [-3, 1.3]),
        annotations=legend([(f"●━ {view.say(n)}", COLOURS[n]) for n in noise], top=0.08),
    )


NARROW = {"degree": "1", "family": "gaussian"}
LESSON = Lesson(
    name="gaps",
    words=WORDS,
    controls={
        "x": Slider(0.05, 0.95, 0.01, 0.95, symbol="x", colour="data"),
        "degree": Choice(("1", "3", "5"), "1", colour="q"),
        "family": Choice(("gaussian", "flow", "mixture"), "gaussian", colour="q"),
        "samples": Choice(CHOICES, "10", symbol="K", colour="elbo"),
        "example": Slider(1, POINTS, 1, 1, symbol="n", colour="data"),
        "sd": Slider(0.4, 1.5, 0.02, 1.0, symbol="σ", colour="q"),
    },
    steps=(
        Step("two_gaps", ("x",), SUM, starts=NARROW),
        Step("encoder", ("degree", "x"), SUM, starts=NARROW),
        Step("family", ("family", "x"), starts={"family": "flow"}),
        Step("guess", guess=Guess("y", "short_10", 3), starts={"x": 0.95, **NARROW}),
        Step("iwae", ("samples", "x"), IWAE, starts=NARROW, is_optional=True),
        Step("noise", ("sd", "x"), NOISE, starts={"x": 0.8, "sd": 1.0}, is_optional=True),
        Step("images", ("example",), SUM, pick="example"),
        Step("sandbox", ("x", "degree", "family", "samples"), SUM, starts={"x": 0.95}),
    ),
    picture=picture,
    check="python -m pytest tests/theory/test_gaps.py tests/analysis/test_true_posterior.py",
    sources=(
        "Cremer et al. 2018, Inference Suboptimality in Variational Autoencoders",
        "Burda, Grosse & Salakhutdinov 2016, Importance Weighted Autoencoders, section 3",
        "Rainforth et al. 2018, Tighter Variational Bounds are Not Necessarily Better",
        "Tucker et al. 2019, Doubly Reparameterized Gradient Estimators",
    ),
    run={
        "data": "moon-phases",
        "latent_dim": 2,
        "likelihood": "gaussian-learned",
        "objective": "iwae",
        "gradient": "doubly",
        "posterior_samples": 10,
    },
    runs=Runs(("images",), without_plane),
)
show(LESSON)
