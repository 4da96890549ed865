"""The Compare page: table and charts show the files of the runs, actions change these files, and
missing data have a sentence."""

import json
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import ROOT, OpenPage, trained
from vae.analysis.loaded_run import LoadedRun
from vae.base.statistics import verdict
from vae.config import RunConfig
from vae.dashboard import server
from vae.dashboard.compare import table as compare_table
from vae.dashboard.compare import view as compare_page
from vae.dashboard.compare.table import NUMBERS
from vae.dashboard.shared.number_table import styled
from vae.dashboard.shared.run_selection import SELECTED
from vae.data import load
from vae.experiments import entries
from vae.runs import Run, identity, notes
from vae.runs.evaluations import EvaluationRequest, saved_evaluations
from vae.runs.result_keys import run_key
from vae.runs.store import trash
from vae.worker.job import Job
from vae.worker.run import work

VIEWS = compare_page.VIEWS


def fake(root: Path, name: str, values: Sequence[float] = (), **settings: Any) -> Run:
    """Return a finished run without weights, with this course of its validation −ELBO; 1 nat of it
    is the KL."""
    run = Run.create(root, RunConfig.of(**settings), load("digits"), name)
    lines = [
        {
            "step": 10 * k,
            "epoch": float(k),
            "split": split,
            "reconstruction": value - 1.0 + extra,
            "kl": 1.0,
            "elbo": -value - extra,
            "seconds": 0.5 * k,
        }
        for k, value in enumerate(values)
        for split, extra in (("train", 100.0), ("val", 0.0))
    ]
    (run.path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    run.set_status(state="finished", epoch=float(len(values)), seconds=3.0)
    return run


@pytest.fixture
def seeds(root: Path) -> Callable[..., list[Run]]:
    """`seeds("a", values, beta=1)` creates a run for each value, with seeds 0, 1, …"""

    def make(stem: str, values: Sequence[float], first: int = 0, **settings: Any) -> list[Run]:
        return [
            fake(root, f"{stem}{seed}", [value + 5, value, value + 1], seed=seed, **settings)
            for seed, value in enumerate(values, first)
        ]

    return make


def text(at: AppTest) -> str:
    said = [*at.markdown, *at.caption, *at.info, *at.error, *at.subheader]
    return " ".join(element.value for element in said)


def table(at: AppTest) -> list[dict[str, Any]]:
    return at.dataframe[0].value.to_dict("records") if at.dataframe else []


def names(at: AppTest) -> list[str]:
    return [row["run"] for row in table(at)]


def show(at: AppTest, view: str, selected: Sequence[str] = ()) -> AppTest:
    at.session_state[SELECTED] = list(selected)
    at.session_state["compare_view"] = view
    at.run()
    assert not at.exception, [e.value for e in at.exception]
    return at


def drawn(at: AppTest) -> dict[str, dict[str, Any]]:
    """Return the figure of each chart by its key; players have messages of another kind."""
    sent = [c.proto.bytes for c in at.get("bidi_component")]
    found = [json.loads(message) for message in sent if message.startswith(b"{")]
    return {message["key"]: message["figure"] for message in found}


def numbers(value: Any) -> np.ndarray:
    """Return an array of Plotly's JSON."""
    if isinstance(value, dict):
        import base64

        return np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"]).astype(float)
    return np.array(value, float)


def press(at: AppTest, key: str) -> None:
    at.button(key=key).click().run()
    assert not at.exception


# The table


def test_the_table_shows_the_files_of_the_runs(root: Path, open_page: OpenPage) -> None:
    fake(root, "one", [30.0, 25.5, 26.0], beta=3.0, latent_dim=5, seed=7)
    notes.change(root / "one", title="Words", tags=("x", "y"), favourite=True)
    fake(root, "bare")
    rows = {row["run"]: row for row in table(open_page("compare.py"))}
    one, bare = rows["one"], rows["bare"]
    wanted = {
        "★": "★",
        "title": "Words",
        "state": "finished",
        "data": "digits",
        "network": "mlp",
        "Z": 5,
        "β": 3.0,
        "seed": 7,
        "−ELBO": 25.5,
        "reconstruction": 24.5,
        "KL": 1.0,
        "epochs": 3.0,
        "objective": "elbo",
        "likelihood": "bernoulli",
        "seconds": 3.0,
    }
    assert {name: one[name] for name in wanted} == wanted
    assert list(one["tags"]) == ["x", "y"]
    assert pd.isna(bare["−ELBO"])
    assert pd.isna(one["test −ELBO"])


def test_numbers_of_a_table_have_a_true_minus_sign_and_stay_numbers() -> None:
    shown = styled({"run": ["a", "b"], "−ELBO": [-278.125, None], "Z": [2, 128]}, NUMBERS)
    assert shown.data["−ELBO"][0] == -278.125
    html = shown.to_html()
    assert ">−278.12<" in html
    assert ">128<" in html
    assert "nan" not in html
    elsewhere = [p for p in ROOT.glob("vae/**/*.py") if "NumberColumn(" in p.read_text("utf-8")]
    assert [p.name for p in elsewhere] == ["number_table.py"]


def test_the_table_shows_a_saved_evaluation_of_the_present_weights(
    root: Path, open_page: OpenPage
) -> None:
    run = trained(root, "small", epochs=1, frames=0)
    for samples in (2, 5):
        job = Job.of(
            run, "evaluate", EvaluationRequest("best", "test", 2, samples, False)._asdict()
        )
        work(job.order, lambda: None)
    record = next(k.record for k in saved_evaluations(run) if k.request.samples == 5)
    (row,) = table(open_page("compare.py"))
    assert row["test −ELBO"] == pytest.approx(-record.elbo)
    assert row["test −ln p(x)"] == pytest.approx(record.nll)
    best = max(r["elbo"] for r in run.reports() if r["split"] == "val")
    assert row["−ELBO"] == pytest.approx(-best)


def test_a_run_is_read_again_only_when_it_has_changed(
    root: Path,
    seeds: Callable[..., list[Run]],
    open_page: OpenPage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, _ = seeds("a", [20.0, 21.0])
    at = open_page("compare.py")
    reads, read = [], entries._read
    monkeypatch.setattr(entries, "_read", lambda path: reads.append(path.name) or read(path))
    at.run()
    assert not reads
    with (run.path / "metrics.jsonl").open("a") as file:
        line = {"step": 99, "epoch": 9.0, "split": "val", "reconstruction": 1.0, "kl": 2.0}
        file.write(json.dumps(line | {"elbo": -3.0}) + "\n")
    at.run()
    assert reads == [run.name]
    assert {row["run"]: row["−ELBO"] for row in table(at)} == {"a0": 3.0, "a1": 21.0}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", ["b", "a"]),
        ("SECOND", ["b"]),
        ("beta=3", ["a"]),
        ("latent_dim=2 beta=1", ["b"]),
        ("later tag-1", ["b"]),
        ("nothing", []),
        ("beta > 1 AND data = 'Digits'", ["a"]),
        ("notes LIKE '%later%' OR beta IN (7, 8)", ["b"]),
        ("title IS NULL", ["a"]),
    ],
)
def test_the_search_finds_words_and_settings(
    root: Path, open_page: OpenPage, words: str, found: list[str]
) -> None:
    fake(root, "a", beta=3.0)
    fake(root, "b")
    notes.change(root / "b", title="The second", tags=("tag-1",), notes="Look again later.")
    at = open_page("compare.py")
    at.text_input(key="compare_search").set_value(words).run()
    assert names(at) == found
    assert ("No run passes these filters" in text(at)) == (not found)


def test_a_mistake_in_a_condition_has_a_sentence_and_hides_no_run(
    root: Path, open_page: OpenPage
) -> None:
    fake(root, "a")
    at = open_page("compare.py")
    at.text_input(key="compare_search").set_value("betta > 1").run()
    assert names(at) == ["a"]
    assert "There is no column betta: did you mean beta?" in at.warning[0].value


def test_every_number_of_the_table_can_be_typed(root: Path, open_page: OpenPage) -> None:
    fake(root, "a", [3.0])
    fake(root, "b", [21.0])
    at = open_page("compare.py")
    at.text_input(key="compare_search").set_value('"-elbo" < 10 AND "−ELBO" > 1').run()
    assert names(at) == ["a"], text(at)


def test_filters_select_runs(root: Path, open_page: OpenPage) -> None:
    for name in ("plain", "star", "stowed"):
        fake(root, name)
    notes.change(root / "star", favourite=True, tags=("x", "y"))
    notes.change(root / "stowed", archived=True, tags=("x",))
    at = open_page("compare.py")
    assert names(at) == ["star", "plain"]
    at.button_group(key="compare_show").set_value(["archived"]).run()
    assert names(at) == ["stowed", "star", "plain"]
    at.multiselect(key="compare_tags").set_value(["x"]).run()
    assert names(at) == ["stowed", "star"]
    at.button_group(key="compare_show").set_value(["favourites"]).run()
    assert names(at) == ["star"]


# What is done to runs


def test_runs_can_be_starred_archived_and_tagged(root: Path, open_page: OpenPage) -> None:
    fake(root, "a")
    fake(root, "b")
    at = show(open_page("compare.py"), "Rate–distortion", ["a", "b"])
    press(at, "compare_favourite")
    assert notes.read(root / "a").favourite
    assert notes.read(root / "b").favourite
    at.text_input(key="compare_more_tags").set_value("p, q")
    next(b for b in at.button if b.label == "Add").click().run()
    assert notes.read(root / "a").tags == ("p", "q")
    press(at, "compare_archived")
    assert notes.read(root / "b").archived
    assert names(at) == []
    assert "2 selected" in text(at)
    assert "2 not in the table" in text(at)
    press(at, "compare_favourite")
    assert not notes.read(root / "a").favourite


def edit(at: AppTest, **fields: str) -> None:
    for label, value in fields.items():
        boxes = [*at.text_input, *at.text_area]
        next(box for box in boxes if box.label == label).set_value(value)
    next(b for b in at.button if b.label == "Save").click().run()
    assert not at.exception


def test_a_run_can_be_renamed_and_described(root: Path, open_page: OpenPage) -> None:
    fake(root, "a")
    at = show(open_page("compare.py", run="a"), "Rate–distortion", ["a"])
    edit(at, Name="b", Title="T", Tags="x, y,", Notes="n")
    assert notes.read(root / "b") == notes.Notes("T", ("x", "y"), "n")
    assert names(at) == ["b"]
    assert at.session_state[SELECTED] == ["b"]
    assert at.query_params["run"] in ("b", ["b"])
    edit(at, Name="not a name")
    assert "cannot be the name of a run" in text(at)
    assert names(at) == ["b"]


def test_a_run_in_training_cannot_be_renamed_or_deleted(root: Path, open_page: OpenPage) -> None:
    fake(root, "a").set_status(state="running", heartbeat=time.time(), **identity())
    at = show(open_page("compare.py"), "Rate–distortion", ["a"])
    edit(at, Name="b")
    assert "a is at work: stop or pause it before it is renamed." in text(at)
    press(at, "compare_delete")
    assert "a is at work: stop or pause it before it is deleted." in text(at)
    assert names(at) == ["a"]


def test_a_run_in_evaluation_cannot_be_deleted(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "a", epochs=1, frames=0)
    Job.of(run, "evaluate", EvaluationRequest("best", "test")._asdict()).note(
        state="running", **identity()
    )
    at = show(open_page("compare.py"), "Rate–distortion", ["a"])
    press(at, "compare_delete")
    assert "cannot be deleted during an evaluation or projection" in text(at)
    assert names(at) == ["a"]


def test_a_deleted_run_can_be_restored(root: Path, open_page: OpenPage) -> None:
    for name in ("a", "b", "c"):
        fake(root, name)
    at = show(open_page("compare.py", run="a"), "Rate–distortion", ["a", "b"])
    press(at, "compare_delete")
    assert names(at) == ["c"]
    assert at.session_state[SELECTED] == []
    assert at.query_params["run"] in ("c", ["c"])
    assert "Deleted b, a." in text(at)  # the newest first
    press(at, "compare_undo_button")
    assert sorted(names(at)) == ["a", "b", "c"]
    assert trash(root) == []
    show(at, "Rate–distortion", ["c"])
    press(at, "compare_delete")
    (gone,) = trash(root)
    fake(root, "c")
    press(at, f"compare_back_{gone.path.name}")
    assert "taken" in text(at)
    shutil.rmtree(root / "c")
    at.run()
    press(at, f"compare_back_{gone.path.name}")
    assert sorted(names(at)) == ["a", "b", "c"]


def test_the_last_run_can_be_deleted_and_restored(root: Path, open_page: OpenPage) -> None:
    fake(root, "a")
    at = show(open_page("compare.py"), "Rate–distortion", ["a"])
    press(at, "compare_delete")
    assert "There is no run yet" in text(at)
    press(at, "compare_undo_button")
    assert names(at) == ["a"]


# What is seen


def test_curves_show_the_reports(seeds: Callable[..., list[Run]], open_page: OpenPage) -> None:
    runs = seeds("a", [20.0, 21.0, 23.0]) + seeds("b", [30.0], beta=4.0)
    at = show(open_page("compare.py"), "Curves", [run.name for run in runs])
    traces = [t for t in drawn(at)["compare_curves"]["data"] if t.get("fill") is None]
    elbo = [t for t in traces if t["yaxis"] == "y3"]
    assert len(elbo) == 3 + 1 + 1
    for run in runs:
        wanted = [r["elbo"] for r in run.reports() if r["split"] == "val"]
        assert any(np.allclose(numbers(t["y"]), wanted) for t in elbo)
    mean = next(t for t in elbo if t["name"].endswith("mean"))
    np.testing.assert_allclose(numbers(mean["y"]), -np.array([79, 64, 67]) / 3, rtol=1e-6)
    ours = {t["line"]["color"].split("/")[0].strip(")") for t in elbo if "β 1" in t["name"]}
    theirs = {t["line"]["color"].split("/")[0].strip(")") for t in elbo if "β 1" not in t["name"]}
    assert len(ours) == len(theirs) == 1
    assert not ours & theirs
    at.toggle(key="compare_fold").set_value(False)
    at.selectbox(key="compare_per").set_value("seconds").run()
    traces = drawn(at)["compare_curves"]["data"]
    assert len(traces) == 4 * 3
    np.testing.assert_allclose(numbers(traces[0]["x"]), [0, 0.5, 1.0])


def test_the_plane_has_every_comparable_run(
    seeds: Callable[..., list[Run]], root: Path, open_page: OpenPage
) -> None:
    runs = seeds("a", [20.0, 21.0, 22.0]) + seeds("b", [30.0], beta=4.0)
    fake(root, "binary", [9.0], binarize="threshold")
    fake(root, "bare")
    at = show(open_page("compare.py"), "Rate–distortion", [runs[0].name])
    assert "4 runs · 1 run without these values · 1 run on other data" in text(at)
    spots = drawn(at)["compare_plane_chart"]["data"][1:]
    places = {tuple(zip(numbers(t["x"]), numbers(t["y"]), strict=True)) for t in spots}
    assert places == {((1.0, 20.0),), ((1.0, 29.0),)}
    assert {word.strip() for t in spots for word in t["text"]} == {"β 1", "β 4"}
    at.toggle(key="compare_fold").set_value(False).run()
    spots = drawn(at)["compare_plane_chart"]["data"][1:]
    assert sum(len(numbers(t["x"])) for t in spots) == 4
    at.selectbox(key="compare_source").set_value("test").run()
    assert "5 runs without these values" in text(at)
    plane = at.selectbox(key="compare_plane").value
    show(at, "Rate–distortion", ["binary"])  # the plane follows the selection
    assert "1 run without these values · 5 runs on other data" in text(at)
    at.selectbox(key="compare_plane").set_value(plane).run()  # until another plane is chosen
    assert "5 runs without these values" in text(at)


def test_settings_that_differ_are_marked(
    seeds: Callable[..., list[Run]], open_page: OpenPage
) -> None:
    runs = seeds("a", [20.0, 21.0]) + seeds("b", [30.0], beta=4.0, latent_dim=3)
    at = show(open_page("compare.py"), "Settings", [run.name for run in runs])
    html = next(h.proto.body for h in at.get("html") if "vae-differences" in h.proto.body)
    assert html.count('class="other"') == 2
    assert '<td class="other" title="1">1</td>' in html  # the newest is the first column
    assert "<th>β</th>" in html
    assert "learning rate" not in html
    at.toggle(key="compare_all").set_value(True).run()
    html = next(h.proto.body for h in at.get("html") if "vae-differences" in h.proto.body)
    assert html.count('class="other"') == 2
    assert "learning rate" in html


def test_maps_have_common_axes_and_pictures_the_same_examples(
    root: Path, open_page: OpenPage
) -> None:
    few = {"epochs": 1, "frames": 0}
    runs = [trained(root, "a", **few), trained(root, "b", seed=1, latent_dim=3, **few)]
    at = show(open_page("compare.py"), "Latent maps", ["a", "b"])
    charts = [drawn(at)[f"compare_map_{run_key(run)}"] for run in runs]
    assert charts[0]["layout"]["xaxis"]["range"] == charts[1]["layout"]["xaxis"]["range"]
    assert charts[0]["layout"]["yaxis"]["range"] == charts[1]["layout"]["yaxis"]["range"]
    for chart in charts:  # the circles of the prior are round
        assert [shape["type"] for shape in chart["layout"]["shapes"]] == ["circle", "circle"]
        assert chart["layout"]["yaxis"]["scaleanchor"] == "x"
    loaded = LoadedRun.of(runs[0])
    wanted = loaded.encode(loaded.subset("test", 1000)).mean
    parts = [np.column_stack([numbers(t["x"]), numbers(t["y"])]) for t in charts[0]["data"]]
    found = np.concatenate(parts)
    order = np.lexsort(wanted.T), np.lexsort(found[:, ::-1].T)
    assert len(found) == len(wanted)
    assert np.allclose(np.sort(found.ravel()), np.sort(wanted.ravel()), atol=1e-5), order
    show(at, "Pictures", ["a", "b"])
    assert "held out by all of these runs" in text(at)
    html = next(h.proto.body for h in at.get("html") if "vae-cards" in h.proto.body)
    shown = {int(part.split('"')[0]) for part in html.split('title="#')[1:]}
    assert len(shown) > 5
    for run in runs:
        assert not shown & set(LoadedRun.of(run).splits.train.tolist())


@pytest.mark.parametrize(("shift", "paired"), [(2.0, True), (0.01, True), (2.0, False)])
def test_the_verdict_equals_the_librarys(
    seeds: Callable[..., list[Run]], open_page: OpenPage, shift: float, paired: bool
) -> None:
    values = [20.0, 21.0, 23.0, 22.0]
    moved = [v + shift + 0.05 * (-1) ** k for k, v in enumerate(values)]
    a = seeds("a", values)
    b = seeds("b", moved, first=0 if paired else 10, beta=4.0)
    at = show(open_page("compare.py"), "Verdict", [run.name for run in a + b])
    found = verdict(dict(enumerate(values)), dict(enumerate(moved, 0 if paired else 10)))
    said = text(at)
    assert found.resolved == (shift > 1 and paired)
    if found.resolved:
        assert "**β 1 (4 seeds) is better than β 4 (4 seeds) by 2.000 nats**" in said
        assert f"95 % interval {-found.high:.3f} to {-found.low:.3f}" in said
    else:
        assert "Difference not resolved" in said
    assert ("Seed by seed" in said) == paired
    traces = drawn(at)["compare_sides"]["data"]
    dots = [t for t in traces if t["mode"] == "markers" and "customdata" in t]
    shown = [numbers(t["y"]) for t in dots]
    np.testing.assert_allclose(shown, [moved, values], rtol=1e-6)  # the newest first


def test_a_verdict_without_seeds_or_common_unit_has_a_reason(
    seeds: Callable[..., list[Run]], root: Path, open_page: OpenPage
) -> None:
    a = seeds("a", [20.0, 21.0, 22.0])
    at = show(open_page("compare.py"), "Verdict")
    assert "there is only one" in text(at)
    b = seeds("b", [30.0, 31.0, 32.0], beta=4.0)
    b[2].set_status(state="stopped")
    show(at, "Verdict", [run.name for run in a + b])
    assert "A verdict needs at least 3 seeds a side, and β 4 (3 seeds) has 2" in text(at)
    assert "1 not finished" in text(at)
    at.selectbox(key="compare_figure").set_value("test").run()
    assert "3 without a saved evaluation" in text(at)
    c = seeds("c", [5.0] * 3, binarize="threshold")
    show(at, "Verdict", [a[0].name, c[0].name])
    at.selectbox(key="compare_b").set_value(at.selectbox(key="compare_a").options[0])
    assert not at.exception


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_without_runs_has_a_sentence(
    view: str, root: Path, open_page: OpenPage
) -> None:
    fake(root, "bare")
    broken = fake(root, "broken")
    (broken.path / "config.json").write_text("{")
    at = open_page("compare.py")
    for selected in ([], ["bare"], ["bare", "broken"], ["broken"]):
        show(at, view, selected)
        assert "broken" in text(at)
        chart = drawn(at)
        told = " ".join(str(figure["layout"].get("annotations")) for figure in chart.values())
        assert len(text(at) + told) > 80
    if view in ("Latent maps", "Pictures"):
        show(at, view, ["bare"])
        assert "has saved no weights yet" in text(at)
    if view == "Curves":
        show(at, view, ["bare"])
        assert "No curves" in json.dumps(drawn(at), ensure_ascii=False)


def test_everything_has_help(root: Path, open_page: OpenPage) -> None:
    for name in ("a", "b"):
        fake(root, name, [20.0], beta=1.0 if name == "a" else 2.0)
    at = open_page("compare.py")
    for view in VIEWS:
        show(at, view, ["a", "b"])
        ours = [w for w in [*at.selectbox, *at.toggle, *at.text_input] if _ours(w)]
        assert ours
        for widget in ours:
            assert widget.help, widget.label
    assert root == server.ROOT


def _ours(widget: Any) -> bool:
    return str(widget.key).startswith("compare")


def test_of_many_runs_the_table_has_the_first_in_the_chosen_order(
    root: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"a": 3.0, "b": 1.0, "c": 2.0}.items():
        fake(root, name, [value])
    fake(root, "d")  # has no result
    at = open_page("compare.py")
    assert names(at) == ["d", "c", "b", "a"]
    assert "The table has" not in text(at)
    monkeypatch.setattr(compare_table, "ROWS", 2)
    at.run()
    assert names(at) == ["d", "c"]
    assert "The table has 2 of 4 runs:" in text(at)
    at.selectbox(key="compare_order").set_value("lowest −ELBO").run()
    assert names(at) == ["b", "c"]
    at.text_input(key="compare_search").set_value("a").run()
    at.session_state[SELECTED] = ["a"]
    at.text_input(key="compare_search").set_value("").run()
    assert names(at) == ["b", "c"]
    assert "1 not in the table" in text(at)


def test_the_first_plane_has_runs_to_draw(root: Path, open_page: OpenPage) -> None:
    """Selected runs without values, such as failed ones, do not choose an empty plane."""
    fake(root, "good", [20.0, 19.0])
    for name in ("bad-1", "bad-2"):
        fake(root, name, binarize="threshold")
    at = show(open_page("compare.py"), "Rate–distortion", ["bad-1", "bad-2", "good"])
    assert "1 run · 2 runs on other data" in text(at)
    assert len(drawn(at)["compare_plane_chart"]["data"]) > 1
