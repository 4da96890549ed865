"""The lesson on failures: its words name every check, and the checks find its failures."""

import pytest

from tests.pages.test_learn import lesson
from tests.theory.test_aggregate import trained
from vae.config import RunConfig
from vae.dashboard.learn.demonstration import diagnosis
from vae.dashboard.learn.lesson import Choice
from vae.dashboard.learn.words.failures import WORDS
from vae.diagnostics.checks import CHECKS
from vae.diagnostics.findings import with_fix

NAMED = {  # failure → the check that names it
    "collapse": "posterior_collapse",
    "blur": "wide_noise",
    "overfitting": "overfitting",
    "floor": "variance_floor",
    "warmup": "unfinished_warmup",
    "holes": "holes",
}


def configs(failure: str) -> list[RunConfig]:
    trains = next(s for s in lesson("failures").steps if s.name == "cure").trains
    assert trains is not None
    return list(trains({"failure": failure, "beta": 1.0}))


def test_words_name_every_check_and_every_failure() -> None:
    assert {key.removeprefix("check.") for key in WORDS if key.startswith("check.")} == set(CHECKS)
    control = lesson("failures").controls["failure"]
    assert isinstance(control, Choice)
    assert set(control.options) == set(NAMED)
    assert all(f"{part}.{name}" in WORDS for part in ("story", "remedy") for name in NAMED)


def test_a_cure_changes_one_setting() -> None:
    for failure in NAMED:
        sick, cured = (config.model_dump() for config in configs(failure))
        different = {k for k in sick.keys() & cured.keys() if sick[k] != cured[k]}
        assert len(different) == 1, failure
        for name, given in (("fails", sick), ("cured", cured)):
            value = str(given[different.copy().pop()]).removeprefix("warmup:")
            if value[0].isdigit() and failure != "overfitting":  # words instead of a number
                assert value.removesuffix(".0") in WORDS[f"{name}.{failure}"].zh


@pytest.mark.long
@pytest.mark.parametrize("failure", NAMED)
def test_the_checks_find_the_failure_and_not_its_cure(failure: str) -> None:
    found = [diagnosis(course).findings for course in trained("failures", "cure", failure=failure)]
    expected = NAMED[failure]
    assert {n for n in found[0] if CHECKS[n].serious} <= {expected}
    assert not [n for n in found[1] if CHECKS[n].serious or n == expected]
    sick, cured = configs(failure)
    fix = found[0][expected].fix
    assert fix is not None
    assert with_fix(sick, fix) == cured
