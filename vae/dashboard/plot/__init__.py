"""A Plotly chart that keeps zoom, legend, selection and hover while its data changes.

`st.plotly_chart` builds a new chart at every change of its data and so loses the user's view. Here
the whole figure travels as one block of bytes to a chart that stays; the browser stores the view
under the chart's key as long as `revision` is the same.

    figure → JSON bytes ──websocket──► colours, stored view, Plotly.react
    PlotEvent ◄── click (a trigger) and selection (a state, one bit a row) ◄── pointer

`overlay` sends marks over a chart without the figure, and the addresses of the decoded tiles from
which the browser blends the decoder's output under the pointer. `serve` makes such an address from
the content, so that a browser fetches it once. If the server has dropped the content meanwhile,
the browser asks the page to run again, which serves it anew.

Rows are rows of the data set: `index` gives for every trace the row of each of its points. The
browser loads the files that `routes` serves: Plotly itself, from its Python package, and the
modules of this folder, each with its purpose in its first lines. plot.js is the chart, decoder.js
the networks that sliders.js, film.js and live.js (a drawing) use as well. plot.css is their style;
a strip above the plot is reserved for the tool bar.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import plotly
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray
from plotly.utils import PlotlyJSONEncoder
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from vae.dashboard.plot.events import PlotEvent, event_of
from vae.dashboard.plot.served import Store
from vae.figures.palette import COLOURS

_HERE = Path(__file__).parent
_PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
TOOLS = 22  # px above the plot, for the tool bar alone
_FILLED = {"__COLOURS__": json.dumps(COLOURS), "__TOOLS__": str(TOOLS)}


def filled(name: str) -> str:
    """Return the text of a script or style sheet with its placeholders replaced by values."""
    source = (_HERE / name).read_text("utf-8")
    for place, value in _FILLED.items():
        source = source.replace(place, value)
    return source


_MODULES = {name: filled(name) for name in sorted(path.name for path in _HERE.glob("*.js"))}
_VERSION = hashlib.sha256("".join(_MODULES.values()).encode()).hexdigest()[:12]
# Addresses contain the version, so a browser may keep the files for good.
MODULES_AT = f"/vae/plot/{_VERSION}/"
_PLOTLY_URL = f"/vae/plotly.js?v={plotly.__version__}"
_SERVED_AT = "/vae/served/"
_FOR_GOOD = {"Cache-Control": "public, max-age=31536000, immutable"}

# This line travels with every update, so it only fetches the module, which does not.
_JS = f"""let plot;
export default async (component) => {{
  plot ??= import(new URL("{MODULES_AT}plot.js", location.origin))
    .catch((error) => {{ plot = null; throw error; }});
  return (await plot).mount(component);
}};"""
_HTML = """<div class="vae-plot" role="figure" tabindex="0"><div class="vae-plot-chart"></div>
<div class="vae-plot-tip" aria-hidden="true"><img alt=""><span></span></div>
<div class="vae-plot-ring" aria-hidden="true"></div>
<div class="vae-plot-place"><b>Decoded here</b><canvas></canvas><span></span><span></span></div>
</div>"""
_CSS = filled("plot.css")
_LAY = _JS.replace(".mount(component)", ".lay(component)")
# Isolated styles would keep Plotly's own style sheet from reaching the chart.
_component = st.components.v2.component(
    "vae_plot", html=_HTML, css=_CSS, js=_JS, isolate_styles=False
)
_over = st.components.v2.component(
    "vae_plot_over", html='<div class="vae-plot-over"></div>', js=_LAY, isolate_styles=False
)
_served = Store()


def plot(
    figure: go.Figure,
    *,
    key: str,
    revision: str,
    label: str = "",
    height: int = 420,
    around: int = 0,
    index: Sequence[NDArray[Any]] | None = None,
    tiles: str | None = None,
    selectable: bool = False,
    clickable: bool = False,
    aimed: bool = False,
    pickable: bool = False,
    drawable: bool = False,
) -> PlotEvent:
    """Show `figure` and return the last click in it and the selected rows.

    The browser replaces colours of the form "var(--NAME)" (`vae.figures.palette.token`) by those
    of its theme; the figure's template is not sent. A trace whose hoverinfo is "none" shows
    `tiles`, or a label, instead of Plotly's hover box; with "skip" its points would ignore clicks.

    Args:
        key: name of the chart, constant over updates and unique on the page.
        revision: name of the view (run and projection); a new one resets zoom and selection.
        label: one sentence about the chart, for screen readers.
        height: in pixels, with the tool bar above the plot.
        around: pixels of the window for the page's other parts, above and below: in a low window
            the chart is lower, so that they stay visible; 0 keeps its height.
        index: for every trace, the row of the data set of each of its points; by default a point's
            number in its trace.
        tiles: address of the picture of row i, such as "vae/tile/RUN/KEY/{i}.png"; if no picture
            arrives, the label appears alone (answer 204: browsers log a 404 as an error). The
            label is the point's `text` or, if that is text, its `customdata`; else "#i".
        selectable: offer box and lasso.
        clickable: report clicks on points and on the empty plane.
        aimed: the arrow keys move a ring in place of the view, and Enter clicks there.
        pickable: a click on a point selects it, with Shift adds it.
        drawable: offer a pen, and report the line that it draws as places at equal distances.

    Raises ValueError if `index` does not match the traces or `tiles` lacks {i}.
    """
    _check(figure, index, tiles)
    message = {
        "key": key,
        "revision": revision,
        "label": label,
        "height": height,
        "around": around,
        "tiles": tiles,
        "selectable": selectable,
        "clickable": clickable,
        "aimed": aimed,
        "pickable": pickable,
        "drawable": drawable,
        "index": None if index is None else [_packed(rows) for rows in index],
        "plotly": _PLOTLY_URL,
    }
    result = _component(
        key=key,
        data=pack(figure, message),
        default={"selected": None},
        height=height,
        on_selected_change=_nothing,
        on_click_change=_nothing,
        on_path_change=_nothing,
    )
    return event_of(result.click, result.selected, result.path, revision)


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
    """Draw marks over the chart `key` while it shows `revision`, without sending the figure.

    Shapes, annotations and traces are Plotly's, with tokens as colours. `decode` describes the
    decoder under the pointer: the `form` of an example (`sliders`), `ranks` (address from
    `serve`), `lines` of their grid and its ends `x` and `y`, `axes` (two names), `trust` ([below,
    word] ascending), `words` to show before the pointer is on the map; and either `exact` (with
    the map's `plane`, see `sliders`) or decoded `tiles` (address) with `rows` and `columns`.
    Without `form` only the words appear. `select` (a number, rows) selects rows as a lasso would,
    once for each number.
    """
    whole = {
        "key": key,
        "revision": revision,
        "shapes": list(shapes),
        "annotations": list(annotations),
        "traces": list(traces),
        "decode": decode,
        "select": None if select is None else [select[0], _packed(select[1])],
        "again": again(key),
    }
    _over(
        key=f"{key}_over",
        data=json.dumps(whole, cls=PlotlyJSONEncoder).encode(),
        on_missing_change=partial(serve_again, key),
    )


def again(key: str) -> int:
    """Return how often browsers have requested to serve the content of a chart again."""
    return int(st.session_state.get(f"{key}_again", 0))


def serve_again(key: str) -> None:
    """Count a browser's request to serve content again: a new message makes it fetch again."""
    st.session_state[f"{key}_again"] = again(key) + 1


def warm() -> None:
    """Let the browser load the files of the charts while the script still computes them."""
    charts = f'import("{MODULES_AT}plot.js").then((charts) => charts.library("{_PLOTLY_URL}"))'
    st.html(f"<script>{charts}.catch(() => {{}})</script>", unsafe_allow_javascript=True)


def serve(content: bytes, media_type: str) -> str:
    """Return the address at which the server offers `content`; browsers keep it for good."""
    return f"{_SERVED_AT}{_served.add(content, media_type)}"


def pack(figure: go.Figure, message: Mapping[str, Any]) -> bytes:
    """Return UTF-8 JSON of `message` with the figure's data and layout, arrays as base64.

    Streamlit sends bytes as they are, a dictionary as text of four times the size.
    """
    drawn = figure.to_dict()
    drawn["layout"].pop("template", None)  # 7 kB of defaults; the browser has the theme
    # Not plotly.io's to_json: it escapes every "/" for HTML, which is a fifth of base64's weight.
    whole = {**message, "figure": drawn}
    return json.dumps(whole, cls=PlotlyJSONEncoder, separators=(",", ":")).encode()


def routes() -> list[Route]:
    """Return the routes of the charts' files, for `st.App(..., routes=routes())`."""
    return [
        Route(MODULES_AT + "{name}", _serve_module),
        Route("/vae/plotly.js", _serve_plotly),
        Route(_SERVED_AT + "{name}", _serve_content),
    ]


def _serve_content(request: Request) -> Response:
    found = _served.find(request.path_params["name"])
    if found is None:
        return Response(status_code=204, headers={"Cache-Control": "no-store"})
    return Response(found.data, media_type=found.media_type, headers=_FOR_GOOD)


def _serve_module(request: Request) -> Response:
    source = _MODULES.get(request.path_params["name"])
    if source is None:
        return Response(status_code=404)
    return Response(source, media_type="text/javascript", headers=_FOR_GOOD)


def _serve_plotly(_request: Request) -> Response:
    return FileResponse(_PLOTLY, media_type="text/javascript", headers=_FOR_GOOD)


def _packed(rows: NDArray[Any]) -> str:
    return base64.b64encode(np.asarray(rows, dtype="<u4").tobytes()).decode()


def _check(figure: go.Figure, index: Sequence[NDArray[Any]] | None, tiles: str | None) -> None:
    """Raise ValueError if `index` does not match the traces or `tiles` lacks {i}."""
    if index is not None and len(index) != len(figure.data):
        raise ValueError(f"{len(index)} lists of rows for {len(figure.data)} traces; one for each")
    if tiles is not None and "{i}" not in tiles:
        raise ValueError(f"The address of the tiles, {tiles!r}, has no {{i}} for the row")


def _nothing() -> None:
    """Do nothing: Streamlit reports an event only if it has a callback."""
