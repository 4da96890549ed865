"""Diagnostics and KL heatmap on the Evaluate page: they show the library's values, and a fix fills
the sidebar with the settings of the run and one change."""

import json
import re
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.diagnostics.test_checks import reports
from tests.pages.conftest import OpenPage, trained
from vae.analysis.loaded_run import LoadedRun
from vae.config import RunConfig
from vae.dashboard import server
from vae.diagnostics.checks import CHECKS, diagnose
from vae.diagnostics.findings import Check, Finding, Fix, NoFinding, Observations, with_fix
from vae.diagnostics.latent_swap import model_stats
from vae.diagnostics.training_stats import training_stats
from vae.evaluation.baseline import baseline
from vae.figures.kl_heatmap import kl_history
from vae.runs import Run, identity, listing

KINDS: dict[str, dict[str, Any]] = {
    "ill": {"beta": 20.0, "lr": 0.004, "binarize": "threshold"},
    "point": {"posterior": "point", "objective": "reconstruction"},
    "told": {"condition": "labels", "binarize": "threshold"},
    "flow": {"posterior": "flow"},
    "vectors": {"data": "mixture", "likelihood": "gaussian-learned"},
    "alone": {"val_share": 0.0, "test_share": 0.0},
    "vamp": {"prior": "vamp"},
}


@pytest.fixture(scope="module")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """`run_of(kind)` returns a small run of that kind, trained once."""
    folder, runs = tmp_path_factory.mktemp("made"), {}

    def make(kind: str) -> Run:
        if kind not in runs:
            few = {"examples": 400, "epochs": 1, "frames": 0}
            runs[kind] = trained(folder, kind, **few, **KINDS[kind])
        return runs[kind]

    return make


def copied(root: Path, run: Run) -> Run:
    return Run(shutil.copytree(run.path, root / run.name))


def write_history(run: Run, **changes: Any) -> None:
    """Write a fabricated history into the folder of a run."""
    lines = "".join(json.dumps(report) + "\n" for report in reports(**changes))
    (run.path / "metrics.jsonl").write_text(lines)


def words(at: AppTest) -> str:
    return " ".join(e.value for e in [*at.markdown, *at.caption])


def chart(at: AppTest) -> dict[str, Any]:
    sent = [json.loads(c.proto.bytes) for c in at.get("bidi_component")]
    return next(m["figure"] for m in sent if m["key"] == "kl_strip")


def verdict(run: Run) -> Any:
    status, stats = run.status(), training_stats(run.reports(), run.config.best_by)
    measured = model_stats(LoadedRun.of(run, "last"))
    return diagnose(Observations(run.config, stats, status.state, status.message, measured))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_run_shows_the_librarys_findings(
    kind: str, run_of: Any, root: Path, open_page: OpenPage
) -> None:
    run = copied(root, run_of(kind))
    at, result = open_page("evaluate.py"), verdict(run)
    for name, finding in result.findings.items():
        assert f"**{CHECKS[name].title}**" in words(at)
        assert finding.evidence[0] in words(at)
    assert ("**No failure found.**" in words(at)) == (not result.findings)
    for name, clear in result.clear.items():
        assert f"{CHECKS[name].title}: " in words(at)
        assert clear.sentence in words(at)
    drawn = chart(at)
    if run.config.kl_per_dimension and kind != "point":
        kl = kl_history(run.reports(), run.config.latent_dim)[1]
        assert len(drawn["data"][0]["y"]) == 2 or "bdata" in drawn["data"][0]["y"]
        assert drawn["data"][0]["zmax"] == pytest.approx(max(kl[-1].max(), 0.1))
    else:
        assert not drawn["data"]
        assert "KL per latent" in drawn["layout"]["annotations"][0]["text"]


def test_a_fix_fills_the_sidebar_and_train_starts_it(
    run_of: Any, root: Path, open_page: OpenPage
) -> None:
    run = copied(root, run_of("ill"))
    write_history(run, kl=(1e-4, 1e-3), lr=0.004)
    at = open_page("evaluate.py", box=True)
    assert "**Posterior collapse**" in words(at)
    assert "**Fix**: β = 1 (was 20)." in words(at)
    assert "The sidebar has" not in words(at)
    at.button(key="fix_posterior_collapse").click().run()
    assert not at.exception
    assert "The sidebar has the settings of this run with β = 1 (was 20)" in words(at)
    at.number_input(key="set_lr").set_value(0.001).run()
    assert "The sidebar has" not in words(at)
    at.button(key="fix_posterior_collapse").click().run()
    at.button(key="train").click().run()
    assert not at.exception
    (new,) = [other for other in listing(root) if other.name != run.name]
    assert new.config == RunConfig.of(**run.config.model_dump() | {"beta": 1.0})


def test_a_fix_includes_live_changes(run_of: Any, root: Path, open_page: OpenPage) -> None:
    run = copied(root, run_of("told"))
    write_history(run, kl=(1e-4, 1e-3))
    run.want(beta=50.0)
    run.control(100)
    assert "**Fix**: β = 1 (was 50)." in words(open_page("evaluate.py"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_configuration_can_be_filled_in(
    kind: str, run_of: Any, root: Path, open_page: OpenPage
) -> None:
    run = copied(root, run_of(kind))
    write_history(run, shape="burst", amount=9.0)
    at = open_page("evaluate.py")
    ((name, finding),) = verdict(run).findings.items()
    assert name == "learning_rate"
    at.button(key="fix_learning_rate").click().run()
    assert not at.exception
    wanted = with_fix(run.config, finding.fix)
    assert at.session_state.chosen.config == wanted
    assert "The sidebar has" in words(at)


def test_a_fix_of_the_epochs_resumes_the_run(
    run_of: Any, root: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = copied(root, run_of("vectors"))
    write_history(run, shape="slow", amount=0.9)
    resumed: list[str] = []
    monkeypatch.setattr(server.launcher, "resume", lambda run: resumed.append(run.name))
    at = open_page("evaluate.py")
    finding = verdict(run).findings["undertrained"]
    at.button(key="fix_undertrained").click().run()
    assert not at.exception
    assert resumed == [run.name]
    wishes = json.loads((run.path / "control.json").read_text())
    assert wishes["knobs"]["epochs"] == finding.fix.value > 80


def test_a_run_in_training_has_both_and_is_not_undertrained(
    run_of: Any, root: Path, open_page: OpenPage
) -> None:
    run = copied(root, run_of("told"))
    write_history(run, shape="slow", amount=0.9)
    run.set_status(state="running", heartbeat=time.time(), **identity())
    at = open_page("evaluate.py")
    assert "Training too short: not checked. The run has not ended." in words(at)
    assert chart(at)["data"]


@pytest.mark.parametrize("damage", ["metrics", "none", "data"])
def test_damaged_files_are_reported(
    damage: str, run_of: Any, root: Path, open_page: OpenPage
) -> None:
    run = copied(root, run_of("told"))
    metrics = run.path / "metrics.jsonl"
    if damage == "metrics":
        metrics.write_text(metrics.read_text()[:-40] + '\n{"step": 1}\nnothing\n')
    elif damage == "none":
        metrics.unlink()
    else:
        (run.path / "last.safetensors").write_bytes(b"")
    at = open_page("evaluate.py")
    if damage == "data":
        assert "The last weights could not be checked." in words(at)
    if damage == "none":
        assert chart(at)["layout"]["annotations"][0]["text"] == "No report has a KL per latent"


def test_the_reference_of_small_examples_is_fitted_at_once(
    run_of: Any, root: Path, open_page: OpenPage
) -> None:
    run = copied(root, run_of("ill"))
    write_history(run, kl=(1e-4, 1e-3))
    assert "that of a model without latents −" in words(open_page("evaluate.py"))


def test_a_new_run_of_the_same_name_has_a_separate_reference(
    run_of: Any, root: Path, open_page: OpenPage
) -> None:
    said = []
    for kind in ("ill", "vamp"):
        shutil.rmtree(root / "same", ignore_errors=True)
        run = Run(shutil.copytree(run_of(kind).path, root / "same"))
        write_history(run, kl=(1e-4, 1e-3))
        text = words(open_page("evaluate.py"))
        said.append(re.search(r"without latents (−\S+)", text)[1])  # type: ignore[index]
        found = baseline(run.data(), run.config, run.config.likelihood).nats
        assert float(said[-1].replace("−", "-")) == pytest.approx(-found, rel=0.01)
    assert said[0] != said[1]


def test_a_new_check_appears_with_its_fix(
    run_of: Any, root: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check is one function and its row."""

    def small_batches(obs: Observations) -> Finding | NoFinding:
        if obs.config.batch_size >= 16:
            return NoFinding(f"{obs.config.batch_size} examples.")
        fix = Fix("batch_size", 128, "Larger batches have less noisy gradients.")
        return Finding((f"A batch has {obs.config.batch_size} examples.",), fix)

    row = Check(small_batches, "Small batches", "The gradient of a small batch is noisy.")
    monkeypatch.setitem(CHECKS, "small_batches", row)
    run = copied(root, run_of("vectors"))
    assert f"Small batches: {run.config.batch_size} examples." in words(open_page("evaluate.py"))
    settings = json.loads((run.path / "config.json").read_text())
    text = json.dumps(settings).replace(
        f'"batch_size": {run.config.batch_size}', '"batch_size": 8'
    )
    (run.path / "config.json").write_text(text)
    at = open_page("evaluate.py")
    assert "A batch has 8 examples. **Fix**: " in words(at)
    assert "(was 8)" in words(at)
