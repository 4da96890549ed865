"""Tables in .parquet: every layout is read exactly, and every fault raises one sentence."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.data.test_pictures import COLOUR, encoded
from vae.data import DataError, Dataset, read, save_upload

RNG = np.random.default_rng(0)
TABLE = RNG.standard_normal((7, 3)).round(3)
WHOLE = RNG.integers(0, 256, (7, 4))


def written(path: Path, columns: dict[str, Any], **more: Any) -> Path:
    pq.write_table(pa.table(columns), path, **more)
    return path


def columns(array: np.ndarray) -> dict[str, Any]:
    return {f"c{k}": array[:, k] for k in range(array.shape[1])}


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd", "gzip", "lz4", "brotli"])
def test_columns_of_numbers_become_vectors(compression: str, tmp_path: Path) -> None:
    data = read(written(tmp_path / "t.parquet", columns(TABLE), compression=compression))
    assert np.array_equal(data.x, TABLE.astype(np.float32))
    assert data.scale == 1
    assert data.name == "t"
    assert data.labels is None
    whole = read(written(tmp_path / "w.parquet", columns(WHOLE)))
    assert whole.x.dtype == np.float32
    assert np.array_equal(whole.x, WHOLE)
    assert whole.scale == 1


@pytest.mark.parametrize(
    ("name", "labels", "classes"),
    [
        ("label", [1, 0, 2, 1, 0, 2, 1], ("0", "1", "2")),
        ("Class", list("abcabca"), ("a", "b", "c")),
        ("target", pa.array(list("abcabca")).dictionary_encode(), ("a", "b", "c")),
        ("y", pa.array(list("abcabca"), pa.large_string()), ("a", "b", "c")),
        ("labels", [True, False] * 3 + [True], ("False", "True")),
        ("label", [1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0], ("1", "2")),
    ],
)
def test_a_column_of_labels_becomes_classes(
    name: str, labels: Any, classes: tuple[str, ...], tmp_path: Path
) -> None:
    data = read(written(tmp_path / "t.parquet", columns(TABLE) | {name: labels}))
    assert data.classes == classes
    assert data.x.shape == (7, 3)


@pytest.mark.parametrize("kind", ["list", "large", "fixed"])
def test_a_column_of_lists_becomes_vectors(kind: str, tmp_path: Path) -> None:
    types = {
        "list": pa.list_(pa.float64()),
        "large": pa.large_list(pa.float32()),
        "fixed": pa.list_(pa.float64(), 3),
    }
    column = pa.array(TABLE.tolist(), types[kind])
    data = read(written(tmp_path / "t.parquet", {"embedding": column, "y": [0, 1] * 3 + [0]}))
    assert np.allclose(data.x, TABLE)
    assert data.classes == ("0", "1")


@pytest.mark.parametrize("layout", ["struct", "binary", "large"])
def test_a_column_of_pictures_becomes_images(layout: str, tmp_path: Path) -> None:
    files = [encoded(c) for c in COLOUR]
    column = pa.array(
        [{"bytes": f, "path": None} for f in files] if layout == "struct" else files,
        None if layout == "struct" else pa.binary() if layout == "binary" else pa.large_binary(),
    )
    table = {"image": column, "label": list("abcabc"), "id": list("uvwxyz")}
    path = written(tmp_path / "t.parquet", table)
    data = read(path)
    assert np.array_equal(data.x, COLOUR.transpose(0, 3, 1, 2))
    assert data.classes == ("a", "b", "c")
    assert data.about == "6 examples from t.parquet, 8×10 pixels in colour."
    kept = read(save_upload({"t.parquet": path.read_bytes()}, tmp_path / "runs"))
    assert kept.fingerprint == data.fingerprint


def test_tables_of_pandas_are_read_without_their_index(tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame(TABLE, columns=list("abc"), index=list("tuvwxyz"))
    frame["label"] = pd.Categorical(list("ababaab"))
    frame.to_parquet(tmp_path / "t.parquet")
    data = read(tmp_path / "t.parquet")
    assert np.array_equal(data.x, TABLE.astype(np.float32))
    assert data.classes == ("a", "b")


def test_many_rows_keep_their_order(tmp_path: Path) -> None:
    x = np.arange(80_000.0).reshape(40_000, 2)
    data = read(written(tmp_path / "t.parquet", columns(x), row_group_size=7000))
    assert np.array_equal(data.x, x)


BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "has no rows or no columns: save it again"),
    ({"a": pa.array([], pa.int64())}, "has no rows or no columns"),
    ({"label": [1, 2]}, "has no column of numbers for the examples"),
    ({"a": [1.0, np.inf]}, "infinity 1 times, first in example 1"),
    ({"a": [[1.0], [1.0, 2.0]]}, "the lists of column a have 1 to 2 values"),
    ({"a": [[], []]}, "the lists of column a have 0 to 0 values"),
    ({"a": [["x"], ["y"]]}, "the lists of column a hold string: convert them to numbers"),
    ({"image": [b"abc", b"def"]}, "t.parquet: row 0 is damaged, or not a picture"),
    ({"image": pa.array([{"bytes": b"a"}, {"bytes": None}])}, "1 pictures of column image are"),
    ({"a": pa.array([1, 2], pa.date32())}, "no column of numbers"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "sentence"), BAD, ids=[sentence[:30] for _, sentence in BAD])
def test_each_fault_raises_one_sentence(table: Any, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=sentence) as caught:
        read(written(tmp_path / "t.parquet", table))
    assert "\n" not in str(caught.value)
    assert "t.parquet" in str(caught.value)
    assert str(caught.value).endswith(".")


def test_files_without_a_table_raise_a_sentence(tmp_path: Path) -> None:
    path = written(tmp_path / "t.parquet", columns(TABLE))
    whole = path.read_bytes()
    for content in (b"PAR1", b"something else", whole[:-5], whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"t.parquet is damaged, or not a .parquet file"):
            read(path)
    two = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    pq.write_table(two, path)
    with pytest.raises(DataError, match="two columns of the same name"):
        read(path)


def test_a_table_with_a_too_large_header_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "t.parquet", {"a": pa.array(np.zeros(100_000))})
    assert isinstance(read(path), Dataset)
    monkeypatch.setattr("vae.data.parquet.LIMIT", 799_999)
    with pytest.raises(DataError, match="declares more than"):
        read(path)
