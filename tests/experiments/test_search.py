"""Search with Optuna: trials are runs of a sweep, pruned by their validation score.

Tests that need Optuna are skipped without it: `pip install optuna` runs them.
"""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from tests.commands.test_commands import Shell
from tests.tables import each
from vae.commands import search as command
from vae.config import RunConfig
from vae.experiments import search, sweeps
from vae.experiments.search import METHODS, Search, is_search, space
from vae.runs import Run, notes
from vae.training import metrics

BASE = ["--data", "digits", "--examples", "200", "--hidden", "8", "--batch-size", "40"]
OVER = ["--over", "beta=log:0.5:4", "--over", "latent_dim=linear:2:5", "--over", "lr=0.01,0.001"]
SHORT = [*BASE, "--epochs", "2", "--frames", "0", "--name", "mine"]


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    (tmp_path / "root").mkdir()
    return Shell(tmp_path / "root", capsys)


@pytest.fixture
def optuna() -> Any:
    return pytest.importorskip("optuna")


def test_without_optuna_the_sentence_names_the_way_to_it(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    status, _, err = shell("sweep", *SHORT, *OVER, "--search", "tpe")
    assert (status, err) == (2, "vae: A search needs Optuna: pip install optuna.\n")


def test_a_range_of_a_search_has_two_ends() -> None:
    found = space("lr=log:1e-4:1e-2")
    assert (found.low, found.high, found.log, found.values) == (1e-4, 1e-2, True, ())
    assert space("hidden=64;32,16").values == ((64,), (32, 16))
    for text, words in (
        ("beta", "names no values"),
        ("beta=log:0:1", "both above 0"),
        ("beta=linear:2:1", "from a lower to a higher"),
        ("beta=log:1:10:5", "from and to"),
        ("nonsense=1,2", "nonsense"),
    ):
        with pytest.raises(ValueError, match=words):
            space(text)


RESUMED = ["--search", "tpe", "--resume", "mine", "--trials", "3"]


@each("given", [["--trials", "3"], ["--search", "tpe", "--seeds", "3"], RESUMED], ids=str)
def test_flags_that_would_change_nothing_are_refused(
    given: list[str], shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: "found")
    status, _, err = shell("sweep", *SHORT, *OVER, *given)
    assert status == 2
    assert given[-2] in err


@each("method", list(METHODS), ids=str)
def test_the_trials_of_every_method_are_runs_of_a_sweep(
    method: str, shell: Shell, optuna: Any
) -> None:
    args = [*SHORT, *OVER, "--search", method, "--trials", "4", "--name", method]
    status, out, _ = shell("sweep", *args)
    assert status == 0
    runs = sweeps.members(shell.root, method)
    assert len(runs) == 4
    study = Search(shell.root, method).study
    assert [t.user_attrs["run"] for t in study.trials] == [run.name for run in runs]
    for run, trial in zip(runs, study.trials, strict=True):
        assert run.status().state == "finished"
        assert trial.value == run.status().best
        assert 0.5 <= run.settings["beta"] <= 4
        assert run.settings["beta"] == pytest.approx(trial.params["beta"], rel=1e-3)
        assert run.settings["latent_dim"] == trial.params["latent_dim"]
        assert run.settings["lr"] in (0.01, 0.001)
        assert notes.read(run.path).title in out
    assert len({run.settings["beta"] for run in runs}) == 4
    assert study.best_trial.user_attrs["run"] in out.splitlines()[1]
    for line in Search(shell.root, method).file.read_text().splitlines():
        assert line.startswith("{")  # JSON: nothing to unpickle


@pytest.mark.parametrize("epochs", [2, 8])
def test_a_trial_below_the_median_is_pruned(
    epochs: int, shell: Shell, optuna: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a quarter of its epochs, which may be searched as well. The earlier trials have better
    scores than any run can reach."""
    monkeypatch.setattr(metrics, "TICK_SECONDS", 0.0)
    args = ["--over", "beta=linear:0.5:4", "--search", "random", "--trials", "7"]
    status, _, _ = shell("sweep", *SHORT, *args, "--dry-run")
    assert status == 0
    assert not sweeps.members(shell.root, "mine")
    small = {"data": "digits", "examples": 200, "hidden": (8,), "batch_size": 40}
    base = RunConfig.of(**small, epochs=2, frames=0)
    over = ["beta=linear:0.5:4", f"epochs={epochs}"]
    found = search.begin(shell.root, "mine", base, over, "random", 7)
    scores = dict.fromkeys(range(1, 9), 0.0)
    for k in range(search.STARTUP):
        found.study.add_trial(
            optuna.create_trial(value=k, intermediate_values=scores, params={},
                                distributions={}, user_attrs={"run": ""})
        )  # fmt: skip
    at = max(1, epochs // search.WARM)
    status, out, err = shell("sweep", "--resume", "mine")
    assert status == 0
    runs = sweeps.members(shell.root, "mine")
    assert len(runs) == 2
    for run in runs:
        assert run.status().state == "stopped"
        assert run.status().epoch == at
        assert run.status().message.startswith(f"Pruned at epoch {at}")
    assert err.count(f"Pruned at epoch {at}") == 2
    assert out.count("(pruned)") == 2


def test_an_ended_search_goes_on_with_the_run_of_its_last_trial(
    shell: Shell, optuna: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    works: list[str] = []

    def work(run: Run, title: str, ends: Any) -> int:
        works.append(run.name)
        if len(works) != 2:
            return trained(run, title, ends)
        ends.trial.report(-1.0, 1)
        return 130

    trained = command.work
    monkeypatch.setattr(command, "work", work)
    status, _, err = shell("sweep", *SHORT, *OVER, "--search", "tpe", "--trials", "3")
    assert status == 130
    assert "sweep --resume mine" in err
    assert shell("sweep", "--resume", "mine")[0] == 0
    assert works[1] == works[2]
    assert len(set(works)) == 3 == len(sweeps.members(shell.root, "mine"))
    second = Search(shell.root, "mine").study.trials[1]
    assert second.intermediate_values == {1: -1.0, 2: -1.0}  # the best so far
    states = [trial.state.name for trial in Search(shell.root, "mine").study.trials]
    assert states == ["COMPLETE"] * 3


def test_settings_that_cannot_train_are_named_and_left_out(shell: Shell, optuna: Any) -> None:
    args = ["--over", "batch_size=40,5000", "--search", "random", "--trials", "6"]
    status, _, err = shell("sweep", *SHORT, *args)
    assert status == 0
    trials = Search(shell.root, "mine").study.trials
    failed = [t for t in trials if t.state.name == "FAIL"]
    assert (
        len(failed) == err.count("left out: trial") == 6 - len(sweeps.members(shell.root, "mine"))
    )
    assert {t.params["batch_size"] for t in failed} <= {"5000"}


def test_a_damaged_study_is_one_sentence(shell: Shell, optuna: Any) -> None:
    shell("sweep", *SHORT, *OVER, "--search", "random", "--trials", "1")
    Search(shell.root, "mine").file.write_text("nonsense\n")
    status, _, err = shell("sweep", "--resume", "mine")
    assert status == 2
    assert "mine.log" in err
    assert len(err.splitlines()) == 1


def test_a_line_torn_by_a_kill_costs_no_other_trial(shell: Shell, optuna: Any) -> None:
    """Optuna appends to a torn line, and its journal can then no longer be read."""
    shell("sweep", *SHORT, *OVER, "--search", "random", "--trials", "1")
    found = Search(shell.root, "mine")
    file, whole = found.file, found.file.read_bytes()
    for cut in (1, 20):
        file.write_bytes(whole[:-cut])
        found = Search(shell.root, "mine")
        trial = found.trial()
        found.end(trial, 1.0)
        assert [t.value for t in Search(shell.root, "mine").study.trials] == [1.0]


@each("name", ["../mine", "../.searches/mine", "a/../mine", "n" * 5000, "a\0b", "", "/mine"])
def test_a_study_outside_of_its_folder_is_no_search(name: str, tmp_path: Path) -> None:
    for place in (tmp_path / ".searches", tmp_path):
        place.mkdir(exist_ok=True)
        (place / "mine.log").touch()
    assert is_search(tmp_path, "mine")
    assert not is_search(tmp_path, name)
