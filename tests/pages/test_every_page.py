"""Every page opens cleanly for a run in every state, and says something helpful."""

import json
from pathlib import Path

import pytest

from tests.pages.conftest import PAGES, STATES, OpenPage, in_state

# Data are there before any run, and a sweep is a choice of runs by itself
OF_RUNS = [page for page in PAGES if page not in ("data.py", "sweep.py")]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("page", OF_RUNS)
def test_opens(page: str, state: str, root: Path, open_page: OpenPage) -> None:
    run = in_state(root, state)
    at = open_page(page)
    words = " ".join(e.value for e in [*at.markdown, *at.subheader, *at.caption])
    assert words
    if run is None:
        assert "There is no run yet" in words
    else:
        assert run.name in at.query_params["run"]
        assert state in words


@pytest.mark.parametrize("page", OF_RUNS)
def test_settings_that_are_not_understood_are_told(
    page: str, root: Path, open_page: OpenPage
) -> None:
    """A file from elsewhere, or edited by hand: readable, and not a configuration of ours."""
    run = in_state(root, "interrupted")
    assert run is not None
    head = json.loads((run.path / "config.json").read_text())
    head["config"]["objective"] = "magic"
    (run.path / "config.json").write_text(json.dumps(head))
    at = open_page(page, run=run.name)
    words = " ".join(e.value for e in [*at.markdown, *at.subheader])
    assert "settings cannot be used" in words
    assert "Unknown objective 'magic'" in words


@pytest.mark.parametrize("page", PAGES)
def test_an_unknown_run_in_the_address_gives_way_to_the_newest(
    page: str, root: Path, open_page: OpenPage
) -> None:
    run = in_state(root, "queued")
    assert run is not None
    at = open_page(page, run="no-such-run")
    assert run.name in at.query_params["run"]
