"""AnnData files (.h5ad): cells × genes → examples, classes and names.

X is a dense dataset or a sparse matrix (CSR or CSC). A matrix of `layers` or `obsm`, or `raw/X`,
can be chosen instead. The columns of `obs` get the roles of a table's columns: class, known
factors and row names. The index of `var` names the columns of X. Files of old versions hold `obs`
as one dataset. https://anndata.readthedocs.io/en/latest/fileformat-prose.html
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from vae.base.numbers import plural
from vae.data.arrays import Array, Raw
from vae.data.column import Column
from vae.data.columns import Table, assign
from vae.data.description import Description, Guess, Reading, chosen, grouped, named
from vae.data.errors import LIMIT, DataError
from vae.data.hdf5 import attribute, opened, values
from vae.data.table_arrays import raw_of

FOLDERS = ("layers", "obsm")  # of further matrices
INDICES = ("_index", "index")  # names of the index in files of old versions
FORMATS = {"csr": "csr_matrix", "csc": "csc_matrix"}


def read_h5ad(path: Path, wanted: Description) -> Raw:
    """Return the examples (N, D) of an AnnData file with classes, factors and names."""
    file = path.name
    with opened(path) as content:
        matrices = _matrices(content)
        guess = _guess(matrices, wanted, file)
        x, note = _matrix(content[guess.value], file, guess.value)
        table = Table(file, tuple(_columns(content, file, len(x))))
        genes = _genes(content, guess.value, file)
    roles = assign(table, wanted, guess.value)
    others = [(name, "another matrix was chosen") for name in matrices if name != guess.value]
    left = (*roles.left_out, *grouped(others))
    number = len(table.columns) + len(matrices)
    reading = Reading((guess, *roles.guesses), "array", number, left, (note,))
    names = genes if len(genes) == x.shape[1] else ()
    return raw_of(roles, reading, x)._replace(columns=names)


def _matrices(content: Any) -> list[str]:
    """Return the names of the matrices of cells × values."""
    found = [name for name in ("X", "raw/X") if name in content]
    for folder in FOLDERS:
        found += [f"{folder}/{key}" for key in content.get(folder, ())]
    return found


def _guess(matrices: list[str], wanted: Description, file: str) -> Guess:
    if not matrices:
        raise DataError(f"{file} has no matrix X: save an AnnData object with X.")
    guess = chosen(wanted, "data_examples", matrices[0], "The first matrix.", matrices)
    return guess._replace(value=matrices[named(guess.value, matrices, file, "data_examples")])


def _matrix(item: Any, file: str, name: str) -> tuple[Array, str]:
    """Return a matrix (N, D), and a note on its form."""
    import h5py

    if isinstance(item, h5py.Dataset):
        x = values(item, file, name)
        if x.ndim != 2:
            raise DataError(f"{file}: {name} has {x.ndim} axes: choose a matrix of two.")
        return x, f"{name} is a dense matrix."
    kind = str(attribute(item, "encoding-type") or attribute(item, "h5sparse_format") or "")
    kind = kind.removesuffix("_matrix")
    shape = attribute(item, "shape")
    shape = attribute(item, "h5sparse_shape") if shape is None else shape
    if kind not in FORMATS or shape is None or np.shape(shape) != (2,):
        raise DataError(f"{file}: {name} is no dense or sparse matrix: choose another one.")
    rows, columns = (int(n) for n in shape)
    data, indices, indptr = (values(item[k], file, name) for k in ("data", "indices", "indptr"))
    if min(rows, columns) < 1 or data.itemsize * rows * columns > LIMIT:
        raise DataError(
            f"{file}: {name} needs more than {LIMIT // 2**30} GiB as a dense matrix of "
            f"{rows:,}×{columns:,}: keep fewer cells, or the most variable genes."
        )
    return _dense(kind, (data, indices, indptr), (rows, columns)), (
        f"{name} is a sparse matrix ({kind}) of {plural(len(data), 'value')} other than 0."
    )


def _dense(kind: str, parts: tuple[Array, Array, Array], shape: tuple[int, int]) -> Array:
    """Return a sparse matrix as a dense one, after checking every index."""
    from scipy import sparse

    matrix = getattr(sparse, FORMATS[kind])(parts, shape)
    matrix.check_format(full_check=True)  # no index outside the matrix
    return np.asarray(matrix.toarray())


def _columns(content: Any, file: str, rows: int) -> Iterator[Column]:
    """Yield the columns of obs, its index first."""
    obs = content.get("obs")
    if obs is None:
        return
    for name, found in _table(content, obs, file):
        if found.shape != (rows,):
            raise DataError(f"{file}: obs/{name} has not one entry per row of the matrix.")
        yield Column(name, found)


def _table(content: Any, table: Any, file: str) -> Iterator[tuple[str, Array]]:
    """Yield name and values of the columns of obs, its index first."""
    import h5py

    if isinstance(table, h5py.Dataset):  # old versions
        yield from _fields(content, table, file)
        return
    index = str(attribute(table, "_index") or "_index")
    for name in [index, *(key for key in table if key != index)]:
        if name in table and not name.startswith("__"):
            yield name, _column(table, name, file)


def _column(table: Any, name: str, file: str) -> Array:
    """Return a column: numbers, text, categories as text, or numbers with NaN where masked."""
    import h5py

    item, where = table[name], f"obs/{name}"
    if isinstance(item, h5py.Dataset):
        categories = table.get(f"__categories/{name}")
        found = values(item, file, where)
        return found if categories is None else _texts(values(categories, file, where), found)
    if "codes" in item:
        categories, codes = (values(item[k], file, where) for k in ("categories", "codes"))
        return _texts(categories, codes)
    if "values" in item and "mask" in item:
        found, mask = (values(item[k], file, where) for k in ("values", "mask"))
        if found.dtype.kind == "U":
            return np.where(mask, "", found)
        return np.where(mask, np.nan, found.astype(np.float64))
    raise DataError(f"{file}: {where} is no column: save it as numbers, text or categories.")


def _texts(categories: Array, codes: Array) -> Array:
    """Return the category of each code; "" for a code below 0."""
    if codes.dtype.kind not in "iu" or (codes.size and codes.max() >= len(categories)):
        raise ValueError("a code has no category")
    return np.array([*categories.astype(np.str_), ""], np.str_)[np.maximum(codes, -1)]


def _fields(content: Any, table: Any, file: str) -> Iterator[tuple[str, Array]]:
    """Yield the fields of obs as one dataset; codes have their categories in uns."""
    if table.dtype.hasobject or table.is_virtual or table.external:
        raise DataError(f"{file}: obs is from an old version: save it again with anndata.")
    found = table[()]
    for name in found.dtype.names or ():
        column = found[name]
        categories = content.get(f"uns/{name}_categories")
        if categories is not None:
            column = _texts(values(categories, file, name), column)
        yield (
            name,
            np.char.decode(column, "utf-8", "replace") if column.dtype.kind == "S" else column,
        )


def _genes(content: Any, matrix: str, file: str) -> tuple[str, ...]:
    """Return the names of the columns of X; none for other matrices."""
    import h5py

    var = content.get("raw/var" if matrix.startswith("raw/") else "var")
    if var is None or matrix.startswith("obsm/"):
        return ()
    if isinstance(var, h5py.Dataset):
        index = next((name for name in INDICES if name in (var.dtype.names or ())), None)
        found = dict(_fields({}, var, file)).get(index) if index else None
    else:
        index = str(attribute(var, "_index") or "_index")
        found = _column(var, index, file) if index in var else None
    return () if found is None else tuple(map(str, found))
