"""The panel right of the map: the sliders, and selected examples with their reconstructions or a
summary.

All numbers are means over the examples on the map, in nats per example. The reconstruction is
−ln p(x|z) at z = mean of q(z|x) and so a little lower than that of the curves, which sample z.
"""

import numpy as np
import streamlit as st

from vae.analysis.entry_tables import FIRST, as_pairs
from vae.analysis.latent_map import CLASS, KL, RECONSTRUCTION, class_name, factors
from vae.base.numbers import compact, fixed
from vae.base.records import Encoding, Floats, Ints, Tiles
from vae.dashboard.latent import code_layer, pins, posterior_layer
from vae.dashboard.latent.map import MapState, PanelPlaces
from vae.dashboard.latent.neighbours import neighbours
from vae.dashboard.latent.path import path_panel
from vae.dashboard.latent.request import MapContext
from vae.dashboard.latent.row_table import row_table
from vae.dashboard.latent.selection import export_buttons
from vae.dashboard.latent.sliders import slider_panel
from vae.dashboard.latent.toolbar import chosen_label
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import plot
from vae.dashboard.shared.html_gallery import Caption, counts_line, figures_line, gallery
from vae.data.dataset import stratified
from vae.data.series import after_end
from vae.figures.latent_bars import kl_bars, scree
from vae.figures.palette import CLASSES
from vae.figures.vectors import reconstruction_pairs
from vae.runs.result_keys import run_key

MOST = 32  # examples of a selection in the panel
BACKGROUND = 2000  # examples behind two-dimensional data
HEIGHT = 590
BARS = 300
HINT_3D = (
    "Drag to rotate, scroll to zoom, drag with the right button to move. Click a point (with "
    "Shift to add): it appears here with its reconstruction. A double click clears the "
    "selection and resets the view."
)
PAIRS = "Each example and the decoded mean of its q(z|x)."
HINT = (
    "Draw a lasso around points, or click one (with Shift to add): they appear here with their "
    "reconstructions. A double click clears the selection; box, zoom and pan are above the map. A "
    "click on empty space pins that place and moves the sliders there; the Enter key on the map "
    "pins the place of the sliders. Two pins or more, or a line drawn with the pen above the map, "
    "make a path: a film shows the decoder along it."
)
ACTIVE_HELP = (
    "A unit is active when its posterior mean varies over the examples: variance above 0.01 "
    "(Burda et al. 2016)."
)


def panel_places() -> PanelPlaces:
    """Return the empty places: title and chooser side by side, below them a scrolling body."""
    with st.container(horizontal=True, vertical_alignment="center"):
        title, chooser = st.container(), st.container(width="content")
    return PanelPlaces(title, chooser, st.container(height=HEIGHT, border=False))


def panel(context: MapContext, state: MapState, places: PanelPlaces) -> None:
    """Show pinned places and selected examples, or a summary of the run without either."""
    index = context.encoding.index
    positions = np.flatnonzero(np.isin(index, state.selected))
    places.title.markdown(_title(len(positions), len(index)))
    with places.body:
        if state.tools.posterior:
            posterior_layer.panel(context, state.selected)
        if state.decoder is not None:
            path_panel(context, state.decoder, state.tools.label)
        slider_panel(context, chosen_label(context))
        if state.decoder is not None:
            pins.pin_list(context, state.decoder, state.tools.label)
        if len(positions):
            _selection(context, positions)
            if len(positions) == 1:
                neighbours(context, int(positions[0]))
        elif not len(pins.places(context.revision)):
            _summary(context)
            if context.loaded.model.codes is not None:
                code_layer.panel(context, chosen_label(context))


def _title(selected: int, among: int) -> str:
    return f"**{selected:,} of {among:,} points selected**" if selected else "**No selection**"


def _selection(context: MapContext, positions: Ints) -> None:
    loaded, encoding = context.loaded, context.encoding
    st.html(figures_line(_means(encoding, positions)))
    _class_counts(context, positions)
    export_buttons(context, positions)
    row_table(context, positions)
    rows = stratified(loaded.data.labels, encoding.index[positions], MOST, loaded.seed)
    part = np.searchsorted(encoding.index, rows)
    originals = loaded.inputs(rows)
    reconstructions = loaded.decode(encoding.mean[part], rows)
    about = PAIRS + lesson_link("terms")
    if not (loaded.data.is_image or loaded.data.is_series):
        st.caption(f"{len(rows)} of {len(positions):,} shown", help=about)
        _vectors(context, rows, originals, reconstructions)
        return
    above = "over" if loaded.data.is_series else "above"
    words = _about(len(rows), len(positions), encoding.kl is not None, above)
    st.caption(words, help=about)
    captions = [_caption(context, i) for i in part]
    if loaded.data.is_series:
        reconstructions = np.where(after_end(originals), np.float32(np.nan), reconstructions)
    st.html(gallery([originals, reconstructions], captions, loaded.model.domain))


def _vectors(context: MapContext, rows: Ints, originals: Floats, reconstructions: Floats) -> None:
    data = context.loaded.data
    if data.kinds:
        titles = [f"#{row}" for row in rows]
        st.dataframe(as_pairs(originals, reconstructions, data, titles), hide_index=True)
        st.caption(FIRST)
        return
    flat, index = originals.shape[1] == 2, context.encoding.index[:BACKGROUND]
    background = context.loaded.inputs(index) if flat else None
    plot(
        reconstruction_pairs(
            Tiles(originals),
            Tiles(reconstructions),
            data.columns,
            background,
            domain=context.loaded.model.domain,
        ),
        key="latent_pairs",
        revision=run_key(context.loaded.run),
        height=400,
        label="Selected examples and their reconstructions",
    )


def _about(number: int, selected: int, has_kl: bool, above: str) -> str:
    count = f"{number} of {selected:,} shown" if number < selected else f"{number} shown"
    numbers = "reconstruction and KL" if has_kl else "reconstruction"
    return f"{count} · original {above} its reconstruction, below them {numbers} in nats"


def _means(encoding: Encoding, part: Ints | slice) -> list[tuple[str, str, str]]:
    """Return title, mean and colour of reconstruction and KL over a part of the examples."""
    values = []
    if encoding.reconstruction is not None:
        mean = float(encoding.reconstruction[part].mean())
        values.append(("mean reconstruction", f"{fixed(mean)} nats", "reconstruction"))
    if encoding.kl is not None:
        mean = float(encoding.kl[part].mean())
        values.append(("mean KL", f"{fixed(mean)} nats", "kl"))
    return values


def _class_counts(context: MapContext, positions: Ints) -> None:
    """Show how many of each class's points are selected, and the ranges of the known factors."""
    hue = context.colours.get(CLASS)
    if hue is not None:
        labels, numbers = np.unique(hue.values[positions], return_counts=True)
        order = np.argsort(-numbers, kind="stable")
        counts = [
            (
                class_name(hue, labels[i]),
                int(numbers[i]),
                int((hue.values == labels[i]).sum()),
                f"class{labels[i] % CLASSES}",
            )
            for i in order
        ]
        st.html(counts_line(counts))
    ranges = [
        f"{name} {compact(values.min(), 3)} to {compact(values.max(), 3)}"
        for name, factor in factors(context.colours).items()
        for values in (factor.values[positions],)
    ]
    if ranges:
        st.caption(" · ".join(ranges))


def _caption(context: MapContext, i: int) -> Caption:
    """Return class, reconstruction and KL of one example."""
    hue = context.colours.get(CLASS)
    name = "" if hue is None else class_name(hue, int(hue.values[i]))
    numbers, title = [], [f"#{context.encoding.index[i]}"]
    title += [f"class {name}"] if name else []
    for key, colour in ((RECONSTRUCTION, "reconstruction"), (KL, "kl")):
        if key in context.colours:
            value = float(context.colours[key].values[i])
            numbers.append((fixed(value, int(abs(value) < 100)), colour))
            title.append(f"{key} {fixed(value)} nats")
    return Caption(name, tuple(numbers), " · ".join(title))


def _summary(context: MapContext) -> None:
    """Show mean reconstruction, KL and active units, and a bar for each latent."""
    encoding = context.encoding
    st.caption(HINT_3D if context.request.in_3d else HINT)
    st.caption(f"All {len(encoding.index):,} examples on the map, z at the mean of q(z|x):")
    values = _means(encoding, slice(None))
    if encoding.kl is not None:
        values.append(("active units", _active(context), "text"))
    st.html(figures_line(values))
    if encoding.kl_per_dimension is not None:
        title, figure = "KL per latent dimension", kl_bars(encoding.kl_per_dimension.mean(0))
        figure.layout.annotations = ()  # the line above shows the total
    else:
        title, figure = "Variance of the latents", scree(_explained(encoding))
    about = f"Over the same examples. {ACTIVE_HELP}" + lesson_link("gaussian_kl")
    st.markdown(f"**{title}**", help=about)
    plot(figure, key="latent_kl", revision=run_key(context.loaded.run), height=BARS, label=title)


def _active(context: MapContext) -> str:
    """Return the number of active units and of all units."""
    import torch

    from vae.evaluation import active_units

    encoding = context.encoding
    assert encoding.std is not None
    noise = torch.from_numpy(encoding.std**2 * context.loaded.model.mean_noise)
    return f"{active_units(torch.from_numpy(encoding.mean), noise)} of {encoding.mean.shape[1]}"


def _explained(encoding: Encoding) -> Floats:
    """Return the share of the variance of each principal component, (Z,), the largest first."""
    centred = encoding.mean - encoding.mean.mean(0)
    values = np.linalg.svd(centred, compute_uv=False) ** 2
    total = float(values.sum())
    found: Floats = (values / total if total else values).astype(np.float32)
    return found
