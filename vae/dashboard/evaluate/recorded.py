"""Evaluate for a run that a training loop elsewhere has recorded: the measures of its latents."""

import streamlit as st

from vae.analysis.recorded_measures import recorded_evaluation
from vae.base.numbers import compact
from vae.base.records import Evaluation
from vae.dashboard.evaluate.diagnostics import diagnostics
from vae.dashboard.evaluate.figures import View, groups
from vae.dashboard.shared import cache, run_picker
from vae.runs import Run
from vae.runs.evaluations import EvaluationRequest
from vae.runs.result_keys import run_key

COLUMNS = (("latents",), ("knowledge",))  # groups of the table of measures


def recorded(run: Run) -> None:
    """Draw the measures of the latest recorded latents, then the diagnostics."""
    examples, frame = cache.latest(run)
    if examples is not None and frame is not None:
        place = f"epoch {compact(round(frame.epoch, 1), 6)} · step {frame.step:,}"
        st.markdown(f"**{len(frame.mean):,} recorded examples** · {place}")
        key = run_key(run, files=("frames",))
        request = EvaluationRequest("", "", 1, 0, True)
        view = View(_evaluation(run, frame.step, key), request, key)
        groups(view, run.config.latent_dim, COLUMNS)
    diagnostics(run)


@st.cache_data(max_entries=16, show_spinner="Measuring the latents…")
def _evaluation(_run: Run, step: int, key: str) -> Evaluation:
    examples, frame = cache.latest(_run)
    assert examples is not None
    assert frame is not None
    return recorded_evaluation(frame, examples, run_picker.has_rings(_run))
