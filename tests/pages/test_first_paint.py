"""HTML documents leave with the style sheets of every page; everything else is unchanged."""

import asyncio
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from vae.dashboard import first_paint

PAGE = "<html><head></head><body>a page</body></html>"
BROWSER = {"accept": "text/html,*/*", "if-none-match": "one"}


def answer(response: Response, sent: dict[str, str]) -> tuple[Headers, bytes]:
    """Headers and body of an answer behind the middleware, which a server packs if it may."""
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    headers = [(name.encode(), value.encode()) for name, value in sent.items()]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
    packed = GZipMiddleware(response, minimum_size=1)
    asyncio.run(first_paint.FirstPaint(packed)(scope, None, send))  # type: ignore[arg-type]
    return Headers(raw=messages[0]["headers"]), b"".join(m["body"] for m in messages[1:])


def test_a_document_has_the_styles_behind_those_of_the_head() -> None:
    headers, body = answer(
        HTMLResponse(PAGE, headers={"ETag": "one"}), BROWSER | {"accept-encoding": "gzip"}
    )
    style = first_paint.style().decode()
    assert body.decode() == PAGE.replace("</body>", f"{style}</body>")
    assert int(headers["content-length"]) == len(body)
    assert "etag" not in headers
    assert "__" not in style


@pytest.mark.parametrize("sent", [BROWSER, {}])
@pytest.mark.parametrize("kind", [HTMLResponse, PlainTextResponse])
def test_other_answers_are_unchanged(kind: type[Response], sent: dict[str, str]) -> None:
    response = kind(PAGE, 200 if kind is PlainTextResponse or not sent else 404, {"ETag": "one"})
    headers, body = answer(response, sent)
    assert body.decode() == PAGE
    assert headers["etag"] == "one"


def test_a_downloaded_document_is_unchanged() -> None:
    """A report for a file, which a link with `download` requests as a document for the window."""
    file = {"Content-Disposition": 'attachment; filename="report.html"'}
    assert answer(HTMLResponse(PAGE, headers=file), BROWSER)[1].decode() == PAGE
