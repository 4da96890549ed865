"""A person's whole way through the app, in a real browser, judged by numbers and pixels."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browser.conftest import Launch, OpenPage, Tab
from tests.browser.screen import choose, photograph, sheet, shows, tiles, until
from vae.analysis.encoding import decode, prior_sample
from vae.analysis.loaded_run import LoadedRun
from vae.imaging.tiles import pixels
from vae.runs import Run, find

PAGES = ("", "latent")
CURVES = '[aria-label^="Reconstruction, KL and ELBO"] .vae-plot-chart'
MAP = ".st-key-latent_map"


def curve(tab: Tab, name: str) -> list[float]:
    """The y values of a curve on the live chart, by the name in its legend."""
    return tab.page.evaluate(
        """([at, name]) => {
            const chart = document.querySelector(at);
            const trace = (chart?._fullData || []).find((t) => t.name === name);
            return trace ? Array.from(trace.y) : [];
        }""",
        [CURVES, name],
    )


def layout(tab: Tab, key: str) -> Any:
    """Something of the live chart's full layout, as JSON."""
    text = tab.page.evaluate(
        f"() => JSON.stringify(document.querySelector('{CURVES}')._fullLayout.{key})"
    )
    return json.loads(text)


def fill(tab: Tab, label: str, value: str, where: str = "stSidebar") -> None:
    """Type a value into a number's field and leave it."""
    field = tab.page.get_by_test_id(where).get_by_label(label, exact=True)
    field.fill(value)
    field.press("Enter")


def press(tab: Tab, name: str) -> None:
    """Press a button of the page."""
    tab.page.get_by_test_id("stMain").get_by_role("button", name=name, exact=True).first.click()


def zoom(tab: Tab) -> list[float]:
    """Drag a box in the uppermost panel; returns the range of the x axis."""
    tab.page.locator(CURVES).scroll_into_view_if_needed()
    box = tab.page.locator(f"{CURVES} .nsewdrag").first.bounding_box()
    assert box is not None
    left, top = box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"]
    tab.page.mouse.move(left, top)
    tab.page.mouse.down()
    tab.page.mouse.move(left + 0.5 * box["width"], top + 0.5 * box["height"], steps=5)
    tab.page.mouse.up()
    tab.page.wait_for_timeout(600)
    return layout(tab, "xaxis.range")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path


def state(root: Path, name: str) -> str:
    return Run(root / name).status().state


def train(tab: Tab, root: Path, epochs: int) -> str:
    """Press Train and return the name of the run that appears."""
    before = {p.name for p in root.iterdir()}
    fill(tab, "Epochs", str(epochs))
    tab.settle()
    tab.page.locator(".st-key-train button").click()
    return until(lambda: next((n for n in _names(root) if n not in before), None), why="a new run")


def _names(root: Path) -> list[str]:
    return [p.name for p in root.iterdir() if not p.name.startswith(".")]


def test_the_whole_way(launch: Launch, open_page: OpenPage, root: Path) -> None:
    server = launch("app.py", env={"VAE_LAB_ROOT": str(root), "OMP_NUM_THREADS": "1"})
    tab = open_page(server.url)
    tab.page.get_by_text("Training", exact=True).first.click()
    assert "There is no run yet" in tab.page.inner_text("[data-testid=stMain]")

    name = train(tab, root, epochs=300)
    run = find(root, name)
    until(lambda: len(curve(tab, "reconstruction, validation")) > 3, why="points on the curves")
    watch_it_learn(tab)
    keep_the_zoom(tab)
    move_beta(tab, run)
    pause_and_resume(tab, run)
    reload_and_find(tab, name)

    until(lambda: run.status().state == "finished", 120, "the end of training")
    until(lambda: "finished" in tab.page.inner_text("[data-testid=stMain]"), why="finished")
    last = [r["elbo"] for r in run.reports() if r["split"] == "val"][-1]
    shown = lambda: curve(tab, "ELBO, validation")[-1:]  # noqa: E731
    until(lambda: shown() == [pytest.approx(last, rel=1e-5)], why="the last value on the chart")

    loaded = LoadedRun.of(run)
    look_at_the_latents(tab, loaded)
    look_at_the_pictures(tab, loaded)
    go(tab, "Train", "")
    assert not tab.problems


def watch_it_learn(tab: Tab) -> None:
    until(lambda: len(curve(tab, "KL, train")) > 12, why="a dozen reports")
    for split in ("train", "validation"):
        error = curve(tab, f"reconstruction, {split}")
        assert error[-1] < 0.8 * error[0]
        kl = curve(tab, f"KL, {split}")
        assert kl[-1] > kl[0]
    assert abs(curve(tab, "KL, validation")[0]) < 0.1


def keep_the_zoom(tab: Tab) -> None:
    wanted = zoom(tab)
    for _ in range(2):
        points = len(curve(tab, "reconstruction, train"))
        until(lambda n=points: len(curve(tab, "reconstruction, train")) > n, why="an update")
    assert layout(tab, "xaxis.range") == pytest.approx(wanted)


def move_beta(tab: Tab, run: Run) -> None:
    fill(tab, "β", "4", where="stMain")
    change = until(run.changes, why="the change on record")
    assert [(c.field, c.value) for c in change] == [("beta", 4.0)]
    marks = lambda: [a.get("text", "") for a in layout(tab, "annotations")]  # noqa: E731
    until(lambda: any("β = 4" in text for text in marks()), why="the mark of β on the curves")


def pause_and_resume(tab: Tab, run: Run) -> None:
    press(tab, "Pause")
    until(lambda: run.status().state == "paused", why="the run to pause")
    step = run.status().step
    tab.page.get_by_test_id("stMain").get_by_text("paused").first.wait_for()
    tab.page.wait_for_timeout(500)  # as a person would, after the page has come to rest
    tab.settle()
    press(tab, "Resume")
    until(lambda: run.status().state == "running" and run.status().step > step, why="progress")


def reload_and_find(tab: Tab, name: str) -> None:
    assert f"run={name}" in tab.page.url
    tab.page.reload()
    tab.settle()
    until(lambda: curve(tab, "KL, train"), why="the curves after a reload")
    picker = tab.page.get_by_test_id("stMain").get_by_role("combobox", name="Run")
    assert picker.input_value() == name


def go(tab: Tab, title: str, path: str) -> None:
    """Follow a link of the navigation and let the page come to rest.

    Streamlit merges requests that arrive while its script runs, and the later one names the page:
    a click just before a fragment's own redraw may leave the page as it is. Then, as a person
    would, click again.
    """
    for _ in range(10):
        tab.page.get_by_role("link", name=title).first.click()
        tab.page.wait_for_timeout(1000)
        tab.settle()
        if f"/{path}?" in tab.page.url:
            break
    assert f"/{path}?" in tab.page.url
    assert "run=" in tab.page.url
    assert not tab.page.locator("[data-testid=stException]").count()


def look_at_the_latents(tab: Tab, loaded: LoadedRun) -> None:
    go(tab, "Latent space", "latent")
    encoding = loaded.encode(loaded.splits.test)
    until(lambda: len(points(tab)) == len(encoding.mean), why="the map of the test examples")
    order = np.lexsort(encoding.mean.T)
    found = np.array(points(tab), np.float32)
    np.testing.assert_allclose(found[np.lexsort(found.T)], encoding.mean[order], rtol=1e-5)
    project(tab, loaded, "PCA")
    until(lambda: "PC 1" in tab.page.locator(MAP).inner_text(), why="principal components")
    project(tab, loaded, "t-SNE")
    press(tab, "Compute t-SNE")
    line = tab.page.locator(".st-key-latent_line")
    until(lambda: "iterations" in line.inner_text(), 120, "t-SNE")


def points(tab: Tab) -> list[list[float]]:
    """Every point on the latent map."""
    return tab.page.evaluate(
        """(at) => (document.querySelector(at)?._fullData || []).flatMap((t) =>
            t.customdata ? Array.from(t.x, (x, i) => [x, t.y[i]]) : [])""",
        f"{MAP} .js-plotly-plot",
    )


def project(tab: Tab, loaded: LoadedRun, option: str) -> None:
    """Choose a projection on the latent page."""
    choose(tab.page, f".st-key-latent_projection_{loaded.run.name}", option)
    tab.page.wait_for_timeout(300)
    tab.settle()


def look_at_the_pictures(tab: Tab, loaded: LoadedRun) -> None:
    go(tab, "Reconstructions", "reconstructions")
    cards = tab.page.locator(".vae-cards figure")
    until(lambda: cards.count() == 24, why="the cards of 24 examples")
    row = int(str(cards.first.get_attribute("title")).split("row ")[1].split()[0])
    encoding = loaded.encode(np.array([row]))
    stack = photograph(cards.first.locator("img"))
    original, made, _ = tiles(stack, 1, 3, stack.shape[1] // 8)
    np.testing.assert_array_equal(original, pixels(loaded.inputs(encoding.index))[0])
    values = decode(loaded.model, encoding.mean)
    assert abs(made.astype(int) - pixels(values)[0]).max() <= 1  # a batch of another size
    go(tab, "Samples", "samples")
    tab.page.wait_for_selector(".vae-sheet img")
    values = decode(loaded.model, prior_sample(loaded.model, 64, 0))
    shows(lambda: sheet(tab.page.locator(".vae-sheet img"), 8), pixels(values))


@pytest.mark.parametrize("page", PAGES)
def test_a_deep_link_is_the_first_request(
    page: str, launch: Launch, open_page: OpenPage, root: Path
) -> None:
    server = launch("app.py", env={"VAE_LAB_ROOT": str(root)})
    tab = open_page(f"{server.url}/{page}")
    assert tab.page.locator(".st-key-train button").count() == 1  # the main script ran
    assert not tab.page.locator("[data-testid=stException]").count()
    assert not tab.problems
