"""The dialect of a text table: encoding, separator, decimal mark, header lines.

Each is read where it is certain. Otherwise a DataError names the cause and a way out.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from vae.data.csv_header import COMMA, POINT, THOUSANDS, Row, header_of, is_number
from vae.data.description import AUTO, Description, Guess, chosen
from vae.data.errors import DataError

SAMPLE, LEAST = 200, 12  # lines that decide
LONGEST = 100_000  # characters of the sample beyond the least number of lines
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", r"\s+": "spaces"}
MARKS = (  # byte order marks
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Dialect(NamedTuple):
    """The form of a text table."""

    separator: str  # a key of SEPARATORS
    decimal: str  # "point" or "comma"
    thousands: bool  # whether the other mark separates thousands
    skipped: int  # lines before the first line with cells
    header: int  # further lines before the first example
    width: int  # columns
    names: tuple[str, ...]  # of the columns; their numbers without a header
    guesses: tuple[Guess, ...]
    notes: tuple[str, ...]

    @property
    def lines(self) -> int:
        """Number of lines before the first example."""
        return self.skipped + self.header


def decoded(content: bytes, file: str) -> tuple[str, str]:
    """Return the text of a file and a note on its encoding; DataError if it is no text."""
    for mark, encoding in MARKS:
        if content.startswith(mark):
            note = "" if encoding == "utf-8-sig" else f"Encoding {encoding.upper()}."
            return content.decode(encoding), note
    if content[1:200:2].count(0) > len(content[1:200:2]) / 2:
        return content.decode("utf-16-le"), "Encoding UTF-16."
    if 0 in content[:LONGEST]:
        raise DataError(f"{file} holds zero bytes, so it is no text: save it as a text table.")
    try:
        return content.decode("utf-8"), ""
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    if "\ufffd" in text:
        raise DataError(f"{file} is text in an unknown encoding: save it as .csv in UTF-8.")
    return text, "Encoding Windows-1252 (not UTF-8)."


def dialect_of(text: str, file: str, wanted: Description) -> Dialect:
    """Return the dialect of a table; raises a DataError if it has no rows."""
    lines = _sample(text)
    skipped, separator, comment = _start(lines)
    body = [line for line in lines[skipped:] if line.strip()]
    if not body:
        raise DataError(f"{file} is empty.")
    separator = separator or _separator(body)
    rows = cells(body, separator)
    titles = _titles(rows)
    rows = rows[titles:]
    skipped += _position(lines[skipped:], titles)
    names = cells([comment], separator)[0] if comment else []
    if comment and len(names) != len(rows[0]):
        names = []
    decimal, thousands = _decimal(rows, separator, wanted, file)
    found = header_of(rows, names, decimal.value, wanted)
    header, guess, notes, names = found
    width, names = _width(names, rows[header:], len(rows[0]))
    if header and len(rows) <= header:
        raise DataError(f"{file} has a header and no rows.")
    notes += (f"Columns separated by {SEPARATORS[separator]}.",) if separator != "," else ()
    if titles:
        notes += (f"{titles} lines of title skipped.",)
    return Dialect(
        separator,
        decimal.value,
        thousands,
        skipped,
        _position(lines[skipped:], header),
        width,
        tuple(names or (str(k + 1) for k in range(width))),
        (guess, decimal),
        notes,
    )


def _sample(text: str) -> list[str]:
    """Return the first lines of a text."""
    lines: list[str] = []
    size = 0
    for line in io.StringIO(text, newline=None):
        if len(lines) >= SAMPLE or (size > LONGEST and len(lines) >= LEAST):
            break
        lines.append(line.rstrip("\n"))
        size += len(line)
    return lines


def cells(lines: Sequence[str], separator: str) -> list[Row]:
    """Return the cells of lines, without the spaces around them."""
    if separator == r"\s+":
        return [line.split() for line in lines]
    found = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    return [[cell.strip() for cell in row] for row in found if row]


def _start(lines: Sequence[str]) -> tuple[int, str, str]:
    """Return the number of lines before the table, a separator named by Excel's `sep=`, and the
    last line of comment, without its sign."""
    at, separator, comment = 0, "", ""
    for line in lines:
        if match := re.fullmatch(r'"?sep=(.)"?', line.strip("\ufeff \r"), re.I):
            separator = match[1] if match[1] in SEPARATORS else "\t" if "\t" in line else ""
        elif line.lstrip().startswith("#") and len(line.strip()) > 1:
            comment = line.strip().lstrip("# ")
        elif line.strip():
            break
        at += 1
    return at, separator, comment


def _position(lines: Sequence[str], rows: int) -> int:
    """Return the number of lines that hold this many rows, with the empty lines before them."""
    found = 0
    for k, line in enumerate(lines):
        if found == rows:
            return k
        found += bool(line.strip())
    return len(lines)


def _separator(body: Sequence[str]) -> str:
    """Return the separator whose cells are the most regular; for a certain column of decimal
    commas, semicolons."""
    if _is_one_column(cells(body, ",")):
        return ";"
    return max(SEPARATORS, key=lambda one: _regularity(cells(body, one)))


def _regularity(rows: Sequence[Row]) -> tuple[bool, float, float]:
    """Return a measure of how well rows form a table of numbers."""
    width, count = Counter(map(len, rows)).most_common(1)[0] if rows else (0, 0)
    all_cells = [cell for row in rows for cell in row if cell]
    numbers = sum(is_number(cell, "point") or is_number(cell, "comma") for cell in all_cells)
    share = numbers / len(all_cells) if all_cells else 0.0
    return width > 1, round(count / max(1, len(rows)), 1) + round(share, 2), share


def _is_one_column(rows: Sequence[Row]) -> bool:
    """Whether lines such as 0,741 are one column of numbers with decimal commas."""
    head = len(rows[0]) == 1 and not is_number(rows[0][0], "point")
    body = rows[1:] if head else rows
    pairs = all(len(row) == 2 and re.fullmatch(r"[-+]?\d*", row[0]) for row in body)
    if not body or not pairs or not all(row[1].isdigit() for row in body):
        return False
    halves = any(re.fullmatch(r"0\d+", row[1]) for row in body)
    return head or (halves and any(row[0] in ("-0", "0") for row in body))


def _titles(rows: Sequence[Row]) -> int:
    """Return the number of rows of one cell of text above a wider table."""
    width = Counter(map(len, rows)).most_common(1)[0][0]
    count = 0
    for row in rows:
        if len(row) != 1 or width < 3 or is_number(row[0], "point"):
            break
        count += 1
    return count


def _decimal(
    rows: Sequence[Row], separator: str, wanted: Description, file: str
) -> tuple[Guess, bool]:
    """Return the decimal mark, and whether the other one separates thousands."""
    body = [cell for row in rows for cell in row]
    points = sum("." in cell and bool(POINT.fullmatch(cell)) for cell in body)
    commas = sum("," in cell and bool(COMMA.fullmatch(cell)) for cell in body)
    german = [cell for cell in body if "," in cell and THOUSANDS["comma"].fullmatch(cell)]
    comma = bool(german) or commas > points
    if comma:
        cell = next(c for c in body if "," in c and is_number(c, "comma"))
        guess, why = "comma", f"Cells such as {cell} have a decimal comma."
    else:
        guess, why = "point", "No cell has a decimal comma."
    found = chosen(wanted, "data_decimal", guess, why, ("point", "comma"))
    if separator == "," and wanted.data_decimal == AUTO and not comma:
        _check_halves(rows, file)
    grouped = THOUSANDS["comma" if found.value == "comma" else "point"]
    sign = "." if found.value == "comma" else ","
    return found, any(sign in cell and bool(grouped.fullmatch(cell)) for cell in body)


def _check_halves(rows: Sequence[Row], file: str) -> None:
    """Raise a DataError if every second column looks like the digits behind a decimal comma."""
    width = len(rows[-1])
    body = [
        row for row in rows if len(row) == width and all(re.fullmatch(r"-?\d+", c) for c in row)
    ]
    if width % 2 or len(body) < max(3, len(rows) - 1):
        return
    if all(any(re.fullmatch(r"0\d+", row[k]) for row in body) for k in range(1, width, 2)):
        raise DataError(
            f"{file}: cells such as {body[0][1]} look like digits behind a decimal comma, and the "
            "comma also separates the columns: save the table with semicolons between columns."
        )


def _width(names: Row, body: Sequence[Row], first: int) -> tuple[int, Row]:
    """Return the number of columns, and the names filled up to it.

    A table of R has one name less than columns, and its rows begin with their names. Some tables
    end each row with a separator.
    """
    if not names or not body or any(len(row) != len(names) + 1 for row in body):
        return (len(names) or first), names
    if not any(row[-1] for row in body):
        return len(names) + 1, [*names, ""]
    starts = [row[0] for row in body]
    if starts == [str(k + 1) for k in range(len(body))] or not any(
        is_number(cell, "point") for cell in starts
    ):
        return len(names) + 1, ["", *names]
    return len(names), names
