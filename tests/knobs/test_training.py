"""Effects of the settings of training: each as in its help, in the same direction.

`EFFECTS` names the test of each setting; `test_every_setting` misses one that has none.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.knobs.harness import EPOCHS, LR, STEPS, data_of, done, quick, ready
from vae.base.records import Frame, Report, Tick
from vae.data import load
from vae.runs import Run
from vae.training import Trainer
from vae.training.steps import State, next_rows, train_step


def test_epochs_is_the_number_of_passes_over_the_data() -> None:
    short, long = done(epochs=3), done()
    assert short.end.meta["epoch"] == 3
    assert short.end.step == 3 * STEPS  # 270 examples in batches of 32
    assert long.record.elbo > short.record.elbo + 5


def test_larger_batch_size_takes_fewer_steps_per_epoch() -> None:
    small, large = done(batch_size=16), done(batch_size=90)
    assert small.end.step == EPOCHS * 17
    assert large.end.step == EPOCHS * 3
    assert small.record.elbo > large.record.elbo + 1  # fewer steps learn less


def test_too_large_lr_is_unstable_and_too_small_lr_is_slow() -> None:
    slow, good = done(lr=1e-5).record.elbo, done().record.elbo
    assert slow < good - 20
    with pytest.raises(FloatingPointError, match="Lower the learning rate"):
        done(lr=10.0, sigma=0.001, hidden=(64, 64))
    rough = [r.loss for r in done(lr=0.3).reports()][-10:]
    calm = [r.loss for r in done().reports()][-10:]
    assert np.mean(rough) > np.mean(calm) + 5


def test_lr_schedule_changes_the_learning_rate() -> None:
    cosine = done(lr_schedule="cosine")
    for report in cosine.reports():
        expected = LR * 0.5 * (1 + np.cos(np.pi * report.epoch / EPOCHS))
        assert report.lr == pytest.approx(expected, abs=1e-9)
    trainer = ready(quick(lr_schedule="warmup:5"), load("digits", examples=300))
    rates = []
    for _ in range(50):
        train_step(trainer, torch.arange(32))
        rates.append(trainer.optimizer.param_groups[0]["lr"])
    np.testing.assert_allclose(rates, LR * np.minimum(1, np.arange(50) / 45))


def test_adam_eps_takes_smaller_steps_where_gradients_are_small() -> None:
    """The first step of Adam is lr · g / (|g| + ε): the sign of the gradient while ε is far below
    it, and in proportion to the gradient when ε is far above."""
    for eps in (1e-12, 1.0):
        trainer = ready(quick(adam_eps=eps), load("digits", examples=300))
        weight = trainer.model.decoder[0].weight
        before = weight.detach().clone()
        train_step(trainer, torch.arange(32))
        step = before - weight.detach()
        gradient = trainer.optimizer.state[weight]["exp_avg"] / 0.1  # its mean after one step
        lr = trainer.optimizer.param_groups[0]["lr"]
        torch.testing.assert_close(
            step, lr * gradient / (gradient.abs() + eps), rtol=1e-3, atol=1e-7
        )
    late, early = (done(adam_eps=e).record.elbo for e in (1.0, 1e-8))
    assert late < early - 5


def test_weight_decay_pulls_the_weights_towards_0() -> None:
    norms = []
    for decay in (0.0, 1.0, 10.0):
        model = done(weight_decay=decay).model
        norms.append(sum(float(p.detach().pow(2).sum()) for p in model.parameters()))
    assert norms[0] > 1.05 * norms[1] > 1.5 * norms[2]


def test_grad_clip_bounds_the_norm() -> None:
    def norms(clip: float) -> list[float]:
        trainer = ready(quick(grad_clip=clip), load("digits", examples=300))
        found, before = [], torch.zeros(())
        for _ in range(10):
            train_step(trainer, torch.arange(32))
            slots = trainer.optimizer.state.values()
            mean = torch.cat([slot["exp_avg"].flatten() for slot in slots])  # 0.9 before + 0.1 g
            found.append(float((mean - 0.9 * before).norm() / 0.1))
            before = mean
        return found

    free = norms(0.0)
    assert min(free) > 5
    np.testing.assert_allclose(norms(2.0), 2.0, rtol=1e-4)  # scaled back to it
    assert norms(1e6) == free  # a bound that is never reached


def test_patience_ends_training_earlier() -> None:
    hot = {"lr": 0.1, "hidden": (64,), "epochs": 40}
    hurried, patient, never = (done(patience=p, **hot) for p in (2, 4, 0))
    for run, epochs in ((hurried, 2), (patient, 4)):
        assert run.end.meta["ended"] == "early"
        waited = (run.end.step - run.end.meta["best"]["step"]) / STEPS
        assert waited == epochs
    assert hurried.end.step <= patient.end.step < never.end.step
    assert never.end.meta["ended"] == "finished"


def test_seed_fixes_every_draw() -> None:
    data = load("digits")
    first, again, other = (ready(quick(examples=0, seed=s), data) for s in (3, 3, 4))

    def state(trainer: State) -> list[Any]:
        train_step(trainer, next_rows(trainer))
        return [
            trainer.batches.rows,
            trainer.order.numpy(),
            *(p.detach().numpy() for p in trainer.model.parameters()),
        ]

    a, b, c = state(first), state(again), state(other)
    for one, two, three in zip(a, b, c, strict=True):
        np.testing.assert_array_equal(one, two)
        assert not np.array_equal(one, three)


def test_device_computes_the_training() -> None:
    data = load("digits", examples=300)
    trainer = Trainer(quick(device="cpu"), data)
    assert {p.device.type for p in trainer.state.model.parameters()} == {"cpu"}
    auto = Trainer(quick(device="auto"), data).state.device.type
    gpu = torch.cuda.is_available() or torch.backends.mps.is_available()
    assert (auto != "cpu") == gpu
    with pytest.raises(ValueError, match="not on this machine"):
        Trainer(quick(device="cuda:77"), data)


def test_precision_bf16_is_a_little_less_exact() -> None:
    exact, short = done(), done(precision="bf16")
    assert exact.record.elbo != short.record.elbo
    assert short.record.elbo == pytest.approx(exact.record.elbo, abs=3)
    assert {a.dtype for n, a in short.end.arrays.items() if "model." in n} == {np.dtype("float32")}


def test_threads_is_the_recorded_number_of_threads(tmp_path: Path) -> None:
    from vae.worker.train import train_run

    huge = {"hidden": (512, 512), "batch_size": 80}
    cases: list[tuple[dict[str, Any], int | None]] = [
        ({"threads": 1}, 1),
        ({"threads": 2}, 2),
        ({"threads": 0}, 1),  # so small that one is worth it
        ({"threads": 0, **huge}, os.cpu_count()),
    ]
    for settings, expected in cases:
        config = quick(epochs=1, examples=100, **settings)
        run = Run.create(tmp_path, config, data_of(config))
        assert run.header["threads"] == expected
        seen = {torch.get_num_threads() for event in train_run(run) if isinstance(event, Report)}
        assert seen == {expected}


def test_frames_is_the_number_of_recorded_moments() -> None:
    for number in (0, 2, 9):
        kept = [e for e in done(frames=number).events if isinstance(e, Frame)]
        assert len(kept) == number
        if number:
            assert kept[0].step == 0
            assert kept[-1].step == EPOCHS * STEPS
            assert kept[0].mean.shape == (300, 4)
    ticks = [e for e in done(frames=0).events if isinstance(e, Tick)]
    assert ticks


EFFECTS: dict[str, Callable[..., None]] = {
    "epochs": test_epochs_is_the_number_of_passes_over_the_data,
    "batch_size": test_larger_batch_size_takes_fewer_steps_per_epoch,
    "lr": test_too_large_lr_is_unstable_and_too_small_lr_is_slow,
    "lr_schedule": test_lr_schedule_changes_the_learning_rate,
    "adam_eps": test_adam_eps_takes_smaller_steps_where_gradients_are_small,
    "weight_decay": test_weight_decay_pulls_the_weights_towards_0,
    "grad_clip": test_grad_clip_bounds_the_norm,
    "patience": test_patience_ends_training_earlier,
    "seed": test_seed_fixes_every_draw,
    "device": test_device_computes_the_training,
    "precision": test_precision_bf16_is_a_little_less_exact,
    "threads": test_threads_is_the_recorded_number_of_threads,
    "frames": test_frames_is_the_number_of_recorded_moments,
}
