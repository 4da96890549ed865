"""Time machine: one scrubber replays a run's training."""

import streamlit as st

from vae.dashboard.replay.export import export
from vae.dashboard.replay.view import POLL, WAITING, choose_hue, guard_frames, kept, show
from vae.dashboard.shared.run_picker import facts, head

run, line = head(link=True)
status = run.status()
line.markdown(facts(run, status))
guard_frames(run, status)
found = kept(run)
place = st.container()
left, right = st.columns([8, 2], vertical_alignment="bottom")
with left.container(width=240):
    hue = choose_hue(found.examples) if found else None
with right.container(horizontal=True, horizontal_alignment="right"):
    export(run, hue)


@st.fragment(run_every=POLL if status.state in WAITING else None)
def view() -> None:
    """The player; while the run trains, new frames are looked for."""
    now = run.status()
    line.markdown(facts(run, now))
    show(run, now, hue)
    if status.state in WAITING and now.state not in WAITING:
        st.rerun()


with place:
    view()
