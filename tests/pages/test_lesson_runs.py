"""Lessons that take a run of the user's: its numbers, the choice in the address, misfits."""

from pathlib import Path

import numpy as np
import torch
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import OpenPage, trained
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.true_posterior import Joint, compare, nodes
from vae.base.numbers import fixed
from vae.dashboard.learn.run_examples import POINTS
from vae.dashboard.learn.words.frame import WORDS as FRAME


def formulas(at: AppTest) -> str:
    return " ".join(element.value for element in at.latex)


def test_the_gaps_are_those_of_the_chosen_example(root: Path, open_page: OpenPage) -> None:
    trained(root, "three", latent_dim=3)
    loaded = LoadedRun.of(trained(root, "two", latent_dim=2))
    row = int(loaded.encode(loaded.subset("test", POINTS)).index[4])
    x, y = loaded.batches(np.array([row])).fixed(loaded.seed)
    with torch.no_grad():
        found = compare(Joint(loaded.model, x, y), nodes(loaded.model.posterior(x, y)))
    at = open_page("learn/gaps.py", step="7", example="5")  # the first run that fits
    assert fixed(found.posterior.log_evidence, 3) in formulas(at)
    assert fixed(found.elbo, 3) in formulas(at)
    assert f"#{row}" in " ".join(c.value for c in at.caption)
    choice = at.selectbox(key="learn_of_gaps")
    assert choice.value == "two"
    assert choice.options[1] == f"three · {FRAME['misfit.latents'].en}"
    choice.select("three").run()
    assert FRAME["misfit.latents"].en in at.warning[0].value
    assert "three" in at.query_params["of"]
    assert fixed(found.elbo, 3) in formulas(at)


def test_a_run_in_the_address_that_does_not_exist_is_named(
    root: Path, open_page: OpenPage
) -> None:
    at = open_page("learn/gaps.py", step="7", of="<b>gone", lang="zh")
    assert FRAME["misfit.missing"].zh in at.warning[0].value
    assert not at.selectbox
