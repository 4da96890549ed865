"""The hosts and origins that the server answers, for pages, routes and the WebSocket."""

import asyncio
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response
from streamlit import config, net_util
from streamlit.web import bootstrap
from streamlit.web.server import server_util

from tests.tables import each
from vae.dashboard import gate

HERE = "localhost:8501"
LAN = "lab.example.org"
BAD_HOSTS = [
    "evil.example",
    "evil.example:8501",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "localhost:8501@evil.example",
    "evil.example#localhost",
    "localhost/evil",
    "0.0.0.0:8501",
    "[::]:8501",
    "localhost:port",
    "localhost:99999",
    "",
    "localhost evil",
    "lоcalhost",
]
GOOD_HOSTS = [HERE, "LOCALHOST", "localhost.", "127.0.0.1:8501", "[::1]:8501", "[::1]"]
BAD_ORIGINS = [
    "https://evil.example",
    "null",
    "http://localhost:9000",
    "http://localhost:8501.evil.example",
    "http://localhost:8501@evil.example",
    "localhost:8501",
    "",
]


def answer(kind: str, headers: list[tuple[str, str]]) -> str:
    """Return "" if the app behind the gate gets a request, else the gate's answer."""
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        sent.clear()
        sent.append({"passed": True})

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers]
    scope = {"type": kind, "method": "GET", "path": "/", "headers": raw}
    asyncio.run(gate.Gate(app)(scope, receive, send))
    if "passed" in sent[0]:
        return ""
    if kind == "websocket":
        return str(sent[0]["code"])
    assert sent[0]["status"] == 403
    return bytes(sent[1]["body"]).decode()


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Record every connection of the process; a test may open none."""
    calls: list[Any] = []

    def record(*given: Any) -> None:
        calls.append(given)
        raise OSError("no network")

    monkeypatch.delenv(gate.VARIABLE, raising=False)
    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, record, raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", record)
    for name in ("_external_ip", "_internal_ip"):  # Streamlit's cache
        monkeypatch.setattr(net_util, name, None)
    yield
    assert not calls


@each("host", BAD_HOSTS, ids=str)
def test_a_foreign_host_is_refused(host: str) -> None:
    assert "VAE Lab" in answer("http", [("host", host)])
    assert answer("websocket", [("Host", host)]) == "1008"
    assert answer("http", [("host", HERE), ("host", host)])


@each("host", GOOD_HOSTS, ids=str)
def test_this_machine_is_answered(host: str) -> None:
    assert not answer("http", [("host", host)])
    assert not answer("websocket", [("host", host), ("origin", f"http://{host}")])


@each("origin", BAD_ORIGINS, ids=str)
def test_a_page_elsewhere_gets_no_answer(origin: str) -> None:
    for kind in ("http", "websocket"):
        assert answer(kind, [("host", HERE), ("origin", origin)])
        assert answer(kind, [("host", HERE), ("origin", f"http://{HERE}"), ("origin", origin)])


def test_a_request_without_a_host_is_refused() -> None:
    assert answer("http", [])
    assert answer("websocket", [("origin", f"http://{HERE}")])


def test_the_sentence_names_the_variable_that_allows_a_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = answer("http", [("host", f"{LAN}:8501")])
    assert f"VAE_LAB_HOSTS={LAN}." in words
    monkeypatch.setenv(gate.VARIABLE, f"other, {LAN.upper()}")
    assert not answer("http", [("host", f"{LAN}:8501")])
    assert not answer("websocket", [("host", LAN), ("origin", f"https://{LAN}")])
    assert not answer("websocket", [("host", HERE), ("origin", f"https://{LAN}")])  # a proxy
    assert answer("http", [("host", f"sub.{LAN}")])
    monkeypatch.setenv(gate.VARIABLE, "0.0.0.0,::,*,,")
    assert all(answer("http", [("host", host)]) for host in (*BAD_HOSTS, LAN, "*"))


@each("text", ["<script>alert(1)</script>", "a\r\nSet-Cookie: x", "![x](http://x)"], ids=str)
def test_the_sentence_repeats_host_names_only(text: str) -> None:
    assert text not in answer("http", [("host", text)])


def test_streamlits_options_name_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"server.address": "0.0.0.0", "browser.serverAddress": LAN}
    monkeypatch.setattr(gate.st, "get_option", options.get)
    assert gate.configured() == {LAN}


def test_streamlit_calls_no_service_for_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """A foreign origin makes Streamlit compare it with the addresses of this machine."""
    for name in ("get_external_ip", "get_internal_ip"):
        monkeypatch.setattr(net_util, name, getattr(net_util, name))
    gate.stay_silent()
    assert not server_util.is_url_from_allowed_origins("https://evil.example")


def test_the_start_of_the_server_opens_no_connection(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Streamlit prints the addresses of a server that listens at all of them."""
    monkeypatch.chdir(Path(__file__).parents[2])
    flags = {"server.address": "0.0.0.0", "server.headless": True}
    try:
        config.get_config_options(force_reparse=True, options_from_flags=flags)
        bootstrap._print_url(is_running_hello=False)
    finally:
        config.get_config_options(force_reparse=True, options_from_flags={})
    assert "http://localhost" in capsys.readouterr().out


@each(("kind", "has_policy"), [("text/html; charset=utf-8", True), ("image/png", False)])
def test_pages_load_nothing_from_other_servers(kind: str, has_policy: bool) -> None:
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await Response("x", media_type=kind)(scope, receive, send)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", HERE.encode())]}
    asyncio.run(gate.Gate(app)(scope, None, send))  # type: ignore[arg-type]
    found = [v.decode() for k, v in sent[0]["headers"] if k == b"content-security-policy"]
    assert bool(found) == has_policy
    words = " ".join(found)
    assert "default-src 'self'" in words or not has_policy
    assert not re.search(r"https?:|wss?:|\*", words)
