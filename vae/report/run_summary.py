"""The measures of a run's evaluations as rows of a table, for a report.

Each measure comes from the first of the evaluations that has it (`entries.evaluation_with`).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vae.base.records import Evaluation
from vae.evaluation.measures import MEASURES, TABLES
from vae.evaluation.reading import cautions, estimate, estimates, reasons, title_of, unit
from vae.experiments.entries import evaluation_with
from vae.figures.evaluation import described
from vae.runs.evaluations import SavedEvaluation

Cells = tuple[str, str, str, str]  # title, value, standard error or interval, unit


class Row(NamedTuple):
    """A value of a table, and the evaluation that it comes from."""

    cells: Cells
    saved: SavedEvaluation


def rows(ordered: Sequence[SavedEvaluation]) -> list[Row]:
    """Return a row for each value that is defined in one of the evaluations."""
    found = []
    for key in (*MEASURES, *TABLES):
        saved = evaluation_with(key, ordered)
        values = _of_measure if key in MEASURES else _of_table
        found += [Row(cells, saved) for cells in values(saved.record, key)]
    return found


def _of_measure(record: Evaluation, key: str) -> Iterator[Cells]:
    row = MEASURES[key]
    value = None if row.per_latent else estimate(record, key)
    if value is not None:
        samples = record.get("nll_samples") if "samples" in row.companions else None
        k = f", K = {samples:,}" if samples else ""
        title = (row.full_title or row.title) + k
        yield (title, *described(value), unit(record, key))


def _of_table(record: Evaluation, key: str) -> Iterator[Cells]:
    table = TABLES[key]
    for name, value in estimates(record, key).items():
        row = table.rows[name]
        title = f"{table.title}: {row.full_title or row.title}"
        yield (title, *described(value), row.unit)


def notes(ordered: Sequence[SavedEvaluation]) -> list[str]:
    """Return why values are undefined, and cautions, each sentence once."""
    found: dict[str, list[str]] = {}
    for key in (*MEASURES, *TABLES):
        record = evaluation_with(key, ordered).record
        for text, keys in (reasons(record, [key]) | cautions(record, [key])).items():
            known = found.setdefault(text, [])
            known += [one for one in keys if one not in known]
    return [f"{', '.join(map(title_of, keys))}: {text}" for text, keys in found.items()]
