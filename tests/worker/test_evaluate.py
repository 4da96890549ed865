"""An evaluation as a job: the saved result equals the library's, complete, with the identity of
the evaluated weights."""

import errno
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vae.analysis.loaded_run import LoadedRun
from vae.base import files
from vae.evaluation.reading import is_complete
from vae.runs import Run, identity
from vae.runs.evaluations import KIND, EvaluationRequest, SavedEvaluation, saved_evaluations
from vae.worker import evaluate
from vae.worker.evaluate import load_run
from vae.worker.job import Job, attempts
from vae.worker.run import work

Make = Callable[..., Run]
WANTED = EvaluationRequest("best", "all", elbo_samples=3, samples=120, full=True)


def job_of(run: Run, request: EvaluationRequest = WANTED) -> Job:
    return Job.of(run, KIND, request._asdict())


def done(run: Run, request: EvaluationRequest = WANTED) -> SavedEvaluation:
    work(job_of(run, request).order, lambda: None)
    return saved_evaluations(run)[0]


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("checkpoint", ["best", "last"])
def test_the_saved_result_equals_the_librarys(trained: Make, checkpoint: str, full: bool) -> None:
    run, request = trained("one"), EvaluationRequest(checkpoint, "train", 2, 100, full)
    job = job_of(run, request)
    result = done(run, request)
    assert result.path == job.result
    assert result.record == LoadedRun.of(run, checkpoint).evaluate("train", 2, 100, full)
    assert result.request == request
    assert is_complete(result.record)
    assert result.weights.step == files.read_meta(run.weights_path(checkpoint))["step"]
    assert timedelta(0) <= datetime.now(UTC) - result.created < timedelta(minutes=5)
    assert job.status()["state"] == "finished"
    assert {path.name for path in job.result.parent.iterdir()} == {job.result.name}


def test_every_choice_of_settings_has_a_separate_result(trained: Make) -> None:
    run = trained("one")
    others = [
        WANTED._replace(checkpoint="last"),
        WANTED._replace(split="train"),
        WANTED._replace(elbo_samples=4),
        WANTED._replace(samples=121),
        WANTED._replace(full=False),
    ]
    assert len({job_of(run, request).key for request in [WANTED, *others]}) == 6


def test_progress_is_recorded_and_cancel_leaves_no_result(
    trained: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained("one")
    monkeypatch.setattr(evaluate, "PROGRESS_SECONDS", -1.0)
    job, shares = job_of(run), []

    def note(self: Job, **fields: Any) -> None:
        before(self, **fields)
        if "progress" in fields:
            shares.append(job.status()["progress"])
            job.cancel()

    before = Job.note
    monkeypatch.setattr(Job, "note", note)
    monkeypatch.setattr("vae.evaluation.inputs.CHUNK", 8)
    work(job.order, lambda: None)
    assert len(shares) == 1
    assert 0 < shares[0] < 1
    assert job.status()["state"] == "cancelled"
    assert saved_evaluations(run) == []
    assert [j.spec for j in attempts(run, KIND)] == [job.spec]


def test_a_full_disk_costs_an_evaluation_only_the_result_that_has_no_room(
    trained: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Progress that cannot be saved does not end it, and earlier results stay."""
    monkeypatch.setattr(evaluate, "PROGRESS_SECONDS", -1.0)
    monkeypatch.setattr("vae.evaluation.inputs.CHUNK", 8)
    run, before, refused = trained("one"), os.write, list[bytes]()
    earlier = done(run, WANTED._replace(elbo_samples=1, samples=5, full=False))

    def write(handle: int, content: Any) -> int:
        if full in bytes(content):
            refused.append(bytes(content))
            raise OSError(errno.ENOSPC, "No space left on device")
        return before(handle, content)

    monkeypatch.setattr(os, "write", write)
    for full in (b"", b'"evaluation"'):
        with pytest.raises(OSError, match="No space"):
            work(job_of(run).order, lambda: None)
        assert saved_evaluations(run) == [earlier]
        status = job_of(run).status()
        right = ("failed", True) if full else ("none", False)
        assert (status["state"], "the disk is full: free some space" in status["message"]) == right
    full, refused = b'"progress": 0.', []
    assert done(run).record == LoadedRun.of(run).evaluate(*WANTED[1:])
    assert len(refused) > 2


def test_progress_goes_from_zero_to_one(trained: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "PROGRESS_SECONDS", -1.0)
    monkeypatch.setattr("vae.evaluation.inputs.CHUNK", 8)
    run, shares = trained("one"), []
    monkeypatch.setattr(Job, "report", lambda self, share: shares.append(share))
    done(run)
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.5 < shares[-1] <= 1


def test_the_result_names_the_weights_that_were_loaded(
    trained: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training saves new weights between the press and the work."""
    run, other = trained("one"), trained("other", epochs=3)
    job = job_of(run)
    opened_of, new = LoadedRun.of, other.weights_path("best").read_bytes()

    def of(run: Run, checkpoint: str = "best") -> LoadedRun:
        loaded = opened_of(run, checkpoint)
        run.weights_path("best").write_bytes(new)
        return loaded

    monkeypatch.setattr(LoadedRun, "of", of)
    work(job.order, lambda: None)
    (result,) = saved_evaluations(run)
    assert result.path == job_of(run).result != job.result
    assert job.status()["state"] == "none"
    assert attempts(run, KIND) == []
    monkeypatch.undo()
    assert result.record == LoadedRun.of(run).evaluate("all", 3, 120, True)


def test_weights_that_change_too_fast_raise_a_sentence(
    trained: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained("one")
    count = iter(range(1000))
    monkeypatch.setattr(evaluate, "digest", lambda path: str(next(count)))
    with pytest.raises(ValueError, match="weights of one change too fast: pause it first"):
        load_run(run, "best")


def test_non_finite_weights_fail_with_a_sentence(trained: Make) -> None:
    run = trained("one")
    arrays, meta = files.read_arrays(run.path / "best.safetensors")
    broken = {k: np.full_like(v, np.nan) for k, v in arrays.items()}
    files.write_arrays(run.path / "best.safetensors", broken, meta)
    job = job_of(run)
    with pytest.raises(ValueError, match="not finite"):
        work(job.order, lambda: None)
    assert job.status()["state"] == "failed"
    assert "is not finite. Try the best checkpoint" in job.status()["message"]
    assert saved_evaluations(run) == []


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", "5", '{"wanted": 3}', '{"wanted": {"checkpoint": "best"}}'],
)
def test_other_files_are_skipped(trained: Make, content: str) -> None:
    run = trained("one")
    result = done(run, WANTED._replace(full=False))
    (result.path.parent / "evaluate-0123456789abcdef.json").write_text(content)
    job_of(run).note(state="running", **identity())
    assert saved_evaluations(run) == [result]


@pytest.mark.parametrize(
    "damage",
    [
        {"made": "yesterday"},
        {"weights": None},
        {"evaluation": None},
        {"wanted": WANTED._asdict() | {"samples": []}},
        {"wanted": WANTED._asdict() | {"split": 3}},
        {"evaluation": {"reconstruction": None}},
        {"wanted": {"unknown": 1}},
    ],
)
def test_a_damaged_result_is_skipped(trained: Make, damage: dict[str, Any]) -> None:
    run = trained("one")
    path: Path = done(run, WANTED._replace(full=False)).path
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    assert saved_evaluations(run) == []


def test_a_result_with_an_object_for_a_number_is_skipped(trained: Make) -> None:
    run = trained("one")
    path: Path = done(run, WANTED._replace(full=False)).path
    saved = json.loads(path.read_text())
    for key in ("elbo", "elbo_se", "nll_samples"):
        evaluation = saved["evaluation"] | {key: {"a": 1}}
        path.write_text(json.dumps(saved | {"evaluation": evaluation}))
        assert saved_evaluations(run) == [], key
    path.write_text(json.dumps(saved))
    assert len(saved_evaluations(run)) == 1


def test_a_result_of_an_earlier_version_is_read_as_incomplete(trained: Make) -> None:
    run = trained("one")
    result = done(run)
    saved = json.loads(result.path.read_text())
    del saved["evaluation"]["probes"]
    saved["evaluation"]["forgotten"] = 3
    result.path.write_text(json.dumps(saved))
    (old,) = saved_evaluations(run)
    assert not is_complete(old.record)
    values = {k: v for k, v in result.record.values.items() if k != "probes"}
    assert old.record == result.record._replace(values=values | {"forgotten": 3})
    assert old.record.get("probes") is None


def test_results_are_listed_newest_first(trained: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    run = trained("one")
    for hour, samples in enumerate((1, 3, 2)):
        result = done(run, WANTED._replace(full=False, samples=samples))
        saved = json.loads(result.path.read_text())
        saved["made"] = f"2026-01-01T0{hour}:00:00+00:00"
        result.path.write_text(json.dumps(saved))
    assert [k.request.samples for k in saved_evaluations(run)] == [2, 3, 1]
