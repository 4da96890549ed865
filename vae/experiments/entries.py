"""Runs as entries of a table: settings, notes, state and results of each run of a root.

The results are those of the best weights. On validation data they are those of the report at the
step of `best.safetensors`, which the objective's criterion selected (`RunConfig.best_by`). On test
data each value is that of the saved evaluation of the same weights that has it with the most
importance samples for −ln p(x), the newest of equal ones. An entry is read again only when a file
of its run has changed; an index on disk saves reading all runs at every start.
"""

import hashlib
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vae.base import files
from vae.base.files import file_state
from vae.base.records import Change
from vae.experiments import index
from vae.experiments.configurations import Entry, Figures
from vae.experiments.index import Known
from vae.runs import Run
from vae.runs.artifacts import reports_of
from vae.runs.evaluations import SavedEvaluation, saved_evaluations
from vae.runs.notes import FILE, read
from vae.runs.overview import overview
from vae.runs.result_keys import LETTERS
from vae.runs.status import MOVING

WATCHED = ("config.json", "metrics.jsonl", "changes.jsonl", "derived", "best.safetensors", FILE)
FEW = 250  # runs of a root whose files are all looked at each time
_known: dict[Path, dict[str, Known]] = {}  # root → name of a run → its entry when it was read
_looks: dict[Path, dict[str, int]] = {}  # root → name of a run → its version when it was read
_lock = threading.Lock()  # two visitors at once would both read all runs, each at half the speed


def entries(root: Path | str) -> list[Entry]:
    """Return the entry of every run of a root, the newest first, each with its present state.

    In a root of many runs the files of those that work or have changed are looked at.
    """
    with _lock:
        return _entries(Path(root))


def _entries(folder: Path) -> list[Entry]:
    versions = overview(folder).versions()
    if folder not in _looks:
        _known[folder] = index.load(folder) | _known.get(folder, {})
    known, looks = _known.setdefault(folder, {}), _looks.setdefault(folder, {})
    before = dict(known)
    for name, version in versions.items():
        if len(versions) <= FEW or looks.get(name) != version or _moves(known, name):
            _entry(folder / name)
            looks[name] = version
    gone = before.keys() - versions.keys()
    for name in gone:
        known.pop(name, None)
        looks.pop(name, None)
    stale = {name: one for name, one in known.items() if _key(before, name) != one.key}
    if stale or gone:
        index.store(folder, stale, gone)
    return [known[name].entry for name in versions if name in known]


def entry(run: Run) -> Entry:
    """Return the entry of a run, with its present state."""
    return _entry(run.path)


def _moves(known: Mapping[str, Known], name: str) -> bool:
    return name not in known or known[name].entry.state in MOVING


def _key(known: Mapping[str, Known], name: str) -> str:
    return known[name].key if name in known else ""


def _entry(path: Path) -> Entry:
    """Return the entry of a run, read again if its files have changed."""
    known = _known.setdefault(path.parent, {})
    key = _states(path)
    found = known[path.name].entry if _key(known, path.name) == key else _read(path)
    status = Run(path).status()
    found = found._replace(
        state=status.state,
        epochs=status.epoch,
        seconds=status.seconds,
        problem=status.message if status.state == "damaged" else found.problem,
    )
    known[path.name] = Known(key, found)
    return found


def _states(path: Path) -> str:
    """Return a key of the watched files of a run."""
    folder = str(path)
    states = [tuple(file_state(f"{folder}/{name}")) for name in WATCHED]
    return hashlib.sha256(repr([folder, states]).encode()).hexdigest()[:LETTERS]


def _read(path: Path) -> Entry:
    run, notes = Run(path), read(path)
    noted = notes._asdict()
    try:
        header = run.header
    except ValueError:
        return Entry(run.name, {}, **noted)
    data = header["data"]
    about = (str(data["name"]), str(data["fingerprint"]), str(header.get("created", "")))
    try:
        _ = run.config
    except ValueError as error:
        problem = f"Its settings cannot be used. {error}"
        return Entry(run.name, {}, *about, problem=problem, **noted)
    changes = tuple(Change(c.step, c.field, c.value) for c in run.changes())
    results = (_validated(run), _tested(run), run.config.best_by)
    return Entry(run.name, run.settings, *about, changes, *results, **noted)


def best_report(run: Run) -> Mapping[str, Any] | None:
    """Return the validation report of a run's best weights, or None without validation data.

    Before the first weights are saved it is the best report so far. Raises ValueError if the
    configuration is not valid.
    """
    reports, step = reports_of(run.path, "val"), best_step(run)
    saved = next((report for report in reports if report["step"] == step), None)
    return saved or run.config.best_by.best(reports)


def best_step(run: Run) -> int | None:
    """Return the step of the best weights on disk; None if none are saved or readable."""
    return saved_step(run, "best")


def saved_step(run: Run, checkpoint: str) -> int | None:
    """Return the step of the best or last weights on disk; None if none are saved or readable."""
    try:
        return files.read_meta(run.weights_path(checkpoint)).get("step")
    except (ValueError, OSError):
        return None


def evaluations_of_best(run: Run) -> dict[str, list[SavedEvaluation]]:
    """Return split → the saved evaluations of the best weights.

    Those with the most importance samples for −ln p(x) come first, the newest of equal ones.
    """
    step, found = best_step(run), dict[str, list[SavedEvaluation]]()
    for saved in sorted(saved_evaluations(run), key=_samples, reverse=True):
        if saved.request.checkpoint == "best" and saved.weights.step == step:
            found.setdefault(saved.request.split, []).append(saved)
    return found


def evaluation_with(key: str, ordered: Sequence[SavedEvaluation]) -> SavedEvaluation:
    """Return the first of these evaluations in which a measure is defined.

    If there is none, return the fullest, whose note gives the reason.
    """
    having = (saved for saved in ordered if saved.record.get(key) is not None)
    return next(having, max(ordered, key=lambda saved: saved.request.full))


def _samples(saved: SavedEvaluation) -> int:
    return 0 if saved.record.get("nll") is None else saved.record.get("nll_samples") or 0


def _validated(run: Run) -> Figures:
    best = best_report(run)
    if best is None:
        return Figures()
    value = run.config.best_by.value(best)
    return Figures(
        best.get("elbo"),
        best.get("reconstruction"),
        best.get("kl"),
        epoch=best["epoch"],
        best=value,
    )


def _tested(run: Run) -> Figures:
    ordered = evaluations_of_best(run).get("test")
    if not ordered:
        return Figures()
    elbo, reconstruction, kl, nll = (
        evaluation_with(key, ordered).record for key in ("elbo", "reconstruction", "kl", "nll")
    )
    return Figures(
        elbo.get("elbo"),
        reconstruction.get("reconstruction"),
        kl.get("kl"),
        nll.get("nll"),
        nll.get("nll_samples"),
    )
