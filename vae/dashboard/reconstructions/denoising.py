"""Denoising: corrupted examples beside their reconstructions."""

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.analysis.corruption import CORRUPTIONS, corrupted
from vae.analysis.denoising import Denoised, denoise, squared_error
from vae.analysis.entry_tables import as_pairs
from vae.analysis.loaded_run import LoadedRun
from vae.base.numbers import fixed
from vae.base.options import Spec, options_of
from vae.base.records import Floats, Tiles
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import plot
from vae.dashboard.reconstructions.common import Selection, controls, score_split, select
from vae.dashboard.shared import address, html_grid, row_names
from vae.dashboard.shared.address_values import real
from vae.figures.vectors import reconstruction_pairs
from vae.imaging import tiles
from vae.runs import Run
from vae.runs.result_keys import run_key

ROOM = (968, 500)  # px for the cards at 1440×900
CHART = 460
FEW = 8  # examples at first
LINES = (
    ("class", "text"),
    ("reconstruction, nats", "reconstruction"),
    ("squared error, corrupted", "muted"),
    ("squared error, restored", "text"),
)
NUMBERS = (
    "Means over the examples below; lower is better. The encoder receives the corrupted example, "
    "and all errors are measured against the clean one: **reconstruction** = −ln p(clean x|z) in "
    "nats, and the mean **squared error** over the values, in squared units of x (black 0, white "
    "1; standardised columns: in SD²), of the corrupted example and of its reconstruction. The "
    "model denoises if the second is smaller. **Clean**: the same if the encoder receives the "
    "clean example. The difference is reconstruction − clean original, from −1 to 1. The same "
    "seed draws the same noise, so that only the sliders change the examples."
)


def denoising(run: Run, line: DeltaGenerator) -> None:
    """The view: controls, sliders, and original, corrupted and restored examples."""
    loaded, request = controls(run, FEW, latent=False)
    strengths = sliders(loaded)
    chosen = select(loaded, score_split(loaded, request.split, None), request)
    noisy = corrupted(chosen.x, strengths, request.seed, loaded.model.domain)
    restored = denoise(loaded, chosen.x, noisy, chosen.rows)
    line.markdown(summary(loaded, chosen, restored), help=NUMBERS + lesson_link("terms"))
    (images if loaded.data.is_image else vectors)(loaded, chosen, noisy, restored)


def sliders(loaded: LoadedRun) -> dict[str, dict[str, float]]:
    """A slider for every option of every corruption that fits the data: corruption → option →
    value."""
    binary = loaded.model.domain.levels == 2 or loaded.run.config.binarized
    names = [n for n, row in CORRUPTIONS.items() if row.fits(loaded.data.is_image, binary)]
    options = [(n, spec) for n in names for spec in options_of(CORRUPTIONS[n].apply).values()]
    values: dict[str, dict[str, float]] = {name: {} for name in names}
    columns = st.columns(max(len(options), 4), gap="medium")
    for column, (name, spec) in zip(columns, options, strict=False):
        given = values[name]
        strength = next(iter(given.values()), 1.0)  # at 0 the other options have no effect
        given[spec.name] = _slider(column, name, spec, first=not given, off=not strength)
    return values


def _slider(place: DeltaGenerator, name: str, spec: Spec, first: bool, off: bool) -> float:
    """The slider of one option; the `first` of a corruption is its strength."""
    row, option = CORRUPTIONS[name], spec.option
    assert option.low is not None
    assert option.high is not None
    key = f"reconstruct_{name}_{spec.name}"
    default = row.start if first and row.start is not None else spec.default
    address.link(f"{name}_{spec.name}", key, real(option.low, option.high), float(default))
    return float(
        place.slider(
            row.title if first else f"{row.title}: {spec.name}",
            float(option.low),
            float(option.high),
            key=key,
            step=(option.high - option.low) / 100,
            format="percent" if row.unit == "share" and first else f"%.2f {row.unit * first}",
            help=option.help + (f" It needs a {row.title.lower()} above 0." if off else ""),
            disabled=off,
            persist_state="session",
        )
    )


def summary(loaded: LoadedRun, chosen: Selection, restored: Denoised) -> str:
    """The means over the selected examples, as Markdown."""
    clean = squared_error(chosen.values, chosen.x, loaded.model.domain)
    before, after, best = (fixed(v.mean(), 4) for v in (restored.damage, restored.squared, clean))
    nats, least = (
        fixed(v.mean(dtype=np.float64)) for v in (restored.reconstruction, chosen.reconstruction)
    )
    return (
        f":small[Squared error **{before}** corrupted, **{after}** restored (clean {best}) · "
        f"reconstruction **{nats}** nats (clean {least})]"
    )


def captions(loaded: LoadedRun, chosen: Selection, restored: Denoised) -> list[html_grid.Card]:
    """The captions of the examples: class, reconstruction and squared errors."""
    data = loaded.data
    names = row_names.names_of(data.labels, data.classes, chosen.rows)
    numbers = zip(restored.reconstruction, restored.damage, restored.squared, strict=True)
    return [
        html_grid.Card(
            f"{name} · row {row} of {data.name}",
            name,
            (
                (fixed(nats), "reconstruction"),
                (fixed(damage, 4), "muted"),
                (fixed(squared, 4), "text"),
            ),
        )
        for row, name, (nats, damage, squared) in zip(chosen.rows, names, numbers, strict=True)
    ]


def images(loaded: LoadedRun, chosen: Selection, noisy: Floats, restored: Denoised) -> None:
    """A card for each example: original, corrupted, reconstruction and difference."""
    layers: dict[str, Floats | tiles.Bytes] = {
        "original": chosen.x,
        "corrupted": noisy,
        "reconstruction": restored.values,
        "difference": tiles.difference(chosen.x, restored.values, limit=1.0).tiles,
    }
    texts = captions(loaded, chosen, restored)
    scale = html_grid.enlargement(loaded.data.event_shape, len(layers), texts, ROOM)
    st.html(html_grid.cards(layers, texts, LINES, scale, ROOM[0], 1.0))


def vectors(loaded: LoadedRun, chosen: Selection, noisy: Floats, restored: Denoised) -> None:
    """A chart of corrupted examples and their reconstructions beside a table of errors."""
    background = loaded.inputs(loaded.subset("train", 2000))
    chart, table = st.columns([7, 4])
    table.dataframe(
        {
            **row_names.row_columns(loaded.data, chosen.rows),
            "reconstruction": [fixed(nats) for nats in restored.reconstruction],
            "corrupted": [fixed(damage, 4) for damage in restored.damage],
            "restored": [fixed(squared, 4) for squared in restored.squared],
        },
        hide_index=True,
    )
    table.caption("Reconstruction: nats. Corrupted and restored: mean squared error.")
    if loaded.data.kinds:
        titles = [f"#{row}" for row in chosen.rows]
        chart.dataframe(as_pairs(noisy, restored.values, loaded.data, titles), hide_index=True)
        chart.caption("corrupted → reconstruction of the first examples")
        return
    pairs = reconstruction_pairs(
        Tiles(noisy),
        Tiles(restored.values),
        loaded.data.columns,
        background,
        name="corrupted",
        domain=loaded.model.domain,
    )
    with chart:
        plot(
            pairs,
            key="restored",
            revision=run_key(loaded.run),
            height=CHART,
            label="Corrupted examples and their reconstructions",
        )
