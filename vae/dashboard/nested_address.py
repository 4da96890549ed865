"""Addresses of several segments lead to a page: /learn/prior to /prior.

Streamlit answers every unknown address with its document, which names its scripts relative to the
address. Every page has an address of one segment; below a folder the browser finds no script, and
the window would stay empty.
"""

import re

import streamlit as st
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vae.dashboard.first_paint import is_document, is_whole_page
from vae.dashboard.navigation import names

NAME = re.compile(r"[A-Za-z0-9_-]+")


class NestedAddress:
    """ASGI middleware that redirects documents at addresses of several segments."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        to = target(scope) if is_document(scope) else ""
        await self.app(scope, receive, _redirecting(scope, receive, send, to) if to else send)


def target(scope: Scope) -> str:
    """Return the address of the page, relative to that of the request; "" for one segment.

    It is the last segment that names a page. Without one it is the last segment: Streamlit shows
    the first page there, with the notice that the page does not exist.
    """
    base = scope.get("root_path", "") or f"/{st.get_option('server.baseUrlPath').strip('/')}"
    path: str = scope["path"].removeprefix(base.rstrip("/"))
    segments = [segment for segment in path.split("/") if segment]
    if len(segments) < 2:
        return ""
    last = segments[-1] if NAME.fullmatch(segments[-1]) else ""
    name = next((segment for segment in reversed(segments) if segment in names()), last)
    query: str = scope["query_string"].decode("latin-1")
    return "../" * (path.count("/") - 1) + name + (f"?{query}" if query else "")


def _redirecting(scope: Scope, receive: Receive, send: Send, to: str) -> Send:
    """Return a `send` that replaces a whole HTML document by a redirection."""
    is_replaced = False

    async def replace(message: Message) -> None:
        nonlocal is_replaced
        if message["type"] == "http.response.start" and is_whole_page(message):
            is_replaced = True
            await RedirectResponse(to)(scope, receive, send)
        elif not is_replaced:
            await send(message)

    return replace


def middleware() -> list[Middleware]:
    """Return the middleware for `st.App(..., middleware=…)`."""
    return [Middleware(NestedAddress)]
