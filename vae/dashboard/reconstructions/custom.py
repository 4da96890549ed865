"""An example of one's own: drawn, uploaded or typed in, through the model and among the data."""

import hashlib
import io
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
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.nearest import nearest
from vae.analysis.ranking import percent
from vae.base.records import Floats, Hue, LatentMap, Tiles
from vae.dashboard.plot import plot
from vae.dashboard.reconstructions.common import SPLITS, judge, split_controls
from vae.dashboard.reconstructions.drawing_pad import pad
from vae.dashboard.shared import cache, html_grid, widgets
from vae.dashboard.shared.html_gallery import Caption, figures_line, gallery
from vae.dashboard.shared.run_picker import has_rings
from vae.data.pictures import fitted
from vae.figures.latent_map import latent_scatter
from vae.figures.palette import token
from vae.figures.ranking import surprise_histogram
from vae.figures.vectors import reconstruction_pairs
from vae.imaging import tiles
from vae.runs import Run

MAP, BARS = 330, 110  # heights
SIDE = 112  # pixels that a layer is wide at most
FITTED = 5000  # training examples on the map
NEIGHBOURS = 6
TYPED = 8  # values of a vector that can be typed in
STARTS = {"blank": "blank", "file": "a picture file", "example": "an example"}
HELP = {
    "start": "What lies on the pad before you draw: nothing, a picture of your own, or one of the "
    "data to change.",
    "file": "PNG, JPEG or WebP. It is scaled and cropped to the size of the data's pictures, and "
    "made grey where they are.",
    "invert": "Exchange black and white: most data draw white on black, most paper is white.",
    "class": "This model is conditional: it is told that the example is of this class.",
    "example": "Which example of the split lies on the pad, counted from 1.",
    "value": "One value of x, in the unit of the data.",
}


def own(run: Run, line: DeltaGenerator) -> None:
    """The view: controls, what is put in, what the model makes of it, and where it lies."""
    at = st.columns([8, 11, 14, 9, 7, 9, 7], vertical_alignment="bottom")
    loaded, split = split_controls(run, at, "Compared with")
    label = _label(loaded, at[5])
    left, middle, right = st.columns([30, 32, 38], gap="large")
    with left:
        given = _picture(loaded, split, at) if loaded.data.is_image else _vector(loaded)
    if given is None:
        return
    found = reconstruct(loaded, given, label)
    bound = judge(loaded, split, None).bound
    line.markdown(in_words(found.percentile(bound), f"{len(bound):,} {SPLITS[split]} examples"))
    with middle:
        _result(loaded, found, bound, split)
    with right:
        _place(loaded, found)


def in_words(share: float, of: str) -> str:
    """How surprising it is, as Markdown; `share` of the examples `of` are less so."""
    if share == 0:
        return f"No more surprising than the least surprising of the **{of}**"
    much = f"all {of}" if share == 1 else f"{percent(share)} of the {of}"
    return f"More surprising than **{much}**"


def _label(loaded: LoadedRun, place: DeltaGenerator) -> int:
    """The class that a conditional model is told."""
    if not loaded.model.classes:
        return 0
    names = dict(enumerate(loaded.data.classes))
    key = f"reconstruct_told_{loaded.run.name}"
    return int(widgets.choose(place, "Class", key, names, 0, HELP["class"]))


def _picture(loaded: LoadedRun, split: str, at: list[DeltaGenerator]) -> NDArray[Any] | None:
    """The pad, on what it starts from; the picture as the data are kept."""
    start = widgets.choose(
        at[2], "Start from", "reconstruct_start", STARTS, "blank", HELP["start"]
    )
    base: NDArray[np.uint8] | None = np.zeros(loaded.data.event_shape, np.uint8)
    if start == "example":
        rows = loaded.rows(split)
        key = f"reconstruct_example_{loaded.run.name}_{split}"
        number = widgets.whole(at[3], "Example", key, (1, len(rows), 1), HELP["example"])
        base = row_to_picture(loaded, int(rows[number - 1]))
    elif start == "file":
        base = _uploaded(loaded, at[3])
    if base is None:
        return None
    what = hashlib.sha256(base.tobytes() + start.encode()).hexdigest()[:12]
    drawn = pad(base, "reconstruct_pad", f"{loaded.run.name} {what}")
    st.caption("Draw on the picture; the model takes it when you let go.")
    return picture_to_x(drawn, loaded)


def _uploaded(loaded: LoadedRun, place: DeltaGenerator) -> NDArray[np.uint8] | None:
    """The picture of a file in the data's shape, shown as it was; None until there is one."""
    place.toggle("Invert", key="reconstruct_invert", help=HELP["invert"], persist_state="session")
    file = st.file_uploader(
        "Picture", ["png", "jpg", "jpeg", "webp"], key="reconstruct_file", help=HELP["file"]
    )
    if file is None:
        st.caption("Drop a picture here: it is shown as the model will see it, to be changed.")
        return None
    try:
        made = fitted(file.name, file.getvalue(), loaded.data.event_shape)
    except ValueError as error:
        st.error(str(error))
        return None
    with Image.open(io.BytesIO(file.getvalue())) as picture:
        width, height = picture.size
        picture.thumbnail((SIDE, SIDE))
        before = np.asarray(picture.convert("RGB"))
    st.html(html_grid.sheet(before, f"{file.name} as it is"))
    st.caption(f"{file.name}, {width:,}×{height:,} pixels, and below as the data are:")
    return 255 - made if st.session_state.get("reconstruct_invert") else made


def _vector(loaded: LoadedRun) -> NDArray[Any] | None:
    """The values of a vector, at first the mean of the training examples."""
    size = loaded.data.event_shape[0]
    if size > TYPED:
        st.info(f"These examples have {size} values, too many to type in: at most {TYPED} are.")
        return None
    mean = loaded.inputs(loaded.subset("train", FITTED)).mean(0)
    typed = []
    for i, place in enumerate(c for _ in range(-(-size // 2)) for c in st.columns(2)):
        if i < size:
            key = f"reconstruct_value_{loaded.run.name}_{i}"
            st.session_state.setdefault(key, round(float(mean[i]), 2))
            typed.append(
                place.number_input(
                    f"feature {i + 1}",
                    key=key,
                    step=0.1,
                    help=HELP["value"],
                    persist_state="session",
                )
            )
    return np.array([typed], np.float32) * np.float32(loaded.data.scale)


def _result(loaded: LoadedRun, found: CustomExample, bound: Floats, split: str) -> None:
    """Its numbers, what comes back, and where it lies among the split."""
    numbers = [
        ("reconstruction", f"{html_grid.number(found.reconstruction)} nats", "reconstruction")
    ]
    if found.kl is not None:
        numbers.append(("KL", f"{html_grid.number(found.kl)} nats", "kl"))
        numbers.append(
            ("sum, z at the mean of q", f"{html_grid.number(found.bound)} nats", "text")
        )
    st.html(figures_line(numbers))
    if loaded.data.is_image:
        difference = tiles.difference(found.x, found.values)
        layers: dict[str, Floats | tiles.Bytes] = {
            "as the model sees it": found.x,
            "reconstruction": found.values,
            "difference": difference.tiles,
        }
        scale = max(1, SIDE // loaded.data.event_shape[2])
        card = [html_grid.Card("Your own", "", ())]
        st.html(html_grid.cards(layers, card, (), scale, 2 * SIDE, difference.limit))
    else:
        behind = loaded.inputs(loaded.subset("train", 2000))
        chart = reconstruction_pairs(Tiles(found.x), Tiles(found.values), data=behind)
        plot(chart, key="own_pair", revision=loaded.run.name, height=MAP, label="Your own")
    what = "reconstruction" + " + KL" * (found.kl is not None)
    title = f"{what} of the {len(bound):,} {SPLITS[split]} examples (nats)"
    plot(
        surprise_histogram(bound, np.array([found.bound], np.float32), title),
        key="own_surprise",
        revision=f"{loaded.run.name} {split}",
        height=BARS,
        label=f"Your own example among the {title}",
    )


def _place(loaded: LoadedRun, found: CustomExample) -> None:
    """The map with its place on it, its coordinates, and the nearest training examples."""
    encoding = cache.encoding(loaded.run, loaded.checkpoint, "train", FITTED)
    data, rows, z = loaded.data, encoding.index, found.encoding.mean
    spots = place_example(encoding.mean, z[0])
    hue = None if data.labels is None else Hue("class", data.labels[rows], data.classes)
    rings = has_rings(loaded.run) and encoding.mean.shape[1] == 2
    record = LatentMap(spots.points, spots.axes, rows, hue, len(loaded.splits.train), rings)
    chart = latent_scatter(record)
    chart.add_scatter(
        x=spots.custom[:1],
        y=spots.custom[1:],
        mode="markers",
        marker={"symbol": "star", "size": 18, "color": token("accent")},
        marker_line={"width": 2, "color": token("text")},
        hovertemplate="your own<extra></extra>",
        showlegend=False,
    )
    chart.update_layout(dragmode="pan", margin={"l": 48, "r": 72, "t": 8, "b": 40})
    name = loaded.run.name
    plot(chart, key="own_map", revision=name, height=MAP, label="Its place among training data")
    where = ", ".join(html_grid.number(value) for value in z[0][:6]) + (
        ", …" if z.size > 6 else ""
    )
    plane = "" if spots.latents else " in the plane of the two principal components"
    st.caption(
        f"★ Your own{plane}, z = ({where}). Nearest of {len(rows):,} training examples, with "
        "their distance in all of latent space:"
    )
    near = nearest(z, encoding.mean, k=NEIGHBOURS)
    chosen, apart = rows[near.place[0]], near.distance[0]
    names = widgets.names_of(data.labels, data.classes, chosen)
    said = [html_grid.number(distance) for distance in apart]
    if not data.is_image:
        table = {"row": chosen, "class": names, "distance": said}
        st.dataframe(table, hide_index=True)
        return
    captions = [
        Caption(
            name, ((text, "muted"),), f"{name} · row {row}, {text} from your own in latent space"
        )
        for name, text, row in zip(names, said, chosen, strict=True)
    ]
    st.html(gallery([loaded.inputs(chosen)], captions))
