"""What a script has to know of a run: where its data come from, and what it has to find."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from vae.config import RunConfig
from vae.data import DATASETS, SOURCES
from vae.data.formats import read_idx_family
from vae.experiments.entries import best_report
from vae.runs import Run

TERMS = {"elbo": "ELBO", "reconstruction": "reconstruction", "kl": "KL"}


class Recorded(NamedTuple):
    """What a run has to be held to."""

    steps: int
    epoch: float
    figures: dict[str, dict[str, float]]  # part → term → nats per example
    titles: dict[str, str]  # of every term


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
    titles = TERMS | {run.config.best_by.key: run.config.best_by.title}
    reports = [r for r in run.reports() if r["step"]]
    held = [r for r in reports if r["split"] == "val"]
    if not reports:
        return Recorded(0, 0.0, {}, titles)
    last = (held or reports)[-1]
    figures: dict[str, Mapping[str, Any]] = {
        "train": next(r for r in reports if r["step"] == last["step"])
    }
    if held:
        figures["validation"] = last
        figures["best"] = best_report(run) or last
    told = {part: _figures(report, titles) for part, report in figures.items()}
    return Recorded(last["step"], last["epoch"], told, titles)


def _figures(report: Mapping[str, Any], names: Iterable[str]) -> dict[str, float]:
    values = {**(report.get("terms") or {}), **report}
    return {name: values[name] for name in names if values.get(name) is not None}
