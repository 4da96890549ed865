"""The training loop of the README records a run, as printed."""

import sys
from pathlib import Path
from types import CodeType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from vae.runs import find

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def example(mark: str) -> CodeType:
    """Return the Python text after a comment of the README, compiled."""
    text = README.partition(f"<!-- {mark} -->\n```python\n")[2].partition("```")[0]
    return compile(text, "README.md", "exec")


def test_the_loop_of_the_readme_records_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAE_LAB_ROOT", str(tmp_path))
    exec(example("recorder"), {})
    run = find(tmp_path, "my-run")
    status, reports = run.status(), run.reports()
    assert (status.state, status.epoch, status.message) == ("finished", 20.0, "")
    assert reports[0]["elbo"] < reports[-1]["elbo"] < -20
    rises = np.diff([report["elbo"] for report in reports])
    assert rises.min() > -0.5, "means over an epoch have no noise of single batches"
    assert len(run.frame_steps()) == 20
    examples, frame = run.examples(), run.frame()
    assert examples is not None
    assert frame is not None
    assert examples.originals.shape == (12, 1, 8, 8)
    assert len(np.unique(examples.label)) == 10
    assert frame.mean.shape == (1797, 2)


def test_the_callback_of_the_readme_records_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its hooks are called as Lightning calls them, which is no requirement of VAE Lab."""
    lightning, names = ModuleType("lightning"), dict[str, Any]()
    lightning.Callback = object  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lightning", lightning)
    exec(example("callback"), names)
    x, latents = torch.rand(20, 6), (torch.zeros(20, 2), torch.zeros(20, 2))
    module = SimpleNamespace(device="cpu", encode=lambda x: latents, decode=lambda z: x[: len(z)])
    logged = {"val_reconstruction": torch.tensor(3.0), "val_kl": torch.tensor(1.0)}
    trainer = SimpleNamespace(sanity_checking=True, current_epoch=0, callback_metrics=logged)
    for name, error in (("one", None), ("two", RuntimeError("no"))):
        trainer.sanity_checking = True
        callback = names["RecorderCallback"](
            name, x, [0] * 20, likelihood="gaussian", root=tmp_path
        )
        callback.on_fit_start(trainer, module)
        callback.on_validation_end(trainer, module)
        trainer.sanity_checking = False
        callback.on_validation_end(trainer, module)
        if error:
            callback.on_exception(trainer, module, error)
        callback.on_fit_end(trainer, module)
        run = find(tmp_path, name)
        assert [(r["step"], r["split"], r["elbo"]) for r in run.reports()] == [(1, "val", -4.0)]
        assert run.status().state == ("failed" if error else "finished")
        assert run.frame_steps() == [1]
