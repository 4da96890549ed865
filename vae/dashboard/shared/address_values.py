"""Values in an address: conversion of a choice to text and back.

An address is not trusted. `read` returns the nearest value that the choice allows, and raises
ValueError for a text that has no such value. The characters of the texts need no escape in an
address: items are separated by "~", numbers of an item by "_".
"""

import math
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import numpy as np

from vae.base.numbers import typed
from vae.base.records import Ints

LONGEST = 4_000  # characters of a value; a longer choice is left out of the address
DIGITS = 15  # of a number
FIRST = 4  # numbers of a list that its title names
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_ROWS = re.compile(r"(\d{1,15})(?:-(\d{1,15}))?", re.ASCII)


class Form(NamedTuple):
    """The notation of the values of one choice in an address."""

    read: Callable[[str], Any]  # raises ValueError for a text without a value
    write: Callable[[Any], str]
    title: Callable[[Any], str]  # the value in words
    options: tuple[Any, ...] = ()  # values, as far as they can be listed


def one_of(titles: Mapping[Any, str]) -> Form:
    """The form of a choice among the keys of `titles`."""
    named = {str(key): key for key in titles}

    def read(text: str) -> Any:
        if text not in named:
            raise ValueError(text)
        return named[text]

    return Form(read, str, lambda value: titles.get(value, str(value)), tuple(titles))


def same(options: Collection[str]) -> Form:
    """The form of a choice among texts that are their own titles."""
    return one_of({name: name for name in options})


def whole(low: float | None, high: float | None) -> Form:
    """The form of a whole number; one outside the range becomes the nearest."""
    return Form(lambda text: round(_between(text, low, high)), str, "{:,}".format)


def real(low: float | None = None, high: float | None = None) -> Form:
    """The form of a number with six digits; one outside the range becomes the nearest."""
    return Form(lambda text: float(_between(text, low, high)), _written, typed)


def _between(text: str, low: float | None, high: float | None) -> float:
    least, most = -math.inf if low is None else low, math.inf if high is None else high
    return min(max(_number(text), least), most)


def _number(text: str) -> float:
    if len(text) > DIGITS or not _NUMBER.fullmatch(text):
        raise ValueError(text)
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _written(value: float) -> str:
    return typed(value).replace("+", "")


def _on_off(value: Any) -> str:
    return "on" if value else "off"


SWITCH = Form({"on": True, "off": False}.__getitem__, _on_off, _on_off, (True, False))


def words(most: int = 200) -> Form:
    """The form of a text that the user types, cut to `most` characters."""
    return Form(lambda text: _printable(text)[:most], str, str)


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable())


def some_of(names: Collection[str]) -> Form:
    """The form of a list of names; unknown ones are left out."""

    def read(text: str) -> list[str]:
        return [name for name in map(unquote, text.split("~")) if name in names]

    def write(chosen: list[str]) -> str:
        return "~".join(quote(name, safe="").replace("~", "%7E") for name in chosen)

    title, single = (lambda chosen: ", ".join(chosen) or "none"), tuple([n] for n in names)
    return Form(read, write, title, single)


def vector(size: int) -> Form:
    """The form of `size` numbers."""

    def read(text: str) -> list[float]:
        found = [_number(part) for part in text.split("_")]
        if len(found) != size:
            raise ValueError(text)
        return found

    def write(found: list[float]) -> str:
        return "_".join(map(_written, found))

    def title(found: list[float]) -> str:
        return f"({', '.join(map(typed, found[:FIRST]))}{' …' * (len(found) > FIRST)})"

    return Form(read, write, title)


def places(most: int) -> Form:
    """The form of a list of places (x, y), at most `most`."""
    pair = vector(2)

    def read(text: str) -> list[list[float]]:
        return [pair.read(item) for item in text.split("~")][:most]

    def write(found: list[list[float]]) -> str:
        return "~".join(map(pair.write, found))

    return Form(read, write, lambda found: f"{len(found)} places")


def rows(present: Ints) -> Form:
    """The form of a list of rows, ascending, as ranges: 3~7-12; only those `present` are read."""

    def read(text: str) -> Ints:
        chosen = np.zeros(len(present), bool)
        for item in text.split("~"):
            match = _ROWS.fullmatch(item)
            if match is None:
                raise ValueError(text)
            first, last = int(match[1]), int(match[2] or match[1])
            chosen |= (present >= first) & (present <= last)
        found: Ints = present[chosen]
        return found

    return Form(read, _ranges, lambda found: f"{len(found):,} rows")


def _ranges(found: Ints) -> str:
    parts = np.split(found, np.flatnonzero(np.diff(found) != 1) + 1) if len(found) else []
    return "~".join(f"{p[0]}" if len(p) == 1 else f"{p[0]}-{p[-1]}" for p in parts)
