"""Interpolation: the straight way and the great arc from one example to another, side by side."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from vae.analysis.interpolation import Between, between
from vae.analysis.loaded_run import LoadedRun
from vae.base.records import Floats
from vae.dashboard.plot import plot
from vae.dashboard.shared import html_grid, widgets
from vae.dashboard.shared.run_picker import has_rings
from vae.dashboard.traversals.common import (
    class_of,
    example,
    held,
    log_prior,
    name_of,
    open_run,
    row_of_controls,
    steps_control,
    through,
    usual,
    z_of,
)
from vae.dashboard.traversals.html_strips import (
    GAP,
    NAME,
    Row,
    captioned,
    picture,
    strips,
    tile_scale,
    width_of,
)
from vae.figures.paths import feature_curves, path_measure, path_plane
from vae.imaging import tiles
from vae.imaging.animation import animation
from vae.imaging.tiles import Bytes
from vae.runs import Run

ROOM = (600, 320)  # pixels for the tiles at 1440×900
CHART = 240
WIDTHS = [8.5, 6.5, 8, 7.5, 5.5, 6.5, 8, 7.5, 5.5, 5.5, 6.5]  # of the controls
TOLD = 8  # and of that of the class, for a model that is told one
PLACES = 31  # of a path that plays
END = 112  # pixels of a picture of an end, at most
WIDE = 224  # pixels of a picture that plays, at most
WAYS = {"spherical": "spherical", "linear": "linear"}
FILES = {"webp": "WebP", "gif": "GIF"}
FORMATS = {
    "webp": "Lossless, and a small file.",
    "gif": "Opens everywhere; 256 colours, grey pictures are exact.",
}
MEASURES = {"norm": "‖z‖", "prior": "−ln p(z)"}
HELP = {
    "measure": "What is drawn along both ways. **‖z‖**: the distance from the origin, in units of "
    "z. **−ln p(z)**: how improbable a place is under the prior, in nats; larger is less "
    "probable. Below the band is as unusual as above it: hardly any z lies there.",
    "way": "Which of the two ways plays.",
    "ms": "How long each picture is shown, in milliseconds, 20 or more. Larger is slower.",
    "swap": "A becomes B and B becomes A.",
}
ABOUT = (
    "**Linear**: (1 − t) A + t B. **Spherical**: the great arc about the origin, sin((1 − t) θ) / "
    "sin θ · A + sin(t θ) / sin θ · B, with θ the angle between A and B (White 2016). With a "
    "standard normal prior nearly all z lie at a distance of about √Z from the origin; the "
    "straight way cuts through the inside, where hardly any are, and the arc does not. "
    "A and B are means of q(z|x)."
)


class Asked(NamedTuple):
    """What the controls ask for."""

    a: int  # rows of the data set
    b: int
    steps: int
    label: int


def interpolation(run: Run) -> None:
    """The view: controls, the two examples, both strips, and one of them playing."""
    loaded, asked = _controls(run)
    ways = ways_of(loaded, asked, asked.steps)
    line, kept = st.columns([13, 5], vertical_alignment="center")
    line.markdown(_told(loaded, ways), help=ABOUT)
    z = np.concatenate([ways.linear, ways.spherical])
    x = through(loaded, z, asked.label)
    both = x.reshape(2, asked.steps, *loaded.data.event_shape)
    with kept.container(horizontal=True, horizontal_alignment="right"):
        _files(loaded, x, z, asked.steps)
    left, right = st.columns([74, 26] if loaded.data.is_image else [60, 40], gap="medium")
    if loaded.data.is_image:
        with left:
            scale = _strips(loaded, asked, both, ways)
        with right:
            _ends(loaded, asked)
            _moving(loaded, asked)
        with left:
            _measured(loaded, ways, width_of(loaded.data.event_shape, asked.steps, scale))
    else:
        with left:
            _vectors(loaded, both, ways)
        with right:
            _measured(loaded, ways, None)


def _controls(run: Run) -> tuple[LoadedRun, Asked]:
    at = row_of_controls(run, WIDTHS, TOLD)
    loaded = open_run(run, at[0])
    a = example(loaded, "a", at[1:5], "A, row")
    b = example(loaded, "b", at[5:9], "B, row")
    at[9].button(
        "Swap",
        key="traverse_swap",
        on_click=_swap,
        args=(run.name,),
        width="stretch",
        help=HELP["swap"],
    )
    steps = steps_control(at[10])
    return loaded, Asked(a, b, steps, held(loaded, at[-1], class_of(loaded, a)))


def _swap(name: str) -> None:
    first, second = (f"traverse_{key}_{name}" for key in "ab")
    state = st.session_state
    state[first], state[second] = state[second], state[first]


def ways_of(loaded: LoadedRun, asked: Asked, steps: int) -> Between:
    """Both ways between the two examples."""
    return between(z_of(loaded, asked.a), z_of(loaded, asked.b), steps)


def _told(loaded: LoadedRun, ways: Between) -> str:
    """The angle, and whether an arc means anything here."""
    degrees = "not defined" if np.isnan(ways.angle) else f"{np.degrees(ways.angle):.1f}°"
    head = f"**Angle between A and B {degrees}**"
    if not ways.arc:
        return f"{head} · no single great arc: spherical is linear here"
    if has_rings(loaded.run):
        return f"{head} · arcs follow the standard normal prior"
    under = (
        f"under a {loaded.run.config.prior} prior" if loaded.model.has_kl else "without a prior"
    )
    return f"{head} · an arc means nothing special {under}"


def _files(loaded: LoadedRun, x: Floats, z: Floats, steps: int) -> None:
    name = f"{loaded.run.name}-interpolation"
    if loaded.data.is_image:
        about = "Both strips, linear above spherical, a pixel for a pixel of the model."
        widgets.download("PNG", lambda: tiles.grid_png(x, steps), f"{name}.png", about)
    about = f"x and z of both ways, {steps} linear, then {steps} spherical; --data can read it."
    widgets.download("NPZ", lambda: widgets.npz(x, z), f"{name}.npz", about)


def _strips(loaded: LoadedRun, asked: Asked, both: Floats, ways: Between) -> int:
    """Both strips; the enlargement of their tiles."""
    shape = loaded.data.event_shape
    scale = tile_scale(shape, asked.steps, 2, ROOM)
    words = [f"t = {html_grid.number(t)}" for t in ways.t]
    rows = [
        Row("linear", "", both[0], words),
        Row("spherical", "" if ways.arc else "= linear", both[1], words),
    ]
    st.html(strips(rows, scale, [html_grid.number(t) for t in ways.t], "t, from A to B"))
    return scale


def _measured(loaded: LoadedRun, ways: Between, width: int | None) -> None:
    """A quantity along both ways; under strips of so many pixels, or as wide as there is room."""
    titles = MEASURES if loaded.model.has_kl else {"norm": MEASURES["norm"]}
    place = st.container() if width is None else st.columns([NAME + GAP, 200, 460], gap=None)[1]
    words = ("Measured along both", "traverse_measure")
    chosen = widgets.choose(place, *words, titles, "norm", HELP["measure"])
    title = "‖z‖ (units of z)" if chosen == "norm" else "−ln p(z) (nats)"
    curves = {
        name: measure(loaded, getattr(ways, name), chosen) for name in ("linear", "spherical")
    }
    draws = measure(loaded, usual(loaded), chosen)
    low, high = np.quantile(draws, [0.025, 0.975])
    of = "draws of the prior" if loaded.model.has_kl else "the encoded data"
    margins = (56, 16) if width is None else (NAME + GAP, 16)
    chart = path_measure(ways.t, curves, title, (float(low), float(high)), of, margins)
    with st.container(width="stretch" if width is None else width + sum(margins)):
        plot(
            chart,
            key="measured",
            revision=f"{loaded.run.name} {chosen}",
            height=CHART,
            label=f"{title} along the linear and the spherical way",
        )


def measure(loaded: LoadedRun, z: Floats, chosen: str) -> Floats:
    """‖z‖, or −ln p(z) in nats, of z (M, Z), (M,)."""
    norms: Floats = np.linalg.norm(z, axis=1)
    return norms if chosen == "norm" else -log_prior(loaded, z)


def _ends(loaded: LoadedRun, asked: Asked) -> None:
    """The two examples as they are in the data."""
    pair = np.array([asked.a, asked.b])
    words = [("A", name_of(loaded, asked.a)), ("B", name_of(loaded, asked.b))]
    x = loaded.inputs(pair)
    st.html(captioned(x, words, tiles.factor(x.shape[3], END)))


def frames_of(loaded: LoadedRun, asked: Asked, way: str) -> Bytes:
    """What plays: the decoder's pictures along one way, (T, H, W, 1 or 3)."""
    z = getattr(ways_of(loaded, asked, PLACES), way)
    shown = tiles.pixels(through(loaded, z, asked.label))
    return shown[..., :1] if loaded.data.event_shape[0] == 1 else shown


def _moving(loaded: LoadedRun, asked: Asked) -> None:
    """One of the ways as an animation, and its files."""
    at = st.columns([3, 2], vertical_alignment="bottom")
    first = "spherical" if has_rings(loaded.run) else "linear"
    way = widgets.choose(at[0], "Animated", "traverse_way", WAYS, first, HELP["way"])
    ms = widgets.whole(at[1], "ms per picture", "traverse_ms", (20, 1000, 60), HELP["ms"], step=20)
    frames = frames_of(loaded, asked, way)
    scale = tiles.factor(frames.shape[2], WIDE)
    content = played(frames, scale, "webp", ms)
    size = (frames.shape[2] * scale, frames.shape[1] * scale)
    moving = picture(content, size, f"{way}, from A to B and back", "webp")
    st.html(f'<div class="vae-moving">{moving}</div>')
    with st.container(horizontal=True):
        for other, title in FILES.items():
            widgets.download(
                title,
                lambda other=other: played(frames, scale, other, ms),  # type: ignore[misc]
                f"{loaded.run.name}-{way}.{other}",
                f"{PLACES} pictures forth and back, as they play here. {FORMATS[other]}",
            )


@st.cache_data(max_entries=32, show_spinner=False)
def played(frames: Bytes, scale: int, kind: str, ms: int) -> bytes:
    """Frames enlarged by a whole factor, playing forth and back."""
    return animation(frames.repeat(scale, 1).repeat(scale, 2), kind, ms, back=True)


def _vectors(loaded: LoadedRun, both: Floats, ways: Between) -> None:
    """Both ways in the plane of the data, or features against t."""
    if loaded.data.event_shape == (2,):
        behind = loaded.inputs(loaded.subset("train", 2000))
        chart = path_plane(both, ("linear", "spherical"), (0, 0), behind, "A")
    else:
        chart = feature_curves(list(both), ways.t, "t, from A to B", None, ("linear", "spherical"))
    plot(chart, key="ways", revision=loaded.run.name, height=480, label="Both ways")
