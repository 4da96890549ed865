"""Records of a lesson: its controls, its steps, and the picture that follows from them.

A lesson is one file in `pages/learn/`, its words one table in `words/`. The table holds "title",
"caption", for each step NAME "NAME.title" and "NAME.text" (and "NAME.caption" if its picture
differs), for each control NAME "NAME" (its label) and, for a choice, "NAME.OPTION".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # the table of contents, on every page, must not load torch and Plotly
    import plotly.graph_objects as go

    from vae.base.records import Floats
    from vae.config import RunConfig
    from vae.dashboard.learn.demonstration import Course
    from vae.dashboard.learn.later import Later
    from vae.dashboard.learn.outcomes import Arrays, Outcome
    from vae.runs import Run

Value = float | str
Values = Mapping[str, Value]


class Text(NamedTuple):
    """Words in English and in Chinese, as Markdown with macros (`text.render`)."""

    en: str
    zh: str


Words = Mapping[str, Text]


class Slider(NamedTuple):
    """A control for a number between `low` and `high` in steps of `step`."""

    low: float
    high: float
    step: float
    start: float
    symbol: str = ""  # TeX-free symbol beside the label: "μ"
    colour: str = "accent"  # token of the palette

    def accept(self, value: Value) -> Value:
        """Return the nearest value of the slider; raise ValueError for text."""
        number = min(max(float(value), self.low), self.high)
        return round(self.low + round((number - self.low) / self.step) * self.step, 9)


class Choice(NamedTuple):
    """One of a few options, by name."""

    options: tuple[str, ...]
    start: str
    symbol: str = ""
    colour: str = "accent"

    def accept(self, value: Value) -> Value:
        """Return a known option; raise ValueError for another."""
        if value not in self.options:
            raise ValueError(f"Unknown option {value!r}; one of {', '.join(self.options)}")
        return value


Control = Slider | Choice


class Guess(NamedTuple):
    """A question that the reader answers by a click in the picture before the answer appears."""

    axis: str  # "x" or "y": the coordinate of the click that counts
    answer: str  # name of the number in `Picture.numbers` that is right
    places: int = 2  # decimal places of guess and answer


class Runs(NamedTuple):
    """The runs from which some steps of a lesson can take their picture."""

    steps: tuple[str, ...]
    misfit: Callable[
        [Run], str
    ]  # why a run does not fit, a key of the frame's words; "" if it does
    has_own_example: bool = False  # without a chosen run the steps show an example of the lesson


class Step(NamedTuple):
    """One step: its words, the controls that are free, and the formula with live values."""

    name: str
    controls: tuple[str, ...] = ()
    formula: str = ""  # TeX with macros; [[name]] is a number of the picture
    guess: Guess | None = None
    starts: Mapping[str, Value] = {}  # values that the step sets when the reader enters it
    trains: Callable[[Values], Sequence[RunConfig]] | None = None  # runs that the reader may start
    pick: str = ""  # the slider that a click in the picture sets to the nearest of its places
    is_optional: bool = False  # may be skipped at the first reading


class View(NamedTuple):
    """The reader's choices, from which the picture follows."""

    values: Values
    step: str
    say: Callable[[str], str]  # key of the words → text in the reader's language, without macros
    guess: float | None = None  # the reader's guess of this step
    is_revealed: bool = True  # False while the answer of this step must stay hidden
    outcomes: Sequence[Outcome] = ()  # of the runs of this step, stored or trained at present
    run: Run | None = None  # the chosen run of this step

    def number(self, name: str) -> float:
        """Return the value of a slider."""
        return float(self.values[name])

    def option(self, name: str) -> str:
        """Return the value of a choice."""
        return str(self.values[name])


class Picture(NamedTuple):
    """The figure and the numbers that text and formula show, by name."""

    figure: go.Figure
    numbers: Mapping[str, float | str]
    places: Floats | None = None  # (M, 2), what a click chooses from (`Step.pick`)
    rest: Later[Any] | None = None  # what the picture still lacks; drawn again when it is there


class Lesson(NamedTuple):
    """One page of the theory."""

    name: str  # of its file, of its table of words and in its address
    words: Words
    controls: Mapping[str, Control]
    steps: tuple[Step, ...]
    picture: Callable[[View], Picture]
    check: str  # the command that checks the numbers
    sources: tuple[str, ...] = ()  # citations, the same in both languages
    run: Mapping[str, Any] | None = None  # settings of RunConfig for "open this as a run"
    height: int = 540  # of the picture, in pixels
    runs: Runs | None = None
    shows: Callable[[Course], Arrays] | None = None  # what the picture shows of a demonstration

    def caption(self, step: Step) -> str:
        """Return the key of the words below the picture of a step."""
        key = f"{step.name}.caption"
        return key if key in self.words else "caption"
