"""Settings: help, defaults, the round trip through JSON, and a sentence for each error."""

import json
import math
import re
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import pytest
import torch

from tests.tables import each
from vae.base.devices import available, resolve
from vae.base.options import Field, Option, Spec, check, coerce, derive, options_of, refuse_unknown
from vae.components.posteriors import POSTERIORS
from vae.components.schedules import Progress
from vae.config import TABLES, RunConfig, fields
from vae.config.presets import PRESETS
from vae.data import Dataset
from vae.training import Trainer

FIELDS = {field.name: field for field in fields()}
GROUPS = ("Data", "Model", "Objective", "Training")

ROWS = [{kind: row} for kind, table in TABLES.items() for row in table]


def chosen(values: dict[str, Any]) -> dict[str, Any]:
    """Return `values` with the settings that they require."""
    has_density = POSTERIORS[values.get("posterior", "diagonal")].has_density
    return ({} if has_density else {"objective": "reconstruction"}) | values


# ── what a setting says of itself


@each("name", FIELDS)
def test_every_setting_has_a_help(name: str) -> None:
    field = FIELDS[name]
    assert field.group in GROUPS
    assert field.label
    assert len(field.option.help) > 15
    assert field.option.help.endswith(".")
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)


@each("name", FIELDS)
def test_every_default_has_its_type_and_is_in_range(name: str) -> None:
    field = FIELDS[name]
    for default in [
        field.default,
        *(spec.default for _, spec in field.specs if spec.name == name),
    ]:
        assert coerce(field, default) == default
        check(field, default)


@each("name", FIELDS)
def test_every_number_has_a_range(name: str) -> None:
    field = FIELDS[name]
    if field.type in (int, float, tuple[int, ...]):
        assert field.option.low is not None
        assert field.option.high is not None


def test_every_field_and_every_option_of_every_row_is_listed() -> None:
    for name in RunConfig.model_fields:
        assert not FIELDS[name].kind
    for kind, table in TABLES.items():
        for row, make in table.items():
            for own in options_of(make):
                assert FIELDS[own].kind == kind
                assert row in dict(FIELDS[own].specs)


def test_every_scheduled_setting_has_a_companion_beside_it() -> None:
    names = list(FIELDS)
    scheduled = [n for n in names if FIELDS[n].option.scheduled]
    assert {"beta", "lr"} <= set(scheduled)
    for name in scheduled:
        companion = FIELDS[f"{name}_schedule"]
        assert names.index(companion.name) == names.index(name) + 1
        assert companion.group == FIELDS[name].group
        assert "warmup:EPOCHS" in companion.option.help


def test_the_options_of_a_row_follow_its_table() -> None:
    names = list(FIELDS)
    for field in FIELDS.values():
        if field.kind:
            assert names.index(field.kind) < names.index(field.name)
            assert field.group == FIELDS[field.kind].group


def test_an_option_of_two_rows_is_one_field_with_each_rows_default() -> None:
    def a(*, width: Annotated[int, Option("Width.", 1, 9)] = 3) -> None: ...
    def b(*, width: Annotated[int, Option("Width.", 1, 9)] = 5) -> None: ...
    def c() -> None: ...

    kind = Spec("kind", str, "a", Option("Kind.", group="Model"))
    found = derive([kind], {"kind": {"a": a, "b": b, "c": c}}, "", "constant")
    width = found[1]
    assert [f.name for f in found] == ["kind", "width"]
    assert [row for row, _ in width.specs] == ["a", "b"]
    assert width.default_for({"kind": "a"}) == 3
    assert width.default_for({"kind": "b"}) == 5
    assert not width.belongs_to({"kind": "c"})


def test_two_tables_may_not_share_a_name() -> None:
    def a(*, width: Annotated[int, Option("Width.", 1, 9)] = 3) -> None: ...

    kinds = [Spec(k, str, "a", Option(k, group="Model")) for k in ("first", "second")]
    with pytest.raises(AssertionError, match="declared twice"):
        derive(kinds, {"first": {"a": a}, "second": {"a": a}}, "", "constant")


# ── the round trip


@each("values", [{}, *ROWS, *(p.values for p in PRESETS.values())])
def test_a_configuration_survives_json(values: dict[str, Any]) -> None:
    config = RunConfig.of(**chosen(values))
    saved = json.loads(json.dumps(config.model_dump(mode="json"), allow_nan=False))
    again = RunConfig.of(**saved)
    assert again == config
    assert again.model_dump() == config.model_dump()
    for name, value in values.items():
        assert again.get(name) == value


@each("values", [*ROWS, *(p.values for p in PRESETS.values())])
def test_a_configuration_has_only_the_settings_that_apply(values: dict[str, Any]) -> None:
    config = RunConfig.of(**chosen(values))
    picked = {kind: getattr(config, kind) for kind in TABLES}
    applying = {name for name, field in FIELDS.items() if field.belongs_to(picked)}
    assert set(config.model_dump()) == applying
    for kind, row in picked.items():
        assert set(config.chosen(kind)) == set(options_of(TABLES[kind][row]))


@each("name", PRESETS)
def test_every_preset_is_valid_and_has_a_purpose(name: str) -> None:
    preset = PRESETS[name]
    assert preset.about.endswith(".")
    config = RunConfig.of(**preset.values)
    for key, value in preset.values.items():
        assert config.get(key) == value


def test_text_from_flags_becomes_numbers() -> None:
    config = RunConfig.of(
        hidden="512, 256", beta="4", epochs="7", lr="1e-2", val_share="0", latent_dim="3"
    )
    assert (config.get("hidden"), config.get("beta")) == ((512, 256), 4.0)
    assert (config.epochs, config.lr, config.val_share, config.latent_dim) == (7, 0.01, 0.0, 3)
    assert RunConfig.of(hidden="64").get("hidden") == (64,)
    assert RunConfig.of(hidden="").get("hidden") == ()


def test_a_configuration_is_immutable() -> None:
    with pytest.raises(ValueError, match="frozen"):
        RunConfig.of().epochs = 3


def test_none_for_an_inapplicable_option_equals_its_omission() -> None:
    assert RunConfig.of(sigma=None, channels=None) == RunConfig.of()
    assert RunConfig.of().get("sigma") is None
    assert RunConfig.of().get("no such thing") is None
    for name in ("beta", "epochs", "hidden", "lr_schedule"):
        with pytest.raises(ValueError, match=name):
            RunConfig.of(**{name: None})


def test_a_scalar_at_a_step_is_its_value_times_its_schedule() -> None:
    config = RunConfig.of(beta=4, beta_schedule="warmup:10", lr=0.5, lr_schedule="cosine")
    halfway = Progress(50, 200, 10)
    assert config.at("beta", halfway) == 2.0
    assert config.at("beta", halfway, 6.0) == 3.0  # moved live
    assert config.at("beta", halfway, 0.0) == 0.0
    assert config.at("lr", halfway) == pytest.approx(0.25 * (1 + math.cos(math.pi / 4)))
    assert RunConfig.of(beta=4).at("beta", halfway) == 4.0


# ── a sentence for each error

WRONG = [  # (values, what the sentence says)
    ({"epoch": 3}, "Unknown setting 'epoch': did you mean epochs? There are data, "),
    ({"zzz": 3}, "Unknown setting 'zzz': There are data, "),
    ({"network": "mpl"}, "Unknown network 'mpl'; one of mlp, conv, linear, resnet, conv1d."),
    ({"likelihood": "gauss"}, "Unknown likelihood 'gauss'; one of bernoulli, "),
    ({"posterior": "x"}, "Unknown posterior 'x'; one of diagonal, "),
    ({"prior": "x"}, "Unknown prior 'x'; one of standard, "),
    ({"objective": "x"}, "Unknown objective 'x'; one of elbo, "),
    ({"binarize": "yes"}, "Unknown binarize 'yes'; one of none, threshold, stochastic."),
    ({"precision": "fp16"}, "Unknown precision 'fp16'; one of fp32, bf16."),
    ({"activation": "sin"}, "Unknown activation 'sin'; one of relu, tanh, gelu, silu."),
    ({"sigma": 0.1}, "sigma belongs to likelihood gaussian, and likelihood is 'bernoulli'"),
    (
        {"channels": (8,)},
        "channels belongs to network conv or resnet or conv1d, and network is 'mlp'",
    ),
    ({"hidden": (8,), "network": "linear"}, "hidden belongs to network mlp, and network is"),
    ({"beta": 2, "objective": "reconstruction"}, "beta belongs to objective elbo, and"),
    ({"components": 3}, "components belongs to data mixture, and data is 'digits'"),
    ({"size": 16}, "size belongs to data moon-phases or shapes, and data is 'digits'"),
    ({"epochs": 0}, "epochs must be at least 1, not 0."),
    ({"epochs": 2.5}, "epochs must be a whole number"),
    ({"epochs": "many"}, "epochs must be a whole number"),
    ({"batch_size": -1}, "batch_size must be at least 1, not -1."),
    ({"latent_dim": 5000}, "latent_dim must be at most 1024, not 5000."),
    ({"lr": 0}, "lr must be at least 1e-08, not 0."),
    ({"lr": math.nan}, "lr must be a finite number, not nan."),
    ({"beta": math.inf}, "beta must be a finite number, not inf."),
    ({"epochs": 10**400}, "epochs must be a finite number, not 1000"),
    ({"beta": "much"}, "beta must be a number, not 'much'."),
    ({"hidden": (8, 0)}, "hidden must be at least 1, not 0."),
    ({"hidden": "8,x"}, "hidden must be whole numbers separated by commas"),
    ({"val_share": 1.0}, "val_share must be at most 0.9, not 1."),
    ({"val_share": -0.1}, "val_share must be at least 0, not -0.1."),
    ({"val_share": 0.5, "test_share": 0.5}, "leave nothing to train on: lower one."),
    ({"posterior": "point"}, "no KL and no ELBO: choose objective wae or reconstruction, or"),
    (
        {"posterior": "full", "objective": "beta-tc"},
        "needs the KL of each latent dimension, which posterior full with prior standard does not "
        "define: choose posterior diagonal and prior standard",
    ),
    ({"prior": "vamp", "objective": "free-bits"}, "does not define: choose posterior diagonal"),
    (
        {"prior": "flow", "objective": "wae"},
        "it cannot train the flow prior: choose prior standard, or another objective.",
    ),
    (
        {"objective": "iwae", "gradient": "doubly", "posterior": "flow"},
        "not defined for a flow posterior: choose gradient reparameterised, or posterior diagonal",
    ),
    (
        {"prior": "vamp", "posterior": "flow"},
        "would invert the flow posterior for every pseudo-input, which is a hundred times slower "
        "than the rest of a step: choose another prior or another posterior.",
    ),
    (
        {"objective": "info", "batch_size": 1},
        "compares the examples of a batch: set batch_size to 2",
    ),
    ({"prior": "vamp", "condition": "labels"}, "have no class: choose another prior, or"),
    (
        {"posterior": "point", "objective": "reconstruction", "posterior_samples": 5},
        "All samples of a point posterior are equal: set posterior_samples to 1.",
    ),
    (
        {"posterior": "quantised", "objective": "wae", "latent_dim": 6, "code_groups": 4},
        "code_groups 4 does not divide latent_dim 6: choose a divisor of 6, or another number of",
    ),
    (
        {"patience": 3, "val_share": 0},
        "needs validation data, and val_share is 0: set val_share above 0",
    ),
    ({"beta_schedule": "nonsense"}, "Unknown schedule 'nonsense'; one of constant"),
    ({"lr_schedule": "warmup"}, "is written warmup:EPOCHS"),
    ({"seed": -1}, "seed must be at least 0, not -1."),
]


@each(("values", "says"), WRONG)
def test_an_invalid_configuration_raises_one_sentence(values: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)) as caught:
        RunConfig.of(**values)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    assert "pydantic" not in message
    assert type(caught.value) is ValueError


def test_the_error_for_an_unknown_setting_names_all_settings() -> None:
    with pytest.raises(ValueError, match="There are") as caught:
        RunConfig.of(nonsense=1)
    assert all(name in str(caught.value) for name in FIELDS)


@each("name", [n for n, f in FIELDS.items() if f.option.low is not None])
def test_every_range_is_enforced_at_both_ends(name: str) -> None:
    field = FIELDS[name]
    needs = {"val_share": 0, "test_share": 0} if name.endswith("_share") else {}
    needs = chosen(needs | ({field.kind: field.specs[0][0]} if field.kind else {}))
    if name == "code_groups":  # it divides the number of latents
        needs["latent_dim"] = int(field.option.high)
    wrap: Callable[[Any], Any] = tuple if field.type == tuple[int, ...] else lambda v: v[0]
    assert field.option.high is not None
    for outside in (field.option.low - 1, field.option.high + 1):
        value = int(outside) if field.type is not float else outside
        with pytest.raises(ValueError, match=f"{name} must be at"):
            RunConfig.of(**needs | {name: wrap([value])})
    for inside in (field.option.low, field.option.high):
        value = int(inside) if field.type is not float else inside
        config = RunConfig.of(**needs | {name: wrap([value])})
        assert config.get(name) == wrap([value])


def test_the_option_functions_derive_and_check_settings() -> None:
    refuse_unknown(["a"], ["a", "b"])
    with pytest.raises(ValueError, match="did you mean beta"):
        refuse_unknown(["betta"], ["alpha", "beta"])
    text = Field("x", str, "a", Option("Letters.", choices=("a", "b")), "Model")
    with pytest.raises(ValueError, match="Unknown x 'c'; one of a, b"):
        check(text, "c")
    with pytest.raises(ValueError, match="x must be text, not 3"):
        coerce(text, 3)


# ── settings against data and machine


def vectors(low: float, high: float, n: int = 40) -> Dataset:
    x = np.random.default_rng(0).uniform(low, high, (n, 3)).astype(np.float32)
    return Dataset(name="points", x=x, scale=1.0)


AGAINST_DATA = [
    ({"network": "conv"}, (0.0, 1.0), "conv network needs pictures, and points holds vectors"),
    ({"likelihood": "bernoulli"}, (-1.0, 1.0), "needs values in [0, 1], and points has others"),
    ({"likelihood": "bernoulli"}, (0.0, 2.0), "choose likelihood gaussian"),
    (
        {"likelihood": "gaussian", "binarize": "stochastic"},
        (-1.0, 1.0),
        "binarize stochastic needs values in [0, 1], and points has others: choose binarize none.",
    ),
    (
        {"likelihood": "gaussian", "binarize": "threshold"},
        (0.0, 3.0),
        "binarize threshold needs values in [0, 1]",
    ),
    (
        {"batch_size": 33},
        (0.0, 1.0),
        "is larger than the 32 training examples: choose at most 32.",
    ),
    *(
        ({"likelihood": name}, (0.0, 1.0), f"The {name} likelihood needs whole numbers")
        for name in ("logistic", "categorical")
    ),
    (
        {"condition": "labels"},
        (0.0, 1.0),
        "needs a class for every example, and points has examples without",
    ),
    ({"val_share": 0.5, "test_share": 0.49}, (0.0, 1.0), "none to train on: lower the shares"),
]


@each(("values", "limits", "says"), AGAINST_DATA)
def test_a_configuration_that_does_not_fit_the_data_is_refused(
    small: Callable[..., RunConfig], values: dict[str, Any], limits: tuple[float, float], says: str
) -> None:
    config = small(**values)
    data = vectors(*limits)
    data.x[0, 0] = limits[1]
    with pytest.raises(ValueError, match=re.escape(says)) as caught:
        config.split(data)
    assert str(caught.value).endswith(".")
    with pytest.raises(ValueError, match=re.escape(says)):
        Trainer(config, data)


@pytest.mark.parametrize("likelihood", ["gaussian", "gaussian-learned"])
def test_real_values_require_a_gaussian(small: Callable[..., RunConfig], likelihood: str) -> None:
    splits = small(likelihood=likelihood).split(vectors(-5, 5))
    assert [len(rows) for rows in splits] == [32, 4, 4]


def test_the_domain_describes_the_values_that_the_model_receives(
    small: Callable[..., RunConfig], toy: Callable[..., Dataset]
) -> None:
    """Levels are counted after binarization. Real values have none, even if evenly spaced."""
    grey, real = toy(40), vectors(0, 1)
    sixteen = grey._replace(x=grey.x % 17, scale=16.0)
    black = grey._replace(x=(grey.x > 99).astype(np.uint8) * 255)
    binary = real._replace(x=np.rint(real.x))
    for data, levels in ((grey, 256), (sixteen, 17), (real, 0), (black, 2), (binary, 2)):
        assert small().domain(data).levels == levels
        assert small(binarize="stochastic").domain(data).levels == 2
        assert small().domain(data).shape == data.event_shape
    assert small().domain(grey).classes == 3
    assert small().domain(real).classes == 0
    with pytest.raises(ValueError, match="needs a class for every example"):
        small(condition="labels").split(grey._replace(labels=grey.labels - 1))


def test_a_batch_as_large_as_the_data_is_allowed(small: Callable[..., RunConfig]) -> None:
    assert len(small(batch_size=32).split(vectors(0, 1)).train) == 32


def test_the_error_for_a_missing_device_names_the_available_ones(
    small: Callable[..., RunConfig], toy: Callable[..., Dataset]
) -> None:
    for name in ("cuda:99", "nonsense", "", "CPU"):
        with pytest.raises(ValueError, match=f"'{name}' is not on this machine; it has .*cpu"):
            Trainer(small(device=name), toy())


def test_auto_is_the_first_device_and_the_cpu_is_always_available() -> None:
    names = [device.name for device in available()]
    assert names[-1] == "cpu"
    assert resolve("auto") == torch.device(names[0])
    assert resolve("cpu") == torch.device("cpu")
    assert all(device.about for device in available())
