"""The settings of a run as a class for its script, in the place of `RunConfig`.

The class holds every value of the configuration, so a new setting needs no change here, and the
methods of `DerivedSettings` and `RunConfig` word for word. It omits validation, because the values
are valid already.
"""

import ast
import json
import textwrap
from itertools import chain
from typing import Any

from vae.config import TABLES, RunConfig, fields
from vae.config.derived import DerivedSettings
from vae.script.source import Place, find, free_names, pieces_of_class

PLACE: Place = ("vae.config.run_config", "RunConfig")
CLASSES = (DerivedSettings, RunConfig)
ABOUT = "The settings of this run"
LITERALS = (bool, int, float, str, tuple)
CHOSEN = '''
    def chosen(self, kind: str) -> dict[str, Any]:
        """Return the options of the chosen row of a table: name → value."""
        return {name: getattr(self, name) for name in self.options[kind]}
'''


def settings_class(config: RunConfig, data: str) -> str:
    """Return the source of the class for a configuration of a data set named `data`."""
    values: dict[str, Any] = {f.name: config.get(f.name) for f in fields(config.network)} | {
        "data": data
    }
    values = {name: value for name, value in values.items() if value is not None}
    values |= _properties(config)
    values["options"] = {kind: tuple(config.chosen(kind)) for kind in TABLES}
    lines = [f"    {name} = {literal(value)}" for name, value in values.items()]
    doc = '    """Every setting of this run, and the values derived from them."""'
    return "\n".join(["class RunConfig:", doc, "", *lines, CHOSEN, *_methods(set(values))])


def _properties(config: RunConfig) -> dict[str, Any]:
    """Return the properties of a configuration that are numbers, texts or tuples of them."""
    members = [member for kind in CLASSES for member in vars(kind).items()]
    names = [name for name, value in members if isinstance(value, property)]
    values = {name: getattr(config, name) for name in names}
    return {name: value for name, value in values.items() if type(value) in LITERALS}


def _methods(without: set[str]) -> list[str]:
    """Return the source of the other methods, without constructors and validation."""
    found = []
    pieces = [pieces_of_class(kind.__module__, kind.__name__) for kind in CLASSES]
    for node, text in chain(*pieces):
        decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
        if decorators <= {"property"} and node.name not in without | {"chosen"}:
            found += [f"{text}\n"] if _takes_pieces(text) else []
    return found


def _takes_pieces(method: str) -> bool:
    """Whether a method names no whole module of the library, such as the validation rules."""
    try:
        for name in free_names(textwrap.dedent(method)):
            find(PLACE[0], name)
    except ValueError:
        return False
    return True


def literal(value: Any) -> str:
    """Return a value as Python source."""
    if isinstance(value, dict):
        inner = "".join(f"        {literal(k)}: {literal(v)},\n" for k, v in value.items())
        return "{\n" + inner + "    }"
    if isinstance(value, tuple):
        inner = ", ".join(map(literal, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
