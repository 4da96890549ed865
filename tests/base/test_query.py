"""Conditions in SQL: they choose the rows that NumPy chooses, read nothing else, and a mistake has
one sentence."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from vae.base.query import QueryError, is_condition, positions

RNG = np.random.default_rng(0)
N = 500
BETA = RNG.choice([0.5, 1.0, 2.0, 4.0, np.nan], N)
DIM = RNG.integers(1, 9, N)
DATA = RNG.choice(["digits", "Moons", ""], N)
COST = RNG.normal(90, 10, N)
TABLE: dict[str, Callable[[], Any]] = {
    "beta": lambda: BETA,
    "latent_dim": lambda: DIM,
    "data": lambda: DATA,
    "test −ELBO": lambda: COST,
}


@pytest.mark.parametrize(
    ("condition", "chosen"),
    [
        ("beta > 1", BETA > 1),
        ("beta > 1 AND data = 'DIGITS'", (BETA > 1) & (DATA == "digits")),
        ("not (beta <= 1 or latent_dim in (2, 3))", ~(BETA <= 1) & ~np.isin(DIM, (2, 3))),
        ("beta IS NULL", np.isnan(BETA)),
        ("data is null or data like 'moo%'", (DATA == "") | (DATA == "Moons")),
        ("latent_dim BETWEEN 3 AND 5", (DIM >= 3) & (DIM <= 5)),
        ('"TEST −elbo" < 90 and latent_dim % 2 = 0', (COST < 90) & (DIM % 2 == 0)),
        ("latent_dim = '4'", DIM == 4),
        ("abs(beta - 1) < 1e-9 -- a remark", BETA == 1),
        ("1 = 1", np.full(N, True)),
    ],
)
def test_a_condition_chooses_the_rows_that_numpy_chooses(condition: str, chosen: Any) -> None:
    if np.isnan(BETA).any() and condition.startswith("not"):
        chosen = chosen & ~np.isnan(BETA)  # NULL satisfies no comparison
    np.testing.assert_array_equal(positions(TABLE, condition), np.flatnonzero(chosen))


@pytest.mark.parametrize(
    "condition",
    [
        "ATTACH 'x' AS y",
        "PRAGMA user_version = 3",
        "load_extension('x') = 1",
        "(SELECT count(*) FROM sqlite_master) > 0",
        "beta IN (SELECT name FROM pragma_table_info('found'))",
        "beta IN (SELECT value FROM json_each('[1]'))",
        "length(randomblob(1000000000)) > 1",
        "1 IN (WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c)",
        "1) OR (1",
        "1; DROP TABLE found",
        "1 = 1 UNION SELECT 1",
        "1 = 1 ORDER BY 1",
        "1 = 1 LIMIT 1",
        "beta = ?",
        "beta = 1 /*",
        "beta = '\0'",
        "beta = '\ud800'",
        "(" * 200 + "beta" + ")" * 200,
        "beta = " + "1" * 1000,
        "||".join(["data"] * 3) + " = printf('%10000000d', 1)",
    ],
)
def test_a_condition_does_nothing_else(condition: str) -> None:
    with pytest.raises(QueryError) as error:
        positions(TABLE, condition)
    assert len(str(error.value)) <= 220
    assert str(error.value).isprintable()


def test_no_condition_runs_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vae.base.query.SECONDS", 0.2)
    start = time.monotonic()
    with pytest.raises(QueryError, match="takes more than"):
        positions(
            TABLE,
            "EXISTS (SELECT 1 FROM found a, found b, found c WHERE a.beta + b.beta + c.beta = 99)",
        )
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("betta > 1", "There is no column betta: did you mean beta?"),
        ('"betta" > 1', "There is no column betta: did you mean beta?"),
        ("data = digits", "digits is a text: write it in single quotes, 'digits'."),
        ("beta > 1 data = 'x'", "AND or OR is missing before data."),
        ("test −ELBO < 9", 'A name with spaces needs double quotes: "test −ELBO".'),
        ("beta >", "The condition ends too early"),
        ("data = 'x", "quotation mark"),
        ("sqrt(beta) > 1", "may use abs"),
    ],
)
def test_a_mistake_has_one_sentence(condition: str, sentence: str) -> None:
    with pytest.raises(QueryError) as error:
        positions(TABLE, condition)
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("mnist latent_dim=8 beta=4", False),
        ("not good, like the first in (a)", False),
        ("beta>1", True),
        ("data='digits'", True),
        ("beta=4 and latent_dim=8", True),
        ("notes like '%x%'", True),
        ("title is not null", True),
        ("beta between 1 and 2", True),
    ],
)
def test_words_are_no_condition(text: str, is_one: bool) -> None:
    assert is_condition(text) == is_one
