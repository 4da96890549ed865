"""Rows of a table that satisfy a condition in SQL, such as beta > 1 AND data = 'digits'.

SQLite reads the condition as that of a WHERE, over a table in memory that holds the columns named
in it. A person may type any condition: it can read this table, call the functions of `FUNCTIONS`
and run for `SECONDS`, nothing else. Letter case does not count in comparisons of text. A missing
value is NULL: it satisfies IS NULL and no comparison.
"""

import math
import re
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from difflib import get_close_matches
from typing import Any

import numpy as np

from vae.base.foreign import one_line
from vae.base.numbers import typed
from vae.base.records import Ints

Columns = Mapping[str, Callable[[], Sequence[Any]]]  # name → values, read only if it is named

LONGEST = 500  # characters of a condition
TEXT = 2_000  # characters of a value that a condition can read: LIKE takes the square of it
SECONDS = 2.0
STEPS = 500  # instructions of SQLite between two looks at the clock
EXAMPLE = "beta > 1 AND data = 'digits'"
FUNCTIONS = (
    "abs coalesce glob ifnull instr length like lower max min nullif round substr trim upper"
)
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 10 * TEXT,  # bytes of a value: 4 for a character at most
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 8 * LONGEST,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 2,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 100,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 0,  # no ? in a condition
}
_NAME = r"[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*"
_TOKEN = re.compile(rf"""'(?:[^']|'')*'|"((?:[^"]|"")*)"|({_NAME})""")
_COMPARISON = re.compile(
    r"""[<>]|!=|==|(?:^|\s)=|=(?:\s|$|['"])|\bIS\s+(?:NOT\s+)?NULL\b|\bIN\s*\(\s*['"\d.+-]"""
    r"""|\bBETWEEN\s+\S+\s+AND\b|\b(?:LIKE|GLOB)\s*['"]|=.*\s(?:AND|OR)\s|\sNOT\s.*=""",
    re.IGNORECASE,
)


class QueryError(ValueError):
    """A mistake in a condition, in one sentence."""


def is_condition(text: str) -> bool:
    """Whether a text compares values. Words, name=value without spaces among them, do not."""
    return _COMPARISON.search(text) is not None


def positions(columns: Columns, condition: str) -> Ints:
    """Return the positions of the rows that satisfy a condition, ascending. Raises QueryError."""
    if len(condition) > LONGEST:
        raise QueryError(f"The condition is too long: {LONGEST} characters at most.")
    quoted = {name for name, _ in _TOKEN.findall(condition) if name}
    words = {word.lower() for pair in _TOKEN.findall(condition) for word in pair if word}
    known = {name.lower(): name for name in reversed([*columns]) if name}
    words |= set() if words & {*known} else {*list(known)[-1:]}  # the rows have to be counted
    for name in quoted:  # SQLite would read an unknown name in double quotes as text
        if name.lower() not in known:
            raise QueryError(_unknown(name, list(columns), {}))
    table = {known[word]: list(map(_value, columns[known[word]]())) for word in words & {*known}}
    try:
        return _run(table, condition)
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:  # ValueError: no valid text
        raise QueryError(_sentence(str(error), condition, list(columns), table)) from None


def _run(table: Mapping[str, list[Any]], condition: str) -> Ints:
    key = "_position" + "_" * max(map(len, table), default=0)  # no column has this name
    with closing(sqlite3.connect(":memory:")) as base:
        names = ", ".join(f"{_quote(name)} {_kind(values)}" for name, values in table.items())
        base.execute(f"CREATE TABLE found ({key} INTEGER PRIMARY KEY{names and ', '}{names})")
        marks = ", ?" * len(table)
        base.executemany(
            f"INSERT INTO found VALUES (NULL{marks})", zip(*table.values(), strict=True)
        )
        for limit, most in _LIMITS.items():
            base.setlimit(limit, most)
        end = time.monotonic() + SECONDS
        base.set_progress_handler(lambda: time.monotonic() > end, STEPS)
        base.set_authorizer(_authorize)
        # Alone it has no bracket too many, in brackets no further clause, such as ORDER BY
        base.execute(f"EXPLAIN SELECT {key} FROM found WHERE {condition}\n")
        chosen = base.execute(f"SELECT {key} FROM found WHERE (\n{condition}\n)").fetchall()
    return np.sort(np.array(chosen, np.int64).reshape(-1)) - 1


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    allowed = (
        action == sqlite3.SQLITE_SELECT
        or (action == sqlite3.SQLITE_READ and first == "found")
        or (action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in FUNCTIONS.split())
    )
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _value(value: Any) -> Any:
    """Return a value for SQLite: a number, a text, or None for a missing one."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, bool | int | float):
        return float(value) if not -(2**63) <= value < 2**63 or math.isnan(value) else value
    if isinstance(value, list | tuple):
        value = ",".join(map(str, value))
    return None if value is None else str(value)[:TEXT].encode("utf-8", "replace").decode() or None


def _kind(values: list[Any]) -> str:
    """Return the type of a column: numbers compare with '4', and texts with 4, as one expects."""
    texts = [isinstance(value, str) for value in values if value is not None]
    return "TEXT COLLATE NOCASE" if all(texts) and texts else "NUMERIC" if not any(texts) else ""


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _typed(name: str) -> str:
    """Return the name of a column as one has to type it."""
    return name if re.fullmatch(_NAME, name) else _quote(name)


def _sentence(error: str, condition: str, names: list[str], table: Mapping[str, list[Any]]) -> str:
    """Return one sentence on a message of SQLite."""
    if found := re.match(r"no such column: (.+)", error, re.DOTALL):
        return _unknown(found[1], names, table)
    if found := re.match(r'near "(.*)": syntax error', error, re.DOTALL):
        return _unexpected(found[1], condition, names)
    for sign, sentence in _SENTENCES.items():
        if sign in error:
            return sentence
    return f"The condition cannot be read ({one_line(error, 80)}): write it such as {EXAMPLE}."


def _unknown(name: str, names: list[str], table: Mapping[str, list[Any]]) -> str:
    short, lower = one_line(name, 60), name.lower()
    if any(isinstance(v, str) and v.lower() == lower for values in table.values() for v in values):
        return f"{short} is a text: write it in single quotes, '{short}'."
    plain = [known.lower() for known in names if known.isascii()]
    near = get_close_matches(lower, plain) or get_close_matches(lower, map(str.lower, names))
    if near:
        which = _typed(next(known for known in names if known.lower() == near[0]))
        return f"There is no column {short}: did you mean {one_line(which, 60)}?"
    return f"There is no column {short}: write a text in single quotes, '{short}'."


def _unexpected(sign: str, condition: str, names: list[str]) -> str:
    text, short = condition.lower(), one_line(sign, 60)
    for name in names:  # such as test −ELBO
        if " " in name and name.lower() in text and _quote(name.lower()) not in text:
            return f"A name with spaces needs double quotes: {one_line(_quote(name), 60)}."
    if re.fullmatch(_NAME, sign) and sign.lower() in map(str.lower, names):
        return f"AND or OR is missing before {short}."
    return f"{short} cannot stand there: write a condition such as {EXAMPLE}."


_LIMITED = (
    f"A condition reads the columns of this table and may use {FUNCTIONS.replace(' ', ', ')}."
)
_SENTENCES = {  # part of SQLite's message → ours
    "incomplete input": f"The condition ends too early: write it such as {EXAMPLE}.",
    "unrecognized token": "A sign or a quotation mark is out of place: write 'text' so.",
    "not authorized": _LIMITED,
    "prohibited": _LIMITED,
    "no such": _LIMITED,
    "vtable": _LIMITED,
    "overflow": "The condition is nested too deeply: write a simpler one.",
    "one statement": "Write one condition without a semicolon.",
    "interrupted": f"The search takes more than {typed(SECONDS)} s: write a simpler condition.",
    "too large": "The condition is nested too deeply: write a simpler one.",
}
