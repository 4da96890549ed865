"""encode: the latents of a run's examples, with the names of rows and classes.

| file | content |
|---|---|
| .npz | arrays mean, std (N, Z), label, split, index, name, class (N,) and classes (K,) |
| .csv | a row per example: name, class, split, index, mean_1 …, std_1 … |
| .parquet | as .csv, with the map for Embedding Atlas: x, y, neighbors, image (pictures, series) |
| .tsv | the means, without a header, for the Embedding Projector |

Beside a .tsv lie NAME-metadata.tsv, NAME-sprite.png of pictures or
series, and projector_config.pbtxt.
Embedding Atlas: `embedding-atlas NAME.parquet --x x --y y --neighbors neighbors`. The Embedding
Projector: `tensorboard --logdir FOLDER`, or "Load" with the two .tsv files.
"""

import argparse
import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae.base.foreign import cell
from vae.base.numbers import plural
from vae.commands import thumbnails
from vae.commands.arguments import out_flag, output_path, run_flags, save_npz, split_flag
from vae.commands.presence import with_data
from vae.figures.quantities import examples_of
from vae.runs import find

if TYPE_CHECKING:
    from vae.analysis.loaded_run import LoadedRun
    from vae.base.records import Encoding, Ints

Arrays = dict[str, Any]
NEIGHBOURS = 15  # of an example, by latents, at most
FITTED = 5000  # training examples at most that define the plane of the map


def encode_flags(parser: argparse.ArgumentParser) -> None:
    run_flags(parser)
    split_flag(parser)
    out_flag(parser, "|".join(WRITERS))


def encode(args: argparse.Namespace) -> int:
    """Write the latents of a split, with the names of rows and classes.

    N examples, Z latents, K classes: mean and std (N, Z) float32 (std NaN without a density),
    label (N,) int64 (-1 without a class), split, name and class (N,) text, index (N,) int64, the
    rows of the data set, and classes (K,), the names of the labels.
    """
    from vae.analysis.loaded_run import LoadedRun

    out = output_path(args.out, *WRITERS)
    loaded = LoadedRun.of(with_data(find(args.root, args.name)), args.checkpoint)
    split = args.split or loaded.default_split()
    encoding = loaded.encode(loaded.rows(split))
    WRITERS[out.suffix](out, _arrays(loaded, encoding), loaded)
    n, z = encoding.mean.shape
    print(f"{examples_of(n, split)}, {plural(z, 'latent')} each, in {out}")
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


def _save_npz(out: Path, arrays: Arrays, loaded: "LoadedRun") -> None:
    save_npz(out, **arrays)


def _columns(arrays: Arrays) -> Arrays:
    """Return the columns of a table: names first, then one for each latent."""
    found = {key: arrays[key] for key in ("name", "class", "split", "index")}
    for key in ("mean", "std"):
        found |= {f"{key}_{k + 1}": column for k, column in enumerate(arrays[key].T)}
    return found


def _save_csv(out: Path, arrays: Arrays, loaded: "LoadedRun") -> None:
    save_csv(out, _columns(arrays))


def save_csv(out: Path, columns: Arrays) -> None:
    """Write columns as a text table. A spreadsheet must not compute texts from files."""
    from vae.base.files import replace

    for key in ("name", "class"):
        columns[key] = [cell(str(text)) for text in columns[key]]
    header = [str(cell(name)) for name in columns]
    replace(out, _text(header, zip(*columns.values(), strict=True), ","))


def _save_parquet(out: Path, arrays: Arrays, loaded: "LoadedRun") -> None:
    save_parquet(out, _columns(arrays) | _map_columns(arrays, loaded))


def _map_columns(arrays: Arrays, loaded: "LoadedRun") -> Arrays:
    """Return the columns of the map: places in the default plane of the training examples,
    neighbours as positions of rows with their distances in latent space, and PNGs of pictures or
    curves."""
    from vae.analysis.projections import overview_plane

    means = arrays["mean"]
    training = loaded.encode(loaded.subset("train", FITTED)).mean
    places = overview_plane(training).places(means)
    found = {"x": places[:, 0], "y": places[:, 1], "neighbors": _neighbours(means)}
    if loaded.data.is_image or loaded.data.is_series:
        pngs = thumbnails.pngs(loaded.data, arrays["index"])
        found["image"] = [{"bytes": png} for png in pngs]
    return found


def _neighbours(means: Any) -> list[dict[str, list[Any]]]:
    """Return ids and distances of the nearest other examples of each, by latents (N, Z)."""
    from sklearn.neighbors import NearestNeighbors

    count = min(NEIGHBOURS, len(means) - 1)
    if count < 1:
        return [{"ids": [], "distances": []} for _ in means]
    distances, ids = NearestNeighbors(n_neighbors=count).fit(means).kneighbors()  # not itself
    pairs = zip(ids.tolist(), distances.tolist(), strict=True)
    return [{"ids": near, "distances": far} for near, far in pairs]


def save_parquet(out: Path, columns: Arrays) -> None:
    """Write columns as a .parquet table."""
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    from vae.base.files import replace

    buffer = io.BytesIO()
    arrays = {k: pa.array(v if isinstance(v, list) else v.tolist()) for k, v in columns.items()}
    pq.write_table(pa.table(arrays), buffer)
    replace(out, buffer.getvalue())


def _save_tsv(out: Path, arrays: Arrays, loaded: "LoadedRun") -> None:
    from vae.base.files import replace

    keys = ("name", "class", "split", "index")
    names = zip(*(arrays[key] for key in keys), strict=True)
    metadata = out.with_name(f"{out.stem}-metadata.tsv")
    replace(metadata, _text(list(keys), names, "\t"))
    replace(out, _text([], arrays["mean"], "\t"))
    config = {"tensor_name": out.stem, "tensor_path": out.name, "metadata_path": metadata.name}
    lines = [f"  {key}: {json.dumps(value)}" for key, value in config.items()]
    if sheet := thumbnails.sheet_of(loaded.data, arrays["index"]):
        picture = out.with_name(f"{out.stem}-sprite.png")
        replace(picture, sheet.content)
        width, height = sheet.size
        sizes = f"single_image_dim: {width}\n    single_image_dim: {height}"
        lines += [f"  sprite {{\n    image_path: {json.dumps(picture.name)}\n    {sizes}\n  }}"]
    text = "\n".join(["embeddings {", *lines, "}", ""])
    replace(out.with_name("projector_config.pbtxt"), text.encode())


def _text(header: list[str], rows: Any, separator: str) -> bytes:
    """Return rows as a text table; an undefined number is an empty cell."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=separator, lineterminator="\n")
    writer.writerows([header] if header else [])
    writer.writerows(["" if value != value else str(value) for value in row] for row in rows)
    return out.getvalue().encode()


WRITERS: dict[str, Callable[[Path, Arrays, "LoadedRun"], None]] = {
    ".npz": _save_npz,
    ".csv": _save_csv,
    ".tsv": _save_tsv,
    ".parquet": _save_parquet,
}
