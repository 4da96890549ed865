"""A report is self-contained, shows the files of the runs, and executes no content of a run."""

import base64
import hashlib
import json
import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pages.conftest import trained
from vae.analysis.loaded_run import LoadedRun
from vae.base.numbers import number, with_error
from vae.base.statistics import verdict
from vae.config import RunConfig
from vae.data import load
from vae.evaluation.measures import STATISTICS
from vae.report import report
from vae.report.comparison_section import sentence
from vae.runs import Run, notes
from vae.runs.evaluations import EvaluationRequest, save
from vae.script import script
from vae.worker.evaluate import evaluation_of, load_run

SHIPPED = Path(__file__).parents[2] / "checkpoints" / "digits-first-look"
EVIL = '<script>document.title="owned"</script><img src=x onerror=alert(1)>'


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few small runs."""
    folder = tmp_path_factory.mktemp("runs")
    given: dict[str, Any] = {"examples": 300, "frames": 0}
    trained(folder, "small", **given)
    trained(folder, "wide", **given, latent_dim=5, beta=2.0)
    trained(folder, "points", data="mixture", likelihood="gaussian-learned", frames=0)
    free = {"posterior": "point", "objective": "reconstruction"}
    trained(folder, "plain", **given, **free, latent_dim=3)
    shutil.copytree(SHIPPED, folder / "shipped")
    return folder


@pytest.fixture(scope="module")
def full_report(root: Path) -> str:
    """Return a report of all runs."""
    return report([Run(root / name) for name in ("small", "wide", "points", "plain", "shipped")])


def seeded(root: Path, stem: str, values: list[float], **settings: Any) -> list[Run]:
    """Return finished runs of seeds 0, 1, … with these validation −ELBOs, 1 nat of each the KL."""
    found = []
    data = load("digits")
    for seed, value in enumerate(values):
        run = Run.create(root, RunConfig.of(seed=seed, **settings), data, f"{stem}{seed}")
        terms = {"reconstruction": value - 1, "kl": 1.0, "elbo": -value}
        line = {"step": 10, "epoch": 1.0, "split": "val", **terms, "seconds": 1.0}
        (run.path / "metrics.jsonl").write_text(json.dumps(line) + "\n")
        run.set_status(state="finished", epoch=1.0)
        found.append(run)
    return found


def words(html: str) -> str:
    """Return the visible text of the report."""
    body = html.split("<main>")[1].split("</main>")[0]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


def charts(html: str) -> list[Any]:
    found = re.search(r'id="charts">(.*?)</script>', html, re.S)
    assert found is not None
    return list(json.loads(found[1]))


def numbers(values: Any) -> np.ndarray:
    """Return an array of a figure's JSON."""
    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"])
    return np.array(values)


def test_a_report_is_one_file_without_requests(full_report: str) -> None:
    shell = re.sub(r"<script.*?</script>", "", full_report, flags=re.S)
    assert not re.findall(r'(?:src|href)="(?!data:)', shell)
    assert "url(" not in shell
    assert full_report.count("<script") - full_report.count(
        "<script type"
    ) <= 2 + full_report.count("\\u003cscript")
    assert "default-src 'none'" in full_report


def test_only_the_two_scripts_are_allowed(full_report: str) -> None:
    scripts = re.findall(r"<script>(.*?)</script>", full_report, re.S)
    assert len(scripts) == 2
    allowed = re.findall(r"'sha256-(.+?)'", full_report.split("<title>")[0])
    digests = [hashlib.sha256(text.encode()).digest() for text in scripts]
    assert allowed == [base64.b64encode(digest).decode() for digest in digests]


def test_a_report_of_five_runs_is_small(full_report: str) -> None:
    assert 4.7e6 < len(full_report.encode()) < 5.6e6


def test_text_of_people_is_escaped(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "small", tmp_path / "evil")
    run = Run(tmp_path / "evil")
    notes.change(run.path, title=EVIL, tags=("<b>bold</b>",), notes=f"</script>{EVIL}\nnext")
    head = json.loads((run.path / "config.json").read_text())
    head["data"]["name"] = EVIL
    head["packages"]["torch"] = EVIL
    (run.path / "config.json").write_text(json.dumps(head))
    run.set_status(machine=EVIL)
    html = report([run])
    assert len(re.findall(r"<script>", html)) == 2
    assert "<img src=x" not in html
    assert "<b>bold" not in html
    assert words(html).count(EVIL) >= 5
    assert "next" in words(html)


def test_packages_that_are_no_texts_are_left_out(root: Path, tmp_path: Path) -> None:
    run = Run(shutil.copytree(root / "small", tmp_path / "odd"))
    head = json.loads((run.path / "config.json").read_text())
    (run.path / "config.json").write_text(json.dumps(head | {"packages": ["torch"]}))
    run.set_status(machine="Abacus, 2 cores")
    assert "Trained with Abacus, 2 cores." in words(report([run]))
    assert script(run)


def test_values_equal_those_of_the_files(root: Path, full_report: str) -> None:
    said = words(full_report)
    for name in ("small", "wide", "points", "plain", "shipped"):
        run = Run(root / name)
        held = [r for r in run.reports() if r["split"] == "val"]
        key = "reconstruction" if name == "plain" else "elbo"
        best = (min if name == "plain" else max)(report[key] for report in held)
        line = re.search(rf" {name} finished (.*?) finished", f"{said} finished")
        assert line is not None
        assert number(best) in line[1], name
        assert run.header["data"]["fingerprint"] in said
    assert "1,797 1,437 180 180 10" in said
    assert "2,000 1,600 200 200 5" in said


def test_an_evaluation_has_errors_and_units(tmp_path: Path) -> None:
    run = trained(tmp_path, "judged", binarize="threshold", frames=0)
    loaded, weights = load_run(run, "best")
    request = EvaluationRequest("best", "test", samples=5, full=True)
    record = evaluation_of(loaded, request, lambda share: None)
    save(run, request, weights, record)
    said = words(report([run]))
    assert record.elbo is not None
    assert record.nll is not None
    for title, value, se in (
        ("ELBO", record.elbo, record.elbo_se),
        ("−ln p(x), K = 5", record.nll, record.nll_se),
    ):
        told, error = with_error(value, se)
        assert f"{title} {told} ± {error} nats" in said, title
    told, error = with_error(record.mutual_information, record.mutual_information_se)
    assert f"Mutual information I(x; z) {told} ± {error} nats" in said
    assert re.search(r"Active units[^.]* latents", said)
    assert record.fidelity is not None
    for name, row in record.fidelity.items():
        title = STATISTICS[name].full_title or STATISTICS[name].title
        ends = f"{number(row['low'])} to {number(row['high'])}"
        ends += f"; real examples {number(row['reference'])}"
        assert f"Samples: {title} {number(row['value'])} {ends}" in said
    assert "180 test examples," in said


def test_each_measure_comes_from_the_evaluation_that_has_it(tmp_path: Path) -> None:
    """The evaluation with the most samples has precedence, and the row gives its number."""
    run = trained(tmp_path, "twice", binarize="threshold", frames=0)
    loaded, weights = load_run(run, "best")
    for samples, full in ((5, True), (9, False)):
        request = EvaluationRequest("best", "test", samples=samples, full=full)
        save(run, request, weights, evaluation_of(loaded, request, lambda share: None))
    html = words(report([run]))
    assert re.search(r"−ln p\(x\), K = 9 \S+ ± \S+ nats 1 ", html)
    assert re.search(r"Mutual information I\(x; z\) \S+ ± \S+ nats 2 ", html)
    assert "Not requested" not in html


def test_an_evaluation_of_other_weights_is_left_out(root: Path, tmp_path: Path) -> None:
    run = Run(shutil.copytree(root / "shipped", tmp_path / "shipped"))
    assert "Evaluation on test data" in report([run])
    shutil.copy(run.path / "last.safetensors", run.path / "best.safetensors")
    assert "Evaluation on test data" not in report([run])


def test_charts_have_the_numbers_in_light_and_dark(root: Path) -> None:
    run = Run(root / "wide")
    loaded = LoadedRun.of(run)
    encoding = loaded.encode(loaded.rows("test"))
    assert encoding.kl_per_dimension is not None
    curves, plane, latent, kl = charts(report([run]))
    for side in (0, 1):
        bars = numbers(kl[side]["data"][0]["y"])
        np.testing.assert_allclose(bars, encoding.kl_per_dimension.mean(0), rtol=1e-5)
        points = sum(len(numbers(trace["x"])) for trace in latent[side]["data"])
        assert points == len(encoding.index)
        assert "gl" not in {trace["type"][-2:] for trace in latent[side]["data"]}
        held = [r["elbo"] for r in run.reports() if r["split"] == "val"]
        drawn = [numbers(trace["y"]) for trace in curves[side]["data"]]
        assert any(len(y) == len(held) and np.allclose(y, held) for y in drawn)
    assert "var(--" not in json.dumps([curves, plane, latent, kl])
    assert kl[0]["layout"]["font"]["color"] != kl[1]["layout"]["font"]["color"]


def test_differing_settings_are_marked(root: Path) -> None:
    html = report([Run(root / "small"), Run(root / "wide")])
    assert sorted(re.findall(r"<mark>(.*?)</mark>", html)) == ["1", "2", "2", "5"]
    same = html.split("The same in all")[1].split("</table>")[0]
    assert "batch size" in same
    assert "β" not in same


def test_a_verdict_needs_three_seeds_a_side(root: Path) -> None:
    a = seeded(root, "a", [20.0, 21.0, 22.5], beta=1.0)
    b = seeded(root, "b", [25.0, 26.2, 27.4], beta=2.0)
    said = words(report([*a, *b]))
    found = verdict({0: 20.0, 1: 21.0, 2: 22.5}, {0: 25.0, 1: 26.2, 2: 27.4})
    assert found.resolved
    assert f"β 1 (3 seeds) is better than β 2 (3 seeds) by {number(-found.difference)}" in said
    assert "No pictures: The run a0 has saved no weights yet" in said
    b[2].set_status(state="running")
    for few in ([*a, *b[:2]], [*a, *b]):
        said = words(report(few))
        assert "is better than" not in said
        assert "not resolved" not in said


def test_a_verdict_names_the_better_side() -> None:
    low, high = {0: 1.0, 1: 1.1, 2: 1.2}, {0: 3.0, 1: 3.1, 2: 3.25}
    assert sentence("low", "high", verdict(low, high)).startswith("<b>low is better than high")
    assert sentence("high", "low", verdict(high, low)).startswith("<b>low is better than high")
    found = verdict(low, high)
    told = f"interval {number(-found.high)} to {number(-found.low)})"
    assert told in sentence("a", "b", found)
    assert told in sentence("b", "a", verdict(high, low))
    equal = {0: 1.0, 1: 1.1, 2: 0.9}
    assert "not resolved" in sentence("a", "b", verdict(equal, {0: 1.1, 1: 0.9, 2: 1.0}))


def test_pictures_belong_to_the_best_weights(root: Path) -> None:
    from vae.analysis.encoding import decode, prior_sample
    from vae.imaging import tiles

    html = report([Run(root / "small")])
    loaded = LoadedRun.of(Run(root / "small"))
    drawn = decode(loaded.model, prior_sample(loaded.model, 32, 0))
    assert tiles.data_uri(tiles.grid_png(drawn, 8, scale=6)) in html
    rows = loaded.subset("test", 16)
    both = [loaded.inputs(rows), loaded.decode(loaded.encode(rows).mean, rows)]
    assert tiles.data_uri(tiles.png(tiles.strip(both, 8, scale=6))) in html


def test_impossible_reports_are_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 to 60 runs"):
        report([])
    with pytest.raises(ValueError, match="1 to 60 runs, not 61"):
        report([Run(root / "small")] * 61)
    broken = tmp_path / "broken"
    broken.mkdir()
    with pytest.raises(ValueError, match="damaged"):
        report([Run(broken)])
    assert "config.json is missing" in words(report([Run(root / "small"), Run(broken)]))
