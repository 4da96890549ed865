"""The speed of training relative to the best simple loop, also beside a dashboard or a busy core.

    python tests/benchmarks/training_speed.py [--data FILE] [--rounds 5] [--dashboard] [--busy]

The network is that of pytorch/examples: 784-400-20-400-784, Bernoulli, Adam 1e-3, batch 128. The
simple loop has no reports, no files and no checks: bytes in memory, one fused layer for mu and ln
sigma², cross-entropy with logits, fused Adam, no `.item()`. Ours is the worker's loop with all its
bookkeeping, recording into a run folder. Both run in separate processes, in turns, and each round
gives one ratio. The median removes the noise of the machine.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve()
PROJECT = HERE.parents[2]
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests" / "browser")]
EXAMPLES, SIDE, BATCH = 60_000, 28, 128


def arrays(path: str | None) -> Any:
    """uint8 (N, 1, 28, 28): the file's, or grey noise of the same shape."""
    import numpy as np

    if path:
        from vae.data import load

        return load(path).x[:EXAMPLES]
    noise = np.random.default_rng(0).integers(0, 256, (EXAMPLES, 1, SIDE, SIDE))
    return noise.astype(np.uint8)


def simple(path: str | None, seconds: float) -> float:
    """Examples per second of the best simple loop."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    x = torch.from_numpy(arrays(path)).flatten(1)
    encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 40))
    decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))
    weights = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(weights, lr=1e-3, fused=True)
    done, began, warm = 0, 0.0, 50
    while True:
        order = torch.randperm(len(x))
        for i in range(0, len(x), BATCH):
            rows = order[i : i + BATCH]
            batch = x.index_select(0, rows).float().div_(255)
            mu, log_var = encoder(batch).chunk(2, dim=1)
            z = mu + torch.exp(0.5 * log_var) * torch.randn_like(mu)
            error = F.binary_cross_entropy_with_logits(decoder(z), batch, reduction="sum")
            kl = -0.5 * (1 + log_var - mu.square() - log_var.exp()).sum()
            optimizer.zero_grad(set_to_none=True)
            ((error + kl) / len(rows)).backward()
            optimizer.step()
            warm -= 1
            if warm == 0:
                began = time.perf_counter()
            if warm < 0:
                done += len(rows)
                if time.perf_counter() - began > seconds:
                    return done / (time.perf_counter() - began)


def ours(path: str | None, seconds: float, root: str) -> float:
    """Examples per second of a worker that records everything."""
    from vae.base.records import Tick
    from vae.config import RunConfig
    from vae.data import Dataset, load
    from vae.runs import Run, identity
    from vae.worker.train import train_run

    data = load(path) if path else Dataset("noise", arrays(None), 255.0)
    settings = {"hidden": "400", "latent_dim": 20, "batch_size": BATCH, "epochs": 100, "lr": 1e-3}
    config = RunConfig.of(data=path or "digits", val_share=0, test_share=0, **settings)
    claim = {"state": "starting", "heartbeat": time.time(), **identity()}
    run = Run.create(root, config, data, "speed", **claim)
    run.data = lambda: data  # the noise has no name to be loaded by
    events = train_run(run, lambda: None)
    began, first = None, 0
    for event in events:
        if isinstance(event, Tick):
            now = time.perf_counter()
            if began is None and event.step > 50:
                began, first = now, event.step
            if began is not None and now - began > seconds:
                events.close()
                return (event.step - first) * BATCH / (now - began)
    raise RuntimeError("Training ended before it was measured: lower --seconds.")


def measure(which: str, args: argparse.Namespace, root: str) -> float:
    """Return one measurement, in a separate process with the settings of a worker."""
    from vae.worker.launcher import ENVIRONMENT

    command = [sys.executable, str(HERE), "--one", which, "--seconds", str(args.seconds)]
    command += ["--root", root] + (["--data", args.data] if args.data else [])
    done = subprocess.run(
        command, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return float(json.loads(done.stdout.splitlines()[-1]))


@contextmanager
def busy() -> Iterator[None]:
    """Keep one core busy inside the block."""
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        other.kill()
        other.wait()


@contextmanager
def dashboard(root: str, path: str = "/", script: str = "") -> Iterator[Any]:
    """The app and a browser; yields its page, which runs a script before those of the app."""
    from conftest import ARGUMENTS, DRAWING  # tests/browser
    from playwright.sync_api import sync_playwright

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(PROJECT / "app.py")]
    command += ["--server.port", str(port), "--server.headless", "true"]
    server = subprocess.Popen(
        command,
        env=os.environ | {"VAE_LAB_ROOT": root},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=PROJECT,
    )
    try:
        with sync_playwright() as p:
            browser = p.chromium.launch(
                executable_path=shutil.which("chromium"), args=[*ARGUMENTS, *DRAWING]
            )
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.add_init_script(script)
            time.sleep(6)
            page.goto(f"http://127.0.0.1:{port}{path}")
            time.sleep(2)
            yield page
            browser.close()
    finally:
        server.terminate()
        server.wait()


# The run appears after the page: look again until it is shown
LOOK_AGAIN = """setTimeout(() => {
    if (!document.body.innerText.includes("running")) location.assign("/?run=speed");
}, 3000);"""


class Side(NamedTuple):
    """One side of a comparison."""

    title: str
    which: str  # "simple" or "ours"
    watched: bool = False  # with the app and a browser that shows the run


SIMPLE, OURS = Side("simple loop", "simple"), Side("worker", "ours")
WATCHED = Side("worker, watched", "ours", watched=True)


def compare(name: str, args: argparse.Namespace, first: Side, second: Side) -> None:
    """Rounds of the two in turns; prints their rates and the median ratio, second over first."""
    rates: dict[Side, list[float]] = {first: [], second: []}
    for _ in range(args.rounds):
        for side, found in rates.items():
            with tempfile.TemporaryDirectory() as root, ExitStack() as stack:
                if side.watched:
                    stack.enter_context(dashboard(root, script=LOOK_AGAIN))
                found.append(measure(side.which, args, root))
    ratios = [b / a for a, b in zip(rates[first], rates[second], strict=True)]
    each = "   ".join(
        f"{side.title} {statistics.median(found) / 1000:5.1f} k/s" for side, found in rates.items()
    )
    print(
        f"{name:<16} {each}   ratio {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f})",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="an IDX file; grey noise of its shape without it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--dashboard", action="store_true", help="also with a browser watching")
    parser.add_argument("--busy", action="store_true", help="also with one core busy")
    parser.add_argument("--one", choices=("simple", "ours"), help=argparse.SUPPRESS)
    parser.add_argument("--root", default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        extra = (args.root,) if args.one == "ours" else ()
        print(
            json.dumps({"simple": simple, "ours": ours}[args.one](args.data, args.seconds, *extra))
        )
        return
    print(f"examples per second, {args.rounds} rounds of {args.seconds:g} s each, in turns")
    compare("idle", args, SIMPLE, OURS)
    if args.dashboard:
        compare("dashboard open", args, OURS, WATCHED)
    if args.busy:
        with busy():
            compare("one core busy", args, SIMPLE, OURS)


if __name__ == "__main__":
    main()
