"""Damaged files of a run folder, thousands for each reader: a sentence or a value, no other error.

The mutants of a JSON file are half of its bytes and half of its values, so that most remain JSON.
"""

import json
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.test_bad_files import mutated
from tests.runs.conftest import make_in
from vae.diagnostics.training_stats import training_stats
from vae.experiments import index
from vae.experiments.entries import entries, entry, evaluations_of_best
from vae.report.run_summary import notes as evaluation_notes
from vae.report.run_summary import rows
from vae.runs import Run, identity, mending, notes
from vae.runs.evaluations import EvaluationRequest
from vae.runs.status import STATES
from vae.worker.job import Job, attempts
from vae.worker.run import work
from vae.worker.train import train_run

SECONDS = 2.0  # for all readers of one mutant
NONSENSE = [None, True, -1, 0, 1e300, 2**53, "", "x", [], {}, [[1]], {"a": 1}, "\ud800", "9" * 400]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with every kind of file."""
    found = make_in(tmp_path_factory.mktemp("runs"), "one", frames=2)
    found.want(lr=0.001)
    for _ in train_run(found):
        pass
    notes.change(found.path, title="a", tags=("b",), notes="c")
    spec = {"checkpoint": "best", "split": "test", "elbo_samples": 2, "samples": 5, "full": False}
    work(Job.of(found, "evaluate", spec).order, lambda: None)
    Job.of(found, "evaluate", spec | {"samples": 6}).note(state="running", **identity())
    found.set_status(host="elsewhere", heartbeat=time.time())
    entries(found.path.parent)  # writes the index
    return found


def mutant(content: bytes, rng: np.random.Generator, name: str) -> bytes:
    """Return damaged content of a file."""
    if "json" in name and rng.random() < 0.5:
        lines = content.splitlines(keepends=True) if name.endswith("l") else [content]
        k = int(rng.integers(len(lines)))
        value = json.loads(lines[k])
        _spoil(value, rng)
        return b"".join([*lines[:k], json.dumps(value).encode() + b"\n", *lines[k + 1 :]])
    for _ in range(int(rng.integers(1, 4))):
        content = mutated(content, rng) or b"!"
    return content


def _spoil(value: Any, rng: np.random.Generator) -> None:
    """Replace or remove one value of a nested object."""
    places = []
    boxes = [value]
    while boxes:
        box = boxes.pop()
        keys = list(box) if isinstance(box, dict) else range(len(box))
        places += [(box, key) for key in keys]
        boxes += [box[key] for key in keys if isinstance(box[key], dict | list)]
    box, key = places[int(rng.integers(len(places)))]
    if rng.random() < 0.2:
        del box[key]
    else:
        box[key] = NONSENSE[int(rng.integers(len(NONSENSE)))]


def _settings(run: Run) -> None:
    """The settings, and the table's row of the run."""
    assert run.status().state in STATES
    assert entry(run).name == run.name
    assert run.config.epochs >= 0
    run.control(0)


def _curves(run: Run) -> None:
    run.curves()
    training_stats(run.reports(), run.config.best_by)
    assert entry(run).name == run.name


def _frames(run: Run) -> None:
    examples = run.examples()
    assert examples is None or examples.index.dtype.kind == "i"
    for step in run.frame_steps():
        frame = run.frame(step)
        assert frame is None or frame.mean.dtype.kind == "f"


def _evaluations(run: Run) -> None:
    for ordered in evaluations_of_best(run).values():
        rows(ordered)
        evaluation_notes(ordered)


def _jobs(run: Run) -> None:
    for job in attempts(run, "evaluate"):
        status = job.status()
        assert status["state"]
        assert f"{EvaluationRequest.of(job.spec)}{status['message']}"
        assert abs(status["progress"]) >= 0
        assert status.get("begun", 0.0) + 1


def _index(run: Run) -> None:
    """Every entry of the index is the one that was stored."""
    root = run.path.parent
    for name, known in index.load(root).items():
        assert index._encoded(known.entry) == index._encoded(entry(Run(root / name)))
    index.store(root, {})


Reader = Callable[[Run], object]
READERS: dict[str, tuple[Reader, ...]] = {  # file → its readers
    "config.json": (_settings, Run.load_model, mending.faults),
    "status.json": (_settings, mending.faults),
    "control.json": (_settings, mending.faults),
    "notes.json": (lambda run: notes.read(run.path), entry, mending.faults),
    "metrics.jsonl": (_curves, mending.faults),
    "changes.jsonl": (_curves, _settings, mending.faults),
    "last.safetensors": (Run.snapshot, lambda run: run.load_model("last"), entry),
    "best.safetensors": (Run.load_model, entry),
    "frames/examples.safetensors": (_frames,),
    "frames/0*.safetensors": (_frames,),
    "derived/evaluate-*[0-9a-f].json": (_evaluations, entry),
    "derived/*.status.json": (_jobs,),
    f"../{index.FILE}": (_index,),
}


def _refuses(act: Callable[[], object]) -> bool:
    """Whether a reader raises a ValueError, which is a sentence."""
    try:
        act()
    except ValueError as error:
        words = str(error)
    else:
        return False
    assert words.endswith((".", ")")), words
    return True


@pytest.mark.parametrize("number", [4, pytest.param(10_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", READERS)
@pytest.mark.timeout(3600)
def test_damaged_files_of_a_run_raise_sentences_only(
    name: str, number: int, run: Run, tmp_path: Path
) -> None:
    root = tmp_path / "runs"
    shutil.copytree(run.path.parent, root)
    (path, *_), readers = sorted((root / run.name).glob(name)), READERS[name]
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    assert not any([_refuses(partial(read, Run(root / run.name))) for read in readers])
    refused, slowest = 0, 0.0
    for _ in range(number):
        path.write_bytes(mutant(whole, rng, name))
        began = time.process_time()
        refused += any([_refuses(partial(read, Run(root / run.name))) for read in readers])
        slowest = max(slowest, time.process_time() - began)
        assert slowest < SECONDS
    print(f"{name}: {number} mutants, {refused} refused, {slowest:.2f} s at most", flush=True)
