"""Traversals, interpolation and arithmetic on a real screen: the pixels are the decoder's at the z
that the downloaded file holds, another example changes them, and the animation plays."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.browser.conftest import App, Tab, trained
from tests.browser.screen import perform, photograph, shows, tiles, until
from vae.analysis.encoding import by_kl, decode
from vae.analysis.loaded_run import LoadedRun
from vae.dashboard.traversals.interpolation import FRAMES, InterpolationRequest, paths_between
from vae.imaging.animation import order
from vae.imaging.tiles import pixels
from vae.runs import Run

STEPS = 9


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    settings = ("--data", "digits", "--hidden", "32", "--latent-dim", "3")
    return trained(tmp_path_factory.mktemp("runs"), "small", *settings, "--epochs", "12")


@pytest.fixture(scope="module")
def loaded(app: App, run: Run, module_tab: Tab) -> LoadedRun:
    """The run, and the Traversals page with it in the module's window."""
    module_tab.visit(f"{app(run.path.parent).url}/traversals?run=small")
    return LoadedRun.of(run)


def strip(tab: Tab, k: int) -> np.ndarray:
    """The tiles of strip k on the screen, (S, 8, 8, 3)."""
    photo = photograph(tab.page.locator(".vae-strips .strip img").nth(k))
    return tiles(photo, STEPS, 1, (photo.shape[1] + 1) // STEPS // 8)


def fill(tab: Tab, key: str, value: int) -> None:
    """Put a whole number into a field."""
    field = tab.page.locator(f"[class*=st-key-{key}_] input")

    def act() -> None:
        field.fill(str(value))
        field.press("Enter")

    perform(act, lambda: field.input_value() == str(value))
    tab.settle()


def fetched(tab: Tab, name: str) -> bytes:
    """The file behind a download button."""
    button = tab.page.get_by_role("button", name=name, exact=True)
    files: list[bytes] = []

    def act() -> None:
        with tab.page.expect_download(timeout=15_000) as download:
            button.click()
        files.append(download.value.path().read_bytes())

    perform(act, lambda: bool(files), why=name)
    return files[-1]


def arrays(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    with np.load(io.BytesIO(content)) as kept:
        return kept["z"], kept["x"]


def view(tab: Tab, name: str, where: str) -> None:
    choice = tab.page.locator(".st-key-traverse_view").get_by_text(name, exact=True)
    there = tab.page.locator(where)
    perform(lambda: choice.click(timeout=5000), lambda: there.count() == 1, why=name)
    tab.page.wait_for_selector(".vae-strips .strip img")
    tab.settle()


def test_traversals_equal_the_decoders(loaded: LoadedRun, tab: Tab) -> None:
    view(tab, "One latent at a time", ".st-key-traverse_start")
    names = tab.page.locator(".vae-strips .name b")
    wanted = [f"z{d + 1}" for d in by_kl(loaded.encode(loaded.splits.train))]
    until(lambda: names.all_inner_texts() == wanted, why=f"rows {wanted}")
    before = strip(tab, 0)
    row = int(loaded.splits.test[7])
    fill(tab, "traverse_start_row", row)
    until(lambda: (strip(tab, 0) != before).any(), why="another first row")
    z, x = arrays(fetched(tab, "NPZ"))
    start = loaded.encode(np.array([row])).mean[0]
    assert (np.isclose(z.reshape(3, STEPS, 3), start).all(2).sum(1) == 1).all()
    made = decode(loaded.model, z)
    np.testing.assert_allclose(x, made, atol=1e-6)
    for k in range(3):
        wanted_pixels = pixels(x[k * STEPS : (k + 1) * STEPS])
        shows(lambda k=k: strip(tab, k), wanted_pixels)
    picture = np.asarray(Image.open(io.BytesIO(fetched(tab, "PNG"))).convert("RGB"))
    assert picture.shape == (3 * 9 - 1, STEPS * 9 - 1, 3)
    np.testing.assert_array_equal(picture[:8, :8], pixels(x)[0])


def test_both_paths_and_the_animation_equal_the_decoders(loaded: LoadedRun, tab: Tab) -> None:
    view(tab, "Interpolation", ".st-key-traverse_swap")
    a, b = (int(row) for row in loaded.splits.test[[3, 11]])
    fill(tab, "traverse_a_row", a)
    fill(tab, "traverse_b_row", b)
    asked = InterpolationRequest(a, b, STEPS, 0)
    ways = paths_between(loaded, asked, STEPS)
    made = pixels(decode(loaded.model, np.concatenate([ways.linear, ways.spherical])))
    shows(lambda: strip(tab, 0), made[:STEPS])
    shows(lambda: strip(tab, 1), made[STEPS:])
    z, x = arrays(fetched(tab, "NPZ"))
    np.testing.assert_allclose(z, np.concatenate([ways.linear, ways.spherical]), atol=1e-6)
    np.testing.assert_array_equal(pixels(x), made)
    sequence = order(FRAMES, back=True)
    z = paths_between(loaded, asked, FRAMES).spherical
    frames = pixels(decode(loaded.model, z))[sequence][..., :1]
    for name in ("WebP", "GIF"):
        moving = Image.open(io.BytesIO(fetched(tab, name)))
        scale, seen = moving.size[0] // 8, []
        for k in range(moving.n_frames):
            moving.seek(k)
            one = np.asarray(moving.convert("RGB"))[::scale, ::scale, :1]
            seen += [one] * round(int(moving.info["duration"]) / 60)
        np.testing.assert_array_equal(seen, frames, err_msg=name)
    playing = tab.page.locator(".vae-moving img")
    known = {frame.tobytes() for frame in frames}
    scale = until(lambda: playing.evaluate("i => i.complete && i.naturalWidth")) // 8
    found = set()
    for _ in range(12):  # a moment may fall between two frames, so most have to be known
        centres = photograph(playing)[scale // 2 :: scale, scale // 2 :: scale, :1]
        found.add(np.ascontiguousarray(centres[:8, :8]).tobytes())
    assert len(found & known) >= 2, "it plays, and shows the decoder's pictures"


def test_arithmetic_adds_a_class(loaded: LoadedRun, tab: Tab) -> None:
    view(tab, "Arithmetic", "[class*=st-key-traverse_plus_]")
    z, x = arrays(fetched(tab, "NPZ"))
    np.testing.assert_allclose(z[4], loaded.encode(loaded.splits.test[:1]).mean[0], atol=1e-6)
    mean, labels = loaded.encode(loaded.splits.train).mean, loaded.data.labels
    assert labels is not None
    one, zero = (mean[labels[loaded.splits.train] == k].mean(0) for k in (1, 0))
    np.testing.assert_allclose(z[6] - z[4], one - zero, atol=1e-4)
    shows(lambda: strip(tab, 0), pixels(x))
