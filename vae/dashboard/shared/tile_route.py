"""Pictures of single examples, `/vae/tile/<run>/<key>/<row>.png`, for the hover of a map.

The key (`run_key`) makes the address valid for one run only: a browser may keep its pictures, and
a new run of the same name has other addresses. The route runs outside the script and answers
every request, so it checks run, key and row itself. Without a picture the answer is
204: browsers report a 404 as an error.
"""

import re
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vae.dashboard import server
from vae.data import Dataset, prepare
from vae.imaging import tiles
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


@lru_cache(maxsize=4)
def _data(path: Path, key: str) -> Dataset:
    return Run(path).data()


def _tile(request: Request) -> Response:
    digits, key = request.path_params["row"], request.path_params["key"]
    if not ROW.fullmatch(digits):
        return Response(status_code=204)
    row = int(digits)
    try:
        run = find(server.ROOT, request.path_params["run"])
        if run_key(run) != key:
            return Response(status_code=204)
        data = _data(run.path, key)
    except (ValueError, OSError):
        return Response(status_code=204)
    if not data.is_image or row >= len(data.x):
        return Response(status_code=204)
    png = tiles.tile_pngs(prepare(data, slice(row, row + 1)))[0]
    return Response(png, media_type="image/png", headers=CACHING)
