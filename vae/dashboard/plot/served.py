"""Content at addresses made from the content itself, for browsers to fetch and keep.

All sessions of the server share one store. It holds a bounded number of bytes and drops the
content that was requested longest ago. A browser that comes too late gets a 204 (it would
log a 404 as an error) and asks its page to serve the content again (`plot.overlay`).
"""

import hashlib
from collections import OrderedDict
from threading import Lock
from typing import NamedTuple

MOST_BYTES = 256 * 2**20  # in the store, for all sessions


class Content(NamedTuple):
    """Bytes and their media type."""

    data: bytes
    media_type: str


class Store:
    """Contents by name, at most `most` bytes of them; safe to use from several threads."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self.most = most
        self.bytes = 0
        self._contents: OrderedDict[str, Content] = OrderedDict()  # the last used one last
        self._lock = Lock()

    def add(self, data: bytes, media_type: str) -> str:
        """Store a content and return its name, 24 hexadecimal digits; the newest always stays."""
        name = hashlib.sha256(media_type.encode() + b"\0" + data).hexdigest()[:24]
        with self._lock:
            if name not in self._contents:
                self._contents[name] = Content(data, media_type)
                self.bytes += len(data)
            self._contents.move_to_end(name)
            while self.bytes > self.most and len(self._contents) > 1:
                _, dropped = self._contents.popitem(last=False)
                self.bytes -= len(dropped.data)
        return name

    def find(self, name: str) -> Content | None:
        """Return a content by its name; None if it is unknown or was dropped."""
        with self._lock:
            if name in self._contents:
                self._contents.move_to_end(name)
            return self._contents.get(name)
