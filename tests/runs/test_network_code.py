"""The code of a network runs only where it is allowed, and only from a file on this machine.

The payload is a network that writes a marker when its file is run and when it is built. It is
brought by every door: no marker appears.
"""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vae.base import files, permission
from vae.commands import main
from vae.components import network_code
from vae.config import RunConfig
from vae.data import load, save_upload
from vae.experiments import network_probes, variants
from vae.experiments.admission import check_admitted
from vae.runs import Run
from vae.runs.exporter import member, pack
from vae.runs.importer import unpack
from vae.script import script
from vae.worker import launcher
from vae.worker.run import work
from vae.worker.train import train_run

PAYLOAD = '''"""A network that leaves a trace."""
import os
from typing import Annotated
from vae.base.options import Option
from vae.components.networks import Bodies, mlp
open(os.environ["MARKER"], "a").close()

def net(event_shape, encoder_outputs, latent_dim, multiplicity, *,
        width: Annotated[int, Option("Units.", 1, 64)] = 8):
    open(os.environ["MARKER"], "a").close()
    return mlp(event_shape, encoder_outputs, latent_dim, multiplicity, hidden=(width,))
'''
ROOT, CODE = Path(__file__).parents[2], "vae/components/network_code.py"
SHORT: dict[str, Any] = {
    "data": "mixture",
    "likelihood": "gaussian",
    "examples": 40,
    "epochs": 1,
    "batch_size": 8,
    "frames": 2,
    "threads": 1,
    "device": "cpu",
}


def forget() -> None:
    """Make this process as one that has read and run no file."""
    network_code._chosen.clear()
    network_code._built.cache_clear()
    network_probes._probed.cache_clear()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("code") / "payload.py"
    path.write_text(PAYLOAD)
    return f"{path}:net"


@pytest.fixture(scope="module")
def archive(place: str, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A trained run with the payload, made where its code was allowed, as one file."""
    root = tmp_path_factory.mktemp("there")
    with pytest.MonkeyPatch.context() as patch, permission.allowing():
        patch.setenv("MARKER", str(root / "marker"))
        run = trained_in(root, place)
        assert (root / "marker").exists()
        assert (run.path / "network.py").read_text() == PAYLOAD
        assert run.load_model().encoder is not None
    buffer = io.BytesIO()
    pack([run], buffer)
    return buffer.getvalue()


def trained_in(root: Path, place: str) -> Run:
    config = RunConfig.of(network=network_code.choose(place), **SHORT)
    data = config.load_data()
    check_admitted(config, data)
    run = Run.create(root, config, data, "payload")
    for _ in train_run(run):
        pass
    return run


@pytest.fixture(autouse=True)
def marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The trace of the payload; a test without permission ends without it."""
    path = tmp_path / "marker"
    monkeypatch.setenv("MARKER", str(path))
    monkeypatch.setenv(permission.VARIABLE, "1")  # of a server; other processes ignore it
    forget()
    yield path
    forget()


def refused(action: Callable[[], object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        action()


def test_a_path_runs_nothing_without_permission(
    place: str, marker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--network", place, "--width", "4", "--data", "mixture", "--likelihood", "gaussian"]
    for command in (["train"], ["sweep", "--seeds", "1"], ["train", "--help"]):
        try:
            assert main([*command, "--root", str(tmp_path / "runs"), *flags]) == 2
        except SystemExit:
            assert "--help" in command
        shown = capsys.readouterr()
        assert "--width" in shown.out or "add --allow-code to the command" in shown.err
    config = RunConfig.of(network=network_code.choose(place), **SHORT)
    assert config.get("width") == 8
    refused(lambda: check_admitted(config, config.load_data()), "VAE_LAB_ALLOW_CODE=1")
    refused(lambda: Run.create(tmp_path, config, config.load_data()), "allows it")
    assert not marker.exists()
    assert not (tmp_path / "runs").exists()


def test_an_imported_run_runs_nothing_even_where_code_is_allowed(
    archive: bytes, marker: Path, tmp_path: Path
) -> None:
    """Its settings, curves, frames and text are there; all that builds the model refuses."""
    with permission.allowing():
        [(run, _)] = unpack(tmp_path / "here", archive)
        assert run.config.get("width") == 8
        assert run.curves().curves
        frame = run.frame()
        assert frame is not None
        assert run.header["network_file"]["text"] == PAYLOAD
        assert not (run.path / "network.py").exists()
        for action in (
            run.load_model,
            lambda: list(train_run(run)),
            lambda: work({"kind": "train", "run": str(run.path)}, lambda: None),
            lambda: variants.check_variant(run, run.config),
            lambda: variants.create(run, run.config, "again"),
            lambda: check_admitted(run.config, run.config.load_data()),
            lambda: Run.create(tmp_path / "here", run.config, run.config.load_data()),
        ):
            refused(action, "code from elsewhere|is not on this machine")
        here = ["--root", str(tmp_path / "here")]
        out = str(tmp_path / "report.html")
        commands = {"evaluate": [], "sample": ["--out", f"{tmp_path}/x.npz"]}
        for command, flags in commands.items():
            assert main([command, run.name, "--allow-code", *here, *flags]) == 2, command
        assert main(["report", run.name, "--allow-code", *here, "--out", out]) == 0
        assert PAYLOAD.splitlines()[0].strip('"') in Path(out).read_text()
        refused(lambda: script(run), "code from elsewhere, which is not run")
    assert not marker.exists()


def test_an_imported_run_decodes_with_its_very_file_in_place(
    archive: bytes, marker: Path, tmp_path: Path
) -> None:
    [(run, _)] = unpack(tmp_path / "here", archive)
    (run.path / "network.py").write_text(PAYLOAD)
    refused(run.load_model, "add --allow-code")
    refused(lambda: script(run), "cannot contain payload.py: line 6 is a statement")
    assert not marker.exists()
    with permission.allowing():
        assert run.load_model().device.type == "cpu"
    assert marker.exists()


@pytest.mark.parametrize("allowed", [True, False])
def test_a_changed_file_is_refused_by_name(
    archive: bytes, marker: Path, tmp_path: Path, allowed: bool
) -> None:
    [(run, _)] = unpack(tmp_path / "here", archive)
    (run.path / "network.py").write_text(PAYLOAD + "\n")
    with permission.allowing() if allowed else io.BytesIO():
        for action in (run.load_model, lambda: list(train_run(run))):
            refused(action, r"network\.py was changed: its SHA-256 is [0-9a-f]{64}, and the run")
    assert run.status().state == "failed"
    assert not marker.exists()


def test_another_text_or_hash_in_the_manifest_is_damage(
    archive: bytes, marker: Path, tmp_path: Path
) -> None:
    [(run, _)] = unpack(tmp_path / "here", archive)
    (run.path / "network.py").write_text(PAYLOAD)
    good = json.loads((run.path / "config.json").read_text())
    for change in (
        lambda head: head["network_file"].update(text=PAYLOAD + "#"),
        lambda head: head.pop("network_file"),
        lambda head: head.update(network_file=[PAYLOAD]),
        lambda head: head["config"].update(network=f"payload.py:net@{'0' * 64}"),
    ):
        head = json.loads(json.dumps(good))
        change(head)
        files.write_json(run.path / "config.json", head)
        with permission.allowing():
            assert Run(run.path).status().state == "damaged"
            refused(Run(run.path).load_model, "has no valid network_file")
    assert not marker.exists()


def test_an_archive_cannot_bring_the_file(archive: bytes, marker: Path, tmp_path: Path) -> None:
    """Not under its name, and not through the manifest of the archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(buffer, "w") as new:
        manifest = json.loads(old.read("manifest.json"))
        name, text = "payload/network.py", PAYLOAD.encode()
        manifest["files"][name] = {"size": len(text), "sha256": hashlib.sha256(text).hexdigest()}
        for info in old.infolist():
            if info.filename != "manifest.json":
                new.writestr(info, old.read(info))
        new.writestr(member(name), text)
        new.writestr(member("manifest.json"), json.dumps(manifest))
    with permission.allowing():
        refused(lambda: unpack(tmp_path / "here", buffer.getvalue()), "not a file of a run")
    assert not list(tmp_path.glob("here/*"))
    assert not marker.exists()


def test_an_upload_cannot_bring_the_file(marker: Path, tmp_path: Path) -> None:
    content = {"payload.py": PAYLOAD.encode()}
    with permission.allowing():
        refused(lambda: save_upload(content, tmp_path), "payload.py")
        code = tmp_path / "payload.py"
        code.write_text(PAYLOAD)
        refused(lambda: load(str(code)), "payload.py")
    assert not marker.exists()


def test_a_worker_needs_the_permission_of_its_server(
    archive: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flag is in its command; the variable of its environment has no effect."""
    commands: list[list[str]] = []
    monkeypatch.setattr(
        launcher.subprocess, "Popen", lambda command, **more: commands.append(command)
    )
    launcher._start()
    with permission.allowing():
        launcher._start()
    assert [permission.FLAG in command for command in commands] == [False, True]
    assert not permission.is_allowed()


def test_the_variable_gives_the_permission_to_the_server_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with permission.allowing():
        pass
    assert not permission.is_allowed()
    for value in ("", "0", "yes", "true"):
        monkeypatch.setenv(permission.VARIABLE, value)
        permission.allow_by_environment()
        assert not permission.is_allowed()
    callers = [
        path.relative_to(ROOT).as_posix()
        for path in sorted(ROOT.glob("vae/**/*.py"))
        if "permission.allow" in path.read_text()
    ]
    assert callers == [
        "vae/commands/__init__.py",
        "vae/dashboard/server.py",
        "vae/worker/__main__.py",
        "vae/worker/cluster.py",
    ]


ROOT = Path(__file__).parents[2]


def test_one_place_runs_code() -> None:
    """No other module compiles or executes a text."""
    call = re.compile(r"(?<![\w.])(exec|eval|compile|__import__)\(")
    sources = {p.relative_to(ROOT).as_posix(): p.read_text() for p in ROOT.glob("vae/**/*.py")}
    assert [p for p, text in sources.items() if call.search(text)] == [CODE]
    assert not [p for p, text in sources.items() if "spec_from_file" in text or "runpy" in text]
