"""The Evaluate page in a real browser: the job behind the button, its progress, its end, and the
library's values, in light and dark, before and after a reload."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator

from tests.browser.conftest import App, OpenPage, Server, Tab, trained
from tests.browser.screen import equals, perform, until
from tests.browser.test_data import photographs
from vae.base.numbers import with_error
from vae.base.records import Evaluation
from vae.commands import main
from vae.dashboard.evaluate.text import three_decimals
from vae.runs import Run
from vae.runs.evaluations import saved_evaluations

LINE, FIGURES = ".st-key-evaluate_line", ".st-key-evaluation"
TRAIN = ("--data", "digits", "--binarize", "threshold", "--hidden", "32", "--latent-dim", "3")
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
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def server(app: App, folder: Path) -> Server:
    return app(folder)


def _open(server: Server, open_page: OpenPage, run: Run, scheme: str = "light") -> Tab:
    tab = open_page(f"{server.url}/evaluate?run={run.name}", scheme=scheme)
    tab.page.wait_for_selector(".st-key-evaluate_samples input")
    tab.settle()
    return tab


def _fill(tab: Tab, key: str, value: str) -> None:
    field = tab.page.locator(f".st-key-{key} input")
    field.fill(value)
    field.press("Enter")
    tab.settle()


def _button(tab: Tab, name: str) -> Locator:
    return tab.page.get_by_role("button", name=name, exact=True)


def _press(tab: Tab, name: str, seen: Callable[[], object]) -> None:
    """Press a button until its effect is visible; the button can have another label afterwards."""
    button = _button(tab, name)

    def act() -> None:
        if button.count() and button.is_enabled(timeout=1000):
            button.click(timeout=5000)

    perform(act, seen)


def _line(tab: Tab) -> str:
    return tab.page.locator(LINE).inner_text()


def _figures(tab: Tab) -> dict[str, list[str]]:
    """Return title → value and the text below it."""
    texts = tab.page.locator(f"{FIGURES} [data-testid=stMetric]").all_inner_texts()
    parts = [[part for part in text.split("\n") if part.strip()] for text in texts]
    return {title: rest for title, *rest in parts}


def _expected(record: Evaluation) -> dict[str, list[str]]:
    """Return the expected text for a record."""
    found = {}
    for title, name, more in (
        ("ELBO", "elbo", ""),
        ("Reconstruction", "reconstruction", ""),
        ("KL", "kl", ""),
        ("−ln p(x)", "nll", ", K = 100"),
        ("I(x; z)", "mutual_information", ""),
        ("KL(q(z) ‖ p(z))", "aggregate_kl", ""),
    ):
        if getattr(record, name) is None:
            found[title] = ["not defined"]
            continue
        value, se = with_error(getattr(record, name), getattr(record, f"{name}_se"))
        found[title] = [value, f"± {se} nats{more}"]
    low, high = record.active_units_interval or (0, 0)
    latents = len(record.kl_per_dimension or ())
    ends = f"{low} to {high} latents"
    found["Active units"] = [f"{record.active_units} of {latents}", ends]
    assert record.probes is not None
    for title, name in (("Linear probe", "linear"), ("k-NN probe", "knn"), ("Chance", "chance")):
        share = {key: f"{100 * value:.1f} %" for key, value in record.probes[name].items()}
        found[title] = [share["value"], f"{share['low']} to {share['high']}"]
    return found


def _rows(record: Evaluation) -> list[str]:
    """Return the expected table of the samples."""
    assert record.fidelity is not None
    return [
        text
        for row in record.fidelity.values()
        for text in (
            three_decimals(row["value"]),
            f"{three_decimals(row['low'])} to {three_decimals(row['high'])}",
            three_decimals(row["reference"]),
        )
    ]


def _shows(tab: Tab, record: Evaluation) -> None:
    """Wait until the screen shows this evaluation."""
    expected = _expected(record)
    equals(
        lambda: {title: shown for title, shown in _figures(tab).items() if title in expected},
        expected,
    )


def test_an_evaluation_is_computed_displayed_and_deleted(
    server: Server, open_page: OpenPage, folder: Path
) -> None:
    run = trained(folder, "one", *TRAIN, "--epochs", "3")
    train = ["--split", "train", "--samples", "100", "--full"]
    assert main(["evaluate", "one", "--root", str(folder), *train]) == 0
    tab = _open(server, open_page, run)
    _fill(tab, "evaluate_samples", "100")
    _press(tab, "Evaluate", lambda: "K = 100" in _line(tab))
    until(lambda: len(saved_evaluations(run)) == 2)
    found = {k.request.split: k.record for k in saved_evaluations(run)}
    _shows(tab, found["test"])
    until(lambda: _button(tab, "Evaluated").is_disabled())
    _bars(tab, found["test"])
    tab.page.reload()
    tab.page.emulate_media(color_scheme="dark")
    _shows(tab, found["test"])
    _bars(tab, found["test"])
    _show_and_delete(tab, run, found["train"])
    assert not tab.problems


def _bars(tab: Tab, record: Evaluation) -> None:
    """Wait until the bars of the bound have the lengths of a record."""
    error, kl = record.reconstruction, record.kl
    wanted = [(0, error), (error, error + kl), (0, error + kl), (0, record.nll)]
    same = [pytest.approx(ends, abs=0.15) for ends in wanted]
    equals(lambda: tab.page.evaluate(BARS), same)


def _show_and_delete(tab: Tab, run: Run, record: Evaluation) -> None:
    """Select the row of the train split, and delete it."""
    place = next(i for i, k in enumerate(saved_evaluations(run)) if k.request.split == "train")
    grid = tab.page.locator("[data-testid=stDataFrame]")
    grid.scroll_into_view_if_needed()
    box = grid.bounding_box()
    assert box is not None
    tab.page.mouse.click(box["x"] + 18, box["y"] + 35 * (place + 1.5))
    head = tab.page.locator("[data-testid=stMarkdownContainer]", has_text="train examples")
    until(head.count)
    _shows(tab, record)
    _press(tab, "Delete", lambda: len(saved_evaluations(run)) == 1)
    assert saved_evaluations(run)[0].request.split == "test"
    until(lambda: head.count() == 0)


def _table(path: Path, columns: int) -> Path:
    """Return two classes in correlated columns."""
    rng = np.random.default_rng(0)
    cause = rng.normal(size=(1000, 1))
    x = cause * np.arange(1, columns + 1) + 0.3 * rng.normal(size=(1000, columns))
    lines = [",".join("abcde"[:columns]) + ",label"]
    lines += [
        ",".join(f"{v:.3f}" for v in row) + f",{['no', 'yes'][int(c > 0)]}"
        for row, (c,) in zip(x, cause, strict=True)
    ]
    path.write_text("\n".join(lines))
    return path


GAUSSIAN = ("--likelihood", "gaussian-learned")
OWN: dict[str, tuple[Callable[[Path], str], tuple[str, ...]]] = {
    "moon-phases": (lambda path: "moon-phases", ("--examples", "1000")),
    "shapes": (lambda path: "shapes", ("--examples", "1000", "--binarize", "threshold")),
    "photographs": (lambda path: str(photographs(path / "photos.zip", 1000)), GAUSSIAN),
    "two-columns": (lambda path: str(_table(path / "two.csv", 2)), GAUSSIAN),
    "five-columns": (lambda path: str(_table(path / "five.csv", 5)), GAUSSIAN),
}


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "scheme"), [(name, ("light", "dark")[i % 2]) for i, name in enumerate(OWN)]
)
def test_evaluations_of_other_data_are_displayed(
    name: str, scheme: str, server: Server, open_page: OpenPage, folder: Path, tmp_path: Path
) -> None:
    """The command evaluates, and the page shows every value with its unit, interval and help."""
    make, settings = OWN[name]
    small = ["--epochs", "2", "--hidden", "32", "--latent-dim", "3"]
    data = ("--data", make(tmp_path), *settings)
    run = trained(folder, f"{name}-{tmp_path.name}", *data, *small)
    asked = ["evaluate", run.name, "--root", str(folder), "--samples", "100", "--full"]
    assert main(asked) == 0
    (result,) = saved_evaluations(run)
    record, tab = result.record, _open(server, open_page, run, scheme)
    _shows(tab, record)
    page = tab.page
    rows = page.locator(".st-key-evaluate_fidelity [data-testid=stMarkdown]")
    heads = ["value", "95 % interval", "real examples"]
    titles = ["Precision", "Recall", "Density", "Coverage", "Squared Fréchet"]
    equals(
        lambda: [text.strip() for text in rows.all_inner_texts() if text],
        _lined(heads, titles, _rows(record)),
    )
    for key, table in (("probes", record.probes), ("disentanglement", record.disentanglement)):
        texts = page.locator(f".st-key-evaluate_{key} .annotation-text")
        read = partial(_read, percent=key == "probes")
        wanted = [read(row) for score, row in (table or {}).items() if score != "chance"]
        equals(texts.all_text_contents, wanted)
    assert (record.disentanglement is None) == (name not in ("shapes", "moon-phases"))
    metrics = page.locator(f"{FIGURES} [data-testid=stMetric]")
    helps = metrics.locator("[data-testid=stTooltipIcon]").count()
    assert helps == metrics.count() > 10
    errors = page.locator(".st-key-evaluate_kl .yerror")
    until(lambda: errors.count() == 3)
    width = "document.querySelector('[data-testid=stMain]')"
    assert page.evaluate(f"{width}.scrollWidth <= {width}.clientWidth")
    assert not tab.problems


def _lined(heads: list[str], titles: list[str], cells: list[str]) -> list[str]:
    """Return a table as text, row by row."""
    lines = [[title, *cells[3 * i : 3 * i + 3]] for i, title in enumerate(titles)]
    return [*heads, *(text for line in lines for text in line)]


def _read(row: dict[str, float], percent: bool) -> str:
    """Return the text beside a score."""
    if "low" in row and percent:
        return f"{100 * row['low']:.1f} % to {100 * row['high']:.1f} %"
    if "low" in row:
        return f"{row['low']:.3f} to {row['high']:.3f}"
    value, se = with_error(row["value"], row["se"])
    return f"{value} ± {se}" if se else value
