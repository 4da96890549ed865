"""A run's script stands alone and finds the run's own figures: every row of every table, in a
process that cannot import `vae`."""

import ast
import gzip
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vae.base.records import Change, Control, Snapshot, Tick
from vae.components.likelihoods import LIKELIHOODS
from vae.components.networks import NETWORKS
from vae.components.objectives import OBJECTIVES
from vae.components.posteriors import POSTERIORS
from vae.components.priors import PRIORS
from vae.components.schedules import SCHEDULES
from vae.config import RunConfig
from vae.data import Dataset, load, save_upload
from vae.runs import Run
from vae.script import data_file, file_name, script
from vae.script.bundle import Bundle
from vae.script.source import free_names
from vae.training import train

SMALL = {"data": "digits", "examples": 90, "epochs": 2, "batch_size": 32, "frames": 0}
SMALL |= {"threads": 1, "device": "cpu", "seed": 3}
DRIVER = """
import contextlib, io, json, pathlib, runpy, sys
import torch
try:
    import vae
except ImportError:
    pass
else:
    sys.exit("vae can be imported, so this would show nothing")
for file in sorted(pathlib.Path(sys.argv[1]).glob("*.py")):
    names = runpy.run_path(str(file))
    torch.set_num_threads(1)
    beside = file.with_name(file.stem)  # a folder of IDX files, for those that need one
    data = names["load_data"](str(beside) if beside.is_dir() else None)
    with contextlib.redirect_stdout(io.StringIO()):
        found, _ = names["train"](data, torch.device("cpu"))
    print(json.dumps([file.stem, data.fingerprint, found, names["EXPECTED"]]))
"""


def rows() -> dict[str, dict[str, Any]]:
    """Configurations that between them have every row of every table."""
    found: dict[str, dict[str, Any]] = {}
    for name in NETWORKS:
        found[f"network-{name}"] = {"network": name}
    for name in LIKELIHOODS:
        found[f"likelihood-{name}"] = {"likelihood": name}
    for name, row in POSTERIORS.items():
        free = {} if row.has_density else {"objective": "reconstruction"}
        found[f"posterior-{name}"] = {"posterior": name} | free
    for name in PRIORS:
        found[f"prior-{name}"] = {"prior": name}
    for name in OBJECTIVES:
        found[f"objective-{name}"] = {"objective": name, "posterior_samples": 2}
    for name, schedule in SCHEDULES.items():
        told = f"{name}:2" if schedule.takes_epochs else name
        found[f"schedule-{name}"] = {"beta_schedule": told, "lr_schedule": told, "beta": 2.0}
    found["wae-point"] = {"objective": "wae", "posterior": "point"}
    found["doubly"] = {"objective": "iwae", "posterior_samples": 3, "gradient": "doubly"}
    found["flows"] = {"posterior": "flow", "prior": "flow"}
    found["names-that-meet"] = {"likelihood": "categorical", "prior": "mixture"}
    found["mixture"] = {"data": "mixture", "likelihood": "gaussian-learned", "examples": 80}
    found["moon-phases"] = {"data": "moon-phases", "size": 8, "tilt": 20.0, "network": "conv"}
    found["shapes"] = {"data": "shapes", "size": 12, "hidden": (16,), "activation": "gelu"}
    found["conditional"] = {"condition": "labels", "binarize": "threshold"}
    found["stochastic"] = {"binarize": "stochastic", "prior": "vamp", "prior_components": 5}
    found["clipped"] = {"grad_clip": 1.0, "weight_decay": 0.1, "adam_eps": 1e-4}
    found["bf16"] = {"precision": "bf16"}
    found["no-validation"] = {"val_share": 0.0, "batch_size": 7}
    return found


QUICK = {  # a few configurations that between them have most of the ways a script is put together
    "conditional": {"condition": "labels", "binarize": "threshold", "network": "conv"},
    "flows": {"posterior": "flow", "prior": "flow"},
    "iwae": {"objective": "iwae", "posterior_samples": 3, "likelihood": "continuous-bernoulli"},
    "points": {"data": "mixture", "likelihood": "gaussian-learned", "examples": 80},
    "plain": {"objective": "wae", "posterior": "point", "val_share": 0.0, "batch_size": 7},
    "vamp": {"binarize": "stochastic", "prior": "vamp", "prior_components": 5, "grad_clip": 1.0},
}
MOVES = (Change(1, "beta", 3.0), Change(2, "lr", 1e-4), Change(3, "beta", 0.5))


def trained(
    root: Path,
    name: str,
    settings: dict[str, Any],
    moves: tuple[Change, ...] = (),
    data: Dataset | None = None,
) -> Run:
    """A run of two epochs with its reports."""
    config = RunConfig.of(**(SMALL | settings))
    options = config.chosen("data")
    data = data or load(config.data, examples=config.examples, seed=config.seed, options=options)
    run = Run.create(root, config, data, name)
    for event in train(config, data, control=lambda step: Control(changes=moves)):
        if not isinstance(event, Tick | Snapshot):
            run.record(event)
    lines = [json.dumps(change._asdict()) for change in moves]
    (run.path / "changes.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return run


def played(folder: Path) -> dict[str, tuple[str, dict[str, Any], dict[str, Any]]]:
    """Every script of a folder, run where `vae` is not: name → fingerprint, found, expected."""
    result = subprocess.run(
        [sys.executable, "-I", "-c", DRIVER, str(folder)],
        cwd=folder,
        env={"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not result.returncode, result.stderr[-3000:]
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return {name: (mark, found, expected) for name, mark, found, expected in lines}


def held_to(runs: list[Run], folder: Path) -> None:
    """Write the scripts of runs, run them, and compare all figures with the recorded ones."""
    for run in runs:
        (folder / f"{run.name}.py").write_text(script(run))
        if file := file_name(run):
            (folder / file).write_bytes(data_file(run))
    found = played(folder)
    assert len(found) == len(runs)
    for run in runs:
        mark, figures, expected = found[run.name]
        assert mark == run.header["data"]["fingerprint"], run.name
        assert_alike(run, figures, expected)


def assert_alike(run: Run, found: dict[str, Any], expected: dict[str, Any]) -> None:
    reports = run.reports()
    last = max(report["step"] for report in reports)
    wanted = {r["split"]: r for r in reports if r["step"] == last}
    assert set(expected) == ({"train", "validation", "best"} if "val" in wanted else {"train"})
    for split, part in (("train", "train"), ("val", "validation")):
        for term in ("elbo", "reconstruction", "kl") if split in wanted else ():
            value = wanted[split][term]
            assert (found[part].get(term) is None) == (value is None), (run.name, part, term)
            if value is not None:
                assert found[part][term] == pytest.approx(value, rel=1e-5, abs=1e-5), run.name
                assert expected[part][term] == pytest.approx(value, abs=1e-6), run.name
    if "val" in wanted:
        by = run.config.best_by
        best = by.best(r for r in reports if r["split"] == "val")
        assert best is not None
        assert found["best"][by.key] == pytest.approx(by.value(best), rel=1e-5), run.name


def grey(n: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, 6, 6)).astype(np.uint8)


def upload(root: Path) -> str:
    """An uploaded file of pictures with labels, as VAE Lab keeps it."""
    file = root / "mine.npz"
    np.savez(file, x=grey(60), labels=np.arange(60) % 3)
    return str(save_upload("mine.npz", file.read_bytes(), root))


def published(folder: Path) -> Dataset:
    """Data in MNIST's four files, two of them packed."""
    folder.mkdir()
    parts = {"train": grey(50), "t10k": grey(10, 6)}
    labels = {part: np.arange(len(x)).astype(np.uint8) % 10 for part, x in parts.items()}
    for part, x in parts.items():
        write_idx(folder / f"{part}-images-idx3-ubyte", x, packed=part == "train")
        write_idx(folder / f"{part}-labels-idx1-ubyte", labels[part], packed=part == "t10k")
    x = np.concatenate([*parts.values()])[:, None]
    every = np.concatenate([*labels.values()]).astype(np.int64)
    return Dataset("mnist", x, 255.0, every, tuple("0123456789"), test=10)


def write_idx(path: Path, array: np.ndarray, packed: bool) -> None:
    head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    content = head + array.tobytes()
    if packed:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content))
    else:
        path.write_bytes(content)


def test_a_script_finds_the_figures_of_its_run(tmp_path: Path) -> None:
    root, folder = tmp_path / "runs", tmp_path / "scripts"
    folder.mkdir()
    runs = [trained(root, name, settings) for name, settings in QUICK.items()]
    moved = {"batch_size": 16, "beta_schedule": "warmup:1", "lr_schedule": "cosine"}
    runs.append(trained(root, "moved", moved, MOVES))
    runs.append(trained(root, "mine", {"data": upload(tmp_path), "examples": 50}))
    files = published(folder / "files")
    runs.append(trained(root, "files", {"data": "mnist", "examples": 0}, data=files))
    held_to(runs, folder)


@pytest.mark.long
def test_every_row_of_every_table(tmp_path: Path) -> None:
    folder = tmp_path / "scripts"
    folder.mkdir()
    table = rows()
    held_to([trained(tmp_path / "runs", name, own) for name, own in table.items()], folder)


def test_a_script_holds_what_its_run_uses_and_nothing_else(tmp_path: Path) -> None:
    text = script(trained(tmp_path, "usual", {}))
    for there in ("def elbo(", "class Bernoulli(", "class Diagonal(", "def mlp(", "def digits("):
        assert text.count(there) == 1, there
    for absent in ("def iwae", "class Gaussian", "class Flow", "def conv", "def mmd", "zuko"):
        assert absent not in text, absent
    for left in ("Annotated", "Option(", "# noqa", "type: ignore", "$", "pydantic", "\n\n\n\n"):
        assert left not in text, left
    assert not re.search(r"^\s*(from|import) vae", text, re.M)
    assert max(map(len, text.splitlines())) <= 99


def test_every_name_of_a_script_is_defined(tmp_path: Path) -> None:
    import builtins

    for name, settings in QUICK.items():
        text = script(trained(tmp_path, name, settings))
        known = set(re.findall(r"^(?:def|class) (\w+)|^(\w+)(?:: .*)? = ", text, re.M))
        defined = {part for pair in known for part in pair}
        imported = set(re.findall(r"(?:import|as|,|^   ) (\w+)", text.split("# ──")[0], re.M))
        assert not [
            free
            for free in free_names(text)
            if free not in defined | imported and not hasattr(builtins, free)
        ], name


def test_pieces_with_one_name_get_two(tmp_path: Path) -> None:
    wanted = [("vae.components.posteriors", "Flow"), ("vae.components.priors", "Flow")]
    names = Bundle(wanted, "").names
    assert [names[place] for place in wanted] == ["Flow", "FlowPrior"]
    text = script(trained(tmp_path, "both", QUICK["flows"]))
    assert "self.to_q = Flow(Z, posterior_transforms=2)" in text
    assert "self.to_pz = FlowPrior(Z, DOMAIN, prior_transforms=3)" in text


def test_a_module_used_whole_is_refused() -> None:
    with pytest.raises(ValueError, match="uses the module rng whole"):
        Bundle([("vae.model", "build")], "")


def test_a_run_without_reports_makes_a_script_all_the_same(tmp_path: Path) -> None:
    config = RunConfig.of(**SMALL)
    run = Run.create(tmp_path, config, load("digits", examples=90, seed=3), "new")
    text = script(run)
    assert "The run had recorded nothing yet" in text
    assert "range(per_epoch * EPOCHS)" in text
    compile(text, "new.py", "exec")


def test_what_a_foreign_run_says_cannot_become_code(tmp_path: Path) -> None:
    run = trained(tmp_path, "foreign", {})
    path = run.path / "config.json"
    head = json.loads(path.read_text())
    evil = '"""\nimport os; raise SystemExit("owned")\n"""'
    head["packages"] = {"torch": evil, "python": evil}
    head["data"] |= {"fingerprint": evil, "name": evil}
    path.write_text(json.dumps(head))
    run.set_status(device=f"cpu{evil}")
    for settings in ({}, {"data": "mnist"}, {"data": evil}):
        head["config"] |= settings
        path.write_text(json.dumps(head))
        tree = ast.parse(script(Run(run.path)))
        assert not [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == "os"]
        assert not [n for n in tree.body if isinstance(n, ast.Raise)]


def test_expected_figures_stand_in_the_head(tmp_path: Path) -> None:
    run = trained(tmp_path, "told", {})
    last = next(r for r in reversed(run.reports()) if r["split"] == "val")
    words = f"validation: ELBO {last['elbo']:.4f}, reconstruction {last['reconstruction']:.4f}"
    assert words in script(run).partition("import argparse")[0]


def test_run_as_a_program_it_tells_both_figures(tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    file.write_text(script(trained(tmp_path / "runs", "told", {})))
    command = [sys.executable, "-I", str(file), "--save", str(tmp_path / "weights.pt")]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    table = re.findall(r"^(\w+), (.+?) +(-?[\d.]+) +(-?[\d.]+)$", result.stdout, re.M)
    assert len(table) == 9
    assert all(own == expected for _, _, own, expected in table)
    assert (tmp_path / "weights.pt").stat().st_size > 10_000
