"""The runs of the root as the Compare page lists them, each read again only when it has changed.

What a run has reached: on validation data its best report, by ELBO where there is one and else by
reconstruction; on test data the newest evaluations that are kept of its present best weights, and
of those with importance samples the one with the most.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

from vae.base import files
from vae.base.records import Change
from vae.dashboard import server
from vae.experiments.configurations import Entry, Figures
from vae.runs import Run, listing
from vae.runs.artifacts import reports_of
from vae.runs.notes import FILE, read
from vae.worker.evaluate import kept

WATCHED = ("config.json", "metrics.jsonl", "changes.jsonl", "derived", "best.safetensors", FILE)
REMEMBERED = 4096  # runs, before the ones longest unseen are read again


def entries() -> list[Entry]:
    """Every run, the newest first, with its state as it is now."""
    return [entry(run) for run in listing(server.ROOT)]


def entry(run: Run) -> Entry:
    """One run as it is listed."""
    found, status = _read(run.path, tuple(stamp(run.path / n) for n in WATCHED)), run.status()
    return found._replace(
        state=status.state,
        epochs=status.epoch,
        seconds=status.seconds,
        problem=found.problem or (status.message if status.state == "damaged" else ""),
    )


def stamp(path: Path) -> tuple[int, int]:
    """Changes whenever the file does."""
    try:
        stat = path.stat()
    except OSError:
        return (0, 0)
    return stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=REMEMBERED)
def _read(path: Path, stamps: tuple[tuple[int, int], ...]) -> Entry:
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


def _tested(run: Run) -> Figures:
    """What is kept of the present best weights on the test examples."""
    found = [k for k in kept(run) if k.wanted.split == "test" and k.wanted.checkpoint == "best"]
    if not found:
        return Figures()
    step = files.read_meta(run.weights_path("best")).get("step")
    found = [k for k in found if k.weights.step == step]
    if not found:
        return Figures()
    record = found[0].record
    sampled = [k.record for k in found if k.record.nll is not None]
    most = max(sampled, key=lambda r: r.nll_samples or 0, default=None)
    nll = (most.nll, most.nll_samples) if most else (None, None)
    return Figures(record.elbo, record.reconstruction, record.kl, *nll)
