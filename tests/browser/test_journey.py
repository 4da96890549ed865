"""The first five minutes in a real browser from an empty profile: the tour, checked by numbers and
pixels, from the included run to the visitor's own pictures."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browser import test_latent as latent
from tests.browser.conftest import ROOT, VISITED, App, OpenPage, Tab
from tests.browser.screen import choose, equals, perform, photograph, sheet, shows, tiles, until
from vae.analysis.custom_example import picture_to_x, reconstruct
from vae.analysis.encoding import decode, prior_sample
from vae.analysis.loaded_run import LoadedRun
from vae.base.numbers import fixed
from vae.imaging.tiles import pixels
from vae.runs import Run, listing

CURVES = '[aria-label^="Reconstruction, KL and ELBO"] .vae-plot-chart'
MAP = ".st-key-latent_map"
INCLUDED = "clothes-first-look"
FIELD = "[data-testid=stSidebar] .st-key-set_"
DRAWN = """(canvas) => [...canvas.getContext('2d').getImageData(
    0, 0, canvas.width, canvas.height).data].filter((_, k) => k % 4 === 0)"""


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
    button = main.get_by_role("button", name=name, exact=True).first
    perform(lambda: button.click(timeout=5000), seen, why=name)


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


def train(tab: Tab, root: Path, **settings: str) -> Run:
    """Fill fields of the sidebar, press Train and return the run that appears."""
    before = {run.name for run in listing(root)}
    for name, value in settings.items():
        field = tab.page.locator(f"{FIELD}{name} input").first
        field.fill(value)
        field.press("Enter")
        until(lambda field=field, value=value: field.input_value() == value, why=name)
        tab.settle()
    at_once = "button => { button.click(); return 'starting' in document.body.dataset; }"
    assert tab.page.locator(".st-key-train button").first.evaluate(at_once), "no answer at once"
    fresh = lambda: [run for run in listing(root) if run.name not in before]  # noqa: E731
    (run,) = until(fresh, why="a new run")
    return run


def step(tab: Tab, number: int) -> None:
    """Go to a step of the tour, by the button that leads there."""
    button = tab.page.locator(f".st-key-tour_{'start' if number == 1 else 'next'} button")
    seen = lambda: f"Step {number} of 8" in tab.page.locator(".st-key-tour_step").inner_text()  # noqa: E731
    perform(lambda: button.click(timeout=5000), seen, why=f"step {number}")
    tab.settle()


def test_the_first_five_minutes(app: App, open_page: OpenPage, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "checkpoints" / INCLUDED, tmp_path / INCLUDED)
    server = app(tmp_path)
    assert not any(url.startswith(server.url) for url in VISITED)
    tab = open_page(f"{server.url}/latent")  # a deep link is the server's first request
    first_screen(tab)
    step(tab, 1)
    run = train(tab, tmp_path, epochs="100000")
    until(lambda: len(curve(tab, "reconstruction, validation")) > 3, why="points on the curves")
    epochs = tab.page.get_by_test_id("stSidebar").get_by_label("Epochs", exact=True)
    assert epochs.input_value() == "100000"
    zoomed = zoom(tab)
    step(tab, 2)
    watch_it_learn(tab)
    move_beta(tab, run)
    assert layout(tab, "xaxis.range") == pytest.approx(zoomed)
    press(tab, "Stop", lambda: run.status().state == "stopped")
    reload_and_find(tab, run)

    loaded = LoadedRun.of(run)
    step(tab, 3)
    look_at_the_latents(tab, loaded)
    latent._decode(tab, loaded)
    step(tab, 4)
    select_a_cluster(tab, loaded)
    step(tab, 5)
    latent._slide(tab, loaded)
    step(tab, 6)
    look_at_reconstructions(tab, loaded)
    draw(tab, loaded)
    step(tab, 7)
    look_at_samples(tab, loaded)
    step(tab, 8)
    bring_own_pictures(tab, tmp_path)
    assert not tab.problems


def first_screen(tab: Tab) -> None:
    """An organised, labelled map without a caveat, and the way on; the main script has run."""
    until(lambda: len(points(tab)) == 1000, why="the map of the included run")
    assert tab.page.locator(".st-key-train button").count() == 1
    names = (
        "document.querySelector('.st-key-latent_map .js-plotly-plot').layout.annotations.length"
    )
    assert tab.page.evaluate(names) >= 10, "a class has no name on the map"
    words = tab.page.inner_text("[data-testid=stMain]")
    assert "not ln p(x)" not in words
    assert "VAE Lab trains variational autoencoders before your eyes" in words
    assert points_are_organised(tab)


def points_are_organised(tab: Tab) -> bool:
    """Whether most points have a nearest neighbour of their class, on the screen's own numbers."""
    found = tab.page.evaluate(
        f"""() => document.querySelector('{MAP} .js-plotly-plot')._fullData
            .filter((t) => t.customdata)
            .map((t, k) => [Array.from(t.x), Array.from(t.y), Array.from(t.x, () => k)])"""
    )
    assert len(found) == 10  # a trace for each class
    x, y, hue = np.concatenate([np.array(part) for part in found], axis=1)
    apart = np.hypot(x[:, None] - x, y[:, None] - y) + np.where(np.eye(len(x)), np.inf, 0)
    return bool((hue[apart.argmin(1)] == hue).mean() > 0.5)


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
    rates = lambda: np.array(curve(tab, "KL, train"))  # noqa: E731
    until(lambda: rates()[-1] < 0.95 * rates().max(), why="a KL that falls")


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


def select_a_cluster(tab: Tab, loaded: LoadedRun) -> None:
    """A lasso counts its points, and shows examples beside their reconstructions."""
    lasso = [(0.05, 0.05), (0.7, 0.05), (0.7, 0.7), (0.05, 0.7), (0.05, 0.05)]
    panel = tab.page.locator(latent.PANEL)
    many = lambda: " of 1,000 points selected" in panel.inner_text()  # noqa: E731
    perform(lambda: latent._drag(tab, lasso), many)
    tab.settle()
    title = until(lambda: panel.locator("figure").first.get_attribute("title"))
    row = np.array([int(title.split(" ")[0][1:])])
    sources = panel.locator("figure").first.locator("img")
    found = [latent._pixels(str(sources.nth(k).get_attribute("src"))) for k in (0, 1)]
    values = decode(loaded.model, loaded.encode(row).mean)
    np.testing.assert_array_equal(found[0], pixels(loaded.inputs(row))[0, ..., 0])
    assert np.abs(found[1].astype(int) - pixels(values)[0, ..., 0]).max() <= 1


def look_at_reconstructions(tab: Tab, loaded: LoadedRun) -> None:
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


def draw(tab: Tab, loaded: LoadedRun) -> None:
    """A stroke on the pad has its own place on the map and its own nats."""
    view = tab.page.locator(".st-key-reconstruct_of").get_by_text("Custom example", exact=True)
    canvas = tab.page.locator("canvas[tabindex]")
    perform(view.click, lambda: canvas.first.is_visible(), why="the pad")
    tab.settle()

    def stroke() -> None:
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        assert box is not None
        tab.page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.2 * box["height"])
        tab.page.mouse.down()
        tab.page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.8 * box["height"], steps=8)
        tab.page.mouse.up()

    shape = (1, *loaded.data.event_shape[1:])
    pad = lambda: np.array(canvas.evaluate(DRAWN), np.uint8).reshape(shape)  # noqa: E731
    perform(stroke, lambda: pad().any(), why="a stroke on the pad")
    sums = tab.page.get_by_test_id("stMain").get_by_text("sum, z at the mean of q", exact=True)
    told = sums.first.locator("xpath=following-sibling::div")
    bound = reconstruct(loaded, picture_to_x(pad(), loaded)).bound
    equals(told.inner_text, f"{fixed(bound)} nats")


def look_at_samples(tab: Tab, loaded: LoadedRun) -> None:
    tab.page.wait_for_selector(".vae-sheet img")
    side = loaded.data.event_shape[-1]
    values = decode(loaded.model, prior_sample(loaded.model, 64, 0))
    shows(lambda: sheet(tab.page.locator(".vae-sheet img"), 8, side=side), pixels(values))


def bring_own_pictures(tab: Tab, root: Path) -> None:
    """β = 4 and a file of pictures in the sidebar: its run shows the visitor's own pictures."""
    x = np.random.default_rng(0).integers(0, 256, (200, 1, 9, 9), np.uint8)
    np.savez(root / "mine.npz", x=x)
    choose(tab.page, ".st-key-set_data", "a file of your own")
    run = train(tab, root, path=str(root / "mine.npz"), beta="4", epochs="3")
    assert (run.config.beta, run.config.epochs) == (4.0, 3)
    until(lambda: run.status().state == "finished", why="a run on the visitor's own pictures")
    picture = tab.page.locator(".vae-line img").first
    sent = until(lambda: picture.get_attribute("src"), why="the originals")
    line = latent._pixels(sent)[..., [0, 0, 0]]
    original = tiles(line, 1, 2, line.shape[1] // 9, 9)[0]
    assert any((original == one[..., None]).all() for one in x[:, 0]), "not the visitor's picture"
