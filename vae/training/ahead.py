"""Reads the examples of the next steps from a mapped file while the optimiser works."""

import queue
import threading
from typing import TYPE_CHECKING

from vae.base.records import Ints
from vae.data import Dataset
from vae.data.mapping import ReadAhead

if TYPE_CHECKING:
    from vae.training.steps import State

VALIDATION = 4096  # validation examples of one request
STEPS = 32  # whose examples are requested ahead


class Ahead:
    """A thread that asks the system for the examples of the next STEPS steps. It changes nothing
    but the time at which their pages are read."""

    def __init__(self, data: Dataset, rows: Ints) -> None:
        self.reader, self.rows = ReadAhead(data.x), rows
        self.requested = (-1, 0)  # epoch, and the end of the requests in its order
        self.orders: queue.SimpleQueue[Ints | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def validation(self, rows: Ints) -> None:
        """Request the examples of a validation that begins now."""
        for start in range(0, len(rows), VALIDATION):
            self.orders.put(rows[start : start + VALIDATION])

    def follow(self, state: "State") -> None:
        """Request the examples up to STEPS steps after this one, in the order of the epoch."""
        size, position = state.config.batch_size, state.step % state.plan.steps_per_epoch
        epoch, end = self.requested
        start = end if epoch == state.order_epoch else position * size
        wanted = min((position + 1 + STEPS) * size, len(state.order))
        if wanted - start >= STEPS * size // 2 or (wanted == len(state.order) and wanted > start):
            self.orders.put(self.rows[state.order[start:wanted].numpy(force=True)])
            self.requested = (state.order_epoch, wanted)

    def close(self) -> None:
        """End the thread."""
        self.orders.put(None)

    def _work(self) -> None:
        while (rows := self.orders.get()) is not None:
            self.reader.request(rows)
