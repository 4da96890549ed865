"""Checks of untrusted .zip archives."""

import zipfile
from collections.abc import Iterable

HEADER = 30  # bytes of a member's own header, without its name


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
