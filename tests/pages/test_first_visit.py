"""The included runs: on the first visit every page shows them with valid numbers."""

import shutil
from pathlib import Path

import pytest

from tests.pages.conftest import PAGES, ROOT, OpenPage
from vae.analysis.loaded_run import LoadedRun
from vae.config import RunConfig
from vae.config.presets import PRESETS, START
from vae.evaluation.baseline import baseline
from vae.runs import Run
from vae.runs.evaluations import saved_evaluations

SHIPPED = ROOT / "checkpoints" / "digits-first-look"
CLOTHES = ROOT / "checkpoints" / "clothes-first-look"


@pytest.fixture
def shipped(root: Path) -> Run:
    shutil.copytree(SHIPPED, root / SHIPPED.name)
    return Run(root / SHIPPED.name)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_an_included_run(page: str, shipped: Run, open_page: OpenPage) -> None:
    at = open_page(page)
    assert shipped.name in at.query_params["run"]
    assert not [e.value for e in [*at.error, *at.warning]]
    pictures = [*at.get("bidi_component"), *at.get("imgs"), *at.get("html")]
    assert len(pictures) > 1  # one is the style sheet


def test_an_included_run_has_the_configuration_of_the_readme(shipped: Run) -> None:
    assert shipped.config == RunConfig.of()
    assert shipped.status().state == "finished"
    command = f"python -m vae train --run {shipped.name}"
    assert command in (ROOT / "README.md").read_text("utf-8")


def test_the_best_value_belongs_to_the_weights(shipped: Run) -> None:
    status, loaded = shipped.status(), LoadedRun.of(shipped)
    assert status.best is not None
    record = loaded.evaluate("val", elbo_samples=20)
    assert record.elbo == pytest.approx(status.best, abs=0.3)  # another draw of z
    assert record.kl is not None
    assert record.kl == pytest.approx(sum(record.kl_per_dimension or ()), rel=1e-6)


@pytest.mark.parametrize("folder", [SHIPPED, CLOTHES])
def test_an_included_run_names_no_machine(folder: Path) -> None:
    assert '"host": ""' in (folder / "status.json").read_text("utf-8")
    assert '"device": "auto"' in (folder / "config.json").read_text("utf-8")


@pytest.fixture
def clothes(root: Path) -> Run:
    shutil.copytree(CLOTHES, root / CLOTHES.name)
    return Run(root / CLOTHES.name)


def test_the_run_of_clothes_is_the_newest_and_has_no_caveat(
    clothes: Run, open_page: OpenPage
) -> None:
    shutil.copytree(SHIPPED, clothes.path.parent / SHIPPED.name)
    at = open_page("train.py")
    assert clothes.name in at.query_params["run"]
    facts = [m.value for m in at.main.markdown]
    assert not [text for text in facts if "not ln p(x)" in text]
    assert not [e.value for e in [*at.error, *at.warning]]


def test_the_run_of_clothes_agrees_with_the_readme(clothes: Run) -> None:
    values = PRESETS[START.preset].values
    assert clothes.config == RunConfig.of(data=START.data, frames=10, **values)
    assert clothes.status().state == "finished"
    assert saved_evaluations(clothes)[0].request.full
    command = f"python -m vae train --run {clothes.name} --data fashion-mnist-10k"
    assert command in (ROOT / "README.md").read_text("utf-8")


def test_the_run_of_clothes_has_a_higher_elbo_than_a_constant(clothes: Run) -> None:
    best = clothes.status().best
    assert best is not None
    for likelihood in ("gaussian-learned", "gaussian-per-dimension"):  # the same densities
        constant = baseline(clothes.data(), clothes.config, likelihood)
        assert constant.nats is not None
        assert best > 300 - constant.nats  # by 300 nats
