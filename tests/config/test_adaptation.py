"""Settings that follow the data: small data give several batches an epoch."""

import numpy as np
import pytest

from vae.components.objectives import OBJECTIVES
from vae.config import RunConfig
from vae.config.adaptation import STEPS, adaptations, sentences, suitable_batch
from vae.data import Dataset

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("training", [1, 2, 3, 5, 31, 32, 108, 127, 128, 1437, 60_000])
@pytest.mark.parametrize("size", [1, 16, 64, 128])
def test_an_epoch_has_several_steps(training: int, size: int) -> None:
    found = suitable_batch(size, training)
    assert 1 <= found <= size
    assert training // found >= min(4, training, training // size or 4)
    assert found == size or found & (found - 1) == 0
    assert (found == size) == (size * STEPS <= training or size <= max(found, 8))
    if training >= 8 * STEPS:
        assert training // found >= STEPS
    assert suitable_batch(found, training) == found


@pytest.mark.parametrize("count", [3, 10, 40, 1000])
def test_every_number_of_examples_can_be_trained(count: int) -> None:
    data = Dataset("t", RNG.standard_normal((count, 4)).astype(np.float32), 1.0)
    config = RunConfig.of()
    found = adaptations(config, data)
    assert found["likelihood"] == "gaussian-learned"
    assert ("batch_size" in found) == (count * 0.8 < STEPS * config.batch_size)
    adapted = RunConfig.of(**found)
    assert len(adapted.split(data).train)
    assert adaptations(adapted, data) == {}
    assert len(sentences(found, config, data)) == len(found)


def test_settings_that_suit_the_data_stay() -> None:
    data = Dataset("t", RNG.random((1000, 4)).astype(np.float32), 1.0)
    assert adaptations(RunConfig.of(batch_size=50), data) == {}
    assert adaptations(RunConfig.of(), data, {"batch_size": 700}) == {"batch_size": 32}


@pytest.mark.parametrize("name", [name for name, row in OBJECTIVES.items() if row.batch > 1])
def test_an_objective_that_compares_examples_has_several(name: str) -> None:
    least = OBJECTIVES[name].batch
    data = Dataset("t", RNG.random((4 * least, 4)).astype(np.float32), 1.0)
    found = adaptations(RunConfig.of(objective=name), data)
    assert least <= found["batch_size"] <= 4 * least
