"""Picture files → one array. Pillow recognises a format by its content.

All pictures get the same size: the most common one, reduced until its smaller side has at most
SIDE pixels. Pictures of other sizes are scaled to cover it and cropped to the centre. The result
is grey if every picture is grey, otherwise in colour. Pictures are upright by their EXIF
orientation and transparent pixels lie on a ground. Only the first frame of an animation is used.
Pictures of 16 or 32 bits stay deep; `layout` scales them by the range found.

A picture with more than MOST_PIXELS in its header is refused, so a small file cannot allocate much
memory.
"""

import io
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import IO, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from vae.base.numbers import compact, plural
from vae.data.arrays import Array, Raw
from vae.data.description import GROUNDS, NONE, Description, Guess, chosen
from vae.data.errors import LIMIT, DataError
from vae.data.formats import parsing

FORMATS = ("PNG", "JPEG", "MPO", "GIF", "BMP", "WEBP", "TIFF", "PPM", "JPEG2000", "AVIF")
SIDE = 64  # pixels
LEAST = 4  # pixels, smallest width and height
MOST_PIXELS = 64_000_000  # of one picture
MOST_BYTES = 256 * 2**20  # of one file
MOST_IN_ALL = 1_000_000_000  # pixels of all pictures: some ten seconds of decoding
MOST_BYTES_IN_ALL = 4 * 2**30  # of all files, as they leave the archive
ORIENTATION = 0x0112  # EXIF
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
GREY = ("1", "L", "LA", "La")

Size = tuple[int, int]  # width, height
Source = tuple[str, int, Callable[[], IO[bytes]]]  # name, bytes, opener


class Decoded(NamedTuple):
    """Pictures as one array."""

    x: Array  # (N, C, H, W) uint8, or (N, 1, H, W) of deeper pictures
    note: str  # size and colour, for `about`
    guesses: tuple[Guess, ...]
    notes: tuple[str, ...]

    def joined(self, raw: Raw) -> Raw:
        """Return a raw record with these pictures as its examples."""
        reading = raw.reading._replace(
            guesses=(*raw.reading.guesses, *self.guesses), notes=raw.reading.notes + self.notes
        )
        scale = 255.0 if self.x.dtype == np.uint8 else 0.0
        return raw._replace(x=self.x, scale=scale, note=self.note, reading=reading)


class Head(NamedTuple):
    """Facts in the header of a picture."""

    size: Size  # upright
    transparent: bool
    deep: bool  # more than 8 bits


def decoded(pictures: Sequence[Source], file: str, wanted: Description) -> Decoded:
    """Return pictures as one array; raises DataError."""
    if sum(size for _, size, _ in pictures) > MOST_BYTES_IN_ALL:
        raise DataError(
            f"{file} holds more than {MOST_BYTES_IN_ALL // 2**30} GiB of pictures: shrink them "
            "first."
        )
    heads = [head_of(f"{file}: {name}", size, opener) for name, size, opener in pictures]
    sizes = [head.size for head in heads]
    pixels = sum(width * height for width, height in sizes)
    if pixels > MOST_IN_ALL:
        raise DataError(
            f"{file} has {pixels:,} pixels, and at most {MOST_IN_ALL:,} can be decoded: shrink "
            "the pictures first."
        )
    size = common_size(sizes, file)
    if 3 * len(sizes) * size[0] * size[1] > LIMIT:
        raise DataError(
            f"{file} holds {plural(len(sizes), 'picture')} of {size[0]}×{size[1]} pixels, and "
            f"at most "
            f"{LIMIT // 2**30} GiB are possible: put them into a folder."
        )
    ground = ground_of(sum(head.transparent for head in heads), wanted)
    arrays = []
    for name, _, opener in pictures:
        with parsing(f"{file}: {name}", "a picture"), opener() as opened:
            arrays.append(pixels_of(opened, size, ground.value if ground else NONE))
    x, notes = _stacked(arrays, size)
    note = note_of(x, sum(found != size for found in sizes))
    return Decoded(x, note, (ground,) if ground else (), notes)


def note_of(x: Array, fitted: int) -> str:
    """Return size and colour of pictures x (N, C, H, W), of which some were fitted to the size."""
    done = f", {fitted:,} of them scaled and cropped to this size" if fitted else ""
    colour = "grey" if x.shape[1] == 1 else "in colour"
    return f", {x.shape[3]}×{x.shape[2]} pixels {colour}{done}"


@cache
def formats() -> tuple[str, ...]:
    """Return the formats of FORMATS that this Pillow reads."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def is_picture(opener: Callable[[], IO[bytes]]) -> bool:
    """Return whether the content begins like a picture."""
    try:
        with opener() as opened, Image.open(opened, formats=formats()):
            return True
    except UnidentifiedImageError:
        return False
    except Exception:  # a picture that cannot be read; reported when it is decoded
        return True


def ground_of(transparent: int, wanted: Description) -> Guess | None:
    """Return the ground behind transparent pixels, if a picture has any."""
    if not transparent:
        return None
    why = f"{plural(transparent, 'picture')} with transparent pixels."
    return chosen(wanted, "data_ground", "white", why, (*GROUNDS, NONE))


def _stacked(arrays: list[Array], size: Size) -> tuple[Array, tuple[str, ...]]:
    """Return decoded pictures as one array, and a note on a mixture of depths."""
    deep = [a for a in arrays if a.dtype != np.uint8]
    if len(deep) == len(arrays):
        return np.stack(arrays)[:, None], ()
    notes: tuple[str, ...] = ()
    if deep:
        high = max(float(a.max()) for a in deep) or 1.0
        arrays = [a if a.dtype == np.uint8 else _as_bytes(a, high) for a in arrays]
        notes = (
            f"{plural(len(deep), 'deeper picture')} divided by {compact(high)} to fit those of "
            f"8 bits.",
        )
    if all(array.ndim == 2 for array in arrays):
        return np.stack(arrays)[:, None], notes
    x = np.empty((len(arrays), 3, size[1], size[0]), np.uint8)
    for row, array in zip(x, arrays, strict=True):
        row[:] = array if array.ndim == 2 else array.transpose(2, 0, 1)
    return x, notes


def _as_bytes(array: Array, high: float) -> Array:
    found: Array = np.rint((array / high).clip(0, 1) * 255).astype(np.uint8)
    return found


def head_of(where: str, nbytes: int, opener: Callable[[], IO[bytes]]) -> Head:
    """Return the facts in the header of a picture; DataError if it is too large."""
    if nbytes > MOST_BYTES:
        raise DataError(f"{where} has {nbytes:,} bytes, too many for a picture: shrink it.")
    with (
        parsing(where, "a picture"),
        opener() as opened,
        Image.open(opened, formats=formats()) as image,
    ):
        size = image.size
        if size[0] * size[1] > MOST_PIXELS:
            raise DataError(
                f"{where} has {size[0]:,}×{size[1]:,} pixels, and at most {MOST_PIXELS:,} are "
                "possible: shrink it."
            )
        upright = size[::-1] if _orientation(image) >= 5 else size
        return Head(upright, image.has_transparency_data, _is_deep(image))


def _is_deep(image: Image.Image) -> bool:
    return image.mode.startswith(("I", "F"))


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation; 1 if there is none. Pillow itself turns TIFF upright."""
    if image.format == "TIFF":
        return 1
    with suppress(Exception):  # damaged EXIF
        found = image.getexif().get(ORIENTATION, 1)
        return int(found) if found in TURNS else 1
    return 1


def common_size(sizes: list[Size], file: str) -> Size:
    """Return the most common size (the smallest if tied), reduced to a smaller side of at most
    SIDE. Raises DataError for one below LEAST."""
    counts = Counter(sizes)
    width, height = min(counts, key=lambda size: (-counts[size], size[0] * size[1], size))
    shrink = min(1.0, SIDE / min(width, height))
    size = round(width * shrink), round(height * shrink)
    if min(size) < LEAST:
        raise DataError(
            f"{file} holds {plural(len(sizes), 'picture')} of {size[0]}×{size[1]} pixels: use "
            f"pictures of "
            f"at least {LEAST} pixels each way."
        )
    return size


def pixels_of(opened: IO[bytes], size: Size, ground: str) -> Array:
    """Return a picture scaled to this size: uint8 (H, W) if it is grey, otherwise (H, W, 3); of
    more than 8 bits (H, W)."""
    with Image.open(opened, formats=formats()) as image:
        small = (2 * max(size), 2 * max(size))
        image.draft(None, small)  # decode a JPEG at a reduced resolution
        turn = TURNS.get(_orientation(image))
        upright = image if turn is None else image.transpose(turn)
        if _is_deep(upright):
            return _deep(upright, size)
        plain = _plain(upright, ground)
        if plain.size != size:
            plain = ImageOps.fit(plain, size, Image.Resampling.BICUBIC)
        array: Array = np.asarray(plain)
    if array.ndim == 3 and (array == array[..., :1]).all():
        return array[..., 0]
    return array


def _deep(image: Image.Image, size: Size) -> Array:
    """Return a picture of more than 8 bits, (H, W)."""
    array = np.asarray(image)
    if image.size == size:
        return array.astype(array.dtype.newbyteorder("="))
    fitted = Image.fromarray(array.astype(np.float32))
    return np.array(ImageOps.fit(fitted, size, Image.Resampling.BICUBIC), np.float32)


def _plain(image: Image.Image, ground: str) -> Image.Image:
    """Return a picture in mode L or RGB, its transparent pixels on the ground."""
    if ground in GROUNDS and image.has_transparency_data:
        colour = (GROUNDS[ground],) * 3
        image = image.convert("RGBA")
        below = Image.new("RGBA", image.size, (*colour, 255))
        return Image.alpha_composite(below, image).convert("RGB")
    return image.convert("L" if image.mode in GREY else "RGB")


def fitted(name: str, content: bytes, shape: tuple[int, ...], ground: str = "white") -> Array:
    """Return a picture in the shape (C, H, W) of a data set, uint8: scaled to cover the shape,
    cropped to the centre, and converted to grey if C is 1. Raises DataError."""
    if not content:
        raise DataError(f"{name} is empty: save or download it again.")
    channels, height, width = shape
    head_of(name, len(content), lambda: io.BytesIO(content))
    with parsing(name, "a picture"):
        array = pixels_of(io.BytesIO(content), (width, height), ground)
        if array.dtype != np.uint8:
            array = _as_bytes(array, float(array.max()) or 1.0)
        if channels == 1 and array.ndim == 3:
            array = np.asarray(Image.fromarray(array).convert("L"))
    if array.ndim == 2:
        return np.broadcast_to(array, shape).copy()
    return np.ascontiguousarray(array.transpose(2, 0, 1))
