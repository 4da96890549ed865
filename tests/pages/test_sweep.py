"""The Sweep page: the form's plan is queued, and the charts show the files of the runs."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import OpenPage, in_state, trained
from tests.pages.test_compare import drawn, numbers, press, text
from tests.pages.test_replay import sent
from vae.base import files
from vae.base.numbers import number
from vae.base.statistics import interval
from vae.config import RunConfig
from vae.dashboard.shared.run_selection import SELECTED
from vae.dashboard.sweep.chosen import KEY as CHOSEN
from vae.experiments import sweeps
from vae.runs import Run, identity, listing, notes

PICTURE = "![](http://evil.example/a.png)"
BASE = RunConfig.of(epochs=3, device="cpu", threads=1)


def make(root: Path, *over: str, seeds: int = 2, base: RunConfig = BASE) -> list[Run]:
    """Create the runs of a sweep "mine" in the queue."""
    axes = [sweeps.axis(text) for text in over]
    runs = sweeps.configurations(sweeps.plan(base, axes, seeds), seeds)
    return sweeps.create(root, "mine", runs)[0]


def report(run: Run, values: Sequence[float], state: str = "finished", kl: float = 2.0) -> None:
    """Write reports with these validation −ELBOs, `kl` of them the KL."""
    lines = [
        {
            "step": 10 * k,
            "epoch": float(k),
            "split": split,
            "reconstruction": value - kl + extra,
            "kl": kl,
            "elbo": -value - extra,
            "seconds": 0.5 * k,
        }
        for k, value in enumerate(values, 1)
        for split, extra in (("train", 100.0), ("val", 0.0))
    ]
    (run.path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    living = {"heartbeat": time.time(), **identity()} if state == "running" else {}
    run.set_status(state=state, epoch=float(len(values)), epochs=3, seconds=6.0, **living)


def finished(runs: Sequence[Run]) -> dict[str, float]:
    """Finish all runs, with the middle report as the best. Return run → best −ELBO."""
    best = {run.name: 25.0 + k + 0.5 * (-1) ** k for k, run in enumerate(runs)}
    for run in runs:
        report(run, [best[run.name] + 9, best[run.name], best[run.name] + 1])
    return best


def text_of(at: AppTest) -> str:
    bars = [element.proto.text for element in at.get("progress")]
    warnings = [element.value for element in at.warning]
    return " ".join([text(at), *bars, *warnings, *(h.proto.body for h in at.get("html"))])


def write(at: AppTest, key: str, value: str) -> AppTest:
    at.text_input(key=key).set_value(value).run()
    assert not at.exception
    return at


def select(at: AppTest, key: str, value: Any) -> AppTest:
    at.selectbox(key=key).set_value(value).run()
    assert not at.exception
    return at


# The form


def test_a_press_queues_the_plan_of_the_form(root: Path, open_page: OpenPage) -> None:
    at = open_page("sweep.py")
    assert "4 configurations × 3 seeds = 12 runs" in text_of(at)
    assert "one after another" in text_of(at)
    write(at, "sweep_first_beta_values", "0.5, 4")
    at.number_input(key="sweep_seeds").set_value(2)
    write(at, "sweep_name", "mine")
    assert "2 configurations × 2 seeds = 4 runs" in text_of(at)
    assert "<span>β 0.5</span><span>β 4</span>" in text_of(at)
    assert at.button(key="sweep_queue").label == "Queue 4 runs"
    press(at, "sweep_queue")
    runs = sweeps.members(root, "mine")
    assert [(run.settings["beta"], run.settings["seed"]) for run in runs] == [
        (0.5, 0),
        (4.0, 0),
        (0.5, 1),
        (4.0, 1),
    ]
    usual = RunConfig.of().model_dump(mode="json")
    assert all(run.settings | {"beta": 1.0, "seed": 0} == usual for run in runs)
    assert at.session_state[CHOSEN] == "mine"
    assert at.query_params["sweep"] in ("mine", ["mine"])
    assert "**4 runs**: 4 queued" in text_of(at)


def test_a_press_uses_the_field_that_it_leaves(root: Path, open_page: OpenPage) -> None:
    at = open_page("sweep.py")
    write(at, "sweep_first_beta_values", "2")
    at.number_input(key="sweep_seeds").set_value(2)  # and pressed at once
    press(at, "sweep_queue")
    assert sorted(run.settings["seed"] for run in listing(root)) == [0, 1]


def test_two_settings_list_their_refused_combinations(root: Path, open_page: OpenPage) -> None:
    at = select(open_page("sweep.py"), "sweep_first", "objective")
    at.multiselect(key="sweep_first_objective").set_value(["elbo", "wae"]).run()
    select(at, "sweep_second", "posterior")
    at.multiselect(key="sweep_second_posterior").set_value(["diagonal", "point"]).run()
    assert "3 configurations × 3 seeds = 9 runs" in text_of(at)
    assert "1 left out" in text_of(at)
    assert "**objective elbo · posterior point**: A point posterior has no density" in text_of(at)
    press(at, "sweep_queue")
    (name,) = sweeps.taken(root)
    assert name == "objective-posterior-1"
    assert len(listing(root)) == 9


def test_a_sweep_of_refused_combinations_cannot_be_queued(root: Path, open_page: OpenPage) -> None:
    at = write(open_page("sweep.py"), "sweep_first_beta_values", "-1, -2")
    assert at.button(key="sweep_queue").disabled
    assert "0 configurations" in text_of(at)
    assert "beta must be at least 0" in text_of(at)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [("", "has no values yet"), ("1, x", "beta must be a number"), (",".join("123"), "9 runs")],
)
def test_invalid_values_are_reported(
    root: Path, open_page: OpenPage, values: str, sentence: str
) -> None:
    assert sentence in text_of(write(open_page("sweep.py"), "sweep_first_beta_values", values))


def test_a_range_gives_the_values_of_the_first_setting(root: Path, open_page: OpenPage) -> None:
    at = select(open_page("sweep.py"), "sweep_first", "lr")
    at.session_state["sweep_first_lr_how"] = "Log"
    at.run()
    for label, value in (("From", "1e-4"), ("To", "1e-2"), ("Count", "5")):
        write(at, f"sweep_first_lr_{label}", value)
    assert "5 configurations × 3 seeds = 15 runs" in text_of(at)
    assert "<span>learning rate 0.0003162</span>" in text_of(at)
    write(at, "sweep_first_lr_Count", "some")
    assert "from, to and count" in text_of(at)


def test_every_setting_that_applies_can_be_chosen(root: Path, open_page: OpenPage) -> None:
    """Each has valid initial values."""
    at = open_page("sweep.py")
    names = at.selectbox(key="sweep_first").options
    known = RunConfig.of().model_dump()
    assert len(names) == len(known) - 1
    labels = {sweeps.field_of(name).label for name in known if name != "seed"}
    assert set(names) == labels
    for name in ("hidden", "latent_dim", "data", "beta_schedule", "grad_clip", "device"):
        select(at, "sweep_first", name)
        assert not at.warning, (name, [w.value for w in at.warning])
        assert "one after another" in text_of(at).lower()


def test_a_taken_name_and_a_refused_configuration_are_reported(
    root: Path, open_page: OpenPage
) -> None:
    make(root, "beta=1,2")
    at = select(open_page("sweep.py", box=True), CHOSEN, "")
    assert at.text_input(key="sweep_name").placeholder == "beta-1"
    assert "There is a sweep 'mine' already" in text_of(write(at, "sweep_name", "mine"))
    at.number_input(key="set_batch_size").set_value(5000).run()
    assert "A sweep starts from the sidebar's configuration, and that is refused." in text_of(at)


# A sweep


@pytest.mark.parametrize("state", ["starting", "running", "failed", "interrupted", "damaged"])
def test_runs_in_every_state_are_shown(root: Path, open_page: OpenPage, state: str) -> None:
    run = in_state(root, state)
    assert run is not None
    notes.change(run.path, tags=("sweep:mine",))
    at = open_page("sweep.py")
    wanted = "This sweep has no readable runs" if state == "damaged" else f"1 {state}"
    assert wanted in text_of(at)


def test_a_queued_sweep_can_be_cancelled_and_queued_again(root: Path, open_page: OpenPage) -> None:
    runs = make(root, "beta=1,2")
    report(runs[0], [30.0], state="running")
    at = open_page("sweep.py")
    assert "**4 runs**: 3 queued, 1 running" in text_of(at)
    assert "left" in text_of(at)
    press(at, "sweep_cancel")
    assert [run.status().state for run in runs] == ["running", *["stopped"] * 3]
    runs[0].set_status(state="finished")
    at.run()
    assert at.button(key="sweep_again").label == "Queue 3 again"
    press(at, "sweep_again")
    assert [run.status().state for run in runs] == ["finished", *["queued"] * 3]
    assert "**4 runs**: 3 queued, 1 finished" in text_of(at)


def test_the_time_left_is_estimated_from_finished_runs(root: Path, open_page: OpenPage) -> None:
    """Two runs took 60 s each, so the other two need 60 s and 3 s more each."""
    runs = make(root, "beta=1,2")
    for run in runs[:2]:
        report(run, [30.0, 29.0, 28.0])
        run.set_status(seconds=60.0)
    at = open_page("sweep.py")
    assert "about 2 min left" in text_of(at)
    assert at.get("progress")[0].proto.value == 50


def test_a_failed_run_has_a_reason(root: Path, open_page: OpenPage) -> None:
    runs = make(root, "beta=1,2")
    finished(runs)
    runs[1].set_status(state="failed", message="Training diverged: lower the learning rate.")
    at = open_page("sweep.py")
    assert "3 finished, 1 failed" in text_of(at)
    assert "β 2 · seed 0: Training diverged: lower the learning rate." in text_of(at)
    assert at.button(key="sweep_again").label == "Queue 1 again"


def test_foreign_words_of_a_failed_run_are_text(root: Path, open_page: OpenPage) -> None:
    runs = make(root, "beta=1,2")
    for run in runs:
        config = {**run.header["config"], "data": PICTURE}
        files.write_json(run.path / "config.json", {**run.header, "config": config})
    notes.change(runs[0].path, title=PICTURE)
    runs[0].set_status(state="failed", message=PICTURE)
    words = [c.value for c in open_page("sweep.py").caption]
    assert sum("evil" in text for text in words) == 2  # common settings, reason
    assert not any(PICTURE in text for text in words)


def test_charts_show_the_numbers_of_the_runs(root: Path, open_page: OpenPage) -> None:
    runs = make(root, "beta=0.5,4", seeds=3)
    best = finished(runs)
    at = open_page("sweep.py")
    alike = next(c.value for c in at.main.caption if c.value.startswith("In all runs: digits, "))
    assert f"{runs[0].settings['epochs']} epochs" in alike
    assert "β" not in alike  # which is swept
    charts = drawn(at)
    small = charts["sweep_multiples"]
    assert len(small["data"]) == 2 * 3
    for k, beta in enumerate((0.5, 4.0)):
        axis = f"y{k + 1}" if k else "y"
        bound = next(t for t in small["data"] if t["yaxis"] == axis and t["name"] == "−ELBO")
        own = [run for run in runs if run.settings["beta"] == beta]
        wanted = [[best[r.name] + 9, best[r.name], best[r.name] + 1, np.nan] for r in own]
        np.testing.assert_allclose(numbers(bound["y"]), np.ravel(wanted))
    heads = [a["text"] for a in small["layout"]["annotations"]]
    assert heads[:2] == ["<b>β 0.5</b>", "<b>β 4</b>"]
    points, means = charts["sweep_summary"]["data"]
    values = [[best[r.name] for r in runs if r.settings["beta"] == b] for b in (0.5, 4.0)]
    np.testing.assert_allclose(numbers(points["y"]), np.ravel(values))
    np.testing.assert_allclose(numbers(points["x"]), np.repeat([0.5, 4], 3))
    np.testing.assert_allclose(numbers(means["y"]), np.mean(values, 1), rtol=1e-6)
    half = [interval(v).high - interval(v).mean for v in values]
    np.testing.assert_allclose(means["error_y"]["array"], half)


def test_measure_axis_and_second_setting_can_be_chosen(root: Path, open_page: OpenPage) -> None:
    runs = make(root, "beta=0.5,4", "lr=0.001,0.01,0.1", seeds=1)
    best = finished(runs)
    at = open_page("sweep.py")
    chart = drawn(at)["sweep_summary"]
    assert chart["layout"]["xaxis"]["title"]["text"] in ("β", "learning rate")
    select(at, "sweep_figure", "kl")
    select(at, "sweep_against_mine", "lr")
    chart = drawn(at)["sweep_summary"]
    assert chart["layout"]["xaxis"]["type"] == "log"
    assert chart["layout"]["xaxis"]["title"]["text"] == "learning rate"
    assert len(chart["data"]) == 4
    assert {a["text"] for a in chart["layout"]["annotations"]} == {"β 0.5", "β 4"}
    for trace in chart["data"]:
        np.testing.assert_allclose(numbers(trace["y"]), [2, 2, 2])
    at.checkbox(key="sweep_log_mine_lr").set_value(False).run()
    assert drawn(at)["sweep_summary"]["layout"]["xaxis"]["type"] == "linear"
    select(at, "sweep_figure", "elbo")
    seen = [numbers(t["y"]) for t in drawn(at)["sweep_summary"]["data"][::2]]
    np.testing.assert_allclose(sorted(np.ravel(seen)), sorted(best.values()))
    small = drawn(at)["sweep_multiples"]["layout"]
    assert len([name for name in small if name.startswith("xaxis")]) == 6


def test_a_categorical_setting_has_named_ticks(root: Path, open_page: OpenPage) -> None:
    runs = make(root, "objective=wae,elbo,free-bits", seeds=1)
    finished(runs)
    charts = drawn(open_page("sweep.py"))
    names = ["wae", "elbo", "free-bits"]
    assert charts["sweep_summary"]["layout"]["xaxis"]["ticktext"] == names
    assert charts["sweep_summary"]["data"][1]["mode"] == "markers"
    heads = [a["text"] for a in charts["sweep_multiples"]["layout"]["annotations"]]
    assert heads[:3] == [f"<b>{name}</b>" for name in names]


def test_sweeps_of_seeds_and_without_validation_are_shown(root: Path, open_page: OpenPage) -> None:
    make(root, seeds=3, base=RunConfig.of(val_share=0, epochs=3))
    for k, run in enumerate(sweeps.members(root, "mine")):
        report(run, [30.0 + k, 29.0 + k, 28.0 + k])
    charts = drawn(open_page("sweep.py"))
    bound = next(t for t in charts["sweep_multiples"]["data"] if t["name"] == "−ELBO")
    np.testing.assert_allclose(numbers(bound["y"])[:3], [130, 129, 128])
    assert "one configuration" in charts["sweep_multiples"]["layout"]["annotations"][0]["text"]


def test_the_address_names_the_sweep(root: Path, open_page: OpenPage) -> None:
    make(root, "beta=1,2")
    axes = [sweeps.axis("lr=0.1,0.2")]
    sweeps.create(root, "newer", sweeps.configurations(sweeps.plan(BASE, axes, 1), 1))
    at = open_page("sweep.py")
    assert at.selectbox(key=CHOSEN).options == ["New sweep", "newer", "mine"]
    assert "**2 runs**" in text_of(at)
    select(at, CHOSEN, "mine")
    assert at.query_params["sweep"] in ("mine", ["mine"])
    assert "**4 runs**" in text_of(at)


def test_compared_runs_are_selected_and_lead_the_table(root: Path, open_page: OpenPage) -> None:
    runs = make(root, "beta=1,2")
    finished(runs)
    other = in_state(root, "queued")  # newer, so it would stand above the ticked runs
    at = open_page("sweep.py")
    at.button(key="sweep_compare").click().run()
    assert sorted(at.session_state[SELECTED]) == sorted(run.name for run in runs)
    assert other is not None
    shown = list(at.dataframe[0].value["run"])
    assert set(shown[:4]) == {run.name for run in runs}
    assert shown[4:] == [other.name]


# The knee


def test_the_knee_stands_in_words_and_in_the_plane(root: Path, open_page: OpenPage) -> None:
    """Reconstruction 9, 4, 3, 2 at a KL of 0, 1, 2, 4: the chord is farthest from the second."""
    runs = make(root, "beta=0.5,1,2,4", seeds=3)
    rates = {4.0: (0.0, 9.0), 2.0: (1.0, 4.0), 1.0: (2.0, 3.0), 0.5: (4.0, 2.0)}
    for run in runs:
        kl, reconstruction = rates[run.settings["beta"]]
        shift = 0.01 * run.settings["seed"]
        report(run, [kl + reconstruction + shift], kl=kl)
    at = open_page("sweep.py", measure="plane")
    words = "**Knee at β 2**, 95 % interval β 2 alone (from 3 seeds)"
    assert words in text_of(at)
    assert "a nat of KL buys 1.750 nats" in text_of(at)
    traces = {trace["name"]: trace for trace in drawn(at)["sweep_summary"]["data"]}
    np.testing.assert_allclose([numbers(traces["knee"][axis]) for axis in "xy"], [[1], [4.01]])
    np.testing.assert_allclose(numbers(traces["chord"]["x"]), [0, 4])
    np.testing.assert_allclose(numbers(traces["mean"]["y"]), [2.01, 3.01, 4.01, 9.01], rtol=1e-6)
    labels = [a["text"] for a in drawn(at)["sweep_summary"]["layout"]["annotations"]]
    assert labels[0] == "β 2"
    for run in runs:
        if run.settings["beta"] == 4:
            notes.change(run.path, tags=())
    assert "A knee needs at least 4 values; there are 3." in text_of(at.run())


# The runs of a sweep on one clock


def played(root: Path, betas: Sequence[float] = (2.0, 0.5)) -> list[Run]:
    """Trained runs of a sweep "mine", with three frames each."""
    runs = [trained(root, f"beta-{beta}", beta=beta, latent_dim=2) for beta in betas]
    for run in runs:
        notes.change(run.path, tags=("sweep:mine",))
    return runs


def test_all_runs_play_on_one_clock(root: Path, open_page: OpenPage) -> None:
    two, half = played(root)
    for step in two.frame_steps():
        frame = two.frame(step)
        two.record(frame._replace(mean=5 * frame.mean))
    waits = Run.create(root, sweeps.changed(two.config, {"beta": 1.0}), BASE.load_data(), "waits")
    failed = Run.create(
        root, sweeps.changed(two.config, {"beta": 4.0}), BASE.load_data(), "failed"
    )
    failed.set_status(state="failed", message="It diverged.")
    for run in (waits, failed):
        notes.change(run.path, tags=("sweep:mine",))
    at = open_page("sweep.py", view="Latent maps")
    head, arrays = sent(at)
    tiles = head["tiles"]
    assert [tile["run"] for tile in tiles] == [half.name, waits.name, two.name, "failed"]
    assert [tile["title"][:3] for tile in tiles] == ["β 0", "β 1", "β 2", "β 4"]
    assert [(tile["row"], tile["column"]) for tile in tiles] == [(0, k) for k in range(4)]
    assert "In the queue" in tiles[1]["note"]
    assert "It diverged." in tiles[3]["note"]
    for k, run in ((0, half), (2, two)):
        frames = [run.frame(step) for step in run.frame_steps()]
        assert tiles[k]["step"] == run.frame_steps()
        assert head["epoch"] == [frame.epoch for frame in frames]
        reports = [r for r in run.reports() if r["split"] == "val"]
        last = [[r for r in reports if r["epoch"] <= f.epoch + 1e-4][-1:] for f in frames]
        wanted = [f"−ELBO {number(-r[0]['elbo'])}" if r else "no report yet" for r in last]
        assert tiles[k]["values"] == wanted
        assert len(set(wanted)) > 1
        assert tiles[k]["range"] == tiles[0]["range"]
        places = arrays[f"aligned{k}"].reshape(len(frames), -1, 2)
        far = np.linalg.norm(places[-1], axis=1)
        assert len(far) == 400 < len(frames[-1].mean)
        every = np.linalg.norm(frames[-1].mean, axis=1)
        assert np.abs(far[:, None] - every).min(1).max() < 1e-4
    at.toggle(key="films_axes").set_value(False).run()
    tiles = sent(at)[0]["tiles"]
    assert tiles[0]["range"] != tiles[2]["range"]
    at.session_state["sweep_view"] = "Samples"
    _, arrays = sent(at.run())
    assert "aligned0" not in arrays
    assert arrays["decoded0"].size == 3 * 9 * 64


def test_a_link_names_the_moment_of_the_clock(root: Path, open_page: OpenPage) -> None:
    played(root)
    at = open_page("sweep.py", view="Samples", epoch="0.7")
    head, _ = sent(at)
    assert head["start"] == head["epoch"][1] == pytest.approx(2 / 3)
    at = open_page("sweep.py", view="Samples", epoch="90")
    assert sent(at)[0]["start"] == 2
    assert "asked for epoch" in at.toast[0].value


def test_runs_without_frames_have_a_sentence(root: Path, open_page: OpenPage) -> None:
    finished(make(root, "beta=1,2"))
    at = open_page("sweep.py", view="Latent maps")
    assert "No run here has a frame" in at.info[0].value
