"""The graph from an example x over (μ, σ) and z to f(z), with and without a derivative through z.

Squares are computed nodes, circles are random ones. Grey arrows lead forward, coloured ones carry
the derivatives of f back.
"""

from collections.abc import Mapping
from typing import NamedTuple

from vae.base.numbers import fixed
from vae.figures.base import Part
from vae.figures.lesson_parts import dots, label
from vae.figures.palette import token

WIDTH, HEIGHT = 10.0, 10.0  # units of both axes
SIZE = 48  # px of a node
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
    """Return markers and annotations of one graph around the height `y`.

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
    forward = [_arrow(a, b, "muted", 0.45) for a, b in arrows]
    back = [_arrow(f, z, "reconstruction"), *_back(mean, sd, z, x, cut)]
    words = [_beside(f, z, f"∂f/∂z<br>{fixed(numbers['dz'])}", -0.75)]
    if cut:
        words.append(label("✕", 5.1, y, "failure", font={"size": 26, "color": token("failure")}))
        words.append(label(cut, 5.0, y + 1.15, "failure", xanchor="left"))
    else:
        words.append(_beside(mean, z, f"∂f/∂μ = {fixed(numbers['dmean'])}", 0.62))
        words.append(_beside(sd, z, f"∂f/∂σ = {fixed(numbers['dsd'])}", -0.62))
    return [_marker(node) for node in nodes], [*forward, *back, *words, *map(_text, nodes)]


_NAMES = {"mean": "μ", "sd": "σ", "z": "z", "f": "f(z)"}


def _back(mean: Node, sd: Node, z: Node, x: Node, cut: str) -> list[Part]:
    if cut:
        return []
    return [_arrow(a, b, "reconstruction") for a, b in ((z, mean), (z, sd), (mean, x), (sd, x))]


def _marker(node: Node) -> Part:
    symbol = "circle" if node.is_random else "square"
    outline = {"color": token(node.colour), "width": 2}
    look = {"symbol": symbol, "line": outline, "color": token("background")}
    return dots([node.x], [node.y], node.colour, size=SIZE, marker=look | {"size": SIZE})


def _text(node: Node) -> Part:
    return label(node.text, node.x, node.y, node.colour)


def _arrow(start: Node, end: Node, colour: str, opacity: float | None = None) -> Part:
    """Return an arrow between two nodes, to the right of its way."""
    dx, dy = end.x - start.x, end.y - start.y
    length = (dx**2 + dy**2) ** 0.5
    ux, uy = dx / length, dy / length
    aside_x, aside_y = uy * _ASIDE, -ux * _ASIDE
    return {
        "x": end.x - ux * _GAP + aside_x,
        "y": end.y - uy * _GAP * 1.1 + aside_y,
        "ax": start.x + ux * _GAP + aside_x,
        "ay": start.y + uy * _GAP * 1.1 + aside_y,
        **{"xref": "x", "yref": "y", "axref": "x", "ayref": "y", "text": ""},
        **{"arrowcolor": token(colour, opacity), "arrowwidth": 2, "arrowhead": 2},
    }


def _beside(a: Node, b: Node, text: str, dy: float) -> Part:
    """Return words above or below the middle between two nodes."""
    return label(text, (a.x + b.x) / 2, (a.y + b.y) / 2 + dy, "reconstruction")
