"""A network in a file of the user: its text and the options of its function, read and not run.

The setting `network` names such a network by its content, FILE.py:FUNCTION@SHA256, so that equal
settings mean equal code. The options are literals in the signature of the function; `ast` reads
them. Only `vae.components.network_code` runs a text.
"""

import ast
import hashlib
import inspect
import os
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from vae.base import visitors
from vae.base.foreign import quoted
from vae.base.options import Field, Option, check, coerce

LARGEST = 2**18  # bytes of a file
INPUTS = ("event_shape", "encoder_outputs", "latent_dim", "multiplicity")
VALUE = re.compile(
    r"([A-Za-z0-9_][A-Za-z0-9._-]{0,99}\.py):([A-Za-z_]\w{0,63})@([0-9a-f]{64})", re.A
)
PLACE = re.compile(r"([^\0]+\.py)(?::(\w*))?")
TYPES: dict[str, Any] = {
    "int": int,
    "float": float,
    "str": str,
    "tuple[int, ...]": tuple[int, ...],
}
PROPERTIES = ("help", "low", "high", "choices", "log", "label")  # of an option in a file
FORM = 'name: Annotated[int, Option("Its effect.", low=1, high=8)] = 2'


class NetworkFile(NamedTuple):
    """The text of a file, and the function that builds the network."""

    name: str  # of the file, without folders
    function: str
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def value(self) -> str:
        """The value of the setting `network`."""
        return f"{self.name}:{self.function}@{self.sha256}"


_TEXTS: dict[str, str] = {}  # SHA-256 → text, of every file that this process has read


def is_file(network: object) -> bool:
    """Whether the setting `network` has the form of a file's network."""
    return isinstance(network, str) and VALUE.fullmatch(network) is not None


def title(network: object) -> str:
    """Return a network for people: "resnet of mine.py (3f5a1c2b)"; a row of the table as it is."""
    match = VALUE.fullmatch(network) if isinstance(network, str) else None
    return f"{match[2]} of {match[1]} ({match[3][:8]})" if match else str(network)


def stem(network: str) -> str:
    """Return a network as a part of a run's name: the function of a file's network."""
    match = VALUE.fullmatch(network)
    return match[2] if match else network


def read(place: str) -> NetworkFile:
    """Read the file of "PATH.py:FUNCTION"; raises ValueError if it holds no such network."""
    match = PLACE.fullmatch(place.strip())
    if match is None:
        raise ValueError(
            f"A network is in FILE.py:FUNCTION, such as ./mine.py:resnet, not {quoted(place)}."
        )
    path = Path(os.path.expanduser(match[1]))  # an unknown ~user stays and is reported below
    visitors.check_path(path)
    file = NetworkFile(path.name, match[2] or "", _text(path))
    _refuse_neighbours(file, path.parent)
    if not is_file(file._replace(function="f").value):
        raise ValueError(f"Rename {quoted(path.name)}: use letters, digits, dots, dashes and _.")
    if not is_file(file.value):
        raise ValueError(
            f"Name the function of {path.name} that builds the network: {path.name}:FUNCTION, one "
            f"of {_functions(file)}."
        )
    remember(file)
    declaration(file.value)
    return file


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"{path} is larger than {LARGEST // 1024} KB: a network needs less.")
        return path.read_bytes().decode()
    except OSError as error:
        raise ValueError(f"Cannot read {path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text in UTF-8.") from None


def _refuse_neighbours(file: NetworkFile, folder: Path) -> None:
    """Raise ValueError for an import of a module beside the file: a run keeps a single file."""
    for node in ast.walk(_tree(file)):
        for name in _imported(node):
            root = name.partition(".")[0]
            beside = not root or (folder / f"{root}.py").exists() or _is_package(folder / root)
            if beside and root != "vae":
                raise ValueError(
                    f"{file.name} imports {name}, a module beside it: put everything into "
                    f"{file.name}, because a run records a single file."
                )


def _is_package(folder: Path) -> bool:
    """Whether a folder can be imported: it holds Python files."""
    return any(folder.glob("*.py"))


def _imported(node: ast.AST) -> list[str]:
    """Return the modules that a statement imports; a relative one begins with a dot."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return ["." * node.level + (node.module or "")] if isinstance(node, ast.ImportFrom) else []


def remember(file: NetworkFile) -> None:
    """Make the text available to `recalled`; it is not run."""
    _TEXTS[file.sha256] = file.text


def recalled(network: str) -> NetworkFile:
    """Return the file of a network; raises ValueError if this process has not read it."""
    match = VALUE.fullmatch(network)
    if match is None or match[3] not in _TEXTS:
        raise ValueError(f"The file of the network {title(network)} is not here: choose it again.")
    return NetworkFile(match[1], match[2], _TEXTS[match[3]])


@lru_cache(maxsize=256)
def declaration(network: str) -> Callable[..., None]:
    """Return a function with the options and the docstring of a file's network; it does nothing.

    Raises ValueError for a signature that differs from that of the built-in networks.
    """
    file = recalled(network)
    tree = _tree(file)
    found = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == file.function]
    if not found:
        raise ValueError(
            f"{file.name} has no function {file.function}; it has {_functions(file)}."
        )
    _check_inputs(file, found[-1].args)
    aliases = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    pairs = zip(found[-1].args.kwonlyargs, found[-1].args.kw_defaults, strict=True)
    options = [_parameter(file, node, default, aliases) for node, default in pairs]
    return _function(file.function, ast.get_docstring(found[-1]) or "", options)


def _tree(file: NetworkFile) -> ast.Module:
    try:
        return ast.parse(file.text)
    except SyntaxError as error:
        raise ValueError(f"{file.name}, line {error.lineno}: {error.msg}.") from None
    except (ValueError, RecursionError, MemoryError):
        raise ValueError(f"{file.name} is not a Python file.") from None


def _functions(file: NetworkFile) -> str:
    names = [node.name for node in _tree(file).body if isinstance(node, ast.FunctionDef)]
    return ", ".join(names[:8]) or "no function"


def _check_inputs(file: NetworkFile, args: ast.arguments) -> None:
    positional = len(args.posonlyargs) + len(args.args)
    if positional != len(INPUTS) or args.defaults or args.vararg or args.kwarg:
        raise ValueError(
            f"{file.function} of {file.name} takes {', '.join(INPUTS)} and, after *, its options."
        )


def _parameter(
    file: NetworkFile, node: ast.arg, default: ast.expr | None, aliases: dict[str, ast.expr]
) -> inspect.Parameter:
    """Return an option as a parameter; raises ValueError if it is not written as literals."""
    try:
        kind, option = _annotation(node.annotation, aliases)
        value = _literal(default) if default is not None else None
        field = Field(node.arg, kind, value, option, "")
        value = coerce(field, value)
        check(field, value)
    except ValueError as error:
        raise ValueError(
            f"{file.name}, line {node.lineno}, option {node.arg}: {error} Write it like {FORM}."
        ) from None
    annotation: Any = Annotated[kind, option]
    return inspect.Parameter(
        node.arg, inspect.Parameter.KEYWORD_ONLY, default=value, annotation=annotation
    )


def _annotation(node: ast.expr | None, aliases: dict[str, ast.expr]) -> tuple[Any, Option]:
    """Return type and description of an option from its annotation."""
    if isinstance(node, ast.Name) and node.id == "Activation" and node.id not in aliases:
        from vae.components.networks import ACTIVATIONS

        return str, Option("Nonlinearity between layers.", choices=tuple(ACTIVATIONS))
    if isinstance(node, ast.Name):
        node = aliases.get(node.id)
    if not isinstance(node, ast.Subscript) or not _is_called(node.value, "Annotated"):
        raise ValueError("it has no description.")
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else []
    if (
        len(parts) != 2
        or not isinstance(parts[1], ast.Call)
        or not _is_called(parts[1].func, "Option")
    ):
        raise ValueError("it has no description.")
    name = ast.unparse(parts[0])
    if name not in TYPES:
        raise ValueError(f"its type is one of {', '.join(TYPES)}, not {quoted(name)}.")
    option = _option(parts[1])
    if TYPES[name] is str and not option.choices:
        raise ValueError("a text needs choices.")
    return TYPES[name], option


def _is_called(node: ast.expr, name: str) -> bool:
    """Whether an expression is a name, or the last part of a dotted one."""
    return name in (getattr(node, "id", ""), getattr(node, "attr", ""))


def _option(call: ast.Call) -> Option:
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    names = [*PROPERTIES[: len(call.args)], *(str(k.arg) for k in call.keywords)]
    if len(call.args) > len(PROPERTIES):
        raise ValueError("help, low and high stand first, and the rest has names.")
    given = {n: _literal(v) for n, v in zip(names, values, strict=True)}
    if wrong := given.keys() - set(PROPERTIES):
        raise ValueError(f"an option of a network has no {min(wrong)}.")
    choices = given.get("choices", ())
    if not isinstance(choices, tuple | list):
        raise ValueError("choices are texts in parentheses.")
    texts = (given.get("help"), given.get("label", ""), *choices)
    ends = (given.get("low"), given.get("high"))
    if not all(isinstance(text, str) for text in texts) or not given["help"]:
        raise ValueError("help, label and choices are texts.")
    if not all(end is None or type(end) in (int, float) for end in ends):
        raise ValueError("low and high are numbers.")
    return Option(**given | {"choices": tuple(choices), "log": bool(given.get("log"))})


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise ValueError("it is not a literal.") from None


def _function(name: str, about: str, options: list[inspect.Parameter]) -> Callable[..., None]:
    """Return a function without a body that has these options."""

    def declared() -> None: ...

    declared.__name__, declared.__doc__ = name, about
    declared.__annotations__ = {p.name: p.annotation for p in options}
    declared.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    return declared
