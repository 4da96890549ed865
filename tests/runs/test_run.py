"""The run folder: created atomically, with a unique name, and readable after any damage."""

import errno
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.processes import output
from tests.runs.conftest import TINY, make_in
from vae.base import files
from vae.base.records import Report, Snapshot
from vae.config import RunConfig
from vae.data import load
from vae.runs import FILES, Run, checked_name, default_stem, find, listing, manifest
from vae.runs.names import NAME, NameTakenError

PROJECT = Path(__file__).parents[2]
Make = Callable[..., Run]


def test_a_new_run_is_complete_and_queued(make: Make) -> None:
    run = make("one")
    assert run.status().state == "queued"
    assert {p.name for p in run.path.iterdir()} == {"config.json", "status.json", "control.json"}
    assert run.config == RunConfig.of(**TINY)
    assert run.header["threads"] == 1
    assert run.data().fingerprint == run.header["data"]["fingerprint"]
    assert run.control(0).wanted == "run"
    assert run.reports() == run.changes() == run.frame_steps() == []
    assert run.snapshot() is run.frame() is run.examples() is None
    assert run.curves().curves == {}


def test_every_file_of_a_trained_run_is_documented(trained: Make) -> None:
    run = trained("one")
    run.want(beta=2.0)
    run.control(99)
    run.derived("project", "0", ".json").parent.mkdir()
    for path in run.path.iterdir():
        name = path.name + "/" * path.is_dir()
        assert name in FILES or (name.endswith(".lock") and "*.lock" in FILES), name
    assert {f for f in FILES if f[-1] != "/" and "*" not in f} - {
        "log.txt",
        "notes.json",
        "network.py",
    } <= {p.name for p in run.path.iterdir()}


# Names


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "/tmp/x", "a/b", "a\\b", ".hidden", "-x", "a b", "ä", "x" * 65, "a\n"],
)
def test_an_invalid_name_is_refused_and_creates_nothing(tmp_path: Path, name: str) -> None:
    root = tmp_path / "root"
    for attempt in (lambda: make_in(root, name), lambda: find(root, name)):
        with pytest.raises(ValueError, match="cannot be the name of a run: use up to 64"):
            attempt()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a", "9", "A.b_c-d", "x" * 64])
def test_valid_names_are_accepted(tmp_path: Path, name: str) -> None:
    assert make_in(tmp_path, checked_name(name)).name == name
    assert find(tmp_path, name).name == name


@pytest.mark.parametrize("data", ["digits", "my data (2).npz", "///", "x" * 200, "-.-", "größe"])
def test_default_names_are_valid(data: str) -> None:
    assert NAME.fullmatch(default_stem(data, "mlp", 1024) + "-100000")


def test_default_names_count_up_from_existing_ones(make: Make, tmp_path: Path) -> None:
    names = [make().name for _ in range(3)]
    stem = default_stem("mixture", "mlp", 2)
    assert names == [f"{stem}-1", f"{stem}-2", f"{stem}-3"]
    (tmp_path / f"{stem}-4").touch()  # a file is in the way
    assert make().name == f"{stem}-5"


@pytest.mark.parametrize("there", ["run", "empty folder", "file"])
def test_a_taken_name_is_refused_and_the_run_stays(tmp_path: Path, there: str) -> None:
    path = tmp_path / "one"
    if there == "run":
        make_in(tmp_path, "one")
    elif there == "file":
        path.write_text("precious")
    else:
        path.mkdir()
    before = sorted((p, p.stat().st_mtime_ns) for p in tmp_path.rglob("*"))
    with pytest.raises(ValueError, match="The name 'one' is taken: choose another"):
        make_in(tmp_path, "one")
    assert sorted((p, p.stat().st_mtime_ns) for p in tmp_path.rglob("*")) == before


def test_one_of_many_processes_gets_a_name(tmp_path: Path) -> None:
    """Four processes with five names each at the same time, then with five default names each."""
    root, gate = tmp_path / "root", tmp_path / "gate"
    config = RunConfig.of(**TINY)
    data = load(config.data, examples=config.examples, options=config.chosen("data"))

    def parent() -> int:
        os.fsync = lambda handle: None  # slow, and matters to a loss of power only
        for _ in range(4):
            if os.fork() == 0:
                return child()
        gate.touch()
        return max(os.wait()[1] for _ in range(4))

    def child() -> int:
        while not gate.exists():
            time.sleep(0.001)
        for n in range(5):
            try:
                Run.create(root, config, data, f"name-{n}")
                os.write(1, b"won %d\n" % n)
            except NameTakenError:
                os.write(1, b"lost %d\n" % n)
        for _ in range(5):
            os.write(1, f"made {Run.create(root, config, data).name}\n".encode())
        return 0

    lines = output(parent, tmp_path).split("\n")
    assert sorted(line for line in lines if "won" in line) == [f"won {n}" for n in range(5)]
    assert sum("lost" in line for line in lines) == 15
    made = [line for line in lines if "made" in line]
    assert len(set(made)) == len(made) == 20
    assert sorted(p.name for p in root.iterdir()) == sorted(r.name for r in listing(root))
    assert len(listing(root)) == 25
    assert all(run.status().state == "queued" for run in listing(root))


@pytest.mark.parametrize("deed", ["mkdir", "write", "fsync", "replace", "rename"])
def test_a_run_that_cannot_be_written_does_not_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deed: str
) -> None:
    def refusing(*args: Any, **keywords: Any) -> Any:
        raise OSError(errno.EROFS, "Read-only file system")

    config = RunConfig.of(**TINY)
    data = load("mixture", examples=40)
    with monkeypatch.context() as patch:
        patch.setattr(os, deed, refusing)
        with pytest.raises(ValueError, match=r"Cannot create .*read-only: choose another folder"):
            Run.create(tmp_path / "root", config, data)
        with pytest.raises(ValueError, match="read-only"):
            Run.create(tmp_path / "root", config, data, "one")
    assert not list(tmp_path.rglob("*.json"))
    assert listing(tmp_path / "root") == []


# Finding and listing


def test_the_list_has_the_newest_run_first_and_skips_other_folders(
    make: Make, tmp_path: Path
) -> None:
    for name in ("c", "a", "b"):
        make(name)
    for folder in (".uploads", ".c.host.1.x.tmp"):
        (tmp_path / folder).mkdir()
    for file in (".queue.lock", "notes", "README.md"):
        (tmp_path / file).touch()
    assert [run.name for run in listing(tmp_path)] == ["b", "a", "c"]
    assert listing(tmp_path / "nowhere") == listing(tmp_path / "notes") == []


def test_the_error_for_a_missing_run_names_existing_ones(make: Make, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"There is no run 'x' in .*none yet"):
        find(tmp_path, "x")
    make("one")
    make("two")
    with pytest.raises(ValueError, match=r"There is no run 'x' in .*there are: two, one\."):
        find(tmp_path, "x")


def test_listing_loads_no_torch(trained: Make, tmp_path: Path) -> None:
    trained("one")
    program = (
        "import sys; from vae.runs import listing\n"
        "for r in listing(sys.argv[1]):\n"
        "    r.status(), r.curves(), r.examples(), r.frame(), r.stop()\n"
        "print([m for m in ('torch', 'streamlit') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=PROJECT, capture_output=True, text=True
    )
    assert done.stdout == "[]\n", done.stderr


# Damage


def garbled(run: Run, name: str, content: bytes | None) -> Run:
    """Return the run, opened again after a file was replaced or removed."""
    if content is None:
        (run.path / name).unlink()
    else:
        (run.path / name).write_bytes(content)
    return Run(run.path)


GARBAGE = [None, b"", b"{", b"[]", b"null", b"\xff\xfe", b"5", b"{}"]


def look_everywhere(run: Run) -> None:
    """Read everything that a page reads of a run before it opens the model."""
    run.status()
    run.curves()
    run.changes()
    run.reports()
    run.examples()
    run.frame()
    run.frame_steps()


@pytest.mark.parametrize("content", GARBAGE)
@pytest.mark.parametrize(
    "name", ["config.json", "status.json", "control.json", "metrics.jsonl", "best.safetensors"]
)
def test_readers_tolerate_every_damage(
    trained: Make, tmp_path: Path, name: str, content: bytes | None
) -> None:
    run = garbled(trained("one"), name, content)
    look_everywhere(run)
    states = {"config.json": "damaged", "status.json": "interrupted"}
    assert run.status().state == states.get(name, "finished")
    assert [r.name for r in listing(tmp_path)] == ["one"]
    if name != "config.json":
        assert run.control(0).wanted == "run"


@pytest.mark.parametrize(
    "change",
    [
        {"config": {}},
        {"config": None},
        {"data": {}},
        {"data": {"name": "x"}},
        {"threads": "two"},
        {"threads": 0},
        {"format": 99},
    ],
)
def test_an_incomplete_manifest_makes_the_run_damaged(make: Make, change: dict[str, Any]) -> None:
    run = make("one")
    head = files.read_json(run.path / "config.json")
    run = garbled(run, "config.json", json.dumps(head | change).encode())
    status = run.status()
    assert status.state == "damaged"
    assert ("newer VAE Lab (format 99)" in status.message) == ("format" in change)
    assert not status.alive
    assert not status.resumable
    look_everywhere(run)
    with pytest.raises(ValueError, match=re.escape(status.message)):
        _ = run.settings


@pytest.mark.parametrize(
    "line",
    [
        b'{"step": 1',
        b"5",
        b'{"a": 1}',
        b'{"step": "1", "epoch": 1, "split": "val"}',
        b'{"step": 99, "epoch": 9.0, "split": "train"}',
        b'{"step": 99, "epoch": 9.0, "split": "val", "kl": "x", "terms": null}',
    ],
)
def test_invalid_lines_of_metrics_are_skipped(trained: Make, line: bytes) -> None:
    run = trained("one")
    before = run.curves()
    with (run.path / "metrics.jsonl").open("ab") as file:
        file.write(line + b"\n")
    after = run.curves()
    assert before.curves.keys() == after.curves.keys()
    for key, curve in before.curves.items():
        assert np.array_equal(curve.value, after.curves[key].value)


def test_damaged_changes_and_frames_are_skipped(trained: Make) -> None:
    run = trained("one")
    (run.path / "changes.jsonl").write_text('{"step": 1}\n5\n{"step": 2, "field": "beta", "va')
    assert run.changes() == []
    for path in (run.path / "frames").iterdir():
        path.write_bytes(path.read_bytes()[:50])
    (run.path / "frames" / "1x.safetensors").touch()
    assert run.examples() is run.frame() is None
    assert len(run.frame_steps()) == 3


def test_damaged_or_foreign_weights_raise_a_sentence(trained: Make) -> None:
    run, other = trained("one"), trained("two", latent_dim=3)
    best = run.path / "best.safetensors"
    whole = best.read_bytes()
    best.write_bytes(whole[:-8])
    with pytest.raises(ValueError, match=r"best\.safetensors is damaged .*the checkpoint last"):
        run.load_model()
    best.write_bytes((other.path / "best.safetensors").read_bytes())
    with pytest.raises(ValueError, match="does not fit the settings"):
        run.load_model()
    with pytest.raises(ValueError, match="Unknown checkpoint 'first'; one of best, last"):
        run.load_model("first")
    best.unlink()
    assert run.weights_path("best").name == "last.safetensors"


def test_a_run_without_weights_raises_a_sentence(make: Make) -> None:
    with pytest.raises(ValueError, match="one has saved no weights yet: train it first"):
        make("one").load_model()


def test_changed_data_are_refused(make: Make) -> None:
    run = make("one")
    head = files.read_json(run.path / "config.json")
    head["data"]["fingerprint"] = "another"
    with pytest.raises(ValueError, match=r"another fingerprint\. Restore the old file"):
        garbled(run, "config.json", json.dumps(head).encode()).data()


# Rewinding


def contents(run: Run) -> dict[Path, bytes]:
    paths = (p for p in run.path.rglob("*") if p.is_file() and p.suffix != ".lock")
    return {p: p.read_bytes() for p in paths}


def test_rewind_cuts_the_files_back_to_the_saved_state(trained: Make) -> None:
    run = trained("one")
    before = contents(run)
    step = run.reports()[-1]["step"]
    with (run.path / "metrics.jsonl").open("ab") as file:
        line = run.reports()[-1] | {"step": step + 1}
        file.write(json.dumps(line).encode() + b'\n{"step": 3, "ep')
    frame = run.path / "frames" / f"{step + 1:09d}.safetensors"
    frame.write_bytes(b"later")
    (run.path / "best.safetensors").write_bytes(b"later")
    (run.path / "changes.jsonl").write_text('{"step": 1, "fie')
    start = run.rewind()
    assert start is not None
    assert start.step == step
    assert (run.path / "changes.jsonl").read_bytes() == b""
    (run.path / "changes.jsonl").unlink()
    after = contents(run)
    assert after == before


def test_rewind_without_a_saved_state_removes_all_results(make: Make) -> None:
    run = make("one")
    report = Report(3, 1.0, "val", 1.0, 1.0, -2.0, 2.0, 1.0, 1e-3, (1.0,), {}, None, 0.1)
    run.record(report)
    (run.path / "best.safetensors").touch()
    assert run.rewind() is None
    assert run.reports() == []
    assert not (run.path / "best.safetensors").exists()


@pytest.mark.parametrize("content", [b"", b"x" * 100, None])
def test_a_damaged_saved_state_raises_a_sentence_and_changes_nothing(
    trained: Make, content: bytes | None
) -> None:
    run = trained("one")
    last = run.path / "last.safetensors"
    if content is None:
        files.write_arrays(last, {"x": np.zeros(3)}, "no step")
    else:
        last.write_bytes(content)
    before = contents(run)
    with pytest.raises(ValueError, match=r"last\.safetensors is damaged .*Restore a copy of it"):
        run.rewind()
    assert contents(run) == before


def test_the_best_weights_follow_from_the_last_state(make: Make) -> None:
    """A snapshot restores best.safetensors from its own content."""
    run = make("one")
    arrays = {"model.w": np.ones(2), "best.w": np.zeros(2)}
    meta = {"step": 8, "best": {"step": 4, "value": -1.5}}
    for stale in (None, b"", b"garbage"):
        if stale is not None:
            (run.path / "best.safetensors").write_bytes(stale)
        run.record(Snapshot(8, arrays, meta))
        found, best = files.read_arrays(run.path / "best.safetensors")
        assert best == meta["best"]
        assert np.array_equal(found["model.w"], np.zeros(2))


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        ({"torch": "2.13.0", "python": "3.12.1"}, "torch 2.13.0, python 3.12.1 on Abacus"),
        *((bad, "Abacus") for bad in (None, 5, [], "torch", {"torch": 2.13, "numpy": None})),
    ],
)
def test_the_origin_has_every_recorded_text(packages: object, expected: str) -> None:
    assert manifest.origin({"packages": packages}, "Abacus") == expected
    assert len(manifest.origin({"packages": packages}, "A" * 1000)) <= 200
