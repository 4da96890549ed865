"""The graph from an example x over (μ, σ) and z to f(z), with and without a derivative through z.

Squares are computed nodes, circles are random ones. Grey arrows lead forward, coloured ones carry
the derivatives of f back. Arrows and names are parts of traces: a browser takes 5 ms for each
annotation, at every movement.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from vae.base.numbers import fixed
from vae.figures.base import Part, broken
from vae.figures.lesson_parts import LABEL, dots, label
from vae.figures.palette import token

WIDTH, HEIGHT = 10.0, 10.0  # units of both axes
SIZE, HEAD = 48, 13  # px of a node, of the head of an arrow
_GAP, _ASIDE = 0.46, 0.13  # of an arrow from a node's centre and from its opposite arrow


class Node(NamedTuple):
    """A node of the graph."""

    text: str
    x: float
    y: float
    colour: str
    is_random: bool = False


def path_graph(
    y: float, numbers: Mapping[str, float], noise: float | None, cut: str = ""
) -> tuple[list[Part], list[Part]]:
    """Return traces and annotations of one graph around the height `y`.

    `numbers` has mean, sd, z, f and the derivatives dz, dmean, dsd of f. With `noise` z is
    computed from it; without, z is random and `cut` names the end of the way back.
    """
    rows = {key: f"{name}<br>{fixed(numbers[key])}" for key, name in _NAMES.items()}
    x, mean = Node("x", 0.6, y, "data"), Node(rows["mean"], 3.1, y + 1.1, "q")
    sd = Node(rows["sd"], 3.1, y - 1.1, "q")
    z = Node(rows["z"], 6.2, y, "q", noise is None)
    f = Node(rows["f"], 9.3, y, "reconstruction")
    nodes, arrows = [x, mean, sd, z, f], [(x, mean), (x, sd), (mean, z), (sd, z), (z, f)]
    if noise is not None:
        nodes.append(Node(f"ε<br>{fixed(noise)}", 6.2, y + 2.35, "prior", is_random=True))
        arrows.append((nodes[-1], z))
    back = [(f, z)] if cut else [(f, z), (z, mean), (z, sd), (mean, x), (sd, x)]
    ways = [_arrows(arrows, token("muted", 0.45)), _arrows(back, token("reconstruction"))]
    words = [_beside(f, z, f"∂f/∂z<br>{fixed(numbers['dz'])}", -0.75)]
    if cut:
        words.append(label("✕", 5.1, y, "failure", font={"size": 26, "color": token("failure")}))
        words.append(label(cut, 5.0, y + 1.15, "failure", xanchor="left"))
    else:
        words.append(_beside(mean, z, f"∂f/∂μ = {fixed(numbers['dmean'])}", 0.62))
        words.append(_beside(sd, z, f"∂f/∂σ = {fixed(numbers['dsd'])}", -0.62))
    return [*ways, *map(_drawn, nodes)], words


_NAMES = {"mean": "μ", "sd": "σ", "z": "z", "f": "f(z)"}


def _drawn(node: Node) -> Part:
    """Return a node with its name."""
    symbol = "circle" if node.is_random else "square"
    outline = {"color": token(node.colour), "width": 2}
    look = {"symbol": symbol, "line": outline, "color": token("background")}
    node_at = dots([node.x], [node.y], node.colour, size=SIZE, marker=look | {"size": SIZE})
    font = {"size": LABEL, "color": token(node.colour)}
    return node_at | {"mode": "markers+text", "text": [node.text], "textfont": font}


def _arrows(ways: Sequence[tuple[Node, Node]], colour: str) -> Part:
    """Return arrows between pairs of nodes, each to the right of its way."""
    x, y = np.array([_ends(start, end) for start, end in ways]).transpose(2, 0, 1)  # (N, 2) each
    head: Part = {"symbol": "arrow", "angleref": "previous", "color": colour}
    head |= {"size": [0, HEAD, 0] * len(ways), "line": {"width": 0}, "opacity": 1}
    line = {"color": colour, "width": 2}
    common = {"type": "scatter", "mode": "lines+markers", "hoverinfo": "skip"}
    return {**common, "x": broken(x), "y": broken(y), "line": line, "marker": head}


def _ends(start: Node, end: Node) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the places where an arrow begins and ends."""
    dx, dy = end.x - start.x, end.y - start.y
    length = (dx**2 + dy**2) ** 0.5
    ux, uy = dx / length, dy / length
    aside_x, aside_y = uy * _ASIDE, -ux * _ASIDE
    begins = start.x + ux * _GAP + aside_x, start.y + uy * _GAP * 1.1 + aside_y
    return begins, (end.x - ux * _GAP + aside_x, end.y - uy * _GAP * 1.1 + aside_y)


def _beside(a: Node, b: Node, text: str, dy: float) -> Part:
    """Return words above or below the middle between two nodes."""
    return label(text, (a.x + b.x) / 2, (a.y + b.y) / 2 + dy, "reconstruction")
