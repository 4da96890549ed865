"""Every page opens without exception for a run in every state, and has a helpful sentence."""

import json
from pathlib import Path

import pytest

from tests.pages.conftest import PAGES, STATES, OpenPage, in_state

# Data are there before any run, and a sweep is a choice of runs by itself
OF_RUNS = [page for page in PAGES if page not in ("data.py", "sweep.py")]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("page", OF_RUNS)
def test_every_page_opens(page: str, state: str, root: Path, open_page: OpenPage) -> None:
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
def test_invalid_settings_are_reported(page: str, root: Path, open_page: OpenPage) -> None:
    """A foreign or edited file can be readable and have an invalid configuration."""
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
def test_the_newest_run_replaces_an_unknown_one_in_the_address(
    page: str, root: Path, open_page: OpenPage
) -> None:
    run = in_state(root, "queued")
    assert run is not None
    at = open_page(page, run="no-such-run")
    assert run.name in at.query_params["run"]
