"""Runs are renamed, deleted and restored completely, and never while they are in training."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from vae.runs import Run, artifacts, identity, listing, locks, mending, notes
from vae.runs.locks import GoneError
from vae.runs.store import (
    DAY,
    TRASH,
    Deleted,
    delete,
    empty_trash,
    rename,
    restore,
    trash,
)
from vae.worker.job import Job
from vae.worker.train import train_run

Make = Callable[..., Run]


def content(path: Path) -> dict[str, bytes]:
    """Return every file except the locks."""
    files = [p for p in path.rglob("*") if p.is_file() and p.suffix != ".lock"]
    return {str(p.relative_to(path)): p.read_bytes() for p in files}


def names(root: Path) -> list[str]:
    return [run.name for run in listing(root)]


def test_a_renamed_run_has_the_same_content(trained: Make, tmp_path: Path) -> None:
    run = trained("one")
    notes.change(run.path, title="kept")
    before = content(run.path)
    other = rename(run, "two")
    assert content(other.path) == before
    assert names(tmp_path) == ["two"]
    assert other.status().state == "finished"
    assert rename(other, "two").path == other.path


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "../x", "x" * 65, "taken"])
def test_an_invalid_name_is_refused(make: Make, tmp_path: Path, name: str) -> None:
    run, other = make("one"), make("taken")
    before = content(other.path)
    with pytest.raises(ValueError, match="name"):
        rename(run, name)
    assert sorted(names(tmp_path)) == ["one", "taken"]
    assert content(other.path) == before


def test_a_deleted_run_is_hidden_and_can_be_restored(trained: Make, tmp_path: Path) -> None:
    run = trained("one")
    before = content(run.path)
    gone = delete(run)
    assert names(tmp_path) == []
    assert trash(tmp_path) == [gone]
    assert gone.name == "one"
    assert abs(gone.when - time.time()) < 60
    assert content(restore(gone).path) == before
    assert names(tmp_path) == ["one"]
    assert trash(tmp_path) == []


def test_a_name_can_be_deleted_several_times(make: Make, tmp_path: Path) -> None:
    first = delete(make("one", seed=1))
    second = delete(make("one", seed=2))
    assert trash(tmp_path) == [second, first]
    assert restore(first).settings["seed"] == 1
    with pytest.raises(ValueError, match="taken"):
        restore(second)
    assert trash(tmp_path) == [second]


@pytest.mark.parametrize("act", [delete, lambda run: rename(run, "two")])
@pytest.mark.parametrize("state", ["starting", "running"])
def test_a_run_in_training_cannot_be_deleted(
    make: Make, tmp_path: Path, state: str, act: Callable
) -> None:
    run = make("one")
    run.set_status(state=state, heartbeat=time.time(), **identity())
    with pytest.raises(ValueError, match="stop or pause it"):
        act(run)
    assert names(tmp_path) == ["one"]


@pytest.mark.parametrize("act", [delete, lambda run: rename(run, "two")])
def test_a_locked_run_cannot_be_deleted(make: Make, tmp_path: Path, act: Callable) -> None:
    run = make("one")
    with run.lock(), pytest.raises(ValueError, match="at work"):
        act(run)
    assert names(tmp_path) == ["one"]


AFTER: dict[str, Callable[[Run], object]] = {
    "resume": lambda run: run.want("run"),
    "stop": Run.stop,
    "rate": lambda run: run.want(lr=0.1),
    "status": lambda run: run.set_status(state="queued"),
    "queue": lambda run: run.take(("finished",), state="queued"),
    "notes": lambda run: notes.change(run.path, title="late"),
    "mend": mending.mend,
    "rename": lambda run: rename(run, "three"),
    "delete": delete,
    "train": lambda run: list(train_run(run)),
    "evaluate": lambda run: Job(run, "evaluate", {}, "key").note(state="starting"),
    "cancel": lambda run: Job(run, "evaluate", {}, "key").cancel(),
}


@pytest.mark.parametrize("act", AFTER)
@pytest.mark.parametrize("is_deleted", [True, False])
def test_a_window_that_still_shows_a_run_that_is_gone_makes_none(
    act: str, is_deleted: bool, trained: Make, tmp_path: Path
) -> None:
    """Another window has deleted or renamed the run."""
    run = trained("one")
    assert run.config.lr
    delete(Run(run.path)) if is_deleted else rename(Run(run.path), "two")
    with pytest.raises(GoneError, match="no run 'one' any more: it was deleted or renamed"):
        AFTER[act](run)
    assert not run.path.exists()


def test_a_process_that_waits_for_the_lock_of_a_deleted_run_makes_none(make: Make) -> None:
    run, errors = make("one"), list[str]()

    def stop() -> None:
        try:
            run.take(("queued",), state="stopped")
        except GoneError as error:
            errors.append(str(error))

    with run.lock(), locks.held(run.path, locks.STATUS):
        waiting = threading.Thread(target=stop)
        waiting.start()
        time.sleep(0.2)
        run.path.rename(run.path.with_name("two"))
    waiting.join()
    assert errors
    assert not run.path.exists()


def test_a_damaged_folder_can_be_deleted(make: Make, tmp_path: Path) -> None:
    run = make("one")
    (run.path / "config.json").write_text("{")
    delete(Run(run.path))
    assert names(tmp_path) == []


def aged(deleted: Deleted, days: float) -> Path:
    """Return the path of a deleted run that was deleted so many days ago."""
    when = int((time.time() - days * DAY) * 1e9)
    return deleted.path.rename(deleted.path.with_name(f"{deleted.name}~{when}"))


def test_old_runs_in_the_trash_are_removed(make: Make, tmp_path: Path) -> None:
    old = delete(make("old"))
    path = aged(old, 9)
    for days in range(1, 9):  # the root was in use
        run = make(f"run{days}")
        os.utime(run.path, (time.time() - days * DAY,) * 2)
    fresh = delete(make("fresh"))  # looks for what is too old
    assert trash(tmp_path) == [fresh]
    assert not path.exists()
    with pytest.raises(ValueError, match="deleted for good"):
        restore(old)
    empty_trash(tmp_path, seconds=0)
    assert trash(tmp_path) == []


@pytest.mark.parametrize("years", [-1, 1, 30])
def test_a_clock_that_jumps_empties_no_trash(
    years: int, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("stays")
    before = delete(make("before"))
    now, now_ns = time.time, time.time_ns
    seconds = years * 365 * 24 * 3600
    monkeypatch.setattr(time, "time", lambda: now() + seconds)
    monkeypatch.setattr(time, "time_ns", lambda: now_ns() + seconds * 10**9)
    meanwhile = [delete(make(name)) for name in ("one", "two")]
    monkeypatch.undo()
    delete(make("after"))
    assert {each.name for each in trash(tmp_path)} == {"before", "one", "two", "after"}
    for deleted in (before, *meanwhile):
        restore(deleted)
    assert set(names(tmp_path)) == {"stays", "before", "one", "two"}


def test_other_folders_in_the_trash_are_skipped(tmp_path: Path) -> None:
    for name in ("x", "x~y", ".x~3"):
        (tmp_path / TRASH / name).mkdir(parents=True)
    empty_trash(tmp_path, seconds=0)
    assert trash(tmp_path) == []
    assert len(list((tmp_path / TRASH).iterdir())) == 3


@pytest.mark.parametrize("split", ["train", "val"])
def test_the_reports_of_one_split_are_a_part_of_all(trained: Make, split: str) -> None:
    run = trained("one")
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"split": "val", "step"\nnull\n"val"\n')
    wanted = [report for report in run.reports() if report["split"] == split]
    assert artifacts.reports_of(run.path, split) == wanted
    assert len(wanted) > 1
