"""Evaluate: the same measures for every run, each with unit, error and help."""

import streamlit as st

from vae.dashboard.evaluate.columns import columns
from vae.dashboard.evaluate.diagnostics import diagnostics
from vae.dashboard.evaluate.figures import View, groups
from vae.dashboard.evaluate.recorded import recorded
from vae.dashboard.evaluate.view import (
    STYLE,
    WHEN,
    at_work,
    choose,
    controls,
    progress,
    result_buttons,
    table,
    weights_in_words,
)
from vae.dashboard.shared.run_picker import guard_weights, pick_run
from vae.figures.quantities import examples_of
from vae.runs.evaluations import saved_evaluations

st.html(STYLE)
run = pick_run()
guard_weights(run, recorded)
loaded, request = controls(run)
with st.container(key="evaluate_line"):
    progress(run, request)
found = saved_evaluations(run)
result = choose(run, request, found)
if result is None:
    elsewhere = " Select a result below to see other settings." if found else ""
    with st.container(border=True, horizontal_alignment="center"):
        st.markdown("**Not evaluated yet with these settings.**", text_alignment="center")
        st.caption(
            "The evaluation measures the bound, the information in the latents and the quality of "
            "samples, each with its error.",
            text_alignment="center",
        )
        st.caption(
            "The results appear here when it is done; you may leave the page meanwhile."
            if at_work(run)
            else f"Press Evaluate. It runs in the background, seconds to minutes.{elsewhere}",
            text_alignment="center",
        )
else:
    left, right = st.columns([8, 4], vertical_alignment="center")
    examples = f"**{examples_of(result.record.examples, result.request.split)}**"
    when = result.created.astimezone().strftime(WHEN)
    left.markdown(f"{examples} · {weights_in_words(run, result)} · evaluated {when}")
    result_buttons(result, right)
    view = View(result.record, result.request, result.path.stem)
    groups(view, loaded.run.config.latent_dim)
columns(loaded, request.split)
table(run, request, found)
diagnostics(run)
