"""The sidebar in a real browser: a dialog and its buttons, which AppTest cannot press."""

from pathlib import Path

from tests.browser.conftest import App, OpenPage, Tab
from tests.browser.screen import choose, equals, perform, until

MARKED = """() => [...document.querySelectorAll('[data-testid=stSidebar] [class*=st-key-set_]')]
    .filter((n) => getComputedStyle(n.querySelector('label'), '::after').content === '""')
    .map((n) => '.' + [...n.classList].find((c) => c.startsWith('st-key-set_')))"""

WATCH = """  // every value that a number field has shown in any frame
window.shown = {};
const look = () => {
    for (const n of document.querySelectorAll('[class*=st-key-set_] [data-testid=stNumberInput]'))
        (window.shown[n.parentElement.className] ??= new Set())
            .add(n.querySelector('input').value);
    requestAnimationFrame(look);
};
look();
"""
SHOWN = "() => Object.entries(window.shown).map(([name, values]) => [name, ...values])"


def beta(tab: Tab) -> str:
    return str(tab.page.get_by_test_id("stSidebar").get_by_label("β", exact=True).input_value())


def test_a_papers_weight_becomes_our_beta(app: App, open_page: OpenPage, tmp_path: Path) -> None:
    """A mean of 64 cross-entropies plus 0.05 KL is β = 3.2."""
    tab = open_page(app(tmp_path).url, scheme="dark", before=WATCH)
    tab.page.get_by_text("There is no run yet").wait_for()  # all of the page is there
    tab.settle()
    values = until(lambda: [v for v in [tab.page.evaluate(SHOWN)] if len(v) >= 3])[0]
    assert not [field for field in values if len(field) > 2]
    choose(tab.page, ".st-key-preset", "2-D map")
    choose(tab.page, ".st-key-set_data", "digits")
    tab.page.get_by_text("All settings", exact=True).click()
    equals(lambda: beta(tab), "1")
    opener = tab.page.get_by_role("button", name="β in other conventions")
    dialog = tab.page.get_by_role("dialog")
    weight = dialog.get_by_label("w", exact=True)
    perform(lambda: opener.click(timeout=5000), weight.is_visible)
    weight.fill("0.05")
    weight.press("Enter")
    dialog.get_by_role("button", name="Set β = 3.2").click()
    dialog.get_by_text("β = 3.2 elsewhere").wait_for()
    tab.settle()
    box = dialog.bounding_box()
    assert box is not None
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 900
    tab.page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    tab.settle()
    equals(lambda: beta(tab), "3.2")
    assert tab.page.evaluate(MARKED) == [".st-key-set_beta"]
    label = tab.page.locator(".st-key-set_beta [data-testid=stWidgetLabel]")
    label.hover()
    tab.page.get_by_role("tooltip").get_by_text("Weight of the KL").wait_for()
    assert tab.page.locator(".st-key-train button").is_enabled()
    assert not tab.problems
