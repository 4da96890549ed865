"""Tables: code outside a table does not name its rows, and a new row works everywhere.

A row's properties are attributes. Code that compares a name with a string would be wrong for a new
row.
"""

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.processes import as_new, output
from tests.tables import each
from vae.analysis.corruption import CORRUPTIONS
from vae.analysis.projections import PROJECTIONS
from vae.analysis.projections_3d import SPACES
from vae.analysis.ranking import ORDERS
from vae.analysis.sampling import SOURCES
from vae.components.binarizations import BINARIZATIONS
from vae.components.likelihoods import LIKELIHOODS
from vae.components.networks import NETWORKS
from vae.components.objectives import OBJECTIVES
from vae.components.posteriors import POSTERIORS
from vae.components.priors import PRIORS
from vae.components.schedules import SCHEDULES
from vae.config.beta_conventions import CONVENTIONS
from vae.data import DATASETS

ROOT = Path(__file__).parents[1]
TABLES: dict[str, tuple[Mapping[str, Any], str]] = {  # name of a setting → table, where it stands
    "likelihood": (LIKELIHOODS, "vae/components/likelihoods.py"),
    "posterior": (POSTERIORS, "vae/components/posteriors.py"),
    "prior": (PRIORS, "vae/components/priors.py"),
    "network": (NETWORKS, "vae/components/networks.py"),
    "objective": (OBJECTIVES, "vae/components/objectives.py"),
    "binarize": (BINARIZATIONS, "vae/components/binarizations.py"),
    "schedule": (SCHEDULES, "vae/components/schedules.py"),
    "data": (DATASETS, "vae/data/"),
    "convention": (CONVENTIONS, "vae/config/beta_conventions.py"),
    "projection": (PROJECTIONS, "vae/analysis/projections.py"),
    "space": (SPACES, "vae/analysis/projections_3d.py"),
    "corruption": (CORRUPTIONS, "vae/analysis/corruption.py"),
    "source": (SOURCES, "vae/analysis/sampling.py"),
    "order": (ORDERS, "vae/analysis/ranking.py"),
}
ALLOWED = {
    "vae/config/settings.py",  # the defaults of the settings
    "vae/config/presets.py",  # a preset is a choice of rows
    *("pages/learn/", "vae/theory/"),  # so is the model of a lesson
    "vae/recorder/recorder.py",  # and the usual model of a training loop elsewhere
    "vae/script/templates.py",  # writes the function of a binarization into its loop
}
# Names that are also names of other things: of a term of the loss, a colour, a split of memory, an
# axis of plotly, a way between two points. They may stand alone, but not beside a setting.
WORDS = {
    *("elbo", "reconstruction", "capacity", "prior", "noise", "class", "best", "worst", "random"),
    *("linear", "full", "constant", "aggregate", "mixture", "shapes", "blur", "bce", "sigma"),
    *("lambda", "precision", "mse", "flow", "point", "ours", "none"),
}
SETTINGS = {*TABLES, "condition", "binarize", "beta_schedule", "lr_schedule"}
FILES = [*(ROOT / "vae").rglob("*.py"), *(ROOT / "pages").rglob("*.py"), ROOT / "app.py"]


@cache
def nodes() -> list[tuple[str, ast.Constant | ast.Compare]]:
    """Return every constant string and every comparison of the code, each with its file."""
    return [
        (file.relative_to(ROOT).as_posix(), node)
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Compare)
        or (isinstance(node, ast.Constant) and isinstance(node.value, str))
    ]


@each("kind", TABLES)
def test_a_rows_name_is_in_its_table_only(kind: str) -> None:
    table, home = TABLES[kind]
    names = set(table) - WORDS
    others = {name for row, where in TABLES.values() for name in row if where != home}
    found = [
        f"{path}:{node.lineno} {node.value!r}"
        for path, node in nodes()
        if isinstance(node, ast.Constant) and node.value in names
        if not path.startswith(home) and not path.startswith(tuple(ALLOWED))
        # a name of two tables stands in the other one too
        if not (node.value in others and _in_a_table(path))
    ]
    assert not found, f"Give the row of the {kind} an attribute instead: {', '.join(found)}"


def _in_a_table(path: str) -> bool:
    return any(path.startswith(where) for _, where in TABLES.values())


def _setting(node: ast.expr) -> bool:
    """Whether an expression is a setting: config.prior, settings["prior"], config.get("prior")."""
    match node:
        case ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=name)):
            return name in SETTINGS
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=name), *_]):
            return name in SETTINGS
    return False


def _texts(node: ast.expr) -> bool:
    """Whether an expression is a string, or a literal collection of strings."""
    if isinstance(node, ast.Tuple | ast.Set | ast.List):
        return bool(node.elts) and all(_texts(element) for element in node.elts)
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(node.value)


def test_no_setting_is_compared_with_a_rows_name() -> None:
    found = [
        f"{path}:{node.lineno} {ast.unparse(node)}"
        for path, node in nodes()
        if isinstance(node, ast.Compare)
        if any(map(_setting, (sides := [node.left, *node.comparators])))
        and any(map(_texts, sides))
    ]
    assert not found, "\n".join(found)


def test_the_scan_finds_comparisons_with_names() -> None:
    code = """
config.prior == "standard"
settings["posterior"] != "point"
"iwae" == config.get("objective")
config.objective in ("elbo", "iwae")
"""
    for line in code.strip().splitlines():
        node = ast.parse(line).body[0].value  # type: ignore[attr-defined]
        sides = [node.left, *node.comparators]
        assert any(map(_setting, sides)), line
        assert any(map(_texts, sides)), line


def test_a_new_row_of_every_table_trains_evaluates_and_opens(tmp_path: Path) -> None:
    def use() -> int:
        as_new(ROOT, "vae", "pages")
        from tests import new_rows

        new_rows.main(tmp_path / "runs")
        return 0

    assert "every new row works" in output(use, tmp_path)
