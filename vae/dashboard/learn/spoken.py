r"""Text of the lessons in Unicode, for screen readers: `$\ln p(\X{x})$` becomes "ln p(x)"."""

import re
from collections.abc import Mapping

from vae.dashboard.learn.text import MACROS, in_place

SIGNS = {  # name in TeX → text
    **{"mu": "μ", "sigma": "σ", "varepsilon": "ε", "rho": "ρ", "theta": "θ", "phi": "φ"},
    **{"beta": "β", "lambda": "λ", "partial": "∂", "sum": "Σ", "sqrt": "√", "infty": "∞"},
    **{"sim": " ~ ", "approx": " ≈ ", "le": " ≤ ", "ge": " ≥ ", "cdot": " · ", "times": " × "},
    **{"ln": "ln ", "log": "log ", "exp": "exp ", "to": " → ", "vert": "|", "|": "‖"},
}
SCRIPTS = {"_": "₀₁₂₃₄₅₆₇₈₉₊₋ᵢₙ", "^": "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁱⁿ"}
_SMALL = "0123456789+−in"  # characters that have both
_FONTS = "mathrm|mathbb|mathcal|mathbf|text|operatorname"
_GROUP = re.compile(rf"\\(?:[{''.join(MACROS)}]|{_FONTS})\{{([^{{}}]*)\}}")
_HALF = re.compile(r"\\frac(\d)(\d)")
_SCRIPT = re.compile(r"([_^])(?:\{([^{}]*)\}|([^\s{}]))")
_SPACE = re.compile(r"\\[,;:!]")
_FORMULA = re.compile(r"\$+([^$]+)\$+")
SIGN = re.compile(r"\\([A-Za-z]+|\|)")


def spoken(text: str, numbers: Mapping[str, float | str]) -> str:
    """Return text without Markdown and TeX, with the numbers in place."""
    plain = _FORMULA.sub(lambda m: _unicode(m[1]), groups(in_place(text, numbers)))
    return re.sub(r"\s+", " ", re.sub(r"[*`]", "", plain)).strip()


def groups(tex: str) -> str:
    """Replace macros and fonts by their content, the innermost first."""
    inner = _GROUP.sub(r"\1", _SPACE.sub("", tex))
    return inner if inner == tex else groups(inner)


def _unicode(tex: str) -> str:
    """Return a formula in Unicode."""
    signed = SIGN.sub(lambda m: SIGNS.get(m[1], m[1]), _HALF.sub(r"\1/\2", tex))
    scripted = _SCRIPT.sub(_script, signed.replace("-", "−"))
    return re.sub(r"[{}]", "", scripted)


def _script(found: re.Match[str]) -> str:
    text, small = found[2] or found[3], SCRIPTS[found[1]]
    is_small = set(text) <= set(_SMALL)
    return text.translate(str.maketrans(_SMALL, small)) if is_small else found[0]
