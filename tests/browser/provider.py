"""A minimal OpenID Connect provider of the standard library: discovery, keys, authorize, token.

It asks for no password: each visitor is the person in `user`.
"""

import base64
import hashlib
import json
import math
import random
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")  # of a SHA-256 in a signature
EXPONENT = 65537
CLIENT = {"client_id": "lab", "client_secret": "a secret of the client"}


class Provider(ThreadingHTTPServer):
    """The server; it runs in a thread until `shutdown`."""

    daemon_threads = True

    def __init__(self, user: dict[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url, self.user = f"http://127.0.0.1:{self.server_port}", user
        self.nonces: dict[str, str] = {}  # code → nonce
        p, q = _prime(512), _prime(512)
        self.modulus, self.private = p * q, pow(EXPONENT, -1, math.lcm(p - 1, q - 1))
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def about(self) -> dict[str, Any]:
        """The document of the discovery."""
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        found = {name: f"{self.url}/{name}" for name in names}
        algorithms = {"id_token_signing_alg_values_supported": ["RS256"]}
        return found | algorithms | {"issuer": self.url, "subject_types_supported": ["public"]}

    def token(self, code: str) -> dict[str, Any]:
        """The answer to a code: a signed token that names the person."""
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT["client_id"], "sub": "1", "iat": now}
        claims |= {"exp": now + 600, "nonce": self.nonces.pop(code), **self.user}
        head = {"alg": "RS256", "kid": "1"}
        signed = b".".join(_text(json.dumps(part).encode()) for part in (head, claims))
        whole = b".".join((signed, _text(self._sign(signed)))).decode()
        return {"access_token": secrets.token_hex(), "token_type": "Bearer", "id_token": whole}

    def keys(self) -> dict[str, Any]:
        n, e = (_text(_bytes(number)).decode() for number in (self.modulus, EXPONENT))
        return {"keys": [{"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256", "n": n, "e": e}]}

    def _sign(self, content: bytes) -> bytes:
        """RSASSA-PKCS1-v1_5 (RFC 8017, 8.2.1)."""
        length = len(_bytes(self.modulus))
        tail = b"\0" + PREFIX + hashlib.sha256(content).digest()
        padded = b"\0\1" + b"\xff" * (length - 2 - len(tail)) + tail
        return pow(int.from_bytes(padded), self.private, self.modulus).to_bytes(length)


class Handler(BaseHTTPRequestHandler):
    """The addresses of the provider."""

    server: Provider

    def do_GET(self) -> None:
        at = urlsplit(self.path)
        if at.path == "/.well-known/openid-configuration":
            self._answer(self.server.about())
        elif at.path == "/jwks_uri":
            self._answer(self.server.keys())
        else:
            asked = {k: v[0] for k, v in parse_qs(at.query).items()}
            code = secrets.token_hex()
            self.server.nonces[code] = asked["nonce"]
            query = urlencode({"code": code, "state": asked["state"]})
            self.send_response(302)
            self.send_header("Location", f"{asked['redirect_uri']}?{query}")
            self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._answer(self.server.token(parse_qs(body)["code"][0]))

    def _answer(self, content: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def _text(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)


def _prime(bits: int) -> int:
    """A random prime number, by Fermat's test: the keys of a test live for a minute."""
    while True:
        found = secrets.randbits(bits) | 1 << bits - 1 | 1 << bits - 2 | 1
        bases = (random.randrange(2, found) for _ in range(16))
        if all(pow(base, found - 1, found) == 1 for base in bases):
            return found
