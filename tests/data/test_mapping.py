"""Mapped files: the same data set, the same errors and the same weights as in memory."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.tables import each
from vae.analysis.dataset_summary import summarise
from vae.analysis.encoding import encode
from vae.base.files import state_of
from vae.base.records import Control, Snapshot
from vae.batches import Batches
from vae.config import RunConfig
from vae.data import DataError, Dataset, load, prepare, read
from vae.data import scan as scans
from vae.data.mapping import ReadAhead, in_file, mapping_of, open_array, pieces
from vae.evaluation import evaluate
from vae.footprint import training_memory
from vae.model import build
from vae.training import train

DRAW = np.random.default_rng(0)
BYTES = DRAW.integers(0, 256, (150, 784)).astype(np.uint8)
REAL = DRAW.normal(size=(150, 6))
HOLES = np.where(DRAW.random(REAL.shape) < 0.2, np.nan, REAL).astype(np.float32)
ARRAYS: dict[str, NDArray[Any]] = {
    "flat bytes": BYTES,
    "bytes of few levels": BYTES.reshape(-1, 28, 28) % 17,
    "binary bytes": BYTES.reshape(-1, 28, 28) // 128,
    "channels last": BYTES[:, :768].reshape(-1, 16, 16, 3),
    "channels first": BYTES[:, :768].reshape(-1, 3, 16, 16),
    "transparent": BYTES.reshape(-1, 14, 14, 4),
    "unit floats": (BYTES.reshape(-1, 28, 28) / 255).astype(np.float32),
    "doubles": BYTES.reshape(-1, 28, 28) / 255,
    "floats of bytes": BYTES.reshape(-1, 28, 28).astype(np.float32),
    "any range": DRAW.normal(size=(150, 8, 8)),
    "one value": np.full((150, 8, 8), 7.5, np.float32),
    "big endian": REAL.astype(">f4"),
    "vectors": REAL,
    "floats": REAL.astype(np.float32),
    "missing": HOLES,
    "counts": DRAW.poisson(3, (150, 5)),
    "bits": DRAW.random((150, 5)) < 0.5,
    "columns first": np.asfortranarray(BYTES),
}
SMALL: dict[str, Any] = {"hidden": (16,), "batch_size": 32, "epochs": 2, "frames": 3}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VAE_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(scans, "SETTLED", -1)
    monkeypatch.setattr("vae.data.mapping.PIECE", 40_000)
    return tmp_path


def equal(first: Any, second: Any) -> None:
    assert first == second


def both(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Dataset]:
    """Return the data set of a file in memory, and mapped."""
    found = []
    for limit in (2**40, 0):
        monkeypatch.setattr("vae.data.mapping.MAPPED", limit)
        found.append(read(path))
    return found


@each("name", list(ARRAYS), ids=str)
def test_a_mapped_file_is_the_data_set_in_memory(
    name: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(home / "x.npy", ARRAYS[name])
    if name != "missing":
        np.save(home / "x-labels.npy", np.arange(150) % 3)
    whole, mapped = both(home / "x.npy", monkeypatch)
    assert whole.in_memory
    assert mapped.in_memory == (name == "columns first")
    for part in ("event_shape", "missing", "in_unit_interval", "is_binary", "is_counts", "levels"):
        assert getattr(whole, part) == getattr(mapped, part), part
    assert whole.fingerprint == mapped.fingerprint
    for field in Dataset._fields:
        pair = getattr(whole, field), getattr(mapped, field)
        same = np.testing.assert_array_equal if isinstance(pair[0], np.ndarray) else equal
        same(*pair)
    assert (mapped.x.dtype, mapped.scale) == (whole.x.dtype, whole.scale)


@each("where", ["float32", "float64"])
def test_a_mapped_file_has_the_errors_of_memory(
    where: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = DRAW.random((150, 8, 8)).astype(where)
    x[120, 3, 4], x[149, 0, 0] = np.inf, np.nan
    np.save(home / "x.npy", x)
    sentences = []
    for limit in (2**40, 0):
        monkeypatch.setattr("vae.data.mapping.MAPPED", limit)
        with pytest.raises(DataError) as raised:
            read(home / "x.npy")
        sentences.append(str(raised.value))
    assert sentences[0] == sentences[1]
    assert "2 times, first in example 120 at position 0, 3, 4" in sentences[0]


def test_the_values_of_a_mapped_file_are_looked_at_once(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the file changes. Another process finds the scan in the cache."""
    np.save(home / "x.npy", ARRAYS["unit floats"])
    first = both(home / "x.npy", monkeypatch)[1]
    expected = first.fingerprint, first.levels
    scans._latest.clear()
    read_parts: list[int] = []
    monkeypatch.setattr("vae.data.scan.pieces", lambda x: read_parts.append(len(x)) or pieces(x))
    again = read(home / "x.npy")
    assert (again.fingerprint, again.levels) == expected
    assert not [n for n in read_parts if n == 150]
    np.save(home / "new.npy", ARRAYS["unit floats"] / 2)
    (home / "new.npy").rename(home / "x.npy")
    assert read(home / "x.npy").fingerprint != expected[0]
    assert read_parts


def weights(config: RunConfig, data: Dataset, start: Snapshot | None = None) -> Snapshot:
    return [e for e in train(config, data, start=start) if isinstance(e, Snapshot)][-1]


TRAINED: list[tuple[str, dict[str, Any]]] = [
    ("flat bytes", {}),
    ("flat bytes", {"binarize": "stochastic", "posterior": "full"}),
    ("channels last", {"network": "conv", "channels": (4,), "likelihood": "gaussian"}),
    ("floats", {"likelihood": "gaussian", "condition": "labels"}),
    ("missing", {"likelihood": "gaussian", "data_scale": "minmax"}),
]


@each("case", TRAINED, ids=str)
def test_a_mapped_file_trains_the_weights_of_memory(
    case: tuple[str, dict[str, Any]], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, settings = case
    np.save(home / "x.npy", ARRAYS[name])
    if "condition" in settings:
        np.save(home / "x-labels.npy", np.arange(150) % 3)
    small = {k: v for k, v in SMALL.items() if k != "hidden" or "network" not in settings}
    config = RunConfig.of(**small | settings, data=str(home / "x.npy"))
    whole, mapped = both(home / "x.npy", monkeypatch)
    assert config.domain(whole) == config.domain(mapped)
    expected, found = weights(config, whole), weights(config, mapped)
    assert expected.arrays.keys() == found.arrays.keys()
    for key, value in expected.arrays.items():
        assert np.array_equal(value, found.arrays[key], equal_nan=True), key
    for key in expected.meta.keys() - {"seconds"}:
        assert expected.meta[key] == found.meta[key], key


def test_a_mapped_run_resumes_with_the_same_bits(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(home / "x.npy", BYTES)
    config = RunConfig.of(**SMALL, data=str(home / "x.npy"))
    data = both(home / "x.npy", monkeypatch)[1]
    monkeypatch.setattr("vae.training.metrics.TICK_SECONDS", 0.0)
    paused = [
        e
        for e in train(config, data, control=lambda step: Control("pause" if step > 4 else "run"))
        if isinstance(e, Snapshot)
    ][-1]
    found, expected = weights(config, data, paused), weights(config, data)
    for key, value in expected.arrays.items():
        assert np.array_equal(value, found.arrays[key]), key


def test_some_examples_of_a_mapped_file_lie_in_memory(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(home / "x.npy", BYTES)
    whole, _ = both(home / "x.npy", monkeypatch)
    few = load(str(home / "x.npy"), examples=20, seed=3)
    assert few.in_memory
    assert mapping_of(few.x) is None
    expected = load(str(home / "x.npy"), examples=0, seed=3)
    assert len(expected.x) == len(whole.x) == 150
    assert all((few.x[k] == expected.x).all((1, 2, 3)).any() for k in range(20))
    monkeypatch.setattr("vae.base.memory.free", lambda device="cpu": 1000)
    with pytest.raises(DataError, match="into memory, of which"):
        load(str(home / "x.npy"), examples=20, seed=3)


def test_a_large_file_is_summarised_by_a_sample(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of values and moments; range, classes and number of examples are those of all."""
    np.save(home / "x.npy", BYTES)
    np.save(home / "x-labels.npy", np.arange(150) % 3)
    config = RunConfig.of(data=str(home / "x.npy"))
    whole, mapped = both(home / "x.npy", monkeypatch)
    assert summarise(whole, config).about == summarise(mapped, config).about
    monkeypatch.setattr("vae.analysis.dataset_summary.LARGEST", 60 * 784)
    expected, found = summarise(whole, config), summarise(mapped, config)
    assert found.about.endswith("those of 60 examples, drawn at random.")
    assert (found.counts.sum(), found.moments.examples) == (60 * 784, 60)
    assert found.mean == pytest.approx(expected.mean, abs=0.01)
    assert found.mean != expected.mean
    for field in ("fingerprint", "examples", "low", "high", "splits"):
        assert getattr(found, field) == getattr(expected, field)
    np.testing.assert_array_equal(found.class_counts, expected.class_counts)


def test_mapped_examples_reach_a_device_batch_by_batch(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On torch's device without values: examples in memory are there as a whole, mapped ones not.
    Places may lie on either device."""
    np.save(home / "x.npy", BYTES)
    np.save(home / "x-labels.npy", np.arange(150) % 3)
    config = RunConfig.of(condition="labels", data=str(home / "x.npy"))
    place = torch.device("meta")
    for data in both(home / "x.npy", monkeypatch):
        batches = Batches(data, np.arange(5, 105), config, place)
        assert isinstance(batches.x, torch.Tensor) == data.in_memory
        assert not data.in_memory or batches.x.device.type == "meta"
        assert len(batches) == 100
        found = [*batches.chunks(64), batches.take(torch.arange(36, device=batches.rows.device))]
        for batch, size in zip(found, (64, 36, 36), strict=True):
            assert batch.y is not None
            assert batch.x.shape == (size, 1, 28, 28)
            assert batch.x.device == batch.y.device == place


def test_mapped_examples_do_not_count_as_memory(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(home / "x.npy", BYTES)
    whole, mapped = both(home / "x.npy", monkeypatch)
    assert whole.resident == BYTES.nbytes
    assert mapped.resident < BYTES.nbytes / 10
    config = RunConfig.of(**SMALL)
    sizes = [training_memory(config, config.domain(d), d.resident).total for d in (whole, mapped)]
    assert sizes[0] - sizes[1] == whole.resident - mapped.resident


def test_two_removed_files_of_one_name_have_their_own_range(home: Path) -> None:
    highest = []
    for value in (1.0, 2.0):
        np.save(home / "x.npy", np.full((9, 2), value))
        x = open_array(home / "x.npy")
        (home / "x.npy").unlink()
        highest.append(scans.scanned(x).high)
    assert highest == [1, 2]


def cut(path: Path) -> None:
    with path.open("rb+") as file:
        file.truncate(100_000)


def overwrite(path: Path) -> None:
    np.save(path, BYTES[::-1])


@each("change", [cut, overwrite])
def test_a_file_that_changes_meanwhile_is_a_sentence(
    change: Callable[[Path], None], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training, evaluation, encoding, a pass over all values and single examples. Mapped pages
    would end the process."""
    path = home / "x.npy"
    np.save(path, BYTES)
    data = both(path, monkeypatch)[1]
    config = RunConfig.of(**SMALL, data=str(path))
    model = build(config, config.domain(data))
    events = train(config, data)
    next(events)
    change(path)
    rows = np.arange(150)
    batches = Batches(data, rows, config, torch.device("cpu"))
    acts: dict[str, Callable[[], object]] = {
        "training": lambda: list(events),
        "evaluation": lambda: evaluate(model, batches, elbo_samples=1),
        "encoding": lambda: encode(model, batches, rows, 0),
        "pass": lambda: list(pieces(data.x)),
        "example": lambda: data.x[149],
        "rows": lambda: prepare(data, rows[140:]),
    }
    for act in acts.values():
        with pytest.raises(DataError, match=r"x\.npy has changed while it was in use: restore"):
            act()
    assert read(path).x.shape[0] == 150 if change is overwrite else True


def test_a_read_that_comes_too_late_is_a_sentence(home: Path) -> None:
    """The file ends between the check and the read."""
    np.save(home / "x.npy", BYTES)
    x = in_file(open_array(home / "x.npy"))
    whole = mapping_of(x)
    assert whole is not None
    cut(home / "x.npy")
    whole.state = state_of(os.fstat(whole.handle))
    with pytest.raises(DataError, match="has changed while it was in use"):
        _ = x[140:]


KEYS: list[Any] = [
    0, -1, slice(None), slice(3, 90, 7), slice(None, None, -1), slice(5, 5), [3, 3, 149, -150],
    np.arange(150) % 2 == 0, np.array([[1, 2], [3, 4]]), (3, 0), (slice(2, 5), ..., 1),
    np.int64(7), np.array([], int),
]  # fmt: skip


@each("key", KEYS, ids=str)
def test_rows_of_a_file_are_those_of_the_mapping(key: Any, home: Path) -> None:
    """Of views with any strides."""
    np.save(home / "x.npy", BYTES[:, :768].reshape(-1, 16, 16, 3))
    x = open_array(home / "x.npy")
    views = [x, x.transpose(0, 3, 1, 2), x[:, ::-1, ::2], x[10:], x[::3], x[::-1]]
    fits = len(views) if not isinstance(key, np.ndarray | list) or len(key) < 4 else 3
    for view in views[:fits]:
        found = in_file(view)[key]
        np.testing.assert_array_equal(found, view[key])
        assert found.dtype == view.dtype
        assert mapping_of(np.asarray(found)) is None or isinstance(key, tuple)


def test_rows_ahead_are_requested_where_they_lie(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The requests cover each wanted row, at its bytes, and join adjacent ones."""
    np.save(home / "x.npy", np.arange(3000 * 784, dtype=np.float32).reshape(3000, 784))
    x = open_array(home / "x.npy")[10:]
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr("os.posix_fadvise", lambda file, at, n, why: asked.append((at, n)))
    ReadAhead(x).request(np.array([700, 5, 6, 7, 2900]))
    assert len(asked) == 3
    content = (home / "x.npy").read_bytes()
    found = [np.frombuffer(content[at : at + n], np.float32) for at, n in asked]
    wanted = [x[5:8], x[700:701], x[2900:2901]]
    assert all(np.array_equal(a, b.reshape(-1)) for a, b in zip(found, wanted, strict=True))
