"""The library's modules as pieces: top-level functions, classes and constants, and their text.

The text of a piece in a script is that of the library with few changes: an option's annotation is
only its type, comments for linters are gone, and methods or rows of a table can be left out.
"""

import ast
import importlib
import re
import symtable
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from vae.components.network_file import is_file, recalled

HOME = "vae"
REMARK = re.compile(r" *# (?:noqa|type: ignore).*")
NEVER_CALLED_HERE = "torch.distributions"  # torch calls the methods of its other classes itself

Place = tuple[str, str]  # (module, name)


class Import(NamedTuple):
    """The origin of a name that a module imports; `name` is "" for a whole module."""

    module: str
    name: str


class Source(NamedTuple):
    """A module as pieces."""

    text: str
    pieces: dict[str, ast.stmt]  # name → statement
    imports: dict[str, Import]  # name → origin
    about: str  # first line of the docstring


@cache
def source(module: str) -> Source:
    """Return a module of the library as pieces; of a package its __init__. A network's value
    stands for its file, whose text is read and not run."""
    if is_file(module):
        text = recalled(module).text
    else:
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
            imports |= {a.asname or a.name.split(".")[0]: Import(a.name, "") for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            origin = str(node.module)
            imports |= {a.asname or a.name: Import(origin, a.name) for a in node.names}
    about = (ast.get_docstring(tree) or module).splitlines()[0]
    return Source(text, pieces, imports, about)


@cache
def find(module: str, name: str) -> Place | Import | None:
    """Return where a name used in a module is defined: a place in the library, an import from
    outside, or None for a built-in name.

    Raises ValueError if the name is a module of the library: a script takes pieces only.
    """
    here = source(module)
    if name in here.pieces:
        return module, name
    origin = here.imports.get(name)
    if origin is None or origin.module.split(".")[0] != HOME:
        return origin
    if not origin.name or f"{origin.module}.{origin.name}" in _modules(origin.module):
        raise ValueError(
            f"{module} uses the whole module {name}: a script contains single functions and "
            "classes only."
        )
    return find(origin.module, origin.name)


@cache
def _modules(package: str) -> frozenset[str]:
    """Return the modules in a package; none for a module."""
    file = Path(str(importlib.import_module(package).__file__))
    inside = file.parent.iterdir() if file.name == "__init__.py" else ()
    return frozenset(f"{package}.{path.stem}" for path in inside)


@cache
def own_methods(module: str, name: str) -> tuple[str, ...]:
    """Return the methods of a class, inherited ones too, that torch does not call by itself.

    Other pieces have none, nor has a class in the file of a network.
    """
    if is_file(module) or not isinstance(source(module).pieces[name], ast.ClassDef):
        return ()
    bases = getattr(importlib.import_module(module), name).__mro__
    others = [vars(b) for b in bases if not b.__module__.startswith((HOME, NEVER_CALLED_HERE))]
    here = [b for b in bases if b.__module__.startswith(HOME)]
    return tuple(
        node.name
        for base in here
        for node, _ in pieces_of_class(base.__module__, base.__name__)
        if not node.name.startswith("__") and not any(node.name in other for other in others)
    )


@cache
def pieces_of_class(module: str, name: str) -> tuple[tuple[ast.FunctionDef, str], ...]:
    """Return the methods of a class, each with its text."""
    here = source(module)
    node, lines = here.pieces[name], here.text.splitlines()
    methods = [m for m in getattr(node, "body", []) if isinstance(m, ast.FunctionDef)]
    return tuple((m, "\n".join(lines[_first_line(m) - 1 : m.end_lineno])) for m in methods)


@cache
def attributes(text: str) -> frozenset[str]:
    """Return the attribute names that a text reads or calls."""
    return frozenset(n.attr for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Attribute))


@cache
def free_names(text: str) -> tuple[str, ...]:
    """Return the names that a text uses and does not define, in alphabetical order."""

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
def piece_text(module: str, name: str) -> str:
    """Return the text of a piece with plain types."""
    here = source(module)
    node = here.pieces[name]
    lines = here.text.splitlines()[_first_line(node) - 1 : node.end_lineno]
    return _plain("\n".join(REMARK.sub("", line) for line in lines))


@cache
def without_methods(text: str, names: tuple[str, ...]) -> str:
    """Return the text of a class without these methods."""
    lines = text.splitlines()
    for method in getattr(ast.parse(text).body[0], "body", []):
        if getattr(method, "name", "") in names:
            first = _first_line(method) - 1
            lines[first : method.end_lineno] = [""] * (method.end_lineno - first)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip()


@cache
def table_keys(text: str) -> tuple[str, ...]:
    """Return the keys of a table, a constant that is a dict with names as keys; () for others."""
    value = getattr(ast.parse(text).body[0], "value", None)
    keys = value.keys if isinstance(value, ast.Dict) else []
    names = [k.value for k in keys if isinstance(k, ast.Constant) and isinstance(k.value, str)]
    return tuple(names) if len(names) == len(keys) else ()


@cache
def with_rows(text: str, names: frozenset[str]) -> str:
    """Return the text of a table with these rows only."""
    value = ast.parse(text).body[0].value  # type: ignore[attr-defined]
    rows = zip(value.keys, value.values, strict=True)
    lines = [
        f"    {ast.get_source_segment(text, key)}: {ast.get_source_segment(text, row)},\n"
        for key, row in rows
        if key.value in names
    ]
    return edited(text, [(value, "{\n" + "".join(lines) + "}")])


def _first_line(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return int(min([node.lineno, *(d.lineno for d in decorators)]))


def _plain(text: str) -> str:
    """Replace Annotated[type, …] by type."""
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
    """Return the text with expressions replaced."""
    data = text.encode()  # columns are counted in bytes
    starts = [0]
    for line in data.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node, new in sorted(edits, key=lambda e: (-e[0].lineno, -e[0].col_offset)):
        first = starts[node.lineno - 1] + node.col_offset
        last = starts[int(node.end_lineno or 0) - 1] + int(node.end_col_offset or 0)
        data = data[:first] + new.encode() + data[last:]
    return data.decode()
