"""Reading of the real screen, with timeouts for a busy machine."""

import io
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Error, Locator, Page

PATIENCE = 90.0  # seconds
T = TypeVar("T")
REPEATS: list[str] = []  # gestures of this test that had no effect the first time


def until(what: Callable[[], T], seconds: float = PATIENCE, why: str = "") -> T:
    """Wait for a function to return something true, and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(Error):  # what it looks at is being redrawn
            if found := what():
                return found
        time.sleep(0.1)
    pytest.fail(f"Waited {seconds:g} s in vain: {why or what}")


def perform(
    act: Callable[[], object], seen: Callable[[], T], patience: float = 20.0, why: str = ""
) -> T:
    """Act on the page, wait until `seen` is true, and return it.

    A gesture without effect is repeated and recorded in `REPEATS`; the run prints them at its end.
    """
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        problem = ""
        try:
            act()
        except Error as error:
            problem = f": {str(error).splitlines()[0]}"
        again = time.monotonic() + patience
        while time.monotonic() < again:
            with suppress(Error):
                if found := seen():
                    return found
            time.sleep(0.1)
        REPEATS.append(f"{why or seen}{problem}")
    pytest.fail(f"Repeated for {PATIENCE:g} s without effect: {why or seen}")


def choose(page: Page, where: str, option: str) -> None:
    """Choose an option of the select box in `where`, by its list."""
    field = page.locator(f"{where} input").first

    def act() -> None:
        page.click(f"{where} .react-aria-ComboBox button", timeout=5000)
        page.get_by_role("option", name=option, exact=True).click(timeout=5000)

    perform(act, lambda: field.input_value() == option, why=option)


def equals(read: Callable[[], T], wanted: T, seconds: float = PATIENCE) -> None:
    """Wait until the screen shows the text `wanted`; else report the text on the screen."""
    deadline = time.monotonic() + seconds
    found: T | None = None
    while time.monotonic() < deadline:
        with suppress(Error):
            if (found := read()) == wanted:
                return
        time.sleep(0.1)
    assert found == wanted, f"{found} instead of {wanted}"


def shows(read: Callable[[], np.ndarray], wanted: np.ndarray, seconds: float = PATIENCE) -> None:
    """Wait until the screen shows exactly these numbers, because a redraw can be in progress."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            np.testing.assert_array_equal(read(), wanted)
            return
        except (AssertionError, ValueError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def photograph(picture: Locator) -> np.ndarray:
    """Return the screen pixels of a picture, (h, w, 3)."""
    shot = until(lambda: picture.screenshot(timeout=5000), why="a picture that stands still")
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))


def tiles(picture: np.ndarray, across: int, down: int, scale: int, side: int = 8) -> np.ndarray:
    """The square tiles in a grid with hairlines, each of their pixels once, (N, S, S, 3); all the
    screen's pixels of a pixel must be the same."""
    pitch = side * scale + 1
    found = []
    for k in range(across * down):
        top, left = k // across * pitch, k % across * pitch
        tile = picture[top : top + side * scale, left : left + side * scale]
        squares = tile.reshape(side, scale, side, scale, 3)
        assert (squares == squares[:, :1, :, :1]).all(), f"tile {k} is resampled"
        found.append(squares[:, 0, :, 0])
    return np.stack(found)


def sheet(picture: Locator, across: int, down: int | None = None, side: int = 8) -> np.ndarray:
    """The square tiles of a picture on the screen, however far enlarged, (N, S, S, 3)."""
    photo = photograph(picture)
    scale = (photo.shape[1] + 1) // across // side
    return tiles(photo, across, down or across, scale, side)
