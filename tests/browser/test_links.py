"""A link opens the view that it was copied from, Back leads to the page before, and a reload keeps
the settings of the sidebar, each tab its own."""

from pathlib import Path

from playwright.sync_api import Dialog, Page

from tests.browser.conftest import App, OpenPage, Tab
from tests.browser.screen import equals, perform, until
from tests.pages.conftest import trained

VIEW = "split=all&points=500&colour=KL&background=density&pins=0.5_-1~1_1&rows=3-40"
COPY = ".vae-copy-link"


def selected(tab: Tab) -> str:
    return tab.page.locator(".st-key-latent_panel strong").first.inner_text()


def latents(page: Page) -> str:
    return page.input_value(".st-key-set_latent_dim input")


def type_latents(tab: Tab, number: str) -> None:
    field = tab.page.locator(".st-key-set_latent_dim input")
    field.fill(number)
    field.press("Enter")
    kept = f"latent_dim%22%3A{number}%"
    until(lambda: any(kept in c["value"] for c in tab.page.context.cookies()), why=kept)
    tab.settle()


def test_a_link_opens_the_view_and_a_reload_loses_nothing(
    app: App, open_page: OpenPage, tmp_path: Path
) -> None:
    trained(tmp_path, "mine")
    server = app(tmp_path)
    tab = open_page(f"{server.url}/latent?run=mine&{VIEW}")
    page = tab.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    until(lambda: "points selected" in selected(tab), why="the rows of the link")
    chosen, address = selected(tab), page.url
    perform(lambda: page.click(COPY), lambda: page.inner_text(COPY) == "Copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    assert "colour=KL" in page.url
    type_latents(tab, "5")
    there = f"{server.url}/samples?run=mine"
    perform(lambda: tab.go("Samples"), lambda: tab.address() == there, why=there)
    page.go_back()
    equals(tab.address, address)
    equals(lambda: selected(tab), chosen)
    page.reload()
    equals(lambda: selected(tab), chosen)
    equals(lambda: latents(page), "5")
    assert page.input_value(".st-key-latent_hue input") == "KL"

    other = Tab(page.context.new_page(), [])
    other.visit(page.evaluate("navigator.clipboard.readText()"))
    equals(lambda: selected(other), chosen)
    equals(lambda: latents(other.page), "5")
    type_latents(other, "7")
    page.reload()
    equals(lambda: latents(page), "5")
    said: list[Dialog] = []
    other.page.on("dialog", lambda dialog: (said.append(dialog), dialog.dismiss()))
    other.page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    perform(lambda: other.page.click(COPY), lambda: said)
    assert said[0].default_value == other.page.url
    other.page.close()
    assert not tab.problems
