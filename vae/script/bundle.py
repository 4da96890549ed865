"""Pieces of the library's own source → one file that stands alone.

From the pieces that are asked for, everything that they name is gathered, through imports as well,
and nothing else; of a class, the methods that nobody in the file calls are left out. What is
written is the library's text with three changes: an option's annotation is only its type, remarks
to linters are gone, and of two pieces with one name the second is renamed.
"""

import ast
import re
from collections.abc import Iterable

from vae.script.source import (
    Import,
    Place,
    attributes,
    edited,
    find,
    free_names,
    own_methods,
    source,
    written,
)

WIDTH = 99


class Bundle:
    """The pieces that are `wanted` and all that they need, beside a hand-written `text`, which
    defines the names `given` and stands in for the pieces `instead`."""

    def __init__(
        self,
        wanted: Iterable[Place],
        text: str,
        given: Iterable[str] = (),
        instead: Iterable[Place] = (),
    ) -> None:
        self.given, self.instead = frozenset(given), frozenset(instead)
        self.places: list[Place] = []
        self.outside: dict[str, Import] = {}
        self.called = set(re.findall(r"\.(\w+)", text))
        for place in wanted:
            self._add(place)
        while self._grow():
            pass
        self.names = self._named()

    def _add(self, place: Place) -> None:
        if place not in self.places and place not in self.instead:
            self.places.append(place)

    def _grow(self) -> bool:
        """Add what the pieces so far name and call; whether there was any."""
        before = len(self.places), len(self.called)
        for module, name in list(self.places):
            kept = self._kept(module, name)
            self.called |= attributes(kept)
            for free in free_names(kept):
                found = find(module, free)
                if isinstance(found, Import):
                    self.outside[free] = found
            for needed in self._needs((module, name)):
                self._add(needed)
        return before != (len(self.places), len(self.called))

    def _needs(self, place: Place) -> list[Place]:
        """The pieces that a piece names."""
        found = [find(place[0], free) for free in free_names(self._kept(*place))]
        return [f for f in found if f is not None and not isinstance(f, Import)]

    def _kept(self, module: str, name: str) -> str:
        """The text of a piece, without the methods that nobody calls."""
        unused = [part for part in own_methods(module, name) if part not in self.called]
        return written(module, name, tuple(unused))

    def _named(self) -> dict[Place, str]:
        """What each piece is called in the file."""
        taken = set(self.outside) | self.given
        names: dict[Place, str] = {}
        for place in self.ordered():
            names[place] = place[1] if place[1] not in taken else _other_name(*place)
            taken.add(names[place])
        return names

    def ordered(self) -> list[Place]:
        """The pieces as they are written: each module after those that it needs, a module's
        pieces as they stand in it."""
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
        """The modules that pieces come from, in the order in which they are written."""
        return list(dict.fromkeys(module for module, _ in self.ordered()))

    def section(self, module: str) -> str:
        """All pieces of a module, below a line that says what it is."""
        texts = dict.fromkeys(
            self._renamed(place) for place in self.ordered() if place[0] == module
        )
        return heading(source(module).about, _parted(texts))

    def _renamed(self, place: Place) -> str:
        """The text of a piece, in the names of this file."""
        module, name = place
        text = self._kept(module, name)
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
        """The import statements of the file: those of the pieces, and `more` lines."""
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
    """A text below a line that says what it is."""
    return f"# ── {words}\n" + ("\n\n" if BLOCK.match(text) else "\n") + text


def _other_name(module: str, name: str) -> str:
    last = module.rpartition(".")[2]
    whose = last.removesuffix("s").capitalize()
    return f"{name}{whose}" if name[0].isupper() else f"{name}_of_{last}"


def _from(module: str, names: Iterable[str]) -> str:
    listed = sorted(names, key=str.lower)
    line = f"from {module} import {', '.join(listed)}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in listed), ")"])


def _parted(texts: Iterable[str]) -> str:
    """Constants below each other, functions and classes two lines apart."""
    parts, before = [], ""
    for text in texts:
        apart = BLOCK.match(text) or BLOCK.match(before)
        parts.append(("\n\n\n" if apart else "\n") if before else "")
        parts.append(text)
        before = text
    return "".join(parts)
