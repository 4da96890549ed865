"""Every row of every table, one at a time, trains on every suitable kind of data."""

from typing import Any

import numpy as np
import pytest

from vae.base.records import Report, Snapshot
from vae.components.likelihoods import LIKELIHOODS
from vae.components.objectives import OBJECTIVES
from vae.components.posteriors import POSTERIORS
from vae.config import TABLES, RunConfig
from vae.data import INCLUDED, OFFLINE, Dataset, load
from vae.model import build
from vae.training import train
from vae.training.previews import fixed_examples, frame

KINDS = ("likelihood", "posterior", "prior", "objective")
PICTURES = "moon-phases"
ROWS = [(kind, name) for kind in KINDS for name in TABLES[kind]]
# Likelihoods differ by the kind of data; the rows of other tables learn small pictures.
CASES = [
    pytest.param(
        *row,
        data,
        marks=[pytest.mark.long]
        * (
            data in INCLUDED or (row[1] == "student-t" and data != PICTURES)
            if row[0] == "likelihood"
            else data != PICTURES
        ),
    )
    for row in ROWS
    for data in OFFLINE
]
OPTIONS: dict[str, dict[str, Any]] = {"moon-phases": {"size": 10}, "shapes": {"size": 12}}


def settings(kind: str, name: str, data: str) -> dict[str, Any]:
    """Return the settings of a short run with this row, and those that the row requires."""
    found: dict[str, Any] = {"data": data, "examples": 160, "batch_size": 16}
    found["epochs"] = 12 if kind == "likelihood" else 7  # a categorical one learns more slowly
    found["epochs"] *= 6 if data == "mixture" else 1  # standardised points begin near the mean
    found |= {"hidden": (32,), "lr": 5e-3, "threads": 1, "device": "cpu", "frames": 0}
    found |= {"likelihood": "gaussian-learned" if data == "mixture" else "bernoulli", kind: name}
    if kind == "posterior" and not POSTERIORS[name].has_density:
        found["objective"] = "wae"
    return found | OPTIONS.get(data, {})


def suits(kind: str, name: str, data: Dataset) -> bool:
    """Whether the likelihood suits the values of the data."""
    if kind != "likelihood":
        return True
    support = LIKELIHOODS[name].support
    if support == "columns":
        return bool(data.kinds)
    if support == "counts":
        return data.levels == 2 or data.is_counts
    return support == "real" or (data.levels > 0 if support == "levels" else data.in_unit_interval)


@pytest.mark.parametrize(("kind", "name", "data"), CASES)
def test_every_choice_learns(kind: str, name: str, data: str) -> None:
    """The minimised value falls, also on new examples. Every value is defined or has a reason.
    Pictures have the shape and the range of the data."""
    config = RunConfig.of(**settings(kind, name, data))
    examples = load(data, examples=160, options=config.chosen("data"))
    if not suits(kind, name, examples):
        with pytest.raises(ValueError, match=r"choose likelihood gaussian"):
            config.split(examples)
        return
    events = list(train(config, examples))
    for split in ("train", "val"):
        reports = [e for e in events if isinstance(e, Report) and e.split == split]
        first, last = reports[0], reports[-1]
        weighted = OBJECTIVES[config.objective].needs != "nothing"
        now, then = (
            (last.loss, first.loss) if weighted else (last.reconstruction, first.reconstruction)
        )
        assert now < then, split
        assert (last.kl is None) == (not POSTERIORS[config.posterior].has_density)
        assert (last.kl_per_dimension is not None) == config.kl_per_dimension
    end = events[-1]
    assert isinstance(end, Snapshot)
    model = build(config, config.domain(examples))
    model.load_state_dict(
        {k[6:]: _tensor(v) for k, v in end.arrays.items() if k.startswith("model.")}
    )
    shown = fixed_examples(config, examples, config.split(examples))
    made = frame(model, examples, shown, end.step, 12.0)
    assert made.reconstructions.shape == shown.originals.shape
    assert made.mean.shape == (len(shown.index), 2)
    for values in (made.reconstructions, made.samples):
        assert np.isfinite(values).all()
        if LIKELIHOODS[config.likelihood].support in ("unit", "levels"):
            assert 0 <= values.min() <= values.max() <= 1
    error = ((made.reconstructions - shown.originals) ** 2).mean()
    assert error < 1.2 * shown.originals.var(0).mean()  # no worse than the mean example


def _tensor(array: Any) -> Any:
    import torch

    return torch.from_numpy(array)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_best_weights_are_best_by_the_trained_criterion(objective: str) -> None:
    """The ELBO is the criterion only of runs that train it."""
    k = 8 if objective == "iwae" else 1
    config = RunConfig.of(**settings("objective", objective, "digits"), posterior_samples=k)
    events = list(train(config, load("digits", examples=160)))
    reports = [e for e in events if isinstance(e, Report) and e.split == "val"]
    values = {
        "elbo": [r.elbo for r in reports],
        "iwae_bound": [r.terms.get("iwae_bound") for r in reports],
        "reconstruction": [-r.reconstruction for r in reports],
    }[OBJECTIVES[objective].best_by.key]
    end = events[-1]
    assert isinstance(end, Snapshot)
    assert end.meta["best"]["value"] == max(values)
    assert end.meta["best"]["step"] == reports[int(np.argmax(values))].step
    expected = {"iwae": "iwae_bound", "wae": "reconstruction", "reconstruction": "reconstruction"}
    assert OBJECTIVES[objective].best_by.key == expected.get(objective, "elbo")
