"""Files are replaced atomically or extended by complete lines, also if the writer is killed."""

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tables import each
from vae.base import files

FULL = OSError(errno.ENOSPC, "No space left on device")
WRITERS: dict[str, Callable[[Path], None]] = {
    "replace": lambda path: files.replace(path, b"new" * 1000),
    "write_json": lambda path: files.write_json(path, {"new": 1}),
    "keep_lines": lambda path: files.keep_lines(path, [{"new": 1}]),
    "write_arrays": lambda path: files.write_arrays(path, {"new": np.zeros(9)}),
}


def refuse(error: OSError) -> Callable[..., Any]:
    def refusing(*args: Any, **keywords: Any) -> Any:
        raise error

    return refusing


def half(error: OSError) -> Callable[[int, Any], int]:
    """A disk with room for half of the first write."""
    write, calls = os.write, []

    def halving(handle: int, content: Any) -> int:
        calls.append(1)
        if len(calls) > 1:
            raise error
        return write(handle, bytes(content)[: len(content) // 2])

    return halving


@pytest.mark.parametrize("deed", ["write", "fsync", "fchmod", "replace"])
@pytest.mark.parametrize("writer", WRITERS)
def test_a_failed_replacement_leaves_only_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: str, deed: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    failing = half(FULL) if deed == "write" else refuse(FULL)
    with monkeypatch.context() as patch:
        patch.setattr(os, deed, failing)
        with pytest.raises(OSError, match="No space") as caught:
            WRITERS[writer](path)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    WRITERS[writer](path)
    assert path.read_bytes() != b"old"


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, content: write(handle, bytes(content)[:7]))
    files.replace(tmp_path / "a", b"0123456789" * 5)
    files.append_line(tmp_path / "b", {"long": "0123456789"})
    assert (tmp_path / "a").read_bytes() == b"0123456789" * 5
    assert files.read_lines(tmp_path / "b") == [{"long": "0123456789"}]


def test_a_file_is_readable_by_other_users(tmp_path: Path) -> None:
    files.replace(tmp_path / "file", b"")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    "torn",
    [b'{"n": 2', b"{", b"\x00\x00", b"\xff\xfe{", b'{"n": 2}x', b"[" * 100_000, b'"n"', b"5"],
)
def test_incomplete_and_invalid_lines_are_skipped(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "lines.jsonl"
    files.append_line(path, {"n": 1})
    with path.open("ab") as file:
        file.write(torn)
    assert files.read_lines(path) == [{"n": 1}]
    files.append_line(path, {"n": 3}, sync=False)
    assert files.read_lines(path) == [{"n": 1}, {"n": 3}]
    files.keep_lines(path, files.read_lines(path))
    assert path.read_text() == '{"n": 1}\n{"n": 3}\n'


def test_identical_lines_are_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    for value in ({"x": 0.1}, {"x": 1e-17, "y": "β"}, {"x": None}):
        files.append_line(path, value)
    before = path.stat().st_ino
    files.keep_lines(path, files.read_lines(path))
    assert path.stat().st_ino == before


def test_keeping_no_lines_creates_no_file(tmp_path: Path) -> None:
    files.keep_lines(tmp_path / "none", [])
    assert not (tmp_path / "none").exists()
    assert files.read_lines(tmp_path / "none") == []


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_never_written(tmp_path: Path, value: float) -> None:
    """Every writer refuses it and names the number."""
    wrong, path = {"best": {"sigma": value}}, tmp_path / "file"
    for write in (
        lambda: files.append_line(path, wrong),
        lambda: files.write_json(path, wrong),
        lambda: files.write_arrays(path, {}, wrong),
        lambda: files.keep_lines(path, [wrong]),
    ):
        with pytest.raises(ValueError, match=r"Cannot write .*: sigma is not a finite number"):
            write()
    assert not list(tmp_path.iterdir())


def test_a_non_finite_number_in_a_file_reads_as_none(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text('{"sigma": NaN, "kl": -Infinity, "loss": 1.5}\n')
    assert files.read_lines(path) == [{"sigma": None, "kl": None, "loss": 1.5}]
    files.keep_lines(path, files.read_lines(path))
    assert path.read_text() == '{"sigma": null, "kl": null, "loss": 1.5}\n'


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, None])
def test_a_file_without_json_reads_as_none(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    assert files.read_json(tmp_path / "file") is None


def test_arrays_survive_a_file_unchanged(tmp_path: Path) -> None:
    arrays = {
        "scalar": np.array(3.0),
        "strided": np.arange(12).reshape(3, 4).T,
        "empty": np.zeros((0, 2), np.float32),
        "bytes": np.arange(5, dtype=np.uint8),
    }
    files.write_arrays(tmp_path / "a", arrays, {"step": 7, "β": [1.5, None]})
    found, meta = files.read_arrays(tmp_path / "a")
    assert meta == files.read_meta(tmp_path / "a") == {"step": 7, "β": [1.5, None]}
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert np.array_equal(found[name], array)


@pytest.mark.parametrize("keep", [0, 4, 60, 200])
def test_truncated_arrays_raise_an_error_with_the_files_name(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "a.safetensors"
    files.write_arrays(path, {"x": np.zeros(100)}, {"step": 1})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"a\.safetensors is damaged"):
        files.read_arrays(path)
    assert files.read_meta(path) == {}


def test_a_missing_file_of_arrays_raises_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="none"):
        files.read_arrays(tmp_path / "none")
    assert files.read_meta(tmp_path / "none") == {}


def test_sweep_removes_only_files_of_ended_processes(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib, tempfile; from vae.base import files; p = pathlib.Path(sys.argv[1])"
    )
    leave = "; tempfile.mkstemp(files.TEMPORARY, files._prefix('a.json'), p)"
    folder = "; (files.temporary_folder(p / 'run') / 'config.json').write_text('{')"
    subprocess.run([sys.executable, "-c", program + leave + folder, str(tmp_path)], check=True)
    dead = {p.name for p in tmp_path.iterdir()}
    assert len(dead) == 2
    mine = files.temporary_folder(tmp_path / "mine")
    (tmp_path / ".queue.lock").touch()
    (tmp_path / "a.json").touch()
    elsewhere, forgotten = (tmp_path / f".a.otherhost.1.{n}.tmp" for n in "ab")
    elsewhere.touch()
    forgotten.touch()
    os.utime(forgotten, times=(0, time.time() - 2 * files.EXPIRY))
    files.sweep(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {
        ".queue.lock",
        "a.json",
        mine.name,
        elsewhere.name,
    }


@each("number", files.ABOUT)
def test_an_os_error_becomes_a_sentence_with_a_remedy(number: int) -> None:
    told = files.sentence(OSError(number, os.strerror(number), "/some/file"))
    assert "/some/file" in told
    assert told.endswith(".")
    assert "Errno" not in told
    assert files.sentence(OSError(number, os.strerror(number)))[0].isupper()


def test_many_writers_of_one_file_leave_one_complete_file(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from vae.base import files\n"
        "for i in range(40):\n"
        "    files.write_json(pathlib.Path(sys.argv[1]) / 'j', [sys.argv[2]] * 2000)\n"
        "    files.append_line(pathlib.Path(sys.argv[1]) / 'l', {'who': sys.argv[2] * 500})\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), name]) for name in "abc"
    ]
    while any(writer.poll() is None for writer in writers):
        if (tmp_path / "j").exists():
            assert len(set(json.loads((tmp_path / "j").read_bytes()))) == 1
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert len(files.read_lines(tmp_path / "l")) == 120
    assert {p.name for p in tmp_path.iterdir()} == {"j", "l"}
