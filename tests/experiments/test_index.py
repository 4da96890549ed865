"""The index of a root has the entries of its runs, and gives way to their folders."""

import random
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest

from tests.runs.conftest import make_in
from vae.base import files, visitors
from vae.base.criterion import Criterion
from vae.base.records import Change
from vae.experiments import entries, index
from vae.experiments.configurations import Entry, Figures
from vae.experiments.index import Known
from vae.runs import Run, listing, notes, overview
from vae.runs.store import Deleted, delete, rename, restore
from vae.worker.train import train_run


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Begin and end as a new process does."""
    forget()
    yield
    forget()


def forget() -> None:
    entries._known.clear()
    entries._looks.clear()
    overview.overview.cache_clear()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = make_in(tmp_path, "one")
    for _ in train_run(run):
        pass
    return run


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the runs that are read from their folders."""
    found, read = [], entries._read
    monkeypatch.setattr(entries, "_read", lambda path: found.append(path.name) or read(path))
    return found


def test_an_entry_is_stored_unchanged(tmp_path: Path) -> None:
    whole = Entry(
        "a run",
        {"beta": 1.0, "hidden": [3, 4]},
        "digits",
        "f",
        "2026",
        (Change(3, "beta", 2.0),),
        Figures(-1.0, 2.0, nll_samples=7),
        Figures(),
        Criterion("kl", "KL", True),
        1.5,
        2.5,
        "no",
        "title",
        ("a", "b"),
        "notes",
        True,
        False,
        "finished",
    )
    empty = Entry("empty", {})
    rows = {"a run": Known("k", whole), "empty": Known("l", empty)}
    index.store(tmp_path, rows)
    assert index.load(tmp_path) == rows
    index.store(tmp_path, {"empty": Known("m", empty)})
    assert index.load(tmp_path)["empty"].key == "m"


def test_a_new_process_reads_changed_runs_only(run: Run, reads: list[str]) -> None:
    other = make_in(run.path.parent, "two")
    before = entries.entries(run.path.parent)
    assert sorted(reads) == ["one", "two"]
    for change in (lambda: None, lambda: notes.change(other.path, title="mine")):
        forget()
        reads.clear()
        change()
        after = entries.entries(run.path.parent)
        if reads:
            assert reads == ["two"]
            assert [e.title for e in after if e.name == "two"] == ["mine"]
        else:
            assert after == before


def test_a_run_of_the_same_name_is_read(run: Run, reads: list[str]) -> None:
    entries.entries(run.path.parent)
    delete(run)
    make_in(run.path.parent, "one", epochs=1)
    forget()
    (found,) = entries.entries(run.path.parent)
    assert reads == ["one", "one"]
    assert found.settings["epochs"] == 1


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + bytes(200)])
def test_a_damaged_index_is_made_again(run: Run, content: bytes) -> None:
    right = entries.entries(run.path.parent)
    (run.path.parent / index.FILE).write_bytes(content)
    for _ in range(3):  # read, remove, write
        forget()
        assert entries.entries(run.path.parent) == right
    assert index.load(run.path.parent).keys() == {"one"}


def test_an_index_whose_names_are_no_text_is_made_again(run: Run) -> None:
    right = entries.entries(run.path.parent)
    path = run.path.parent / index.FILE
    path.write_bytes(path.read_bytes().replace(b"TABLE entries", b"TABLE \x8antries"))
    for _ in range(3):
        forget()
        assert entries.entries(run.path.parent) == right
    assert index.load(run.path.parent).keys() == {"one"}


@pytest.mark.parametrize(
    "change",
    [
        "entry = '{\"name\": 3}'",
        "entry = replace(entry, '\"epochs\": ', '\"epochs\": 1')",
        "key = key || 'x'",
        "sum = 1",
        "entry = replace(entry, '\"one\"', '\"two\"')",
        "entry = x'00'",
        "name = NULL",
        "name = 3",
    ],
)
def test_foreign_rows_are_left_out(run: Run, change: str) -> None:
    right = entries.entries(run.path.parent)
    with index._opened(run.path.parent) as base, base:
        base.execute(f"UPDATE {index.TABLE} SET {change}")
    assert index.load(run.path.parent) == {}
    forget()
    assert entries.entries(run.path.parent) == right


def test_a_read_only_server_writes_no_index(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(visitors.READ_ONLY, "1")
    assert len(entries.entries(run.path.parent)) == 1
    assert not (run.path.parent / index.FILE).exists()


def test_a_deleted_run_leaves_the_index_and_a_new_one_reads_no_index(
    run: Run, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = run.path.parent
    entries.entries(root)
    delete(run)
    assert entries.entries(root) == []
    assert index.load(root) == {}
    monkeypatch.setattr(index, "load", lambda root: pytest.fail("read a second time"))
    make_in(root, "two")
    assert [e.name for e in entries.entries(root)] == ["two"]
    assert reads == ["one", "two"]


def test_runs_that_work_are_looked_at_without_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: list[str]
) -> None:
    monkeypatch.setattr(entries, "FEW", 0)
    runs = {state: make_in(tmp_path, state) for state in ("running", "finished")}
    for state, run in runs.items():
        run.set_status(state=state, host="another-machine", heartbeat=time.time())
    before = {e.name: e.epochs for e in entries.entries(tmp_path)}
    assert before == {"running": 0.0, "finished": 0.0}
    reads.clear()
    for run in runs.values():
        run.set_status(epoch=1.0, heartbeat=time.time())
        files.append_line(run.path / "metrics.jsonl", {"split": "val", "step": 1})
    assert {e.name: e.epochs for e in entries.entries(tmp_path)} == before | {"running": 1.0}
    assert reads == ["running"]
    overview.overview(tmp_path)._next_look = 0.0  # a minute later
    assert {e.name: e.epochs for e in entries.entries(tmp_path)} == dict.fromkeys(before, 1.0)


ACTS = ("create", "state", "note", "archive", "rename", "delete", "restore", "copy", "remove")
FILES = ("damage", "lock", "lose", "forget")


@pytest.mark.parametrize("seed", range(3))
def test_entries_equal_a_fresh_reading_after_any_sequence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Of changes by this package and of folders copied and removed, while the index is damaged,
    locked or lost and the process starts anew; few of many runs are looked at."""
    monkeypatch.setattr(entries, "FEW", 0)
    monkeypatch.setattr(index, "SECONDS", 0.01)
    chance = random.Random(seed)
    root, trash = tmp_path / "runs", list[Deleted]()
    make_in(root, "first")
    for _ in range(25):
        act = chance.choice(ACTS + FILES)
        if act in FILES:
            with _index_with(root / index.FILE, act):
                found = entries.entries(root)
        else:
            _act(root, act, chance, trash)
            found = entries.entries(root)
        assert found == _fresh(root), act
    forget()
    assert entries.entries(root) == _fresh(root)


def _act(root: Path, act: str, chance: random.Random, trash: list[Deleted]) -> None:
    runs = listing(root)
    name, run = f"run-{chance.random()}", chance.choice(runs) if runs else None
    if act == "create" or run is None:
        make_in(root, name)
    elif act == "state":
        run.set_status(
            state=chance.choice(("finished", "failed", "queued")), epoch=chance.random()
        )
    elif act == "note":
        notes.change(run.path, title=name, tags=(name,))
    elif act == "archive":
        notes.change(run.path, archived=chance.random() < 0.5)
    elif act == "rename":
        rename(run, name)
    elif act == "delete":
        trash.append(delete(run))
    elif act == "restore" and trash:
        restore(trash.pop())
    elif act == "copy":
        shutil.copytree(run.path, root / name)
    elif act == "remove":
        shutil.rmtree(run.path)


@contextmanager
def _index_with(path: Path, fault: str) -> Iterator[None]:
    """Start anew inside, with a fault of the index."""
    if fault == "damage":
        path.write_bytes(b"no database")
    elif fault == "lose":
        path.unlink(missing_ok=True)
    forget()
    with closing(sqlite3.connect(path if fault == "lock" else ":memory:")) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield


def _fresh(root: Path) -> list[Entry]:
    """Return the entries as a new process reads them without an index."""
    known = [dict(one) for one in (entries._known, entries._looks)]
    whole = overview.overview(root)
    forget()
    with patch.object(index, "load", return_value={}), patch.object(index, "store"):
        found = entries.entries(root)
    overview.overview.cache_clear()
    entries._known.update(known[0])
    entries._looks.update(known[1])
    with patch.object(overview, "Overview", return_value=whole):
        overview.overview(root)
    return found
