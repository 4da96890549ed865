"""Pictures of single examples, `/vae/tile/<run>/<key>/<row>.png`, for the hover of a map; series
are drawn as SVG, in the colours of the theme.

The key (`run_key`) makes the address valid for one run only: a browser may keep its pictures, and
a new run of the same name has other addresses. The route runs outside the script and answers
every request, so it checks run, key and row itself. Without a picture the answer is
204: browsers report a 404 as an error.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vae.base.records import Floats
from vae.dashboard import server
from vae.dashboard.shared.html_gallery import colour
from vae.data import Dataset, prepare
from vae.data.series import channel_ends
from vae.figures.palette import CLASSES
from vae.imaging import curves, tiles
from vae.runs import Run, find
from vae.runs.result_keys import run_key

ROW = re.compile("[0-9]{1,12}")  # Python refuses to read a number of thousands of digits
CACHING = {"Cache-Control": "private, max-age=31536000, immutable"}


def routes() -> list[Route]:
    """The route, for `st.App(..., routes=routes())`."""
    return [Route("/vae/tile/{run}/{key}/{row}.png", _tile)]


def pattern(run: Run) -> str:
    """Return the address of a run's pictures, with {i} for the row of the data set."""
    return f"/vae/tile/{run.name}/{run_key(run)}/{{i}}.png"


class _Source(NamedTuple):
    """The data set of a run, and of series the ends of each channel: one pass over all values."""

    data: Dataset
    low: Floats | None = None  # (C,)
    high: Floats | None = None


@lru_cache(maxsize=4)
def _data(path: Path, key: str) -> _Source:
    data = Run(path).data()
    return _Source(data, *channel_ends(data.x)) if data.is_series else _Source(data)


def _tile(request: Request) -> Response:
    digits, key = request.path_params["row"], request.path_params["key"]
    if not ROW.fullmatch(digits):
        return Response(status_code=204)
    row = int(digits)
    try:
        run = find(server.ROOT, request.path_params["run"])
        if run_key(run) != key:
            return Response(status_code=204)
        source = _data(run.path, key)
    except (ValueError, OSError):
        return Response(status_code=204)
    data = source.data
    if row >= len(data.x) or not (data.is_image or data.is_series):
        return Response(status_code=204)
    if data.is_series:
        return Response(_curves(source, row), media_type="image/svg+xml", headers=CACHING)
    png = tiles.tile_pngs(prepare(data, slice(row, row + 1)))[0]
    return Response(png, media_type="image/png", headers=CACHING)


def _curves(source: _Source, row: int) -> str:
    """Return a series as SVG, each channel between its own ends in all series."""
    data, low, high = source
    assert low is not None
    assert high is not None
    share = curves.shares(prepare(data, slice(row, row + 1))[0], low, high)
    names = ("text",) if len(share) == 1 else tuple(f"class{k}" for k in range(CLASSES))
    inks = [colour(name) for name in names]
    return curves.curve_svg([share], [curves.Ink(inks)], (0.0, 1.0))
