"""Records → Plotly figures: a record in, a figure out; no torch, no file, no Streamlit.

Colours are tokens of `vae.figures.palette`, names and not values. The page's chart component puts
the colours of the current theme in their place in the browser, so that one figure serves light and
dark; `themed` does the same in Python for charts that stand still. Colour carries one meaning
everywhere: reconstruction blue, KL orange, ELBO ink, prior grey. Solid is training data, dashed is
validation data.

Numbers travel as float32 and integer arrays. Every figure with nothing to show says what is
missing. Log-probabilities and divergences are in nats per example.
"""

from vae.figures.base import decimate, empty, themed
from vae.figures.dataset import class_bars, feature_lines, feature_spread, value_bars
from vae.figures.evaluation import bound, kl_parts, scores
from vae.figures.history import curves
from vae.figures.latent_bars import kl_bars, scree
from vae.figures.latent_map import caption, latent_map, map_index
from vae.figures.vectors import manifold_vectors, pairs, vectors

__all__ = [
    "bound",
    "caption",
    "class_bars",
    "curves",
    "decimate",
    "empty",
    "feature_lines",
    "feature_spread",
    "kl_bars",
    "kl_parts",
    "latent_map",
    "manifold_vectors",
    "map_index",
    "pairs",
    "scores",
    "scree",
    "themed",
    "value_bars",
    "vectors",
]
