"""The codes of a model with a codebook: on the map with their number of examples, and decoded
beside it."""

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from vae.base.records import Floats
from vae.dashboard.latent.request import MapContext
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.shared import widgets
from vae.dashboard.shared.html_gallery import Caption, gallery
from vae.figures.map_layers import code_markers

if TYPE_CHECKING:
    from vae.analysis.codebook import CodeUse

MOST = 64  # decoded codes beside the map, and combinations of several groups on it
SWITCH = (
    "Mark the codes of the codebook: the larger, the more examples on the map have this code as "
    "the nearest one; a cross has none. With several groups, the most frequent combinations of "
    "their codes. The decoder reads the nearest code of every place."
)
ABOUT = (
    "E[x|code] of the codes with most examples on the map, each with its number of examples. The "
    "numbers in its name are its place in the codebook of each group."
)


def switch(context: MapContext) -> bool:
    """Show the switch of the layer; return whether the layer is on."""
    return widgets.switch(st, "Codes", "latent_codes", True, SWITCH, "codes", context.single)


def traces(context: MapContext) -> list[dict[str, Any]]:
    """Return the marks of the codes, where the map has places for latents."""
    if context.plane is None or context.single:
        return []
    use = _use(context)
    marked = len(use.counts) if use.codes.shape[1] == 1 else MOST
    counts = use.counts[:marked]
    texts = [f"code {use.title(i)} · {_examples(n)}" for i, n in enumerate(counts)]
    return code_markers(context.plane.places(use.vectors[:marked]), counts, texts)


def panel(context: MapContext, label: int) -> None:
    """Show the codes of most examples, decoded as class `label` of a conditional model."""
    loaded, use = context.loaded, _use(context)
    st.markdown("**Codes**", help=ABOUT + lesson_link("goals"))
    used = len(use.counts) - use.unused
    unused = f" · {use.unused} without an example" if use.unused else ""
    words = f"{MOST} of {used:,} codes in use" if used > MOST else f"{used:,} codes in use"
    st.caption(f"{words}{unused}")
    if loaded.data.is_image or loaded.data.is_series:
        captions = [
            Caption(use.title(i), ((f"{n:,}", "text"),), f"code {use.title(i)} · {_examples(n)}")
            for i, n in enumerate(use.counts[: min(used, MOST)])
        ]
        x = _decoded(use, label, context)
        st.html(gallery([x], captions, loaded.model.domain))


def _examples(count: int) -> str:
    return "1 example" if count == 1 else f"{count:,} examples"


def _use(context: MapContext) -> "CodeUse":
    from vae.analysis.codebook import code_use

    return code_use(context.loaded.model, context.encoding.mean)


def _decoded(use: "CodeUse", label: int, context: MapContext) -> Floats:
    from vae.analysis.encoding import decode

    vectors = use.vectors[: len(use.counts) - use.unused][:MOST]
    return decode(context.loaded.model, vectors, labels=np.full(len(vectors), label))
