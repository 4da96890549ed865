"""An app with every feature of the live chart; the pages are in plot_demo_main.py."""

from io import BytesIO
from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vae.dashboard.page_switch import protect
from vae.dashboard.plot import routes


def tile(request: Request) -> Response:
    """A picture of 8x8 pixels for the first 50 rows, and none for the rest."""
    row = int(request.path_params["row"])
    if row >= 50:
        return Response(status_code=204)
    file = BytesIO()
    Image.fromarray(np.full((8, 8), 5 * row, np.uint8)).save(file, "PNG")
    return Response(file.getvalue(), media_type="image/png")


protect()  # as the server of the app does
app = st.App(
    Path(__file__).with_name("plot_demo_main.py"),
    routes=[*routes(), Route("/vae/tile/demo/{row:int}.png", tile)],
)
