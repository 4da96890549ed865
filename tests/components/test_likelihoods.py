"""Likelihoods: laws over the whole table, known values, and the ends of float32.

Every law applies to a new row. The laws compare a row with its own log_prob, summed or integrated
over its support in float64; REFERENCE holds the values of scipy or torch where they have the
distribution.
"""

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import special, stats
from torch import Tensor

from tests.tables import SINGLE, each
from vae.base.records import Domain
from vae.components.likelihood_base import Likelihood
from vae.components.likelihoods import LIKELIHOODS, bits_per_dimension, check_domain

EVENT = (3, 2, 2)
# Of the decoder's outputs: where probabilities are 0, ½ and 1, near these, and far outside
SIZES = (-1e4, -100.0, -30.0, -2.0, -0.4, -1e-4, 0.0, 1e-4, 0.4, 0.6, 3.0, 30.0, 100.0, 1e4)
STATES = ("start", "learned", "lowest")  # of the parameters
REAL = torch.arange(-12, 12, 4e-4, dtype=torch.float64).sinh()  # fine at 0, and out to 8e4
FINE = torch.arange(5000, dtype=torch.float64)  # counts one by one, then in growing steps to 2e9
COUNTS = torch.cat([FINE, 4999 + torch.arange(2e-4, 13, 2e-4, dtype=torch.float64).expm1() * 5e3])
UNIT = torch.arange(-45, 45, 1e-3, dtype=torch.float64).sigmoid()  # fine at 0 and at 1

every_row = pytest.mark.parametrize("name", SINGLE)
every_state = pytest.mark.parametrize("state", STATES)


def make(
    name: str,
    shape: tuple[int, ...] = EVENT,
    state: str = "start",
    levels: int = 17,
    **options: Any,
) -> Likelihood:
    """Return a likelihood on data for which log_prob is the log of a density or probability."""
    row = LIKELIHOODS[name]
    own = {"levels": levels, "counts": 0}.get(row.support, 2 if row.discrete else 0)
    made = row(Domain(shape, own), **options)
    draw = torch.Generator().manual_seed(3)
    for parameter in made.parameters():
        noise = 0.7 * torch.randn(parameter.shape, generator=draw)
        parameter.data += {"start": 0.0, "learned": noise, "lowest": -1e6}[state]
    return made


def outputs(row: Likelihood, *batch: int, scale: float = 1.0) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    return scale * torch.randn(*batch, row.multiplicity, *row.domain.shape, generator=draw)


def ladder(row: Likelihood) -> Tensor:
    """Return outputs of every magnitude, (T, multiplicity, *event)."""
    several = torch.randn(row.multiplicity, generator=torch.Generator().manual_seed(4))
    towards = several if row.multiplicity > 1 else torch.ones(1)
    h = torch.tensor(SIZES)[:, None] * towards  # (T, multiplicity)
    return h[(..., *[None] * row.dims)].expand(-1, -1, *row.domain.shape).contiguous()


def examples(row: Likelihood, *batch: int) -> Tensor:
    """Return values over the whole support, with its ends."""
    shape = (*batch, *row.domain.shape)
    draw = torch.Generator().manual_seed(2)
    if row.support == "counts":
        return torch.randint(30, shape, generator=draw).float()
    if row.discrete:
        return torch.randint(row.domain.levels, shape, generator=draw) / (row.domain.levels - 1)
    if row.support == "unit":
        return (1.5 * torch.rand(shape, generator=draw) - 0.25).clamp(0, 1)
    return torch.randn(shape, generator=draw)


def measure(row: Likelihood, px: torch.distributions.Distribution) -> tuple[Tensor, Tensor]:
    """Points x (G, *batch, 1) over the support of one element and their masses under p(x|z): by
    exact sums or by the trapezoid rule in sinh⁻¹(x − mean), logit(x) or between large counts."""
    start = torch.zeros_like(px.mean)
    if row.support == "counts":
        x = COUNTS
        width = torch.ones_like(x)
        width[1:-1] = (x[2:] - x[:-2]) / 2
    elif row.discrete:
        x = torch.arange(row.domain.levels).double() / (row.domain.levels - 1)
        width = torch.ones_like(x)
    elif row.support == "unit":
        x, width = UNIT, 1e-3 * UNIT * (1 - UNIT)
    else:
        x, width, start = REAL, 4e-4 * (1 + REAL**2).sqrt(), px.mean
    column = (-1, *[1] * start.ndim)
    points = start + x.view(column)
    return points, width.view(column) * px.log_prob(points).exp().unsqueeze(-1)


@every_row
@every_state
def test_the_density_integrates_to_one_with_the_stated_mean(name: str, state: str) -> None:
    row = make(name, (1,), state).double()
    with torch.no_grad():
        px = row(ladder(row).double())
        x, mass = measure(row, px)
    np.testing.assert_allclose(mass.sum(0), 1, atol=2e-8)
    np.testing.assert_allclose((x * mass).sum(0), px.mean, rtol=2e-8, atol=2e-8)


@every_row
@pytest.mark.parametrize("levels", [2, 256])
def test_probabilities_sum_to_one_for_any_number_of_levels(name: str, levels: int) -> None:
    row = make(name, (1,), levels=levels).double()
    with torch.no_grad():
        px = row(ladder(row).double())
        x, mass = measure(row, px)
    np.testing.assert_allclose(mass.sum(0), 1, atol=2e-8)
    np.testing.assert_allclose((x * mass).sum(0), px.mean, rtol=2e-8, atol=2e-8)


@every_row
def test_samples_lie_on_the_support_with_the_mean_and_spread_of_the_density(name: str) -> None:
    row = make(name, (1,), "learned")
    n = 20_000
    with torch.no_grad():
        drawn = row(ladder(row)).sample(torch.Size((n,))).double()  # (n, T, 1)
        px = copy.deepcopy(row).double()(ladder(row).double())
        x, mass = measure(row, px)
    assert drawn.shape == (n, len(SIZES), 1)
    if row.support in ("unit", "levels"):
        assert ((drawn >= 0) & (drawn <= 1)).all()
    if row.discrete:
        assert (drawn >= 0).all()
        steps = drawn * max(row.domain.levels - 1, 1)
        assert (steps - steps.round()).abs().max() < 1e-5
    for power in (1, 2):
        moment = ((x - px.mean) ** power * mass).sum(0)
        error = (((x - px.mean) ** (2 * power) * mass).sum(0) - moment**2).clamp(min=0) / n
        off = ((drawn - px.mean) ** power).mean(0) - moment
        rare = 3 / n if row.discrete else 0  # a value expected less than once may occur
        assert (off.abs() < 5 * error.sqrt() + 1e-6 * (1 + px.mean.abs()) + rare).all()


def value_and_gradients(row: Likelihood, h: Tensor, x: Tensor) -> list[Tensor]:
    """-ln p(x) of one example, and its gradient by h and by each parameter."""
    h = h.clone().requires_grad_()
    loss = -row(h).log_prob(x)
    return [loss.detach(), *torch.autograd.grad(loss, [h, *row.parameters()])]


@every_row
@every_state
def test_value_and_gradient_are_accurate_in_float32(name: str, state: str) -> None:
    row = make(name, EVENT, state, levels=256)
    exact = copy.deepcopy(row).double()
    ends = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, *EVENT)
    for h in ladder(row):
        for x in (*ends, *examples(row, 2)):
            found = value_and_gradients(row, h, x)
            right = value_and_gradients(exact, h.double(), x.double())
            for one, other in zip(found, right, strict=True):
                assert one.isfinite().all()
                size = max(float(other.abs().max()), 1)
                np.testing.assert_allclose(one, other, rtol=1e-6, atol=3e-6 * size)


@every_row
def test_the_gradient_reaches_the_outputs_and_every_parameter(name: str) -> None:
    row = make(name)
    _, *gradients = value_and_gradients(row, outputs(row), examples(row))
    assert len(gradients) == 1 + len(list(row.parameters()))
    assert all((g.isfinite() & (g != 0)).all() for g in gradients)


@every_row
@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 2, 2), (5,)])
def test_any_batch_shape_is_accepted(name: str, shape: tuple[int, ...]) -> None:
    row = make(name, shape, "learned")
    h, x = outputs(row, 4, 2), examples(row, 2)
    px = row(h)
    assert px.batch_shape == (4, 2)
    assert px.event_shape == shape
    assert px.mean.shape == (4, 2, *shape)
    assert px.sample().shape == (4, 2, *shape)
    assert not px.sample().requires_grad
    assert px.sample(torch.Size((5,))).shape == (5, 4, 2, *shape)
    assert px.log_prob(px.sample(torch.Size((5,)))).shape == (5, 4, 2)
    one_by_one = [[row(h[k, b]).log_prob(x[b]).item() for b in range(2)] for k in range(4)]
    np.testing.assert_allclose(px.log_prob(x).detach(), one_by_one, rtol=1e-5)


@every_row
def test_the_attributes_of_a_row_describe_it(name: str) -> None:
    row = make(name)
    assert row.support in ("real", "unit", "levels", "counts")
    assert row.multiplicity >= 1
    assert row.caveat(row.domain) == ""
    assert list(row.parameters()) == [] or row.scalars()
    for value in row.scalars().values():
        assert value.shape == ()
        assert not value.requires_grad


@pytest.mark.parametrize("name", [n for n, r in LIKELIHOODS.items() if r.support == "levels"])
def test_levels_are_refused_for_real_values_with_a_remedy(name: str) -> None:
    with pytest.raises(ValueError, match=f"The {name} likelihood .* choose likelihood gaussian"):
        check_domain(name, Domain((4,), 0))


@pytest.mark.parametrize("levels", [0, 2, 17, 256])
def test_a_caveat_exists_where_log_prob_is_no_log_likelihood(levels: int) -> None:
    warned = {name for name, row in LIKELIHOODS.items() if row.caveat(Domain((4,), levels))}
    assert warned & set(REFERENCE) == {"continuous-bernoulli" if levels == 2 else "bernoulli"}


START = math.exp(-2)  # the scale that the logistic starts from


def _logistic(h: np.ndarray, x: np.ndarray) -> np.ndarray:
    upper = np.where(x == 1, 1, stats.logistic.cdf(x + 1 / 32, 0.5 + h[0], START))
    lower = np.where(x == 0, 0, stats.logistic.cdf(x - 1 / 32, 0.5 + h[0], START))
    return np.log(upper - lower)


def _categorical(h: np.ndarray, x: np.ndarray) -> np.ndarray:
    k = np.rint(16 * x).astype(int)
    return np.take_along_axis(special.log_softmax(h, axis=0), k[None], 0)[0]


def _continuous_bernoulli(h: np.ndarray, x: np.ndarray) -> np.ndarray:
    p = torch.distributions.ContinuousBernoulli(logits=torch.tensor(h[0]))
    return p.log_prob(torch.tensor(x)).numpy()


def _negative_binomial(x: np.ndarray, mean: np.ndarray, dispersion: float) -> np.ndarray:
    found: np.ndarray = stats.nbinom.logpmf(x, 1 / dispersion, 1 / (1 + mean * dispersion))
    return found


# ln p of each element of x (*event) given h (multiplicity, *event), at the start
REFERENCE: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "bernoulli": lambda h, x: stats.bernoulli.logpmf(x, special.expit(h[0])),
    "continuous-bernoulli": _continuous_bernoulli,
    "gaussian": lambda h, x: stats.norm.logpdf(x, h[0], 0.1),
    "gaussian-learned": lambda h, x: stats.norm.logpdf(x, h[0], 1),
    "gaussian-per-dimension": lambda h, x: stats.norm.logpdf(x, h[0], 1),
    "logistic": _logistic,
    "categorical": _categorical,
    "student-t": lambda h, x: stats.t.logpdf(x, 4, h[0], 1),
    "negative-binomial": lambda h, x: _negative_binomial(x, np.exp(h[0]), 1 + math.exp(-10)),
    "poisson": lambda h, x: stats.poisson.logpmf(x, np.exp(h[0])),
}


@each("name", REFERENCE)
@each("shape", [(1, 4, 4), (3, 2, 2), (5,)])
def test_log_prob_equals_the_references(name: str, shape: tuple[int, ...]) -> None:
    row = make(name, shape)
    for h, x in zip(outputs(row, 20), examples(row, 20), strict=True):
        expected = REFERENCE[name](h.double().numpy(), x.double().numpy()).sum()
        assert row(h).log_prob(x).item() == pytest.approx(expected, rel=3e-6, abs=1e-5)


def test_the_mean_is_the_decoded_picture() -> None:
    h = torch.randn(1, 5)
    for name in ("gaussian", "gaussian-learned", "gaussian-per-dimension"):
        assert torch.equal(make(name, (5,))(h).mean, h[0])
    torch.testing.assert_close(make("bernoulli", (5,))(h).mean, h[0].sigmoid())
    # The discretised logistic begins at mid-grey, and h moves it in units of x
    narrow = make("logistic", (3,), "lowest", levels=256)
    shown = narrow(torch.tensor([[-0.5, 0.1, 7.0]])).mean
    torch.testing.assert_close(shown, torch.tensor([0, 153 / 255, 1]))


@pytest.mark.parametrize(
    ("logit", "x", "expected"), [(200, 1, 0), (200, 0, -200), (-1e4, 1, -1e4)]
)
def test_bernoulli_is_exact_where_the_sigmoid_saturates(
    logit: float, x: float, expected: float
) -> None:
    px = make("bernoulli", (1,))(torch.tensor([[float(logit)]]))
    assert float(px.log_prob(torch.tensor([float(x)]))) == pytest.approx(expected, abs=1e-6)


def test_bernoulli_of_grey_values_is_the_cross_entropy() -> None:
    h, x = torch.randn(5, 1, 7), torch.rand(5, 7)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        h[:, 0], x, reduction="none"
    ).sum(1)
    torch.testing.assert_close(-make("bernoulli", (7,))(h).log_prob(x), expected)


@pytest.mark.parametrize("sigma", [1e-3, 0.5, 3.0])
def test_sigma_is_a_standard_deviation(sigma: float) -> None:
    row = make("gaussian", (4,), sigma=sigma)
    assert not list(row.parameters())
    h, x = torch.zeros(1, 1, 4), torch.full((1, 4), 0.01)
    expected = stats.norm.logpdf(0.01, 0, sigma) * 4
    assert row(h).log_prob(x).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["gaussian-learned", "gaussian-per-dimension"])
def test_a_learned_sigma_is_the_root_of_its_variance(name: str) -> None:
    row = make(name, (3,), "learned")
    sigma = row.log_var.exp().sqrt().detach()
    expected = stats.norm.logpdf(0.3, 0, sigma.expand(3)).sum()
    value = row(torch.zeros(1, 3)).log_prob(torch.full((3,), 0.3))
    assert value.item() == pytest.approx(expected, rel=1e-5)


def test_scalars_are_the_scales() -> None:
    assert float(make("gaussian-learned").scalars()["sigma"]) == 1
    assert float(make("logistic").scalars()["scale"]) == pytest.approx(math.exp(-2))
    each = make("gaussian-per-dimension", (3,))
    each.log_var.data = torch.tensor([-4.0, 2.0, 0.0])
    scalars = {name: float(value) for name, value in each.scalars().items()}
    assert scalars == pytest.approx({"sigma_min": math.exp(-2), "sigma_max": math.e})
    colour = make("logistic", EVENT)
    colour.log_scale.data = torch.tensor([0.1, 0.2, 0.6]).log().view(3, 1, 1)
    assert float(colour.scalars()["scale"]) == pytest.approx(0.3)


def test_each_channel_and_each_element_has_a_separate_scale() -> None:
    assert make("gaussian-learned", EVENT).log_var.shape == ()
    assert make("gaussian-per-dimension", EVENT).log_var.shape == EVENT
    assert make("logistic", (5,)).log_scale.shape == (1,)
    row = make("logistic", EVENT, "learned", levels=256)
    assert row.log_scale.numel() == 3
    s = row.log_scale.exp().detach().expand(EVENT).numpy()
    x = examples(row).clamp(1 / 255, 254 / 255)
    edges = [stats.logistic.cdf(x + side / 510, 0.5, s) for side in (1, -1)]
    expected = np.log(edges[0] - edges[1]).sum()
    assert row(torch.zeros(1, *EVENT)).log_prob(x).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["gaussian-learned", "gaussian-per-dimension"])
def test_a_learned_sigma_is_stationary_at_the_residuals_own(name: str) -> None:
    """The gradient vanishes at sigma² = mean squared residual, and descent leads there from both
    sides."""
    row = make(name, (4,))
    x = torch.randn(100, 4) * torch.tensor([0.1, 0.2, 0.4, 0.8])
    squares = (x**2).mean(0)
    best = (squares if row.log_var.dim() else squares.mean()).log()
    slopes = []
    for step in (-0.1, 0, 0.1):
        row.log_var.data = best + step
        loss = -row(torch.zeros(100, 1, 4)).log_prob(x).mean()
        slopes.append(torch.autograd.grad(loss, row.log_var)[0])
    assert (slopes[0] < -0.03).all()
    assert slopes[1].abs().max() < 1e-4
    assert (slopes[2] > 0.03).all()


@pytest.mark.parametrize(
    ("name", "floor"),
    [
        ("gaussian-learned", math.exp(-7)),
        ("gaussian-per-dimension", math.exp(-7)),
        ("logistic", 1 / (32 * 255)),
    ],
)
def test_a_scale_stops_at_its_floor_and_can_leave_it(name: str, floor: float) -> None:
    row = make(name, (4,), "lowest", levels=256)
    for value in row.scalars().values():
        assert float(value) == pytest.approx(floor, rel=1e-5)
    h = torch.full((1, 4), 1 / 510)  # of the logistic, mu = 128 / 255
    shown = row(h).mean.detach()
    *_, resting = value_and_gradients(row, h, shown)
    assert (resting == 0).all()
    *_, astray = value_and_gradients(row, h, shown + 0.25)
    assert (astray < -0.1).all()


def test_a_narrow_scale_gives_one_level_all_probability() -> None:
    row = make("logistic", (1,), "lowest", levels=17)
    assert row(torch.zeros(1, 1)).log_prob(torch.tensor([0.5])).item() > -1e-6


def test_a_categorical_has_an_output_for_each_level() -> None:
    for levels in (2, 17, 256):
        row = make("categorical", (3,), levels=levels)
        assert row.multiplicity == levels
        h = torch.zeros(levels, 3)
        assert float(row(h).log_prob(torch.zeros(3))) == pytest.approx(-3 * math.log(levels))
        h[levels - 1, 0] = h[0, 1] = h[1, 2] = 50
        torch.testing.assert_close(row(h).mean, torch.tensor([1, 0, 1 / (levels - 1)]))


def test_bits_per_dimension_equal_nats_over_dimensions() -> None:
    assert bits_per_dimension(784 * math.log(2), 784) == pytest.approx(1, rel=1e-15)
    assert bits_per_dimension(math.log(256), 1) == pytest.approx(8, rel=1e-15)
