"""A complete session with the app in a real browser, checked by numbers and pixels."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browser.conftest import VISITED, App, OpenPage, Tab
from tests.browser.screen import photograph, sheet, shows, tiles, until
from vae.analysis.encoding import decode, prior_sample
from vae.analysis.loaded_run import LoadedRun
from vae.imaging.tiles import pixels
from vae.runs import Run, listing

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
    """Return a part of the live chart's full layout, as JSON."""
    text = tab.page.evaluate(
        f"() => JSON.stringify(document.querySelector('{CURVES}')._fullLayout.{key})"
    )
    return json.loads(text)


def fill(tab: Tab, label: str, value: str, where: str = "stSidebar") -> None:
    """Type a value into a number's field and leave it."""
    field = tab.page.get_by_test_id(where).get_by_label(label, exact=True)
    field.fill(value)
    field.press("Enter")


def press(tab: Tab, name: str, seen: Callable[[], bool]) -> None:
    """Press a button of the page, and wait until its effect is seen."""
    main = tab.page.get_by_test_id("stMain")
    main.get_by_role("button", name=name, exact=True).first.click()
    until(seen, why=name)


def zoom(tab: Tab) -> list[float]:
    """Drag a box in the uppermost panel; returns the range of the x axis."""
    tab.page.locator(CURVES).scroll_into_view_if_needed()
    box = tab.page.locator(f"{CURVES} .nsewdrag").first.bounding_box()
    assert box is not None
    before = layout(tab, "xaxis.range")
    left, top = box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"]
    tab.page.mouse.move(left, top)
    tab.page.mouse.down()
    tab.page.mouse.move(left + 0.5 * box["width"], top + 0.5 * box["height"], steps=5)
    tab.page.mouse.up()
    until(lambda: layout(tab, "xaxis.range") != before, why="the zoom")
    return layout(tab, "xaxis.range")


def train(tab: Tab, root: Path, epochs: int) -> Run:
    """Press Train and return the run that appears."""
    fill(tab, "Epochs", str(epochs))
    tab.settle()
    at_once = "button => { button.click(); return 'starting' in document.body.dataset; }"
    assert tab.page.locator(".st-key-train button").first.evaluate(at_once), "no answer at once"
    (run,) = until(lambda: listing(root), why="a new run")
    return run


def test_a_complete_session_works(app: App, open_page: OpenPage, tmp_path: Path) -> None:
    server = app(tmp_path)
    assert not any(url.startswith(server.url) for url in VISITED)
    tab = open_page(f"{server.url}/latent")  # a deep link is the server's first request
    assert tab.page.locator(".st-key-train button").count() == 1  # the main script ran
    assert "There is no run yet" in tab.page.inner_text("[data-testid=stMain]")

    run = train(tab, tmp_path, epochs=100_000)
    until(lambda: len(curve(tab, "reconstruction, validation")) > 3, why="points on the curves")
    epochs = tab.page.get_by_test_id("stSidebar").get_by_label("Epochs", exact=True)
    assert epochs.input_value() == "100000"  # though Train was pressed on another page
    zoomed = zoom(tab)
    watch_it_learn(tab)
    move_beta(tab, run)
    assert layout(tab, "xaxis.range") == pytest.approx(zoomed)
    press(tab, "Stop", lambda: run.status().state == "stopped")
    reload_and_find(tab, run)

    loaded = LoadedRun.of(run)
    look_at_the_latents(tab, loaded)
    look_at_the_pictures(tab, loaded)
    assert not tab.problems


def watch_it_learn(tab: Tab) -> None:
    until(lambda: len(curve(tab, "KL, train")) > 6, why="six reports")
    for split in ("train", "validation"):
        error = curve(tab, f"reconstruction, {split}")
        assert error[-1] < 0.8 * error[0]
        kl = curve(tab, f"KL, {split}")
        assert kl[-1] > kl[0]
    assert abs(curve(tab, "KL, validation")[0]) < 0.1


def move_beta(tab: Tab, run: Run) -> None:
    fill(tab, "β", "4", where="stMain")
    change = until(run.changes, why="the change on record")
    assert [(c.field, c.value) for c in change] == [("beta", 4.0)]
    marks = lambda: [a.get("text", "") for a in layout(tab, "annotations")]  # noqa: E731
    until(lambda: any("β = 4" in text for text in marks()), why="the mark of β on the curves")


def reload_and_find(tab: Tab, run: Run) -> None:
    """The reloaded page shows the stopped run and its last report."""
    assert f"run={run.name}" in tab.page.url
    tab.page.reload()
    last = [r["elbo"] for r in run.reports() if r["split"] == "val"][-1]
    shown = lambda: curve(tab, "ELBO, validation")[-1:]  # noqa: E731
    until(lambda: shown() == [pytest.approx(last, rel=1e-5)], why="the last value on the chart")
    assert "stopped" in tab.page.inner_text("[data-testid=stMain]")
    picker = tab.page.get_by_test_id("stMain").get_by_role("combobox", name="Run")
    assert picker.input_value() == run.name


def look_at_the_latents(tab: Tab, loaded: LoadedRun) -> None:
    tab.go("Latent space")
    encoding = loaded.encode(loaded.splits.test)
    until(lambda: len(points(tab)) == len(encoding.mean), why="the map of the test examples")
    order = np.lexsort(encoding.mean.T)
    found = np.array(points(tab), np.float32)
    np.testing.assert_allclose(found[np.lexsort(found.T)], encoding.mean[order], rtol=1e-5)


def points(tab: Tab) -> list[list[float]]:
    """Every point on the latent map."""
    return tab.page.evaluate(
        """(at) => (document.querySelector(at)?._fullData || []).flatMap((t) =>
            t.customdata ? Array.from(t.x, (x, i) => [x, t.y[i]]) : [])""",
        f"{MAP} .js-plotly-plot",
    )


def look_at_the_pictures(tab: Tab, loaded: LoadedRun) -> None:
    tab.go("Reconstructions")
    cards = tab.page.locator(".vae-cards figure")
    until(lambda: cards.count() == 24, why="the cards of 24 examples")
    row = int(str(cards.first.get_attribute("title")).split("row ")[1].split()[0])
    encoding = loaded.encode(np.array([row]))
    stack = photograph(cards.first.locator("img"))
    side = loaded.data.event_shape[-1]
    original, made, _ = tiles(stack, 1, 3, stack.shape[1] // side, side)
    np.testing.assert_array_equal(original, pixels(loaded.inputs(encoding.index))[0])
    values = decode(loaded.model, encoding.mean)
    assert abs(made.astype(int) - pixels(values)[0]).max() <= 1  # a batch of another size
    tab.go("Samples")
    tab.page.wait_for_selector(".vae-sheet img")
    values = decode(loaded.model, prior_sample(loaded.model, 64, 0))
    shows(lambda: sheet(tab.page.locator(".vae-sheet img"), 8, side=side), pixels(values))
