"""How a user's file is read: settings, the guesses in place of missing ones, and their reasons.

`Description` declares every setting of a file. `auto` leaves a setting to the reader, which
guesses its value and gives a reason: a `Guess`. `none` uses nothing, or marks a setting that the
kind of file does not have. The `settings` of a `Reading` contain no `auto`: with them, the file
is read in the same way again.

Every reader counts the columns, arrays or files that it finds, and names those it leaves out:
found = used + left out.
"""

import csv
import difflib
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Annotated, Any, NamedTuple, Self

from vae.base.options import Field, Option, check, options_of, refuse_unknown
from vae.data.errors import DataError

AUTO, NONE = "auto", "none"
LAYOUTS = ("vectors", "series", "hw", "hwc", "chw")
GROUNDS = {"white": 255, "grey": 128, "black": 0}
FEW = 3  # names in a sentence
BY_HAND = "Set by hand."


@dataclass(frozen=True, kw_only=True)
class Description:
    """A file or folder of the user, by its path. Settings that are auto are guessed."""

    data_examples: Annotated[
        str,
        Option(
            "Array (.npz, .h5, .h5ad) or column (.parquet) of the examples, by name. auto finds "
            "it.",
            label="Examples",
        ),
    ] = AUTO
    data_label: Annotated[
        str,
        Option(
            "Column, array or file of the class of each example, by name; folder for pictures. "
            "auto finds it, none reads no classes.",
            label="Class",
        ),
    ] = AUTO
    data_factors: Annotated[
        str,
        Option(
            "Columns or arrays of known factors, by name, separated by commas. The model never "
            "sees them; measures and maps use them.",
            label="Known factors",
        ),
    ] = AUTO
    data_ignore: Annotated[
        str,
        Option(
            "Columns or arrays that are left out, by name, separated by commas. auto leaves out "
            "row numbers, empty columns and text without repeats; none leaves out nothing.",
            label="Left out",
        ),
    ] = AUTO
    data_kinds: Annotated[
        str,
        Option(
            "Kind of each column of a mixed table, as COLUMN=KIND separated by commas: real, "
            "positive, count, binary or category. auto guesses the kinds if a column of text has "
            "repeated entries, all for any table. Columns that are not listed are guessed. none "
            "leaves out text, and gives all columns one likelihood.",
            label="Kinds of columns",
        ),
    ] = AUTO
    data_names: Annotated[
        str,
        Option(
            "Column of the name of each row. auto takes a column with a different entry in every "
            "row, such as Id.",
            label="Row names",
        ),
    ] = AUTO
    data_header: Annotated[
        str,
        Option(
            "Whether the first line of a table holds the names of the columns. auto decides by "
            "its cells.",
            choices=(AUTO, "yes", "no", NONE),
            label="Header",
        ),
    ] = AUTO
    data_decimal: Annotated[
        str,
        Option(
            "Decimal mark of a text table: point (1.5) or comma (1,5). auto decides by the cells.",
            choices=(AUTO, "point", "comma", NONE),
            label="Decimal mark",
        ),
    ] = AUTO
    data_layout: Annotated[
        str,
        Option(
            "Axes of one example: vectors, series (time × channel), or pictures as hw (height × "
            "width), hwc (channels last) or chw (channels first).",
            choices=(AUTO, *LAYOUTS, NONE),
            label="Layout",
        ),
    ] = AUTO
    data_shape: Annotated[
        str,
        Option(
            "Shape of one example in a flat row: pictures 28x28, 3x32x32 or 32x32x3, series "
            "100x3 (time steps × channels). none reads vectors, or series of one channel.",
            label="Shape",
        ),
    ] = AUTO
    data_range: Annotated[
        str,
        Option(
            "Values of a picture that become 0 and 1: low,high. auto takes the range of bytes, "
            "or the lowest and the highest value.",
            label="Range of values",
        ),
    ] = AUTO
    data_ground: Annotated[
        str,
        Option(
            "Colour behind transparent pixels of pictures. none drops the transparency.",
            choices=(AUTO, *GROUNDS, NONE),
            label="Ground",
        ),
    ] = AUTO

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Return a validated description; raises ValueError with a sentence."""
        refuse_unknown(options, SETTINGS)
        for name, value in options.items():
            check(Field(*options_of(Description)[name], group=""), value)
        found = cls(**options)
        for name, pattern, form in FORMS:
            if not re.fullmatch(f"{AUTO}|{NONE}|{pattern}", getattr(found, name)):
                raise ValueError(f"{name} is {form}, not {getattr(found, name)!r}.")
        return found

    @property
    def given(self) -> dict[str, str]:
        """The settings that are neither auto nor none."""
        return {name: v for name, v in asdict(self).items() if v not in (AUTO, NONE)}


PLAIN = Description()  # guesses only
NUMBER = r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?"
FORMS = (
    ("data_shape", r"[1-9]\d{0,5}([x×][1-9]\d{0,5}){1,2}", "a shape such as 28x28 or 3x32x32"),
    ("data_range", f"{NUMBER}, ?{NUMBER}", "two numbers such as 0,255"),
)
SETTINGS = tuple(field.name for field in fields(Description))


class Guess(NamedTuple):
    """The value of a setting for a file, with its reason."""

    setting: str  # name in Description
    value: str  # never auto
    why: str  # one sentence
    choices: tuple[str, ...] = ()  # values that suit the file; () if any text does


class LeftOut(NamedTuple):
    """Columns, arrays or files of one kind that are not used."""

    names: str
    number: int
    why: str


class Reading(NamedTuple):
    """How a file was read."""

    guesses: tuple[Guess, ...] = ()
    unit: str = "array"  # counted
    number: int = 1  # found
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()  # sentences on encoding, units, sizes

    @property
    def settings(self) -> dict[str, str]:
        """Every setting; none for those that the file does not have."""
        return dict.fromkeys(SETTINGS, NONE) | {g.setting: g.value for g in self.guesses}

    @property
    def used(self) -> int:
        return self.number - sum(left.number for left in self.left_out)

    @property
    def left_lines(self) -> list[str]:
        """A sentence on the number of used columns or files, and one for each reason to leave
        some out."""
        if not self.left_out:
            return []
        used = f"{self.used:,} of {self.number:,} {self.unit}s used."
        return [used, *(f"Left out, {one.why}: {one.names}." for one in self.left_out)]


def chosen(
    wanted: Description,
    setting: str,
    guess: str,
    why: str,
    choices: Iterable[str] = (),
    closed: bool = False,
) -> Guess:
    """Return the wanted value of a setting, or the guess if it is auto.

    Raises a DataError for a value that is not among `choices` if they are `closed`.
    """
    value, known = getattr(wanted, setting), tuple(choices)
    if value == AUTO:
        return Guess(setting, guess, why, known)
    if closed and value not in known:
        raise DataError(f"{setting} is {' or '.join(known)} for these data, not {value!r}.")
    return Guess(setting, value, BY_HAND, known)


def check_applies(wanted: Description, reading: Reading, file: str) -> None:
    """Raise a DataError for a setting that this kind of file does not have."""
    known = {guess.setting for guess in reading.guesses}
    for name, value in wanted.given.items():
        if name not in known:
            raise DataError(f"{name} {value} does not apply to {file}: leave it out.")


def listed(text: str) -> list[str]:
    """Return the names in a list separated by commas; quotes protect a comma in a name."""
    if text in (AUTO, NONE, ""):
        return []
    row = next(csv.reader([text], skipinitialspace=True))
    return [name.strip() for name in row if name.strip()]


def joined(names: Sequence[str]) -> str:
    """Return names as a list that `listed` reads; none if there are none."""
    if not names:
        return NONE
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(names)
    return out.getvalue()


def few(names: Sequence[str]) -> str:
    """Return the first names and the number of all others."""
    first = ", ".join(name or "(no name)" for name in names[:FEW])
    return first + (f" and {len(names) - FEW:,} more" if len(names) > FEW else "")


def named(name: str, known: Sequence[str], file: str, setting: str) -> int:
    """Return the position of a name, in upper or lower case; DataError if it is unknown."""
    lower = [one.strip().lower() for one in known]
    if name in known:
        return list(known).index(name)
    if name.strip().lower() in lower:
        return lower.index(name.strip().lower())
    close = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise DataError(f"{file} has no {name!r} for {setting}: {hint}There are {few(list(known))}.")


def grouped(left: Iterable[tuple[str, str]]) -> tuple[LeftOut, ...]:
    """Return (name, reason) pairs grouped by reason."""
    by_reason: dict[str, list[str]] = {}
    for name, why in left:
        by_reason.setdefault(why, []).append(name)
    return tuple(LeftOut(few(names), len(names), why) for why, names in by_reason.items())
