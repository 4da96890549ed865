"""The command line: its files, its output and its exit status."""

import errno
import io
import json
import math
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.processes import forked
from tests.runs.conftest import make_in
from vae.base.files import read_arrays, write_arrays
from vae.commands import COMMANDS, main, progress_bar, train
from vae.config import fields
from vae.data import prepare
from vae.figures.quantities import examples_of
from vae.runs import Run, find, identity, listing
from vae.training import metrics
from vae.worker import train as worker
from vae.worker.train import train_run

PROJECT = Path(__file__).parents[2]
TINY = ["--epochs", "2", "--hidden", "16", "--batch-size", "64", "--examples", "300"]
TINY += ["--threads", "1", "--frames", "0", "--device", "cpu"]
KEYS = ["run", "split", "checkpoint", "examples", "elbo", "elbo_se", "reconstruction"]
KEYS += ["reconstruction_se", "kl", "kl_se", "kl_per_dimension", "kl_per_dimension_se"]
KEYS += ["active_units", "active_units_interval", "perplexity", "unused_codes", "code_entropy"]
KEYS += ["nll", "nll_se"]
KEYS += ["nll_samples", "ess", "bits_per_dimension", "bits_per_dimension_se"]
KEYS += ["mutual_information", "mutual_information_se", "aggregate_kl", "aggregate_kl_se"]
KEYS += ["probes", "disentanglement", "fidelity", "notes"]


class Shell:
    """Commands on a separate root: `shell("runs")` → (exit status, stdout, stderr)."""

    def __init__(self, root: Path, captured: pytest.CaptureFixture[str]) -> None:
        self.root, self.captured = root, captured

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        self.captured.readouterr()
        try:
            status = main([arguments[0], "--root", str(self.root), *arguments[1:]])
        except SystemExit as end:
            status = int(end.code or 0)
        return status, *self.captured.readouterr()

    def refused(self, *arguments: str) -> str:
        """The one line with which a command refuses bad input."""
        before = files(self.root)
        status, out, err = self(*arguments)
        assert (status, out) == (2, ""), (status, out, err)
        assert re.fullmatch(r"vae: [^\n]+\n", err), err
        assert files(self.root).keys() == before.keys()
        return err


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    (tmp_path / "root").mkdir()
    return Shell(tmp_path / "root", capsys)


@pytest.fixture(scope="module")
def finished_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A VAE, a plain autoencoder, one of vectors and a conditional one, trained here."""
    root = tmp_path_factory.mktemp("runs")
    point = ["--posterior", "point", "--objective", "reconstruction", "--val-share", "0"]
    vectors = ["--data", "mixture", "--likelihood", "gaussian", "--test-share", "0"]
    told = ["--condition", "labels", "--epochs", "1"]
    for name, more in (("vae", []), ("point", point), ("vectors", vectors), ("told", told)):
        assert main(["train", "--root", str(root), "--run", name, *TINY, *more]) == 0
    return root


@pytest.fixture
def trained(shell: Shell, finished_runs: Path) -> Shell:
    """The shell on the trained runs, which no command changes."""
    shell.root = finished_runs
    return shell


def files(root: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in root.rglob("*") if p.is_file() and p.suffix != ".lock"}


# Training


def test_train_creates_a_finished_run(shell: Shell) -> None:
    status, out, err = shell("train", *TINY)
    assert (status, out) == (0, "")
    (run,) = listing(shell.root)
    assert run.name == "digits-mlp-z2-1"
    assert run.status().state == "finished"
    assert run.config.epochs == 2
    assert run.config.hidden == (16,)  # type: ignore[attr-defined]
    first, *told = err.splitlines()
    assert run.name in first
    assert str(run.path) in first
    assert re.fullmatch(
        r"epoch 2\.0 of 2, −ELBO train \S+ validation \S+ nats, \S+ k examples/s", told[-1]
    )
    assert len(told) <= 11
    assert "\r" not in err  # nobody watches a terminal


def test_every_setting_is_a_flag_with_its_help_and_default(shell: Shell) -> None:
    status, out, _ = shell("train", "--help")
    assert status == 0
    text = " ".join(out.split())
    for field in fields():
        flag = "--" + field.name.replace("_", "-")
        default = field.default if isinstance(field.default, tuple) else (field.default,)
        assert f"{flag} " in text
        assert f"(default: {','.join(map(str, default))})" in text
        assert field.option.help.split(".")[0][:30] in text.replace("- ", "-")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_flag_has_a_help_and_a_default(shell: Shell, name: str) -> None:
    status, out, _ = shell(name, "--help")
    assert status == 0
    for flag in re.split(r"\n  (?=\S)", out.split("options:")[1])[1:]:
        words = " ".join(flag.split())
        assert len(words.split("  ")[0].split()) > 2, words
        takes_value = not words.startswith(("-h", "--json"))
        if takes_value and "--out" not in words:
            assert "(default: " in words, words


def test_the_list_of_commands_describes_each(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    for name, row in COMMANDS.items():
        about = (row.run.__doc__ or "").splitlines()[0]
        assert f"{name} {about}" in text


BAD: dict[str, tuple[list[str], str]] = {
    "unknown flag": (["train", "--betta", "3"], "did you mean --beta?"),
    "abbreviated flag": (["train", "--epoch", "3"], "did you mean --epochs?"),
    "no number": (["train", "--epochs", "many"], "not 'many'"),
    "out of range": (["train", "--beta", "-1"], "beta must be at least 0, not -1"),
    "not finite": (["train", "--lr", "nan"], "lr must be a finite number"),
    "unknown choice": (["train", "--network", "rnn"], "Unknown network 'rnn'; one of mlp"),
    "misplaced": (["train", "--sigma", "1"], "sigma belongs to likelihood gaussian"),
    "unknown data": (["train", "--data", "nope"], "Choose one of digits, fashion-mnist-10k, "),
    "data of nobody": (["train", "--data", "~nobody-here/x.npz"], "There is no file ~nobody-here"),
    "no such path": (["train", "--data", "/nowhere/x.npz"], "/nowhere/x.npz"),
    "wrong kind of file": (["train", "--data", __file__], "test_commands.py"),
    "too many examples": (["train", "--examples", "9999999"], "digits has 1,797 examples"),
    "batch too large": (["train", "--batch-size", "5000"], "choose at most"),
    "nothing to train on": (["train", "--val-share", "0.9", "--test-share", "0.9"], "lower one"),
    "no such device": (["train", "--device", "cuda:77"], "it has"),
    "data that do not fit": (["train", "--data", "mixture", "--network", "conv"], "needs pict"),
    "name with a path": (["train", "--run", "../x"], "cannot be the name of a run"),
    "absolute name": (["train", "--run", "/tmp/x"], "cannot be the name of a run"),
    "empty name": (["train", "--run", ""], "cannot be the name of a run"),
    "stray word": (["train", "digits"], "unrecognized arguments: digits"),
    "no such run": (["evaluate", "none"], "There is no run 'none'"),
    "no such run to resume": (["resume", "none"], "There is no run 'none'"),
    "no such run to stop": (["stop", "none"], "There is no run 'none'"),
    "path for a name": (["encode", "../x", "--out", "x.npz"], "cannot be the name"),
    "no name": (["stop"], "required: name"),
    "unknown command": (["trian"], "invalid choice: 'trian'"),
    "wrong suffix": (
        ["encode", "vae", "--out", "x.txt"],
        "--out ends in .npz or .csv or .tsv or .parquet, not",
    ),
    "no folder": (["sample", "vae", "--out", "/nowhere/x.png"], "/nowhere of --out does not ex"),
    "no samples": (["sample", "vae", "-n", "0", "--out", "x.npz"], "-n is at least 1"),
    "no temperature": (["sample", "vae", "--temperature", "-1", "--out", "x.npz"], "from 0 up"),
    "unknown split": (["evaluate", "vae", "--split", "best"], "invalid choice: 'best'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_prints_one_line_and_leaves_no_files(shell: Shell, case: str) -> None:
    arguments, sentence = BAD[case]
    assert sentence in shell.refused(*arguments)


def test_a_taken_name_is_refused(shell: Shell) -> None:
    make_in(shell.root, "one")
    assert "The name 'one' is taken: choose another" in shell.refused("train", "--run", "one")


@pytest.mark.parametrize("deed", ["mkdir", "mkdtemp"])
def test_a_read_only_root_is_reported(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, deed: str
) -> None:
    def refuse(*args: Any, **keywords: Any) -> Any:
        raise OSError(errno.EROFS, "Read-only file system", str(args[0]))

    monkeypatch.setattr(os if deed == "mkdir" else tempfile, deed, refuse)
    shell.root = shell.root / "new" if deed == "mkdir" else shell.root
    assert "the disk is read-only: choose another folder" in shell.refused("train", *TINY)


def test_a_file_in_place_of_the_root_is_reported(shell: Shell) -> None:
    (shell.root / "file").touch()
    shell.root = shell.root / "file"
    assert "a file of that name exists" in shell.refused("train", *TINY)
    assert shell("runs")[:2] == (0, f"No runs in {shell.root} yet: python -m vae train\n")


def test_a_failed_run_exits_with_1_and_is_listed(shell: Shell) -> None:
    wild = ["--lr", "10", "--likelihood", "gaussian", "--sigma", "0.001", "--hidden", "64,64"]
    status, out, err = shell("train", *TINY, *wild)
    assert (status, out) == (1, "")
    assert err.splitlines()[-1].startswith("vae: Training diverged")
    assert "Traceback" not in err
    (run,) = listing(shell.root)
    assert run.status().state == "failed"
    assert " failed " in shell("runs")[1]


# Going on and ending


def test_resume_continues_to_the_planned_end_and_beyond(shell: Shell) -> None:
    run = make_in(shell.root, "one")
    training = train_run(run)
    next(training)
    training.close()
    assert shell("resume", "one")[0] == 0
    assert run.status()[:2] == ("finished", "")
    assert "has finished: add epochs with --epochs +10" in shell.refused("resume", "one")
    larger = "choose a larger number"
    for wrong, sentence in {"+x": "a whole number", "2": larger, "-1": larger}.items():
        assert sentence in shell.refused("resume", "one", f"--epochs={wrong}")
    assert shell("resume", "one", "--epochs", "+2")[0] == 0
    assert (run.status().state, run.status().epoch) == ("finished", 4)
    assert shell("resume", "one", "--epochs", "5")[0] == 0
    assert run.status().epoch == run.status().epochs == 5
    assert [c.value for c in run.changes()] == [4, 5]


def test_a_running_run_is_not_started_again(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_in(shell.root, "one")
    run.set_status(state="running", **identity())
    assert "one is running already: stop it first" in shell.refused("resume", "one")
    run.set_status(state="paused")
    monkeypatch.setattr(worker, "LOCK_SECONDS", 0.05)
    with run.lock():
        assert "Another process is training one:" in shell.refused("resume", "one")
    assert run.status().state == "paused"


def test_stop_of_an_idle_run_prints_its_state(shell: Shell) -> None:
    run = make_in(shell.root, "one")
    assert shell("stop", "one")[:2] == (0, "one is stopped.\n")
    assert "one is not running: it is stopped" in shell.refused("stop", "one")
    (run.path / "config.json").unlink()
    assert "it is damaged" in shell.refused("stop", "one")
    assert "is damaged" in shell.refused("resume", "one")


# Processes of their own


def command(*arguments: str, **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "vae", *arguments], cwd=PROJECT, text=True, **more
    )


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 100
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def steps(run: Run) -> bool:
    return run.status().state == "running" and run.status().step > 0


def test_ctrl_c_and_stop_save_the_run_and_print_how_to_resume(
    shell: Shell, tmp_path: Path
) -> None:
    """A run on a terminal, ended by Ctrl-C; then resumed, and stopped by another process."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 120))
    root = str(shell.root)
    endless = [*TINY, "--epochs", "100000", "--run", "one"]
    out, err = tmp_path / "out.txt", tmp_path / "err.txt"
    process = forked(lambda: main(["train", "--root", root, *endless]), out, theirs)
    os.close(theirs)
    until(lambda: bool(listing(root)) and steps(find(root, "one")))
    run = find(root, "one")
    assert run.status().pid == process.pid
    assert run.status().device == "cpu"
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    screen = os.read(ours, 1_000_000).decode()
    assert f"Continue with: python -m vae resume one --root {root}" in screen
    assert "Traceback" not in screen
    assert screen.count("\n") == 3  # the name, one line that moved, how to go on
    assert re.search(
        r"epoch \S+ of 100000 \|.*\| \S+ left, −ELBO train \S+ validation \S+ nats, ", screen
    )
    assert run.status().state == "stopped"
    saved = run.snapshot()
    assert saved is not None
    assert saved.step == run.status().step > 0

    process = forked(lambda: main(["resume", "--root", root, "one"]), out, err)
    until(lambda: run.status().pid == process.pid and run.status().step > saved.step)
    assert shell("stop", "one")[:2] == (0, "one is stopped.\n")
    assert process.wait() == 0
    assert "Continue with" in err.read_text("utf-8")
    assert run.status().step > saved.step
    again = run.snapshot()
    assert again is not None
    assert again.step == run.status().step


@pytest.mark.parametrize("number", train.ENDINGS)
def test_every_ending_signal_saves_the_run(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    run = make_in(shell.root, "one", epochs=100)

    def watched(events: Any, title: str) -> Any:
        for n, event in enumerate(events):
            if n == 20:
                signal.raise_signal(number)
            yield event

    monkeypatch.setattr(metrics, "TICK_SECONDS", 0.0)
    monkeypatch.setattr(train, "show_progress", watched)
    assert shell("resume", "one")[0] == 128 + number
    assert run.status().resumable
    saved = run.snapshot()
    assert saved is not None
    assert 0 < saved.step == run.status().step < run.status().steps


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with train.received_signals() as received:
            signal.raise_signal(signal.SIGHUP)
        assert received == []
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_training_continues_after_its_terminal_has_closed(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_in(shell.root, "one")

    def gone(*args: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(progress_bar, "_lines", lambda: (gone, gone))
    shell("resume", "one")
    assert run.status().state == "finished"


def test_a_second_signal_ends_at_once(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first signal has no effect here, because a step hangs."""
    run = make_in(shell.root, "one")

    def hang(run: Run, asked: Callable[[], str | None], ranks: None) -> Any:
        signal.raise_signal(signal.SIGINT)
        assert asked() == "stop"
        signal.raise_signal(signal.SIGINT)
        yield

    monkeypatch.setattr(worker, "_recorded", hang)
    status, _, err = shell("resume", "one")
    assert status == 130
    assert err.endswith("vae: ended at once. The last saved state is intact.\n")
    assert run.status().state == "interrupted"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_bad_input_prints_no_traceback_in_a_process(tmp_path: Path) -> None:
    process = command("evaluate", "none", "--root", str(tmp_path), stderr=subprocess.PIPE)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 2
    assert told == f"vae: There is no run 'none' in {tmp_path}; there are: none yet.\n"


# Lists


def test_runs_lists_runs_in_every_state(trained: Shell, tmp_path: Path) -> None:
    status, out, _ = trained("runs")
    assert status == 0
    assert [line.split()[:2] for line in out.splitlines()] == [
        [name, "finished"] for name in ("told", "vectors", "point", "vae")
    ]
    rows = json.loads(trained("runs", "--json")[1])
    assert [row["run"] for row in rows] == ["told", "vectors", "point", "vae"]
    assert all(row["settings"]["epochs"] in (1, 2) and row["state"] == "finished" for row in rows)


def test_runs_lists_damaged_runs_as_damaged(shell: Shell) -> None:
    for name, content in (("a", "{"), ("b", '{"format": 99}')):
        (make_in(shell.root, name).path / "config.json").write_text(content)
    (make_in(shell.root, "c").path / "status.json").write_text('{"state": 5, "epoch": null}')
    (shell.root / ".uploads").mkdir()
    (shell.root / "file").touch()
    status, out, err = shell("runs")
    assert (status, err) == (0, "")
    assert [line.split()[1] for line in sorted(out.splitlines())] == [
        "damaged",
        "damaged",
        "interrupted",
    ]
    rows = {row["run"]: row for row in json.loads(shell("runs", "--json")[1])}
    assert rows["a"]["settings"] is None
    assert "newer VAE Lab" in rows["b"]["message"]


def test_data_lists_every_name(shell: Shell) -> None:
    status, out, _ = shell("data")
    assert status == 0
    for name in ("digits", "moon-phases", "mixture"):
        assert re.search(rf"^{name} +\S", out, re.M)


# Looking


@pytest.mark.parametrize(
    ("name", "split"), [("vae", "test"), ("point", "test"), ("vectors", "val")]
)
def test_evaluate_is_deterministic_and_has_every_key(
    trained: Shell, name: str, split: str
) -> None:
    before = files(trained.root)
    status, out, err = trained("evaluate", name, "--json")
    assert (status, err) == (0, "")
    assert trained("evaluate", name, "--json")[1] == out
    found = json.loads(out)
    assert list(found) == KEYS
    assert (found["run"], found["split"], found["checkpoint"]) == (name, split, "best")
    for key in KEYS:
        assert (found[key] is None) <= (key in found["notes"]), key
    if name == "point":
        assert found["elbo"] is found["kl"] is None
    else:
        assert found["elbo"] == pytest.approx(-(found["reconstruction"] + found["kl"]))
        assert found["kl"] == pytest.approx(sum(found["kl_per_dimension"]))
    after = files(trained.root)
    assert {path: after[path] for path in before} == before
    assert {path.parent.name for path in after.keys() - before.keys()} <= {"derived"}
    assert examples_of(found["examples"], split) in trained("evaluate", name)[1]


def test_evaluate_uses_its_flags(trained: Shell) -> None:
    more = ["--json", "--samples", "20", "--elbo-samples", "3"]
    more += ["--split", "train", "--checkpoint", "last"]
    found = json.loads(trained("evaluate", "vectors", *more)[1])
    assert (found["split"], found["checkpoint"], found["nll_samples"]) == ("train", "last", 20)
    assert found["nll"] < -found["elbo"] + 1
    grey = json.loads(trained("evaluate", "vae", *more)[1])
    assert grey["nll"] is grey["nll_samples"] is None
    assert "cross-entropy, not a log-likelihood" in grey["notes"]["nll"]
    assert "cross-entropy, not a log-likelihood" in trained("evaluate", "vae")[1]
    assert "has no test examples; it has train, val" in trained.refused(
        "evaluate", "vectors", "--split", "test"
    )
    assert "at least 1 ELBO sample" in trained.refused("evaluate", "vae", "--elbo-samples", "0")


def test_non_finite_weights_are_reported(shell: Shell) -> None:
    run = make_in(shell.root, "one")
    for _ in train_run(run):
        pass
    arrays, meta = read_arrays(run.path / "last.safetensors")
    broken = {k: np.full_like(v, np.nan) for k, v in arrays.items()}
    write_arrays(run.path / "last.safetensors", broken, meta)
    wanted = ["evaluate", "one", "--checkpoint", "last", "--json"]
    assert "is not finite. Try the best checkpoint" in shell.refused(*wanted)


@pytest.mark.parametrize(
    ("name", "split", "latents"), [("vae", None, 2), ("point", "all", 2), ("vectors", "train", 2)]
)
def test_encode_writes_the_documented_arrays(
    trained: Shell, tmp_path: Path, name: str, split: str | None, latents: int
) -> None:
    out = tmp_path / "latent.npz"
    more = ["--split", split] if split else []
    status, told, err = trained("encode", name, "--out", str(out), *more)
    assert (status, err) == (0, "")
    found = dict(np.load(out))
    keys = ["mean", "std", "label", "split", "index", "name", "class", "classes"]
    assert list(found) == keys
    classes = found.pop("classes")
    assert np.array_equal(classes[found["label"]], found.pop("class"))
    assert np.array_equal(found.pop("name"), found["index"].astype(str))
    n = len(found["index"])
    assert examples_of(n, split or "test") in told
    assert {k: (v.dtype.kind, v.dtype.itemsize, v.shape) for k, v in found.items()} == {
        "mean": ("f", 4, (n, latents)),
        "std": ("f", 4, (n, latents)),
        "label": ("i", 8, (n,)),
        "split": ("U", 20, (n,)),
        "index": ("i", 8, (n,)),
    }
    assert np.isfinite(found["mean"]).all()
    assert (found["std"] > 0).all() if name != "point" else np.isnan(found["std"]).all()
    assert (found["label"] >= 0).all()
    wanted = {"all": {"train", "test"}}.get(split or "test", {split or "test"})
    assert set(found["split"]) == wanted
    first = out.read_bytes()
    trained("encode", name, "--out", str(out), *more)
    assert np.array_equal(np.load(out)["mean"], found["mean"])
    assert len(first) > 0


def test_encode_writes_tables_with_the_same_numbers(trained: Shell, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    for ending in ("npz", "csv", "tsv", "parquet"):
        assert trained("encode", "vae", "--out", str(tmp_path / f"z.{ending}"))[0] == 0
    arrays = dict(np.load(tmp_path / "z.npz"))
    table = pq.read_table(tmp_path / "z.parquet")
    lines = (tmp_path / "z.csv").read_text().splitlines()
    assert table.column_names == [*lines[0].split(","), "x", "y", "neighbors", "image"]
    assert lines[0] == "name,class,split,index,mean_1,mean_2,std_1,std_2"
    assert table.column("class").to_pylist() == arrays["class"].tolist()
    assert [line.split(",")[1] for line in lines[1:]] == arrays["class"].tolist()
    cells = np.array([line.split(",")[4:6] for line in lines[1:]], np.float32)
    assert np.array_equal(cells, arrays["mean"])
    assert np.array_equal(np.loadtxt(tmp_path / "z.tsv", np.float32), arrays["mean"])
    names = (tmp_path / "z-metadata.tsv").read_text().splitlines()
    assert names[0].split("\t")[:2] == ["name", "class"]
    assert len(names) == len(lines)
    pictures = prepare(find(trained.root, "vae").data(), arrays["index"])
    check_atlas(table, arrays["mean"], pictures)
    check_sprite(tmp_path, pictures)
    trained("encode", "vectors", "--out", str(tmp_path / "v.parquet"))
    assert "image" not in pq.read_table(tmp_path / "v.parquet").column_names


def check_atlas(table: Any, means: np.ndarray, pictures: np.ndarray) -> None:
    """Two latents are the places themselves; neighbours are positions of rows, the nearest
    first; a picture is a PNG in a struct."""
    places = np.column_stack([table.column(name).to_numpy() for name in ("x", "y")])
    np.testing.assert_array_equal(places, means)
    far = np.linalg.norm(means[:, None] - means, axis=2)
    np.fill_diagonal(far, np.inf)
    for k, near in enumerate(table.column("neighbors").to_pylist()[:9]):
        assert k not in near["ids"]
        np.testing.assert_allclose(near["distances"], np.sort(far[k])[:15], atol=1e-4)
        np.testing.assert_allclose(far[k][near["ids"]], near["distances"], atol=1e-4)
    for found, picture in zip(table.column("image").to_pylist()[:3], pictures, strict=False):
        with Image.open(io.BytesIO(found["bytes"])) as image:
            np.testing.assert_array_equal(image, np.rint(picture[0] * 255))


def check_sprite(folder: Path, pictures: np.ndarray) -> None:
    """The sheet is square and holds the pictures row by row; the configuration names all files."""
    side = math.ceil(len(pictures) ** 0.5)
    with Image.open(folder / "z-sprite.png") as sheet:
        assert sheet.size == (side * 8, side * 8)
        at = side + 1  # the second of the second row
        cut = np.asarray(sheet)[8:16, 8:16]
    np.testing.assert_array_equal(cut, np.rint(pictures[at, 0] * 255))
    config = (folder / "projector_config.pbtxt").read_text()
    for name in ("z.tsv", "z-metadata.tsv", "z-sprite.png"):
        assert f'"{name}"' in config
    assert config.count("single_image_dim: 8") == 2


def test_samples_are_arrays_or_a_picture(trained: Shell, tmp_path: Path) -> None:
    out, again, other = (str(tmp_path / f"{n}.npz") for n in "abc")
    assert trained("sample", "vae", "-n", "10", "--out", out)[0] == 0
    trained("sample", "vae", "-n", "10", "--out", again)
    trained("sample", "vae", "-n", "10", "--seed", "1", "--out", other)
    found = dict(np.load(out))
    assert list(found) == ["x", "z"]
    assert (found["x"].shape, found["x"].dtype) == ((10, 1, 8, 8), np.float32)
    assert (found["z"].shape, found["z"].dtype) == ((10, 2), np.float32)
    assert found["x"].min() >= 0
    assert found["x"].max() <= 1
    assert np.array_equal(np.load(again)["x"], found["x"])
    assert not np.array_equal(np.load(other)["z"], found["z"])
    picture = tmp_path / "grid.png"
    assert trained("sample", "vae", "-n", "10", "--out", str(picture))[0] == 0
    with Image.open(picture) as image:
        assert image.format == "PNG"
        assert min(image.size) > 3 * 8
    assert trained("sample", "vectors", "-n", "5", "--out", out)[0] == 0
    assert np.load(out)["x"].shape == (5, 2)
    assert "not an image: write them to a .npz" in trained.refused(
        "sample", "vectors", "--out", str(tmp_path / "v.png")
    )
    assert not (tmp_path / "v.png").exists()


def test_samples_of_a_conditional_run_have_the_requested_class(
    trained: Shell, tmp_path: Path
) -> None:
    """All classes in turn unless one is named; z is the same."""
    found = {}
    for label in (None, 3, 4):
        out = tmp_path / f"{label}.npz"
        more = [] if label is None else ["--class", str(label)]
        assert trained("sample", "told", "-n", "14", "--out", str(out), *more)[0] == 0
        found[label] = dict(np.load(out))
    turns, threes, fours = (found[label] for label in (None, 3, 4))
    assert np.array_equal(turns["z"], threes["z"])
    assert not np.array_equal(threes["x"], fours["x"])
    np.testing.assert_allclose(turns["x"][[3, 13]], threes["x"][[3, 13]], atol=1e-6)
    np.testing.assert_allclose(turns["x"][4], fours["x"][4], atol=1e-6)
    out = str(tmp_path / "x.npz")
    assert "no class '10'" in trained.refused("sample", "told", "--class", "10", "--out", out)
    assert "not conditional" in trained.refused("sample", "vae", "--class", "1", "--out", out)


@pytest.mark.parametrize(
    ("what", "ending"),
    [
        ("encode", "npz"),
        ("encode", "csv"),
        ("sample", "npz"),
        ("export", "vae.zip"),
        ("report", "html"),
        ("script", "py"),
    ],
)
def test_a_failed_write_leaves_the_old_result(
    trained: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, ending: str
) -> None:
    out = tmp_path / f"out.{ending}"
    out.write_bytes(b"precious")

    def refuse(*args: Any, **keywords: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        for deed in ("write", "fsync"):
            patch.setattr(os, deed, refuse)
        told = trained.refused(what, "vae", "--out", str(out))
    assert f"Cannot use {out}: the disk is full" in told
    assert out.read_bytes() == b"precious"
    assert list(tmp_path.glob(".*")) == []
    folder = tmp_path / f"folder.{ending}"
    folder.mkdir()
    told = trained.refused(what, "vae", "--out", str(folder))
    assert f"folder.{ending}: it is a folder" in told


def test_a_list_of_runs_prints_no_escape_codes(shell: Shell) -> None:
    run = make_in(shell.root, "one")
    run.set_status(best=1.0, best_by="\x1b[31mELBO")
    _, out, _ = shell("runs")
    assert "best validation [31mELBO 1.00 nats" in out
    assert "\x1b" not in out
