"""The login of a shared server: pages, and every address that has contents, are closed without
it."""

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.runtime.secrets import secrets_singleton
from streamlit.testing.v1 import AppTest
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from tests.pages.conftest import MAIN, in_state
from tests.tables import each
from vae.dashboard import login, navigation, plot
from vae.dashboard.shared import tile_route

SECRET, ORIGIN, COOKIE = "s" * 40, "http://localhost:8501", "_streamlit_user"
ANN = {"is_logged_in": True, "origin": ORIGIN, "email": "ann@lab.example", "email_verified": True}
AUTH = {"cookie_secret": SECRET, "redirect_uri": f"{ORIGIN}/oauth2callback"}
SHELL = ["/", "/latent", "/bound", "/static/js/index.js", "/_stcore/health", "/auth/login"]
CONTENTS = [
    "/vae/tile/run/key/0.png",
    "/vae/plot/served/x",
    "/media/abc.png",
    "/_stcore/upload_file/s/f",
    "/_stcore/metrics",
    "/_stcore/agent/interact",
    "/app/static/x",
    "//media/abc.png",
    "/latent/../media/abc.png",
    "/static",
    "/MEDIA/abc.png",
    "/media/a\n",
    "/vae/plotly.js/..",
]


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with a login."""
    monkeypatch.setattr(secrets_singleton, "_secrets", {"auth": AUTH})


def scope(path: str, cookie: str = "") -> dict[str, Any]:
    return {"type": "http", "path": path, "headers": [(b"cookie", cookie.encode("latin-1"))]}


def cookie(user: Any, secret: str = SECRET, name: str = COOKIE) -> str:
    """A cookie as Streamlit signs it."""
    return f"a=b; {COOKIE}={create_signed_value(secret, name, json.dumps(user)).decode()}"


def test_without_a_login_every_address_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets_singleton, "_secrets", {"other": 1})
    assert all(login.is_open(scope(path)) for path in (*SHELL, *CONTENTS))


def test_contents_are_closed_without_a_login(closed: None) -> None:
    assert all(login.is_open(scope(path)) for path in SHELL)
    assert not any(login.is_open(scope(path)) for path in CONTENTS if path != "/static")
    assert all(login.is_open(scope(path, cookie(ANN))) for path in (*SHELL, *CONTENTS))


FORGED = [
    "",
    COOKIE,
    f"{COOKIE}={json.dumps(ANN)}",
    cookie(ANN, secret="t" * 40),
    cookie(ANN, name="_streamlit_user_tokens"),
    cookie(ANN)[:-2],
    cookie(ANN | {"origin": "http://localhost:9000"}),
    cookie({k: v for k, v in ANN.items() if k != "origin"}),
    cookie(ANN | {"is_logged_in": False}),
    cookie(ANN | {"is_logged_in": "yes"}),
    cookie([ANN]),
    cookie("chunks-3"),
    f"{COOKIE}=\xff; {COOKIE}=",
    f'{COOKIE}="\\377"; \x00',
]


@each("forged", FORGED, ids=repr)
def test_a_forged_cookie_opens_nothing(forged: str, closed: None) -> None:
    assert not login.is_open(scope("/media/abc.png", forged))


PEOPLE = [
    ("", {"email": None}, True),
    ("ann@lab.example", {}, True),
    (" @lab.example , bob@other", {"email": "ANN@Lab.Example"}, True),
    ("bob@lab.example", {}, False),
    ("@example", {}, False),
    ("@lab.example", {"email_verified": False}, False),
    ("@lab.example", {"email_verified": "true"}, False),
    ("@lab.example", {"email_verified": None}, False),
    ("@lab.example", {"email": "ann@lab.example.evil"}, False),
    ("@lab.example", {"email": "@lab.example"}, False),
    ("@lab.example", {"email": ["ann@lab.example"]}, False),
    ("@", {"email": "ann@"}, False),
]


@each(("people", "user", "admitted"), PEOPLE, ids=repr)
def test_named_people_are_admitted_with_a_verified_address(
    people: str, user: dict[str, Any], admitted: bool, closed: None
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(login.VARIABLE, people)
        assert login.is_open(scope("/media/abc.png", cookie(ANN | user))) == admitted


def test_every_route_with_contents_is_closed(closed: None) -> None:
    """The routes of VAE Lab; a new one is closed unless it is added here."""
    routes = [*plot.routes(), *tile_route.routes(), *navigation.routes()]
    addresses = [route.path.replace("{", "").replace("}", "") for route in routes]
    assert {path for path in addresses if login.is_open(scope(path))} == {
        "/vae/plotly.js",
        "/train",
    }


def test_secrets_that_cannot_be_read_close_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Streamlit takes them for no secrets, and would open it."""
    broken = tmp_path / "secrets.toml"
    broken.write_text("[auth")
    monkeypatch.setattr(login.st, "get_option", lambda name: [str(broken)])
    assert login.is_configured()
    assert not login.is_open(scope("/media/abc.png", cookie(ANN)))


def test_a_short_secret_closes_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that can be guessed signs every cookie."""
    monkeypatch.setattr(secrets_singleton, "_secrets", {"auth": AUTH | {"cookie_secret": "xxx"}})
    assert not login.is_open(scope("/media/abc.png", cookie(ANN, secret="xxx")))


@pytest.mark.parametrize("page", ["train.py", "compare.py", "learn/bound.py"])
def test_a_page_shows_the_login_and_nothing_else(page: str, root: Path, closed: None) -> None:
    in_state(root, "queued")
    at = AppTest.from_file(str(MAIN), default_timeout=60)
    at.query_params["run"] = "a-queued-run"
    if page != "train.py":
        at.switch_page(f"../../pages/{page}")
    at.run()
    assert not at.exception
    assert [button.key for button in at.button] == ["login"]
    assert not [*at.sidebar.children.values(), *at.selectbox, *at.text_input]
    assert "a-queued-run" not in str(at.main)
    at.button(key="login").click().run()
    assert not at.exception
    assert [button.key for button in at.button] == ["login"]
