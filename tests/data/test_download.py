"""A download is complete or absent under every fault of the network."""

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.server import Server, serving
from vae.data import DataError, DownloadCancelledError, DownloadError
from vae.data.download import CHUNK, cache, fetch

CONTENT = np.random.default_rng(0).bytes(10 * CHUNK + 7)
SHA = hashlib.sha256(CONTENT).hexdigest()
NOWHERE = "http://127.0.0.1:9/file.gz"  # nobody listens there


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        server.files["file.gz"] = CONTENT
        yield server


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "file.gz"


def get(file: Path, *mirrors: str, **more: Any) -> Path:
    return fetch(file, mirrors, SHA, len(CONTENT), **more)


def left(file: Path) -> set[str]:
    return {path.name for path in file.parent.iterdir()} - {"file.gz.lock"}


def test_a_whole_file_is_fetched_once(server: Server, file: Path) -> None:
    seen: list[tuple[int, int]] = []
    get(file, server.url("file.gz"), progress=lambda *at: seen.append(at))
    assert file.read_bytes() == CONTENT
    assert left(file) == {"file.gz"}
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert seen == sorted(seen)
    assert len(seen) > 5
    get(file, server.url("file.gz"))
    get(file, NOWHERE)
    assert server.asked == ["file.gz"]


def test_a_partial_download_continues_at_its_end(server: Server, file: Path) -> None:
    server.cut = 3 * CHUNK
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1: .*cut off after 196,608 of 655,367"):
        get(file, server.url("file.gz"))
    assert left(file) == {"file.gz.part"}
    assert (file.parent / "file.gz.part").read_bytes() == CONTENT[: 3 * CHUNK]
    server.cut = -1
    seen: list[int] = []
    get(file, server.url("file.gz"), progress=lambda done, _: seen.append(done))
    assert file.read_bytes() == CONTENT
    assert server.asked == ["file.gz", f"file.gz bytes={3 * CHUNK}-"]
    assert seen[0] == 3 * CHUNK
    assert left(file) == {"file.gz"}


def test_a_second_mirror_continues_the_download_of_the_first(server: Server, file: Path) -> None:
    with serving() as other:
        other.files["file.gz"], other.cut = CONTENT, CHUNK
        get(file, other.url("file.gz"), server.url("file.gz"))
    assert file.read_bytes() == CONTENT
    assert server.asked == [f"file.gz bytes={CHUNK}-"]


@pytest.mark.parametrize("fault", ["no ranges", "shifted", "too long already"])
def test_a_server_without_ranges_starts_the_download_again(
    fault: str, server: Server, file: Path
) -> None:
    file.parent.mkdir()
    part = file.parent / "file.gz.part"
    part.write_bytes(CONTENT + b"!" if fault == "too long already" else CONTENT[:1000])
    server.ranges = fault != "no ranges"
    server.shift = 5 if fault == "shifted" else 0
    get(file, server.url("file.gz"))
    assert file.read_bytes() == CONTENT


def test_a_damaged_part_is_downloaded_again(server: Server, file: Path) -> None:
    file.parent.mkdir()
    (file.parent / "file.gz.part").write_bytes(b"\0" * CHUNK)
    get(file, server.url("file.gz"))
    assert file.read_bytes() == CONTENT
    assert server.asked == [f"file.gz bytes={CHUNK}-", "file.gz"]


def test_a_complete_part_is_renamed_without_a_download(server: Server, file: Path) -> None:
    file.parent.mkdir()
    (file.parent / "file.gz.part").write_bytes(CONTENT)
    get(file, server.url("file.gz"))
    assert file.read_bytes() == CONTENT
    assert server.asked == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (CONTENT[:-1] + b"!", r"another file than the one expected \(its SHA-256 differs\)"),
        (CONTENT + b"!", "more than the file has"),
        (CONTENT[:-1], "cut off after 655,366 of 655,367 bytes"),
        (b"<html>moved</html>", "cut off after 18 of"),
        (None, "HTTP 404"),
    ],
)
def test_another_file_is_refused(
    content: bytes | None, sentence: str, server: Server, file: Path
) -> None:
    with serving() as wrong:
        if content is not None:
            wrong.files["file.gz"] = content
        with pytest.raises(DownloadError, match=rf"file.gz could not be .*: {sentence}"):
            get(file, wrong.url("file.gz"))
        assert not file.exists()
        get(file, wrong.url("file.gz"), server.url("file.gz"))
    assert file.read_bytes() == CONTENT


def test_the_second_mirror_replaces_a_missing_first(server: Server, file: Path) -> None:
    get(file, NOWHERE, server.url("missing.gz"), server.url("file.gz"))
    assert file.read_bytes() == CONTENT


def test_a_file_of_another_size_is_not_complete(server: Server, file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(CONTENT[:5000])
    get(file, server.url("file.gz"))
    assert file.read_bytes() == CONTENT


def test_the_error_without_network_names_every_mirror(file: Path) -> None:
    hosts = ("http://mirror.invalid/file.gz", "http://other.invalid/file.gz")
    with pytest.raises(DownloadError, match=r"\(mirror.invalid, other.invalid: [^:]*\)"):
        get(file, *hosts)
    with pytest.raises(DownloadError, match="Connection refused"):
        get(file, NOWHERE)


def test_a_cancelled_download_continues_later(server: Server, file: Path) -> None:
    seen: list[int] = []
    asked = {"progress": lambda done, _: seen.append(done), "cancelled": lambda: len(seen) > 3}
    with pytest.raises(DownloadCancelledError, match=r"file.gz was cancelled after [\d,]+ of 655"):
        get(file, server.url("file.gz"), server.url("file.gz"), **asked)
    part = (file.parent / "file.gz.part").read_bytes()
    assert len(part) == seen[-1] < len(CONTENT)
    assert part == CONTENT[: len(part)]
    assert len(server.asked) == 1
    get(file, server.url("file.gz"))
    assert file.read_bytes() == CONTENT
    assert server.asked[1] == f"file.gz bytes={len(part)}-"


def test_two_processes_download_a_file_once(server: Server, file: Path) -> None:
    threads = [threading.Thread(target=get, args=(file, server.url("file.gz"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert file.read_bytes() == CONTENT
    assert server.asked == ["file.gz"]


def test_waiting_for_another_process_can_be_cancelled(server: Server, file: Path) -> None:
    from filelock import FileLock

    file.parent.mkdir()
    with FileLock(file.with_name("file.gz.lock")), pytest.raises(DownloadCancelledError):
        get(file, server.url("file.gz"), cancelled=lambda: True)


def test_a_read_only_cache_raises_a_sentence(server: Server, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    for folder in (tmp_path / "cache", tmp_path / "cache" / "deep", Path("/proc/vae")):
        with pytest.raises(DataError, match=r"cannot be written .* VAE_LAB_CACHE name another"):
            get(folder / "file.gz", server.url("file.gz"))
    assert server.asked == []


def test_the_environment_variable_sets_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_LAB_CACHE", "~/mine")
    assert cache() == Path.home() / "mine"
    monkeypatch.setenv("VAE_LAB_CACHE", "")
    assert cache().name == "vae-lab"
