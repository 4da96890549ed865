"""How long a slider of the Latent space page takes to its picture, in the browser.

    python tests/benchmarks/slider_speed.py [--hidden 256,128] [--network mlp] [--data FILE]

A run of one epoch is shown in a headless Chromium, and the mouse drags its first slider to and
fro. For each movement the browser's own clock gives the time from the pointer's event to the
picture on the canvas (latency), and the time of the decode and its drawing alone (work). 16 ms are
a frame at sixty frames a second.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from training_speed import PROJECT, dashboard

FRAME, MOVES = 16.7, 300  # ms, movements of the mouse
WATCH = """
window.found = [];
window.moved = null;
addEventListener('pointermove', (event) => { window.moved = event.timeStamp; }, true);
const asked = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = (call) => asked((now) => {
    window.began = performance.now();
    call(now);
});
const put = CanvasRenderingContext2D.prototype.putImageData;
CanvasRenderingContext2D.prototype.putImageData = function (...how) {
    put.apply(this, how);
    if (window.moved === null || !this.canvas.closest('.vae-sliders')) return;
    const now = performance.now();
    window.found.push([now - window.moved, now - window.began]);
    window.moved = null;
};
"""


def train(root: str, args: argparse.Namespace) -> None:
    """Train a run of one epoch, called `speed`."""
    command = [sys.executable, "-m", "vae", "train", "--root", root, "--run", "speed"]
    command += ["--data", args.data, "--network", args.network, "--epochs", "1"]
    command += ["--likelihood", args.likelihood, "--latent-dim", str(args.latents)]
    command += ["--hidden", args.hidden] if args.network == "mlp" else []
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)


def drag(page: Any) -> list[tuple[float, float]]:
    """Latency and work of the pictures while the mouse drags a slider, in ms."""
    page.set_default_timeout(120_000)
    slider = page.locator(".vae-sliders input").first
    slider.scroll_into_view_if_needed()
    page.wait_for_selector(".st-key-latent_map .nsewdrag")
    time.sleep(5)
    box = slider.bounding_box()
    y, middle, reach = box["y"] + box["height"] / 2, box["x"] + box["width"] / 2, box["width"] / 3
    page.mouse.move(middle, y)
    page.mouse.down()
    for k in range(MOVES):
        page.mouse.move(middle + reach * (abs((k + 25) % 100 - 50) / 25 - 1), y)
    page.mouse.up()
    found: list[tuple[float, float]] = page.evaluate("window.found")
    return found[MOVES // 10 :]  # the first pictures run before the code is compiled


def defaults(*given: str) -> argparse.Namespace:
    """The model that is measured, by its flags."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="fashion-mnist-10k")
    parser.add_argument("--network", default="mlp")
    parser.add_argument("--hidden", default="256,128")
    parser.add_argument("--likelihood", default="bernoulli")
    parser.add_argument("--latents", type=int, default=2)
    return parser.parse_args(given)


def main() -> None:
    args = defaults(*sys.argv[1:])
    with tempfile.TemporaryDirectory() as root:
        train(root, args)
        with dashboard(root, "/latent?run=speed", WATCH) as page:
            found = drag(page)
    for name, values in zip(("latency", "work"), zip(*found, strict=True), strict=True):
        median, slow = statistics.median(values), statistics.quantiles(values, n=20)[-1]
        print(f"{name:<8} median {median:5.1f} ms   95 % below {slow:5.1f} ms   (frame {FRAME})")
    print(f"{len(found)} pictures of {MOVES} movements")


if __name__ == "__main__":
    main()
