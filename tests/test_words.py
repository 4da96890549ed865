"""Plain words: docstrings name things with nouns of the field, and so do functions and classes."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.tables import each

ROOT = Path(__file__).parents[1]
FILES = [*sorted(ROOT.glob("vae/**/*.py")), *sorted(ROOT.glob("pages/**/*.py"))]
VERBS = "asked|told|seen|shown|kept|own|made"
PHRASES = [
    r"\bwhat (there )?(is|are|was|were|may|can|has|have|had|will|it|they|an?|the|he|she|one)\b",
    r"\b(is|are|was|were|be|been|being) (told|asked|kept|said|meant|heard|believed)\b",
    r"\b(whoever|whatever|nobody|somebody|anybody|anyone|strangers?)\b",
    r"\b(says?|tells?|speaks?|knows?) (of|what|so|nothing|whether|how|which|where|them|it)\b",
    r"\bof (its|their|one's|your|our) own\b",
    rf"\b(as|of|the) ({VERBS.replace('|own', '')})\b",
    r"\bat home\b|\bthere is to\b|\bbeware\b",
]
OBLIQUE = re.compile("|".join(PHRASES), re.IGNORECASE)
PARTICIPLE = re.compile(rf"_?({VERBS})", re.IGNORECASE)


class Definition(NamedTuple):
    """A module, class or function: where it stands, its name and its docstring."""

    place: str
    name: str
    docstring: str


def definitions(source: str, file: str = "") -> Iterator[Definition]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module):
            yield Definition(file, "", ast.get_docstring(node) or "")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield Definition(f"{file}:{node.lineno}", node.name, ast.get_docstring(node) or "")


def faults(definition: Definition) -> list[str]:
    """Return the oblique phrases of a docstring, and the name if it is a bare participle."""
    text = " ".join(definition.docstring.split())
    found = [match[0] for match in OBLIQUE.finditer(text)]
    return found + [definition.name] * bool(PARTICIPLE.fullmatch(definition.name))


@each("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_and_names_are_plain(path: Path) -> None:
    found = definitions(path.read_text("utf-8"), str(path.relative_to(ROOT)))
    assert not {d.place: faults(d) for d in found if faults(d)}


@pytest.mark.parametrize(
    "docstring",
    [
        "Latents in two dimensions, and what there is to say of it.",
        "What a hyperparameter says of itself.",
        "For whoever does not want to know.",
        "A stream of one's own.",
        "The line is told once.",
        "The numbers as asked.",
    ],
)
def test_an_oblique_docstring_is_found(docstring: str) -> None:
    assert faults(Definition("", "f", docstring))


def test_a_participle_as_a_name_is_found() -> None:
    source = "class Asked: ...\ndef _told(): ...\ndef kept_rows(): ...\ndef own(): ..."
    assert [d.name for d in definitions(source) if faults(d)] == ["Asked", "_told", "own"]


@cache
def classes() -> set[str]:
    """Return the names of classes that are no English word, such as RunConfig."""
    text = "\n".join(path.read_text("utf-8") for path in FILES)
    return set(re.findall(r"^ *class (\w*[a-z][A-Z]\w*)", text, re.MULTILINE))


def test_the_classes_are_found() -> None:
    assert {"RunConfig", "LoadedRun"} <= classes()


@cache
def sentences(source: str) -> tuple[str, ...]:
    """Return the strings with several words that are no docstrings."""
    nodes = list(ast.walk(ast.parse(source)))
    docstrings = {ast.get_docstring(n, clean=False) for n in nodes if has_docstring(n)}
    texts = (node.value for node in nodes if isinstance(node, ast.Constant))
    return tuple(t for t in texts if isinstance(t, str) and " " in t and t not in docstrings)


def has_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)


SCREEN = [p for p in FILES if p.parent.name != "script"]  # a script's text is Python


@each("path", SCREEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_text_on_screen_names_a_class(path: Path) -> None:
    text = "\n".join(sentences(path.read_text("utf-8")))
    assert not {name for name in classes() if re.search(rf"\b{name}\b", text)}


@each("path", SCREEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_one_word_for_one_thing(path: Path) -> None:
    """The flags are --binarize and --split val; a sentence says "validation"."""
    source = path.read_text("utf-8")
    assert "binaris" not in source.lower()
    flag = "val is the validation part"
    assert not [s for s in sentences(source) if re.search(r"\bval\b", s) and flag not in s]
