"""Pieces of the library's source, bundled into one file that needs no other.

A bundle holds the wanted pieces and every piece that they name, directly or through others.
Methods that nothing in the file calls and rows of tables that no setting chooses are left out. Of
two pieces with one name the second is renamed.
"""

import ast
import re
import textwrap
from collections.abc import Iterable, Mapping

from vae.components.network_file import is_file, stem
from vae.script.source import (
    Import,
    Place,
    attributes,
    edited,
    find,
    free_names,
    own_methods,
    piece_text,
    source,
    table_keys,
    with_rows,
    without_methods,
)

WIDTH = 99


class Bundle:
    """The pieces that a hand-written `text` needs: the `wanted` ones and all that they name.

    `given` are the names that the text defines. `texts` replaces the source of some pieces. `rows`
    maps the keys of a table to the rows of it that stay.
    """

    def __init__(
        self,
        wanted: Iterable[Place],
        text: str,
        given: Iterable[str] = (),
        texts: Mapping[Place, str] | None = None,
        rows: Mapping[frozenset[str], frozenset[str]] | None = None,
    ) -> None:
        self.given, self.texts, self.rows = frozenset(given), dict(texts or {}), dict(rows or {})
        self.places: list[Place] = []
        self.outside: dict[str, Import] = {}
        self.called = set(re.findall(r"\.(\w+)", text))
        for place in wanted:
            self._add(place)
        while self._grow():
            pass
        self.names = self._named()

    def _add(self, place: Place) -> None:
        if place not in self.places:
            self.places.append(place)

    def _grow(self) -> bool:
        """Add the pieces that the present ones name. Return whether there was a new one."""
        before = len(self.places), len(self.called)
        for module, name in list(self.places):
            pruned = self._pruned_text(module, name)
            self.called |= attributes(pruned)
            for free in free_names(pruned):
                found = find(module, free)
                if isinstance(found, Import):
                    self.outside[free] = found
            for needed in self._needs((module, name)):
                self._add(needed)
        return before != (len(self.places), len(self.called))

    def _needs(self, place: Place) -> list[Place]:
        """Return the pieces that a piece names."""
        found = [find(place[0], free) for free in free_names(self._pruned_text(*place))]
        return [f for f in found if f is not None and not isinstance(f, Import)]

    def _pruned_text(self, module: str, name: str) -> str:
        """Return the text of a piece, without uncalled methods and unchosen rows."""
        text = self.texts.get((module, name)) or piece_text(module, name)
        unused = tuple(part for part in own_methods(module, name) if part not in self.called)
        chosen = self.rows.get(frozenset(table_keys(text)))
        return without_methods(text if chosen is None else with_rows(text, chosen), unused)

    def _named(self) -> dict[Place, str]:
        """Return the name of each piece in the file."""
        taken = set(self.outside) | self.given
        names: dict[Place, str] = {}
        for place in self.ordered():
            names[place] = place[1] if place[1] not in taken else _other_name(*place)
            taken.add(names[place])
        return names

    def ordered(self) -> list[Place]:
        """Return the pieces in the order of the file: each module after those that it needs, the
        pieces of a module in their own order."""
        modules: list[str] = []

        def visit(module: str) -> None:
            for place in self.places:
                for other in self._needs(place) if place[0] == module else ():
                    if other[0] not in (module, *modules):
                        visit(other[0])
            if module not in modules:
                modules.append(module)

        for module, _ in self.places:
            visit(module)
        first = {p: source(p[0]).pieces[p[1]].lineno for p in self.places}
        return sorted(self.places, key=lambda p: (modules.index(p[0]), first[p]))

    def modules(self) -> list[str]:
        """Return the modules of the pieces in the order of the file."""
        return list(dict.fromkeys(module for module, _ in self.ordered()))

    def section(self, module: str, about: str = "") -> str:
        """Return all pieces of a module below a heading, by default its docstring's first line."""
        texts = dict.fromkeys(
            self._renamed(place) for place in self.ordered() if place[0] == module
        )
        return heading(about or source(module).about, _parted(texts))

    def _renamed(self, place: Place) -> str:
        """Return the text of a piece with the names of this file."""
        module, name = place
        text = self._pruned_text(module, name)
        renamed = {}
        for free in (*free_names(text), name):
            found = find(module, free)
            if isinstance(found, tuple) and not isinstance(found, Import):
                renamed[free] = self.names.get(found, free)
        renamed = {old: new for old, new in renamed.items() if old != new}
        if not renamed:
            return text
        edits = [
            (node, renamed[node.id])
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Name) and node.id in renamed
        ]
        text = edited(text, edits)
        new = renamed.get(name, name)
        return re.sub(rf"^(class|def) {name}\b", rf"\1 {new}", text, count=1, flags=re.M)

    def imports(self, more: Iterable[str]) -> str:
        """Return the import statements of the file: those of the pieces, and `more` lines."""
        lines = set(more)
        froms: dict[str, set[str]] = {}
        for local, (module, name) in self.outside.items():
            if name:
                alias = name if name == local else f"{name} as {local}"
                froms.setdefault(module, set()).add(alias)
            else:
                whole = module.split(".")[0] == local
                lines.add(f"import {module}" + ("" if whole else f" as {local}"))
        for line in sorted(line for line in lines if line.startswith("from ")):
            lines.remove(line)
            module, _, names = line.removeprefix("from ").partition(" import ")
            froms.setdefault(module, set()).update(names.split(", "))
        return "\n".join([*sorted(lines), *(_from(m, froms[m]) for m in sorted(froms))])


BLOCK = re.compile(r"@|class |def ")


def heading(words: str, text: str) -> str:
    """Return a text below a heading."""
    line = textwrap.fill(words, WIDTH, initial_indent="# ── ", subsequent_indent="#    ")
    return f"{line}\n" + ("\n\n" if BLOCK.match(text) else "\n") + text


def _other_name(module: str, name: str) -> str:
    last = stem(module) if is_file(module) else module.rpartition(".")[2]
    whose = last.removesuffix("s").capitalize()
    return f"{name}{whose}" if name[0].isupper() else f"{name}_of_{last}"


def _from(module: str, names: Iterable[str]) -> str:
    listed = sorted(names, key=str.lower)
    line = f"from {module} import {', '.join(listed)}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in listed), ")"])


def _parted(texts: Iterable[str]) -> str:
    """Join texts: constants on adjacent lines, functions and classes two lines apart."""
    parts, before = [], ""
    for text in texts:
        apart = BLOCK.match(text) or BLOCK.match(before)
        parts.append(("\n\n\n" if apart else "\n") if before else "")
        parts.append(text)
        before = text
    return "".join(parts)
