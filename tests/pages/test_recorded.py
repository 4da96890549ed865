"""Every page opens for a run that a training loop elsewhere has recorded."""

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import PAGES, OpenPage
from tests.pages.test_compare import drawn, show
from vae.dashboard.compare.view import CURVES, MAPS, PICTURES, VIEWS
from vae.recorder import Recorder
from vae.runs import find

BOTH = "latents and pictures"
OF_RUNS = [page for page in PAGES if page not in ("compare.py", "data.py", "sweep.py")]
OF_EVERY_RUN = {"tour_start", "tour_dismiss", "stage_button"}  # keys of buttons
NEEDS = {  # page → the recorded arrays that it shows
    "latent.py": "latents",
    "replay.py": "latents",
    "reconstructions.py": "pictures",
    "samples.py": "pictures",
}
WAY_OUT = "Record more in that loop, or train such a model here"


def record(root: Path, name: str = "mine", latents: int = 3, arrays: str = BOTH) -> None:
    """Record a short run with latents and labels, pictures, both or nothing but curves."""
    rng = np.random.default_rng(0)
    x = rng.random((6, 1, 5, 4)).astype(np.float32)
    with Recorder(name, likelihood="bernoulli", data="mine", root=root, epochs=4) as r:
        for epoch in range(4):
            parts = np.full(latents, 0.5 + epoch)
            for split in ("train", "val"):
                r.log(epoch, split, reconstruction=20.0 - epoch, kl_per_dimension=parts)
            if "latents" in arrays:
                mean = rng.normal(size=(40, latents))
                r.latents(epoch, mean, np.zeros_like(mean), labels=np.arange(40) % 4)
            if "pictures" in arrays:
                r.pictures(epoch, x, 0.9 * x, rng.random((4, 1, 5, 4)))


def record_series(root: Path) -> None:
    """Record a run of ragged series of two channels."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, 40, 2)).cumsum(1).astype(np.float32)
    full = x.copy()
    x[2, 25:] = np.nan
    settings = {"layout": "series", "channels": ("left", "right"), "epochs": 2}
    with Recorder("mine", likelihood="gaussian", data="walks", root=root, **settings) as r:
        for epoch in (1, 2):
            r.log(epoch, "val", reconstruction=900.0 - epoch, kl_per_dimension=np.ones(3))
            r.latents(epoch, rng.normal(size=(40, 3)), np.zeros((40, 3)))
            r.pictures(epoch, x, 0.9 * full, full[:3])


def test_every_page_opens_for_recorded_series(root: Path, open_page: OpenPage) -> None:
    record_series(root)
    for page in OF_RUNS:
        found = words(open_page(page, run="mine"))
        assert "walks · recorded, 3 latents, gaussian" in found, page
        assert "call r." not in found, page


def words(at: AppTest) -> str:
    return " ".join(e.value for e in [*at.markdown, *at.subheader, *at.caption, *at.info])


@pytest.mark.parametrize("arrays", [BOTH, "latents", "pictures", "none"])
def test_every_page_opens(arrays: str, root: Path, open_page: OpenPage) -> None:
    record(root, arrays=arrays)
    for page in OF_RUNS:
        at = open_page(page, run="mine")
        found = words(at)
        assert "mine · recorded, 3 latents, bernoulli" in found, page
        assert "finished" in found, page
        needs = NEEDS.get(page, "")
        if needs in arrays:
            assert (WAY_OUT in found) == (page not in ("train.py", "replay.py")), page
            assert "call r." not in found, page
        else:
            assert f"call r.{needs}(step, " in found, page


def test_recorded_latents_are_measured(root: Path, open_page: OpenPage) -> None:
    record(root)
    at = open_page("evaluate.py", run="mine")
    found = {metric.label: metric.value for metric in at.main.metric}
    assert {"Active units", "I(x; z)", "KL(q(z) ‖ p(z))", "Linear probe", "Chance"} <= found.keys()
    assert found["Chance"] == "25.0 %"
    assert found["Active units"].startswith("3")
    assert "A recorded run has no known factors." in words(at)


def test_compare_shows_recorded_runs_side_by_side(root: Path, open_page: OpenPage) -> None:
    for name, latents in (("one", 3), ("two", 2)):
        record(root, name, latents)
    record(root, "three", arrays="none")
    at = open_page("compare.py")
    for view in VIEWS:
        show(at, view, ["one", "two", "three"])
        charts = drawn(at)
        if view == CURVES:
            assert len(charts["compare_curves"]["data"]) == 3 * 3
        elif view == MAPS:
            assert sum(key.startswith("compare_map_") for key in charts) == 2
            assert "three has recorded no latents" in words(at)
        elif view == PICTURES:
            assert WAY_OUT in words(at)


@pytest.mark.parametrize("state", ["running", "interrupted", "failed", "finished"])
def test_a_recorded_run_has_findings_and_no_controls(
    state: str, root: Path, open_page: OpenPage
) -> None:
    with Recorder("mine", likelihood="bernoulli", root=root) as r:
        for epoch in range(12):
            r.log(epoch, "val", reconstruction=30.0 + 20 * (epoch % 2), kl=1.0, loss=40.0)
    saved = "running" if state == "interrupted" else state
    living = {"process_started": 1.0} if state == "interrupted" else {}
    find(root, "mine").set_status(state=saved, **living)
    for page in ("train.py", "evaluate.py"):
        at = open_page(page, run="mine")
        found = words(at)
        assert state in found
        assert "Learning rate too high" in found or "jitters" in found, page
        assert {str(button.key) for button in at.main.button} <= OF_EVERY_RUN
