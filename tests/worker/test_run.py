"""Training in a worker: one process trains a run, its final state has a reason, and it can be
resumed."""

import errno
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vae.base import files
from vae.base.records import Report, Tick
from vae.runs import Run, identity
from vae.training import metrics, milestones
from vae.worker import train
from vae.worker.job import SUFFIXES, Job, attempts
from vae.worker.project import projection_of
from vae.worker.run import JOBS, work
from vae.worker.train import BusyError, error_sentence, train_run

Make = Callable[..., Run]
FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture(autouse=True)
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Report progress at every step, not by the clock."""
    monkeypatch.setattr(metrics, "TICK_SECONDS", 0.0)
    monkeypatch.setattr(train, "STATUS_SECONDS", -1.0)


def finish(run: Run, until: int | None = None, wanted: str = "pause") -> None:
    """Train, and request `wanted` at step `until`."""
    for event in train_run(run):
        if isinstance(event, Tick) and event.step == until:
            run.want(wanted)


def weights(run: Run, checkpoint: str = "last") -> dict[str, Any]:
    arrays, _ = files.read_arrays(run.path / f"{checkpoint}.safetensors")
    return arrays


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize(("wanted", "state"), [("pause", "paused"), ("stop", "stopped")])
@pytest.mark.parametrize("by", ["wish", "signal"])
def test_every_end_saves_the_run_and_resume_repeats_the_uninterrupted_run(
    make: Make, wanted: str, state: str, by: str
) -> None:
    run, whole = make("one"), make("whole")
    if by == "wish":
        finish(run, 3, wanted)
    else:
        for _ in train_run(run, lambda: wanted if run.status().step >= 3 else None):
            pass
    status = run.status()
    assert (status.state, status.step, status.message) == (state, 3, "")
    assert status.resumable
    run.want("run")
    finish(run)
    finish(whole)
    assert run.status().state == whole.status().state == "finished"
    assert same(weights(run), weights(whole))
    assert same(weights(run, "best"), weights(whole, "best"))


def test_the_status_has_the_progress_of_training(make: Make) -> None:
    run = make("one")
    for event in train_run(run):
        status = run.status()
        assert status.state == "running"
        assert status.device == "cpu"
        assert re.fullmatch(r".+, \d+ cores?", status.machine)
        assert (status.host, status.pid) == (identity()["host"], os.getpid())
        if isinstance(event, Tick):
            assert (status.step, status.steps) == (event.step, 8)
    assert run.status().state == "finished"
    assert run.status().best is not None


def test_a_second_worker_is_refused(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "LOCK_SECONDS", 0.05)
    run = make("one")
    first = train_run(run)
    next(first)
    before = run.status()
    with pytest.raises(BusyError, match="Another process is training one: stop it first"):
        finish(Run(run.path))
    assert run.status() == before
    first.close()
    assert run.status().state == "interrupted"  # this process lives on and trains it no more
    finish(run)
    assert run.status().state == "finished"


def test_early_stopping_has_a_reason(make: Make) -> None:
    run = make("one", patience=1, epochs=50, lr=1e-8)
    finish(run)
    assert run.status().state == "finished"
    assert run.status().epoch < 50
    assert "no better validation value for 1 epoch." in run.status().message


# More epochs


def test_added_epochs_hold_the_last_value_of_every_schedule(make: Make) -> None:
    schedules = {"lr_schedule": "cosine", "beta_schedule": "warmup:1"}
    run = make("one", **schedules)
    finish(run)
    end = run.reports()[-1]
    run.want("run", epochs=4)
    finish(run)
    status = run.status()
    assert (status.state, status.epoch, status.epochs) == ("finished", 4, 4)
    added = [r for r in run.reports() if r["step"] > end["step"]]
    assert {r["epoch"] for r in added} >= {3.0, 4.0}
    assert {r["lr"] for r in added} == {end["lr"]}
    assert {r["beta"] for r in added} == {end["beta"]} == {1.0}


def test_a_live_change_holds_from_its_step(make: Make) -> None:
    run = make("one")
    for event in train_run(run):
        if isinstance(event, Tick) and event.step == 5:
            run.want(beta=4.0)
    (change,) = run.changes()
    assert (change.step, change.value) == (5, 4.0)
    betas = {r["step"]: r["beta"] for r in run.reports() if r["split"] == "train"}
    assert betas == {s: 4.0 if s > 5 else 1.0 for s in range(1, 9)}


# What goes wrong


@pytest.mark.parametrize("deed", ["write", "fsync", "replace"])
@pytest.mark.parametrize("step", [0, 3, 6])
def test_a_full_disk_is_reported_and_saved_files_stay_intact(
    make: Make, monkeypatch: pytest.MonkeyPatch, deed: str, step: int
) -> None:
    """The disk refuses every write from that step on, also of the status. With space the run
    continues."""
    monkeypatch.setattr(milestones, "SNAPSHOT_EXAMPLES", 16)
    monkeypatch.setattr(files, "has_room", lambda folder, size: False)
    monkeypatch.setattr(train, "ROOM_PATIENCE", 0.0)
    run, whole = make("one"), make("whole")

    def refuse(*args: Any, **keywords: Any) -> Any:
        raise FULL

    def train_until_full() -> None:
        for event in train_run(run):
            if isinstance(event, Tick | Report) and event.step >= step:
                patch.setattr(os, deed, refuse)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space") as caught:
        train_until_full()
    assert "disk is full: free some space" in error_sentence(caught.value)
    assert run.status().state in ("failed", "running")  # this process has not ended
    run.snapshot()
    assert not [p for p in run.path.rglob(".*")]
    finish(run)
    finish(whole)
    assert same(weights(run), weights(whole))
    assert len(run.reports()) == len(whole.reports())


@pytest.mark.parametrize("deed", ["write", "fsync", "replace"])
@pytest.mark.parametrize("step", [0, 3, 6])
def test_training_waits_for_room_on_a_full_disk_and_goes_on(
    make: Make, monkeypatch: pytest.MonkeyPatch, deed: str, step: int
) -> None:
    """With the weights, reports and frames of an uninterrupted run; meanwhile it names the
    reason."""
    monkeypatch.setattr(milestones, "SNAPSHOT_EXAMPLES", 16)
    monkeypatch.setattr(train, "ROOM_SECONDS", 0.0)
    run, whole = make("one"), make("whole")
    patch, messages = pytest.MonkeyPatch(), list[str]()

    def refuse(*args: Any, **keywords: Any) -> Any:
        raise FULL

    def has_room(folder: Path, size: int) -> bool:
        messages.append(run.status().message)
        if len(messages) == 3:
            patch.undo()
        if len(messages) == 4:
            messages.append(run.status().message)
        return len(messages) > 4

    monkeypatch.setattr(files, "has_room", has_room)
    try:
        for event in train_run(run):
            if not messages and isinstance(event, Tick | Report) and event.step >= step:
                patch.setattr(os, deed, refuse)
    finally:
        patch.undo()
    assert run.status().state == "finished"
    assert run.status().message == ""
    assert messages[-1].endswith("free some space. Training goes on by itself when there is room.")
    finish(whole)
    assert same(weights(run), weights(whole))
    assert [r["step"] for r in run.reports()] == [r["step"] for r in whole.reports()]
    assert run.frame_steps() == whole.frame_steps()


def test_a_request_ends_the_wait_for_room(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make("one")
    monkeypatch.setattr(files, "has_room", lambda folder, size: run.want("stop") and False)
    events = train_run(run)
    next(events)
    with monkeypatch.context() as patch:
        patch.setattr(files, "write_arrays", _full)
        with pytest.raises(OSError, match="No space"):
            list(events)
    assert run.status().state == "failed"
    assert run.status().resumable


def _full(*args: Any, **keywords: Any) -> None:
    raise FULL


def test_a_disk_full_for_large_files_only_ends_as_failed_with_a_sentence(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make("one")
    monkeypatch.setattr(files, "has_room", lambda folder, size: False)
    monkeypatch.setattr(train, "ROOM_PATIENCE", 0.0)
    finish(run, 4)
    before = weights(run)
    run.want("run")

    def refuse(*args: Any, **keywords: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device", str(run.path / "last.safetensors"))

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_arrays", refuse)
        with pytest.raises(OSError, match="No space"):
            finish(run)
    status = run.status()
    assert status.state == "failed"
    assert status.resumable
    assert status.message.endswith(
        "last.safetensors: the disk is full: free some space. Everything saved before is intact. "
        "Resume afterwards."
    )
    assert "Traceback" in (run.path / "log.txt").read_text()
    assert same(weights(run), before)


def test_a_diverged_run_fails_with_a_sentence(make: Make) -> None:
    run = make("one", lr=10.0, epochs=200, likelihood="gaussian", sigma=1e-3)
    with pytest.raises(FloatingPointError, match="diverged"):
        finish(run)
    status = run.status()
    assert status.diverged
    assert "Lower the learning rate" in status.message
    assert f"at step {status.step}." in status.message
    assert 0 < status.step < status.steps


def test_an_unexpected_error_is_reported_with_its_type_and_logged(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **keywords: Any) -> Any:
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setattr("vae.training.train", broken)
    run = make("one")
    with pytest.raises(ZeroDivisionError):
        finish(run)
    message = (
        "ZeroDivisionError: nobody thought of this. The full traceback is in the run's log.txt."
    )
    assert run.status()[:2] == ("failed", message)
    assert "in broken" in (run.path / "log.txt").read_text()


def test_a_full_memory_is_reported_with_a_remedy() -> None:
    assert "lower batch_size" in error_sentence(
        RuntimeError("CUDA out of memory. Tried to allocate")
    )
    assert "lower batch_size" in error_sentence(MemoryError())


def test_a_damaged_state_fails_with_a_remedy_and_changes_nothing(make: Make) -> None:
    run = make("one")
    finish(run, 4)
    last = run.path / "last.safetensors"
    whole, reports = last.read_bytes(), run.reports()
    last.write_bytes(whole[:-10])
    run.want("run")
    with pytest.raises(ValueError, match="is damaged"):
        finish(run)
    assert run.status().state == "failed"
    assert "Restore a copy of it, or delete it" in run.status().message
    assert run.reports() == reports
    last.write_bytes(whole)
    finish(run)
    assert run.status().state == "finished"


# Projections


def job_of(run: Run, **options: Any) -> Job:
    spec = {"checkpoint": "best", "split": "all", "points": 20, "projection": "pca"}
    return Job.of(run, "project", spec | {"options": {}, "seed": 0} | options)


def test_the_result_of_a_job_is_named_by_weights_and_settings(trained: Make) -> None:
    run = trained("one")
    job = job_of(run)
    assert job.status()["state"] == "none"
    work(job.order, lambda: None)
    assert job.status() == {"state": "finished", "progress": 1.0, "message": ""}
    found, index = projection_of(job.result)
    assert found.points.shape == (20, 2)
    assert len(index) == 20
    assert not job.partial.exists()
    assert job_of(run, seed=1).key != job.key == job_of(Run(run.path)).key
    assert job_of(run, points=10).status()["state"] == "none"


def test_a_failed_or_dead_job_has_a_reason(trained: Make) -> None:
    run = trained("one")
    job = job_of(run, split="nonsense")
    with pytest.raises(ValueError, match="Unknown split"):
        work(job.order, lambda: None)
    assert job.status()["state"] == "failed"
    assert "Unknown split 'nonsense'" in job.status()["message"]
    job.clear()
    assert job.status()["state"] == "none"
    job.note(state="running", **identity() | {"process_started": 1.0})
    assert job.status()["state"] == "failed"
    assert "process of this job is gone" in job.status()["message"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"state": 5}',
        '{"state": "running"}',
        '{"state": null, "message": [], "progress": "half", "begun": {}}',
    ],
)
def test_an_invalid_status_of_a_job_has_defaults(trained: Make, content: str) -> None:
    job = job_of(trained("one"))
    path: Path = job.result.with_suffix(".status.json")
    path.parent.mkdir()
    path.write_text(content)
    status = job.status()
    assert isinstance(status["state"], str)
    assert isinstance(status["message"], str)
    assert isinstance(status["progress"], float)
    assert "begun" not in status


def test_a_cancelled_job_ends_without_a_result(trained: Make) -> None:
    job = job_of(trained("one"), projection="tsne", options={"perplexity": 5.0})
    job.cancel()
    work(job.order, lambda: None)
    assert job.status()["state"] == "cancelled"
    assert not job.result.exists()


def test_the_key_of_a_job_depends_on_content_and_not_on_time(trained: Make) -> None:
    run = trained("one")
    job = job_of(run)
    work(job.order, lambda: None)
    copy = Run(shutil.copytree(run.path, run.path.with_name("copy")))
    for path in copy.path.rglob("*.safetensors"):
        os.utime(path, (1.0, 1.0))
    assert job_of(copy).key == job.key
    assert job_of(copy).status()["state"] == "finished"
    arrays, meta = files.read_arrays(copy.weights_path("best"))
    changed = {name: values + np.float32(1e-3) for name, values in arrays.items()}
    files.write_arrays(copy.weights_path("best"), changed, meta)
    assert job_of(copy).key != job.key
    assert job_of(copy).status()["state"] == "none"
    assert job_of(run).key == job.key


def test_attempts_are_the_jobs_without_a_result_for_any_weights(trained: Make) -> None:
    run = trained("one")
    done, dead = job_of(run), job_of(run, seed=1)
    slow = job_of(run, projection="tsne", options={"perplexity": 5.0})
    assert attempts(run, "project") == []
    work(done.order, lambda: None)
    dead.note(state="running", **identity() | {"process_started": 1.0})
    slow.cancel()
    work(slow.order, lambda: None)
    os.utime(dead.result.with_suffix(".status.json"), (1.0, 1.0))
    run.weights_path("best").write_bytes(run.weights_path("last").read_bytes())
    found = attempts(run, "project")
    assert [(job.key, job.spec) for job in found] == [(j.key, j.spec) for j in (slow, dead)]
    assert [job.status()["state"] for job in found] == ["cancelled", "failed"]
    assert attempts(run, "evaluate") == []
    found[0].clear()
    assert [job.key for job in attempts(run, "project")] == [dead.key]
    dead.result.touch()  # made by someone else meanwhile
    assert attempts(run, "project") == []


@pytest.mark.parametrize("kind", JOBS)
def test_each_kind_of_job_has_separate_files(trained: Make, kind: str) -> None:
    job = Job.of(trained("one"), kind, {"checkpoint": "best"})
    job.note(state="running")
    job.cancel()
    job.partial.write_bytes(b"")
    names = {path.name for path in job.result.parent.iterdir()}
    assert len(names) == 3
    assert job.result.name not in names
    assert job.result.name == f"{kind}-{job.key}{SUFFIXES[kind]}"
    job.clear()
    assert not list(job.result.parent.iterdir())
