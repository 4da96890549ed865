"""Uploads are refused before their first byte is read: by a read-only server, above the quota of a
window, and without memory."""

import ast
import asyncio
from pathlib import Path
from typing import Any

import pytest
from streamlit.web.server.starlette.starlette_routes import BASE_ROUTE_UPLOAD_FILE

from tests.tables import each
from vae.base import memory
from vae.base.quotas import QUOTAS
from vae.base.visitors import CLOSED, READ_ONLY
from vae.dashboard import uploads

ROUTE = f"/{BASE_ROUTE_UPLOAD_FILE}/window/file"
ROOT = Path(__file__).parents[2]


async def _request(
    check: uploads.Uploads, path: str, method: str, **headers: str
) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        raise AssertionError("the body was read")

    async def send(message: Any) -> None:
        sent.append(message)

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "headers": raw}
    await check(scope, receive, send)
    return sent


async def passing(scope: Any, receive: Any, send: Any) -> None:
    """The app behind the check."""
    await send({"status": 204, "body": b""})


def answer(path: str = ROUTE, method: str = "PUT", **headers: str) -> tuple[int, str]:
    """Return the status and the text of the answer; 204 from the app behind the check."""
    sent = asyncio.run(_request(uploads.Uploads(passing), path, method, **headers))
    return sent[0]["status"], sent[-1]["body"].decode().strip()


@each("path", [ROUTE, f"/lab{ROUTE}", f"{ROUTE}/"], ids=str)
def test_a_read_only_server_takes_no_file(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(READ_ONLY, raising=False)
    assert answer(path, content_length="10") == (204, "")
    monkeypatch.setenv(READ_ONLY, "1")
    for method in ("PUT", "POST", "DELETE"):
        assert answer(path, method, content_length="10") == (403, CLOSED)
    assert answer("/latent") == (204, "")


@each("headers", [{}, {"content_length": "-1"}, {"content_length": "9" * 400}], ids=repr)
def test_a_file_without_a_size_is_refused(headers: dict[str, str]) -> None:
    assert answer(**headers)[0] == 411
    assert answer(content_length="5", transfer_encoding="chunked")[0] == 411
    assert answer(method="DELETE")[0] == 204


def test_a_window_uploads_no_more_than_the_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that it has uploaded count, and those on their way."""
    megabyte = str(uploads.MB)
    monkeypatch.setenv(QUOTAS["upload"].variable, "4")
    assert answer(content_length=str(4 * uploads.MB))[0] == 204
    status, words = answer(content_length=str(4 * uploads.MB + 1))
    assert status == 413
    assert words.startswith("These files take 5 MB, and a window uploads at most 4 MB")
    monkeypatch.setattr(uploads, "held", {"window": 2 * uploads.MB}.get)
    found: list[Any] = []
    nested: list[bool] = []

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        """The app, which gets two more files while it reads one."""
        if not nested:
            nested.append(True)
            found.append(await _request(check, ROUTE, "PUT", content_length=megabyte))
            found.append(await _request(check, ROUTE, "PUT", content_length=str(uploads.MB + 1)))
        await send({"status": 204})

    check = uploads.Uploads(slow)
    sent = asyncio.run(_request(check, ROUTE, "PUT", content_length=megabyte))
    assert [each[0]["status"] for each in (sent, *found)] == [204, 204, 413]
    assert not check.coming
    monkeypatch.setenv(QUOTAS["upload"].variable, "much")
    assert answer(content_length="1") == (
        403,
        "VAE_LAB_MOST_UPLOAD is a whole number, not 'much'.",
    )


def test_no_file_takes_memory_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free", lambda: 300 * uploads.MB)
    assert answer(content_length=str(100 * uploads.MB))[0] == 204
    status, words = answer(content_length=str(101 * uploads.MB))
    assert status == 413
    assert "of the server are free" in words


def test_the_uploaders_name_the_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    assert uploads.most_mb() == 200
    for text, most in {"50": 50, "0": 200, "999": 200, "much": 200}.items():
        monkeypatch.setenv(QUOTAS["upload"].variable, text)
        assert uploads.most_mb() == most
    calls = [
        node
        for path in (ROOT / "vae" / "dashboard").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("file_uploader")
    ]
    assert len(calls) >= 3
    for call in calls:
        assert "max_upload_size" in {keyword.arg for keyword in call.keywords}


def test_the_check_of_room_is_behind_the_gate_and_the_login() -> None:
    source = (ROOT / "app.py").read_text("utf-8")
    places = [source.index(f"*{name}.middleware()") for name in ("gate", "login", "uploads")]
    assert places == sorted(places)
