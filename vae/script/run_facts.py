"""The facts of a run that its script needs: the source of the data, and the recorded figures."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from vae.config import RunConfig
from vae.data import DATASETS, INCLUDED, SOURCES
from vae.data.idx import read_idx_family
from vae.evaluation.measures import MEASURES
from vae.experiments.entries import best_report
from vae.runs import Run

TERMS = ("elbo", "reconstruction", "kl")  # in the order of the lines of a script


class Recorded(NamedTuple):
    """The figures that a run recorded, which its script must reproduce."""

    steps: int
    epoch: float
    figures: dict[str, dict[str, float]]  # part → term → nats per example
    titles: dict[str, str]  # term → title


def kind(config: RunConfig) -> str:
    """Return the source of a script's data: "drawn" (generated), "idx" or "arrays" (files)."""
    if config.hide_share:
        return "arrays"
    if config.data in SOURCES:
        return "idx" if SOURCES[config.data].read is read_idx_family else "arrays"
    return "drawn" if config.data in DATASETS.keys() - INCLUDED else "arrays"


def file_name(run: Run) -> str:
    """Return the name of the data file beside the script; "" if it needs none."""
    return f"{run.name}-data.npz" if kind(run.config) == "arrays" else ""


def recorded(run: Run) -> Recorded:
    """Return the last report and the best report of a run so far."""
    titles = {name: MEASURES[name].title for name in TERMS}
    titles.setdefault(run.config.best_by.key, run.config.best_by.title)
    reports = [r for r in run.reports() if r["step"]]
    held = [r for r in reports if r["split"] == "val"]
    if not reports:
        return Recorded(0, 0.0, {}, titles)
    last = (held or reports)[-1]
    at_last = next(r for r in reports if r["step"] == last["step"])
    parts: dict[str, Mapping[str, Any]] = {"training": at_last}
    if held:
        parts["validation"] = last
        parts["best"] = best_report(run) or last
    figures = {part: _figures(report, titles) for part, report in parts.items()}
    return Recorded(last["step"], last["epoch"], figures, titles)


def _figures(report: Mapping[str, Any], names: Iterable[str]) -> dict[str, float]:
    values = {**(report.get("terms") or {}), **report}
    return {name: values[name] for name in names if values.get(name) is not None}
