"""Reconstructions and samples on a real screen: every pixel equals the model's, none is
resampled."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator

from tests.browser.conftest import App, Tab, trained
from tests.browser.screen import choose, equals, perform, photograph, sheet, shows, tiles, until
from vae.analysis.corruption import corrupted
from vae.analysis.custom_example import CustomExample, picture_to_x, reconstruct
from vae.analysis.denoising import denoise
from vae.analysis.encoding import decode, prior_sample, quantiles
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.nearest import nearest
from vae.analysis.ranking import percent, percentile
from vae.analysis.sampling import SOURCES, Draw, Latents
from vae.base.numbers import fixed
from vae.base.records import UNSCALED
from vae.data import prepare
from vae.imaging.tiles import pixels
from vae.runs import Run

SIZES = """() => [...document.querySelectorAll('[data-testid=stMain] img[src]')].map(
    (i) => [i.naturalWidth, i.clientWidth, i.naturalHeight, i.clientHeight])"""
CHECK = """() => [...document.querySelectorAll('[data-testid=stMain] img[src]')].every(
    (i) => i.complete && i.naturalWidth)"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("runs")
    settings = ("--data", "digits", "--hidden", "32", "--latent-dim", "2")
    trained(root, "another", *settings, "--epochs", "1")
    return trained(root, "small", *settings, "--epochs", "6")


@pytest.fixture(scope="module")
def loaded(app: App, run: Run, module_tab: Tab) -> LoadedRun:
    """The run, and the Samples page with it in the module's window."""
    module_tab.visit(f"{app(run.path.parent).url}/samples?run=small")
    return LoadedRun.of(run)


def show(tab: Tab, title: str, key: str) -> None:
    """Follow the link to a page that has this field."""
    tab.go(title)
    tab.page.wait_for_selector(f".st-key-{key}")
    tab.page.wait_for_selector("[data-testid=stMain] img[src]")


def number(tab: Tab, label: str, value: str) -> None:
    field = tab.page.get_by_test_id("stMain").get_by_label(label, exact=True)
    field.fill(value)
    field.press("Enter")
    tab.page.wait_for_timeout(300)
    tab.settle()
    tab.page.wait_for_function(CHECK)


def unscaled(tab: Tab) -> None:
    """Assert that every picture has its size of the file on the screen."""
    sizes = np.array(tab.page.evaluate(SIZES))
    np.testing.assert_array_equal(sizes[:, ::2], sizes[:, 1::2])


def test_samples_manifold_files_and_a_second_run_equal_the_decoders(
    run: Run, loaded: LoadedRun, tab: Tab, tmp_path: Path
) -> None:
    tab.page.emulate_media(color_scheme="dark")
    show(tab, "Samples", "generate_number")
    number(tab, "Number", "36")
    number(tab, "Seed", "4")
    number(tab, "Tiles a side", "7")
    model = run.load_model()
    pictures, frame = (tab.page.locator(f".vae-{name} img") for name in ("sheet", "frame"))
    made = pixels(decode(model, prior_sample(model, 36, 4)))
    shows(lambda: sheet(pictures, 6), made)
    places = quantiles(7)
    z = np.array([[a, b] for b in places[::-1] for a in places], np.float32)
    shows(lambda: sheet(frame, 7), pixels(decode(model, z)))
    labels = tab.page.locator(".vae-frame .columns span").all_inner_texts()
    assert set(labels) <= {fixed(place) for place in places}
    assert len(labels) > 2
    unscaled(tab)
    _files(tab, run, tmp_path)
    _another_source_and_run(tab, loaded)


def test_cards_equal_the_models(loaded: LoadedRun, tab: Tab) -> None:
    show(tab, "Reconstructions", "reconstruct_of")
    view(tab, "reconstruct_of", "Examples", ".st-key-reconstruct_number")
    number(tab, "Number", "8")
    encoding = loaded.encode(loaded.splits.test)
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
        np.testing.assert_array_equal(original, pixels(loaded.inputs(row))[0])
        values = decode(loaded.model, encoding.mean[place : place + 1])
        np.testing.assert_array_equal(made, pixels(values)[0])
        numbers = (encoding.reconstruction[place], encoding.kl[place].sum())
        words = figure.locator("figcaption span").all_inner_texts()
        share = percentile(numbers[0] + numbers[1], encoding.reconstruction + encoding.kl)
        assert words == [*(fixed(value) for value in numbers), percent(float(share))]
    unscaled(tab)


def _files(tab: Tab, run: Run, tmp_path: Path) -> None:
    """Assert that the files contain the 36 samples of seed 4 on the page."""
    main = tab.page.get_by_test_id("stMain")
    for name in ("PNG", "NPZ"):
        with tab.page.expect_download() as coming:
            main.get_by_role("button", name=name, exact=True).first.click()
        coming.value.save_as(tmp_path / name.lower().strip("."))
    shown = photograph(tab.page.locator(".vae-sheet img"))
    kept = np.asarray(Image.open(tmp_path / "png").convert("RGB"))
    scale = (shown.shape[1] + 1) // 6 // 8
    np.testing.assert_array_equal(tiles(kept, 6, 6, scale), tiles(shown, 6, 6, scale))
    with np.load(tmp_path / "npz") as arrays:
        x, z = arrays["x"], arrays["z"]
    assert x.dtype == np.float32
    assert x.shape == (36, 1, 8, 8)
    np.testing.assert_array_equal(z, prior_sample(run.load_model(), 36, 4))
    np.testing.assert_array_equal(pixels(x), tiles(shown, 6, 6, scale))
    unscaled(tab)


DRAWN = """(canvas) => [...canvas.getContext('2d').getImageData(
    0, 0, canvas.width, canvas.height).data].filter((_, k) => k % 4 === 0)"""


def view(tab: Tab, where: str, name: str, seen: str) -> None:
    button = tab.page.locator(f".st-key-{where}").get_by_text(name, exact=True)
    perform(button.click, lambda: tab.page.locator(seen).first.is_visible(), why=name)
    tab.settle()


def sent(picture: Locator) -> np.ndarray:
    """The picture itself, (h, w, 3), where its column may begin between two of the screen's
    pixels. `unscaled` checks that cards have their original size."""
    source = picture.get_attribute("src", timeout=5000)
    assert source is not None
    image = Image.open(io.BytesIO(base64.b64decode(source.split(",")[1])))
    return np.asarray(image.convert("RGB"))


def layers(tab: Tab, count: int) -> np.ndarray:
    """The tiles of 8×8 of the first card, (count, 8, 8, 3)."""
    stack = sent(tab.page.locator(".vae-cards figure img").first)
    return tiles(stack, 1, count, stack.shape[1] // 8)


def test_drawn_and_corrupted_examples_are_reconstructed(loaded: LoadedRun, tab: Tab) -> None:
    show(tab, "Reconstructions", "reconstruct_of")
    view(tab, "reconstruct_of", "Custom example", "canvas[tabindex]")
    canvas, page = tab.page.locator("canvas[tabindex]"), tab.page

    def pad() -> np.ndarray:
        return np.array(canvas.evaluate(DRAWN), np.uint8).reshape(1, 8, 8)

    def drawn() -> CustomExample:
        return reconstruct(loaded, picture_to_x(pad(), loaded))

    def tells() -> None:
        """Assert that the page shows the model's numbers and pictures for the pad."""
        shows(lambda: layers(tab, 3)[:2], pixels(np.concatenate([drawn().x, drawn().values])))
        line = (
            page.get_by_test_id("stMain").get_by_text("sum, z at the mean of q", exact=True).first
        )
        equals(
            lambda: line.locator("xpath=following-sibling::div").inner_text(),
            f"{fixed(drawn().bound)} nats",
        )

    def stroke() -> None:
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        assert box is not None
        places = [(2, 1.5), (5.5, 1.5), (3.5, 7)]
        spots = [
            (box["x"] + box["width"] * x / 8, box["y"] + box["height"] * y / 8) for x, y in places
        ]
        page.mouse.move(*spots[0])
        page.mouse.down()
        for spot in spots[1:]:
            page.mouse.move(*spot, steps=6)
        page.mouse.up()

    perform(stroke, lambda: pad().sum() > 8 * 255, why="a stroke on the pad")
    assert not pad()[0, 3:, :2].any()  # beside the seven
    tells()
    before = pad()

    def keys() -> None:
        canvas.focus()
        for key in ("ArrowUp", "ArrowUp", "ArrowLeft"):
            page.keyboard.press(key)
        page.keyboard.down(" ")
        page.keyboard.press("ArrowLeft")
        page.keyboard.up(" ")

    perform(keys, lambda: (pad() != before).any(), why="the keyboard draws")
    tells()
    perform(page.get_by_role("button", name="Clear").click, lambda: not pad().any(), why="clear")
    tells()
    view(tab, "reconstruct_of", "Corruption", ".st-key-reconstruct_gaussian_sd")
    slider = page.locator(".st-key-reconstruct_occlusion_share input")
    perform(
        lambda: (slider.focus(), page.keyboard.press("End")),
        lambda: page.locator(".st-key-reconstruct_occlusion_across input").is_enabled(),
        why="the cover grows",
    )
    tab.settle()
    title = until(lambda: page.locator(".vae-cards figure").first.get_attribute("title"))
    row = np.array([int(title.split("row ")[1].split()[0])])
    x = loaded.inputs(row)
    cover = {"share": 1.0, "across": 0.5, "down": 0.5, "fill": 0.5}
    broken = corrupted(x, {"occlusion": cover}, 0, UNSCALED)
    made = denoise(loaded, x, broken, row).values
    shows(lambda: layers(tab, 4)[:3], pixels(np.concatenate([x, broken, made])))
    unscaled(tab)


def _another_source_and_run(tab: Tab, loaded: LoadedRun) -> None:
    """Samples of the aggregate posterior, through two runs, and their nearest examples."""
    number(tab, "Number", "16")
    number(tab, "Seed", "0")
    choose(tab.page, "[class*=st-key-generate_source_]", "aggregate posterior")
    rows, data = loaded.splits.train, loaded.data
    latents = Latents(loaded.model, loaded.batches(rows), loaded.encode(rows).mean, loaded.seed)
    z = SOURCES["aggregate"].draw(latents, Draw(16, 0))
    x = decode(loaded.model, z)
    shows(lambda: sheet(tab.page.locator(".vae-sheet img"), 4), pixels(x))
    view(tab, "generate_beside", "Another run", "[class*=st-key-generate_other_]")
    other = decode(Run(loaded.run.path.parent / "another").load_model(), z)
    shows(lambda: sheet(tab.page.locator(".vae-sheet img").nth(1), 4), pixels(other))
    unscaled(tab)
    toggle = tab.page.locator(".st-key-generate_nearest label").first
    pairs = tab.page.locator(".vae-gallery figure")
    perform(toggle.click, lambda: pairs.count() == 16, why="a training example for each sample")
    found = nearest(x, data.x[rows], data.scale)
    closest = prepare(data, rows[found.place[:, 0]])
    for k in (0, 7, 15):
        for place, picture in enumerate((x, closest)):
            image = pairs.nth(k).locator("img").nth(place)
            shows(lambda image=image: sent(image), pixels(picture)[k])
        assert pairs.nth(k).locator("span").inner_text() == f"{found.distance[k, 0]:.2f}"
