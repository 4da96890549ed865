"""The Latent space page: the controls, the map and the panel beside it."""

import streamlit as st

from vae.dashboard.latent import pins, selection, sliders
from vae.dashboard.latent.controls import controls
from vae.dashboard.latent.map import computing, show_map
from vae.dashboard.latent.map_3d import show_map_3d
from vae.dashboard.latent.panel import panel, panel_places
from vae.dashboard.latent.request import MapContext
from vae.runs import Run
from vae.runs.result_keys import run_key

POLL, FOLLOW = 0.5, 1.0  # seconds between two draws: during a job, and of a run in training


def latent_page(run: Run) -> None:
    """Show the page of a run with weights.

    The map is a fragment, which reruns alone; the controls are outside and keep their focus.
    """
    status = run.status()
    request = controls(run, status.alive)
    busy = computing(run, request)
    drawn = run_key(run)

    @st.fragment(run_every=POLL if busy else FOLLOW if request.following else None)
    def live() -> None:
        if run_key(run) != drawn:  # deleted, or another run of the same name
            st.rerun()
        now = run.status()
        _draw(MapContext.of(run, request))
        if now.alive != status.alive or (busy and not computing(run, request)):
            st.rerun()

    live()


def _draw(context: MapContext) -> None:
    pins.take_link(context)
    sliders.take_link(context)
    linked = selection.take_link(context)
    left, right = st.columns([63, 37])
    with right.container(key="latent_panel"):
        places = panel_places()
    with left:
        show = show_map_3d if context.request.in_3d else show_map
        state = show(context, places)
    panel(context, state, places)
    pins.show_link(context)
    sliders.show_link(context)
    selection.show_link(context, state.selected if linked is None else linked)
