"""Documents below a folder redirect to a page; files and addresses of one segment do not."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from tests.tables import each
from vae.dashboard import navigation, nested_address

PAGES = [Path(file).stem for pages in navigation.TABLE.values() for file in pages.values()]
FILE = {"content-disposition": "attachment"}
SITE = "http://localhost:8501"


def answer(path: str, response: Response, query: str = "") -> tuple[int, str, bytes]:
    """Return status, address after the redirection and body of an answer to a browser."""
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode()}
    headers = [(b"accept", b"text/html")]
    app = nested_address.NestedAddress(response)
    asyncio.run(app(scope | {"headers": headers}, None, send))  # type: ignore[arg-type]
    to = Headers(raw=messages[0]["headers"]).get("location", "")
    body = b"".join(message["body"] for message in messages[1:])
    return messages[0]["status"], urljoin(f"{SITE}{path}", to), body


@each("page", PAGES)
def test_a_folder_before_or_behind_a_page_leads_to_the_page(page: str) -> None:
    for path in (f"/learn/{page}", f"/a/b/{page}", f"/{page}/a.b", f"/{page}/ä", f"/a/{page}/"):
        status, to, body = answer(path, HTMLResponse("page"), "run=a&k=%2F")
        assert (status, to, body) == (307, f"{SITE}/{page}?run=a&k=%2F", b"")


@each(
    ("path", "wanted"),
    [("/a/b", "/b"), ("/a/b.html", "/"), ("/learn/static/x.js", "/"), ("/a//host.example", "/")],
)
def test_an_unknown_page_is_left_to_streamlit(path: str, wanted: str) -> None:
    assert answer(path, HTMLResponse("page"))[:2] == (307, SITE + wanted)


@each("path", ["/", "/latent", "/nowhere", "/latent/"])
def test_addresses_of_one_segment_are_unchanged(path: str) -> None:
    assert answer(path, HTMLResponse("page")) == (200, SITE + path, b"page")


@pytest.mark.parametrize(
    "response", [PlainTextResponse("a"), HTMLResponse("a", 404), HTMLResponse("a", 200, FILE)]
)
def test_files_and_refusals_below_a_folder_are_unchanged(response: Response) -> None:
    assert answer("/media/a.html", response)[2] == b"a"


def test_the_path_of_a_proxy_is_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nested_address.st, "get_option", lambda name: "lab/one")
    assert answer("/lab/one/latent", HTMLResponse("page"))[0] == 200
    assert answer("/lab/one/learn/prior", HTMLResponse("page"))[1] == f"{SITE}/lab/one/prior"
