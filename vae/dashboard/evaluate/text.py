"""Text and files of an evaluation: numbers with errors, reasons, settings, CSV."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from vae.base.foreign import cell
from vae.base.numbers import fixed, number
from vae.base.records import Estimate, Evaluation
from vae.evaluation import reading
from vae.evaluation.measures import MEASURES, TABLES
from vae.figures.evaluation import described
from vae.runs.evaluations import EvaluationRequest, SavedEvaluation

REQUESTS = {  # need of a measure → how to request it on the page
    "samples": "Not requested: choose K above 0 and press Evaluate.",
    "full": "Not requested: switch All measures on and press Evaluate.",
}
COLUMNS = ("figure", "value", "se", "low", "high", "chance", "reference", "unit", "note")


def three_decimals(value: float) -> str:
    """Return a number with three decimals, or with four digits where it is large."""
    return fixed(value, 3) if abs(value) < 10 else number(value)


def card(record: Evaluation, key: str, latents: int) -> tuple[str, str]:
    """Return the value of a measure, and its error, unit and number of samples."""
    row, found = MEASURES[key], reading.estimate(record, key)
    if found is None:
        return "not defined", ""
    value, error = described(found)
    unit = "" if row.out_of == "samples" else row.unit
    if row.out_of:
        total = latents if row.out_of == "latents" else record.get("nll_samples")
        value = f"{value} of {total}"
    samples = f", K = {record.get('nll_samples')}" if "samples" in row.companions else ""
    return value, " ".join(filter(None, (error, unit))) + samples


def not_requested(request: EvaluationRequest, needs: Sequence[str]) -> str:
    """Return how to request the missing option of a measure; "" if the request has it."""
    has = {"samples": request.samples > 0, "full": request.full}
    return next((text for need, text in REQUESTS.items() if need in needs and not has[need]), "")


def reasons(record: Evaluation, keys: Sequence[str]) -> list[str]:
    """Return which of these measures are undefined and why, each reason once, as Markdown."""
    return [
        f"**{', '.join(map(reading.title_of, found))}**"
        f"{'' if why.startswith('Not ') else ' not defined'}: {why}"
        for why, found in reading.reasons(record, keys).items()
    ]


def settings(request: EvaluationRequest) -> str:
    """Return the settings of an evaluation in a few words."""
    k = f"K = {request.samples:,}, " if request.samples else ""
    full = "all measures" if request.full else "quick measures"
    weights = f"{request.split}, {request.checkpoint} weights"
    return f"{weights}, {k}L = {request.elbo_samples:,}, {full}"


def file_name(saved: SavedEvaluation) -> str:
    """Return the name of the files of an evaluation, without suffix."""
    request = saved.request
    return f"{saved.path.parents[1].name}-{request.checkpoint}-{request.split}-evaluation"


def as_csv(record: Evaluation) -> bytes:
    """Return one line for each measure: value, error or interval, chance, unit, note."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", extrasaction="ignore")
    writer.writeheader()
    for key in MEASURES:
        if reading.concerns(record, key):
            writer.writerows(_lines(record, key))
    for key, table in TABLES.items():
        note = record.notes.get(key, "")
        if record.get(key) is None:
            writer.writerow({"figure": key, "note": cell(note)})
        for name, value in reading.estimates(record, key).items():
            writer.writerow(_line(f"{key} {name}", value, table.rows[name].unit, note))
    return text.getvalue().encode()


def _lines(record: Evaluation, key: str) -> list[dict[str, Any]]:
    row, note, value = MEASURES[key], record.notes.get(key, ""), record.get(key)
    if isinstance(value, list):
        errors = record.get(f"{key}_se") or [None] * len(value)
        name = key.removesuffix("_per_dimension")
        return [
            _line(f"{name} z{d + 1}", Estimate(*pair), row.unit, note)
            for d, pair in enumerate(zip(value, errors, strict=True))
        ]
    if isinstance(value, dict):
        return [{"figure": f"{key} {n}", "value": v, "note": note} for n, v in value.items()]
    found = reading.estimate(record, key)
    if found is None:
        return [{"figure": key, "unit": row.unit, "note": note}]
    return [_line(key, found, row.unit, note)]


def _line(name: str, value: Estimate, unit: str, note: str) -> dict[str, Any]:
    return {"figure": name, **value.as_json(), "unit": unit, "note": note}
