"""The second row above the map: the background, and decoding under the pointer."""

from typing import NamedTuple

import streamlit as st

from vae.dashboard.latent import code_layer, posterior_layer
from vae.dashboard.latent.request import MapContext
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.shared import widgets

BACKGROUNDS = {"none": "none", "density": "density", "decoded": "decoded"}
LABEL = "latent_label"
HELP = {
    "background": "Density: the aggregate posterior q(z), the mixture of all posteriors; the "
    "bands hold 50, 80, 95 and 99 % of its mass, and blank regions are holes. Decoded: E[x|z] "
    "over the plane, faded where q(z) is low.",
    "decode": "Show beside the map the decoder's output for the place under the pointer. A click "
    "on empty space decodes the place exactly and pins it. ",
    "label": "A conditional model decodes a place as an example of this class.",
}


class Toolbar(NamedTuple):
    """The state of the second row."""

    background: str = "none"  # a key of BACKGROUNDS
    decode_on_hover: bool = False
    label: int = 0  # a class of a conditional model
    posterior: bool = False  # draw p(z|x) of the selected example
    codes: bool = False  # draw the codes of a codebook


def chosen_label(context: MapContext) -> int:
    """Return the class that a conditional model decodes; 0 for other models."""
    return int(st.session_state.get(LABEL) or 0) if context.loaded.model.classes else 0


def toolbar(context: MapContext, accuracy: str = "", density: str = "") -> Toolbar:
    """Show the widgets; `accuracy` of the decoder under the pointer and the definition of the
    `density` complete their help."""
    reason = context.request.no_inverse
    about = f"{HELP['background']} {density}" + lesson_link("prior")
    st.markdown("Background", help=about, width="content")
    off, grounds = bool(reason), list(BACKGROUNDS)
    background = widgets.segments(
        st, "Background", "latent_ground", grounds, "", "background", off=off
    )
    about = HELP["decode"] + (reason or accuracy)
    decode = widgets.switch(st, "Decode on hover", "latent_decode", True, about, "decode", off=off)
    if context.loaded.model.classes:
        _class_control(context)
    ground, label = "none" if reason else background, chosen_label(context)
    if context.loaded.model.codes is not None:
        return Toolbar(ground, decode, label, codes=code_layer.switch(context))
    return Toolbar(ground, decode, label, posterior_layer.switch(context))


def _class_control(context: MapContext) -> None:
    names, count = context.loaded.data.classes, context.loaded.model.classes
    titles = {k: names[k] if k < len(names) else str(k) for k in range(count)}
    widgets.choose(
        st, "Class", LABEL, titles, 0, HELP["label"], hide_label=True, link="class", width=98
    )
