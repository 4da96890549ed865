"""Values that were not observed: the likelihood, the encoder, and the values filled in."""

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from scipy import stats

from tests.tables import SINGLE
from vae.analysis import imputation
from vae.analysis.imputation import HiddenErrors, Imputed
from vae.base.records import Domain
from vae.components.likelihoods import LIKELIHOODS
from vae.config import RunConfig
from vae.data import DataError, Dataset, read, save_upload
from vae.data.missing import hidden, missing_in
from vae.evaluation.inputs import Gaps
from vae.model import VAE, build
from vae.training.steps import State, init_from_data, next_rows, train_step

LOCATION, SCALE = (10.0, -3.0, 0.5, 200.0), (2.0, 0.1, 1.0, 50.0)
LINEAR = Domain((4,), location=LOCATION, scale=SCALE, missing=True)
CPU = torch.device("cpu")
Small = Callable[..., RunConfig]


def linear_model() -> tuple[VAE, np.ndarray, np.ndarray]:
    """Return a linear Gaussian model, and the mean and covariance of its x."""
    settings = {"network": "linear", "likelihood": "gaussian", "sigma": 0.6, "latent_dim": 1}
    model = build(RunConfig.of(**settings), LINEAR).double()
    weight, bias = (p.detach().numpy() for p in model.decoder[0].parameters())
    scale = np.diag(SCALE)
    covariance = scale @ (weight @ weight.T + 0.6**2 * np.eye(4)) @ scale
    return model, np.array(LOCATION) + scale @ bias, covariance


def with_holes(x: np.ndarray, share: float = 0.4) -> np.ndarray:
    """Return x with holes at random; its first row has none, its second nothing else."""
    holes = np.random.default_rng(1).random(x.shape) < share
    holes[0], holes[1] = False, True
    return np.where(holes, np.nan, x)


def examples() -> tuple[VAE, np.ndarray, np.ndarray, np.ndarray]:
    model, mean, covariance = linear_model()
    drawn = stats.multivariate_normal(mean, covariance).rvs(30, random_state=0)
    return model, mean, covariance, with_holes(drawn)


def test_the_density_of_the_observed_values_is_their_marginal() -> None:
    """∫ p(x_o|z) p(z) dz of a linear model is the Gaussian of the observed values."""
    model, mean, covariance, x = examples()
    z = torch.linspace(-9, 9, 1801, dtype=torch.float64)[:, None, None].expand(-1, len(x), 1)
    with torch.no_grad():
        joint = model.prior().log_prob(z) + model.likelihood(z).log_prob(torch.from_numpy(x))
    found = (joint.logsumexp(0) + math.log(0.01)).numpy()
    for row, value in zip(x, found, strict=True):
        o = ~np.isnan(row)
        normal = stats.multivariate_normal(mean[o], covariance[o][:, o]) if o.any() else None
        assert value == pytest.approx(normal.logpdf(row[o]) if normal else 0.0, abs=1e-6)


def test_missing_values_are_expected_as_the_exact_model_does() -> None:
    model, mean, covariance, x = examples()
    model, single = model.float(), torch.from_numpy(x.astype(np.float32))
    torch.manual_seed(0)
    with torch.no_grad():
        found = imputation._expected(model, single, None, 10_000).numpy()
    for row, values in zip(x, found, strict=True):
        o = ~np.isnan(row)
        gain = covariance[:, o] @ np.linalg.inv(covariance[o][:, o])
        residual = mean + gain @ (row[o] - mean[o])
        np.testing.assert_allclose(((values - residual) / SCALE)[~o], 0, atol=0.06)


SUPPORTS = {"real": 0, "unit": 0, "levels": 5, "counts": 0}


@pytest.mark.parametrize("likelihood", SINGLE)
@pytest.mark.parametrize("shape", [(6,), (2, 3, 3), (2, 7)])
def test_every_likelihood_sums_the_observed_values(
    small: Small, likelihood: str, shape: tuple[int, ...]
) -> None:
    row = LIKELIHOODS[likelihood]
    domain = Domain(shape, SUPPORTS[row.support], 3)
    config = small(likelihood=likelihood, condition="labels")
    model = build(config, domain._replace(missing=True))
    plain = build(config, domain)
    plain._likelihood.load_state_dict(model._likelihood.state_dict())
    plain.decoder.load_state_dict(model.decoder.state_dict())
    x = torch.from_numpy(np.random.default_rng(0).integers(0, 5, (7, *shape)).astype(np.float32))
    x = x if row.support == "counts" else x / 4
    holes = torch.from_numpy(with_holes(x.numpy()))
    y, z = torch.arange(7) % 3, torch.randn(2, 7, config.latent_dim)
    each = plain.likelihood(z, y).base_dist.log_prob(x)  # (K, B, *event)
    expected = torch.where(holes.isnan(), 0.0, each).flatten(2).sum(-1)
    torch.testing.assert_close(model.likelihood(z, y).log_prob(holes), expected)
    loss = model.loss(model(holes, 2, y), {}).total
    loss.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    assert loss.isfinite()
    changed = torch.where(holes.isnan(), 0.0, holes)  # the mask alone tells a 0 from a hole
    means = [model.posterior(one, y).mean[1:] for one in (holes, changed)]
    assert not torch.equal(*means)


def test_a_ragged_series_has_the_likelihood_of_its_observed_part(small: Small) -> None:
    """By scipy, channel by channel, up to the end of each series; the rest changes nothing."""
    domain = Domain((2, 9), location=(10.0, -2.0), scale=(3.0, 0.5), missing=True)
    model = build(small(network="conv1d", likelihood="gaussian", sigma=0.7), domain)
    ends = (9, 4, 1, 6)
    x = np.random.default_rng(0).normal((10, -2), (3, 0.5), (4, 9, 2)).swapaxes(1, 2)
    for row, end in zip(x, ends, strict=True):
        row[:, end:] = np.nan
    x[3, 1, 2] = np.nan
    z = torch.randn(4, 2)
    with torch.no_grad():
        px = model.likelihood(z)
        found, mean = px.log_prob(torch.from_numpy(x.astype(np.float32))), px.mean.numpy()
        for k, end in enumerate(ends):
            each = stats.norm.logpdf(x[k, :, :end], mean[k, :, :end], [[2.1], [0.35]])
            assert float(found[k]) == pytest.approx(np.nansum(each), rel=1e-5)
        assert model.encoder[0].in_channels == 4  # two of values, two of the mask
        longer = torch.from_numpy(np.where(np.isnan(x), 0, x).astype(np.float32))
        assert not torch.equal(px.log_prob(longer), found)


def table(n: int = 400) -> Dataset:
    """Return two pairs of equal columns in different units, with a few values not observed."""
    rng = np.random.default_rng(0)
    one = rng.normal(size=(n, 2))
    x = np.column_stack([one[:, 0], 100 * one[:, 0] + 7, one[:, 1], -one[:, 1]])
    x[:3, 0] = np.nan
    return Dataset("pairs", x.astype(np.float32), 1.0, columns=("a", "b", "c", "d"))


def test_columns_are_standardised_by_their_observed_values(small: Small) -> None:
    data = table()
    config = small(likelihood="gaussian")
    domain, rows = config.domain(data), config.divide(data).train
    np.testing.assert_allclose(domain.location, np.nanmean(data.x[rows], 0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(domain.scale, np.nanstd(data.x[rows], 0), rtol=1e-4)
    low = small(likelihood="gaussian", data_scale="minmax").domain(data)
    np.testing.assert_allclose(low.location, np.nanmin(data.x, 0), rtol=1e-5)
    assert domain.missing
    assert not config.domain(data._replace(x=np.nan_to_num(data.x))).missing


HOLES = np.delete(with_holes(np.random.default_rng(2).normal(size=(12, 3)).round(2), 0.3), 1, 0)


def save_csv(path: Path, mark: str, decimal: str = ".") -> Path:
    """Write HOLES as a text table with a mark in the place of NaN."""
    rows = [[mark if v != v else str(v).replace(".", decimal) for v in row] for row in HOLES]
    separator = ";" if decimal == "," else ","
    path.write_text("\n".join(map(separator.join, [["a", "b", "c"], *rows])) + "\n")
    return path


def save_parquet(path: Path, value: float | None) -> Path:
    columns = {n: [value if v != v else v for v in c] for n, c in zip("abc", HOLES.T, strict=True)}
    pq.write_table(pa.table(columns), path)
    return path


def save_npy(path: Path) -> Path:
    np.save(path, HOLES)
    return path


FORMS: dict[str, Callable[[Path], Path]] = {
    "empty cells": lambda folder: save_csv(folder / "t.csv", ""),
    "NA of R": lambda folder: save_csv(folder / "t.csv", "NA"),
    "question marks": lambda folder: save_csv(folder / "t.csv", "?"),
    "decimal comma": lambda folder: save_csv(folder / "t.csv", "NaN", ","),
    "nulls": lambda folder: save_parquet(folder / "t.parquet", None),
    "NaN of Parquet": lambda folder: save_parquet(folder / "t.parquet", math.nan),
    "NumPy": lambda folder: save_npy(folder / "t.npy"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_missing_value_is_read_and_counted(form: str, tmp_path: Path) -> None:
    expected = HOLES.astype(np.float32)
    path = FORMS[form](tmp_path)
    data = read(path)
    np.testing.assert_array_equal(data.x, expected)
    assert data.reading is not None
    gone = np.isnan(expected).sum(0)
    (note,) = [note for note in data.reading.notes if note.startswith("Not observed")]
    names = "abc" if data.columns else [f"feature {k}" for k in (1, 2, 3)]
    assert f"{gone.sum()} of 33 values" in note
    assert all((f"{name} {k}" in note) == (k > 0) for name, k in zip(names, gone, strict=True))
    stored = read(save_upload({path.name: path.read_bytes()}, tmp_path))
    assert stored.fingerprint == data.fingerprint
    assert stored.columns == data.columns


def test_a_column_without_any_value_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "t.npy", np.array([[1, np.nan], [2, np.nan]]))
    with pytest.raises(DataError, match=r"value 1 .* of every example is NaN"):
        read(tmp_path / "t.npy")


def test_hidden_values_leave_the_others_as_they_are() -> None:
    data = table()
    some = hidden(data, 0.3, seed=0)
    assert some.truth is data.x
    away = np.isnan(some.x) & ~np.isnan(data.x)
    assert away.mean() == pytest.approx(0.3, abs=0.03)
    np.testing.assert_array_equal(np.where(away, data.x, some.x), data.x)
    np.testing.assert_array_equal(some.x, hidden(data, 0.3, seed=0).x)
    assert not np.array_equal(some.x, hidden(data, 0.3, seed=1).x)
    assert hidden(data, 0.0, seed=0) is data


class Loaded(NamedTuple):
    """The parts of a loaded run that the errors read."""

    data: Dataset
    run: Any = SimpleNamespace(config=RunConfig.of(likelihood="gaussian"))

    def rows(self, split: str) -> Any:
        return np.arange(len(self.data.x))


HOLE, END = [1.0, np.nan, 3.0], [1.0, 2.0, np.nan]


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ([[1.0, 2.0, 3.0]], ""),
        ([HOLE], "Values that were not observed have no term"),
        ([[HOLE], [END]], "Values that were not observed and steps after the end of a series"),
        ([[END]], "Steps after the end of a series have no term"),
    ],
)
def test_the_note_on_the_bound_names_the_gaps_of_the_examples(x: Any, words: str) -> None:
    note = Gaps.of(torch.tensor(x)).note
    assert note.startswith(words)
    assert ("MIWAE" in note) == ("Values" in words)
    assert bool(note) == bool(words)


def test_the_end_of_a_series_is_neither_missing_nor_observed() -> None:
    x = np.array(
        [[[1.0, np.nan, 3.0, np.nan]]], np.float32
    )  # a hole, and an end after three steps
    found = Imputed(
        np.arange(1),
        x,
        np.full(x.shape, 9, np.float32),
        missing_in(Dataset("s", x, 1.0), np.arange(1)),
    )
    np.testing.assert_array_equal(found.is_observed[0, 0], [True, False, True, False])
    np.testing.assert_array_equal(found.completed[0, 0], [1, 9, 3, np.nan])


def test_errors_at_hidden_values_are_in_the_unit_of_their_column() -> None:
    data = hidden(table(), 0.3, seed=0)
    assert data.truth is not None
    rows, gone = np.arange(len(data.x)), np.isnan(data.x)
    guess = np.nan_to_num(data.truth) + np.array([0.5, 50.0, 0, 0], np.float32)
    found = imputation.hidden_errors(Loaded(data), Imputed(rows, data.x, guess, gone))  # type: ignore[arg-type]
    assert isinstance(found, HiddenErrors)
    np.testing.assert_allclose(found.model, [0.5, 50, 0, 0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.mean / found.sd, 1, atol=0.2)
    np.testing.assert_array_equal(found.counts, (np.isnan(data.x) & ~np.isnan(data.truth)).sum(0))
    assert found.total[0] == pytest.approx(0.5 * 0.5**0.5, rel=0.1)
    assert found.total[1] == pytest.approx(1, abs=0.1)


def test_a_trained_model_fills_in_better_than_the_mean(small: Small) -> None:
    data = hidden(table(), 0.2, seed=0)
    config = small(likelihood="gaussian", hidden=(16,), lr=1e-2, batch_size=100, epochs=60)
    state = State(config, config.domain(data), data, config.split(data), CPU)
    init_from_data(state)
    for _ in range(40):
        train_step(state, next_rows(state))
    with torch.no_grad():
        x = torch.from_numpy(data.x)
        guess = imputation._expected(state.model, x, None, 10).numpy()
    found = imputation.hidden_errors(
        Loaded(data),  # type: ignore[arg-type]
        Imputed(np.arange(len(data.x)), data.x, guess, np.isnan(data.x)),
    )
    assert found is not None
    assert found.total[0] < 0.75 * found.total[1]
