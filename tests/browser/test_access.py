"""Every page can be read, and used without a mouse.

The contrast of each visible text with its background, from the browser's computed styles (WCAG
2.2, 1.4.3: 4.5, and 3 for large text; controls that are switched off are excepted). Every picture
and chart has a text alternative. Tab reaches every control (2.1.1), leaves it again (2.1.2), and
the focus is visible (2.4.7). A change of one node is cheap: a `:has()` rule with an unnamed
subject once made the browser style the whole page again, 8 ms for every text that changed.
"""

import json
import shutil
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import ROOT, App, Tab
from tests.browser.screen import equals, until
from vae.dashboard import navigation
from vae.figures.palette import COLOURS

RUN = "digits-first-look"
PAGES = [title for pages in navigation.in_row().values() for title in pages]
LEAST = 12  # texts that a page has at least
POOR = """() => {
    const pen = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const rgba = (colour) => {
        pen.clearRect(0, 0, 1, 1);
        pen.fillStyle = '#000';
        pen.fillStyle = colour;
        pen.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = (top, under) => under.map((v, k) => top[k] * top[3] + v * (1 - top[3]));
    const luminance = (c) => {
        const [r, g, b] = c.map((v) => v / 255 <= 0.04045
            ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const parents = (node) => node ? [node, ...parents(node.parentElement)] : [];
    const ground = (node) => parents(node)
        .map((n) => rgba(getComputedStyle(n).backgroundColor))
        .reverse().reduce((under, top) => over(top, under), [255, 255, 255]);
    const off = 'script, style, [aria-hidden=true], :disabled, [aria-disabled=true], '
        + '.katex-mathml';
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const poor = [];
    let seen = 0;
    while (walker.nextNode()) {
        const node = walker.currentNode.parentElement, words = walker.currentNode.data.trim();
        const shown = { opacityProperty: true, visibilityProperty: true };
        if (!words || node.closest(off) || !node.checkVisibility(shown)) continue;
        if (node.closest('label')?.querySelector(':disabled')) continue;
        const style = getComputedStyle(node), drawn = node instanceof SVGElement;
        const ink = rgba(drawn ? style.fill : style.color);
        for (const n of parents(node)) ink[3] *= getComputedStyle(n).opacity;
        const under = ground(node);
        const [low, high] = [luminance(over(ink, under)), luminance(under)].sort((a, b) => a - b);
        const ratio = (high + 0.05) / (low + 0.05), size = parseFloat(style.fontSize);
        const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
        seen += 1;
        if (ratio < (large ? 3 : 4.5)) poor.push(`${ratio.toFixed(2)}: ${words.slice(0, 50)}`);
    }
    return [seen, [...new Set(poor)]];
}"""
DUMB = """() => [
    ...[...document.querySelectorAll('img:not([alt])')],
    ...[...document.querySelectorAll('.js-plotly-plot')].filter((n) => !n.closest('[aria-label]')),
    ...[...document.querySelectorAll('canvas')].filter((n) => n.checkVisibility()
        && !n.closest('[aria-label], [data-testid=stDataFrame]')),
].map((n) => n.outerHTML.slice(0, 120))"""


CONTROLS = """() => {  // what can be used: its number, and how it begins
    const all = 'button, a[href], input, textarea, summary, [tabindex="0"]';
    const off = '[aria-hidden=true], [aria-disabled=true], [inert], [hidden]';
    const used = (n) => n.checkVisibility({ visibilityProperty: true }) && !n.disabled
        && !n.closest(off) && n.getBoundingClientRect().width > 1;
    return [...document.querySelectorAll(all)].filter(used).map((n, k) => {
        n.dataset.control = k;
        return n.outerHTML.slice(0, 200);
    });
}"""
FOCUS = """() => {  // which of them has the focus, which arrow keys come to from there, is it seen
    let n = document.activeElement;
    while (n.shadowRoot?.activeElement) n = n.shadowRoot.activeElement;
    const group = '[role=radiogroup], [role=toolbar], [role=tablist]';
    if (n === document.body) return null;
    const parents = (e, most) => e && most ? [e, ...parents(e.parentElement, most - 1)] : [];
    const ringed = ({ outlineStyle, outlineWidth, boxShadow, borderColor }) =>
        (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0)
        || boxShadow !== 'none' || borderColor === '%s';
    const own = n.closest('main[tabindex]') === n || n.closest('[data-testid=stDataFrame]');
    const seen = own || parents(n, 4).some((e) => ringed(getComputedStyle(e)));
    const widget = n.closest(`${group}, [data-testid=stElementContainer]`);
    const beside = [...widget?.querySelectorAll('[data-control]') ?? []]
        .filter((e) => e.tabIndex < 0 || e.closest(group)).map((e) => e.dataset.control);
    const named = n.closest('canvas') ?? n;  // a cell of a table counts as its canvas
    return [named.dataset.control ?? null, beside, !!seen, n.outerHTML.slice(0, 200)];
}"""
FIRST = """() => {  // begin with the page's first control, not after the link that led here
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute('tabindex');
}"""
GROUND = "() => getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
PRESSES = 300  # of Tab, on any page
FIT = (Path(__file__).parent / "fit.js").read_text("utf-8")
SMALL = ((1024, 576), (390, 844))  # a projector with 125 %, and a phone
SIZES = ((1440, 900), (1280, 720))


@pytest.fixture(scope="module")
def loaded(app: App, module_tab: Tab, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The app with a finished run, in the module's window."""
    root = tmp_path_factory.mktemp("runs")
    shutil.copytree(ROOT / "checkpoints" / RUN, root / RUN)
    module_tab.visit(f"{app(root).url}/?run={RUN}")


@pytest.mark.long
def test_tab_leads_through_a_popover_and_escape_back_to_its_button(loaded: None, tab: Tab) -> None:
    page, inside = tab.page, "document.activeElement.closest('[data-testid=stPopoverBody]')"
    _open(tab, PAGES[0])
    page.locator(".st-key-add_epochs button").filter(visible=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-testid=stPopoverBody] button")
    walk = []
    for _ in range(4):
        page.keyboard.press("Tab")
        walk.append(page.evaluate(f"{inside} !== null"))
    assert walk == [True, True, True, False]
    page.keyboard.press("Escape")
    focus = "document.activeElement.textContent"
    until(lambda: page.evaluate(focus).startswith("Add epochs"), why="the button")


CHANGE = """async () => {  // a node comes and goes
    const main = document.querySelector('[data-testid=stMainBlockContainer]');
    const place = [...main.querySelectorAll('p, span')].at(-1), node = document.createElement('i');
    place.append(node);
    await new Promise(requestAnimationFrame);
    node.remove();
    await new Promise(requestAnimationFrame);
    return document.querySelectorAll('*').length;
}"""


LINKS = """() => [...document.querySelectorAll(
    '.st-key-navigation :is(a, .vae-copy-link)')].map((link) => {
    const { left, right, top, bottom } = link.getBoundingClientRect();
    const at = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
    const p = link.querySelector('p') ?? link;
    const whole = p.scrollWidth <= p.parentElement.clientWidth;
    return [link.textContent, link.contains(at) && whole, left, right];
})"""


@pytest.mark.parametrize("size", [(1440, 900), (1280, 720), (1024, 576), (390, 844)])
def test_the_row_shows_every_page(size: tuple[int, int], loaded: None, tab: Tab) -> None:
    """Whole words that nothing covers or cuts, one beside another; on a phone the row scrolls."""
    tab.page.set_viewport_size({"width": size[0], "height": size[1]})
    until(lambda: len(tab.page.evaluate(LINKS)) > len(PAGES), why="all links")
    links = tab.page.evaluate(LINKS)
    assert [title for title, *_ in links] == [*PAGES, "Copy link"]
    assert all(a[3] <= b[2] for a, b in pairwise(links))
    below = tab.page.get_by_test_id("stHeader").evaluate(
        "n => getComputedStyle(n).backgroundColor"
    )
    assert below == tab.page.evaluate(GROUND), "the page that scrolls shows behind the row"
    if size[0] > 640:
        assert all(is_seen for _, is_seen, *_ in links), links
        return
    tab.go(PAGES[-1])
    until(lambda: tab.page.evaluate(LINKS)[-2][1], why="the last link in sight")
    tab.go(PAGES[0])


@pytest.mark.parametrize("title", PAGES)
def test_a_page_can_be_read_and_used_without_a_mouse(title: str, loaded: None, tab: Tab) -> None:
    _open(tab, title)
    assert not tab.page.evaluate(DUMB)
    until(lambda: _share_styled(tab.page) < 0.2, seconds=10, why="a cheap change of a node")
    _read(tab)
    _skip(tab)
    _use(tab, with_sidebar=title == PAGES[0])  # it is the same on all: once is enough
    _fit(tab, SMALL[1:])
    tab.page.emulate_media(color_scheme="dark")
    ground = _rgb(COLOURS["background"][1])
    until(lambda: tab.page.evaluate(GROUND) == ground, why="the dark scheme")
    _read(tab)


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("title", PAGES)
def test_no_text_is_cut_at_any_size(title: str, scheme: str, loaded: None, tab: Tab) -> None:
    tab.page.emulate_media(color_scheme=scheme)
    _open(tab, title)
    _fit(tab, SIZES + SMALL)


def _open(tab: Tab, title: str) -> None:
    """Follow the link to a page, and wait until it is complete."""
    main = tab.page.get_by_test_id("stMain")
    link = tab.page.get_by_role("link", name=title, exact=True).first
    if link.get_attribute("aria-current") != "page":
        before = main.inner_text()
        tab.go(title)
        until(lambda: main.inner_text() not in ("", before), why=title)
    until(lambda: _steady(tab.page), why="controls that stay")
    tab.settle()


def _share_styled(page: Page) -> float:
    """The share of the page's elements that the browser styles again when one node changes."""
    browser = page.context.browser
    assert browser is not None
    browser.start_tracing(page=page, categories=["devtools.timeline"])
    elements = page.evaluate(CHANGE)
    events = json.loads(browser.stop_tracing())["traceEvents"]
    styled = [e["args"].get("elementCount", 0) for e in events if e["name"] == "UpdateLayoutTree"]
    return max(styled, default=elements) / elements


def _fit(tab: Tab, sizes: tuple[tuple[int, int], ...]) -> None:
    """No text is cut, no word broken, no text lies over another, nothing scrolls sideways."""
    for width, height in sizes:
        tab.page.set_viewport_size({"width": width, "height": height})
        equals(partial(tab.page.evaluate, FIT), [])
    tab.reset()


def _read(tab: Tab) -> None:
    """Assert that every text is readable once everything is drawn in this scheme."""
    equals(lambda: _poor(tab.page), [])


def _poor(page: Page) -> list[str]:
    """Return the texts with too little contrast."""
    seen, poor = page.evaluate(POOR)
    return list(poor) if seen > LEAST else [f"only {seen} texts"]


def _skip(tab: Tab) -> None:
    """The first link of the page leads past the row of pages (2.4.1)."""
    tab.page.evaluate(FIRST)
    tab.page.get_by_test_id("stSkipToContent").press("Enter")
    tab.page.keyboard.press("Tab")
    where = "[...document.querySelectorAll('[data-testid=stMain], .st-key-navigation')]"
    inside = f"{where}.map((part) => part.contains(document.activeElement))"
    assert tab.page.evaluate(inside) == [True, False]


def _use(tab: Tab, with_sidebar: bool) -> None:
    tab.page.evaluate(
        f"document.querySelector('[data-testid=stSidebar]').inert = {int(not with_sidebar)}"
    )
    tab.page.evaluate(FIRST)
    controls = tab.page.evaluate(CONTROLS)
    assert len(controls) > LEAST
    reached, unseen = _tabbed(tab.page, FOCUS % _rgb(COLOURS["accent"][0]))
    missed = [html for k, html in enumerate(controls) if str(k) not in reached]
    assert not missed
    assert not unseen


def _rgb(colour: str) -> str:
    """Return a colour in the notation of a browser."""
    return f"rgb{tuple(int(colour[k : k + 2], 16) for k in (1, 3, 5))}"


def _steady(page: Page) -> list[str]:
    """Return the controls, if they are unchanged a moment later."""
    first = page.evaluate(CONTROLS)
    page.wait_for_timeout(300)
    return first if page.evaluate(CONTROLS) == first else []


def _tabbed(page: Page, script: str) -> tuple[set[str], list[str]]:
    """Return the controls reached by Tab, or by arrow keys from there, and those without visible
    focus, up to the end of the page or the first control again."""
    first, reached, unseen = "", set[str](), []
    for _ in range(PRESSES):
        page.keyboard.press("Tab")
        if not (found := page.evaluate(script)):
            break
        own, beside, seen, html = found
        if own and own == first:
            break
        first = first or own or ""
        reached |= {own, *beside}
        if not seen and not any(_seen_later(page, script) for _ in range(20)):
            unseen.append(html)
    return reached, unseen


def _seen_later(page: Page, script: str) -> bool:
    """Whether the focus is visible a moment later, because some fields draw their border after the
    event."""
    page.wait_for_timeout(100)
    return bool(page.evaluate(script)[2])


def test_text_with_too_little_contrast_is_found(chromium: Browser) -> None:
    """One grey is below the threshold, one above it, and one faded to below it."""
    page = chromium.new_page()
    greys = {"#777777": "4.48", "#767676": "", COLOURS["text"][0] + "88": "3."}
    body = "".join(f'<p style="color:{g}">{g}</p>' for g in greys)
    page.set_content(f'<body style="background:#ffffff">{body}</body>')
    seen, poor = page.evaluate(POOR)
    page.close()
    assert seen == 3
    assert len(poor) == 2
    for words, (grey, ratio) in zip(poor, [(g, r) for g, r in greys.items() if r], strict=True):
        assert words.startswith(ratio), words
        assert words.endswith(grey)


def test_texts_of_a_chart_that_overlap_or_are_cut_are_found(chromium: Browser) -> None:
    """Of six texts two lie over one another, one leaves the drawing and one leaves its clip."""
    page = chromium.new_page()
    places = {"clear": (10, 20), "under": (10, 60), "over": (20, 62), "outside": (180, 100)}
    texts = "".join(f'<text x="{x}" y="{y}">{word}</text>' for word, (x, y) in places.items())
    clip = '<clipPath id="plot"><rect x="0" y="110" width="60" height="80"/></clipPath>'
    inner = '<text x="10" y="140">in</text><text x="40" y="180">clipped</text>'
    drawing = f'{clip}{texts}<g clip-path="url(#plot)">{inner}</g>'
    page.set_content(
        f'<div data-testid="stMain"><div data-testid="stElementContainer"><svg width="200" '
        f'height="200" style="overflow: hidden">{drawing}</svg></div></div>'
    )
    found = page.evaluate(FIT)
    page.close()
    assert [line.partition(" in ")[0] for line in sorted(found)] == ["cut", "cut", "overlap"]
    assert all(any(word in line for line in found) for word in ("over", "outside", "clipped"))


@pytest.mark.parametrize(("ground", "found"), [("rgb(9, 9, 9)", []), ("transparent", ["overlap"])])
def test_an_opaque_bar_at_the_lower_edge_may_lie_over_a_text_that_scrolls(
    ground: str, found: list[str], chromium: Browser
) -> None:
    page = chromium.new_page(viewport={"width": 300, "height": 200})
    text = "".join(f"<p>line {k} of a long text</p>" for k in range(30))
    bar = f"position: sticky; bottom: 0; background: {ground}"
    page.set_content(
        f'<div data-testid="stMain" style="height: 180px; overflow: auto">{text}'
        f'<div data-testid="stLayoutWrapper" style="{bar}">'
        f"{'way on ' * 20}</div></div>"
    )
    said = page.evaluate(FIT)
    page.close()
    assert sorted({line.partition(" in ")[0] for line in said}) == found
