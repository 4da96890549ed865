"""The order of the queue: the runs of a sweep share a turn, so no sweep keeps others waiting.

A device that is free goes to the sweep or single run that has waited longest: since its last run
began, or since its oldest queued run was created. The runs of a sweep follow each other by time
of creation.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from vae.runs import Run, notes
from vae.runs.glance import head_of


class Turns:
    """The last turns of the sweeps that this process has started runs of."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}  # sweep → UTC of the start of its latest run

    def order(self, queued: Sequence[Run]) -> list[Run]:
        """Return the queued runs, given by time of creation, in the order of their starts."""
        ahead: Counter[str] = Counter()
        since: dict[str, str] = {}  # sweep or run → UTC since when it waits
        places = []
        for run in queued:
            group = _group(run)
            since.setdefault(group, max(head_of(run.path).created, self._last.get(group, "")))
            places.append((ahead[group], since[group]))
            ahead[group] += 1
        return [queued[k] for k in sorted(range(len(queued)), key=places.__getitem__)]

    def take(self, run: Run) -> None:
        """Note that a run begins."""
        self._last[_group(run)] = datetime.now(UTC).isoformat(timespec="microseconds")


def _group(run: Run) -> str:
    """Return the sweep of a run; of a single run its path, which is no name of a sweep."""
    from vae.experiments.sweeps import names_of

    names = names_of(notes.read(run.path).tags)
    return names[0] if names else str(run.path.resolve())
