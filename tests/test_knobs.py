"""Every setting does what its help promises, in the promised direction.

`EFFECTS` at the end names the test of each setting; a setting without one fails the first test.
Nothing here asks only whether something changed. Short trainings of small models on 300 digits.
"""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from vae.batches import Batches
from vae.config import RunConfig, fields
from vae.data import Dataset, load
from vae.evaluation import evaluate
from vae.model import VAE, build, cost
from vae.networks import ACTIVATIONS
from vae.priors import PRIORS
from vae.records import Evaluation, Frame, Report, Snapshot, Tick
from vae.runs import Run
from vae.training import Clock, Event, Trainer, train

CPU = torch.device("cpu")
DIGITS = (1, 8, 8)


class Done(NamedTuple):
    """A finished training."""

    config: RunConfig
    events: list[Event]
    model: VAE
    record: Evaluation  # on the training examples

    def reports(self, split: str = "train") -> list[Report]:
        return [e for e in self.events if isinstance(e, Report) and e.split == split]

    @property
    def end(self) -> Snapshot:
        assert isinstance(self.events[-1], Snapshot)
        return self.events[-1]

    @property
    def squares(self) -> float:
        """Squared error of the reconstructions, summed over an example: blur, whatever σ is."""
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
    """300 digits under N(h, .2²), one hidden layer of 32."""
    usual = {"examples": 300, "epochs": 25, "batch_size": 32, "lr": 3e-3, "frames": 0}
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
    model = build(config, data.event_shape)
    assert isinstance(events[-1], Snapshot)
    weights = {k[6:]: v for k, v in events[-1].arrays.items() if k.startswith("model.")}
    model.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
    rows = config.split(data).train
    record = evaluate(model, Batches(data, rows, config.binarize, CPU), elbo_samples=5)
    return Done(config, events, model, record)


def done(**settings: Any) -> Done:
    """Train once for each configuration."""
    return _done(quick(**settings).model_dump_json())


def ready(config: RunConfig, data: Dataset) -> Trainer:
    """A trainer whose steps can be taken one by one."""
    trainer = Trainer(config, data)
    trainer.clock = Clock(0)
    return trainer


# ── data


def test_data_is_what_is_learned() -> None:
    """A model reconstructs what it learned from better than one that learned something else."""
    digits = done()
    moons = done(data="moon-phases", size=8)
    x = load("digits")
    rows = digits.config.split(data_of(digits.config)).train
    own, other = (
        evaluate(d.model, Batches(x, rows, "none", CPU)).reconstruction for d in (digits, moons)
    )
    assert own < other - 20


def moons(**options: Any) -> Dataset:
    return data_of(RunConfig.of(data="moon-phases", examples=60, **options))


def test_size_is_width_and_height_in_pixels() -> None:
    for size in (8, 13, 20):
        assert moons(size=size).event_shape == (1, size, size)


def test_tilt_is_how_far_the_moon_may_turn() -> None:
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


def test_examples_is_how_many_are_taken() -> None:
    for number, expected in ((100, 100), (0, 1797)):
        data = data_of(RunConfig.of(examples=number))
        assert len(data.x) == expected
        counts = np.bincount(data.labels)
        assert np.abs(counts / len(data.x) - 0.1).max() < 0.011  # evenly over the classes


def test_val_share_is_held_out_and_chooses_the_best() -> None:
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
        assert len(trainer.batches) == len(splits.train)
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
        rows = torch.arange(len(trainer.batches))
        seen[how] = [trainer.batches.take(rows).numpy() for _ in range(2)]
    trained_on = grey[quick().split(data).train]
    np.testing.assert_array_equal(seen["none"][0], trained_on)
    np.testing.assert_array_equal(seen["threshold"][0], trained_on >= 0.5)
    assert set(np.unique(seen["stochastic"][0])) == {0, 1}
    assert (seen["stochastic"][0] != seen["stochastic"][1]).mean() > 0.05  # fresh every time
    assert abs(seen["stochastic"][0].mean() - trained_on.mean()) < 0.01


# ── model


def test_network_is_the_body() -> None:
    """One latent follows a circle of five clumps if its decoder can bend; a line cannot. A
    convolution counts weights by channels, not by pixels."""
    ring = {"data": "mixture", "latent_dim": 1, "epochs": 40, "sigma": 0.1}
    assert done(**ring).squares < 0.5 * done(network="linear", **ring).squares

    def growth(network: str) -> float:
        config = RunConfig.of(network=network)
        small, large = (cost(config, (1, side, side)).weights for side in (16, 64))
        return large / small

    assert growth("mlp") > growth("linear") / 4 > 2
    kinds = {type(m) for m in build(RunConfig.of(network="conv"), DIGITS).modules()}
    assert torch.nn.Conv2d in kinds


def test_hidden_more_and_wider_layers_fit_more() -> None:
    sizes = [(2,), (32,), (128, 64)]
    counts = [cost(quick(hidden=h), DIGITS).weights for h in sizes]
    assert counts == sorted(counts)
    fits = [done(hidden=h).record.reconstruction for h in sizes]
    assert fits[0] > fits[1] + 3 > fits[2] + 3


def test_channels_more_fit_more() -> None:
    sizes = [(1, 1), (16, 16)]
    few, many = (quick(network="conv", channels=c) for c in sizes)
    assert cost(many, DIGITS).weights > cost(few, DIGITS).weights
    worse, better = (done(network="conv", channels=c).record.reconstruction for c in sizes)
    assert better < worse - 3
    down = [m.out_channels for m in build(many, DIGITS).encoder if isinstance(m, torch.nn.Conv2d)]
    assert down == [16, 16]


def test_activation_is_the_nonlinearity() -> None:
    """What leaves the hidden layer has the range of the function asked for."""
    lowest = {"relu": 0.0, "tanh": -1.0, "gelu": -0.17, "silu": -0.279}
    assert set(lowest) == set(ACTIVATIONS)
    x = 40 * torch.randn(500, *DIGITS, generator=torch.Generator().manual_seed(0))
    for name, low in lowest.items():
        encoder = build(quick(activation=name), DIGITS).encoder
        with torch.no_grad():
            out = encoder[2](encoder[1](encoder[0](x)))
        assert float(out.min()) == pytest.approx(low, abs=0.01)
        assert (float(out.max()) < 1.01) == (name == "tanh")


def test_latent_dim_more_carry_more_and_reconstruct_better() -> None:
    few, some, many = (done(latent_dim=z).record for z in (1, 4, 8))
    assert few.kl < some.kl - 1
    assert some.kl < many.kl - 1
    assert few.reconstruction > some.reconstruction + 3
    assert some.reconstruction > many.reconstruction + 1
    assert len(many.kl_per_dimension) == 8


def test_likelihood_is_what_the_decoder_becomes() -> None:
    """Bernoulli stays in [0, 1], a Gaussian does not; a learned σ goes where the residuals are."""
    far = 50 * torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    bernoulli = done(likelihood="bernoulli").model.likelihood(far).mean
    assert bernoulli.min() >= 0
    assert bernoulli.max() <= 1
    assert done().model.likelihood(far).mean.min() < -1
    learned = done(likelihood="gaussian-learned", epochs=80, lr=1e-2)
    sigmas = [r.terms["sigma"] for r in learned.reports("val")]
    assert sigmas[0] == 1
    assert sigmas[-1] == pytest.approx((learned.squares / 64) ** 0.5, rel=0.3)
    assert "sigma" not in done().reports("val")[-1].terms


def test_sigma_larger_is_blurrier_with_a_smaller_kl() -> None:
    sharp, soft, softer = (done(sigma=s) for s in (0.1, 0.4, 1.0))
    assert sharp.record.kl > soft.record.kl + 1 > softer.record.kl + 1
    assert sharp.squares < soft.squares < softer.squares


def test_posterior_a_point_does_not_scatter_and_reconstructs_better() -> None:
    cloud, point = done(), done(posterior="point", objective="reconstruction")
    assert point.record.kl is None
    assert cloud.record.kl > 1
    assert point.squares < cloud.squares
    x = torch.rand(3, *DIGITS)
    with torch.no_grad():
        assert not point.model(x, 50).z.std(0).any()
        assert cloud.model(x, 50).z.std(0).min() > 0.01


def test_prior_standard_is_the_standard_normal() -> None:
    """There is one row, so no direction to compare: it is what its help says. A second row brings
    its own effect here."""
    assert set(PRIORS) == {"standard"}
    z = build(quick(latent_dim=3), DIGITS).prior().sample(torch.Size((20_000,)))
    assert z.mean(0).abs().max() < 0.05
    assert (torch.cov(z.T) - torch.eye(3)).abs().max() < 0.05


# ── objective


def test_objective_reconstruction_alone_pays_no_kl() -> None:
    bound, alone = done(), done(objective="reconstruction")
    assert alone.record.reconstruction < bound.record.reconstruction - 0.5
    assert alone.record.kl > bound.record.kl + 3
    assert alone.record.elbo < bound.record.elbo


def test_beta_larger_presses_towards_the_prior() -> None:
    loose, plain, pressed = (done(beta=b).record for b in (0.1, 1.0, 8.0))
    assert loose.kl > plain.kl + 1 > pressed.kl + 2
    assert loose.reconstruction < plain.reconstruction < pressed.reconstruction - 3
    assert plain.elbo > max(loose.elbo, pressed.elbo)  # β = 1 is the one that maximises it


def test_beta_schedule_moves_the_weight_of_the_kl() -> None:
    warm = done(beta=4.0, beta_schedule="warmup:20")
    for report in warm.reports("val"):
        assert report.beta == pytest.approx(4 * min(1, report.epoch / 20))
        weighted = report.reconstruction + report.beta * report.kl
        assert report.loss == pytest.approx(weighted, rel=1e-5)
    constant = done(beta=4.0)
    early = [next(r.kl for r in d.reports("val") if r.epoch == 4) for d in (warm, constant)]
    assert early[0] > early[1] + 1  # the KL is free at first
    cyclic = done(beta_schedule="cyclical:10").reports("val")
    assert [r.beta for r in cyclic if r.epoch in (0, 5, 10, 15, 20)] == [0, 1, 0, 1, 0]


def test_posterior_samples_make_the_gradient_steadier() -> None:
    """The variance that comes from z falls like 1/K."""
    model = build(quick(), DIGITS)
    x = torch.rand(32, *DIGITS, generator=torch.Generator().manual_seed(0))

    def variance(k: int) -> float:
        grads = []
        for seed in range(60):
            torch.manual_seed(seed)
            model.zero_grad()
            model.loss(model(x, k), {}).total.backward()
            grads.append(model.encoder[1].weight.grad.clone())
        return float(torch.stack(grads).var(0).sum())

    assert variance(1) / variance(16) == pytest.approx(16, rel=0.35)
    trainer = ready(quick(posterior_samples=7), load("digits", examples=300))
    shapes = []
    trainer.model.register_forward_hook(lambda m, i, out: shapes.append(out.z.shape))
    trainer._train_step(torch.arange(32))
    assert shapes == [(7, 32, 4)]


# ── training


def test_epochs_is_passes_over_the_data() -> None:
    short, long = done(epochs=3), done()
    assert short.end.meta["epoch"] == 3
    assert short.end.step == 3 * 9  # 270 examples in batches of 32
    assert long.record.elbo > short.record.elbo + 5


def test_batch_size_larger_takes_fewer_steps_per_epoch() -> None:
    small, large = done(batch_size=16), done(batch_size=90)
    assert small.end.step == 25 * 17
    assert large.end.step == 25 * 3
    assert small.record.elbo > large.record.elbo + 1  # fewer steps learn less


def test_lr_too_large_is_unstable_and_too_small_is_slow() -> None:
    slow, good = done(lr=1e-5).record.elbo, done().record.elbo
    assert slow < good - 20
    with pytest.raises(FloatingPointError, match="Lower the learning rate"):
        done(lr=10.0, sigma=0.001, hidden=(64, 64))
    rough = [r.loss for r in done(lr=0.3).reports()][-10:]
    calm = [r.loss for r in done().reports()][-10:]
    assert np.mean(rough) > np.mean(calm) + 5


def test_lr_schedule_moves_the_learning_rate() -> None:
    cosine = done(lr_schedule="cosine")
    for report in cosine.reports():
        expected = 3e-3 * 0.5 * (1 + np.cos(np.pi * report.epoch / 25))
        assert report.lr == pytest.approx(expected, abs=1e-9)
    trainer = ready(quick(lr_schedule="warmup:5"), load("digits", examples=300))
    rates = []
    for _ in range(50):
        trainer._train_step(torch.arange(32))
        rates.append(trainer.optimizer.param_groups[0]["lr"])
    np.testing.assert_allclose(rates, 3e-3 * np.minimum(1, np.arange(50) / 45))


def test_weight_decay_pulls_the_weights_towards_0() -> None:
    norms = []
    for decay in (0.0, 1.0, 10.0):
        model = done(weight_decay=decay).model
        norms.append(sum(float(p.detach().pow(2).sum()) for p in model.parameters()))
    assert norms[0] > 1.05 * norms[1] > 1.5 * norms[2]


def test_grad_clip_bounds_the_norm() -> None:
    def norms(clip: float) -> list[float]:
        trainer = ready(quick(grad_clip=clip), load("digits", examples=300))
        found = []
        for _ in range(10):
            trainer._train_step(torch.arange(32))
            grads = [p.grad.flatten() for p in trainer.model.parameters()]
            found.append(float(torch.cat(grads).norm()))
        return found

    free = norms(0.0)
    assert min(free) > 5
    np.testing.assert_allclose(norms(2.0), 2.0, rtol=1e-4)  # scaled back to it
    assert norms(1e6) == free  # a bound that is never reached


def test_patience_ends_training_earlier() -> None:
    hot = {"lr": 0.1, "hidden": (64,), "epochs": 80}
    hurried, patient, never = (done(patience=p, **hot) for p in (2, 8, 0))
    for run, epochs in ((hurried, 2), (patient, 8)):
        assert run.end.meta["ended"] == "early"
        waited = (run.end.step - run.end.meta["best"]["step"]) / 9
        assert waited == epochs
    assert hurried.end.step <= patient.end.step < never.end.step
    assert never.end.meta["ended"] == "finished"


def test_seed_fixes_every_draw() -> None:
    data = load("digits")
    first, again, other = (ready(quick(examples=0, seed=s), data) for s in (3, 3, 4))

    def state(trainer: Trainer) -> list[Any]:
        trainer._train_step(torch.arange(32))
        return [
            trainer.splits.train,
            trainer._order(0).numpy(),
            *(p.detach().numpy() for p in trainer.model.parameters()),
        ]

    a, b, c = state(first), state(again), state(other)
    for one, two, three in zip(a, b, c, strict=True):
        np.testing.assert_array_equal(one, two)
        assert not np.array_equal(one, three)


def test_device_is_where_it_computes() -> None:
    data = load("digits", examples=300)
    trainer = Trainer(quick(device="cpu"), data)
    assert {p.device.type for p in trainer.model.parameters()} == {"cpu"}
    auto = Trainer(quick(device="auto"), data).device.type
    gpu = torch.cuda.is_available() or torch.backends.mps.is_available()
    assert (auto != "cpu") == gpu
    with pytest.raises(ValueError, match="not on this machine"):
        Trainer(quick(device="cuda:77"), data)


def test_precision_bf16_is_a_little_less_exact() -> None:
    exact, short = done(), done(precision="bf16")
    assert exact.record.elbo != short.record.elbo
    assert short.record.elbo == pytest.approx(exact.record.elbo, abs=3)
    assert {a.dtype for n, a in short.end.arrays.items() if "model." in n} == {np.dtype("float32")}


def test_threads_is_how_many_train_and_is_recorded(tmp_path: Path) -> None:
    from vae.worker.jobs import train_run

    huge = {"hidden": (2048, 2048), "batch_size": 80}
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


def test_frames_is_how_many_moments_are_kept() -> None:
    for number in (0, 2, 9):
        kept = [e for e in done(frames=number).events if isinstance(e, Frame)]
        assert len(kept) == number
        if number:
            assert kept[0].step == 0
            assert kept[-1].step == 25 * 9
            assert kept[0].mean.shape == (300, 4)
    ticks = [e for e in done(frames=0).events if isinstance(e, Tick)]
    assert ticks


EFFECTS: dict[str, Callable[..., None]] = {
    "data": test_data_is_what_is_learned,
    "size": test_size_is_width_and_height_in_pixels,
    "tilt": test_tilt_is_how_far_the_moon_may_turn,
    "components": test_components_is_the_number_of_gaussians,
    "radius": test_radius_is_the_distance_of_the_centres,
    "sd": test_sd_is_the_width_of_each_gaussian,
    "examples": test_examples_is_how_many_are_taken,
    "val_share": test_val_share_is_held_out_and_chooses_the_best,
    "test_share": test_test_share_is_never_trained_on,
    "binarize": test_binarize_makes_grey_values_0_or_1,
    "network": test_network_is_the_body,
    "hidden": test_hidden_more_and_wider_layers_fit_more,
    "activation": test_activation_is_the_nonlinearity,
    "channels": test_channels_more_fit_more,
    "latent_dim": test_latent_dim_more_carry_more_and_reconstruct_better,
    "likelihood": test_likelihood_is_what_the_decoder_becomes,
    "sigma": test_sigma_larger_is_blurrier_with_a_smaller_kl,
    "posterior": test_posterior_a_point_does_not_scatter_and_reconstructs_better,
    "prior": test_prior_standard_is_the_standard_normal,
    "objective": test_objective_reconstruction_alone_pays_no_kl,
    "beta": test_beta_larger_presses_towards_the_prior,
    "beta_schedule": test_beta_schedule_moves_the_weight_of_the_kl,
    "posterior_samples": test_posterior_samples_make_the_gradient_steadier,
    "epochs": test_epochs_is_passes_over_the_data,
    "batch_size": test_batch_size_larger_takes_fewer_steps_per_epoch,
    "lr": test_lr_too_large_is_unstable_and_too_small_is_slow,
    "lr_schedule": test_lr_schedule_moves_the_learning_rate,
    "weight_decay": test_weight_decay_pulls_the_weights_towards_0,
    "grad_clip": test_grad_clip_bounds_the_norm,
    "patience": test_patience_ends_training_earlier,
    "seed": test_seed_fixes_every_draw,
    "device": test_device_is_where_it_computes,
    "precision": test_precision_bf16_is_a_little_less_exact,
    "threads": test_threads_is_how_many_train_and_is_recorded,
    "frames": test_frames_is_how_many_moments_are_kept,
}


def test_every_setting_has_its_effect_tested() -> None:
    assert set(EFFECTS) == {field.name for field in fields()}
    assert len(set(EFFECTS.values())) == len(EFFECTS)
