"""What is written on every page can be read: the contrast of each visible text over what lies
behind it, from the browser's computed styles (WCAG 2.2, 1.4.3: 4.5, and 3 for large text; controls
that are switched off are excepted). And every picture and chart has words for those who do not see
it."""

import shutil
from pathlib import Path

import pytest

from tests.browser.conftest import ROOT, Launch, OpenPage
from tests.browser.screen import until
from vae.palette import COLOURS

RUN = "digits-first-look"
PAGES = sorted(p.stem for p in (ROOT / "pages").glob("*.py"))
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
    const off = 'script, style, [aria-hidden=true], :disabled, [aria-disabled=true]';
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_can_be_read(
    scheme: str, launch: Launch, open_page: OpenPage, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "checkpoints" / RUN, tmp_path / RUN)
    server = launch("app.py", env={"VAE_LAB_ROOT": str(tmp_path)})
    tab = open_page(f"{server.url}/?run={RUN}", scheme=scheme)
    for name in PAGES:
        tab.page.goto(f"{server.url}/{'' if name == 'train' else name}?run={RUN}")
        until(lambda: tab.page.get_by_test_id("stMain").inner_text(), why=name)
        tab.page.wait_for_timeout(500)
        tab.settle()
        seen, poor = until(lambda: _many(tab.page.evaluate(POOR)), why=f"texts on {name}")
        assert not poor, (name, seen)
        assert not tab.page.evaluate(DUMB), name


def _many(found: list) -> list:  # type: ignore[type-arg]
    return found if found[0] > LEAST else []


def test_words_that_are_too_pale_are_found(launch: Launch, open_page: OpenPage) -> None:
    """The measure itself: one grey below the threshold, one above it, one faded to below it."""
    tab = open_page(launch("app.py").url)
    greys = {"#777777": "4.48", "#767676": "", COLOURS["text"][0] + "88": "3."}
    body = "".join(f'<p style="color:{g}">{g}</p>' for g in greys)
    tab.page.set_content(f'<body style="background:#ffffff">{body}</body>')
    seen, poor = tab.page.evaluate(POOR)
    assert seen == 3
    assert len(poor) == 2
    for words, (grey, ratio) in zip(poor, [(g, r) for g, r in greys.items() if r], strict=True):
        assert words.startswith(ratio), words
        assert words.endswith(grey)
