"""A sweep in a real browser: chosen in the form, queued, updated during training, unchanged after
a reload, with the numbers of its runs; and a cancelled sweep."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browser.conftest import App, OpenPage, Server, Tab
from tests.browser.screen import perform, until
from vae.base.devices import resolve
from vae.config import RunConfig
from vae.data import load
from vae.experiments import sweeps
from vae.runs import Run, identity, listing
from vae.worker.train import train_run

BETAS = (0.5, 4.0)
READ = """(key) => {  // the traces of a chart as they are drawn
    const chart = document.querySelector(`.st-key-${key} .js-plotly-plot`);
    const axes = chart._fullLayout;
    return {
        type: axes.xaxis.type,
        heads: axes.annotations.map(a => a.text),
        data: chart._fullData.map(t => ({
            name: t.name, axis: t.yaxis, x: [...t.x].map(v => v ?? NaN),
            y: [...t.y].map(v => v ?? NaN), seed: t.customdata && [...t.customdata],
            half: t.error_y && t.error_y.array && [...t.error_y.array],
            drawn: !!chart.querySelector(`.trace${t.uid} path`),
        })),
    };
}"""

IS_COLOURED = """(nodes) => nodes.map((node) => {  // whether each canvas has a point
    const { data } = node.getContext('2d').getImageData(0, 0, node.width, node.height);
    return data.some((v, k) => k % 4 === 0 && Math.abs(v - data[k + 1]) > 40);
})"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def server(app: App, folder: Path) -> Server:
    return app(folder)


@pytest.fixture
def root(folder: Path) -> Iterator[Path]:
    """An empty folder. Runs in training are stopped at the end."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    yield folder
    for run in listing(folder):
        if run.status().state == "queued":
            run.stop()
    for run in listing(folder):
        run.stop()
        until(lambda run=run: not run.status().alive)  # type: ignore[misc]


def says(tab: Tab, words: str) -> bool:
    return words in tab.page.inner_text("[data-testid=stApp]")


def fill(tab: Tab, key: str, value: str, seen: str) -> None:
    """Write into a field until the page has accepted the value."""
    field = tab.page.locator(f".st-key-{key} input")

    def act() -> None:
        field.fill(value, timeout=5000)
        field.press("Enter", timeout=5000)

    perform(act, lambda: says(tab, seen), why=seen)


@contextmanager
def busy(root: Path) -> Iterator[None]:
    """Let no queued run start: another one seems to be training on its device."""
    other = Run.create(root, RunConfig.of(), load("digits"), "other")
    device = str(resolve(other.config.device))
    other.set_status(state="running", device=device, heartbeat=time.time() + 600, **identity())
    try:
        yield
    finally:
        other.set_status(state="finished")


def train(run: Run) -> None:
    """Train a queued run in this process."""
    assert run.take(("queued",), state="starting", **identity())
    for _ in train_run(run):
        pass


def train_for(tab: Tab, epochs: int) -> None:
    """Write the epochs into the sidebar."""
    field = tab.page.locator(".st-key-set_epochs input")

    def act() -> None:
        field.fill(str(epochs), timeout=5000)
        field.press("Enter", timeout=5000)

    perform(act, lambda: field.input_value() == str(epochs))
    tab.settle()


def press(tab: Tab, key: str, seen: str) -> None:
    button = tab.page.locator(f".st-key-{key} button").first

    def act() -> None:
        if not says(tab, seen):
            button.click(timeout=5000)

    perform(act, lambda: says(tab, seen), patience=20, why=seen)


def chart(tab: Tab, key: str) -> dict[str, Any]:
    found: dict[str, Any] = until(lambda: tab.page.evaluate(READ, key))
    return found


def bounds(run: Run) -> np.ndarray:
    """Return the validation −ELBO of every report."""
    return -np.array([r["elbo"] for r in run.reports() if r["split"] == "val"])


def lines(tab: Tab) -> dict[tuple[float, int], np.ndarray]:
    """Return (β, seed) → the −ELBO in its small chart."""
    now = chart(tab, "sweep_multiples")
    found = {}
    for trace in now["data"]:
        if trace["name"] == "−ELBO" and trace["drawn"]:
            beta = BETAS[int(trace["axis"][1:] or 1) - 1]
            seeds, values = np.array(trace["seed"]), np.array(trace["y"])
            for seed in sorted(set(seeds)):
                own = values[seeds == seed]
                found[beta, int(seed)] = own[np.isfinite(own)]
    return found


def _same(shown: Any, wanted: np.ndarray) -> bool:
    return np.shape(shown) == wanted.shape and np.allclose(shown, wanted, rtol=1e-6, atol=0)


def test_a_sweep_shows_the_numbers_of_its_runs(
    server: Server, root: Path, open_page: OpenPage
) -> None:
    tab = open_page(f"{server.url}/sweep")
    tab.page.get_by_text("All settings", exact=True).click()
    fill(tab, "set_examples", "300", "240 training examples")
    train_for(tab, 2)
    fill(tab, "sweep_first_beta_values", "0.5, 4", "2 configurations × 3 seeds = 6 runs")
    fill(tab, "sweep_seeds", "1", "2 configurations × 1 seed = 2 runs")
    with busy(root):
        press(tab, "sweep_queue", "2 runs: ")
        runs = sweeps.members(root, "beta-1")
        assert [(r.settings["beta"], r.settings["seed"], r.settings["epochs"]) for r in runs] == [
            (beta, 0, 2) for beta in BETAS
        ]
        train(runs[0])
        until(lambda: lines(tab).keys() == {(BETAS[0], 0)}, why="a chart that fills")
        heads = chart(tab, "sweep_multiples")["heads"]
        assert heads[0].startswith("<b>β 0.5</b>")
        train(runs[1])
    until(lambda: says(tab, "2 runs: 2 finished"))
    shows_numbers(tab, runs)
    tab.page.reload()
    until(lambda: says(tab, "2 runs: 2 finished"))
    assert "sweep=beta-1" in tab.page.url
    shows_numbers(tab, runs)
    plays(tab, runs)
    assert not tab.problems


def plays(tab: Tab, runs: list[Run]) -> None:
    """All runs follow one slider, and a click on a tile opens its run at that moment."""
    tab.page.get_by_text("Latent maps", exact=True).click()
    tiles = tab.page.locator(".vae-replay .tile")
    until(lambda: tiles.count() == 2 and all(tiles.locator("canvas").evaluate_all(IS_COLOURED)))
    assert [text[:5] for text in tiles.locator("b").all_inner_texts()] == ["β 0.5", "β 4"]
    ends = tiles.locator("span").all_inner_texts()
    for run, words in zip(runs, ends, strict=True):
        assert float(words.split()[1]) == pytest.approx(bounds(run)[-1], rel=1e-3)
    perform(
        lambda: tab.page.locator(".vae-replay").press("Home", timeout=5000),
        lambda: tiles.locator("span").all_inner_texts() != ends,
    )
    until(lambda: "epoch=0" in tab.address(), why="the address of the moment")
    step = runs[1].frame_steps()[0]
    tiles.nth(1).click()
    until(lambda: f"/replay?run={runs[1].name}&step={step}" in tab.address())
    until(lambda: f"step {step}" in tab.page.inner_text("[data-part=when]"))


def shows_numbers(tab: Tab, runs: list[Run]) -> None:
    """Wait for the numbers of the runs' folders in both charts."""
    own = {(r.settings["beta"], r.settings["seed"]): bounds(r) for r in runs}
    assert min(map(len, own.values())) >= 2
    until(
        lambda: lines(tab).keys() == own.keys() and all(_same(lines(tab)[k], own[k]) for k in own)
    )
    best = np.array([own[beta, 0].min() for beta in BETAS])
    until(lambda: _same(chart(tab, "sweep_summary")["data"][0]["y"], best))
    np.testing.assert_allclose(chart(tab, "sweep_summary")["data"][0]["x"], BETAS)


@pytest.mark.long
def test_a_sweep_is_cancelled_queued_again_and_compared(
    server: Server, root: Path, open_page: OpenPage
) -> None:
    tab = open_page(f"{server.url}/sweep")
    train_for(tab, 100_000)
    fill(tab, "sweep_first_beta_values", "0.5, 4", "2 configurations × 3 seeds = 6 runs")
    press(tab, "sweep_queue", "6 runs: ")
    runs = sweeps.members(root, "beta-1")
    until(lambda: runs[0].status().state == "running")
    press(tab, "sweep_cancel", "5 stopped")
    assert [run.status().state for run in runs[1:]] == ["stopped"] * 5
    assert runs[0].status().alive
    runs[0].stop()
    until(lambda: says(tab, "6 runs: 6 stopped"))
    press(tab, "sweep_again", "Cancel the rest")
    until(lambda: sum(run.status().state == "queued" for run in runs) == 5)
    press(tab, "sweep_compare", "6 selected")
    assert not tab.problems
