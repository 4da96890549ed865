"""Mixed tables: kinds of the columns with their reasons, entries as numbers, and their names."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vae.base.kinds import KINDS
from vae.config import RunConfig
from vae.data import DataError, Dataset, load, save_upload
from vae.data.column_kinds import unseen_names, values_of

RNG = np.random.default_rng(0)
N = 80
FRAME = pd.DataFrame(
    {
        "height": RNG.normal(170, 8, N).round(1),
        "income": np.exp(RNG.normal(8, 1, N)).round(2),
        "change": RNG.normal(0, 1, N).round(3),
        "visits": RNG.negative_binomial(2, 0.3, N),
        "grade": RNG.integers(1, 5, N) + 10,
        "member": RNG.choice(["yes", "no"], N),
        "flag": RNG.integers(0, 2, N),
        "city": RNG.choice(["Rome", "Oslo", "Lima", "?"], N),
        "class": RNG.choice(["a", "b"], N),
    }
)
GUESSED = {
    "income": "positive",
    "change": "real",
    "visits": "count",
    "grade": "category",
    "member": "binary",
    "flag": "binary",
    "city": "category",
}


def written(folder: Path, frame: pd.DataFrame = FRAME, name: str = "table.csv") -> Path:
    path = folder / name
    frame.to_parquet(path) if name.endswith("parquet") else frame.to_csv(path, index=False)
    return path


def kinds_of(data: Dataset) -> dict[str, str]:
    return dict(zip(data.columns, data.kinds, strict=True))


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_every_column_has_a_kind_with_a_reason_and_reads_the_same_again(
    name: str, tmp_path: Path
) -> None:
    path = written(tmp_path, name=name)
    data = load(str(path))
    assert kinds_of(data).items() >= GUESSED.items()
    assert data.classes == ("a", "b")
    assert data.reading is not None
    (guess,) = (g for g in data.reading.guesses if g.setting == "data_kinds")
    assert "income positive: above 0, less skewed as logarithms" in guess.why
    again = load(str(path), options=data.reading.settings)
    assert (again.kinds, again.entries, again.columns) == (data.kinds, data.entries, data.columns)
    assert np.array_equal(again.x, data.x, equal_nan=True)


def test_entries_come_back_with_their_names(tmp_path: Path) -> None:
    data = load(str(written(tmp_path)))
    back = dict(zip(data.columns, values_of(data.x, data), strict=True))
    assert back["city"].tolist() == FRAME["city"].replace("?", "").tolist()
    assert back["member"].tolist() == FRAME["member"].tolist()
    assert back["grade"].tolist() == FRAME["grade"].astype(str).tolist()
    assert back["visits"].tolist() == FRAME["visits"].tolist()
    assert data.missing, "? is a missing cell"


def test_an_upload_keeps_kinds_and_names(tmp_path: Path) -> None:
    data = load(str(written(tmp_path)))
    stored = save_upload({"table.csv": (tmp_path / "table.csv").read_bytes()}, tmp_path)
    again = load(str(stored))
    assert (again.kinds, again.entries) == (data.kinds, data.entries)
    assert np.array_equal(again.x, data.x, equal_nan=True)


def test_a_table_of_numbers_stays_as_it_was(tmp_path: Path) -> None:
    data = load(str(written(tmp_path, FRAME[["height", "income", "visits", "class"]])))
    assert data.kinds == ()
    RunConfig.of(data=str(tmp_path / "table.csv"), likelihood="gaussian").split(data)


def test_text_that_does_not_repeat_is_left_out(tmp_path: Path) -> None:
    frame = FRAME.assign(note=[f"note {k} of many" for k in range(N - 1)] + ["note 0 of many"])
    data = load(str(written(tmp_path, frame)))
    assert "note" not in data.columns
    assert data.reading is not None
    assert [(one.names, one.why) for one in data.reading.left_out] == [("note", "text")]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("city=count", r"column city has text, such as '\w+', and count needs numbers"),
        ("change=positive", "column change has .*, and positive is above 0"),
        ("change=count", "other numbers than 0, 1, 2"),
        ("city=binary", "3 different entries, and binary has two"),
        ("income=wide", "'income=wide' is none. The kinds are real, positive, count"),
        ("income", "'income' is none"),
        ("incom=real", "no 'incom' for data_kinds: did you mean income"),
    ],
)
def test_an_unsuitable_kind_is_refused(setting: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=words):
        load(str(written(tmp_path)), options={"data_kinds": setting})


def test_names_of_a_test_part_that_no_training_row_has_count_as_missing(tmp_path: Path) -> None:
    frame = FRAME.drop(columns="class")
    written(tmp_path, frame, "x_TRAIN.csv")
    other = frame[:10].assign(city=["Rome", "Paris"] * 5, member="yes")
    written(tmp_path, other, "x_TEST.csv")
    data = load(str(tmp_path / "x_TRAIN.csv"), options={"data_label": "none"})
    assert data.test == 10
    city, member = data.columns.index("city"), data.columns.index("member")
    assert np.isnan(data.x[-10:, city]).tolist() == [False, True] * 5
    assert data.entries[city][int(data.x[-10, city])] == "Rome"
    assert (data.x[-10:, member] == data.entries[member].index("yes")).all()
    assert data.reading is not None
    assert any("count as not observed: Paris" in note for note in data.reading.notes)


def test_another_likelihood_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = str(written(tmp_path))
    data = load(path)
    with pytest.raises(ValueError, match="choose likelihood mixed, or data_kinds none"):
        RunConfig.of(data=path, likelihood="gaussian").split(data)
    domain = RunConfig.of(data=path, likelihood="mixed").domain(data)
    assert domain.kinds == data.kinds
    assert len(KINDS) == 5


def test_a_category_becomes_the_class(tmp_path: Path) -> None:
    data = load(str(written(tmp_path)), options={"data_label": "city"})
    assert "city" not in data.columns
    assert set(data.classes) >= {"Rome", "Oslo"}
    assert data.labels is not None
    city = FRAME["city"].replace("?", "")
    names = ["" if k < 0 else data.classes[k] for k in data.labels]
    assert [a for a, b in zip(names, city, strict=True) if b] == [b for b in city if b]
    assert data.kinds, "the rest is a mixed table"


def test_a_name_that_only_held_out_rows_have_is_a_sentence(tmp_path: Path) -> None:
    data = load(str(written(tmp_path)), options={"data_label": "none"})
    city = data.columns.index("city")
    rome = np.flatnonzero(data.x[:, city] == data.entries[city].index("Rome"))
    rest = np.setdiff1d(np.arange(len(data.x)), rome)
    assert unseen_names(data, np.arange(len(data.x))) == ""
    assert unseen_names(data, rest).startswith("Only in held-out examples: city = Rome. A model")
    assert unseen_names(load("digits"), np.arange(5)) == ""
