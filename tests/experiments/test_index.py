"""The index of a root has the entries of its runs, and gives way to their folders."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runs.conftest import make_in
from vae.base import visitors
from vae.base.criterion import Criterion
from vae.base.records import Change
from vae.experiments import entries, index
from vae.experiments.configurations import Entry, Figures
from vae.experiments.index import Known
from vae.runs import Run, notes
from vae.runs.store import delete
from vae.worker.train import train_run


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Begin and end as a new process does."""
    forget()
    yield
    forget()


def forget() -> None:
    entries._known.clear()
    entries._indexed.clear()


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


@pytest.mark.parametrize(
    "change",
    [
        "entry = '{\"name\": 3}'",
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
