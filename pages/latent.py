"""Latent space: where the encoder puts each example, and what the decoder makes of it."""

import streamlit as st

from vae.dashboard.latent import map, map_3d
from vae.dashboard.latent.controls import controls
from vae.dashboard.latent.panel import heads, panel
from vae.dashboard.latent.request import hues
from vae.dashboard.shared import cache
from vae.dashboard.shared.run_picker import facts, guard_weights, head

POLL, FOLLOW = 0.5, 1.0  # seconds between two looks at a job, at a run that trains

run, line = head()
status = run.status()
line.markdown(facts(run, status))
guard_weights(run)
asked = controls(run, status.alive)
computing = map.working(cache.load_run(run, asked.checkpoint), asked)


@st.fragment(run_every=POLL if computing else FOLLOW if asked.following else None)
def view() -> None:
    """The map and what is selected in it; the controls are outside, so they keep their focus."""
    now = run.status()
    line.markdown(facts(run, now))
    loaded = cache.load_run(run, asked.checkpoint)
    encoding = cache.encoding(run, asked.checkpoint, asked.split, asked.points)
    colours = hues(loaded.data, encoding)
    left, right = st.columns([63, 37])
    with right.container(key="latent_panel"):
        place = heads()
    with left:
        draw = map_3d.picture if asked.deep else map.picture
        seen = draw(loaded, encoding, asked, colours, place)
    panel(loaded, encoding, asked, colours, seen, place)
    if now.alive != status.alive or (computing and not map.working(loaded, asked)):
        st.rerun()


view()
