"""Every "?" that leads to a lesson names a lesson, and a step of it, that exist; every chart has
such a "?" beside it."""

import ast
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from tests.pages.conftest import ROOT
from vae.dashboard.learn.lessons import lesson_link

DASHBOARD = ROOT / "vae" / "dashboard"
LINKS = {"lesson_link", "lesson_button"}  # the second's first argument is its help text
DRAWN = {"plot", "film", "player"}  # functions that show a chart; lessons are charts themselves
FILES = [
    path for path in DASHBOARD.rglob("*.py") if path.parent.name not in ("learn", "words", "plot")
]
# file → each chart in it, and the lesson (and step) of the "?" beside it, which is in the same
# function, or in the function or file that is named last
CHARTS: dict[str, dict[str, tuple[str, ...]]] = {
    "compare/charts.py": {
        "compare_plane_chart": ("terms", "frontier"),
        "compare_curves": ("terms",),
    },
    "compare/maps.py": {"compare_map_": ("prior", "maps()")},
    "compare/pictures.py": {"key": ("terms", "pictures()")},
    "compare/verdict.py": {"compare_sides": ("bound", "_say()")},
    "data/charts.py": {
        "data_vectors": ("goals",),
        "data_spread": ("linear", "exact"),
        "data_values": ("goals", "mixture"),
        "data_classes": ("failures", "fails"),
    },
    "evaluate/diagnostics.py": {"kl_strip": ("linear", "kl")},
    "evaluate/figures.py": {
        "evaluate_bound": ("bound", "_group()"),
        "evaluate_kl": ("gaussian_kl",),
        "evaluate_parts": ("prior", "pieces"),
        "evaluate_": ("goals", "_group()"),
    },
    "latent/map.py": {"latent_map": ("prior", "show_map()")},
    "latent/map_3d.py": {"KEY": ("prior", "show_map_3d()")},
    "latent/mixture.py": {"latent_bic": ("prior",)},
    "latent/panel.py": {
        "latent_pairs": ("terms", "_selection()"),
        "latent_kl": ("gaussian_kl",),
    },
    "latent/path.py": {"found.places": ("goals", "between")},
    "latent/posterior_layer.py": {"latent_posterior_picture": ("gaps", "images")},
    "latent/recorded.py": {"latent_map": ("prior",), "latent_kl": ("gaussian_kl",)},
    "reconstructions/custom.py": {
        "custom_pair": ("terms", "custom()"),
        "custom_surprise": ("terms", "custom()"),
        "MAP_KEY": ("terms", "custom()"),
    },
    "reconstructions/denoising.py": {"restored": ("terms", "denoising()")},
    "reconstructions/examples.py": {
        "surprise": ("terms", "examples()"),
        "pairs": ("terms", "examples()"),
    },
    "reconstructions/missing.py": {
        "hidden_values": ("gaps", "missing()"),
        "completed_series": ("gaps", "missing()"),
    },
    "reconstructions/recorded.py": {"recorded_pairs": ("terms",)},
    "replay/films.py": {"films": ("prior", "replay/grid.py")},
    "replay/view.py": {"replay": ("terms", "run", "replay/player.py")},
    "samples/recorded.py": {"recorded_samples": ("prior", "samples")},
    "samples/view.py": {"key": ("prior", "_samples_half()"), "mesh": ("goals", "_right_half()")},
    "sweep/charts.py": {"sweep_multiples": ("bound",), "sweep_summary": ("bound",)},
    "sweep/plane.py": {"sweep_summary": ("terms", "frontier")},
    "train/view.py": {
        "curves": ("terms", "train/controls.py"),
        "kl": ("gaussian_kl",),
        "live_map": ("prior",),
        "live_pairs": ("terms",),
        "live_samples": ("goals",),
    },
    "traversals/arithmetic.py": {"sum": ("goals", "arithmetic()")},
    "traversals/interpolation.py": {
        "ways": ("goals", "between", "interpolation()"),
        "measured": ("goals", "between", "interpolation()"),
    },
    "traversals/single_latent.py": {"traversals": ("gaussian_kl", "single_latent()")},
}


class Found(NamedTuple):
    """A call in a file, and the function of the module that holds it; "" outside of one."""

    inside: str
    name: str
    call: ast.Call


@cache
def calls(path: Path) -> list[Found]:
    """The calls in a file that show a chart or link to a lesson."""
    text = path.read_text("utf-8")
    if not any(f"{name}(" in text for name in LINKS | DRAWN):
        return []
    found = []
    for part in ast.parse(text).body:
        inside = getattr(part, "name", "")
        for node in ast.walk(part):
            if isinstance(node, ast.Call):
                name = str(getattr(node.func, "id", getattr(node.func, "attr", "")))
                found.append(Found(inside, name, node))
    return [one for one in found if one.name in LINKS | DRAWN]


def links(path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Lesson and step of every link in a file, after the function that holds it, for each value
    of a table in turn."""
    for inside, name, call in calls(path):
        match name, call.args:
            case "lesson_link", [ast.Subscript(value=ast.Name(id=table))]:
                module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                for lesson in getattr(import_module(module), table).values():
                    yield inside, (lesson,)
            case ("lesson_link", [*place]) | ("lesson_button", [_, *place]):
                yield inside, tuple(map(ast.literal_eval, place))


def charts(path: Path) -> dict[str, set[str]]:
    """The key of every chart in a file, or the constant start of a key that varies → the
    functions that draw it."""
    found: dict[str, set[str]] = {}
    for inside, name, call in calls(path):
        if name not in DRAWN:
            continue
        match next((k.value for k in call.keywords if k.arg == "key"), *call.args[:1]):
            case ast.JoinedStr(values=[ast.Constant(value=text), *_]) | ast.Constant(value=text):
                found.setdefault(str(text), set()).add(inside)
            case ast.expr() as varying:
                found.setdefault(ast.unparse(varying), set()).add(inside)
    return found


def test_every_link_leads_to_a_step_that_exists() -> None:
    found = [link for path in FILES for _, link in links(path)]
    assert len(found) > 25
    for link in found:
        text = lesson_link(*link)  # raises for an unknown lesson or step
        assert not set(text) & set("\\$"), link


def test_every_chart_has_a_help_that_leads_to_its_lesson() -> None:
    found = {str(path.relative_to(DASHBOARD)): charts(path) for path in FILES}
    assert {file: set(keys) for file, keys in found.items() if keys} == {
        file: set(lessons) for file, lessons in CHARTS.items()
    }
    for file, lessons in CHARTS.items():
        for key, lesson in lessons.items():
            *place, last = lesson
            if last.endswith(".py"):
                assert tuple(place) in {link for _, link in links(DASHBOARD / last)}, (file, key)
            elif last.endswith("()"):
                assert (last[:-2], tuple(place)) in set(links(DASHBOARD / file)), (file, key)
            else:
                for function in found[file][key]:
                    assert (function, lesson) in set(links(DASHBOARD / file)), (file, key)
