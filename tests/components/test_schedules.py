"""Schedules: factors from the papers' formulas, and error messages."""

import itertools

import pytest

from tests.tables import each
from vae.components.schedules import SCHEDULES, Progress, names, parse

STEPS, PER_EPOCH = 100, 10
TABLE = [  # (schedule, step, factor) for 100 steps of 10 an epoch
    ("constant", 0, 1.0),
    ("constant", 100, 1.0),
    ("warmup:4", 0, 0.0),
    ("warmup:4", 1, 0.025),
    ("warmup:4", 20, 0.5),
    ("warmup:4", 40, 1.0),
    ("warmup:4", 41, 1.0),
    ("warmup:4", 100, 1.0),
    ("warmup:0.5", 2, 0.4),
    ("warmup:20", 100, 0.5),  # longer than the plan: it is cut short
    ("warmup:0.01", 0, 0.0),  # shorter than a step
    ("warmup:0.01", 1, 1.0),
    ("cosine", 0, 1.0),
    ("cosine", 25, 0.8535533905932737),
    ("cosine", 50, 0.5),
    ("cosine", 75, 0.1464466094067262),
    ("cosine", 100, 0.0),
    ("cyclical:4", 0, 0.0),
    ("cyclical:4", 10, 0.5),
    ("cyclical:4", 19, 0.95),
    ("cyclical:4", 20, 1.0),
    ("cyclical:4", 39, 1.0),
    ("cyclical:4", 40, 0.0),
    ("cyclical:4", 50, 0.5),
    ("cyclical:4", 70, 1.0),
    ("cyclical:5", 99, 1.0),
    ("cyclical:5", 100, 1.0),  # the end of a whole cycle is its end, not the next one's start
    ("cyclical:10", 100, 1.0),
    ("staircase", 0, 1.0),
    ("staircase", 3, 10 ** (-4 / 7)),  # stages end at 1, 4, 13, 40, 121, … of 3,280 lengths
    ("staircase", 4, 10 ** (-5 / 7)),
    ("staircase", 33, 10 ** (-6 / 7)),
    ("staircase", 34, 0.1),
    ("staircase", 100, 0.1),
]


@each(("text", "step", "factor"), TABLE)
def test_factors_equal_the_formulas(text: str, step: int, factor: float) -> None:
    assert parse(text)(Progress(step, STEPS, PER_EPOCH)) == pytest.approx(factor, abs=1e-12)


def test_every_schedule_is_in_the_table() -> None:
    assert {text.partition(":")[0] for text, *_ in TABLE} == set(SCHEDULES)


def every() -> list[str]:
    return [f"{name}:3" if row.takes_epochs else name for name, row in SCHEDULES.items()]


@pytest.mark.parametrize("text", every())
def test_factors_lie_between_0_and_1(text: str) -> None:
    factor = parse(text)
    values = [factor(Progress(step, STEPS, PER_EPOCH)) for step in range(STEPS + 50)]
    assert min(values) >= 0
    assert max(values) <= 1


@each("text", every())
@each("beyond", [101, 150, 10_000])
def test_a_schedule_keeps_its_last_value_beyond_the_planned_length(text: str, beyond: int) -> None:
    factor = parse(text)
    last = factor(Progress(STEPS, STEPS, PER_EPOCH))
    assert factor(Progress(beyond, STEPS, PER_EPOCH)) == last


@each("cycle", [1, 2, 5, 10])
@each("per_epoch", [1, 2, 3, 7, 26])
def test_cyclical_ends_at_1_when_its_cycles_fill_the_plan(cycle: int, per_epoch: int) -> None:
    steps = 10 * per_epoch
    factor = parse(f"cyclical:{cycle}")
    if cycle * per_epoch > 1:  # a cycle of one step has no second half
        assert factor(Progress(steps, steps, per_epoch)) == 1
        assert factor(Progress(steps + 3, steps, per_epoch)) == 1


def test_cosine_falls_monotonically() -> None:
    values = [parse("cosine")(Progress(step, STEPS, PER_EPOCH)) for step in range(STEPS + 1)]
    assert all(a > b for a, b in itertools.pairwise(values))


@each(
    ("text", "sentence"),
    [
        ("nonsense", "Unknown schedule 'nonsense'; one of constant, warmup:EPOCHS, cosine"),
        ("", "Unknown schedule ''; one of"),
        ("Cosine", "Unknown schedule 'Cosine'; one of"),
        ("warmup", "Schedule 'warmup' is written warmup:EPOCHS, for example warmup:10"),
        ("warmup:", "is written warmup:EPOCHS"),
        ("cyclical", "is written cyclical:EPOCHS"),
        ("constant:3", "Schedule 'constant:3' is written constant"),
        ("cosine:3", "Schedule 'cosine:3' is written cosine"),
        ("warmup:0", "needs a positive number of epochs"),
        ("warmup:-1", "needs a positive number of epochs"),
        ("warmup:x", "needs a positive number of epochs"),
        ("warmup:nan", "needs a positive number of epochs"),
        ("warmup:inf", "needs a positive number of epochs"),
        ("warmup:3:4", "needs a positive number of epochs"),
    ],
)
def test_an_invalid_schedule_raises_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse(text)


def test_names_show_the_notation_of_each_schedule() -> None:
    for written in names().split(", "):
        assert parse(written.replace("EPOCHS", "2"))
