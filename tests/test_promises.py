"""Each promise of the README is held by the tests that it names."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SECTION = (ROOT / "README.md").read_text("utf-8").partition("<!-- promises -->")[2]
ROWS = [row for row in SECTION.partition("\n\n")[0].splitlines()[3:]]
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`( \(long\))?")
UNPICKLES = re.compile(
    r"^\s*(?:import|from) (?:c?[pP]ickle|dill|joblib|shelve|marshal|cloudpickle)\b"
    r"|allow_pickle=True|\bread_pickle\(|\btorch\.load\((?!.*weights_only=True)"
    r"|\bnp\.load\((?!.*allow_pickle=False)",
    re.MULTILINE,
)
CONVERTS = "vae/worker/weights.py"  # names pickle's error, in a process of its own


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1][:40].strip(" *"))
def test_the_named_tests_exist(row: str) -> None:
    named = NAMED.findall(row.split("|")[2])
    assert named
    assert NAMED.sub("", row.split("|")[2]).strip(" ,") == ""
    for file, test, is_long in named:
        source = (ROOT / "tests" / file).read_text("utf-8")
        found = re.search(rf"((?:^@.*\n|^[ )\]].*\n)*)^def {test}\(", source, re.MULTILINE)
        assert found, f"{file} has no {test}"
        assert ("@pytest.mark.long" in found[1]) == bool(is_long)
        assert "mark.skip(" not in found[1]
        assert "xfail" not in found[1]


def test_nothing_is_unpickled() -> None:
    files = [*ROOT.glob("vae/**/*.py"), *ROOT.glob("pages/**/*.py"), ROOT / "app.py"]
    found = {
        path.relative_to(ROOT).as_posix(): UNPICKLES.findall(path.read_text("utf-8"))
        for path in files
    }
    assert len(found) > 200
    assert [match.strip() for match in found.pop(CONVERTS)] == ["import pickle"]
    assert not {path: lines for path, lines in found.items() if lines}


@pytest.mark.parametrize(
    "line", ["import pickle", "    from joblib import load", "np.load(f)", "torch.load(f)"]
)
def test_the_search_finds_ways_to_unpickle(line: str) -> None:
    assert UNPICKLES.search(f"x = 1\n{line}\n")


def test_every_requirement_is_locked_with_hashes() -> None:
    wanted = (ROOT / "requirements.txt").read_text("utf-8").lower().split()
    lock = (ROOT / ".ci" / "requirements.lock").read_text("utf-8")
    packages = re.split(r"\n(?=\w)", lock)[1:]
    assert {package.split()[0] for package in packages} >= set(wanted)
    assert all("--hash=sha256:" in package for package in packages)
