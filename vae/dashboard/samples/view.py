"""The Samples page: decoded samples on the left, the decoded manifold or another run beside them.

Sizes are pixels of the screen at 1440×900 and at 1280×720.
"""

import math

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.analysis.entry_tables import as_csv, as_rows
from vae.analysis.loaded_run import LoadedRun
from vae.base.foreign import markdown
from vae.base.numbers import fixed, plural
from vae.base.records import Floats
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import plot
from vae.dashboard.samples.manifold import (
    ManifoldRequest,
    decode_manifold,
    describe_manifold,
    manifold_controls,
)
from vae.dashboard.samples.samples import (
    HELP,
    Samples,
    SamplesRequest,
    class_names,
    compatible_runs,
    decode_z,
    describe_samples,
    draw_samples,
    nearest_examples,
    sample_controls,
)
from vae.dashboard.shared import address, cache, html_grid, row_names, widgets
from vae.dashboard.shared.html_gallery import Caption, gallery
from vae.dashboard.shared.run_choices import load_checkpoint
from vae.data import prepare
from vae.data.column_kinds import documented
from vae.figures.quantities import distance_units
from vae.figures.vectors import manifold_vectors, sample_vectors
from vae.imaging import tiles
from vae.imaging.tiles import Bytes
from vae.runs import Run
from vae.runs.result_keys import run_key

ROOM = (456, 520)  # width and height of each of the two pictures
FRAMED = (452, 490)  # the same without the axes
CHART = 500
BACKGROUND = 2000  # training examples behind vectors
FILLED = "; missing values count as the mean of their column"
ARRAYS = (
    "x (pictures N×C×H×W, float32, black 0 and white 1; series N×C×T; vectors N×D) and z (N×Z). "
    "The means of a Bernoulli likelihood lie in [0, 1]; those of a Gaussian can lie a little "
    "outside. The file is a data set: train on it, or add it to another one. Of a mixed table x "
    "has the positions of names, `columns` the names of the columns and `entries` a row of names "
    "for each."
)
TABLE = "A line for each x, with the names of the columns and of their entries."
SAMPLES = "z of the chosen source, its deviation scaled by the temperature, decoded."
MANIFOLD = (
    "E[x|z] on a grid in latent space. Where neighbours change smoothly into one another, the "
    "decoder interpolates between the training examples."
)
NO_PRIOR = (
    "A plain autoencoder has no prior to sample from: z comes from a distribution fitted to the "
    "latents of training data, at first the normal distribution with their mean and covariance."
)
NO_CODE_PRIOR = (
    "A quantised model is trained without a prior over its codes. Here it is fitted: in each "
    "group the frequency of each code in the training data, independently of the others. The "
    "decoder reads the nearest codes of any other z."
)
BESIDE = ("Decoded manifold", "Another run")


def samples_page(run: Run) -> None:
    """Show the controls and the pictures of a run with weights."""
    with st.container(key="generate_halves"):  # whole pixels wide: html_grid.css
        left, right = st.columns(2, gap="small")
    with left:
        loaded, request, samples = _samples_half(run)
    with right:
        _right_half(loaded, request, samples)


def _samples_half(run: Run) -> tuple[LoadedRun, SamplesRequest, Samples]:
    row = st.columns([9, 8, 10, 9], vertical_alignment="bottom", gap="xsmall")
    below = st.columns([13, 7, 10, 8], vertical_alignment="bottom", gap="xsmall")
    head, switch, files = st.columns([5, 6, 5], vertical_alignment="center", gap="xsmall")
    loaded = load_checkpoint(run, row[0], "generate_checkpoint")
    request = sample_controls(loaded, [*row[1:], *(below[k] for k in (0, 2, 3, 1))])
    with_nearest = widgets.switch(
        switch, "Nearest example", "generate_nearest", False, HELP["nearest"], "nearest"
    )
    title, about = _title(loaded)
    head.markdown(f"**{title}**", help=about + lesson_link("prior"))
    try:
        samples = draw_samples(loaded, request)
    except ValueError as error:
        st.info(markdown(error))
        address.end_page()
    st.html(html_grid.said(describe_samples(loaded, request)))
    if with_nearest:
        picture = _with_nearest(loaded, request, samples)
    else:
        picture = _grid(loaded, samples.x, "samples")
    _downloads(loaded, files, f"{run.name}-samples", samples, picture)
    return loaded, request, samples


def _title(loaded: LoadedRun) -> tuple[str, str]:
    """Return the title of the samples, and its help."""
    if loaded.model.has_kl:
        return "Samples", SAMPLES
    return ("Samples", NO_CODE_PRIOR) if loaded.model.codes else ("Decoded noise", NO_PRIOR)


def _right_half(loaded: LoadedRun, request: SamplesRequest, samples: Samples) -> None:
    choice, place = st.columns([9, 5], vertical_alignment="bottom", gap="small")
    beside = widgets.segments(
        choice,
        "Beside the samples",
        "generate_beside",
        BESIDE,
        "The picture beside the samples: a decoded grid of latent space, or the same z decoded by "
        "another run.",
        "beside",
        hide_label=False,
    )
    if beside == BESIDE[1]:
        _other_run(loaded, request, samples)
        return
    row = st.columns([5, 4.4, 4.4, 4.2], vertical_alignment="bottom", gap="xsmall")
    head, files = st.columns([8, 6], vertical_alignment="center")
    grid_request = manifold_controls(loaded, [*row, place], FRAMED)
    head.markdown("**Decoded manifold**", help=MANIFOLD + lesson_link("goals"))
    st.html(html_grid.said(f"E[x|z] over {describe_manifold(loaded, grid_request)}"))
    _manifold(loaded, grid_request, files)


def _downloads(
    loaded: LoadedRun, place: DeltaGenerator, name: str, found: Samples, picture: Bytes | None
) -> None:
    """Buttons for the arrays, and for the picture, or the table of vectors."""
    data = loaded.data
    with place.container(horizontal=True, horizontal_alignment="right", gap="small"):
        if picture is not None:
            about = "The picture without the text."
            widgets.download("PNG", lambda: tiles.png(picture), f"{name}.png", about)
        if not (data.is_image or data.is_series):
            widgets.download("CSV", lambda: as_csv(found.x, data), f"{name}.csv", TABLE)
        arrays = {"x": found.x, "z": found.z, **documented(data)}
        widgets.download("NPZ", lambda: widgets.packed(arrays), f"{name}.npz", ARRAYS)


def _background(loaded: LoadedRun) -> Floats:
    return loaded.inputs(loaded.subset("train", BACKGROUND))


def _grid(loaded: LoadedRun, x: Floats, key: str) -> Bytes | None:
    """Show samples as one picture and return it; vectors as points over the training data, rows
    of a mixed table as such."""
    if loaded.data.kinds:
        rows = as_rows(x, loaded.data, {"sample": range(1, len(x) + 1)})
        st.dataframe(rows, hide_index=True, height=CHART, key=key)
        return None
    if not loaded.data.is_image:
        names, domain = loaded.data.columns, loaded.model.domain
        chart = sample_vectors(x, names, _background(loaded), domain)
        plot(chart, key=key, revision=run_key(loaded.run), height=CHART, label="Samples")
        return None
    across, scale = html_grid.arranged(loaded.data.event_shape, len(x), ROOM)
    picture = tiles.tile(x, across, scale=scale)
    with st.container(key=f"{key}_sheet"):
        st.html(html_grid.sheet(picture, plural(len(x), "sample")))
    return picture


def _with_nearest(loaded: LoadedRun, request: SamplesRequest, samples: Samples) -> Bytes | None:
    """Show each sample above its nearest training example, and the distances; return the picture
    of all pairs."""
    found, usual = nearest_examples(loaded, request)
    data, rows, distance = (
        loaded.data,
        loaded.splits.train[found.place[:, 0]],
        found.distance[:, 0],
    )
    where = "Behind" if data.is_series else "Below"
    held_out = "" if math.isnan(usual) else f" (held-out examples: **{fixed(usual)}**)"
    st.markdown(
        f":small[{where} each sample the nearest of {len(loaded.splits.train):,} training "
        f"examples and its distance in {distance_units(loaded.model.domain)}: "
        f"median **{fixed(np.median(distance))}**{held_out}, "
        f"smallest **{fixed(distance.min())}**{FILLED * loaded.model.domain.missing}]",
        help=HELP["nearest"],
    )
    if not (data.is_image or data.is_series):
        return _grid(loaded, samples.x, "samples")
    names = row_names.names_of(data.labels, data.classes, rows)
    captions = [
        Caption(
            label,
            ((fixed(d), "muted"),),
            f"nearest: {name}, row {row} of {data.name}, {fixed(d, 4)}",
        )
        for label, name, row, d in zip(
            class_names(loaded, request), names, rows, distance, strict=True
        )
    ]
    layers = [samples.x, prepare(data, rows)]
    if data.is_series:
        st.html(gallery(layers[::-1], captions, loaded.model.domain))
        return None
    st.html(gallery(layers, captions))
    across, scale = html_grid.arranged(data.event_shape, len(rows), ROOM)
    return tiles.strip(layers, across, scale=scale)


def _other_run(loaded: LoadedRun, request: SamplesRequest, samples: Samples) -> None:
    """Show the same z decoded by another run."""
    runs = {run.name: run for run in compatible_runs(loaded)}
    if not runs:
        st.info(
            f"No other run has {plural(samples.z.shape[1], 'latent')} and examples of this "
            f"shape: train "
            "one, with another seed or another β, to compare samples of the same z."
        )
        return
    key, names = widgets.key_of("generate_other", loaded.run), {name: name for name in runs}
    place = st.columns([2, 1])[0]
    chosen = widgets.choose(
        place, "Compare with run", key, names, next(iter(names)), HELP["other"], link="other"
    )
    st.html(html_grid.said(f"The same {len(samples.z)} z, best checkpoint of {chosen}"))
    try:
        other = cache.load_run(Run(runs[chosen].path), "best")
    except (ValueError, OSError) as error:
        st.info(f"{chosen} cannot be opened. {markdown(error)}")
        return
    _grid(other, decode_z(other, request, samples.z), "samples_second")


def _manifold(loaded: LoadedRun, request: ManifoldRequest, place: DeltaGenerator) -> None:
    """Show the decoded grid with its axes; vectors as a mesh in data space."""
    try:
        found, picture = decode_manifold(loaded, request), None
    except ValueError as error:  # too few examples for a fitted plane
        st.info(str(error))
        return
    across, up = found.axes
    shape = loaded.data.event_shape
    if loaded.data.kinds:
        places = {f"z{k + 1}": z.round(3) for k, z in enumerate(found.z.T[:2])}
        st.dataframe(as_rows(found.values, loaded.data, places), hide_index=True, height=CHART)
    elif not loaded.data.is_image:
        mesh = found.values.reshape(len(up), len(across), *shape)
        background, domain = _background(loaded), loaded.model.domain
        names = loaded.data.columns
        chart = manifold_vectors(mesh, names, background, found.names, domain)
        view = f"{run_key(loaded.run)} {request.plane} {request.latents}"
        plot(chart, key="mesh", revision=view, height=CHART, label="The decoded grid")
    elif len(up) == 1:
        words = [html_grid.Card(f"z1 = {fixed(z, 4)}", fixed(z), ()) for z in across]
        scale = html_grid.enlargement(shape, 1, words, FRAMED)
        layers = {"E[x|z]": found.values}
        st.html(html_grid.cards(layers, words, (("z1", "text"),), scale, FRAMED[0]))
        picture = tiles.tile(found.values, len(across), scale=scale)
    else:
        scale = html_grid.tile_scale(shape, len(across), len(up), FRAMED)
        picture = tiles.tile(found.values, len(across), scale=scale)
        st.html(html_grid.frame(picture, found.axes, found.names, "The decoded manifold"))
    found_ = Samples(found.z, found.values)
    _downloads(loaded, place, f"{loaded.run.name}-manifold", found_, picture)
