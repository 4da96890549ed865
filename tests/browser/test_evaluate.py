"""The Evaluate page in a real browser: the job behind the button, its progress, its end, and
figures that are the library's own, in light and dark, before and after a reload."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Locator

from tests.browser.conftest import ROOT, Launch, OpenPage, Server, Tab
from tests.browser.screen import until
from vae.figures.yardstick import with_error
from vae.opened import Opened
from vae.records import Evaluation
from vae.runs import Run
from vae.worker.evaluating import KIND, kept
from vae.worker.jobs import attempts

LINE, FIGURES = ".st-key-evaluate_line", ".st-key-evaluation"
TRAIN = ("--data", "digits", "--binarize", "threshold", "--hidden", "32", "--latent-dim", "3")
LONG = "20000"  # importance samples that nobody waits for
BARS = """() => {  // where the bars of the bound begin and end, nats as the screen's pixels say
    const chart = document.querySelector('.st-key-evaluate_bound .js-plotly-plot');
    const { xaxis } = chart._fullLayout;
    const zero = chart.getBoundingClientRect().x + xaxis._offset;
    return [...chart.querySelectorAll('.bars .point path')].map(path => {
        const box = path.getBoundingClientRect();
        return [xaxis.p2l(box.left - zero), xaxis.p2l(box.right - zero)];
    });
}"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run."""
    root = tmp_path_factory.mktemp("runs")
    command = [sys.executable, "-m", "vae", "train", *TRAIN, "--device", "cpu"]
    own = ["--root", str(root), "--run", "small", "--epochs", "3"]
    subprocess.run([*command, *own], cwd=ROOT, check=True, capture_output=True)
    return root


@pytest.fixture(scope="module")
def server(launch: Launch, runs: Path) -> Server:
    return launch("app.py", env={"VAE_LAB_ROOT": str(runs)})


def _open(server: Server, open_page: OpenPage, scheme: str = "light") -> Tab:
    tab = open_page(f"{server.url}/evaluate?run=small", scheme=scheme)
    tab.page.wait_for_selector(".st-key-evaluate_samples input")
    tab.settle()
    return tab


def _fill(tab: Tab, key: str, value: str) -> None:
    field = tab.page.locator(f".st-key-{key} input")
    field.fill(value)
    field.press("Enter")
    tab.settle()


def _long(tab: Tab) -> None:
    """Settings that take long."""
    tab.page.click(".st-key-evaluate_split_small .react-aria-ComboBox button")
    tab.page.get_by_role("option", name="all (1,797)", exact=True).click()
    tab.settle()
    _fill(tab, "evaluate_samples", LONG)


def _short(tab: Tab) -> None:
    """The settings of a first visit."""
    tab.page.reload()
    tab.page.wait_for_selector(".st-key-evaluate_samples input")
    tab.settle()


def _button(tab: Tab, name: str) -> Locator:
    return tab.page.get_by_role("button", name=name, exact=True)


def _press(tab: Tab, name: str) -> None:
    until(lambda: _button(tab, name).is_enabled())
    _button(tab, name).click()


def _line(tab: Tab) -> str:
    return tab.page.locator(LINE).inner_text()


def _figures(tab: Tab) -> dict[str, list[str]]:
    """Title → value and what stands below it."""
    texts = tab.page.locator(f"{FIGURES} [data-testid=stMetric]").all_inner_texts()
    parts = [[part for part in text.split("\n") if part.strip()] for text in texts]
    return {title: rest for title, *rest in parts}


def _expected(record: Evaluation) -> dict[str, list[str]]:
    """What the screen has to say of a record."""
    found = {}
    for title, name, more in (
        ("ELBO", "elbo", ""),
        ("−ln p(x)", "nll", ", K = 100"),
        ("I(x; z)", "mutual_information", ""),
        ("KL(q(z) ‖ p(z))", "aggregate_kl", ""),
    ):
        value, se = with_error(getattr(record, name), getattr(record, f"{name}_se"))
        found[title] = [value, f"± {se} nats{more}"]
    assert record.probes is not None
    assert record.kl is not None
    found["KL"] = [with_error(record.kl, None)[0], "nats"]
    found["Reconstruction"] = [with_error(record.reconstruction, None)[0], "nats"]
    for title, name in (("Linear probe", "linear"), ("k-NN probe", "knn"), ("Chance", "chance")):
        share = {key: f"{100 * value:.1f} %" for key, value in record.probes[name].items()}
        found[title] = [share["value"], f"{share['low']} to {share['high']}"]
    return found


def _shows(tab: Tab, record: Evaluation) -> None:
    """Wait for the screen to show this very evaluation."""
    expected = _expected(record)

    def same() -> bool:
        shown = _figures(tab)
        return {title: shown.get(title) for title in expected} == expected

    until(same, why=f"{expected}")


def test_pressed_cancelled_pressed_again_and_kept(
    server: Server, open_page: OpenPage, runs: Path
) -> None:
    tab, run = _open(server, open_page), Run(runs / "small")
    _long(tab)
    _press(tab, "Evaluate")
    until(lambda: "K = 20,000" in _line(tab) and "%" in _line(tab))
    assert _button(tab, "Evaluate").is_disabled()
    tab.page.reload()  # it goes on, and is found again
    until(lambda: "K = 20,000" in _line(tab))
    _press(tab, "Cancel")
    until(lambda: not attempts(run, KIND) or "cancelled" in str(attempts(run, KIND)[0].status()))
    until(lambda: "Means over the examples" in _line(tab))  # the reload forgot the settings
    _long(tab)
    until(lambda: "was cancelled" in _line(tab))
    assert not kept(run)
    _short(tab)
    _press(tab, "Evaluate")
    record = Opened.of(run).evaluate("test", 10, 100, full=True)
    _shows(tab, record)
    until(lambda: _button(tab, "Evaluate").is_disabled())
    tab.page.reload()
    _shows(tab, record)
    dark = _open(server, open_page, "dark")
    _shows(dark, record)
    for seen in (tab, dark):
        bars = until(lambda seen=seen: seen.page.evaluate(BARS))
        error, kl = record.reconstruction, record.kl
        wanted = [(0, error), (error, error + kl), (0, error + kl), (0, record.nll)]
        assert bars == [pytest.approx(ends, abs=0.15) for ends in wanted]
        assert not seen.problems
    assert [k.record for k in kept(run)] == [record]
    assert "Traceback" not in server.log()


def test_a_worker_that_is_killed_is_told_and_it_is_offered_again(
    server: Server, open_page: OpenPage, runs: Path
) -> None:
    tab, run = _open(server, open_page), Run(runs / "small")
    _long(tab)
    _press(tab, "Evaluate")
    until(lambda: "K = 20,000" in _line(tab) and "%" in _line(tab))
    (job,) = [j for j in attempts(run, KIND) if j.status()["state"] == "running"]
    os.kill(job.status()["pid"], signal.SIGKILL)
    until(lambda: "Its process is gone: ask for it again." in _line(tab))
    _press(tab, "Evaluate")
    until(lambda: "%" in _line(tab))
    _press(tab, "Cancel")
    until(lambda: "was cancelled" in _line(tab))
    assert not tab.problems


def test_a_row_of_the_table_is_shown_and_deleted(
    server: Server, open_page: OpenPage, runs: Path
) -> None:
    run = Run(runs / "small")
    command = [sys.executable, "-m", "vae", "evaluate", "small", "--root", str(runs)]
    subprocess.run(
        [*command, "--split", "train", "--samples", "100", "--full"], check=True, cwd=ROOT
    )
    tab = _open(server, open_page)
    place = next(i for i, k in enumerate(kept(run)) if k.wanted.split == "train")
    grid = tab.page.locator("[data-testid=stDataFrame]")

    def pressed() -> bool:
        grid.scroll_into_view_if_needed()
        box = grid.bounding_box()
        assert box is not None
        tab.page.mouse.click(box["x"] + 18, box["y"] + 35 * (place + 1.5))
        tab.page.wait_for_timeout(1000)
        return "train examples" in tab.page.inner_text("body")

    until(pressed)
    _shows(tab, kept(run)[place].record)
    head = tab.page.locator("[data-testid=stMarkdownContainer]", has_text="train examples")
    until(lambda: head.count())
    before = len(kept(run))
    _press(tab, "Delete")
    until(lambda: len(kept(run)) == before - 1)
    assert all(k.wanted.split != "train" for k in kept(run))
    until(lambda: head.count() == 0)
    assert not tab.problems
    assert "Traceback" not in server.log()
