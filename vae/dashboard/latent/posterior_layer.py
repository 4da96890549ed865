"""The layer p(z|x) of the selected example: on the map, and larger beside it with its numbers."""

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from vae.base.numbers import compact, fixed
from vae.base.records import Ints
from vae.dashboard.latent.request import MapContext
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import plot
from vae.dashboard.shared import widgets
from vae.dashboard.shared.html_gallery import figures_line
from vae.figures.map_layers import density_contours, posterior_close_up

if TYPE_CHECKING:
    from vae.analysis.posterior_fields import Example

HEIGHT = 300
UNSURE = 0.01  # nats: a larger error of ln p(x) is mentioned
SWITCH = (
    "Draw the true posterior p(z|x) = p(x|z) p(z) / p(x) of the selected example beside q(z|x), "
    "computed from the run's own decoder, likelihood and prior on a grid of the two latents."
)
ABOUT = (
    "ln p(x) is the integral of p(x|z) p(z) over both latents, by a grid that becomes finer where "
    "the mass is. The ELBO of this example is an integral over q(z|x). Their difference is "
    "KL(q ‖ p(z|x)): 0 if the encoder returned the true posterior, larger if q is misplaced or "
    "too narrow. The lines hold 39 % and 86 % of each density, as 1σ and 2σ do for a Gaussian."
)
NONE = "Select one example on the map to see its true posterior p(z|x)."


def switch(context: MapContext) -> bool:
    """Show the switch of the layer; return whether the layer is on."""
    reason = _obstacle(context)
    about = f"{SWITCH} {reason}".rstrip() + lesson_link("gaps", "images")
    found = widgets.switch(
        st, "p(z|x)", "latent_posterior", False, about, "posterior", off=bool(reason)
    )
    return found and not reason


def _obstacle(context: MapContext) -> str:
    """Return why this map cannot show a true posterior; "" if it can."""
    from vae.analysis.true_posterior import obstacle

    reason = obstacle(context.loaded.model)
    if reason or context.request.no_inverse or context.plane is None:
        return reason or context.request.no_inverse or "This map has no plane in latent space."
    turned = context.plane.forward[:, :2]
    return "" if abs(np.linalg.det(turned)) > 1e-9 else "This map is a line in latent space."


def traces(context: MapContext, rows: Ints) -> list[dict[str, Any]]:
    """Return the contours of p(z|x) and q(z|x), if one example is selected."""
    found = _example(context, rows)
    if found is None:
        return []
    return [density_contours(found.posterior, "posterior"), density_contours(found.q, "q")]


def panel(context: MapContext, rows: Ints) -> None:
    """Show both densities of the selected example larger, with the numbers between them."""
    found = _example(context, rows)
    if found is None:
        st.caption(NONE)
        return
    assert context.plane is not None
    compared = found.found
    about = f"{ABOUT} {context.loaded.model.caveat}".rstrip() + lesson_link("gaps", "images")
    st.markdown(f"**p(z|x) of #{int(rows[0])}**", help=about)
    numbers = (
        ("ln p(x)", compared.posterior.log_evidence, "data"),
        ("ELBO", compared.elbo, "elbo"),
        ("KL(q ‖ p(z|x))", compared.kl, "posterior"),
    )
    st.html(figures_line([(name, f"{fixed(value)} nats", c) for name, value, c in numbers]))
    st.caption(_sentence(found))
    plot(
        posterior_close_up(found.posterior, found.q, context.plane.names),
        key="latent_posterior_picture",
        revision=f"{context.revision} {int(rows[0])}",
        height=HEIGHT,
        label="The true posterior of the selected example, and q(z|x)",
    )


def _sentence(found: "Example") -> str:
    """Return the meaning of the numbers in a sentence."""
    kl, posterior = found.found.kl, found.found.posterior
    text = f"The encoder's q(z|x) loses {fixed(kl)} nats of ln p(x) against the true posterior."
    if posterior.error > UNSURE:
        text += f" The grid did not settle: ln p(x) may be off by {compact(posterior.error, 2)}."
    return text


def _example(context: MapContext, rows: Ints) -> "Example | None":
    """Return the densities of the selected example; None unless exactly one is selected."""
    if len(rows) != 1 or _obstacle(context):
        return None
    request = context.request
    key = (context.weights_key, request.projection, *request.options.values())
    if context.plane is not None and not context.plane.latents:
        key = context.key  # principal components depend on the examples of the map
    return _examined(key, int(rows[0]), context)


@st.cache_resource(max_entries=64, show_spinner="Computing p(z|x)…")
def _examined(key: tuple[object, ...], row: int, _context: MapContext) -> "Example":
    import torch

    from vae.analysis.posterior_fields import examine
    from vae.analysis.true_posterior import Joint

    loaded = _context.loaded
    assert _context.plane is not None
    with torch.no_grad():
        x, y = loaded.batches(np.array([row])).fixed(loaded.seed)
        return examine(Joint(loaded.model, x, y), loaded.model.posterior(x, y), _context.plane)
