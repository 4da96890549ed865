"""Waiting times in a browser: from a press, an address or a link to the picture.

    python tests/benchmarks/felt_speed.py [--only train visit …] [--tries 20] [--root FOLDER]

Printed are the median and the 95th percentile of each row over so many tries, its limit and the
load of the machine, above whose number of cores the times say little. The last column is the
processor time of a try, which depends less on the load: that of the server and its workers, and
that of the browser. `--root` keeps the three runs for the next time. The rows:

    train       a click on Train → its first step, its first point on the curves
    visit       the address → something on the screen, the first chart, with an empty cache
    fresh       the same on a server that has just started (five tries)
    switch      a link to each page → the page has settled
    map         a link to the latent map → 10,000 and 60,000 points
    grid        another seed → 400 decoded samples
    tsne        a press → the first picture, and the end, of t-SNE of 5,000 × 20
    live        the redraws of a run in training, and the browser's tasks over 50 ms
    idle        the processor's share of an open tab, in percent of a core
    memory      the server, a worker that waits, a worker that trains
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import browsing
import psutil

PAGES = ("Data", "Latent space", "Traversals", "Reconstructions", "Samples", "Time machine")
PAGES += ("Evaluate", "Compare", "Sweep", "Train")
CURVES = ".st-key-curves .js-plotly-plot"
MAP = ".st-key-latent_map .js-plotly-plot"
RUNS = {  # name → its settings
    "two": ("--data", "fashion-mnist-10k", "--latent-dim", "2"),
    "twenty": ("--data", "fashion-mnist-10k", "--latent-dim", "20", "--examples", "5000"),
    "large": ("--data", "{root}/noise.npy", "--latent-dim", "2"),
}
WATCH = """
window.points = (chart) => Math.max(0, ...[...document.querySelectorAll(chart)].map((plot) =>
    (plot._fullData ?? []).reduce((n, trace) => n + (trace.x?.length ?? 0), 0)));
window.until = (done, late) => new Promise((answer) => {
    const start = performance.now(), look = () => {
        const spent = performance.now() - start;
        if (done() || spent > late) answer(spent); else requestAnimationFrame(look);
    };
    look();
});
window.last = (chart) => Math.max(-1, ...(document.querySelector(chart)?._fullData ?? [])
    .map((trace) => trace.x?.at(-1)).filter(Number.isFinite));
window.tasks = [];
new PerformanceObserver((list) => { tasks.push(...list.getEntries().map((e) => e.duration)); })
    .observe({ type: 'longtask', buffered: true });
"""
TRAIN = """([chart, late]) => {  // → ms since 1970 of the click, and ms to the first point
    const before = last(chart), start = Date.now();
    document.querySelector('.st-key-train button').click();
    return until(() => last(chart) >= 0 && last(chart) !== before, late).then((ms) => [start, ms]);
}"""
OPEN_MAP = """([chart, count, late]) => {
    link('Latent space').click();
    return until(() => points(chart) >= count, late);
}"""
REDRAWS = """([chart, seconds]) => new Promise((answer) => {  // → ms between redraws, long tasks
    const times = [], plot = document.querySelector(chart);
    let before = last(chart);
    tasks.length = 0;
    plot.on('plotly_afterplot', () => {
        if (last(chart) !== before) times.push(performance.now());
        before = last(chart);
    });
    setTimeout(() => answer([times.slice(1).map((t, k) => t - times[k]), tasks]), 1000 * seconds);
})"""


class Bench(NamedTuple):
    """A running app with its runs, and a browser."""

    root: Path
    server: browsing.Server
    browser: Any
    tries: int

    def tab(self, path: str) -> Any:
        """Return a settled tab at this path."""
        page = browsing.tab(self.browser, WATCH)
        page.goto(f"{self.server.url}{path}")
        page.wait_for_selector(".st-key-navigation a")
        browsing.rest(page)
        return page

    def spent(self) -> tuple[float, float]:
        """Return the processor seconds of the server with its workers, and of the browser."""
        return browsing.spent(self.server.process.pid), sum(
            browsing.spent(child.pid) for child in psutil.Process().children() if _browses(child)
        )


def _browses(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.pid and any("node" in part for part in process.cmdline()[:1])
    return False


def make(root: Path) -> None:
    """Train the runs that the folder lacks, one epoch each."""
    import numpy as np

    root.mkdir(parents=True, exist_ok=True)
    if not (root / "noise.npy").exists():
        noise = np.random.default_rng(0).integers(0, 256, (60_000, 28, 28), dtype=np.uint8)
        np.save(root / "noise.npy", noise)
    for name, settings in RUNS.items():
        if not (root / name).exists():
            command = [sys.executable, "-m", "vae", "train", "--root", str(root), "--run", name]
            command += [part.format(root=root) for part in settings] + ["--epochs", "1"]
            subprocess.run(command, cwd=browsing.PROJECT, check=True, capture_output=True)


def show(
    bench: Bench,
    name: str,
    values: Sequence[float],
    limit: str,
    unit: str = "s",
    began: tuple[float, float] | None = None,
) -> None:
    """Print a row; `began` is the processor time before its tries."""
    text = browsing.row(name, values, limit, unit)
    if began is not None:
        server, browser = (
            (b - a) / len(values) for a, b in zip(began, bench.spent(), strict=True)
        )
        text += f"   processor {server:.2f} + {browser:.2f} s"
    print(text, flush=True)


@contextmanager
def training(bench: Bench) -> Iterator[Any]:
    """A run in training inside the block, started by the page's button; yields page, run, times:
    seconds to its first step and to its first point."""
    from vae.runs import Run, names

    page = bench.tab("/?run=two")
    known = set(names(bench.root))
    clicked, drawn = page.evaluate(TRAIN, [CURVES, browsing.LATE])
    run = Run(bench.root / next(iter(set(names(bench.root)) - known)))
    run.want(epochs=2000)
    while not run.status().seconds:
        time.sleep(0.02)
    status = run.status()
    try:
        yield page, run, (status.heartbeat - status.seconds - clicked / 1000, drawn / 1000)
    finally:
        run.stop()
        while run.status().active:
            time.sleep(0.1)
        page.close()


def train(bench: Bench) -> None:
    """Press Train, and stop the run, again and again."""
    from vae.runs.store import delete

    found = []
    for _ in range(bench.tries):
        with training(bench) as (_, run, times):
            found.append(times)
        delete(run)
        while browsing.used(bench.server.process.pid, 1.0) > browsing.WARM:
            pass  # until the next worker waits
    show(bench, "Train → first step", [first for first, _ in found], "0.1")
    show(bench, "Train → first point drawn", [point for _, point in found], "0.7")


def _visits(bench: Bench) -> Iterator[tuple[float, float]]:
    """Visit the first page with an empty cache; yield seconds to the first paint and chart."""
    while True:
        context = bench.browser.new_context(viewport=browsing.WINDOW)
        page = context.new_page()
        page.add_init_script(WATCH)
        page.goto(f"{bench.server.url}/?run=two", wait_until="commit")
        page.wait_for_selector(f"{CURVES} .main-svg", timeout=browsing.LATE)
        chart = page.evaluate("performance.now()")
        paint = page.evaluate(
            "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        )
        context.close()
        yield paint / 1000, chart / 1000


def visit(bench: Bench) -> None:
    """Visit the warm server."""
    began = bench.spent()
    found = list(islice(_visits(bench), bench.tries))
    show(bench, "address → something to see, warm server", [paint for paint, _ in found], "1")
    show(
        bench,
        "address → first chart, warm server",
        [chart for _, chart in found],
        "2.5",
        "s",
        began,
    )


def fresh(bench: Bench) -> None:
    """Visit servers that have just started."""
    found = []
    for _ in range(min(bench.tries, 5)):
        with browsing.server(bench.root, warm=None) as server:
            found.append(next(_visits(bench._replace(server=server))))
    show(bench, "address → something to see, fresh server", [paint for paint, _ in found], "1")
    show(bench, "address → first chart, fresh server", [chart for _, chart in found], "2.5")


def switch(bench: Bench) -> None:
    """Follow the links in turn; every page has been open before."""
    page = bench.tab("/?run=two")
    for title in PAGES:
        browsing.follow(page, title)
    times: dict[str, list[float]] = {title: [] for title in PAGES}
    costs = {title: [0.0, 0.0] for title in PAGES}
    for _ in range(bench.tries):
        for title in PAGES:
            before = bench.spent()
            times[title].append(browsing.follow(page, title))
            for k, (a, b) in enumerate(zip(before, bench.spent(), strict=True)):
                costs[title][k] += b - a
    page.close()
    for title, values in times.items():
        server, browser = (cost / bench.tries for cost in costs[title])
        print(
            f"{browsing.row(f'link → {title} settled', values, '0.3')}"
            f"   processor {server:.2f} + {browser:.2f} s",
            flush=True,
        )


def map_(bench: Bench) -> None:
    """Open the latent map of all examples from another page."""
    for name, count, limit in (("two", 10_000, "0.5"), ("large", 60_000, "1")):
        page = bench.tab(f"/latent?run={name}&split=all&points=0")
        page.wait_for_function("([c, n]) => points(c) >= n", arg=[MAP, count])
        found, began = [], bench.spent()
        for _ in range(bench.tries):
            browsing.follow(page, "Data")
            found.append(page.evaluate(OPEN_MAP, [MAP, count, browsing.LATE]) / 1000)
            browsing.rest(page)
        page.close()
        show(bench, f"link → {count:,} points drawn", found, limit, "s", began)


def grid(bench: Bench) -> None:
    """Draw another 400 samples, by the field of the seed."""
    page = bench.tab("/samples?run=two&number=400")
    found, began = [], bench.spent()
    field = page.locator(".st-key-generate_seed input")
    for seed in range(1, bench.tries + 1):
        field.fill(str(seed))
        page.evaluate(
            "([rest, late]) => { window.answer = settled(() => {}, () => true, rest, late); }",
            [browsing.REST, browsing.LATE],
        )
        field.press("Enter")
        found.append(page.evaluate("answer") / 1000)
    page.close()
    show(bench, "another seed → 400 decoded samples", found, "0.15", "s", began)


def tsne(bench: Bench) -> None:
    """Compute t-SNE again and again."""
    page = bench.tab("/latent?run=twenty&split=all&points=0&projection=tsne")
    first, done, began = [], [], bench.spent()
    for _ in range(bench.tries):
        for path in (bench.root / "twenty" / "derived").rglob("*project*"):
            path.unlink()
        page.reload()
        browsing.rest(page)
        page.locator(".st-key-latent_compute button").click()
        start = time.perf_counter()
        page.wait_for_function("(chart) => points(chart) >= 5000", arg=MAP)
        first.append(time.perf_counter() - start)
        page.wait_for_selector(".st-key-latent_cancel", state="detached")
        done.append(time.perf_counter() - start)
    page.close()
    show(bench, "t-SNE of 5,000 × 20, first picture", first, "1")
    show(bench, "t-SNE of 5,000 × 20, done", done, "10", "s", began)


def live(bench: Bench) -> None:
    """Watch a run in training."""
    with training(bench) as (page, _, _times):
        page.wait_for_timeout(3000)
        gaps, tasks = page.evaluate(REDRAWS, [CURVES, bench.tries])
    show(bench, "between two redraws of the curves", [gap / 1000 for gap in gaps], "0.5")
    show(bench, "the browser's tasks over 50 ms, meanwhile", tasks or [0.0], "none", "ms")


def idle(bench: Bench) -> None:
    """Leave a tab open on each page."""
    page = bench.tab("/?run=two")
    for title in PAGES:
        browsing.follow(page, title)
        time.sleep(2.0)
        before, start = bench.spent(), time.perf_counter()
        time.sleep(bench.tries / 2)
        share = (sum(bench.spent()) - sum(before)) / (time.perf_counter() - start)
        show(bench, f"an idle tab on {title}", [100 * share], "4", "%")
    page.close()


def memory(bench: Bench) -> None:
    """Print the resident memory of each process, and the part that it shares with no other."""
    server = psutil.Process(bench.server.process.pid)
    _memory("server", server, "270")
    for child in server.children(recursive=True):
        _memory("worker that waits", child, "230")
    with training(bench) as (page, run, _):
        page.wait_for_timeout(3000)
        _memory("worker that trains", psutil.Process(run.status().pid), "—")
        _memory("server beside it", server, "270")


def _memory(name: str, process: psutil.Process, limit: str) -> None:
    full = process.memory_full_info()
    print(
        f"{f'memory of the {name}':<44} {full.rss / 1e6:8.0f} MB resident, "
        f"{full.uss / 1e6:.0f} MB unshared   limit {limit}",
        flush=True,
    )


ROWS: dict[str, Callable[[Bench], None]] = {
    "memory": memory,
    "train": train,
    "visit": visit,
    "fresh": fresh,
    "switch": switch,
    "map": map_,
    "grid": grid,
    "tsne": tsne,
    "live": live,
    "idle": idle,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--tries", type=int, default=20)
    parser.add_argument("--root", type=Path, help="folder of the runs, kept for the next time")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = args.root or Path(folder)
        make(root)
        with browsing.server(root) as server, browsing.chromium() as browser:
            for name in args.only:
                ROWS[name](Bench(root, server, browser, args.tries))


if __name__ == "__main__":
    main()
