"""The palette and the theme's grounds as CSS variables, for the style sheets of every page.

`--muted`, `--kl`, … are the palette's colours; `--surface` is the ground of the sidebar and
`--border` the colour of lines around things. Each is a pair, of which the browser takes the one
that fits its theme; Streamlit itself gives its colours as variables to components only.
"""

import streamlit as st

from vae.dashboard.shared.html_gallery import colour
from vae.figures.palette import COLOURS

GROUNDS = {"surface": "secondaryBackgroundColor", "border": "borderColor"}


def shades() -> str:
    """A <style> that defines them."""
    values = {name: colour(name) for name in COLOURS}
    for name, option in GROUNDS.items():
        light, dark = (st.get_option(f"theme.{side}.{option}") for side in ("light", "dark"))
        values[name] = f"light-dark({light}, {dark})"
    lines = "".join(f"--{name}: {value};" for name, value in values.items())
    return f"<style>:root {{{lines}}}</style>"
