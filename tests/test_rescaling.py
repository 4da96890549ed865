"""Rescaled data: a model in the units of x is one of rescaled data, Σ ln scale nats lower.

Powers of two change no digit, so that laws of scale hold bit for bit: examples times 2ᵏ have the
same u, weights, samples and conclusions, and every ln p(x) changes by D k ln 2.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.datasets import load_wine
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from tests.tables import each
from vae.analysis.corruption import corrupted
from vae.analysis.denoising import squared_error
from vae.base.records import Control, Domain, Report, Snapshot
from vae.batches import Batches
from vae.components.likelihoods import LIKELIHOODS
from vae.config import RunConfig
from vae.data import Dataset
from vae.evaluation import evaluate
from vae.evaluation.baseline import baseline
from vae.model import VAE, build
from vae.runs.manifest import domain_of, head, read_head
from vae.training import Trainer, train
from vae.training.snapshots import snapshot_of
from vae.training.steps import State, train_step

CPU = torch.device("cpu")
REAL = [name for name, row in LIKELIHOODS.items() if row.support == "real"]
WINE = load_wine()
Small = Callable[..., RunConfig]


def wine(factor: float = 1.0, shift: float = 0.0) -> Dataset:
    """Return 13 columns between 0.13 and 1680, rounded so that sums with `shift` are exact."""
    x = np.round(WINE.data[:, :13] * 16) / 16
    return Dataset(
        "wine", ((x + shift) * factor).astype(np.float32), 1.0, WINE.target, tuple("abc")
    )


def trained(config: RunConfig, data: Dataset) -> tuple[VAE, list[Report]]:
    """Return the model at the end of training, and its reports."""
    events = list(train(config, data))
    end = events[-1]
    assert isinstance(end, Snapshot)
    model = build(config, config.domain(data))
    weights = {k[6:]: v for k, v in end.arrays.items() if k.startswith("model.")}
    model.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
    return model.requires_grad_(False), [e for e in events if isinstance(e, Report)]


def test_columns_are_rescaled_as_scikit_learn_does(small: Small) -> None:
    data = wine()
    x = data.x.copy()
    x[:, 4] = 7  # a constant column
    data = data._replace(x=x)
    train_rows = x[small().divide(data).train]
    for name, scaler, rows in (
        ("standardise", StandardScaler(), train_rows),
        ("minmax", MinMaxScaler(), x),
    ):
        domain = small(likelihood="gaussian", data_scale=name).domain(data)
        expected = scaler.fit(rows.astype(np.float64)).transform(x)
        np.testing.assert_allclose(domain.rescale(x), expected, atol=1e-4)
        np.testing.assert_allclose(domain.restore(domain.rescale(x)), x, rtol=1e-5)
        assert domain.scale[4] == 1
        if name == "minmax":
            assert domain.rescale(x).min() == 0
            assert domain.rescale(x).max() == 1


@each(
    ("likelihood", "shape", "bytes_", "expected"),
    [
        ("gaussian", (5,), False, "standardise"),
        ("bernoulli", (5,), False, "none"),
        ("gaussian", (5,), True, "none"),
        ("gaussian", (1, 4, 4), False, "none"),
    ],
)
def test_auto_standardises_vectors_of_real_numbers_only(
    small: Small,
    toy: Callable[..., Dataset],
    likelihood: str,
    shape: Any,
    bytes_: bool,
    expected: str,
) -> None:
    config, data = small(likelihood=likelihood), toy(40, shape, bytes_=bytes_)
    assert config.rescaling(config.domain(data)) == expected
    assert bool(config.domain(data).scale) == (expected != "none")


@pytest.mark.parametrize("shape", [(6,), (3, 2, 2)])
@pytest.mark.parametrize("likelihood", [*REAL, "continuous-bernoulli"])
def test_the_density_is_that_of_the_rescaled_data_divided_by_the_volume(
    small: Small, likelihood: str, shape: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(0)
    location, scale = rng.normal(0, 100, shape[0]), rng.uniform(0.1, 50, shape[0])
    domain = Domain(shape, 0, 3, tuple(location.tolist()), tuple(scale.tolist()))
    config = small(likelihood=likelihood, condition="labels")
    model, plain = build(config, domain), build(config, domain._replace(location=(), scale=()))
    plain.load_state_dict(model.state_dict())
    u = torch.from_numpy(rng.uniform(size=(8, *shape)).astype(np.float32))
    x = torch.from_numpy(domain.restore(u.numpy()))
    y = torch.arange(8) % 3
    torch.testing.assert_close(model.posterior(x, y).mean, plain.posterior(u, y).mean)
    z = torch.randn(4, 8, 2)
    px, pu = model.likelihood(z, y), plain.likelihood(z, y)
    each = math.prod(shape[1:])
    volume = each * sum(math.log(s) for s in scale)  # in float64, from scratch
    assert domain.log_volume == pytest.approx(volume)
    torch.testing.assert_close(px.log_prob(x), pu.log_prob(u) - volume, rtol=2e-4, atol=2e-3)
    np.testing.assert_allclose(
        px.mean.detach(), domain.restore(pu.mean.detach().numpy()), atol=1e-4
    )
    torch.manual_seed(1)
    drawn = px.sample()
    torch.manual_seed(1)
    np.testing.assert_allclose(drawn, domain.restore(pu.sample().numpy()), atol=1e-4)


def test_a_gaussian_has_the_density_of_scipy_in_the_units_of_x(small: Small) -> None:
    data = wine()
    domain = small(likelihood="gaussian").domain(data)
    model = build(small(likelihood="gaussian", sigma=0.3), domain).double()
    z = torch.randn(20, 2, dtype=torch.float64)
    x = torch.from_numpy(data.x[:20]).double()
    with torch.no_grad():
        found = model.likelihood(z).log_prob(x)
        h = model.decoder(z).squeeze(1).numpy()
    location, scale = np.array(domain.location), np.array(domain.scale)
    expected = stats.norm(location + scale * h, 0.3 * scale).logpdf(x).sum(1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_resumed_run_equals_the_whole_run_bit_for_bit(small: Small) -> None:
    config, data = small(likelihood="gaussian-per-dimension", prior="vamp"), wine()
    whole = list(train(config, data))[-1]
    assert isinstance(whole, Snapshot)

    trainer = Trainer(config, data)
    half = next(e for e in trainer.run(lambda step: Control()) if isinstance(e, Report) and e.step)
    start = snapshot_of(trainer.state, 0.0, None)
    assert half.step == start.step < whole.step
    saved = domain_of(json.loads(json.dumps(head(config, data))))
    rest = list(train(config, data, start=start, domain=saved))[-1]
    assert isinstance(rest, Snapshot)
    assert whole.arrays.keys() == rest.arrays.keys()
    for name, array in whole.arrays.items():
        np.testing.assert_array_equal(array, rest.arrays[name], err_msg=name)


@each("changed", [{}, {"prior": "vamp"}, {"likelihood": "gaussian"}, {"objective": "iwae"}])
def test_the_unit_of_x_changes_no_weight_and_no_conclusion(
    small: Small, changed: dict[str, Any]
) -> None:
    config = small(**{"likelihood": "gaussian-per-dimension", "epochs": 1} | changed)
    power = 20
    one, two = wine(), wine(2.0**power)
    (model, reports), (other, others) = trained(config, one), trained(config, two)
    for (name, a), b in zip(model.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    volume = 13 * power * math.log(2)
    for a, b in zip(reports, others, strict=True):
        assert a.elbo is not None
        assert b.elbo == pytest.approx(a.elbo - volume, abs=2e-3)
        assert a.kl == b.kl
    rows = config.divide(one).test
    records = [
        evaluate(m, Batches(data, rows, config, CPU), elbo_samples=4, nll_samples=20)
        for m, data in ((model, one), (other, two))
    ]
    assert records[1].nll == pytest.approx(records[0].nll + volume, abs=2e-3)
    assert records[1].ess == pytest.approx(records[0].ess, rel=1e-3)
    assert records[1].active_units == records[0].active_units


def test_a_shift_of_every_column_changes_no_conclusion(small: Small) -> None:
    config = small(likelihood="gaussian-learned", epochs=2)
    one, two = wine(), wine(shift=2.0**19)
    first, second = (config.domain(data) for data in (one, two))
    assert first.scale == second.scale
    u, v = first.rescale(one.x), second.rescale(two.x)
    np.testing.assert_allclose(u, v, atol=1e-6)
    (_, reports), (_, others) = trained(config, one), trained(config, two)
    for a, b in zip(reports, others, strict=True):
        assert b.elbo == pytest.approx(a.elbo, abs=1e-3)


def test_baselines_are_in_the_units_of_x(small: Small) -> None:
    """The best constant of a Gaussian with one σ for each column, in closed form."""
    config, data = small(likelihood="gaussian-per-dimension"), wine()
    splits = config.divide(data)
    fitted, held = (data.x[rows].astype(np.float64) for rows in (splits.train, splits.test))
    mean, sd = fitted.mean(0), fitted.std(0)
    nats = (0.5 * ((held - mean) / sd) ** 2 + np.log(sd) + 0.5 * math.log(2 * math.pi)).sum(1)
    assert baseline(data, config, "gaussian-per-dimension").nats == pytest.approx(
        nats.mean(), abs=1e-3
    )
    raw = baseline(data, small(data_scale="none"), "gaussian-per-dimension")
    assert raw.nats == pytest.approx(nats.mean(), abs=1e-2)


def test_a_manifest_rebuilds_the_rescaling_and_an_old_one_has_none(
    small: Small, tmp_path: Path
) -> None:
    config, data = small(likelihood="gaussian"), wine()
    saved = json.loads(json.dumps(head(config, data)))
    assert domain_of(saved) == config.domain(data)
    del saved["data"]["location"], saved["data"]["scale"], saved["config"]["data_scale"]
    (tmp_path / "config.json").write_text(json.dumps(saved))
    old = read_head(tmp_path)
    assert domain_of(old) == RunConfig.of(**old["config"]).domain(data)
    assert domain_of(old).scale == ()
    saved["data"] |= {"location": [0.0], "scale": [1.0]}  # of 13 columns
    (tmp_path / "config.json").write_text(json.dumps(saved))
    with pytest.raises(ValueError, match="damaged"):
        read_head(tmp_path)


@each(
    ("settings", "words"),
    [
        ({"likelihood": "bernoulli", "data_scale": "minmax"}, "likelihood continuous-"),
        (
            {"likelihood": "continuous-bernoulli", "data_scale": "standardise"},
            "likelihood gauss",
        ),
        ({"likelihood": "logistic", "data_scale": "standardise"}, "or data_scale none"),
        (
            {"likelihood": "gaussian", "binarize": "threshold", "data_scale": "minmax"},
            "or binarize",
        ),
    ],
)
def test_a_rescaling_that_does_not_suit_the_likelihood_is_refused(
    settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        RunConfig.of(**settings)


def test_distances_and_noise_are_those_of_rescaled_columns(small: Small) -> None:
    data = wine()
    domain = small(likelihood="gaussian").domain(data)
    noisy = corrupted(data.x, {"gaussian": {"sd": 0.5}}, 0, domain)
    spread = (noisy - data.x).std(0) / data.x.std(0)
    np.testing.assert_allclose(spread, 0.5, rtol=0.25)
    assert squared_error(noisy, data.x, domain).mean() == pytest.approx(0.25, rel=0.1)


def test_wine_reaches_its_elbo_with_a_learned_sigma() -> None:
    """About −16 nats in standardised units, on the validation examples."""
    config = RunConfig.of(likelihood="gaussian-learned", epochs=80, frames=0, device="cpu")
    data = wine()
    reports = [e for e in train(config, data) if isinstance(e, Report) and e.split == "val"]
    best = max(r.elbo for r in reports if r.elbo is not None)
    assert best + config.domain(data).log_volume == pytest.approx(-16.3, abs=1.0)


def test_a_learned_sigma_that_is_no_number_is_named(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss of the step that breaks it is still finite."""
    trainer = Trainer(small(likelihood="gaussian-learned"), wine())
    (log_var,) = trainer.state.model._likelihood.parameters()

    def breaking_step(state: State, rows: torch.Tensor) -> None:
        train_step(state, rows)
        log_var.data.fill_(math.nan)

    monkeypatch.setattr("vae.training.trainer.train_step", breaking_step)
    with pytest.raises(FloatingPointError, match=r"the σ is not finite at step 1\."):
        list(trainer.run(lambda step: Control()))


def test_large_values_are_named_as_the_cause(small: Small) -> None:
    for factor, step in ((1e4, 0), (1.0, None)):
        raw = small(likelihood="gaussian-learned", data_scale="none", epochs=60)
        with pytest.raises(FloatingPointError, match="Choose data_scale standardise") as told:
            list(train(raw, wine(factor)))
        assert "learning rate" not in str(told.value)
        assert step is None or f"at step {step}." in str(told.value)


def test_latents_open_on_uncorrelated_columns_with_a_learned_sigma(small: Small) -> None:
    """σ = 1 would be the best constant model of standardised columns without correlation: a model
    that began there kept all latents closed."""
    for likelihood in ("gaussian-learned", "gaussian-per-dimension"):
        config = small(data="mixture", likelihood=likelihood, epochs=15, batch_size=64, lr=1e-2)
        data = config.load_data()
        reports = [e for e in train(config, data) if isinstance(e, Report) and e.split == "val"]
        constant = baseline(data, config, likelihood).nats
        assert constant is not None
        assert max(r.elbo for r in reports if r.elbo is not None) > -constant + 0.1
