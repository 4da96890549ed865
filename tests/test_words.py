"""Plain words: docstrings name things with nouns of the field, and so do functions and classes."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.tables import each

ROOT = Path(__file__).parents[1]
FILES = [*sorted(ROOT.glob("vae/**/*.py")), *sorted(ROOT.glob("pages/**/*.py"))]
TESTS = [path for path in sorted(ROOT.glob("tests/**/*.py")) if path != Path(__file__)]
INTERFACE = [p for p in FILES if p.parent.name != "words"]  # lessons are prose with questions
VERBS = "asked|told|seen|shown|kept|own|made"
PHRASES = [
    r"\bwhat\b",
    r"\b(is|are|was|were|be|been|being) (told|asked|kept|said|meant|heard|believed)\b",
    r"\b(whoever|whatever|nobody|somebody|anybody|anyone|strangers?)\b",
    r"\b(says?|tells?|speaks?|knows?) (of|so|nothing|whether|how|which|where|them|it)\b",
    r"\bof (its|their|one's|our) own\b",
    rf"\b(as|of|the) ({VERBS.replace('|own', '')})\b",
    r"\bat home\b|\bthere is to\b|\bbeware\b",
    r"\b(for|of) (a|the) point posterior\b",  # quantised ones have no density either
]
OBLIQUE = re.compile("|".join(PHRASES), re.IGNORECASE)
PARTICIPLE = re.compile(rf"_?({VERBS})", re.IGNORECASE)
OBLIQUE_NAME = re.compile(
    r"test_(.*_)?(what(ever)?|whoever|nobody|told|tells?|asked|asks|says?|said|knows?|kept)(_.*)?"
)


class Definition(NamedTuple):
    """A module, class or function: its place, its name and its docstring."""

    place: str
    name: str
    docstring: str


class Words(NamedTuple):
    """The words of a file: its definitions, its variables and parameters by line, and its other
    strings of several words by line."""

    definitions: list[Definition]
    variables: list[tuple[str, str]]
    sentences: list[tuple[str, str]]


@cache
def words_of(path: Path) -> Words:
    return words_in(path.read_text("utf-8"), str(path.relative_to(ROOT)))


def words_in(source: str, file: str = "") -> Words:
    definitions, variables, docstrings, strings = [], [], set(), []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            place = file if isinstance(node, ast.Module) else f"{file}:{node.lineno}"
            text = ast.get_docstring(node) or ""
            definitions.append(Definition(place, getattr(node, "name", ""), text))
            docstrings.add(ast.get_docstring(node, clean=False))
        elif isinstance(node, ast.arg):
            variables.append((f"{file}:{node.lineno}", node.arg))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            variables.append((f"{file}:{node.lineno}", node.id))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            strings.append((f"{file}:{node.lineno}", node.value))
    sentences = [(at, text) for at, text in strings if text not in docstrings]
    return Words(definitions, variables, sentences)


def oblique(text: str) -> list[str]:
    return [match[0] for match in OBLIQUE.finditer(" ".join(text.split()))]


def faults(definition: Definition) -> list[str]:
    """Return the oblique phrases of a docstring, and the name if it is oblique."""
    name = definition.name
    bad = PARTICIPLE.fullmatch(name) or OBLIQUE_NAME.fullmatch(name)
    return oblique(definition.docstring) + [name] * bool(bad)


@each("path", FILES + TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_and_names_are_plain(path: Path) -> None:
    assert not {d.place: faults(d) for d in words_of(path).definitions if faults(d)}


@each("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_of_variables_are_nouns(path: Path) -> None:
    assert not [(at, name) for at, name in words_of(path).variables if PARTICIPLE.fullmatch(name)]


@each("path", INTERFACE, ids=lambda path: str(path.relative_to(ROOT)))
def test_help_texts_and_messages_are_plain(path: Path) -> None:
    assert not {at: oblique(text) for at, text in words_of(path).sentences if oblique(text)}


@pytest.mark.parametrize(
    "text",
    [
        "Latents in two dimensions, and what there is to say of it.",
        "What a hyperparameter says of itself.",
        "For whoever does not want to know.",
        "A stream of one's own.",
        "The line is told once.",
        "The numbers as asked.",
    ],
)
def test_an_oblique_text_is_found(text: str) -> None:
    assert faults(Definition("", "f", text))
    assert oblique(words_in(f'st.button("Go", help="{text}")').sentences[0][1])
    assert oblique(words_in(f'raise ValueError(f"{{x}}: {text}")').sentences[0][1])


def test_an_oblique_name_is_found() -> None:
    source = "class Asked: ...\ndef _told(): ...\ndef kept_rows(): ...\ndef test_it_is_told(): ..."
    found = [d.name for d in words_in(source).definitions if faults(d)]
    assert found == ["Asked", "_told", "test_it_is_told"]
    variables = words_in("kept = 1\ndef f(told, size): kept_rows = size").variables
    assert [name for _, name in variables if PARTICIPLE.fullmatch(name)] == ["kept", "told"]


SCREEN = [p for p in FILES if p.parent.name != "script"]  # a script's text is Python
NO_WORD = re.compile(r"_?[A-Z]\w*[a-z][A-Z]\w*")


@cache
def classes() -> re.Pattern[str]:
    """Return a pattern of the names of classes that are no English word, such as RunConfig."""
    names = {d.name for path in FILES for d in words_of(path).definitions}
    return re.compile(rf"\b({'|'.join(filter(NO_WORD.fullmatch, sorted(names)))})\b")


@each("path", SCREEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_text_on_screen_names_a_class(path: Path) -> None:
    assert not [at for at, text in words_of(path).sentences if classes().search(text)]


@each("path", SCREEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_one_word_for_one_thing(path: Path) -> None:
    """The flags are --binarize and --split val; a sentence says "validation"."""
    assert "binaris" not in path.read_text("utf-8").lower()
    flag, val = "val is the validation part", re.compile(r"\bval\b")
    found = words_of(path).sentences
    assert not [at for at, text in found if val.search(text) and flag not in text]
