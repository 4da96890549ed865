"""The reports of a run as curves."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from vae.base.numbers import typed
from vae.base.records import Change, Curve, Curves

Lines = list[dict[str, Any]]
QUANTITIES = ("reconstruction", "kl", "elbo", "loss", "beta", "lr")
SYMBOLS = {"beta": "β", "lr": "learning rate"}


def curves_of(reports: Lines, changes: Iterable[Change], best_epoch: float | None) -> Curves:
    """Return curves by (split, quantity), with marks for live changes and the best epoch."""
    marks = tuple((_epoch_of(c.step, reports), _mark(c)) for c in changes)
    return Curves(_columns(reports), marks, best_epoch, _latest_kl(reports))


def _columns(reports: Lines) -> dict[tuple[str, str], Curve]:
    points: dict[tuple[str, str], list[tuple[int, float, float]]] = {}
    for report in reports:
        values = {name: report.get(name) for name in QUANTITIES} | (report.get("terms") or {})
        for name, value in values.items():
            if isinstance(value, int | float):
                place = (report["step"], report["epoch"], value)
                points.setdefault((report["split"], name), []).append(place)
    return {key: _curve(of) for key, of in points.items()}


def _curve(points: list[tuple[int, float, float]]) -> Curve:
    step, epoch, value = zip(*points, strict=True)
    return Curve(np.array(step), np.array(epoch, np.float32), np.array(value, np.float32))


def _latest_kl(reports: Lines) -> np.ndarray[Any, np.dtype[np.float32]] | None:
    for split in ("val", "train"):
        found = [r.get("kl_per_dimension") for r in reports if r["split"] == split]
        if found and found[-1] is not None:
            return np.array(found[-1], np.float32)
    return None


def _epoch_of(step: int, reports: Lines) -> float:
    later = [r for r in reports if r["step"]]
    return float(step * later[-1]["epoch"] / later[-1]["step"]) if later else 0.0


def _mark(change: Change) -> str:
    return f"{SYMBOLS.get(change.field, change.field)} = {typed(change.value)}"
