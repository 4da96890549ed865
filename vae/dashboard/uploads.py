"""The room for uploads, checked before the first byte of a file is read.

Streamlit holds an uploaded file in the memory of the server until its window closes, before any
page reads it. This check stands in front: a read-only server takes no file, a window uploads no
more than the quota, and no file takes memory that the machine does not have. Streamlit's option
server.maxUploadSize, in megabytes, limits each file.
"""

import re
from collections import Counter
from contextlib import suppress
from typing import Any

import streamlit as st
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import runtime

from vae.base import memory, quotas, visitors
from vae.base.numbers import byte_count

ROUTE = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+/?")
MB = 2**20
COPIES = 3  # of a file while it is read: the parts of the request, the whole, and the page's
LENGTH = re.compile("[0-9]{1,15}")


class Uploads:
    """ASGI middleware that refuses files without room."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.coming: Counter[str] = Counter()  # window → bytes of the files on their way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = ROUTE.search(scope["path"]) if scope["type"] == "http" else None
        if found is None or scope["method"] == "OPTIONS":
            await self.app(scope, receive, send)
            return
        window, size = found[1], _size(scope)
        status, words = self._refusal(window, size)
        if words:
            headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
            await PlainTextResponse(f"{words}\n", status, headers)(scope, receive, send)
            return
        self.coming[window] += size or 0
        try:
            await self.app(scope, receive, send)
        finally:
            self.coming[window] -= size or 0
            self.coming += Counter()  # drops windows without a file

    def _refusal(self, window: str, size: int | None) -> tuple[int, str]:
        """Return the status and the reason why a file is refused; "" if it is not."""
        if visitors.is_read_only():
            return 403, visitors.CLOSED
        if size is None:
            return 411, "An upload names its size first."
        all_of_window = held(window) + self.coming[window] + size
        try:
            words = quotas.problem("upload", -(-all_of_window // MB))
        except ValueError as error:
            return 403, str(error)
        free = memory.free() - COPIES * self.coming.total()
        if not words and COPIES * size > free:
            words = (
                f"A file of {byte_count(size)} takes {byte_count(COPIES * size)} while it is "
                f"read, and {byte_count(max(free, 0))} of the server are free: name its path "
                "instead."
            )
        return 413, words


def held(window: str) -> int:
    """Return the bytes of the files that a window has uploaded; `window` is its session's id."""
    if not runtime.exists():
        return 0
    storage: Any = getattr(runtime.get_instance().uploaded_file_mgr, "file_storage", {})
    return sum(len(file.data) for file in storage.get(window, {}).values())


def most_mb() -> int:
    """Return the largest size of one file in megabytes, for the sentence of an uploader."""
    largest = int(st.get_option("server.maxUploadSize"))
    with suppress(ValueError):  # of a quota that is no number, whose sentence a file gets
        return max(1, min(largest, quotas.most("upload") or largest))
    return largest


def _size(scope: Scope) -> int | None:
    """Return the size of the body of a request; 0 for a deletion, None if it names none."""
    if scope["method"] == "DELETE":
        return 0
    headers = Headers(scope=scope)
    length = headers.get("content-length", "")
    is_named = LENGTH.fullmatch(length) and "transfer-encoding" not in headers
    return int(length) if is_named else None


def middleware() -> list[Middleware]:
    """Return the check for `st.App(..., middleware=…)`."""
    return [Middleware(Uploads)]
