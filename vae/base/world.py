"""The place of this process among those that `torchrun` has started for one run.

Each process is a rank. Rank 0 writes the run folder and decides; the others compute with it.
"""

import os
from typing import NamedTuple


class Place(NamedTuple):
    """Rank and number of processes, of all machines and of this one."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1


class LostRankError(RuntimeError):
    """Another rank has ended; without its part of the batch no step can be taken."""


VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")  # set by torchrun


def place() -> Place:
    """Return the place of this process; a process that was started alone is rank 0 of 1.

    Raises ValueError if the variables of torchrun contradict each other.
    """
    given = [os.environ.get(name) for name in VARIABLES]
    if given[1] in (None, "", "1"):
        return Place()
    try:
        found = Place(*(int(text or "") for text in given))
    except ValueError:
        found = Place(-1)
    if not (0 <= found.rank < found.size and 0 <= found.local_rank < found.local_size):
        raise ValueError(
            f"{', '.join(VARIABLES)} name no process of a group: start it with torchrun, or "
            "unset WORLD_SIZE."
        )
    return found
