"""The reader's place in a lesson: step, controls, guesses; in the session and in the address.

The address has the lesson's own parameters, such as `?step=3&mean=0.5&quiz=off`; a control at its
start is left out. A value out of range becomes the nearest valid one, which the page mentions.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import streamlit as st

from vae.base.numbers import typed
from vae.dashboard.learn.lesson import Lesson, Slider, Step, Value
from vae.dashboard.shared import address

STEP, QUIZ, OF = "step", "quiz", "of"  # parameters of the address
LONGEST = 40  # characters of a value in the address
LONGEST_NAME = 64  # characters of the name of a run


@dataclass
class Place:
    """Where the reader is in a lesson."""

    step: int  # from 1
    values: dict[str, Value]
    guesses: dict[str, float] = field(default_factory=dict)  # step → guess
    revealed: set[str] = field(default_factory=set)  # steps whose answer is on the screen
    started: set[str] = field(default_factory=set)  # demonstrations that the reader has started
    refused: list[str] = field(default_factory=list)  # parameters that were out of range
    merged: int = 0  # number of the last movement taken from the browser
    run: str = ""  # name of the run from which the pictures come; "" for the usual one

    def step_of(self, lesson: Lesson) -> Step:
        """Return the present step of the lesson."""
        return lesson.steps[self.step - 1]


def enter(lesson: Lesson) -> None:
    """Begin a run of the page: a new session, a link or the browser's Back sets the place."""
    found, key = address.take_texts([STEP, OF, *lesson.controls]), _key(lesson)
    if found is not None or key not in st.session_state:
        place, before = _from_address(lesson, found or {}), st.session_state.get(key)
        if before is not None:
            place.guesses, place.revealed = before.guesses, before.revealed
            place.started, place.merged = before.started, before.merged
        st.session_state[key] = place
    if quiz := address.take_texts([QUIZ]):
        st.session_state["learn_quiz"] = quiz[QUIZ]


def _key(lesson: Lesson) -> str:
    return f"learn_{lesson.name}"


def current(lesson: Lesson) -> Place:
    """Return the place in this lesson."""
    place: Place = st.session_state[_key(lesson)]
    return place


def has_quiz() -> bool:
    """Return False if the address hides the questions: `quiz=off`."""
    return st.session_state.get("learn_quiz") != "off"


def go(lesson: Lesson, place: Place, number: int) -> None:
    """Enter a step, and set the values that it starts from."""
    place.step = number
    place.refused = []
    place.values |= lesson.steps[number - 1].starts


def write_address(lesson: Lesson, place: Place) -> None:
    """Write step, controls and hidden questions into the address."""
    address.put(STEP, str(place.step) if place.step > 1 else None)
    for name, control in lesson.controls.items():
        value = place.values[name]
        address.put(name, _written(value) if value != control.start else None)
    address.put(QUIZ, None if has_quiz() else "off")
    if lesson.runs is not None:
        address.put(OF, place.run or None)


def _written(value: Value) -> str:
    return value if isinstance(value, str) else typed(value)


def _from_address(lesson: Lesson, given: Mapping[str, str]) -> Place:
    place = Place(1, {name: control.start for name, control in lesson.controls.items()})
    if STEP in given:
        number = _number(given[STEP])
        place.step = int(min(max(number or 1, 1), len(lesson.steps)))
        place.refused += [STEP] * (number != place.step)
        place.values |= place.step_of(lesson).starts
    if lesson.runs is not None:
        place.run = given.get(OF, "")[:LONGEST_NAME]
    for name, control in lesson.controls.items():
        if name not in given:
            continue
        text = given[name][:LONGEST]
        value: Value | None = _number(text) if isinstance(control, Slider) else text
        with suppress(ValueError):
            place.values[name] = control.accept(value if value is not None else control.start)
        if place.values[name] != value:
            place.refused.append(name)
    return place


def _number(text: str) -> float | None:
    """Return a finite number, or None for other text."""
    try:
        number = float(text[:LONGEST])
    except ValueError:
        return None
    return number if abs(number) < 1e9 else None
