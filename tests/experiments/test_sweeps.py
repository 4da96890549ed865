"""Sweeps: the runs of a configuration and its axes, and the reasons for leaving out others."""

import math
from pathlib import Path
from typing import Any, get_origin

import numpy as np
import pytest

from tests.cells import cells
from tests.tables import each
from vae.base import files, permission
from vae.base.options import FILE, Field
from vae.components import network_code
from vae.config import TABLES, RunConfig, fields
from vae.data import online
from vae.experiments import sweeps
from vae.experiments.configurations import Entry, fold
from vae.experiments.sweeps import Axis, axis
from vae.runs import listing, notes

QUICK: dict[str, Any] = {"examples": 300, "device": "cpu", "threads": 1, "frames": 0}
BASE = RunConfig.of(epochs=2, hidden=(8,), seed=5, **QUICK)
OF_A_FILE = {field.name for field in fields() if FILE in dict(field.specs)}
SWEPT = [f.name for f in fields() if f.name != "seed" and f.name not in OF_A_FILE]
# Rows of one table that are refused beside the usual rows of the others
SUITS: dict[str, dict[str, Any]] = {
    "point": {"objective": "reconstruction"},
    "quantised": {"objective": "reconstruction"},
    "mixture": {"likelihood": "gaussian"},
    "standardise": {"likelihood": "gaussian"},
    "minmax": {"likelihood": "gaussian"},
}


def base_for(field: Field, folder: Path) -> RunConfig:
    """Return a configuration in which the setting applies."""
    if field.name == "library_size":  # of counts only
        np.save(folder / "cells.npy", cells(300, 5, (20, 200)).data.x)
        return RunConfig.of(**QUICK, data=str(folder / "cells.npy"), likelihood="poisson")
    if field.name == "hide_share":  # of vectors only
        return RunConfig.of(**QUICK, data="mixture", likelihood="gaussian")
    if not field.kind:
        return BASE
    row = field.specs[0][0]
    return RunConfig.of(**QUICK, **{field.kind: row}, **SUITS.get(row, {}))


def two_values(field: Field, base: RunConfig) -> list[Any]:
    """Return its value in the base, and another one in its range."""
    now, option = base.get(field.name), field.under(base.model_dump())
    if option.choices:
        return [now, next(c for c in option.choices if c != now and c not in SUITS)]
    if get_origin(field.type) is tuple:
        return [now, (7,) * len(now)]
    if field.type is str:
        others = {"data": "moon-phases", "device": "auto"}
        return [now, others.get(field.name, "warmup:3")]
    low, high = option.low or 0.0, math.inf if option.high is None else option.high
    near = [now * 0.5, now * 2, now + 1, now + 0.5] if field.type is float else [now + 1, now - 1]
    return [now, next(field.type(v) for v in near if low <= v <= high and v != now)]


def differing(a: RunConfig, b: RunConfig) -> set[str]:
    mine, theirs = a.model_dump(), b.model_dump()
    return {name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name)}


@each("name", SWEPT)
def test_every_setting_can_be_swept(name: str, tmp_path: Path) -> None:
    """Values given as text become configurations that differ from the base in them and, for
    another row of a table, in the options of its rows."""
    field = sweeps.field_of(name)
    base = base_for(field, tmp_path)
    values = two_values(field, base)
    written = [",".join(map(str, v)) if isinstance(v, tuple) else str(v) for v in values]
    one = sweeps.axis_of(name.replace("_", "-"), ";".join(written))
    assert one == Axis(name, tuple(values))
    same, other = sweeps.plan(base, [one], 1)
    assert (same.problem, other.problem) == ("", "")
    assert same.config == base
    assert other.config is not None
    assert other.config.get(name) == values[1]
    own = {f.name for f in fields() if f.kind == name} if name in TABLES else set()
    assert {name} <= differing(base, other.config) <= {name} | own


def test_a_sweep_has_the_product_of_its_axes_seed_after_seed() -> None:
    axes = [axis("beta=0.5,1,2"), axis("latent_dim=2,3")]
    arms = sweeps.plan(BASE, axes, 4)
    assert [tuple(arm.changes.values()) for arm in arms] == [
        (beta, dim) for beta in (0.5, 1.0, 2.0) for dim in (2, 3)
    ]
    runs = sweeps.configurations(arms, 4)
    assert len(runs) == 3 * 2 * 4
    assert [config.seed for _, config in runs] == [s for s in (5, 6, 7, 8) for _ in range(6)]
    for k, (title, config) in enumerate(runs):
        arm = arms[k % 6]
        assert title == f"{arm.name} · seed {config.seed}"
        wanted = BASE.model_dump() | arm.changes | {"seed": config.seed}
        assert config.model_dump() == wanted
    assert arms[1].name == "β 0.5 · Z 3"
    assert len({title for title, _ in runs}) == len(runs)


def test_a_sweep_without_axes_has_seeds_only() -> None:
    ((title, config), again) = sweeps.configurations(sweeps.plan(BASE, [], 2), 2)
    assert (title, config) == ("one configuration · seed 5", BASE)
    assert differing(BASE, again[1]) == {"seed"}


def test_a_refused_combination_keeps_its_error_and_has_no_run() -> None:
    axes = [axis("objective=elbo,reconstruction"), axis("posterior=diagonal,point")]
    arms = sweeps.plan(RunConfig.of(seed=1), axes, 2)
    assert [arm.config is None for arm in arms] == [False, True, False, False]
    with pytest.raises(ValueError, match="has no density") as told:
        RunConfig.of(posterior="point", objective="elbo")
    assert arms[1].problem == str(told.value)
    assert arms[1].name == "objective elbo · posterior point"
    assert len(sweeps.configurations(arms, 2)) == 6
    data = sweeps.plan(RunConfig.of(), [axis("network=mlp,conv"), axis("data=digits,mixture")], 1)
    assert [bool(arm.problem) for arm in data] == [False, True, False, True]
    assert "needs pictures" in data[3].problem
    (device,) = sweeps.plan(RunConfig.of(), [axis("device=cuda:99")], 1)
    assert "not on this machine" in device.problem


def test_missing_data_are_not_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(online, "on_disk", lambda name: False)
    (arm,) = sweeps.plan(RunConfig.of(), [axis("data=mnist")], 1)
    assert "mnist is not on this machine yet" in arm.problem


def test_another_row_has_its_defaults_and_keeps_changed_options() -> None:
    """A changed option of both rows stays; any other option leaves with its row."""
    usual = sweeps.changed(RunConfig.of(prior="mixture"), {"prior": "vamp"})
    assert usual == RunConfig.of(prior="vamp")
    assert usual.get("prior_components") == 50
    given = RunConfig.of(prior="mixture", prior_components=20)
    assert sweeps.changed(given, {"prior": "vamp"}) == RunConfig.of(
        prior="vamp", prior_components=20
    )
    base = RunConfig.of(likelihood="gaussian", sigma=0.3)
    assert sweeps.changed(base, {"likelihood": "logistic"}) == RunConfig.of(likelihood="logistic")
    assert sweeps.changed(base, {"likelihood": "gaussian"}) == base
    assert sweeps.changed(base, {"sigma": 0.2}).get("sigma") == 0.2


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("lr=log:1e-4:1e-2:5", np.geomspace(1e-4, 1e-2, 5)),
        ("lr=log:1e-2:1e-4:4", np.geomspace(1e-2, 1e-4, 4)),
        ("beta=linear:0:4:9", np.linspace(0, 4, 9)),
        ("beta=linear:0.1:0.2:7", np.linspace(0.1, 0.2, 7)),
    ],
)
def test_ranges_equal_numpys_to_four_digits(text: str, wanted: np.ndarray) -> None:
    values = axis(text).values
    np.testing.assert_allclose(values, wanted, rtol=5e-4)
    assert all(float(f"{value:.4g}") == value for value in values)


def test_ranges_of_whole_numbers_have_distinct_whole_values() -> None:
    assert axis("latent_dim=log:1:64:7").values == (1, 2, 4, 8, 16, 32, 64)
    assert axis("latent_dim=linear:2:4:5").values == (2, 3, 4)
    assert all(type(value) is int for value in axis("epochs=linear:1:10:4").values)


def test_values_are_distinct_and_have_the_type_of_the_setting() -> None:
    assert axis("beta = 1, 1.0,2").values == (1.0, 2.0)
    assert axis("latent-dim=2,4").field == "latent_dim"
    assert axis("hidden=512,256").values == ((512, 256),)
    assert axis("hidden=512,256;64").values == ((512, 256), (64,))
    assert axis("beta_schedule=constant,warmup:10").values == ("constant", "warmup:10")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("beta", "names no values"),
        ("beta=", "has no values yet"),
        ("beta=a,1", "beta must be a number"),
        ("latent_dim=1.5", "latent_dim must be a whole number"),
        ("betta=1", "did you mean beta"),
        ("seed=1,2", "set the number of seeds instead"),
        ("lr=log:1:2", "from, to and count"),
        ("lr=log:1:2:x", "from, to and count"),
        ("lr=log:0:2:3", "above 0"),
        ("lr=log:1:inf:3", "finite"),
        ("lr=linear:1:2:1", "2 to 200 values"),
    ],
)
def test_an_invalid_axis_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        axis(text)


def test_too_many_runs_are_refused() -> None:
    two = [axis("beta=1,2"), axis("lr=0.1,0.2")]
    for axes, seeds, sentence in (
        ([two[0], two[0]], 1, "swept twice"),
        ([*two, axis("epochs=1,2")], 1, "up to 2 settings"),
        (two, 0, "1 to 20 seeds"),
        (two, 21, "1 to 20 seeds"),
        ([axis("beta=linear:0:1:60")], 4, "240 runs"),
    ):
        with pytest.raises(ValueError, match=sentence):
            sweeps.plan(BASE, axes, seeds)


def test_names_of_sweeps_are_checked() -> None:
    axes = [axis("beta=1"), axis("latent_dim=2")]
    assert sweeps.free_name(set(), axes) == "beta-latent-dim-1"
    assert sweeps.free_name({"beta-latent-dim-1"}, axes) == "beta-latent-dim-2"
    assert sweeps.free_name({"beta-2", "other"}, axes[:1]) == "beta-1"
    assert sweeps.free_name(set(), []) == "seeds-1"
    longest = max((f.name for f in fields()), key=len)
    free = sweeps.free_name(set(), [Axis(longest, (1,))] * 2)
    assert sweeps.checked_name(free, ()) == free
    for wrong in ("", "a b", "../x", "-x", "x" * 31):
        with pytest.raises(ValueError, match="cannot be the name of a sweep"):
            sweeps.checked_name(wrong, ())
    with pytest.raises(ValueError, match="already"):
        sweeps.checked_name("a", {"a"})


def test_runs_of_a_sweep_are_queued_in_order_with_one_tag(tmp_path: Path) -> None:
    runs = sweeps.configurations(sweeps.plan(BASE, [axis("beta=1,2")], 2), 2)
    made, refused = sweeps.create(tmp_path, "mine", runs, state="starting")
    assert refused == []
    assert [run.status().state for run in made[1:]] == ["queued"] * 3
    assert files.read_json(made[0].path / "status.json")["state"] == "starting"
    assert [run.name for run in reversed(listing(tmp_path))] == [run.name for run in made]
    assert [run.name for run in sweeps.members(tmp_path, "mine")] == [run.name for run in made]
    for run, (title, config) in zip(made, runs, strict=True):
        said = notes.read(run.path)
        assert (said.title, said.tags) == (title, ("sweep:mine",))
        assert run.config == config
    notes.change(made[0].path, tags=("x", "sweep:mine", "sweep:", "sweep:other"))
    assert sweeps.names_of(notes.read(made[0].path).tags) == ["mine", "other"]
    assert sweeps.taken(tmp_path) == {"mine", "other"}
    with pytest.raises(ValueError, match="already"):
        sweeps.create(tmp_path, "mine", runs)
    assert len(listing(tmp_path)) == 4


def test_a_run_that_cannot_be_created_does_not_stop_the_others(tmp_path: Path) -> None:
    runs = [("fine", BASE), ("bad", RunConfig.of(data="/nowhere.npz")), ("too", BASE)]
    made, refused = sweeps.create(tmp_path, "mine", runs)
    assert [notes.read(run.path).title for run in made] == ["fine", "too"]
    assert len(refused) == 1
    assert refused[0].startswith("bad: ")
    assert "/nowhere.npz" in refused[0]


def swept_by(*texts: str) -> list[str]:
    runs = sweeps.configurations(sweeps.plan(RunConfig.of(), [axis(t) for t in texts], 2), 2)
    entries = [Entry(t, config.model_dump(mode="json")) for t, config in runs]
    return sorted(sweeps.swept(fold(entries)))


@each(
    "texts",
    [
        ("beta=1,2",),
        ("objective=elbo,free-bits,beta-tc,wae",),
        ("objective=info,wae", "mmd_weight=1,2"),
        ("prior=mixture,vamp",),
        ("likelihood=bernoulli,gaussian,gaussian-learned", "lr=0.1,0.2"),
        ("network=mlp,linear,conv",),
        ("precision=fp32,bf16", "device=cpu,auto"),
        (),
    ],
)
def test_the_swept_settings_are_found_from_the_runs(texts: tuple[str, ...]) -> None:
    """Options of a swept row are not swept settings, unless they were swept themselves."""
    assert swept_by(*texts) == sorted(axis(text).field for text in texts)


def test_the_options_of_a_swept_network_file_are_not_swept_themselves() -> None:
    place = f"{Path(__file__).parents[1]}/networks/gated.py:gated"
    with permission.allowing():
        network = network_code.choose(place)
        assert swept_by(f"network=mlp,{network}") == ["network"]
        base = RunConfig.of(network=network, data="mixture", likelihood="gaussian")
        arms = sweeps.plan(base, [axis("width=4,8", network)], 1)
    assert [arm.config and arm.config.get("width") for arm in arms] == [4, 8]
