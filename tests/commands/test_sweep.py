"""`python -m vae sweep`: its runs and their order, its output, and the state after a signal."""

import math
import re
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tests.commands.test_commands import TINY, Shell
from vae.base.numbers import fixed
from vae.commands import sweep, train
from vae.config import fields
from vae.experiments import sweeps
from vae.runs import Run, identity, listing, notes
from vae.training import metrics

GRID = [*TINY, "--hidden", "8", "--over", "beta=0.5,4", "--name", "mine"]


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    (tmp_path / "root").mkdir()
    return Shell(tmp_path / "root", capsys)


def best(run: Run) -> float:
    return max(float(r["elbo"]) for r in run.reports() if r["split"] == "val")


def test_the_grid_is_trained_and_the_table_prints_means_over_seeds(shell: Shell) -> None:
    status, out, err = shell("sweep", *GRID, "--seeds", "3")
    assert status == 0
    runs = sweeps.members(shell.root, "mine")
    assert len(runs) == 6
    assert {run.status().state for run in runs} == {"finished"}
    told = [line for line in err.splitlines() if " of 6: " in line]
    assert [line.split("  (")[0] for line in told] == [
        f"{k + 1} of 6: β {beta} · seed {seed}"
        for k, (seed, beta) in enumerate((s, b) for s in (0, 1, 2) for b in ("0.5", "4"))
    ]
    assert all(str(run.path) in line for run, line in zip(runs, told, strict=True))
    started = [run.reports()[0] for run in runs]
    assert all(started)
    rows = dict(re.findall(r"^(β \S+) +(\S.*)$", out, re.M))
    assert list(rows) == ["β 0.5", "β 4"]
    for beta, row in rows.items():
        values = [best(r) for r in runs if r.settings["beta"] == float(beta[2:])]
        low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
        found = re.fullmatch(r"ELBO +(−\d+\.\d\d) ± (\d+\.\d\d) +3 seeds", row)
        assert found, row
        assert float(found[1].replace("−", "-")) == pytest.approx(np.mean(values), abs=0.006)
        assert float(found[2]) == pytest.approx((high - low) / 2, abs=0.006)
    assert "nats per example" in out


def test_two_seeds_have_a_mean_and_no_interval(shell: Shell) -> None:
    out = shell("sweep", *TINY, "--over", "val_share=0.1,0", "--seeds", "1")[1]
    first, second = out.splitlines()[-2:]
    (with_, without) = reversed(listing(shell.root))
    assert re.fullmatch(rf"val share 0\.1 +ELBO +{fixed(best(with_))} +1 seed", first)
    assert re.fullmatch(r"val share 0 +ELBO +no validation report", second)
    assert not [r for r in without.reports() if r["split"] == "val"]
    assert sweeps.taken(shell.root) == {"val-share-1"}


def test_a_dry_run_prints_the_plan_and_creates_nothing(shell: Shell) -> None:
    more = ["--over", "objective=elbo,reconstruction", "--over", "posterior=diagonal,point"]
    status, out, err = shell("sweep", *TINY, *more, "--seeds", "2", "--dry-run")
    assert (status, err) == (0, "")
    first, *rest = out.splitlines()
    assert first == "objective-posterior-1: 3 configurations × 2 seeds = 6 runs"
    assert rest[0] == "  objective elbo · posterior diagonal · seed 0"
    assert rest[5] == "  objective reconstruction · posterior point · seed 1"
    assert len(rest) == 7
    assert rest[6].startswith("left out: objective elbo · posterior point: A point posterior has")
    assert listing(shell.root) == []


def test_a_sweep_accepts_every_setting(shell: Shell) -> None:
    out = " ".join(shell("sweep", "--help")[1].split())
    for field in fields():
        assert f"--{field.name.replace('_', '-')} " in out
    given = ["--likelihood", "gaussian", "--sigma", "0.2", "--latent-dim", "3", "--seed", "9"]
    shell("sweep", *TINY, *given, "--over", "lr=log:1e-3:1e-1:3", "--seeds", "1", "--epochs", "1")
    runs = sweeps.members(shell.root, "lr-1")
    assert [run.settings["lr"] for run in runs] == [0.001, 0.01, 0.1]
    for run in runs:
        wanted = {"sigma": 0.2, "latent_dim": 3, "seed": 9, "epochs": 1, "hidden": [16]}
        assert {name: run.settings[name] for name in wanted} == wanted


def test_a_relative_path_of_data_becomes_absolute(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", np.random.default_rng(0).random((80, 6), np.float32))
    monkeypatch.chdir(tmp_path)
    arguments = ["--data", "b.npy", "--over", "data=a.npy,b.npy", "--examples", "0"]
    assert shell("sweep", *TINY, *arguments, "--batch-size", "16", "--seeds", "1")[0] == 0
    found = {run.settings["data"] for run in listing(shell.root)}
    assert found == {str(tmp_path / "a.npy"), str(tmp_path / "b.npy")}


BAD: dict[str, tuple[list[str], str]] = {
    "no values": (["--over", "beta"], "names no values"),
    "unknown setting": (["--over", "betta=1,2"], "did you mean beta?"),
    "seed": (["--over", "seed=1,2"], "set the number of seeds instead"),
    "three axes": (
        [*["--over", "beta=1"], *["--over", "lr=1"], *["--over", "epochs=1"]],
        "up to 2",
    ),
    "twice": ([*["--over", "beta=1"], *["--over", "beta=2"]], "swept twice"),
    "too many": (["--over", "beta=linear:0:1:100"], "300 runs"),
    "no seeds": (["--seeds", "0"], "1 to 20 seeds"),
    "seeds in words": (["--seeds", "many"], "invalid int value: 'many'"),
    "nothing left": (
        ["--over", "latent_dim=0"],
        "Z 0: latent_dim must be at least 1",
    ),
    "base": (["--beta", "-1"], "beta must be at least 0"),
    "name": (["--name", "a b"], "cannot be the name of a sweep"),
    "unknown sweep": (["--resume", "none"], "There is no sweep 'none'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_prints_one_line_and_leaves_no_runs(shell: Shell, case: str) -> None:
    arguments, sentence = BAD[case]
    assert sentence in shell.refused("sweep", *arguments)


def test_a_taken_name_is_refused(shell: Shell) -> None:
    assert shell("sweep", *GRID, "--seeds", "1", "--epochs", "1")[0] == 0
    assert "There is a sweep 'mine' already" in shell.refused("sweep", *GRID)


def test_a_failed_run_does_not_stop_the_others_and_exits_with_1(shell: Shell) -> None:
    wild = ["--likelihood", "gaussian", "--sigma", "0.001", "--hidden", "64,64", "--seeds", "1"]
    status, out, err = shell("sweep", *TINY, *wild, "--over", "lr=10,1e-6")
    assert status == 1
    assert [run.status().state for run in sweeps.members(shell.root, "lr-1")] == [
        "failed",
        "finished",
    ]
    assert "vae: Training diverged" in err
    assert "learning rate 1e-06" in out


def interrupted(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> str:
    """A sweep of four runs, ended by Ctrl-C while the second trains, and its output."""
    begun = []

    def watched(events: Any, title: str) -> Any:
        begun.append(title)
        for n, event in enumerate(events):
            if n == 8 and len(begun) == 2:
                signal.raise_signal(signal.SIGINT)
            yield event

    with monkeypatch.context() as patch:
        patch.setattr(metrics, "TICK_SECONDS", 0.0)
        patch.setattr(train, "show_progress", watched)
        status, out, err = shell("sweep", *GRID, "--seeds", "2")
    assert (status, out) == (128 + signal.SIGINT, "")
    return err


def test_ctrl_c_saves_the_run_and_leaves_the_rest_in_the_queue(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    err = interrupted(shell, monkeypatch)
    again = f"python -m vae sweep --resume mine --root {shell.root}"
    assert "2 of 4 runs stay queued. A dashboard on this folder trains them, or continue" in err
    assert err.rstrip().endswith(again)
    first, second, *rest = sweeps.members(shell.root, "mine")
    assert first.status().state == "finished"
    assert second.status().state == "stopped"
    saved = second.snapshot()
    assert saved is not None
    assert 0 < saved.step < second.status().steps
    assert [run.status().state for run in rest] == ["queued", "queued"]
    status, out, err = shell("sweep", "--resume", "mine")
    assert status == 0
    runs = sweeps.members(shell.root, "mine")
    assert [run.status().state for run in runs] == ["finished"] * 4
    assert [line[:6] for line in err.splitlines() if " of 4: " in line] == [
        "2 of 4",
        "3 of 4",
        "4 of 4",
    ]
    assert {run.status().epoch for run in runs} == {2.0}
    assert out.count("2 seeds") == 2


def test_cancelled_and_claimed_runs_are_not_trained(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of four runs one leaves the queue and one is trained by another worker meanwhile."""
    monkeypatch.setattr(sweep, "POLL_SECONDS", 0.02)
    real = sweep.work

    def work(run: Run, title: str) -> int:
        _, second, third, _ = sweeps.members(shell.root, "mine")
        if title.startswith("1 of 4"):
            second.stop()
            third.set_status(state="running", heartbeat=time.time(), **identity(1))
        status = real(run, title)
        if title.startswith("4 of 4"):
            threading.Timer(0.3, lambda: third.set_status(state="finished")).start()
        return status

    monkeypatch.setattr(sweep, "work", work)
    status, out, err = shell("sweep", *GRID, "--seeds", "2")
    assert status == 0
    runs = sweeps.members(shell.root, "mine")
    assert [run.status().state for run in runs] == ["finished", "stopped", "finished", "finished"]
    assert [bool(run.reports()) for run in runs] == [True, False, False, True]
    assert f"Another process trains {runs[2].name}: waiting for it." in err
    assert "1 seed" in out
    assert not math.isnan(best(runs[0]))


def test_the_first_run_is_claimed_at_its_creation(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No server can start it between the creation of its folder and its training."""
    states: list[list[str]] = []

    def tagged(*args: Any, **more: Any) -> Any:
        states.append([run.status().state for run in reversed(listing(shell.root))])
        return real(*args, **more)

    real = notes.change
    monkeypatch.setattr(sweeps.notes, "change", tagged)
    shell("sweep", *GRID, "--seeds", "1", "--epochs", "1")
    assert states == [["starting"], ["starting", "queued"]]


def test_a_search_is_not_trained_on_ray(shell: Shell) -> None:
    err = shell.refused("sweep", *TINY, "--over", "beta=1,2", "--search", "tpe", "--on", "ray")
    assert err == "vae: A search trains one run after another: leave --on ray out.\n"
