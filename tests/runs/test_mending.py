"""Damaged files of a run folder: every reader passes over them, and Mend writes them anew."""

import json
import math
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tables import each
from vae.base.json_text import parse
from vae.runs import Run, control, identity, manifest, mending, recovery
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
    if run.status().state != "damaged":
        assert run.control(0).wanted in control.WANTED


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


SETTINGS = [b"{", b'{"format": 1, "config": {}, "data": {}}', None]


@each("content", SETTINGS, ids=repr)
def test_lost_settings_come_from_the_last_checkpoint(content: bytes | None, run: Run) -> None:
    path = run.path / "config.json"
    head, state = run.header, run.status().state
    _damage(path, content)
    again = Run(run.path)
    assert again.status().state == "damaged"
    (fault,) = mending.faults(again)
    assert fault == ("config.json", fault.problem, recovery.FROM_WEIGHTS, True)
    mending.mend(again)
    assert Run(run.path).header == head
    assert Run(run.path).status().state == state
    assert Run(run.path).load_model().config == run.config


def test_settings_that_no_row_has_are_mended(run: Run) -> None:
    head = json.loads((run.path / "config.json").read_text())
    head["config"]["lr"] = "x"
    (run.path / "config.json").write_text(json.dumps(head))
    with pytest.raises(ValueError, match="lr"):
        _ = Run(run.path).config
    mending.mend(Run(run.path))
    assert Run(run.path).config == run.config


def test_without_a_checkpoint_the_frames_show_curves_latents_and_pictures(run: Run) -> None:
    (run.path / "config.json").write_text("{")
    (run.path / "last.safetensors").unlink()
    (fault,) = mending.faults(Run(run.path))
    assert fault.reading == recovery.FROM_FRAMES
    (run.path / "status.json").write_text("{")  # mended with a state of training
    mending.mend(Run(run.path))
    again = Run(run.path)
    assert again.status().state == "interrupted"
    assert again.is_recorded
    assert again.config.latent_dim == run.config.latent_dim
    domain = manifest.domain_of(again.header)
    assert domain.shape == tuple(run.header["data"]["event_shape"])
    assert manifest.class_names(again.header) == manifest.class_names(run.header)
    assert again.reports() == run.reports()


def test_settings_without_any_source_are_named_and_left(run: Run) -> None:
    (run.path / "config.json").write_text("{")
    (run.path / "control.json").write_text("{")
    for path in (run.path / "last.safetensors", run.path / "frames/examples.safetensors"):
        path.unlink()
    first, second = mending.faults(Run(run.path))
    assert (first.reading, first.is_mendable, second.is_mendable) == (recovery.LOST, False, True)
    assert [copy.name for copy in mending.mend(Run(run.path))] == ["control.json.damaged-1"]
    assert (run.path / "config.json").read_text() == "{"


def test_the_settings_of_a_newer_version_are_no_damage(run: Run) -> None:
    (run.path / "config.json").write_text('{"format": 99}')
    assert mending.faults(Run(run.path)) == []


def _damage(path: Path, content: bytes | None) -> None:
    """Replace a file, or delete it."""
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)


def test_each_file_has_one_reader() -> None:
    """One function reads a file of the run folder and names its faults in one way."""
    readers: dict[str, set[str]] = {}
    for path in sorted((Path(__file__).parents[2] / "vae").rglob("*.py")):
        for name in re.findall(r'read_(?:json|lines)\([^)]*"(\w+\.jsonl?)"', path.read_text()):
            readers.setdefault(name, set()).add(path.stem)
    assert readers == {
        "config.json": {"manifest"},
        "status.json": {"status"},
        "control.json": {"control"},
        "changes.jsonl": {"control"},
    }


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
        for value in ([1, 8.0, 8], [0, 8, 8], [-1, 8, 8], [8] * 4, [2**20, 2**20, 1], "8", [MANY])
    ]
    + [
        (("data", "levels"), -1),
        (("data", "classes"), True),
        (("data", "name"), ["x"]),
        (("data", "channels"), ["x", 1]),
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
