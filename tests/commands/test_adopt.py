"""Weights trained elsewhere become a run that decodes as the model elsewhere did."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from tests.tables import each
from vae.commands import main
from vae.runs import Run
from vae.training.adoption import renamed

SETTINGS = ["--data=digits", "--hidden=16", "--latent-dim=3", "--likelihood=bernoulli"]
NAMES = {
    "fc1": "encoder.1",
    "fc21+fc22": "encoder.3",
    "fc3": "decoder.0",
    "fc4": "decoder.2",
}


class Elsewhere(nn.Module):
    """The VAE of pytorch/examples, smaller."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc21, self.fc22 = nn.Linear(64, 16), nn.Linear(16, 3), nn.Linear(16, 3)
        self.fc3, self.fc4 = nn.Linear(3, 16), nn.Linear(16, 64)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.fc1(x.flatten(1)).relu()
        return self.fc21(h), self.fc22(h)

    def decode(self, z: Tensor) -> Tensor:
        logits: Tensor = self.fc4(self.fc3(z).relu())
        return logits


@pytest.fixture
def model() -> Elsewhere:
    torch.manual_seed(0)
    return Elsewhere()


def adopt(folder: Path, state: dict[str, Tensor], names: dict[str, str], *more: str) -> int:
    path = folder / "mine.safetensors"
    save_file({k: v.contiguous() for k, v in state.items()}, path)
    renames = [word for old, new in names.items() for word in ("--rename", f"{old}={new}")]
    root = ["--root", str(folder / "runs"), "--run", "mine"]
    return main(["adopt", str(path), *root, *SETTINGS, *renames, *more])


@torch.no_grad()
def test_an_adopted_run_decodes_and_encodes_as_its_model(
    model: Elsewhere, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert adopt(tmp_path, model.state_dict() | {"count": torch.ones(1)}, NAMES) == 0
    run = Run(tmp_path / "runs" / "mine")
    here, data = run.load_model(), run.data()
    x = torch.from_numpy(data.x[:7]).float() / data.scale
    mean, log_variance = model.encode(x)
    q, z = here.posterior(x), torch.randn(5, 3)
    torch.testing.assert_close(q.mean, mean)
    torch.testing.assert_close(q.variance, log_variance.exp())
    torch.testing.assert_close(here.likelihood(z).mean.flatten(1), model.decode(z).sigmoid())

    assert run.status().state == "stopped"
    assert run.frame_steps() == [0]
    held_out = torch.from_numpy(data.x[run.config.split(data).val]).float() / data.scale
    mean, log_variance = model.encode(held_out)
    kl = (mean**2 + log_variance.exp() - 1 - log_variance).sum(1).mean() / 2
    report = run.reports()[-1]
    assert report["kl"] == pytest.approx(float(kl), rel=1e-5)
    draws = [mean + torch.randn_like(mean) * (log_variance / 2).exp() for _ in range(20)]
    target = held_out.flatten(1).expand(20, -1, -1)
    error = binary_cross_entropy_with_logits(
        model.decode(torch.stack(draws)), target, reduction="none"
    )
    assert report["reconstruction"] == pytest.approx(float(error.sum(-1).mean()), rel=0.01)
    text = capsys.readouterr().out
    assert f"−ELBO {report['reconstruction'] + report['kl']:.2f} nats" in text
    assert "8 tensors of mine.safetensors" in text
    assert "Left out: 'count'" in text
    assert os.listdir(tmp_path / "runs") == ["mine"]


def test_an_adopted_run_is_trained_further_and_has_no_script(
    model: Elsewhere, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adopt(tmp_path, model.state_dict(), NAMES, "--epochs", "1")
    root = ["--root", str(tmp_path / "runs")]
    run = Run(tmp_path / "runs" / "mine")
    first = run.reports()[-1]
    assert main(["resume", "mine", *root]) == 0
    assert run.status().state == "finished"
    assert run.reports()[0] == first
    assert run.reports()[-1]["elbo"] > first["elbo"]
    assert main(["script", "mine", *root, "--out", str(tmp_path / "again.py")]) == 2
    assert "trained elsewhere" in capsys.readouterr().err


FAULTS: dict[str, tuple[dict[str, str], str]] = {
    "no names": ({}, "no tensor for 'encoder.1.weight' (16, 64)"),
    "a name that is not there": (
        {"fc9": "encoder.1"},
        "the file has no 'fc9'; it has 'fc1.bias' (16,), ",
    ),
    "other parts": ({"fc1+fc1.weight": "encoder.1"}, "these modules have different parts"),
    "other widths": ({"fc1+fc21": "encoder.1"}, "(16, 64) and (3, 16) cannot lie below"),
    "another shape": (
        NAMES | {"fc3": "decoder.2", "fc4": "decoder.0"},
        "'decoder.0.weight' has the shape (64, 16), and the model needs (16, 3)",
    ),
}


@each("case", FAULTS)
def test_weights_that_do_not_fit_are_refused_by_name(
    case: str, model: Elsewhere, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names, sentence = FAULTS[case]
    assert adopt(tmp_path, model.state_dict(), names) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "runs").exists() or not os.listdir(tmp_path / "runs")


def test_numbers_that_are_not_finite_are_refused(
    model: Elsewhere, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = model.state_dict()
    state["fc3.bias"][0] = np.nan
    assert adopt(tmp_path, state, NAMES) == 2
    assert "'decoder.0.bias' holds numbers that are not finite" in capsys.readouterr().err


def test_names_of_one_body_and_a_shared_prefix_need_no_renaming(
    model: Elsewhere, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = renamed(model.state_dict(), NAMES)
    short = {f"module.{name.removeprefix('encoder.')}": tensor for name, tensor in state.items()}
    assert adopt(tmp_path, short, {}) == 0
    plain = {
        name.removeprefix("encoder.").removeprefix("decoder."): t for name, t in state.items()
    }
    assert adopt(tmp_path, plain | {"0.weight": torch.ones(16, 3)}, {}) == 2
    capsys.readouterr()


def test_a_file_of_another_kind_names_the_way_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.pth"
    torch.save({"a": torch.ones(1)}, path)
    assert main(["adopt", str(path)]) == 2
    assert "python -m vae weights model.pth OUT.safetensors" in capsys.readouterr().err
