"""Time machine: replay the training of a run with a slider over its saved frames."""

import streamlit as st

from vae.dashboard.replay.export import export_of
from vae.dashboard.replay.view import (
    POLL,
    choose_hue,
    choose_second,
    guard_frames,
    saved_frames,
    show,
    show_both,
)
from vae.dashboard.shared.run_picker import pick_run

run = pick_run("replay", "replay_second")
status = run.status()
guard_frames(run, status)
found = saved_frames(run)
left, right = st.columns([8, 2], vertical_alignment="bottom")
with left.container(horizontal=True):
    with st.container(width=240):
        second = choose_second(run)
    with st.container(width=240):
        hue = choose_hue(found.examples) if found else None
with right.container(horizontal=True, horizontal_alignment="right"):
    export_of(run, hue)


@st.fragment(run_every=POLL if status.active else None)
def view() -> None:
    """The player, or two. While the run trains, it checks for new frames every second."""
    now = run.status()
    if second is None:
        show(run, now, hue)
    else:
        show_both(run, second, now, hue)
    if status.active and not now.active:
        st.rerun()


view()
