"""Files of users by kind, with the expected guesses: description, classes and sentences.

Each kind has three files or more, in the form that common programs write.
Every file is read twice, the second time with the settings of the first reading; its columns,
arrays or files are counted, and found = used + left out.
"""

import gzip
import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.data.test_files import idx
from tests.data.test_reading import encoded, read_twice, settings
from vae.data import save_upload

RNG = np.random.default_rng(3)
N = 30
FRAME = pd.DataFrame(RNG.normal(5, 2, (N, 3)).round(3), columns=["width", "height", "depth"])
WHOLE = pd.DataFrame(RNG.integers(0, 200, (N, 3)), columns=["a", "b", "c"])
KINDS = [("ash", "elm", "oak")[k % 3] for k in range(N)]
TREES = ("ash", "elm", "oak")
WHOLE_CLASSES = [1] * 9 + [2] * 20
BYTES = RNG.integers(0, 255, (N, 9, 9), np.uint8)
BYTES[0, 0, 0] = 254
Content = str | bytes | Callable[[Path], object]


class Case(NamedTuple):
    """A file and its expected reading: shape of an example, classes, guessed settings (name →
    value), words of the sentences, and the number of parts that are left out."""

    name: str
    content: Content
    shape: tuple[int, ...] = (3,)
    classes: tuple[str, ...] = ()
    guesses: dict[str, str] = {}  # noqa: RUF012
    words: tuple[str, ...] = ()
    left_out: int = 0


def table(frame: pd.DataFrame = FRAME, **how: Any) -> str:
    return str(frame.to_csv(**{"index": False} | how))


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def parquet(frame: pd.DataFrame, **how: Any) -> bytes:
    file = io.BytesIO()
    frame.to_parquet(file, **how)
    return file.getvalue()


def pictures(arrays: Sequence[np.ndarray], kind: str = "PNG", names: str = "{}.x") -> bytes:
    """Return a .zip of pictures."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for k, array in enumerate(arrays):
            archive.writestr(names.format(k), encoded(Image.fromarray(array), kind))
    return file.getvalue()


def drawings(mode: str, kind: str = "PNG") -> bytes:
    """Return a .zip of dark drawings on a transparent ground."""
    image = Image.new("RGBA", (9, 9), (0, 0, 0, 0))
    image.paste((20, 20, 20, 255), (3, 3, 6, 6))
    return pictures([np.asarray(image.convert(mode))] * 4, kind)


def uploaded(files: dict[str, bytes]) -> Callable[[Path], object]:
    return lambda folder: save_upload(files, folder)


def with_column(values: Sequence[Any], name: str, first: bool = False) -> pd.DataFrame:
    frame = FRAME.copy()
    frame.insert(0 if first else 3, name, values)
    return frame


DEEP = RNG.integers(0, 1024, (N, 9, 9)).astype(np.uint16)
DEEP[0, 0, :2] = 0, 1023
CURVES = np.sin(np.arange(40) * RNG.uniform(0.1, 1, (N, 1)))
SPRITES = {"imgs": BYTES[:12] % 2, "latents_values": np.c_[np.ones(12), RNG.random((12, 5))]}
MNIST = {
    "train-images.idx3-ubyte": idx(BYTES[:20]), "train-labels.idx1-ubyte": idx(np.arange(20) % 3),
    "t10k-images.idx3-ubyte": idx(BYTES[20:]), "t10k-labels.idx1-ubyte": idx(np.arange(10) % 3),
}  # fmt: skip
PIXELS = pd.DataFrame(BYTES[:, :8, :8].reshape(N, -1), columns=[f"pix_{k}" for k in range(64)])
SPARSE = np.where(RNG.random((N, 7)) < 0.3, RNG.random((N, 7)).round(3), 0)


def sparse(kind: str) -> Callable[[Path], object]:
    from scipy import sparse as scipy_sparse

    matrix = scipy_sparse.csr_matrix(SPARSE).asformat(kind)
    return lambda path: scipy_sparse.save_npz(path, matrix)


ID = {"names": "Id"}
CASES: dict[str, tuple[Case, ...]] = {
    "columns with units of their own": (
        Case("a.csv", table(FRAME * [1e-6, 1, 1e6])),
        Case("a.npy", npy(FRAME.to_numpy() * -1e5)),
        Case("a.parquet", parquet(FRAME * [1, 1e3, 1e9])),
    ),
    "drawings on a transparent ground": (
        Case("a.zip", drawings("RGBA"), (1, 9, 9), (), {"ground": "white"}, ("4 pictures with",)),
        Case("b.zip", drawings("LA"), (1, 9, 9), (), {"ground": "white"}),
        Case("c.zip", drawings("RGBA", "WEBP"), (1, 9, 9), (), {"ground": "white"}),
    ),
    "deep pictures": (
        Case("a.zip", pictures(DEEP), (1, 9, 9), (), {"range": "0,1023"}, ("0 and 1023",)),
        Case("b.zip", pictures(DEEP * 64, "TIFF"), (1, 9, 9), (), {"range": "0,65472"},
             ("0 and 65472: scaled",)),
        Case("c.npy", npy(DEEP), (1, 9, 9), (), {"range": "0,1023"}),
    ),
    "folders two deep": (
        Case("a.zip", pictures(BYTES[:6], names="set/{0}/x/{0}.png"), (1, 9, 9),
             tuple("012345"), {"label": "folder"}),
        Case("b.zip", pictures(BYTES[:6], names="a/b/{}.png"), (1, 9, 9), words=("one folder",)),
        Case("c.zip", pictures(BYTES[:6], names="{0}/{0}.bin"), (1, 9, 9), tuple("012345")),
    ),
    "endings and modes": (
        Case("a.zip", pictures(BYTES, "GIF", "{}.dat"), (1, 9, 9)),
        Case("b.zip", pictures(BYTES > 128, "TIFF", "{}"), (1, 9, 9)),
        Case("c.zip", pictures(BYTES, "BMP", "{}.PNG"), (1, 9, 9)),
    ),
    "files of MNIST uploaded together": (
        Case("", uploaded(MNIST), (1, 9, 9), tuple("012"), {}),
        Case("", uploaded(dict(reversed(MNIST.items()))), (1, 9, 9), tuple("012")),
        Case("", uploaded({f"{k}.gz": gzip.compress(v) for k, v in MNIST.items()}), (1, 9, 9),
             tuple("012")),
    ),
    "header of numbers": (
        Case("a.csv", table(FRAME.set_axis([0, 1, 2], axis=1)), guesses={"header": "yes"}),
        Case("b.csv", table(FRAME.set_axis([10, 20, 30], axis=1)), guesses={"header": "yes"}),
        Case("c.csv", table(FRAME, header=False), guesses={"header": "no"}),
    ),
    "row numbers": (
        Case("a.csv", table(with_column(range(N), "Unnamed: 0", True)),
             guesses={"names": "Unnamed: 0"}),
        Case("b.csv", table(with_column(range(1, N + 1), "Id", True)), guesses=ID),
        Case("c.parquet", parquet(with_column(range(7, N + 7), "Id")), guesses=ID),
        Case("d.csv", table(with_column([f"p{k}" for k in range(N)], "patient")),
             guesses={"names": "patient"}),
    ),
    "columns of classes": (
        Case("a.csv", table(with_column(KINDS, "Species")), (3,), TREES, {"label": "Species"}),
        Case("b.csv", table(with_column([k % 3 + 4 for k in range(N)], "cluster")), (3,),
             tuple("456"), {"label": "cluster"}),
        Case("c.csv", table(with_column([k % 2 * 1.0 for k in range(N)], "CLASS", True)), (3,),
             tuple("01"), {"label": "CLASS"}),
        Case("d.csv", table(with_column(KINDS, "x"), header=False), (3,), TREES),
    ),
    "defaults of pandas": (
        Case("a.csv", table(index=True), guesses={"names": "Unnamed: 0", "header": "yes"}),
        Case("b.csv", table(with_column(KINDS, "label"), index=True), (3,), TREES),
        Case("c.tsv", table(index=True, sep="\t"), guesses={"names": "Unnamed: 0"}),
    ),
    "decimal commas": (
        Case("a.csv", table(sep=";", decimal=","), guesses={"decimal": "comma"}),
        Case("b.txt", table(sep="\t", decimal=",", header=False), guesses={"decimal": "comma"}),
        Case("c.csv", table(with_column(KINDS, "kind"), sep=";", decimal=","), (3,), TREES),
    ),
    "encodings": (
        Case("a.csv", table(with_column(["Öl", "süß"] * 15, "label")).encode("cp1252"), (3,),
             ("süß", "Öl"), {}, ("Windows-1252",)),
        Case("b.csv", table(with_column(["Öl", "süß"] * 15, "label")).encode("utf-16-le"), (3,),
             ("süß", "Öl")),
        Case("c.csv", ("sep=|\n" + table(sep="|")).encode("utf-8-sig")),
    ),
    "shapes of tables": (
        Case("a.csv", "# measured in May\n" + table()),
        Case("b.csv", table().replace("\n", ",\n"), left_out=1, words=("empty",)),
        Case("c.csv", table().replace("depth\n", "depth\n[m],[m],[kg]\n"), words=("units",)),
        Case("d.csv", table(with_column(pd.date_range("2024-01-01", periods=N), "when")),
             left_out=1, words=("when", "dates")),
    ),
    "flat pictures": (
        Case("a.csv", table(PIXELS), (1, 8, 8), (), {"shape": "8x8"}),
        Case("b.csv", table(PIXELS.assign(label=KINDS)), (1, 8, 8), TREES, {"shape": "8x8"}),
        Case("c.npy", npy(RNG.integers(0, 256, (N, 1024), np.uint8)), (1, 32, 32), (),
             {"shape": "32x32"}),
    ),
    "whole numbers": (
        Case("a.csv", table(WHOLE)),
        Case("b.csv", table(WHOLE.astype(float).replace({WHOLE.iloc[0, 0]: 12.5}))),
        Case("c.npy", npy(WHOLE.to_numpy() * 100)),
    ),
    "arrays by name": (
        Case("a.npz", npz(**SPRITES), (1, 9, 9), (), {"factors": "latents_values"}),
        Case("b.npz", npz(x_train=BYTES[:20], y_train=np.arange(20) % 3, x_test=BYTES[20:],
                          y_test=np.arange(10) % 3), (1, 9, 9), tuple("012")),
        Case("c.npz", npz(images=BYTES, targets=np.array(KINDS)), (1, 9, 9), TREES),
    ),
    "numbered names": (
        Case("a.zip", pictures(BYTES[:12], names="{0}/img{0}.png"), (1, 9, 9),
             tuple(map(str, range(12)))),
        Case("b.zip", pictures(BYTES[:12], names="part {0}/z.png"), (1, 9, 9),
             tuple(f"part {k}" for k in range(12))),
        Case("c.csv", table(with_column([k % 12 for k in range(N)], "y")), (3,),
             tuple(map(str, range(12)))),
    ),
    "series and spectrograms": (
        Case("a.npy", npy(CURVES[:, :, None]), (1, 40), (), {"layout": "series"}),
        Case("b.npy", npy(np.stack([CURVES, -CURVES], 1)), (2, 40), (), {"layout": "series"}),
        Case("c.npy", npy(20 * RNG.normal(-3, 1, (N, 20, 33))), (1, 20, 33), (), {"layout": "hw"},
             ("scaled by this range",)),
        Case("d.npy", npy(CURVES), (40,), (), {"layout": "vectors"}, ("choose series if",)),
    ),
    "sparse matrices": (
        Case("a.npz", sparse("csr"), (7,)),
        Case("b.npz", sparse("csc"), (7,)),
        Case("c.npz", sparse("coo"), (7,)),
    ),
    "tables by other endings": (
        Case("a.tsv", table(sep="\t"), words=("tabs",)),
        Case("b.txt", table(sep=" ", header=False), words=("spaces",)),
        Case("c.csv.gz", gzip.compress(table().encode())),
    ),
    "very few": (
        Case("a.npy", npy(FRAME.to_numpy()[:3])),
        Case("b.npz", npz(x=FRAME.to_numpy(), y=np.zeros(N, int)), (3,), ("0",)),
        Case("c.csv", table(FRAME[:4].assign(label="one")), (3,), ("one",)),
    ),
    "parquet": (
        Case("a.parquet", parquet(with_column(pd.Categorical(KINDS), "label")), (3,), TREES),
        Case("b.parquet", parquet(FRAME.set_index(pd.Index([f"r{k}" for k in range(N)]))),
             guesses={"names": "__index_level_0__"}),
        Case("c.parquet", parquet(with_column(pd.array([None, *WHOLE_CLASSES], "Int64"), "y")),
             (3,), ("1", "2"), {}, ("1 example without a class",)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", CASES)
def test_the_guesses_are_right(kind: str, tmp_path: Path) -> None:
    assert len(CASES[kind]) >= 3
    for case in CASES[kind]:
        path = tmp_path / case.name
        content = case.content.encode() if isinstance(case.content, str) else case.content
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(found := content(path), Path):
            path = found
        data = read_twice(path)
        assert (data.event_shape, data.classes) == (case.shape, case.classes), case.name
        assert data.reading is not None
        guesses = settings(data)
        assert {name: guesses.get(name) for name in case.guesses} == case.guesses, case.name
        reading = data.reading
        reasons = [guess.why for guess in reading.guesses]
        sentences = " ".join([*reasons, *reading.notes, *map(str, reading.left_out)])
        assert all(words in sentences for words in case.words), (case.name, sentences)
        assert sum(one.number for one in data.reading.left_out) == case.left_out, case.name
