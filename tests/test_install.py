"""An installed package: the metadata agree with the requirements, and the files of the dashboard
lie where the package looks for them."""

import os
import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from vae.base import permission, places
from vae.commands import main
from vae.dashboard import server
from vae.recorder import Recorder

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
WHEEL = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]


def versions(lines: list[str]) -> dict[str, str]:
    """Return name → version of requirements."""
    parts = (re.split(r"[=>]=", line.strip()) for line in lines if line.strip())
    return {name: version for name, version in parts}


def test_the_package_needs_the_tested_versions_of_the_requirements() -> None:
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    assert versions(PROJECT["project"]["dependencies"]) == versions(lines)


def test_the_command_is_a_function() -> None:
    module, _, name = PROJECT["project"]["scripts"]["vae-lab"].partition(":")
    assert getattr(import_module(module), name) is main


def test_the_wheel_holds_the_files_of_the_dashboard() -> None:
    """An installed package has them in the folder that `places` names."""
    inside = WHEEL["force-include"]
    assert all((ROOT / source).exists() for source in inside)
    there = Path(places.__file__).parents[1] / "app"
    assert {ROOT / target for target in inside.values()} == {
        there / name for name in ("app.py", "pages", ".streamlit/config.toml")
    }
    assert not places.IS_INSTALLED
    assert (places.APP, places.default_root()) == (ROOT, ROOT / "checkpoints")
    assert server.MAIN.is_file()


@pytest.mark.parametrize("given", ["", "elsewhere"])
def test_every_door_finds_the_folder_of_the_environment(
    given: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(places.VARIABLE, given)
    expected = given or "checkpoints"
    assert places.dashboard_root() == (Path(given) if given else places.default_root())
    with Recorder("made-elsewhere", likelihood="gaussian", units="nats per example"):
        pass
    assert (tmp_path / expected / "made-elsewhere").is_dir()
    main(["runs"])
    assert "made-elsewhere" in capsys.readouterr().out


def test_the_dashboard_opens_on_the_folder_of_the_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda *call: calls.append(call))
    monkeypatch.chdir(tmp_path)
    main(["app", "--root", "runs", "--port", "8600", "--headless"])
    ((_, command, environment),) = calls
    assert command[1:5] == ["-m", "streamlit", "run", str(ROOT / "app.py")]
    assert command[5:] == ["--server.port", "8600", "--server.headless", "true"]
    assert environment["VAE_LAB_ROOT"] == str(tmp_path / "runs")
    assert permission.VARIABLE not in environment
    main(["app", "--allow-code"])
    assert calls[1][2][permission.VARIABLE] == "1"
    assert main(["app", "--port", "0"]) == 2
    assert len(calls) == 2
