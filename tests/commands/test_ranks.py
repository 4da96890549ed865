"""`torchrun … -m vae train`: one run folder, ended by the loss of any process, and resumed."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
import pytest

from tests.commands.test_commands import TINY
from tests.ranks import ends, start
from tests.worker.driver import everything
from vae.base.world import VARIABLES, place
from vae.commands import main
from vae.runs import Run, find, listing
from vae.training import metrics, milestones, trainer

TRAIN = ["train", *TINY, "--data", "mixture", "--likelihood", "gaussian", "--run"]
KILLED = -signal.SIGKILL


@pytest.fixture(autouse=True)
def often_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save every second step; the runs have 8."""
    monkeypatch.setattr(milestones, "SNAPSHOT_EXAMPLES", 128)


def command(root: Path, *arguments: str) -> Callable[[], int]:
    return lambda: main([arguments[0], "--root", str(root), *arguments[1:]])


def on_two(root: Path, *arguments: str) -> tuple[list[int], str]:
    """Run a command on two ranks. Return the exit statuses and the output."""
    folder = root / ".printed"
    statuses = ends(start(2, command(root, *arguments), folder))
    printed = "".join(path.read_text() for path in sorted(folder.iterdir()))
    rmtree(folder)
    return statuses, printed


def at_step(
    step: int, rank: int, act: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Call `act` on a rank before it takes this step."""
    take = trainer.train_step

    def train_step(state: Any, rows: Any) -> None:
        if state.step == step and place().rank == rank:
            act()
        take(state, rows)

    monkeypatch.setattr(trainer, "train_step", train_step)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def alike(a: Run, b: Run) -> None:
    """Assert that two runs have the same reports up to rounding."""
    for mine, right in zip(a.reports(), b.reports(), strict=True):
        assert (mine["step"], mine["split"]) == (right["step"], right["split"])
        for name in ("reconstruction", "kl", "elbo", "loss"):
            assert mine[name] == pytest.approx(right[name], rel=1e-4), (mine, right)


def test_two_processes_write_one_run_like_that_of_one(tmp_path: Path) -> None:
    statuses, printed = on_two(tmp_path, *TRAIN, "two")
    assert statuses == [0, 0], printed
    assert main(["train", "--root", str(tmp_path), *TRAIN[1:], "one"]) == 0
    two, one = (find(tmp_path, name) for name in ("two", "one"))
    assert {run.name for run in listing(tmp_path)} == {"one", "two"}
    assert two.status().state == "finished"
    assert printed.count("epoch 2.0 of 2") == 1  # rank 0 alone prints
    alike(two, one)
    weights = [run.snapshot().arrays for run in (two, one)]
    for name, array in weights[1].items():
        np.testing.assert_allclose(weights[0][name], array, rtol=1e-3, atol=1e-5, err_msg=name)


def test_a_killed_process_interrupts_the_run_which_resumes_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert on_two(tmp_path, *TRAIN, "whole")[0] == [0, 0]
    for rank in (1, 0):
        with monkeypatch.context() as patch:
            at_step(5, rank, die, patch)
            statuses, printed = on_two(tmp_path, *TRAIN, f"cut-{rank}")
        assert statuses == ([1, KILLED] if rank else [KILLED, 1]), printed
        assert printed.count("vae: A process of the run has ended, and rank") == 1, printed
        assert "traceback" not in printed
        run = find(tmp_path, f"cut-{rank}")
        assert run.status().state == "interrupted"
        statuses, printed = on_two(tmp_path, "resume", run.name)
        assert statuses == [0, 0], printed
        assert everything(run) == everything(find(tmp_path, "whole"))


def test_another_number_of_processes_resumes_up_to_rounding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        at_step(5, 1, die, patch)
        on_two(tmp_path, *TRAIN, "cut")
    assert main(["train", "--root", str(tmp_path), *TRAIN[1:], "one"]) == 0
    assert "goes on" not in capsys.readouterr().err
    assert main(["resume", "--root", str(tmp_path), "cut"]) == 0
    assert "cut has trained on 2 processes and goes on with 1" in capsys.readouterr().err
    alike(find(tmp_path, "cut"), find(tmp_path, "one"))


@pytest.mark.parametrize("rank", [0, 1])
def test_an_error_of_any_process_ends_all_with_its_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rank: int
) -> None:
    def fail() -> None:
        raise ValueError("The disk of this rank is on fire.")

    at_step(5, rank, fail, monkeypatch)
    statuses, printed = on_two(tmp_path, *TRAIN, "burnt")
    assert statuses == [1, 1]
    assert printed.count("The disk of this rank is on fire.") == 1, printed
    status = find(tmp_path, "burnt").status()
    assert (status.state, status.message) == ("failed", "The disk of this rank is on fire.")


def test_a_full_disk_ends_all_processes_and_the_run_resumes_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    assert on_two(tmp_path, *TRAIN, "whole")[0] == [0, 0]
    with monkeypatch.context() as patch:
        at_step(5, 0, lambda: setattr(os, "write", refuse), patch)
        statuses, printed = on_two(tmp_path, *TRAIN, "full")
    assert statuses == [1, 1]
    assert printed.count("the disk is full: free some space") == 1, printed
    assert "Traceback" not in printed
    run = find(tmp_path, "full")
    assert run.status().state == "interrupted"  # the state itself had no room
    statuses, printed = on_two(tmp_path, "resume", "full")
    assert statuses == [0, 0], printed
    assert everything(run) == everything(find(tmp_path, "whole"))


def test_stop_and_a_new_value_reach_every_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "TICK_SECONDS", 0.0)  # a tick at every step
    run = Run(tmp_path / "asked")
    at_step(3, 0, lambda: run.want(beta=2.0), monkeypatch)
    at_step(6, 0, run.stop, monkeypatch)
    statuses, printed = on_two(tmp_path, *TRAIN, "asked")
    assert statuses == [0, 0], printed
    assert run.status().state == "stopped"
    assert [(c.step, c.value) for c in run.changes()] == [(4, 2.0)]
    assert run.status().step == 7


def test_a_second_group_is_refused_while_one_trains(tmp_path: Path) -> None:
    command(tmp_path, *TRAIN, "busy")()
    run = find(tmp_path, "busy")
    run.take(("finished",), state="stopped")
    with run.lock():
        statuses, printed = on_two(tmp_path, "resume", "busy")
    assert statuses == [2, 1], printed
    assert printed.count("Another process is training busy") == 1


def test_a_command_of_one_process_is_refused_once(tmp_path: Path) -> None:
    statuses, printed = on_two(tmp_path, "sweep", "--epochs", "1")
    assert statuses == [2, 2]
    assert printed == "vae: sweep is the work of one process: start it without torchrun.\n"


def test_a_batch_that_cannot_be_divided_is_refused_before_a_run_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in zip(VARIABLES, "0808", strict=True):
        monkeypatch.setenv(name, value)
    assert main(["train", "--root", str(tmp_path), *TRAIN[1:], "x", "--batch-size", "7"]) == 2
    assert "batch_size 7 cannot be divided among 8 processes" in capsys.readouterr().err
    assert not listing(tmp_path)


@pytest.mark.long
def test_torchrun_starts_a_run(tmp_path: Path) -> None:
    """The real `torchrun`: python -m pytest -m long tests/commands/test_ranks.py"""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    given = ["-m", "--", "vae", "train", "--root", str(tmp_path), *TRAIN[1:], "real"]
    done = subprocess.run([*torchrun, *given], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    run = find(tmp_path, "real")
    assert run.status().state == "finished"
    assert run.snapshot().meta["ranks"] == 2
