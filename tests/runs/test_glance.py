"""Lists of many runs: files are read again only after a change, and every change leaves a mark."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from vae.base import files
from vae.runs import Run, glance, listing, store
from vae.runs.store import delete, rename, restore
from vae.worker import Launcher

Make = Callable[..., Run]
CHANGES: dict[str, Callable[[Run], object]] = {
    "state": lambda run: run.set_status(state="finished"),
    "taken": lambda run: run.take(("queued",), state="starting"),
    "stopped": lambda run: run.stop(),
    "renamed": lambda run: rename(run, "other"),
    "deleted": lambda run: delete(run),
    "restored": lambda run: restore(delete(run)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_of_a_state_leaves_a_mark(make: Make, name: str) -> None:
    run = make("one")
    root = run.path.parent
    before = glance.marked(root)
    assert before.inode  # its creation
    CHANGES[name](run)
    assert glance.marked(root) != before


def test_a_heartbeat_leaves_no_mark(make: Make) -> None:
    run = make("one")
    before = glance.marked(run.path.parent)
    run.set_status(heartbeat=1.0, step=3)
    run.set_status(state="queued")
    assert glance.marked(run.path.parent) == before
    assert run.status().step == 3


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read."""
    found: list[str] = []
    read = files.read_json

    def noted(path: Path) -> object:
        found.append(path.name)
        return read(path)

    monkeypatch.setattr(files, "read_json", noted)
    return found


def test_a_run_is_read_again_after_a_change_only(make: Make, reads: list[str]) -> None:
    runs = [make(name) for name in "abc"]
    root = runs[0].path.parent
    states = lambda: [run.status().state for run in listing(root)]  # noqa: E731
    assert states() == ["queued"] * 3
    reads.clear()
    assert states() == ["queued"] * 3
    assert not reads
    files.write_json(runs[1].path / "status.json", {"state": "finished"})
    assert states() == ["queued", "finished", "queued"]
    assert reads == ["status.json"]
    (runs[0].path / "config.json").write_text("{")
    assert sorted(states()) == ["damaged", "finished", "queued"]


def test_an_idle_launcher_looks_at_no_run(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [make(name) for name in "ab"]
    for run in runs:
        run.set_status(state="finished")
    looks: list[str] = []
    status = Run.status
    monkeypatch.setattr(Run, "status", lambda run: looks.append(run.name) or status(run))
    monkeypatch.setattr(store, "SETTLED", -1)  # as if some time had passed
    server = Launcher(runs[0].path.parent, spare=False)
    for _ in range(5):
        server.pump()
    assert looks == ["a", "b"]
    runs[0].set_status(state="stopped")
    server.pump()
    assert looks == ["a", "b"] * 2
    monkeypatch.setattr(store, "LOOK_SECONDS", 1e-9)  # a change without a mark is seen later
    server.pump()
    assert looks == ["a", "b"] * 3
    server.close()


def test_a_list_of_this_moment_is_not_stored(make: Make) -> None:
    """The clock of a file system moves every few milliseconds."""
    root = make("a").path.parent
    before = glance.marked(root)
    assert [run.name for run in listing(root)] == ["a"]
    make("b")
    os.utime(root, ns=(before.modified, before.modified))  # as in the same moment
    assert {run.name for run in listing(root)} == {"a", "b"}
