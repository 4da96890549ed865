"""The palette and the theme's backgrounds as CSS variables, for the style sheets of every page.

`--muted`, `--kl`, … are the palette's colours, `--surface` is the background of the sidebar and
`--border` the colour of borders. Each is a pair for the light and the dark theme. Streamlit itself
offers its colours as variables to components only.
"""

import streamlit as st

from vae.dashboard.shared.html_gallery import colour
from vae.figures.palette import COLOURS

GROUNDS = {"surface": "secondaryBackgroundColor", "border": "borderColor"}


def shades() -> str:
    """Return a <style> element that defines the variables."""
    values = {name: colour(name) for name in COLOURS}
    for name, option in GROUNDS.items():
        light, dark = (st.get_option(f"theme.{side}.{option}") for side in ("light", "dark"))
        values[name] = f"light-dark({light}, {dark})"
    lines = "".join(f"--{name}: {value};" for name, value in values.items())
    return f"<style>:root {{{lines}}}</style>"
