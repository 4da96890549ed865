"""The script of a run trains exactly the weights of the run, for every row of every table.

The scripts run as modules in this process; one runs in a process that cannot import `vae`.
"""

import ast
import builtins
import gzip
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from tests.cells import cells
from tests.tables import SINGLE, each
from vae.base import permission
from vae.base.records import Change, Control, Snapshot, Tick
from vae.components import network_code
from vae.components.likelihoods import LIKELIHOODS
from vae.components.networks import NETWORKS
from vae.components.objectives import OBJECTIVES
from vae.components.posteriors import POSTERIORS
from vae.components.priors import PRIORS
from vae.components.schedules import SCHEDULES
from vae.config import RunConfig, fields
from vae.data import Dataset, load, save_upload
from vae.runs import Run
from vae.script import data_file, file_name, script
from vae.script import network as network_in_script
from vae.script.bundle import Bundle
from vae.script.settings import settings_class
from vae.script.source import free_names
from vae.training import train

CPU = torch.device("cpu")
SMALL = {"data": "digits", "examples": 60, "epochs": 1, "batch_size": 16, "frames": 0, "seed": 3}
SMALL |= {"threads": 1, "device": "cpu"}
NARROW = {"mlp": {"hidden": (16,)}}
NARROW |= {name: {"channels": (4, 6)} for name in ("conv", "resnet", "conv1d")}
FILES: dict[str, dict[str, Any]] = {
    "gated": {"width": 12},
    "residual": {"channels": (4, 6), "activation": "gelu"},
    "transformer": {"data": "mixture", "likelihood": "gaussian", "width": 8, "heads": 2},
}
MOVES = (Change(1, "beta", 3.0), Change(2, "lr", 1e-4), Change(3, "beta", 0.5))


def rows() -> dict[str, dict[str, Any]]:
    """Yield configurations that together have every row of every table."""
    found: dict[str, dict[str, Any]] = {}
    for name, row in NETWORKS.items():
        if row.only != "series":
            found[f"network-{name}"] = {"network": name}
    for name, options in FILES.items():
        place = f"{Path(__file__).parents[1]}/networks/{name}.py:{name}"
        found[f"file-{name}"] = {"network": network_code.choose(place)} | options
    for name in SINGLE:
        counts = LIKELIHOODS[name].support == "counts"  # 0 and 1
        binary = {"binarize": "threshold"} if counts else {}
        found[f"likelihood-{name}"] = {"likelihood": name} | binary
    for name, row in POSTERIORS.items():
        free = {} if row.has_density else {"objective": "reconstruction"}
        found[f"posterior-{name}"] = {"posterior": name} | free
    for name in PRIORS:
        found[f"prior-{name}"] = {"prior": name}
    for name in OBJECTIVES:
        found[f"objective-{name}"] = {"objective": name, "posterior_samples": 2}
    for name, schedule in SCHEDULES.items():
        text = f"{name}:2" if schedule.takes_epochs else name
        found[f"schedule-{name}"] = {"beta_schedule": text, "lr_schedule": text, "beta": 2.0}
    found["wae-point"] = {"objective": "wae", "posterior": "point"}
    found["doubly"] = {"objective": "iwae", "posterior_samples": 3, "gradient": "doubly"}
    found["names-that-meet"] = {"posterior": "flow", "prior": "flow"}
    found["names-that-meet-too"] = {"likelihood": "categorical", "prior": "mixture"}
    found["mixture"] = {"data": "mixture", "likelihood": "gaussian-learned"}
    found["minmax"] = found["mixture"] | {"data_scale": "minmax", "prior": "vamp"}
    found["moon-phases"] = {"data": "moon-phases", "size": 8, "tilt": 20.0, "network": "conv"}
    found["included"] = {"data": "fashion-mnist-10k", "hidden": (16,)}
    found["shapes"] = {"data": "shapes", "size": 12, "hidden": (16,), "activation": "gelu"}
    found["conditional"] = {"condition": "labels", "binarize": "threshold", "network": "conv"}
    found["stochastic"] = {"binarize": "stochastic", "prior": "vamp", "prior_components": 5}
    found["clipped"] = {"grad_clip": 1.0, "weight_decay": 0.1, "adam_eps": 1e-4}
    found["bf16"] = {"precision": "bf16"}
    found["no-validation"] = {"val_share": 0.0, "batch_size": 7}
    return found


def trained(
    root: Path,
    name: str,
    settings: dict[str, Any],
    moves: tuple[Change, ...] = (),
    data: Dataset | None = None,
) -> tuple[Run, Snapshot]:
    """A run with its reports and live changes, and its last snapshot."""
    narrow = NARROW.get(settings.get("network", "mlp"), {})
    config = RunConfig.of(**(SMALL | narrow | settings))
    options = config.chosen("data")
    data = data or load(config.data, examples=config.examples, seed=config.seed, options=options)
    run = Run.create(root, config, data, name)
    events = list(train(config, data, control=lambda step: Control(changes=moves)))
    for event in events:
        if not isinstance(event, Tick | Snapshot):
            run.record(event)
    lines = [json.dumps(change._asdict()) for change in moves]
    (run.path / "changes.jsonl").write_text("".join(f"{line}\n" for line in lines))
    assert isinstance(events[-1], Snapshot)
    return run, events[-1]


def loaded(run: Run, folder: Path) -> ModuleType:
    """The script of a run as a module, its data file beside it."""
    file = folder / f"{run.name}.py"
    file.write_text(script(run))
    if name := file_name(run):
        (folder / name).write_bytes(data_file(run))
    module = ModuleType(run.name)
    module.__file__ = str(file)
    exec(compile(file.read_text(), file, "exec"), vars(module))
    return module


def compare(run: Run, end: Snapshot, folder: Path, data: str | None = None) -> None:
    """Train by the script and assert that weights and values equal those of the run exactly."""
    module = loaded(run, folder)
    examples = module.load_data(data)
    assert examples.fingerprint == run.header["data"]["fingerprint"]
    found, state = module.train(examples, CPU)
    ours = {f"model.{k}": v for k, v in state.model.state_dict().items()}
    ours |= {f"best.{k}": v for k, v in state.best_weights.items()}
    theirs = {k: v for k, v in end.arrays.items() if k.startswith(("model.", "best."))}
    assert ours.keys() == theirs.keys()
    for name, array in theirs.items():
        np.testing.assert_array_equal(ours[name].numpy(), array, err_msg=f"{run.name} {name}")
    assert_equal_figures(run, end, found, module.EXPECTED)


def assert_equal_figures(run: Run, end: Snapshot, found: dict[str, Any], expected: Any) -> None:
    """Assert that the values equal the reports of the last step and of the best weights."""
    reports = run.reports()
    at_end = {r["split"]: r for r in reports if r["step"] == end.step}
    wanted = {"training": at_end["train"]}
    if "val" in at_end:
        step = end.meta["best"]["step"]
        (best,) = [r for r in reports if (r["split"], r["step"]) == ("val", step)]
        wanted |= {"validation": at_end["val"], "best": best}
    assert expected.keys() == wanted.keys() <= found.keys()
    for part, report in wanted.items():
        for term in ("elbo", "reconstruction", "kl", "loss"):
            assert found[part].get(term) == report[term], (run.name, part, term)
        for term, value in expected[part].items():
            assert value == pytest.approx(found[part][term], abs=1e-6), (run.name, part, term)


@pytest.mark.parametrize("name", rows())
def test_a_script_trains_the_weights_of_its_run(name: str, tmp_path: Path) -> None:
    with permission.allowing():
        run, end = trained(tmp_path, name, rows()[name])
    compare(run, end, tmp_path)


@each(
    ("line", "why"),
    [
        ("print(1)", "line 1 is a statement, not a definition"),
        ("ACTIVATIONS['x'] = 1", "line 1 is a statement"),
        ("from torch.nn import *", r"line 1 imports \*"),
        ("def f():\n    from vae.model import VAE", "line 2 imports from VAE Lab inside"),
        ("from vae.components import networks as n\nx = n", "whole module"),
    ],
)
def test_a_network_file_that_has_no_place_in_a_script_is_refused(
    tmp_path_factory: pytest.TempPathFactory, line: str, why: str
) -> None:
    text = f"{line}\nfrom vae.components.networks import mlp\n"
    text += f"def net(a, b, c, d):\n    return {'x' if 'x = n' in line else 'mlp'}(a, b, c, d)\n"
    folder = tmp_path_factory.mktemp("network")
    (folder / "mine.py").write_text(text)
    with pytest.raises(ValueError, match=why):
        bundled(network_code.choose(f"{folder}/mine.py:net"))


def bundled(network: str) -> None:
    bundle = Bundle(network_in_script.places(network), "")
    network_in_script.check_name(bundle, network)


def test_a_script_repeats_live_changes_under_schedules(tmp_path: Path) -> None:
    moved = {"beta_schedule": "warmup:1", "lr_schedule": "cosine", "epochs": 2}
    compare(*trained(tmp_path, "moved", moved, MOVES), tmp_path)


def test_a_script_reads_a_file_of_arrays(tmp_path: Path) -> None:
    settings = {"data": upload(tmp_path), "examples": 50, "condition": "labels"}
    compare(*trained(tmp_path, "mine", settings), tmp_path)


@each("name", [n for n, row in LIKELIHOODS.items() if row.support == "counts"])
def test_a_script_divides_counts_by_their_library_size(name: str, tmp_path: Path) -> None:
    np.save(tmp_path / "cells.npy", cells(60, 8, (20, 200)).data.x)
    stored = str(save_upload({"cells.npy": (tmp_path / "cells.npy").read_bytes()}, tmp_path))
    settings = {"data": stored, "likelihood": name, "library_size": "observed", "examples": 0}
    compare(*trained(tmp_path, f"sized-{name}", settings), tmp_path)


def test_a_script_trains_on_a_mixed_table(tmp_path: Path) -> None:
    """Kinds and names of the columns are those of the run; a missing cell has no term."""
    path = tmp_path / "table.csv"
    colours, yes = ("red", "green", "blue", "?"), ("yes", "no")
    rows = [f"{k % 7}.5,{k % 5},{colours[k % 4]},{yes[k % 2]},{(3 * k) % 11}" for k in range(60)]
    path.write_text("\n".join(["size,visits,colour,member,points", *rows]))
    settings = {"data": str(path), "data_label": "none", "likelihood": "mixed", "prior": "vamp"}
    run, end = trained(tmp_path, "table", settings | {"examples": 0})
    assert run.header["data"]["kinds"] == ["real", "count", "category", "binary", "count"]
    compare(run, end, tmp_path)


def test_a_script_reads_the_publishers_files(tmp_path: Path) -> None:
    files = published(tmp_path / "files")
    run, end = trained(tmp_path, "published", {"data": "mnist", "examples": 0}, data=files)
    compare(run, end, tmp_path, str(tmp_path / "files"))


@each("name", rows())
def test_every_setting_is_in_the_script(name: str) -> None:
    """No list in `vae/script` names the settings, so a new setting needs no change."""
    config = RunConfig.of(**(SMALL | rows()[name]))
    source = settings_class(config, config.data)
    scope = {name: Any for name in free_names(source) if not hasattr(builtins, name)}
    exec(source, scope)
    there = scope["RunConfig"]()
    for field in fields():
        assert there.get(field.name) == config.get(field.name), field.name
    assert there.chosen("objective") == config.chosen("objective")
    assert there.scheduled == config.scheduled


def grey(n: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, 6, 6)).astype(np.uint8)


def upload(root: Path) -> str:
    """An uploaded file of pictures with labels, in its stored form."""
    file = root / "mine.npz"
    np.savez(file, x=grey(60), labels=np.arange(60) % 3)
    return str(save_upload({"mine.npz": file.read_bytes()}, root))


def test_a_script_trains_on_ragged_series(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 13, 2)).astype(np.float32)
    for k, row in enumerate(x):
        row[5 + k % 9 :] = np.nan
    np.save(tmp_path / "walks.npy", x)
    settings = {"data": str(tmp_path / "walks.npy"), "network": "conv1d"}
    run, end = trained(tmp_path, "series", settings | {"likelihood": "gaussian-learned"})
    assert run.header["data"]["missing"]
    compare(run, end, tmp_path)


def published(folder: Path) -> Dataset:
    """Data in MNIST's four files, two of them compressed."""
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


def test_a_script_contains_exactly_the_pieces_of_its_run(tmp_path: Path) -> None:
    text = script(trained(tmp_path, "usual", {})[0])
    for there in ("def elbo(", "class Bernoulli(", "class Diagonal(", "def mlp(", "def digits("):
        assert text.count(there) == 1, there
    for absent in ("def iwae", "class Gaussian", "class Flow", "def conv", "def mmd", "zuko"):
        assert absent not in text, absent
    for left in ("Annotated", "Option(", "# noqa", "type: ignore", "$", "pydantic", "\n\n\n\n"):
        assert left not in text, left
    assert not re.search(r"^\s*(from|import) vae", text, re.M)
    assert max(map(len, text.splitlines())) <= 99


@pytest.mark.parametrize("name", ["conditional", "names-that-meet", "mixture", "objective-iwae"])
def test_every_name_of_a_script_is_defined(name: str, tmp_path: Path) -> None:
    """Names in branches that this run does not take are included."""
    module = loaded(trained(tmp_path, name, rows()[name])[0], tmp_path)
    text = (tmp_path / f"{name}.py").read_text()
    assert not set(free_names(text)) - vars(module).keys() - vars(builtins).keys()


def test_pieces_with_equal_names_are_renamed(tmp_path: Path) -> None:
    wanted = [("vae.components.posteriors", "Flow"), ("vae.components.priors", "Flow")]
    names = Bundle(wanted, "").names
    assert [names[place] for place in wanted] == ["Flow", "FlowPrior"]
    text = script(trained(tmp_path, "both", rows()["names-that-meet"])[0])
    assert 'POSTERIORS: dict[str, type[Posterior]] = {\n    "flow": Flow,\n}' in text
    assert 'PRIORS: dict[str, type[Prior]] = {\n    "flow": FlowPrior,\n}' in text


def test_a_piece_that_uses_a_whole_module_is_refused() -> None:
    with pytest.raises(ValueError, match="uses the whole module rng"):
        Bundle([("vae.training.previews", "frame")], "")


def test_a_run_without_reports_has_a_script(tmp_path: Path) -> None:
    config = RunConfig.of(**SMALL)
    run = Run.create(tmp_path, config, load("digits", examples=90, seed=3), "new")
    text = script(run)
    assert "The run had recorded nothing yet" in text
    assert "STEPS = 0" in text
    compile(text, "new.py", "exec")


def test_texts_of_an_imported_run_cannot_become_code(tmp_path: Path) -> None:
    run, _ = trained(tmp_path, "foreign", {})
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


def test_the_docstring_has_the_expected_values(tmp_path: Path) -> None:
    run, _ = trained(tmp_path, "told", {})
    last = next(r for r in reversed(run.reports()) if r["split"] == "val")
    words = f"validation: ELBO {last['elbo']:.4f}, Reconstruction {last['reconstruction']:.4f}"
    assert words in script(run).partition("import argparse")[0]


ALONE = """
import importlib.util, runpy, sys
assert importlib.util.find_spec("vae") is None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_a_script_runs_without_vae_lab_and_prints_both_values(tmp_path: Path) -> None:
    file, weights = tmp_path / "train.py", tmp_path / "weights.pt"
    file.write_text(script(trained(tmp_path / "runs", "alone", {})[0]))
    command = [sys.executable, "-I", "-c", ALONE, str(file), "--save", str(weights)]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert not result.returncode, result.stderr[-3000:]
    table = re.findall(r"^(\w+), (.+?) +(-?[\d.]+) +(-?[\d.]+)$", result.stdout, re.M)
    assert len(table) == 9
    assert all(ours == expected for _, _, ours, expected in table)
    assert torch.load(weights, weights_only=True)["encoder.1.weight"].shape == (16, 64)
