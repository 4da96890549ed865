"""A film as an animation: its pictures, and the thread that draws and encodes them."""

import threading
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from vae.figures.replay_frame import positions
from vae.imaging.animation import animation
from vae.imaging.tiles import Bytes

MEMORY = 400e6  # bytes that the images of one animation may take
DRAWING = 0.8  # share of drawing in the progress; the rest is encoding


class AnimationRequest(NamedTuple):
    """The chosen format, size and timing of an animation."""

    format: str  # "gif" or "webp"
    width: int  # px
    between: int  # interpolated pictures between two saved frames
    ms: int  # per picture
    dark: bool
    raw: bool  # without alignment
    back: bool  # forwards and backwards


class Film(NamedTuple):
    """A film of saved frames, drawn picture by picture."""

    name: str  # of its file
    key: str  # equal keys, equal films
    frames: int
    size: Callable[[int], tuple[int, int]]  # width in px → width and height of a picture
    draw: Callable[[float, AnimationRequest], Bytes]  # position in 0 … frames − 1 → picture


class AnimationJob(threading.Thread):
    """A thread that draws and encodes an animation.

    `share` is its progress in [0, 1]; at the end `content` holds the file or `problem` the error.
    """

    def __init__(self, film: Film, request: AnimationRequest) -> None:
        super().__init__(name=f"animation of {film.name}", daemon=True)
        self.film, self.request = film, request
        self.share, self.problem = 0.0, ""
        self.content: bytes | None = None
        self.cancelled = threading.Event()

    def run(self) -> None:
        """Draw all pictures, then encode them."""
        try:
            self.content = self._animation()
        except (ValueError, OSError, MemoryError) as error:
            self.problem = str(error) or "Not enough memory: choose a smaller width."

    def _animation(self) -> bytes | None:
        film, request = self.film, self.request
        places = picture_positions(film, request)
        width, height = film.size(request.width)
        pictures = np.empty((len(places), height, width, 3), np.uint8)
        for k, place in enumerate(places):
            if self.cancelled.is_set():
                return None
            pictures[k] = film.draw(float(place), request)
            self.share = DRAWING * (k + 1) / len(places)
        return animation(pictures, request.format, request.ms, request.back)


def picture_positions(film: Film, request: AnimationRequest) -> np.ndarray:
    """Positions of the pictures in 0 … T - 1; fewer where they would take too much memory."""
    width, height = film.size(request.width)
    most = max(2, int(MEMORY // (3 * width * height)))
    return positions(film.frames, request.between, most)
