"""How files of users are read: guesses, settings by hand, and the count of all that is left out.

Each case has variants of a habit of pandas, Excel, R, NumPy or a camera. A file is read a second
time with the settings of the first reading, and gives the same data.
"""

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.data.test_files import idx
from vae.config import RunConfig
from vae.data import DataError, Dataset, read, save_upload
from vae.data.description import NONE

RNG = np.random.default_rng(0)
N = 24
X = RNG.standard_normal((N, 3)).round(3)
NAMES = ("height", "width", "depth")


def read_twice(path: Path, **options: str) -> Dataset:
    """Return the data set, after reading it again with the settings of the first reading."""
    data = read(path, options)
    assert data.reading is not None
    assert "auto" not in data.reading.settings.values()
    assert data.reading.used + sum(one.number for one in data.reading.left_out) == (
        data.reading.number
    )
    again = read(path, data.reading.settings)
    assert again.fingerprint == data.fingerprint
    assert again.classes == data.classes
    assert again.reading is not None
    assert again.reading.settings == data.reading.settings
    return data


def settings(data: Dataset) -> dict[str, str]:
    """Return the settings that the file has, without the prefix of their names."""
    assert data.reading is not None
    found = data.reading.settings.items()
    return {name.removeprefix("data_"): value for name, value in found if value != NONE}


def csv(
    header: str, more: list[list[Any]] | None = None, x: np.ndarray = X, sep: str = ","
) -> str:
    """Return a table with further columns after those of x."""
    columns = [*x.T.tolist(), *(more or [])]
    lines = [sep.join(map(str, row)) for row in zip(*columns, strict=True)]
    return "\n".join([header, *lines] if header else lines) + "\n"


def first(column: list[Any], header: str, x: np.ndarray = X) -> str:
    """Return a table with a column before those of x."""
    rows = [",".join(map(str, (a, *row))) for a, row in zip(column, x.tolist(), strict=True)]
    return "\n".join([header, *rows])


WORDS = [("cat", "dog", "eel")[k % 3] for k in range(N)]
WHOLE = [k % 3 + 1 for k in range(N)]
SPECTRUM = ",".join(f"{400 + 2.5 * k}" for k in range(3))

EMPTY = X.astype(object)  # as in tables that begin before the instruments did
EMPTY[0] = ""

# name: content, columns of the examples, classes, names of the first rows
TABLES: dict[str, tuple[str, int, tuple[str, ...], list[str]]] = {
    "header from 0": (csv("0,1,2"), 3, (), []),
    "header from 1": (csv("1,2,3"), 3, (), []),
    "header of years and a label": (csv("2001,2002,2003,label", [WHOLE]), 3, ("1", "2", "3"), []),
    "header of wavelengths": (csv(SPECTRUM), 3, (), []),
    "no header, whole numbers": (csv("", x=np.arange(N * 3).reshape(N, 3) ** 2), 3, (), []),
    "units": ("\n".join(["a,b,c", "kg,cm,°C", csv("")]), 3, (), []),
    "nothing observed in the first row": (csv("a,b,c,kind", [WORDS], EMPTY), 3,
                                          ("cat", "dog", "eel"), []),
    "comment of savetxt": (csv("# a,b,c"), 3, (), []),
    "comments above a header": ("# one\n#two\n\n" + csv("a,b,c"), 3, (), []),
    "title above a header": ("Measurements of May\n" + csv("a,b,c"), 3, (), []),
    "index of pandas": (first(list(range(N)), ",a,b,c"), 3, (), ["0", "1"]),
    "index of pandas, numbers": (first(list(range(N)), ",0,1,2"), 3, (), ["0", "1"]),
    "index of pandas, named": (first(list(range(N)), "Unnamed: 0,a,b,c"), 3, (), ["0", "1"]),
    "row names of R": (first([f"r{k}" for k in range(N)], "a,b,c"), 3, (), ["r0", "r1"]),
    "row numbers of R": (first([k + 1 for k in range(N)], "a,b,c"), 3, (), ["1", "2"]),
    "numbered rows": (first(list(range(5, N + 5)), "time,a,b,c"), 3, (), ["5", "6"]),
    "sample id": (first([7 * k % 101 for k in range(N)], "sample_id,a,b,c"), 3, (), ["0", "7"]),
    "Species": (csv("a,b,c,Species", [WORDS]), 3, ("cat", "dog", "eel"), []),
    "cell type": (csv("a,b,c,Cell_Type", [WHOLE]), 3, ("1", "2", "3"), []),
    "Classlabel": (csv("a,b,c,classLabel", [WHOLE]), 3, ("1", "2", "3"), []),
    "text of any name": (csv("a,b,c,kind", [WORDS]), 3, ("cat", "dog", "eel"), []),
    "text without a header": (csv("", [WORDS]), 3, ("cat", "dog", "eel"), []),
    "truth values": (csv("a,b,c,label", [[k % 2 == 0 for k in range(N)]]), 3, ("False", "True"),
                     []),
    "gaps of classes": (csv("a,b,c,label", [["", *WORDS[1:]]]), 3, ("cat", "dog", "eel"), []),
    "decimal classes": (csv("a,b,c,target", [[float(k) for k in WHOLE]]), 3, ("1", "2", "3"), []),
    "negative classes": (csv("a,b,c,y", [[k % 3 - 1 for k in range(N)]]), 3, ("-1", "0", "1"), []),
    "classes above 9": (csv("a,b,c,y", [[k % 12 for k in range(N)]]), 3,
                        tuple(map(str, range(12))), []),
    "coordinates x, y": (csv("x,y,z"), 3, (), []),
    "dates": (first([f"2024-05-{k + 1:02}" for k in range(N)], "day,a,b,c"), 3, (), []),
    "trailing comma": (csv("a,b,c,", [[""] * N]), 3, (), []),
    "trailing comma below": (csv("a,b,c", [[""] * N]), 3, (), []),
    "equal names": (csv("a,a,a"), 3, (), []),
    "quotes": (csv('"a","b","c"').replace("\n0", '\n"0"'), 3, (), []),
    "spaces": (csv("a b c", sep=" "), 3, (), []),
    "many spaces": (csv("", sep="   "), 3, (), []),
    "bars": (csv("a|b|c", sep="|"), 3, (), []),
    "sep": ("sep=;\n" + csv("a;b;c", sep=";"), 3, (), []),
    "decimal comma": (csv("a;b;c", sep=";").replace(".", ","), 3, (), []),
    "decimal comma, tabs": (csv("", sep="\t").replace(".", ","), 3, (), []),
    "decimal comma, quoted": (
        "a,b,c\n" + "".join('"{}","{}","{}"\n'.format(*r) for r in X).replace(".", ","), 3, (), [],
    ),
    "decimal comma, one column": (csv("a", x=X[:, :1]).replace(".", ","), 1, (), []),
    "percent": (csv("a,b,c").replace("\n", "%\n").replace("c%", "c"), 3, (), []),
}  # fmt: skip


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_is_read(kind: str, tmp_path: Path) -> None:
    text, width, classes, names = TABLES[kind]
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    data = read_twice(path)
    assert data.x.shape == (N, width)
    if "whole" not in kind:
        seen = slice(1 if "first row" in kind else 0, None)
        assert np.array_equal(data.x[seen], X[seen, :width].astype(np.float32))
    assert data.classes == classes
    assert ([] if data.names is None else list(data.names[:2])) == names
    assert data.reading is not None
    assert not (names and data.reading.left_out), "a column of row names is used"


ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252", "latin-1", "utf-32")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", [e for e in ENCODINGS if e != "utf-16-be"])
def test_encodings_and_ends_of_lines_are_found(encoding: str, end: str, tmp_path: Path) -> None:
    words = [("Bär", "süß")[k % 2] for k in range(N)]
    content = csv("größe,b,c,label", [words]).replace("\n", end).encode(encoding)
    for name in ("t.csv", "t.tsv", "t.txt", "t.csv.gz"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
        assert read(path).classes == ("Bär", "süß")
        assert np.array_equal(read(path).x, X.astype(np.float32))


SENTENCES = {
    "halves of decimal commas": ("1,05,2,07\n3,10,4,02\n5,03,6,11\n", "decimal comma, and the"),
    "infinity": ("a,b\n1,2\n3,-inf\n", r"line 3, column 2 \(b\): '-inf' .*--data-ignore b"),
    "a word": ("a,b\n1,2\n3,x\n", r"line 3, column 2 \(b\): 'x' is not a finite number"),
    "a damaged row": ("a,b\n1,2\n3\n", "line 3: 1 column where the first line has 2"),
    "words only": ("a,b\nx,y\nz,w\n", "no column of numbers for the examples"),
}


@pytest.mark.parametrize("kind", SENTENCES)
def test_a_sentence_names_the_cause(kind: str, tmp_path: Path) -> None:
    text, sentence = SENTENCES[kind]
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=sentence):
        read(tmp_path / "t.csv")


def test_every_role_of_a_column_can_be_set(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(csv("a,b,c,kind,grade", [WORDS, WHOLE]))
    data = read_twice(path, data_label="Grade", data_factors="b, kind", data_ignore="c")
    assert data.classes == ("1", "2", "3")
    assert data.x.shape == (N, 1)
    assert list(data.factors) == ["b", "kind"]
    assert np.array_equal(data.factors["b"], X[:, 1].astype(np.float32))
    assert data.factors["kind"][:3].tolist() == [0, 1, 2]
    assert data.reading is not None
    assert [one.names for one in data.reading.left_out] == ["c"]
    none = read_twice(path, data_label=NONE)
    assert (none.classes, none.x.shape) == ((), (N, 5))
    assert none.kinds[-2:] == ("category", "category")
    with pytest.raises(DataError, match=r"no 'grate' for data_label: did you mean grade\?"):
        read(path, {"data_label": "grate"})
    with pytest.raises(DataError, match=r"data_ground black does not apply to t\.csv"):
        read(path, {"data_ground": "black"})
    with pytest.raises(ValueError, match="data_shape is a shape such as 28x28"):
        read(path, {"data_shape": "large"})


def test_row_numbers_become_examples_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(first(list(range(N)), "Id,a,b,c"))
    assert read_twice(path).x.shape == (N, 3)
    data = read_twice(path, data_ignore=NONE)
    assert data.x[:, 0].tolist() == list(range(N))
    assert data.names is None


def test_a_header_is_set_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(csv("1,2,3"))
    assert len(read_twice(path).x) == N
    assert len(read_twice(path, data_header="no").x) == N + 1
    assert len(read_twice(path, data_header="yes").x) == N


BYTES = RNG.integers(0, 256, (N, 3, 14, 14), np.uint8)
FLAT = {
    "bytes of a square": (BYTES[:, 0].reshape(N, -1), {}, BYTES[:, :1]),
    "bytes of colour": (BYTES.reshape(N, -1), {"data_shape": "3x14x14"}, BYTES),
    "channels last": (
        BYTES.transpose(0, 2, 3, 1).reshape(N, -1), {"data_shape": "14x14x3"}, BYTES
    ),
    "no square": (BYTES[:, 0, :7].reshape(N, -1), {"data_shape": "7x14"}, BYTES[:, :1, :7]),
}  # fmt: skip


@pytest.mark.parametrize("ending", ["npy", "csv"])
@pytest.mark.parametrize("kind", FLAT)
def test_flat_pictures_get_a_shape(kind: str, ending: str, tmp_path: Path) -> None:
    flat, options, pictures = FLAT[kind]
    path = tmp_path / f"t.{ending}"
    np.save(path, flat) if ending == "npy" else np.savetxt(path, flat, "%d", ",")
    data = read_twice(path, **options)
    assert np.array_equal(data.x, pictures)
    assert data.scale == 255
    vectors = read_twice(path, data_layout="vectors")
    assert vectors.x.dtype == np.float32
    assert np.array_equal(vectors.x, flat)
    with pytest.raises(DataError, match="values per example, and data_shape 5x5 needs 25"):
        read(path, {"data_shape": "5x5"})


def test_labels_beside_pixels_are_found(tmp_path: Path) -> None:
    pixels = BYTES[:, 0, :8, :8].reshape(N, -1)
    for labels_first in (True, False):
        parts = (np.arange(N)[:, None] % 4, pixels)
        np.savetxt(tmp_path / "t.csv", np.hstack(parts[:: 1 if labels_first else -1]), "%d", ",")
        data = read_twice(tmp_path / "t.csv")
        assert data.classes == ("0", "1", "2", "3")
        assert np.array_equal(data.x, BYTES[:, :1, :8, :8])
    np.savetxt(tmp_path / "n.csv", pixels, "%d", ",", comments="",
               header=",".join(f"pixel{k}" for k in range(64)))  # fmt: skip
    assert read_twice(tmp_path / "n.csv").x.shape == (N, 1, 8, 8)


REAL = RNG.standard_normal((N, 20, 16))
AXES = {
    "decibels": (REAL * 20 - 40, {}, "hw", (1, 20, 16)),
    "16 bits": (np.abs(REAL * 500).astype(np.uint16), {}, "hw", (1, 20, 16)),
    "from -1 to 1": (np.clip(REAL, -1, 1), {}, "hw", (1, 20, 16)),
    "series of two channels": (REAL[:, :, :2], {}, "series", (2, 20)),
    "series, channels first": (REAL[:, :2, :], {}, "series", (2, 16)),
    "series of one channel": (REAL[:, :, :1], {}, "series", (1, 20)),
    "series by hand": (REAL, {"data_layout": "series"}, "series", (16, 20)),
    "series of a row": (REAL[:, :, 0], {"data_layout": "series"}, "series", (1, 20)),
    "series of a divided row": (
        REAL[:, :, 0],
        {"data_layout": "series", "data_shape": "10x2"},
        "series",
        (2, 10),
    ),
    "series of a shape alone": (REAL[:, :, 0], {"data_shape": "10x2"}, "series", (2, 10)),
    "vectors by hand": (REAL, {"data_layout": "vectors"}, "vectors", (320,)),
}


@pytest.mark.parametrize("kind", AXES)
def test_three_axes_are_pictures_or_series(kind: str, tmp_path: Path) -> None:
    array, options, layout, shape = AXES[kind]
    np.save(tmp_path / "t.npy", array)
    data = read_twice(tmp_path / "t.npy", **options)
    assert settings(data)["layout"] == layout
    assert data.event_shape == shape
    if data.is_image:
        low = min(float(array.min()), 0)
        expected = (array - low) / (array.max() - low)
        np.testing.assert_allclose(data.x[:, 0], expected, atol=1e-6)
        assert (data.x.min(), data.x.max()) == (expected.min().astype(np.float32), 1)
    else:
        found, expected = data.x[0].ravel(), array[0].astype(np.float32).ravel()
        assert np.array_equal(np.sort(found), np.sort(expected))


def test_the_channels_of_a_series_stand_before_its_steps(tmp_path: Path) -> None:
    np.save(tmp_path / "t.npy", REAL[:, :, :2])
    data = read(tmp_path / "t.npy")
    assert np.array_equal(data.x[:, 0], REAL[:, :, 0].astype(np.float32))


def test_the_range_of_values_is_set_by_hand(tmp_path: Path) -> None:
    np.save(tmp_path / "t.npy", RNG.integers(0, 4000, (N, 9, 9)))
    data = read_twice(tmp_path / "t.npy", data_range="0,4095")
    assert data.x.max() < 1
    assert data.scale == 1
    with pytest.raises(DataError, match="has its higher value first"):
        read(tmp_path / "t.npy", {"data_range": "5,1"})


def test_known_arrays_of_an_npz_are_found(tmp_path: Path) -> None:
    pictures, values = BYTES[:, 0], RNG.random((N, 6))
    values[:, 0] = 1
    np.savez(tmp_path / "sprites.npz", imgs=pictures % 2, latents_values=values,
             latents_classes=values.astype(int), metadata=np.array({}, object))  # fmt: skip
    data = read_twice(tmp_path / "sprites.npz")
    assert list(data.factors) == ["shape", "scale", "orientation", "x", "y"]
    assert data.reading is not None
    assert {one.names for one in data.reading.left_out} == {"latents_classes", "metadata"}
    labels = np.arange(N)[:, None] % 3
    parts = {f"{part}_{kind}": array for part in ("train", "val", "test")
             for kind, array in (("images", pictures), ("labels", labels))}  # fmt: skip
    np.savez(tmp_path / "med.npz", **parts)
    data = read_twice(tmp_path / "med.npz")
    assert (len(data.x), data.test, data.classes) == (3 * N, N, ("0", "1", "2"))
    np.savez(tmp_path / "real.npz", x=X, y=X[:, 0])
    data = read_twice(tmp_path / "real.npz")
    assert (data.classes, list(data.factors)) == ((), ["y"])
    np.savez(tmp_path / "any.npz", a=X, b=X[:, :2], c=np.arange(N))
    with pytest.raises(DataError, match=r"a \(24×3\), b \(24×2\), c \(24\): choose the array"):
        read(tmp_path / "any.npz")
    data = read_twice(tmp_path / "any.npz", data_examples="b", data_label="c", data_factors="a")
    assert (data.x.shape, len(data.classes), len(data.factors)) == ((N, 2), N, 3)


def test_sparse_matrices_are_read_within_the_limit(tmp_path: Path) -> None:
    from scipy import sparse

    dense = np.where(RNG.random((N, 9)) < 0.2, RNG.random((N, 9)), 0)
    for kind in ("csr", "csc", "coo"):
        sparse.save_npz(tmp_path / f"{kind}.npz", sparse.csr_matrix(dense).asformat(kind))
        assert np.array_equal(read_twice(tmp_path / f"{kind}.npz").x, dense.astype(np.float32))
    parts = dict(np.load(tmp_path / "csr.npz"))
    for change, sentence in (
        ({"shape": np.array([2**20, 2**20])}, "needs more than 8 GiB as a dense matrix"),
        ({"indices": parts["indices"] + 1000}, "damaged, or not a sparse matrix"),
        ({"indptr": parts["indptr"] - 5}, "damaged, or not a sparse matrix"),
    ):
        np.savez(tmp_path / "bad.npz", **parts | change)
        with pytest.raises(DataError, match=sentence):
            read(tmp_path / "bad.npz")


def encoded(image: Image.Image, kind: str, **more: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


def folder_of(files: dict[str, bytes], place: Path) -> Path:
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


def zip_of(files: dict[str, bytes], path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


GREY = RNG.integers(0, 256, (N, 10, 8), np.uint8)


def test_formats_are_found_by_content(tmp_path: Path) -> None:
    grey = Image.fromarray(GREY[0])
    cmyk = Image.merge("CMYK", [Image.new("L", (8, 10), 0)] * 3 + [Image.fromarray(255 - GREY[0])])
    files = {
        "0.tif": encoded(grey, "TIFF"), "1.pgm": encoded(grey, "PPM"),
        "2": encoded(grey, "PNG"), "3.jpg": encoded(grey, "PNG"),
        "4.data": encoded(grey, "GIF"), "5.jp2": encoded(grey, "JPEG2000", irreversible=False),
        "6.tiff": encoded(cmyk, "TIFF"),
    }  # fmt: skip
    data = read_twice(folder_of(files, tmp_path / "p"))
    assert data.x.shape == (7, 1, 10, 8)
    for row, picture in enumerate(data.x):
        assert np.abs(picture[0].astype(int) - GREY[0]).max() <= 1, row


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_pictures_are_upright_in_every_format(kind: str, turn: int, tmp_path: Path) -> None:
    """A picture stored in an orientation of EXIF equals the one stored upright."""
    shade = np.add.outer(np.arange(16) * 8, np.arange(24) * 4).astype(np.uint8)
    half = shade[::-1, ::-1]
    ways = (shade, shade[:, ::-1], half, shade[::-1], shade.T, np.rot90(shade), half.T)
    stored = (*ways, np.rot90(shade, -1))[turn - 1]
    exif = Image.Exif()
    exif[0x0112] = turn
    image = Image.fromarray(np.ascontiguousarray(stored))
    quality = {"quality": 100} if kind in ("JPEG", "WEBP") else {}
    path = folder_of({"a": encoded(image, kind, exif=exif, **quality)}, tmp_path / "p")
    data = read(path)
    assert data.x.shape[2:] == (16, 24)
    assert np.abs(data.x[0, 0].astype(int) - shade).max() <= 4


GROUNDS = {"white": 255, "grey": 128, "black": 0}


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize("ground", [*GROUNDS, "auto"])
def test_transparent_pixels_lie_on_the_ground(mode: str, ground: str, tmp_path: Path) -> None:
    """A dark drawing on a transparent ground."""
    image = Image.new("RGBA", (8, 10), (0, 0, 0, 0))
    image.paste((10, 10, 10, 255), (2, 2, 6, 6))
    path = folder_of({"a.png": encoded(image.convert(mode), "PNG")}, tmp_path / "p")
    data = read_twice(path, data_ground=ground)
    assert data.x[0, 0, 0, 0] == GROUNDS.get(ground, 255)
    assert data.x[0, 0, 3, 3] == 10
    assert settings(data)["ground"] == ("white" if ground == "auto" else ground)


def test_deep_pictures_equal_their_array(tmp_path: Path) -> None:
    deep = RNG.integers(0, 4096, (5, 10, 8)).astype(np.uint16)
    files = {f"{k}.png": encoded(Image.fromarray(d), "PNG") for k, d in enumerate(deep)}
    data = read_twice(folder_of(files, tmp_path / "p"))
    np.save(tmp_path / "deep.npy", deep)
    assert np.array_equal(data.x, read(tmp_path / "deep.npy").x)
    assert len(np.unique(data.x)) == len(np.unique(deep))
    assert settings(data)["range"] == f"0,{deep.max()}"


@pytest.mark.parametrize("seed", range(6))
def test_every_file_is_read_or_left_out(seed: int, tmp_path: Path) -> None:
    """The first folder below the common ones is the class, in a folder as in an archive; every
    file is counted once."""
    rng = np.random.default_rng(seed)
    depth, classes = int(rng.integers(0, 3)), int(rng.integers(2, 4))
    common = ("all/", "all/of it/", "")[depth]
    files: dict[str, bytes] = {}
    for k in range(N):
        inner = "/".join(f"batch{rng.integers(2)}" for _ in range(rng.integers(0, 3)))
        files[f"{common}c{k % classes}/{inner}/{k}.png".replace("//", "/")] = encoded(
            Image.fromarray(GREY[k]), "PNG"
        )
    junk = {"notes.txt": b"hello", ".DS_Store": b"\0\1", "c0/list.csv": b"a,b\n1,2\n",
            "c1/Thumbs.db": b"x", "c0/.hidden.png": b"", "empty": b""}  # fmt: skip
    names = rng.permutation(list(junk))[: int(rng.integers(1, 7))]
    files |= {f"{common}{name}": junk[name] for name in names}
    found = [
        read_twice(folder_of(files, tmp_path / "p")),
        read_twice(zip_of(files, tmp_path / "p.zip")),
    ]
    for data in found:
        assert data.reading is not None
        assert (data.reading.number, data.reading.used) == (len(files), N)
        assert data.classes == tuple(f"c{k}" for k in range(classes))
        assert data.names is not None
        rows = [int(name.rpartition("/")[2].removesuffix(".png")) for name in data.names]
        assert np.array_equal(data.x[:, 0], GREY[rows])
    assert found[0].fingerprint == found[1].fingerprint
    assert read(tmp_path / "p", {"data_label": NONE}).classes == ()


def test_rows_and_classes_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    files = {f"{k}/img{k}.png": encoded(Image.fromarray(GREY[k]), "PNG") for k in range(12)}
    data = read(folder_of(files, tmp_path / "p"))
    assert data.classes == tuple(map(str, range(12)))
    assert data.labels is not None
    assert data.labels.tolist() == list(range(12))
    assert data.names is not None
    assert data.names[10] == "10/img10.png"


MNIST = {
    "train-images-idx3-ubyte": BYTES[:20, 0], "train-labels-idx1-ubyte": np.arange(20) % 3,
    "t10k-images-idx3-ubyte": BYTES[20:, 0], "t10k-labels-idx1-ubyte": np.arange(4) % 3,
}  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("names", ["{}", "{}.gz", "{} (1).gz", "my_{}"])
def test_files_of_mnist_are_paired_in_any_order(names: str, seed: int, tmp_path: Path) -> None:
    order = np.random.default_rng(seed).permutation(list(MNIST))
    pack = gzip.compress if "gz" in names else bytes
    files = {names.format(name): pack(idx(MNIST[name])) for name in order}
    data = read(save_upload(files, tmp_path))
    assert (len(data.x), data.test, data.classes) == (N, 4, ("0", "1", "2"))
    assert np.array_equal(data.x, BYTES[:, :1])
    files[names.format("other-labels-idx1-ubyte")] = pack(idx(np.arange(7)))
    more = read(save_upload(files, tmp_path))
    assert more.fingerprint == data.fingerprint
    assert more.reading is not None
    assert [one.number for one in more.reading.left_out] == [1]
    assert "other" in more.reading.left_out[0].names


def test_an_upload_has_its_settings(tmp_path: Path) -> None:
    """Names, factors and settings of an upload survive; other settings need the original."""
    content = csv("a,b,c,kind,grade,id", [WORDS, WHOLE, [f"r{k}" for k in range(N)]]).encode()
    options = {"data_label": "grade", "data_factors": "b"}
    path = save_upload({"t.csv": content}, tmp_path, options)
    data = read(path)
    assert data.classes == ("1", "2", "3")
    assert data.names is not None
    assert data.names[1] == "r1"
    assert list(data.factors) == ["b"]
    assert data.reading is not None
    assert data.reading.settings["data_label"] == "grade"
    assert read(path, data.reading.settings).fingerprint == data.fingerprint
    assert save_upload({"t.csv": content}, tmp_path) != path
    with pytest.raises(DataError, match="was read with data_label grade: upload the original"):
        read(path, {"data_label": "kind"})


def test_a_run_records_the_settings_of_its_reading(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(csv("a,b,c,kind", [WORDS]))
    config = RunConfig.of(data=str(tmp_path / "t.csv"))
    data = config.load_data()
    recorded = config.as_read(data)
    assert recorded.get("data_label") == "kind"
    assert "auto" not in [recorded.get(name) for name in recorded.chosen("data")]
    assert recorded.load_data() is data
    assert RunConfig.of(**recorded.model_dump(mode="json")) == recorded
    named = RunConfig.of(data="digits")
    assert named.as_read(named.load_data()) is named
    with pytest.raises(ValueError, match="data_label belongs to data FILE"):
        RunConfig.of(data="digits", data_label="x")
