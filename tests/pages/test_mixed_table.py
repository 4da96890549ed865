"""A run on a mixed table: values by name on every page and in every file, and nats by column."""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tests.pages.conftest import PAGES, OpenPage, trained
from vae.analysis.column_terms import column_terms
from vae.analysis.imputation import hidden_errors, impute
from vae.analysis.loaded_run import LoadedRun
from vae.base.kinds import KINDS
from vae.commands import main
from vae.report import report
from vae.runs import Run
from vae.runs.manifest import columns_of, problem_of

RNG = np.random.default_rng(0)
N = 200
FRAME = pd.DataFrame(
    {
        "change": RNG.normal(0, 1, N).round(3),
        "income": np.exp(RNG.normal(8, 1, N)).round(2),
        "visits": RNG.negative_binomial(2, 0.3, N),
        "member": RNG.choice(["yes", "no"], N, p=[0.8, 0.2]),
        "city": RNG.choice(["Rome", "Oslo", "Lima"], N, p=[0.2, 0.7, 0.1]),
    }
)
SETTINGS = {"likelihood": "mixed", "data_label": "none", "hide_share": 0.2, "batch_size": 32}
SETTINGS |= {"posterior": "point", "objective": "reconstruction"}


@pytest.fixture(name="table", scope="module")
def _table(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("data") / "table.csv"
    FRAME.to_csv(path, index=False)
    return str(path)


@pytest.fixture(name="run")
def _run(root: Path, table: str) -> Run:
    return trained(root, "a-table", data=table, **SETTINGS)


def test_the_terms_of_the_columns_sum_to_the_reconstruction(run: Run) -> None:
    loaded = LoadedRun.of(run)
    found = column_terms(loaded, loaded.rows("val"))
    encoding = loaded.encode(loaded.rows("val"))
    assert encoding.reconstruction is not None
    assert found.model.sum() == pytest.approx(encoding.reconstruction.mean(), rel=1e-5)
    assert found.gain == pytest.approx(found.constant - found.model)
    train = loaded.rows("train")
    constant = column_terms(loaded, train).constant
    known = loaded.inputs(train)
    real = known[~np.isnan(known[:, 0]), 0]
    entropy = 0.5 * np.log(2 * np.pi * np.e * real.var())
    assert constant[0] == pytest.approx(entropy * len(real) / len(train), rel=1e-4)


def test_missing_names_are_the_most_probable_ones_and_their_error_a_share(run: Run) -> None:
    loaded = LoadedRun.of(run)
    rows = loaded.rows("all")
    found = impute(loaded, rows, 3)
    errors = hidden_errors(loaded, found)
    assert errors is not None
    truth = loaded.data.truth
    assert truth is not None
    for k, kind in enumerate(loaded.data.kinds):
        gone = np.isnan(loaded.data.x[rows, k])
        expected, real = found.expected[gone, k], truth[rows][gone, k]
        if KINDS[kind].named:
            wrong = (np.rint(expected) != real).mean()
            assert errors.model[k] == pytest.approx(wrong)
            assert set(np.rint(expected)) <= set(range(len(loaded.data.entries[k])))
        else:
            assert errors.model[k] == pytest.approx(
                np.sqrt(((expected - real) ** 2).mean()), rel=1e-4
            )
    city = FRAME["city"] == "Oslo"
    assert errors.mean[4] == pytest.approx((~city[np.isnan(loaded.data.x[:, 4])]).mean())
    z = torch.zeros(2, 2)
    x = loaded.model.likelihood(z).sample(torch.Size((50,)))
    assert (x[..., 1] > 0).all()
    assert set(x[..., 4].flatten().tolist()) <= {0.0, 1.0, 2.0}


def test_commands_write_and_print_names(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "filled.csv"
    base = [run.name, "--root", str(run.path.parent)]
    assert main(["impute", *base, "--split", "all", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "all names, wrong" in printed
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["city"] for row in rows} <= {"Rome", "Oslo", "Lima"}
    observed = [row for row in rows if row["city observed"] == "1"]
    assert all(row["city"] == FRAME["city"][int(row["index"])] for row in observed)
    assert main(["evaluate", *base]) == 0
    lines = [x for x in capsys.readouterr().out.splitlines() if "column:" in x]
    assert [line.split()[1] for line in lines] == list(FRAME)
    assert main(["evaluate", *base, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in record["columns"]] == list(FRAME)
    assert [row["kind"] for row in record["columns"]][3:] == ["binary", "category"]
    total = sum(row["nats"] for row in record["columns"])
    assert total == pytest.approx(record["reconstruction"], rel=1e-3)


def test_pages_show_names(run: Run, open_page: OpenPage) -> None:
    at = open_page("reconstructions.py", run=run.name)
    pairs = next(e.value for e in at.dataframe if "kind" in e.value)
    assert list(pairs["column"]) == list(FRAME)
    city = pairs.set_index("column").loc["city"].iloc[1]
    before, after = city.split(" → ")
    assert after in ("Rome", "Oslo", "Lima")
    assert before in ("Rome", "Oslo", "Lima", "–")
    samples = open_page("samples.py", run=run.name).dataframe[0].value
    assert set(samples["member"]) <= {"yes", "no"}
    at = open_page("reconstructions.py", run=run.name, view="Missing values")
    filled = next(e.value for e in at.dataframe if "row" in e.value and "city" in e.value)
    assert set(filled["city"].str.strip("[]")) <= {"Rome", "Oslo", "Lima"}
    at = open_page("evaluate.py", run=run.name)
    assert any("gain" in e.value for e in at.dataframe)


def test_every_page_opens(run: Run, open_page: OpenPage) -> None:
    for page in PAGES:
        open_page(page, run=run.name)


def test_a_custom_row_has_fields_by_name(run: Run, open_page: OpenPage) -> None:
    at = open_page("reconstructions.py", run=run.name, view="Custom example")
    fields = [field.label for field in at.number_input if "reconstruct_value" in field.key]
    assert fields == ["change", "income", "visits"]
    (city,) = (box for box in at.selectbox if box.label == "city")
    assert (list(city.options), city.value) == (["Lima", "Oslo", "Rome"], 1)
    before = [e.value for e in at.get("html")]
    city.select(2).run()
    assert not at.exception
    assert [e.value for e in at.get("html")] != before


def test_the_description_of_a_table_has_no_common_unit(
    table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", table, "--data-label", "none"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert not [line for line in lines if line.startswith(("x  ", "zeros"))]
    (refused,) = (x for x in lines if x.startswith("Not for these data: bernoulli"))
    assert "student-t, negative-binomial" in refused


def test_samples_are_written_with_their_names(root: Path, table: str, tmp_path: Path) -> None:
    settings = SETTINGS | {"posterior": "diagonal", "objective": "elbo", "hide_share": 0.0}
    run = trained(root, "b-table", data=table, **settings)
    base = ["sample", run.name, "--root", str(root), "-n", "9", "--out"]
    assert main([*base, str(tmp_path / "s.csv")]) == 0
    frame = pd.read_csv(tmp_path / "s.csv")
    assert list(frame) == list(FRAME)
    assert set(frame["city"]) <= {"Rome", "Oslo", "Lima"}
    assert main([*base, str(tmp_path / "s.npz")]) == 0
    found = np.load(tmp_path / "s.npz")
    names = found["entries"][list(found["columns"]).index("city")]
    assert [names[k] for k in np.rint(found["x"][:, 4]).astype(int)] == frame["city"].tolist()
    page = report([run])
    assert ">Oslo</td>" in page or "Oslo →" in page


def test_the_train_page_shows_names_without_the_data(run: Run, open_page: OpenPage) -> None:
    about = columns_of(run.header)
    assert about.entries[4] == ("Lima", "Oslo", "Rome")
    tables = [e.value for e in open_page("train.py", run=run.name).dataframe]
    pairs = next(t for t in tables if "kind" in t)
    assert "→" in pairs.set_index("column").loc["city"].iloc[1]
    samples = next(t for t in tables if "sample" in t)
    assert set(samples["city"]) <= {"Rome", "Oslo", "Lima"}


@pytest.mark.parametrize("wrong", [[["a"]], "Oslo", [[], [], [], ["no", "yes"], ["Rome"]], [[1]]])
def test_a_manifest_with_other_names_is_damaged(run: Run, wrong: object) -> None:
    head = json.loads((run.path / "config.json").read_text("utf-8"))
    assert problem_of(head) == ""
    head["data"]["entries"] = wrong
    assert problem_of(head) == "has no valid entries"
