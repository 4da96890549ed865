"""Pictures of single examples, `/vae/tile/<run>/<row>.png`, for the hover of a map.

The route runs outside the script and for anyone who knows the address, so it checks run and row
itself; where there is no picture it answers 204, because browsers report a 404 as an error.
"""

from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vae.dashboard import server
from vae.data import Dataset, prepare
from vae.imaging import tiles
from vae.runs import find

KEEP = {"Cache-Control": "private, max-age=3600"}


def routes() -> list[Route]:
    """The route, for `st.App(..., routes=routes())`."""
    return [Route("/vae/tile/{run}/{row:int}.png", _tile)]


def pattern(run: str) -> str:
    """The address of a run's tiles, with {i} for the row."""
    return f"/vae/tile/{run}/{{i}}.png"


@lru_cache(maxsize=4)
def _data(root: Path, run: str) -> Dataset:
    return find(root, run).data()


def _tile(request: Request) -> Response:
    row = request.path_params["row"]
    try:
        data = _data(server.ROOT, request.path_params["run"])
    except (ValueError, OSError):
        return Response(status_code=204)
    if not data.is_image or row >= len(data.x):
        return Response(status_code=204)
    png = tiles.tile_pngs(prepare(data, slice(row, row + 1)))[0]
    return Response(png, media_type="image/png", headers=KEEP)
