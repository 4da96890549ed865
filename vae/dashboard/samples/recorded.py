"""The Samples page of a run that a training loop elsewhere has recorded: its latest samples."""

import streamlit as st

from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import plot
from vae.dashboard.reconstructions.recorded import NONE, place
from vae.dashboard.shared import cache, html_grid, remedies, run_picker
from vae.figures.vectors import sample_vectors
from vae.imaging import tiles
from vae.runs import Run
from vae.runs.manifest import domain_of
from vae.runs.result_keys import run_key

ABOUT = "The samples of the last call of r.pictures in the training loop."
ROOM = (1060, 520)  # pixels for the sheet at 1440×900
HEIGHT = 400


def recorded_samples(run: Run) -> None:
    """Show the samples of the latest frame."""
    examples, frame = cache.latest(run)
    if examples is None or frame is None or not len(frame.samples):
        run_picker.empty("There are no samples to show.", NONE, remedies.to_train)
    head = f"**{len(frame.samples)} recorded samples** · {place(frame)}"
    st.markdown(head, help=ABOUT + lesson_link("prior", "samples"))
    if frame.samples.ndim == 4:
        shape = frame.samples.shape[1:]
        across, scale = html_grid.arranged(shape, len(frame.samples), ROOM)
        sheet = tiles.tile(frame.samples, across, scale=scale)
        st.html(html_grid.sheet(sheet, "Recorded samples"))
        return
    domain = domain_of(run.header)
    figure = sample_vectors(frame.samples, background=examples.originals, domain=domain)
    revision = f"{run_key(run)} {frame.step}"
    plot(figure, key="recorded_samples", revision=revision, height=HEIGHT, label="Samples")
