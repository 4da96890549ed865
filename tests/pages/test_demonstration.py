"""Training runs of the lessons: runs side by side equal runs alone."""

import time

import pytest

from vae.base.records import Report
from vae.config import RunConfig
from vae.dashboard.learn import demonstration
from vae.training import train

COMMON = {"data": "digits", "examples": 120, "epochs": 8, "hidden": (16,), "frames": 2}


def test_runs_side_by_side_equal_runs_alone() -> None:
    configs = [RunConfig.of(**COMMON, seed=seed) for seed in (1, 2, 3)]
    courses = [demonstration.course(config) for config in configs]
    while demonstration.is_at_work(courses):
        time.sleep(0.02)
        courses = [demonstration.course(config) for config in configs]
    for config, course in zip(configs, courses, strict=True):
        alone = [e for e in train(config, config.load_data()) if isinstance(e, Report)]
        assert [r.elbo for r in course.reports] == [r.elbo for r in alone]
        assert course.share == 1


def test_a_diverging_run_reports_the_number() -> None:
    config = RunConfig.of(
        **COMMON | {"likelihood": "gaussian", "epochs": 60}, lr=10.0, sigma=0.001
    )
    course = demonstration.course(config)
    while not course.is_done:
        time.sleep(0.02)
        course = demonstration.course(config)
    assert "not finite" in course.problem


@pytest.fixture(autouse=True)
def no_old_demonstrations() -> None:
    demonstration._demonstration.clear()
