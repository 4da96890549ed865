"""torch's compiler, loaded when something compiles and not before.

torch marks functions that its compiler must leave alone, among them the optimisers' and many
operations on the meta device, and loads the whole compiler at the first call of one of them: a
second of the processor and 70 MB in each process, also where nothing is ever compiled.
"""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

NAME = "torch._dynamo"


class _Compiler(ModuleType):
    """A stand-in for the compiler that gives way to it for everything but the marks."""

    def disable(self, fn: Callable[..., Any], *_: Any, **__: Any) -> Callable[..., Any]:
        """Return a function as it is: nothing compiles it."""
        return fn

    def graph_break(self, *_: Any, **__: Any) -> None:
        """Do nothing: no graph is recorded that could end here."""

    def __getattr__(self, name: str) -> Any:
        """Load the compiler for any other name; modules inside it ask for `__path__` first."""
        if name.startswith("__") and name != "__path__":
            raise AttributeError(name)
        if sys.modules.get(NAME) is self:
            del sys.modules[NAME]
        return getattr(importlib.import_module(NAME), name)


def defer_compiler() -> None:
    """Put the stand-in in place, unless the compiler is there already."""
    sys.modules.setdefault(NAME, _Compiler(NAME))


@contextmanager
def compiler_absent() -> Iterator[None]:
    """Take the stand-in away inside the block, for a function of torch that loads the compiler
    wherever it finds its name."""
    found = sys.modules.get(NAME)
    if isinstance(found, _Compiler):
        del sys.modules[NAME]
    try:
        yield
    finally:
        if isinstance(found, _Compiler):
            sys.modules.setdefault(NAME, found)
