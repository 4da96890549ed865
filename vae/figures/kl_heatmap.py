"""Heatmap of the KL of each latent over training, latent dimension × epoch.

Rows are latent dimensions ordered by their final KL, the largest on top. A column is an epoch, or
the mean over several epochs where there are more than 400. Colour is the KL in nats per example.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from vae.base.numbers import compact
from vae.base.records import Floats, Ints
from vae.figures.base import SEQUENTIAL, SMALL, axis, empty_figure, figure
from vae.figures.latent_bars import USED
from vae.figures.palette import token

COLUMNS = 400  # at most
EARLY = 0.1  # share of the first epochs whose KL may exceed the colour scale
FEW = 8  # epochs, up to which each has a tick
ROWS = 24  # up to so many rows have labels
PIXELS = (110, 360)  # smallest and largest height of all rows together
ROW = 22  # pixels, height of a row where there is room
TOP, BOTTOM = 8, 48
_MUTED = {"size": SMALL, "color": token("muted")}


def kl_heatmap(
    reports: Iterable[Mapping[str, Any]],
    latents: int,
    missing: str = "No report has a KL per latent",
) -> go.Figure:
    """KL of Z = `latents` latents over training; the sentence `missing` if there is none."""
    epoch, kl = kl_history(reports, latents)
    if not len(epoch):
        return empty_figure(missing).update_layout(height=PIXELS[0] + TOP + BOTTOM)
    order = np.argsort(-kl[-1], kind="stable")
    epoch, kl = _thinned(epoch, kl)
    top = max(float(kl[epoch >= EARLY * epoch[-1]].max()), 10 * USED)
    trace = {
        "type": "heatmap",
        "x": epoch,
        "y": np.arange(latents),
        "z": kl[:, order].T,
        "zmin": 0.0,
        "zmax": top,
        "colorscale": _scale(USED / top),
        "colorbar": _bar(),
        "customdata": np.broadcast_to(order[:, None] + 1, (latents, len(epoch))),
        "hovertemplate": "z%{customdata}, epoch %{x:.4~r}: <b>%{z:.3r}</b> nats<extra></extra>",
    }
    names: dict[str, Any] = {"showticklabels": False}
    if latents <= ROWS:
        names = {"tickvals": np.arange(latents), "ticktext": [f"z{d + 1}" for d in order]}
    last = float(epoch[-1])
    return figure(
        [trace],
        xaxis=axis(
            f"epoch · grey: KL below {compact(USED)} nats",
            showgrid=False,
            range=[float(epoch[0]), last or 1.0],
            **({"dtick": 1} if last <= FEW else {}),
        ),
        yaxis=axis(
            "latent, by final KL", showgrid=False, range=[latents - 0.5, -0.5], ticks="", **names
        ),
        height=int(np.clip(ROW * latents, *PIXELS)) + TOP + BOTTOM,
        margin={"l": 56, "r": 16, "t": TOP, "b": BOTTOM},
    )


def kl_history(reports: Iterable[Mapping[str, Any]], latents: int) -> tuple[Floats, Floats]:
    """Epochs (T,) and KL per latent (T, Z) of the validation examples, or of the training examples
    in a run without validation data. Reports without a valid KL per latent are skipped."""
    found: dict[str, list[tuple[float, Any]]] = {"val": [], "train": []}
    for report in reports:
        values = report.get("kl_per_dimension")
        if report.get("split") in found and _valid(values, latents):
            found[report["split"]].append((float(report["epoch"]), values))
    rows = found["val"] or found["train"]
    epoch = np.array([row[0] for row in rows], np.float32)
    return epoch, np.array([row[1] for row in rows], np.float32).reshape(-1, latents)


def _valid(values: Any, latents: int) -> bool:
    """Whether `values` are Z finite numbers."""
    if not isinstance(values, list | tuple) or len(values) != latents:
        return False
    return all(isinstance(v, int | float) and np.isfinite(v) for v in values)


def _thinned(epoch: Floats, kl: Floats) -> tuple[Floats, Floats]:
    """Average neighbouring epochs so that at most COLUMNS columns remain."""
    if len(epoch) <= COLUMNS:
        return epoch, kl
    starts: Ints = np.unique(np.linspace(0, len(epoch), COLUMNS + 1)[:-1].astype(np.int64))
    counts = np.diff([*starts, len(epoch)]).astype(np.float32)
    sums: Floats = np.add.reduceat(np.column_stack([epoch, kl]), starts, axis=0)
    means: Floats = sums / counts[:, None]
    return means[:, 0], means[:, 1:]


def _scale(used: float) -> list[list[Any]]:
    """Grey up to the KL of an unused latent, the sequential scale above."""
    off = token("muted", 0.15)
    above = [
        [used + (1 - used) * k / (len(SEQUENTIAL) - 1), c] for k, (_, c) in enumerate(SEQUENTIAL)
    ]
    return [[0.0, off], [used, off], *above]


def _bar() -> dict[str, Any]:
    return {
        "title": {"text": "nats", "side": "right", "font": _MUTED},
        "thickness": 10,
        "outlinewidth": 0,
        "nticks": 5,
        "tickfont": _MUTED,
    }
