"""Charts of an evaluation: bars that add up, whiskers of one standard error, scores with
chance."""

from typing import Any

import numpy as np
import pytest

from tests.tables import each
from vae.base.numbers import with_error
from vae.base.records import Evaluation
from vae.evaluation.measures import json_keys
from vae.figures.evaluation import bound_bars, kl_parts, kl_per_latent, score_dots
from vae.figures.palette import token

EMPTY: dict[str, Any] = dict.fromkeys(json_keys())


def record(**values: Any) -> Evaluation:
    return Evaluation("", "", "", 1, EMPTY | values, notes={})


def bars(figure: Any) -> dict[str, tuple[float, float]]:
    """Return name → begin and end of a bar."""
    names = figure.layout.yaxis.ticktext
    return {
        names[int(t.y[0])]: (t.base[0], t.base[0] + float(t.x[0]))
        for t in figure.data
        if t.type == "bar"
    }


@pytest.mark.parametrize("error", [20.0, -7.5, 0.0])
def test_reconstruction_and_kl_add_up_to_the_bound(error: float) -> None:
    full = record(
        reconstruction=error, kl=3.0, elbo=-(error + 3.0), elbo_se=0.25, nll=error + 2, nll_se=2.0
    )
    found = bars(bound_bars(full))
    assert list(found) == ["Reconstruction", "KL", "−ELBO", "−ln p(x)"]
    assert found["Reconstruction"] == (0.0, error)
    assert found["KL"] == (error, error + 3)
    assert found["−ELBO"] == (0.0, error + 3)
    assert found["−ln p(x)"] == (0.0, error + 2)
    low, high = bound_bars(full).layout.xaxis.range
    assert low <= min(0, error)
    assert high > max(0, error + 3)
    numbers = bound_bars(full).layout.annotations
    assert len(numbers) == 4
    assert all(low <= one.x <= high for one in numbers)  # Plotly draws none outside


def test_bars_have_the_colours_of_their_quantities() -> None:
    traces = bound_bars(record(reconstruction=1.0, kl=1.0, elbo=-2.0, elbo_se=0.1)).data
    found = [trace.marker.color for trace in traces]
    assert found == [token("reconstruction"), token("kl"), token("elbo")]


def test_a_whisker_is_one_standard_error() -> None:
    chart = bound_bars(record(reconstruction=1.0, kl=1.0, elbo=-2.0, elbo_se=0.125))
    assert not chart.data[0].error_x.visible
    whisker = chart.data[2].error_x
    assert whisker.array[0] == whisker.arrayminus[0] == 0.125


def test_each_latent_has_the_error_of_its_kl() -> None:
    """The bars have another order than the record."""
    kl, se = (0.5, 3.0, 0.01), (0.05, 0.25, 0.002)
    (chart,) = kl_per_latent(record(kl_per_dimension=kl, kl_per_dimension_se=se)).data
    assert list(chart.customdata) == [1, 2, 3]
    assert list(chart.error_y.array) == list(chart.error_y.arrayminus) == list(se)
    assert chart.hovertext[1] == "z2: 3.00 ± 0.25 nats"
    (plain,) = kl_per_latent(record(kl_per_dimension=kl)).data
    assert not plain.error_y.array
    assert kl_per_latent(record()).layout.annotations[0].text == "No report has a KL per dimension"


def test_scores_have_their_values_as_text() -> None:
    rows = {"a": {"value": 0.5, "se": 0.0123}, "b": {"value": 0.25, "low": 0.2, "high": 0.31}}
    found = score_dots(rows, {}, "score").layout.annotations
    assert [n.text for n in found] == ["0.500 ± 0.012", "0.200 to 0.310"]
    assert [n.y for n in found] == [0, 1]


def test_a_point_posterior_has_only_a_reconstruction() -> None:
    assert list(bars(bound_bars(record(reconstruction=27.0)))) == ["Reconstruction"]


def test_the_parts_of_the_kl_add_up() -> None:
    parts = kl_parts(
        record(
            reconstruction=0.0,
            kl=3.25,
            mutual_information=3.0,
            mutual_information_se=0.02,
            aggregate_kl=0.25,
            aggregate_kl_se=0.01,
        )
    )
    information, aggregate, whole = bars(parts).values()
    assert information == (0.0, 3.0)
    assert aggregate == (3.0, 3.25)
    assert whole == (0.0, 3.25)
    assert not kl_parts(record(reconstruction=0.0, kl=1.0)).data


TABLE = {
    "a": {"value": 0.5, "low": 0.4, "high": 0.7},
    "b": {"value": -0.1, "se": 0.05, "chance": 0.25},
    "c": {"value": 0.9},
}


def test_scores_have_intervals_and_chance() -> None:
    chart = score_dots(TABLE, {"a": "First"}, "score", chance=0.1)
    first, second, third, chances = chart.data
    assert [t.x[0] for t in (first, second, third)] == [0.5, -0.1, 0.9]
    assert first.error_x.arrayminus[0] == pytest.approx(0.1)
    assert first.error_x.array[0] == pytest.approx(0.2)
    assert second.error_x.array[0] == second.error_x.arrayminus[0] == 0.05
    assert not third.error_x.visible
    assert list(chances.x) == [0.1, 0.25, 0.1]
    assert list(chances.y) == [0, 1, 2]
    assert list(chart.layout.yaxis.ticktext) == ["First", "b", "c"]
    low, high = chart.layout.xaxis.range
    assert low < -0.15
    assert high >= 1
    assert not score_dots({}, {}, "score").data


@each(
    ("value", "se", "expected"),
    [
        (-26.0312, 0.378, ("−26.03", "0.38")),
        (153.812, 1.26, ("153.8", "1.3")),
        (1234.56, 31.4, ("1,235", "31")),
        (0.00012, 0.0014, ("0.0001", "0.0014")),
        (2.5, 0.0000001, ("2.500000", "0.000000")),
        (3.27297, None, ("3.273", "")),
        (3.27297, 0.0, ("3.273", "")),
        (-0.04, 0.5, ("−0.04", "0.50")),
    ],
)
def test_a_value_has_the_digits_of_its_error(
    value: float, se: float | None, expected: tuple[str, str]
) -> None:
    assert with_error(value, se) == expected


def test_only_finite_values_are_drawn() -> None:
    chart = score_dots({"a": {"value": 0.5, "se": float("nan")}}, {}, "score")
    assert not chart.data[0].error_x.visible
    assert np.isfinite(chart.layout.xaxis.range).all()
