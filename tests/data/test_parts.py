"""Files that belong together: .ts files of series, training and test parts, shards of an array.

The same data set comes as one file, as a pair in a folder, in a .zip and in an upload.
"""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.data.test_reading import read_twice, settings
from tests.tables import each
from vae.data import DataError, Dataset, read, save_upload
from vae.data.series import lengths

RNG = np.random.default_rng(0)
TS = """# A comment
@problemName Walk
@timeStamps {stamps}
@missing true
@univariate false
@dimension 2
@equalLength false
@classLabel true run walk
@data
"""
SERIES = [RNG.standard_normal((5 + k, 2)).round(3) for k in range(7)]  # (T, C)
CLASSES = ["run", "walk", "walk", "run", "walk", "run", "run"]
SERIES[3][2, 1] = np.nan


def cell(value: float, step: int, stamps: bool) -> str:
    text = "?" if np.isnan(value) else f"{value:g}"
    return f"({step * 0.5},{text})" if stamps else text


def ts(rows: slice = slice(None), stamps: bool = False) -> str:
    lines = [
        ":".join(
            [*(",".join(cell(v, t, stamps) for t, v in enumerate(column)) for column in x.T), name]
        )
        for x, name in zip(SERIES[rows], CLASSES[rows], strict=True)
    ]
    return TS.format(stamps=str(stamps).lower()) + "\n".join(lines) + "\n"


def expected(rows: slice = slice(None)) -> np.ndarray:
    x = np.full((len(SERIES), 2, 11), np.nan, np.float32)
    for row, series in zip(x, SERIES, strict=True):
        row[:, : len(series)] = series.T
    return x[rows]


@pytest.mark.parametrize("stamps", [False, True])
def test_a_ts_file_is_read(stamps: bool, tmp_path: Path) -> None:
    (tmp_path / "walk.ts").write_text(ts(stamps=stamps))
    data = read_twice(tmp_path / "walk.ts")
    np.testing.assert_array_equal(data.x, expected())
    np.testing.assert_array_equal(lengths(data.x), [len(x) for x in SERIES])
    assert data.labels is not None
    assert [data.classes[k] for k in data.labels] == CLASSES
    assert settings(data) == {"label": "inside", "layout": "series"}
    assert read(tmp_path / "walk.ts", {"data_label": "none"}).classes == ()


def test_a_target_of_numbers_is_a_factor(tmp_path: Path) -> None:
    text = "@targetLabel true\n@data\n1,2,3:4,5,6:0.5\n1,2,2:4,5,5:1.5\n"
    (tmp_path / "t.ts").write_text(text)
    data = read_twice(tmp_path / "t.ts")
    assert data.classes == ()
    assert data.factors["target"].tolist() == [0.5, 1.5]


SENTENCES = {
    "no data": ("// TypeScript\nexport {};\n", "has no line @data"),
    "nothing below": ("@data\n", "has no series below @data"),
    "a word": ("@data\n1,2:3,4\n1,x:3,4\n", "line 3: 'x' is no number"),
    "channels": ("@data\n1,2:3,4\n1,2\n", "line 3: 1 channel where the first series has 2"),
}


@pytest.mark.parametrize("kind", SENTENCES)
def test_a_sentence_names_the_fault_of_a_ts_file(kind: str, tmp_path: Path) -> None:
    text, sentence = SENTENCES[kind]
    (tmp_path / "t.ts").write_text(text)
    with pytest.raises(DataError, match=sentence):
        read(tmp_path / "t.ts")


def rows_of(start: int, stop: int, header: str = "id,a,b,kind,label") -> str:
    kinds = ["p", "q", "r"]
    lines = [f"{k},{k * 0.5},{-k},{kinds[k % 3]},{k % 2}" for k in range(start, stop)]
    width = header.count(",") + 1
    return "\n".join([header, *(",".join(line.split(",")[:width]) for line in lines)]) + "\n"


PAIRS: dict[str, tuple[dict[str, str], int]] = {
    "ts": ({"Walk_TRAIN.ts": ts(slice(0, 4)), "Walk_TEST.ts": ts(slice(4, None))}, 3),
    "ts beside others": (
        {"Walk_TRAIN.ts": ts(slice(0, 4)), "Walk_TEST.ts": ts(slice(4, None)),
         "Walk_TRAIN.txt": "1 2 3\n", "Walk_TEST.txt": "1 2 3\n", "Walk.txt": "About walks"}, 3,
    ),
    "tables": ({"train.csv": rows_of(0, 20), "test.csv": rows_of(20, 26)}, 6),
    "tables, test first": ({"A-testing.tsv": rows_of(20, 26).replace(",", "\t"),
                            "A-Training.tsv": rows_of(0, 20).replace(",", "\t")}, 6),
}  # fmt: skip


def in_a_folder(files: dict[str, str], place: Path) -> Dataset:
    for name, content in files.items():
        (place / name).write_text(content)
    return read_twice(place)


def in_a_zip(files: dict[str, str], place: Path) -> Dataset:
    with zipfile.ZipFile(place / "all.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(f"top/{name}", content)
    return read_twice(place / "all.zip")


def dropped(files: dict[str, str], place: Path) -> Dataset:
    return read(save_upload({name: text.encode() for name, text in files.items()}, place))


WAYS: dict[str, Callable[[dict[str, str], Path], Dataset]] = {
    "folder": in_a_folder,
    "zip": in_a_zip,
    "upload": dropped,
}


@each("way", WAYS)
@each("kind", PAIRS)
def test_a_training_and_a_test_file_are_one_data_set(
    way: str, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    files, count = PAIRS[kind]
    data = WAYS[way](files, tmp_path_factory.mktemp("pair"))
    assert data.test == count
    assert data.reading is not None
    if kind.startswith("ts"):
        np.testing.assert_array_equal(data.x, expected())
    else:
        assert data.x[:, 0].tolist() == [k * 0.5 for k in range(26)]
        assert data.names is not None
        assert data.names[-1] == "25"
        assert data.classes == ("0", "1")
    notes = " ".join(data.reading.notes)
    assert f"{count} examples." in notes
    assert ("3 of 5 files left out" in notes) == (len(files) == 5)
    if way == "upload":
        assert data.name == {"ts": "Walk", "tables": "train", "A": "A"}.get(
            kind.partition(" ")[0] if "first" not in kind else "A", "train"
        )


def test_factors_of_text_have_one_order_in_both_parts(tmp_path: Path) -> None:
    header = "id,a,b,kind,label"
    files = {"train.csv": rows_of(0, 20), "test.csv": rows_of(22, 24)}
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    data = read(tmp_path, {"data_factors": "kind"})
    assert header in files["test.csv"]
    assert data.factors["kind"].tolist() == [k % 3 for k in [*range(20), 22, 23]]


def test_a_test_part_without_classes_has_none(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(rows_of(0, 20))
    (tmp_path / "test.csv").write_text(rows_of(20, 26, "id,a,b,kind"))
    data = read_twice(tmp_path)
    assert data.labels is not None
    assert data.labels[20:].tolist() == [-1] * 6
    assert (data.labels[:20] >= 0).all()


def test_parts_with_other_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a,b\n1,2\n3,4\n5,6\n")
    (tmp_path / "test.csv").write_text("b,a\n1,2\n3,4\n")
    with pytest.raises(DataError, match=r"train\.csv has the column a where test\.csv has b"):
        read(tmp_path)


def test_two_pairs_are_not_one_data_set(tmp_path: Path) -> None:
    """Four tables are the parts of one, or a series each."""
    for name in ("a_TRAIN.csv", "a_TEST.csv", "b_TRAIN.csv", "b_TEST.csv"):
        (tmp_path / name).write_text(rows_of(0, 20))
    assert read(tmp_path).test == 0


STEPS = np.cumsum(RNG.standard_normal((6, 80, 4)), 1)  # 6 random walks
ROWS = RNG.standard_normal((6, 80, 4))  # 6 files of 80 unrelated rows
FILES = {
    "walks": (STEPS, "x{}.npy", {}, (6, 4, 80)),
    "examples": (ROWS, "x{}.npy", {}, (480, 4)),
    "examples in order, numbered parts": (STEPS, "x-part-{}.npy", {}, (480, 4)),
    "numbers of a whole": (STEPS, "x-{}-of-6.npy", {}, (480, 4)),
    "examples by hand": (STEPS, "x{}.npy", {"data_layout": "vectors"}, (480, 4)),
    "series by hand": (ROWS, "x{}.npy", {"data_layout": "series"}, (6, 4, 80)),
    "pictures": (ROWS.reshape(6, 10, 8, 4), "x{}.npy", {}, (60, 1, 8, 4)),
    "participants": (STEPS, "participant_{}.npy", {}, (6, 4, 80)),
    "tables of walks": (STEPS, "x{}.csv", {}, (6, 4, 80)),
    "tables of examples": (ROWS, "x{}.csv", {}, (480, 4)),
}


@each("kind", FILES)
def test_files_are_series_or_shards(kind: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    arrays, name, options, shape = FILES[kind]
    place = tmp_path_factory.mktemp("files")
    for k, array in enumerate(arrays):
        path = place / name.format(k)
        if path.suffix == ".npy":
            np.save(path, array)
        else:
            np.savetxt(path, array, "%.5f", ",", header="a,b,c,d", comments="")
    data = read_twice(place, **options)
    assert data.x.shape == shape
    assert data.reading is not None
    (layout,) = [guess for guess in data.reading.guesses if guess.setting == "data_layout"]
    assert layout.why.endswith(".")
    assert ("unrelated" in layout.why) == (kind in ("examples", "tables of examples"))
    if len(shape) == 2:
        np.testing.assert_allclose(data.x, arrays.reshape(-1, 4), atol=1e-4)


def test_files_of_different_examples_are_refused(tmp_path: Path) -> None:
    for k in range(5):
        np.save(tmp_path / f"x{k}.npy", np.zeros((4, 8, 8 if k else 9), np.uint8))
    with pytest.raises(DataError, match=r"x1\.npy has examples of 8×8, and x0\.npy of 8×9"):
        read(tmp_path)


def test_two_arrays_are_labels_by_size_or_one_array(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ROWS[0])
    np.save(tmp_path / "b.npy", np.arange(80) % 3)
    assert read_twice(tmp_path).classes == ("0", "1", "2")
    np.save(tmp_path / "b.npy", ROWS[1])
    assert read_twice(tmp_path).x.shape == (160, 4)
    np.save(tmp_path / "b.npy", ROWS[1][:, :2])
    with pytest.raises(DataError, match="give one file of examples and one of labels"):
        read(tmp_path)
