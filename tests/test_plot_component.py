"""The server's part of the live chart, and the palette of both parts."""

import asyncio
import base64
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

from tests.tables import each
from vae.dashboard import plot as component
from vae.dashboard.plot import film, sliders
from vae.dashboard.plot.events import Click, event_of
from vae.dashboard.plot.served import Store
from vae.figures.palette import CLASS_SCALE, COLOURS, token

ROOT = Path(__file__).parents[1]
ENTRY, SLIDERS, FILM = (
    re.search(r'new URL\("([^"]+)"', module._JS).group(1) for module in (component, sliders, film)
)

LIVE = f"{component.MODULES_AT}live.js"  # of the drawing pad


def get(path: str) -> tuple[int, dict[str, str], str]:
    """Return the answer of the routes: status, headers, text."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return await asyncio.Future()  # a GET has no body, and this client never hangs up

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    bare, _, query = path.partition("?")
    scope = {"type": "http", "method": "GET", "path": bare, "query_string": query.encode()}
    app = Starlette(routes=component.routes())
    asyncio.run(app({**scope, "headers": [], "root_path": ""}, receive, send))
    start = next(m for m in sent if m["type"] == "http.response.start")
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], headers, b"".join(m.get("body", b"") for m in sent).decode()


def unpacked(packed: bytes) -> dict[str, Any]:
    return json.loads(packed)


def numbers(sent: dict[str, str]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(sent["bdata"]), sent["dtype"])


def curves(points: int) -> go.Figure:
    x = np.linspace(0, 30, points, dtype=np.float32)
    figure = go.Figure()
    for name in ("reconstruction", "kl"):
        figure.add_scatter(x=x, y=np.cos(x), name=name, line_color=token(name))
    return figure


def test_every_file_of_the_browser_is_served_for_ever() -> None:
    todo, seen = [ENTRY, SLIDERS, FILM, LIVE, component._PLOTLY_URL], set()
    while todo:
        path = todo.pop()
        seen.add(path)
        status, headers, text = get(path)
        assert status == 200, path
        assert headers["content-type"].startswith("text/javascript")
        assert "immutable" in headers["cache-control"]
        if path != component._PLOTLY_URL:
            imported = re.findall(r"from '\./([^']+)'", text)
            todo += [str(Path(ENTRY).with_name(name)) for name in imported]
    assert len(seen) == 1 + len(component._MODULES)
    assert get(str(Path(ENTRY).with_name("__init__.py")))[0] == 404


def test_content_is_served_to_many_sessions_at_once() -> None:
    contents = [f"content of session {i}" for i in range(200)]
    addresses = [component.serve(text.encode(), "text/plain") for text in contents]
    assert [get(address)[2] for address in addresses] == contents
    status, headers, _ = get(addresses[0])
    assert status == 200
    assert "immutable" in headers["cache-control"]


def test_a_missing_content_has_an_empty_uncached_answer() -> None:
    status, headers, _ = get(component._SERVED_AT + "0" * 24)
    assert (status, headers["cache-control"]) == (204, "no-store")


def test_the_store_is_bounded_by_bytes_and_drops_the_longest_unused() -> None:
    store = Store(most=100)
    names = [store.add(bytes([i]) * 40, "text/plain") for i in range(2)]
    assert store.find(names[0]) is not None  # used: the other one goes first
    third = store.add(b"c" * 40, "text/plain")
    assert [store.find(name) is None for name in (*names, third)] == [False, True, False]
    assert store.bytes == 80
    assert store.add(bytes([0]) * 40, "text/plain") == names[0]
    assert store.bytes == 80
    large = store.add(b"d" * 1000, "text/plain")  # the newest stays, however large
    assert store.find(large) is not None
    assert store.bytes == 1000


def test_a_dropped_content_can_be_served_again_at_the_same_address() -> None:
    store = Store(most=1)
    first = store.add(b"first", "text/plain")
    store.add(b"second", "text/plain")
    assert store.find(first) is None
    assert store.add(b"first", "text/plain") == first
    assert store.find(first) == (b"first", "text/plain")


def test_the_store_is_safe_for_many_threads() -> None:
    store = Store(most=2000)

    def work(seed: int) -> None:
        for i in range(500):
            data = bytes([(seed + i) % 50]) * 100
            name = store.add(data, "text/plain")
            found = store.find(name)
            assert found is None or found.data == data

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert store.bytes == 100 * len(store._contents) <= 2000


def overlaid() -> None:
    from vae.dashboard.plot import overlay

    overlay(key="map", revision="r", decode={"words": "none"})


def test_a_request_to_serve_again_changes_the_overlay() -> None:
    """Streamlit passes a message on to the browser only if it differs from the last one."""
    at = AppTest.from_function(overlaid).run()
    sent = [unpacked(at.get("bidi_component")[0].proto.bytes)]
    at.session_state["map_again"] = 1
    sent.append(unpacked(at.run().get("bidi_component")[0].proto.bytes))
    assert not at.exception
    assert [message.pop("again") for message in sent] == [0, 1]
    assert sent[0] == sent[1]


def test_the_colours_reach_the_browser() -> None:
    text = get(str(Path(ENTRY).with_name("theme.js")))[2]
    table = json.loads(re.search(r"JSON\.parse\('([^']+)'\)", text).group(1))
    assert {name: tuple(pair) for name, pair in table.items()} == COLOURS


def test_a_figure_is_packed_without_its_template() -> None:
    figure = curves(1000)
    sent = unpacked(component.pack(figure, {"key": "k"}))
    assert sent["key"] == "k"
    assert "template" not in sent["figure"]["layout"]
    for trace, original in zip(sent["figure"]["data"], figure.data, strict=True):
        assert np.array_equal(numbers(trace["x"]), original.x)
        assert np.array_equal(numbers(trace["y"]), original.y)
        assert trace["line"]["color"] == f"var(--{original.name})"
    assert figure.layout.template.data.scatter, "the caller's figure keeps its template"


def test_gaps_in_lists_and_arrays_become_valid_json() -> None:
    figure = go.Figure(go.Scatter(x=[0, 1], y=[np.nan, 1.0]))
    figure.add_scatter(x=[0, 1], y=np.array([np.nan, 1], np.float32))
    first, second = unpacked(component.pack(figure, {}))["figure"]["data"]
    assert first["y"] == [None, 1.0]
    assert np.isnan(numbers(second["y"])[0])


def test_two_curves_of_a_thousand_points_are_small() -> None:
    assert 16_000 < len(component.pack(curves(1000), {})) < 24_000


def app() -> None:
    import numpy as np
    import plotly.graph_objects as go
    import streamlit as st

    from vae.dashboard.plot import plot

    figure = go.Figure([go.Scatter(x=[0, 1], y=[0, 1]), go.Scatter(x=[2], y=[2])])
    event = plot(
        figure,
        key="chart",
        revision="run pca",
        label="Two points and one",
        index=[np.array([7, 70_000]), np.array([8])],
        tiles="vae/tile/run/{i}.png",
    )
    st.session_state.event = event


def opened() -> AppTest:
    at = AppTest.from_function(app).run()
    assert not at.exception
    return at


def select(at: AppTest, rows: list[int], revision: str) -> None:
    bits = np.zeros(max(rows) + 1, np.uint8)
    bits[rows] = 1
    text = base64.b64encode(np.packbits(bits, bitorder="little").tobytes()).decode()
    at.session_state["chart"] = {"selected": {"revision": revision, "bits": text}}
    at.run()
    assert not at.exception


def test_the_page_sends_rows_and_label() -> None:
    at = opened()
    sent = unpacked(at.get("bidi_component")[0].proto.bytes)
    rows = [np.frombuffer(base64.b64decode(text), "<u4").tolist() for text in sent["index"]]
    assert rows == [[7, 70_000], [8]]
    assert sent["label"] == "Two points and one"
    assert sent["tiles"] == "vae/tile/run/{i}.png"
    assert at.session_state.event == component.PlotEvent(None, None)


def test_a_selection_arrives_as_rows_of_the_data_set() -> None:
    at = opened()
    select(at, [8, 7, 70_000], "run pca")
    selected = at.session_state.event.selected
    assert selected.dtype == np.int64
    assert selected.tolist() == [7, 8, 70_000]


def test_a_selection_of_another_revision_is_ignored() -> None:
    at = opened()
    select(at, [7], "run t-SNE")
    assert at.session_state.event.selected is None


@pytest.mark.parametrize(("revision", "row"), [("now", 5), ("now", None), ("before", 5)])
def test_a_click_of_another_revision_is_ignored(revision: str, row: int | None) -> None:
    trace = None if row is None else 0
    sent = {"revision": revision, "trace": trace, "row": row, "x": 1.5, "y": -2.0}
    expected = Click(trace, row, 1.5, -2.0) if revision == "now" else None
    assert event_of(sent, None, None, "now").click == expected


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"index": [np.arange(2)]}, "1 lists of rows for 2 traces"),
        ({"tiles": "vae/tile/run.png"}, "no {i} for the row"),
    ],
)
def test_a_wrong_call_raises_a_sentence(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        component.plot(curves(2), key="k", revision="r", **wrong)


@each("name", COLOURS)
def test_plotly_accepts_every_token(name: str) -> None:
    for colour in (token(name), token(name, 0.25)):
        trace = go.Scatter(line_color=colour, fillcolor=colour, marker={"color": [colour]})
        go.Figure(trace, layout={"font_color": colour, "shapes": [{"fillcolor": colour}]})
    go.Scatter(marker={"color": [0, 1], "colorscale": CLASS_SCALE})


def test_an_unknown_token_is_refused() -> None:
    with pytest.raises(ValueError, match="Unknown colour 'kI'; one of reconstruction, kl"):
        token("kI")
    with pytest.raises(ValueError, match=r"1\.5 is not between 0 and 1"):
        token("kl", 1.5)
