"""The Time machine page: saved frames of a run, their colours, and the player."""

from contextlib import nullcontext
from typing import NamedTuple

import streamlit as st

from vae.analysis.replay import Replay, replay, usable
from vae.base.foreign import markdown
from vae.base.records import Examples, Hue
from vae.dashboard import server
from vae.dashboard.replay.player import pack, player
from vae.dashboard.shared import address, address_values, cache, remedies, run_picker, widgets
from vae.dashboard.shared.run_choices import OFFERED
from vae.figures.replay import Scene, replay_curves, replay_scene
from vae.runs import Run, Status, listing
from vae.runs.manifest import domain_of
from vae.runs.result_keys import run_key

POLL = 1.0  # seconds between two checks for new frames
LISTED = 5  # steps of unreadable frames that the page lists
HUE = (
    "The class and the known factors come with the data. The colour scale of a factor runs from "
    "its 1st to its 99th percentile."
)
OTHER = (
    "The time machine of a second run beside this one. Both go to the same epoch, whichever of "
    "them is moved or played; a run that ended earlier stays at its last frame. The axes of each "
    f"map are those of its run. The choice has the newest {OFFERED} runs."
)
NO_FRAMES = (
    "The time machine replays frames that a run saves during training. This run has "
    "**Frames** set to 0. Set Frames under Training in the sidebar (or --frames 32 on the command "
    "line) and train again."
)
NO_LATENTS = (
    "The time machine replays latents, and the training loop of this run has recorded none so "
    "far: call r.latents(step, mean, log_variance, labels=…) in it."
)
NEXT_FRAME = {
    "queued": "The run is in the queue. It saves its first frame before its first step.",
    "starting": "The run is starting. It saves its first frame before its first step.",
    "running": "The run is training and will save its first frame in a moment.",
}


class SavedFrames(NamedTuple):
    """The saved frames of a run as one sequence."""

    record: Replay | None  # None if no frame can be read
    examples: Examples
    unreadable: tuple[int, ...]  # steps of the frames that cannot be read


def saved_frames(run: Run) -> SavedFrames | None:
    """Load and align the frames of a run, again when there is a new one.

    None if there are no frames, or if the file that lists their examples cannot be read.
    """
    steps = tuple(run.frame_steps())
    files = sorted(f"frames/{path.name}" for path in (run.path / "frames").glob("*"))
    return _load(run, steps, run_key(run, files=files)) if steps else None


@st.cache_resource(max_entries=4, show_spinner="Aligning the frames…")
def _load(_run: Run, steps: tuple[int, ...], key: str) -> SavedFrames | None:
    examples = _run.examples()
    if examples is None:
        return None
    frames = usable([_run.frame(step) for step in steps], examples)
    readable = {frame.step for frame in frames}
    unreadable = tuple(step for step in steps if step not in readable)
    return SavedFrames(replay(frames, examples) if frames else None, examples, unreadable)


def hues(examples: Examples) -> dict[str, Hue]:
    """Quantities that can colour the points: the class and the known factors."""
    found = {}
    if examples.label is not None:
        found["class"] = Hue("class", examples.label, examples.classes)
    return found | {name: Hue(name, values) for name, values in examples.factors.items()}


def choose_hue(examples: Examples, bare: bool = False) -> Hue | None:
    """A choice of the colour of the points, `bare` without a label; no widget for a single one."""
    found = hues(examples)
    if len(found) < 2:
        return next(iter(found.values()), None)
    titles, first = {name: f"by {name}" if bare else name for name in found}, next(iter(found))
    label = "Colour by"
    with st.container(width=150) if bare else nullcontext():
        chosen = widgets.choose(st, label, "replay_hue", titles, first, HUE, bare, link="colour")
    return found[chosen]


def guard_frames(run: Run, status: Status) -> None:
    """End the page with an explanation if the run has no frames to replay."""
    if not run.frame_steps() and run.settings.get("frames") == 0:
        run_picker.empty("This run saves no frames.", NO_FRAMES, None)
    found = saved_frames(run)
    if found is not None and found.record is not None:
        return
    if status.active:
        _wait(run)
    if run.is_recorded and (found is None or not len(found.examples.index)):
        run_picker.empty("There is no frame to show.", NO_LATENTS, remedies.to_train)
    if found is None and run.frame_steps():
        run_picker.empty(
            "The frames of this run cannot be replayed.",
            "frames/examples.safetensors, which lists the examples of the frames, cannot be read. "
            "Restore a copy of it, or train again.",
            remedies.another_than(run),
        )
    if found is not None:
        run_picker.empty(
            "No frame of this run can be read.",
            f"All {len(found.unreadable)} files in the run's folder frames are damaged or contain "
            "non-finite numbers. Restore copies of them, or train again.",
            remedies.another_than(run),
        )
    failure = {"failed": f"Training failed: {markdown(status.message)}"}
    words = (NEXT_FRAME | failure).get(status.state, markdown(status.message))
    run_picker.empty("There is no frame to show yet.", words, remedies.go_on(run, status))


@st.fragment(run_every=POLL)
def _wait(run: Run) -> None:
    if run.frame_steps() or not run.status().active:
        st.rerun()


def scene_of(run: Run, hue: Hue | None) -> Scene | None:
    """The scene of a run's frames, coloured by `hue`; None without frames."""
    found = saved_frames(run)
    if found is None or found.record is None:
        return None
    rings, domain = run_picker.has_rings(run), domain_of(run.header)
    return replay_scene(found.record, found.examples, hue, rings, domain)


def choose_second(run: Run) -> Run | None:
    """A choice of another run with frames, whose player has the same clock; None without one."""
    recent = (other for other in listing(server.ROOT, OFFERED) if other.name != run.name)
    others = {other.name: other for other in recent if other.frame_steps()}
    if not others:
        return None
    titles = {"": "none"} | {name: name for name in others}
    name = widgets.choose(
        st,
        "Compare with run",
        widgets.key_of("replay_other", run),
        titles,
        "",
        OTHER,
        link="other",
    )
    return others.get(name)


def show_both(run: Run, second: Run, status: Status, hue: Hue | None) -> None:
    """The players of two runs side by side; both go to the same epoch."""
    found = saved_frames(second)
    colours = hues(found.examples) if found else {}
    other = colours.get(hue.title if hue else "", next(iter(colours.values()), None))
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown(f"**{run.name}**")
        show(run, status, hue, "first")
    with right:
        st.markdown(f"**{second.name}**")
        show(second, second.status(), other, "second")


def show(run: Run, status: Status, hue: Hue | None, pair: str = "") -> None:
    """The player, and a note on unreadable frames."""
    scene, found = scene_of(run, hue), saved_frames(run)
    if scene is None or found is None:
        return
    steps = scene.record.step
    linked = pair != "second"  # it follows the first one
    message = pack(
        scene,
        replay_curves(cache.curves(run), int(steps[-1])),
        run=run_key(run),
        live=status.alive,
        epochs=float(status.epochs or run.settings["epochs"]),
        has_prior=run.config.has_kl,
        start=_linked_step(run, int(steps[-1])) if linked else None,
        pair=pair,
    )
    step = player(message, key=f"replay{'' if linked else '_second'}")
    if linked:
        _show_step(run, step, int(steps[-1]))
    if found.unreadable:
        st.caption(_unreadable(found.unreadable, len(steps)))
    if len(steps) == 1:
        st.caption("The run has saved one frame so far. Play needs at least two.")


def _linked_step(run: Run, last: int) -> int | None:
    """The step of a new address, from then on; None without one."""
    key = widgets.key_of("replay_start", run)
    found = address.take("step", address_values.whole(0, last), last)
    if found is not None:
        st.session_state[key] = found
        st.session_state[widgets.key_of("replay_step", run)] = found
    start: int | None = st.session_state.get(key)
    return start


def _show_step(run: Run, step: int | None, last: int) -> None:
    """Put the step of the slider into the address, unless it is the last one."""
    key = widgets.key_of("replay_step", run)
    if step is not None:
        st.session_state[key] = step
    address.show("step", address_values.whole(0, last), st.session_state.get(key, last), last)


def _unreadable(steps: tuple[int, ...], readable: int) -> str:
    """The note on frames that cannot be read."""
    listed = ", ".join(f"{step:,}" for step in steps[:LISTED]) + "…" * (len(steps) > LISTED)
    return (
        f":orange-badge[skipped] {len(steps)} of {len(steps) + readable} frames cannot be read or "
        f"contain non-finite numbers: step {listed}"
    )
