"""A custom example: drawn, uploaded or typed, its reconstruction, and its position among the
data."""

import hashlib
import io
import math
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from vae.analysis.custom_example import (
    CustomExample,
    picture_to_x,
    place_example,
    reconstruct,
    row_to_picture,
)
from vae.analysis.entry_tables import as_pairs
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.nearest import nearest
from vae.analysis.ranking import percent
from vae.base import visitors
from vae.base.foreign import markdown
from vae.base.numbers import fixed
from vae.base.records import Encoding, Floats, Hue, LatentMap, Tiles
from vae.dashboard import uploads
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import plot
from vae.dashboard.reconstructions.common import CONTROLS, score_split, split_controls
from vae.dashboard.reconstructions.drawing_pad import drawing_pad
from vae.dashboard.reconstructions.live_model import live_model
from vae.dashboard.shared import cache, html_grid, row_names, widgets
from vae.dashboard.shared.html_gallery import Caption, figures_line, gallery
from vae.dashboard.shared.run_picker import has_rings
from vae.data.column_kinds import most_common
from vae.data.decoding import fitted
from vae.data.missing import element_names
from vae.figures.latent_map import latent_scatter
from vae.figures.map_layers import star
from vae.figures.quantities import examples_of
from vae.figures.ranking import surprise_histogram
from vae.figures.vectors import reconstruction_pairs
from vae.imaging import tiles
from vae.runs import Run
from vae.runs.result_keys import run_key

MAP, BARS = 330, 110  # px, heights
MAP_KEY = "custom_map"
SIDE = 112  # px, greatest width of a picture
NEIGHBOURS = 6
TYPED = 8  # most values of a vector that a person can type
COORDINATES = 6  # most coordinates of z in the caption
STARTS = {"blank": "blank", "file": "a picture file", "example": "an example"}
HELP = {
    "start": "The picture on the pad before you draw: a blank one, one from a file, or an example "
    "of the data.",
    "file": "PNG, JPEG or WebP. The picture is scaled and cropped to the size of the data, and "
    "converted to grey for grey data.",
    "invert": "Exchange black and white. Most data sets have white shapes on black.",
    "class": "The class label given to this conditional model.",
    "example": "Number of the example in the split, counted from 1.",
    "surprise": "Share of the examples whose sum of reconstruction and KL, in nats, is lower than "
    "that of x.",
    "value": "One value of x, in the unit of the data.",
    "entry": "The entry of this column, at first the most common one of the training examples.",
}


def custom(run: Run, line: DeltaGenerator) -> None:
    """The view: controls, the input, its reconstruction, and its place in latent space."""
    at = st.columns(CONTROLS, vertical_alignment="bottom")
    loaded, split = split_controls(run, at, "Compared with")
    label = _label(loaded, at[5])
    left, middle, right = st.columns([30, 32, 38], gap="large")
    with left:
        x = _picture(loaded, split, at) if loaded.data.is_image else _vector(loaded)
    if x is None:
        return
    found = reconstruct(loaded, x, label)
    bound = score_split(loaded, split, None).bound
    examples = examples_of(len(bound), split)
    about = HELP["surprise"] + lesson_link("terms")
    line.markdown(surprise_sentence(found.percentile(bound), examples), help=about)
    with middle:
        _reconstruction(loaded, found)
        _histogram(loaded, found, bound, split)
    with right:
        _map(loaded, found)


def surprise_sentence(share: float, examples: str) -> str:
    """How surprising the example is, as Markdown: more than `share` of the `examples`."""
    if share == 0:
        return f"No more surprising than the least surprising of the **{examples}**"
    part = f"all {examples}" if share == 1 else f"{percent(share)} of the {examples}"
    return f"More surprising than **{part}**"


def _label(loaded: LoadedRun, place: DeltaGenerator) -> int:
    """The class given to a conditional model; 0 for other models."""
    if not loaded.model.classes:
        return 0
    names = dict(enumerate(loaded.data.classes))
    key = widgets.key_of("reconstruct_class_label", loaded.run)
    return int(widgets.choose(place, "Class", key, names, 0, HELP["class"], link="class"))


def _picture(loaded: LoadedRun, split: str, at: list[DeltaGenerator]) -> NDArray[Any] | None:
    """The drawing pad; returns the picture in the format of the data, None before an upload."""
    start = widgets.choose(
        at[2], "Start from", "reconstruct_start", STARTS, "blank", HELP["start"], link="start"
    )
    base: NDArray[np.uint8] | None = np.zeros(loaded.data.event_shape, np.uint8)
    if start == "example":
        rows = loaded.rows(split)
        key = widgets.key_of(f"reconstruct_example_{split}", loaded.run)
        bounds, about = (1, len(rows), 1), HELP["example"]
        number = widgets.whole(at[3], "Example", key, bounds, about, link="example")
        base = row_to_picture(loaded, int(rows[number - 1]))
    elif start == "file":
        base = _uploaded(loaded, at[3])
    if base is None:
        return None
    digest = hashlib.sha256(base.tobytes() + start.encode()).hexdigest()[:12]
    live = live_model(loaded, MAP_KEY, run_key(loaded.run))
    drawn = drawing_pad(base, "reconstruct_pad", f"{run_key(loaded.run)} {digest}", live)
    st.caption("Draw on the picture. The model receives it when you release the pointer.")
    return picture_to_x(drawn, loaded)


def _uploaded(loaded: LoadedRun, place: DeltaGenerator) -> NDArray[np.uint8] | None:
    """An uploaded picture in the shape of the data, below the original; None before an upload."""
    invert = place.toggle(
        "Invert", key="reconstruct_invert", help=HELP["invert"], persist_state="session"
    )
    file = st.file_uploader(
        "Picture",
        ["png", "jpg", "jpeg", "webp"],
        key="reconstruct_file",
        help=HELP["file"],
        max_upload_size=uploads.most_mb(),
        disabled=visitors.is_read_only(),
    )
    if file is None:
        words = "Drop a picture here. The pad then shows it as the model receives it."
        st.caption(visitors.CLOSED if visitors.is_read_only() else words)
        return None
    try:
        resized = fitted(file.name, file.getvalue(), loaded.data.event_shape)
    except ValueError as error:
        st.error(markdown(error))
        return None
    with Image.open(io.BytesIO(file.getvalue())) as picture:
        width, height = picture.size
        picture.thumbnail((SIDE, SIDE))
        original = np.asarray(picture.convert("RGB"))
    st.html(html_grid.sheet(original, f"{file.name}, original"))
    st.caption(f"{file.name}, {width:,}×{height:,} pixels; below, resized to the data:")
    return 255 - resized if invert else resized


def _vector(loaded: LoadedRun) -> NDArray[Any] | None:
    """Fields for the values of a vector, at first the mean of the training examples; none for
    series."""
    if loaded.data.is_series:
        st.info("A series has too many values to type. Add it to the data, and select its row.")
        return None
    size = loaded.data.event_shape[0]
    if size > TYPED:
        st.info(f"These vectors have {size} values. You can type vectors of at most {TYPED}.")
        return None
    x = loaded.inputs(loaded.subset("train", cache.FITTED)).astype(np.float64)
    mean, sd = (np.asarray(one) for one in (np.nanmean(x, 0), np.nanstd(x, 0)))
    places = [column for _ in range(-(-size // 2)) for column in st.columns(2)][:size]
    typed = [_value(loaded, i, places[i], float(mean[i]), float(sd[i])) for i in range(size)]
    return np.array([typed], np.float32) * np.float32(loaded.data.scale)


def _value(loaded: LoadedRun, i: int, place: DeltaGenerator, mean: float, sd: float) -> float:
    """The field of one value, with the name of its column: a number, at first near the mean, or
    one of the names of a category, whose position is returned."""
    data = loaded.data
    title = markdown(element_names(data.columns, data.event_shape)[i])
    key, link = widgets.key_of(f"reconstruct_value_{i}", loaded.run), f"feature_{i + 1}"
    if names := (data.entries or {i: ()})[i]:
        common, _ = most_common(loaded.data.x[loaded.rows("train"), i], names)
        chosen = dict(enumerate(names))
        first = names.index(common) if common else 0
        return float(widgets.choose(place, title, key, chosen, first, HELP["entry"], link=link))
    power = _power(sd)
    start, step = round(mean, 2 - power), 10.0 ** (power - 1)
    free, about = (None, None), HELP["value"]
    return widgets.number(place, title, key, start, free, about, step, link, format=None)


def _power(sd: float) -> int:
    """Return the power of ten of a standard deviation; 0 for a feature that never varies."""
    return math.floor(math.log10(sd)) if sd else 0


def _reconstruction(loaded: LoadedRun, found: CustomExample) -> None:
    """The terms of the bound, and the reconstruction of the example."""
    st.html(figures_line(_terms(found)))
    if loaded.data.is_image:
        difference = tiles.difference(found.x, found.values)
        layers: dict[str, Floats | tiles.Bytes] = {
            "input of the model": found.x,
            "reconstruction": found.values,
            "difference": difference.tiles,
        }
        scale = max(1, SIDE // loaded.data.event_shape[2])
        card = [html_grid.Card("Custom example", "", ())]
        st.html(html_grid.cards(layers, card, (), scale, 2 * SIDE, difference.limit))
        return
    if loaded.data.kinds:
        titles = ("given → reconstruction",)
        st.dataframe(as_pairs(found.x, found.values, loaded.data, titles), hide_index=True)
        return
    background = loaded.inputs(loaded.subset("train", 2000))
    pair, domain = (Tiles(found.x), Tiles(found.values)), loaded.model.domain
    chart = reconstruction_pairs(*pair, loaded.data.columns, background, domain=domain)
    label = "Custom example and its reconstruction"
    plot(chart, key="custom_pair", revision=run_key(loaded.run), height=MAP, label=label)


def _terms(found: CustomExample) -> list[tuple[str, str, str]]:
    """Title, value and colour of reconstruction, KL and their sum."""
    values = {"reconstruction": (found.reconstruction, "reconstruction")}
    if found.kl is not None:
        values |= {"KL": (found.kl, "kl"), "sum, z at the mean of q": (found.bound, "text")}
    return [(name, f"{fixed(value)} nats", tint) for name, (value, tint) in values.items()]


def _histogram(loaded: LoadedRun, found: CustomExample, bound: Floats, split: str) -> None:
    """The distribution over the split, with a mark at the custom example."""
    name = "reconstruction" + " + KL" * (found.kl is not None)
    title = f"{name} of the {examples_of(len(bound), split)} (nats)"
    plot(
        surprise_histogram(bound, np.array([found.bound], np.float32), title),
        key="custom_surprise",
        revision=f"{run_key(loaded.run)} {split}",
        height=BARS,
        label=f"The custom example in the histogram of {title}",
    )


def _map(loaded: LoadedRun, found: CustomExample) -> None:
    """The latent map with a star at the custom example, and the nearest training examples."""
    encoding, z = cache.training_encoding(loaded), found.encoding.mean
    data, rows = loaded.data, encoding.index
    placement = place_example(encoding.mean, z[0])
    hue = None if data.labels is None else Hue("class", data.labels[rows], data.classes)
    rings = has_rings(loaded.run) and encoding.mean.shape[1] == 2
    total = len(loaded.splits.train)
    record = LatentMap(placement.points, placement.axes, rows, hue, total, rings)
    chart = latent_scatter(record)
    chart.add_trace(star(placement.custom, "custom example"))
    chart.update_layout(dragmode="pan", margin={"l": 48, "r": 72, "t": 8, "b": 40})
    label = "The custom example among training examples"
    plot(chart, key=MAP_KEY, revision=run_key(loaded.run), height=MAP, label=label)
    position = ", ".join(fixed(value) for value in z[0][:COORDINATES])
    more = ", …" * (z.size > COORDINATES)
    plane = "" if placement.latents else " in the plane of the first two principal components"
    st.caption(
        f"★ custom example{plane}, z = ({position}{more}). Below, the nearest of {len(rows):,} "
        "training examples with their distance over all latents, in units of z:"
    )
    _nearest(loaded, encoding, z)


def _nearest(loaded: LoadedRun, encoding: Encoding, z: Floats) -> None:
    """The training examples whose latents are nearest to z (1, Z), with their distances."""
    found, data = nearest(z, encoding.mean, k=NEIGHBOURS), loaded.data
    rows = encoding.index[found.place[0]]
    names = row_names.names_of(data.labels, data.classes, rows)
    distances = [fixed(distance) for distance in found.distance[0]]
    if not (data.is_image or data.is_series):
        columns = row_names.row_columns(data, rows)
        st.dataframe({**columns, "distance": distances}, hide_index=True)
        return
    captions = [
        Caption(name, ((text, "muted"),), f"{name} · row {row}, distance {text} in latent space")
        for name, text, row in zip(names, distances, rows, strict=True)
    ]
    st.html(gallery([loaded.inputs(rows)], captions, loaded.model.domain))
