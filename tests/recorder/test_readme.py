"""The training loop of the README records a run, as printed."""

from pathlib import Path

import numpy as np
import pytest

from vae.runs import find

ROOT = Path(__file__).parents[2]
LOOP = (ROOT / "README.md").read_text("utf-8").partition("<!-- recorder -->\n```python\n")[2]


def test_the_loop_of_the_readme_records_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAE_LAB_ROOT", str(tmp_path))
    exec(compile(LOOP.partition("```")[0], "README.md", "exec"), {})
    run = find(tmp_path, "my-run")
    status, reports = run.status(), run.reports()
    assert (status.state, status.epoch, status.message) == ("finished", 20.0, "")
    assert reports[0]["elbo"] < reports[-1]["elbo"] < -20
    assert len(run.frame_steps()) == 20
    examples, frame = run.examples(), run.frame()
    assert examples is not None
    assert frame is not None
    assert examples.originals.shape == (12, 1, 8, 8)
    assert len(np.unique(examples.label)) == 10
    assert frame.mean.shape == (1797, 2)
