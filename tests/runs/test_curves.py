"""The history of a run: its curves, its requests, and the resulting changes."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from vae.base import files
from vae.base.records import Change, Report
from vae.runs import Run
from vae.runs.curves import curves_of

Make = Callable[..., Run]


def report(step: int, split: str, **more: Any) -> dict[str, Any]:
    """Return a report of a run of 10 steps an epoch."""
    blank = Report(
        step, step / 10, split, 3.0, 1.0, -4.0, 4.0, 1.0, 1e-3, (0.4, 0.6), {}, 1.0, 1.0
    )
    return blank._asdict() | more


def test_curves_have_every_value_under_its_split() -> None:
    reports = [report(0, "val"), report(5, "train", kl=None, elbo=None), report(10, "train")]
    curves = curves_of(reports, [], None).curves
    assert {split for split, _ in curves} == {"train", "val"}
    assert curves["train", "reconstruction"].step.tolist() == [5, 10]
    assert curves["train", "kl"].step.tolist() == [10]
    assert np.allclose(curves["train", "reconstruction"].epoch, [0.5, 1.0])
    assert np.allclose(curves["val", "elbo"].value, [-4.0])


def test_further_terms_have_curves() -> None:
    curves = curves_of([report(1, "train", terms={"sigma": 0.5})], [], None).curves
    assert curves["train", "sigma"].value.tolist() == [0.5]


def test_the_latest_kl_prefers_validation() -> None:
    train = report(10, "train", kl_per_dimension=(1.0, 2.0))
    held = report(10, "val", kl_per_dimension=(3.0, 4.0))
    for reports, right in (([train], [1, 2]), ([held, train], [3, 4]), ([], None)):
        found = curves_of(reports, [], None).kl_per_dimension
        assert (found is None) if right is None else (found.tolist() == right)
    point = report(10, "train", kl_per_dimension=None)
    assert curves_of([point], [], None).kl_per_dimension is None


def test_changes_are_marked_where_they_took_effect() -> None:
    changes = [Change(5, "beta", 4.0), Change(15, "lr", 1e-4)]
    marks = curves_of([report(20, "train")], changes, 1.5).marks
    assert marks == ((0.5, "β = 4"), (1.5, "learning rate = 0.0001"))
    assert curves_of([], changes, None).marks[0] == (0.0, "β = 4")


# Wishes and changes


def test_a_request_is_recorded_once_before_it_takes_effect(make: Make) -> None:
    run = make("one")
    assert run.control(3).changes == ()
    run.want(beta=4)
    assert not (run.path / "changes.jsonl").exists()
    assert run.control(7).changes == (Change(7, "beta", 4.0),)
    assert files.read_lines(run.path / "changes.jsonl") == [
        {"step": 7, "field": "beta", "value": 4.0}
    ]
    for step in (8, 9, 7, 0):
        assert run.control(step).changes == (Change(7, "beta", 4.0),)
    assert len(files.read_lines(run.path / "changes.jsonl")) == 1


def test_every_live_change_is_recorded(make: Make) -> None:
    run = make("one")
    for step, value in ((1, 4.0), (2, 1.0), (3, 1.0), (4, 4.0)):
        run.want(beta=value)
        run.control(step)
    assert run.changes() == [Change(1, "beta", 4), Change(2, "beta", 1), Change(4, "beta", 4)]


def test_an_equal_value_is_no_change(make: Make) -> None:
    run = make("one")
    run.want(beta=1.0, lr=run.settings["lr"], epochs=run.settings["epochs"])
    assert run.control(1).changes == ()


def test_a_change_that_cannot_be_recorded_does_not_take_effect(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make("one")
    run.want(beta=4.0)

    def full(*args: Any, **keywords: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files, "append_line", full)
        with pytest.raises(OSError, match="No space"):
            run.control(5)
    assert run.changes() == []
    assert run.control(6).changes == (Change(6, "beta", 4.0),)


@pytest.mark.parametrize(
    ("knobs", "sentence"),
    [
        ({"beta": -1.0}, "beta must be at least 0, not -1"),
        ({"lr": 1e9}, "lr must be at most 10"),
        ({"lr": 0.0}, "lr must be at least 1e-08"),
        ({"beta": float("nan")}, "beta must be a finite number"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"epochs": 2.5}, "epochs must be a whole number"),
        (
            {"latent_dim": 3},
            "latent_dim cannot change in a run that has started",
        ),
        ({"bta": 3}, "bta cannot change"),
        ({"beta": 2.0, "lr": -1.0}, "lr must be at least"),
    ],
)
def test_a_request_out_of_range_is_refused_completely(
    make: Make, knobs: dict[str, float], sentence: str
) -> None:
    run = make("one")
    before = (run.path / "control.json").read_bytes()
    with pytest.raises(ValueError, match=sentence):
        run.want("pause", **knobs)
    assert (run.path / "control.json").read_bytes() == before
    with pytest.raises(ValueError, match="Unknown request 'dance'; one of run, pause, stop"):
        run.want("dance")


def test_a_setting_that_the_run_lacks_cannot_change(make: Make) -> None:
    run = make("one", objective="reconstruction")
    with pytest.raises(ValueError, match="beta cannot change"):
        run.want(beta=2.0)


def test_requests_of_many_processes_are_combined(make: Make) -> None:
    run = make("one")
    wishes: list[dict[str, float]] = [{"beta": 3.0}, {"lr": 0.5}, {"epochs": 9}]
    threads = [
        threading.Thread(target=lambda w=w: [Run(run.path).want(**w) for _ in range(20)])
        for w in wishes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.want("stop")
    found = run.control(2)
    assert found.wanted == "stop"
    assert {(c.field, c.value) for c in found.changes} == {("beta", 3), ("lr", 0.5), ("epochs", 9)}


@pytest.mark.parametrize("content", ["", "{", '{"wanted": "fly", "knobs": {"beta": "x"}}', "[]"])
def test_invalid_requests_are_ignored(make: Make, content: str) -> None:
    run = make("one")
    (run.path / "control.json").write_text(content)
    assert run.control(1) == ("run", ())
    run.want("stop", beta=2.0)
    assert run.control(1) == ("stop", (Change(1, "beta", 2.0),))
