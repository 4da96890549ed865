"""The hosts and origins that the server answers: this machine's own names, and configured ones.

A page elsewhere can make a browser send requests to this server: under a name that its owner
points here (DNS rebinding), or from its own origin. Host names the server in a request, Origin
the page that sends it. Every page, socket and route passes this check first. Pages leave with a
policy that keeps them from loading anything from other servers.

The names are localhost, 127.0.0.1, ::1, Streamlit's server.address and browser.serverAddress, and
those in the environment variable VAE_LAB_HOSTS, separated by commas.
"""

import os
import re
from typing import NamedTuple
from urllib.parse import urlsplit

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import net_util

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
WILDCARDS = frozenset({"0.0.0.0", "::", ""})  # addresses to listen at, which name no host
VARIABLE = "VAE_LAB_HOSTS"
NAME = re.compile(r"[a-z0-9]([a-z0-9.:-]{0,252}[a-z0-9])?")
POLICY_VIOLATION = 1008  # code of a closed WebSocket
# No text on a page, wherever it comes from, makes the browser load an address elsewhere. Streamlit
# and Plotly need inline scripts and styles.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "frame-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'"
)


class Address(NamedTuple):
    """A host with its port; the port is 0 where an address leaves it out."""

    host: str
    port: int


class Gate:
    """ASGI middleware that answers requests to the allowed hosts from the allowed origins."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = refusal(scope) if scope["type"] in ("http", "websocket") else ""
        if not problem:
            await self.app(scope, receive, _with_policy(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        else:
            headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
            response = PlainTextResponse(f"{problem}\n", 403, headers)
            await response(scope, receive, send)


def _with_policy(send: Send) -> Send:
    """Return a `send` that adds the content security policy to pages."""

    async def add(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if headers.get("content-type", "").startswith("text/html"):
                headers["Content-Security-Policy"] = POLICY
        await send(message)

    return add


def refusal(scope: Scope) -> str:
    """Return the reason why a request is refused, with the way to allow it; "" if it is not."""
    hosts, origins = _values(scope, b"host"), _values(scope, b"origin")
    host = address(hosts[0]) if len(hosts) == 1 else None
    if host is None or host.host not in LOOPBACK | configured():
        return _sentence(host)
    if not origins:
        return ""
    origin = address(origins[0].partition("://")[2]) if len(origins) == 1 else None
    if origin is None or not _belongs(origin, host):
        return "VAE Lab answers its own pages only: open its address itself."
    return ""


def configured() -> frozenset[str]:
    """Return the names that the configuration adds to those of this machine."""
    given = [st.get_option("server.address"), st.get_option("browser.serverAddress")]
    names = {_name(text) for text in (*given, *os.environ.get(VARIABLE, "").split(",")) if text}
    return frozenset(names - WILDCARDS - LOOPBACK)


def address(text: str) -> Address | None:
    """Return the address in a Host header, or in an Origin without its scheme; None if it is not
    one."""
    try:
        parts = urlsplit(f"//{text}")
        found = Address(_name(parts.hostname or ""), parts.port or 0)
    except ValueError:
        return None
    is_whole = parts.netloc == text and "@" not in text
    return found if is_whole and NAME.fullmatch(found.host.strip(":")) else None


def stay_silent() -> None:
    """Keep Streamlit from asking the network for the addresses of this machine.

    It asks an outside service to print its address and to judge a foreign origin.
    """
    net_util.get_external_ip = net_util.get_internal_ip = lambda: None


def _name(text: str) -> str:
    return text.strip().strip("[]").lower().rstrip(".")


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def _belongs(origin: Address, host: Address) -> bool:
    """Whether the page at an origin is this server's, directly or through a configured proxy."""
    default = {0, 80, 443}  # a browser leaves out the port of its scheme
    is_same_port = origin.port == host.port or {origin.port, host.port} <= default
    return (origin.host == host.host and is_same_port) or origin.host in configured()


def _sentence(host: Address | None) -> str:
    names = ", ".join(["localhost", "127.0.0.1", *sorted(configured())])
    if host is None:
        return f"VAE Lab answers requests that name one host, one of {names}."
    return (
        f"VAE Lab is not set up to answer as {host.host}, only as {names}. If you trust everybody "
        "who can reach this address, start VAE Lab with the environment variable "
        f"{VARIABLE}={host.host}."
    )


def middleware() -> list[Middleware]:
    """Return the check for `st.App(..., middleware=…)`."""
    stay_silent()
    return [Middleware(Gate)]
