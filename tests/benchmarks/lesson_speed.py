"""Milliseconds from a movement of a lesson's control to its picture, in a browser.

    python -m tests.benchmarks.lesson_speed [--moves 24] [--only gaps]

For each lesson the controls of every step are moved in turn. The time runs in the browser from the
event of the control to the end of the next drawing of the picture (Plotly's own event), and
includes the server. The runs are those of `checkpoints/`. The load of the machine is printed with
the results: above its number of cores they say little.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import ARGUMENTS, DRAWING, ROOT, _free_port
from tests.pages.test_learn import lesson
from vae.dashboard.learn.lessons import LESSONS

CHART = '[class*="st-key-learn_picture"] .js-plotly-plot'
MOVES = 24  # of each lesson, at least
LATE = 10_000  # ms, after which a movement counts as lost
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


def measure(page: Page, url: str, name: str, moves: int) -> list[float]:
    """The times of the movements of one lesson, in ms."""
    steps = [(k, step) for k, step in enumerate(lesson(name).steps, 1) if step.controls]
    places = [(k, control) for k, step in steps for control in step.controls]
    each = max(-(-moves // len(places)), 3)
    found: list[float] = []
    for number, control in places:
        page.goto(f"{url}/{name}?step={number}&quiz=off&lang=en")
        inputs = page.locator(f'.vae-controls input[data-name="{control}"]')
        inputs.first.wait_for()
        page.wait_for_selector(f"{CHART} .main-svg")
        page.wait_for_timeout(1500)
        for k in range(each):
            share = ((k + 1) * 0.618) % 1
            spent = inputs.evaluate_all(MOVE, [share, LATE, CHART])
            if spent is not None:
                found.append(spent)
            page.wait_for_timeout(150)
    return found


def main() -> None:
    """Start a server, measure every lesson and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--moves", type=int, default=MOVES)
    parser.add_argument("--only", choices=LESSONS, help="one lesson")
    given = parser.parse_args()
    port = _free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]
    command += ["--server.port", str(port)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, cwd=ROOT, start_new_session=True, **quiet)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            with suppress(OSError):
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=1)
                break
            time.sleep(0.1)
        time.sleep(8)  # its slow imports, as for a person who has just started it
        print(f"{'lesson':<20} {'moves':>5} {'median':>8} {'95 % below':>10}   load")
        with sync_playwright() as playwright:
            path = os.environ.get("VAE_LAB_CHROMIUM", "/usr/bin/chromium")
            browser = playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *DRAWING])
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.set_default_timeout(120_000)
            for name in [given.only] if given.only else LESSONS:
                times = measure(page, url, name, given.moves)
                slow = statistics.quantiles(times, n=20)[-1]
                load = os.getloadavg()[0]
                middle = statistics.median(times)
                print(f"{name:<20} {len(times):>5} {middle:>5.0f} ms {slow:>7.0f} ms   {load:.1f}")
            browser.close()
    finally:
        server.terminate()
        server.wait(timeout=20)


if __name__ == "__main__":
    main()
