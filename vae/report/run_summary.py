"""The measures of an evaluation as rows of a table, for a report."""

from vae.base.records import Evaluation
from vae.evaluation.measures import MEASURES, TABLES
from vae.evaluation.reading import cautions, estimate, estimates, reasons, title_of, unit
from vae.figures.evaluation import described


def rows(record: Evaluation) -> list[tuple[str, str, str, str]]:
    """Return (title, value, standard error or interval, unit) of each value that is defined."""
    found = []
    for key, row in MEASURES.items():
        value = None if row.per_latent else estimate(record, key)
        if value is not None:
            k = f", K = {record.nll_samples:,}" if "samples" in row.companions else ""
            title = (row.full_title or row.title) + k
            found.append((title, *described(value), unit(record, key)))
    for key, table in TABLES.items():
        for name, value in estimates(record, key).items():
            row = table.rows[name]
            title = f"{table.title}: {row.full_title or row.title}"
            found.append((title, *described(value), row.unit))
    return found


def notes(record: Evaluation) -> list[str]:
    """Return why values are undefined, and cautions, each sentence once."""
    keys = [*MEASURES, *TABLES]
    found = reasons(record, keys) | cautions(record, keys)
    return [f"{', '.join(map(title_of, keys))}: {text}" for text, keys in found.items()]
