"""A large folder of pictures → an array in the cache, decoded once.

The array belongs to the names, sizes and times of change of the files. The pictures are decoded by
several threads, in order, and written as they come: in grey until the first picture in colour,
from where on all of them have three channels.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vae.base import visitors
from vae.base.files import file_state
from vae.base.progress import report
from vae.data.array_cache import ArrayWriter, cached, check_room
from vae.data.arrays import Array
from vae.data.decoding import (
    Decoded,
    Head,
    Size,
    Source,
    common_size,
    decoded,
    ground_of,
    head_of,
    note_of,
    pixels_of,
)
from vae.data.description import NONE, Description
from vae.data.formats import parsing

MANY = 10_000  # pictures of a large folder
MUCH = 2**28  # bytes of the files of a large folder
TOGETHER = 512  # pictures in memory at once
VERSION = 1  # of the decoder


def is_large(pictures: Sequence[Source]) -> bool:
    """Whether decoding these pictures takes long enough to do it once."""
    return len(pictures) >= MANY or sum(size for _, size, _ in pictures) >= MUCH


def decoded_once(pictures: Sequence[Source], folder: Path, wanted: Description) -> Decoded:
    """Return the pictures of a folder as an array mapped from the cache. Raises DataError.

    Pictures of more than 8 bits are decoded in memory, as those of a smaller folder.
    """
    names = [name for name, _, _ in pictures]
    state = (names, [tuple(file_state(folder / name)) for name in names], wanted.data_ground)
    source = ("pictures", VERSION, str(folder.resolve()), wanted.data_ground)
    writing = partial(_write, pictures, folder.name, wanted)
    try:
        x, about = cached(source, state, writing)
    except (_DeepError, visitors.RefusedError):
        return decoded(pictures, folder.name, wanted)
    ground = ground_of(about["transparent"], wanted)
    return Decoded(x, note_of(x, about["fitted"]), (ground,) if ground else (), ())


class _DeepError(Exception):
    """A picture has more than 8 bits."""


def _write(
    pictures: Sequence[Source], file: str, wanted: Description, writer: ArrayWriter
) -> dict[str, Any]:
    """Decode all pictures; return the numbers that the note and the guesses need."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        heads: list[Head] = []
        for part in _parts(pictures):
            heads += pool.map(partial(_head, file), part)
            report("Looking at the pictures…", len(heads) / len(pictures))
        if any(head.deep for head in heads):
            raise _DeepError
        sizes = [head.size for head in heads]
        size, transparent = common_size(sizes, file), sum(head.transparent for head in heads)
        check_room(3 * len(sizes) * size[0] * size[1], file)
        ground = ground_of(transparent, wanted)
        decode = partial(_decode, file, size, ground.value if ground else NONE)
        rows = (list(pool.map(decode, part)) for part in _parts(pictures))
        _write_rows(writer, rows, (len(pictures), size))
    return {"transparent": transparent, "fitted": sum(found != size for found in sizes)}


def _parts(pictures: Sequence[Source]) -> Iterator[Sequence[Source]]:
    return (pictures[k : k + TOGETHER] for k in range(0, len(pictures), TOGETHER))


def _head(file: str, picture: Source) -> Head:
    name, size, opener = picture
    return head_of(f"{file}: {name}", size, opener)


def _decode(file: str, size: Size, ground: str, picture: Source) -> Array:
    name, _, opener = picture
    with parsing(f"{file}: {name}", "a picture"), opener() as opened:
        return pixels_of(opened, size, ground)


def _write_rows(writer: ArrayWriter, rows: Iterator[list[Array]], shape: tuple[int, Size]) -> None:
    """Write decoded pictures, (H, W) or (H, W, 3), as (N, 1, H, W) or (N, 3, H, W)."""
    number, (width, height) = shape
    writer.begin((number, 1, height, width), np.dtype(np.uint8))
    done = 0
    for part in rows:
        if writer.shape[1] == 1 and any(picture.ndim == 3 for picture in part):
            writer.widen(3)
        channels = writer.shape[1]
        writer.add(np.stack([_channels(picture, channels) for picture in part]))
        done += len(part)
        report("Decoding the pictures once…", done / number)


def _channels(picture: Array, channels: int) -> Array:
    """Return a picture as (C, H, W)."""
    if picture.ndim == 3:
        return picture.transpose(2, 0, 1)
    return np.broadcast_to(picture, (channels, *picture.shape))
