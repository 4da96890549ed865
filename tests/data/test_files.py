"""Every accepted kind of file is read with its exact numbers."""

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vae.data import Dataset, load, read, save_upload, split

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 5, 4), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (6, 5, 7, 3), dtype=np.uint8)
LABELS = np.array([3, 1, 1, 3, 7, 1])
FASHION = Path("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz")
GREY[0, 0, 0], COLOUR[0, 0, 0, 0] = 255, 255


def idx(array: np.ndarray) -> bytes:
    """Return an array of bytes as an IDX file."""
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return head + array.astype(np.uint8).tobytes()


def saved(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def check(data: Dataset, x: np.ndarray, scale: float, dtype: Any = np.uint8) -> None:
    assert np.array_equal(data.x, x)
    assert data.x.dtype == dtype
    assert data.scale == scale
    assert data.x.flags.c_contiguous
    assert data.x.flags.writeable


CHANNELS_FIRST = np.ascontiguousarray(COLOUR.transpose(0, 3, 1, 2))
ALPHA = np.concatenate([COLOUR, COLOUR[..., :1]], axis=3)
SHARE = CHANNELS_FIRST[:, :1] / 255  # of opacity
ON_WHITE = np.rint(CHANNELS_FIRST * SHARE + 255 * (1 - SHARE)).astype(np.uint8)
SHAPES = {
    "N×H×W": (GREY, GREY[:, None]),
    "N×H×W×1": (GREY[..., None], GREY[:, None]),
    "N×1×H×W": (GREY[:, None], GREY[:, None]),
    "N×H×W×3": (COLOUR, CHANNELS_FIRST),
    "N×3×H×W": (CHANNELS_FIRST, CHANNELS_FIRST),
    "N×H×W×4": (ALPHA, ON_WHITE),
    "N×3×W×W": (CHANNELS_FIRST[:, :, :4, :4], CHANNELS_FIRST[:, :, :4, :4]),
    "N×3×3×3": (COLOUR[:, :3, :3], CHANNELS_FIRST[:, :, :3, :3]),
    "N×4×H×W": (ALPHA.transpose(0, 3, 1, 2), ON_WHITE),
}


@pytest.mark.parametrize("ending", ["npz", "npy"])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_read(shape: str, ending: str, tmp_path: Path) -> None:
    given, expected = SHAPES[shape]
    path = tmp_path / f"pictures.{ending}"
    np.save(path, given) if ending == "npy" else saved(path, x=given)
    data = read(path)
    check(data, expected, 255)
    assert data.name == "pictures"
    assert data.about.startswith(f"6 examples from pictures.{ending}")
    assert data.reading is not None
    assert (data.reading.settings["data_ground"] == "white") == ("4" in shape)
    assert data.labels is None


WHOLE = GREY.astype(np.int64)
RANGES = {
    "bits": (WHOLE % 2, WHOLE % 2, 1, np.uint8),
    "truth values": (WHOLE % 2 == 1, WHOLE % 2, 1, np.uint8),
    "4-bit": (WHOLE % 17, WHOLE % 17, 16, np.uint8),
    "4-bit as float64": (WHOLE % 17 * 1.0, WHOLE % 17, 16, np.uint8),
    "8-bit as int64": (WHOLE, WHOLE, 255, np.uint8),
    "8-bit as float32": (GREY.astype(np.float32), WHOLE, 255, np.uint8),
    "big-endian": (GREY.astype(">i4"), WHOLE, 255, np.uint8),
    "unit floats": (GREY / 255, (GREY / 255).astype(np.float32), 1, np.float32),
    "half floats": ((GREY / 256).astype(np.float16), GREY / 256, 1, np.float32),
    "large floats": (GREY * 0.999, (GREY * 0.999).astype(np.float32), 255, np.float32),
}


@pytest.mark.parametrize("kind", RANGES)
def test_the_range_determines_the_scale_of_images(kind: str, tmp_path: Path) -> None:
    given, expected, scale, dtype = RANGES[kind]
    data = read(saved(tmp_path / "a.npz", x=given))
    tolerance = 1e-3 if kind == "half floats" else 0
    assert np.abs(data.x[:, 0].astype(float) - expected).max() <= tolerance
    check(data, data.x, scale, dtype)
    assert data.in_unit_interval


@pytest.mark.parametrize(
    ("given", "scale", "dtype"),
    [
        (WHOLE.reshape(6, 20), 1, np.float32),
        (WHOLE.reshape(6, 20) * 3 - 100, 1, np.float32),
        (WHOLE.reshape(6, 20) * 1.0, 1, np.float32),
        (RNG.standard_normal((6, 20)) * 1e6, 1, np.float32),
    ],
)
def test_vectors_are_unchanged(
    given: np.ndarray, scale: float, dtype: Any, tmp_path: Path
) -> None:
    check(read(saved(tmp_path / "a.npz", x=given)), given.astype(dtype), scale, dtype)


@pytest.mark.parametrize(
    ("labels", "classes", "numbers"),
    [
        (LABELS, ("1", "3", "7"), [1, 0, 0, 1, 2, 0]),
        (LABELS[:, None], ("1", "3", "7"), [1, 0, 0, 1, 2, 0]),
        (LABELS.astype(np.float32) * 5, ("5", "15", "35"), [1, 0, 0, 1, 2, 0]),
        (LABELS.astype(np.uint8), ("1", "3", "7"), [1, 0, 0, 1, 2, 0]),
        (np.array(list("cabbac")), ("a", "b", "c"), [2, 0, 1, 1, 0, 2]),
        (np.array(list("cabbac")).astype("S"), ("a", "b", "c"), [2, 0, 1, 1, 0, 2]),
        (LABELS == 3, ("False", "True"), [1, 0, 0, 1, 0, 0]),
    ],
)
@pytest.mark.parametrize("beside", ["npz", "-labels.npy", "_labels.npy"])
def test_labels_become_classes(
    labels: np.ndarray, classes: tuple[str, ...], numbers: list[int], beside: str, tmp_path: Path
) -> None:
    path = tmp_path / ("a.npz" if beside == "npz" else "a.npy")
    if beside == "npz":
        saved(path, x=GREY, labels=labels)
    else:
        np.save(path, GREY)
        np.save(tmp_path / f"a{beside}", labels)
    data = read(path)
    assert data.classes == classes
    assert data.labels is not None
    assert data.labels.dtype == np.int64
    assert data.labels.tolist() == numbers


@pytest.mark.parametrize("x", ["x", "X", "images", "data", "arr_0", "whatever"])
@pytest.mark.parametrize("y", ["labels", "label", "y", "targets", "arr_1"])
def test_arrays_are_found_by_their_names(x: str, y: str, tmp_path: Path) -> None:
    data = read(saved(tmp_path / "a.npz", **{x: GREY, y: LABELS, "made": np.array(1999)}))
    check(data, GREY[:, None], 255)
    assert data.classes == ("1", "3", "7")


def test_a_second_array_without_a_name_is_labels_if_it_fits(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", GREY, LABELS)
    assert read(tmp_path / "a.npz").classes == ("1", "3", "7")
    np.savez(tmp_path / "b.npz", GREY, np.arange(5))
    assert read(tmp_path / "b.npz").labels is None


def test_further_arrays_are_ignored(tmp_path: Path) -> None:
    made = {"metadata": np.array({"by": "me"}, object), "who": np.zeros(2, [("a", "f4")])}
    check(read(saved(tmp_path / "a.npz", x=GREY, **made)), GREY[:, None], 255)
    check(read(saved(tmp_path / "b.npz", only=GREY, **made)), GREY[:, None], 255)


@pytest.mark.parametrize(
    "names",
    [("x_train", "y_train", "x_test", "y_test"),
     ("train_images", "train_labels", "test_images", "test_labels")],
)  # fmt: skip
def test_a_predefined_test_part_is_read(names: tuple[str, ...], tmp_path: Path) -> None:
    arrays = dict(zip(names, (GREY, LABELS, GREY[:2], np.array([9, 3])), strict=True))
    data = read(saved(tmp_path / "mnist.npz", **arrays))
    check(data, np.concatenate([GREY, GREY[:2]])[:, None], 255)
    assert data.test == 2
    assert data.classes == ("1", "3", "7", "9")
    assert data.labels is not None
    assert data.labels.tolist() == [1, 0, 0, 1, 2, 0, 3, 1]
    assert split(data, 0, 0.5, 0).test.tolist() == [6, 7]
    assert data.about == "6 examples from mnist.npz, and 2 of its test part."


TABLE = RNG.standard_normal((4, 3)).round(3)
ROWS = [",".join(map(str, row)) for row in TABLE.tolist()]


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("\n".join(ROWS), ()),
        ("\r\n".join(["a,b,c", *ROWS, ""]), ()),
        ("\ufeff" + "\n".join(["a,b,c", *ROWS]), ()),
        ("\n".join(["", '"a, or so",b,c', "", *ROWS, "", ""]), ()),
        ("\n".join(["a;b;c", *ROWS]).replace(",", ";"), ()),
        ("\n".join(ROWS).replace(",", "\t"), ()),
        ("\n".join([",a,b,c", *(f"{i},{r}" for i, r in enumerate(ROWS))]), ()),
        (
            "\n".join(["\ufeffY,0,1,2", *(f"{k},{r}" for k, r in zip("7187", ROWS, strict=True))]),
            ("1", "7", "8"),
        ),
        (
            "\n".join(
                ["a,b,c,target", *(f'{r},"{k}, x"' for k, r in zip("7187", ROWS, strict=True))]
            ),
            ("1, x", "7, x", "8, x"),
        ),
    ],
)  # fmt: skip
def test_a_csv_file_is_read(text: str, classes: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8", newline="")
    data = read(path)
    check(data, TABLE.astype(np.float32), 1, np.float32)
    assert data.classes == classes
    if classes:
        assert data.labels is not None
        assert data.labels.tolist() == [1, 0, 2, 1]


def test_a_csv_of_whole_numbers_has_the_same_numbers(tmp_path: Path) -> None:
    path = tmp_path / "mnist.csv"
    rows = np.column_stack([LABELS, GREY.reshape(6, 20)])
    np.savetxt(path, rows, "%d", ",", header="label," + ",".join(map(str, range(20))), comments="")
    data = read(path)
    check(data, GREY.reshape(6, 20).astype(np.float32), 1, np.float32)
    assert data.classes == ("1", "3", "7")


def write_idx(path: Path, array: np.ndarray) -> None:
    path.write_bytes(gzip.compress(idx(array)) if path.suffix == ".gz" else idx(array))


@pytest.mark.parametrize("gz", ["", ".gz"])
@pytest.mark.parametrize("dot", ["-idx", ".idx"])
@pytest.mark.parametrize(("train", "test"), [("train", "t10k"), ("emnist-train", "emnist-test")])
def test_idx_reads_the_files_beside_it(
    train: str, test: str, dot: str, gz: str, tmp_path: Path
) -> None:
    folder = tmp_path / "letters" / "raw"
    folder.mkdir(parents=True)
    images = folder / f"{train}-images{dot}3-ubyte{gz}"
    write_idx(images, GREY)
    assert read(images).labels is None
    assert read(images).test == 0
    write_idx(folder / f"{train}-labels{dot}1-ubyte{gz}", LABELS)
    assert read(images).classes == ("1", "3", "7")
    write_idx(folder / f"{test}-images{dot}3-ubyte{gz}", GREY[:2])
    write_idx(folder / f"{test}-labels{dot}1-ubyte{gz}", LABELS[:2])
    data = read(images)
    check(data, np.concatenate([GREY, GREY[:2]])[:, None], 255)
    assert data.test == 2
    assert data.labels is not None
    assert data.labels.tolist() == [1, 0, 0, 1, 2, 0, 1, 0]
    assert data.name == ("letters" if train == "train" else "emnist-train-images")
    alone = read(folder / f"{test}-images{dot}3-ubyte{gz}")
    check(alone, GREY[:2, None], 255)
    assert alone.test == 0
    assert alone.classes == ("1", "3")


def test_idx_of_other_types_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.idx"
    head = struct.pack(">BBBBII", 0, 0, 13, 2, 4, 3)
    path.write_bytes(head + TABLE.astype(">f4").tobytes())
    check(read(path), TABLE.astype(np.float32), 1, np.float32)


@pytest.mark.skipif(not FASHION.is_file(), reason="dataset-fashion-mnist is not installed")
def test_debians_fashion_mnist_is_read() -> None:
    data = load(str(FASHION))
    assert data.name == "fashion-mnist"
    assert data.x.shape == (70_000, 1, 28, 28)
    assert data.test == 10_000
    assert data.classes == tuple("0123456789")
    assert data.labels is not None
    assert np.bincount(data.labels).tolist() == [7000] * 10
    assert data.x[0].mean() == pytest.approx(97.25, abs=0.01)  # the ankle boot


UPLOADS = {
    "digits of mine.npz": lambda path: saved(path, x=GREY, labels=np.array(list("cabbac"))),
    "floats.npy": lambda path: np.save(path, TABLE),
    "table.csv": lambda path: path.write_text("a,b\n1.5,2\n3,4\n"),
    "pairs.npz": lambda path: saved(path, x_train=GREY, x_test=GREY[:2]),
    "train-images-idx3-ubyte.gz": lambda path: write_idx(path, GREY),
}


@pytest.mark.parametrize("name", UPLOADS)
def test_an_upload_is_stored_once_and_read_exactly(name: str, tmp_path: Path) -> None:
    UPLOADS[name](tmp_path / name)
    content = (tmp_path / name).read_bytes()
    kept = save_upload({name: content}, tmp_path / "runs")
    written = kept.stat().st_mtime_ns
    assert save_upload({name: content}, tmp_path / "runs") == kept
    assert kept.stat().st_mtime_ns == written
    assert [p.name for p in (tmp_path / "runs" / ".uploads").iterdir()] == [kept.name]
    assert len(kept.stem) == 64
    direct, back = read(tmp_path / name), read(kept)
    assert back.fingerprint == direct.fingerprint
    assert back.name == ("train-images" if "train" in name else direct.name)
    for field in ("scale", "classes", "test", "about"):
        assert getattr(back, field) == getattr(direct, field)
    assert back.x.dtype == direct.x.dtype
    again = save_upload({"copy.npz": kept.read_bytes()}, tmp_path / "runs")
    assert read(again).name == back.name
    assert read(again).fingerprint == back.fingerprint


def test_an_upload_keeps_its_name(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", GREY)
    content = (tmp_path / "x.npy").read_bytes()
    kept = [save_upload({name: content}, tmp_path) for name in ("one.npy", "two.npy")]
    assert [read(path).name for path in kept] == ["one", "two"]


@pytest.mark.parametrize("packed", [False, True])
def test_an_upload_is_read_with_its_labels(packed: bool, tmp_path: Path) -> None:
    labels = gzip.compress(idx(LABELS)) if packed else idx(LABELS)
    name = "l.idx1-ubyte" + ".gz" * packed
    data = read(save_upload({name: labels, "some.idx3-ubyte": idx(GREY)}, tmp_path))
    assert data.classes == ("1", "3", "7")
    assert data.name == "some"
    np.save(tmp_path / "x.npy", GREY)
    np.save(tmp_path / "y.npy", LABELS)
    files = [(tmp_path / f).read_bytes() for f in ("x.npy", "y.npy")]
    both = dict(zip(("x.npy", "y.npy"), files, strict=True))
    assert read(save_upload(both, tmp_path)).classes == ("1", "3", "7")


@pytest.mark.parametrize(
    ("given", "name"),
    [("train-images-idx3-ubyte (1).gz", "train-images"), ("t.idx3-ubyte(2)", "t")],
)
def test_a_copy_number_of_a_browser_is_removed_from_the_name(
    given: str, name: str, tmp_path: Path
) -> None:
    write_idx(tmp_path / given, GREY)
    data = read(save_upload({given: (tmp_path / given).read_bytes()}, tmp_path / "runs"))
    check(data, GREY[:, None], 255)
    assert data.name == name


def test_a_long_name_is_shortened(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", GREY)
    kept = save_upload({"é" * 300 + "a.npy": (tmp_path / "x.npy").read_bytes()}, tmp_path / "runs")
    check(read(kept), GREY[:, None], 255)
    assert read(kept).name.endswith("éa")


@pytest.mark.parametrize("name", ["../../x.npy", "/etc/x.npy", "C:\\mine\\x.npy", "..x.npy"])
def test_an_upload_cannot_leave_its_folder(name: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", GREY)
    kept = save_upload({name: (tmp_path / "x.npy").read_bytes()}, tmp_path / "a" / "b")
    assert kept.parent == tmp_path / "a" / "b" / ".uploads"
    assert read(kept).name == "x"
    assert {p.name for p in tmp_path.iterdir()} == {"x.npy", "a"}
