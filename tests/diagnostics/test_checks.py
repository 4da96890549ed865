"""Diagnostic checks on fabricated reports: laws over every check, known outcomes, and every row of
every table. Then the statistics of real models, and the KL heatmap."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch

from tests.tables import each
from vae.analysis.loaded_run import LoadedRun
from vae.base.criterion import ELBO, RECONSTRUCTION
from vae.base.records import RESCALE, SLOWER
from vae.batches import Batches
from vae.components.posteriors import POSTERIORS
from vae.components.terms import reconstruction_error
from vae.config import TABLES, RunConfig
from vae.data import load
from vae.diagnostics.checks import CHECKS, diagnose
from vae.diagnostics.findings import (
    INACTIVE,
    Finding,
    Fix,
    ModelStats,
    NoFinding,
    Observations,
    validation_examples,
    with_fix,
)
from vae.diagnostics.latent_swap import EXAMPLES, model_stats
from vae.diagnostics.training_checks import FALL, LEAP, UNDONE, WORSE
from vae.diagnostics.training_stats import training_stats
from vae.figures.kl_heatmap import COLUMNS, kl_heatmap, kl_history
from vae.model import build
from vae.runs import Run

EPOCHS, STEPS = 80, 50  # of a fabricated run, and steps an epoch
FINE = ModelStats("test", 100, -20.0, 8.0, 0.5, 0.2, 0.3)
Report = dict[str, Any]


def reports(
    shape: str = "healthy",
    scale: float = 1.0,
    amount: float = 1.0,
    kl: tuple[float, ...] = (1.5, 1.0),
    lr: float = 2e-3,
    sigma: Any = None,
    beta: Any = lambda e: 1.0,
    splits: tuple[str, ...] = ("val", "train"),
    epochs: int = EPOCHS,
) -> list[Report]:
    """Return the reports of a run whose ELBO gains 20 nats × scale. `amount` is the size of its
    failure, as a share of that gain where the check uses shares."""
    rng = np.random.default_rng(0)
    found = []
    for e, split in itertools.product(range(epochs + 1), splits):
        gained = 1 - math.exp(-e / 6) + 1e-4 * rng.normal()
        late = max(0.0, 2 * e / max(epochs, 1) - 1)
        if shape == "overfitted":
            gained += amount * late * (-1 if split == "val" else 1)
        if shape == "leap" and e == round(0.7 * epochs):
            gained -= amount
        if shape == "jitter" and split == "val":
            gained += amount * rng.normal()
        if shape == "slow":
            gained = (1 - amount) * gained + amount * e / max(epochs, 1)
        elbo = scale * (20 * gained - 40)
        loss = scale * (40 + 20 * amount) if shape == "burst" and e == 1 else -elbo
        one = {"step": e * STEPS, "epoch": float(e), "split": split, "elbo": elbo, "loss": loss}
        one |= {"reconstruction": -elbo - sum(kl), "kl": sum(kl), "kl_per_dimension": list(kl)}
        one |= {"lr": lr, "beta": beta(e), "terms": {} if sigma is None else {"sigma": sigma(e)}}
        if e or split == "val":
            found.append(one)
    return found


def case(found: list[Report], measured: ModelStats | None = FINE, **settings: Any) -> Observations:
    config = RunConfig.of(**({"epochs": EPOCHS} | settings))
    return Observations(config, training_stats(found, config.best_by), "finished", "", measured)


def found(of: Observations) -> set[str]:
    return set(diagnose(of).findings)


def test_a_healthy_run_has_no_finding_and_lists_every_check() -> None:
    result = diagnose(case(reports()))
    assert result.findings == {}
    assert result.clear.keys() == CHECKS.keys()
    unlearned = ("variance_floor", "codebook_collapse", "wide_noise")  # of a σ and of codes
    assert all(q.checked for n, q in result.clear.items() if n not in unlearned)
    assert "8.00 ± 0.50 nats" in result.clear["ignored_latents"].sentence
    assert "2 of 2 latents" in result.clear["unused_latents"].sentence


def falling(rate: float) -> Any:
    return lambda e: max(math.exp(-7), math.exp(-rate * e))


ILL: dict[str, tuple[str, dict[str, Any], ModelStats | None, dict[str, Any]]] = {
    "overfitting": ("overfitting", {"shape": "overfitted", "amount": 0.3}, FINE, {}),
    "a leap": ("learning_rate", {"shape": "leap", "amount": 0.5}, FINE, {}),
    "jitter": ("learning_rate", {"shape": "jitter", "amount": 0.15}, FINE, {}),
    "a burst": ("learning_rate", {"shape": "burst", "amount": 1.0}, FINE, {}),
    "shut": ("posterior_collapse", {"kl": (1e-4, 2e-3)}, FINE, {}),
    "one off": ("unused_latents", {"kl": (1.0, 2e-3)}, FINE, {}),
    "deaf": ("ignored_latents", {}, FINE._replace(swap=0.01, swap_se=0.01), {}),
    "slow": ("undertrained", {"shape": "slow", "amount": 0.9}, FINE, {}),
    "floor": (
        "variance_floor",
        {"sigma": falling(0.2)},
        None,
        {"likelihood": "gaussian-learned"},
    ),
    "endless warm-up": (
        "unfinished_warmup",
        {"beta": lambda e: e / 400, "kl": (15.0, 14.0)},
        FINE,
        {"beta_schedule": "warmup:400"},
    ),
    "cheap KL": ("holes", {"beta": lambda e: 0.01, "kl": (15.0, 14.0)}, FINE, {"beta": 0.01}),
    "wide σ": (
        "wide_noise",
        {},
        FINE._replace(misfit=0.3),
        {"likelihood": "gaussian", "sigma": 0.5},
    ),
    "a point": ("variance_floor", {}, FINE._replace(narrowest=1e-5), {"beta": 0.1}),
    "narrow": (
        "variance_floor",
        {"sigma": lambda e: 0.001},
        FINE,
        {"likelihood": "gaussian-learned"},
    ),
}


@pytest.mark.parametrize(
    ("beta", "misfit", "is_wide"), [(0.2, 0.52, False), (0.2, 0.25, True), (1.0, 0.52, True)]
)
def test_a_low_beta_explains_errors_below_sigma(beta: float, misfit: float, is_wide: bool) -> None:
    made, measured = reports(beta=lambda e: beta), FINE._replace(misfit=misfit)
    of = case(made, measured, likelihood="gaussian", sigma=0.1, beta=beta)
    assert found(of) == ({"wide_noise"} if is_wide else set())


@pytest.mark.parametrize("name", ILL)
def test_each_failure_is_found_alone_with_numbers_and_a_valid_fix(name: str) -> None:
    wanted, made, measured, settings = ILL[name]
    ill = case(reports(**made), measured, **settings)
    ((name, finding),) = diagnose(ill).findings.items()
    assert name == wanted
    assert all(any(c.isdigit() for c in sentence) for sentence in finding.evidence)
    fix = finding.fix
    assert fix is not None
    changed = with_fix(ill.config, fix)
    assert changed.get(fix.field) == fix.value != ill.config.get(fix.field)


@pytest.mark.parametrize("name", ILL)
@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_no_finding_depends_on_the_number_of_pixels(name: str, scale: float) -> None:
    wanted, made, measured, settings = ILL[name]
    assert found(case(reports(**made | {"scale": scale}), measured, **settings)) == {wanted}
    assert found(case(reports(scale=scale))) == set()


LADDERS: dict[str, tuple[str, list[float]]] = {
    "overfitted": ("overfitting", [0.0, 0.2 * WORSE, 3 * WORSE, 0.2, 0.6]),
    "leap": ("learning_rate", [0.0, 0.5 * FALL, 1.5 * FALL, 2.0]),
    "burst": ("learning_rate", [0.0, 0.5 * LEAP, 1.5 * LEAP, 100.0]),
    "jitter": ("learning_rate", [0.0, 0.01, 0.1, 0.3]),
    "slow": ("undertrained", [0.0, 2 * UNDONE, 8 * UNDONE, 0.9]),
}


@pytest.mark.parametrize("shape", LADDERS)
def test_more_evidence_never_removes_a_finding(shape: str) -> None:
    name, amounts = LADDERS[shape]
    looks = [
        isinstance(CHECKS[name].function(case(reports(shape, amount=amount))), Finding)
        for amount in amounts
    ]
    assert looks == sorted(looks)
    assert looks[0] is False
    assert looks[2:] == [True] * len(looks[2:])


@pytest.mark.parametrize(
    ("name", "field", "values"),
    [
        ("ignored_latents", "swap", [8.0, 1.0, 0.05, 0.0]),
        ("variance_floor", "narrowest", [0.5, 1e-3, 1e-5]),
    ],
)
def test_a_larger_measured_value_never_removes_a_finding(
    name: str, field: str, values: list[float]
) -> None:
    looks = []
    for value in values:
        ill = case(reports(), FINE._replace(**{field: value, "swap_se": 0.01}))
        looks.append(isinstance(CHECKS[name].function(ill), Finding))
    assert looks == sorted(looks)
    assert looks[0] is False
    assert looks[-1] is True


@pytest.mark.parametrize("kl", [0.5 * INACTIVE, 2 * INACTIVE])
def test_a_latent_is_off_below_a_hundredth_of_a_nat(kl: float) -> None:
    off = kl < INACTIVE
    assert case(reports(kl=(1.0, kl, 1.0)), latent_dim=3).off == off
    assert found(case(reports(kl=(kl, kl)))) == ({"posterior_collapse"} if off else set())


def test_some_inactive_latents_are_harmless_and_all_are_a_failure() -> None:
    assert not CHECKS["unused_latents"].serious
    assert CHECKS["posterior_collapse"].serious
    ill = case(reports(kl=(2.0, 0.5, 0.05, 1e-3)), latent_dim=4)
    look = CHECKS["unused_latents"].function(ill)
    assert isinstance(look, Finding)
    assert look.evidence == (
        "1 of 4 latents have a validation KL below 0.01 nats (mean of epochs 73 to 80): z4.",
    )
    assert look.fix == Fix("latent_dim", 2, look.fix.why)  # type: ignore[union-attr]


def test_overfitting_requires_a_rising_training_score() -> None:
    both = reports("overfitted", amount=0.3)
    for report in both:
        if report["split"] == "train":
            report["elbo"] = -10.0 - report["epoch"] / 10
    assert "overfitting" not in found(case(both))
    seen = CHECKS["overfitting"].function(case(reports("overfitted", amount=0.3)))
    assert isinstance(seen, Finding)
    assert "nats since epoch 4" in seen.evidence[0]  # the fall begins at epoch 40


def test_the_statistics_of_a_simple_curve_are_known() -> None:
    """The score rises 0, 1, … 10 and falls to 6 in steps of 2. The training score is 3 higher."""
    values = [*range(11), 8, 6]
    told = [
        {"step": 10 * e, "epoch": e, "split": split, "elbo": float(v), "lr": 0.5, "loss": -v}
        for e, v in enumerate(values)
        for split, v in (("val", v), ("train", v + 3))
        if e or split == "val"
    ]
    stats = training_stats(told, ELBO)
    assert (stats.split, stats.span, stats.range) == ("val", 10.0, 14.0)
    assert (stats.gap, stats.reach, stats.steps) == (3.0, 60.0, 120)
    assert stats.gain(0.25) == 6 - 9
    np.testing.assert_array_equal(stats.epoch, range(13))
    noise = np.random.default_rng(0).normal(size=2001)
    told = [
        {"step": e, "epoch": e, "split": "val", "elbo": 0.5 * e + v} for e, v in enumerate(noise)
    ]
    assert training_stats(told, ELBO).jitter == pytest.approx(1, abs=0.12)


def test_a_cause_hides_only_its_consequences() -> None:
    ill = case(reports("burst", amount=5.0, kl=(0.0, 0.0)), FINE._replace(swap=0.0))
    assert found(ill) == {"learning_rate"}
    for row in CHECKS.values():
        assert set(row.explains) <= CHECKS.keys()


def test_diverged_runs_are_found_by_their_message() -> None:
    failed = case([], None)._replace(state="failed", message=f"Training diverged: … {SLOWER}")
    assert found(failed) == {"learning_rate"}
    failed = failed._replace(message=f"Training diverged: … {RESCALE}")
    (finding,) = diagnose(failed).findings.values()
    assert finding.fix is not None
    assert finding.fix[:2] == ("data_scale", "standardise")
    failed = failed._replace(message="Training diverged: … No step was taken.")
    assert [f.fix for f in diagnose(failed).findings.values()] == [None]
    assert found(failed._replace(message="The memory is full.")) == set()


@each(
    ("settings", "field", "value"),
    [
        ({"beta": 20.0}, "beta", 1.0),
        ({"lr": 0.03}, "lr", 2e-3),
        ({"likelihood": "gaussian", "sigma": 10.0}, "likelihood", "gaussian-learned"),
        ({"weight_decay": 3.0}, "weight_decay", 0.0),
        ({}, "beta_schedule", "warmup:20"),
        ({"objective": "beta-tc", "mi_weight": 9.0}, "mi_weight", 1.0),
        ({"objective": "iwae", "posterior_samples": 4}, "objective", "free-bits"),
        ({"beta_schedule": "warmup:5"}, "objective", "free-bits"),
    ],
)
def test_collapse_has_the_most_likely_fix(
    settings: dict[str, Any], field: str, value: Any
) -> None:
    extra = reports(kl=(0.0, 0.0))
    for report in extra:
        report["terms"] = {"iwae_bound": report["elbo"]}
    ill = case(extra, **settings)
    look = CHECKS["posterior_collapse"].function(ill)
    assert isinstance(look, Finding)
    assert look.fix is not None
    assert (look.fix.field, look.fix.value) == (field, value)
    assert with_fix(ill.config, look.fix).get(field) == value


@pytest.mark.parametrize(
    ("settings", "field", "value"),
    [
        ({"objective": "capacity"}, "objective", "elbo"),
        ({"weight_decay": 3.0}, "weight_decay", 0.0),
        ({"condition": "labels"}, "condition", "none"),
        ({}, "lr", 1e-4),
    ],
)
def test_ignored_latents_have_the_most_likely_fix(
    settings: dict[str, Any], field: str, value: Any
) -> None:
    deaf = case(reports(), FINE._replace(swap=0.0, swap_se=0.01), **{"lr": 1e-3} | settings)
    ((name, finding),) = diagnose(deaf).findings.items()
    assert name == "ignored_latents"
    assert finding.fix is not None
    assert (finding.fix.field, finding.fix.value) == (field, value)


def test_too_few_steps_are_no_collapse() -> None:
    early = case(reports(kl=(0.0, 0.0), lr=1e-5))
    assert found(early) == {"undertrained"}
    look = CHECKS["undertrained"].function(early)
    assert isinstance(look, Finding)
    assert "4,000 steps cannot have moved a weight by more than 0.04" in look.evidence[1]


def test_the_evidence_compares_the_elbo_with_the_reference() -> None:
    shut = case(reports(kl=(0.0, 0.0)), FINE._replace(reference=27.4, reference_se=0.18))
    (finding,) = diagnose(shut).findings.values()
    assert "ELBO of 100 test examples, last weights: −20 nats" in finding.evidence[1]
    assert "without latents −27.40 ± 0.18 nats" in finding.evidence[1]


@pytest.mark.parametrize(
    "few",
    [
        [],
        reports(epochs=0),
        reports(epochs=1),
        reports(epochs=3),
        reports(splits=("train",)),
        [{"step": 0, "epoch": 0.0, "split": "val"}],
        [{"step": 9, "epoch": 1.0, "split": "val", "elbo": None, "kl_per_dimension": [None, 1]}],
        [r | {"loss": "?", "terms": None, "kl_per_dimension": "?"} for r in reports()],
        [r | {"kl_per_dimension": r["kl_per_dimension"][: r["step"] % 3]} for r in reports()],
    ],
    ids=range(9),
)
def test_few_or_damaged_reports_give_no_finding_and_a_reason(few: list[Report]) -> None:
    for measured in (None, FINE):
        for state in ("running", "finished", "failed"):
            ill = case(few, measured)._replace(state=state)
            result = diagnose(ill)
            assert not [name for name in result.findings if CHECKS[name].serious]
            assert all(one.sentence for one in result.clear.values())
    kl_heatmap(few, 2)


def test_overfitting_is_not_checked_without_validation() -> None:
    look = CHECKS["overfitting"].function(case(reports(splits=("train",)), val_share=0.0))
    assert look == NoFinding("The run has no validation examples.", checked=False)


def test_a_run_in_training_is_not_undertrained() -> None:
    ill = case(reports("slow", amount=0.9))
    assert found(ill) == {"undertrained"}
    assert found(ill._replace(state="running")) == set()


ROWS = [
    {kind: row}
    for kind in ("likelihood", "posterior", "prior", "objective")
    for row in TABLES[kind]
] + [{"condition": "labels"}, {"likelihood": "logistic", "condition": "labels"}]


@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize("shape", ["healthy", "burst", "overfitted"])
def test_every_row_of_every_table_gets_the_checks_that_apply(
    row: dict[str, Any], shape: str
) -> None:
    if not POSTERIORS[row.get("posterior", "diagonal")].has_density:
        row = row | {"objective": "reconstruction"}
    config = RunConfig.of(**row)
    told = reports(shape, amount=0.5, kl=(0.0, 0.0))
    for report in told:
        report["terms"] = {"iwae_bound": report["elbo"]}
        if config.best_by == RECONSTRUCTION:
            report["reconstruction"] = -report["elbo"]
        if not config.kl_per_dimension:
            report["kl_per_dimension"] = None
        if not config.has_kl:
            report |= {"kl": None, "elbo": None}
        if config.likelihood == "gaussian-learned":
            report["terms"] = {"sigma": 1e-3}
    point = FINE._replace(elbo=None, narrowest=None)
    result = diagnose(case(told, FINE if config.has_kl else point, **row))
    names = set(result.findings)
    if not config.has_kl:
        assert not names & {"posterior_collapse", "unused_latents", "variance_floor"}
        assert result.clear["posterior_collapse"] == NoFinding(
            "This posterior has no KL.", checked=False
        )
    if config.likelihood == "gaussian-learned":
        assert "variance_floor" in names
    else:
        assert "variance_floor" not in names
    if shape == "healthy" and config.has_kl and "variance_floor" not in names:
        assert "posterior_collapse" in names
    for finding in result.findings.values():
        if finding.fix is not None:
            with_fix(config, finding.fix)


# Statistics of a model


def loaded(**settings: Any) -> LoadedRun:
    """Return an untrained model."""
    config = RunConfig.of(**({"examples": 300, "hidden": (16,)} | settings))
    data = load(config.data, examples=config.examples)
    model = build(config, config.domain(data)).eval()
    return LoadedRun(Run("nowhere"), "last", model, data, config.split(data))


@pytest.fixture
def of(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`of(**settings)` opens an untrained model whose run has no folder."""

    def make(**settings: Any) -> LoadedRun:
        found = loaded(**settings)
        config = found.model.config
        monkeypatch.setattr(LoadedRun, "seed", property(lambda self: 0))
        monkeypatch.setattr(
            LoadedRun,
            "batches",
            lambda self, rows: Batches(self.data, rows, config, torch.device("cpu")),
        )
        return found

    return make


def test_a_swap_costs_nothing_where_the_decoder_ignores_z(of: Any) -> None:
    deaf = of()
    first = next(m for m in deaf.model.decoder.modules() if isinstance(m, torch.nn.Linear))
    with torch.no_grad():
        first.weight.zero_()
    seen = model_stats(deaf)
    assert seen.swap == 0.0
    assert (seen.split, seen.examples) == ("test", 30)


def test_the_error_of_x_is_measured_in_units_of_a_fixed_sigma(of: Any) -> None:
    wide = of(posterior="point", objective="reconstruction", likelihood="gaussian", sigma=0.5)
    x = wide.batches(wide.rows("test")).fixed(0).x
    with torch.no_grad():
        error = (x - wide.model(x, 1).px.mean[0]).square().mean().sqrt()
    assert model_stats(wide).misfit == pytest.approx(float(error) / 0.5, rel=1e-4)
    assert model_stats(of(likelihood="gaussian-learned")).misfit is None


def test_the_cost_of_a_swap_equals_an_exact_mean(of: Any) -> None:
    """With z almost a point, the mean over swaps of neighbours in a random order is near the mean
    over all pairs."""
    sharp = of(posterior="point", objective="reconstruction", test_share=0.5)
    everything = sharp.batches(sharp.rows("train")).fixed(0).x
    optimizer = torch.optim.Adam(sharp.model.parameters(), 1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        reconstruction_error(sharp.model(everything, 1)).mean().backward()
        optimizer.step()
    seen = model_stats(sharp)
    x = sharp.batches(sharp.rows("test")).fixed(0).x
    with torch.no_grad():
        out = sharp.model(x, 1)
        own = float(reconstruction_error(out).mean())
        z = out.z[0]
        pairs = [
            float(-sharp.model.likelihood(z.roll(k, 0)).log_prob(x).mean())
            for k in range(1, len(x))
        ]
    exact = float(np.mean(pairs)) - own
    assert exact > 1.0
    assert abs(seen.swap - exact) < 4 * seen.swap_se
    assert 0.02 * exact < seen.swap_se < 0.2 * exact
    assert seen.narrowest is None
    assert seen.elbo is None


@pytest.mark.parametrize("row", [r for r in ROWS if r.get("likelihood") != "mixed"], ids=str)
def test_every_model_has_statistics(of: Any, row: dict[str, Any]) -> None:
    if not POSTERIORS[row.get("posterior", "diagonal")].has_density:
        row = row | {"objective": "reconstruction"}
    counts = "likelihood" in row and TABLES["likelihood"][row["likelihood"]].support == "counts"
    if counts:
        row = row | {"binarize": "threshold"}
    seen = model_stats(of(**row))
    assert math.isfinite(seen.swap)
    assert seen.swap_se >= 0
    assert (seen.elbo is None) == (not POSTERIORS[row.get("posterior", "diagonal")].has_density)
    assert seen.levels == (2 if counts else 17)
    assert 0.3 < seen.spread < (0.55 if counts else 0.45)
    assert model_stats(of(**row)) == seen


def test_statistics_use_few_examples_and_at_least_two(of: Any) -> None:
    assert model_stats(of(examples=1797, val_share=0.1, test_share=0.6)).examples == EXAMPLES
    with pytest.raises(ValueError, match="at least two examples"):
        model_stats(of(examples=20, val_share=0.0, test_share=0.05, batch_size=10))


# The strip


def test_the_heatmap_orders_latents_by_their_last_kl() -> None:
    told = reports(kl=(0.5, 2.0, 0.001))
    told[0]["kl_per_dimension"] = [0.1, 0.0, 0.2]
    epoch, kl = kl_history(told, 3)
    assert len(epoch) == EPOCHS + 1
    figure = kl_heatmap(told, 3)
    (trace,) = figure.data
    assert list(trace.customdata[:, 0]) == [2, 1, 3]
    np.testing.assert_allclose(trace.z, kl[:, [1, 0, 2]].T)
    assert list(figure.layout.yaxis.ticktext) == ["z2", "z1", "z3"]
    assert trace.zmin == 0
    assert trace.zmax == 2.0
    places = [place for place, _ in trace.colorscale]
    assert places == sorted(places)
    assert places[1] * trace.zmax == pytest.approx(INACTIVE)


def test_a_long_heatmap_keeps_its_mean() -> None:
    told = reports(kl=(1.0,), epochs=1001)
    for report in told:
        report["kl_per_dimension"] = [float(report["epoch"])]
    (trace,) = kl_heatmap(told, 1).data
    assert len(trace.x) <= COLUMNS
    np.testing.assert_allclose(trace.z[0], trace.x)
    wide = [len(part) for part in np.array_split(np.arange(1002), len(trace.x))]
    assert max(wide) - min(wide) <= 1


def test_an_initial_peak_does_not_set_the_colour_scale() -> None:
    told = reports(kl=(1.0, 0.5))
    told[1]["kl_per_dimension"] = [90.0, 90.0]
    (trace,) = kl_heatmap(told, 2).data
    assert trace.zmax == 1.0
    assert np.max(trace.z) == 90.0


def test_the_heatmap_prefers_validation_and_names_missing_values() -> None:
    both = reports()
    for report in both:
        report["kl_per_dimension"] = [1.0 if report["split"] == "val" else 9.0, 0.0]
    assert kl_history(both, 2)[1].max() == 1.0
    assert kl_history([r for r in both if r["split"] == "train"], 2)[1].max() == 9.0
    assert kl_heatmap([], 2, "No KL here").layout.annotations[0].text == "No KL here"
    assert not len(kl_heatmap([r | {"kl_per_dimension": None} for r in both], 2).data)


# ── codes


def coded(perplexity: float, **settings: Any) -> Observations:
    """Return a healthy run whose codes have this perplexity at the end."""
    told = [report for report in reports(kl=(0.0, 0.0))]
    for report in told:
        report |= {"kl": None, "kl_per_dimension": None, "elbo": None}
        report["terms"] = {"perplexity": perplexity} if report["split"] == "val" else {}
    values = {"posterior": "quantised", "objective": "reconstruction"} | settings
    return case(told, FINE._replace(elbo=None, narrowest=None), **values)


@pytest.mark.parametrize(
    ("codes", "perplexity", "collapsed"),
    [
        *((64, 3.6, True), (64, 9.9, True), (64, 11.0, False), (512, 60.0, False)),
        *((8, 2.5, False), (8, 1.5, True), (1, 1.0, False)),
    ],
)
def test_a_handful_of_codes_in_use_is_a_collapse(
    codes: int, perplexity: float, collapsed: bool
) -> None:
    assert found(coded(perplexity, codes=codes)) == ({"codebook_collapse"} if collapsed else set())


@pytest.mark.parametrize(
    ("settings", "field", "value"),
    [
        ({"code_revival": 0.0}, "code_revival", 0.1),
        ({"code_decay": 0.999}, "code_decay", 0.99),
        ({"commitment": 10.0}, "commitment", 0.25),
        ({"commitment": 0.0}, "commitment", 0.25),
        ({}, "codes", 8),
    ],
)
def test_a_codebook_collapse_has_a_fix(settings: dict[str, Any], field: str, value: float) -> None:
    ill = coded(3.6, **settings)
    finding = diagnose(ill).findings["codebook_collapse"]
    assert finding.fix is not None
    assert (finding.fix.field, finding.fix.value) == (field, value)
    assert with_fix(ill.config, finding.fix).get(field) == value
    assert "3.6 of 64" in finding.evidence[0]


def test_the_use_of_codes_is_unknown_without_validation_and_codebook() -> None:
    for ill in (case(reports()), coded(float("nan"))):
        clear = diagnose(ill).clear["codebook_collapse"]
        assert isinstance(clear, NoFinding)
        assert not clear.checked


@pytest.mark.parametrize("epochs", [2, 3, EPOCHS])
@pytest.mark.parametrize("both", [False, True])
def test_a_drop_of_few_validation_examples_alone_is_no_sign_of_large_steps(
    epochs: int, both: bool
) -> None:
    """Steps that are too large lower the training score as well."""
    some = reports(epochs=epochs)
    for report in some:
        if report["epoch"] == epochs and (both or report["split"] == "val"):
            report["elbo"] -= 15.0
    assert ("learning_rate" in found(case(some))) == both


@pytest.mark.parametrize(
    ("held", "measured", "is_sign"),
    [
        (0, None, True),  # unknown
        (4, None, False),
        (200, None, True),
        (4, FINE._replace(sd=8.0), False),  # standard error 4 nats, jitter 3
        (200, FINE._replace(sd=8.0), True),
        (4, FINE._replace(sd=2.0), True),
    ],
)
def test_jitter_within_the_noise_of_few_examples_is_no_sign_of_large_steps(
    held: int, measured: ModelStats | None, is_sign: bool
) -> None:
    some = case(reports(shape="jitter", amount=0.15), measured)._replace(held=held)
    assert ("learning_rate" in found(some)) == is_sign


def test_the_spread_of_the_loss_over_examples_is_measured(of: Any) -> None:
    point = of(posterior="point", objective="reconstruction")  # z has no noise
    x = point.batches(point.rows("test")).fixed(0).x
    with torch.no_grad():
        error = reconstruction_error(point.model(x, 1))[0]
    assert model_stats(point).sd == pytest.approx(float(error.std()), rel=1e-4)
    assert validation_examples(RunConfig.of(val_share=0.1), 40) == 4
    assert validation_examples(RunConfig.of(val_share=0.0), 40) == 0
