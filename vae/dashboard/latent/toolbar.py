"""The second row above the map: what lies behind the points, and what the pointer decodes."""

from typing import NamedTuple

import streamlit as st

from vae.analysis.loaded_run import LoadedRun
from vae.analysis.projections import PROJECTIONS
from vae.dashboard.latent.request import MapRequest

BACKGROUNDS = {"none": "none", "density": "density", "decoded": "decoded"}
HELP = {
    "ground": "What lies behind the points. Density: where the aggregate posterior q(z), the "
    "mixture of all posteriors, has its mass; the bands hold 50, 80, 95 and 99 % of it, and what "
    "stays white is a hole. Decoded: what the decoder makes of the plane, veiled where q(z) is "
    "thin.",
    "decode": "Show beside the map what the decoder makes of the place under the pointer. A click "
    "on empty space decodes the place exactly and pins it. ",
    "label": "This model is conditional: it decodes a place as an example of this class.",
}


class Tools(NamedTuple):
    """What the second row asks for."""

    ground: str  # a key of BACKGROUNDS
    decoding: bool
    label: int  # a class of a conditional model


def why_not(asked: MapRequest) -> str:
    """Why a place of the map cannot be decoded; "" where it can."""
    if asked.following:
        return "Places are decoded when the map does not follow a run that trains."
    row = PROJECTIONS.get(asked.projection)
    if row is not None and row.plane is None:
        return f"{row.title} has no inverse: a place here is no place in latent space."
    return ""


def tools(loaded: LoadedRun, asked: MapRequest, exact: str = "", dense: str = "") -> Tools:
    """Draw the widgets; `exact` says how exact the blend under the pointer is, `dense` what the
    density is made of."""
    off = bool(why_not(asked))
    st.markdown("Background", help=f"{HELP['ground']} {dense}", width="content")
    ground = st.segmented_control(
        "Background",
        list(BACKGROUNDS),
        default="none",
        key="latent_ground",
        required=True,
        disabled=off,
        label_visibility="collapsed",
        persist_state="session",
    )
    decoding = st.toggle(
        "Decode on hover",
        value=True,
        key="latent_decode",
        disabled=off,
        help=HELP["decode"] + (why_not(asked) or exact),
        persist_state="session",
    )
    label = 0
    if loaded.model.classes:
        names = loaded.data.classes
        label = st.selectbox(
            "Class",
            range(loaded.model.classes),
            format_func=lambda k: names[k] if k < len(names) else str(k),
            key="latent_label",
            help=HELP["label"],
            label_visibility="collapsed",
            width=98,
        )
    return Tools("none" if off else str(ground), bool(decoding), int(label))
