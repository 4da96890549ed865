"""A login at a provider of OpenID Connect: pages and contents open with it, and close without.

It needs Authlib and httpx, which the other tests do not: `pip install 'streamlit[auth]'`.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Launch, Server
from tests.browser.provider import CLIENT, Provider
from tests.pages.conftest import trained

PAGES = ("", "latent", "reconstructions", "compare")
SHELL = ("/static/", "/_stcore/health", "/_stcore/host-config", "/vae/plotly.js", "/favicon.png")


@pytest.fixture
def provider() -> Iterator[Provider]:
    found = Provider({"email": "ann@lab.example", "email_verified": True})
    yield found
    found.shutdown()


@pytest.fixture
def server(launch: Launch, tmp_path: Path, provider: Provider) -> Server:
    pytest.importorskip("authlib")
    trained(tmp_path / "runs", "a-run")
    auth = CLIENT | {
        "redirect_uri": "http://127.0.0.1:{port}/oauth2callback",
        "cookie_secret": "s" * 40,
        "server_metadata_url": f"{provider.url}/.well-known/openid-configuration",
    }
    secrets = tmp_path / "secrets.toml"
    secrets.write_text("\n".join(["[auth]", *(f"{k} = {json.dumps(v)}" for k, v in auth.items())]))
    env = {"VAE_LAB_ROOT": str(tmp_path / "runs"), "VAE_LAB_PEOPLE": "@lab.example"}
    return launch("app.py", "--secrets.files", str(secrets), env=env)


def status(url: str) -> int:
    """The status of an answer to a request without cookies."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def log_in(page: Page, server: Server) -> None:
    page.goto(server.url)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("button", name="Log out")).to_be_attached()


@pytest.mark.long
def test_contents_open_with_a_login_and_close_without(
    server: Server, provider: Provider, chromium: Browser
) -> None:
    """Every address that pages load after the login, besides the shell, is closed to others."""
    context = chromium.new_context()
    page, loaded = context.new_page(), set[str]()
    page.on("response", lambda answer: loaded.add(answer.url))
    page.goto(f"{server.url}/latent?run=a-run")
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    assert "a-run" not in page.inner_text("body")
    log_in(page, server)
    for at in PAGES:
        page.goto(f"{server.url}/{at}?run=a-run")
        expect(page.get_by_role("button", name="Log out")).to_be_attached()
        page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
        page.wait_for_load_state("networkidle")
    paths = {url.removeprefix(server.url) for url in loaded if url.startswith(server.url)}
    contents = {p for p in paths if p.startswith(("/vae/", "/media/", "/_stcore/"))}
    contents = {p for p in contents if not p.startswith(SHELL)}
    assert len([p for p in contents if p.startswith("/vae/")]) > 3
    assert {status(server.url + path) for path in contents} == {403}
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    context.close()


@pytest.mark.long
def test_another_account_of_the_provider_is_not_admitted(
    server: Server, provider: Provider, chromium: Browser
) -> None:
    provider.user = {"email": "eve@other.example", "email_verified": True}
    context = chromium.new_context()
    page = context.new_page()
    log_in(page, server)
    expect(page.get_by_text("not among those whom the owner")).to_be_visible()
    assert "a-run" not in page.inner_text("body")
    cookies = "; ".join(f"{c['name']}={c['value']}" for c in context.cookies())
    request = urllib.request.Request(f"{server.url}/media/x", headers={"Cookie": cookies})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=10)
    context.close()
