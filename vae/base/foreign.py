"""Text from outside: names and messages in files, archives, addresses and libraries' errors."""

import re

MOST = 200  # characters of a foreign text inside a sentence
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")


def one_line(text: object, most: int = MOST) -> str:
    """Return a text as one line of at most `most` characters.

    Control characters (escape codes of terminals, changes of direction) become spaces.
    """
    line = " ".join(_UNSEEN.sub(" ", str(text)).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def printed(text: object) -> str:
    """Return a text for a terminal: one line without escape codes, long enough for a sentence."""
    return one_line(text, 2000)


def quoted(value: object) -> str:
    """Return a foreign value as Python would write it, cut to a word or two."""
    return one_line(repr(value), 60)


# Signs that begin or end Markdown and $formulas$. An underscore inside a word does neither: names
# of settings stay readable
_MARKUP = re.compile(
    r"[\\`*\[\]<$~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|&(?=#?\w+;)|^\s*[#>+-]", re.MULTILINE
)
# Signs inside addresses, :colours[…], :icons: and :emojis:, which Streamlit finds behind a
# backslash, too; an invisible joiner of words breaks them
_MARKS = re.compile(r":(?=[a-z]|//)|@(?=\w)|\bwww(?=\.)", re.IGNORECASE)
JOINER = "\u2060"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet computes a cell that begins so


def markdown(text: object) -> str:
    """Return Markdown that shows a text as it is: no picture, link, colour, formula or HTML."""
    escaped = _MARKUP.sub(lambda match: f"{match[0][:-1]}\\{match[0][-1]}", str(text))
    return _MARKS.sub(lambda match: match[0] + JOINER, escaped)


def plotly_text(text: object) -> str:
    """Return a text for a label of Plotly, which reads a few tags of HTML. A text that looks like
    a colour of the theme, var(--…), gets an invisible joiner."""
    escaped = str(text).replace("&", "&amp;").replace("<", "&lt;")
    return escaped.replace("var(--", f"var({JOINER}--")


def cell(value: object) -> object:
    """Return a value for a cell of a CSV file: a text that looks like a formula gets a quote."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def inert(value: object) -> object:
    """Return a value for a cell of a table on a page, which a browser can save as CSV: a text that
    looks like a formula gets an invisible joiner; so do the texts of a list."""
    if isinstance(value, list):
        return [inert(item) for item in value]
    is_formula = isinstance(value, str) and value.startswith(_FORMULA)
    return f"{JOINER}{value}" if is_formula else value
