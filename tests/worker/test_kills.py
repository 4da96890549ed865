"""A worker can be killed at any moment: its run then reads as interrupted, and the resumed run
ends with the files of an uninterrupted run. `driver.py` kills and compares."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]


def drive(which: str, root: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.worker.driver", which, str(root)],
        cwd=PROJECT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout))


def test_killed_at_every_write_boundary(tmp_path: Path) -> None:
    """Before every call that changes the disk and in the middle of every write, in a run that is
    created, paused and resumed while β changes twice."""
    found = drive("boundaries", tmp_path)
    assert found["trials"] > found["deeds"] > 100
    assert found["states"].keys() == {"none", "queued", "interrupted", "paused"}
    assert found["ends"] >= 3  # without a change, with one, with two


def test_killed_at_any_moment(tmp_path: Path) -> None:
    """At least thirty kills by the clock, most in mid-epoch, with live changes and pauses."""
    found = drive("random", tmp_path)
    assert found["kills"] >= 30
    assert found["in_epoch"] >= 10
    assert sum(found["changes"]) > 0
