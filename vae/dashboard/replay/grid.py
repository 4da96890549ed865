"""The player of several runs: a grid of small maps or pictures on one clock, drawn in the browser.

The message holds the frames of all tiles. Python receives the epoch of the slider when it is
released, and the tile that is clicked.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from vae.dashboard.replay.message import (
    COLOURS_OF_ALL,
    Blobs,
    event,
    examples,
    framed,
    legend,
    numbers,
)
from vae.dashboard.replay.transport import bar, component, lesson_button
from vae.figures.replay import Scene
from vae.figures.replay_grid import MAPS, Grid, Tile, examples_of

_ABOUT = "All tiles show the same epoch. A click on a tile opens its run."
_HTML = f"""{bar()}
<div class="status"><span data-part="when" role="status"></span><span data-part="which"></span>
<span data-part="now"></span>{lesson_button(_ABOUT, "prior")}</div>
<div class="tiles" data-part="tiles"></div>
<div class="legend" data-part="legend"></div><p data-part="caption"></p>"""
_component = component("vae_replay_grid", "Training of several runs", _HTML, ["grid.js"])


class PlayerState(NamedTuple):
    """The state of the player in the browser."""

    epoch: float | None  # of the slider at its last release
    opened: tuple[str, int | None] | None  # run and step of the tile that was just clicked


def player(message: bytes, key: str) -> PlayerState:
    """Show a packed grid, and return its state."""
    result = _component(
        key=key,
        data=message,
        default={"step": None},
        on_step_change=lambda: None,
        on_open_change=lambda: None,
    )
    found = result.get("open")
    opened = (str(found["run"]), found["step"]) if found else None
    return PlayerState(None if result.step is None else float(result.step), opened)


def pack(
    grid: Grid,
    runs: Sequence[str],
    addresses: Sequence[str],
    *,
    name: str,
    live: bool,
    caption: str,
    start: float | None = None,
) -> bytes:
    """The message to the browser: `runs` and `addresses` belong to the tiles, `name` to the grid.

    `start` is the epoch of a link.
    """
    times, first, (rows, columns) = grid.times.tolist(), grid.scenes[0], grid.shape
    head = {
        "run": name,
        "live": live,
        "start": start,
        "kind": grid.kind,
        "marks": times,
        "epoch": times,
        "rows": rows,
        "columns": columns,
        "caption": caption,
        "palette": first.palette,
        "hue": _common_legend(grid),
        "rings": grid.kind == MAPS and any(scene.rings for scene in grid.scenes),
        "bare": True,
        "tiles": [_tile(*parts) for parts in zip(grid.tiles, runs, addresses, strict=True)],
        **COLOURS_OF_ALL,
    }
    blobs: Blobs = {}
    for k, tile in enumerate(grid.tiles):
        if tile.scene is not None:
            found = _arrays(tile.scene, grid.kind)
            blobs |= {f"{part}{k}": array for part, array in found.items()}
    return framed(head, blobs)


def _common_legend(grid: Grid) -> dict[str, Any]:
    """The legend, if it is that of every map; else an empty one."""
    found = [legend(scene) for scene in grid.scenes]
    alike = grid.kind == MAPS and all(one == found[0] for one in found)
    return found[0] if alike else {"title": "", "names": []}


def _tile(tile: Tile, run: str, address: str) -> dict[str, Any]:
    """The header of a tile."""
    row, column = tile.place
    head = {"title": tile.title, "note": tile.note, "row": row, "column": column}
    head |= {"run": run, "href": address, "epoch": [], "step": []}
    if tile.scene is None:
        return head
    scene, record = tile.scene, tile.scene.record
    return head | {
        "epoch": record.epoch.tolist(),
        "step": record.step.tolist(),
        "values": tile.values,
        "count": len(scene.examples.index),
        "pictures": min(record.reconstructions.shape[1], record.samples.shape[1]),
        "range": [scene.x, scene.y],
        "one_dimensional": scene.one_dimensional,
        "rings": scene.rings,
        "palette": scene.palette,
        **event(scene),
    }


def _arrays(scene: Scene, kind: str) -> Blobs:
    """The arrays of a tile, only those that its kind shows."""
    if kind == MAPS:
        record = scene.record
        places = {"aligned": numbers(record.aligned), "origin": numbers(record.origin)}
        return places | {"hue": scene.colour}
    layers, decoded = examples_of(scene, kind)
    found = {"decoded": examples(scene, decoded)}
    for originals in layers:
        found["originals"] = examples(scene, originals)
    return found
