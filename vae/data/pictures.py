"""A folder or a .zip of pictures (.png, .jpg, .gif, .bmp, .webp) → arrays.

    pictures/cat.png …           no labels
    pictures/cats/1.png …        names of the folders as labels
    pictures/train/cats/1.png …  and pictures/test/…: a predefined test part

All pictures get the same size: the most common one, reduced until its smaller side has at most
SIDE pixels. Pictures of other sizes are scaled to cover it and cropped to the centre. The result
is grey if every picture is grey, otherwise in colour. Transparency is dropped, 16 bits are reduced
to 8, only the first frame of an animation is used, and the EXIF orientation is applied.

The members of a .zip are read in memory. A picture with more than MOST_PIXELS in its header is
refused, so a small file cannot allocate much memory.
"""

import io
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from vae.base.archives import has_overlaps
from vae.data.arrays import Array, Raw
from vae.data.dataset import LIMIT, DataError
from vae.data.formats import parsing

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")
NAMES = re.compile(r"\.(png|jpe?g|gif|bmp|webp)$", re.I)
HIDDEN = re.compile(r"(^|/)(__MACOSX/|\.[^./])")
PARTS = {"train", "training", "val", "valid", "validation", "test", "testing"}
TEST = {"test", "testing"}
SIDE = 64  # pixels
LEAST = 4  # pixels, smallest width and height
MOST_PIXELS = 64_000_000  # of one picture
MOST_BYTES = 256 * 2**20  # of one file
MOST_IN_ALL = 1_000_000_000  # pixels of all pictures: some ten seconds of decoding
MOST_BYTES_IN_ALL = 4 * 2**30  # of all files, as they leave the archive
ORIENTATION = 0x0112  # EXIF
GREY = ("1", "L", "LA", "La")

Size = tuple[int, int]  # width, height


class Picture(NamedTuple):
    """A picture file in a folder or archive."""

    parts: tuple[str, ...]  # of its path inside the folder or archive
    size: int  # bytes
    open: Callable[[], IO[bytes]]


def has_pictures(folder: Path) -> bool:
    """Return whether a folder holds pictures at the supported places; never for the root /."""
    return folder.resolve() != folder.resolve().parent and bool(_inside(folder))


def read_folder(folder: Path) -> Raw:
    """Return the pictures of a folder, (N, C, H, W) uint8, and their labels; raises DataError."""
    return _read(folder.name, _inside(folder))


def read_zip(path: Path) -> Raw:
    """Return the pictures of a .zip, (N, C, H, W) uint8, and their labels; raises DataError."""
    with ExitStack() as stack:
        with parsing(path.name, "a .zip file"):
            archive = stack.enter_context(zipfile.ZipFile(path))
            if has_overlaps(archive.infolist(), path.stat().st_size):
                raise DataError(
                    f"{path.name} has members that overlap or lie about their size: create the "
                    "archive again."
                )
            found = [_member(archive, info, path.name) for info in _members(archive)]
        tops = {picture.parts[0] for picture in found if len(picture.parts) > 1}
        if len(tops) == 1 and all(len(p.parts) > 1 for p in found):
            found = [p._replace(parts=p.parts[1:]) for p in found]  # drop the common folder
        return _read(path.name, found)


def _inside(folder: Path) -> list[Picture]:
    """Return the pictures in a folder and its subfolders, and in the subfolders of train and
    test."""
    found = []
    for path in _listed(folder):
        if not path.is_dir():
            found.append(path)
            continue
        for inner in _listed(path):
            if path.name.lower() in PARTS and inner.is_dir():
                found += _listed(inner)
            else:
                found.append(inner)
    return [
        Picture(path.relative_to(folder).parts, path.stat().st_size, _opener(path))
        for path in found
        if NAMES.search(path.name) and path.is_file()
    ]


def _listed(folder: Path) -> list[Path]:
    """Return the visible entries of a folder; none without permission."""
    try:
        return [path for path in folder.iterdir() if not path.name.startswith(".")]
    except PermissionError:
        return []


def _opener(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: path.open("rb")


def _members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return the pictures in an archive, without hidden files."""
    return [
        info
        for info in archive.infolist()
        if NAMES.search(info.filename) and not HIDDEN.search(info.filename)
    ]


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: str) -> Picture:
    """Return a picture in an archive; DataError for an unsafe path or an encrypted file."""
    parts = tuple(part for part in info.filename.split("/") if part not in ("", "."))
    if info.filename.startswith("/") or ".." in parts or ":" in parts[0]:
        raise DataError(
            f"{file}: {info.filename} leads out of the archive: create the archive again."
        )
    if info.flag_bits & 1:
        raise DataError(f"{file} is locked by a password: create it again without a password.")
    return Picture(parts, info.file_size, lambda: archive.open(info))


def _read(file: str, pictures: list[Picture]) -> Raw:
    """Return decoded pictures, the folders as labels, and the test part if there is one."""
    if not pictures:
        raise DataError(
            f"{file} holds no pictures: put .png, .jpg, .gif, .bmp or .webp files into it, or "
            "into folders named after their classes."
        )
    pictures = sorted(pictures, key=lambda p: p.parts)
    first = {p.parts[0].lower() if len(p.parts) > 1 else "" for p in pictures}
    test = np.zeros(len(pictures), bool)
    if first <= PARTS:
        test[:] = [p.parts[0].lower() in TEST for p in pictures]
        named = [p.parts[1:] for p in pictures]
    else:
        named = [p.parts for p in pictures]
    labels = _labels([parts[-2] if len(parts) > 1 else "" for parts in named], file)
    x, note = decoded([("/".join(p.parts), p.size, p.open) for p in pictures], file)
    if test.all() or not test.any():
        return Raw(x, labels, scale=255.0, note=note)
    free = ~test
    both = (None, None) if labels is None else (labels[free], labels[test])
    return Raw(x[free], both[0], x[test], both[1], 255.0, note)


def _labels(names: list[str], file: str) -> Array | None:
    """Return the folder of each picture as its label; None if no picture is in a folder."""
    alone = names.count("")
    if alone == len(names):
        return None
    if alone:
        raise DataError(
            f"{file} has {alone:,} pictures beside its folders and {len(names) - alone:,} in "
            "them: put each picture into the folder of its class, or all into one folder."
        )
    return np.array(names)


def decoded(
    pictures: Sequence[tuple[str, int, Callable[[], IO[bytes]]]], file: str
) -> tuple[Array, str]:
    """Return pictures (name, bytes, opener) as one array, (N, C, H, W) uint8, and a note on their
    size and colour; raises DataError."""
    if sum(size for _, size, _ in pictures) > MOST_BYTES_IN_ALL:
        raise DataError(
            f"{file} holds more than {MOST_BYTES_IN_ALL // 2**30} GiB of pictures: shrink them "
            "first."
        )
    sizes = [_measured(f"{file}: {name}", size, opener) for name, size, opener in pictures]
    pixels = sum(width * height for width, height in sizes)
    if pixels > MOST_IN_ALL:
        raise DataError(
            f"{file} has {pixels:,} pixels, and at most {MOST_IN_ALL:,} can be decoded: shrink "
            "the pictures first."
        )
    size = _common(sizes)
    if min(size) < LEAST or 3 * len(sizes) * size[0] * size[1] > LIMIT:
        raise DataError(
            f"{file} holds {len(sizes):,} pictures of {size[0]}×{size[1]} pixels: use pictures of "
            f"at least {LEAST} pixels each way that together fit into {LIMIT // 2**30} GiB."
        )
    arrays = []
    for name, _, opener in pictures:
        with parsing(f"{file}: {name}", "a picture"), opener() as opened:
            arrays.append(_pixels(opened, size))
    if all(array.ndim == 2 for array in arrays):
        x = np.stack(arrays)[:, None]
    else:
        x = np.empty((len(arrays), 3, size[1], size[0]), np.uint8)
        for row, array in zip(x, arrays, strict=True):
            row[:] = array if array.ndim == 2 else array.transpose(2, 0, 1)
    changed = sum(found != size for found in sizes)
    done = f", {changed:,} of them scaled and cropped to this size" if changed else ""
    colour = "grey" if x.shape[1] == 1 else "in colour"
    return x, f", {size[0]}×{size[1]} pixels {colour}{done}"


def _measured(where: str, nbytes: int, opener: Callable[[], IO[bytes]]) -> Size:
    """Return width and height of the upright picture from its header; DataError if too large."""
    if nbytes > MOST_BYTES:
        raise DataError(f"{where} has {nbytes:,} bytes, too many for a picture: shrink it.")
    with (
        parsing(where, "a picture"),
        opener() as opened,
        Image.open(opened, formats=FORMATS) as image,
    ):
        size = image.size
        if size[0] * size[1] > MOST_PIXELS:
            raise DataError(
                f"{where} has {size[0]:,}×{size[1]:,} pixels, and at most {MOST_PIXELS:,} are "
                "possible: shrink it."
            )
        return size[::-1] if _turned(image) else size


def _turned(image: Image.Image) -> bool:
    """Return whether the EXIF orientation swaps width and height."""
    return image.format == "JPEG" and image.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8)


def _common(sizes: list[Size]) -> Size:
    """Return the most common size (the smallest if tied), reduced to a smaller side of at most
    SIDE."""
    counts = Counter(sizes)
    width, height = min(counts, key=lambda size: (-counts[size], size[0] * size[1], size))
    shrink = min(1.0, SIDE / min(width, height))
    return round(width * shrink), round(height * shrink)


def _pixels(opened: IO[bytes], size: Size) -> Array:
    """Return a picture scaled to this size, uint8 (H, W) if it is grey, otherwise (H, W, 3)."""
    with Image.open(opened, formats=FORMATS) as image:
        small = (2 * max(size), 2 * max(size))
        image.draft(None, small)  # decode a JPEG at a reduced resolution
        upright = ImageOps.exif_transpose(image) if _turned(image) else image
        if upright.mode.startswith("I"):
            deep = np.asarray(upright)
            upright = Image.fromarray((deep >> 8).clip(0, 255).astype(np.uint8))
        upright = upright.convert("L" if upright.mode in GREY else "RGB")
        if upright.size != size:
            upright = ImageOps.fit(upright, size, Image.Resampling.BICUBIC)
        array = np.asarray(upright)
    if array.ndim == 3 and (array == array[..., :1]).all():
        return array[..., 0]
    return array


def fitted(name: str, content: bytes, shape: tuple[int, ...]) -> Array:
    """Return a picture in the shape (C, H, W) of a data set, uint8: scaled to cover the shape,
    cropped to the centre, and converted to grey if C is 1. Raises DataError."""
    if not content:
        raise DataError(f"{name} is empty: save or download it again.")
    channels, height, width = shape
    _measured(name, len(content), lambda: io.BytesIO(content))
    with parsing(name, "a picture"):
        array = _pixels(io.BytesIO(content), (width, height))
        if channels == 1 and array.ndim == 3:
            array = np.asarray(Image.fromarray(array).convert("L"))
    if array.ndim == 2:
        return np.broadcast_to(array, shape).copy()
    return np.ascontiguousarray(array.transpose(2, 0, 1))
