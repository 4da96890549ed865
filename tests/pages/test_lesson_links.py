"""Every "?" that leads to a lesson names a lesson, and a step of it, that exist."""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from tests.pages.conftest import ROOT
from vae.dashboard.learn.lessons import lesson_link

FILES = [p for p in ROOT.glob("vae/dashboard/**/*.py") if "lesson_link(" in p.read_text("utf-8")]


def links(path: Path) -> Iterator[list[str]]:
    """The arguments of every call of `lesson_link` in a file, each value of a table in turn."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "lesson_link":
            match node.args:
                case [ast.Subscript(value=ast.Name(id=table))]:
                    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                    yield from ([name] for name in getattr(import_module(module), table).values())
                case _:
                    yield [ast.literal_eval(argument) for argument in node.args]


def test_every_link_leads_to_a_step_that_exists() -> None:
    found = [link for path in FILES for link in links(path)]
    assert len(found) > 25
    for link in found:
        text = lesson_link(*link)  # raises for an unknown lesson or step
        assert not set(text) & set("\\$"), link
