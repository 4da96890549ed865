"""HDF5 files: AnnData in its versions, plain datasets, and files that point elsewhere."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy import sparse

from tests.data.test_bad_files import mutated
from tests.tables import each
from vae.data import ChoiceError, DataError, Dataset, apart, files, read, save_upload


@pytest.fixture(autouse=True)
def same_process(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Read in this process, which is faster, unless a test is about the other one."""
    if "apart" not in request.node.name:
        monkeypatch.setattr(files, "read_apart", files.read_here)


N, D = 12, 5
RNG = np.random.default_rng(0)
COUNTS = (RNG.poisson(2.0, (N, D)) * (RNG.random((N, D)) < 0.5)).astype(np.float32)
TYPES = np.array(["B cell", "NK", "T cell"])
CODES = np.arange(N) % 3
CELLS = [f"AAAC-{k}" for k in range(N)]
GENES = [f"Gene{k}" for k in range(D)]
TEXT = h5py.string_dtype()


def text(group: Any, name: str, cells: Any) -> None:
    group.create_dataset(name, data=np.array(cells, object), dtype=TEXT)


def matrix(file: Any, name: str, kind: str, compression: str | None = None) -> None:
    """Write COUNTS as a dense dataset, or as a group of a sparse matrix."""
    if kind == "dense":
        file.create_dataset(name, data=COUNTS, compression=compression)
        return
    group, found = file.create_group(name), getattr(sparse, f"{kind}_matrix")(COUNTS)
    group.attrs.update({"encoding-type": f"{kind}_matrix", "shape": (N, D)})
    for part in ("data", "indices", "indptr"):
        group.create_dataset(part, data=getattr(found, part), compression=compression)


def frame(file: Any, name: str, index: str, names: list[str]) -> Any:
    group = file.create_group(name)
    group.attrs["_index"] = index
    text(group, index, names)
    return group


def anndata(path: Path, kind: str = "csr", index: str = "_index") -> Path:
    """Write a file as anndata 0.8 and later do."""
    with h5py.File(path, "w") as file:
        matrix(file, "X", kind, "gzip")
        obs = frame(file, "obs", index, CELLS)
        types = obs.create_group("cell_type")
        types.create_dataset("codes", data=CODES.astype(np.int8))
        text(types, "categories", TYPES)
        obs.create_dataset("n_counts", data=COUNTS.sum(1))
        frame(file, "var", index, GENES)
        file.create_group("layers").create_dataset("scaled", data=COUNTS / 2)
        file.create_group("obsm").create_dataset("X_pca", data=COUNTS[:, :2])
        file.create_group("uns").create_dataset("number", data=3)
    return path


def categories_beside(path: Path) -> Path:
    """Write a file as anndata 0.7 did: codes in obs, texts in __categories."""
    with h5py.File(path, "w") as file:
        matrix(file, "X", "csc")
        obs = frame(file, "obs", "barcode", CELLS)
        obs.create_dataset("cell_type", data=CODES.astype(np.int8))
        text(obs.create_group("__categories"), "cell_type", TYPES)
        frame(file, "var", "index", GENES)
    return path


def one_dataset(path: Path) -> Path:
    """Write a file as anndata 0.6 did: obs and var are datasets of named fields."""
    with h5py.File(path, "w") as file:
        matrix(file, "X", "dense")
        fields = [("index", "S8"), ("cell_type", "i1")]
        cells = [(cell.encode(), code) for cell, code in zip(CELLS, CODES, strict=True)]
        file.create_dataset("obs", data=np.array(cells, fields))
        file.create_dataset(
            "var", data=np.array([(g.encode(),) for g in GENES], [("index", "S8")])
        )
        file.create_group("uns").create_dataset("cell_type_categories", data=TYPES.astype("S"))
    return path


VERSIONS: dict[str, Callable[[Path], Path]] = {
    "csr": anndata,
    "csc": lambda path: anndata(path, "csc", "barcodes"),
    "dense": lambda path: anndata(path, "dense"),
    "0.7": categories_beside,
    "0.6": one_dataset,
}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_of_anndata_gives_cells_classes_and_genes(
    version: str, tmp_path: Path
) -> None:
    path = VERSIONS[version](tmp_path / "cells.h5ad")
    data = read(path)
    np.testing.assert_array_equal(data.x, COUNTS)
    assert data.is_counts
    assert data.classes == tuple(TYPES)
    np.testing.assert_array_equal(data.labels, CODES)
    assert data.names is not None
    assert data.names.tolist() == CELLS
    assert data.columns == tuple(GENES)
    assert data.reading is not None
    left = sum(one.number for one in data.reading.left_out)
    assert data.reading.used + left == data.reading.number
    assert read(path, data.reading.settings).fingerprint == data.fingerprint
    stored = read(save_upload({path.name: path.read_bytes()}, tmp_path))
    assert (stored.fingerprint, stored.columns) == (data.fingerprint, data.columns)


def test_another_matrix_and_a_factor_can_be_chosen(tmp_path: Path) -> None:
    path = anndata(tmp_path / "cells.h5ad")
    chosen = {"data_examples": "layers/scaled", "data_factors": "n_counts"}
    data = read(path, chosen)
    np.testing.assert_array_equal(data.x, COUNTS / 2)
    assert data.columns == tuple(GENES)
    np.testing.assert_array_equal(data.factors["n_counts"], COUNTS.sum(1))
    assert read(path, {"data_examples": "obsm/X_pca"}).columns == ()


def test_datasets_have_the_roles_of_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_group("deep").create_dataset("first", data=COUNTS)
        file.create_dataset("second", data=COUNTS[:, :2])
        file.create_dataset("label", data=CODES)
        text(file, "names", CELLS)
    with pytest.raises(ChoiceError, match=r"holds .*deep/first \(12×5\)") as caught:
        read(path)
    assert set(caught.value.choices) == {"deep/first", "second"}
    data = read(path, {"data_examples": "deep/first"})
    np.testing.assert_array_equal(data.x, COUNTS)
    np.testing.assert_array_equal(data.labels, CODES)
    assert data.names is not None
    assert data.names.tolist() == CELLS
    with h5py.File(tmp_path / "b.hdf5", "w") as file:
        file.create_dataset("x", data=COUNTS)
    np.testing.assert_array_equal(read(tmp_path / "b.hdf5").x, COUNTS)


def elsewhere(file: Any, other: Path) -> None:
    layout = h5py.VirtualLayout((N, D), "f4")
    layout[:] = h5py.VirtualSource(str(other), "x", (N, D))
    file.create_virtual_dataset("x", layout)


def references(file: Any, other: Path) -> None:
    values = np.array([file.ref] * N, object).reshape(N, 1)
    file.create_dataset("x", data=values, dtype=h5py.ref_dtype)


FOREIGN: dict[str, tuple[Callable[[Any, Path], Any], str]] = {
    "another file": (elsewhere, "lies in another file"),
    "raw bytes": (
        lambda file, other: file.create_dataset(
            "x", (N, D), "f4", external=[(str(other), 0, N * D * 4)]
        ),
        "lies in another file",
    ),
    "references": (references, "holds references"),
    "lists": (
        lambda file, other: file.create_dataset("x", (N, 1), h5py.vlen_dtype(np.float32)),
        "holds references or lists",
    ),
    "fields": (
        lambda file, other: file.create_dataset("x", (N,), [("a", "f4"), ("b", "f4")]),
        "has named columns",
    ),
    "a large promise": (
        lambda file, other: file.create_dataset("x", (10**7, 10**5), "f4", chunks=(10, 10)),
        "declares .*, and at most 8 GiB",
    ),
    "a link": (
        lambda file, other: file.__setitem__("x", h5py.ExternalLink(str(other), "x")),
        "holds no array",
    ),
}


@each("case", FOREIGN)
def test_nothing_outside_the_file_is_read(case: str, tmp_path: Path) -> None:
    make, sentence = FOREIGN[case]
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file.create_dataset("x", data=COUNTS)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        make(file, other)
    with pytest.raises(DataError, match=sentence):
        read(tmp_path / "a.h5")


def test_a_matrix_with_a_wrong_index_is_refused(tmp_path: Path) -> None:
    path = anndata(tmp_path / "cells.h5ad")
    with h5py.File(path, "r+") as file:
        file["X/indices"][0] = D + 1
    with pytest.raises(DataError, match=r"cells.h5ad is damaged"):
        read(path)


def test_a_file_read_apart_is_the_same_or_raises_the_same(tmp_path: Path) -> None:
    path = anndata(tmp_path / "cells.h5ad")
    data, here = read(path), files.read_here(path, "cells", files.Description())
    assert data.fingerprint == here.fingerprint
    assert data._replace(x=here.x, labels=here.labels, names=None) == here._replace(names=None)
    save = apart.save_result
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("one", data=COUNTS)
        file.create_dataset("two", data=COUNTS)
    save(tmp_path / "a.h5", "a", files.Description(), tmp_path, files.read_here)
    error = apart._error(tmp_path / apart.PROBLEM)
    assert isinstance(error, ChoiceError)
    assert error.choices == ("one", "two")


def test_a_process_apart_that_ends_or_hangs_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = anndata(tmp_path / "cells.h5ad")
    monkeypatch.setattr(apart.sys, "executable", "/bin/false")
    with pytest.raises(DataError, match=r"cells\.h5ad is damaged"):
        read(path)
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 9\n")
    slow.chmod(0o755)
    monkeypatch.setattr(apart.sys, "executable", str(slow))
    monkeypatch.setattr(apart, "SECONDS", 0.1)
    with pytest.raises(DataError, match="took more than"):
        read(path)


def test_a_file_that_is_cut_off_is_a_sentence(tmp_path: Path) -> None:
    for ending in ("h5ad", "h5"):
        path = anndata(tmp_path / f"a.{ending}")
        path.write_bytes(path.read_bytes()[:-500])
        with pytest.raises(DataError, match=rf"a\.{ending} is damaged"):
            read(path)


@pytest.mark.long
@pytest.mark.parametrize("ending", ["h5ad", "h5"])
def test_damaged_files_read_apart_raise_data_errors_only(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HDF5 loops on some of these files."""
    monkeypatch.setattr(apart, "SECONDS", 20)
    path, rng = tmp_path / f"a.{ending}", np.random.default_rng(0)
    content, refused = anndata(path).read_bytes(), 0
    options = {"data_examples": "X"} if ending == "h5ad" else {}
    for _ in range(30):
        path.write_bytes(mutated(content, rng))
        try:
            assert isinstance(read(path, options), Dataset)
        except DataError:
            refused += 1
    assert refused
