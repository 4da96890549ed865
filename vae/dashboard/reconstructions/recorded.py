"""The Reconstructions page of a run that a training loop elsewhere has recorded: its latest
originals and reconstructions."""

import numpy as np
import streamlit as st

from vae.base.numbers import compact, fixed
from vae.base.records import Floats, Frame, Tiles
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import plot
from vae.dashboard.shared import cache, html_grid, remedies, run_picker
from vae.figures.vectors import reconstruction_pairs
from vae.runs import Run
from vae.runs.manifest import domain_of
from vae.runs.result_keys import run_key

ROOM = 1060  # pixels for the cards at 1440×900
HEIGHT = 400
ABOUT = "The originals and reconstructions of the last call of r.pictures in the training loop."
NONE = (
    "The training loop of this run has recorded no pictures so far: call r.pictures(step, "
    "originals, reconstructions, samples) in it."
)


def recorded_reconstructions(run: Run) -> None:
    """Show originals above reconstructions with their squared errors."""
    examples, frame = cache.latest(run)
    if examples is None or frame is None or not len(frame.reconstructions):
        run_picker.empty("There are no reconstructions to show.", NONE, remedies.to_train)
    head = f"**{len(frame.reconstructions)} recorded examples** · {place(frame)}"
    st.markdown(head, help=ABOUT + lesson_link("terms"))
    if examples.originals.ndim != 4:
        pairs = Tiles(examples.originals), Tiles(frame.reconstructions)
        figure = reconstruction_pairs(*pairs, domain=domain_of(run.header))
        label = "Recorded examples and their reconstructions"
        revision = f"{run_key(run)} {frame.step}"
        plot(figure, key="recorded_pairs", revision=revision, height=HEIGHT, label=label)
        return
    words = [_card(*pair) for pair in zip(examples.originals, frame.reconstructions, strict=True)]
    layers = {"original": examples.originals, "reconstruction": frame.reconstructions}
    scale = html_grid.enlargement(examples.originals.shape[1:], len(layers), words, (ROOM, 480))
    st.html(html_grid.cards(layers, words, (("squared error", "text"),), scale, ROOM))


def place(frame: Frame) -> str:
    """Return epoch and step of a frame."""
    return f"epoch {compact(round(frame.epoch, 1), 6)}, step {frame.step:,}"


def _card(original: Floats, reconstruction: Floats) -> html_grid.Card:
    error = float(np.square(original - reconstruction).sum())
    return html_grid.Card(f"squared error {fixed(error)}", fixed(error), ())
