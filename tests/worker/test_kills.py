"""A worker can be killed at any moment: its run then reads as interrupted, and the resumed run
ends with the files of an uninterrupted run. `driver.py` kills and compares."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.processes import output
from tests.worker import driver


def drive(which: str, root: Path, number: int, seconds: float = 280.0) -> dict[str, Any]:
    """The output of the driver, from a separate process: it changes functions of `os`."""
    given = [which, str(root / "runs"), str(number)]
    return dict(json.loads(output(lambda: driver.main(given), root, seconds)))


@pytest.mark.parametrize("every", [12, pytest.param(1, marks=pytest.mark.long)])
def test_a_run_killed_at_write_boundaries_ends_like_an_uninterrupted_run(
    tmp_path: Path, every: int
) -> None:
    """Before calls that change the disk and in the middle of writes, in a run that is created,
    paused and resumed while β changes twice."""
    found = drive("boundaries", tmp_path, every)
    assert every * found["trials"] > found["deeds"] > 100
    assert found["states"].keys() == {"none", "queued", "interrupted", "paused"}
    assert found["ends"] >= 3  # without a change, with one, with two


@pytest.mark.parametrize("every", [25, pytest.param(1, marks=pytest.mark.long)])
def test_a_run_whose_power_was_cut_ends_like_an_uninterrupted_run(
    tmp_path: Path, every: int
) -> None:
    """Between any two calls that change the disk, without the bytes not flushed or with half of
    it."""
    found = drive("power", tmp_path, every)
    assert every * found["trials"] > 2 * found["deeds"] - every > 200
    assert found["states"].keys() <= {"none", "queued", "interrupted", "paused", "finished"}
    assert found["states"]["interrupted"]


@pytest.mark.parametrize("kills", [4, pytest.param(60, marks=pytest.mark.long)])
def test_a_run_killed_at_random_moments_ends_like_an_uninterrupted_run(
    tmp_path: Path, kills: int
) -> None:
    """Kills at random times, mostly within an epoch, with live changes and pauses."""
    found = drive("random", tmp_path, kills)
    assert found["kills"] >= kills
    assert found["in_epoch"] >= kills // 3
    assert sum(found["changes"]) > 0


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_a_run_of_any_combination_killed_at_any_moment_ends_like_an_uninterrupted_run(
    tmp_path: Path,
) -> None:
    """Objectives, posteriors and priors, convolutions, series, counts, a mixed table and a mapped
    file; weights, reports, frames and changes bit for bit."""
    found = drive("choices", tmp_path, 200, 7000.0)
    assert found["combinations"] == 7 + len(list(driver.combinations())) > 30
    assert found["kills"] >= 200
    assert found["in_write"] >= 60
    assert found["in_epoch"] >= 60
    assert found["changes"] > 0
