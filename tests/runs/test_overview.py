"""Many runs: files are read again only after a change, and every change is noticed."""

import os
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vae.base import files, visitors
from vae.base.records import Evaluation
from vae.runs import Run, active, glance, listing, mending, names, notes, overview
from vae.runs.evaluations import EvaluationRequest, Weights, save
from vae.runs.overview import Overview
from vae.runs.store import delete, rename, restore
from vae.worker import Launcher

Make = Callable[..., Run]
OTHER = {"host": "another-machine", "pid": 1, "process_started": 1.0}


def _evaluate(run: Run) -> None:
    save(
        run,
        EvaluationRequest("best", "test"),
        Weights("0" * 64, 3),
        Evaluation("one", "test", "best", 3, {}, {}),
    )


def _mend(run: Run) -> None:
    (run.path / "control.json").write_text("{")
    mending.mend(run)


CHANGES: dict[str, Callable[[Run], object]] = {
    "state": lambda run: run.set_status(state="finished"),
    "taken": lambda run: run.take(("queued",), state="starting"),
    "stopped": lambda run: run.stop(),
    "renamed": lambda run: rename(run, "other"),
    "deleted": lambda run: delete(run),
    "noted": lambda run: notes.change(run.path, title="title"),
    "evaluated": _evaluate,
    "mended": _mend,
    "copied": lambda run: shutil.copytree(run.path, run.path.with_name("copy")),
    "removed": lambda run: shutil.rmtree(run.path),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_is_noticed(make: Make, name: str) -> None:
    run = make("one")
    whole = Overview(run.path.parent)
    before = whole.versions()
    assert before == whole.versions()
    CHANGES[name](run)
    assert whole.versions() != before


def test_a_restored_run_is_noticed(make: Make) -> None:
    run = make("one")
    whole = Overview(run.path.parent)
    deleted = delete(run)
    assert whole.names() == ()
    restore(deleted)
    assert whole.names() == ("one",)


def test_a_heartbeat_is_no_change(make: Make) -> None:
    run = make("one")
    whole = Overview(run.path.parent)
    before = whole.versions()
    run.set_status(heartbeat=1.0, step=3)
    run.set_status(state="queued")
    assert whole.versions() == before
    assert run.status().step == 3


def test_a_change_of_one_run_is_a_look_at_that_run(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [make(name) for name in "abc"]
    root = runs[0].path.parent
    looks: list[str] = []
    head = glance.head_of
    monkeypatch.setattr(glance, "head_of", lambda path: looks.append(path.name) or head(path))
    whole = Overview(root)
    assert whole.names() == ("c", "b", "a")
    assert set(looks) == set("abc")
    for change in (lambda: Run(root / "b").set_status(state="finished"), lambda: make("d")):
        looks.clear()
        change()
        whole.names()
        assert set(looks) == {"b" if len(whole.names()) == 3 else "d"}


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read."""
    found: list[str] = []
    read = files.read_json

    def noted(path: Path) -> object:
        found.append(path.name)
        return read(path)

    monkeypatch.setattr(files, "read_json", noted)
    return found


def test_a_run_is_read_again_after_a_change_only(make: Make, reads: list[str]) -> None:
    runs = [make(name) for name in "abc"]
    root = runs[0].path.parent
    states = lambda: [run.status().state for run in listing(root)]  # noqa: E731
    assert states() == ["queued"] * 3
    reads.clear()
    assert states() == ["queued"] * 3
    assert not reads
    files.write_json(runs[1].path / "status.json", {"state": "finished"})
    assert states() == ["queued", "finished", "queued"]
    assert reads == ["status.json"]
    (runs[0].path / "config.json").write_text("{")
    assert sorted(states()) == ["damaged", "finished", "queued"]


def test_an_idle_launcher_looks_at_no_run(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [make(name) for name in "ab"]
    root = runs[0].path.parent
    for run in runs:
        run.set_status(state="finished")
    looks: list[str] = []
    status = Run.status
    monkeypatch.setattr(Run, "status", lambda run: looks.append(run.name) or status(run))
    monkeypatch.setattr(overview, "SETTLED", -1)  # as if some time had passed
    server = Launcher(root, spare=False)
    for _ in range(5):
        server.pump()
    assert sorted(looks) == ["a", "b"]
    looks.clear()
    runs[0].set_status(state="stopped")
    server.pump()
    assert looks == ["a"]
    overview.overview(root)._next_look = 0.0  # a change without a mark is seen a minute later
    server.pump()
    assert sorted(looks[1:]) == ["a", "b"]
    server.close()


def test_an_idle_launcher_scans_no_folder(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    make("a").set_status(state="finished")
    root = make("b").path.parent
    Run(root / "b").set_status(state="finished")
    monkeypatch.setattr(overview, "SETTLED", -1)
    server = Launcher(root, spare=False)
    server.pump()
    monkeypatch.setattr(os, "scandir", lambda path: pytest.fail(f"scanned {path}"))
    server.pump()
    server.close()


def test_a_list_of_this_moment_is_not_stored(make: Make) -> None:
    """The clock of a file system moves every few milliseconds."""
    root = make("a").path.parent
    before = files.file_state(root)
    assert names(root) == ("a",)
    make("b")
    os.utime(root, ns=(before.modified, before.modified))  # as in the same moment
    assert names(root) == ("b", "a")


def test_a_run_in_the_place_of_another_is_noticed(make: Make) -> None:
    root = make("a").path.parent
    whole = Overview(root)
    before = whole.versions()
    os.rename(root / "a", root / ".away")
    make("a")
    assert whole.versions()["a"] > before["a"]


def test_a_run_of_another_machine_leaves_the_queue(make: Make) -> None:
    run = make("a")
    root = run.path.parent
    assert [r.name for r in active(root)] == ["a"]
    run.set_status(state="running", heartbeat=time.time(), **OTHER)
    assert [r.name for r in active(root)] == ["a"]
    run.set_status(heartbeat=time.time() - 3600)
    assert active(root) == []


def test_old_marks_are_removed_and_their_folder_is_made_again(make: Make) -> None:
    run = make("a")
    marks = run.path.parent / glance.MARKS
    whole = Overview(run.path.parent)
    glance.mark(run.path)
    glance.mark(run.path.with_name("b"))
    old = datetime(2020, 1, 1, tzinfo=UTC).timestamp()
    os.utime(marks / "b", (old, old))
    glance.remove_old_marks(run.path.parent)
    assert [path.name for path in marks.iterdir()] == ["a"]
    before = whole.versions()
    shutil.rmtree(marks)
    notes.change(run.path, title="title")
    assert whole.versions() != before


def test_marks_that_cannot_be_written_are_left_out(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make("a")
    shutil.rmtree(run.path.parent / glance.MARKS, ignore_errors=True)
    (run.path.parent / glance.MARKS).write_text("")  # no folder
    run.set_status(state="finished")
    assert run.status().state == "finished"
    monkeypatch.setenv(visitors.READ_ONLY, "1")
    glance.remove_old_marks(run.path.parent)
    assert names(run.path.parent) == ("a",)
