"""Colours of all figures by meaning, each with a light and a dark value.

A figure names a colour by its meaning, `token("kl")`, and the browser inserts the value of its
theme, so that one figure serves both themes. A token looks like a CSS variable because Plotly's
validation accepts that: "var(--kl)", or with an opacity "var(--kl/0.25)".

Meanings: reconstruction, kl and elbo are the terms of the bound; prior is p(z), q is q(z|x),
posterior is p(z|x), data is x; accent marks
controls and the current selection; text, muted and background are those of the page; class0 to
class9 are the classes of labelled data. `.streamlit/config.toml` has the same accent, text,
background and class colours for Streamlit's own widgets.

Text has a contrast of at least 4.5 on the page and on the sidebar, classes of at least 3 (WCAG
2.2, 1.4.3 and 1.4.11). The class colours maximise the smallest difference (CIEDE2000; Sharma, Wu &
Dalal 2005) of any two under normal vision, protanopia, deuteranopia and tritanopia (Machado,
Oliveira & Fernandes 2009): at least 22 under normal vision and 15 under the others.
`tests/figures/test_palette.py` measures both.
"""

COLOURS: dict[str, tuple[str, str]] = {  # meaning → (light, dark)
    "reconstruction": ("#0072b2", "#3d9fe0"),
    "kl": ("#b54e00", "#f08a4b"),
    "elbo": ("#1b1b22", "#ececf2"),
    "prior": ("#6e6e76", "#a8a8b0"),
    "q": ("#0b7a52", "#4fc795"),
    "posterior": ("#b0288c", "#f182d1"),
    "data": ("#7a6200", "#d9c04f"),
    "warning": ("#664a00", "#f2b632"),
    "failure": ("#a8003c", "#ff5c77"),
    "accent": ("#6540f5", "#a48bff"),
    "text": ("#1b1b22", "#ececf2"),
    "muted": ("#666670", "#9c9ca8"),
    "background": ("#ffffff", "#131318"),
    "class0": ("#002bff", "#9605ff"),
    "class1": ("#bd0501", "#e68513"),
    "class2": ("#0e744c", "#99ab86"),
    "class3": ("#ff2d88", "#c32468"),
    "class4": ("#561e22", "#7a6704"),
    "class5": ("#a5018d", "#ffe8d4"),
    "class6": ("#957bf1", "#b991e6"),
    "class7": ("#af8830", "#dfff14"),
    "class8": ("#293044", "#2b8790"),
    "class9": ("#2d9ca0", "#84f6fd"),
}

CLASSES = 10  # number of class colours

# For `marker.colorscale`, where marker.color holds class numbers 0 to 9: a flat colour for each.
CLASS_SCALE: list[list[float | str]] = [[0.0, "var(--classes)"], [1.0, "var(--classes)"]]


def token(name: str, opacity: float | None = None) -> str:
    """Return the token of the colour `name` with an opacity in [0, 1].

    Raises ValueError for an unknown name or an opacity out of range.
    """
    if name not in COLOURS:
        raise ValueError(f"Unknown colour {name!r}; one of {', '.join(COLOURS)}")
    if opacity is None:
        return f"var(--{name})"
    if not 0 <= opacity <= 1:
        raise ValueError(f"An opacity of {opacity} is not between 0 and 1")
    return f"var(--{name}/{opacity:g})"
