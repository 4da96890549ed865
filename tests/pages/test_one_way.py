"""One way of pressing, of choosing and of typing a number, and keys that belong to one run."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.pages.conftest import ROOT, OpenPage, of_run, trained
from vae.analysis.loaded_run import LoadedRun
from vae.runs.store import delete

WIDGETS = ROOT / "vae/dashboard/shared/widgets.py"
FIELDS = ("selectbox", "number_input", "radio")
RUNS = ("run", "entry")


def nodes(*beside: Path) -> Iterator[tuple[str, ast.AST]]:
    """Every node of the dashboard and its pages, except in the files `beside`, with its place."""
    for path in [*ROOT.glob("vae/dashboard/**/*.py"), *ROOT.glob("pages/*.py")]:
        if path not in beside:
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}", node


def test_only_the_shared_widgets_have_callbacks() -> None:
    found = [
        place
        for place, node in nodes(WIDGETS)
        if isinstance(node, ast.Call)
        for argument in node.keywords
        if argument.arg in ("on_click", "on_change")
        and not isinstance(argument.value, ast.Constant)
    ]
    assert not found, "use press, choose or number of shared/widgets.py"


def test_choices_and_numbers_are_the_shared_ones() -> None:
    header = ROOT / "vae/dashboard/shared/run_picker.py"  # the choice of the run of all pages
    found = [
        place
        for place, node in nodes(WIDGETS, header)
        if isinstance(node, ast.Attribute) and node.attr in FIELDS
    ]
    assert not found, "use choose or number of shared/widgets.py"


def test_no_key_is_made_of_a_runs_name() -> None:
    """A file is called `<run>-samples.npz`; only a key has a word and _ before the run's name."""
    found = []
    for place, node in nodes():
        if not isinstance(node, ast.JoinedStr):
            continue
        for before, part in zip(node.values, node.values[1:], strict=False):
            names = isinstance(part, ast.FormattedValue) and ast.unparse(part.value)
            literal = isinstance(before, ast.Constant) and str(before.value).endswith("_")
            if literal and names and names.removesuffix(".name").split(".")[-1] in RUNS:
                found.append(place)
    assert not found, "use key_of of shared/widgets.py"


def test_a_new_run_of_the_same_name_has_fields_of_its_own(root: Path, open_page: OpenPage) -> None:
    old = trained(root, "a-run")
    at = open_page("traversals.py")
    first = at.number_input(key=of_run(at, "traverse_start_row")).value
    at.number_input(key=of_run(at, "traverse_start_row")).set_value(5).run()
    delete(old)
    new = trained(root, "a-run", seed=1)
    at.run()
    assert not at.exception
    value = at.number_input(key=of_run(at, "traverse_start_row")).value
    assert value == LoadedRun.of(new).splits.test[0]
    assert value not in (5, first)


def test_a_fragment_draws_its_buttons_before_it_reruns_the_page() -> None:
    """A rerun before a button is drawn would lose a press of it."""
    early = [
        f"{place.split(':')[0]}: {ast.unparse(statement).splitlines()[0][:40]}"
        for place, node in nodes()
        if isinstance(node, ast.FunctionDef) and _is_fragment(node)
        for statement in node.body[:-1]
        if ast.unparse(statement).endswith("st.rerun()")
    ]
    assert sorted(early) == [
        "vae/dashboard/latent/view.py: if run_key(run) != drawn:",  # the run was deleted
        "vae/dashboard/learn/view.py: if click is not None and _taken(place, s",  # its own event
    ]


def _is_fragment(function: ast.FunctionDef) -> bool:
    names = [ast.unparse(decorator) for decorator in function.decorator_list]
    return any(name.startswith("st.fragment") for name in names) or function.name == "_body"


def test_a_page_ends_early_in_one_way_only() -> None:
    """After `st.stop` the address would not be sent."""
    files = [*ROOT.glob("vae/dashboard/**/*.py"), *ROOT.glob("pages/**/*.py")]
    found = [path.name for path in files if "st.stop(" in path.read_text("utf-8")]
    assert found == ["login.py"], "it ends the script before the address is read"
