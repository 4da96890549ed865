"""Training is reproducible bit for bit, resumes from any step, and reports the right means."""

import itertools
import math
import pydoc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tests.tables import each
from vae.base import rng
from vae.base.finite import first_non_finite
from vae.base.records import Change, Control, Domain, Examples, Frame, Report, Snapshot, Tick
from vae.batches import Batches
from vae.config import RunConfig
from vae.data import Dataset
from vae.model import VAE, build
from vae.training import metrics
from vae.training import milestones as plan_module
from vae.training.metrics import Sums
from vae.training.milestones import REPORTS, Plan
from vae.training.previews import TILES
from vae.training.trainer import Event, Trainer, effective, train

CPU = torch.device("cpu")
SHAPE = (1, 3, 3)


@pytest.fixture
def data(toy: Callable[..., Dataset]) -> Dataset:
    """90 examples: 72 to train on, which is 4 batches of 16 and one of 8."""
    return toy(90, SHAPE)


@pytest.fixture
def every_step(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Call control after every step, and take a snapshot at every step."""
    monkeypatch.setattr(metrics, "TICK_SECONDS", 0.0)
    monkeypatch.setattr(plan_module, "SNAPSHOT_EXAMPLES", 16)
    return monkeypatch


def last(events: list[Event]) -> Snapshot:
    assert isinstance(events[-1], Snapshot)
    return events[-1]


def timeless(events: list[Event], after: int = -1) -> list[Report]:
    """Return the reports after a step, without times."""
    found = [e for e in events if isinstance(e, Report) and e.step > after]
    return [r._replace(seconds=0.0, images_per_second=None) for r in found]


def same_state(a: Snapshot, b: Snapshot) -> None:
    """Whether weights, optimizer, best weights, sums and their metadata are equal bit for bit."""
    assert a.arrays.keys() == b.arrays.keys()
    for name, array in a.arrays.items():
        np.testing.assert_array_equal(array, b.arrays[name], err_msg=name, strict=True)
    assert {k: v for k, v in a.meta.items() if k != "seconds"} == {
        k: v for k, v in b.meta.items() if k != "seconds"
    }


def same_frames(a: list[Event], b: list[Event], after: int) -> None:
    ours, theirs = ([e for e in x if isinstance(e, Frame) and e.step > after] for x in (a, b))
    assert [f.step for f in ours] == [f.step for f in theirs]
    for one, two in zip(ours, theirs, strict=True):
        for field in ("mean", "reconstructions", "samples"):
            np.testing.assert_array_equal(getattr(one, field), getattr(two, field))


# ── one seed, one run


@pytest.mark.parametrize(
    "values", [{}, {"binarize": "stochastic"}, {"network": "conv"}, {"posterior_samples": 3}]
)
def test_one_seed_gives_the_same_run_bit_for_bit(
    small: Callable[..., RunConfig], data: Dataset, values: dict[str, Any]
) -> None:
    first = list(train(small(frames=3, **values), data))
    torch.manual_seed(12345)  # what others draw does not matter
    torch.randn(7)
    second = list(train(small(frames=3, **values), data))
    same_state(last(first), last(second))
    assert timeless(first) == timeless(second)
    same_frames(first, second, -1)


def test_another_seed_gives_another_run(small: Callable[..., RunConfig], data: Dataset) -> None:
    first, second = (last(list(train(small(seed=s), data))) for s in (0, 1))
    name = "model.encoder.1.weight"
    assert not np.array_equal(first.arrays[name], second.arrays[name])


# ── going on from a snapshot

MOVES = (Change(3, "beta", 3.0), Change(7, "lr", 2e-3), Change(11, "beta", 0.5))
RESUMED = [
    {},
    {"binarize": "stochastic", "posterior_samples": 2},
    {"lr_schedule": "cosine", "beta_schedule": "warmup:2", "frames": 7},
    {"likelihood": "gaussian-learned", "weight_decay": 0.1, "grad_clip": 1.0, "val_share": 0.0},
    {"posterior": "point", "objective": "reconstruction"},
    {"posterior": "quantised", "objective": "wae", "codes": 9, "code_revival": 0.5},
    {"patience": 1, "lr": 0.3, "epochs": 8},
]


def recorded(changes: tuple[Change, ...], wanted: str = "run", at: int = -1) -> Any:
    """Return a control that records each change at its step, like a run folder."""

    def control(step: int) -> Control:
        known = tuple(c for c in changes if c.step <= step)
        return Control(wanted if step == at else "run", known)

    return control


@pytest.mark.parametrize("values", RESUMED)
# reports: one an epoch, or one a step
@pytest.mark.parametrize(("reports", "moves"), [(4, ()), (1000, MOVES)])
def test_resuming_from_any_snapshot_repeats_the_uninterrupted_run(
    small: Callable[..., RunConfig],
    data: Dataset,
    every_step: pytest.MonkeyPatch,
    values: dict[str, Any],
    reports: int,
    moves: tuple[Change, ...],
) -> None:
    every_step.setattr(plan_module, "REPORTS", reports)
    if "objective" in values:
        moves = tuple(c for c in moves if c.field != "beta")
    config = small(**({"epochs": 4} | values))
    whole = list(train(config, data, control=recorded(moves)))
    snapshots = [e for e in whole if isinstance(e, Snapshot)]
    assert len(snapshots) >= 4
    for start in snapshots[:: 1 if reports == 4 else 3]:
        rest = list(train(config, data, start=start, control=lambda _: Control("run", moves)))
        same_state(last(rest), last(whole))
        assert timeless(rest) == timeless(whole, start.step)
        same_frames(rest, whole, start.step)
        assert not any(isinstance(e, Examples) for e in rest)


def test_early_stopping_ends_one_of_the_runs(
    small: Callable[..., RunConfig], data: Dataset
) -> None:
    ended = last(list(train(small(**RESUMED[-1]), data)))
    assert ended.meta["ended"] == "early"
    assert ended.step < 8 * 5


@pytest.mark.parametrize("wanted", ["pause", "stop"])
@pytest.mark.parametrize("at", [0, 1, 5, 8, 14])
def test_a_pause_at_any_step_changes_nothing(
    small: Callable[..., RunConfig],
    data: Dataset,
    every_step: pytest.MonkeyPatch,
    wanted: str,
    at: int,
) -> None:
    every_step.setattr(plan_module, "REPORTS", 3)
    config = small(frames=4)
    whole = list(train(config, data, control=recorded(MOVES)))
    first = list(train(config, data, control=recorded(MOVES, wanted, at)))
    assert last(first).meta["ended"] == wanted
    assert last(first).step == at
    second = list(train(config, data, start=last(first), control=recorded(MOVES)))
    assert last(second).meta["ended"] == "finished"
    same_state(last(second), last(whole))
    assert timeless(first) + timeless(second) == timeless(whole)
    assert last(second).meta["seconds"] > last(first).meta["seconds"]


def test_a_run_paused_three_times_repeats_the_uninterrupted_run(
    small: Callable[..., RunConfig], data: Dataset, every_step: pytest.MonkeyPatch
) -> None:
    config, start, seen = small(), None, []
    whole = list(train(config, data))
    for at in (4, 6, 13, -1):
        part = list(train(config, data, start=start, control=recorded((), "pause", at)))
        start, seen = last(part), seen + part
    same_state(last(seen), last(whole))
    assert timeless(seen) == timeless(whole)


def test_a_snapshot_survives_its_file(
    small: Callable[..., RunConfig], data: Dataset, every_step: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    from vae.base import files

    whole = list(train(small(), data))
    middle = [e for e in whole if isinstance(e, Snapshot)][6]
    files.write_arrays(tmp_path / "last.safetensors", middle.arrays, middle.meta)
    arrays, meta = files.read_arrays(tmp_path / "last.safetensors")
    rest = list(train(small(), data, start=Snapshot(meta["step"], arrays, meta)))
    same_state(last(rest), last(whole))


def test_a_change_holds_from_its_step_on(
    small: Callable[..., RunConfig], data: Dataset, every_step: pytest.MonkeyPatch
) -> None:
    """The first step taken with the new learning rate is the one from step 6."""
    change = (Change(6, "lr", 1e-8),)
    moved = list(train(small(epochs=2), data, control=recorded(change)))
    plain = list(train(small(epochs=2), data))
    weights = {
        name: {s.step: s.arrays["model.encoder.1.weight"] for s in run if isinstance(s, Snapshot)}
        for name, run in (("moved", moved), ("plain", plain))
    }
    for step in range(1, 7):
        np.testing.assert_array_equal(weights["moved"][step], weights["plain"][step])
    np.testing.assert_allclose(weights["moved"][7], weights["moved"][6], atol=1e-7)
    assert np.abs(weights["plain"][7] - weights["plain"][6]).max() > 1e-4
    rates = {r.step: r.lr for r in moved if isinstance(r, Report) and r.split == "train"}
    assert rates[6] == small().lr  # the last batch was taken with it
    assert rates[7] == 1e-8


# ── added epochs


def test_added_epochs_equal_those_of_a_longer_run(
    small: Callable[..., RunConfig], data: Dataset
) -> None:
    short = last(list(train(small(epochs=2), data)))
    more = (Change(short.step, "epochs", 5.0),)
    rest = list(train(small(epochs=2), data, start=short, control=lambda _: Control("run", more)))
    whole = list(train(small(epochs=5), data))
    same_state(last(rest), last(whole))
    assert last(rest).step == 25


def test_added_epochs_hold_a_schedules_last_value(
    small: Callable[..., RunConfig], data: Dataset
) -> None:
    config = small(epochs=2, lr_schedule="cosine", beta_schedule="warmup:4")
    end = last(list(train(config, data)))
    more = (Change(end.step, "epochs", 4.0),)
    rest = list(train(config, data, start=end, control=lambda _: Control("run", more)))
    for name, weights in end.arrays.items():
        if name.startswith("model."):
            np.testing.assert_array_equal(last(rest).arrays[name], weights)
    for report in timeless(rest):
        assert report.lr == 0
        assert report.beta == 0.5


# ── what is reported


def by_hand(config: RunConfig, data: Dataset, steps: int) -> tuple[VAE, list[dict[str, Any]]]:
    """Train by a plain loop with the run's random streams; return the model after `steps` and each
    batch."""
    splits = config.split(data)
    model = build(config, config.domain(data))
    adam = torch.optim.AdamW(model.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    per_epoch = math.ceil(len(splits.train) / config.batch_size)
    seen = []
    for step in range(steps):
        epoch, position = divmod(step, per_epoch)
        order = rng.permutation(len(splits.train), config.seed, epoch)
        rows = order[position * config.batch_size : (position + 1) * config.batch_size]
        x = torch.from_numpy(data.x[splits.train][rows.numpy()] / np.float32(data.scale))
        share = step / (per_epoch * config.epochs)
        if config.get("lr_schedule") == "cosine":
            adam.param_groups[0]["lr"] = config.lr * 0.5 * (1 + math.cos(math.pi * share))
        rng.reseed(CPU, config.seed, "step", step)
        q = model.posterior(x)
        z = q.rsample(torch.Size((config.posterior_samples,)))
        error = -model.likelihood(z).log_prob(x).mean()
        mu, var = q.mean, q.stddev**2
        kl = 0.5 * (mu**2 + var - var.log() - 1).mean(0)
        loss = error + config.get("beta") * kl.sum()
        adam.zero_grad()
        loss.backward()
        adam.step()
        values = {"reconstruction": error.item(), "kl": kl.detach().numpy(), "loss": loss.item()}
        seen.append(values | {"size": len(rows)})
    return model, seen


@pytest.mark.parametrize("values", [{}, {"beta": 3.0, "lr_schedule": "cosine"}, {"lr": 0.01}])
def test_training_equals_a_plain_loop_and_reports_means_over_batches(
    small: Callable[..., RunConfig],
    data: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    values: dict[str, Any],
) -> None:
    monkeypatch.setattr(plan_module, "REPORTS", 6)  # two an epoch: after 3 batches and after 2
    config = small(epochs=3, posterior_samples=2, **values)
    run = list(train(config, data))
    model, batches = by_hand(config, data, 15)
    for name, weights in model.state_dict().items():
        ours = last(run).arrays[f"model.{name}"]
        np.testing.assert_allclose(ours, weights.numpy(), rtol=1e-4, atol=1e-6)
    reports = [r for r in timeless(run) if r.split == "train"]
    assert [r.step for r in reports] == [3, 5, 8, 10, 13, 15]
    for begin, report in zip((0, 3, 5, 8, 10, 13), reports, strict=True):
        part = batches[begin : report.step]
        sizes = np.array([b["size"] for b in part])
        assert sizes[-1] == (8 if report.step % 5 == 0 else 16)
        for name in ("reconstruction", "loss"):
            mean = np.average([b[name] for b in part], weights=sizes)
            assert getattr(report, name) == pytest.approx(mean, rel=1e-5)
        kl = np.average([b["kl"] for b in part], weights=sizes, axis=0)
        np.testing.assert_allclose(report.kl_per_dimension, kl, rtol=1e-4)
        assert report.kl == pytest.approx(kl.sum(), rel=1e-5)
        assert report.elbo == -(report.reconstruction + report.kl)


@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("binarize", ["none", "stochastic"])
def test_validation_values_belong_to_the_current_weights(
    small: Callable[..., RunConfig], toy: Callable[..., Dataset], k: int, binarize: str
) -> None:
    """Two chunks of unequal size: 512 and 138 examples, each of which counts once."""
    data = toy(1300, (5,), bytes_=False)
    config = small(
        val_share=0.5,
        epochs=1,
        batch_size=64,
        beta=2.0,
        posterior_samples=k,
        binarize=binarize,
    )
    run = list(train(config, data))
    model = build(config, Domain((5,)))
    weights = {k[6:]: v for k, v in last(run).arrays.items() if k.startswith("model.")}
    model.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
    x = torch.from_numpy(data.x[config.split(data).val])
    errors, kls = [], []
    with torch.no_grad(), rng.stream(CPU, 0, "validation"):
        for part in x.split(512):
            seen = torch.bernoulli(part) if binarize == "stochastic" else part
            q = model.posterior(seen)
            z = q.rsample(torch.Size((k,)))
            errors.append(-model.likelihood(z).log_prob(seen).mean(0))
            kls.append(0.5 * (q.mean**2 + q.stddev**2 - 2 * q.stddev.log() - 1))
    reported = [r for r in run if isinstance(r, Report) and r.split == "val"][-1]
    assert len(x) == 650
    error, kl = float(torch.cat(errors).mean()), torch.cat(kls).mean(0)
    assert reported.reconstruction == pytest.approx(error, rel=1e-5)
    np.testing.assert_allclose(reported.kl_per_dimension, kl, rtol=1e-4)
    assert reported.loss == pytest.approx(error + 2 * float(kl.sum()), rel=1e-5)
    assert reported.elbo == pytest.approx(-error - float(kl.sum()), rel=1e-5)


def test_reports_and_frames_do_not_change_training(
    small: Callable[..., RunConfig], data: Dataset
) -> None:
    """Frames, more validation and more reports leave the trained weights unchanged."""
    quiet = last(list(train(small(frames=0), data)))
    loud = last(list(train(small(frames=16), data)))
    same_state(quiet, loud)


def test_reports_are_at_the_initial_weights_and_ends_of_epochs(
    small: Callable[..., RunConfig], data: Dataset
) -> None:
    run = list(train(small(), data))
    assert [r.step for r in timeless(run) if r.split == "val"] == [0, 5, 10, 15]
    assert [r.epoch for r in timeless(run) if r.split == "val"] == [0, 1, 2, 3]
    train_steps = [r.step for r in timeless(run) if r.split == "train"]
    assert set(train_steps) >= {5, 10, 15}
    assert train_steps == sorted(set(train_steps))


def test_a_point_posterior_has_no_kl_and_no_elbo(
    small: Callable[..., RunConfig], data: Dataset
) -> None:
    run = list(train(small(posterior="point", objective="reconstruction"), data))
    for report in timeless(run):
        assert report.kl is report.elbo is report.beta is report.kl_per_dimension is None
        assert report.loss == report.reconstruction
    best = last(run).meta["best"]
    lowest = min((r.reconstruction, r.step) for r in timeless(run) if r.split == "val")
    assert (-best["value"], best["step"]) == lowest


def test_a_run_trained_on_reconstruction_reports_kl_and_elbo(
    small: Callable[..., RunConfig], data: Dataset
) -> None:
    """Every objective has the same reported quantities."""
    for report in timeless(list(train(small(objective="reconstruction"), data))):
        assert report.loss == report.reconstruction
        assert report.kl > 0
        assert report.elbo == -(report.reconstruction + report.kl)
        assert report.beta is None


def test_a_learned_sigma_is_reported(small: Callable[..., RunConfig], data: Dataset) -> None:
    run = list(train(small(likelihood="gaussian-learned", lr=0.01, epochs=6), data))
    sigmas = [r.terms["sigma"] for r in timeless(run) if r.split == "val"]
    assert sigmas[0] == 1
    assert sigmas[-1] < 0.9


# ── the best


@pytest.mark.parametrize("beta", [1.0, 50.0])
def test_the_best_weights_have_the_highest_validation_elbo(
    small: Callable[..., RunConfig], data: Dataset, every_step: pytest.MonkeyPatch, beta: float
) -> None:
    """With β ≠ 1 the trained loss is another quantity."""
    run = list(train(small(lr=0.1, epochs=6, beta=beta), data))
    values = [(r.elbo, r.step) for r in timeless(run) if r.split == "val"]
    best = max(value for value, _ in values)
    step = next(s for value, s in values if value == best)
    assert last(run).meta["best"] == {"value": best, "step": step}
    at = {s.step: s for s in run if isinstance(s, Snapshot)}
    if step:
        for name, array in last(run).arrays.items():
            if name.startswith("best."):
                now = at[step].arrays[name.replace("best.", "model.", 1)]
                np.testing.assert_array_equal(array, now)
    ticks = [e for e in run if isinstance(e, Tick)]
    assert ticks[-1].best == best
    assert ticks[-1].best_epoch == step / 5


def test_a_run_without_validation_has_no_best_weights(
    small: Callable[..., RunConfig], data: Dataset
) -> None:
    run = list(train(small(val_share=0), data))
    assert not [r for r in timeless(run) if r.split == "val"]
    assert not [name for name in last(run).arrays if name.startswith("best.")]
    assert last(run).meta["best"]["value"] is None
    ticks = [e for e in run if isinstance(e, Tick)]
    assert ticks[-1].best is None
    assert ticks[-1].best_epoch is None


def test_early_stopping_waits_for_its_patience(
    small: Callable[..., RunConfig], data: Dataset
) -> None:
    for patience in (1, 3):
        run = list(train(small(patience=patience, lr=1.0, epochs=30), data))
        end = last(run)
        assert end.meta["ended"] == "early"
        assert end.step == end.meta["best"]["step"] + patience * 5
    assert last(list(train(small(patience=50, epochs=4), data))).meta["ended"] == "finished"


def test_epochs_added_after_an_early_end_are_trained(
    small: Callable[..., RunConfig], data: Dataset
) -> None:
    config = small(patience=2, lr=1.0, epochs=30)
    end = last(list(train(config, data)))
    added = Control("run", (Change(end.step, "epochs", 40),))
    longer = last(list(train(config, data, start=end, control=lambda step: added)))
    assert end.meta["ended"] == longer.meta["ended"] == "early"
    assert longer.step >= end.step + 2 * 5


# ── what goes wrong


def test_divergence_raises_an_error_and_keeps_the_last_state(
    small: Callable[..., RunConfig], data: Dataset, every_step: pytest.MonkeyPatch
) -> None:
    every_step.setattr(plan_module, "REPORTS", 1)
    seen: list[Event] = []
    run = train(
        small(lr=10.0, likelihood="gaussian", sigma=1e-3, epochs=40, hidden=(64, 64)), data
    )
    with pytest.raises(FloatingPointError, match=r"Training diverged.* at step \d+. Lower the"):
        seen.extend(run)
    for event in seen:
        if isinstance(event, Snapshot):
            assert all(np.isfinite(array).all() for array in event.arrays.values())
        if isinstance(event, Report):
            assert math.isfinite(event.reconstruction)


def _nan_after(function: Callable[..., Any], spoil: Callable[[Any], Any]) -> Any:
    return lambda *args, **options: spoil(function(*args, **options))


NAN = float("nan")
SPOILED: dict[str, tuple[str, Callable[[Any], Any]]] = {  # what turns NaN: where, and how
    "sigma": ("vae.model.VAE.scalars", lambda found: found | {"sigma": torch.tensor(NAN)}),
    "lr": ("vae.training.trainer.scalars_at", lambda found: found | {"lr": NAN}),
    "extra": ("vae.training.steps.yardstick", lambda found: found | {"extra": torch.tensor(NAN)}),
    "kl": ("vae.training.steps.yardstick", lambda found: found | {"kl": torch.tensor(NAN)}),
    "kl_per_dimension": (
        "vae.training.steps.yardstick",
        lambda found: found | {"kl_per_dimension": torch.tensor([1.0, NAN])},
    ),
    "mean": ("vae.training.trainer.frame", lambda f: f._replace(mean=f.mean * NAN)),
    "images_per_second": ("vae.training.metrics.Clock.speed", lambda value: math.inf),
    "seconds": ("vae.training.metrics.Clock.elapsed", lambda value: NAN),
}


@pytest.mark.parametrize("name", SPOILED)
def test_every_number_of_every_event_is_finite(
    small: Callable[..., RunConfig],
    data: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """The error names the number that is NaN, and no event has one."""
    path, spoil = SPOILED[name]
    module, _, attribute = path.rpartition(".")
    target: Any = pydoc.locate(module)
    monkeypatch.setattr(target, attribute, _nan_after(getattr(target, attribute), spoil))
    config = small(likelihood="gaussian-learned", frames=2, epochs=1)
    seen: list[Event] = []
    title = name.replace("_", " ")
    for short, word in {"kl": "KL", "elbo": "ELBO", "sigma": "σ"}.items():
        title = title.replace(short, word)
    said = rf"diverged: the {title} is not finite at step \d"
    with pytest.raises(FloatingPointError, match=said.replace("lr", "learning rate")):
        seen.extend(train(config, data))
    assert not any(first_non_finite(event) for event in seen)


@pytest.mark.parametrize("where", ["tick", "snapshot"])
def test_ticks_and_snapshots_are_checked(
    small: Callable[..., RunConfig], data: Dataset, where: str
) -> None:
    trainer = Trainer(small(epochs=1), data)
    events = trainer.run(lambda step: Control("pause"))
    next(events)  # the report before the first step
    if where == "tick":
        trainer.state.best["value"] = math.inf
    else:
        with torch.no_grad():
            next(trainer.state.model.parameters()).fill_(NAN)
    with pytest.raises(FloatingPointError, match=r"best|model\.encoder\.1\.weight"):
        list(events)


# ── the plan

PLANS = list(
    itertools.product((1, 15, 16, 17, 1000, 60_000), (1, 16, 128), (1, 3, 30, 2000), (0, 1, 2, 32))
)


@each(("n", "batch", "epochs", "frames"), PLANS)
def test_the_plan_has_the_steps_of_the_configuration(
    n: int, batch: int, epochs: int, frames: int
) -> None:
    config = RunConfig.of(batch_size=batch, epochs=epochs, frames=frames)
    plan = Plan.of(config, n)
    assert plan == Plan.of(config, n)
    assert (plan.steps_per_epoch - 1) * batch < n <= plan.steps_per_epoch * batch
    assert plan.steps == plan.steps_per_epoch * epochs
    assert all(plan.report_due(e * plan.steps_per_epoch) for e in (1, 2, epochs))
    within = [s for s in range(1, plan.steps_per_epoch + 1) if plan.report_due(s)]
    assert len(within) * epochs <= max(REPORTS, epochs) * 1.5
    assert plan.snapshot_every >= 1
    assert plan.frame_every >= plan.steps_per_epoch
    shown = sorted(plan.frame_steps)
    assert len(shown) <= frames
    if frames:
        assert shown[-1] == plan.steps
        assert plan.frame_due(plan.steps)
    if frames > 1:
        assert shown[0] == 0
        gaps = np.diff(shown)
        assert (np.diff(gaps) >= -1).all()  # dense at first, where most happens
        assert len(shown) == frames or plan.steps < frames**1.5
    else:
        assert not plan.frame_due(0)
    assert not any(
        plan.frame_due(s) for s in (plan.steps + 1,) if plan.frame_every > plan.steps + 1
    )


def test_events_occur_at_the_planned_steps(small: Callable[..., RunConfig], data: Dataset) -> None:
    config = small(frames=5, epochs=4)
    plan, run = Plan.of(config, 72), list(train(config, data))
    assert [e.step for e in run if isinstance(e, Frame)] == sorted(plan.frame_steps)
    shown = [i for i, e in enumerate(run) if isinstance(e, Examples)]
    assert len(shown) == 1
    assert shown[0] < next(i for i, e in enumerate(run) if isinstance(e, Frame))


def test_frames_show_the_fixed_examples(
    small: Callable[..., RunConfig], data: Dataset, tiny: Callable[..., VAE]
) -> None:
    config = small(frames=2)
    run = list(train(config, data))
    examples = next(e for e in run if isinstance(e, Examples))
    frame = [e for e in run if isinstance(e, Frame)][-1]
    splits = config.split(data)
    assert set(examples.original_index) <= set(splits.val)  # held out
    assert not set(examples.index) & set(splits.test)
    assert examples.total == len(splits.train) + len(splits.val)
    np.testing.assert_array_equal(examples.label, data.labels[examples.index])
    np.testing.assert_allclose(
        examples.originals, data.x[examples.original_index] / 255, rtol=1e-6
    )
    model = build(config, Domain(SHAPE))
    weights = {k[6:]: v for k, v in last(run).arrays.items() if k.startswith("model.")}
    model.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
    with torch.no_grad():
        mean = model.posterior(torch.from_numpy(examples.originals)).mean
        expected = model.likelihood(mean).mean
    np.testing.assert_allclose(frame.reconstructions, expected, rtol=1e-5, atol=1e-6)
    assert frame.mean.shape == (len(examples.index), 2)
    assert frame.samples.shape == (TILES, *SHAPE)


def test_ticks_count_up_to_the_end(
    small: Callable[..., RunConfig], data: Dataset, every_step: pytest.MonkeyPatch
) -> None:
    ticks = [e for e in train(small(), data) if isinstance(e, Tick)]
    assert sorted({t.step for t in ticks}) == list(range(1, 16))
    assert ticks[-1].step == ticks[-1].steps == 15
    assert (ticks[-1].epoch, ticks[-1].epochs) == (3.0, 3)
    assert all(a.seconds <= b.seconds for a, b in itertools.pairwise(ticks))


# ── the small parts


def test_a_later_change_replaces_those_planned_after_it() -> None:
    a, b, c = Change(3, "beta", 2.0), Change(7, "beta", 3.0), Change(5, "beta", 4.0)
    lr = Change(7, "lr", 0.1)
    assert effective([]) == []
    assert effective([a, b]) == [a, b]
    assert effective([a, b, c]) == [a, c]  # resumed from before step 7, and moved at step 5
    assert effective([a, lr, b, c]) == [a, lr, c]
    assert effective([a, a._replace(value=9.0)]) == [a._replace(value=9.0)]
    assert effective(effective([a, lr, b, c])) == effective([a, lr, b, c])


def test_sums_weigh_batches_by_their_size() -> None:
    sums = Sums()
    values = torch.randn(10, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for part in (values[:4], values[4:5], values[5:]):
        sums.add({"vector": part.mean(0), "scalar": part.mean()}, len(part))
    assert sums.count == 10
    means = sums.means()
    np.testing.assert_allclose(means["vector"], values.mean(0), rtol=1e-14)
    assert means["scalar"] == pytest.approx(float(values.mean()), rel=1e-14)


def test_sums_do_not_change_their_inputs() -> None:
    sums, value = Sums(), torch.ones(2)
    for _ in range(3):
        sums.add({"v": value}, 2)
    assert value.tolist() == [1, 1]


def test_batches_scale_and_binarize(toy: Callable[..., Dataset]) -> None:
    data, rows = toy(40), np.arange(5, 25)
    expected = torch.from_numpy(data.x[rows] / np.float32(255))
    everything = torch.arange(20)
    plain = Batches(data, rows, RunConfig.of(), CPU)
    assert len(plain) == 20
    torch.testing.assert_close(plain.take(everything).x, expected)
    torch.testing.assert_close(plain.take(torch.tensor([3, 1])).x, expected[[3, 1]])
    threshold = Batches(data, rows, RunConfig.of(binarize="threshold"), CPU).take(everything).x
    assert torch.equal(threshold, (expected >= 0.5).float())
    torch.testing.assert_close(torch.cat([batch.x for batch in plain.chunks(7)]), expected)


def test_stochastic_binarization_varies_in_training_and_is_fixed_in_evaluation(
    toy: Callable[..., Dataset],
) -> None:
    data = toy(40)
    coins = Batches(data, np.arange(40), RunConfig.of(binarize="stochastic"), CPU)
    everything = torch.arange(40)
    first, second = (coins.take(everything).x for _ in range(2))
    assert set(first.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(first, second)
    assert torch.equal(coins.fixed(0).x, coins.fixed(0).x)
    assert not torch.equal(coins.fixed(0).x, coins.fixed(1).x)
    drawn = torch.stack([coins.take(everything).x for _ in range(2000)]).mean(0)
    grey = torch.from_numpy(data.x / np.float32(255))
    assert (drawn - grey).abs().max() < 5 * 0.5 / 2000**0.5


def test_a_trainer_accepts_one_class_or_none(
    small: Callable[..., RunConfig], data: Dataset
) -> None:
    for changed in (
        data._replace(labels=None, classes=()),
        data._replace(labels=np.zeros(90, np.int64), classes=("only",)),
    ):
        run = list(train(small(frames=2), changed))
        assert last(run).meta["ended"] == "finished"


def test_a_trainer_refuses_invalid_settings_before_training(
    small: Callable[..., RunConfig], data: Dataset
) -> None:
    with pytest.raises(ValueError, match="larger than the 72 training examples"):
        Trainer(small(batch_size=73), data)
