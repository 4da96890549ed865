"""The Train page shows the files of the run, and its buttons change them."""

import errno
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.delta_generator import DeltaGenerator
from streamlit.testing.v1 import AppTest

from tests.diagnostics.test_checks import reports
from tests.pages.conftest import OpenPage, in_state, trained
from vae.base.records import SLOWER, Domain
from vae.base.smoothing import exponential_mean
from vae.components.objectives import Loss
from vae.config import RunConfig
from vae.dashboard.shared import cache, training_time
from vae.dashboard.shared.run_picker import facts
from vae.dashboard.train import view
from vae.dashboard.train.controls import CURVES
from vae.experiments.entries import best_report
from vae.footprint import model_settings
from vae.model import VAE
from vae.runs import Run, listing
from vae.runs.result_keys import run_key
from vae.runs.store import delete

BUTTONS = {
    "queued": {"stop"},
    "starting": {"pause", "stop"},
    "running": {"pause", "stop"},
    "finished": {"train_on"},
    "failed": {"train_again"},
    "interrupted": {"resume", "train_on"},
}


def run_in(root: Path, state: str) -> Run:
    run = in_state(root, state)
    assert run is not None
    return run


def pressable(at: AppTest) -> set[str]:
    keys = {str(button.key) for button in at.main.button}
    return {key for key in keys if not key.startswith(("tour_", "stage_"))}


def charts(at: AppTest) -> list[dict[str, Any]]:
    """Return the figures of the live charts."""
    return [json.loads(e.proto.bytes)["figure"] for e in at.get("bidi_component")]


def words(at: AppTest) -> str:
    progress = [e.proto.text for e in at.get("progress")]
    return " ".join([*(m.value for m in at.markdown), *(c.value for c in at.caption), *progress])


@pytest.mark.parametrize("state", BUTTONS)
def test_the_buttons_depend_on_the_state(state: str, root: Path, open_page: OpenPage) -> None:
    run_in(root, state)
    assert pressable(open_page("train.py")) == BUTTONS[state]


@pytest.mark.parametrize(("button", "wanted"), [("pause", "pause"), ("stop", "stop")])
def test_pause_and_stop_are_requested_from_the_worker(
    button: str, wanted: str, root: Path, open_page: OpenPage
) -> None:
    run = run_in(root, "running")
    open_page("train.py").button(key=button).click().run()
    assert run.control(0).wanted == wanted


def test_a_stopped_queued_run_leaves_the_queue(root: Path, open_page: OpenPage) -> None:
    run = run_in(root, "queued")
    at = open_page("train.py").button(key="stop").click().run()
    assert run.status().state == "stopped"
    assert pressable(at) == {"resume", "train_on"}
    assert "Not begun" in words(at)
    assert "Starting" not in words(at)


def test_a_press_on_a_run_that_another_window_has_deleted_is_a_sentence(
    root: Path, open_page: OpenPage
) -> None:
    """It was deleted between the press and the answer."""
    run, at = run_in(root, "queued"), open_page("train.py")
    delete(Run(run.path))
    at.session_state["pressed"] = run.stop
    at.run()
    assert not at.exception
    assert any("deleted or renamed" in toast.value for toast in at.toast)
    assert not run.path.exists()


def test_a_press_on_a_full_disk_is_a_sentence(
    root: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, at = run_in(root, "running"), open_page("train.py")

    def full(path: Path, value: Any) -> None:
        raise OSError(errno.ENOSPC, "full", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("vae.runs.control.files.write_json", full)
        at.button(key="pause").click().run()
    assert not at.exception
    assert any("the disk is full" in toast.value for toast in at.toast)
    assert run.control(0).wanted == "run"


def test_a_queued_run_names_the_run_in_training(root: Path, open_page: OpenPage) -> None:
    queued = run_in(root, "queued")
    assert "Waiting in the queue." in words(open_page("train.py", run=queued.name))
    running = run_in(root, "running")
    told = words(open_page("train.py", run=queued.name))
    assert f"Waiting in the queue: {running.name} is training." in told


def test_the_map_describes_its_points(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "mapped")
    at = open_page("train.py")
    head = next(m for m in at.main.markdown if "Latent map" in m.value)
    examples, frame = run.examples(), run.frame()
    assert f"epoch 2 · {len(frame.mean):,} of {examples.total:,} examples" in head.value
    assert "mean of its q(z|x)" in head.help


def test_resume_queues_the_run(root: Path, open_page: OpenPage) -> None:
    run = run_in(root, "interrupted")
    open_page("train.py").button(key="resume").click().run()
    assert run.status().state == "queued"


def test_more_epochs_are_added_to_those_planned(root: Path, open_page: OpenPage) -> None:
    run = run_in(root, "finished")
    at = open_page("train.py")
    at.number_input(key="more_epochs").set_value(5)  # and pressed at once
    at.button(key="train_on").click().run()
    assert [(c.field, c.value) for c in run.control(10).changes] == [("epochs", 7)]
    assert run.status().state == "queued"


def test_live_settings_change_a_run_in_training(root: Path, open_page: OpenPage) -> None:
    run = run_in(root, "running")
    at = open_page("train.py")
    at.number_input(key=f"live_beta_{run_key(run)}_0").set_value(3.0).run()
    at.number_input(key=f"live_lr_{run_key(run)}_0").set_value(0.01).run()
    changes = run.control(17).changes
    assert [(c.step, c.field, c.value) for c in changes] == [(17, "beta", 3.0), (17, "lr", 0.01)]


def test_live_settings_of_a_finished_run_are_disabled(root: Path, open_page: OpenPage) -> None:
    run = run_in(root, "finished")
    at = open_page("train.py")
    assert at.number_input(key=f"live_lr_{run_key(run)}_0").disabled


def test_the_curves_show_the_reports(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "a-run", epochs=3)
    at = open_page("train.py")
    reports = run.reports()
    names = {t["name"]: t for t in charts(at)[0]["data"] if t.get("name")}
    for split, name in (("train", "train"), ("val", "validation")):
        of = [r for r in reports if r["split"] == split]
        drawn = names[f"reconstruction, {name}"]
        assert len(_array(drawn["y"])) == len(of)
        assert _array(drawn["y"])[-1] == pytest.approx(of[-1]["reconstruction"], rel=1e-6)
        assert _array(names[f"KL, {name}"]["y"])[-1] == pytest.approx(of[-1]["kl"], rel=1e-6)
    assert f"{run.status().best:.2f} nats".replace("-", "−") in words(at)
    assert "**epoch 3** of 3" in words(at)
    at.selectbox(key="curves_of").set_value(CURVES[2]).run()
    assert not at.exception
    table = at.dataframe[0].value
    assert table["", "epoch"].is_monotonic_decreasing
    for split, name in (("train", "train"), ("val", "validation")):
        of = [r["elbo"] for r in reversed(reports) if r["split"] == split]
        assert table["ELBO", name].dropna().tolist() == pytest.approx(of)


def test_the_plain_autoencoder_has_no_kl(root: Path, open_page: OpenPage) -> None:
    trained(root, "plain", posterior="point", objective="reconstruction")
    at = open_page("train.py")
    assert "A point posterior has no density: KL, ELBO and −ln p(x) do not exist." in words(at)
    assert "best validation reconstruction" in words(at)
    names = [t.get("name", "") for t in charts(at)[0]["data"]]
    assert not [n for n in names if n.startswith(("KL", "ELBO"))]


def test_vectors_have_charts_instead_of_pictures(root: Path, open_page: OpenPage) -> None:
    trained(root, "points", data="mixture", likelihood="gaussian-learned")
    at = open_page("train.py")
    assert len(charts(at)) == 5  # curves, map, pairs, samples, KL
    assert not at.get("imgs")


def test_log_scale_is_an_axis_of_the_curves(root: Path, open_page: OpenPage) -> None:
    run_in(root, "finished")
    at = open_page("train.py")
    kinds = lambda: [v.get("type") for k, v in charts(at)[0]["layout"].items() if k[0] == "y"]  # noqa: E731
    assert "log" not in kinds()
    at.checkbox(key="log_scale").check().run()
    assert "log" in kinds()


def test_smoothing_keeps_the_values_and_goes_along_to_compare(
    root: Path, open_page: OpenPage
) -> None:
    run = trained(root, "a-run", epochs=3)
    at = open_page("train.py")
    before = {t["name"]: t for t in charts(at)[0]["data"] if t.get("name")}
    at.selectbox(key="smooth").set_value(2).run()
    now = {t["name"]: t for t in charts(at)[0]["data"] if t.get("name")}
    for name in ("reconstruction, train", "KL, validation"):
        assert now[name]["y"] == before[name]["y"]
        assert now[f"{name} · smoothed"]["y"] != before[name]["y"]
    assert at.query_params["smooth"] == "2"
    at = open_page("compare.py", view="Curves", runs=run.name, smooth="2", split="train")
    of = [r for r in run.reports() if r["split"] == "train"]
    epoch, value = (np.float32([r[name] for r in of]) for name in ("epoch", "elbo"))
    drawn = charts(at)[0]["data"]
    assert any(np.allclose(_array(t["y"]), value) for t in drawn)
    mean = exponential_mean(epoch, value, 2.0)
    assert any(np.allclose(_array(t["y"]), mean) for t in drawn if "smoothed" in t["name"])
    assert "Mean of 2 epochs" in words(at)


def collapsed(run: Run, **settings: Any) -> Run:
    """Give a run other settings and reports with a vanished KL."""
    lines = [json.dumps(report) + "\n" for report in reports(kl=(1e-4, 7e-4))]
    (run.path / "metrics.jsonl").write_text("".join(lines))
    header = json.loads((run.path / "config.json").read_text())
    header["config"] |= settings
    (run.path / "config.json").write_text(json.dumps(header))
    return Run(run.path)


def test_a_vanished_kl_of_a_running_run_has_a_live_fix(root: Path, open_page: OpenPage) -> None:
    run = collapsed(run_in(root, "running"), beta=50.0)
    at = open_page("train.py")
    line = next(m for m in at.main.markdown if "KL vanishing" in m.value)
    assert "lower β, or warm it up" in line.value
    assert "0.0008 nats (mean of epochs 73 to 80)" in line.help
    key = f"live_beta_{run_key(run)}_0"
    assert at.number_input(key=key).value == 50.0
    button = at.button(key="apply_fix")
    assert button.label == "β 50 → 1"
    at = button.click().run()
    assert [(c.field, c.value) for c in run.control(4000).changes] == [("beta", 1.0)]
    field = next(n for n in at.number_input if n.key and n.key.startswith("live_beta"))
    assert (field.value, field.key == key) == (1.0, False), "a late tick sends the old key's value"
    assert "KL vanishing" not in words(at.run()), "the change has had no time to act"
    undo = at.button(key="undo")
    assert undo.label == "Undo β 1 → 50"
    undo.click().run()
    assert [c.value for c in run.control(4001).changes] == [1.0, 50.0]
    assert at.run().button(key="undo").label == "Undo β 50 → 1"


def test_a_vanished_kl_of_an_ended_run_is_fixed_by_a_variant(
    root: Path, open_page: OpenPage
) -> None:
    run = collapsed(run_in(root, "finished"), beta=50.0)
    at = open_page("train.py")
    assert "KL vanishing" in words(at)
    at.button(key="train_again").click().run()
    new = next(other for other in listing(root) if other.name != run.name)
    assert new.config == run.config.model_copy(update={"beta": 1.0})
    assert at.query_params["run"] == new.name


@pytest.mark.parametrize("state", ["running", "finished", "failed"])
def test_a_run_without_a_failure_has_no_advice(
    state: str, root: Path, open_page: OpenPage
) -> None:
    run = run_in(root, state)
    run.set_status(message="")
    (run.path / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in reports()))
    assert not [e for e in open_page("train.py").main.markdown if "-badge[KL" in e.value]
    assert "All diagnostics" not in [e.proto.label for e in open_page("train.py").get("page_link")]


def test_a_diverged_run_is_trained_again_with_a_lower_rate(
    root: Path, open_page: OpenPage
) -> None:
    run = run_in(root, "failed")
    run.set_status(step=2, steps=690, epoch=0.1, epochs=30)
    at = open_page("train.py")
    assert "Failed at step 2 of 690" in words(at)
    button = at.button(key="train_again")
    assert button.label == "Train again with lr 0.0002"
    assert button.proto.type == "primary"
    button.click().run()
    new = next(other for other in listing(root) if other.name != run.name)
    assert new.config == run.config.model_copy(update={"lr": 2e-4})
    assert new.status().state == "queued"


def test_a_diverged_run_with_weights_is_resumed_with_a_lower_rate(
    root: Path, open_page: OpenPage
) -> None:
    run = run_in(root, "finished")
    run.set_status(state="failed", message=f"Training diverged: the KL is not finite. {SLOWER}")
    open_page("train.py").button(key="resume_lower").click().run()
    assert run.status().state == "queued"
    assert [(c.field, c.value) for c in run.control(0).changes] == [("lr", 2e-4)]


def test_a_run_with_another_failure_can_be_resumed(root: Path, open_page: OpenPage) -> None:
    run_in(root, "failed").set_status(message="The disk is full: free some space, then resume.")
    assert pressable(open_page("train.py")) == {"resume"}


def test_the_time_left_follows_the_last_reports(root: Path, open_page: OpenPage) -> None:
    run = run_in(root, "running")
    run.set_status(step=60, steps=100, seconds=6.5, epoch=1.2, images_per_second=900.0)
    slow = [(0, 0.0), (50, 0.5), (60, 6.5)]  # 0.01 s a step at first, then 0.6 s
    timed = zip(reports()[:3], slow, strict=True)
    lines = [report | {"step": step, "seconds": at} for report, (step, at) in timed]
    (run.path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "24\u00a0s left" in words(open_page("train.py"))


def test_the_time_of_a_new_run_is_that_of_the_last_similar_run(
    root: Path, open_page: OpenPage
) -> None:
    run = run_in(root, "running")  # with the default settings, as in the sidebar
    run.set_status(step=100, steps=200, seconds=10.0)
    data = run.data()
    epochs, steps = 3, -(-len(run.config.split(data).train) // run.config.batch_size)
    like = run.config.model_copy(update={"epochs": epochs, "beta": 4.0, "seed": 1})
    assert training_time.seconds(like, data) == pytest.approx(0.1 * steps * epochs)
    assert " or more in all" not in training_time.sentence(like, data)
    run.set_status(host="elsewhere")
    assert training_time.seconds(like, data) < 0.1 * steps * epochs
    assert " or more in all" in training_time.sentence(like, data)


def test_the_time_of_a_new_model_is_corrected_by_the_last_run(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps of the last run took twice the tried time; one outlier does not count in full."""
    run = run_in(root, "running")
    monkeypatch.setattr(training_time, "_tried", lambda config, domain: config.lr)
    data, other = run.data(), run.config.model_copy(update={"hidden": (8,), "lr": 0.01})
    steps = other.epochs * -(-len(other.split(data).train) // other.batch_size)
    for taken, ratio in ((0.5, 1.0), (2.0, 2.0), (9.0, training_time.SLOWEST)):
        run.set_status(step=100, steps=200, seconds=100 * taken * run.config.lr)
        assert training_time.seconds(other, data) == pytest.approx(ratio * 0.01 * steps)
    assert " or more in all" not in training_time.sentence(other, data)


def test_a_trial_counts_neither_waiting_nor_the_first_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A step waits while another thread imports modules; the first ones allocate memory."""
    monkeypatch.setattr(training_time, "TRIAL_SECONDS", 1.0)
    loss, calls = VAE.loss, iter(range(1000))

    def slow(*given: Any) -> Loss:
        time.sleep(0.05)
        until = time.thread_time() + 0.05 * (next(calls) < 2)
        while time.thread_time() < until:
            pass
        return loss(*given)

    monkeypatch.setattr(VAE, "loss", slow)
    settings = model_settings(RunConfig.of(hidden=(16,)))
    assert training_time._trial.__wrapped__(settings, Domain((1, 8, 8), 17, 10)) < 0.03


def test_a_press_on_train_covers_the_old_run_until_the_new_one_is_drawn(
    root: Path, open_page: OpenPage
) -> None:
    """The notice is sent as the first element and cleared as the last one."""
    run_in(root, "finished")
    sent: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        html = DeltaGenerator.html
        at = open_page("train.py")
        patch.setattr(
            DeltaGenerator,
            "html",
            lambda self, body, **rest: (sent.append(str(body)), html(self, body, **rest))[1],
        )
        at.button(key="train").click().run()
    new = listing(root)[0].name
    notices = [text for text in sent if 'class="vae-starting"' in text]
    assert "Starting a new run" in notices[0]
    assert f"Starting {new} …" in notices[1]
    assert not [e for e in at.get("html") if 'class="vae-starting"' in e.proto.body]


def test_the_message_of_a_failed_run_is_shown(root: Path, open_page: OpenPage) -> None:
    run = run_in(root, "failed")
    at = open_page("train.py")
    assert run.status().message in [e.value for e in at.error]


def _array(sent: Any) -> list[float]:
    """Return numbers of Plotly's JSON: a list, or base64 of their bytes."""
    import base64

    if isinstance(sent, dict):
        return list(np.frombuffer(base64.b64decode(sent["bdata"]), np.dtype(sent["dtype"])))
    return list(sent)


@pytest.mark.parametrize("page", ["train.py", "latent.py", "reconstructions.py", "samples.py"])
def test_numbers_that_are_no_log_likelihoods_have_a_caveat(
    page: str, root: Path, open_page: OpenPage
) -> None:
    """Grey values under Bernoulli have the caveat, other data have none."""
    for settings, warned in (({}, True), ({"binarize": "threshold"}, False)):
        run = trained(root, f"run-{warned}", epochs=1, **settings)
        at = open_page(page, run=run.name)
        said = [m for m in at.markdown if m.help and "not a log-likelihood" in m.help]
        assert len(said) == warned


def test_the_curves_mark_the_epoch_of_the_header(root: Path) -> None:
    run = trained(root, "one", epochs=3)
    run.set_status(best_epoch=99.0)  # a running worker is ahead of the weights on disk
    best = best_report(run)
    assert best is not None
    assert cache.curves(run).best_epoch == best["epoch"]
    assert f"at epoch {best['epoch']:g}" in facts(run, run.status())
    picture = "![](http://evil.example/a.png)"
    assert picture not in facts(run, run.status()._replace(device=picture))


@pytest.mark.parametrize("count", [0, 1, 2, 7, 12, 16])
def test_the_first_pictures_are_spread_over_all_classes(count: int) -> None:
    """Examples are sorted by class, and a narrow window shows the first ones only."""
    order = view._spread(count)
    assert sorted(order) == list(range(count))
    for shown in range(2, count + 1):
        gaps = np.diff([0, *sorted(order[:shown]), count])
        assert gaps.max() <= 4 * count / shown


def test_pictures_have_whole_pixels_and_their_room(root: Path, open_page: OpenPage) -> None:
    """A tile of digits, 8 pixels, is ten times as large in a room of 84; a column has two."""
    trained(root, "pictures", epochs=1)
    at = open_page("train.py")
    lines = [e.proto.body for e in at.get("html") if 'class="vae-line"' in e.proto.body]
    assert [line.count('width="80" height="161"') for line in lines] == [12, 6]
    assert all('style="height:163px"' in line for line in lines)
