"""The pieces of the time machine's page: what can be replayed of a run, and how it is shown."""

from typing import NamedTuple

import streamlit as st

from vae.analysis.replay import Replay, replay, usable
from vae.base.records import Examples, Hue
from vae.dashboard.replay.player import pack, player
from vae.dashboard.shared import cache, run_picker
from vae.figures.replay import Scene, scene, strips
from vae.runs import Run, Status
from vae.runs.result_keys import run_key

WAITING = ("queued", "starting", "running")
POLL = 1.0  # seconds between two looks at a run that may yet leave a frame
HUE = (
    "Class and known factors come with the data. The scale of a factor ends at its 1st and 99th "
    "percentile."
)


class Kept(NamedTuple):
    """What a run has kept for replay."""

    record: Replay | None  # None: no frame that can be read
    examples: Examples
    left_out: tuple[int, ...]  # steps of the frames that cannot be read


def kept(run: Run) -> Kept | None:
    """The frames of a run as one sequence, read again when there is another; None if there are
    none, or the file that says which examples they show cannot be read."""
    steps = tuple(run.frame_steps())
    frames = sorted(f"frames/{path.name}" for path in (run.path / "frames").glob("*"))
    return _kept(run, steps, run_key(run, files=frames)) if steps else None


@st.cache_resource(max_entries=4, show_spinner="Aligning the frames…")
def _kept(_run: Run, steps: tuple[int, ...], key: str) -> Kept | None:
    examples = _run.examples()
    if examples is None:
        return None
    frames = usable([_run.frame(step) for step in steps], examples)
    there = {frame.step for frame in frames}
    left_out = tuple(step for step in steps if step not in there)
    return Kept(replay(frames, examples) if frames else None, examples, left_out)


def hues(examples: Examples) -> dict[str, Hue]:
    """What can colour the points: the class and the known factors."""
    found = {}
    if examples.label is not None:
        found["class"] = Hue("class", examples.label, examples.classes)
    return found | {name: Hue(name, values) for name, values in examples.factors.items()}


def choose_hue(examples: Examples) -> Hue | None:
    """A choice among what can colour the points, where there is one."""
    found = hues(examples)
    if len(found) < 2:
        return next(iter(found.values()), None)
    if st.session_state.get("replay_hue") not in found:
        st.session_state.replay_hue = next(iter(found))
    name = st.selectbox(
        "Colour by", list(found), key="replay_hue", help=HUE, persist_state="session"
    )
    return found[name]


def guard_frames(run: Run, status: Status) -> None:
    """End the page with a word of help if the run keeps no frames, or has none yet."""
    if status.state == "damaged":
        run_picker.empty("This run's folder is damaged.", status.message)
    if not run.frame_steps() and run.settings["frames"] == 0:
        run_picker.empty(
            "This run keeps no frames.",
            "The time machine replays moments of training that were kept, and this run was told "
            "to keep none. Set **Frames** under Training in the sidebar (or --frames 32 on the "
            "command line) and train it again.",
            link=False,
        )
    found = kept(run)
    if found is not None and found.record is not None:
        return
    if status.state in WAITING:
        _wait(run)
    if found is None and run.frame_steps():
        why = "frames/examples.safetensors, which says what they show, cannot be read. Put a copy "
        run_picker.empty(
            "The kept frames cannot be replayed.", f"{why}of it back, or train again."
        )
    if found is not None:
        many = len(found.left_out)
        run_picker.empty(
            "None of the kept frames can be read.",
            f"All {many} files in the run's folder frames are damaged or hold numbers that are "
            "not finite. Put copies of them back, or train again.",
        )
    waiting = {
        "queued": "The run waits in the queue; the first frame comes before its first step.",
        "starting": "The run is starting; the first frame comes before its first step.",
        "running": "The run is training and keeps its first frame at once.",
        "failed": f"It failed: {status.message}",
    }
    run_picker.empty("There is no frame to show yet.", waiting.get(status.state, status.message))


@st.fragment(run_every=POLL)
def _wait(run: Run) -> None:
    if run.frame_steps() or run.status().state not in WAITING:
        st.rerun()


def scene_of(run: Run, hue: Hue | None) -> Scene | None:
    """The kept frames with colours and ranges; None if there are none."""
    found = kept(run)
    if found is None or found.record is None:
        return None
    return scene(found.record, found.examples, hue, run_picker.has_rings(run))


def show(run: Run, status: Status, hue: Hue | None) -> None:
    """The player, and a word on what is left out."""
    made, found = scene_of(run, hue), kept(run)
    if made is None or found is None:
        return
    message = pack(
        made,
        strips(cache.curves(run), int(made.record.step[-1])),
        run=run.name,
        live=status.alive,
        epochs=float(status.epochs or run.settings["epochs"]),
        noise=run.settings["posterior"] == "point",
    )
    player(message, key="replay")
    if found.left_out:
        steps = ", ".join(f"{step:,}" for step in found.left_out[:5])
        more = "…" if len(found.left_out) > 5 else ""
        st.caption(
            f":orange-badge[left out] {len(found.left_out)} of "
            f"{len(found.left_out) + len(made.record.step)} frames cannot be read or hold numbers "
            f"that are not finite: step {steps}{more}"
        )
    if len(made.record.step) == 1:
        st.caption("One frame is kept so far: there is nothing to play yet.")
