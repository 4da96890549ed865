"""A Plotly chart that lives: it keeps zoom, legend, selection and hover while its data changes.

`st.plotly_chart` builds a new chart at every change of its data and so loses what the person did
to it. Here the figure travels whole, as one block of bytes, to a chart that stays, and what the
person did is kept in the browser under the chart's key for as long as `revision` stays the same.

    figure → JSON bytes ──websocket──► put in colours, put back the view, Plotly.react
    PlotEvent ◄── click (a trigger) and selection (a state, one bit a row) ◄── pointer

What changes while the figure stays travels apart, so that the figure is not sent again: `overlay`
puts marks over a chart, and tells where the tiles are of which the browser blends the decoder's
output under the pointer. Such tiles are kept under an address made from what they are (`keep`), so
that a browser fetches them once.

Rows are rows of the data set: `index` says for every trace which row each of its points shows.
The browser needs the files that `routes` serves: Plotly itself, which comes with the Python
package, and our modules: plot.js (the chart), view.js (the memory), theme.js (the colours, written
into it here), near.js (the point that is meant), decode.js (the blend under the pointer), space.js
(three dimensions).
"""

import base64
import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import plotly
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray
from plotly.utils import PlotlyJSONEncoder
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from vae.figures.palette import COLOURS

Rows = NDArray[np.int64]

_HERE = Path(__file__).parent
_PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
_MODULES = {
    name: (_HERE / name).read_text("utf-8").replace("__COLOURS__", json.dumps(COLOURS))
    for name in ("plot.js", "theme.js", "view.js", "near.js", "decode.js", "space.js")
}
_VERSION = hashlib.sha256("".join(_MODULES.values()).encode()).hexdigest()[:12]
# The versions are part of the addresses, so a browser may keep what it has for good.
_MODULES_AT = f"/vae/plot/{_VERSION}/"
_PLOTLY_URL = f"/vae/plotly.js?v={plotly.__version__}"
_KEPT_AT = "/vae/kept/"
_FOR_GOOD = {"Cache-Control": "public, max-age=31536000, immutable"}

# This line travels with every update, so it only fetches the module, which does not.
_JS = f"""let plot;
export default async (component) => {{
  plot ??= import(new URL("{_MODULES_AT}plot.js", location.origin))
    .catch((error) => {{ plot = null; throw error; }});
  return (await plot).mount(component);
}};"""
_HTML = """<div class="vae-plot" role="figure" tabindex="0"><div class="vae-plot-chart"></div>
<div class="vae-plot-tip" aria-hidden="true"><img alt=""><span></span></div>
<div class="vae-plot-place"><b>Decoded here</b><canvas></canvas><span></span><span></span></div>
</div>"""
_CSS = """
.vae-plot { position: relative; width: 100%; border-radius: var(--st-base-radius, 6px); }
.vae-plot:focus { outline: none; }
.vae-plot:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
.vae-plot-tip { display: none; position: absolute; left: 0; top: 0; z-index: 1002; padding: 4px;
  pointer-events: none; text-align: center; font: 12px var(--st-font); max-width: 14rem;
  color: var(--st-text-color); background: var(--st-background-color);
  border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius, 6px); }
.vae-plot-tip img { display: block; width: 104px; height: 104px; margin: 0 auto 2px;
  object-fit: contain; image-rendering: pixelated; }
.vae-plot-tip span { white-space: pre-line; }
.vae-plot-place { display: none; position: absolute; right: 0; bottom: 44px; width: 132px;
  pointer-events: none; font: 12px var(--st-font); font-variant-numeric: tabular-nums; }
.vae-plot-place b { font-weight: 600; }
.vae-plot-place canvas { margin: 4px 0; image-rendering: pixelated;
  outline: 1px solid var(--st-border-color); }
.vae-plot-place span { display: block; white-space: pre-line; line-height: 1.35; }
/* Plotly fills the button that is on with a near-white of its own, unreadable in the dark. */
.vae-plot .updatemenu-item-rect[style*="244, 250, 255"] {
  fill: var(--st-secondary-background-color) !important; }
"""
_LAY = _JS.replace(".mount(component)", ".lay(component)")
# Isolated styles would keep Plotly's own style sheet from reaching the chart.
_component = st.components.v2.component(
    "vae_plot", html=_HTML, css=_CSS, js=_JS, isolate_styles=False
)
_over = st.components.v2.component(
    "vae_plot_over", html='<div class="vae-plot-over"></div>', js=_LAY, isolate_styles=False
)
_MOST_KEPT = 24
_kept: OrderedDict[str, tuple[bytes, str]] = OrderedDict()


class Click(NamedTuple):
    """A click on a point, or beside all points (then `trace` and `row` are None)."""

    trace: int | None  # number of the trace
    row: int | None  # of the data set
    x: Any  # in the units of the axes
    y: Any


class PlotEvent(NamedTuple):
    """What the person did: the click that caused this run, and the rows that are selected."""

    click: Click | None
    selected: Rows | None  # (S,) rows of the data set, ascending; None: no selection


def plot(
    figure: go.Figure,
    *,
    key: str,
    revision: str,
    label: str = "",
    height: int = 420,
    index: Sequence[NDArray[Any]] | None = None,
    tiles: str | None = None,
    selectable: bool = False,
    clickable: bool = False,
    pickable: bool = False,
    on_change: Callable[[], None] | None = None,
) -> PlotEvent:
    """Show `figure`, and say what the person clicked and selected in it.

    Colours of the form "var(--NAME)" (`vae.figures.palette.token`) are put in by the browser to
    fit its theme; the figure's template is not sent. A trace whose hoverinfo is "none" shows
    `tiles`, or a label, instead of Plotly's own hover box; "skip" would make its points deaf to
    clicks.

    Args:
        key: names the chart; constant over updates, one of its kind on the page.
        revision: what the view belongs to (run and projection); another one starts a fresh view.
        label: what the chart shows, in a sentence, for those who do not see it.
        height: in pixels.
        index: for every trace, the row of the data set of each of its points; by default a point's
            number in its trace.
        tiles: address of the picture of row i, such as "vae/tile/RUN/{i}.png"; where no picture
            comes, the label alone is shown (better a 204 than a 404, which browsers log as an
            error). The label is the point's `text` or, where that is text, its `customdata`; else
            "#i".
        selectable: offer box and lasso.
        clickable: report clicks, on points and beside them.
        pickable: let a click on a point select it, and with Shift add it.
        on_change: called before the script runs again after a click or a new selection.

    Raises ValueError if `index` does not match the traces or `tiles` has no place for the row.
    """
    if index is not None and len(index) != len(figure.data):
        raise ValueError(f"{len(index)} lists of rows for {len(figure.data)} traces; one for each")
    if tiles is not None and "{i}" not in tiles:
        raise ValueError(f"The address of the tiles, {tiles!r}, has no {{i}} for the row")
    message = {
        "key": key,
        "revision": revision,
        "label": label,
        "height": height,
        "tiles": tiles,
        "selectable": selectable,
        "clickable": clickable,
        "pickable": pickable,
        "index": None if index is None else [_packed(rows) for rows in index],
        "plotly": _PLOTLY_URL,
    }
    called = on_change or _nothing
    result = _component(
        key=key,
        data=pack(figure, message),
        default={"selected": None},
        on_selected_change=called,
        on_click_change=called,
    )
    return PlotEvent(_click(result.click, revision), _selected(result.selected, revision))


def overlay(
    *,
    key: str,
    revision: str,
    shapes: Sequence[Mapping[str, Any]] = (),
    annotations: Sequence[Mapping[str, Any]] = (),
    traces: Sequence[Mapping[str, Any]] = (),
    decode: Mapping[str, Any] | None = None,
    select: tuple[int, NDArray[Any]] | None = None,
) -> None:
    """Lay marks over the chart `key` as long as it shows `revision`, without sending it again.

    Shapes, annotations and traces are Plotly's, in tokens. `decode` says what stands for the
    decoder under the pointer: `kind` "picture" or "vector", `tiles` and `ranks` (addresses from
    `keep`), `rows` and `columns` of places, `width` and `height` of a tile (`width` alone: length
    of a vector), the ends `x` and `y` of the decoded part of the map, `lines` of the grid of
    ranks, `axes` (two names), `trust` ([below, word] ascending), `words` for when there is nothing
    to decode. Without `tiles` only the words are shown. `select` (a number, rows) selects rows as
    a lasso would, once for each number.
    """
    whole = {
        "key": key,
        "revision": revision,
        "shapes": list(shapes),
        "annotations": list(annotations),
        "traces": list(traces),
        "decode": decode,
        "select": None if select is None else [select[0], _packed(select[1])],
    }
    _over(key=f"{key}_over", data=json.dumps(whole, cls=PlotlyJSONEncoder).encode())


def warm() -> None:
    """Let the browser fetch what charts need while the script is still at work on them."""
    charts = f'import("{_MODULES_AT}plot.js").then((charts) => charts.library("{_PLOTLY_URL}"))'
    st.html(f"<script>{charts}.catch(() => {{}})</script>", unsafe_allow_javascript=True)


def keep(content: bytes, media_type: str) -> str:
    """An address at which a browser finds `content`, and keeps it for good: the latest 24 are
    served."""
    name = hashlib.sha256(content).hexdigest()[:24]
    _kept[name] = (content, media_type)
    _kept.move_to_end(name)
    while len(_kept) > _MOST_KEPT:
        _kept.popitem(last=False)
    return f"{_KEPT_AT}{name}"


def pack(figure: go.Figure, message: Mapping[str, Any]) -> bytes:
    """One block of UTF-8 JSON: `message` with the figure's data and layout; arrays as base64.

    Bytes reach the browser as they are; a dictionary would be sent as text, four times over.
    """
    drawn = figure.to_dict()
    drawn["layout"].pop("template", None)  # 7 kB of defaults; the theme is the browser's
    # Not plotly.io's to_json: it escapes every "/" for HTML, which is a fifth of base64's weight.
    whole = {**message, "figure": drawn}
    return json.dumps(whole, cls=PlotlyJSONEncoder, separators=(",", ":")).encode()


def routes() -> list[Route]:
    """The files that charts need, for `st.App(..., routes=routes())`; browsers keep them."""
    return [
        Route(_MODULES_AT + "{name}", _serve_module),
        Route("/vae/plotly.js", _serve_plotly),
        Route(_KEPT_AT + "{name}", _serve_kept),
    ]


def _serve_kept(request: Request) -> Response:
    found = _kept.get(request.path_params["name"])
    if found is None:
        return Response(status_code=404)
    return Response(found[0], media_type=found[1], headers=_FOR_GOOD)


def _serve_module(request: Request) -> Response:
    source = _MODULES.get(request.path_params["name"])
    if source is None:
        return Response(status_code=404)
    return Response(source, media_type="text/javascript", headers=_FOR_GOOD)


def _serve_plotly(_request: Request) -> Response:
    return FileResponse(_PLOTLY, media_type="text/javascript", headers=_FOR_GOOD)


def _packed(rows: NDArray[Any]) -> str:
    return base64.b64encode(np.asarray(rows, dtype="<u4").tobytes()).decode()


def _click(sent: Mapping[str, Any] | None, revision: str) -> Click | None:
    """A click that still means this chart's data; one on an earlier revision is dropped."""
    if not sent or sent["revision"] != revision:
        return None
    return Click(sent["trace"], sent["row"], sent["x"], sent["y"])


def _selected(sent: Mapping[str, Any] | None, revision: str) -> Rows | None:
    """Rows whose bit is set, lowest bit first; None for a selection in an earlier revision."""
    if not sent or sent["revision"] != revision:
        return None
    bits = np.frombuffer(base64.b64decode(sent["bits"]), np.uint8)
    return np.flatnonzero(np.unpackbits(bits, bitorder="little")).astype(np.int64)


def _nothing() -> None:
    """Streamlit wants a callback by which to know that an event exists."""
