"""Commands on a run that a training loop elsewhere has recorded: they work, or refuse in a
sentence."""

import json
from pathlib import Path

import pytest

from tests.pages.test_recorded import record
from vae.commands import main
from vae.runs import find

REFUSED = {
    "evaluate": ["evaluate", "mine"],
    "encode": ["encode", "mine", "--out", "z.npz"],
    "sample": ["sample", "mine", "--out", "x.npz"],
    "script": ["script", "mine", "--out", "train.py"],
    "resume": ["resume", "mine"],
    "more epochs": ["resume", "mine", "--epochs", "+2"],
}


@pytest.mark.parametrize("case", REFUSED)
def test_commands_that_need_the_network_refuse(
    case: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    record(tmp_path, arrays="none")
    before = sorted(tmp_path.rglob("*"))
    assert main([*REFUSED[case], "--root", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "mine was recorded by a training loop elsewhere" in line
    assert "python -m vae train" in line
    assert sorted(tmp_path.rglob("*")) == before
    assert find(tmp_path, "mine").status().state == "finished"


def test_a_run_that_is_recorded_cannot_be_stopped_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(tmp_path, arrays="none")
    run = find(tmp_path, "mine")
    run.set_status(state="running")
    assert main(["stop", "mine", "--root", str(tmp_path)]) == 2
    assert "stop or start it there" in capsys.readouterr().err
    assert run.status().state == "running"


def test_lists_reports_and_archives_hold_a_recorded_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = ["--root", str(tmp_path)], tmp_path / "report.html"
    archive = tmp_path / "run.vae.zip"
    record(tmp_path)
    assert main(["runs", "--json", *root]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["run"], row["recorded"], row["settings"]["network"]) == ("mine", True, "recorded")
    assert main(["report", "mine", "--out", str(out), *root]) == 0
    text = out.read_text("utf-8")
    assert "recorded, Z = 3, bernoulli" in text
    assert "not recorded" in text
    for title in ("Latent map", "KL per dimension", "Originals above their reconstructions, epoc"):
        assert f"<h3>{title}" in text
    assert text.count("<img ") == 2
    assert main(["export", "mine", "--out", str(archive), *root]) == 0
    assert main(["import", str(archive), "--name", "copy", *root]) == 0
    run, copy = find(tmp_path, "mine"), find(tmp_path, "copy")
    assert copy.reports() == run.reports()
    assert copy.header == run.header
    assert copy.frame_steps() == run.frame_steps() == [0, 1, 2, 3]
