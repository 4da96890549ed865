"""Runs as one file: an imported run equals the exported one and can be resumed, and an invalid
file is refused without a change."""

import hashlib
import io
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.runs.conftest import TINY, make_in
from vae.analysis.loaded_run import LoadedRun
from vae.base import files
from vae.config import RunConfig
from vae.data import load, save_upload
from vae.runs import Run, exporter, identity, importer, listing, notes, validation
from vae.runs.evaluations import saved_evaluations
from vae.runs.exporter import ENDING, MANIFEST, file_name, pack, size
from vae.runs.importer import unpack
from vae.training import metrics
from vae.worker import train
from vae.worker.job import Job
from vae.worker.run import work
from vae.worker.train import train_run

LONG = pytest.mark.long

PLACE = ("control.json", "log.txt", ".lock")  # what stays behind
SMALL = {k: v for k, v in TINY.items() if k not in ("data", "examples", "likelihood")}


def finish(run: Run) -> Run:
    for _ in train_run(run):
        pass
    return run


def own_run(root: Path, name: str = "own", **settings: Any) -> Run:
    """A run on an upload, with frames, an evaluation and notes."""
    rng = np.random.default_rng(0)
    buffer = io.BytesIO()
    np.savez(buffer, x=rng.random((60, 5), dtype=np.float32), labels=np.arange(60) % 3)
    path = save_upload({"mine.npz": buffer.getvalue()}, root)
    config = RunConfig.of(**SMALL | {"data": str(path), "likelihood": "gaussian"} | settings)
    run = finish(Run.create(root, config, load(str(path)), name))
    spec = {"checkpoint": "best", "split": "test", "elbo_samples": 2, "samples": 5, "full": False}
    job = Job.of(run, "evaluate", spec)
    work(job.order, lambda: None)
    notes.change(run.path, title="Tïtle", tags=("a", "b"), notes="of “mine”", favourite=True)
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return own_run(tmp_path_factory.mktemp("here"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small run without uploaded data."""
    return finish(make_in(tmp_path_factory.mktemp("plain"), "plain"))


@pytest.fixture(scope="module")
def packed(plain: Run) -> bytes:
    return as_file([plain])


def as_file(runs: list[Run]) -> bytes:
    file = io.BytesIO()
    pack(runs, file)
    return file.getvalue()


def content(path: Path) -> dict[str, bytes]:
    """Return every file below a folder, without the files that an export omits."""
    return {
        p.relative_to(path).as_posix(): p.read_bytes()
        for p in sorted(path.rglob("*"))
        if p.is_file() and not p.name.endswith(PLACE)
    }


# There and back


def test_an_imported_run_equals_the_exported_one(run: Run, tmp_path: Path) -> None:
    here, file = run.path.parent, tmp_path / file_name([run])
    shares: list[float] = []
    pack([run], file, shares.append)
    assert file.name == f"own{ENDING}"
    assert [p.name for p in tmp_path.iterdir()] == [file.name]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert size([run]) == sum(i.file_size for i in members(file) if i.filename != MANIFEST)
    there = tmp_path / "there"
    [(came, name)] = unpack(there, file, progress=shares.append)
    assert (came.path, name) == (there / "own", "own")
    assert shares[-1] == 1.0
    before, after = content(run.path), content(came.path)
    assert len([n for n in before if n.startswith("frames/")]) > 2
    assert len([n for n in before if n.startswith("derived/")]) == 1
    heads = [json.loads(found.pop("config.json")) for found in (before, after)]
    assert before == after
    moved = Path(heads[1]["config"].pop("data"))
    heads[0]["config"].pop("data")
    assert heads[0] == heads[1]
    [upload], [kept_upload] = ((r / ".uploads").glob("*") for r in (here, there))
    assert moved == kept_upload
    assert upload.read_bytes() == kept_upload.read_bytes()
    assert kept_upload.stem == hashlib.sha256(kept_upload.read_bytes()).hexdigest()
    assert sorted(p.name for p in there.iterdir()) == [".uploads", "own"]


def test_an_imported_run_can_be_read(run: Run, tmp_path: Path) -> None:
    [(came, _)] = unpack(tmp_path, as_file([run]))
    assert notes.read(came.path) == notes.read(run.path)
    assert [k.record for k in saved_evaluations(came)] == [
        k.record for k in saved_evaluations(run)
    ]
    assert came.status()._replace(host="") == run.status()._replace(host="")
    a, b = (LoadedRun.of(r, "best") for r in (run, came))
    rows = np.arange(60)
    np.testing.assert_array_equal(a.encode(rows).mean, b.encode(rows).mean)
    assert as_file([came]) == as_file([Run(came.path)])
    back = json.loads(as_zip(as_file([came])).read(MANIFEST))
    assert any(name.startswith(".uploads/") for name in back["files"])


def test_a_stopped_run_resumes_after_import_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "TICK_SECONDS", 0.0)
    monkeypatch.setattr(train, "STATUS_SECONDS", -1.0)
    run = make_in(tmp_path / "here", "half", epochs=40)
    for _ in train_run(run, lambda: "stop" if run.status().step >= 7 else None):
        pass
    assert run.status().state == "stopped"
    [(came, _)] = unpack(tmp_path / "there", as_file([run]))
    for one in (run, came):
        finish(one)
    assert run.status().state == came.status().state == "finished"
    a, b = (files.read_arrays(one.path / "last.safetensors")[0] for one in (run, came))
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])


def test_a_run_in_training_is_imported_as_stopped_without_requests(
    plain: Run, tmp_path: Path
) -> None:
    here = Run(tmp_path / "here" / "busy")
    unpack(tmp_path / "here", as_file([plain]), "busy")
    here.want("pause", epochs=9)
    states = {"running": identity(), "starting": identity(), "queued": {}, "nonsense": {}}
    for state, more in states.items():
        here.set_status(state=state, heartbeat=time.time(), **more)
        [(came, _)] = unpack(tmp_path / state, as_file([here]))
        assert came.status().state == "stopped"
        assert came.status().message == importer.STOPPED
        assert came.status().step == plain.status().step
        assert not (came.path / "control.json").exists()


def test_many_runs_share_their_upload(run: Run, tmp_path: Path) -> None:
    root = tmp_path / "here"
    runs = [own_run(root, name, epochs=1) for name in ("one", "two")]
    file = as_file(runs)
    assert sum(i.filename.startswith(".uploads/") for i in as_zip(file).infolist()) == 1
    came = unpack(tmp_path / "there", file)
    assert [(a.run.name, a.name) for a in came] == [("one", "one"), ("two", "two")]
    for arrived in came:
        assert arrived.run.data().fingerprint == arrived.run.header["data"]["fingerprint"]
    with pytest.raises(ValueError, match="This file contains 2 runs: import them without"):
        unpack(tmp_path / "there", file, "other")


def test_a_run_with_its_upload_keeps_its_settings(run: Run) -> None:
    root = run.path.parent
    before = content(root / ".uploads")
    [(came, name)] = unpack(root, as_file([run]))
    assert (came.name, name) == ("own-2", "own")
    assert content(came.path) == content(run.path)
    assert content(root / ".uploads") == before


def test_a_taken_name_gets_a_number(packed: bytes, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    names = [unpack(tmp_path, packed)[0].run.name for _ in range(3)]
    assert names == ["plain-2", "plain-3", "plain-4"]
    assert list((tmp_path / "plain").iterdir()) == []
    long = "x" * 64
    assert unpack(tmp_path, packed, long)[0].run.name == long
    again = as_file([Run(tmp_path / long)])
    assert unpack(tmp_path, again)[0].run.name == f"{'x' * 62}-2"
    before = content(tmp_path)
    for name, why in {"plain": "is taken", "../out": "cannot be the name", ".": "cannot"}.items():
        with pytest.raises(ValueError, match=why):
            unpack(tmp_path, packed, name)
    assert content(tmp_path) == before


def test_the_same_folder_gives_the_same_bytes(plain: Run, packed: bytes) -> None:
    assert as_file([plain]) == packed
    names = {i.filename.partition("/")[2] for i in as_zip(packed).infolist()}
    assert not names & {"control.json", "log.txt", "status.lock", "worker.lock"}


def test_a_failed_export_leaves_the_old_file(plain: Run, tmp_path: Path) -> None:
    root, out = tmp_path / "here", tmp_path / "out.vae.zip"
    out.write_bytes(b"old")
    [(bad, _)] = unpack(root, as_file([plain]))
    (bad.path / "best.safetensors").write_bytes(b"torn")
    with pytest.raises(ValueError, match=r"best\.safetensors is damaged"):
        pack([bad], out)
    (bad.path / "config.json").write_text("{")
    with pytest.raises(ValueError, match="is damaged"):
        pack([Run(bad.path)], out)
    assert out.read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["here", "out.vae.zip"]


def test_an_export_is_read_back_before_it_appears(
    plain: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that changes a byte."""
    out, sync = tmp_path / "out.vae.zip", os.fsync
    pack([plain], out)
    good = out.read_bytes()

    def spoil(handle: int) -> None:
        sync(handle)
        with open(f"/proc/self/fd/{handle}", "r+b") as file:
            file.seek(len(good) // 2)
            file.write(bytes([good[len(good) // 2] ^ 1]))

    monkeypatch.setattr(os, "fsync", spoil)
    with pytest.raises(ValueError, match=r"cannot be read back .*: export it again"):
        pack([plain], out)
    assert out.read_bytes() == good


# What anybody may have made


def as_zip(file: bytes) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(file))


def members(path: Path) -> list[zipfile.ZipInfo]:
    with zipfile.ZipFile(path) as found:
        return found.infolist()


Parts = dict[str, bytes]


def forged(
    packed: bytes,
    change: Callable[[Parts, dict[str, Any]], object] = lambda parts, manifest: None,
    dress: Callable[[zipfile.ZipInfo], object] = lambda info: None,
    honest: bool = True,
) -> bytes:
    """Return the file with changed parts and manifest. An `honest` manifest describes the changed
    parts."""
    old = as_zip(packed)
    parts = {info.filename: old.read(info) for info in old.infolist()}
    manifest = json.loads(parts.pop(MANIFEST))
    change(parts, manifest)
    if honest:
        manifest["files"] = {
            name: {"size": len(value), "sha256": hashlib.sha256(value).hexdigest()}
            for name, value in parts.items()
        }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as new:
        for name, value in {**parts, MANIFEST: json.dumps(manifest).encode()}.items():
            info = exporter.member(name)
            dress(info)
            new.writestr(info, value)
    return out.getvalue()


def put(**values: bytes) -> Callable[[Parts, dict[str, Any]], None]:
    """Change parts of the run plain: `put(config__json=b"")`."""

    def change(parts: Parts, _: dict[str, Any]) -> None:
        parts |= {f"plain/{k.replace('__', '.')}": value for k, value in values.items()}

    return change


def says(**values: Any) -> Callable[[Parts, dict[str, Any]], None]:
    return lambda _, manifest: manifest.update(values)


def settings(**values: Any) -> Callable[[Parts, dict[str, Any]], None]:
    """Change settings, or with `data_X` and `head_X` the keys of data and run."""

    def change(parts: Parts, _: dict[str, Any]) -> None:
        head = json.loads(parts["plain/config.json"])
        for key, value in values.items():
            kind, _, name = key.partition("_")
            if kind in ("data", "head") and name:
                (head["data"] if kind == "data" else head)[name] = value
            else:
                head["config"][key] = value
        parts["plain/config.json"] = json.dumps(head).encode()

    return change


def arrays(name: str, **values: Any) -> Callable[[Parts, dict[str, Any]], None]:
    """Replace some arrays of an array file."""

    def change(parts: Parts, _: dict[str, Any]) -> None:
        from safetensors.numpy import load as parse
        from safetensors.numpy import save

        found = parse(parts[name]) | values
        meta = storage_meta(parts[name])
        parts[name] = save(found, {"meta": meta})

    return change


def storage_meta(content: bytes) -> str:
    length = int.from_bytes(content[:8], "little")
    found: str = json.loads(content[8 : 8 + length])["__metadata__"]["meta"]
    return found


def another(name: str, value: bytes = b"{}") -> Callable[[Parts, dict[str, Any]], None]:
    return lambda parts, _: parts.update({name: value})


def without(name: str) -> Callable[[Parts, dict[str, Any]], object]:
    return lambda parts, _: parts.pop(name)


def link(info: zipfile.ZipInfo) -> None:
    if info.filename.endswith("metrics.jsonl"):
        info.external_attr = (stat.S_IFLNK | 0o777) << 16


def deflated(info: zipfile.ZipInfo) -> None:
    info.compress_type = zipfile.ZIP_DEFLATED


def twice(packed: bytes) -> bytes:
    out = io.BytesIO(packed)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(out, "a") as file:
        file.writestr(exporter.member("plain/status.json"), b"{}")
    return out.getvalue()


def bare() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("plain/config.json", "{}")
    return out.getvalue()


def report(**values: Any) -> bytes:
    usual = {"step": 1, "epoch": 0.5, "split": "val", "reconstruction": 1.0}
    return (json.dumps(usual | values) + "\n").encode()


def saved(**values: Any) -> bytes:
    out = io.BytesIO()
    np.savez(out, **values)
    return out.getvalue()


FRAME = "plain/frames/000000000.safetensors"
WRONG: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda p: b"", "VAE Lab did not export it"),
    "no archive": (lambda p: b"hello " * 99, "it is damaged, or VAE Lab did not"),
    "cut short": (lambda p: p[: len(p) // 2], "it is damaged, or VAE Lab did not"),
    "a usual zip": (lambda p: bare(), "it has no manifest.json, which every export contains"),
    "two of one name": (twice, "two of its members have the same name"),
    "from the future": (
        lambda p: forged(p, says(format=2)),
        "a newer version of VAE Lab exported it. Update VAE Lab",
    ),
    "manifest of no object": (
        lambda p: forged(p, lambda a, m: [m.clear(), m.update(x=1)]),
        "it is damaged, or VAE Lab did",
    ),
    "no run": (lambda p: forged(p, says(runs=[])), "lists no run"),
    "a run twice": (lambda p: forged(p, says(runs=["plain", "plain"])), "one run twice"),
    "a run without settings": (lambda p: forged(p, says(runs=["plain", "b"])), "has no settings"),
    "a run of a bad name": (lambda p: forged(p, says(runs=["../x"])), "has no settings"),
    "a name that is no text": (
        lambda p: forged(p, says(runs=[{}])),
        "it is damaged, or VAE Lab did",
    ),
    "an absolute path": (lambda p: forged(p, another("/etc/x.json")), "is outside its runs"),
    "a path upwards": (
        lambda p: forged(p, another("plain/../../x.json")),
        "is not a file of a",
    ),
    "a path behind a name": (
        lambda p: forged(p, another("plain/metrics.jsonl/../../../x")),
        "is not a file of a",
    ),
    "a path up at once": (lambda p: forged(p, another("../x/config.json")), "is outside its runs"),
    "a backslash": (lambda p: forged(p, another("plain\\..\\x.json")), "is outside its runs"),
    "a file of no run": (lambda p: forged(p, another("plain/evil.pkl")), "is not a file of a"),
    "a lock": (lambda p: forged(p, another("plain/worker.lock")), "is not a file of a"),
    "wishes": (lambda p: forged(p, another("plain/control.json")), "is not a file of a"),
    "a hidden one": (lambda p: forged(p, another(".trash/config.json")), "is outside its runs"),
    "an odd upload": (lambda p: forged(p, another(".uploads/x.npz")), "is not a file of a"),
    "another run's": (lambda p: forged(p, another("other/config.json")), "is outside its runs"),
    "a folder": (lambda p: forged(p, another("plain/frames/", b"")), "is not a file of a"),
    "a link": (lambda p: forged(p, dress=link), "is a link or a folder, not a file"),
    "deflated arrays": (
        lambda p: forged(p, dress=deflated),
        "not that of an export",
    ),
    "one too many": (
        lambda p: forged(p, another("plain/notes.json"), honest=False),
        "its manifest differ in 'plain/notes.json'",
    ),
    "one too few": (
        lambda p: forged(p, without("plain/status.json"), honest=False),
        "its manifest differ in 'plain/status.json'",
    ),
    "another size": (
        lambda p: forged(p, put(status__json=b"{}"), honest=False),
        "or its size differs from the manifest",
    ),
    "another content": (
        lambda p: forged(p, lambda a, m: a.update({FRAME: a[FRAME][::-1]}), honest=False),
        "its size or SHA-256 differs from the manifest",
    ),
    "a bomb of text": (
        lambda p: forged(p, put(notes__json=b" " * 3 * 2**20)),
        "notes.json exceeds the size limit",
    ),
    "settings of no JSON": (lambda p: forged(p, put(config__json=b"{")), "the run plain is dam"),
    "settings too deep": (lambda p: forged(p, put(config__json=b"[" * 10**5)), "is damaged"),
    "unknown settings": (lambda p: forged(p, settings(evil=1)), "Unknown setting 'evil'"),
    "an unknown network": (lambda p: forged(p, settings(network="x")), "Unknown network"),
    "of a newer version": (lambda p: forged(p, settings(head_format=9)), "newer VAE Lab"),
    "huge layers": (
        lambda p: forged(p, settings(hidden=[8192] * 60)),
        "does not fit the settings in config.json",
    ),
    "too many layers": (
        lambda p: forged(p, settings(hidden=[8] * 2000)),
        "hidden has 2,000 layers, and at most 64 are possible",
    ),
    "huge examples": (
        lambda p: forged(
            p, settings(data_event_shape=[2**20, 2**20], data_location=[], data_scale=[])
        ),
        "config.json has no valid event_shape",
    ),
    "a negative size": (
        lambda p: forged(p, settings(data_classes=-1)),
        "config.json has no valid",
    ),
    "a size of text": (
        lambda p: forged(p, settings(data_examples="9")),
        "config.json has no valid",
    ),
    "a thousand threads": (
        lambda p: forged(p, settings(head_threads=2000)),
        "config.json has no valid",
    ),
    "a name of data that is none": (
        lambda p: forged(p, settings(data_name=["x"])),
        "config.json has no valid",
    ),
    "weights that do not fit": (
        lambda p: forged(p, settings(latent_dim=1)),
        "does not fit the settings in config.json",
    ),
    "weights of no arrays": (
        lambda p: forged(p, put(best__safetensors=b"x" * 99)),
        r"plain/best.safetensors is damaged",
    ),
    "a huge head of arrays": (
        lambda p: forged(p, put(best__safetensors=b"\xff" * 99)),
        r"plain/best.safetensors is damaged",
    ),
    "a pickle": (
        lambda p: forged(p, put(last__safetensors=b"\x80\x04cos\nsystem\n(S'touch x'\ntR.")),
        r"last.safetensors is damaged",
    ),
    "a report of text": (
        lambda p: forged(p, put(metrics__jsonl=report(kl="x"))),
        "a report without its numbers",
    ),
    "a report of nothing": (
        lambda p: forged(p, put(metrics__jsonl=report(reconstruction=None))),
        "a report without its numbers",
    ),
    "an endless number": (
        lambda p: forged(p, put(metrics__jsonl=report(reconstruction=10**400))),
        "the run plain is damaged",
    ),
    "frames of another shape": (
        lambda p: forged(p, arrays(FRAME, samples=np.zeros((4, 9), np.float32))),
        "its frame of step 0 does not fit the settings",
    ),
    "frames of another number": (
        lambda p: forged(p, arrays(FRAME, mean=np.zeros((4, 2), np.float32))),
        "its frame of step 0 does not fit the settings",
    ),
    "frames without examples": (
        lambda p: forged(p, without("plain/frames/examples.safetensors")),
        "its frame of step 0 cannot be read",
    ),
    "a result of no object": (
        lambda p: forged(p, another(f"plain/derived/evaluate-{'0' * 16}.json", b"[]")),
        "is not a JSON object",
    ),
    "a result of no arrays": (
        lambda p: forged(p, another(f"plain/derived/project-{'0' * 16}.safetensors", b"{}")),
        "is damaged",
    ),
    "an endless title": (
        lambda p: forged(p, put(notes__json=json.dumps({"title": "x" * 999}).encode())),
        "The title has more than 120 letters",
    ),
}


def own_wrong(packed: bytes, upload: bytes, run: Run) -> bytes:
    name = f".uploads/{Path(run.settings['data']).name}"
    return forged(packed, another(name, upload))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a file in it. The test observes its surroundings as well."""
    (tmp_path / "root" / "plain").mkdir(parents=True)
    (tmp_path / "root" / "plain" / "mine.txt").write_text("mine")
    return tmp_path / "root"


def everything(root: Path) -> list[tuple[str, bytes]]:
    """Return all files in the root and beside it."""
    paths = sorted(root.parent.rglob("*"))
    return [(str(p), p.read_bytes() if p.is_file() else b"") for p in paths]


@pytest.mark.parametrize("what", WRONG)
def test_an_invalid_file_is_refused_and_changes_nothing(
    what: str, packed: bytes, root: Path
) -> None:
    make, why = WRONG[what]
    file, before = make(packed), everything(root)
    with pytest.raises(ValueError, match=r"^This file cannot be imported: .*\.$") as told:
        unpack(root, file)
    assert why in str(told.value)
    assert ".tmp" not in str(told.value)
    assert "\n" not in str(told.value)
    assert everything(root) == before


def test_names_cannot_lead_out_of_the_folder() -> None:
    names = ["..", ".", "/tmp", "a/..", ".trash", "a\\b", "", "a" * 65, "é", "a\n"]
    assert [exporter.limit(f"{name}/config.json") for name in names] == [None] * len(names)
    assert exporter.limit("a/config.json") == exporter.limit("a.b-C_9/notes.json") == 2 * 2**20
    for name in ("config.json\n", "frames/1.safetensors", "frames/../config.json", "x", ""):
        assert exporter.limit(f"a/{name}") is None


def test_a_repacked_file_is_accepted(packed: bytes, tmp_path: Path) -> None:
    """The functions that build the invalid files above are harmless by themselves."""
    assert unpack(tmp_path, forged(packed))[0].run.name == "plain"
    assert unpack(tmp_path, forged(packed, settings()))[0].run.name == "plain-2"
    assert unpack(tmp_path, forged(packed, put(metrics__jsonl=report())))[0].run.name == "plain-3"
    assert unpack(tmp_path, forged(packed, arrays(FRAME)))[0].run.name == "plain-4"


def test_data_other_than_those_of_the_run_are_refused(run: Run, root: Path) -> None:
    file, before = as_file([run]), everything(root)
    arrays_of = dict(np.load(run.settings["data"]))
    other = saved(**arrays_of | {"x": arrays_of["x"] + 1})
    packed_tight = io.BytesIO()
    np.savez_compressed(packed_tight, **arrays_of | {"x": np.zeros((10**6, 5), np.float32)})
    objects = saved(**arrays_of | {"x": np.array([{}], object)})
    for upload, why in (
        (other, "its data differ from those it was trained on"),
        (packed_tight.getvalue(), "its data are compressed"),
        (objects, "x holds Python objects"),
        (b"PK", "is damaged"),
    ):
        with pytest.raises(ValueError, match=why):
            unpack(root, own_wrong(file, upload, run))
        assert everything(root) == before


def test_overlapping_members_are_refused(packed: bytes, root: Path) -> None:
    """Many names for the same bytes make a small archive with a large content."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        first = exporter.member("plain/frames/000000001.safetensors")
        file.writestr(first, b"x" * 10_000)
        for k in range(2, 9):
            info = exporter.member(f"plain/frames/00000000{k}.safetensors")
            for name in ("header_offset", "CRC", "compress_size", "file_size"):
                setattr(info, name, getattr(first, name))
            file.filelist.append(info)
            file.NameToInfo[info.filename] = info
        file.writestr(exporter.member(MANIFEST), b"{}")
    with pytest.raises(ValueError, match="members that overlap"):
        unpack(root, out.getvalue())


@pytest.mark.parametrize(
    ("seed", "trials"), [*((k, 100) for k in range(4)), pytest.param(4, 10_000, marks=LONG)]
)
def test_a_damaged_file_is_refused_or_gives_the_same_run(
    seed: int, trials: int, packed: bytes, tmp_path: Path
) -> None:
    """Bytes are changed, cut, doubled or inserted anywhere. No other exception and no other run
    may result, and a refused file leaves nothing."""
    rng, told = np.random.default_rng(seed), list[str]()
    [(whole, _)] = unpack(tmp_path / "whole", packed)
    wanted = content(whole.path)
    tail = as_zip(packed).start_dir  # the directory, where each byte means something
    for trial in range(trials):
        low = tail if trial % 2 else 0
        at = int(rng.integers(low, len(packed)))
        to = at + int(rng.integers(1, 9))
        new = rng.bytes(int(rng.integers(0, 9)))
        broken = (
            packed[:at] + new + packed[to:],
            packed[:at] + bytes([packed[at] ^ (1 << int(rng.integers(8)))]) + packed[at + 1 :],
            packed[:at],
            packed[:at] + packed[at:to] + packed[at:],
        )[trial // 2 % 4]
        root = tmp_path / "root"
        try:
            [(came, _)] = unpack(root, broken)
        except ValueError as error:
            told.append(str(error))
            assert not root.exists() or list(root.iterdir()) == []
        else:
            assert content(came.path) == wanted
            shutil.rmtree(came.path)
    assert trials / 2 <= len(told) <= trials
    assert all(why.startswith("This file cannot be imported: ") for why in told)


def test_a_full_disk_and_a_file_as_root_are_reported(
    packed: bytes, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(root)
    full = type("Usage", (), {"free": 10})
    with monkeypatch.context() as patch:
        patch.setattr(importer.shutil, "disk_usage", lambda _: full)
        with pytest.raises(ValueError, match=r"Cannot import into .*: the disk is full"):
            unpack(root, packed)
    with pytest.raises(ValueError, match=r"Cannot import into .*: a file of that name exists"):
        unpack(root / "plain" / "mine.txt", packed)
    with pytest.raises(FileNotFoundError):
        unpack(root, root / "none.vae.zip")
    assert everything(root) == before


def test_all_runs_are_imported_or_none(
    plain: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        unpack(tmp_path / "here", as_file([plain]), name)
    file, real, done = as_file(listing(tmp_path / "here")), os.rename, []

    def rename(source: Path, target: Path) -> None:
        done.append(target)
        if len(done) == 3:
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(importer.os, "rename", rename)
    with pytest.raises(ValueError, match="the disk is full"):
        unpack(tmp_path / "there", file)
    assert len(done) == 5
    assert list((tmp_path / "there").iterdir()) == []


KILLED = """
import sys, time
from pathlib import Path
from vae.runs.importer import unpack
def slow(share):
    if share > 0.5:
        print("half", flush=True)
        time.sleep(60)
unpack(sys.argv[1], Path(sys.argv[2]), progress=slow)
"""


def test_the_remains_of_a_killed_import_are_removed(packed: bytes, tmp_path: Path) -> None:
    root, file = tmp_path / "root", tmp_path / "run.vae.zip"
    file.write_bytes(packed)
    command = [sys.executable, "-c", KILLED, str(root), str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        process.send_signal(signal.SIGKILL)
    assert listing(root) == []
    assert [p.suffix for p in root.iterdir()] == [".tmp"]
    unpack(root, file)
    assert [p.name for p in root.iterdir()] == ["plain"]


@pytest.mark.parametrize("name", ["metrics.jsonl", "changes.jsonl"])
def test_a_file_of_endless_lines_is_refused_before_they_are_parsed(
    plain: Run, tmp_path: Path, name: str
) -> None:
    """Thirty million of them fit into an archive of 100 kB, and reading them takes minutes."""
    run = Run(shutil.copytree(plain.path, tmp_path / "run"))
    with (run.path / name).open("ab") as file:
        file.write(b"\n" * (validation.LINES + 1))
    with pytest.raises(ValueError, match=rf"{name} has more than 1,048,576 lines"):
        unpack(tmp_path / "there", as_file([run]))
    assert not listing(tmp_path / "there")
