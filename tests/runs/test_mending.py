"""Damaged files of a run folder: every reader passes over them, and Mend writes them anew."""

import json
import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tables import each
from vae.base.json_text import parse
from vae.runs import Run, identity, mending
from vae.runs.status import STATES

MANY = "9" * 400
NONSENSE = ["NaN", "Infinity", "-1e999", MANY, f"-{MANY}", '"x"', "[]", "{}", "true", "[[1]]"]
TORN = [b"", b"{", b"\xff\xfe", b"null", b"[]", b"7", b"[" * 100_000, b'{"a":' * 50_000]


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Run:
    from tests.runs.conftest import make_in
    from vae.worker.train import train_run

    run = make_in(tmp_path_factory.mktemp("runs"), "one", epochs=1, frames=2)
    run.want(lr=0.001)
    for _ in train_run(run):
        pass
    run.set_status(host="elsewhere", heartbeat=time.time())
    return run


@pytest.fixture
def run(once: Run, tmp_path: Path) -> Run:
    return Run(shutil.copytree(once.path, tmp_path / "one"))


def read_all(run: Run) -> None:
    """Call every reader of a run's files."""
    assert run.status().state in STATES
    for report in run.reports():
        assert isinstance(report["step"] / 2 + report["epoch"], float)
    for curve in run.curves().curves.values():
        assert curve.value.dtype.kind == "f"
    assert all(math.isfinite(change.value) for change in run.changes())
    control = run.control(0)
    assert control.wanted in ("run", "pause", "stop")


def damaged_values(path: Path) -> list[bytes]:
    """Return the JSON of a file with nonsense in the place of each value, one at a time."""
    lines = path.read_text().splitlines()
    head = json.loads(lines[0] if path.suffix == ".jsonl" else path.read_text())
    found = []
    for key in head:
        for text in NONSENSE:
            changed = json.dumps(head | {key: "@"}).replace('"@"', text)
            found.append(changed.encode() + b"\n")
    return found


@each("name", mending.ROWS)
def test_nonsense_is_read_named_and_mended(name: str, run: Run) -> None:
    path = run.path / name
    if name == "notes.json":
        path.write_text('{"title": "a", "tags": ["b"], "favourite": false}')
    whole = path.read_bytes()
    assert mending.faults(run) == []
    named = 0
    for content in [*TORN, *damaged_values(path)]:
        path.write_bytes(whole + content + b"\n" if path.suffix == ".jsonl" else content)
        read_all(Run(run.path))
        found = mending.faults(run)
        assert [fault.file for fault in found] in ([], [name])
        named += len(found)
    assert named > len(NONSENSE)
    path.write_bytes(whole + b"{}\n" if path.suffix == ".jsonl" else b"[]")
    before = path.read_bytes()
    (copy,) = mending.mend(run)
    assert copy.read_bytes() == before
    assert mending.faults(run) == []
    if path.suffix == ".jsonl":
        assert path.read_bytes() == whole
    assert mending.mend(run) == []


def test_a_second_damage_gets_a_second_copy(run: Run) -> None:
    for number in (1, 2):
        (run.path / "control.json").write_text("{")
        (copy,) = mending.mend(run)
        assert copy.name == f"control.json.damaged-{number}"


def test_a_run_in_training_is_not_mended(run: Run) -> None:
    run.set_status(state="running", **identity())
    (run.path / "control.json").write_text("{")
    with pytest.raises(ValueError, match="stop it before its files are mended"):
        mending.mend(run)
    assert (run.path / "control.json").read_text() == "{"


def test_the_line_of_a_writer_at_work_is_no_damage(run: Run) -> None:
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 5')
    assert mending.faults(run) == []


@each("knobs", ['{"lr": NaN}', '{"lr": -1}', '{"lr": 1e9}', '{"seed": 5}', '{"x": 1}'], ids=str)
def test_no_request_in_the_file_ends_training(knobs: str, run: Run) -> None:
    """The worker takes valid values only; the others leave no trace in the changes."""
    before = run.changes()
    (run.path / "control.json").write_text(f'{{"wanted": "pause", "knobs": {knobs}}}')
    assert run.control(3) == (("pause", tuple(before)))
    assert run.changes() == before


def test_a_change_out_of_range_is_not_replayed(run: Run) -> None:
    with (run.path / "changes.jsonl").open("a") as file:
        file.write('{"step": 1, "field": "lr", "value": 1e30}\n')
    assert {change.value for change in run.control(2).changes} == {0.001}


@each(
    ("place", "value"),
    [
        (("data", "event_shape"), value)
        for value in ([1, 8.0, 8], [0, 8, 8], [-1, 8, 8], [8, 8], [2**20, 2**20, 1], "8", [MANY])
    ]
    + [
        (("data", "levels"), -1),
        (("data", "classes"), True),
        (("data", "name"), ["x"]),
        (("threads",), 0),
        (("threads",), 10**6),
        (("created",), 5),
        (("config",), []),
        (("format",), 2),
    ],
    ids=str,
)
def test_a_manifest_that_cannot_be_right_is_named(
    place: tuple[str, ...], value: Any, once: Run, run: Run
) -> None:
    head = json.loads((once.path / "config.json").read_text())
    inner = head
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    (run.path / "config.json").write_text(json.dumps(head))
    status = Run(run.path).status()
    assert status.state == "damaged"
    words = {"config": "lacks the settings", "format": "newer VAE Lab"}
    assert words.get(place[-1], f"no valid {place[-1]}") in status.message


@each("text", NONSENSE[:5], ids=str)
def test_nonsense_in_a_setting_is_one_sentence(text: str, once: Run, run: Run) -> None:
    content = (once.path / "config.json").read_text()
    value = json.loads(content)["config"]["lr"]
    (run.path / "config.json").write_text(content.replace(f'"lr": {value}', f'"lr": {text}'))
    with pytest.raises(ValueError, match=r"^lr must be a number, not None\.$"):
        _ = Run(run.path).config


def test_numbers_are_read_exactly() -> None:
    assert parse("[1, -2.5, 1e3, 9007199254740992, true]") == [1, -2.5, 1e3, 2**53, True]
    assert parse(f"[NaN, 1e999, {MANY}, 99999999999999999]") == [None] * 4
    with pytest.raises(ValueError, match="nests too deeply"):
        parse("[" * 10_000)


def test_a_future_heartbeat_is_no_sign_of_life(make: Callable[..., Run]) -> None:
    run = make("one")
    for ahead in (1e300, 3600.0):
        run.set_status(state="running", host="elsewhere", pid=1, heartbeat=time.time() + ahead)
        assert run.status().state == "interrupted"
