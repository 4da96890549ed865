"""The colours and what they mean, once for every picture, in a light and a dark value each.

A figure names a colour by its meaning, `token("kl")`, and never by its value; the browser puts in
the value that fits its theme, so that one figure serves both and a change of theme needs no new
figure. The spelling is that of a CSS variable because Plotly's checks let it pass: "var(--kl)",
and with an opacity "var(--kl/0.25)".

Meanings: reconstruction, kl and elbo are the terms of the bound; prior is what belongs to p(z);
accent is what can be pressed; text, muted and background are the page's own; class0 to class9 are
the classes of labelled data, chosen to stay apart under deuteranopia. `.streamlit/config.toml` has
the same accent, text and background for Streamlit's own widgets.
"""

COLOURS: dict[str, tuple[str, str]] = {  # meaning → (light, dark)
    "reconstruction": ("#0072b2", "#3d9fe0"),
    "kl": ("#d55e00", "#f08a4b"),
    "elbo": ("#1b1b22", "#ececf2"),
    "prior": ("#77777f", "#a8a8b0"),
    "warning": ("#8f6200", "#f2b632"),
    "failure": ("#b3002d", "#ff5c77"),
    "accent": ("#6d4aff", "#a48bff"),
    "text": ("#1b1b22", "#ececf2"),
    "muted": ("#666670", "#9c9ca8"),
    "background": ("#ffffff", "#131318"),
    "class0": ("#0072b2", "#3d9fe0"),
    "class1": ("#d55e00", "#f08a4b"),
    "class2": ("#009e73", "#2fc79a"),
    "class3": ("#cc79a7", "#f0a6d2"),
    "class4": ("#e69f00", "#f2b632"),
    "class5": ("#56b4e9", "#8fd0f5"),
    "class6": ("#5b2a86", "#9a5fe0"),
    "class7": ("#8c6d31", "#b08a3c"),
    "class8": ("#777777", "#8e8e98"),
    "class9": ("#1b1b22", "#f7f29b"),
}

CLASSES = 10  # how many classes have a colour of their own

# For `marker.colorscale`: marker.color holds class numbers 0 to 9, each gets its own flat colour.
CLASS_SCALE: list[list[float | str]] = [[0.0, "var(--classes)"], [1.0, "var(--classes)"]]


def token(name: str, opacity: float | None = None) -> str:
    """The colour that means `name`, to be put in by the browser; `opacity` in [0, 1].

    Raises ValueError for a meaning that has no colour or an opacity out of range.
    """
    if name not in COLOURS:
        raise ValueError(f"Unknown colour {name!r}; one of {', '.join(COLOURS)}")
    if opacity is None:
        return f"var(--{name})"
    if not 0 <= opacity <= 1:
        raise ValueError(f"An opacity of {opacity} is not between 0 and 1")
    return f"var(--{name}/{opacity:g})"
