"""`python -m vae evaluate` stores its result under the name of the page's job. A failure to store
it does not affect the output."""

import errno
import json
import os
import pty
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.processes import Forked, forked
from tests.runs.conftest import make_in
from vae.analysis.loaded_run import LoadedRun
from vae.base import files
from vae.commands import main
from vae.runs import Run
from vae.runs.evaluations import KIND, EvaluationRequest, saved_evaluations
from vae.worker.job import Job
from vae.worker.run import work
from vae.worker.train import train_run

MORE = ("--samples", "100", "--elbo-samples", "3", "--full")
WANTED = EvaluationRequest("best", "val", elbo_samples=3, samples=100, full=True)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = make_in(tmp_path, "one", test_share=0.0, val_share=0.2)
    for _ in train_run(run):
        pass
    return run


def evaluate(run: Run, *more: str) -> int:
    return main(["evaluate", run.name, "--root", str(run.path.parent), *more])


def test_the_result_has_the_name_of_the_pages_job(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(run, *MORE, "--json") == 0
    out, err = capsys.readouterr()
    assert err == ""
    (result,) = saved_evaluations(run)
    job = Job.of(run, KIND, WANTED._asdict())
    assert result.path == job.result
    assert result.record == LoadedRun.of(run).evaluate("val", 3, 100, True)
    said = json.loads(out)
    assert said == json.loads(result.path.read_text())["evaluation"]
    before = json.loads(result.path.read_text())
    work(job.order, lambda: None)
    after = json.loads(result.path.read_text())
    assert after | {"made": ""} == before | {"made": ""}


def test_an_equal_result_is_computed_again(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate(run, "--json")
    first = capsys.readouterr().out
    (result,) = saved_evaluations(run)
    assert result.request == EvaluationRequest(
        "best", "val", elbo_samples=10, samples=0, full=False
    )
    result.path.write_text("{")
    evaluate(run, "--json")
    assert capsys.readouterr().out == first
    assert [k.record for k in saved_evaluations(run)] == [result.record]
    evaluate(run, "--checkpoint", "last")
    assert len(saved_evaluations(run)) == 2


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_read_only_folder_does_not_affect_the_output(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(path: Path, *args: Any, **keywords: Any) -> None:
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(files, "replace", refuse)
    assert evaluate(run, "--json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["run"] == "one"
    assert err.startswith("vae: The result could not be saved. Cannot use ")
    assert err.count("\n") == 1
    assert saved_evaluations(run) == []


def test_a_file_in_place_of_the_folder_is_reported(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    (run.path / "derived").touch()
    assert evaluate(run) == 0
    out, err = capsys.readouterr()
    assert "validation examples" in out
    assert "could not be saved" in err


def in_a_terminal(run: Run, out: Path, *more: str) -> tuple[Forked, int]:
    """The command with a terminal for its standard error."""
    ours, theirs = pty.openpty()
    process = forked(lambda: evaluate(run, *more), out, theirs)
    os.close(theirs)
    return process, ours


def read(terminal: int, until: str = "", seconds: float = 120.0) -> str:
    """Return the output of a terminal up to a text, or to its end."""
    said, deadline = "", time.monotonic() + seconds
    while not until or until not in said:
        assert time.monotonic() < deadline, said
        try:
            part = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        said += part.decode()
    return said


def test_a_terminal_shows_a_bar_and_ctrl_c_leaves_no_partial_result(
    run: Run, tmp_path: Path
) -> None:
    out = tmp_path / "out.txt"
    process, terminal = in_a_terminal(run, out, "--samples", "1000000", "--split", "all")
    shown = read(terminal, "0 %")
    assert "one, all |" in shown
    process.send_signal(signal.SIGINT)
    rest = read(terminal)
    assert process.wait() == 130
    assert out.read_text("utf-8") == ""
    assert "Traceback" not in shown + rest
    assert not (run.path / "derived").exists()


def test_the_bar_ends_before_the_output(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    process, terminal = in_a_terminal(run, out, "--json")
    shown = read(terminal)
    assert process.wait() == 0
    assert json.loads(out.read_text("utf-8"))["run"] == "one"
    assert "0 %" in shown
    assert saved_evaluations(run)
