"""The Compare page in a real browser: rows are ticked in the table; curves, plane and verdict show
the numbers of the files; a deleted run is restored."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.browser.conftest import App, OpenPage, Server, Tab
from tests.browser.screen import perform, until
from vae.base.statistics import verdict
from vae.config import RunConfig
from vae.data import load
from vae.runs import Run, listing
from vae.runs.store import trash
from vae.worker.train import train_run

SMALL = {"hidden": (64,), "epochs": 10, "frames": 0, "device": "cpu", "threads": 1}
SEEDS, BETAS = range(3), ("1", "9")
READ = """(key) => {  // the lines of a chart as they are drawn
    const chart = document.querySelector(`.st-key-${key} .js-plotly-plot`);
    return chart._fullData.map(t => ({
        name: t.name, axis: t.yaxis, fill: t.fill, mode: t.mode, width: t.line && t.line.width,
        x: [...t.x].map(v => v ?? NaN), y: [...t.y].map(v => v ?? NaN),
        shown: chart.querySelectorAll('.points path, .js-line').length,
    }));
}"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seeds of two configurations."""
    root = tmp_path_factory.mktemp("trained")
    for beta in BETAS:
        for seed in SEEDS:
            config = RunConfig.of(beta=float(beta), seed=seed, **SMALL)
            for _ in train_run(Run.create(root, config, load("digits"), f"b{beta}-s{seed}")):
                pass
    return root


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def server(app: App, folder: Path) -> Server:
    return app(folder)


@pytest.fixture
def root(trained: Path, folder: Path) -> Path:
    """The initial folder, for each trial."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(trained, folder, dirs_exist_ok=True)
    return folder


def _reports(run: Run, quantity: str) -> np.ndarray:
    return np.array([r[quantity] for r in run.reports() if r["split"] == "val"])


def _tick_all(tab: Tab) -> None:
    grid = tab.page.locator("[data-testid=stDataFrame]").first

    def act() -> None:
        box = grid.bounding_box()
        assert box is not None
        tab.page.mouse.click(box["x"] + 18, box["y"] + 18)

    perform(act, lambda: _says(tab, "6 selected"), patience=30)


def _tick(tab: Tab, row: int, seen: str) -> None:
    grid = tab.page.locator("[data-testid=stDataFrame]").first

    def act() -> None:
        if _says(tab, seen):
            return
        box = grid.bounding_box()
        assert box is not None
        tab.page.mouse.click(box["x"] + 18, box["y"] + 38 + 35 * (row + 0.5))

    perform(act, lambda: _says(tab, seen), patience=30)


def _says(tab: Tab, words: str) -> bool:
    return words in tab.page.inner_text("[data-testid=stMain]")


def _view(tab: Tab, name: str, seen: str) -> None:
    button = tab.page.locator(".st-key-compare_view").get_by_text(name, exact=True)
    perform(lambda: button.click(timeout=5000), lambda: _says(tab, seen))


def _press(tab: Tab, name: str, seen: str) -> None:
    button = tab.page.get_by_role("button", name=name, exact=True)

    def act() -> None:
        if not _says(tab, seen):
            button.click(timeout=5000)

    perform(act, lambda: _says(tab, seen))


def _chart(tab: Tab, key: str) -> list[dict]:
    return until(lambda: tab.page.evaluate(READ, key))


def test_ticked_runs_are_compared_deleted_and_restored(
    server: Server, root: Path, open_page: OpenPage
) -> None:
    tab = open_page(f"{server.url}/compare")
    runs = listing(root)
    assert len(runs) == 6
    until(lambda: _says(tab, "6 runs: 6 finished"))
    _tick_all(tab)

    best = {run.name: int(_reports(run, "elbo").argmax()) for run in runs}

    def mean(beta: str, quantity: str) -> float:
        found = [r for r in runs if r.name.startswith(f"b{beta}-")]
        return float(np.mean([_reports(r, quantity)[best[r.name]] for r in found]))

    wanted = sorted((mean(b, "kl"), mean(b, "reconstruction")) for b in BETAS)
    until(lambda: len(_chart(tab, "compare_plane_chart")) == 3)
    spots = _chart(tab, "compare_plane_chart")[1:]
    np.testing.assert_allclose(sorted((t["x"][0], t["y"][0]) for t in spots), wanted, rtol=1e-5)

    _view(tab, "Curves", "Against")
    until(lambda: len(_chart(tab, "compare_curves")) == 3 * 2 * (3 + 2))
    lines = [t for t in _chart(tab, "compare_curves") if t["fill"] in (None, "none")]
    for axis, quantity in (("y", "reconstruction"), ("y2", "kl"), ("y3", "elbo")):
        drawn = [t for t in lines if t["axis"] == axis]
        assert len(drawn) == 8
        for run in runs:
            own = _reports(run, quantity)
            assert any(np.allclose(t["y"], own, rtol=1e-5) for t in drawn), (run.name, quantity)

    _view(tab, "Verdict", "Seed by seed")
    sides = [
        {s: -float(_reports(Run(root / f"b{b}-s{s}"), "elbo").max()) for s in SEEDS} for b in BETAS
    ]
    found = verdict(*sides)
    assert found.resolved
    until(lambda: _says(tab, "β 1 (3 seeds) is better than β 9 (3 seeds) by"))
    told = tab.page.inner_text("[data-testid=stMain]").split("(3 seeds) by ")[1].split(" nats")[0]
    assert float(told) == pytest.approx(-found.difference, rel=1e-3)

    _press(tab, "Clear", "Tick runs to compare them.")
    _tick(tab, 1, "1 selected")
    second = runs[1].name
    _press(tab, "Delete", f"Deleted {second}.")
    until(lambda: len(listing(root)) == 5)
    assert second not in {run.name for run in listing(root)}
    assert [gone.name for gone in trash(root)] == [second]
    _view(tab, "Verdict", "A verdict needs at least 3 seeds a side")
    _press(tab, "Undo", "6 runs: 6 finished")
    assert [run.name for run in listing(root)] == [run.name for run in runs]
    until(lambda: _says(tab, "Seed by seed"))
    assert not tab.problems
