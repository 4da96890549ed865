"""A film along a path on a map: decoded examples, the density on the way, and a ring on the map.

    message ──websocket, once──► canvas, curve, ring on the map

The decoded examples of all places are one block of float32 numbers, served by `plot.serve`.
Playing needs no message from Python.
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from vae.base.records import Floats
from vae.dashboard.plot import MODULES_AT, again, filled, serve_again

_JS = f"""let film;
export default async (component) => {{
  film ??= import(new URL("{MODULES_AT}film.js", location.origin))
    .catch((error) => {{ film = null; throw error; }});
  return (await film).mount(component);
}};"""
_HTML = """<div class="vae-film" role="group" tabindex="0" aria-label="Film along the path">
<canvas role="img"></canvas><div class="way"><span></span><b></b>
<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true"><path></path></svg>
<i></i></div>
<div class="bar"><button type="button">Play</button>
<input type="range" min="0" step="any" value="0" aria-label="Place on the path"></div>
<div class="words" role="status"></div></div>"""
_component = st.components.v2.component(
    "vae_film", html=_HTML, css=filled("film.css"), js=_JS, isolate_styles=False
)


def film(
    places: Floats,
    height: Floats,
    words: Sequence[str],
    *,
    chart: str,
    revision: str,
    form: Mapping[str, Any],
    decoded: str,
    title: str,
    alt: str,
    ms: int,
) -> None:
    """Show the film beside the map `chart` while it shows `revision`.

    Args:
        places: of the map, (T, 2).
        height: of the curve at each place, (T,), from 0.
        words: the line below the film at each place.
        form: `shape` of an example, for vectors also `range` and `backdrop`.
        decoded: address of the decoded examples (T, *event), float32.
        title: of the curve.
        alt: a sentence about the picture, for screen readers.
        ms: the time of a place in milliseconds.
    """
    key = f"{chart}_film"
    message = {
        "key": chart,
        "revision": revision,
        "places": places.tolist(),
        "height": height.tolist(),
        "words": list(words),
        "form": form,
        "decoded": decoded,
        "title": title,
        "alt": alt,
        "ms": ms,
        "again": again(key),
    }
    _component(
        key=key,
        data=json.dumps(message).encode(),
        on_missing_change=partial(serve_again, key),
    )
