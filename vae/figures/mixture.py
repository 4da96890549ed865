"""The BIC of Gaussian mixtures fitted to the latents, against the number of components."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from vae.figures.base import Part, axis, figure
from vae.figures.palette import token


def bic_curve(values: Sequence[float]) -> go.Figure:
    """The BIC of mixtures with 1 … K components (K,), with the smallest marked.

    BIC = −2 ln likelihood + parameters · ln examples; lower is better (Schwarz 1978).
    """
    bic = np.asarray(values, np.float64)
    k = np.arange(1, len(bic) + 1)
    best = int(bic.argmin())
    line: Part = {"type": "scatter", "mode": "lines+markers", "x": k, "y": bic}
    line |= {"line": {"color": token("text"), "width": 1.5}, "marker": {"size": 5}}
    line |= {"hovertemplate": "%{x} components: %{y:,.0f}<extra></extra>"}
    mark: Part = {"type": "scatter", "mode": "markers", "x": k[[best]], "y": bic[[best]]}
    mark |= {"marker": {"size": 11, "color": token("accent")}, "hoverinfo": "skip"}
    return figure(
        [line, mark],
        xaxis=axis("components", dtick=1),
        yaxis=axis("BIC (2 × nats)"),
        margin={"l": 56, "r": 12, "t": 8, "b": 44},
    )
