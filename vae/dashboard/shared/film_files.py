"""A film of decoded pictures as a file: WebP or GIF, in whole-number enlargement."""

from collections.abc import Callable

import streamlit as st

from vae.dashboard.shared import widgets
from vae.imaging.animation import animation
from vae.imaging.tiles import Bytes

FORMATS = {"webp": "WebP", "gif": "GIF"}
_ABOUT = {
    "webp": "Lossless, and a small file.",
    "gif": "Opens everywhere. It has 256 colours, which is exact for grey pictures.",
}


@st.cache_data(max_entries=32, show_spinner=False)
def encoded(frames: Bytes, scale: int, kind: str, ms: int) -> bytes:
    """The file of frames (T, H, W, 1 or 3), enlarged by an integer factor, that plays forwards
    and back."""
    return animation(frames.repeat(scale, 1).repeat(scale, 2), kind, ms, back=True)


def film_downloads(frames: Callable[[], Bytes], scale: int, ms: int, name: str) -> None:
    """Show a download for each format; `frames` returns the pictures when one is pressed."""
    for kind, title in FORMATS.items():
        widgets.download(
            title,
            lambda kind=kind: encoded(frames(), scale, kind, ms),  # type: ignore[misc]
            f"{name}.{kind}",
            f"The film on this page, forwards and back. {_ABOUT[kind]}",
        )
