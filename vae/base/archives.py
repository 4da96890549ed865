"""Checks of untrusted .zip archives, and a limit for the bytes that a stream yields."""

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

HEADER = 30  # bytes of a member's own header, without its name
DIRECTORY = 32 * 2**20  # bytes of the list of members: 200,000 pictures take 20 MB


class ZipArchive(zipfile.ZipFile):
    """A .zip to read whose list of members has a limit.

    The standard library makes an object of each member before the members can be counted: 200 MB
    of names alone would take gigabytes. Raises zipfile.BadZipFile.
    """

    def __init__(self, file: Path | IO[bytes]) -> None:
        self._opened = file.open("rb") if isinstance(file, Path) else None
        source: Any = BoundedReads(self._opened or file, DIRECTORY)  # type: ignore[arg-type]
        try:
            super().__init__(source)
        except BaseException:
            self.close()
            raise
        source.most = None

    def close(self) -> None:
        """Close the archive, and the file if it was opened here."""
        super().close()
        if self._opened is not None:
            self._opened.close()


class BoundedReads:
    """A file of which no single read is larger than `most` bytes; None for any size."""

    def __init__(self, file: IO[bytes], most: int | None) -> None:
        self.file, self.most = file, most
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """Return so many bytes; the rest for -1. Raises zipfile.BadZipFile above the limit."""
        if self.most is not None and size > self.most:
            raise zipfile.BadZipFile("its list of members is too long: divide the archive")
        return self.file.read(size)


class BoundedStream:
    """A stream to read that ends with ValueError after `most` bytes, as of a packed file that is
    endless."""

    def __init__(self, file: IO[bytes] | io.BufferedIOBase, most: int) -> None:
        self.file, self.left = file, most

    def read(self, size: int = -1) -> bytes:
        """Return at most so many bytes."""
        chunk = self.file.read(size)
        self.left -= len(chunk)
        if self.left < 0:
            raise ValueError("it unpacks to more than it may")
        return chunk


def has_overlaps(infos: Iterable[zipfile.ZipInfo], length: int) -> bool:
    """Return whether members of an archive of so many bytes share bytes or exceed its end.

    A small archive whose members are all one and the same stream unpacks to any size.
    """
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            return True
        end = info.header_offset + HEADER + len(info.orig_filename) + info.compress_size
    return end > length
