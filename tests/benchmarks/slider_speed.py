"""How long a slider of the Latent space page takes to its picture, in the browser.

    python tests/benchmarks/slider_speed.py [--hidden 256,128] [--network mlp] [--data FILE]

A run of one epoch is shown in a headless Chromium. A mouse that reports its place 125 times a
second, as those of USB do, drags the first slider to and fro. It does not wait for the page: its
reports arrive at any time between two frames, sixty of which the browser draws in a second. At the
next frame the browser hands the newest report to the page, moves the slider, and the page draws
the picture, which is therefore in the same frame as the slider. All times are those of the
browser's clock, to the end of the drawing:

    latency   from the newest report of the mouse that a picture shows
    oldest    from the oldest one that was not shown before: it waited for the frame (16.7 ms)
    work      from the slider's own event: the decoder and the drawing
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any, NamedTuple

import browsing

FRAME, REPORTS, SECONDS = 16.7, 125, 8.0  # ms, reports of the mouse a second, length of the drag
WATCH = """
window.found = [];
window.moves = [];
window.input = null;
addEventListener('pointermove', (event) => {
    moves.push(...event.getCoalescedEvents().map(({ timeStamp }) => timeStamp));
}, true);
addEventListener('input', () => { window.input = performance.now(); }, true);
const put = CanvasRenderingContext2D.prototype.putImageData;
CanvasRenderingContext2D.prototype.putImageData = function (...how) {
    put.apply(this, how);
    if (!moves.length || !this.canvas.closest('.vae-sliders')) return;
    const now = performance.now();
    found.push([now - moves.at(-1), now - moves[0], now - input, now]);
    window.moves = [];
};
"""


class Drag(NamedTuple):
    """Times of each picture in ms, as the module describes them, and pictures a second."""

    latency: list[float]
    oldest: list[float]
    work: list[float]
    rate: float


def train(root: str, args: argparse.Namespace) -> None:
    """Train a run of one epoch, called `speed`."""
    command = [sys.executable, "-m", "vae", "train", "--root", root, "--run", "speed"]
    command += ["--data", args.data, "--network", args.network, "--epochs", "1"]
    command += ["--likelihood", args.likelihood, "--latent-dim", str(args.latents)]
    command += ["--hidden", args.hidden] if args.network == "mlp" else []
    subprocess.run(command, cwd=browsing.PROJECT, check=True, capture_output=True)


async def move(page: Any, box: dict[str, float]) -> None:
    """Drag to and fro, without a wait for the page's answers."""
    y, middle, reach = box["y"] + box["height"] / 2, box["x"] + box["width"] / 2, box["width"] / 3
    mouse = await page.context.new_cdp_session(page)
    await page.mouse.move(middle, y)
    await page.mouse.down()
    began, answers = time.perf_counter(), []
    for k in range(int(REPORTS * SECONDS)):
        await asyncio.sleep(max(0.0, began + k / REPORTS - time.perf_counter()))
        x = middle + reach * (2 * abs((time.perf_counter() - began) % 2 - 1) - 1)
        report = {"type": "mouseMoved", "x": x, "y": y, "button": "left", "buttons": 1}
        answers.append(asyncio.ensure_future(mouse.send("Input.dispatchMouseEvent", report)))
    await asyncio.gather(*answers)
    await page.mouse.up()


async def visit(address: str) -> list[tuple[float, float, float, float]]:
    """Latency, oldest, work and time of each picture of a drag, in ms."""
    from playwright.async_api import async_playwright

    async with async_playwright() as p:
        chromium = await p.chromium.launch(**browsing.browser())
        page = await chromium.new_page(viewport=browsing.WINDOW)
        page.set_default_timeout(120_000)
        await page.add_init_script(WATCH)
        await page.goto(f"{address}/latent?run=speed")
        slider = page.locator(".vae-sliders input").first
        await page.wait_for_selector(".st-key-latent_map .nsewdrag")
        await asyncio.sleep(5)
        await slider.scroll_into_view_if_needed()
        await move(page, await slider.bounding_box())
        found: list[tuple[float, float, float, float]] = await page.evaluate("window.found")
        await chromium.close()
    return found[len(found) // 10 :]  # the first pictures run before the code is compiled


def drag(root: str) -> Drag:
    """Drag the first slider of the run `speed`."""
    with browsing.server(root) as app:
        latency, oldest, work, times = map(list, zip(*asyncio.run(visit(app.url)), strict=True))
    return Drag(latency, oldest, work, 1000 * (len(times) - 1) / (times[-1] - times[0]))


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
        found = drag(root)
    for name in ("latency", "oldest", "work"):
        values = getattr(found, name)
        median, slow = statistics.median(values), statistics.quantiles(values, n=20)[-1]
        print(f"{name:<8} median {median:5.1f} ms   95 % below {slow:5.1f} ms   (frame {FRAME})")
    print(f"{len(found.work)} pictures, {found.rate:.1f} a second")


if __name__ == "__main__":
    main()
