"""A .parquet table → arrays.

| columns | result |
|---|---|
| numbers | vectors, one element per column |
| a column of lists of numbers, all of one length | vectors |
| a column of pictures (bytes of a file, or a struct of bytes and path) | images |

`columns` finds the role of each column. Lists and pictures leave out the columns of numbers; an
index of pandas names the rows.
"""

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from vae.data.arrays import Array, Raw
from vae.data.column import Column
from vae.data.columns import Table, assign
from vae.data.decoding import Decoded, decoded
from vae.data.description import (
    AUTO,
    NONE,
    Description,
    Guess,
    Reading,
    chosen,
    named,
)
from vae.data.errors import LIMIT, DataError
from vae.data.formats import parsing
from vae.data.table_arrays import examples_raw, raw_of

INDEX = "__index_level_"  # prefix of the index columns of pandas
BATCH = 16_384  # rows


def read_parquet(path: Path, wanted: Description) -> Raw:
    """Return the examples, (N, D) or (N, C, H, W), and their labels, (N,); raises DataError."""
    file = path.name
    with parsing(file, "a .parquet file"):
        table = _table(path)
    names = list(table.column_names)
    if len(set(names)) < len(names):
        raise DataError(f"{file} has two columns of the same name: rename one.")
    if not table.num_rows or not [n for n in names if not n.startswith(INDEX)]:
        raise DataError(f"{file} has no rows or no columns: save it again with data.")
    with parsing(file, "a .parquet file"):
        special = _special(table, wanted, file)
        name = special.value if special else ""
        columns = tuple(_read(table, n) for n in names if n != name)
        roles = assign(Table(file, columns), wanted, name)
        guesses = (special, *roles.guesses) if special else roles.guesses
        reading = Reading(guesses, "column", len(names), roles.left_out)
        if not special:
            return examples_raw(roles, reading)
        if _holds_pictures(table.schema.field(name).type):
            return _pictures(table, name, file, wanted).joined(raw_of(roles, reading))
        return raw_of(roles, reading, _lists(_complete(table, name, file), name, file))


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


def _special(table: Any, wanted: Description, file: str) -> Guess | None:
    """Return the column of pictures or lists that holds the examples; None for a table of
    numbers."""
    types = {field.name: field.type for field in table.schema}
    pictures = [name for name, kind in types.items() if _holds_pictures(kind)]
    lists = [name for name, kind in types.items() if _is_list(kind)]
    found = [*pictures, *lists]
    if wanted.data_examples not in (AUTO, NONE):
        name = found[named(wanted.data_examples, found, file, "data_examples")] if found else ""
        return chosen(wanted, "data_examples", name, "", found)._replace(value=name)
    if not found or wanted.data_examples == NONE:
        return None
    if not pictures and len(lists) > 1:
        raise DataError(
            f"{file} has several columns of lists: choose one, such as data_examples {lists[0]}."
        )
    why = "The column holds picture files." if pictures else "The column holds lists of numbers."
    return chosen(wanted, "data_examples", found[0], why, found)


def _read(table: Any, name: str) -> Column:
    """Return a column of numbers or text; a column of anything else has a note instead."""
    import pyarrow as pa

    column = table.column(name).combine_chunks()
    title = "" if name.startswith(INDEX) else name
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        cells = ["" if cell is None else cell.strip() for cell in column.to_pylist()]
        return Column(title or name, np.array(cells, np.str_))
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return Column(name, np.zeros(len(column)), "dates")
    if pa.types.is_boolean(kind) and column.null_count:
        column = column.cast(pa.float64())
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        return Column(name, np.zeros(len(column)), f"holds {kind}, no numbers or text")
    return Column(name, np.asarray(column.to_numpy(zero_copy_only=False)))


def _complete(table: Any, name: str, file: str) -> Any:
    """Return a column as one array; DataError if a value is missing."""
    column = table.column(name)
    if column.null_count:
        raise DataError(
            f"{file}: column {name} lacks {column.null_count:,} values: fill them in, or remove "
            "their rows."
        )
    return column.combine_chunks()


def _is_list(kind: Any) -> bool:
    import pyarrow.types as kinds  # type: ignore[import-untyped]

    return bool(kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind))


def _lists(column: Any, name: str, file: str) -> Array:
    """Return a column of lists of numbers, all of one length, as (N, D)."""
    import pyarrow.compute as pc  # type: ignore[import-untyped]

    lengths = np.unique(pc.list_value_length(column).to_numpy(zero_copy_only=False))
    flat = column.flatten()
    if len(lengths) > 1 or not lengths[0]:
        raise DataError(
            f"{file}: the lists of column {name} have {lengths.min()} to {lengths.max()} values: "
            "give all lists the same length."
        )
    values = flat.to_numpy(zero_copy_only=False)
    if values.dtype.kind not in "biuf":
        raise DataError(
            f"{file}: the lists of column {name} hold {flat.type}: convert them to numbers."
        )
    return np.asarray(values).reshape(len(column), -1)


def _holds_pictures(kind: Any) -> bool:
    """Return whether a column of this type holds bytes, or structs with a field of bytes."""
    import pyarrow.types as kinds

    if kinds.is_struct(kind):
        kind = next((field.type for field in kind if field.name == "bytes"), None)
    return kind is not None and bool(kinds.is_binary(kind) or kinds.is_large_binary(kind))


def _pictures(table: Any, name: str, file: str, wanted: Description) -> Decoded:
    """Return a column of picture files, decoded."""
    import pyarrow.types as kinds

    column = _complete(table, name, file)
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
    return decoded([(f"row {n}", len(c), o) for n, (c, o) in enumerate(rows)], file, wanted)
