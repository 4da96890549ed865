"""What a script has to know of a run: where its data come from, and what it has to find."""

from typing import Any, NamedTuple

from vae.config import RunConfig
from vae.data import DATASETS, SOURCES
from vae.data.formats import read_idx_family
from vae.runs import Run

TERMS = {"elbo": "ELBO", "reconstruction": "reconstruction", "kl": "KL"}
BOUND = {"iwae_bound": "K-sample bound"}


class Recorded(NamedTuple):
    """What a run has to be held to."""

    steps: int
    epoch: float
    figures: dict[str, dict[str, float]]  # part → term → nats per example


def kind(config: RunConfig) -> str:
    """How the script comes by its data: "drawn", "idx" or "arrays"."""
    if config.data in SOURCES:
        return "idx" if SOURCES[config.data].read is read_idx_family else "arrays"
    return "drawn" if config.data in DATASETS else "arrays"


def file_name(run: Run) -> str:
    """What the data's file beside the script is called; "" where it needs none."""
    return f"{run.name}-data.npz" if kind(run.config) == "arrays" else ""


def recorded(run: Run) -> Recorded:
    """The run's last report and its best, so far."""
    by = run.config.best_by
    reports = [r for r in run.reports() if r["step"]]
    held = [r for r in reports if r["split"] == "val"]
    if not reports:
        return Recorded(0, 0.0, {})
    last = (held or reports)[-1]
    figures = {"train": next(r for r in reports if r["step"] == last["step"])}
    if held:
        figures["validation"] = last
        all_held = [r for r in run.reports() if r["split"] == "val"]
        figures["best"] = max(all_held, key=lambda r: _rank(r, by))
    told = {part: _figures(report) for part, report in figures.items()}
    return Recorded(last["step"], last["epoch"], told)


def _rank(report: dict[str, Any], by: str) -> float:
    known = (report.get("terms") or {}) | {
        "elbo": report["elbo"],
        "reconstruction": -report["reconstruction"],
    }
    return float(known[by])


def _figures(report: dict[str, Any]) -> dict[str, float]:
    values = (report.get("terms") or {}) | {name: report[name] for name in TERMS}
    return {name: values[name] for name in TERMS | BOUND if values.get(name) is not None}
