"""Pages for the tests: growing curves, a map of points, a chart in a closed tab, and a map whose
decoded tiles the server has dropped. An empty page, `anew`, resets them all: the revision of the
charts is another one from then on, so the browser's memory of them is void as well."""

import time

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from vae.dashboard.plot import _served, overlay, plot, serve
from vae.dashboard.plot.events import PlotEvent
from vae.figures.palette import CLASS_SCALE, token

ROWS = 3000
TICK = 0.5  # seconds


def anew() -> None:
    """Reset the session, except the number of resets."""
    times = revision() + 1
    st.session_state.clear()
    st.session_state.times = times
    st.text(f"anew {times}")


def revision() -> int:
    """Return the number of resets in this session."""
    return st.session_state.get("times", 0)


@st.fragment(run_every=TICK)
def live() -> None:
    """Two curves that grow by 20 points at each tick."""
    start = st.session_state.setdefault("start", time.time())
    n = 40 + 20 * int((time.time() - start) / TICK)
    st.text(f"{n} points")
    x = np.arange(n, dtype=np.float32) / 20
    figure = go.Figure(
        [
            go.Scatter(x=x, y=80 + 120 * np.exp(-x / 9), name="reconstruction",
                       line_color=token("reconstruction")),
            go.Scatter(x=x, y=25 - 20 * np.exp(-x / 6), name="kl", line_color=token("kl"),
                       fill="tozeroy", fillcolor=token("kl", 0.15)),
        ],
    )  # fmt: skip
    buttons = [
        {
            "label": name,
            "method": "relayout",
            "args": [{"yaxis.type": name, "yaxis.autorange": True}],
        }
        for name in ("linear", "log")
    ]
    figure.update_layout(
        xaxis_title="epoch",
        yaxis_title="nats per example",
        yaxis_type="log" if st.session_state.get("log") else "linear",
        hovermode="x unified",
        legend={"orientation": "h", "y": 1.1},
        updatemenus=[{"type": "buttons", "buttons": buttons, "x": 1, "y": 1.2}],
    )
    label = "Reconstruction and KL over training"
    plot(figure, key="curves", revision=f"demo {revision()}", label=label)


def train() -> None:
    """Curves that grow, and the control that switches their scale from Python."""
    st.toggle("Log scale", key="log")
    live()


def show(event: PlotEvent) -> None:
    """Show the event as text for the tests."""
    rows = [] if event.selected is None else event.selected.tolist()
    st.text(f"selected {len(rows)}: {rows[:3]}")
    st.text(f"click {event.click}")


def latent() -> None:
    """3000 points in two traces, the second of them odd rows, with pictures under the pointer."""
    moved = st.session_state.setdefault("moved", 0)
    if st.button("Move the points"):
        moved = st.session_state.moved = moved + 1
    st.button("Run again")
    st.session_state.projection = st.radio("Projection", ["a", "b"], horizontal=True)
    z = np.random.default_rng(moved).normal(size=(ROWS, 2)).astype(np.float32)
    rows = [np.arange(0, ROWS, 2), np.arange(1, ROWS, 2)]
    figure = go.Figure()
    for of in rows:
        marker = {"size": 5, "color": of % 10, "colorscale": CLASS_SCALE}
        figure.add_scattergl(x=z[of, 0], y=z[of, 1], mode="markers", marker=marker,
                             hoverinfo="none", showlegend=False)  # fmt: skip
    figure.add_shape(type="circle", x0=-1, x1=1, y0=-1, y1=1, line_color=token("prior"))
    figure.update_layout(xaxis_title="z1", yaxis={"title": "z2", "scaleanchor": "x"})
    now = f"{revision()} {st.session_state.projection}"
    show(plot(figure, key="map", revision=now, index=rows, tiles="vae/tile/demo/{i}.png",
              selectable=True, clickable=True, label="Latent means of 3000 examples"))  # fmt: skip


def tabs() -> None:
    """A chart that has no width at first."""
    st.button("Run again")
    first, second = st.tabs(["First", "Second"])
    first.write("The chart is in the second tab.")
    with second:
        figure = go.Figure(go.Scatter(x=[0, 1], y=[0, 1]))
        plot(figure, key="hidden", revision=f"demo {revision()}")


def dropped() -> None:
    """A map of four decoded vectors (x, y); the store drops them before the browser asks."""
    runs = st.session_state.runs = st.session_state.get("runs", 0) + 1
    st.text(f"run {runs}")
    figure = go.Figure(go.Scatter(x=[0, 1], y=[0, 1], mode="markers", hoverinfo="none"))
    now = f"demo {revision()}"
    plot(figure, key="decoded", revision=now, tiles="vae/tile/demo/{i}.png")
    # other tiles after each reset: a browser keeps what it has fetched
    tiles = np.float32([[0, 0], [1, 0], [0, 1], [1, revision()]])
    ranks = np.full(4, 0.5, np.float32)
    names = [serve(a.astype("<f4").tobytes(), "application/octet-stream") for a in (tiles, ranks)]
    if runs == 1:
        for name in names:
            content = _served._contents.pop(name.rpartition("/")[2])
            _served.bytes -= len(content.data)
    form = {"shape": [2], "range": [[0, 1]] * 2, "backdrop": []}
    decode = {"form": form, "tiles": names[0], "ranks": names[1], "rows": 2, "columns": 2,
              "x": [0, 1], "y": [0, 1], "lines": 2, "axes": ["z1", "z2"],
              "trust": [[1.01, "covered"]], "words": "Point at the map."}  # fmt: skip
    overlay(key="decoded", revision=now, decode=decode)


st.set_page_config(layout="wide")
pages = (train, latent, tabs, dropped, anew)
st.navigation([st.Page(page, default=page is train) for page in pages]).run()
