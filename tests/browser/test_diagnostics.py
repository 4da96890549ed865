"""The KL heatmap and the diagnostics in a real browser: the colours of the cells, a run in
training that updates the page, and a fix that becomes a new run."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.browser.conftest import App, OpenPage, Server, trained
from tests.browser.screen import equals, perform, photograph, until
from tests.diagnostics.test_checks import EPOCHS, reports
from vae.config import RunConfig
from vae.figures.palette import COLOURS
from vae.runs import Run, identity, listing

DIAGNOSTICS, STRIP = ".st-key-diagnostics", ".st-key-kl_strip .js-plotly-plot"
TRAIN = (
    "--data",
    "digits",
    "--hidden",
    "16",
    "--latent-dim",
    "3",
    "--epochs",
    "2",
    "--lr",
    "0.01",
)
BRIGHTEST = (200, 224, 32)  # the end of the scale
CELLS = """() => {
    const trace = document.querySelector('.st-key-kl_strip .js-plotly-plot')._fullData[0];
    return trace.z.map(row => Array.from(row));
}"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def server(app: App, root: Path) -> Server:
    return app(root)


@pytest.fixture
def run(root: Path) -> Run:
    """A run with weights and a plausible history, for a single trial."""
    name = f"small-{len(list(root.iterdir()))}"
    return trained(root, name, *TRAIN)


def _write(run: Run, kl: tuple[float, ...], epochs: int) -> None:
    told = reports(kl=kl, epochs=epochs)
    (run.path / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in told))


def _near(colour: np.ndarray, wanted: tuple[int, ...], within: int = 12) -> bool:
    return bool(np.abs(colour.astype(int) - np.array(wanted)).max() <= within)


def _rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)])


def test_a_run_in_training_is_followed_and_its_fix_is_trained(
    server: Server, run: Run, open_page: OpenPage
) -> None:
    run.set_status(state="running", heartbeat=time.time(), **identity())
    _write(run, (0.3, 1.5, 0.001), 8)
    tab = open_page(f"{server.url}/evaluate?run={run.name}")
    page = tab.page
    page.wait_for_selector(f"{STRIP} .heatmaplayer image")

    def cells() -> list[list[float]]:
        found: list[list[float]] = page.evaluate(CELLS)
        return found

    until(lambda: len(cells()[0]) == 9)
    assert [row[-1] for row in cells()] == pytest.approx([1.5, 0.3, 0.001])
    _write(run, (0.3, 1.5, 0.001), EPOCHS)
    until(lambda: len(cells()[0]) == EPOCHS + 1, why="the strip follows by itself")
    run.set_status(state="finished")
    unused = "1 of 3 latents have a validation KL below 0.01 nats (mean of epochs 73 to 80): z3."
    until(lambda: unused in page.locator(DIAGNOSTICS).inner_text(), why="the findings follow")
    assert "More latents than needed" in page.locator(DIAGNOSTICS).inner_text()
    assert (
        "Training too short"
        not in page.locator(f"{DIAGNOSTICS} .st-key-finding_unused_latents").inner_text()
    )

    picture = page.locator(f"{STRIP} .heatmaplayer image").first

    def coloured(side: int) -> bool:
        seen = photograph(picture)
        height, width = seen.shape[:2]
        bright, dim, off = (seen[int((k + 0.5) * height / 3), width // 2] for k in range(3))
        muted, ground = _rgb(COLOURS["muted"][side]), _rgb(COLOURS["background"][side])
        grey = tuple((0.15 * muted + 0.85 * ground).round().astype(int))
        between = not _near(dim, BRIGHTEST) and not _near(dim, grey)
        return _near(bright, BRIGHTEST) and _near(off, grey) and between

    until(lambda: coloured(0), why="cells in the colours of their numbers")
    page.emulate_media(color_scheme="dark")
    until(lambda: coloured(1), why="the colours of the dark scheme")

    fill = page.locator(".st-key-fix_unused_latents button").first
    latents = page.locator(".st-key-set_latent_dim input")
    assert latents.input_value() == "2"
    filled = lambda: "The sidebar has" in page.locator(DIAGNOSTICS).inner_text()  # noqa: E731
    fill.click()
    until(filled, why="the first press fills the sidebar")
    equals(latents.input_value, "2")

    before = {other.name for other in listing(run.path.parent)}
    train = page.locator(".st-key-train button")
    created = lambda: len(listing(run.path.parent)) > len(before)  # noqa: E731
    _until_clicked(train.click, created, "created")
    new = next(other for other in listing(run.path.parent) if other.name not in before)
    assert new.config == RunConfig.of(**run.config.model_dump() | {"latent_dim": 2})
    assert not tab.problems


def _until_clicked(click: Callable[..., None], seen: Callable[[], bool], why: str = "") -> None:
    perform(lambda: click(timeout=5000), seen, patience=15.0, why=why)
