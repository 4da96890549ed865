"""The library's modules taken apart: pieces, what they name, and their text as a script has it.

A *piece* is a top-level statement of a module: a function, a class, a constant.
"""

import ast
import importlib
import re
import symtable
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

HOME = "vae"
REMARK = re.compile(r" *# (?:noqa|type: ignore).*")
NEVER_CALLED_HERE = "torch.distributions"  # torch calls the methods of its other classes itself

Place = tuple[str, str]  # (module, name)


class Import(NamedTuple):
    """Where a name of a module comes from; `name` "" for the module itself."""

    module: str
    name: str


class Source(NamedTuple):
    """A module taken apart."""

    text: str
    pieces: dict[str, ast.stmt]  # name → statement
    imports: dict[str, Import]  # name → where it is from
    about: str  # first line of the docstring


@cache
def source(module: str) -> Source:
    """A module of the library; of a package its __init__."""
    text = Path(str(importlib.import_module(module).__file__)).read_text()
    tree = ast.parse(text)
    pieces: dict[str, ast.stmt] = {}
    imports: dict[str, Import] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            pieces[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]
            pieces |= dict.fromkeys(names, node)
        elif isinstance(node, ast.Import):
            first = {a.asname or a.name.split(".")[0]: Import(a.name, "") for a in node.names}
            imports |= first
        elif isinstance(node, ast.ImportFrom):
            made = {a.asname or a.name: Import(str(node.module), a.name) for a in node.names}
            imports |= made
    about = (ast.get_docstring(tree) or module).splitlines()[0]
    return Source(text, pieces, imports, about)


@cache
def find(module: str, name: str) -> Place | Import | None:
    """Where a name that a module uses is defined: in the library, outside, or built in (None)."""
    here = source(module)
    if name in here.pieces:
        return module, name
    origin = here.imports.get(name)
    if origin is None or origin.module.split(".")[0] != HOME:
        return origin
    if not origin.name or f"{origin.module}.{origin.name}" in _modules(origin.module):
        raise ValueError(f"{module} uses the module {name} whole, and a script takes pieces.")
    return find(origin.module, origin.name)


@cache
def _modules(package: str) -> frozenset[str]:
    """The modules in a package; none where it is a module itself."""
    file = Path(str(importlib.import_module(package).__file__))
    inside = file.parent.iterdir() if file.name == "__init__.py" else ()
    return frozenset(f"{package}.{path.stem}" for path in inside)


@cache
def own_methods(module: str, name: str) -> tuple[str, ...]:
    """The methods of a class that torch does not call by itself; none of what is no class."""
    node = source(module).pieces[name]
    if not isinstance(node, ast.ClassDef):
        return ()
    bases = getattr(importlib.import_module(module), name).__mro__
    others = [vars(b) for b in bases if not b.__module__.startswith((HOME, NEVER_CALLED_HERE))]
    methods = [part.name for part in node.body if isinstance(part, ast.FunctionDef)]
    return tuple(
        method
        for method in methods
        if not method.startswith("__") and not any(method in base for base in others)
    )


@cache
def attributes(text: str) -> frozenset[str]:
    """The names that a text asks objects for."""
    return frozenset(n.attr for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Attribute))


@cache
def free_names(text: str) -> tuple[str, ...]:
    """The names that a text takes from around it, in alphabetical order."""

    def walk(table: symtable.SymbolTable) -> Iterator[str]:
        top = table.get_type() == "module"
        for symbol in table.get_symbols():
            outer = not symbol.is_assigned() if top else symbol.is_global()
            if symbol.is_referenced() and outer:
                yield symbol.get_name()
        for child in table.get_children():
            yield from walk(child)

    return tuple(sorted(set(walk(symtable.symtable(text, "piece", "exec")))))


@cache
def written(module: str, name: str, without: tuple[str, ...] = ()) -> str:
    """The text of a piece, less some of its methods, with plain types."""
    here = source(module)
    node, lines = here.pieces[name], here.text.splitlines()
    for part in getattr(node, "body", []):
        if getattr(part, "name", "") in without:
            first = _first_line(part) - 1
            lines[first : part.end_lineno] = [""] * (part.end_lineno - first)
    kept = lines[_first_line(node) - 1 : node.end_lineno]
    text = "\n".join(REMARK.sub("", line) for line in kept)
    return _plain(re.sub(r"\n{3,}", "\n\n", text).rstrip())


def _first_line(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return int(min([node.lineno, *(d.lineno for d in decorators)]))


def _plain(text: str) -> str:
    """Annotated[type, …] → type."""
    edits = [
        (node, ast.unparse(node.slice.elts[0]))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Annotated"
        and isinstance(node.slice, ast.Tuple)
    ]
    return edited(text, edits)


def edited(text: str, edits: Iterable[tuple[ast.expr, str]]) -> str:
    """The text with expressions replaced."""
    data = text.encode()  # columns are counted in bytes
    starts = [0]
    for line in data.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node, new in sorted(edits, key=lambda e: (-e[0].lineno, -e[0].col_offset)):
        first = starts[node.lineno - 1] + node.col_offset
        last = starts[int(node.end_lineno or 0) - 1] + int(node.end_col_offset or 0)
        data = data[:first] + new.encode() + data[last:]
    return data.decode()
