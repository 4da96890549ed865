"""Several runs on one clock, for the pages that compare runs: a tile each, in rows and columns."""

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.analysis.replay import replay, usable
from vae.analysis.replay_grid import Reel, evenly, thinned, turned
from vae.base.numbers import number
from vae.base.records import Curve, Hue
from vae.dashboard import server
from vae.dashboard.replay import export, grid, view
from vae.dashboard.replay.film import Film
from vae.dashboard.shared import address, address_values, cache, current_run, run_picker, widgets
from vae.figures.replay import Scene, replay_scene
from vae.figures.replay_grid import MAPS, Grid, Tile, draw_grid, grid_size, on_common_axes
from vae.runs import Run, Status
from vae.runs.manifest import domain_of
from vae.runs.result_keys import run_key

MOST = 24  # tiles
FRAMES, POINTS, PICTURES = 48, 400, 9  # of a tile, at most
HELP = {
    "axes": "Draw all maps on the axes of the widest one, so that their spreads compare. "
    "Otherwise each map fills its tile.",
}
CAPTIONS = {
    "maps": "Means of q(z|x) of the same examples in all frames of a run. Each map is rotated or "
    "mirrored, never scaled, as a whole: N(0, I) does not fix its orientation. Its last frame "
    "then lies as near as possible to that of the first tile.",
    "reconstructions": "Originals above reconstructions E[x|z] at z = mean of q(z|x).",
    "samples": "Decoded means E[x|z] of the same random z in all frames of a run.",
}
VALUES = " −ELBO: on validation data, at the last report before the frame, nats per example."
WAITING = {
    "queued": "In the queue.",
    "starting": "Starting.",
    "running": "Training; its first frame comes in a moment.",
}


class RunTile(NamedTuple):
    """A run and its place in the grid."""

    run: Run
    title: str
    place: tuple[int, int]  # row, column


def films(name: str, tiles: Sequence[RunTile], kind: str, place: DeltaGenerator) -> None:
    """Show the runs of `tiles`, at most `MOST`, on one clock, with the controls in `place`; `name`
    is that of their group."""
    tiles = tiles[:MOST]
    reels = {tile.run.name: reel(tile.run) for tile in tiles}
    first = next((found for found in reels.values() if found), None)
    if first is None:
        st.info(_without_frames(tiles))
        return
    with place:
        hue = view.choose_hue(first.examples, bare=True) if kind == MAPS else None
        common = kind != MAPS or widgets.switch(
            st, "Common axes", "films_axes", True, HELP["axes"], "common_axes"
        )
        whole = Grid(kind, tuple(_tiles(tiles, reels, hue, common)))
        export.export(_film(name, whole, [tile.run for tile in tiles]), None)
    _player(name, whole, tiles)


def _without_frames(tiles: Sequence[RunTile]) -> str:
    notes = list(dict.fromkeys(_note(tile.run, tile.run.status(), False) for tile in tiles))
    return "No run here has a frame of its training to show. " + " ".join(notes[:3])


def reel(run: Run) -> Reel | None:
    """The thinned replay of a run, read again when it has a new frame; None without frames."""
    steps = tuple(run.frame_steps())
    files = sorted(f"frames/{path.name}" for path in (run.path / "frames").glob("*"))
    return _reel(run, steps, run_key(run, files=files)) if steps else None


@st.cache_resource(max_entries=2 * MOST, show_spinner="Aligning the frames…")
def _reel(_run: Run, steps: tuple[int, ...], key: str) -> Reel | None:
    examples = _run.examples()
    if examples is None:
        return None
    chosen = [steps[k] for k in evenly(len(steps), FRAMES)]
    frames = usable([_run.frame(step) for step in chosen], examples)
    if not frames:
        return None
    return thinned(Reel(replay(frames, examples), examples), POINTS, PICTURES)


def _tiles(
    tiles: Sequence[RunTile], reels: dict[str, Reel | None], hue: Hue | None, common: bool
) -> list[Tile]:
    """The tiles, in the orientation of the first one with frames and on common axes if chosen."""
    scenes = _scenes(tiles, reels, hue)
    if common:
        scenes = dict(zip(scenes, on_common_axes(list(scenes.values())), strict=True))
    found = []
    for tile in tiles:
        scene = scenes.get(tile.run.name)
        values = () if scene is None else bounds(tile.run, scene.record.epoch)
        note = _note(tile.run, tile.run.status(), scene is not None)
        found.append(Tile(tile.title, tile.place, scene, values, note))
    return found


def _scenes(
    tiles: Sequence[RunTile], reels: dict[str, Reel | None], hue: Hue | None
) -> dict[str, Scene]:
    runs = {tile.run.name: tile.run for tile in tiles if reels[tile.run.name]}
    target, scenes = None, {}
    for name, run in runs.items():
        found, rings = reels[name], run_picker.has_rings(run)
        assert found is not None
        if rings and target is None:
            target = run
        elif target is not None and rings and _has_same_data(run, target):
            found = turned(found, reels[target.name] or found)
        colours = view.hues(found.examples)
        colour = colours.get(hue.title if hue else "", next(iter(colours.values()), None))
        scenes[name] = replay_scene(*found, colour, rings, domain_of(run.header))
    return scenes


def _has_same_data(run: Run, other: Run) -> bool:
    return bool(run.header["data"]["fingerprint"] == other.header["data"]["fingerprint"])


def bounds(run: Run, epochs: np.ndarray) -> tuple[str, ...]:
    """The −ELBO of the last report before each epoch, or the reconstruction without a bound."""
    curves = cache.curves(run).curves
    split = "val" if any(key[0] == "val" for key in curves) else "train"
    where = "" if split == "val" else " (train)"
    for name, title, sign in (("elbo", "−ELBO", -1), ("reconstruction", "Reconstruction", 1)):
        if (curve := curves.get((split, name))) is not None:
            return tuple(_at(curve, epoch, f"{title}{where}", sign) for epoch in epochs)
    return ("no report yet",) * len(epochs)


def _at(curve: Curve, epoch: float, title: str, sign: int) -> str:
    last = int(np.searchsorted(curve.epoch, epoch + 1e-4, side="right")) - 1
    return f"{title} {number(sign * curve.value[last])}" if last >= 0 else "no report yet"


def _note(run: Run, status: Status, has_frames: bool) -> str:
    """The state of a run that is not finished, or the reason why it has no frames."""
    if has_frames:
        return "" if status.state == "finished" else status.state
    if status.state in WAITING:
        return WAITING[status.state]
    reason = f" {status.message}" if status.message else ""
    if status.state != "finished":
        return f"{status.state.capitalize()} without a frame.{reason}"
    if run.settings.get("frames") == 0:
        return "Saves no frames: its setting Frames is 0."
    return "Its frames cannot be read."


def _player(name: str, whole: Grid, tiles: Sequence[RunTile]) -> None:
    """The player; a click on a tile opens its run."""
    live = any(tile.run.status().active for tile in tiles)
    addresses = [_address(tile, has) for tile, has in zip(tiles, _frames(whole), strict=True)]
    times = whole.times
    message = grid.pack(
        whole,
        [tile.run.name for tile in tiles],
        addresses,
        name=f"{name} {whole.kind}",
        live=live,
        caption=CAPTIONS[whole.kind] + VALUES,
        start=_linked_epoch(name, times),
    )
    state = grid.player(message, key="films")
    key = f"films_epoch_{name}"
    if state.epoch is not None:
        st.session_state[key] = state.epoch
    end = float(times[-1])
    form = address_values.real(float(times[0]), end)
    address.show("epoch", form, min(st.session_state.get(key, end), end), end)
    if state.opened:
        _open(tiles, *state.opened)


def _frames(whole: Grid) -> list[bool]:
    return [tile.scene is not None for tile in whole.tiles]


def _address(tile: RunTile, has_frames: bool) -> str:
    return f"./{'replay' if has_frames else ''}?run={quote(tile.run.name)}"


def _linked_epoch(name: str, times: np.ndarray) -> float | None:
    """The epoch of a new address, from then on: that of the nearest frame; None without one."""
    key, ends = f"films_start_{name}", (float(times[0]), float(times[-1]))
    found = address.take("epoch", address_values.real(*ends), ends[1])
    if found is not None:
        start = float(times[np.abs(times - found).argmin()])
        st.session_state[key] = st.session_state[f"films_epoch_{name}"] = start
    linked: float | None = st.session_state.get(key)
    return linked


def _open(tiles: Sequence[RunTile], name: str, step: object) -> None:
    """Show a run in the time machine at a step; without frames on the Train page."""
    run = next((tile.run for tile in tiles if tile.run.name == name), None)
    if run is None:
        return
    current_run.choose(run.name)
    if isinstance(step, int) and step in run.frame_steps():
        st.session_state[widgets.key_of("replay_start", run)] = step
        st.session_state[widgets.key_of("replay_step", run)] = step
        st.switch_page(server.PAGES / "replay.py")
    st.switch_page(server.PAGES / "train.py")


def _film(name: str, whole: Grid, runs: Sequence[Run]) -> Film:
    """The film of the grid for an animation."""
    keys = [run_key(run) for run in runs]
    return Film(
        f"{name}-{whole.kind}",
        f"{name} {whole.kind} {keys}",
        len(whole.times),
        lambda width: grid_size(whole, width),
        lambda place, request: draw_grid(whole, place, request.width, request.dark, name),
    )
