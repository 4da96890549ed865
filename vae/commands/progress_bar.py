"""Progress of a command on standard error: a bar on a terminal.

Elsewhere training prints a line for each tenth of the way, and shorter work prints nothing.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from vae.base.numbers import fixed
from vae.base.progress import Watcher
from vae.base.records import Report, Tick
from vae.figures.quantities import SPLITS

if TYPE_CHECKING:
    from vae.training.trainer import Event

Show = Callable[[Tick, str, str], None]  # tick, words on its left, words on its right


def show_progress(events: Iterator["Event"], title: str) -> Iterator["Event"]:
    """Yield the events of training, and print a title and their progress."""
    latest: dict[str, str] = {}
    bound, close = "", _nothing
    try:
        for n, event in enumerate(events):
            if n == 0:
                print(title, file=sys.stderr)
                show, close = _bar() if sys.stderr.isatty() else _lines()
            if isinstance(event, Report):
                bound = "reconstruction" if event.elbo is None else "−ELBO"
                value = event.reconstruction if event.elbo is None else -event.elbo
                latest[SPLITS[event.split]] = fixed(value)
            elif isinstance(event, Tick):
                values = " ".join(f"{name} {latest[name]}" for name in sorted(latest))
                done = f"epoch {event.epoch:.1f} of {event.epochs}"
                speed = f"{event.images_per_second / 1000:.1f} k examples/s"
                with suppress(OSError):  # training goes on after its terminal has closed
                    show(event, done, f"{bound} {values} nats, {speed}" if latest else speed)
            yield event
    finally:
        with suppress(OSError):
            close()


def _bar() -> tuple[Show, Callable[[], None]]:
    from tqdm import tqdm

    bar = tqdm(bar_format="starting", **_width())

    def show(tick: Tick, left: str, right: str) -> None:
        if bar.total is None:
            bar.initial = bar.n = tick.step  # of a resumed run: time left is that of the rest
        bar.total = tick.steps
        bar.bar_format = f"{left} |{{bar}}| {{remaining}} left, {right}"
        bar.update(tick.step - bar.n)
        if tick.step == tick.steps:
            bar.refresh()

    return show, bar.close


@contextmanager
def share(title: str) -> Iterator[Callable[[float], None]]:
    """A bar on a terminal for a share from 0 to 1; it disappears at the end of the block."""
    from tqdm import tqdm

    form, watched = "{desc} |{bar}| {percentage:.0f} %, {elapsed}", sys.stderr.isatty()
    width = _width() if watched else {}
    bar = tqdm(total=1.0, desc=title, bar_format=form, disable=not watched, leave=False, **width)

    def show(done: float) -> None:
        with suppress(OSError):
            bar.update(done - bar.n)

    with bar:
        yield show


def reading() -> Watcher:
    """Return a watcher that shows a bar on a terminal for each work that takes over a second."""
    bars: dict[str, Any] = {}

    def show(work: str, done: float) -> None:
        if not sys.stderr.isatty():
            return
        if work not in bars:
            from tqdm import tqdm

            form = "{desc} |{bar}| {percentage:.0f} %, {remaining} left"
            bars[work] = tqdm(
                total=1.0, desc=work, bar_format=form, leave=False, delay=1.0, **_width()
            )
        with suppress(OSError):
            bars[work].update(done - bars[work].n)
            if done >= 1:
                bars.pop(work).close()

    return show


def _width() -> dict[str, Any]:
    """The width of a bar: the terminal's, or 100 columns where it has none, as in containers."""
    if os.get_terminal_size(sys.stderr.fileno()).columns > 0:
        return {"dynamic_ncols": True}
    return {"ncols": 100, "nrows": 24}


def _lines() -> tuple[Show, Callable[[], None]]:
    last_tenth = -1

    def show(tick: Tick, left: str, right: str) -> None:
        nonlocal last_tenth
        tenth = 10 * tick.step // tick.steps
        if tenth > last_tenth:
            last_tenth = tenth
            print(f"{left}, {right}", file=sys.stderr, flush=True)

    return show, _nothing


def _nothing() -> None:
    return None
