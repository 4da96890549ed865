"""Read an evaluation row by row, for pages, reports and files.

A record may come from a file of an earlier version: a value that it lacks reads as undefined.
"""

from collections.abc import Sequence
from typing import Any

from vae.base.json_text import is_number
from vae.base.records import Estimate, Evaluation
from vae.evaluation.measures import MEASURES, TABLES, json_keys
from vae.evaluation.rows import Row

EARLIER = "This result comes from an earlier version: evaluate again to compute it."


def title_of(key: str) -> str:
    """Return the title of a row or of any other note of a record."""
    rows: dict[str, Row] = {**MEASURES, **TABLES}
    return rows[key].title if key in rows else key.replace("_", " ").capitalize()


def estimate(record: Evaluation, key: str) -> Estimate | None:
    """Return the value of a row of MEASURES with its uncertainty; None where it is undefined."""
    value, totals = record.get(key), record.get("nll_samples")
    if isinstance(value, dict) and value.keys() >= {"mean", "smallest"}:  # shares of all samples
        return Estimate(value["mean"], smallest=value["smallest"] * (totals or 0))
    if not is_number(value):
        return None
    low, high = record.get(f"{key}_interval") or (None, None)
    return Estimate(value, record.get(f"{key}_se"), low, high)


def estimates(record: Evaluation, key: str) -> dict[str, Estimate]:
    """Return the rows of a table that a record has, in the table's order."""
    saved = record.get(key)
    rows: dict[str, Any] = saved if isinstance(saved, dict) else {}
    return {
        name: Estimate(**{f: rows[name][f] for f in Estimate._fields if f in rows[name]})
        for name in TABLES[key].rows
        if isinstance(rows.get(name), dict)
    }


def unit(record: Evaluation, key: str) -> str:
    """Return the unit of a row of MEASURES, with the number of importance samples where it is a
    part of them."""
    row = MEASURES[key]
    return f"of {record.get('nll_samples')} samples" if row.out_of == "samples" else row.unit


def is_complete(record: Evaluation) -> bool:
    """Return whether a record has every row that an evaluation computes today."""
    tables = [(table, record.get(key)) for key, table in TABLES.items()]
    needed = {key for key in json_keys() if concerns(record, key)}
    return record.values.keys() >= needed and all(
        saved is None or (isinstance(saved, dict) and saved.keys() >= table.rows.keys())
        for table, saved in tables
    )


def concerns(record: Evaluation, key: str) -> bool:
    """Return whether a row concerns the model of a record."""
    special = key in MEASURES and MEASURES[key].special
    return not special or record.get(key) is not None


def numbers(records: Sequence[Evaluation]) -> list[str]:
    """Return the keys of the measures that are one number and concern one of the records."""
    return [
        key
        for key, row in MEASURES.items()
        if not row.per_latent and any(concerns(record, key) for record in records)
    ]


def reasons(record: Evaluation, keys: Sequence[str]) -> dict[str, list[str]]:
    """Return reason → keys among these whose value is undefined."""
    found: dict[str, list[str]] = {}
    for key in keys:
        if record.get(key) is None and concerns(record, key):
            found.setdefault(record.notes.get(key, EARLIER), []).append(key)
    return found


def cautions(record: Evaluation, keys: Sequence[str]) -> dict[str, list[str]]:
    """Return caution → keys among these that it concerns; a note on no row concerns the run."""
    found: dict[str, list[str]] = {}
    others = record.notes.keys() - set(json_keys())
    for key in (*keys, *sorted(others)):
        if key in record.notes and (key in others or record.get(key) is not None):
            found.setdefault(record.notes[key], []).append(key)
    return found
