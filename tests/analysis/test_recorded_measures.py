"""Recorded latents have the measures that the model which encoded them has."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from vae.analysis.recorded_measures import recorded_evaluation
from vae.base.records import Examples, Frame
from vae.batches import Batches
from vae.config import RunConfig
from vae.data import Dataset
from vae.evaluation import evaluate
from vae.evaluation.measures import MEASURES, TABLES
from vae.model import VAE

OF_LATENTS = [key for key, row in (MEASURES | TABLES).items() if row.of_latents]


@pytest.fixture
def encoded(toy: Callable[..., Dataset], tiny: Callable[..., VAE]) -> tuple[Frame, Examples, VAE]:
    """A frame with q(z|x) of an untrained model for 200 examples of 4 classes, and the model."""
    torch.manual_seed(0)
    data, model = toy(200, (6,), bytes_=False), tiny((6,), likelihood="gaussian")
    labels = np.argsort(np.argsort(data.x[:, 0])) // 50  # classes that latents can tell apart
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter.mul_(3)
        q = model.posterior(torch.from_numpy(data.x))
    mean, log_variance = q.mean.numpy(), 2 * q.stddev.log().numpy()
    nothing = np.zeros((0, 6), np.float32)
    rows = np.arange(200)
    examples = Examples(rows, labels, {}, ("a", "b", "c", "d"), rows[:0], nothing, 200)
    return Frame(1, 1.0, mean, nothing, nothing, log_variance), examples, model


def test_recorded_latents_have_the_measures_of_their_model(
    encoded: tuple[Frame, Examples, VAE], toy: Callable[..., Dataset]
) -> None:
    frame, examples, model = encoded
    found = recorded_evaluation(frame, examples, True)
    batches = Batches(
        toy(200, (6,), bytes_=False), np.arange(200), RunConfig(), torch.device("cpu")
    )
    expected = evaluate(model, batches, full=True, labels=examples.label)
    for key in OF_LATENTS:
        row = (MEASURES | TABLES)[key]
        for name in row.keys(key):
            ours, theirs = found.get(name), expected.get(name)
            if theirs is None:
                assert ours is None, name
                assert found.notes[name], name
            elif key in TABLES:
                assert ours == {row: pytest.approx(value) for row, value in theirs.items()}
            else:
                assert ours == pytest.approx(theirs, rel=1e-4), name
    assert found.values.keys() == {n for k in OF_LATENTS for n in (MEASURES | TABLES)[k].keys(k)}


def test_absent_arrays_and_other_priors_are_named(
    encoded: tuple[Frame, Examples, VAE],
) -> None:
    frame, examples, _ = encoded
    without = recorded_evaluation(frame._replace(log_variance=None), examples, True)
    assert "give log_variance to r.latents" in without.notes["kl"]
    assert without.get("probes") is not None
    other = recorded_evaluation(frame, examples, False)
    assert "not N(0, I)" in other.notes["aggregate_kl"]
    assert other.get("probes") is not None
    unlabelled = recorded_evaluation(frame, examples._replace(label=None), True)
    assert "recorded no labels" in unlabelled.notes["probes"]
