"""Untrusted archives: their members are counted before they are listed, and packed streams end."""

import io
import struct
import time
import zipfile
from pathlib import Path

import pytest

from vae.base import archives
from vae.base.archives import BoundedStream, ZipArchive


def names_only(count: int) -> bytes:
    """Return a .zip that is nothing but a list of empty members."""
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 3, 20, 0, *[0] * 14)
    directory = entry * count
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0, 0, len(directory), 0, 0)
    return directory + end


def test_an_archive_reads_as_in_the_standard_library(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/b", b"x" * 10_000)
    for given in (path, io.BytesIO(path.read_bytes())):
        with ZipArchive(given) as archive:
            assert archive.namelist() == ["a/b"]
            assert archive.read("a/b") == b"x" * 10_000


def test_a_list_of_millions_of_members_is_refused_at_once(tmp_path: Path) -> None:
    small = names_only(3)
    assert len(ZipArchive(io.BytesIO(small)).infolist()) == 3
    content = names_only(archives.DIRECTORY // 46 + 1)
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    for given in (path, io.BytesIO(content)):
        began = time.process_time()
        with pytest.raises(zipfile.BadZipFile, match="list of members is too long"):
            ZipArchive(given)
        assert time.process_time() - began < 0.5


def test_a_file_that_is_no_archive_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(b"no archive")
    with pytest.raises(zipfile.BadZipFile):
        ZipArchive(path)


def test_a_bounded_stream_ends_with_an_error() -> None:
    stream = BoundedStream(io.BytesIO(bytes(100)), 60)
    assert len(stream.read(60)) == 60
    with pytest.raises(ValueError, match="unpacks to more"):
        stream.read(1)
