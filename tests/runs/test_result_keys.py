"""Keys of results change exactly with the inputs of a result."""

import ast
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tables import each
from vae.base import files
from vae.runs import Run
from vae.runs.result_keys import digest, key, run_key

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A folder with a manifest, best and last weights, and reports."""
    found = Run(tmp_path / "a-run")
    found.path.mkdir()
    files.write_json(found.path / "config.json", {"created": "2026-01-01T00:00:00.000000"})
    for name in ("best.safetensors", "last.safetensors", "metrics.jsonl"):
        (found.path / name).write_text(name)
    return found


def touch(path: Path) -> None:
    """Replace a file by another of the same size and modification time."""
    times, content = path.stat().st_mtime_ns, path.read_bytes()
    other = path.with_name("other")
    other.write_bytes(content[::-1])
    os.utime(other, ns=(times, times))
    os.replace(other, path)


CHANGES: dict[str, tuple[str, Callable[[Run], str]]] = {
    "the manifest": ("config.json", lambda run: run_key(run)),
    "the best weights": ("best.safetensors", lambda run: run_key(run, "best")),
    "the last weights": ("last.safetensors", lambda run: run_key(run, "last")),
    "another file": ("metrics.jsonl", lambda run: run_key(run, files=("metrics.jsonl",))),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_key_changes_with_its_file_and_no_other(what: str, run: Run) -> None:
    changed, look = CHANGES[what]
    before = look(run)
    for name in {file for file, _ in CHANGES.values()} - {changed, "config.json"}:
        touch(run.path / name)
    assert look(run) == before
    touch(run.path / changed)
    assert look(run) != before


def test_every_argument_changes_the_key(run: Run) -> None:
    keys = [run_key(run), run_key(run, "best"), run_key(run, "last")]
    keys += [run_key(run, files=(name,)) for name in ("metrics.jsonl", "missing")]
    assert len(set(keys)) == len(keys)


def test_the_key_depends_on_the_folder(run: Run) -> None:
    copy = Run(shutil.copytree(run.path, run.path.with_name("a-copy")))
    assert run_key(copy) != run_key(run)


def test_missing_files_have_keys_and_missing_weights_raise(run: Run) -> None:
    (run.path / "config.json").unlink()
    assert run_key(run) == run_key(Run(run.path))
    for name in ("best", "last"):
        (run.path / f"{name}.safetensors").unlink()
    with pytest.raises(ValueError, match="no weights"):
        run_key(run, "best")


def test_the_key_of_a_file_depends_on_its_content_only(run: Run) -> None:
    path = run.path / "best.safetensors"
    before, state = key(digest(path), {"a": 1}), files.file_state(path)
    os.utime(path, ns=(1, 1))
    assert files.file_state(path) != state
    assert key(digest(path), {"a": 1}) == before != key(digest(path), {"a": 2})


@each("path", sorted(ROOT.glob("vae/dashboard/**/*.py")), ids=lambda p: p.name)
def test_no_key_of_a_chart_or_widget_is_the_name_of_a_run(path: Path) -> None:
    """A new run of the same name would inherit zoom, selection and values."""
    calls = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.keyword)]
    found = [ast.unparse(k.value) for k in calls if k.arg in ("revision", "key")]
    assert not [text for text in found if "run.name" in text or "entry.name" in text]
