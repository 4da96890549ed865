"""Default, range and help of a hyperparameter, shared by sidebar, command line and validation.

A row of a table (a likelihood, an objective, a data set, …) declares its own options as
keyword-only parameters, each annotated with its type and an `Option`:

    def gaussian(..., *, sigma: Annotated[float, Option("Standard deviation …", 1e-3, 10)] = 0.1)

`options_of(row)` reads them back.
"""

import difflib
import inspect
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from vae.base.foreign import quoted
from vae.base.json_text import is_number
from vae.base.numbers import typed

MOST_LAYERS = 64  # of a list of layers


@dataclass(frozen=True)
class Option:
    """Help, range and widget properties of a hyperparameter."""

    help: str  # one or two sentences: its effect, its unit, the effect of a larger value
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    beside: str = ""  # regular expression of values beside the choices
    log: bool = False  # spans decades: the widget takes scientific notation
    scheduled: bool = False  # may follow a schedule: a companion field NAME_schedule exists
    live: bool = False  # can be changed while training runs
    label: str = ""  # of the widget; the name in words if empty
    group: str = ""  # of the sidebar; the option of a row is in the group of its table


class Spec(NamedTuple):
    """The declaration of one option: name, plain type, default and description."""

    name: str
    type: Any
    default: Any
    option: Option


@cache
def options_of(row: Callable[..., Any]) -> dict[str, Spec]:
    """Return the options that a function or a constructor declares: name → Spec, in order."""
    function = row.__init__ if inspect.isclass(row) else row
    hints = get_type_hints(function, include_extras=True)
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if get_origin(hints.get(name)) is Annotated:
            plain, *extras = get_args(hints[name])
            option = next(e for e in extras if isinstance(e, Option))
            found[name] = Spec(name, plain, parameter.default, option)
    return found


def rows_with(table: Mapping[str, Any], **attributes: Any) -> str:
    """Return the names of the rows that have these attributes: "gaussian or laplace"."""
    return " or ".join(
        name
        for name, row in table.items()
        if all(getattr(row, key) == value for key, value in attributes.items())
    )


def first_row(table: Mapping[str, Any], **attributes: Any) -> str:
    """Return the name of the first row that has these attributes."""
    return rows_with(table, **attributes).partition(" or ")[0]


def first_sentence(row: Callable[..., Any]) -> str:
    """Return the first sentence of a row's docstring without its citations, for a help text."""
    text = (inspect.getdoc(row) or "").partition("\n\n")[0]
    text = re.sub(r"\s*\([^()]*\b(19|20)\d\d\b[^()]*\)", "", text)
    text = " ".join(text.split())
    end = re.search(r"\.(?= [A-Z(]|$)", text)
    return text[: end.start() + 1] if end else text


FILE = "FILE"  # row of a table for every value that names no other row: the path of a file


class Field(NamedTuple):
    """A setting: name, type, default, description, and the rows that declare it."""

    name: str
    type: Any
    default: Any
    option: Option
    group: str  # where the sidebar shows it
    kind: str = ""  # the table whose rows declare it, for an option
    specs: tuple[tuple[str, Spec], ...] = ()  # (row, its declaration)
    rows: tuple[str, ...] = ()  # of the table

    @property
    def label(self) -> str:
        return self.option.label or self.name.replace("_", " ").capitalize()

    def belongs_to(self, chosen: Mapping[str, Any]) -> bool:
        """Whether the setting applies under the chosen row of each table."""
        return not self.kind or row_of(self.rows, chosen[self.kind]) in dict(self.specs)

    def under(self, chosen: Mapping[str, Any]) -> Option:
        """Return the description under the chosen row."""
        spec = dict(self.specs).get(row_of(self.rows, chosen.get(self.kind)))
        return spec.option if spec and spec.name == self.name else self.option

    def default_for(self, chosen: Mapping[str, Any]) -> Any:
        """Return the default under the chosen row."""
        spec = dict(self.specs).get(row_of(self.rows, chosen.get(self.kind)))
        return spec.default if spec and spec.name == self.name else self.default

    def misplaced(self, chosen: Mapping[str, Any]) -> str:
        """Return the error sentence for a value of an option that does not apply."""
        rows = " or ".join(row for row, _ in self.specs)
        return (
            f"{self.name} belongs to {self.kind} {rows}, and {self.kind} is "
            f"{chosen[self.kind]!r}: choose {self.kind} {rows}, or leave {self.name} out."
        )


def row_of(rows: Collection[str], value: Any) -> str:
    """Return the row of a table that a value chooses: its name, or FILE for the path of a file."""
    return str(value) if value in rows or FILE not in rows else FILE


def derive(
    general: Iterable[Spec],
    tables: Mapping[str, Mapping[str, Callable[..., Any]]],
    schedules: str,
    constant: str,
) -> tuple[Field, ...]:
    """Return all settings in order: each general one, then the options of its table's rows.

    An option that several rows of one table declare is one field. Two tables cannot share a name.
    `schedules` names the schedules for the help, `constant` is the default one.
    """
    found: dict[str, Field] = {}
    for spec in general:
        group = spec.option.group
        _put(found, Field(*spec, group), schedules, constant)
        for row, make in tables.get(spec.name, {}).items():
            for declared in options_of(make).values():
                fresh = Field(*declared, group, kind=spec.name, rows=tuple(tables[spec.name]))
                known = found.get(declared.name, fresh)
                assert known.kind == spec.name, f"{declared.name} is declared twice"
                known = known._replace(specs=(*known.specs, (row, declared)))
                _put(found, known, schedules, constant)
    return tuple(found.values())


def _put(found: dict[str, Field], field: Field, schedules: str, constant: str) -> None:
    """Add a field and, if it can follow a schedule, its companion."""
    found[field.name] = field
    if field.option.scheduled:
        name, label = f"{field.name}_schedule", field.label
        inline = label[:1].lower() + label[1:] if label[1:2].islower() else label
        about = f"Factor on {inline} that varies during training: {schedules}."
        option = Option(about, label=f"{label} schedule")
        found[name] = Field(
            name, str, constant, option, field.group, field.kind, field.specs, field.rows
        )


def refuse_unknown(given: Iterable[str], known: Sequence[str]) -> None:
    """Raise ValueError for the first unknown setting, with the known ones."""
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise ValueError(
                f"Unknown setting {quoted(name)}: {hint}There are {', '.join(known)}."
            )


def coerce(field: Field, value: Any) -> Any:
    """Return the value in the type of the field; "512,256" becomes a tuple. Raises ValueError."""
    if get_origin(field.type) is tuple and isinstance(value, str):
        value = tuple(part for part in value.replace(" ", "").split(",") if part)
    try:
        return _adapter(field.type).validate_python(value)
    except ValidationError:
        wanted = {int: "a whole number", float: "a number", str: "text"}.get(
            field.type, "whole numbers separated by commas"
        )
        raise ValueError(f"{field.name} must be {wanted}, not {quoted(value)}.") from None


_adapter = cache(TypeAdapter)  # one for each type: it takes much longer to build than to use


def check(field: Field, value: Any) -> None:
    """Raise ValueError if the value is outside the field's choices or range."""
    option = field.option
    if option.choices and value not in option.choices and not _is_beside(option, value):
        choices = ", ".join(option.choices)
        raise ValueError(f"Unknown {field.name} {quoted(value)}; one of {choices}.")
    if isinstance(value, tuple) and len(value) > MOST_LAYERS:
        raise ValueError(
            f"{field.name} has {len(value):,} layers, and at most {MOST_LAYERS} are possible."
        )
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, int | float) and not isinstance(number, bool):
            _check_range(field, number)


def _is_beside(option: Option, value: Any) -> bool:
    """Whether a value beside the choices is allowed."""
    text = value if isinstance(value, str) else ""
    return bool(option.beside) and re.fullmatch(option.beside, text, re.ASCII) is not None


def _check_range(field: Field, number: float) -> None:
    low, high = field.option.low, field.option.high
    if not is_number(number):
        raise ValueError(f"{field.name} must be a finite number, not {quoted(number)}.")
    if low is not None and number < low:
        raise ValueError(f"{field.name} must be at least {typed(low)}, not {typed(number)}.")
    if high is not None and number > high:
        raise ValueError(f"{field.name} must be at most {typed(high)}, not {typed(number)}.")
