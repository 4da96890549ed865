"""Every page shows the curves of a run on ragged series.

The whole takes about ten seconds: `pytest tests/pages/test_series.py -m long`.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pages.conftest import OpenPage, trained
from vae.dashboard.shared.run_selection import SELECTED
from vae.dashboard.shared.widgets import key_of
from vae.runs import Run

LENGTHS = np.random.default_rng(1).integers(9, 25, 120)


def ragged(root: Path) -> Run:
    """A run on sines of two channels and several lengths, with a few values hidden."""
    t = np.arange(24)
    phase = np.random.default_rng(0).uniform(0, 6, (120, 1))
    x = np.stack([np.sin(t / 3 + phase), 50 + 9 * np.cos(t / 2 + phase)], 2).astype(np.float32)
    x[t >= LENGTHS[:, None]] = np.nan
    np.savez(root / "walks.npz", x=x, y=np.arange(120) % 2)
    return trained(
        root, "walks", data=str(root / "walks.npz"), likelihood="gaussian-learned", latent_dim=3,
        batch_size=16, hide_share=0.1,
    )  # fmt: skip


def views(run: Run) -> list[tuple[str, dict[str, Any]]]:
    """Each page, with the state of the session that leads to its views."""
    return [
        ("train.py", {}),
        ("latent.py", {}),
        *(("traversals.py", {"traverse_view": k}) for k in ("One latent at a time", "Arithmetic")),
        ("traversals.py", {"traverse_view": "Interpolation"}),
        *(
            ("reconstructions.py", {"reconstruct_of": k})
            for k in ("Examples", "Custom example", "Corruption", "Missing values")
        ),
        ("samples.py", {"generate_nearest": True}),
        ("replay.py", {}),
        ("evaluate.py", {}),
        ("compare.py", {"compare_view": "Pictures", SELECTED: [run.name]}),
    ]


@pytest.mark.long
@pytest.mark.usefixtures("checked_figures")
def test_every_page_opens_on_series(root: Path, open_page: OpenPage) -> None:
    run = ragged(root)
    assert run.header["data"]["event_shape"] == [2, 24]
    for page, state in views(run):
        at = open_page(page, run=run.name)
        assert not at.exception, page
        for key, value in state.items():
            assert key == SELECTED or key in at.session_state, key
            at.session_state[key] = value
        at.run()
        assert not at.exception, (page, state)
    at = open_page("latent.py", run=run.name)
    at.session_state[key_of("latent_selected", run)] = [0, 1]
    at.run()
    assert not at.exception
