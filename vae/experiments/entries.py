"""Runs as entries of a table: settings, notes, state and results of each run of a root.

An entry is read again only when a file of its run has changed. Its results are, on validation
data, those of the best report, and on test data those of the saved evaluations of the best
weights.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

from vae.base import files
from vae.base.records import Change
from vae.experiments.configurations import Entry, Figures
from vae.runs import Run, listing
from vae.runs.artifacts import reports_of
from vae.runs.evaluations import SavedEvaluation, saved_evaluations
from vae.runs.notes import FILE, read
from vae.runs.result_keys import run_key

WATCHED = ("config.json", "metrics.jsonl", "changes.jsonl", "derived", "best.safetensors", FILE)
REMEMBERED = 4096  # runs in the cache


def entries(root: Path | str) -> list[Entry]:
    """Return the entry of every run of a root, the newest first, each with its present state."""
    return [entry(run) for run in listing(root)]


def entry(run: Run) -> Entry:
    """Return the entry of a run, with its present state."""
    found, status = _read(run.path, run_key(run, files=WATCHED)), run.status()
    return found._replace(
        state=status.state,
        epochs=status.epoch,
        seconds=status.seconds,
        problem=found.problem or (status.message if status.state == "damaged" else ""),
    )


@lru_cache(maxsize=REMEMBERED)
def _read(path: Path, key: str) -> Entry:
    run, notes = Run(path), read(path)
    said = notes._asdict()
    try:
        header = run.header
    except ValueError:
        return Entry(run.name, {}, **said)
    data = header["data"]
    about = (str(data["name"]), str(data["fingerprint"]), str(header.get("created", "")))
    try:
        _ = run.config
    except ValueError as error:
        told = f"Its settings cannot be used. {error}"
        return Entry(run.name, {}, *about, problem=told, **said)
    changes = tuple(Change(c.step, c.field, c.value) for c in run.changes())
    return Entry(run.name, run.settings, *about, changes, _best(run), _tested(run), **said)


def _best(run: Run) -> Figures:
    """The best report on validation data."""
    by = [(_rank(r), r) for r in reports_of(run.path, "val") if _rank(r) is not None]
    if not by:
        return Figures()
    best = max(by, key=lambda pair: pair[0] or 0.0)[1]
    return Figures(best.get("elbo"), best["reconstruction"], best.get("kl"), epoch=best["epoch"])


def _rank(report: dict[str, Any]) -> float | None:
    """The higher, the better."""
    elbo, error = report.get("elbo"), report.get("reconstruction")
    return elbo if elbo is not None else None if error is None else -error


def evaluations_of_best(run: Run) -> list[SavedEvaluation]:
    """Return the saved evaluations of the present best weights, the newest first."""
    try:
        step = files.read_meta(run.weights_path("best")).get("step")
    except (ValueError, OSError):
        return []
    found = [saved for saved in saved_evaluations(run) if saved.request.checkpoint == "best"]
    return [saved for saved in found if saved.weights.step == step]


def _tested(run: Run) -> Figures:
    """What is kept of the present best weights on the test examples."""
    found = [s.record for s in evaluations_of_best(run) if s.request.split == "test"]
    if not found:
        return Figures()
    record = found[0]
    sampled = [record for record in found if record.nll is not None]
    most = max(sampled, key=lambda r: r.nll_samples or 0, default=None)
    nll = (most.nll, most.nll_samples) if most else (None, None)
    return Figures(record.elbo, record.reconstruction, record.kl, *nll)
