"""The style sheets in the document itself, so that a page has its places from the first paint.

The script of a page sends the same style sheets, but Streamlit draws the first elements before it
has loaded the part that reads them, and everything would jump.
"""

from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vae.dashboard.shared.theme_css import shades

SIDEBAR = 256  # width in pixels: two columns of settings fit at 1280×720
END = b"</body>"  # behind the style sheets that Streamlit adds to the head
_HERE = Path(__file__).parent
_FILES = ("style.css", "navigation.css", "sidebar/sidebar.css", "tour/tour.css", "first_paint.css")
_SCRIPT = "tour/tour.js"  # whether the greeting has a place
# A page is sent whole and unpacked: its text differs from the file that the server compares
_LEFT_OUT = {b"accept-encoding", b"if-none-match", b"if-modified-since", b"if-range", b"range"}
_CHANGED = ("etag", "last-modified", "accept-ranges")


def style() -> bytes:
    """Return the style sheets of every page, and the script that one of them needs."""
    sheets = "\n".join((_HERE / name).read_text("utf-8") for name in _FILES)
    sized = sheets.replace("__SIDEBAR__", str(SIDEBAR))
    script = (_HERE / _SCRIPT).read_text("utf-8")
    return f"{shades()}<style>{sized}</style><script>{script}</script>".encode()


class FirstPaint:
    """ASGI middleware that adds the style sheets to HTML documents."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not is_document(scope):
            await self.app(scope, receive, send)
            return
        headers = [(name, v) for name, v in scope["headers"] if name.lower() not in _LEFT_OUT]
        await self.app({**scope, "headers": headers}, receive, _with_style(send))


def is_document(scope: Scope) -> bool:
    """Whether a browser asks for a page to show."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    return "text/html" in Headers(scope=scope).get("accept", "")


def _with_style(send: Send) -> Send:
    """Return a `send` that adds the style sheets to a whole HTML document."""
    start: list[Message] = []
    parts: list[bytes] = []

    async def add(message: Message) -> None:
        if message["type"] == "http.response.start" and is_whole_page(message):
            start.append(message)
            return
        if not start:
            await send(message)
            return
        parts.append(message.get("body", b""))
        if message.get("more_body", False):
            return
        body = b"".join(parts).replace(END, style() + END, 1)
        headers = MutableHeaders(scope=start[0])
        headers["Content-Length"] = str(len(body))
        for name in _CHANGED:
            del headers[name]
        await send(start[0])
        await send({"type": "http.response.body", "body": body})

    return add


def is_whole_page(message: Message) -> bool:
    """Whether an answer begins with a whole HTML document for the window, not for a file."""
    headers = MutableHeaders(scope=message)
    is_html = headers.get("content-type", "").startswith("text/html")
    is_plain = "content-encoding" not in headers and "content-disposition" not in headers
    return message["status"] == 200 and is_html and is_plain


def middleware() -> list[Middleware]:
    """Return the middleware for `st.App(..., middleware=…)`."""
    return [Middleware(FirstPaint)]
