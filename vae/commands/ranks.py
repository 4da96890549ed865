"""Commands that `torchrun` starts as several processes.

Rank 0 does the work of the command, and the others train with it.
"""

import sys
from typing import TYPE_CHECKING

from vae.base import files
from vae.base.world import place
from vae.runs import Run, artifacts

if TYPE_CHECKING:
    from vae.config import RunConfig
    from vae.training.ranks import Ranks


def check_ranks(config: "RunConfig") -> None:
    """Raise ValueError if the processes cannot train this configuration together."""
    from vae.training.ranks import check_ranks

    check_ranks(config, place())


def announce(run: Run, ranks: "Ranks | None") -> None:
    """Tell the other ranks the run's folder. Print a line if the run has begun with another number
    of processes."""
    count = ranks.place.size if ranks else 1
    if ranks:
        ranks.say(str(run.path.resolve()))
    before = files.read_meta(run.path / artifacts.LAST).get("ranks", count)
    if before != count:
        print(
            f"{run.name} has trained on {before} processes and goes on with {count}: its weights "
            "will be those of an uninterrupted run up to rounding, not bit for bit.",
            file=sys.stderr,
        )
