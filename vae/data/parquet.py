"""A .parquet table → arrays.

| columns | result |
|---|---|
| numbers | vectors, one element per column |
| a single column of lists of numbers, all of one length | vectors |
| a column of pictures (bytes of a file, or a struct of bytes and path) | images |

A column named label, labels, class, target or y, of whole numbers or text, holds the labels. With
pictures, the other columns are ignored.
"""

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from vae.data.arrays import Array, Raw
from vae.data.csv_table import LABELS
from vae.data.dataset import LIMIT, DataError
from vae.data.formats import parsing
from vae.data.pictures import decoded

INDEX = "__index_level_"  # prefix of the index columns of pandas
BATCH = 16_384  # rows


def read_parquet(path: Path) -> Raw:
    """Return the examples, (N, D) or (N, C, H, W), and their labels, (N,); raises DataError."""
    with parsing(path.name, "a .parquet file"):
        table = _table(path)
    names = [name for name in table.column_names if not name.startswith(INDEX)]
    if len(set(names)) < len(names):
        raise DataError(f"{path.name} has two columns of the same name: rename one.")
    if not table.num_rows or not names:
        raise DataError(f"{path.name} has no rows or no columns: save it again with data.")
    lower = [name.lower() for name in names]
    label = next((names[lower.index(name)] for name in LABELS if name in lower), None)
    rest = [name for name in names if name != label]
    if not rest:
        raise DataError(f"{path.name} has labels only: add columns of examples.")
    with parsing(path.name, "a .parquet file"):
        labels = None if label is None else _labels(table, label, path.name)
        images = [name for name in rest if _holds_pictures(table.schema.field(name).type)]
        if images:
            x, note = _pictures(table, images[0], path.name)
            return Raw(x, labels, scale=255.0, note=note)
        return Raw(_numbers(table, rest, path.name), labels)


def _table(path: Path) -> Any:
    """Return the table, after checking its size before memory is allocated."""
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    with pq.ParquetFile(path, thrift_string_size_limit=2**26) as file:
        about = file.metadata
        declared = sum(about.row_group(k).total_byte_size for k in range(about.num_row_groups))
        if max(declared, 8 * about.num_rows * about.num_columns) > LIMIT:
            raise DataError(
                f"{path.name} declares more than {LIMIT // 2**30} GiB: use fewer rows or columns."
            )
        batches, rows = [], 0
        for batch in file.iter_batches(BATCH, use_threads=False):
            rows += batch.num_rows
            if rows > about.num_rows:
                raise ValueError("more rows than declared")
            batches.append(batch)
        return pa.Table.from_batches(batches, file.schema_arrow)


def _column(table: Any, name: str, file: str) -> Any:
    """Return a column as one array; DataError if a value is missing."""
    column = table.column(name)
    if column.null_count:
        raise DataError(
            f"{file}: column {name} lacks {column.null_count:,} values: fill them in, or remove "
            "their rows."
        )
    return column.combine_chunks()


def _numbers(table: Any, names: list[str], file: str) -> Array:
    """Return the columns of numbers, or the only column of lists, as int64 or float64 (N, D)."""
    import pyarrow.types as kinds  # type: ignore[import-untyped]

    types = {name: table.schema.field(name).type for name in names}
    if len(names) == 1 and _is_list(types[names[0]]):
        return _lists(_column(table, names[0], file), names[0], file)
    for name, kind in types.items():
        if not (kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_boolean(kind)):
            raise DataError(
                f"{file}: column {name} holds {kind} and not numbers: remove it, or name it label "
                "if it is the class. A column of lists must be the only one besides the label."
            )
    columns = [_column(table, name, file).to_numpy(zero_copy_only=False) for name in names]
    whole = all(column.dtype.kind in "biu" for column in columns)
    return np.column_stack(columns).astype(np.int64 if whole else np.float64)


def _is_list(kind: Any) -> bool:
    import pyarrow.types as kinds

    return bool(kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind))


def _lists(column: Any, name: str, file: str) -> Array:
    """Return a column of lists of numbers, all of one length, as (N, D)."""
    import pyarrow.compute as pc  # type: ignore[import-untyped]

    lengths = np.unique(pc.list_value_length(column).to_numpy(zero_copy_only=False))
    flat = column.flatten()
    if len(lengths) > 1 or not lengths[0] or flat.null_count:
        raise DataError(
            f"{file}: the lists of column {name} have {lengths.min()} to {lengths.max()} values, "
            f"{flat.null_count:,} of them missing: give all lists the same length and no missing "
            "values."
        )
    values = flat.to_numpy(zero_copy_only=False)
    if values.dtype.kind not in "biuf":
        raise DataError(
            f"{file}: the lists of column {name} hold {flat.type}: convert them to numbers."
        )
    return np.asarray(values).reshape(len(column), -1)


def _labels(table: Any, name: str, file: str) -> Array:
    """Return the labels as numbers or text, (N,)."""
    import pyarrow as pa

    column = _column(table, name, file)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    values = column.to_numpy(zero_copy_only=False)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return np.array(values.tolist(), np.str_)
    if values.dtype.kind not in "biuf":
        raise DataError(
            f"{file}: column {name} holds {column.type}, and labels are whole numbers or text: "
            "rename it if it is not the class."
        )
    return np.asarray(values)


def _holds_pictures(kind: Any) -> bool:
    """Return whether a column of this type holds bytes, or structs with a field of bytes."""
    import pyarrow.types as kinds

    if kinds.is_struct(kind):
        kind = next((field.type for field in kind if field.name == "bytes"), None)
    return kind is not None and bool(kinds.is_binary(kind) or kinds.is_large_binary(kind))


def _pictures(table: Any, name: str, file: str) -> tuple[Array, str]:
    """Return a column of picture files, decoded to (N, C, H, W) uint8, and a note on changes."""
    import pyarrow.types as kinds

    column = _column(table, name, file)
    if kinds.is_struct(column.type):
        column = column.field("bytes")
    if column.null_count:
        raise DataError(
            f"{file}: {column.null_count:,} pictures of column {name} are missing: remove their "
            "rows."
        )
    contents = column.to_pylist()
    openers: list[Callable[[], IO[bytes]]] = [partial(io.BytesIO, c) for c in contents]
    rows = zip(contents, openers, strict=True)
    return decoded([(f"row {n}", len(c), o) for n, (c, o) in enumerate(rows)], file)
