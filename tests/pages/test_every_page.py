"""Every page opens without exception for a run in every state, and has a helpful sentence."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.local_script_runner import LocalScriptRunner

from tests.pages.conftest import PAGES, STATES, OpenPage, in_state, of_run, trained
from vae.dashboard.shared import address
from vae.dashboard.tour import view as tour
from vae.runs import Run, listing

# Data are there before any run, and a sweep is a choice of runs by itself
OF_RUNS = [page for page in PAGES if page not in ("data.py", "sweep.py")]
# The one button of an empty page, by the state of the run
WITHOUT_RUN = {"none": ["remedy_train"], "damaged": ["remedy_train"]}
WITHOUT_WEIGHTS = {s: ["Go to Train"] for s in ("queued", "starting", "running", "failed")}
REMEDIES = WITHOUT_RUN | WITHOUT_WEIGHTS | {"interrupted": ["remedy_resume"]}


def remedies(at: AppTest) -> list[str]:
    """Keys of the buttons and labels of the links that an empty page offers."""
    keys = [str(button.key) for button in at.main.button]
    links = [link.proto.label for link in at.get("page_link")]
    return [k for k in keys if k.startswith("remedy_")] + [x for x in links if x == "Go to Train"]


@pytest.mark.usefixtures("checked_figures")
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
        keys = [
            key
            for key in at.session_state._state.filtered_state
            if f"_{run.name}" in key and not key.startswith("download_")
        ]
        assert not keys, "a new run of this name would find the state of the old one"
    if page == "compare.py":
        assert remedies(at) == ([] if run else ["remedy_train"])
    else:
        wanted = WITHOUT_RUN if page == "train.py" else REMEDIES
        assert remedies(at) == wanted.get(state, [])


@pytest.mark.parametrize("page", [p for p in OF_RUNS if p not in ("train.py", "compare.py")])
def test_a_page_that_ends_early_sends_its_address(
    page: str, root: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    read = LocalScriptRunner.forward_msgs

    def recorded(runner: LocalScriptRunner) -> list[ForwardMsg]:
        found = read(runner)
        sent.extend(m.page_info_changed.query_string for m in found)
        return found

    monkeypatch.setattr(LocalScriptRunner, "forward_msgs", recorded)
    monkeypatch.setattr(tour, "banner", partial(address.put, "choice", "mine"))
    in_state(root, "damaged")
    open_page(page)
    assert "choice=mine" in list(filter(None, sent))[-1]


@pytest.mark.parametrize("page", ["train.py", "replay.py"])
def test_a_damaged_run_gives_way_to_another(page: str, root: Path, open_page: OpenPage) -> None:
    other, run = trained(root, "whole", epochs=1), in_state(root, "damaged")
    assert run is not None
    at = open_page(page, run=run.name)
    assert remedies(at) == ["remedy_run"]
    at.button(key="remedy_run").click().run()
    assert not at.exception
    assert at.query_params["run"] == other.name
    assert remedies(at) == []


def test_the_buttons_of_empty_pages_mend_them(root: Path, open_page: OpenPage) -> None:
    at = open_page("latent.py")
    at.button(key="remedy_train").click().run()
    assert not at.exception
    (run,) = listing(root)
    assert run.status().state == "queued"
    run.set_status(state="stopped")
    at = open_page("latent.py")
    at.button(key="remedy_resume").click().run()
    assert run.status().state == "queued"


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


@pytest.mark.usefixtures("checked_figures")
@pytest.mark.parametrize("page", PAGES)
def test_the_newest_run_replaces_an_unknown_one_in_the_address(
    page: str, root: Path, open_page: OpenPage
) -> None:
    run = in_state(root, "queued")
    assert run is not None
    at = open_page(page, run="no-such-run")
    assert run.name in at.query_params["run"]


def test_damaged_files_of_a_run_are_named_and_mended(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "one", epochs=1)
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "epoch": 1, "split": "val", "terms": [1]}\n')
    (run.path / "control.json").write_text('{"wanted": "run", "knobs": {"lr": NaN}}')
    at = open_page("train.py", run=run.name)
    (words,) = [e.value for e in at.main.warning if "damaged" in e.value]
    assert "lines are damaged; they are left out. control.json: it has values" in words
    at.button(key=of_run(at, "mend")).click().run()
    assert not at.exception
    assert not [e for e in at.main.warning if "damaged" in e.value]
    names = {path.name for path in run.path.glob("*.damaged-1")}
    assert names == {"metrics.jsonl.damaged-1", "control.json.damaged-1"}
    assert any("Mended" in toast.value for toast in at.toast)


@pytest.mark.parametrize("content", ["{", '"objective": "magic"'])
def test_settings_that_cannot_be_used_have_one_sentence_and_one_button(
    content: str, root: Path, open_page: OpenPage
) -> None:
    run = trained(root, "one", epochs=1)
    config, path = run.config, run.path / "config.json"
    whole = path.read_text()
    path.write_text(content if content == "{" else whole.replace('"objective": "elbo"', content))
    at = open_page("train.py", run="one")
    assert not at.exception
    said = [e.value for e in [*at.main.markdown, *at.main.warning, *at.main.error]]
    (words,) = [text for text in said if "config.json" in text]
    assert "saved them with the weights. **Mend** writes config.json anew." in words
    assert [b.label for b in at.main.button if "tour" not in str(b.key)] == ["Mend"]
    at.button(key=of_run(at, "mend")).click().run()
    assert not at.exception
    assert Run(run.path).config == config
    assert not at.main.warning


def test_an_unreadable_status_is_named_once(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "one", epochs=1)
    (run.path / "status.json").write_text("{")
    at = open_page("train.py", run="one")
    (words,) = [e.value for e in [*at.main.markdown, *at.main.warning] if "status" in e.value]
    assert words.endswith("the run counts as interrupted. **Mend** writes this file anew.")
    progress = at.get("progress")[0]
    assert progress.proto.text.startswith("**epoch 1** of 1 · ")  # of the last report
    assert progress.proto.value == 100


@pytest.mark.parametrize("page", ["train.py", "latent.py"])
def test_names_of_files_and_classes_are_text(
    page: str, root: Path, tmp_path: Path, open_page: OpenPage
) -> None:
    """No Markdown on the page holds the name as it is; the browser would load the picture."""
    picture = "![q](http://h.example/q)"
    path = tmp_path / "![q](q).npz"
    labels = np.array([f"{picture} {k % 3}" for k in range(60)])
    np.savez(
        path, x=np.zeros((60, 1, 8, 8), np.uint8) + np.arange(8, dtype=np.uint8), labels=labels
    )
    run = trained(root, "one", data=str(path), epochs=1, batch_size=16)
    run.set_status(state="stopped", message=picture)
    at = open_page(page, run=run.name)
    alerts = [*at.error, *at.warning, *at.info, *at.success]
    bodies = [element.value for element in (*at.markdown, *at.caption, *alerts)]
    assert any("q" + r"\]" in body for body in bodies)
    assert not [body for body in bodies if "![q]" in body]
