r"""Text of the lessons: macros that give a symbol its colour, and live numbers.

A symbol has one colour in formula, picture and text. `\Q{q(z|x)}` inside $…$ colours its content,
outside of TeX too. `[[elbo]]` is the number `elbo` of the picture, with two decimals; `[[x:4]]`
has four.
"""

import re
from collections.abc import Mapping

from vae.base.numbers import fixed
from vae.figures.palette import COLOURS

MACROS = {  # macro → colour token
    "X": "data",  # x and its distribution
    "P": "prior",  # p(z)
    "Q": "q",  # q(z|x)
    "T": "posterior",  # the true posterior p(z|x), and the gap to it
    "R": "reconstruction",  # E_q[ln p(x|z)]
    "K": "kl",  # KL(q(z|x) ‖ p(z))
    "E": "elbo",  # the bound
    "A": "accent",
}
_MACRO = re.compile(r"\\([" + "".join(MACROS) + r"])\{")
_CJK = "[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef\u201c\u201d]"
_BREAK = re.compile(rf"(?<={_CJK})\n(?=[^\n\d-])|(?<=[^\n])\n(?={_CJK})")  # within a paragraph
_FORMULA = re.compile(r"([(（“]?)\$([^$]+)\$([-,.;:?)，。、；：？）”]?)")
_SIZE = r"\footnotesize "  # of Chinese marks: that of the text around the formula
_NUMBER = re.compile(r"\[\[(\w+)(?::(\d))?\]\]")


def render(text: str, numbers: Mapping[str, float | str]) -> str:
    """Return Markdown with coloured symbols and the numbers in place.

    The colours are those of the light theme; `theme_style` replaces them in the browser, which may
    change its theme without asking the server. Raises KeyError for a number that the picture does
    not have.
    """
    whole = _FORMULA.sub(_joined, in_place(text, numbers))
    apart = whole.replace("$$", "$\u200b$")  # two formulas in a row
    return _MACRO.sub(lambda m: rf"\textcolor{{{COLOURS[MACROS[m[1]]][0]}}}{{", apart)


def _joined(found: re.Match[str]) -> str:
    """Return a formula with the bracket before it and the mark after it inside, because a browser
    breaks the line at the end of a formula."""
    before, formula, after = found.groups()
    texts = [rf"\text{{{_SIZE * (mark > '~')}{mark}}}" if mark else "" for mark in (before, after)]
    return f"${texts[0]}{formula}{texts[1]}$"


def in_place(text: str, numbers: Mapping[str, float | str]) -> str:
    """Return a text with its numbers, and with its lines joined."""
    joined = _BREAK.sub("", text)  # Markdown would show a space, which Chinese does not have
    return _NUMBER.sub(lambda m: _written(numbers[m[1]], int(m[2] or 2)), joined)


def _written(value: float | str, places: int) -> str:
    return value if isinstance(value, str) else fixed(value, places)


def theme_style() -> str:
    """Return a style sheet that gives the symbols of formulas the colours of the page's theme."""
    rules = []
    for token in MACROS.values():
        light = COLOURS[token][0]
        channels = ", ".join(str(int(light[k : k + 2], 16)) for k in (1, 3, 5))
        parts = [f'.katex [style*="{colour}"]' for colour in (light, f"rgb({channels})")]
        rules.append(f"{', '.join(parts)} {{ color: var(--{token}) !important; }}")
    return f"<style>{' '.join(rules)}</style>"
