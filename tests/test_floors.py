"""The rooms of the library, read from the docstring of `vae`: imports go down only, listing runs
and drawing figures loads no torch, and only the dashboard imports streamlit.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import vae
from tests.tables import each

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^ {4}(\w+)(/?)(?:  |$)")


def floors() -> dict[str, int]:
    """Return room → floor, counted from the bottom of the list in the docstring of `vae`."""
    rows = [m[1] for m in map(ROW.match, (vae.__doc__ or "").splitlines()) if m]
    assert len(rows) == len(set(rows)), "a room stands on two floors"
    return {name: floor for floor, name in enumerate(reversed(rows))}


FLOORS = floors()
MODULES = sorted(ROOT.glob("vae/**/*.py"))
SCREENS = [p for p in (ROOT / "app.py", *sorted(ROOT.glob("pages/**/*.py"))) if p.exists()]


def room(path: Path) -> str:
    """Return the module or folder of vae/ that a file belongs to; "" for vae/__init__.py."""
    inside = path.relative_to(ROOT / "vae")
    name = inside.parts[0].removesuffix(".py")
    return "" if name == "__init__" else name


def imports(source: str, package: str) -> Iterator[str]:
    """Return every dotted name that a source imports anywhere, with relative ones resolved. A name
    imported from a package can be a module, so both are included."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*above, node.module or ""]).strip(".") if node.level else node.module
            yield str(base)
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and called(node) == "import_module":
            yield from (a.value for a in node.args if isinstance(a, ast.Constant))


def called(call: ast.Call) -> str:
    """The last part of a called function's name."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


@cache
def imports_of(path: Path) -> set[str]:
    package = ".".join(path.relative_to(ROOT).parts[:-1])
    return set(imports(path.read_text(), package))


def rooms_of(path: Path) -> set[str]:
    """Return the rooms of vae/ that a file imports from."""
    names = (name.split(".") for name in imports_of(path))
    return {parts[1] for parts in names if parts[0] == "vae" and len(parts) > 1}


def identifier(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_map_names_every_room_and_no_other() -> None:
    rooms = {room(path) for path in MODULES} - {""}
    assert set(FLOORS) == rooms


def test_the_map_marks_folders_with_a_slash() -> None:
    for name in FLOORS:
        is_folder = (ROOT / "vae" / name).is_dir()
        assert (re.search(rf"\b{name}/", vae.__doc__ or "") is not None) == is_folder, name


@each(
    "source",
    [
        "import vae.training",
        "from vae import training",
        "from vae.training import train",
        "from . import training",
        "from .training import train",
        "from ..vae import training",
        "def f():\n    from vae.training import train",
        "if TYPE_CHECKING:\n    from .training import Event",
        "class A:\n    import vae.training as t",
        "try:\n    from vae import training as t\nexcept ImportError: ...",
        "importlib.import_module('vae.training')",
    ],
)
def test_every_form_of_import_is_found(source: str) -> None:
    assert {name for name in imports(source, "vae") if name.startswith("vae.training")}


def test_relative_imports_start_from_their_package() -> None:
    assert set(imports("from .a import b", "vae.data")) == {"vae.data.a", "vae.data.a.b"}
    assert set(imports("from ..a import b", "vae.data")) == {"vae.a", "vae.a.b"}
    assert set(imports("from .. import a", "vae.data")) == {"vae", "vae.a"}


@each("path", MODULES, ids=identifier)
def test_imports_go_down(path: Path) -> None:
    own = room(path)
    for other in rooms_of(path) & set(FLOORS) - {own}:
        assert own, f"{identifier(path)} imports {other}: the map itself holds no room"
        assert FLOORS[other] < FLOORS[own], (
            f"{identifier(path)} (floor {FLOORS[own]}) imports {other} (floor {FLOORS[other]})"
        )


@each("path", MODULES, ids=identifier)
def test_the_library_imports_no_page_and_no_test(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports_of(path)} & {"app", "pages", "tests"}


@each("path", MODULES, ids=identifier)
def test_only_the_dashboard_imports_streamlit(path: Path) -> None:
    if room(path) != "dashboard":
        assert not {n for n in imports_of(path) if n.split(".")[0] == "streamlit"}


LIGHT = [p for p in MODULES if room(p) in ("figures", "imaging")]


@each("path", SCREENS + LIGHT, ids=identifier)
def test_rooms_without_computation_import_no_torch(path: Path) -> None:
    assert not {n for n in imports_of(path) if n.split(".")[0] == "torch"}


def test_figures_are_imported_from_their_modules() -> None:
    """The package binds no name, so that a function and a module can share one."""
    assert not imports_of(ROOT / "vae/figures/__init__.py")
    tree = ast.parse((ROOT / "vae/figures/__init__.py").read_text())
    assert all(isinstance(node, ast.Expr) for node in tree.body)


@each("path", MODULES, ids=identifier)
def test_only_commands_print(path: Path) -> None:
    """The worker's __main__ is a separate process whose output is its log."""
    if path.name == "__main__.py" or FLOORS.get(room(path), 0) >= FLOORS["commands"]:
        return
    calls = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
    writes = [c for c in calls if called(c) in ("print", "write")]
    assert not [c.lineno for c in writes if ast.unparse(c.func) in ("print", "sys.stdout.write")]


FRESH = {
    "vae.runs": "import vae.runs; [r.status() for r in vae.runs.listing('checkpoints')]",
    "a run's curves": (
        "from vae.runs import listing\n"
        "for r in listing('checkpoints'): r.curves(); r.frame(); r.examples(); r.changes()"
    ),
    "vae.figures": (
        "import importlib, pkgutil, vae.figures\n"
        "for m in pkgutil.iter_modules(vae.figures.__path__, 'vae.figures.'):\n"
        "    importlib.import_module(m.name)"
    ),
    "vae.imaging.tiles": "import vae.imaging.tiles",
    "vae.base.records": "import vae.base.records",
    "vae.data": "import vae.data as d; [d.load(name) for name in d.OFFLINE]; d.summary()",
    "vae.base.files": "import vae.base.files",
    "vae.worker": "import vae.worker",
    "vae.recorder": "from vae.recorder import Recorder; Recorder('mine', likelihood='mine')",
}


def test_a_fresh_process_loads_no_torch_and_no_streamlit() -> None:
    """One process for all of `FRESH`: it prints the first one that loads a large library."""
    slow = "[m for m in ('torch', 'streamlit', 'sklearn', 'pandas') if m in sys.modules]"
    check = "\nif found := {}: sys.exit({!r} + str(found))"
    steps = [code + check.format(slow, f"{name}: ") for name, code in FRESH.items()]
    source = "\n".join(["import sys", *steps])
    result = subprocess.run(
        [sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


TRAINS = """
import sys
from vae.base.deferred import defer_compiler
defer_compiler()
import torch, vae.training, vae.analysis.loaded_run, vae.worker.run
from vae.config import RunConfig
from vae.data import load
from vae.training import train
for parts in {}, {"posterior": "point", "objective": "reconstruction"}:  # written out, autograd
    config = RunConfig.of(data="digits", hidden=(4,), epochs=1, **parts)
    *_, last = train(config, load("digits"))
print("streamlit" in sys.modules, "torch._dynamo.convert_frame" in sys.modules, last.step > 0)
print(torch.distributions.Distribution._validate_args)
twice = torch.compile(lambda x: 2 * x, backend="eager")
print(twice(torch.ones(1)).item(), "torch._dynamo.convert_frame" in sys.modules)
"""


def test_a_fresh_process_that_trains_loads_no_dashboard_and_no_compiler() -> None:
    """torch.compile still works, and the argument checks of torch.distributions stay on."""
    result = subprocess.run(
        [sys.executable, "-c", TRAINS], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.stdout.split() == ["False", "False", "True", "True", "2.0", "True"], (
        result.stderr
    )


def name_of(path: Path) -> str:
    """Return the dotted name of a module."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def circles(imported: dict[str, set[str]]) -> list[set[str]]:
    """Return the modules that import one another in a circle, one set each."""
    waiting = dict(imported)
    while free := [name for name, needs in waiting.items() if not needs & waiting.keys()]:
        for name in free:
            del waiting[name]
    return [{name, *(needs & waiting.keys())} for name, needs in waiting.items()]


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()})
    assert not circles({"a": {"b", "c"}, "b": {"c"}, "c": set()})


def test_no_modules_import_one_another_in_a_circle() -> None:
    """Imports inside functions and for type checking count, those within a package do not."""
    names = {name_of(path): path for path in MODULES}
    imported = {
        name: imports_of(path) & names.keys() - {name}
        for name, path in names.items()
        if path.name != "__init__.py"
    }
    assert not circles(imported)
