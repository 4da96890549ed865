"""The examples of the README work as printed, on the command line and on their pages."""

import json
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.processes import as_new, output
from tests.tables import each

ROOT = Path(__file__).parents[1]
SECTION = (ROOT / "README.md").read_text("utf-8").partition("## Contributing")[2]
EXAMPLE = re.compile(r"^\*\*([\w ]+)\*\*: .*?```diff\n(.*?)```", re.DOTALL | re.MULTILINE)
HUNK = re.compile(r"^@@ (\S+) @@\n(.*?)(?=^@@|\Z)", re.DOTALL | re.MULTILINE)


class Hunk(NamedTuple):
    """A change of one file: lines that begin with "+" are new, the others exist already."""

    file: str
    lines: list[str]

    @property
    def added(self) -> list[tuple[list[str], str | None]]:
        """Return each block of new lines, with the line that follows it in the file."""
        blocks: list[tuple[list[str], str | None]] = []
        block: list[str] = []
        for line in self.lines:
            if line.startswith("+"):
                block.append(line[1:])
            elif block:
                blocks.append((block, line[1:]))
                block = []
        return [*blocks, *([(block, None)] if block else [])]

    def apply(self, folder: Path) -> None:
        """Insert the blocks; a new file consists of its only block."""
        file = folder / self.file
        if not file.exists():
            assert all(line.startswith("+") for line in self.lines)
            file.write_text("\n".join(self.added[0][0]) + "\n", "utf-8")
            return
        source, start = file.read_text("utf-8").split("\n"), 0
        known = [line[1:] for line in self.lines if not line.startswith("+")]
        for block, following in self.added:
            place = source.index(following or known[-1], start) + (following is None)
            source[place:place] = block
            start = place + len(block)
        file.write_text("\n".join(source), "utf-8")


EXAMPLES = {
    kind: [Hunk(file, text.splitlines()) for file, text in HUNK.findall(diff)]
    for kind, diff in EXAMPLE.findall(SECTION)
}
KINDS = {  # kind of addition → files and places that one of it touches
    "Likelihood": (1, 2),
    "Objective": (1, 2),
    "Network": (1, 2),
    "Data set": (1, 3),
    "Projection": (1, 2),
    "Hyperparameter": (2, 2),
    "Figure": (1, 1),
    "Page": (2, 2),
    "Lesson": (3, 4),
    "Evaluation measure": (1, 2),
    "Diagnostic check": (1, 3),
}

USE = '''
"""Use every addition: each command's output and each page's content, printed as JSON."""

import contextlib
import io
import json

from streamlit.testing.v1 import AppTest

from vae.commands import main


def command(line):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        main(line.split())
    return out.getvalue()


def page(file, run="new"):
    at = AppTest.from_file("vae/dashboard/main.py", default_timeout=120)
    at.query_params["run"] = run
    at.session_state["all_settings"] = file == "train.py"  # whether the box is open
    at.run()
    if file != "train.py":
        at.switch_page(f"../../pages/{file}").run()
    assert not at.exception, [e.value for e in at.exception]
    return at


def options(at, key):
    return list(at.selectbox(key=key).options)


def words(at):
    return [str(e.value) for kind in ("markdown", "caption") for e in getattr(at, kind)]


train = "train --epochs 1 --frames 2 --device cpu --run"
free = train + " {} --objective free-nats --nats 3 --hidden 8 --examples 100 --batch-size 4"
results = {
    "help": command("train --help"),
    "data": command("data"),
    "new": command(f"{train} new --likelihood laplace --scale 0.5 --network shallow --width 8"),
    "free": command(free.format("free") + " --momentum 0.5"),
    "steady": command(free.format("steady")),
    "rings": command(f"{train} rings --data rings --likelihood gaussian-learned --hidden 8"),
    "evaluate": command("evaluate new --samples 100 --full --json"),
    "free evaluated": command("evaluate free --json"),
    "steady evaluated": command("evaluate steady --json"),
    "rings evaluated": command("evaluate rings --json"),
    "script": command("script free --out free.py") + open("free.py").read(),
}
sidebar, evaluation, latent = page("train.py"), page("evaluate.py"), page("latent.py")
results["sidebar"] = {
    key: options(sidebar, f"set_{key}") for key in ("likelihood", "network", "objective", "data")
}
results["momentum"] = [str(n.key) for n in sidebar.number_input]
results["projections"] = [o for box in latent.selectbox for o in box.options]
results["evaluation page"] = words(evaluation) + [m.label for m in evaluation.metric]
loss = page("loss.py")
results["charts"] = len(loss.get("bidi_component"))
results["lesson"] = words(page("learn/surprise.py"))
results["diagnosis"] = words(page("evaluate.py", "free"))
print(json.dumps(results))
'''


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the outputs of a copy of the project with every addition."""
    folder = tmp_path_factory.mktemp("copy")
    for part in ("vae", "pages"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    (folder / "checkpoints").mkdir()
    for hunks in EXAMPLES.values():
        for hunk in hunks:
            hunk.apply(folder)

    def use() -> int:
        as_new(folder, "vae", "pages")
        exec(USE, {})
        return 0

    found: dict[str, Any] = json.loads(output(use, folder).splitlines()[-1])
    return found


def test_every_kind_has_an_example() -> None:
    assert list(EXAMPLES) == list(KINDS)


@each("kind", KINDS)
def test_an_addition_touches_few_places(kind: str) -> None:
    hunks = EXAMPLES[kind]
    files = {hunk.file for hunk in hunks}
    assert (len(files), sum(len(hunk.added) for hunk in hunks)) == KINDS[kind]


def test_a_likelihood_can_be_added(results: dict[str, Any]) -> None:
    assert "--scale" in results["help"]
    assert "laplace" in results["sidebar"]["likelihood"]
    assert json.loads(results["evaluate"])["elbo"] < 0


def test_an_objective_can_be_added(results: dict[str, Any]) -> None:
    assert "--nats" in results["help"]
    assert "free-nats" in results["sidebar"]["objective"]
    assert json.loads(results["free evaluated"])["kl"] > 0


def test_a_network_can_be_added(results: dict[str, Any]) -> None:
    assert "--width" in results["help"]
    assert "shallow" in results["sidebar"]["network"]


def test_a_data_set_can_be_added(results: dict[str, Any]) -> None:
    assert "rings" in results["data"]
    assert "rings" in results["sidebar"]["data"]
    assert json.loads(results["rings evaluated"])["examples"] == 100


def test_a_projection_can_be_added(results: dict[str, Any]) -> None:
    assert "random plane" in results["projections"]


def test_a_hyperparameter_can_be_added(results: dict[str, Any]) -> None:
    assert "--momentum" in results["help"]
    assert "set_momentum" in results["momentum"]
    assert "momentum" in results["script"]
    elbo = [json.loads(results[f"{run} evaluated"])["elbo"] for run in ("free", "steady")]
    assert elbo[0] != elbo[1]


def test_a_page_with_a_figure_can_be_added(results: dict[str, Any]) -> None:
    assert results["charts"] >= 1


def test_a_measure_can_be_added(results: dict[str, Any]) -> None:
    found = json.loads(results["evaluate"])
    assert found["variational_gap"] == pytest.approx(-found["elbo"] - found["nll"], abs=1e-3)
    assert found["variational_gap_se"] > 0
    assert any("Variational gap" in text for text in results["evaluation page"])


def test_a_check_can_be_added(results: dict[str, Any]) -> None:
    assert any("Small batches" in text for text in results["diagnosis"])


def test_a_lesson_can_be_added(results: dict[str, Any]) -> None:
    assert any("Rare means surprising" in text for text in results["lesson"])
    assert any("1.42" in text for text in results["lesson"])  # −ln N(1; 0, 1)
