"""Right of the latent map: the selected examples with their reconstructions, or the run in brief.

All numbers are means over the examples shown, in nats per example; the reconstruction is
-ln p(x|z) at z = mean of q(z|x), so it is a little below that of the curves, which draw z.
"""

from collections.abc import Mapping

import numpy as np
import streamlit as st

from vae.analysis.loaded_run import LoadedRun
from vae.base.records import Encoding, Hue, Ints, Tiles
from vae.dashboard.latent import pins
from vae.dashboard.latent.map import Places, Seen
from vae.dashboard.latent.neighbours import neighbours
from vae.dashboard.latent.request import MapRequest
from vae.dashboard.latent.selection import takeaway
from vae.dashboard.plot import plot
from vae.dashboard.shared.html_gallery import Caption, counts_line, figures_line, gallery
from vae.data.dataset import stratified
from vae.figures.latent_bars import kl_bars, scree
from vae.figures.palette import CLASSES
from vae.figures.vectors import reconstruction_pairs

SHOWN = 32  # examples of a selection that are shown
HEIGHT = 590
BARS = 300
HINT_3D = (
    "Drag to turn, wheel to come closer, right button to move. Click a point (with Shift to add): "
    "it appears here with its reconstruction. A double click lets it go and turns back."
)
HINT = (
    "Draw a lasso around points, or click one (with Shift to add): they appear here with their "
    "reconstructions. A double click lets them go; box, zoom and pan appear above the map. A "
    "click on empty space decodes that place and pins it."
)


def heads() -> Places:
    """The empty places: a title and the chooser side by side, below them what may scroll."""
    with st.container(horizontal=True, vertical_alignment="center"):
        title, chooser = st.container(), st.container(width="content")
    return Places(title, chooser, st.container(height=HEIGHT, border=False))


def panel(
    loaded: LoadedRun,
    encoding: Encoding,
    asked: MapRequest,
    colours: Mapping[str, Hue],
    seen: Seen,
    place: Places,
) -> None:
    """What is pinned and what is selected, or the run in brief if nothing is."""
    positions = np.flatnonzero(np.isin(encoding.index, seen.selected))
    place.title.markdown(_title(len(positions), len(encoding.index)))
    with place.body:
        revision = asked.revision(loaded.run.name)
        if seen.ahead is not None:
            pins.panel(loaded, encoding, seen.ahead, revision, seen.tools.label)
        if len(positions):
            _selection(loaded, encoding, colours, positions)
            if len(positions) == 1:
                neighbours(loaded, encoding, int(encoding.index[positions[0]]))
        elif not len(pins.places(revision)):
            _summary(loaded, encoding, HINT_3D if asked.deep else HINT)


def _title(selected: int, among: int) -> str:
    return (
        f"**{selected:,} of {among:,} points selected**" if selected else "**Nothing is selected**"
    )


def _selection(
    loaded: LoadedRun, encoding: Encoding, colours: Mapping[str, Hue], positions: Ints
) -> None:
    st.html(figures_line(_means(encoding, positions)))
    _mix(colours, positions)
    takeaway(loaded, encoding, colours, positions)
    rows = stratified(loaded.data.labels, encoding.index[positions], SHOWN, loaded.seed)
    part = np.searchsorted(encoding.index, rows)
    originals = loaded.inputs(rows)
    reconstructions = loaded.decode(encoding.mean[part], rows)
    if loaded.data.is_image:
        st.caption(_about(len(rows), len(positions), encoding.kl is not None))
        captions = [_caption(encoding, colours, i) for i in part]
        st.html(gallery([originals, reconstructions], captions))
        return
    st.caption(f"{len(rows)} of {len(positions):,} shown")
    background = loaded.inputs(encoding.index[:2000]) if originals.shape[1] == 2 else None
    figure = reconstruction_pairs(Tiles(originals), Tiles(reconstructions), data=background)
    plot(
        figure,
        key="latent_pairs",
        revision=loaded.run.name,
        height=400,
        label="Selected examples and their reconstructions",
    )


def _about(shown: int, selected: int, has_kl: bool) -> str:
    count = f"{shown} of {selected:,} shown" if shown < selected else f"{shown} shown"
    numbers = "reconstruction and KL" if has_kl else "reconstruction"
    return f"{count} · original above its reconstruction, below them {numbers} in nats"


def _means(encoding: Encoding, part: Ints | slice) -> list[tuple[str, str, str]]:
    """Mean reconstruction and KL of a part of the examples."""
    values = []
    if encoding.reconstruction is not None:
        mean = float(encoding.reconstruction[part].mean())
        values.append(("mean reconstruction", f"{mean:.2f} nats", "reconstruction"))
    if encoding.kl is not None:
        mean = float(encoding.kl[part].mean())
        values.append(("mean KL", f"{mean:.2f} nats", "kl"))
    return values


def _mix(colours: Mapping[str, Hue], positions: Ints) -> None:
    """How many of each class, and between which values the known factors lie."""
    hue = colours.get("class")
    if hue is not None:
        labels, numbers = np.unique(hue.values[positions], return_counts=True)
        order = np.argsort(-numbers, kind="stable")
        counts = [
            (_class(hue, labels[i]), int(numbers[i]), f"class{labels[i] % CLASSES}") for i in order
        ]
        st.html(counts_line(counts))
    ranges = [
        f"{name} {hue.values[positions].min():.3g} to {hue.values[positions].max():.3g}"
        for name, hue in colours.items()
        if name not in ("class", "KL", "reconstruction")
    ]
    if ranges:
        st.caption(" · ".join(ranges))


def _class(hue: Hue, label: int) -> str:
    return hue.classes[label] if 0 <= label < len(hue.classes) else "no class"


def _caption(encoding: Encoding, colours: Mapping[str, Hue], i: int) -> Caption:
    """Class, reconstruction and KL of one example."""
    hue = colours.get("class")
    name = "" if hue is None else _class(hue, int(hue.values[i]))
    numbers, title = [], [f"#{encoding.index[i]}"]
    title += [f"class {name}"] if name else []
    for key, what in (("reconstruction", "reconstruction"), ("KL", "kl")):
        if key in colours:
            value = float(colours[key].values[i])
            numbers.append((f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}", what))
            title.append(f"{'KL' if what == 'kl' else what} {value:.2f} nats")
    return Caption(name, tuple(numbers), " · ".join(title))


def _summary(loaded: LoadedRun, encoding: Encoding, hint: str) -> None:
    """How much the latents carry, and which of them."""
    st.caption(hint)
    st.caption(f"All {len(encoding.index):,} examples on the map, z at the mean of q(z|x):")
    values = _means(encoding, slice(None))
    if encoding.kl is not None:
        values.append(("active units", _active(loaded, encoding), "text"))
    st.html(figures_line(values))
    if encoding.kl_per_dimension is not None:
        per_dimension = encoding.kl_per_dimension.mean(0)
        title, figure = "KL per latent dimension", kl_bars(per_dimension)
        figure.layout.annotations = ()  # the line above says the total already
    else:
        title, figure = "Variance of the latents", scree(_explained(encoding))
    st.markdown(f"**{title}**", help=f"Over the same examples. {ACTIVE_HELP}")
    plot(figure, key="latent_kl", revision=loaded.run.name, height=BARS, label=title)


ACTIVE_HELP = (
    "A unit is active when its posterior mean varies over the examples: variance above 0.01 "
    "(Burda et al. 2016)."
)


def _active(loaded: LoadedRun, encoding: Encoding) -> str:
    """How many units are active, of how many."""
    import torch

    from vae.evaluation import active_units

    assert encoding.std is not None
    noise = torch.from_numpy(encoding.std**2 * loaded.model.mean_noise)
    return f"{active_units(torch.from_numpy(encoding.mean), noise)} of {encoding.mean.shape[1]}"


def _explained(encoding: Encoding) -> np.ndarray:
    """Share of the variance of each principal component, (Z,), the largest first."""
    centred = encoding.mean - encoding.mean.mean(0)
    values = np.linalg.svd(centred, compute_uv=False) ** 2
    total = float(values.sum())
    return (values / total if total else values).astype(np.float32)
