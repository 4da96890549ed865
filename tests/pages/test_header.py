"""The header of a page shows the present state of the run."""

import shutil
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import PAGES, Clock, OpenPage, trained
from vae.dashboard.shared.run_picker import ICONS
from vae.runs import Run, identity

# Compare lists every run, Data and Sweep show none
PAGES_OF_A_RUN = [page for page in PAGES if page not in ("compare.py", "data.py", "sweep.py")]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(tmp_path_factory.mktemp("runs"), "a-run")


@pytest.fixture
def running(finished: Run, root: Path) -> Run:
    """A run with weights and frames in a living process."""
    run = Run(shutil.copytree(finished.path, root / finished.name))
    run.set_status(state="running", heartbeat=time.time(), **identity())
    return run


def badges(at: AppTest) -> set[str]:
    """Return every state on the page in the form of the header."""
    texts = [m.value for m in at.markdown if m.value.startswith(":") and "-badge[" in m.value]
    return {text.partition("[")[2].partition("]")[0] for text in texts} & set(ICONS)


@pytest.mark.parametrize("page", PAGES_OF_A_RUN)
def test_the_header_follows_a_run_and_stops_with_it(
    page: str, running: Run, clock: Clock, open_page: OpenPage
) -> None:
    at = open_page(page, run=running.name)
    assert badges(at) == {"running"}
    timers = dict(clock.timers)
    running.set_status(state="finished")
    found = set()
    for fragment in timers:
        found |= badges(clock.tick(at, fragment))
    assert found == {"finished"}
    assert not clock.timers, "a fragment still runs for a run that has ended"


@pytest.mark.parametrize("page", PAGES_OF_A_RUN)
def test_no_fragment_runs_for_a_finished_run(
    page: str, finished: Run, root: Path, clock: Clock, open_page: OpenPage
) -> None:
    shutil.copytree(finished.path, root / finished.name)
    assert badges(open_page(page, run=finished.name)) == {"finished"}
    assert not clock.timers


def test_a_running_fragment_draws_the_present_facts_and_continues(
    running: Run, clock: Clock, open_page: OpenPage
) -> None:
    at = open_page("samples.py", run=running.name)
    running.set_status(device="cuda:7")
    (fragment,) = clock.timers
    texts = " ".join(m.value for m in clock.tick(at, fragment).markdown)
    assert "cuda:7" in texts
    assert list(clock.timers) == [fragment]


def test_header_and_curves_of_the_train_page_are_redrawn_together(
    running: Run, clock: Clock, open_page: OpenPage
) -> None:
    at = open_page("train.py", run=running.name)
    (fragment,) = clock.timers
    running.set_status(device="cuda:7", epoch=17.0, steps=100, epochs=20)
    clock.tick(at, fragment)
    assert ["cuda:7" in m.value for m in at.markdown].count(True) == 1
    assert any(e.proto.text.startswith("**epoch 17** of 20") for e in at.get("progress"))


@pytest.mark.parametrize("number", [0, 1])
def test_each_fragment_of_a_deleted_run_gives_way_to_the_page(
    number: int, running: Run, root: Path, clock: Clock, open_page: OpenPage
) -> None:
    """A timer draws the header alone, or the map alone."""
    trained(root, "other")
    at = open_page("latent.py", run=running.name, live="on")
    assert len(clock.timers) == 2
    shutil.rmtree(running.path)
    clock.tick(at, list(clock.timers)[number])
    assert not clock.timers
