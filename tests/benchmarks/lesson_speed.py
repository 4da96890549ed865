"""Milliseconds from a movement of a lesson's control to its picture, in a browser.

    python -m tests.benchmarks.lesson_speed [--moves 24] [--only gaps] [--trains]

For each lesson the controls of every step are moved in turn. The time runs in the browser from the
event of the control to the end of the next drawing of the picture (Plotly's own event), and
includes the server. Every control changes its picture, so a movement without a new one is lost.
With `--trains` the demonstrations are measured instead: seconds from the press to the first
picture of the training and to its end.

The runs are those of `checkpoints/`. The load of the machine is printed with the results: above
its number of cores they say little.
"""

import argparse
import os
import statistics
from collections.abc import Iterator
from typing import NamedTuple

from playwright.sync_api import Page

from tests.benchmarks import browsing
from tests.pages.test_learn import lesson
from vae.base.places import default_root
from vae.dashboard.learn.lesson import Choice, Lesson, Step, Values
from vae.dashboard.learn.lessons import LESSONS

CHART = '[class*="st-key-learn_picture"] .js-plotly-plot'
MOVES = 24  # of each lesson, at least
LATE = 10_000  # ms, after which a movement counts as lost
LONGEST = 90_000  # ms of a demonstration
WATCH = "[data-testid=stProgress]"
MOVE = """async (inputs, [share, late, chart]) => {  // → ms, or null if the value stays
  const node = document.querySelector(chart);
  const first = inputs[0];
  let act;
  if (first.type === 'range') {
    const before = first.value;
    first.value = Number(first.min) + share * (first.max - first.min);
    if (first.value === before) return null;
    act = () => first.dispatchEvent(new Event('input', { bubbles: true }));
  } else {
    const free = inputs.filter((input) => !input.checked);
    if (!free.length) return null;
    act = () => free[Math.floor(share * free.length)].click();
  }
  const start = performance.now();
  return new Promise((done) => {
    const timer = setTimeout(() => done(late), late);
    node.once('plotly_afterplot', () => { clearTimeout(timer); done(performance.now() - start); });
    act();
  });
}"""
TRAIN = """async ([chart, progress, late]) => {  // → ms of the first picture, ms of the end
  const node = document.querySelector(chart), start = performance.now();
  const since = () => performance.now() - start;
  const shown = () => JSON.stringify(node.data);
  const before = shown();
  let first = null, last = 0;
  node.on('plotly_afterplot', () => { if (shown() !== before) first ??= since(); });
  document.querySelector('.st-key-learn_train button').click();
  while (since() < late && since() - last < 2000) {   // at rest for so long: it has ended
    if (first === null || document.querySelector(progress) !== null) last = since();
    await new Promise((next) => setTimeout(next, 20));
  }
  return [first ?? late, last];
}"""


class Move(NamedTuple):
    """A movement of a control and its time."""

    step: str
    control: str
    spent: float  # ms


def measure(page: Page, url: str, name: str, moves: int) -> list[Move]:
    """Return the movements of one lesson."""
    steps = [(k, step) for k, step in enumerate(lesson(name).steps, 1) if step.controls]
    places = [(k, step, control) for k, step in steps for control in step.controls]
    each = max(-(-moves // len(places)), 3)
    found: list[Move] = []
    for number, step, control in places:
        page.goto(f"{url}/{name}?step={number}&quiz=off&lang=en")
        inputs = page.locator(f'.vae-controls input[data-name="{control}"]')
        inputs.first.wait_for()
        page.wait_for_selector(f"{CHART} .main-svg")
        page.wait_for_timeout(1500)
        for k in range(each):
            share = ((k + 1) * 0.618) % 1
            spent = inputs.evaluate_all(MOVE, [share, LATE, CHART])
            if spent is not None:
                found.append(Move(step.name, control, spent))
            page.wait_for_timeout(150)
    return found


def report_moves(page: Page, url: str, names: list[str], moves: int) -> None:
    """Print the times of each lesson and its slowest movement."""
    print(f"{'lesson':<20} {'moves':>5} {'median':>8} {'95 % below':>10}   load   slowest")
    for name in names:
        found = measure(page, url, name, moves)
        times = [move.spent for move in found]
        slow, middle = statistics.quantiles(times, n=20)[-1], statistics.median(times)
        worst = max(found, key=lambda move: move.spent)
        words = f"{worst.step}, {worst.control}: {worst.spent:.0f} ms"
        counts = f"{name:<20} {len(times):>5} {middle:>5.0f} ms {slow:>7.0f} ms"
        print(f"{counts}   {os.getloadavg()[0]:>4.1f}   {words}", flush=True)


def demonstrations(of: Lesson) -> Iterator[tuple[int, Step, Values]]:
    """Yield each step that trains, with each of its options, once for the same settings."""
    seen: set[str] = set()
    start: Values = {name: control.start for name, control in of.controls.items()}
    for number, step in enumerate(of.steps, 1):
        if step.trains is None or step.name == "fails":  # the cure trains both
            continue
        choices = [n for n in step.controls if isinstance(of.controls[n], Choice)]
        options = [(n, o) for n in choices for o in of.controls[n].options]  # type: ignore[union-attr]
        for changed in [dict([option]) for option in options] or [{}]:
            configs = step.trains(start | dict(step.starts) | changed)
            key = str([config.model_dump_json() for config in configs])
            if key not in seen:
                seen.add(key)
                yield number, step, changed


def report_training(page: Page, url: str, names: list[str]) -> None:
    """Print the seconds of every demonstration: to its first picture and to its end."""
    print(f"{'lesson':<12} {'step':<9} {'choice':<24} {'first':>7} {'done':>7}   load")
    for name in names:
        for number, step, changed in demonstrations(lesson(name)):
            choice = "&".join(f"{k}={v}" for k, v in changed.items())
            page.goto(f"{url}/{name}?step={number}&quiz=off&lang=en&{choice}")
            page.wait_for_selector(f"{CHART} .main-svg")
            page.wait_for_timeout(1500)
            if not page.locator(".st-key-learn_train button").count():
                continue
            first, done = page.evaluate(TRAIN, [CHART, WATCH, LONGEST])
            times = f"{first / 1000:>5.2f} s {done / 1000:>5.1f} s"
            print(
                f"{name:<12} {step.name:<9} {choice:<24} {times}   {os.getloadavg()[0]:.1f}",
                flush=True,
            )


def main() -> None:
    """Start a server, measure every lesson and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--moves", type=int, default=MOVES)
    parser.add_argument("--only", choices=LESSONS, nargs="+", help="these lessons")
    parser.add_argument("--trains", action="store_true", help="the demonstrations")
    given = parser.parse_args()
    names = given.only or list(LESSONS)
    with browsing.server(default_root()) as app, browsing.chromium() as browser:
        page = browsing.tab(browser)
        if given.trains:
            report_training(page, app.url, names)
        else:
            report_moves(page, app.url, names, given.moves)


if __name__ == "__main__":
    main()
