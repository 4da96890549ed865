"""Every fault of a file raises one sentence with the problem and a remedy."""

import gzip
import io
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.test_files import GREY, LABELS, idx
from vae.data import DataError, Dataset, read, save_upload

Maker = Callable[[Path], Any]


def npz(**arrays: Any) -> Maker:
    return lambda path: np.savez(path, **arrays)


def npy(array: Any) -> Maker:
    return lambda path: np.save(path, array)


def text(content: str) -> Maker:
    return lambda path: path.write_text(content)


def raw(content: bytes) -> Maker:
    return lambda path: path.write_bytes(content)


def bomb(path: Path) -> None:
    """Return an array whose header declares a petabyte."""
    head = io.BytesIO()
    shape = {"descr": "<f8", "fortran_order": False, "shape": (2**27, 2**20)}
    np.lib.format.write_array_header_1_0(head, shape)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", head.getvalue())


def holes() -> np.ndarray:
    x = np.zeros((3, 4, 5))
    x[1, 2, 3], x[2, 0, 0] = np.nan, np.inf
    return x


def encoded(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


FLAT = GREY.reshape(6, 20)
TWO_PARTS = {"x_train": GREY, "x_test": GREY[:2]}
BAD: list[tuple[str, Maker, str]] = [
    ("a.npz", raw(b""), "a.npz is empty: save or download it again"),
    ("a.npz", raw(b"something else"), "damaged, or not an .npz file"),
    ("a.npz", bomb, "a.npz: x declares 1,048,576.0 GiB, and at most 8 GiB"),
    ("a.npz", npz(x=np.array([1, "a"], object)), "would need unpickling, which is refused"),
    ("a.npz", npz(x=np.zeros(3, [("a", "f4")])), "numbers: convert it"),
    ("a.npz", npz(x=np.array([["a", "b"]])), "holds <U1 and not numbers"),
    ("a.npz", npz(x=np.ones((2, 2), complex)), "complex128 and not numbers"),
    ("a.npz", npz(x=np.zeros((0, 8, 8))), "holds no values: its array has the shape 0×8×8"),
    ("a.npz", npz(x=np.zeros(7)), "has shape 7: give images as"),
    ("a.npz", npz(x=np.zeros((2, 5, 5, 5))), "has shape 2×5×5×5: give images as"),
    ("a.npz", npz(x=np.zeros((2, 1, 5, 5, 3))), "has shape 2×1×5×5×3"),
    ("a.npz", npz(a=FLAT, b=FLAT), r"a \(6×20\), b \(6×20\): choose .* \(--data-examples a\)"),
    ("a.npz", npz(), "holds no array: choose the array"),
    ("a.npz", npz(x=holes()), "infinity 2 times, first in example 1 at position 0, 2, 3"),
    ("a.npz", npz(x=FLAT * 1e300), "too large: rescale it"),
    ("a.npz", npz(x=GREY, y=LABELS[:5]), "has 6 examples and 5 labels: give one"),
    ("a.npz", npz(x=GREY, y=np.eye(6)), "labels have shape 6×6: .*argmax"),
    ("a.npz", npz(objects=np.array([[None]])), "would need unpickling, which is refused"),
    ("a.npz", npz(x=GREY, y=LABELS * np.nan), "every label is missing: fill them in"),
    ("a.npz", npz(x=GREY, y=np.array([None] * 6)), "a.npz: y holds Python objects"),
    ("a.npz", npz(x=np.ones((1001, 2)), y=np.arange(1001)), "1,001 distinct labels, and at most"),
    ("a.npz", npz(x_train=GREY, x_test=FLAT), "examples are 1×5×4 and those of the test part 20"),
    ("a.npz", npz(**TWO_PARTS, y_train=LABELS), r"\(test part\) has 2 examples and 0 labels"),
    ("a.npz", npz(**TWO_PARTS, y_train=LABELS, y_test=np.array(["a", "b"])), "make them alike"),
    ("a.npy", npy(np.array([{}], object)), "would need unpickling, which is refused"),
    ("a.npy", raw(b"\x93NUMPY"), "damaged, or not a .npy file"),
    ("a.npy", raw(encoded(GREY)[:-7]), "is cut off: its header declares 120 bytes"),
    ("a.npy", npy(np.zeros(3, [("é日", "f4")])), "has named columns"),
    ("a.csv", raw(b""), "a.csv is empty"),
    ("a.csv", text("\n\n"), "a.csv is empty"),
    ("a.csv", text("a,b\n"), "has a header and no rows"),
    ("a.csv", text("label\n1\n"), "has no column of numbers for the examples"),
    ("a.csv", text("a,b\n1,2\n3,x\n"), r"line 3, column 2 \(b\): 'x' is not a finite number"),
    ("a.csv", text("1,2\n3,inf\n"), "line 2, column 2: 'inf' is not a finite number"),
    ("a.csv", text("1,2\n3\n"), "line 2: 1 column where the first line has 2"),
    ("a.csv", text("1,2\n3,4,5\n"), "line 2: 3 columns where the first line has 2"),
    ("a.csv", text("a,b\n1,2,3\n4,5,6\n"), "line 2: 3 columns where the first line has 2"),
    ("a.csv", text("a,b\n1_0,2\n"), r"line 2, column 1 \(a\): '1_0' is not a finite number"),
    ("a.csv", text("y,b\n1,2\n3,4,5\n"), "line 3: 3 columns where the first line has 2"),
    ("a.csv", raw(b"a,b\n\x00\x01,1\n"), "holds zero bytes, so it is no text"),
    ("a-images-idx3-ubyte", raw(b""), "is empty"),
    ("a-images-idx3-ubyte", raw(b"\x89PNG\r\n"), "not an IDX file: it begins with 89 50 4e 47"),
    ("a-images-idx3-ubyte", raw(idx(GREY)[:14]), "damaged, or not an IDX file"),
    ("a-images-idx3-ubyte", raw(idx(GREY)[:-1]), "is cut off: its header declares 120 bytes"),
    ("a-images-idx3-ubyte", raw(idx(GREY) + b"!"), "declares 120 bytes and holds more"),
    ("a-images-idx3-ubyte", raw(struct.pack(">I3I", 0x803, *[2**31] * 3)), "at most 8 GiB"),
    ("a-images-idx3-ubyte.gz", raw(idx(GREY)), "damaged, or not an IDX file"),
    ("a-images-idx3-ubyte.gz", raw(gzip.compress(idx(GREY))[:-9]), "damaged, or not an IDX file"),
    ("a-images-idx3-ubyte.gz", raw(gzip.compress(idx(GREY)[:-5])), "bytes and holds 115"),
    ("a-images-idx3-ubyte.gz", raw(gzip.compress(struct.pack(">I3I", 0x803, 60000, 28, 28))),
     "is cut off: its header declares 47,040,000 bytes"),
    ("a-labels-idx1-ubyte", raw(idx(LABELS)), "holds labels: give the images file"),
    ("a.png", raw(b"\x89PNG"), "a.png has an unknown file type: save it as .npz"),
    ("a.pkl", raw(b"\x80\x04"), "Pickles are refused because they can run code"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Stored array in format 3.0")
@pytest.mark.parametrize(
    ("name", "make", "sentence"), BAD, ids=[f"{name}-{s[:24]}" for name, _, s in BAD]
)
def test_each_fault_raises_one_sentence(
    name: str, make: Maker, sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    make(path)
    with pytest.raises(DataError, match=sentence) as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message
    assert name in message
    assert message.endswith((".", "?"))
    with pytest.raises(DataError, match=sentence):
        save_upload({name: path.read_bytes()}, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_missing_paths_raise_a_sentence(tmp_path: Path) -> None:
    np.save(tmp_path / "faces.npy", GREY)
    with pytest.raises(DataError, match=r"There is no file .*facs.npy: did you mean faces.npy\?"):
        read(tmp_path / "facs.npy")
    with pytest.raises(DataError, match=r"There is no file .*zzzzzzzzz.csv: check its name"):
        read(tmp_path / "zzzzzzzzz.csv")
    with pytest.raises(DataError, match=f"the path exists only up to {tmp_path}."):
        read(tmp_path / "no" / "such" / "a.npy")
    with pytest.raises(DataError, match=r"is a folder: give a file in it, for example faces.npy"):
        read(tmp_path)
    with pytest.raises(DataError, match=r"exists only up to .*faces.npy|There is no file"):
        read(tmp_path / "faces.npy" / "x.npy")
    os.mkfifo(tmp_path / "pipe.npy")
    with pytest.raises(DataError, match="is not a file"):
        read(tmp_path / "pipe.npy")
    for path in ("a\0b.npy", "~nobody-of-this-name/a.npy"):
        with pytest.raises(DataError, match="There is no file"):
            read(path)
    with pytest.raises(DataError, match=r"cannot be read \(File name too long\)"):
        read("a" * 300 + ".npy")


def test_an_unreadable_file_raises_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root can read everything, so the test simulates the refusal."""
    np.save(tmp_path / "a.npy", GREY)
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(DataError, match="is not readable for this user"):
        read(tmp_path / "a.npy")


def test_labels_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a-images-idx3-ubyte").write_bytes(idx(GREY))
    (tmp_path / "a-labels-idx1-ubyte").write_bytes(idx(LABELS[:4]))
    with pytest.raises(DataError, match="has 6 examples and 4 labels"):
        read(tmp_path / "a-images-idx3-ubyte")
    with pytest.raises(DataError, match="labels-idx1-ubyte is not an IDX file"):
        save_upload({"a.idx3-ubyte": idx(GREY), "labels-idx1-ubyte": b"nonsense"}, tmp_path)


def test_uploads_of_two_kinds_are_refused_by_their_names(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not one data set \(a.csv, b.npz\): keep one") as caught:
        save_upload({"b.npz": b"x", "a.csv": b"x"}, tmp_path)
    assert "/" not in str(caught.value)  # the folder of the upload is no concern of the visitor


@pytest.mark.parametrize(
    "change",
    [{"x": np.zeros((2, 3, 4, 5, 6))}, {"x": GREY}, {"scale": 3.0}, {"test": 6}, {"test": -1},
     {"labels": LABELS}, {"labels": LABELS[:2]}, {"labels": np.arange(6) - 2}, {"scale": [1, 2]},
     {"x": np.full((6, 2), np.nan, np.float32)}, {"name": [["a", "b"]]}],
)  # fmt: skip
def test_a_modified_upload_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    sound = {"x": GREY[:, None], "scale": 255.0, "test": 0, "name": "a", "about": "b.",
             "labels": np.arange(6), "classes": list("abcdef")}  # fmt: skip
    np.savez(tmp_path / "a.npz", **sound)
    assert read(tmp_path / "a.npz").classes == tuple("abcdef")
    np.savez(tmp_path / "a.npz", **sound | change)
    with pytest.raises(DataError, match=r"a\.npz"):
        read(tmp_path / "a.npz")


def sources(folder: Path) -> dict[str, bytes]:
    """Return a small valid file of every kind."""
    np.savez(folder / "a.npz", x=GREY, labels=LABELS)
    np.savez_compressed(folder / "b.npz", x_train=GREY, x_test=GREY[:2])
    np.save(folder / "c.npy", GREY / 255)
    kept = save_upload({"a.npz": (folder / "a.npz").read_bytes()}, folder)
    return {
        "a.npz": (folder / "a.npz").read_bytes(),
        "b.npz": (folder / "b.npz").read_bytes(),
        "kept.npz": kept.read_bytes(),
        "c.npy": (folder / "c.npy").read_bytes(),
        "d.csv": b"label,a,b\n" + b"".join(b"%d,%d.5,-%d\n" % (i % 3, i, i) for i in range(20)),
        "e-images-idx3-ubyte": idx(GREY),
        "f-images-idx3-ubyte.gz": gzip.compress(idx(GREY)),
    }


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Return the content cut off, or with bytes changed, removed, doubled or inserted."""
    at = int(rng.integers(len(content)))
    head = min(at, int(rng.integers(1, 129)))  # headers are where it hurts
    noise = rng.integers(0, 256, 4, dtype=np.uint8).tobytes()
    return [
        content[:at],
        content[:at] + noise[:1] + content[at + 1 :],
        content[:head] + noise[:1] + content[head + 1 :],
        content[:head] + content[head + 1 :],
        content[:at] + noise + content[at:],
        content[:at] + content[at // 2 :],
        content[:head] + b"9" + content[head + 1 :],
    ][int(rng.integers(7))]


def test_damaged_files_raise_data_errors_only(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    refused = 0
    files = sources(tmp_path)
    for name, content in files.items():
        assert isinstance(read_bytes(tmp_path, name, content), Dataset)
        for _ in range(100):
            try:
                data = read_bytes(tmp_path, name, mutated(content, rng))
            except DataError:
                refused += 1
                continue
            assert data.x.dtype in (np.uint8, np.float32)
            assert data.x.ndim in (2, 3, 4)
            assert not np.isinf(data.x).any()
            assert not data.is_image or not data.missing
            assert data.labels is None or data.labels.shape == (len(data.x),)
    assert 200 < refused < 700


def read_bytes(folder: Path, name: str, content: bytes) -> Dataset:
    path = folder / f"mutated-{name}"
    path.write_bytes(content)
    return read(path)
