"""The session's state: each key is in one module, and others read its value through that
module."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.pages.conftest import ROOT

METHODS = ("get", "pop", "setdefault")


def keys(tree: ast.Module) -> Iterator[str]:
    """Return the keys that a module reads or writes: strings, and names of constants."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and _is_state(node.value):
            yield from _named(node.slice)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in METHODS and _is_state(node.func.value) and node.args:
                yield from _named(node.args[0])
        elif (
            isinstance(node, ast.Attribute) and _is_state(node.value) and node.attr not in METHODS
        ):
            yield node.attr


def _is_state(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "session_state"


def _named(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Name) and node.id.isupper():
        yield node.id


def constants(tree: ast.Module) -> dict[str, str]:
    """Return the strings that a module assigns to names in capitals, alone or in a tuple."""
    found: dict[str, str] = {}
    for node in tree.body:
        if not isinstance(node, ast.Assign):
            continue
        target, value = node.targets[0], node.value
        pairs = (
            zip(target.elts, value.elts, strict=True)
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
            else [(target, value)]
        )
        for name, text in pairs:
            if isinstance(name, ast.Name) and isinstance(text, ast.Constant):
                found[name.id] = str(text.value)
    return found


def users(paths: list[Path]) -> dict[str, set[str]]:
    """Return key → the modules that use it."""
    trees = {path: ast.parse(path.read_text("utf-8")) for path in paths}
    strings = {name: text for tree in trees.values() for name, text in constants(tree).items()}
    found: dict[str, set[str]] = defaultdict(set)
    for path, tree in trees.items():
        own = strings | constants(tree)
        for key in keys(tree):
            found[own.get(key, key)].add(str(path.relative_to(ROOT)))
    return found


def test_each_key_is_in_one_module() -> None:
    paths = [*ROOT.glob("vae/dashboard/**/*.py"), *ROOT.glob("pages/**/*.py")]
    found = users(paths)
    assert len(found) > 30
    assert not {key: sorted(where) for key, where in found.items() if len(where) > 1}
