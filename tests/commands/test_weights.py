"""Weights of torch.save become safetensors; programs and Python objects are refused, not run."""

import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.tables import each
from vae.commands import main
from vae.worker.weights import check_kind, load

STATE = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).state_dict()
HALF = {"a": torch.ones(2, dtype=torch.bfloat16)}
TIED = dict.fromkeys(("a", "b"), torch.arange(3.0))

SAVED: dict[str, tuple[Any, str, dict[str, torch.Tensor], list[str]]] = {
    "state dict": (STATE, "", STATE, []),
    "checkpoint": ({"state_dict": STATE, "epoch": 3}, "state_dict", STATE, ["epoch"]),
    "other keys": ({"model": STATE, "optimizer": {"lr": 1.0}}, "model", STATE, ["optimizer"]),
    "with a number": ({**STATE, "version": 3}, "", STATE, ["version"]),
    "half precision": (HALF, "", HALF, []),
    "tied": (TIED, "", TIED, []),
    "a slice": ({"a": torch.arange(9.0)[::3]}, "", {"a": torch.tensor([0.0, 3.0, 6.0])}, []),
}


class Payload:
    """An object whose unpickling creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str, ...]]:
        return Path.touch, (self.path,)  # type: ignore[return-value]


@each("case", SAVED)
def test_tensors_are_taken_by_name(case: str, tmp_path: Path) -> None:
    content, key, wanted, left = SAVED[case]
    path = tmp_path / "model.pth"
    torch.save(content, path)
    check_kind(path)
    tensors, found = load(path)
    assert (found.key, list(found.left)) == (key, left)
    assert list(found.names) == list(tensors) == list(wanted)
    assert all(torch.equal(tensors[name], wanted[name]) for name in wanted)


def test_the_command_converts_in_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "model.pth", tmp_path / "model.safetensors"
    torch.save({"state_dict": STATE, "epoch": 3}, source)
    monkeypatch.setattr(torch, "load", lambda *_: pytest.fail("unpickled in this process"))
    assert main(["weights", str(source), str(out)]) == 0
    assert "7 tensors of its entry state_dict" in (text := capsys.readouterr().out)
    assert "Left out, not tensors of the model: 'epoch'" in text
    found = load_file(out)
    assert found.keys() == STATE.keys()
    assert all(torch.equal(found[name], STATE[name]) for name in STATE)


def test_python_objects_are_named_and_not_run(tmp_path: Path) -> None:
    for content in (
        Payload(tmp_path / "run"),
        {"a": torch.ones(1), "b": Payload(tmp_path / "run")},
    ):
        path = tmp_path / "model.pt"
        torch.save(content, path)
        check_kind(path)
        with pytest.raises(ValueError, match=r"Python objects besides tensors .* could run"):
            load(path)
        assert not (tmp_path / "run").exists()


def test_a_small_file_of_large_tensors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"a": torch.zeros(1).expand(10**10)}, path)
    with pytest.raises(ValueError, match=r"its tensors take 37.3 GiB: they repeat values"):
        load(path)
    torch.save({str(k): torch.zeros(10**6) for k in range(3)}, path)
    packed = tmp_path / "packed.pt"
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out:
        for info in whole.infolist():
            out.writestr(info.filename, whole.read(info))
    with pytest.raises(ValueError, match="was packed again"):
        check_kind(packed)


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        (["net/data.pkl", "net/constants.pkl", "net/code/net.py"], "a TorchScript program"),
        (["model/archive_format", "model/models/model.json"], "an exported program"),
        (["serialized_exported_program.json"], "an exported program"),
        (["readme.txt"], "no file of torch.save"),
    ],
)
def test_programs_are_refused(members: list[str], kind: str, tmp_path: Path) -> None:
    path = tmp_path / "model.pt2"
    with zipfile.ZipFile(path, "w") as archive:
        for name in members:
            archive.writestr(name, b"")
    with pytest.raises(ValueError, match=f"is {kind}.*torch.save.model.state_dict"):
        check_kind(path)


@pytest.mark.parametrize("content", [torch.ones(2), [torch.ones(2)], {"a": 3}, {1: torch.ones(2)}])
def test_a_file_without_names_of_tensors_is_refused(content: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save(content, path)
    with pytest.raises(ValueError, match="holds no tensors by name"):
        load(path)


def test_damaged_and_other_files_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "model.pth", str(tmp_path / "x.safetensors")
    path.write_bytes(b"PK nothing")
    assert main(["weights", str(path), out]) == 2
    assert "is no file of torch.save" in capsys.readouterr().err
    path.write_bytes(b"\x80\x02cos\nsystem\n.")
    with pytest.raises(ValueError, match=r"Python objects besides tensors|is damaged"):
        load(path)
    assert main(["weights", str(tmp_path / "none.pth"), out]) == 2
    assert "no such file" in capsys.readouterr().err
    assert main(["weights", str(path), str(tmp_path / "x.pth")]) == 2
    assert "--out ends in .safetensors" in capsys.readouterr().err
