"""The colours and what they mean, once for every picture, in a light and a dark value each.

A figure names a colour by its meaning, `token("kl")`, and never by its value; the browser puts in
the value that fits its theme, so that one figure serves both and a change of theme needs no new
figure. The spelling is that of a CSS variable because Plotly's checks let it pass: "var(--kl)",
and with an opacity "var(--kl/0.25)".

Meanings: reconstruction, kl and elbo are the terms of the bound; prior is what belongs to p(z);
accent is what can be pressed; text, muted and background are the page's own; class0 to class9 are
the classes of labelled data. `.streamlit/config.toml` has the same accent, text, background and
classes for Streamlit's own widgets.

Whatever is written reads at a contrast of 4.5 on the page and on the sidebar, and every class
stands out at 3 (WCAG 2.2, 1.4.3 and 1.4.11). The classes were found by a search for ten colours
whose smallest distance in OKLab is large, to normal sight and to protanopia, deuteranopia and
tritanopia alike (Machado, Oliveira & Fernandes 2009). `tests/figures/test_palette.py`
measures it all.
"""

COLOURS: dict[str, tuple[str, str]] = {  # meaning → (light, dark)
    "reconstruction": ("#0072b2", "#3d9fe0"),
    "kl": ("#b54e00", "#f08a4b"),
    "elbo": ("#1b1b22", "#ececf2"),
    "prior": ("#6e6e76", "#a8a8b0"),
    "warning": ("#664a00", "#f2b632"),
    "failure": ("#a8003c", "#ff5c77"),
    "accent": ("#6540f5", "#a48bff"),
    "text": ("#1b1b22", "#ececf2"),
    "muted": ("#666670", "#9c9ca8"),
    "background": ("#ffffff", "#131318"),
    "class0": ("#0a65cc", "#5985be"),
    "class1": ("#f25909", "#ec8220"),
    "class2": ("#009f4f", "#0ec48e"),
    "class3": ("#d3689e", "#bf587c"),
    "class4": ("#92193c", "#eccb00"),
    "class5": ("#8a81db", "#c99ae9"),
    "class6": ("#4c208d", "#9b55ff"),
    "class7": ("#905700", "#876c04"),
    "class8": ("#6f5d80", "#79e6ff"),
    "class9": ("#031c19", "#fffecc"),
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
