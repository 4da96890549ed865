"""A Gaussian mixture fitted to the latents on demand, with the BIC over their number."""

import streamlit as st

from vae.analysis.decoded_grid import Box
from vae.analysis.density import FITS, Field, Fitted, field, fit, fitted_blobs
from vae.analysis.projections import Plane
from vae.base.records import Floats
from vae.dashboard.plot import plot
from vae.figures.mixture import bic_curve

MOST = 5_000  # latents at most that a mixture is fitted to
FITTED = "latent_fitted"
ABOUT = (
    "Mixtures of 1 to 10 Gaussians with full covariances are fitted to the posterior means "
    "(scikit-learn, at most 5,000 of them, all latent dimensions). The BIC is −2 ln likelihood + "
    "parameters · ln examples, in nats doubled: the smallest explains the latents with the fewest "
    "parameters. Lines on the map hold 39 % and 86 % of the mixture, as 1σ and 2σ circles do."
)


def mixture(what: tuple[object, ...], means: Floats, plane: Plane, box: Box) -> Field | None:
    """The popover that fits and shows; the density to be drawn on the map, if one is wanted.

    `what` the latents depend on: a fit is kept for the session and belongs to them.
    """
    with st.popover("Mixture", help="Fit a Gaussian mixture to the latents."):
        st.markdown("**Gaussian mixture of the latents**", help=ABOUT)
        belongs, found = st.session_state.get(FITTED, (None, []))
        if belongs != what:
            found = []
        if st.button("Fit 1 to 10 components", key="latent_fit", disabled=bool(found)):
            found = _fit(means)
            st.session_state[FITTED] = (what, found)
        if not found:
            st.caption("Nothing is fitted yet.")
            return None
        best = min(found, key=lambda one: one.bic)
        plot(
            bic_curve([one.bic for one in found]),
            key="latent_bic",
            revision="bic",
            height=200,
            label="BIC over the number of components",
        )
        st.caption(f"Smallest BIC: {len(best.weight)} of {len(found)} components.")
        drawn = st.toggle("Draw on the map", value=True, key="latent_mixture")
    return field(fitted_blobs(best, plane.origin, plane.forward), *box) if drawn else None


def _fit(means: Floats) -> list[Fitted]:
    """Mixtures of 1 … 10 components, as many as there are examples for."""
    sample = means[:: max(1, -(-len(means) // MOST))]
    counts = [k for k in FITS if k < len(sample)]
    bar = st.progress(0.0, text="Fitting")
    found = []
    for k in counts:
        found.append(fit(sample, k))
        bar.progress(k / len(counts), text=f"{k} of {len(counts)} fitted")
    bar.empty()
    return found
