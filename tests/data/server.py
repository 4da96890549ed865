"""A local web server with chosen faults."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """A server of `files`. `ranges` off ignores Range; `cut` is the number of bytes after which
    every answer ends."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.ranges = True
        self.shift = 0  # how far a range begins from where it was asked to
        self.cut = -1
        self.asked: list[str] = []  # "PATH RANGE"

    def url(self, name: str = "") -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, asked = self.server, self.headers.get("Range", "")
        server.asked.append(f"{self.path[1:]} {asked}".strip())
        content = server.files.get(self.path.rsplit("/", 1)[-1])
        start = int(asked[6:-1]) if asked and server.ranges else 0
        if content is None or (start and start >= len(content)):
            self.send_error(404 if content is None else 416)
            return
        start += server.shift if start else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        end = len(content) if server.cut < 0 else start + server.cut
        self.wfile.write(content[start:end])

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
