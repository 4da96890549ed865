"""Fixtures of all tests: one thread, small learnable data, small models, short runs.

toy(n, shape) → Dataset; small(**settings) → RunConfig; tiny(shape, **settings) → VAE;
events(config, data) → every record of a training run; reports(events, split) → its Reports.
"""

import gc
import math
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from threadpoolctl import threadpool_limits

from vae.base.deferred import defer_compiler
from vae.base.records import Domain, Report
from vae.config import RunConfig
from vae.data import Dataset
from vae.model import VAE, build
from vae.training.trainer import Event, train

defer_compiler()  # as every process of the app does
TESTS = Path(__file__).parent
# The longest files first, so that no process works alone at the end.
LONGEST = (
    *("browser", "knobs", "worker", "commands", "pages", "test_contributing.py"),
    *("test_every_choice.py", "evaluation", "training", "script", "test_rows.py"),
)
# Folders of tests that need neither a browser nor a trained model: `pytest -m quick`.
QUICK = (
    "base",
    "components",
    "config",
    "data",
    "experiments",
    "figures",
    "imaging",
    "recorder",
    "runs",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each process whole files in the order of collection: a file trains its run once.

    The first process gets the files of the browser: a second server and a second Chromium would
    cost as much as forty tests.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _assign_work_unit(self, node: Any) -> None:
            is_first = node is next(iter(self.assigned_work))
            suited = (s for s in self.workqueue if s.startswith("tests/browser/") == is_first)
            self.workqueue.move_to_end(next(suited, next(iter(self.workqueue))), last=False)
            super()._assign_work_unit(node)

    config.option.loadscopereorder = False
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the quick tests, and put the longest files first."""
    order = {name: k for k, name in enumerate(LONGEST)}
    items.sort(
        key=lambda item: (order.get(_room(item), len(order)), item.path.name != "test_journey.py")
    )  # the journey begins with the first request of its server
    for item in items:
        if _room(item) in QUICK and not item.get_closest_marker("long"):
            item.add_marker("quick")


def pytest_collection_finish() -> None:
    """Exempt the libraries from garbage collection, which else takes a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _room(item: pytest.Item) -> str:
    """The first part of the path below tests/: a folder or a file."""
    return item.path.relative_to(TESTS).parts[0]


ENDS: dict[str, float] = {}  # process of tests → time of its last report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note when each process of tests was last at work."""
    if worker := getattr(report, "worker_id", ""):
        ENDS[worker] = time.monotonic()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print how long the first process to end waited for the last, and the gestures that a browser
    test had to repeat: each is a bug of page or test."""
    if len(ENDS) > 1:
        idle = max(ENDS.values()) - min(ENDS.values())
        terminalreporter.write_line(f"One process of tests was idle for the last {idle:.0f} s.")
    reports = [r for some in terminalreporter.stats.values() for r in some]
    ends = [r for r in reports if getattr(r, "when", None) == "teardown"]
    found = [(r.nodeid, why) for r in ends for key, why in r.user_properties if key == "repeat"]
    if found:
        terminalreporter.section("gestures that had to be repeated")
        terminalreporter.write_line("\n".join(f"{test}: {why}" for test, why in found))


WIDTHS: dict[str, dict[str, Any]] = {
    "mlp": {"hidden": (16,)},
    "conv": {"channels": (4, 6)},
    "linear": {},
    "resnet": {"channels": (4, 6)},
    "conv1d": {"channels": (4, 6)},
}


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread() -> Iterator[None]:
    """Run linear algebra on one thread: several take ten times as long for small matrices."""
    import scipy.linalg  # noqa: F401  # loads a BLAS of its own

    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Run torch on one thread and restore the random generators, so that the order of tests has no
    effect."""
    torch.set_num_threads(1)
    torch.manual_seed(0)


def _toy(
    n: int = 60, shape: tuple[int, ...] = (1, 4, 4), seed: int = 0, bytes_: bool = True
) -> Dataset:
    """Return examples in [0, 1] generated from two hidden numbers, in three classes."""
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal((n, 2))
    mixing = np.random.default_rng(99).standard_normal((2, math.prod(shape)))
    values = 1 / (1 + np.exp(-2 * hidden @ mixing))
    grey = np.rint(values * 255).astype(np.uint8) if bytes_ else values.astype(np.float32)
    return Dataset(
        name="toy",
        x=grey.reshape(n, *shape),
        scale=255.0 if bytes_ else 1.0,
        labels=np.digitize(hidden[:, 0], [-0.5, 0.5]).astype(np.int64),
        classes=("low", "middle", "high"),
    )


def _small(**settings: Any) -> RunConfig:
    """Return a configuration of few weights and steps, changed by `settings`."""
    widths = WIDTHS[settings.get("network", "mlp")]
    short = {"epochs": 3, "batch_size": 16, "frames": 0, "threads": 1, "device": "cpu"}
    return RunConfig.of(**(short | widths | settings))


def _tiny(shape: tuple[int, ...] = (1, 4, 4), levels: int = 2, **settings: Any) -> VAE:
    """Return a model of few weights, for examples of three classes and a number of grey levels."""
    return build(_small(**settings), Domain(shape, levels, 3))


def _events(config: RunConfig, data: Dataset, **more: Any) -> list[Event]:
    return list(train(config, data, **more))


def _reports(events: Iterable[Event], split: str = "train") -> list[Report]:
    return [e for e in events if isinstance(e, Report) and e.split == split]


@pytest.fixture
def toy() -> Callable[..., Dataset]:
    return _toy


@pytest.fixture
def small() -> Callable[..., RunConfig]:
    return _small


@pytest.fixture
def tiny() -> Callable[..., VAE]:
    return _tiny


@pytest.fixture
def events() -> Callable[..., list[Event]]:
    return _events


@pytest.fixture
def reports() -> Callable[..., list[Report]]:
    return _reports


@pytest.fixture
def checked_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Plotly refuse a property that it does not know; in the app its check takes too long."""
    create = go.Figure.__init__

    def create_checked(self: go.Figure, *args: Any, _validate: bool = True, **more: Any) -> None:
        create(self, *args, **more)

    monkeypatch.setattr(go.Figure, "__init__", create_checked)
