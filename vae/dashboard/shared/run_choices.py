"""Choices that several pages offer for a run: its checkpoint and a split of its data."""

from typing import TYPE_CHECKING

from streamlit.delta_generator import DeltaGenerator

from vae.dashboard.shared import cache, run_picker, widgets
from vae.figures.quantities import SPLITS
from vae.runs import Run

if TYPE_CHECKING:
    from vae.analysis.loaded_run import LoadedRun

SPLIT_TITLES = SPLITS | {"all": "all"}
OFFERED = 500  # newest runs, among which a page looks for those that fit beside its run
CHECKPOINTS = {"best": "best", "last": "last"}
CHECKPOINT_HELP = (
    "best: the weights with the best validation score (ELBO; for iwae the K-sample bound; "
    "reconstruction where no KL is trained). last: the weights saved last."
)


def load_checkpoint(run: Run, place: DeltaGenerator, key: str) -> "LoadedRun":
    """Return the run at the chosen checkpoint; the page ends with the reason if loading fails."""
    checkpoint = widgets.choose(
        place, "Checkpoint", key, CHECKPOINTS, "best", CHECKPOINT_HELP, link="checkpoint"
    )
    try:
        return cache.load_run(run, checkpoint)
    except (ValueError, OSError) as error:
        run_picker.cannot_be_opened(run, error)


def split_titles(loaded: "LoadedRun", with_all: bool = False) -> dict[str, str]:
    """Return the title of each split that has examples, with their number: test (180)."""
    names = SPLIT_TITLES if with_all else SPLITS
    sizes = {name: len(loaded.splits.rows(name)) for name in names}
    return {name: f"{names[name]} ({size:,})" for name, size in sizes.items() if size}
