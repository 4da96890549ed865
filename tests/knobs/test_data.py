"""Effects of the settings of the data: each as in its help, in the same direction.

`EFFECTS` names the test of each setting; `test_every_setting` misses one that has none.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tests.knobs.harness import CPU, data_of, done, quick, ready
from vae.batches import Batches
from vae.config import RunConfig
from vae.data import Dataset, load
from vae.evaluation import evaluate
from vae.training import Trainer


def test_data_are_the_learned_examples() -> None:
    """A model reconstructs its training data better than a model of other data does."""
    digits = done()
    moons = done(data="moon-phases", size=8)
    x = load("digits")
    rows = digits.config.split(data_of(digits.config)).train
    own, other = (
        evaluate(d.model, Batches(x, rows, digits.config, CPU)).reconstruction
        for d in (digits, moons)
    )
    assert own < other - 20


def moons(**options: Any) -> Dataset:
    return data_of(RunConfig.of(data="moon-phases", examples=60, **options))


def test_size_is_width_and_height_in_pixels() -> None:
    for size in (8, 13, 20):
        assert moons(size=size).event_shape == (1, size, size)


def test_tilt_is_the_largest_rotation_of_the_moon() -> None:
    straight, turned = moons(tilt=0), moons(tilt=90)
    assert not straight.factors["orientation"].any()
    assert np.abs(turned.factors["orientation"]).max() <= 90
    assert np.ptp(turned.factors["orientation"]) > 120
    np.testing.assert_array_equal(straight.factors["phase"], turned.factors["phase"])
    # An upright full moon differs from another by its phase only, a turned one by its face too
    full = np.abs(straight.factors["phase"] - 0.5) < 0.06
    assert full.sum() > 2
    spread = [float(d.x[full].astype(float).std(0).mean()) for d in (straight, turned)]
    assert spread[1] > 1.5 * spread[0]


def points(**options: Any) -> Dataset:
    return data_of(RunConfig.of(data="mixture", likelihood="gaussian", examples=4000, **options))


def test_components_is_the_number_of_gaussians() -> None:
    for number in (1, 3, 7):
        data = points(components=number, sd=0.01)
        assert len(np.unique(data.labels)) == number == len(data.classes)
        assert len(np.unique(np.round(data.x / 0.2), axis=0)) <= 4 * number
        counts = np.bincount(data.labels)
        assert np.abs(counts - 4000 / number).max() < 5 * (4000 / number) ** 0.5 + 1


def test_radius_is_the_distance_of_the_centres() -> None:
    for radius in (0.5, 2.0):
        data = points(radius=radius, sd=0.05)
        centres = np.array([data.x[data.labels == k].mean(0) for k in range(5)])
        np.testing.assert_allclose(np.linalg.norm(centres, axis=1), radius, atol=0.02)


def test_sd_is_the_width_of_each_gaussian() -> None:
    for sd in (0.05, 0.4):
        data = points(sd=sd)
        spread = np.array([data.x[data.labels == k].std(0) for k in range(5)])
        np.testing.assert_allclose(spread, sd, rtol=0.15)


def test_examples_is_the_number_of_examples() -> None:
    for number, expected in ((100, 100), (0, 1797)):
        data = data_of(RunConfig.of(examples=number))
        assert len(data.x) == expected
        counts = np.bincount(data.labels)
        assert np.abs(counts / len(data.x) - 0.1).max() < 0.011  # evenly over the classes


def test_val_share_is_held_out_and_selects_the_best() -> None:
    data = load("digits")
    for share in (0.0, 0.1, 0.5):
        splits = RunConfig.of(val_share=share, test_share=0).split(data)
        assert len(splits.val) == round(share * 1797)
    assert done(val_share=0.2).end.meta["best"]["value"] is not None
    without = done(val_share=0)
    assert without.end.meta["best"]["value"] is None
    assert not without.reports("val")


def test_test_share_is_never_trained_on() -> None:
    data = load("digits")
    for share in (0.0, 0.3):
        splits = RunConfig.of(test_share=share).split(data)
        assert len(splits.test) == round(share * 1797)
        trainer = Trainer(quick(examples=0, test_share=share), data)
        assert len(trainer.state.batches) == len(splits.train)
        assert not set(trainer.examples.index) & set(splits.test)
    own = data._replace(test=200)  # a file's own test part wins
    splits = RunConfig.of(test_share=0.5).split(own)
    np.testing.assert_array_equal(splits.test, np.arange(1597, 1797))


def test_binarize_makes_grey_values_0_or_1() -> None:
    data = load("digits", examples=300)
    grey = data.x / np.float32(16)
    seen = {}
    for how in ("none", "threshold", "stochastic"):
        trainer = Trainer(quick(binarize=how), data)
        rows = torch.arange(len(trainer.state.batches))
        seen[how] = [trainer.state.batches.take(rows).x.numpy() for _ in range(2)]
    trained_on = grey[quick().split(data).train]
    np.testing.assert_array_equal(seen["none"][0], trained_on)
    np.testing.assert_array_equal(seen["threshold"][0], trained_on >= 0.5)
    assert set(np.unique(seen["stochastic"][0])) == {0, 1}
    assert (seen["stochastic"][0] != seen["stochastic"][1]).mean() > 0.05  # fresh every time
    assert abs(seen["stochastic"][0].mean() - trained_on.mean()) < 0.01


def test_hide_share_is_the_share_of_values_that_the_model_never_sees() -> None:
    for share in (0.0, 0.1, 0.5):
        config = quick(data="mixture", likelihood="gaussian", examples=2000, hide_share=share)
        state = ready(config, data := config.load_data())
        seen = [batches.take(torch.arange(len(batches))).x.isnan() for batches in
                (state.batches, state.held_out)]  # fmt: skip
        assert abs(float(torch.cat(seen).float().mean()) - share) < 0.02
        assert (data.truth is None) == (share == 0)
    with pytest.raises(ValueError, match="hide_share hides values of vectors"):
        quick(hide_share=0.5).load_data()


def test_data_scale_is_the_scale_of_the_encoders_input() -> None:
    data = load("mixture", options={"radius": 100.0})
    ends = {}
    for name in ("standardise", "minmax", "none", "auto"):
        config = quick(data="mixture", data_scale=name)
        state = ready(config, data)
        with torch.no_grad():
            u = state.model.units(state.batches.fixed(0).x)
        ends[name] = torch.cat([u.mean(0), u.std(0), u.amin(0), u.amax(0)]).tolist()
    np.testing.assert_allclose(ends["standardise"][:4], [0, 0, 1, 1], atol=1e-2)
    assert ends["auto"] == ends["standardise"]
    assert min(ends["minmax"][4:]) >= 0
    assert max(ends["minmax"][4:]) <= 1
    assert max(ends["none"]) > 90


EFFECTS: dict[str, Callable[..., None]] = {
    "data": test_data_are_the_learned_examples,
    "size": test_size_is_width_and_height_in_pixels,
    "tilt": test_tilt_is_the_largest_rotation_of_the_moon,
    "components": test_components_is_the_number_of_gaussians,
    "radius": test_radius_is_the_distance_of_the_centres,
    "sd": test_sd_is_the_width_of_each_gaussian,
    "examples": test_examples_is_the_number_of_examples,
    "val_share": test_val_share_is_held_out_and_selects_the_best,
    "test_share": test_test_share_is_never_trained_on,
    "binarize": test_binarize_makes_grey_values_0_or_1,
    "hide_share": test_hide_share_is_the_share_of_values_that_the_model_never_sees,
    "data_scale": test_data_scale_is_the_scale_of_the_encoders_input,
}
