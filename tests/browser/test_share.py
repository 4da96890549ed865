"""Export and import in a real browser: a run is exported, deleted and imported from the downloaded
file with the same numbers in the table; another one is branched and compared with its origin."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.browser.conftest import App, OpenPage, Server, Tab
from tests.browser.screen import perform, until
from tests.pages.conftest import trained
from tests.runs.test_archive import content
from vae.runs import Run, listing, notes

CHART = """() => {  // the spots of the rate–distortion plane
    const chart = document.querySelector('.st-key-compare_plane_chart .js-plotly-plot');
    return chart._fullData.filter(t => t.mode && t.mode.includes('markers'))
        .flatMap(t => [...t.x].map((x, k) => [x, t.y[k]]));
}"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    trained(root, "first", seed=3, frames=2)
    trained(root, "second", seed=4, frames=0)
    return root


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def server(app: App, folder: Path) -> Server:
    return app(folder)


@pytest.fixture
def root(prepared: Path, folder: Path) -> Path:
    """The initial folder, for each trial."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(prepared, folder, dirs_exist_ok=True)
    return folder


def says(tab: Tab, words: str) -> bool:
    return words in tab.page.inner_text("[data-testid=stApp]")


def popover_has(tab: Tab, words: str) -> bool:
    """Whether an open popover has this text."""
    open_ones = tab.page.locator("[data-testid=stPopoverBody]").all_inner_texts()
    return any(words in text for text in open_ones)


def tick(tab: Tab, row: int, seen: str) -> None:
    grid = tab.page.locator("[data-testid=stDataFrame]")

    def act() -> None:
        if not says(tab, seen):
            box = grid.bounding_box()
            assert box is not None
            tab.page.mouse.click(box["x"] + 18, box["y"] + 38 + 35 * (row + 0.5))

    perform(act, lambda: says(tab, seen), patience=30)


def popover(tab: Tab, name: str, seen: str) -> None:
    """Open a popover after closing any other, and wait for its content."""
    button = tab.page.locator(f".st-key-compare_{name} button").first
    body = tab.page.locator("[data-testid=stPopoverBody]")

    def act() -> None:
        if body.count():
            tab.page.keyboard.press("Escape")
            body.wait_for(state="detached", timeout=5000)
        button.click(timeout=5000)

    perform(act, lambda: popover_has(tab, seen), patience=10)


def close(tab: Tab) -> None:
    body = tab.page.locator("[data-testid=stPopoverBody]")
    perform(lambda: tab.page.keyboard.press("Escape"), lambda: not body.count())


def spots(tab: Tab) -> np.ndarray:
    return np.array(sorted(tab.page.evaluate(CHART)))


def reached(run: Run) -> tuple[float, float]:
    """Return KL and reconstruction at the best report on validation data."""
    best = max((r for r in run.reports() if r["split"] == "val"), key=lambda r: r["elbo"])
    return best["kl"], best["reconstruction"]


def drawn(tab: Tab, root: Path, *names: str) -> None:
    """Wait until the plane shows the numbers of these runs."""
    wanted = np.array(sorted(reached(Run(root / name)) for name in names))
    until(lambda: spots(tab).shape == wanted.shape and np.allclose(spots(tab), wanted, rtol=1e-5))


def test_a_run_is_exported_deleted_imported_and_branched(
    server: Server, root: Path, open_page: OpenPage, tmp_path: Path
) -> None:
    tab = open_page(f"{server.url}/compare")
    until(lambda: says(tab, "2 runs: 2 finished"))
    before, here = content(root / "first"), (reached(Run(root / "first")))
    tick(tab, 1, "1 selected")
    drawn(tab, root, "first", "second")

    popover(tab, "export", "Run (.vae.zip)")
    assert popover_has(tab, "Report of 1 run (.html)")
    assert popover_has(tab, "Script of the run (.py)")
    with tab.page.expect_download() as download:
        tab.page.locator(".st-key-compare_runs_file button:visible").first.click()
    file = tmp_path / download.value.suggested_filename
    assert file.name == "first.vae.zip"
    download.value.save_as(file)
    close(tab)

    delete = tab.page.get_by_role("button", name="Delete", exact=True)
    perform(lambda: delete.click(timeout=5000), lambda: says(tab, "Deleted first."), patience=20)
    drawn(tab, root, "second")
    assert [run.name for run in listing(root)] == ["second"]

    popover(tab, "import", "Exported file (.vae.zip)")
    given = tab.page.locator("[data-testid=stPopoverBody] input[type=file]")
    given.set_input_files({"name": "bad.vae.zip", "mimeType": "", "buffer": b"none"})
    until(lambda: popover_has(tab, "This file cannot be imported"))
    assert [run.name for run in listing(root)] == ["second"]
    until(lambda: given.count() == 1)
    given.set_input_files(file)
    until(lambda: popover_has(tab, "Imported first."))
    assert not popover_has(tab, "cannot be imported")
    close(tab)
    until(lambda: says(tab, "1 selected"))
    drawn(tab, root, "first", "second")
    assert reached(Run(root / "first")) == here
    assert content(root / "first") == before

    popover(tab, "branch", "first has β 1: choose another value.")
    value = tab.page.get_by_label("New value").last

    def change() -> None:
        value.fill("6", timeout=5000)
        value.press("Enter")

    perform(change, lambda: popover_has(tab, "β 1 → 6"), patience=20)
    until(lambda: popover_has(tab, "All else as in first, seed 3 included."))
    queue = tab.page.get_by_role("button", name="Queue the branch")
    perform(lambda: queue.click(timeout=5000), lambda: says(tab, "2 selected"), patience=30)
    branch = Run(root / "first-beta-6")
    assert branch.config == Run(root / "first").config.model_copy(update={"beta": 6.0})
    assert notes.read(branch.path).notes == "branched from first: β 1 → 6"
    until(lambda: says(tab, "3 runs: "))
    assert {run.name for run in listing(root)} == {"first", "second", "first-beta-6"}
    assert not tab.problems
