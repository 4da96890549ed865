"""Short trainings of small models on 300 digits, each configuration trained once.

done(**settings) → Done; quick(**settings) → RunConfig; ready(config, data) → State.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import torch

from vae.base.records import Domain, Evaluation, Report, Snapshot
from vae.batches import Batches
from vae.config import RunConfig
from vae.data import Dataset, load
from vae.evaluation import evaluate
from vae.model import VAE, build
from vae.training.steps import State
from vae.training.trainer import Event, train

CPU = torch.device("cpu")
DIGITS = Domain((1, 8, 8), 17, 10)
EPOCHS, STEPS, LR = 12, 9, 6e-3  # of a usual run: epochs, steps of an epoch, learning rate


@dataclass(frozen=True)
class Done:
    """A finished training."""

    config: RunConfig
    events: list[Event]
    model: VAE

    def reports(self, split: str = "train") -> list[Report]:
        return [e for e in self.events if isinstance(e, Report) and e.split == split]

    @cached_property
    def record(self) -> Evaluation:
        """The evaluation of the training examples."""
        data = data_of(self.config)
        batches = Batches(data, self.config.split(data).train, self.config, CPU)
        return evaluate(self.model, batches, elbo_samples=5)

    @property
    def end(self) -> Snapshot:
        assert isinstance(self.events[-1], Snapshot)
        return self.events[-1]

    @property
    def squares(self) -> float:
        """Squared error of the reconstructions, summed over an example: a measure of blur for
        every σ."""
        data = data_of(self.config)
        rows = self.config.split(data).train
        x = torch.from_numpy(data.x[rows] / np.float32(data.scale))
        with torch.no_grad():
            return float((self.model(x, 0).px.mean[0] - x).flatten(1).pow(2).sum(1).mean())


def data_of(config: RunConfig) -> Dataset:
    return load(
        config.data,
        examples=config.examples,
        seed=config.seed,
        options=config.chosen("data"),
    )


def quick(**settings: Any) -> RunConfig:
    """Return a configuration of 300 digits under N(h, .2²) with one hidden layer of 32."""
    usual = {"examples": 300, "epochs": EPOCHS, "batch_size": 32, "lr": LR, "frames": 0}
    usual |= {"test_share": 0, "device": "cpu", "threads": 1, "latent_dim": 4}
    if settings.get("likelihood", "gaussian") == "gaussian":
        usual |= {"likelihood": "gaussian", "sigma": 0.2}
    if settings.get("network", "mlp") == "mlp":
        usual |= {"hidden": (32,)}
    return RunConfig.of(**(usual | settings))


@cache
def _done(config_json: str) -> Done:
    config = RunConfig.model_validate_json(config_json)
    data = data_of(config)
    torch.set_num_threads(1)
    events = list(train(config, data))
    return Done(config, events, _model_at_end(config, data, events))


def trained(config: RunConfig, data: Dataset) -> VAE:
    """Return the model at the end of training on a data set."""
    torch.set_num_threads(1)
    return _model_at_end(config, data, list(train(config, data)))


def _model_at_end(config: RunConfig, data: Dataset, events: list[Event]) -> VAE:
    model = build(config, config.domain(data))
    assert isinstance(events[-1], Snapshot)
    weights = {k[6:]: v for k, v in events[-1].arrays.items() if k.startswith("model.")}
    model.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
    return model


def done(**settings: Any) -> Done:
    """Train once for each configuration."""
    return _done(quick(**settings).model_dump_json())


def ready(config: RunConfig, data: Dataset) -> State:
    """Return the state of a run before its first step."""
    return State(config, config.domain(data), data, config.split(data), CPU)
