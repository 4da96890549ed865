"""The run that ships: on the first visit every page has something to show, and it is true."""

import shutil
from pathlib import Path

import pytest

from tests.pages.conftest import PAGES, ROOT, OpenPage
from vae.analysis.loaded_run import LoadedRun
from vae.config import RunConfig
from vae.runs import Run

SHIPPED = ROOT / "checkpoints" / "digits-first-look"


@pytest.fixture
def shipped(root: Path) -> Run:
    shutil.copytree(SHIPPED, root / SHIPPED.name)
    return Run(root / SHIPPED.name)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_it(page: str, shipped: Run, open_page: OpenPage) -> None:
    at = open_page(page)
    assert shipped.name in at.query_params["run"]
    assert not [e.value for e in [*at.error, *at.warning]]
    pictures = [*at.get("bidi_component"), *at.get("imgs"), *at.get("html")]
    assert len(pictures) > 1  # one is the style sheet


def test_it_is_what_the_readme_says_makes_it(shipped: Run) -> None:
    assert shipped.config == RunConfig.of()
    assert shipped.status().state == "finished"
    command = f"python -m vae train --run {shipped.name}"
    assert command in (ROOT / "README.md").read_text("utf-8")


def test_its_best_value_is_that_of_its_weights(shipped: Run) -> None:
    status, loaded = shipped.status(), LoadedRun.of(shipped)
    assert status.best is not None
    record = loaded.evaluate("val", elbo_samples=20)
    assert record.elbo == pytest.approx(status.best, abs=0.3)  # another draw of z
    assert record.kl is not None
    assert record.kl == pytest.approx(sum(record.kl_per_dimension or ()), rel=1e-6)


def test_it_names_no_machine() -> None:
    assert '"host": ""' in (SHIPPED / "status.json").read_text("utf-8")
    assert '"device": "auto"' in (SHIPPED / "config.json").read_text("utf-8")
