"""A recorded run reads like any other: curves, frames, state; bad numbers are refused."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from importlib.metadata import packages_distributions
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.tables import each
from vae.base.files import write_json
from vae.config import RunConfig
from vae.recorder import Recorder
from vae.runs import Run, find
from vae.runs.store import delete

RNG = np.random.default_rng(0)
X = RNG.random((5, 1, 4, 6)).astype(np.float32)
MEAN = RNG.normal(size=(7, 3)).astype(np.float32)
PARTS = [0.5, 0.25, 1.0]


def recorder(root: Path, name: str = "mine", **settings: Any) -> Recorder:
    return Recorder(name, root=root, **{"likelihood": "bernoulli"} | settings)


def test_a_recorded_run_reads_like_any_other(tmp_path: Path) -> None:
    with recorder(tmp_path, data="mine", beta=2.0, steps_per_epoch=4, seed=3) as r:
        assert find(tmp_path, "mine").status().state == "running"
        r.log(0, "val", reconstruction=9.0, kl=1.75, kl_per_dimension=PARTS, loss=12.5, lr=0.1)
        r.log(8, reconstruction=torch.tensor(7.0), kl_per_dimension=torch.tensor(PARTS))
        r.log(8, "val", reconstruction=6.0, kl=2.0, beta=3.0, terms={"sigma": 0.5})
        r.latents(8, torch.from_numpy(MEAN), MEAN / 2, labels=list("abcabca"), total=70)
        r.pictures(8, X, X / 2, X[:2])
    run = find(tmp_path, "mine")
    first, train, last = run.reports()
    assert (first["kl"], train["kl"], last["kl"]) == (1.75, 1.75, 2.0)
    assert [report["elbo"] for report in (first, train, last)] == [-10.75, -8.75, -8.0]
    assert [report["epoch"] for report in (first, train, last)] == [0.0, 2.0, 2.0]
    assert (first["loss"], first["beta"], last["beta"], first["lr"]) == (12.5, 2.0, 3.0, 0.1)
    assert train["kl_per_dimension"] == PARTS
    assert last["terms"] == {"sigma": 0.5}
    assert run.curves().curves["val", "elbo"].value.tolist() == [-10.75, -8.0]
    frame, examples = run.frame(), run.examples()
    assert frame is not None
    assert examples is not None
    np.testing.assert_array_equal(frame.mean, MEAN)
    np.testing.assert_array_equal(frame.log_variance, MEAN / 2)
    np.testing.assert_array_equal(frame.reconstructions, X / 2)
    np.testing.assert_array_equal(frame.samples, X[:2])
    np.testing.assert_array_equal(examples.originals, X)
    assert examples.label is not None
    assert examples.label.tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert (examples.classes, examples.total) == (("a", "b", "c"), 70)
    data, config = run.header["data"], run.config
    assert (data["event_shape"], data["class_names"]) == ([1, 4, 6], ["a", "b", "c"])
    assert (config.latent_dim, config.likelihood, config.seed) == (3, "bernoulli", 3)
    assert config.get("beta") == 2.0
    status = run.status()
    assert (status.state, status.step, status.epoch, status.best) == ("finished", 8, 2.0, -8.0)
    assert status.recorded
    assert not status.extendable


@pytest.mark.parametrize(
    ("error", "state", "message"),
    [
        (None, "finished", ""),
        (KeyboardInterrupt(), "stopped", "Its training loop was stopped."),
        (ValueError("Too hot."), "failed", "Too hot."),
        (KeyError("x"), "failed", "KeyError: 'x'"),
    ],
)
def test_the_end_of_the_loop_is_the_end_of_the_run(
    error: BaseException | None, state: str, message: str, tmp_path: Path
) -> None:
    expected = pytest.raises(type(error)) if error is not None else nullcontext()
    with expected, recorder(tmp_path):
        if error is not None:
            raise error
    run = find(tmp_path, "mine")
    status = run.status()
    assert (status.state, status.message, status.resumable) == (state, message, False)
    assert (run.path / "log.txt").exists() == (error is not None)
    delete(run)


# Top modules of the packages that the README names for the recorder alone, and of theirs
NEEDED = {"vae", "numpy", "safetensors", "filelock", "psutil", "pydantic", "pydantic_core"}
NEEDED |= {"annotated_types", "typing_extensions", "typing_inspection", "_distutils_hack"}
KILLED = """
import sys, time
from vae.base.files import write_json
from vae.recorder import Recorder
with Recorder("mine", likelihood="bernoulli", root=sys.argv[1]) as r:
    r.log(0, reconstruction=3.0, kl=1.0)
    print(*{name.split(".")[0] for name in sys.modules}, flush=True)
    time.sleep(60)
"""


def test_a_killed_loop_leaves_an_interrupted_run(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert set(child.stdout.readline().split()) & set(packages_distributions()) <= NEEDED
        run = find(tmp_path, "mine")
        assert run.status().state == "running"
        with pytest.raises(ValueError, match="at work"):
            delete(run)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    status = run.status()
    assert (status.state, status.message) == ("interrupted", "Its process has ended.")
    assert len(run.reports()) == 1
    delete(run)


REFUSED: dict[str, tuple[Callable[[Recorder], None], str]] = {
    "nan": (lambda r: r.log(1, reconstruction=float("nan")), "diverged: reconstruction is not"),
    "one for each": (lambda r: r.log(1, reconstruction=[1.0, 2.0]), "take the mean over the"),
    "negative KL": (lambda r: r.log(1, reconstruction=1, kl=-0.5), "never negative"),
    "negative part": (
        lambda r: r.log(1, reconstruction=1, kl_per_dimension=[1, -0.5]),
        "kl_per_dimension of z2",
    ),
    "mean of the parts": (
        lambda r: r.log(1, reconstruction=1, kl=0.5, kl_per_dimension=[0.5, 0.5]),
        "adds up to 1.000 nats at step 1, and kl is 0.5000",
    ),
    "split": (lambda r: r.log(1, "test", reconstruction=1), "Unknown split 'test'"),
    "step back": (
        lambda r: (r.log(2, reconstruction=1), r.log(1, reconstruction=1))[0],
        "Step 1 comes after step 2",
    ),
    "latents": (
        lambda r: (r.latents(1, MEAN), r.log(1, reconstruction=1, kl_per_dimension=[1.0]))[0],
        "Step 1 has 1 latent, and earlier steps 3",
    ),
    "axes": (lambda r: r.latents(1, MEAN[0]), "mean has 2 axes of numbers, not float32 of shape"),
    "log variance": (lambda r: r.latents(1, MEAN, MEAN[:2]), r"log_variance has shape \(2, 3\)"),
    "labels": (lambda r: r.latents(1, MEAN, labels=[1]), "one class for each of 7 examples"),
    "negative labels": (lambda r: r.latents(1, MEAN, labels=[-2] * 7), "or -1 for an example"),
    "others": (
        lambda r: (r.latents(1, MEAN), r.latents(2, MEAN[:4]))[0],
        "mean has 4 examples, before 7. Record the same ones",
    ),
    "other originals": (
        lambda r: (r.pictures(1, X, X), r.pictures(2, 1 - X, X))[0],
        "originals differ from the earlier ones",
    ),
    "range": (lambda r: r.pictures(1, 2 * X - 1, X), "values from 0 to 1, and these originals −"),
    "count": (lambda r: r.pictures(1, X, X[:2]), "2 reconstructions of 5 originals"),
    "shape": (lambda r: r.pictures(1, X, X[:, :, :2]), "reconstructions has examples of shape"),
    "channels": (lambda r: r.pictures(1, X.repeat(2, 1), X), "1 or 3 channels"),
    "text": (lambda r: r.pictures(1, ["a"], X), "numbers, not text"),
}


@each("case", REFUSED)
def test_numbers_that_cannot_be_right_are_refused(case: str, tmp_path: Path) -> None:
    act, sentence = REFUSED[case]
    with (
        recorder(tmp_path, case.replace(" ", "-")) as r,
        pytest.raises(ValueError, match=sentence),
    ):
        act(r)


def test_settings_and_names_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Unknown units 'nats per pixel'; one of nats per exam"):
        recorder(tmp_path, units="nats per pixel")
    with pytest.raises(ValueError, match="likelihood cannot be"):
        recorder(tmp_path, likelihood="![x](http://h.example)")
    with pytest.raises(ValueError, match="cannot be the name of a run"):
        recorder(tmp_path, "a/b")
    r = recorder(tmp_path)
    with pytest.raises(ValueError, match="Record inside the block"):
        r.log(0, reconstruction=1.0)
    with r, pytest.raises(ValueError, match="There is a run 'mine' in"):
        recorder(tmp_path).start()
    with pytest.raises(ValueError, match="Record inside the block"):
        r.log(0, reconstruction=1.0)


def test_bits_become_nats(tmp_path: Path) -> None:
    with recorder(tmp_path, units="bits per example") as r:
        r.log(0, reconstruction=10.0, kl_per_dimension=[1.0, 2.0])
    (report,) = find(tmp_path, "mine").reports()
    assert report["reconstruction"] == pytest.approx(10 * np.log(2))
    assert report["kl"] == pytest.approx(3 * np.log(2))


@pytest.mark.parametrize(
    "given",
    [X, X[:, 0], np.moveaxis(X, 1, 3), X.reshape(5, -1), torch.from_numpy(X)],
    ids=["CHW", "HW", "HWC", "flat", "tensor"],
)
def test_pictures_come_in_any_layout(given: Any, tmp_path: Path) -> None:
    with recorder(tmp_path, shape=(1, 4, 6)) as r:
        r.pictures(0, given, given, given)
    examples = find(tmp_path, "mine").examples()
    assert examples is not None
    np.testing.assert_array_equal(examples.originals, X)


def test_bytes_become_shares_and_binary_values_are_counted(tmp_path: Path) -> None:
    x = (X > 0.5).astype(np.uint8) * 255
    with recorder(tmp_path) as r:
        r.pictures(0, x, X)
    run = find(tmp_path, "mine")
    examples = run.examples()
    assert examples is not None
    np.testing.assert_array_equal(examples.originals, (X > 0.5).astype(np.float32))
    assert run.header["data"]["levels"] == 2


def test_a_frame_holds_the_latest_latents_and_pictures(tmp_path: Path) -> None:
    with recorder(tmp_path) as r:
        r.latents(0, MEAN)
        r.pictures(1, X, X / 2, X)
        r.latents(2, 2 * MEAN, labels=[0, 1, 0, 1, 0, 1, -1], classes=("no", "yes"))
    run = find(tmp_path, "mine")
    frames = [run.frame(step) for step in run.frame_steps()]
    assert [frame.step for frame in frames if frame] == [0, 1, 2]
    blank, half = np.zeros_like(X), X / 2
    for frame, mean, x in zip(frames, (MEAN, MEAN, 2 * MEAN), (blank, half, half), strict=True):
        assert frame is not None
        np.testing.assert_array_equal(frame.mean, mean)
        np.testing.assert_array_equal(frame.reconstructions, x)
    examples = run.examples()
    assert examples is not None
    assert examples.classes == ("no", "yes")


def first_loss(kind: str, reduction: str, x: torch.Tensor) -> torch.Tensor:
    """Return the loss of the output ½ by the functions of torch."""
    losses = {
        "bernoulli": torch.nn.functional.binary_cross_entropy,
        "gaussian": torch.nn.functional.mse_loss,
    }
    value = losses[kind](torch.full_like(x, 0.5), x, reduction=reduction)
    return value / len(x) if reduction == "sum" else value


@pytest.mark.parametrize("beta", [1.0, 0.25])
@pytest.mark.parametrize(("kind", "part"), [("bernoulli", 1.0), ("gaussian", 0.5)])
def test_a_mean_over_pixels_is_recognised(
    kind: str, part: float, beta: float, tmp_path: Path
) -> None:
    """The loss mean + w · KL is 1 / D times sum + w D · KL; a Gaussian at σ = 1 halves the sum."""
    x = torch.from_numpy(RNG.random((8, 1, 20, 20)).astype(np.float32) ** 3)
    trained = beta * 400 * part
    with recorder(tmp_path, likelihood=kind, beta=beta) as r:
        r.log(0, reconstruction=first_loss(kind, "mean", x), kl=0.1)
        with pytest.warns(UserWarning, match=rf"mean over the 400 .* β = {trained:g}\b"):
            r.pictures(0, x, x)
    message = find(tmp_path, "mine").status().message
    assert "not their sum" in message


def test_a_mean_is_recognised_by_the_recorder_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recorder can be installed without torch."""
    monkeypatch.setitem(sys.modules, "vae.config.beta_conventions", None)
    x = RNG.random((8, 20, 20))
    with recorder(tmp_path) as r:
        r.pictures(0, x, x)
        with pytest.warns(UserWarning, match=r"400 times as much\.$"):
            r.log(0, reconstruction=0.69, kl=0.1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("shape", [(8, 1, 20, 20), (8, 12)], ids=["pictures", "short vectors"])
def test_a_sum_is_no_mean(kind: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    x = torch.from_numpy(RNG.random(shape).astype(np.float32) ** 3)
    with recorder(tmp_path, likelihood=kind) as r:
        r.pictures(0, x, x)
        r.log(0, reconstruction=first_loss(kind, "sum", x), kl=0.1)
        r.log(1, reconstruction=0.01 * first_loss(kind, "sum", x), kl=0.1)


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, "bernoulli"),
        ({"likelihood": "zero-inflated"}, "gaussian-learned"),
        ({"posterior": "student", "prior": "mine", "objective": "hinge"}, "bernoulli"),
        ({"posterior": "point"}, "bernoulli"),
    ],
)
def test_the_nearest_configuration_is_valid(
    settings: dict[str, str], wanted: str, tmp_path: Path
) -> None:
    with recorder(tmp_path, **settings) as r:
        r.latents(0, MEAN)
    run = find(tmp_path, "mine")
    assert (run.config.likelihood, run.config.latent_dim) == (wanted, 3)
    assert run.settings | settings == run.settings


def test_the_usual_model_is_that_of_the_tables(tmp_path: Path) -> None:
    usual, r = RunConfig.of(), signature(Recorder).parameters
    for name in ("posterior", "prior", "objective"):
        assert r[name].default == getattr(usual, name)


def test_a_plain_autoencoder_has_no_kl(tmp_path: Path) -> None:
    with recorder(tmp_path, posterior="point", objective="reconstruction") as r:
        r.log(0, "val", reconstruction=4.0)
        r.log(1, "val", reconstruction=3.0)
    run = find(tmp_path, "mine")
    assert not run.config.has_kl
    assert [report["elbo"] for report in run.reports()] == [None, None]
    assert (run.status().best, run.status().best_by) == (-3.0, "−reconstruction")


@pytest.mark.parametrize(
    ("name", "value"),
    [("likelihood", "**x**"), ("latent_dim", "2"), ("seed", None), ("beta", -1), ("epochs", -3)],
)
def test_damaged_settings_of_a_recorded_run_are_named(
    name: str, value: object, tmp_path: Path
) -> None:
    with recorder(tmp_path) as r:
        r.log(0, reconstruction=1.0)
    path = tmp_path / "mine" / "config.json"
    run = find(tmp_path, "mine")
    head = run.header | {"config": run.settings | {name: value}}
    write_json(path, head)
    status = Run(run.path).status()
    assert status.state == "damaged"
    assert f"has no valid {name}" in status.message


WALK = RNG.normal(size=(6, 30, 2)).cumsum(1).astype(np.float32)  # (M, T, C)
WALK[1, 20:] = np.nan  # a shorter series
SERIES: dict[str, tuple[Any, dict[str, Any]]] = {
    "time first": (WALK, {}),
    "channels first": (WALK.transpose(0, 2, 1), {}),
    "flat": (WALK.reshape(6, -1), {"shape": (30, 2)}),
    "one channel": (WALK[:, :, 0], {}),
    "a tensor with names": (torch.from_numpy(WALK), {"channels": ("left", "right")}),
}


@each("form", SERIES)
def test_series_are_recorded(form: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    root, (x, settings) = tmp_path_factory.mktemp("root"), SERIES[form]
    full = np.nan_to_num(np.asarray(x))
    with recorder(root, likelihood="gaussian", layout="series", **settings) as r:
        r.log(1, "val", reconstruction=4000.0, kl=1.0)
        r.latents(1, MEAN, MEAN)
        r.pictures(1, x, full, full[:2])
        r.pictures(2, x, full * 2, full[:2])
    run = find(root, "mine")
    examples, frame = run.examples(), run.frame()
    assert examples is not None
    assert frame is not None
    expected = WALK.transpose(0, 2, 1)[:, : 1 if form == "one channel" else 2]
    np.testing.assert_array_equal(examples.originals, expected)
    np.testing.assert_array_equal(frame.reconstructions, np.nan_to_num(expected) * 2)
    data = run.header["data"]
    assert data["event_shape"] == list(expected.shape[1:])
    assert data["missing"]
    assert data.get("channels", []) == list(settings.get("channels", []))


def test_series_without_their_layout_are_refused(tmp_path: Path) -> None:
    with recorder(tmp_path) as r, pytest.raises(ValueError, match=r'layout="series"'):
        r.pictures(1, WALK, WALK)
    with pytest.raises(ValueError, match="Unknown layout 'curves'; one of pictures, series"):
        recorder(tmp_path, layout="curves")
    with (
        recorder(tmp_path, "named", layout="series", channels=("a", "b", "c")) as r,
        pytest.raises(ValueError, match="3 names of channels"),
    ):
        r.pictures(1, WALK, np.nan_to_num(WALK))
