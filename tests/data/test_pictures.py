"""Folders and .zip files of pictures: each kind is read with its exact values, and every fault
raises one sentence."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vae.base.archives import has_overlaps
from vae.data import DataError, Dataset, load, read, save_upload, split
from vae.data import decoding as room

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 10, 8), np.uint8)  # 10 high, 8 wide
COLOUR = RNG.integers(0, 256, (6, 10, 8, 3), np.uint8)
Files = dict[str, bytes]


def encoded(
    array: np.ndarray, kind: str = "PNG", mode: str | None = None, **more: object
) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(file, kind, **more)
    return file.getvalue()


def in_folder(files: Files, where: Path) -> Path:
    for name, content in files.items():
        (where / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (where / "mine" / name).write_bytes(content)
    return where / "mine"


def in_zip(files: Files, where: Path) -> Path:
    with zipfile.ZipFile(where / "mine.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return where / "mine.zip"


Way = Callable[[Files, Path], Path]
both = pytest.mark.parametrize("way", [in_folder, in_zip])


def check(data: Dataset, x: np.ndarray) -> None:
    assert np.array_equal(data.x, x)
    assert data.x.dtype == np.uint8
    assert data.scale == 255
    assert data.x.flags.c_contiguous
    assert data.x.flags.writeable


@both
def test_grey_pictures_are_read_in_order(way: Way, tmp_path: Path) -> None:
    path = way({f"{k}.png": encoded(GREY[k]) for k in (3, 0, 5, 1, 4, 2)}, tmp_path)
    data = read(path)
    check(data, GREY[:, None])
    assert data.labels is None
    assert data.name == "mine"
    assert data.about == f"6 examples from {path.name}, 8×10 pixels grey."
    assert len(load(str(path), examples=4).x) == 4


@both
def test_folders_are_classes(way: Way, tmp_path: Path) -> None:
    files = {f"{'cats' if k % 2 else 'a dog'}/{k}.png": encoded(COLOUR[k]) for k in range(6)}
    data = read(way(files | {"notes.txt": b"hello", "cats/.hidden.png": b""}, tmp_path))
    assert data.classes == ("a dog", "cats")
    assert data.labels is not None
    assert data.labels.tolist() == [0, 0, 0, 1, 1, 1]
    check(data, COLOUR[[0, 2, 4, 1, 3, 5]].transpose(0, 3, 1, 2))
    assert "in colour" in data.about


@both
@pytest.mark.parametrize("classes", [True, False])
def test_folders_train_and_test_are_parts(way: Way, classes: bool, tmp_path: Path) -> None:
    parts = ("train", "train", "test", "train", "val", "test")
    inner = ("a/", "b/") if classes else ("", "")
    names = [f"{part}/{inner[k % 2]}{k}.png" for k, part in enumerate(parts)]
    data = read(way({n: encoded(GREY[k]) for k, n in enumerate(names)}, tmp_path))
    assert data.test == 2
    assert set(map(bytes, data.x[-2:, 0])) == {bytes(GREY[2]), bytes(GREY[5])}
    assert split(data, 0, 0.5, 0).test.tolist() == [4, 5]
    assert data.classes == (("a", "b") if classes else ())
    assert ", and 2 of its test part, 8×10 pixels grey." in data.about


def test_the_common_folder_of_a_zip_is_no_class(tmp_path: Path) -> None:
    files = {f"top/{'ab'[k % 2]}/{k}.png": encoded(GREY[k]) for k in range(6)}
    files |= {"__MACOSX/top/a/._0.png": b"", "top/a/._0.png": b""}
    assert read(in_zip(files, tmp_path)).classes == ("a", "b")
    assert read(in_zip({"top/1.png": encoded(GREY[1])}, tmp_path)).labels is None
    deep = {"x/cats/1.png": encoded(GREY[1]), "y/dogs/2.png": encoded(GREY[2])}
    assert read(in_zip(deep, tmp_path)).classes == ("x", "y")


KINDS = {
    "png": (encoded(COLOUR[0]), COLOUR[0], 0),
    "PNG": (encoded(COLOUR[0]), COLOUR[0], 0),
    "bmp": (encoded(COLOUR[0], "BMP"), COLOUR[0], 0),
    "webp": (encoded(COLOUR[0], "WEBP", lossless=True), COLOUR[0], 0),
    "jpg": (encoded(GREY[0], "JPEG", quality=100, subsampling=0), GREY[0], 4),
    "jpeg": (encoded(GREY[0], "JPEG", quality=100), GREY[0], 4),
    "gif": (encoded(GREY[0], "GIF"), GREY[0], 0),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_is_read(kind: str, tmp_path: Path) -> None:
    content, expected, tolerance = KINDS[kind]
    data = read(in_folder({f"a.{kind}": content}, tmp_path))
    expected = expected[None] if expected.ndim == 2 else expected.transpose(2, 0, 1)
    assert data.x.shape == (1, *expected.shape)
    assert np.abs(data.x[0].astype(int) - expected).max() <= tolerance


def on_white(picture: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """Return a picture on a white ground, by the formula of its transparency."""
    share = opacity.astype(float) / 255
    share = share[..., None] if picture.ndim == 3 else share
    return np.rint(picture * share + 255 * (1 - share))


MODES = {
    "grey in three channels": (encoded(np.repeat(GREY[0][..., None], 3, 2)), GREY[0]),
    "black and white": (encoded(GREY[0] > 128), (GREY[0] > 128) * 255),
    "transparency": (encoded(np.dstack([COLOUR[0], GREY[0]])), on_white(COLOUR[0], GREY[0])),
    "grey transparency": (encoded(np.dstack([GREY[0], GREY[1]])), on_white(GREY[0], GREY[1])),
    "a palette": (encoded(GREY[0] % 4 * 80, mode="P"), GREY[0] % 4 * 80),
    "dark": (encoded(GREY[0] % 10), GREY[0] % 10),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_is_read(mode: str, tmp_path: Path) -> None:
    content, expected = MODES[mode]
    expected = expected[None] if expected.ndim == 2 else expected.transpose(2, 0, 1)
    data = read(in_folder({"a.png": content}, tmp_path))
    check(data, data.x)
    tolerance = 1 if "transparency" in mode else 0
    assert np.abs(data.x[0] - expected.astype(float)).max() <= tolerance


def test_one_colour_picture_makes_all_colour(tmp_path: Path) -> None:
    files = {"0.png": encoded(GREY[0]), "1.png": encoded(COLOUR[1])}
    expected = np.stack([np.repeat(GREY[0][None], 3, 0), COLOUR[1].transpose(2, 0, 1)])
    check(read(in_folder(files, tmp_path)), expected)


def test_all_pictures_get_the_most_common_size(tmp_path: Path) -> None:
    files = {f"{k}.png": encoded(GREY[k]) for k in range(3)}
    flat = np.full((40, 12), 77, np.uint8)
    data = read(in_folder(files | {"9.png": encoded(flat), "8.png": encoded(flat.T)}, tmp_path))
    assert data.x.shape == (5, 1, 10, 8)
    assert np.array_equal(data.x[:3, 0], GREY[:3])
    assert (data.x[3:] == 77).all()
    assert data.about.endswith("8×10 pixels grey, 2 of them scaled and cropped to this size.")


def test_large_pictures_shrink_to_a_side_of_64(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 255, 300).astype(np.uint8), (150, 1))
    data = read(in_folder({"a.png": encoded(ramp), "b.jpg": encoded(ramp, "JPEG")}, tmp_path))
    assert data.x.shape == (2, 1, 64, 128)
    assert np.abs(data.x.astype(int) - np.linspace(0, 255, 128)).max() < 4
    assert "128×64 pixels grey, 2 of them scaled" in data.about


def test_a_crop_keeps_the_centre(tmp_path: Path) -> None:
    wide = np.zeros((10, 30), np.uint8)
    wide[:, 11:19] = 255
    files = {"0.png": encoded(GREY[0]), "1.png": encoded(GREY[1]), "2.png": encoded(wide)}
    assert (read(in_folder(files, tmp_path)).x[2] == 255).all()


def test_the_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    shade = np.repeat(np.linspace(0, 255, 16).astype(np.uint8)[:, None], 24, 1)
    data = read(in_folder({"a.jpg": encoded(shade, "JPEG", quality=100, exif=exif)}, tmp_path))
    assert data.x.shape == (1, 1, 24, 16)
    assert np.abs(data.x[0, 0].astype(int) - np.rot90(shade, -1)).max() < 4


def test_an_uploaded_zip_is_read(tmp_path: Path) -> None:
    files = {f"{'ab'[k % 2]}/{k}.png": encoded(COLOUR[k]) for k in range(6)}
    path = in_zip(files, tmp_path)
    back = read(save_upload({"mine.zip": path.read_bytes()}, tmp_path / "runs"))
    assert back.fingerprint == read(path).fingerprint
    assert back.about == read(path).about


def huge(width: int, height: int) -> bytes:
    """Return a small file whose header declares a large picture."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000))


GOOD = encoded(GREY[0])
BAD: list[tuple[Files, str]] = [
    ({"a.txt": b"hello"}, "holds no pictures|is a folder: give a file in it"),
    ({"a.png": b"", "b.png": GOOD}, "a.png is damaged, or not a picture"),
    ({"a.png": b"\x89PNG\r\n"}, "a.png is damaged, or not a picture"),
    ({"cats/a.png": GOOD[:60], "dogs/b.png": GOOD}, "cats/a.png is damaged, or not a picture"),
    ({"a.png": huge(9000, 9000)}, "a.png has 9,000×9,000 pixels, and at most 64,000,000 are"),
    ({"a.png": huge(60_000, 60_000)}, "a.png is damaged.*decompression bomb"),
    ({"a.png": encoded(GREY[0, :3])}, "1 picture of 8×3 pixels: use pictures of at least 4"),
    ({"a.png": GOOD, "cats/b.png": GOOD}, "has 1 pictures beside its folders and 1 in them"),
    ({"a.png": b"%PDF-1.4"}, "a.png is damaged, or not a picture"),
]  # fmt: skip


@both
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(("files", "sentence"), BAD, ids=range(len(BAD)))
def test_each_fault_raises_one_sentence(
    way: Way, files: Files, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=sentence) as caught:
        read(way(files, tmp_path))
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    "name", ["../a.png", "/etc/a.png", "a/../../b.png", "C:/a.png", "a/../b.png"]
)
def test_paths_out_of_a_zip_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"mine.zip: .* leads out of the archive"):
        read(in_zip({name: GOOD}, tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {"mine.zip"}


def test_damaged_zips_raise_a_sentence(tmp_path: Path) -> None:
    path = in_zip({"a.png": GOOD}, tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[:-30])
    with pytest.raises(DataError, match=r"mine.zip is damaged, or not a .zip file"):
        read(path)
    locked = bytearray(content)
    locked[6] |= 1
    locked[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(bytes(locked))
    with pytest.raises(DataError, match="is locked by a password"):
        read(path)


def test_limits_of_single_files_and_of_all_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = in_folder({f"{k}.png": GOOD for k in range(3)}, tmp_path)
    for name, value, sentence in (
        ("MOST_BYTES", 50, "too many for a picture"),
        ("MOST_IN_ALL", 239, "has 240 pixels, and at most 239 can be decoded"),
        ("MOST_BYTES_IN_ALL", 3 * len(GOOD) - 1, "of pictures: shrink them"),
        ("LIMIT", 719, "are possible: put them into a folder"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(room, name, value)
            with pytest.raises(DataError, match=sentence):
                read(path)
    assert len(read(path).x) == 3


def test_folders_without_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is a folder: .*or a folder of pictures"):
        read(tmp_path)
    with pytest.raises(DataError, match="/ is a folder"):
        read("/")
    np.save(tmp_path / "x.npy", GREY)
    with pytest.raises(DataError, match=r"for example x.npy, or a folder of pictures"):
        read(tmp_path)


def test_overlapping_members_of_a_zip_are_refused(tmp_path: Path) -> None:
    """Two entries of the directory at one stream, as in a small file that unpacks to any size."""
    path = in_zip({"0.png": encoded(GREY[0]), "1.png": encoded(GREY[0])}, tmp_path)
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        length = path.stat().st_size
        assert not has_overlaps(infos, length)
        assert has_overlaps(infos, infos[1].header_offset)  # a size beyond the end of the file
    first, second = (struct.pack("<I", info.header_offset) for info in infos)
    content = path.read_bytes()
    where = content.rindex(second, 0, content.rindex(b"1.png"))
    path.write_bytes(content[:where] + first + content[where + 4 :])
    with pytest.raises(DataError, match="overlap or lie about their size"):
        read(path)
