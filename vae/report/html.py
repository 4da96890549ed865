"""The HTML file of a report; it fetches nothing from the network.

It contains Plotly's script once, and each chart as a light and a dark figure: the reader's
preference selects one, print uses the light one. A content security policy allows the two scripts
by their hashes and nothing else, so that no text of a run can run a script or load an address.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import plotly.graph_objects as go

from vae.figures.base import themed
from vae.figures.palette import COLOURS

STYLE = Path(__file__).with_name("report.css")
SCRIPT = Path(__file__).with_name("report.js")
PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$policy">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>$style</style>
</head>
<body>
<main>
$body
</main>
<script type="application/json" id="charts">$charts</script>
<script>$plotly</script>
<script>$script</script>
</body>
</html>
""")


class Page:
    """The parts of a report in the order of their addition."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.body: list[str] = []
        self.charts: list[tuple[Any, Any]] = []

    def add(self, html: str) -> None:
        self.body.append(html)

    def chart(self, figure: go.Figure, label: str, height: int = 300) -> str:
        """Add a figure of `height` pixels and return its HTML; `label` describes it in words."""
        still = go.Figure(figure).update_layout(height=height, dragmode=False)
        pair = tuple(_drawable(themed(still, dark)) for dark in (False, True))
        self.charts.append((pair[0], pair[1]))
        name = f"chart{len(self.charts) - 1}"
        return (
            f'<div class="chart" id="{name}" role="img" aria-label="{escape(label)}" '
            f'style="height:{height}px"></div>'
        )

    def html(self) -> str:
        """Return the file."""
        from plotly.offline import get_plotlyjs

        scripts = [get_plotlyjs(), SCRIPT.read_text()]
        return PAGE.substitute(
            policy=_policy(scripts),
            title=escape(self.title),
            style=f":root{{{_colours()}}}\n{STYLE.read_text()}",
            body="\n".join(self.body),
            charts=json.dumps(self.charts, separators=(",", ":")).replace("<", "\\u003c"),
            plotly=scripts[0],
            script=scripts[1],
        )


def _drawable(figure: go.Figure) -> Any:
    """Return a figure as JSON, without WebGL, which print and some machines lack."""
    drawable = json.loads(figure.to_json())
    for trace in drawable["data"]:
        trace["type"] = trace["type"].removesuffix("gl")
    return drawable


def _policy(scripts: Sequence[str]) -> str:
    digests = (hashlib.sha256(text.encode()).digest() for text in scripts)
    hashes = " ".join(f"'sha256-{base64.b64encode(d).decode()}'" for d in digests)
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {hashes}"


def _colours() -> str:
    return ";".join(f"--{name}:light-dark({a},{b})" for name, (a, b) in COLOURS.items())


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "") -> str:
    """Return an HTML table of cells in HTML; the first cell of each row is its head."""
    top = "".join(f"<th>{head}</th>" for head in heads)
    lines = (
        f"<tr><th>{first}</th>{''.join(f'<td>{cell}</td>' for cell in rest)}</tr>"
        for first, *rest in rows
    )
    head = f"<thead><tr>{top}</tr></thead>" if heads else ""
    return f'<table class="{kind}">{head}<tbody>{"".join(lines)}</tbody></table>'


def section(title: str, *parts: str, about: str = "") -> str:
    """Return an HTML section: a title, a description and its parts."""
    intro = f'<p class="about">{escape(about)}</p>' if about else ""
    return f"<section><h2>{escape(title)}</h2>{intro}{''.join(parts)}</section>"


def picture(png: str, alt: str) -> str:
    """Return an HTML image of a data URI, pixel for pixel."""
    return f'<img src="{png}" alt="{escape(alt)}">'


def dot(slot: int | None) -> str:
    """Return an HTML dot in the colour of a configuration."""
    name = "prior" if slot is None else f"class{slot}"
    return f'<i class="dot" style="background:var(--{name})"></i>'
