"""Images or series of the selected runs: reconstructions of the same examples, and samples of the
prior.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import streamlit as st

from vae.analysis.encoding import fitted_sample, prior_sample
from vae.analysis.loaded_run import LoadedRun
from vae.base.foreign import markdown
from vae.base.records import Encoding, Floats, Ints
from vae.dashboard import server
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import plot
from vae.dashboard.shared import cache, html_grid, row_names
from vae.experiments.configurations import Entry
from vae.figures.paths import path_panels
from vae.imaging import tiles
from vae.runs import Run

T = TypeVar("T")
MOST = 4  # runs side by side
POINTS = 1000  # examples on each map
WIDTH = 1060  # pixels for all of them at 1440×900
SAMPLES = 16
PANELS = 8  # series in a row
HELP = {
    "same": "Reconstructions of the same examples: E[x|z] at z = mean of q(z|x), best weights.",
    "samples": "E[x|z] for z from the prior. Runs with equal latent dimension share the same z.",
}


def several(selected: Sequence[Entry], load: Callable[[Run], T]) -> list[T]:
    """Load the first four selected runs, and show the errors of runs that fail."""
    found: list[T] = []
    refused: list[str] = []
    for entry in selected:
        if len(found) < MOST:
            try:
                found.append(load(Run(server.ROOT / entry.name)))
            except (ValueError, OSError) as error:
                refused.append(f"{entry.label}: {error}")
    for sentence in refused:
        st.caption(markdown(sentence))
    return found


def part_of(few: int, selected: int) -> str:
    """Return how many of the selected runs the view shows, if not all."""
    return "" if few == selected else f" · the first {few} of {selected} selected runs"


def encoded(loaded: LoadedRun) -> Encoding:
    """Return the encoding of at most 1,000 held-out examples."""
    return cache.encoding(loaded.run, loaded.checkpoint, loaded.default_split(), POINTS)


def pictures(selected: Sequence[Entry], titles: dict[str, str]) -> None:
    """Reconstructions of the same examples, and samples of each run."""
    found = several(selected, cache.load_run)
    loaded = [one for one in found if one.data.is_image or one.data.is_series]
    if not loaded:
        st.info("This view needs runs on images or series with saved weights.")
        return
    first = loaded[0]
    loaded = [one for one in loaded if one.data.is_image == first.data.is_image]
    alike = [one for one in loaded if one.data.fingerprint == first.data.fingerprint]
    rows, held_out = common(alike)
    rows = rows[: _fitting(first)]
    labels = [titles[one.run.name] for one in alike]
    layers: dict[str, Floats] = {"original": first.inputs(rows)}
    for label, one in zip(labels, alike, strict=True):
        layers[label[:22]] = one.decode(one.encode(rows).mean, rows)
    names = row_names.names_of(first.data.labels, first.data.classes, rows)
    source = "held out by all of these runs" if held_out else "training examples of some runs"
    if others := len(loaded) - len(alike):
        source += f" · {others} with other data, not shown here"
    head = f"**The same {len(rows)} examples** · {source}{part_of(len(loaded), len(selected))}"
    st.markdown(head, help=HELP["same"] + lesson_link("terms"))
    if first.data.is_series:
        _panels(first, layers, names, "compared_series", "Reconstructions of the same series")
    else:
        words = [html_grid.Card(f"#{r}", name, ()) for r, name in zip(rows, names, strict=True)]
        st.html(html_grid.cards(layers, words, (("class", "text"),), _scale(first), WIDTH - 160))
    st.markdown("**Samples**", help=HELP["samples"] + lesson_link("goals"))
    if first.data.is_series:
        drawn = {titles[one.run.name][:22]: _noise(one)[:PANELS] for one in loaded}
        places = [str(k + 1) for k in range(PANELS)]
        _panels(first, drawn, places, "compared_samples", "Samples of the runs")
        return
    for one, column in zip(loaded, st.columns(MOST), strict=False):
        with column:
            sheet = tiles.tile(_noise(one), 4, scale=_scale(one, across=4))
            st.markdown(titles[one.run.name])
            st.html(html_grid.sheet(sheet, f"Samples of {titles[one.run.name]}"))


def _panels(
    loaded: LoadedRun, layers: dict[str, Floats], names: Sequence[str], key: str, label: str
) -> None:
    """A row of panels for each layer of series (N, C, T)."""
    x, columns = np.stack(list(layers.values())), loaded.data.columns
    chart = path_panels(x, list(layers), names, "", columns, loaded.model.domain)
    revision = " ".join(layers)
    plot(chart, key=key, revision=revision, height=84 + 84 * len(layers), label=label)


def common(loaded: Sequence[LoadedRun]) -> tuple[Ints, bool]:
    """Return up to 64 evenly spaced rows that all of these runs hold out, or if there are none,
    those of the first run; and whether all hold them out."""
    held = [np.union1d(one.splits.test, one.splits.val) for one in loaded]
    rows = held[0]
    for other in held[1:]:
        rows = np.intersect1d(rows, other)
    if fallback := not len(rows):
        rows = held[0] if len(held[0]) else loaded[0].rows("all")
    return rows[np.unique(np.linspace(0, len(rows) - 1, 64).astype(int))], not fallback


def _scale(loaded: LoadedRun, across: int = 1) -> int:
    """Return the integer scale of images, for a width of at least 48 pixels."""
    width = loaded.data.event_shape[2]
    return max(1, -(-48 // width)) if across == 1 else max(1, min(224 // across // width, 8))


def _fitting(loaded: LoadedRun) -> int:
    """Return the number of cards in one row."""
    if loaded.data.is_series:
        return PANELS
    cell = max(html_grid.CARD, loaded.data.event_shape[2] * _scale(loaded)) + html_grid.GAP[0]
    return max(1, (WIDTH - 160) // cell)


def _noise(loaded: LoadedRun) -> Floats:
    """Decode draws from the prior or, without a prior, from a fit to the latents."""
    if loaded.model.has_kl:
        z = prior_sample(loaded.model, SAMPLES, 0)
    else:
        z = fitted_sample(encoded(loaded).mean, SAMPLES, 0)
    return loaded.decode(z, loaded.rows("all")[:SAMPLES])
