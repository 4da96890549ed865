"""The runs of a sweep on one clock: small maps or pictures, ordered by the swept values."""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.dashboard import server
from vae.dashboard.replay.films import MOST, RunTile, films
from vae.dashboard.shared import widgets
from vae.dashboard.sweep.arrangement import run_places
from vae.experiments.configurations import Fold
from vae.runs import Run

ALL = "all"
ACROSS = 8  # tiles beside each other, at most
SEED = f"Runs of one seed, or of all seeds where there are up to {MOST}."


def play(
    name: str, folds: Sequence[Fold], differ: Sequence[str], kind: str, place: DeltaGenerator
) -> None:
    """Draw the tiles of a sweep, of the chosen seed, with their controls in `place`."""
    runs = sum(len(fold.runs) for fold in folds)
    with place:
        seed = _seed(name, folds, len(differ), runs)
    chosen = _of_seed(folds, seed)
    count = sum(len(fold.runs) for fold in chosen)
    tiles = [
        RunTile(Run(server.ROOT / entry.name), title, spot)
        for entry, title, spot in run_places(chosen, differ, ACROSS)
    ]
    films(name, sorted(tiles, key=lambda tile: tile.place), kind, place)
    if count > MOST:
        st.caption(f"The first {MOST} of {count} runs.")


def _seed(name: str, folds: Sequence[Fold], swept: int, runs: int) -> str:
    """Return the chosen seed, or ALL; no widget for a single seed."""
    seeds = [str(seed) for seed in sorted({s for fold in folds for s in fold.seeds})]
    if len(seeds) < 2:
        return ALL
    titles = ({ALL: "all seeds"} if runs <= MOST else {}) | {s: f"seed {s}" for s in seeds}
    usual = ALL if swept < 2 and ALL in titles else seeds[0]
    key = f"sweep_seed_{name}"
    with st.container(width=130):
        return str(widgets.choose(st, "Seeds", key, titles, usual, SEED, True, link="seed"))


def _of_seed(folds: Sequence[Fold], seed: str) -> list[Fold]:
    """Return the configurations with the runs of one seed."""
    if seed == ALL:
        return list(folds)
    few = [
        fold._replace(runs=tuple(r for r in fold.runs if str(r.seed) == seed)) for fold in folds
    ]
    return [fold for fold in few if fold.runs]
