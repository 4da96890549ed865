"""The popover that fits Gaussian mixtures to the latents, with the BIC over their components."""

import numpy as np
import streamlit as st

from vae.analysis.decoded_grid import Box
from vae.analysis.density import Blobs, Field, field, projected
from vae.analysis.mixture import Mixture, best_mixture, fit_mixtures
from vae.base.numbers import percent
from vae.base.records import Floats
from vae.dashboard.latent import state
from vae.dashboard.latent.request import MapContext
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import plot
from vae.dashboard.shared import address
from vae.dashboard.shared.address_values import SWITCH
from vae.figures.mixture import bic_curve

MOST = 5_000  # latents at most that a mixture is fitted to
KEY = "latent_mixture"  # of the toggle
COUNTS = range(1, 11)  # numbers of components
ABOUT = (
    "Mixtures of 1 to 10 Gaussians with full covariances are fitted to the posterior means "
    "(scikit-learn, at most 5,000 of them, all latent dimensions). The BIC is −2 ln likelihood + "
    "parameters · ln examples, in nats doubled; lower is better. Lines on the map hold 39 % and "
    "86 % of the mixture, as 1σ and 2σ circles do."
)


def mixture_popover(context: MapContext, box: Box) -> Field | None:
    """Show the popover; return the density of the mixture if the user draws it on the map."""
    wanted = address.take("mixture", SWITCH, False)
    with st.popover("Mixture", help="Fit a Gaussian mixture to the latents."):
        st.markdown("**Gaussian mixture of the latents**", help=ABOUT + lesson_link("prior"))
        found = state.get(state.MIXTURES, context.examples_key, [])
        is_pressed = st.button("Fit 1 to 10 components", key="latent_fit", disabled=bool(found))
        if is_pressed or (wanted and not found):
            found = _fit(context.encoding.mean)
            state.put(state.MIXTURES, context.examples_key, found)
        if not found:
            st.caption("No mixture is fitted yet.")
            return None
        best = best_mixture(found)
        plot(
            bic_curve([mixture.bic for mixture in found]),
            key="latent_bic",
            revision="bic",
            height=200,
            label="BIC over the number of components",
        )
        st.caption(f"Lowest BIC: {len(best.weight)} of {len(found)} components.")
        if wanted is not None or KEY not in st.session_state:
            st.session_state[KEY] = wanted is None or wanted
        drawn = st.toggle("Draw on the map", key=KEY)
    address.show("mixture", SWITCH, drawn, False)
    return _on_map(context, best, box) if drawn else None


def _fit(means: Floats) -> list[Mixture]:
    """Fit at most `MOST` evenly chosen latents, with a progress bar."""
    bar = st.progress(0.0, text="Fitting")
    found = fit_mixtures(
        means[:: max(1, -(-len(means) // MOST))],
        COUNTS,
        lambda share: bar.progress(share, text=f"{percent(share, 0)} fitted"),
    )
    bar.empty()
    return found


def _on_map(context: MapContext, found: Mixture, box: Box) -> Field | None:
    plane = context.plane
    if plane is None:
        return None
    weight, mean, covariance = (
        a.astype(np.float32) for a in (found.weight, found.mean, found.covariance)
    )
    placed = projected(mean, covariance, plane.origin, plane.forward)
    return field(Blobs(*placed, weight), *box)
