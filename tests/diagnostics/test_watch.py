"""Findings while a run trains: stable, absent on healthy runs, and removed once they are
settled."""

import itertools
import re
from typing import Any

import pytest

from tests.diagnostics.test_checks import EPOCHS, FINE, ILL, STEPS, Report, case, reports
from tests.tables import each
from vae.base.records import Change
from vae.config import RunConfig
from vae.diagnostics.checks import CHECKS, diagnose
from vae.diagnostics.watch import HELD, watched
from vae.runs import Status

RUNNING = Status("running")


def names(found: list[Report], *changes: Change, **settings: Any) -> list[str]:
    config = RunConfig.of(**({"epochs": EPOCHS} | settings))
    return list(watched(config, found, changes, RUNNING))


def until(found: list[Report], epoch: float) -> list[Report]:
    return [report for report in found if report["epoch"] <= epoch]


@pytest.mark.parametrize(
    ("made", "settings"),
    [
        ({}, {}),
        ({"kl": (1.5, 1e-3)}, {}),
        ({"shape": "slow", "amount": 0.9}, {}),
        ({"sigma": lambda e: 0.1 + 0.9 / (1 + e)}, {"likelihood": "gaussian-learned"}),
    ],
    ids=["healthy", "one off", "slow", "falling sigma"],
)
def test_a_healthy_run_has_no_finding_at_any_epoch(
    made: dict[str, Any], settings: dict[str, Any]
) -> None:
    told = reports(**made)
    assert not [e for e in range(EPOCHS) if names(until(told, e), **settings)]


@pytest.mark.parametrize("name", ["overfitting", "a leap", "jitter", "a burst", "shut"])
def test_a_finding_stays_until_the_end(name: str) -> None:
    check, made, _, settings = ILL[name]
    told = reports(**made)
    said = [check in names(until(told, e), **settings) for e in range(EPOCHS)]
    assert said[-1]
    assert sum(a != b for a, b in itertools.pairwise(said)) == 1


def test_a_finding_appears_after_it_has_held() -> None:
    config = RunConfig.of(epochs=EPOCHS)
    told = reports(kl=(1e-4, 2e-3))
    held = [e for e in range(EPOCHS) if names(until(told, e))]
    at_once = [
        e
        for e in range(EPOCHS)
        if "posterior_collapse" in diagnose(case(until(told, e), None)).findings
    ]
    assert held[0] == at_once[0] + HELD
    assert "posterior_collapse" in watched(config, until(told, at_once[0]), (), Status("finished"))


def test_a_live_change_delays_findings() -> None:
    """At a learning rate of 2e-3 and 50 steps an epoch the model can have adapted after 20."""
    shut = reports(kl=(1e-4, 2e-3))
    change = Change(40 * STEPS, "beta", 1.0)
    said = {e: names(until(shut, e), change, beta=50.0) for e in (40, 59, 61, 80)}
    assert said == {40: [], 59: [], 61: ["posterior_collapse"], 80: ["posterior_collapse"]}
    fix = watched(RunConfig.of(beta=50.0), shut, [change], RUNNING)["posterior_collapse"].fix
    assert fix is not None
    assert fix.field != "beta", "β has its value in the ELBO already"


def test_a_lowered_rate_settles_the_drops_before_it() -> None:
    told = reports("leap", amount=0.5)
    assert names(told) == ["learning_rate"]
    assert names(told, Change(60 * STEPS, "lr", 1e-4)) == []  # the drop is at epoch 56
    assert names(told, Change(50 * STEPS, "lr", 1e-4)) == ["learning_rate"]


@each("name", [*ILL, "healthy"])
def test_each_number_in_nats_names_its_split(name: str) -> None:
    """Every sentence with a number in nats names its split, and its epochs or its examples."""
    _, made, measured, settings = ILL.get(name, ("", {}, FINE, {}))
    result = diagnose(case(reports(**made), measured, **settings))
    sentences = [s for f in result.findings.values() for s in f.evidence]
    sentences += [clear.sentence for clear in result.clear.values() if clear.checked]
    for sentence in sentences:
        if re.search(r"\d nats", sentence):
            assert re.search(r"\b(validation|train|test)\b", sentence), sentence
            assert re.search(r"\b(epochs?|examples)\b|likewise", sentence), sentence


def test_the_evidence_gives_the_best_and_the_last_value() -> None:
    told = reports()
    for report in told:
        if report["split"] == "val":
            report["elbo"] = -23.93 if report["epoch"] == 74 else -23.97 - (80 - report["epoch"])
    clear = CHECKS["overfitting"].function(case(told))
    assert (
        clear.sentence  # type: ignore[union-attr]
        == "The validation ELBO is −23.97 nats at epoch 80; its best is −23.93 nats, at epoch 74."
    )
