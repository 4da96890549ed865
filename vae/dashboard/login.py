"""The login of a shared server, by Streamlit's OpenID Connect: who may see pages and contents.

With a section `[auth]` in the secrets every page ends at the button "Log in" for those who are not
logged in. A page is a script behind a WebSocket; pictures, downloads, uploads and decoders have
separate addresses, which the middleware closes: only the addresses in OPEN, the shell of the
pages and Streamlit's own files, answer without the signed cookie of a login.

VAE_LAB_PEOPLE names who is admitted among those whom the provider knows: addresses and @domains,
separated by commas. Then the provider has to vouch for the address (`email_verified`).
"""

import json
import os
import re
from collections.abc import Mapping
from typing import Any, NoReturn

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import auth_util
from streamlit.errors import StreamlitAuthError
from streamlit.runtime.secrets import secrets_singleton
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from vae.base.foreign import markdown

VARIABLE = "VAE_LAB_PEOPLE"
OPEN = re.compile(
    r"/(?:[a-z0-9_-]*"  # the shell of a page; the page itself comes through the socket
    r"|index\.html|favicon\.png|manifest\.json"
    r"|static/.*|(?:[a-z0-9_-]+/)*_stcore/(?:health|host-config)|_stcore/stream"
    r"|auth/login|auth/logout|oauth2callback|vae/plotly\.js)"
)
SHORTEST = 32  # characters of the secret that signs the cookies
CLOSED = "Log in first: open the address of this VAE Lab itself."
MISSING = "The login needs further packages: pip install 'streamlit[auth]'"


class Login:
    """ASGI middleware that closes contents to those who are not logged in."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_open(scope):
            await self.app(scope, receive, send)
            return
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
        await PlainTextResponse(f"{CLOSED}\n", 403, headers)(scope, receive, send)


def is_open(scope: Scope) -> bool:
    """Whether a request may pass: there is no login, the address is open, or its sender is logged
    in and admitted."""
    return not is_configured() or OPEN.fullmatch(scope["path"]) is not None or _may_enter(scope)


def is_configured() -> bool:
    """Whether this server asks for a login; also if its secrets cannot be read."""
    return _section() is not None or bool(_fault())


def _section() -> Any:
    """Return the section `[auth]` of the secrets; None without one."""
    return secrets_singleton.get("auth") if secrets_singleton.load_if_toml_exists() else None


def _fault() -> str:
    """Return why no login is possible; "" if the secrets are sound.

    Streamlit takes secrets that it cannot read for no secrets, which would open the server.
    """
    is_there = any(map(os.path.exists, st.get_option("secrets.files")))
    if is_there and not secrets_singleton.load_if_toml_exists():
        return "The secrets of this server cannot be read: its owner finds the place in the log."
    if _section() is not None and len(get_cookie_secret()) < SHORTEST:
        return f"The cookie_secret of this server has fewer than {SHORTEST} characters."
    return ""


def is_admitted(user: Mapping[str, Any]) -> bool:
    """Whether a user whom the provider knows may enter."""
    people = [name.strip().lower() for name in os.environ.get(VARIABLE, "").split(",")]
    people = list(filter(None, people))
    if not people:
        return True
    address = user.get("email")
    if not isinstance(address, str) or user.get("email_verified") is not True:
        return False
    name, at, domain = address.lower().rpartition("@")
    return bool(name and at and domain) and (address.lower() in people or at + domain in people)


def require() -> None:
    """End the page with the button "Log in" unless the visitor may enter."""
    if not is_configured():
        return
    if fault := _fault():
        with _card("This VAE Lab is closed."):
            st.markdown(fault)
        st.stop()
    if not st.user.is_logged_in:
        _ask()
    if not is_admitted(st.user.to_dict()):
        _refuse(str(st.user.get("email", "")))


def offer_logout() -> None:
    """Show the button that ends a login."""
    if is_configured():
        _logout()


def _logout() -> None:
    if st.button("Log out", key="logout"):
        st.logout()


def _ask() -> NoReturn:
    with _card("This VAE Lab asks who you are."):
        if st.button("Log in", type="primary", key="login"):
            try:
                st.login()
            except StreamlitAuthError as error:
                words = str(error) if auth_util.is_authlib_installed() else MISSING
                st.error(markdown(words))
    st.stop()


def _refuse(address: str) -> NoReturn:
    with _card("You are logged in, but not admitted here."):
        who = markdown(address) or "This account"
        st.markdown(f"{who} is not among those whom the owner of this server admits.")
        _logout()
    st.stop()


def _card(title: str) -> Any:
    card = st.container(border=True, horizontal_alignment="center", key="empty")
    card.subheader(title, anchor=False, text_alignment="center")
    return card


def _may_enter(scope: Scope) -> bool:
    if _fault():
        return False
    user = _user(scope)
    is_known = user.get("is_logged_in") is True and bool(user.get("origin"))
    here = auth_util.get_origin_from_redirect_uri()
    return is_known and user["origin"] == here and is_admitted(user)


def _user(scope: Scope) -> dict[str, Any]:
    """Return the user in the signed cookie of a request; empty without one."""
    cookies = HTTPConnection(scope).cookies

    def signed(name: str) -> bytes | None:
        return decode_signed_value(get_cookie_secret(), name, cookies.get(name, ""))

    try:
        found = json.loads(auth_util.get_cookie_with_chunks(signed, USER_COOKIE_NAME) or b"{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def middleware() -> list[Middleware]:
    """Return the check for `st.App(..., middleware=…)`."""
    return [Middleware(Login)]
