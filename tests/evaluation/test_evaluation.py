"""Evaluation: closed forms, determinism, and a reason for every undefined value.

A linear model with a Gaussian likelihood has an exact ln p(x): x ~ N(b, W Wᵀ + σ² I).
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from tests.tables import SINGLE
from vae.base.progress import Cancelled
from vae.base.records import Domain
from vae.batches import Batches
from vae.components.likelihoods import LIKELIHOODS
from vae.config import RunConfig
from vae.data import Dataset, load
from vae.evaluation import (
    active_interval,
    active_units,
    bound,
    disentanglement,
    evaluate,
    extended,
    factor_sets,
    inputs,
    log_likelihood,
    log_weights,
)
from vae.evaluation.measures import MEASURES, STATISTICS, TABLES, json_keys
from vae.evaluation.probes import wilson
from vae.evaluation.reading import reasons
from vae.model import VAE, build

CPU = torch.device("cpu")
D, SIGMA = 6, 0.5
FULL = [
    name
    for key, row in {**MEASURES, **TABLES}.items()
    if "full" in row.needs
    for name in row.keys(key)
]


@pytest.fixture
def data(toy: Callable[..., Dataset]) -> Dataset:
    return toy(300, (D,), bytes_=False)


@pytest.fixture
def model(tiny: Callable[..., VAE]) -> VAE:
    """Return a linear Gaussian model with two latents and an untrained q."""
    model = tiny((D,), network="linear", likelihood="gaussian", sigma=SIGMA)
    with torch.no_grad():
        model.decoder[0].weight.mul_(0.8)
    return model


def batches(data: Dataset, binarize: str = "none") -> Batches:
    return Batches(data, np.arange(len(data.x)), RunConfig.of(binarize=binarize), CPU)


def exact(model: VAE, x: np.ndarray) -> np.ndarray:
    """ln N(x; b, W Wᵀ + σ² I) of the linear model, (N,)."""
    weight = model.decoder[0].weight.detach().double().numpy()
    bias = model.decoder[0].bias.detach().double().numpy()
    covariance = weight @ weight.T + SIGMA**2 * np.eye(D)
    return stats.multivariate_normal(bias, covariance).logpdf(x.astype(np.float64))


def best_posterior(model: VAE) -> None:
    """Set the linear encoder to the exact posterior. Its covariance must be diagonal."""
    weight = model.decoder[0].weight.detach().double()
    left, scale, _ = torch.linalg.svd(weight, full_matrices=False)
    weight = left * scale  # orthogonal columns: the exact posterior factorises
    precision = scale**2 / SIGMA**2 + 1
    mean = (weight / SIGMA**2 / precision).T  # (Z, D)
    with torch.no_grad():
        model.decoder[0].weight.copy_(weight)
        encoder = model.encoder[1]
        encoder.weight.copy_(torch.cat([mean, torch.zeros_like(mean)]))
        bias = -mean @ model.decoder[0].bias.double()
        encoder.bias.copy_(torch.cat([bias, -precision.log()]))


def test_the_bound_is_tight_where_the_posterior_is_exact(model: VAE, data: Dataset) -> None:
    best_posterior(model)
    truth = exact(model, data.x).mean()
    record = evaluate(model, batches(data), elbo_samples=200, nll_samples=7)
    assert record.elbo == pytest.approx(truth, abs=0.02)
    assert -record.nll == pytest.approx(truth, abs=1e-4)  # every weight is p(x) itself


def test_the_terms_equal_their_closed_forms(model: VAE, data: Dataset) -> None:
    """E_q of a Gaussian's log density: the squared error grows by tr(W diag(s²) Wᵀ)."""
    record = evaluate(model, batches(data), elbo_samples=400)
    with torch.no_grad():
        q = model.posterior(torch.from_numpy(data.x))
        mu, var = q.mean.double().numpy(), (q.stddev**2).double().numpy()
        weight = model.decoder[0].weight.double().numpy()
        seen = mu @ weight.T + model.decoder[0].bias.double().numpy()
    squares = ((data.x - seen) ** 2).sum(1) + var @ (weight**2).sum(0)
    error = squares / (2 * SIGMA**2) + D * (math.log(SIGMA) + 0.5 * math.log(2 * math.pi))
    assert record.reconstruction == pytest.approx(error.mean(), abs=0.02)
    kl = 0.5 * (mu**2 + var - np.log(var) - 1)
    np.testing.assert_allclose(record.kl_per_dimension, kl.mean(0), rtol=1e-5)
    assert record.kl == pytest.approx(kl.sum(1).mean(), rel=1e-5)
    assert record.elbo == pytest.approx(-(record.reconstruction + record.kl), rel=1e-12)
    assert record.examples == 300


def test_importance_sampling_reaches_the_exact_value(model: VAE, data: Dataset) -> None:
    """With a posterior a fifth too narrow: close at K = 100, and never above in expectation.

    A forgotten -ln K would be off by 4.6.
    """
    best_posterior(model)
    with torch.no_grad():
        model.encoder[1].bias[2:] += 2 * math.log(0.8)
    truth = exact(model, data.x).mean()
    gaps = [
        truth + evaluate(model, batches(data), elbo_samples=1, nll_samples=k).nll
        for k in (1, 10, 100)
    ]
    assert gaps[0] > gaps[1] > gaps[2] - 0.005
    assert abs(gaps[2]) < 0.02
    assert gaps[0] > 0.03


def test_one_importance_sample_gives_the_elbo(tiny: Callable[..., VAE], data: Dataset) -> None:
    model = tiny((D,))
    record = evaluate(model, batches(data), elbo_samples=100, nll_samples=1)
    assert record.nll == pytest.approx(-record.elbo, abs=0.05)


def test_the_number_of_portions_does_not_change_the_result(
    model: VAE, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    best_posterior(model)
    x = torch.from_numpy(data.x[:50])
    for pairs in (50, 170, 4096):
        monkeypatch.setattr(bound, "PAIRS", pairs)
        for samples in (1, 3, 10):
            got = log_likelihood(model, x, samples).detach()
            np.testing.assert_allclose(got, exact(model, data.x[:50]), atol=1e-4)
            assert sum(bound._portions(samples, 50, pairs)) == samples


@pytest.mark.parametrize("binarize", ["none", "stochastic"])
def test_an_evaluation_is_deterministic_and_has_no_side_effects(
    tiny: Callable[..., VAE], data: Dataset, binarize: str
) -> None:
    model = tiny((D,))
    before = torch.get_rng_state()
    first = evaluate(model, batches(data, binarize), nll_samples=3)
    torch.randn(5)
    assert evaluate(model, batches(data, binarize), nll_samples=3) == first
    assert evaluate(model, batches(data, binarize), nll_samples=3, seed=1) != first
    torch.set_rng_state(before)
    evaluate(model, batches(data))
    assert torch.equal(torch.get_rng_state(), before)


def test_every_example_counts_once(tiny: Callable[..., VAE], toy: Callable[..., Dataset]) -> None:
    """600 examples are two chunks of 256 and one of 88."""
    data = toy(600, (D,), bytes_=False)
    model = tiny((D,))
    record = evaluate(model, batches(data), elbo_samples=50)
    with torch.no_grad():
        x = torch.from_numpy(data.x)
        out = model(x, 50)
        error = float(-out.px.log_prob(x).mean())
    assert record.reconstruction == pytest.approx(error, abs=0.01)


def test_more_samples_reduce_the_noise(tiny: Callable[..., VAE], data: Dataset) -> None:
    model = tiny((D,))

    def spread(samples: int) -> float:
        runs = [evaluate(model, batches(data), elbo_samples=samples, seed=s) for s in range(12)]
        return float(np.std([run.reconstruction for run in runs]))

    assert spread(1) > 3 * spread(50)


def test_progress_is_reported() -> None:
    seen: list[float] = []
    x = np.zeros((600, 2), np.float32)
    model = build(RunConfig.of(network="linear"), Domain((2,)))
    evaluate(model, batches(Dataset("zeros", x, 1.0)), progress=seen.append)
    assert seen == sorted(seen)
    assert (len(seen), seen[-1]) == (3, 1.0)


def test_active_units_are_counted_by_their_variance() -> None:
    means = torch.zeros(400, 3)
    means[:, 0] = torch.linspace(-1, 1, 400)  # variance 1/3
    means[:, 1] = torch.linspace(-0.1, 0.1, 400)  # variance .0033
    means[:, 2] = 7.0
    assert active_units(means) == 1
    means[:, 1] *= 2  # .0133
    assert active_units(means) == 2


def test_clearly_active_units_have_a_degenerate_interval() -> None:
    rng = np.random.default_rng(0)
    means = torch.from_numpy(rng.normal(0, [2.0, 0.3, 0.02, 0.0], (500, 4)))
    assert active_interval(means) == (2, 2)
    assert active_interval(means[:1]) is None
    noise = torch.tensor([4.0, 0.0, 0.0, 0.0]).expand(500, 4)  # all that the first one has
    assert active_interval(means, noise)[0] == 1


@pytest.mark.parametrize("latents", [1, 8, 40])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("noisy", [False, True])
def test_the_interval_of_active_units_covers_the_number_of_all(
    latents: int, share: float, noisy: bool
) -> None:
    """Some latents have a variance just above 0.01 and the others just below, where the count errs
    most. If all are above, none may be missed."""
    above = (np.arange(latents) < share * latents).astype(float)
    variance, own = 0.01 + 0.0002 * (above - 0.5), 0.02 * noisy
    truth, held, counted, widths = int(above.sum()), 0, 0, []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        means = torch.from_numpy(rng.normal(0, np.sqrt(variance + own), (1000, latents)))
        noise = torch.full_like(means, own)
        count, (low, high) = active_units(means, noise), active_interval(means, noise)
        assert 0 <= low <= count <= high <= latents
        held += low <= truth <= high
        counted += count == truth
        widths.append(high - low)
    assert held >= 90
    assert np.mean(widths) > 0.8 * latents
    assert latents == 1 or counted < 60


def test_more_examples_narrow_the_interval_of_active_units() -> None:
    rng, spread = np.random.default_rng(1), np.sqrt(np.linspace(0.004, 0.016, 12))
    widths = []
    for n in (100, 1000, 10_000):
        low, high = active_interval(torch.from_numpy(rng.normal(0, spread, (n, 12))))
        assert low <= 6 <= high
        widths.append(high - low)
    assert widths[0] > widths[1] >= widths[2]
    assert widths[2] <= 2


@pytest.mark.parametrize(
    ("values", "why"),
    [({"elbo_samples": 0}, "at least 1 ELBO sample"), ({"nll_samples": -1}, "0 or more")],
)
def test_invalid_numbers_of_samples_raise_a_sentence(
    tiny: Callable[..., VAE], data: Dataset, values: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        evaluate(tiny((D,)), batches(data), **values)


def test_no_examples_raise_a_sentence(tiny: Callable[..., VAE], data: Dataset) -> None:
    with pytest.raises(ValueError, match="no example to evaluate on: choose another split"):
        evaluate(tiny((D,)), Batches(data, np.arange(0), RunConfig.of(), CPU))


# ── what is not there has a reason


def test_every_undefined_value_has_a_reason(tiny: Callable[..., VAE], data: Dataset) -> None:
    models = [
        tiny((D,)),
        tiny((D,), levels=256),
        tiny((D,), likelihood="gaussian"),
        tiny((D,), posterior="point", objective="reconstruction"),
        tiny((D,), posterior="point", objective="reconstruction", likelihood="gaussian"),
    ]
    for model in models:
        for binarize in ("none", "threshold"):
            for samples in (0, 2):
                record = evaluate(model, batches(data, binarize), nll_samples=samples)
                for name, value in record.as_json().items():
                    if value is None:
                        assert record.notes[name].endswith("."), name
                    elif name != "nll":
                        assert name not in record.notes


def test_a_point_posterior_has_only_its_reconstruction(
    tiny: Callable[..., VAE], data: Dataset
) -> None:
    model = tiny((D,), posterior="point", objective="reconstruction")
    record = evaluate(model, batches(data), nll_samples=5)
    assert record.elbo is record.kl is record.nll is record.active_units is None
    assert record.kl_per_dimension is record.nll_samples is None
    with torch.no_grad():
        x = torch.from_numpy(data.x)
        error = float(-model(x, 0).px.log_prob(x).mean())
    assert record.reconstruction == pytest.approx(error, rel=1e-5)


def test_a_codebook_has_its_use_over_all_examples(tiny: Callable[..., VAE], data: Dataset) -> None:
    """Against scipy's entropy of all nearest codes; other posteriors do not mention a codebook."""
    free = {"objective": "reconstruction", "latent_dim": 4}
    model = tiny((D,), posterior="quantised", codes=9, code_groups=2, **free)
    record = evaluate(model, batches(data))
    with torch.no_grad():
        z = model.posterior(torch.from_numpy(data.x)).mean.numpy().reshape(len(data.x), 2, 2)
    book = model.codes.codebook.numpy()
    near = ((z[:, :, None] - book) ** 2).sum(-1).argmin(-1)  # (N, G)
    counts = [np.bincount(near[:, g], minlength=9) for g in range(2)]
    entropies = [stats.entropy(count) for count in counts]
    assert record.code_entropy == pytest.approx(sum(entropies), rel=1e-9)
    assert record.perplexity == pytest.approx(math.exp(sum(entropies) / 2), rel=1e-9)
    assert record.unused_codes == sum((count == 0).sum() for count in counts)
    assert "2 ln 9" in record.notes["code_entropy"]
    assert "uniform prior" in record.notes["kl"]
    plain = evaluate(tiny((D,)), batches(data))
    assert plain.perplexity is None
    undefined = {key for keys in reasons(plain, json_keys()).values() for key in keys}
    assert "nll" in undefined
    assert "perplexity" not in undefined


def test_a_bernoulli_has_bits_for_binary_values_only(
    tiny: Callable[..., VAE], data: Dataset
) -> None:
    model = tiny((D,))
    record = evaluate(model, batches(data, "threshold"), nll_samples=10)
    assert record.bits_per_dimension == pytest.approx(record.nll / (D * math.log(2)), rel=1e-12)
    assert record.bits_per_dimension_se == pytest.approx(record.nll_se / (D * math.log(2)))
    assert "likelihood" not in record.notes
    plain = evaluate(model, batches(data, "threshold"))
    assert plain.bits_per_dimension == pytest.approx(-plain.elbo / (D * math.log(2)), rel=1e-12)
    grey = evaluate(tiny((D,), levels=256), batches(data), nll_samples=10)
    assert grey.bits_per_dimension is grey.nll is grey.nll_samples is None
    assert grey.elbo is not None
    for name in ("likelihood", "nll"):
        assert "cross-entropy" in grey.notes[name]


@pytest.mark.parametrize("name", SINGLE)
def test_only_probabilities_have_bits(
    name: str, tiny: Callable[..., VAE], toy: Callable[..., Dataset]
) -> None:
    row = LIKELIHOODS[name]
    levels = 256 if row.support == "levels" else 2
    config = RunConfig.of(binarize="none" if levels == 256 else "threshold")
    seen = Batches(toy(50, (D,)), np.arange(50), config, CPU)
    record = evaluate(tiny((D,), levels=levels, likelihood=name), seen, elbo_samples=2)
    if row.discrete:
        assert record.bits_per_dimension == pytest.approx(-record.elbo / (D * math.log(2)))
    else:
        assert record.bits_per_dimension is None
        assert "no probability" in record.notes["bits_per_dimension"]


# ── how sure a number is


def drawn_from(model: VAE, seed: int, count: int) -> Batches:
    """Return examples drawn from the linear model."""
    rng = np.random.default_rng(seed)
    weight, bias = (p.detach().numpy() for p in (model.decoder[0].weight, model.decoder[0].bias))
    x = rng.standard_normal((count, 2)) @ weight.T + bias
    x += SIGMA * rng.standard_normal(x.shape)
    return batches(Dataset("own", x.astype(np.float32), 1.0))


def narrowed(model: VAE, factor: float) -> None:
    best_posterior(model)
    with torch.no_grad():
        model.encoder[1].bias[2:] += 2 * math.log(factor)


def test_intervals_cover_the_exact_value(model: VAE) -> None:
    """E ln p(x) is minus the entropy of N(b, W Wᵀ + σ² I); with an sd r times the best, the ELBO
    is Z (½ (r² − 1) − ln r) below. Of 100 intervals of 95 % some five miss."""
    r = 0.8
    narrowed(model, r)
    weight = model.decoder[0].weight.detach().double().numpy()
    entropy = stats.multivariate_normal(
        np.zeros(D), weight @ weight.T + SIGMA**2 * np.eye(D)
    ).entropy()
    below = 2 * (0.5 * (r**2 - 1) - math.log(r))
    covered = {"elbo": 0, "nll": 0}
    for seed in range(100):
        seen = drawn_from(model, seed, 80)
        record = evaluate(model, seen, elbo_samples=1, nll_samples=100, seed=seed)
        covered["elbo"] += abs(record.elbo + entropy + below) < 1.96 * record.elbo_se
        covered["nll"] += abs(record.nll - entropy) < 1.96 * record.nll_se
    assert all(90 <= count <= 99 for count in covered.values()), covered


def test_standard_errors_are_over_the_examples(model: VAE, data: Dataset) -> None:
    best_posterior(model)
    truth = exact(model, data.x)
    record = evaluate(model, batches(data), elbo_samples=100, nll_samples=5)
    assert record.nll_se == pytest.approx(truth.std(ddof=1) / 300**0.5, rel=1e-3)
    assert record.elbo_se == pytest.approx(record.nll_se, rel=0.05)
    with torch.no_grad():
        q = model.posterior(torch.from_numpy(data.x))
        kl = torch.distributions.kl_divergence(q, model.prior()).double()
        each = torch.distributions.kl_divergence(q.base_dist, model.prior().base_dist).double()
    assert record.kl_se == pytest.approx(float(kl.std()) / 300**0.5, rel=1e-4)
    errors = each.numpy().std(0, ddof=1) / 300**0.5
    np.testing.assert_allclose(record.kl_per_dimension_se, errors, rtol=1e-4)
    spread = (record.reconstruction_se, record.kl_se)
    assert abs(spread[0] - spread[1]) < record.elbo_se < sum(spread)
    one = evaluate(model, batches(data._replace(x=data.x[:1])), nll_samples=5)
    assert one.elbo_se is one.nll_se is one.kl_se is one.reconstruction_se is None
    assert one.kl_per_dimension_se is one.active_units_interval is None
    assert "no spread" in one.notes["elbo_se"]
    assert "no spread" in one.notes["active_units_interval"]


def test_all_weights_of_the_exact_posterior_are_effective(model: VAE, data: Dataset) -> None:
    best_posterior(model)
    record = evaluate(model, batches(data), nll_samples=100)
    assert record.ess["mean"] == pytest.approx(100, rel=1e-4)
    assert record.ess["share"] == pytest.approx(1, rel=1e-4)
    assert record.ess["smallest"] == pytest.approx(1, rel=1e-4)
    assert "nll" not in record.notes


@pytest.mark.parametrize("samples", [100, 1000])
@pytest.mark.parametrize(
    ("factor", "warns"), [(0.9, False), (1.1, False), (0.5, True), (0.1, True)]
)
def test_a_too_narrow_posterior_is_detected(
    model: VAE, data: Dataset, factor: float, warns: bool, samples: int
) -> None:
    narrowed(model, factor)
    record = evaluate(model, batches(data), elbo_samples=1, nll_samples=samples)
    assert ("only an upper bound" in record.notes.get("nll", "")) == warns
    assert warns or "nll" not in record.notes


def test_a_bias_beyond_the_standard_error_has_a_caution(model: VAE) -> None:
    """Twice too wide: (4 / √7)² = 2.3 times as many samples are needed."""
    narrowed(model, 2.0)
    seen = drawn_from(model, 0, 3000)
    far = evaluate(model, seen, elbo_samples=1, nll_samples=100)
    assert far.ess["share"] == pytest.approx(7 / 16, rel=0.05)
    assert "nll" not in far.notes
    few = evaluate(model, seen, elbo_samples=1, nll_samples=10)
    assert "fewer than 100 samples" in few.notes["nll"]


# ── the full evaluation


@pytest.fixture(scope="module")
def moons() -> Dataset:
    return load("moon-phases", examples=150, options={"size": 8})


def full(model: VAE, data: Dataset, **more: Any) -> Any:
    more = {"labels": data.labels, "training": batches(data)} | more
    return evaluate(model, batches(data), elbo_samples=1, full=True, **more)


def test_a_full_evaluation_has_every_value(
    tiny: Callable[..., VAE], moons: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(factor_sets, "SETS", {"train": 100, "test": 100})
    model = tiny((1, 8, 8), levels=256)
    record = full(model, moons, factors=moons.factors)
    assert full(model, moons, factors=moons.factors) == record
    parts = record.mutual_information + record.aggregate_kl
    assert parts == pytest.approx(record.kl, abs=5 * record.aggregate_kl_se + 1e-3)
    assert record.mutual_information_se > 0
    assert set(record.probes) == {"linear", "knn", "chance"}
    assert record.disentanglement["beta_vae"]["chance"] == 0.5
    assert record.fidelity.keys() == STATISTICS.keys()
    assert list(record.values) == json_keys()
    assert set(FULL) & set(record.notes) == {"fidelity"}
    plain = evaluate(model, batches(moons), elbo_samples=1)
    assert plain.elbo == record.elbo
    assert all(getattr(plain, name) is None and "--full" in plain.notes[name] for name in FULL)


@pytest.mark.parametrize(
    ("posterior", "why"), [("point", "no density"), ("flow", "takes too long")]
)
def test_a_measure_that_a_posterior_does_not_allow_has_a_reason(
    tiny: Callable[..., VAE], data: Dataset, posterior: str, why: str
) -> None:
    objective = {"objective": "reconstruction"} if posterior == "point" else {}
    record = full(tiny((D,), posterior=posterior, **objective), data)
    assert record.mutual_information is record.aggregate_kl_se is record.disentanglement is None
    assert why in record.notes["mutual_information"]
    assert "no known factors" in record.notes["disentanglement"]
    assert record.probes["linear"]["value"] > 0
    unlabelled = full(tiny((D,)), data._replace(labels=None))
    assert unlabelled.probes is None
    assert "no labels" in unlabelled.notes["probes"]


@pytest.mark.parametrize("prior", ["mixture", "vamp", "flow"])
def test_the_aggregate_kl_is_defined_for_every_prior(
    tiny: Callable[..., VAE], data: Dataset, prior: str
) -> None:
    record = full(tiny((D,), prior=prior, posterior="full"), data._replace(labels=None))
    parts = record.mutual_information + record.aggregate_kl
    assert parts == pytest.approx(record.kl, abs=0.2)


def test_mutual_information_near_its_maximum_has_a_caution(model: VAE, data: Dataset) -> None:
    narrowed(model, 0.001)
    record = full(model, data._replace(labels=None))
    assert record.mutual_information == pytest.approx(math.log(300), abs=0.1)
    assert "ln 300" in record.notes["mutual_information"]


def test_many_examples_are_subsampled_with_a_note(
    tiny: Callable[..., VAE], data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extended, "EXAMINED", 200)
    record = full(tiny((D,)), data)
    assert "On 200 of the examples" in record.notes["probes"]
    hits = round(200 * record.probes["linear"]["value"])
    assert record.probes["linear"] == wilson(hits, 200)._asdict()


# ── how good samples are


def test_samples_of_the_true_model_have_the_quality_of_real_examples(model: VAE) -> None:
    """Without the noise of p(x|z) the squared distance of N(b, W Wᵀ) and N(b, W Wᵀ + σ² I) is Σ
    (√(λ + σ²) − √λ)²."""
    seen = drawn_from(model, 0, 2000)
    record = evaluate(model, seen, elbo_samples=1, full=True, training=drawn_from(model, 1, 2000))
    weight = model.decoder[0].weight.detach().double().numpy()
    values = np.linalg.eigvalsh(weight @ weight.T).clip(0)
    exact = ((np.sqrt(values + SIGMA**2) - np.sqrt(values)) ** 2).sum()
    row = record.fidelity["squared_frechet"]
    assert row["low"] <= exact <= row["high"]
    assert row["value"] == pytest.approx(exact, rel=0.1)
    assert row["reference"] < 0.05 * exact
    assert (
        "2,000 samples, the means E[x|z], z ~ p(z), against 2,000 examples in 6 "
        in record.notes["fidelity"]
    )
    assert "(100 % of their variance), 5 neighbours" in record.notes["fidelity"]


def test_binary_data_are_compared_with_draws(
    tiny: Callable[..., VAE], toy: Callable[..., Dataset]
) -> None:
    """Means of an untrained decoder are near ½. Its draws are binary noise, like the data here."""
    noise = np.random.default_rng(0).integers(2, size=(400, 1, 4, 4)).astype(np.uint8) * 255
    data = toy(400)._replace(x=noise)
    model = tiny(levels=2)
    with torch.no_grad():
        for weight in model.decoder.parameters():
            weight.zero_()
    record = full(model, data)
    assert "400 samples, draws of p(x|z)" in record.notes["fidelity"]
    row = record.fidelity["squared_frechet"]
    assert row["value"] < 0.1
    assert record.fidelity["coverage"]["value"] > 0.9
    grey = full(tiny(levels=256), toy(400))
    assert "400 samples, the means E[x|z]" in grey.notes["fidelity"]


def test_a_conditional_model_samples_the_classes_of_the_examples(
    tiny: Callable[..., VAE], toy: Callable[..., Dataset]
) -> None:
    """Decoder and data have a separate grey for each class, in unequal shares."""
    shades, counts = np.array([0.1, 0.5, 0.9]), (240, 100, 60)
    labels = np.repeat(np.arange(3), counts)
    x = np.broadcast_to(shades[labels, None, None, None], (400, 1, 4, 4))
    grey = np.random.default_rng(0).normal(x, 0.01).astype(np.float32)
    data = toy(400)._replace(x=grey, scale=1.0, labels=labels)
    config = RunConfig.of(condition="labels", likelihood="gaussian")
    seen = Batches(data, np.arange(400), config, CPU)
    model = tiny((1, 4, 4), levels=0, condition="labels", network="linear", likelihood="gaussian")
    with torch.no_grad():
        model.decoder[0].weight.zero_()
        model.decoder[0].bias.zero_()
        model.decoder[0].weight[:, -3:] = torch.from_numpy(shades).float()
    record = evaluate(model, seen, elbo_samples=1, full=True, labels=labels, training=seen)
    row = record.fidelity["squared_frechet"]
    assert row["value"] == pytest.approx(16 * 0.01**2, abs=0.01)  # the noise that means leave out


def test_undefined_sample_quality_has_a_reason(tiny: Callable[..., VAE], data: Dataset) -> None:
    point = tiny((D,), posterior="point", objective="reconstruction")
    reasons = {
        "no p(z) to draw samples from": full(point, data),
        "No training examples were given": full(tiny((D,)), data, training=None),
        "here are 60 and 300": evaluate(
            tiny((D,)),
            batches(data._replace(x=data.x[:60])),
            elbo_samples=1,
            full=True,
            training=batches(data),
        ),
    }
    for reason, record in reasons.items():
        assert record.fidelity is None
        assert reason in record.notes["fidelity"]


def test_non_finite_samples_have_no_sample_quality(
    tiny: Callable[..., VAE], data: Dataset
) -> None:
    model = tiny((D,), network="linear", likelihood="gaussian")
    with torch.no_grad():
        model.decoder[0].bias.fill_(math.inf)
    record = full(model, data)
    assert record.fidelity is None
    assert "not finite" in record.notes["fidelity"]


def test_the_note_of_sample_quality_describes_the_compared_samples(
    tiny: Callable[..., VAE], data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extended, "COMPARED", 120)
    monkeypatch.setattr(extended, "CHUNK", 50)  # more than one, and no divisor
    record = full(tiny((D,), levels=0, likelihood="gaussian"), data)
    assert (
        "120 samples, the means E[x|z], z ~ p(z), against 120 examples" in record.notes["fidelity"]
    )
    assert "of 300 training examples" in record.notes["fidelity"]


# ── progress of all of it


def kinds(tiny: Callable[..., VAE], data: Dataset, moons: Dataset) -> dict[str, Any]:
    """Return models of every kind, each with its examples."""
    told = Batches(data, np.arange(300), RunConfig.of(condition="labels"), CPU)
    return {
        "image": (tiny((1, 8, 8), levels=256), batches(moons), moons, {"factors": moons.factors}),
        "vector": (tiny((D,), likelihood="gaussian"), batches(data), data, {}),
        "point": (
            tiny((D,), posterior="point", objective="reconstruction"),
            batches(data),
            data,
            {},
        ),
        "conditional": (tiny((D,), condition="labels"), told, data, {}),
        "flow": (tiny((D,), posterior="flow"), batches(data), data, {}),
    }


@pytest.mark.parametrize("kind", ["image", "vector", "point", "conditional", "flow"])
def test_progress_never_decreases_and_ends_at_one(
    kind: str,
    tiny: Callable[..., VAE],
    data: Dataset,
    moons: Dataset,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(factor_sets, "SETS", {"train": 100, "test": 100})
    model, seen, of, more = kinds(tiny, data, moons)[kind]
    told: list[float] = []
    record = evaluate(
        model,
        seen,
        elbo_samples=1,
        nll_samples=3,
        full=True,
        labels=of.labels,
        training=seen,
        progress=told.append,
        **more,
    )
    assert told == sorted(told)
    assert 0 < told[0] < 0.9
    assert told[-1] == 1.0
    assert len(told) > 10
    for name in FULL:
        assert (getattr(record, name) is None) <= (name in record.notes), name
    assert (record.fidelity is None) == (kind == "point")


def test_progress_is_reported_for_every_portion(
    tiny: Callable[..., VAE], data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many importance samples of one chunk take long, so each portion reports progress."""
    monkeypatch.setattr(bound, "PAIRS", 300)
    told: list[float] = []
    config = RunConfig.of(binarize="threshold")
    seen = Batches(data, np.arange(300), config, CPU)
    evaluate(tiny((D,)), seen, elbo_samples=2, nll_samples=8, progress=told.append)
    assert told == sorted(told)
    assert len(told) == 2 + 8 + 1 + 2  # of 256 examples one at a time, of 44 six
    assert told[-1] == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(np.diff(told[:10]), 256 / 3000, rtol=1e-6)


def test_an_evaluation_can_be_cancelled_at_every_report(
    tiny: Callable[..., VAE], moons: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(factor_sets, "SETS", {"train": 20, "test": 20})
    monkeypatch.setattr(disentanglement, "HALVES", 2)
    model, calls = tiny((1, 8, 8), levels=256), 0
    told: list[float] = []
    full(model, moons, factors=moons.factors, progress=told.append)
    before = torch.get_rng_state()
    places = np.unique(np.linspace(0, len(told) - 1, 10).astype(int))
    for place in places:
        calls = 0

        def stop(share: float, last: int = int(place)) -> None:
            nonlocal calls
            calls += 1
            if calls > last:
                raise Cancelled

        with pytest.raises(Cancelled):
            full(model, moons, factors=moons.factors, progress=stop)
        assert calls == place + 1
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("event", [(D,), (3, 64, 96)])
@pytest.mark.parametrize("full", [False, True])
def test_no_portion_is_long(
    event: tuple[int, ...],
    full: bool,
    tiny: Callable[..., VAE],
    toy: Callable[..., Dataset],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For any size of examples and number of samples, decoding between two reports takes at most a
    second on a slow machine."""
    model, decoded = tiny(event, levels=2), [0]
    plain, told = model.likelihood, []

    def counted(z: torch.Tensor, *given: torch.Tensor | None) -> Any:
        decoded[-1] += z.shape[:-1].numel() * math.prod(event)
        return plain(z, *given)

    def tell(share: float) -> None:
        told.append(share)
        decoded.append(0)

    monkeypatch.setattr(model, "likelihood", counted)
    monkeypatch.setattr(inputs, "pace", lambda model: 1e-5)
    seen = batches(toy(120, event), "threshold")
    samples = 20_000 if len(event) == 1 else 30
    more = {"full": True, "training": seen} if full else {}
    evaluate(model, seen, elbo_samples=1, nll_samples=samples, progress=tell, **more)
    assert told == sorted(told)
    assert max(decoded) <= 2 * bound.NUMBERS
    assert len(told) >= 120 * samples * math.prod(event) / bound.NUMBERS


@pytest.mark.parametrize("stop", [1, 2, 7])
def test_an_evaluation_can_be_cancelled_between_portions(
    stop: int, tiny: Callable[..., VAE], data: Dataset
) -> None:
    told: list[float] = []

    def tell(share: float) -> None:
        told.append(share)
        if len(told) == stop:
            raise Cancelled

    with pytest.raises(Cancelled):
        log_weights(tiny((D,)), torch.from_numpy(data.x[:256]), 20_000, progress=tell)
    assert len(told) == stop
    np.testing.assert_allclose(told, 16 / 20_000 * np.arange(1, stop + 1))
