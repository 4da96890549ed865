"""Delays that an audience sees: from a press to its answer and from a slider to its picture, and
the layout shift of a change of page.

    python tests/benchmarks/stage_speed.py [--tries 24] [--only press|slider|switch]

Each time is the browser's own. A press is answered at the first frame in which the pressed
control or the page looks different: text, colours or pictures. The slider is that of
`slider_speed.py`: from the newest report of the mouse to its picture, and in the row "work" the
part of the page, decoding and drawing.
The jump is the cumulative layout shift of a change of page (all `layout-shift` entries until the
page rests, also those just after the click), after one visit to each page. The load of the machine
is printed: above its number of cores the times say little.
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

import slider_speed
from browsing import dashboard

ANSWER, PICTURE, JUMP = 100.0, 16.0, 0.05  # ms, ms, share of the window times share of its height
WORK = 2.0  # ms of a frame
RUN = "speed"
PRESSES = {  # title of a page → buttons and links on it, by the words on them
    "Train": ("Add epochs", "Stage"),
    "Sweep": ("Data",),
    "Data": ("Learn",),
    "Latent space": ("Select", "density", "Mixture"),
    "Traversals": ("Random", "Next", "Interpolation"),
    "Reconstructions": ("Custom example", "Corruption"),
    "Samples": ("Another run", "Stage"),
    "Time machine": ("Play",),
    "Evaluate": ("Evaluate",),
    "Compare": ("Curves", "Settings", "Verdict"),
}
WATCH = """
window.shifts = 0;
new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.shifts += entry.value;
}).observe({ type: 'layout-shift', buffered: true });
window.PRESSED = 'button, a, label, [role=radio]';
window.look = (node) => {
    const style = node.isConnected ? getComputedStyle(node) : {};
    const body = document.querySelector('[data-testid=stMain]');
    const pictures = [...document.images].map((image) => image.src.length + image.src.slice(-40));
    return [style.backgroundColor, style.borderColor, style.color, node.ariaChecked,
            'starting' in document.body.dataset, body?.innerText, pictures].join();
};
window.watch = (node) => new Promise((done) => {
    const before = look(node);
    node.addEventListener('click', ({ timeStamp }) => {
        const wait = (now) => {
            const spent = performance.now() - timeStamp;
            if (look(node) !== before || spent > 5000) done(spent);
            else requestAnimationFrame(wait);
        };
        requestAnimationFrame(wait);
    }, { capture: true, once: true });
});
"""


def settle(page: Any, rest: int = 700) -> None:
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_timeout(rest)


def go(page: Any, title: str, rest: int = 700) -> None:
    """Follow the link to a page."""
    link = page.get_by_role("link", name=title, exact=True).first
    link.click()
    page.wait_for_function(
        "title => document.querySelector('.st-key-navigation a[aria-current=page]')?.textContent"
        " === title",
        arg=title,
    )
    settle(page, rest)


def close(page: Any) -> None:
    """Close a list, or leave the stage, which hides the links."""
    for _ in range(20):
        page.keyboard.press("Escape")
        settle(page, 300)
        if page.locator(".st-key-navigation a").first.is_visible():
            return


def places() -> Iterator[tuple[str, str]]:
    """Every listed press in turn."""
    return cycle([(page, name) for page, names in PRESSES.items() for name in names])


def presses(page: Any, tries: int) -> list[tuple[float, str]]:
    """The time from each press to its answer."""
    found, here = [], ""
    for title, name in islice(places(), tries):
        if title != here:
            go(page, title)
        here = title
        main = page.get_by_test_id("stMain")
        node = main.get_by_text(name, exact=True).filter(visible=True).first
        if not node.count():
            print(f"The page {title} has no button {name!r}.")
            continue
        node.scroll_into_view_if_needed()
        page.mouse.move(5, 5)
        page.wait_for_timeout(200)
        node.hover()
        page.wait_for_timeout(300)  # the look under the pointer is no answer
        node.evaluate("node => { window.answer = watch(node.closest(PRESSED) ?? node); }")
        page.mouse.down()
        page.mouse.up()
        found.append((page.evaluate("window.answer"), f"{title}: {name}"))
        settle(page)
        close(page)
    return found


def switches(page: Any, tries: int) -> list[tuple[float, str]]:
    """The layout shift of changes between pages: neighbours first, then every second one, …"""
    titles = list(PRESSES)
    for title in titles:
        go(page, title, 1500)
    found, count = [], len(titles)
    pairs = [(k, (k + step) % count) for step in range(1, count) for k in range(count)]
    for start, end in pairs[:tries]:
        go(page, titles[start], 1500)
        page.evaluate("window.shifts = 0")
        go(page, titles[end], 1500)
        found.append((page.evaluate("window.shifts"), f"{titles[start]} → {titles[end]}"))
    return found


def report(name: str, found: list[tuple[float, str]], limit: float, unit: str) -> bool:
    """Print the distribution and the values above the limit; whether the limit holds."""
    values = [value for value, _ in found]
    middle, slow = statistics.median(values), statistics.quantiles(values, n=20)[-1]
    digits = 3 if unit == "" else 1
    print(
        f"{name:<8} {len(values):>4} tries   median {middle:.{digits}f}{unit}"
        f"   95 % below {slow:.{digits}f}{unit}   limit {limit}{unit}"
        f"   load {os.getloadavg()[0]:.1f}"
    )
    for value, what in sorted(found, reverse=True)[:8]:
        if value > limit:
            print(f"    {value:.{digits}f}{unit}   {what}")
    return slow <= limit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, default=24)
    parser.add_argument("--only", choices=("press", "slider", "switch"))
    args = parser.parse_args()
    wanted = [args.only] if args.only else ["press", "slider", "switch"]
    with tempfile.TemporaryDirectory() as root:
        slider_speed.train(root, slider_speed.defaults())
        if wanted != ["slider"]:
            with dashboard(root, f"/?run={RUN}", WATCH) as page:
                page.set_default_timeout(60_000)
                settle(page, 3000)
                if "press" in wanted:
                    report("press", presses(page, args.tries), ANSWER, " ms")
                if "switch" in wanted:
                    report("switch", switches(page, args.tries), JUMP, "")
        if "slider" in wanted:
            moved = slider_speed.drag(root)
            report("slider", [(value, "slider") for value in moved.latency], PICTURE, " ms")
            report("work", [(value, "slider") for value in moved.work], WORK, " ms")


if __name__ == "__main__":
    main()
