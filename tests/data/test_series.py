"""Series as people bring them: every form gives the same curves, lengths, classes and names.

The series are sines of two channels with a length each; a file is read a second time with the
settings of the first reading, and gives the same data.
"""

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.test_reading import read_twice, settings
from tests.tables import each
from vae.data import DataError, Dataset, load, mapping, read, save_upload
from vae.data.missing import hidden, missing_in
from vae.data.series import after_end, channel_ends, lengths

RNG = np.random.default_rng(0)
LENGTHS = np.array([20, 31, 25, 40, 22, 37, 29, 33])
CLASSES = np.array([0, 1] * 4)
PARTS = [
    np.stack([np.sin(np.arange(n) / (3 + k)), np.cos(np.arange(n) / 5)], 1).round(4)
    for k, n in enumerate(LENGTHS)
]
PADDED = np.full((len(PARTS), LENGTHS.max(), 2), np.nan, np.float32)  # (N, T, C)
for _row, _part in zip(PADDED, PARTS, strict=True):
    _row[: len(_part)] = _part
ZEROS = np.nan_to_num(PADDED)


def table(part: np.ndarray, header: str = "left,right", first: Any = None) -> str:
    rows = [",".join(map(str, row)) for row in part]
    if first is not None:
        rows = [f"{first(k)},{row}" for k, row in enumerate(rows)]
    return "\n".join([header, *rows] if header else rows) + "\n"


def folder(
    path: Path, name: Callable[[int], str], write: Callable[[Path, np.ndarray], Any]
) -> Path:
    """Write one series a file."""
    for k, part in enumerate(PARTS):
        file = path / "walks" / name(k)
        file.parent.mkdir(parents=True, exist_ok=True)
        write(file, part)
    return path / "walks"


def saved(path: Path, **arrays: Any) -> Path:
    np.savez(path / "t.npz", **arrays)
    return path / "t.npz"


def array(path: Path, x: np.ndarray) -> Path:
    np.save(path / "t.npy", x)
    return path / "t.npy"


def zipped(path: Path) -> Path:
    source = folder(path, lambda k: f"{'ab'[k % 2]}/{k}.npy", np.save)
    with zipfile.ZipFile(path / "walks.zip", "w") as archive:
        for file in sorted(source.rglob("*.npy")):
            archive.write(file, f"top/{file.relative_to(source)}")
    return path / "walks.zip"


def by_class(k: int) -> str:
    return f"{'ab'[k % 2]}/{k}"


def text(header: str = "left,right", first: Any = None) -> Callable[[Path, np.ndarray], Any]:
    return lambda file, part: file.write_text(table(part, header, first))


def packed(file: Path, part: np.ndarray) -> None:
    file.write_bytes(gzip.compress(table(part).encode()))


# name: how it is written, names of the classes, names of the channels
FORMS: dict[str, tuple[Callable[[Path], Path], tuple[str, ...], tuple[str, ...]]] = {
    "NaN after the ends": (lambda p: array(p, PADDED), (), ()),
    "channels first": (lambda p: array(p, PADDED.transpose(0, 2, 1)), (), ()),
    "zeros and lengths": (lambda p: saved(p, x=ZEROS, lengths=LENGTHS), (), ()),
    "channels first and lengths": (
        lambda p: saved(p, x=ZEROS.transpose(0, 2, 1), lengths=LENGTHS, y=CLASSES), ("0", "1"), ()
    ),
    "one after the other": (
        lambda p: saved(p, data=np.concatenate(PARTS), lengths=LENGTHS, labels=CLASSES),
        ("0", "1"), (),
    ),
    "a folder of arrays": (lambda p: folder(p, lambda k: f"{k}.npy", np.save), (), ()),
    "a folder of turned arrays": (
        lambda p: folder(p, lambda k: f"{k}.npy", lambda f, x: np.save(f, x.T)), (), ()
    ),
    "folders of classes": (
        lambda p: folder(p, lambda k: by_class(k) + ".npy", np.save), ("a", "b"), ()
    ),
    "a .zip of classes": (zipped, ("a", "b"), ()),
    "tables": (
        lambda p: folder(p, lambda k: by_class(k) + ".csv", text()), ("a", "b"), ("left", "right")
    ),
    "tables without a header": (
        lambda p: folder(p, lambda k: f"{k}.csv", text("")), (), ()
    ),
    "tables with a time": (
        lambda p: folder(
            p, lambda k: f"{k}.txt", text("time,left,right", lambda k: 0.02 * k)
        ), (), ("left", "right"),
    ),
    "tables with a step": (
        lambda p: folder(p, lambda k: f"{k}.csv", text("step,left,right", lambda k: k)),
        (), ("left", "right"),
    ),
    "tables with a date": (
        lambda p: folder(
            p, lambda k: f"{k}.csv", text("day,left,right", lambda k: f"2024-01-{k + 1:02}")
        ), (), ("left", "right"),
    ),
    "packed tables": (
        lambda p: folder(p, lambda k: f"{k}.csv.gz", packed), (), ("left", "right")
    ),
}  # fmt: skip


@each("form", FORMS)
def test_every_form_of_a_ragged_series_is_read(
    form: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write, classes, channels = FORMS[form]
    path = write(tmp_path_factory.mktemp("form"))
    data = read_twice(path)
    names = (
        [] if data.names is None else [int(Path(name).name.split(".")[0]) for name in data.names]
    )
    order = names or list(range(len(PARTS)))
    np.testing.assert_array_equal(data.x, PADDED.transpose(0, 2, 1)[order])
    assert (data.classes, data.columns) == (classes, channels)
    if classes:
        np.testing.assert_array_equal(data.labels, CLASSES[order])
    assert data.is_series
    assert data.missing
    assert settings(data)["layout"] == "series"
    np.testing.assert_array_equal(lengths(data.x), LENGTHS[order])
    assert data.reading is not None
    (note,) = [note for note in data.reading.notes if note.startswith("Lengths: 20 to 40 steps")]
    assert "Not observed" not in note
    assert not missing_in(data, np.arange(len(PARTS))).any()


def test_files_beside_the_series_are_counted_and_named(tmp_path: Path) -> None:
    path = folder(tmp_path, lambda k: f"{by_class(k)}.csv", text())
    (path / "README.txt").write_text("Two walks.")
    (path / ".hidden.csv").write_text("x")
    data = read_twice(path)
    assert data.reading is not None
    assert (data.reading.number, data.reading.used) == (10, 8)
    assert "README.txt" in data.reading.left_out[0].names


def test_train_and_test_folders_are_parts(tmp_path: Path) -> None:
    part = ("train", "test")
    path = folder(tmp_path, lambda k: f"{part[k > 4]}/{by_class(k)}.npy", np.save)
    data = read_twice(path)
    assert (data.test, data.classes) == (3, ("a", "b"))
    assert data.reading is not None


def ucr(path: Path, x: np.ndarray, labels: np.ndarray, separator: str = "\t") -> Path:
    """Write a file of the UCR archive: the class, then the series, in each line."""
    rows = [[label, *row] for label, row in zip(labels, x, strict=True)]
    path.write_text("\n".join(separator.join(map(str, row)) for row in rows) + "\n")
    return path


@each("separator", ["\t", ",", "  "])
def test_a_file_of_the_ucr_archive_has_its_class_first(
    separator: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("ucr")
    x = PADDED[:, :, 0].astype(str)
    if separator == "  ":  # the older form: no series is shorter, the class a real number
        x, labels = ZEROS[:, :, 0], CLASSES + 1.0
    else:
        labels = CLASSES + 1
    data = read_twice(ucr(path / "Walk_TRAIN.txt", x, labels, separator))
    assert data.event_shape == (1, 40)
    assert data.classes == ("1", "2")
    expected = PADDED[:, :, 0] if separator != "  " else ZEROS[:, :, 0]
    np.testing.assert_array_equal(data.x[:, 0], expected)
    ucr(path / "Walk_TEST.txt", x[:3], labels[:3], separator)
    both = read_twice(path / "Walk_TRAIN.txt")
    assert (len(both.x), both.test) == (11, 3)
    vectors = read(path / "Walk_TRAIN.txt", {"data_layout": "vectors"})
    assert vectors.event_shape == (40,)


def test_columns_that_number_the_steps_are_series(tmp_path: Path) -> None:
    x = RNG.standard_normal((9, 18)).round(3)
    header = ",".join(f"t{k}" for k in range(18))
    path = tmp_path / "t.csv"
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in x)]) + "\n")
    assert read_twice(path).event_shape == (1, 18)
    path.write_text(path.read_text().replace("t0", "first"))
    assert read_twice(path).event_shape == (18,)


NO_SERIES = {
    "a table with few gaps": np.where(RNG.random((30, 20)) < 0.1, np.nan, 1.5),
    "one short column": np.where(np.outer(np.arange(30) < 9, np.arange(20) == 19), np.nan, 1.5),
    "a narrow table": PADDED[:, 25:37, 0],
}  # fmt: skip


@each("kind", NO_SERIES)
def test_other_missing_values_are_no_ends(
    kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    x = NO_SERIES[kind]
    x = np.where(np.isnan(x).all(1, keepdims=True), 0.5, x)
    assert not read(array(tmp_path_factory.mktemp("vectors"), x)).is_series


def test_lengths_that_do_not_fit_are_no_lengths(tmp_path: Path) -> None:
    """A column named length of a table is one more array, and is named as left out."""
    for steps in (LENGTHS + 1, LENGTHS * 0.5, np.full(8, 40), np.empty(0, int)):
        data = read(saved(tmp_path, x=ZEROS, length=steps))
        assert not data.missing
        assert data.reading is not None
        assert "length" in data.reading.left_out[0].names


@pytest.mark.parametrize("steps", [LENGTHS + 40, LENGTHS - LENGTHS.min(), np.full(8, -1)])
@pytest.mark.parametrize("name", ["lengths", "seq_len", "n_steps"])
def test_lengths_beyond_the_steps_are_a_sentence(
    steps: np.ndarray, name: str, tmp_path: Path
) -> None:
    """Read without their ends, the series would end in rows of zeros."""
    path = saved(tmp_path, x=ZEROS, **{name: steps})
    with pytest.raises(DataError, match=f"{name} holds .* have at most .* steps: correct"):
        read(path)
    path = saved(tmp_path, x=ZEROS, length=steps)
    with pytest.raises(DataError, match="length holds"):
        load(str(path), options={"data_layout": "series"})


def test_the_ends_of_a_channel_leave_out_missing_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mapping, "PIECE", 8)  # a series at a time
    x = np.array([[[1, np.nan, 3], [5, 6, 7]], [[np.nan] * 3, [-2, np.nan, 9]]], np.float32)
    low, high = channel_ends(x)
    np.testing.assert_array_equal([low, high], [[1, -2], [3, 9]])


def test_text_beside_lengths_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not numbers"):
        read(saved(tmp_path, x=np.full((8, 3), "a"), lengths=np.full(8, 2)))


SENTENCES: dict[str, tuple[Callable[[Path, np.ndarray], Any], str]] = {
    "text": (lambda f, x: f.write_text(table(x).replace("0.", "o." if len(x) == 33 else "0.", 1)),
             r"7\.csv: column \w+ holds text, such as 'o\.\d+'"),
    "widths": (lambda f, x: f.write_text(table(x) if len(x) != 33 else "left,right\n1\n"),
               r"7\.csv, line 2: 1 column where the first line has 2"),
    "no bytes": (lambda f, x: f.write_text(table(x) if len(x) != 33 else ""),
                 r"7\.csv has no steps"),
    "no lines": (lambda f, x: f.write_text(table(x) if len(x) != 33 else "left,right\n"),
                 r"7\.csv has no steps"),
    "order": (lambda f, x: text("right,left" if len(x) == 33 else "left,right")(f, x),
              r"7\.csv begins with the line right,left, and 0\.csv with left,right"),
    "no header": (lambda f, x: f.write_text(table(x, "left,right" if len(x) != 33 else "")),
                  r"7\.csv begins with the line -?\d"),
}  # fmt: skip


@each("kind", SENTENCES)
def test_a_sentence_names_the_damaged_file(
    kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write, sentence = SENTENCES[kind]
    path = folder(tmp_path_factory.mktemp("bad"), lambda k: f"{k}.csv", write)
    with pytest.raises(DataError, match=sentence):
        read(path)


def test_arrays_of_different_channels_are_refused(tmp_path: Path) -> None:
    path = folder(tmp_path, lambda k: f"{k}.npy", lambda f, x: np.save(f, x[:, : len(x) % 2 + 1]))
    with pytest.raises(DataError, match="give all of them the same number of channels"):
        read(path)


def test_series_are_stored_and_read_from_an_upload(tmp_path: Path) -> None:
    path = folder(tmp_path, lambda k: f"{k}.csv", text())
    files = {file.name: file.read_bytes() for file in sorted(path.iterdir())}
    stored = read(save_upload(files, tmp_path))
    assert stored.fingerprint == read(path).fingerprint
    assert stored.columns == ("left", "right")


def ragged(holes: bool = True) -> Dataset:
    x = PADDED.transpose(0, 2, 1).copy()
    if holes:
        x[0, 1, 3] = x[3, :, 39] = np.nan  # the last step of the longest series: it ends before
    return Dataset("walks", x, 1.0, columns=("left", "right"))


def test_the_end_of_a_series_is_no_missing_value() -> None:
    data = ragged()
    gone = missing_in(data, np.arange(8))
    assert gone.sum() == 1
    assert gone[0, 1, 3]
    assert lengths(data.x)[3] == 39
    beyond = after_end(data.x)
    np.testing.assert_array_equal((~beyond).any(1).sum(1), lengths(data.x))
    some = hidden(data, 0.3, seed=0)
    away = missing_in(some, np.arange(8))
    assert not (away & beyond).any()
    assert away.sum() == (np.isnan(some.x) & ~beyond).sum() > 100
    assert not after_end(np.full((2, 3), np.nan)).any()
