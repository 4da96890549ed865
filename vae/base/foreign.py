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


def quoted(value: object) -> str:
    """Return a foreign value as Python would write it, cut to a word or two."""
    return one_line(repr(value), 60)
