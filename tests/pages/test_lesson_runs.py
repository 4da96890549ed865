"""Lessons open as a run. Lessons that take a run of the user's: its numbers, the choice in the
address, misfits."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import OpenPage, trained
from tests.pages.test_learn import NAMES, lesson, written
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.true_posterior import Joint, compare, nodes
from vae.base.numbers import fixed
from vae.config import RunConfig
from vae.dashboard.learn.run_examples import POINTS
from vae.dashboard.learn.run_symbols import largest_eigenvalue, run_facts
from vae.dashboard.learn.words.frame import WORDS as FRAME


def formulas(at: AppTest) -> str:
    return " ".join(element.value for element in at.latex)


def complete(at: AppTest) -> AppTest:
    """Ask for the page again, as the browser does, until its numbers are there."""
    while "…" in formulas(at):
        time.sleep(0.05)
        at.run()
        assert not at.exception
    return at


def click(at: AppTest, place: np.ndarray) -> None:
    """Click near a place of the latent map."""
    sent = [c.proto.bytes for c in at.get("bidi_component") if c.proto.bytes]
    revision = next(m["revision"] for m in map(json.loads, sent) if "figure" in m)
    x, y = (place + 1e-4).tolist()
    event = {"revision": revision, "trace": None, "row": None, "x": x, "y": y}
    at.session_state["learn_picture_gaps"] = {"click": event}
    at.run()
    assert not at.exception


@pytest.mark.parametrize("name", [n for n in NAMES if n != "terms"])  # 10,000 pictures
def test_a_lesson_opens_as_a_run(name: str, root: Path, open_page: OpenPage) -> None:
    found = lesson(name)
    at = open_page(f"learn/{name}.py", step=str(len(found.steps)))
    at.button(key="learn_run").click().run()
    assert not at.exception
    assert at.session_state.chosen.problem == ""
    chosen, wanted = at.session_state.chosen.config.model_dump(), RunConfig.of(**found.run or {})
    given = wanted.model_dump()
    assert {k: (v, given.get(k)) for k, v in chosen.items() if v != given.get(k)} == {}


def test_the_gaps_are_those_of_the_chosen_example(root: Path, open_page: OpenPage) -> None:
    trained(root, "three", latent_dim=3)
    loaded = LoadedRun.of(trained(root, "two", latent_dim=2))
    row = int(loaded.encode(loaded.subset("test", POINTS)).index[4])
    x, y = loaded.batches(np.array([row])).fixed(loaded.seed)
    with torch.no_grad():
        found = compare(Joint(loaded.model, x, y), nodes(loaded.model.posterior(x, y)))
    at = open_page("learn/gaps.py", step="7", example="5")  # the first run that fits
    assert f"#{row}" in " ".join(c.value for c in at.caption)  # before the numbers
    complete(at)
    assert fixed(found.posterior.log_evidence, 3) in formulas(at)
    assert fixed(found.elbo, 3) in formulas(at)
    assert f"#{row}" in " ".join(c.value for c in at.caption)
    click(at, loaded.encode(loaded.subset("test", POINTS)).mean[8])
    assert "9" in at.query_params["example"]
    at.session_state["learn_picture_gaps"] = {"click": None}
    at = complete(open_page("learn/gaps.py", step="7", example="5"))
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


def test_both_terms_are_those_of_the_reports(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "two", latent_dim=2)
    trained(root, "point", posterior="point", objective="reconstruction")
    last = [r for r in run.reports() if r["split"] == "val"][-1]
    at = open_page("learn/terms.py", step="6")
    assert at.selectbox(key="learn_of_terms").value == "two"
    for value in (last["elbo"], -last["reconstruction"], last["kl"]):
        assert fixed(value) in formulas(at)
    at.selectbox(key="learn_of_terms").select("point").run()
    assert FRAME["misfit.point"].en in at.warning[0].value


def test_symbols_have_the_values_of_the_run(root: Path, open_page: OpenPage) -> None:
    loaded = LoadedRun.of(trained(root, "two", latent_dim=2))
    wide = LoadedRun.of(trained(root, "wide", latent_dim=5, posterior="full"))
    trained(root, "flow", latent_dim=2, posterior="flow")
    at = open_page("learn/symbols.py", step="7", symbol="mu")
    choice = at.selectbox(key="learn_of_symbols")
    assert FRAME["misfit.flow"].en in " ".join(choice.options)
    assert FRAME["of_own"].en in choice.options
    choice.select("two").run()
    row = loaded.rows("test")[:1]
    encoding = loaded.encode(row)
    assert ", ".join(fixed(float(v)) for v in encoding.mean[0]) in written(at)
    assert f"#{row[0]}" in " ".join(c.value for c in at.caption)
    facts = run_facts(wide.run)
    mean, noise = facts.tensors["mu"].value, facts.tensors["eps"].value
    x, y = wide.batches(wide.rows("test")[:1]).fixed(wide.seed)
    scale = wide.model.posterior(x, y).scale_tril[0].detach().numpy()
    np.testing.assert_allclose(facts.tensors["z"].value, mean + scale @ noise, atol=1e-5)
    assert facts.code["q"].endswith("Full.forward")
    assert facts.live("mu")[1].endswith(", …")
    evaluated = float(facts.others["evidence"][1].removeprefix("≈ ").replace("−", "-"))
    assert evaluated > float(facts.tensors["elbo"].value)


def test_the_largest_eigenvalue_is_that_of_the_covariance() -> None:
    for shape in ((30, 5), (5, 30)):
        values = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
        wanted = np.linalg.eigvalsh(np.cov(values.T, bias=True))[-1]
        np.testing.assert_allclose(largest_eigenvalue(values), wanted, rtol=1e-5)
