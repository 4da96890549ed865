"""The bar of long work on new data: looking at their values, decoding pictures."""

import time
from typing import Any

from vae.base.progress import Watcher

SECONDS = 0.3  # between two states of the bar


def reading_bar(place: Any) -> Watcher:
    """Return a watcher that shows long work on the data as a bar. Any click ends the work, because
    it runs the page anew."""
    latest = time.monotonic()

    def show(work: str, done: float) -> None:
        nonlocal latest
        if time.monotonic() - latest > SECONDS:
            latest = time.monotonic()
            place.progress(min(done, 1.0), text=work)

    return show
