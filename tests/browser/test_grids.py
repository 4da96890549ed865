"""Reconstructions and samples on a real screen: every pixel is the model's, none is resampled."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.browser.conftest import ROOT, Launch, OpenPage, Server, Tab
from tests.browser.screen import photograph, sheet, shows, tiles, until
from vae import images
from vae.dashboard import grids
from vae.latent import decode, prior_sample, quantiles
from vae.opened import Opened
from vae.runs import Run

SIZES = """() => [...document.querySelectorAll('[data-testid=stMain] img')].map(
    (i) => [i.naturalWidth, i.clientWidth, i.naturalHeight, i.clientHeight])"""
CHECK = """() => [...document.querySelectorAll('[data-testid=stMain] img')].every(
    (i) => i.complete && i.naturalWidth)"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("runs")
    command = [sys.executable, "-m", "vae", "train", "--root", str(root), "--run", "small"]
    command += ["--data", "digits", "--hidden", "32", "--latent-dim", "2", "--epochs", "6"]
    subprocess.run([*command, "--device", "cpu"], cwd=ROOT, check=True, capture_output=True)
    return Run(root / "small")


@pytest.fixture(scope="module")
def server(launch: Launch, run: Run) -> Server:
    return launch("app.py", env={"VAE_LAB_ROOT": str(run.path.parent)})


@pytest.fixture
def visit(server: Server, open_page: OpenPage) -> Callable[..., Tab]:
    def visit_(page: str, scheme: str = "light") -> Tab:
        tab = open_page(f"{server.url}/{page}?run=small", scheme=scheme)
        tab.page.wait_for_selector("[data-testid=stMain] img")
        return tab

    return visit_


def number(tab: Tab, label: str, value: str) -> None:
    field = tab.page.get_by_test_id("stMain").get_by_label(label, exact=True)
    field.fill(value)
    field.press("Enter")
    tab.page.wait_for_timeout(300)
    tab.settle()
    tab.page.wait_for_function(CHECK)


def clean(tab: Tab, server: Server) -> None:
    assert not tab.problems
    assert "Traceback" not in server.log()
    sizes = np.array(tab.page.evaluate(SIZES))
    np.testing.assert_array_equal(sizes[:, ::2], sizes[:, 1::2])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_samples_and_manifold_are_the_decoders(
    scheme: str, run: Run, server: Server, visit: Callable[..., Tab]
) -> None:
    tab = visit("generate", scheme)
    number(tab, "Number", "36")
    number(tab, "Seed", "4")
    number(tab, "Tiles a side", "7")
    model = run.load_model()
    pictures, frame = (tab.page.locator(f".vae-{name} img") for name in ("sheet", "frame"))
    made = images.pixels(decode(model, prior_sample(model, 36, 4)))
    shows(lambda: sheet(pictures, 6), made)
    places = quantiles(7)
    z = np.array([[a, b] for b in places[::-1] for a in places], np.float32)
    shows(lambda: sheet(frame, 7), images.pixels(decode(model, z)))
    labels = tab.page.locator(".vae-frame .columns span").all_inner_texts()
    assert set(labels) <= {grids.number(place) for place in places}
    assert len(labels) > 2
    clean(tab, server)


def test_cards_are_the_models(run: Run, server: Server, visit: Callable[..., Tab]) -> None:
    tab = visit("reconstruct")
    number(tab, "Number", "8")
    opened = Opened.of(run)
    encoding = opened.encode(opened.splits.test)
    assert encoding.kl is not None
    assert encoding.reconstruction is not None
    figures = tab.page.locator(".vae-cards figure")
    until(lambda: figures.count() == 8, why="eight cards")
    for k in range(8):
        figure = figures.nth(k)
        title = figure.get_attribute("title")
        assert title is not None
        place = int(np.flatnonzero(encoding.index == int(title.split("row ")[1].split()[0]))[0])
        stack = photograph(figure.locator("img"))
        original, made, _ = tiles(stack, 1, 3, stack.shape[1] // 8)
        row = encoding.index[place : place + 1]
        np.testing.assert_array_equal(original, images.pixels(opened.seen(row))[0])
        values = decode(opened.model, encoding.mean[place : place + 1])
        np.testing.assert_array_equal(made, images.pixels(values)[0])
        numbers = (encoding.reconstruction[place], encoding.kl[place].sum())
        words = figure.locator("figcaption span").all_inner_texts()
        assert words == [grids.number(value) for value in numbers]
    clean(tab, server)


def test_files_are_what_the_page_shows(
    run: Run, server: Server, visit: Callable[..., Tab], tmp_path: Path
) -> None:
    tab = visit("generate")
    main = tab.page.get_by_test_id("stMain")
    for name in ("PNG", ".npz"):
        with tab.page.expect_download() as coming:
            main.get_by_role("button", name=name, exact=True).first.click()
        coming.value.save_as(tmp_path / name.lower().strip("."))
    shown = photograph(tab.page.locator(".vae-sheet img"))
    kept = np.asarray(Image.open(tmp_path / "png").convert("RGB"))
    scale = (shown.shape[1] + 1) // 8 // 8
    np.testing.assert_array_equal(tiles(kept, 8, 8, scale), tiles(shown, 8, 8, scale))
    with np.load(tmp_path / "npz") as arrays:
        x, z = arrays["x"], arrays["z"]
    assert x.dtype == np.float32
    assert x.shape == (64, 1, 8, 8)
    np.testing.assert_array_equal(z, prior_sample(run.load_model(), 64, 0))
    np.testing.assert_array_equal(images.pixels(x), tiles(shown, 8, 8, scale))
    clean(tab, server)
