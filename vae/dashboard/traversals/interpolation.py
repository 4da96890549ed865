"""Interpolation: the linear and the spherical path between two examples, side by side."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from vae.analysis.interpolation import Between, between
from vae.analysis.loaded_run import LoadedRun
from vae.base.numbers import evenly, fixed
from vae.base.records import Floats
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import plot
from vae.dashboard.shared import widgets
from vae.dashboard.shared.film_files import encoded, film_downloads
from vae.dashboard.shared.latent_scale import reference_latents
from vae.dashboard.shared.run_choices import load_checkpoint
from vae.dashboard.shared.run_picker import has_rings
from vae.dashboard.traversals.common import (
    choose_class,
    choose_example,
    choose_steps,
    class_of,
    control_columns,
    decode_path,
    example_name,
    log_prior,
    posterior_mean,
    row_key,
)
from vae.dashboard.traversals.html_strips import (
    GAP,
    NAME,
    Strip,
    captioned,
    picture,
    strips,
    tile_scale,
    width_of,
)
from vae.figures.paths import feature_curves, path_measure, path_panels, path_plane
from vae.imaging import tiles
from vae.imaging.tiles import Bytes
from vae.runs import Run
from vae.runs.result_keys import run_key

ROOM = (600, 320)  # px for the tiles at 1440×900
CHART = 240
WIDTHS = [8.5, 6.5, 8, 7.5, 5.5, 6.5, 8, 7.5, 5.5, 5.5, 6.5]  # of the controls
FRAMES = 31  # pictures of an animated path, one way
END = 112  # px, greatest width of an original example
WIDE = 224  # px, greatest width of the animation
PATHS = {"spherical": "spherical", "linear": "linear"}
MEASURES = {"norm": "‖z‖", "prior": "−ln p(z)"}
AXES = {"norm": "‖z‖ (units of z)", "prior": "−ln p(z) (nats)"}
HELP = {
    "measure": "The measure plotted along both paths. **‖z‖**: distance from the origin, in units "
    "of z. **−ln p(z)**: nats; larger is less probable under the prior. The band contains 95 % of "
    "the reference values: values below the band are as rare as values above it.",
    "path": "The animated path.",
    "ms": "Duration of each picture in milliseconds, 20 or more. Larger is slower.",
    "swap": "Exchange A and B.",
}
ABOUT = (
    "**Linear**: (1 − t) A + t B. **Spherical**: the great arc around the origin, "
    "sin((1 − t) θ) / sin θ · A + sin(t θ) / sin θ · B, with θ the angle between A and B (White "
    "2016). Under a standard normal prior almost all z have a norm of about √Z. The linear path "
    "passes through smaller norms, where z are rare; the arc keeps the norm. A and B are means of "
    "q(z|x)."
)


class InterpolationRequest(NamedTuple):
    """The chosen examples and steps of an interpolation."""

    a: int  # rows of the data set
    b: int
    steps: int
    label: int  # class given to a conditional model


def interpolation(run: Run) -> None:
    """The view: controls, both paths, the two examples, an animation and the downloads."""
    loaded, request = _controls(run)
    paths = paths_between(loaded, request, request.steps)
    line, files = st.columns([13, 5], vertical_alignment="center")
    line.markdown(_summary(loaded, paths), help=ABOUT + lesson_link("goals", "between"))
    z = np.concatenate([paths.linear, paths.spherical])
    x = decode_path(loaded, z, request.label)
    with files.container(horizontal=True, horizontal_alignment="right"):
        _downloads(loaded, x, z, request.steps)
    both = x.reshape(2, request.steps, *loaded.data.event_shape)
    (_images if loaded.data.is_image else _vectors)(loaded, request, both, paths)


def _images(
    loaded: LoadedRun, request: InterpolationRequest, both: Floats, paths: Between
) -> None:
    """Strips above a measure of the paths; beside them the examples and the animation."""
    left, right = st.columns([74, 26], gap="medium")
    with left:
        scale = _strips(loaded, request, both, paths)
    with right:
        _originals(loaded, request)
        _animated(loaded, request)
    with left:
        _measure(loaded, paths, width_of(loaded.data.event_shape, request.steps, scale))


def _vectors(
    loaded: LoadedRun, request: InterpolationRequest, both: Floats, paths: Between
) -> None:
    """Both paths in the plane of two features, or features against t; a measure beside them."""
    left, right = st.columns([60, 40], gap="medium")
    names, across = tuple(reversed(PATHS)), "t, from A to B"
    columns, domain = loaded.data.columns, loaded.model.domain
    if loaded.data.event_shape == (2,):
        background = loaded.inputs(loaded.subset("train", 2000))
        chart = path_plane(both, names, (0, 0), background, "A", domain, columns)
    elif loaded.data.is_series:
        chart = path_panels(both, names, evenly(paths.t), across, columns, domain)
    else:
        chart = feature_curves(
            list(both), paths.t, across, None, names, domain, columns, loaded.data.entries
        )
    with left:
        plot(chart, key="ways", revision=run_key(loaded.run), height=480, label="Both paths")
    with right:
        _measure(loaded, paths, None)


def _controls(run: Run) -> tuple[LoadedRun, InterpolationRequest]:
    at = control_columns(run, WIDTHS)
    loaded = load_checkpoint(run, at[0], "traverse_checkpoint")
    a = choose_example(loaded, "a", at[1:5], "A, row")
    b = choose_example(loaded, "b", at[5:9], "B, row")
    with at[9]:
        widgets.press("Swap", "traverse_swap", lambda: _swap(run), HELP["swap"], width="stretch")
    steps = choose_steps(at[10])
    label = choose_class(loaded, at[-1], class_of(loaded, a))
    return loaded, InterpolationRequest(a, b, steps, label)


def _swap(run: Run) -> None:
    """Exchange the rows of A and B."""
    first, second = (row_key(key, run) for key in "ab")
    state = st.session_state
    state[first], state[second] = state[second], state[first]


def paths_between(loaded: LoadedRun, request: InterpolationRequest, steps: int) -> Between:
    """Both paths between the two examples."""
    a, b = (posterior_mean(loaded, row) for row in (request.a, request.b))
    return between(a, b, steps)


def _summary(loaded: LoadedRun, paths: Between) -> str:
    """The angle between A and B, and whether the prior gives a reason for an arc, as Markdown."""
    degrees = "not defined" if np.isnan(paths.angle) else f"{fixed(np.degrees(paths.angle), 1)}°"
    head = f"**Angle between A and B {degrees}**"
    if not paths.arc:
        return f"{head} · no unique great arc: the spherical path is the linear one"
    if has_rings(loaded.run):
        return f"{head} · great arcs follow the standard normal prior"
    prior = (
        f"under a {loaded.run.config.prior} prior" if loaded.model.has_kl else "without a prior"
    )
    return f"{head} · great arcs have no advantage {prior}"


def _downloads(loaded: LoadedRun, x: Floats, z: Floats, steps: int) -> None:
    name = f"{loaded.run.name}-interpolation"
    if loaded.data.is_image:
        about = "Both paths as one picture, linear above spherical, at the model's resolution."
        widgets.download("PNG", lambda: tiles.grid_png(x, steps), f"{name}.png", about)
    about = f"x and z of both paths, {steps} linear, then {steps} spherical; --data can read it."
    widgets.download("NPZ", lambda: widgets.npz(x, z), f"{name}.npz", about)


def _strips(loaded: LoadedRun, request: InterpolationRequest, both: Floats, paths: Between) -> int:
    """Show both paths as strips and return the scale of their tiles."""
    shape = loaded.data.event_shape
    scale = tile_scale(shape, request.steps, 2, ROOM)
    labels = evenly(paths.t)
    positions = [f"t = {label}" for label in labels]
    rows = [
        Strip("linear", "", both[0], positions),
        Strip("spherical", "" if paths.arc else "= linear", both[1], positions),
    ]
    with st.container(key="traverse_paths"):
        st.html(strips(rows, scale, labels, "t, from A to B"))
    return scale


def _measure(loaded: LoadedRun, paths: Between, width: int | None) -> None:
    """A measure along both paths, below strips of `width` px, or as wide as there is room."""
    has_prior = loaded.model.has_kl
    titles = MEASURES if has_prior else {"norm": MEASURES["norm"]}
    place = st.container() if width is None else st.columns([NAME + GAP, 200, 460], gap=None)[1]
    chosen = widgets.choose(
        place,
        "Measure along both",
        "traverse_measure",
        titles,
        "norm",
        HELP["measure"],
        link="measure",
    )
    curves = {name: measure(loaded, getattr(paths, name), chosen) for name in reversed(PATHS)}
    reference = measure(loaded, reference_latents(loaded), chosen)
    low, high = np.quantile(reference, [0.025, 0.975])
    name = "samples of the prior" if has_prior else "the encoded data"
    margins = (56, 16) if width is None else (NAME + GAP, 16)
    chart = path_measure(paths.t, curves, AXES[chosen], (float(low), float(high)), name, margins)
    with st.container(width="stretch" if width is None else width + sum(margins)):
        plot(
            chart,
            key="measured",
            revision=f"{run_key(loaded.run)} {chosen}",
            height=CHART,
            label=f"{AXES[chosen]} along the linear and the spherical path",
        )


def measure(loaded: LoadedRun, z: Floats, chosen: str) -> Floats:
    """‖z‖ ("norm") or −ln p(z) in nats ("prior") of z (M, Z), (M,)."""
    norms: Floats = np.linalg.norm(z, axis=1)
    return norms if chosen == "norm" else -log_prior(loaded, z)


def _originals(loaded: LoadedRun, request: InterpolationRequest) -> None:
    """The two examples from the data."""
    rows = {"A": request.a, "B": request.b}
    words = [(letter, example_name(loaded, row)) for letter, row in rows.items()]
    x = loaded.inputs(np.array(list(rows.values())))
    st.html(captioned(x, words, tiles.factor(x.shape[3], END)))


def animation_frames(loaded: LoadedRun, request: InterpolationRequest, path: str) -> Bytes:
    """The decoded pictures of one path, (T, H, W, 1 or 3)."""
    z = getattr(paths_between(loaded, request, FRAMES), path)
    pixels = tiles.pixels(decode_path(loaded, z, request.label))
    return pixels[..., :1] if loaded.data.event_shape[0] == 1 else pixels


def _animated(loaded: LoadedRun, request: InterpolationRequest) -> None:
    """One path as an animation, and its downloads."""
    at = st.columns([3, 2], vertical_alignment="bottom")
    first = "spherical" if has_rings(loaded.run) else "linear"
    path = widgets.choose(
        at[0], "Animated path", "traverse_way", PATHS, first, HELP["path"], link="path"
    )
    ms = widgets.whole(
        at[1], "ms per picture", "traverse_ms", (20, 1000, 60), HELP["ms"], step=20, link="ms"
    )
    frames = animation_frames(loaded, request, path)
    scale = tiles.factor(frames.shape[2], WIDE)
    size = (frames.shape[2] * scale, frames.shape[1] * scale)
    content = encoded(frames, scale, "webp", ms)
    image = picture(content, size, f"{path}, from A to B and back", "webp")
    st.html(f'<div class="vae-moving">{image}</div>')
    with st.container(horizontal=True):
        film_downloads(lambda: frames, scale, ms, f"{loaded.run.name}-{path}")
