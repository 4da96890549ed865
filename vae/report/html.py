"""The frame of a report: one HTML file without a single address to fetch.

Plotly's script stands in it once; a chart is its figure in light and in dark, of which the
reader's preference picks one, and paper always the light one. A content policy allows the two
scripts by their hashes and nothing else: whatever a run's name or notes hold, no other script
runs and nothing is asked of the network.
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
    """What a report consists of, piece by piece, in the order in which it is added."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.body: list[str] = []
        self.charts: list[tuple[Any, Any]] = []

    def add(self, html: str) -> None:
        self.body.append(html)

    def chart(self, figure: go.Figure, label: str, height: int = 300) -> str:
        """HTML: a figure `height` pixels high, as wide as its place; `label` says it in words."""
        still = go.Figure(figure).update_layout(height=height, dragmode=False)
        pair = tuple(_drawable(themed(still, dark)) for dark in (False, True))
        self.charts.append((pair[0], pair[1]))
        name = f"chart{len(self.charts) - 1}"
        return (
            f'<div class="chart" id="{name}" role="img" aria-label="{escape(label)}" '
            f'style="height:{height}px"></div>'
        )

    def html(self) -> str:
        """The whole file."""
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
    """A figure as JSON. Few points need no WebGL, which paper and some machines have not."""
    made = json.loads(figure.to_json())
    for trace in made["data"]:
        trace["type"] = trace["type"].removesuffix("gl")
    return made


def _policy(scripts: Sequence[str]) -> str:
    digests = (hashlib.sha256(text.encode()).digest() for text in scripts)
    hashes = " ".join(f"'sha256-{base64.b64encode(d).decode()}'" for d in digests)
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {hashes}"


def _colours() -> str:
    return ";".join(f"--{name}:light-dark({a},{b})" for name, (a, b) in COLOURS.items())


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "") -> str:
    """HTML: cells that are HTML already; the first of each row is its head."""
    top = "".join(f"<th>{head}</th>" for head in heads)
    lines = (
        f"<tr><th>{first}</th>{''.join(f'<td>{cell}</td>' for cell in rest)}</tr>"
        for first, *rest in rows
    )
    head = f"<thead><tr>{top}</tr></thead>" if heads else ""
    return f'<table class="{kind}">{head}<tbody>{"".join(lines)}</tbody></table>'


def section(title: str, *parts: str, about: str = "") -> str:
    """HTML: what belongs together, below its title."""
    said = f'<p class="about">{escape(about)}</p>' if about else ""
    return f"<section><h2>{escape(title)}</h2>{said}{''.join(parts)}</section>"


def picture(png: str, alt: str) -> str:
    """HTML: a picture from its data address, pixel for pixel."""
    return f'<img src="{png}" alt="{escape(alt)}">'


def dot(slot: int | None) -> str:
    """HTML: the colour of a configuration."""
    name = "prior" if slot is None else f"class{slot}"
    return f'<i class="dot" style="background:var(--{name})"></i>'
