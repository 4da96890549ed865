"""Small runs: `make(name)` creates a queued run, `trained(name)` trains a run to its end."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vae.config import RunConfig
from vae.data import load
from vae.runs import Run
from vae.worker.train import train_run

TINY: dict[str, Any] = {
    "data": "mixture",
    "likelihood": "gaussian",
    "examples": 40,
    "epochs": 2,
    "batch_size": 8,
    "hidden": (8,),
    "frames": 3,
    "threads": 1,
    "device": "cpu",
}


def make_in(root: Path, name: str | None = None, **settings: Any) -> Run:
    config = RunConfig.of(**(TINY | settings))
    data = load(config.data, examples=config.examples, options=config.chosen("data"))
    return Run.create(root, config, data, name)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Run]:
    return lambda name=None, **settings: make_in(tmp_path, name, **settings)


@pytest.fixture
def trained(tmp_path: Path) -> Callable[..., Run]:
    def train(name: str | None = None, **settings: Any) -> Run:
        run = make_in(tmp_path, name, **settings)
        for _ in train_run(run):
            pass
        return run

    return train
