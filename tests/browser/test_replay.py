"""The time machine in a real browser: the slider shows exactly its frame, playing needs no server,
and its position survives themes, pages and new frames."""

import base64
import io
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator

from tests.browser.conftest import App, OpenPage, Server, Tab
from tests.browser.screen import choose, equals, perform, until
from vae.analysis.replay import Replay, replay
from vae.base.records import Examples, Frame, Report
from vae.config import RunConfig
from vae.data import load
from vae.figures.palette import COLOURS
from vae.imaging import tiles
from vae.runs import Run, identity

FRAMES, POINTS, MANY = 6, 30, 60_000
LAST = str(FRAMES - 1)
SETTINGS: dict[str, Any] = {"posterior": "point", "objective": "reconstruction", "latent_dim": 2}


def _make(root: Path, name: str, count: int) -> Run:
    """Create a run whose latents rotate, flip, drift and move a little from frame to frame."""
    rng, data = np.random.default_rng(0), load("digits")
    run = Run.create(root, RunConfig.of(epochs=10, frames=FRAMES, **SETTINGS), data, name)
    side = int(np.ceil(np.sqrt(count)))
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2)[:count]
    base = (grid / side * 6 - 3 + 0.02 * rng.standard_normal((count, 2))).astype(np.float32)
    originals = rng.random((12, 1, 8, 8)).astype(np.float32)
    label = np.arange(count) % 9  # not the tenth, whose ink is that of words
    seen = Examples(
        np.arange(count), label, {}, data.classes, np.arange(12), originals, total=count
    )
    run.record(seen)
    for k in range(FRAMES):
        turned = np.array([[np.cos(k), -np.sin(k)], [np.sin(k), np.cos(k)]]) @ np.diag(
            [1, (-1) ** k]
        )
        moved = base * (1 + 0.05 * k) + 0.1 * rng.standard_normal((count, 2))
        mean = (moved @ turned + 0.3 * k).astype(np.float32)
        made = rng.random((24, 1, 8, 8)).astype(np.float32)
        epoch = 10 * (k / (FRAMES - 1)) ** 1.5
        run.record(Frame(round(100 * epoch), epoch, mean, made[:12], made[12:]))
    for step in range(0, 1001, 100):
        for split in ("train", "val"):
            value = 40 - step / 50 + (split == "val")
            run.record(_report(step, split, value))
    run.set_status(state="finished", steps=1000, step=1000, epochs=10)
    return run


def _report(step: int, split: str, value: float) -> Report:
    given: dict[str, Any] = dict.fromkeys(Report._fields)
    more = {"lr": 1e-3, "terms": {}, "seconds": 1.0, "reconstruction": value}
    return Report(**given | {"step": step, "epoch": step / 100, "split": split} | more)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    _make(root, "few", POINTS)
    return root


@pytest.fixture(scope="module")
def server(app: App, prepared: Path) -> Server:
    return app(prepared)


@pytest.fixture
def run(prepared: Path) -> Run:
    """A copy of the run, for a single trial of a test."""
    name = f"few-{len(list(prepared.iterdir()))}"
    return Run(Path(shutil.copytree(prepared / "few", prepared / name)))


def _record(run: Run) -> tuple[Replay, Examples]:
    frames = [run.frame(step) for step in run.frame_steps()]
    seen = run.examples()
    assert seen is not None
    return replay([frame for frame in frames if frame is not None], seen), seen


def _open(server: Server, open_page: OpenPage, name: str) -> Tab:
    tab = open_page(f"{server.url}/replay?run={name}")
    tab.page.emulate_media(reduced_motion="no-preference")
    until(lambda: _part(tab, "map").get_attribute("data-position"))
    tab.settle()
    return tab


def _part(tab: Tab, name: str) -> Locator:
    return tab.page.locator(f".vae-replay [data-part={name}]")


def _at(tab: Tab) -> str | None:
    return _part(tab, "map").get_attribute("data-position")


def _scrub(tab: Tab, position: float, event: str = "change") -> None:
    """Drag the slider to a place, and with "change" release it."""

    def act() -> None:
        _part(tab, "scrubber").evaluate(
            """(node, [value, event]) => {
                node.value = value;
                for (const kind of new Set(['input', event]))
                    node.dispatchEvent(new Event(kind, { bubbles: true }));
            }""",
            [position, event],
        )

    perform(act, lambda: _at(tab) == f"{position:g}")


def _press(tab: Tab, key: str, wanted: Callable[[], object]) -> None:
    perform(lambda: tab.page.locator(".vae-replay").press(key, timeout=5000), wanted)


def _canvas(tab: Tab, name: str) -> np.ndarray:
    """The pixels of a canvas itself, (h, w, 3); nothing of a screen in between."""
    address = _part(tab, name).evaluate("node => node.toDataURL('image/png')")
    picture = Image.open(io.BytesIO(base64.b64decode(address.split(",")[1])))
    return np.asarray(picture.convert("RGB")).astype(int)


def _numbers(tab: Tab, name: str, what: str) -> list[float]:
    found = _part(tab, name).get_attribute(f"data-{what}")
    assert found is not None
    return [float(word) for word in found.split()]


def _tiles(tab: Tab, name: str, layers: int) -> np.ndarray:
    """The pictures that a canvas shows, (layers, 12, 8, 8), every square of one colour."""
    canvas = _canvas(tab, name)
    (columns,), (scale,) = (_numbers(tab, name, what) for what in ("columns", "scale"))
    across, step = int(columns), int(8 * scale + 1)
    found = np.zeros((layers, 12, 8, 8))
    for layer in range(layers):
        for n in range(12):
            top = n // across * (layers * step + 5) + layer * step
            left = n % across * step
            tile = canvas[top : top + step - 1, left : left + step - 1]
            squares = tile.reshape(8, int(scale), 8, int(scale), 3)
            assert (squares == squares[:, :1, :, :1, :1]).all(), "resampled or tinted"
            found[layer, n] = squares[:, 0, :, 0, 0]
    return found


def _points(tab: Tab, labels: np.ndarray, shade: int = 0) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function for the distances in pixels from places (N, 2) to the centres of the
    nearest discs of their class on the canvas."""
    canvas = _canvas(tab, "map")
    left, top, width, height = (int(v) for v in _numbers(tab, "map", "area"))
    x, y = (_numbers(tab, "map", axis) for axis in "xy")
    assert (x[1] - x[0]) / width == pytest.approx((y[1] - y[0]) / height, rel=1e-3)

    def off(places: np.ndarray) -> np.ndarray:
        found = []
        for (px, py), label in zip(places, labels, strict=True):
            at = np.array(
                [
                    top + (y[1] - py) / (y[1] - y[0]) * height,
                    left + (px - x[0]) / (x[1] - x[0]) * width,
                ]
            )
            r, c = np.round(at).astype(int)
            window = canvas[max(r - 8, 0) : r + 8, max(c - 8, 0) : c + 8]
            ink = [int(COLOURS[f"class{label}"][shade][k : k + 2], 16) for k in (1, 3, 5)]
            near = np.argwhere(np.abs(window - ink).sum(2) < 110)
            middle = near.mean(0) + 0.5 + [max(r - 8, 0), max(c - 8, 0)] if len(near) else np.inf
            found.append(np.abs(middle - at).max())
        return np.array(found)

    return off


def _shows_frame(tab: Tab, run: Run, k: int, shade: int = 0) -> None:
    """Wait for everything on the page to be frame k, to the pixel."""
    record, seen = _record(run)
    assert seen.label is not None
    labels = seen.label
    until(lambda: _at(tab) == str(k) and f"frame {k + 1} of" in _part(tab, "which").inner_text())
    made = [seen.originals, record.reconstructions[k]]
    shown = [tiles.pixels(part)[..., 0] for part in made]
    np.testing.assert_array_equal(_tiles(tab, "reconstructions", 2), shown)
    samples = tiles.pixels(record.samples[k])[..., 0]
    np.testing.assert_array_equal(_tiles(tab, "samples", 1)[0], samples)
    off = _points(tab, labels, shade)
    assert np.median(off(record.aligned[k])) < 0.6
    assert (off(record.aligned[k]) < 1.2).mean() > 0.9  # a few overlap
    others = [np.median(off(record.aligned[j])) for j in range(FRAMES) if j != k]
    assert min(others) > 1.5
    said = _part(tab, "when").inner_text()
    assert said == f"epoch {record.epoch[k]:.{2 if record.epoch[k] < 10 else 1}f} · step " + (
        f"{record.step[k]:,}"
    )


def _marker(tab: Tab, shade: int = 0) -> float:
    """Return the position of the marker on the canvas of the curves, from 0 at the first epoch to
    1 at the last, from its pixels."""
    canvas = _canvas(tab, "curves")
    ink = [int(COLOURS["accent"][shade][k : k + 2], 16) for k in (1, 3, 5)]
    rows = (np.abs(canvas - ink).sum(2) < 120).sum(0)
    columns = np.flatnonzero(rows > 40)
    assert len(columns)
    assert np.ptp(columns) <= 2
    return float((columns.mean() + 0.5 - 44) / (canvas.shape[1] - 44 - 14))


def test_frames_are_scrubbed_played_and_followed(
    server: Server, open_page: OpenPage, run: Run
) -> None:
    tab = _open(server, open_page, run.name)
    _scrub_through(tab, run)
    _play(tab)
    _follow(tab, run)
    _pair(tab)
    assert not tab.problems


def _scrub_through(tab: Tab, run: Run) -> None:
    """Everything on the page shows the frame of the slider."""
    record, seen = _record(run)
    assert seen.label is not None
    assert _at(tab) == LAST
    for k in (2, 0, 5, 3):
        _scrub(tab, k)
        _shows_frame(tab, run, k)
        assert _marker(tab) == pytest.approx(record.epoch[k] / 10, abs=0.004)
    residual = f"{record.residual[0, 3]:#.3g} in z, {record.residual[1, 3]:#.3g} without"
    assert residual in _part(tab, "now").inner_text()
    _scrub(tab, 2.5, "input")  # held between two frames
    assert "interpolated" in _part(tab, "now").inner_text()
    middle = record.aligned[2:4].mean(0)
    assert np.median(_points(tab, seen.label)(middle)) < 0.6
    assert _marker(tab) == pytest.approx(record.epoch[2:4].mean() / 10, abs=0.004)
    _scrub(tab, 3)
    perform(
        lambda: _part(tab, "raw").check(timeout=5000),
        lambda: _part(tab, "map").get_attribute("data-raw") == "true",
    )
    assert np.median(_points(tab, seen.label)(record.raw[3])) < 0.6
    assert np.median(_points(tab, seen.label)(record.aligned[3])) > 1.5
    perform(
        lambda: _part(tab, "raw").uncheck(timeout=5000),
        lambda: _part(tab, "map").get_attribute("data-raw") == "false",
    )
    tab.page.emulate_media(color_scheme="dark")
    until(lambda: _canvas(tab, "map")[0, 0].sum() < 150)
    _shows_frame(tab, run, 3, shade=1)
    assert _marker(tab, shade=1) == pytest.approx(record.epoch[3] / 10, abs=0.004)
    for page in ("Evaluate", "Time machine"):
        tab.go(page)
    _shows_frame(tab, run, 3, shade=1)


def _play(tab: Tab) -> None:
    """Keys and buttons move the slider without the server."""
    messages: list[object] = []
    session = tab.page.context.new_cdp_session(tab.page)
    session.on("Network.webSocketFrameSent", lambda event: messages.append(event))
    session.send("Network.enable")
    _press(tab, "Home", lambda: _at(tab) == "0")
    assert _part(tab, "previous").is_disabled()
    _press(tab, "ArrowRight", lambda: _at(tab) == "1")
    _press(tab, "ArrowLeft", lambda: _at(tab) == "0")
    _part(tab, "speed").select_option("2")
    tab.settle()
    tab.page.wait_for_timeout(1500)
    before = len(messages)
    _press(tab, " ", lambda: _part(tab, "play").inner_text() == "Pause")
    seen = {until(lambda: _at(tab))}
    until(lambda: seen.add(_at(tab)) or len(seen) > 4)
    assert len(messages) == before  # it plays without the server
    until(lambda: _at(tab) == LAST)
    assert _part(tab, "play").inner_text() == "Play"
    _press(tab, "Home", lambda: _at(tab) == "0")
    perform(lambda: _part(tab, "play").click(timeout=5000), lambda: _at(tab) not in ("0", LAST))
    perform(
        lambda: _part(tab, "play").click(timeout=5000),
        lambda: _part(tab, "play").inner_text() == "Play",
    )
    stood = until(lambda: _at(tab))
    assert float(stood).is_integer()
    tab.page.wait_for_timeout(700)
    assert _at(tab) == stood


def _follow(tab: Tab, run: Run) -> None:
    """At the last frame, the slider follows new frames of a run in training."""
    run.set_status(state="running", heartbeat=time.time(), **identity())
    _press(tab, "End", lambda: _at(tab) == LAST)
    until(lambda: "step=" not in tab.address())  # the address names any step but the last
    tab.page.reload()
    until(lambda: _part(tab, "follow").is_visible() and _at(tab) == LAST)
    last = run.frame()
    assert last is not None
    run.record(last._replace(step=last.step + 100, epoch=last.epoch + 1))
    equals(lambda: _part(tab, "which").inner_text(), f"frame {FRAMES + 1} of {FRAMES + 1}")
    _scrub(tab, 1)
    run.record(last._replace(step=last.step + 200, epoch=last.epoch + 2))
    equals(lambda: _part(tab, "which").inner_text(), f"frame 2 of {FRAMES + 2}")
    perform(lambda: _part(tab, "follow").click(timeout=5000), lambda: _at(tab) == str(FRAMES + 1))
    run.set_status(state="finished")


def _pair(tab: Tab) -> None:
    """A second run goes to the epoch of the first, and the first to that of the second."""
    choose(tab.page, "[class*=st-key-replay_other]", "few")
    when, back = (tab.page.locator(f"[data-part={name}]") for name in ("when", "previous"))
    until(lambda: when.count() == 2 and when.nth(1).inner_text(), why="two players")
    for mover in (1, 0):
        before = when.nth(1).inner_text()
        back.nth(mover).click()
        until(lambda old=before: len({old, *when.all_inner_texts()}) == 2, why="one new epoch")


@pytest.mark.long
def test_sixty_thousand_points_are_drawn_in_time(
    server: Server, open_page: OpenPage, prepared: Path
) -> None:
    """Twenty frames a second leave 50 ms for each, including the screen of a slow machine. The
    median over a second of playing is the time of this page."""
    _make(prepared, "many", MANY)
    tab = _open(server, open_page, "many")
    spent: list[float] = []

    def quick() -> bool:
        _press(tab, "Home", lambda: _at(tab) == "0")
        _press(tab, " ", lambda: _at(tab) != "0")
        for _ in range(10):
            spent.append(_numbers(tab, "map", "spent")[0])
            tab.page.wait_for_timeout(80)
        return float(np.median(spent[-10:])) < 50

    until(quick)
    _press(tab, "End", lambda: _at(tab) == LAST)
    left, top, width, height = (int(v) for v in _numbers(tab, "map", "area"))
    area = _canvas(tab, "map")[top : top + height, left : left + width]
    assert (np.ptp(area, axis=2) > 40).mean() > 0.1  # coloured
    assert not tab.problems
