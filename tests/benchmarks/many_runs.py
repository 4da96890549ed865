"""Ten thousand runs in one folder: the idle server, the Compare page and the change of pages.

    python tests/benchmarks/many_runs.py [--runs 10000] [--tries 20] [--idle 30] [--root FOLDER]

One run is trained, and copied with other settings, results and times of creation, without its
weights but for one file. `--root` keeps the folder for the next time. Printed are the processor
time of the server with no browser open, alone and beside writers; the Compare page, on a server
that has just started and again; and the change between pages, beside that with one run.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import browsing
import psutil

WRITERS = 100  # runs at work on other machines
BEATS, CHANGES = 0.5, 0.5  # heartbeats a second of each, and changes of a state of all
PAGES = ("Data", "Traversals", "Train", "Samples", "Time machine", "Evaluate")
COMPARED = ".st-key-compare_plane_chart .js-plotly-plot .nsewdrag"
FILES = ("metrics.jsonl", "control.json", "best.safetensors", "last.safetensors")


def make(root: Path, number: int) -> None:
    """Fill a folder with runs of digits, unless it has so many."""
    root.mkdir(parents=True, exist_ok=True)
    first = root / "digits-mlp-z2-1"
    if not first.exists():
        command = [sys.executable, "-m", "vae", "train", "--data", "digits", "--epochs", "5"]
        command += ["--root", str(root), "--run", first.name]
        subprocess.run(command, cwd=browsing.PROJECT, check=True, capture_output=True)
    for k in range(1, number):
        _copy(first, root / f"digits-mlp-z{2 + k % 7}-{k + 1}", k)


def _copy(first: Path, path: Path, k: int) -> None:
    """Write the run number k as a copy of the first one; links instead of the large files."""
    if path.exists():
        return
    path.mkdir()
    config = json.loads((first / "config.json").read_text())
    config["config"] |= {"latent_dim": 2 + k % 7, "beta": 0.5 + k // 35 / 100, "seed": k % 5}
    created = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=k)
    (path / "config.json").write_text(json.dumps(config | {"created": created.isoformat()}))
    status = json.loads((first / "status.json").read_text())
    (path / "status.json").write_text(json.dumps(status))
    lines = [json.loads(line) for line in (first / "metrics.jsonl").open()]
    for line in lines:
        line["kl"], line["reconstruction"] = (
            line["kl"] + k % 91 / 50,
            line["reconstruction"] + (k % 83) / 25,
        )
        line["elbo"] = -line["kl"] - line["reconstruction"]
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    os.link(first / "best.safetensors", path / "best.safetensors")
    os.link(first / "control.json", path / "control.json")


@contextmanager
def writers(root: Path) -> Iterator[None]:
    """Write into the folder as a hundred machines at work do, until the block ends."""
    from vae.runs import listing

    runs, ended = listing(root, WRITERS), threading.Event()
    before = [(run, (run.path / "status.json").read_bytes()) for run in runs]
    host = {"host": "another-machine", "pid": 1}

    def write() -> None:
        k = 0
        while not ended.wait(1 / (BEATS * WRITERS)):
            run, k = runs[k % len(runs)], k + 1
            run.set_status(state="running", heartbeat=time.time(), **host)
            if k % int(BEATS * WRITERS / CHANGES) == 0:
                run.set_status(state="finished")

    for run in runs:
        run.set_status(state="running", heartbeat=time.time(), **host)
    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        for run, content in before:
            (run.path / "status.json").write_bytes(content)


def idle(process: psutil.Process, seconds: float) -> float:
    """Return the share of a core that the server uses, in percent."""
    before, start = sum(process.cpu_times()[:2]), time.perf_counter()
    time.sleep(seconds)
    spent = sum(process.cpu_times()[:2]) - before
    return 100 * spent / (time.perf_counter() - start)


def compare(browser: Any, url: str) -> tuple[float, Any]:
    """Open the Compare page from its address; return the seconds until its plane is drawn."""
    page = browsing.tab(browser)
    start = time.perf_counter()
    page.goto(f"{url}/compare")
    page.wait_for_selector(COMPARED)
    return time.perf_counter() - start, page


def switches(page: Any, tries: int) -> list[float]:
    """Return the seconds of changes of page; every page has been open before."""
    for title in PAGES:
        browsing.follow(page, title)
    return [browsing.follow(page, PAGES[k % len(PAGES)]) for k in range(tries)]


def measure(root: Path, tries: int, seconds: float, wanted: set[str]) -> None:
    """Print the table of one folder."""
    number = len(list(root.glob("digits-*")))
    print(f"{number:,} runs", flush=True)
    with browsing.server(root, warm=None) as server, browsing.chromium() as browser:
        process = psutil.Process(server.process.pid)
        if "compare" in wanted:
            first, page = compare(browser, server.url)
            print(
                browsing.row("Compare, its address, a server just started", [first], "—"),
                flush=True,
            )
            browsing.rest(page)
            page.close()
        else:
            time.sleep(15)
        if "idle" in wanted:
            time.sleep(10)
            print(browsing.row("idle server", [idle(process, seconds)], "1", "%"), flush=True)
            with writers(root):
                beside = idle(process, seconds)
            print(browsing.row(f"the same beside {WRITERS} runs at work", [beside], "—", "%"))
            print(f"    memory {process.memory_info().rss / 1e6:.0f} MB", flush=True)
        if "compare" in wanted:
            again = []
            for _ in range(max(3, tries // 4)):
                spent, page = compare(browser, server.url)
                again.append(spent)
                browsing.rest(page)
                page.close()
            print(browsing.row("Compare, its address, warm", again, "2"), flush=True)
        page = browsing.tab(browser)
        page.goto(server.url)
        page.wait_for_selector(".st-key-navigation a")
        browsing.rest(page)
        if "switch" in wanted:
            print(browsing.row("change of page", switches(page, tries), "as 1 run"), flush=True)
            both = [
                (browsing.follow(page, "Compare"), browsing.follow(page, "Data"))
                for _ in range(tries)
            ]
            print(browsing.row("change to Compare", [a for a, _ in both[1:]], "2"), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--tries", type=int, default=20)
    parser.add_argument("--idle", type=float, default=30.0, help="seconds")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--only", nargs="*", default=["idle", "compare", "switch"])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = args.root or Path(folder)
        for number in (1, args.runs):
            make(root / str(number), number)
            measure(root / str(number), args.tries, args.idle, set(args.only))


if __name__ == "__main__":
    main()
