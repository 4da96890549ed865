"""What the README tells a stranger to add works as it stands there, each in its one place."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
HUNKS = re.findall(r"```diff\n(.*?)```", README, re.DOTALL)
PAGE = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[-1]


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the project that a stranger may change."""
    for part in ("vae", "pages", "tests/pages"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tests" / "__init__.py").touch()
    return tmp_path


def hunk(first: str) -> str:
    """The hunk of the README that adds a line beginning so."""
    return next(h for h in HUNKS if f"+{first}" in h or f"+    {first}" in h)


def apply(file: Path, text: str, before: str) -> None:
    """Put the added lines where the hunk has them: whole blocks before `before`, and rows after
    the unchanged line above them."""
    source = file.read_text("utf-8")
    anchor, added = None, []
    for line in [*text.splitlines(), " "]:
        if line.startswith("+"):
            added.append(line[1:])
        elif added:
            block = "\n".join(added) + "\n"
            at = source.index(anchor + "\n") + len(anchor) + 1 if anchor else source.index(before)
            source = source[:at] + block + source[at:]
            added = []
        if line[:1] == " " and line.strip():
            anchor = line[1:]
    file.write_text(source, "utf-8")


def run(house: Path, *arguments: str) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=house, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


COMMANDS = """
import json, sys
from vae.commands import main
for arguments in json.loads(sys.argv[1]):
    try:
        main(arguments)
    except SystemExit:  # after help
        pass
"""


def command(house: Path, *commands: str) -> str:
    """What commands print, one after another in one process."""
    return run(house, "-c", COMMANDS, json.dumps([line.split() for line in commands]))


TRAIN = "train --epochs 1 --run new --frames 2"
EVALUATE = "evaluate new --json"


def test_a_likelihood(house: Path) -> None:
    apply(house / "vae/components/likelihoods.py", hunk("class Laplace"), "LIKELIHOODS: dict")
    said = command(house, "train --help", f"{TRAIN} --likelihood laplace --scale 0.5", EVALUATE)
    assert "--scale" in said
    assert '"elbo": -' in said


def test_a_data_set(house: Path) -> None:
    table = house / "vae/data/table.py"
    apply(table, hunk("def rings"), "DATASETS: dict")
    source = table.read_text("utf-8")
    if "import numpy as np" not in source:
        first = source.index("from vae.data.bundled")
        table.write_text(source[:first] + "import numpy as np\n\n" + source[first:], "utf-8")
    assert "rings" in command(house, "data")
    train = f"{TRAIN} --data rings --likelihood gaussian-learned"
    assert '"examples": 100' in command(house, train, EVALUATE)


def test_a_hyperparameter(house: Path) -> None:
    config = house / "vae/config/settings.py"
    source = config.read_text("utf-8")
    at = source.index("    weight_decay: Annotated[")
    field = "\n".join(line[1:] for line in hunk("momentum").splitlines() if line[:1] == "+")
    config.write_text(source[:at] + field + "\n" + source[at:], "utf-8")
    assert "--momentum" in command(house, "train --help")


def test_a_page(house: Path) -> None:
    (house / "pages/loss.py").write_text(PAGE, "utf-8")
    apply(house / "vae/dashboard/main.py", hunk('"Loss"'), "")
    tests = ["tests/pages/test_every_page.py", "-k", "loss.py and finished"]
    assert "1 passed" in run(house, "-m", "pytest", "-p", "no:cacheprovider", *tests)
