"""The address: a law over every choice that a page links to it, and over other parameters.

`SCENES` are the pages in all their views. Each is opened once, and every choice that it links is
recorded; the law then tries a value of each choice, and a wrong text, in as few runs of the page
as possible.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from streamlit.runtime.state.query_params import QueryParams
from streamlit.testing.v1 import AppTest, local_script_runner
from streamlit.testing.v1.element_tree import Widget

from tests.pages.conftest import OpenPage, trained
from tests.pages.test_sweep import finished, make
from vae.dashboard.shared import address
from vae.dashboard.shared.address_values import Form

RUN = "a-run"
MANY, HTML = "9" * 12, "<img src=x onerror=alert(1)>"
OWN = {
    "run",
    "runs",
    "pins",
    "rows",
    "tour",
    "sweep",
    "latents",
    "data",
    "mixture",
    "result",
}  # tested below
SCENES = {
    "train": ("train.py", {}),
    "data": ("data.py", {"data": "mixture"}),
    "latent": ("latent.py", {}),
    "dimensions": ("latent.py", {"projection": "dimensions"}),
    "3-D": ("latent.py", {"projection": "dimensions-3d"}),
    "t-SNE": ("latent.py", {"projection": "tsne"}),
    "one latent": ("traversals.py", {}),
    "interpolation": ("traversals.py", {"view": "Interpolation"}),
    "arithmetic": ("traversals.py", {"view": "Arithmetic"}),
    "examples": ("reconstructions.py", {}),
    "custom": ("reconstructions.py", {"view": "Custom example", "start": "example"}),
    "corruption": ("reconstructions.py", {"view": "Corruption"}),
    "samples": ("samples.py", {}),
    "mixture": ("samples.py", {"source": "mixture", "beside": "Another run"}),
    "evaluate": ("evaluate.py", {}),
    "plane": ("compare.py", {}),
    "curves": ("compare.py", {"view": "Curves", "runs": RUN}),
    "settings": ("compare.py", {"view": "Settings", "runs": RUN}),
    "maps": ("compare.py", {"view": "Latent maps", "runs": RUN}),
    "verdict": ("compare.py", {"view": "Verdict"}),
    "films": ("compare.py", {"view": "Time machine", "runs": RUN}),
    "sweep": ("sweep.py", {"sweep": "mine"}),
    "draft": ("sweep.py", {"sweep": "", "first": "lr"}),
    "range": ("sweep.py", {"sweep": "", "first": "lr", "first_as": "Linear"}),
}
# Widgets that act, or that hold a draft: a link has no use for them
DRAFTS = ("live_", "more_epochs", "latent_of", "latent_rows", "compare_branch", "compare_more")
DRAFTS += ("replay_", "reconstruct_invert", "latent_mixture")


class Link(NamedTuple):
    """A choice as its page links it."""

    key: str
    form: Form
    default: Any

    def other(self) -> Any:
        """A value that differs from the default; None if there is no other."""
        different = (v for v in self._values() if not _same(self.form, v, self.default))
        return next(different, None)

    def _values(self) -> Iterator[Any]:
        yield from self.form.options
        if isinstance(self.default, (int, float)) and not self.form.options:
            for text in (self.default + 1, self.default - 1, self.default / 2):
                yield self.form.read(str(text))
        if isinstance(self.default, str) and not self.form.options:
            yield "beta=4"

    def instead(self) -> tuple[str, Any]:
        """A wrong text, and the value that takes its place."""
        try:
            return MANY, self.form.read(MANY)
        except (ValueError, KeyError):
            return HTML, self.default


def _same(form: Form, a: Any, b: Any) -> bool:
    return form.write(a) == form.write(b)


@pytest.fixture
def links(monkeypatch: pytest.MonkeyPatch) -> dict[str, Link]:
    """The choices that a page links, by parameter; clear it before a run of the page."""
    found: dict[str, Link] = {}
    link = address.link

    def recorded(parameter: str, key: str, form: Form, default: Any) -> None:
        found[parameter] = Link(key, form, default)
        link(parameter, key, form, default)

    monkeypatch.setattr(address, "link", recorded)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs with four latents, and the runs of a sweep."""
    root = tmp_path_factory.mktemp("runs")
    finished(make(root, "beta=1,2", "lr=0.1,0.2", seeds=1))
    trained(root, "another-run", latent_dim=4, epochs=1)
    trained(root, RUN, latent_dim=4)
    return root


@pytest.fixture
def pages(root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dashboard over `folder`."""
    from vae.dashboard import server

    monkeypatch.setattr(server, "ROOT", folder)


def parameters(at: AppTest) -> dict[str, str]:
    """The address, without the run."""
    found = {k: v[-1] if isinstance(v, list) else v for k, v in at.query_params.items()}
    assert found.pop("run") == RUN
    return found


def notices(at: AppTest) -> str:
    """The sentences about the link."""
    return "\n".join(t.value for t in at.toast if t.value.startswith("The link"))


def widgets(at: AppTest) -> dict[str, Widget]:
    """The widgets of the page by key; not those of the sidebar."""
    kinds = ("selectbox", "number_input", "toggle", "checkbox", "slider", "text_input")
    kinds += ("multiselect", "button_group")
    return {w.key: w for kind in kinds for w in at.main.get(kind) if w.key}


@pytest.mark.usefixtures("pages")
@pytest.mark.parametrize("scene", SCENES)
def test_every_choice_of_a_page_is_in_its_address(
    scene: str, links: dict[str, Link], open_page: OpenPage
) -> None:
    file, view = SCENES[scene]
    at = open_page(file, run=RUN, **view)
    assert not notices(at)
    every = {k: v for k, v in links.items() if k not in OWN}
    fixed = {k: v for k, v in view.items() if k not in OWN}
    assert {k: every[k].form.write(at.session_state[every[k].key]) for k in fixed} == fixed
    assert parameters(at) == view, "the address has what differs from the default, and no more"
    loose = {key for key in widgets(at) if not key.startswith(DRAFTS)}
    loose -= {choice.key for choice in every.values()} | {"sweep_chosen"}
    assert not loose, "these choices are in no address"

    rest = {k: v for k, v in every.items() if k not in view and v.other() is not None}
    while rest:  # a choice can hide another, which then has its turn alone
        links.clear()
        texts = {k: v.form.write(v.other()) for k, v in rest.items()}
        at = open_page(file, run=RUN, **view | texts)
        reached = [k for k in rest if k in links]
        assert reached
        assert not notices(at)
        for k in reached:
            usual = links[k].form.write(links[k].default)
            assert parameters(at).get(k, usual) == texts[k]
            assert links[k].form.write(at.session_state[links[k].key]) == texts[k]
        rest = {k: v for k, v in rest.items() if k not in reached}


@pytest.mark.usefixtures("pages")
@pytest.mark.parametrize("scene", SCENES)
def test_a_changed_choice_changes_the_address_and_a_wrong_text_is_reported(
    scene: str, links: dict[str, Link], open_page: OpenPage
) -> None:
    file, view = SCENES[scene]
    at = open_page(file, run=RUN, **view)
    loose = {k: v for k, v in links.items() if k not in OWN and k not in view}
    parameter, choice = next((k, v) for k, v in loose.items() if v.other() is not None)
    at.session_state[choice.key] = choice.other()
    at.run()
    assert parameters(at) == view | {parameter: choice.form.write(choice.other())}
    at.session_state[choice.key] = choice.default
    at.run()
    assert parameters(at) == view

    wrong = {k: v.instead() for k, v in loose.items() if v.instead()[1] != MANY}  # of no words
    at = open_page(file, run=RUN, **view | {k: text for k, (text, _) in wrong.items()})
    for k, (text, value) in wrong.items():
        assert _same(links[k].form, at.session_state[links[k].key], value)
        title = links[k].form.title(value)
        name = k.replace("_", " ")
        assert f"The link asked for {name} `{text}`; showing {title}." in notices(at)
    different = {
        k: v for k, (_, v) in wrong.items() if not _same(links[k].form, v, links[k].default)
    }
    assert parameters(at) == view | {k: links[k].form.write(v) for k, v in different.items()}


@pytest.mark.usefixtures("pages")
def test_ticked_runs_pins_rows_and_the_tour_are_in_the_address(open_page: OpenPage) -> None:
    ticked = f"another-run~{RUN}"
    at = open_page("compare.py", run=RUN, runs=f"{ticked}~{HTML}", tour="2")
    assert parameters(at) == {"runs": ticked, "tour": "2"}
    assert f"showing another-run, {RUN}." in notices(at)
    at.session_state["compare_selected"] = []
    at.run()
    assert parameters(at) == {"tour": "2"}

    view = {"pins": "0.5_-1~2_0.25", "rows": "3~10-12", "split": "all"}
    at = open_page("data.py", run=RUN, data="mixture")
    assert at.selectbox("set_data").value == "mixture"
    assert at.session_state["set_likelihood"] == "gaussian-learned"
    assert parameters(open_page("data.py", run=RUN, data=HTML)) == {"data": "digits"}

    at = open_page("latent.py", run=RUN, **view)
    assert parameters(at) == view
    assert "place 2" in "".join(h.proto.body for h in at.get("html"))
    over = next(c for c in at.get("bidi_component") if b'"select"' in c.proto.bytes)
    assert b'"select": [' in over.proto.bytes
    at.button("latent_unpin_0").click().run()
    assert parameters(at)["pins"] == "2_0.25"


@pytest.mark.parametrize("text", ["9" * 5000, "~" * 9000, HTML, "1e999_nan", "²", "", "`*[a](b)"])
@pytest.mark.usefixtures("pages")
def test_a_hostile_address_opens_the_usual_view(text: str, open_page: OpenPage) -> None:
    names = ("pins", "rows", "latents", "split", "tour", "x", "unknown", HTML)
    at = open_page("latent.py", run=RUN, **dict.fromkeys(names, text))
    assert parameters(at) == {}
    assert all(len(toast.value) < 120 for toast in at.toast)
    assert parameters(open_page("compare.py", run=RUN, runs=text)) == {}


@pytest.mark.usefixtures("pages")
def test_a_page_keeps_its_choices_and_a_delayed_request_does_not_undo_one(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The navigation drops the parameters; a request may carry the address before the last; the
    browser's Back brings a view back as it was."""
    at = open_page("latent.py", run=RUN, split="train", colour="KL")
    before = dict(at.query_params)
    at.selectbox("latent_hue").set_value("reconstruction").run()
    after = {"split": "train", "colour": "reconstruction"}
    assert parameters(at) == after
    at.query_params.clear()
    at.query_params.update(before)
    at.number_input("set_latent_dim").set_value(5).run()
    assert parameters(at) == after
    at.query_params.clear()
    at.switch_page("../../pages/evaluate.py").run()
    assert parameters(at) == {}
    at.switch_page("../../pages/latent.py").run()
    assert parameters(at) == after

    rerun = local_script_runner.RerunData
    back = lambda *args, **kwargs: rerun(*args, is_history_navigation=True, **kwargs)  # noqa: E731
    monkeypatch.setattr(local_script_runner, "RerunData", back)
    at.query_params.clear()
    at.query_params.update({"run": RUN, "colour": "KL"})
    at.run()
    assert parameters(at) == {"colour": "KL"}
    assert at.selectbox("latent_split").value != "train"


def _fragment() -> None:
    """A fragment that runs alone, with one choice."""
    import streamlit as st

    from vae.dashboard.shared import address

    address.put("step", st.session_state.get("step"))


def test_the_address_of_a_choice_that_was_soon_undone_is_taken_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The browser may undo a choice before it receives the address of that choice. It must then
    receive the address again, though its request carries the right one."""
    at, sent = AppTest.from_function(_fragment), []
    update = QueryParams.from_dict
    monkeypatch.setattr(
        QueryParams, "from_dict", lambda self, new: (sent.append(dict(new)), update(self, new))
    )
    at.run()
    at.session_state["step"] = "3"
    at.run()
    at.query_params.clear()  # it has not received it
    at.session_state["step"] = None
    at.run()
    assert sent == [{"step": "3"}, {}]


def test_a_lesson_takes_a_new_address_and_not_a_delayed_one(open_page: OpenPage) -> None:
    at = open_page("learn/bound.py", step="2", lang="en")
    before = dict(at.query_params)
    at.button(key="learn_next").click().run()
    assert at.query_params["step"] == "3"
    at.query_params.clear()
    at.query_params.update(before)
    at.run()
    assert at.query_params["step"] == "3"
    at.query_params.update({"step": "4", "lang": "zh"})
    at.run()
    assert (at.query_params["step"], at.query_params["lang"]) == ("4", "zh")


def test_the_stage_is_in_the_address(root: Path, open_page: OpenPage) -> None:
    """The button on the stage leaves it, and the address then lacks it."""
    trained(root, RUN)
    at = open_page("latent.py", run=RUN, stage="on")
    assert at.button(key="stage_button").label == "Leave (Esc)"
    assert any(".st-key-latent_map" in block.body and "<style>" in block.body for block in at.html)
    at.button(key="stage_button").click().run()
    assert at.button(key="stage_button").label == "Stage"
    assert "stage" not in at.query_params
