"""Notes of a run are stored, trimmed, and have no effect on training."""

import json
from collections.abc import Callable

import pytest

from vae.runs import Notes, Run, notes

Make = Callable[..., Run]
ALL = {
    "title": "The best",
    "tags": ("a", "b"),
    "notes": "two\nlines",
    "favourite": True,
    "archived": True,
}


def test_a_changed_field_leaves_the_others_unchanged(make: Make) -> None:
    path = make("one").path
    assert notes.read(path) == Notes()
    for name, value in ALL.items():
        notes.change(path, **{name: value})
    assert notes.read(path) == Notes(**ALL)
    assert json.loads((path / "notes.json").read_text()) == ALL | {"tags": ["a", "b"]}


def test_text_is_trimmed_and_tags_are_unique(make: Make) -> None:
    path = make("one").path
    found = notes.change(path, title="  x ", tags=(" b", "a", "b ", " "), notes="\n y\n")
    assert found == notes.read(path) == Notes("x", ("b", "a"), "y")


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": "x" * 121},
        {"notes": "x" * 20_001},
        {"tags": ("x" * 41,)},
        {"tags": "ABCDEFGHIJKLMNOPQRSTU"},
    ],
)
def test_too_long_text_is_refused_and_changes_nothing(make: Make, wrong: dict) -> None:
    path = make("one").path
    notes.change(path, **ALL)
    with pytest.raises(ValueError, match="shorten"):
        notes.change(path, **wrong)
    assert notes.read(path) == Notes(**ALL)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", Notes()),
        ("[1]", Notes()),
        ('{"title": 3, "tags": "no", "favourite": "yes"}', Notes()),
        ('{"title": "t", "tags": ["a", 1], "more": 5}', Notes("t", ("a",))),
    ],
)
def test_an_unreadable_file_counts_as_empty(make: Make, content: str, found: Notes) -> None:
    path = make("one").path
    (path / "notes.json").write_text(content)
    assert notes.read(path) == found
