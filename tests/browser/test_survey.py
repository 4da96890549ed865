"""Every page in every state of a run, at every size, and in dark: no text is cut, no word is
broken, no text lies over another, and nothing covers a control or a picture (`fit.js`).

    python -m pytest -m long -n0 tests/browser/test_survey.py [-k "latent and wide"]

The first row of sizes is a laptop; then a projector, the same at 125 %, and a phone.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.browser.conftest import ROOT, App, Server, Tab, trained
from tests.browser.screen import until
from tests.browser.test_access import FIT, GROUND, _rgb, _steady
from tests.pages.test_learn import lesson
from tests.pages.test_recorded import record
from vae.base.records import SLOWER
from vae.commands import main
from vae.config import RunConfig
from vae.dashboard.compare.view import VIEWS
from vae.dashboard.learn.lessons import LESSONS
from vae.data import load
from vae.figures.palette import COLOURS
from vae.runs import Run, identity

pytestmark = pytest.mark.long

SIZES = ((1440, 900), (1280, 720), (1024, 576), (390, 844))
SCHEMES = ("light", "dark")
SMALL = ("--hidden", "16", "--batch-size", "200", "--epochs", "2")
MODELS = {  # name of a finished run → settings
    "wide": ("--data", "digits", "--latent-dim", "128"),
    "factors": ("--data", "shapes", "--examples", "600", "--latent-dim", "5"),
    "pictures": ("--data", "moon-phases", "--examples", "300", "--latent-dim", "2"),
    "vectors": ("--data", "mixture", "--latent-dim", "2", "--likelihood", "gaussian"),
    "a-run-with-a-long-name-of-more-than-fifty-letters": (
        *("--data", "digits", "--latent-dim", "12", "--posterior", "flow", "--prior", "mixture"),
        *("--objective", "iwae", "--binarize", "threshold"),
    ),
    "plain": ("--data", "digits", "--posterior", "point", "--objective", "reconstruction"),
    "classes": ("--data", "digits", "--condition", "labels", "--latent-dim", "3"),
}
STATES = {  # of a copy of the included run → what its status says
    "running": {"epoch": 41.5, "step": 2600, "steps": 3780, "seconds": 9.0, "best_epoch": 40.0},
    "paused": {},
    "stopped": {},
    "interrupted": {},
}
ALONE = ("queued", "starting", "failed", "damaged")  # states before the first report
RUNS = ["clothes", *MODELS, *STATES, *ALONE, "recorded"]
OF_RUNS = ("", "latent", "traversals", "reconstructions", "samples", "replay", "evaluate")
VIEWS_OF = {  # page → views beside its first one
    "latent": [
        "background=density&rows=3-90&pins=0.5_-1~1_1",
        "background=decoded",
        "projection=pca-3d",
        "stage=on",
    ],
    "traversals": ["view=Interpolation", "view=Arithmetic"],
    "reconstructions": ["view=Custom+example", "view=Corruption"],
    "samples": ["beside=Another+run", "stage=on"],
    "": ["stage=on", "tour=8"],
}
DRAWN = """() => [...document.querySelectorAll('.vae-plot-chart')]
    .every((chart) => !chart.checkVisibility() || chart.querySelector('.main-svg, canvas'))"""
TICKED = "runs=clothes~wide~classes~recorded"


def state_of(root: Path, name: str) -> None:
    """Create a run in this state."""
    living = {"heartbeat": time.time(), **identity()}
    if name in STATES:
        run = Run(shutil.copytree(root / "clothes", root / name))
        state = "running" if name == "interrupted" else name
        given = living if name == "running" else {"process_started": 1.0}
        run.set_status(state=state, **STATES[name], **given)
        return
    run = Run.create(root, RunConfig.of(), load("digits"), name)
    if name == "starting":
        run.set_status(state="starting", steps=690, epochs=30, **living)
    elif name == "failed":
        words = f"Training diverged: the KL is not finite at step 2. {SLOWER}"
        run.set_status(state="failed", message=words, step=2, steps=690, epochs=30)
    elif name == "damaged":
        (run.path / "config.json").write_text("{")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("survey"))


def fill(root: Path) -> Path:
    """Create a run of every kind and in every state."""
    shutil.copytree(ROOT / "checkpoints" / "clothes-first-look", root / "clothes")
    for name, settings in MODELS.items():
        trained(root, name, *settings, *SMALL)
    main(["evaluate", "classes", "--root", str(root), "--full"])
    main(["evaluate", "clothes", "--root", str(root), "--samples", "5"])
    record(root, "recorded")
    for name in (*STATES, *ALONE):
        state_of(root, name)
    return root


@pytest.fixture(scope="module")
def server(app: App, runs: Path) -> Iterator[Server]:
    return app(runs)


def survey(tab: Tab, url: str) -> list[str]:
    """Findings on a page at each size in each scheme."""
    tab.visit(url)
    until(lambda: _steady(tab.page), why="controls that stay")
    until(lambda: tab.page.evaluate(DRAWN), why="charts")
    wrong = []
    for theme, scheme in enumerate(SCHEMES):
        tab.page.emulate_media(color_scheme=scheme)
        ground = _rgb(COLOURS["background"][theme])
        until(lambda ground=ground: tab.page.evaluate(GROUND) == ground, why=scheme)
        for width, height in SIZES[: 1 if theme else None]:  # colours do not move texts
            tab.page.set_viewport_size({"width": width, "height": height})
            found = settled(partial(tab.page.evaluate, FIT))
            wrong += [f"{width}×{height} {scheme}: {line}" for line in found]
    return wrong


def settled(read: Callable[[], list[str]], tries: int = 10) -> list[str]:
    """Return the findings: none, if there are none twice in a row while the page comes to rest."""
    clean = 0
    found: list[str] = []
    for _ in range(tries):
        time.sleep(0.3)
        found = read()
        clean = 0 if found else clean + 1
        if clean == 2:
            break
    return found


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("page", OF_RUNS)
def test_a_page_of_a_run_fits(page: str, run: str, server: Server, module_tab: Tab) -> None:
    module_tab.reset()
    assert not survey(module_tab, f"{server.url}/{page}?run={run}")


@pytest.mark.parametrize("view", [f"{page}?{q}" for page, all_ in VIEWS_OF.items() for q in all_])
@pytest.mark.parametrize("run", ["clothes", "classes"])
def test_a_view_of_a_run_fits(view: str, run: str, server: Server, module_tab: Tab) -> None:
    module_tab.reset()
    assert not survey(module_tab, f"{server.url}/{view}&run={run}")


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_of_compare_fits(view: str, server: Server, module_tab: Tab) -> None:
    module_tab.reset()
    assert not survey(module_tab, f"{server.url}/compare?{TICKED}&view={view}")


@pytest.mark.parametrize("data", ["fashion-mnist-10k", "mixture", "shapes", "moon-phases"])
def test_the_data_page_fits(data: str, server: Server, module_tab: Tab) -> None:
    module_tab.reset()
    assert not survey(module_tab, f"{server.url}/data?data={data}")


@pytest.mark.parametrize("name", LESSONS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_lesson_fits(name: str, language: str, server: Server, module_tab: Tab) -> None:
    """Its first and its last step."""
    module_tab.reset()
    last = len(lesson(name).steps)
    assert not [
        f"step {step}: {line}"
        for step in (1, last)
        for line in survey(module_tab, f"{server.url}/{name}?lang={language}&step={step}")
    ]


@pytest.mark.parametrize("page", [*OF_RUNS, "compare", "sweep", "data"])
def test_a_page_without_runs_fits(
    page: str, app: App, runs: Path, tmp_path: Path, module_tab: Tab
) -> None:
    module_tab.reset()
    server = app(tmp_path)
    try:
        assert not survey(module_tab, f"{server.url}/{page}")
    finally:
        app(runs)


def test_a_sweep_fits(server: Server, runs: Path, module_tab: Tab) -> None:
    """A form, a sweep with finished and failed runs, and the verdict on its finished ones."""
    module_tab.reset()
    over = ("--over", "beta=0.5,1,4", "--seeds", "2", "--name", "sweep-of-beta")
    before = set(runs.glob("*/config.json"))
    main(["sweep", "--root", str(runs), "--data", "digits", *SMALL, *over])
    first, *others = sorted(set(runs.glob("*/config.json")) - before)
    Run(first.parent).set_status(state="failed", message="The disk is full: free some space.")
    wrong = survey(module_tab, f"{server.url}/sweep?sweep=")
    wrong += survey(module_tab, f"{server.url}/sweep?sweep=sweep-of-beta")
    ticked = "~".join(path.parent.name for path in others)
    wrong += survey(module_tab, f"{server.url}/compare?runs={ticked}&view=Verdict")
    assert not wrong
