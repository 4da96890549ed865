"""encode: the latents of a run's examples, with the names of rows and classes.

| file | content |
|---|---|
| .npz | arrays mean, std (N, Z), label, split, index, name, class (N,) and classes (K,) |
| .csv, .parquet | a row per example: name, class, split, index, mean_1 …, std_1 … |
| .tsv | the means, without a header, and NAME-metadata.tsv, for the Embedding Projector |
"""

import argparse
import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae.base.foreign import cell
from vae.commands.arguments import out_flag, output_path, run_flags, save_npz, split_flag
from vae.commands.presence import with_data
from vae.figures.quantities import SPLITS
from vae.runs import find

if TYPE_CHECKING:
    from vae.analysis.loaded_run import LoadedRun
    from vae.base.records import Encoding, Ints

Arrays = dict[str, Any]


def encode_flags(parser: argparse.ArgumentParser) -> None:
    run_flags(parser)
    split_flag(parser)
    out_flag(parser, "|".join(WRITERS))


def encode(args: argparse.Namespace) -> int:
    """Write the latents of a split, with the names of rows and classes.

    N examples, Z latents, K classes: mean and std (N, Z) float32 (std NaN for a point posterior),
    label (N,) int64 (-1 without a class), split, name and class (N,) text, index (N,) int64, the
    rows of the data set, and classes (K,), the names of the labels.
    """
    from vae.analysis.loaded_run import LoadedRun

    out = output_path(args.out, *WRITERS)
    loaded = LoadedRun.of(with_data(find(args.root, args.name)), args.checkpoint)
    split = args.split or loaded.default_split()
    encoding = loaded.encode(loaded.rows(split))
    WRITERS[out.suffix](out, _arrays(loaded, encoding))
    n, z = encoding.mean.shape
    print(f"{n} {SPLITS.get(split, split)} examples, {z} latents each, in {out}")
    return 0


def _arrays(loaded: "LoadedRun", encoding: "Encoding") -> Arrays:
    """Return the arrays of the .npz file."""
    import numpy as np

    std = np.full_like(encoding.mean, np.nan) if encoding.std is None else encoding.std
    classes = np.array(loaded.data.classes, np.str_)
    named = row_arrays(loaded, encoding.index)
    return {"mean": encoding.mean, "std": std, **named, "classes": classes}


def row_arrays(loaded: "LoadedRun", rows: "Ints") -> Arrays:
    """Return label, split, index, name and class of rows of the data set, (N,) each."""
    import numpy as np

    data = loaded.data
    labels = np.full(len(rows), -1) if data.labels is None else data.labels[rows]
    return {
        "label": labels,
        "split": loaded.split_of(rows),
        "index": rows,
        "name": rows.astype(np.str_) if data.names is None else data.names[rows],
        "class": np.array([*data.classes, ""])[labels],
    }


def _save_npz(out: Path, arrays: Arrays) -> None:
    save_npz(out, **arrays)


def _columns(arrays: Arrays) -> Arrays:
    """Return the columns of a table: names first, then one for each latent."""
    found = {key: arrays[key] for key in ("name", "class", "split", "index")}
    for key in ("mean", "std"):
        found |= {f"{key}_{k + 1}": column for k, column in enumerate(arrays[key].T)}
    return found


def _save_csv(out: Path, arrays: Arrays) -> None:
    save_csv(out, _columns(arrays))


def save_csv(out: Path, columns: Arrays) -> None:
    """Write columns as a text table. A spreadsheet must not compute texts from files."""
    from vae.base.files import replace

    for key in ("name", "class"):
        columns[key] = [cell(str(text)) for text in columns[key]]
    header = [str(cell(name)) for name in columns]
    replace(out, _text(header, zip(*columns.values(), strict=True), ","))


def _save_parquet(out: Path, arrays: Arrays) -> None:
    save_parquet(out, _columns(arrays))


def save_parquet(out: Path, columns: Arrays) -> None:
    """Write columns as a .parquet table."""
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    from vae.base.files import replace

    buffer = io.BytesIO()
    pq.write_table(pa.table({k: pa.array(v.tolist()) for k, v in columns.items()}), buffer)
    replace(out, buffer.getvalue())


def _save_tsv(out: Path, arrays: Arrays) -> None:
    from vae.base.files import replace

    keys = ("name", "class", "split", "index")
    names = zip(*(arrays[key] for key in keys), strict=True)
    replace(out.with_name(f"{out.stem}-metadata.tsv"), _text(list(keys), names, "\t"))
    replace(out, _text([], arrays["mean"], "\t"))


def _text(header: list[str], rows: Any, separator: str) -> bytes:
    """Return rows as a text table; an undefined number is an empty cell."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=separator, lineterminator="\n")
    writer.writerows([header] if header else [])
    writer.writerows(["" if value != value else str(value) for value in row] for row in rows)
    return out.getvalue().encode()


WRITERS: dict[str, Callable[[Path, Arrays], None]] = {
    ".npz": _save_npz,
    ".csv": _save_csv,
    ".tsv": _save_tsv,
    ".parquet": _save_parquet,
}
