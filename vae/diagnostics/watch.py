"""Findings on a run in training, computed from its reports alone.

A finding appears when its check also found it HELD epochs before. After a live change there is no
finding until the model can have adapted to it. A lasting finding, whose evidence remains in the
curves, is settled by a later live change of the setting of its fix.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vae.base.records import Change
from vae.config import RunConfig
from vae.diagnostics.checks import CHECKS, diagnose
from vae.diagnostics.findings import REACH, Finding, Observations
from vae.diagnostics.training_stats import reach, training_stats
from vae.runs import Status

HELD = 3  # epochs
ADAPTED = 8 * REACH  # Σ of the learning rate after a live change: 1,000 steps at 2e-3

Reports = Sequence[Mapping[str, Any]]


def watched(
    config: RunConfig,
    reports: Reports,
    changes: Iterable[Change],
    status: Status,
    held: int = 0,
) -> dict[str, Finding]:
    """Return the serious findings on a run by name, in the order of the table of checks. `held`
    is its number of validation examples, 0 if unknown."""
    moved = [change for change in changes if change.field != "epochs"]
    now = with_changes(config, moved)
    found = _serious(now, reports, status, held)
    if found and status.active:
        last = max(report["epoch"] for report in reports)
        earlier = [report for report in reports if report["epoch"] <= last - HELD]
        since = moved[-1].step if moved else 0
        if moved and reach(reports) - reach(_until(reports, since)) < ADAPTED:
            return {}
        before = _serious(now, earlier, status, held)
        found = {name: finding for name, finding in found.items() if name in before}
    given = config, reports, moved, status, held
    settled = {name for name, finding in found.items() if _is_settled(name, finding, *given)}
    return {name: finding for name, finding in found.items() if name not in settled}


def with_changes(config: RunConfig, changes: Iterable[Change]) -> RunConfig:
    """Return the settings of a run after its live changes."""
    moved = {change.field: change.value for change in changes if change.field != "epochs"}
    return RunConfig.of(**config.model_dump() | moved) if moved else config


def _serious(config: RunConfig, reports: Reports, status: Status, held: int) -> dict[str, Finding]:
    stats = training_stats(reports, config.best_by)
    found = diagnose(Observations(config, stats, status.state, status.message, held=held)).findings
    return {name: finding for name, finding in found.items() if CHECKS[name].serious}


def _until(reports: Reports, step: int) -> Reports:
    return [report for report in reports if report["step"] <= step]


def _is_settled(
    name: str,
    finding: Finding,
    config: RunConfig,
    reports: Reports,
    changes: Sequence[Change],
    status: Status,
    held: int,
) -> bool:
    """Whether a lasting finding dates from before the last live change of its fix's setting."""
    if status.state == "failed" or not CHECKS[name].lasting or finding.fix is None:
        return False
    field = finding.fix.field
    last = max((k for k, change in enumerate(changes) if change.field == field), default=None)
    if last is None:
        return False
    before = with_changes(config, changes[:last])
    return name in _serious(before, _until(reports, changes[last].step), status, held)
