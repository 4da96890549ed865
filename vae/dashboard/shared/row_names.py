"""Names of the rows of a data set, for captions and tables."""

from collections.abc import Sequence
from typing import Any

from vae.base.records import Ints
from vae.data import Dataset


def row_columns(data: Dataset, rows: Ints) -> dict[str, Any]:
    """Return the columns of a table of these rows: row and, where the data have classes, class."""
    classes = {"class": names_of(data.labels, data.classes, rows)}
    return {"row": rows, **(classes if data.labels is not None else {})}


def names_of(labels: Ints | None, classes: Sequence[str], rows: Ints) -> list[str]:
    """Return the class name of each row; "#row" where the data set has no classes."""
    if labels is None:
        return [f"#{row}" for row in rows]
    return [classes[k] if 0 <= k < len(classes) else "no class" for k in labels[rows]]
