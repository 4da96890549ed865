"""Means over epochs equal the means over the examples, however unequal the reports are."""

import numpy as np
import pytest

from vae.base.criterion import ELBO
from vae.base.epoch_means import epoch_means, example_counter
from vae.diagnostics.training_stats import LAST, training_stats

EPOCHS = 20


def run(examples: int, batch: int, every: int) -> tuple[list[dict[str, object]], np.ndarray]:
    """Train reports every few batches and at the end of an epoch, and the values behind them,
    (EPOCHS, examples, 3): the ELBO and the KL of two latents."""
    values = np.random.default_rng(0).normal(size=(EPOCHS, examples, 3))
    values[:, examples // batch * batch :] += 50.0  # the rest, in a small last batch
    steps, reports = -(-examples // batch), []
    for epoch in range(EPOCHS):
        for start in range(0, steps, every):
            end = min(start + every, steps)
            elbo, *kl = values[epoch, start * batch : end * batch].mean(0)
            row = {"step": epoch * steps + end, "epoch": epoch + end / steps, "split": "train"}
            reports.append(row | {"elbo": elbo, "kl": sum(kl), "kl_per_dimension": kl})
    return reports, values


@pytest.mark.parametrize(("examples", "batch", "every"), [(67, 8, 3), (67, 8, 8), (64, 8, 4)])
def test_a_report_counts_with_its_examples(examples: int, batch: int, every: int) -> None:
    reports, values = run(examples, batch, every)
    counter = example_counter(examples, batch)
    found = epoch_means(reports, lambda r: r["elbo"], counter)
    np.testing.assert_allclose(list(found.values()), values.mean(1)[:, 0])
    stats, last = training_stats(reports, ELBO, counter), round(LAST * EPOCHS)
    _, *kl = values[-last:].mean((0, 1))
    assert stats.trained == pytest.approx(values[-last:, :, 0].mean())
    assert stats.kl == pytest.approx(sum(kl))
    np.testing.assert_allclose(stats.kl_per_dimension, kl)


def test_values_that_are_absent_do_not_count() -> None:
    told = [{"step": k, "epoch": k / 2, "v": v} for k, v in enumerate([1.0, None, 3.0, np.nan])]
    assert epoch_means(told, lambda r: r["v"]) == {0: 1.0, 1: 3.0}
