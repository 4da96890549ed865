"""The lessons in a real browser, by the keyboard: steps, controls, addresses, lit terms."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import WINDOW, App, OpenPage, Server, Tab, trained
from tests.browser.screen import perform, until
from tests.pages.test_learn import lesson
from vae.base.numbers import typed
from vae.dashboard.learn.lesson import Control, Lesson, Slider
from vae.dashboard.learn.lessons import LESSONS
from vae.dashboard.learn.words.frame import WORDS as FRAME

PROJECTOR = {"width": 1280, "height": 720}
SMALL = {"width": 1024, "height": 576}  # the projector at 125 %
TABS = 60  # presses of the Tab key at most from the top of a page to a control
PICTURE = '[class*="st-key-learn_picture"]'
FORMULA = "[data-testid=stMain] .katex-display"
FADED = f"""() => [...document.querySelectorAll('{PICTURE} .js-plotly-plot *')]
    .filter((part) => part.style.opacity === '0.15').length"""
WIDER = "() => document.scrollingElement.scrollWidth - innerWidth"
STATE = """(inputs) => inputs.filter((input) => input.type === 'range' || input.checked)
    .map((input) => input.value)"""


@pytest.fixture(scope="module")
def server(app: App, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """An app without runs."""
    return app(tmp_path_factory.mktemp("none"))


def focus(page: Page, selector: str) -> None:
    """Press Tab until the keyboard is in an element of `selector`."""
    inside = f"document.activeElement.closest(`{selector}`) !== null"
    for _ in range(TABS):
        if page.evaluate(inside):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"The keyboard does not reach {selector}")


def values(tab: Tab) -> list[str]:
    """The values of the controls on the screen."""
    found: list[str] = tab.page.locator(".vae-controls input").evaluate_all(STATE)
    return found


def parameters(page: Page) -> dict[str, str]:
    """The parameters of the address."""
    search = page.evaluate("location.search")  # `page.url` is not read again while a test waits
    return {name: given[0] for name, given in parse_qs(search.removeprefix("?")).items()}


def written(control: Control, value: Any) -> str | None:
    """A value of a control in the address; None for its start."""
    if value == control.start:
        return None
    return value if isinstance(value, str) else typed(value)


def to_its_ends(tab: Tab, name: str, control: Control) -> None:
    """Move a control to both of its ends, or to each option, with the keyboard."""
    inputs = tab.page.locator(f'.vae-controls input[data-name="{name}"]')
    is_slider = isinstance(control, Slider)
    ends = {"Home": control.low, "End": control.high} if is_slider else {}
    moves = ends.items() if is_slider else [("Space", option) for option in control.options]
    for key, end in moves:
        wanted = written(control, control.accept(end))
        place = inputs if is_slider else inputs.and_(tab.page.locator(f'[value="{end}"]'))

        def press(place: Locator = place, key: str = key) -> None:
            place.focus()
            tab.page.keyboard.press(key)

        def has_arrived(wanted: str | None = wanted) -> bool:
            return parameters(tab.page).get(name) == wanted

        perform(press, has_arrived, why=f"{name}={wanted}")
        tab.settle()


def guess(tab: Tab, language: str) -> None:
    """Put the ring beside the middle of the picture and show the answer, with the keyboard."""
    page = tab.page
    focus(page, PICTURE)
    page.keyboard.press("ArrowRight")
    expect(page.locator(f"{PICTURE} .vae-plot-ring")).to_be_visible()
    page.keyboard.press("Enter")
    show = page.get_by_role("button", name=getattr(FRAME["show"], language))
    expect(show).to_be_enabled()
    show.press("Enter")
    expect(show).to_have_count(0)
    tab.settle()


def walk(tab: Tab, of: Lesson, language: str) -> None:
    """Take every step of a lesson, with every control at both ends."""
    page = tab.page
    for number, step in enumerate(of.steps, 1):
        words = getattr(FRAME["step"], language).format(number=number, total=len(of.steps))
        expect(page.get_by_text(words, exact=True)).to_be_visible()
        page.wait_for_selector(f"{PICTURE} .js-plotly-plot .main-svg")
        if step.guess is not None:
            guess(tab, language)
        for name in step.controls:
            to_its_ends(tab, name, of.controls[name])
        assert not page.locator("[data-testid=stException]").count(), step.name
        assert page.evaluate(WIDER) <= 0, step.name
        if number < len(of.steps):
            focus(page, ".st-key-learn_next")
            page.keyboard.press("Enter")
            tab.settle()


def test_a_lesson_is_walked_by_keyboard(server: Server, open_page: OpenPage) -> None:
    found = lesson("bound")
    tab = open_page(f"{server.url}/bound?step=99&mean=1e8")
    alert = tab.page.locator("[data-testid=stAlert]")
    expect(alert).to_contain_text("mean")
    tab.page.wait_for_selector(f"{PICTURE} .js-plotly-plot .main-svg")
    name = next(iter(found.controls))
    assert parameters(tab.page)["step"] == str(len(found.steps))
    to_its_ends(tab, name, found.controls[name])
    expect(alert).to_have_count(0)
    other = open_page(tab.page.evaluate("location.href"))
    until(lambda: values(other) == values(tab), why="the same values in another tab")
    terms_light(other)
    stage_turns(other)
    third = open_page(f"{server.url}/gaussian_kl?step=5")  # its axes are logarithmic
    guess(third, "en")
    answer = third.page.locator("[data-testid=stMain]")
    expect(answer).to_contain_text(re.compile(r"Your guess: 1\d\d\."))
    assert not tab.problems + other.problems + third.problems


def terms_light(tab: Tab) -> None:
    """The terms of a formula light their parts of the picture, for keyboard and pointer."""
    page = tab.page
    page.wait_for_selector(f"{PICTURE} .js-plotly-plot .main-svg")
    page.wait_for_selector(f"{FORMULA}[tabindex]")
    assert page.evaluate(FADED) == 0
    focus(page, FORMULA)
    faded = [page.evaluate(FADED)]
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        faded.append(page.evaluate(FADED))
    assert max(faded) > 0, faded
    page.keyboard.press("Tab")
    assert page.evaluate(FADED) == 0
    lit = page.locator(".vae-lit")
    page.locator(f"{FORMULA} .katex-html [style*=color]").nth(1).hover()
    expect(lit.first).to_be_visible()
    page.mouse.move(0, 0)
    expect(lit).to_have_count(0)
    curve = page.locator(f"{PICTURE} .annotation", has_text="p(z|x)").first.bounding_box()
    assert curve is not None
    page.mouse.move(curve["x"] + curve["width"] / 2, curve["y"] + curve["height"] / 2)
    expect(lit.first).to_contain_text("KL")


def stage_turns(tab: Tab) -> None:
    """The keys of a presenter's remote turn paragraphs, then steps; nothing is cut."""
    page, button = tab.page, ".st-key-stage_button button"
    page.set_viewport_size(SMALL)
    perform(lambda: page.click(button), lambda: parameters(page).get("stage"))
    steps, paragraphs = page.locator(".st-key-learn_steps"), page.locator(".st-key-learn_text p")
    before = steps.inner_text()
    expect(paragraphs.last).to_be_hidden()
    for _ in range(paragraphs.count() - 1):
        page.keyboard.press("PageDown")
    expect(paragraphs.last).to_be_visible()
    assert steps.inner_text() == before
    perform(lambda: page.keyboard.press("ArrowLeft"), lambda: paragraphs.last.is_hidden())
    for _ in range(paragraphs.count()):
        page.keyboard.press("PageUp")
    until(lambda: steps.inner_text() != before, why="the step before")
    tab.settle()
    for part in (steps, page.locator(PICTURE).first, page.locator(FORMULA).first):
        box = part.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= SMALL["height"]
    perform(lambda: page.keyboard.press("Escape"), lambda: "stage" not in parameters(page))


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", LESSONS)
def test_every_lesson_is_walked_in_both_languages_on_both_screens(
    name: str, app: App, tmp_path: Path, open_page: OpenPage
) -> None:
    trained(tmp_path, "two", "--data", "digits", "--hidden", "16", "--epochs", "2")
    server, found = app(tmp_path), lesson(name)
    for language in ("en", "zh"):
        for size in (WINDOW, PROJECTOR):
            tab = open_page(f"{server.url}/{name}?lang={language}")
            tab.page.set_viewport_size(size)
            walk(tab, found, language)
            other, wanted = open_page(tab.page.evaluate("location.href")), values(tab)
            until(lambda o=other, w=wanted: values(o) == w, why="the same values")
            assert not tab.problems + other.problems, (language, size)
