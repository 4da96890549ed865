"""The live chart in a real browser: zoom, legend and selection last while its data change."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Launch, OpenPage, Server, Tab
from tests.browser.screen import equals, perform, until
from vae.dashboard.plot import MODULES_AT
from vae.figures.palette import COLOURS

CHART = ".vae-plot-chart.js-plotly-plot"
POINTS = "gd => gd._fullData[0].x.length"
X = "gd => gd._fullLayout.xaxis.range"
SHOWN = """gd => {  // pixels from the plot's left to the points that the zoom has left
    const axis = gd._fullLayout.xaxis;
    return [...gd._fullData[0].x].map(x => axis.d2p(x)).filter(x => x > 0 && x < axis._length);
}"""
CROWDED = """chart => {  // [row, x, y]: of the points within 2.5 pixels of (x, y) the nearest
    const gd = document.querySelector(chart), { xaxis, yaxis } = gd._fullLayout;
    const box = gd.getBoundingClientRect();
    const at = (row) => [box.x + xaxis._offset + xaxis.d2p(gd._fullData[row % 2].x[row >> 1]),
                         box.y + yaxis._offset + yaxis.d2p(gd._fullData[row % 2].y[row >> 1])];
    const all = Array.from({ length: 3000 }, (_, row) => at(row));
    const found = [];
    for (let row = 0; row < 3000 && found.length < 6; row++) {
        const [x, y] = all[row].map(Math.round);     // where a mouse can be
        const far = all.map((p) => Math.hypot(p[0] - x, p[1] - y));
        const others = far.filter((d, i) => i !== row && d < 2.5);
        if (others.length && Math.min(...others) > far[row] + 0.5) found.push([row, x, y]);
    }
    return found;
}"""
NO_WEBGL = """const real = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  return /webgl/.test(kind) ? null : real.call(this, kind, ...rest);
};"""
FIND_SOCKET = """() => {
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (data) {
        window.socket = this;
        send.call(this, data);
    };
}"""


@pytest.fixture(scope="module")
def server(launch: Launch) -> Server:
    return launch("tests/browser/plot_demo.py")


@pytest.fixture(scope="module")
def loaded(server: Server, module_tab: Tab) -> None:
    """The demo in the module's window."""
    module_tab.visit(server.url)


@pytest.fixture
def demo(loaded: None, tab: Tab) -> Callable[..., Page]:
    """Reset a page of the demo, open it, and wait for its chart."""

    def open_(name: str, drawn: bool = True) -> Page:
        number = tab.page.get_by_text(re.compile(r"^anew \d+$"))
        perform(lambda: tab.go("anew"), number.is_visible, why="the page anew")
        expect(tab.page.locator(".vae-plot")).to_have_count(0)
        tab.go(name)
        if drawn:
            tab.page.wait_for_selector(f"{CHART} .nsewdrag")
        return tab.page

    return open_


def follow(page: Page, name: str) -> None:
    """Go to another page whose chart is in view at once."""
    chart = page.locator(CHART).element_handle()
    page.get_by_role("link", name=name, exact=True).click()
    page.wait_for_function("chart => !chart.isConnected", arg=chart)
    page.wait_for_selector(f"{CHART} .nsewdrag")


def ask(page: Page, question: str) -> Any:
    return page.eval_on_selector(CHART, question)


def wait(page: Page, condition: str) -> None:
    page.wait_for_function(holds(condition))


def holds(condition: str) -> str:
    """Return a question about the chart, false while there is none."""
    return f"(gd => gd !== null && ({condition})(gd))(document.querySelector('{CHART}'))"


def grow(page: Page, ticks: int = 1) -> None:
    wait(page, f"gd => gd._fullData[0].x.length >= {ask(page, POINTS) + 20 * ticks}")


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag from one place of the plot to another; places are shares of its width and height."""
    box = page.locator(".nsewdrag").first.bounding_box()
    (x0, y0), (x1, y1) = (
        (box["x"] + at[0] * box["width"], box["y"] + at[1] * box["height"]) for at in (start, end)
    )
    page.mouse.move(x0, y0)
    page.mouse.down()
    page.mouse.move((x0 + x1) / 2, (y0 + y1) / 2, steps=4)
    page.mouse.move(x1, y1, steps=4)
    page.mouse.up()


def zoom(page: Page) -> list[float]:
    seen = holds(f"gd => gd._fullLayout.xaxis.range[0] > {ask(page, X)[0]} + 0.1")
    perform(lambda: drag(page, (0.3, 0.2), (0.6, 0.7)), lambda: page.evaluate(seen))
    return ask(page, X)


def double_click(page: Page, where: tuple[float, float], condition: str) -> None:
    """Two clicks at an offset in pixels from the plot's corner. On a busy machine they can be too
    far apart in time for a double click."""
    box = page.locator(".nsewdrag").first.bounding_box()
    x, y = box["x"] + where[0], box["y"] + where[1]
    perform(lambda: page.mouse.dblclick(x, y), lambda: page.evaluate(holds(condition)))


def place(page: Page, row: int) -> tuple[float, float]:
    """Return the screen place of the point of `row` (the map has even and odd rows in two
    traces)."""
    return tuple(
        page.eval_on_selector(
            CHART,
            """(gd, row) => {
              const [trace, i] = [gd._fullData[row % 2], Math.floor(row / 2)];
              const [x, y] = [gd._fullLayout.xaxis, gd._fullLayout.yaxis];
              const box = gd.getBoundingClientRect();
              const [left, top] = [box.x + x._offset, box.y + y._offset];
              return [left + x.c2p(trace.x[i]), top + y.c2p(trace.y[i])];
            }""",
            row,
        )
    )


def loneliest(page: Page, low: int, high: int) -> int:
    """Return the row in [low, high) that is farthest from its nearest neighbour, so that none
    hides it."""
    return page.eval_on_selector(
        CHART,
        """(gd, [low, high]) => {
          const at = (row) => [0, 1].map((k) => gd._fullData[row % 2]['xy'[k]][row >> 1]);
          const all = Array.from({ length: 3000 }, (_, row) => at(row));
          let best = [-1, low];
          for (let row = low; row < high; row++) {
            const [x, y] = all[row];
            const far = ([u, v], k) => k === row ? 9 : Math.hypot(u - x, v - y);
            const near = Math.min(...all.map(far));
            if (near > best[0]) best = [near, row];
          }
          return best[1];
        }""",
        [low, high],
    )


def rows_marked(page: Page) -> list[int]:
    return ask(
        page,
        "gd => gd._fullData.flatMap((t, k) => [...(t.selectedpoints ?? [])].map(i => 2 * i + k))"
        ".sort((a, b) => a - b)",
    )


def selected(page: Page) -> int:
    text = page.get_by_text(re.compile(r"^selected \d+")).inner_text()
    return int(re.findall(r"\d+", text)[0])


def settle(page: Page) -> None:
    """Wait until a run of the script has begun and ended."""
    page.wait_for_timeout(300)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


def select_box(page: Page) -> list[int]:
    page.locator("[data-title='Box Select']").click()
    said = page.get_by_text(re.compile(r"^selected [1-9]"))
    perform(lambda: drag(page, (0.4, 0.2), (0.55, 0.6)), said.is_visible)
    return rows_marked(page)


def test_an_update_is_drawn_once(demo: Callable[..., Page]) -> None:
    page = demo("train")
    count = "drawn.push(gd._fullData[0].x.length)"
    ask(page, f"gd => {{ window.drawn = []; gd.on('plotly_afterplot', () => {count}); }}")
    for _ in range(2):
        grow(page)
    drawn = page.evaluate("drawn")
    assert len(drawn) > 1
    assert drawn == sorted(set(drawn))


def test_zoom_legend_and_hover_survive_updates(demo: Callable[..., Page]) -> None:
    page = demo("train")
    kept = zoom(page)
    hidden = holds("gd => gd._fullData[1].visible === 'legendonly'")
    perform(page.locator(".legendtoggle").last.click, lambda: page.evaluate(hidden))
    box = page.locator(".nsewdrag").first.bounding_box()
    label = page.locator(f"{CHART} .hoverlayer .legend")
    across = box["x"] + ask(page, SHOWN)[1]  # only near a point is there anything to tell

    def point_there() -> None:
        page.mouse.move(across, box["y"] + 120)
        page.mouse.move(across, box["y"] + 100, steps=5)

    perform(point_there, label.count)
    grow(page, 2)
    assert ask(page, X) == pytest.approx(kept)
    assert ask(page, "gd => gd._fullData.map(t => t.visible)") == [True, "legendonly"]
    expect(label).to_have_count(1)
    follow(page, "latent")
    follow(page, "train")
    assert ask(page, X) == pytest.approx(kept)
    assert ask(page, "gd => gd._fullData.map(t => t.visible)") == [True, "legendonly"]
    double_click(page, (200, 100), "gd => gd._fullLayout.xaxis.autorange === true")
    grow(page)
    assert ask(page, "gd => gd._fullLayout.xaxis.autorange") is True
    assert ask(page, "gd => gd._fullData[1].visible") == "legendonly"


def test_an_update_does_not_interrupt_a_drag(demo: Callable[..., Page]) -> None:
    page = demo("train")
    page.locator("[data-title='Pan']").click()
    box = page.locator(".nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 250, box["y"] + 60, steps=3)
    begun = ask(page, X)
    drawn = ask(page, POINTS)
    sent = page.get_by_text(re.compile(r"^\d+ points$"))
    until(lambda: int(sent.inner_text().split()[0]) >= drawn + 60, why="two updates")
    assert ask(page, POINTS) == drawn
    page.mouse.move(box["x"] + 200, box["y"] + 60, steps=3)
    page.mouse.up()
    kept = ask(page, X)
    assert kept[0] > begun[0]
    assert kept[1] - kept[0] == pytest.approx(begun[1] - begun[0])
    grow(page)
    assert ask(page, X) == pytest.approx(kept)
    assert ask(page, "gd => gd._fullLayout.dragmode") == "pan"


def test_the_scale_survives_updates_and_a_new_scale_resets_the_range(
    demo: Callable[..., Page],
) -> None:
    page = demo("train")
    logarithmic = holds("gd => gd._fullLayout.yaxis.type === 'log'")
    perform(page.locator(".updatemenu-button").last.click, lambda: page.evaluate(logarithmic))
    kept = zoom(page)
    grow(page)
    assert ask(page, "gd => gd._fullLayout.yaxis.type") == "log"
    assert ask(page, "gd => gd._fullLayout.updatemenus[0].active") == 1
    assert ask(page, X) == pytest.approx(kept)
    page.get_by_text("Log scale").click()
    wait(page, "gd => gd.layout.yaxis.type === 'log' && gd._fullLayout.yaxis.autorange === true")
    assert ask(page, X) == pytest.approx(kept)
    zoom_y = "gd => gd._fullLayout.yaxis.autorange"
    zoom(page)
    assert ask(page, zoom_y) is not True
    page.get_by_text("Log scale").click()
    wait(page, "gd => gd._fullLayout.yaxis.type === 'linear'")
    assert ask(page, zoom_y) is True


@pytest.mark.parametrize("name", ["latent", "tabs"])  # large and small: Streamlit caches the large
def test_an_unchanged_figure_is_not_drawn_again(demo: Callable[..., Page], name: str) -> None:
    page = demo(name, drawn=False)
    if name == "tabs":
        page.get_by_role("tab", name="Second").click()
    page.wait_for_selector(f"{CHART} .nsewdrag")
    ask(page, "gd => { window.draws = 0; gd.on('plotly_afterplot', () => window.draws++); }")
    page.evaluate(FIND_SOCKET)
    page.get_by_role("button", name="Run again").click()
    settle(page)
    page.evaluate("window.socket.close(); window.closed = window.socket")
    page.wait_for_function("window.socket !== window.closed")  # everything is sent anew
    settle(page)
    page.wait_for_timeout(300)
    assert page.evaluate("window.draws") == 0
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("window.draws > 0")


def test_a_selection_follows_its_rows_until_a_double_click(demo: Callable[..., Page]) -> None:
    page = demo("latent")
    rows = select_box(page)
    assert selected(page) == len(rows) > 10
    first = ask(page, "gd => gd._fullData[0].x[0]")
    page.get_by_role("button", name="Move the points").click()
    wait(page, f"gd => gd._fullData[0].x[0] !== {first}")
    assert rows_marked(page) == rows
    assert selected(page) == len(rows)
    page.get_by_text("b", exact=True).click()
    page.wait_for_selector("text=selected 0")
    page.get_by_text("a", exact=True).click()
    page.wait_for_selector(f"text=selected {len(rows)}")
    assert rows_marked(page) == rows
    page.get_by_role("link", name="tabs").click()
    page.get_by_role("tab", name="Second").wait_for()
    page.get_by_role("link", name="latent").click()
    page.wait_for_selector(f"text=selected {len(rows)}")
    assert rows_marked(page) == rows
    double_click(page, (10, 10), "gd => gd._fullData.every(t => !t.selectedpoints?.length)")
    page.wait_for_selector("text=selected 0")
    assert rows_marked(page) == []


def test_clicks_name_the_row_or_the_place(demo: Callable[..., Page]) -> None:
    page = demo("latent")
    row = loneliest(page, 0, 3000)
    said = page.get_by_text(f"row={row}").first
    perform(lambda: page.mouse.click(*place(page, row)), said.is_visible)
    box = page.locator(".nsewdrag").first.bounding_box()
    said = page.get_by_text("trace=None, row=None").first
    page.wait_for_timeout(400)  # or both clicks together are a double click
    perform(lambda: page.mouse.click(box["x"] + 5, box["y"] + 5), said.is_visible)


def test_hover_shows_the_picture_or_the_label_alone(demo: Callable[..., Page]) -> None:
    page = demo("latent")
    picture, label = page.locator(".vae-plot-tip img"), page.locator(".vae-plot-tip span")
    row = loneliest(page, 1, 50)
    perform(lambda: page.mouse.move(*place(page, row), steps=2), label.is_visible)
    expect(label).to_have_text(f"#{row}")
    expect(picture).to_be_visible()
    assert f"/vae/tile/demo/{row}.png" in picture.get_attribute("src")
    without = loneliest(page, 50, 3000)
    moved = lambda: label.inner_text() == f"#{without}"  # noqa: E731
    perform(lambda: page.mouse.move(*place(page, without), steps=2), moved)
    expect(label).to_have_text(f"#{without}")
    expect(picture).to_be_hidden()
    page.mouse.move(5, 5)
    expect(label).to_be_hidden()


def test_without_webgl_points_are_drawn_and_the_nearest_is_hovered(
    server: Server, open_page: OpenPage
) -> None:
    tab = open_page(f"{server.url}/latent", before=NO_WEBGL)
    page, label = tab.page, tab.page.locator(".vae-plot-tip span")
    page.wait_for_selector(f"{CHART} .nsewdrag")
    assert ask(page, "gd => gd._fullData.map(t => t.type)") == ["scatter", "scatter"]
    assert page.locator(".vae-plot .scatterlayer path.point").count() == 3000
    crowded = page.evaluate(CROWDED, CHART)
    assert len(crowded) == 6
    for row, x, y in crowded:
        perform(partial(_come_to, page, x, y), lambda row=row: label.inner_text() == f"#{row}")
    assert not tab.problems


def _come_to(page: Page, x: float, y: float) -> None:
    page.mouse.move(x + 40, y)
    page.mouse.move(x, y, steps=8)


def test_colours_follow_the_theme_also_while_it_changes(demo: Callable[..., Page]) -> None:
    page = demo("train")
    lines = "gd => gd._fullData.map(t => t.line.color)"
    assert ask(page, lines) == [COLOURS["reconstruction"][0], COLOURS["kl"][0]]
    assert ask(page, "gd => gd._fullData[1].fillcolor").endswith("0.15)")
    page.emulate_media(color_scheme="dark")
    equals(lambda: ask(page, lines), [COLOURS["reconstruction"][1], COLOURS["kl"][1]])
    follow(page, "latent")  # where no update comes by itself
    prior = "gd => gd._fullLayout.shapes[0].line.color"
    assert ask(page, prior) == COLOURS["prior"][1]
    kept = zoom(page)
    page.emulate_media(color_scheme="light")
    equals(lambda: ask(page, prior), COLOURS["prior"][0])
    assert ask(page, X) == pytest.approx(kept)


def test_many_points_are_drawn_with_webgl_and_classes_get_ten_flat_colours(
    demo: Callable[..., Page],
) -> None:
    page = demo("latent")
    assert ask(page, "gd => gd._fullData.map(t => t.type)") == ["scattergl", "scattergl"]
    assert page.locator(".vae-plot .scatterlayer path.point").count() == 0
    scale = ask(page, "gd => gd._fullData[0].marker.colorscale")
    assert [colour for _, colour in scale[::2]] == [COLOURS[f"class{k}"][0] for k in range(10)]
    assert scale[::2] != scale[1::2]
    limits = ask(page, "gd => [gd._fullData[0].marker.cmin, gd._fullData[0].marker.cmax]")
    assert limits == [-0.5, 9.5]


def test_a_chart_in_a_closed_tab_is_drawn_when_it_opens(demo: Callable[..., Page]) -> None:
    page = demo("tabs", drawn=False)
    page.wait_for_selector(".vae-plot-chart[style*='min-height']", state="attached")
    page.wait_for_timeout(300)
    assert page.locator(".nsewdrag").count() == 0
    page.get_by_role("tab", name="Second").click()
    page.wait_for_selector(f"{CHART} .nsewdrag")
    assert ask(page, "gd => gd._fullLayout.width - gd.clientWidth") == 0
    page.set_viewport_size({"width": 900, "height": 900})
    wait(page, "gd => gd._fullLayout.width < 700 && gd._fullLayout.width === gd.clientWidth")


def test_the_keyboard_reaches_the_chart_and_updates_leave_the_focus(
    demo: Callable[..., Page],
) -> None:
    page = demo("train")
    chart = page.get_by_role("figure", name="Reconstruction and KL over training")
    assert page.evaluate("document.activeElement.className.includes('vae-plot')") is False
    chart.focus()
    before = ask(page, X)
    page.keyboard.press("+")
    wait(page, f"gd => gd._fullLayout.xaxis.range[0] > {before[0]}")
    grow(page)
    expect(chart).to_be_focused()
    assert chart.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"
    page.keyboard.press("0")
    wait(page, "gd => gd._fullLayout.xaxis.autorange === true")


def test_the_picture_is_saved_without_a_server(demo: Callable[..., Page], tmp_path: Path) -> None:
    page = demo("train")
    page.locator(CHART).hover()
    titles = page.locator(".modebar-btn").evaluate_all("all => all.map(b => b.dataset.title)")
    assert titles == ["Zoom", "Pan", "Reset view", "Download as PNG"]
    bar, plot = (page.locator(name).first.bounding_box() for name in (".modebar", ".main-svg"))
    assert bar["y"] + bar["height"] <= plot["y"] + 0.5  # it covers nothing
    with page.expect_download() as download:
        page.locator("[data-title='Download as PNG']").click()
    download.value.save_as(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_content_that_the_server_has_dropped_is_served_again(demo: Callable[..., Page]) -> None:
    page = demo("dropped")
    expect(page.get_by_text("run 2")).to_be_visible()
    box = page.locator(".nsewdrag").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    picture = page.locator(".vae-plot-place canvas")
    expect(page.locator(".vae-plot-place")).to_contain_text("covered: denser than 50 %")
    over = picture.bounding_box()
    page.mouse.move(2, 2)
    expect(page.locator(".vae-plot-place")).not_to_contain_text("covered")
    assert picture.bounding_box() == over  # the picture stays where it is


FITTED = """async ([module, names, direct, words, width, card]) => {
    const { fitLegend, fitTicks } = await import(module);
    const layout = {
        font: { size: 12, family: 'sans-serif' }, height: 344, showlegend: true,
        margin: { l: 48, r: 104, t: 16, b: 44 }, legend: { x: 1.01, y: 1, font: { size: 12 } },
        annotations: direct.map((name) => ({ name })),
        xaxis: { tickangle: 0, ticktext: words, tickvals: words.map((_, k) => k) },
    };
    fitLegend(names.map((name) => ({ name })), layout, width, card);
    fitTicks(layout, width);
    const { showlegend, legend: { orientation = 'v' }, margin: { r, b }, xaxis } = layout;
    return { showlegend, orientation, r, b, ticks: xaxis.tickvals, angle: xaxis.tickangle };
}"""
CLASSES = [f"class {k} 100" for k in range(10)]
FEW = ["z1", "z2"]


def test_a_legend_has_the_room_that_a_window_leaves(loaded: None, tab: Tab) -> None:
    """Beside a chart, else below it, else nowhere if the plot has the names itself."""

    def fitted(width: int, names: list[str] = CLASSES, direct: bool = True, card: int = 0) -> Any:
        given = [MODULES_AT + "labels.js", names, names[:5] * direct, FEW, width, card]
        return tab.page.evaluate(FITTED, given)

    wide = fitted(440)
    assert (wide["showlegend"], wide["orientation"], wide["r"]) == (True, "v", 104)
    narrow = fitted(300)
    assert (narrow["showlegend"], narrow["orientation"], narrow["r"]) == (True, "h", 12)
    assert 44 + 5 * 15 < narrow["b"] < 44 + 0.35 * 344  # rows of two names
    assert not fitted(240)["showlegend"]  # ten rows
    assert fitted(240)["b"] == 44
    assert fitted(240, direct=False)["showlegend"]
    assert fitted(300, card=120)["r"] == 104  # the room of the decoded picture
    assert fitted(440, card=100)["orientation"] == "v"
    assert fitted(440, card=200)["orientation"] == "h"  # eleven lines would reach the picture
    assert fitted(440, names=["a class of a very long name"] * 3)["orientation"] == "h"


@pytest.mark.parametrize(
    ("words", "width", "ticks", "angle"),
    [
        ([f"z{k}" for k in range(20, 121, 20)], 400, [0, 1, 2, 3, 4, 5], 0),
        ([f"z{k}" for k in range(20, 121, 20)], 240, [1, 3, 5], 0),
        (["convolutional", "mlp"], 200, [0, 1], -30),
    ],
)
def test_names_below_an_axis_do_not_touch(
    words: list[str], width: int, ticks: list[int], angle: int, loaded: None, tab: Tab
) -> None:
    """Numbered names are thinned, and words slant."""
    given = [MODULES_AT + "labels.js", CLASSES, [], words, width, 0]
    found = tab.page.evaluate(FITTED, given)
    assert (found["ticks"], found["angle"]) == (ticks, angle)
