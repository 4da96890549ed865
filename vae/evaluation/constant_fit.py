"""The best constant output of a decoder without latents, found numerically.

The constant h (multiplicity, *event) and the likelihood's parameters s minimise the mean over
examples of −ln p(x | h), nats per example. Elements are independent given h, so data with L levels
enter only as counts (L, *event). Given s, each element is a separate convex problem: the Hessian
is an arrow, and a step of Newton's method costs a few gradients. With many levels the search
begins on every eighth of them. Where each level has its own output, the shares of the levels are
the solution. `scipy.optimize` has no method for this structure; its L-BFGS-B needed one to
nine times as many evaluations on the bundled data, and failed to converge on some.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae.base.progress import Progress, parts, silent
from vae.components.likelihood_base import Likelihood

BLOCK = 200_000  # decoder outputs computed at a time: they stay in the cache
TOLERANCE = 1e-3  # nats; a fit with a smaller sum of |gradient| has converged
ITERATIONS = 600
NEAR, FAR = 40.0, 2.0**20  # largest distance of a log-scale, and of a logit, from its start
HALVINGS, FEW = 30, 10  # of an interval of values; few from a good start
STEPS = 60  # of Newton
SMALL = 1e-7  # step of the finite differences of gradients
THINNED = 8  # levels that one level replaces where the search begins
USUAL = 40  # evaluations of a usual fit, for the progress


class Fit(NamedTuple):
    """The best constant output."""

    h: Tensor  # (multiplicity, *event)
    slack: float  # nats: the sum of |gradient| over h and the likelihood's own parameters

    @property
    def converged(self) -> bool:
        return self.slack <= TOLERANCE


def best_constant(
    likelihood: Likelihood, x: Tensor, extra: float = 1.0, progress: Progress = silent
) -> Fit:
    """Return the h (multiplicity, *event) with the least mean of −ln p(x | h), x (N, *event).

    The likelihood's parameters end at their best values. A likelihood of values in [0, 1] gets
    `extra` further examples, spread evenly over the values that x may take, one of counts half at
    0 and half at 1. L-BFGS finishes where
    Newton's method has not converged.
    """
    if separated := likelihood.separated(x):
        shares = parts(progress, [1.0] * len(separated))
        pairs = zip(separated, shares, strict=True)
        fits = [best_constant(*one, extra, share) for one, share in pairs]
        return Fit(likelihood.together([fit.h for fit in fits]), sum(fit.slack for fit in fits))
    whole = _weighted(x, likelihood, extra)
    profile = Profile(likelihood, _mean(*whole))
    if not profile.exists:
        return _fit(likelihood, whole, progress)
    fit = _fit(profile, whole, progress)
    return Fit(profile.outputs(fit.h), fit.slack)


class Profile(Likelihood):
    """A likelihood as a function of its outputs but the first, which is at its best value."""

    def __init__(self, likelihood: Likelihood, mean: Tensor) -> None:
        super().__init__(likelihood.domain)
        self.likelihood, self.mean = likelihood, mean
        self.support, self.multiplicity = likelihood.support, likelihood.multiplicity - 1
        self.exists = (
            self.multiplicity > 0 and likelihood.profile(self.first_output(mean), mean) is not None
        )

    def outputs(self, h: Tensor) -> Tensor:
        """Return all outputs, (multiplicity + 1, *event)."""
        found = self.likelihood.profile(h, self.mean)
        assert found is not None
        return found

    def forward(self, h: Tensor) -> Distribution:
        px: Distribution = self.likelihood(self.outputs(h))
        return px


def _fit(likelihood: Likelihood, whole: tuple[Tensor, Tensor], progress: Progress) -> Fit:
    """Return the best constant output for values and weights."""
    rough = _thinned(*whole) if likelihood.domain.levels > 4 * THINNED else whole
    h = _start(likelihood, *whole)
    if _own_levels(likelihood, whole[1]):  # closed form
        progress(1.0)
        return Fit(h, float((h.softmax(0) - whole[1] / whole[1].sum(0)).abs().sum()))
    h.requires_grad_()
    parameters: list[Tensor] = [p for p in likelihood.parameters() if p.requires_grad]
    evaluations = 0

    def loss(data: tuple[Tensor, Tensor] = whole) -> Tensor:
        nonlocal evaluations
        evaluations += 1
        progress(-math.expm1(-evaluations / USUAL))
        return _backward(likelihood, h, *data)

    is_best = likelihood.best_output(h.detach()[0]) is not None  # h does not move any more
    is_separate = len(h) == 1 and not likelihood.reads_size  # each element is a separate problem
    is_near = is_best or isinstance(likelihood, Profile)  # the mean gives a good start
    for parameter in parameters:
        _bisect(parameter, partial(loss, rough), NEAR, FEW if is_near else HALVINGS)
    if not is_near and is_separate:
        _bisect(h, partial(loss, rough), FAR)
    state = parameters if is_best else [h, *parameters]
    if is_separate and 0 < len(state) < 3:
        for data in (rough, whole):
            _newton(state, partial(loss, data))
    optimizer = torch.optim.LBFGS(
        [h, *parameters],
        max_iter=ITERATIONS,
        history_size=100,
        tolerance_grad=TOLERANCE / (h.numel() + sum(p.numel() for p in parameters)),
        tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )
    loss()
    if _slack([h, *parameters]) > TOLERANCE:
        optimizer.step(loss)  # type: ignore[no-untyped-call]
        loss()
    return Fit(h.detach(), _slack([h, *parameters]))


def _slack(state: list[Tensor]) -> float:
    """Return the sum of |gradient|."""
    return sum(float(p.grad.abs().sum()) for p in state if p.grad is not None)


def _thinned(values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return fewer levels (L, *event) and weights: each THINNED replaced by their middle."""
    groups = range(0, len(values), THINNED)
    middle = torch.stack([values[i : i + THINNED].mean(0) for i in groups])
    levels = len(values) - 1
    middle = (middle * levels).round() / levels
    return middle, torch.stack([weights[i : i + THINNED].sum(0) for i in groups])


def _weighted(x: Tensor, likelihood: Likelihood, extra: float) -> tuple[Tensor, Tensor]:
    """Return values and how often each element has them, (M, *event) each; a value NaN was not
    observed and has the weight 0."""
    levels, event = likelihood.domain.levels, x.shape[1:]
    extra = 0.0 if likelihood.support == "real" else extra
    ladder = torch.linspace(0, 1, max(levels, 2), dtype=x.dtype)
    ladder = ladder.reshape(-1, *(1 for _ in event)).expand(-1, *event)
    added = torch.full_like(ladder, extra / len(ladder))
    weight = (~x.isnan()).to(x.dtype)
    x = torch.where(x.isnan(), 0.0, x)
    if not levels:
        return torch.cat([x, ladder]), torch.cat([weight, added])
    place = (x * (levels - 1)).round().long()
    return ladder, added.scatter_add(0, place, weight)


def _start(likelihood: Likelihood, values: Tensor, weights: Tensor) -> Tensor:
    """Return the start of the search: the best output for the mean, the shares of the levels where
    each has its own output, else the first guess of the likelihood."""
    mean = _mean(values, weights)
    if (best := likelihood.best_output(mean)) is not None:
        return best
    if _own_levels(likelihood, weights):
        return (weights / weights.sum(0)).clamp(min=1e-12).log()
    return likelihood.first_output(mean).clone()


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Return the mean of each element, (*event)."""
    return (weights * values).sum(0) / weights.sum(0).clamp(min=1e-300)


def _own_levels(likelihood: Likelihood, weights: Tensor) -> bool:
    """Return whether each level has its own output."""
    return bool(likelihood.domain.levels) and likelihood.multiplicity == len(weights) > 1


def _elements(px: Distribution) -> Distribution:
    """Return the distribution of each single element."""
    base: Distribution = getattr(px, "base_dist", px)
    return base


def _backward(likelihood: Likelihood, h: Tensor, values: Tensor, weights: Tensor) -> Tensor:
    """Return the mean of −ln p(x | h), and set the gradients of h and the parameters."""
    for parameter in (h, *likelihood.parameters()):
        parameter.grad = None
    n = weights.sum() / h[0].numel()
    rows = max(1, BLOCK // h.numel())
    total = torch.zeros((), dtype=h.dtype)
    for start in range(0, len(values), rows):
        value, weight = values[start : start + rows], weights[start : start + rows]
        part = -(weight * _elements(likelihood(h)).log_prob(value)).sum() / n
        part.backward()  # type: ignore[no-untyped-call]
        total += part.detach()
    return total


def _slope(parameter: Tensor, at: Tensor, loss: Callable[[], Tensor]) -> Tensor:
    """Move a parameter and return its gradient there."""
    parameter.data = at
    loss()
    return torch.zeros_like(at) if parameter.grad is None else parameter.grad


def _bisect(
    parameter: Tensor, loss: Callable[[], Tensor], reach: float, halvings: int = HALVINGS
) -> None:
    """Move each number of a parameter to where the loss stops falling, with all else fixed.

    Newton's method then starts near the solution for every unit of x. A number without
    effect stays.
    """
    start = parameter.detach().clone()
    still = _slope(parameter, start, loss) == 0
    low, high = start - reach, start + reach
    for _ in range(halvings):
        middle = (low + high) / 2
        rises = _slope(parameter, middle, loss) > 0
        low, high = torch.where(rises, low, middle), torch.where(rises, middle, high)
    parameter.data = torch.where(still, start, low)


def _newton(state: list[Tensor], loss: Callable[[], Tensor]) -> None:
    """Minimise by damped Newton steps in h (1, *event), a sum of separate problems, or in h and
    a parameter s that elements share.

    With a = d²/dh² of each element, b = d²/dh ds and c = d²/ds², the step in s is
    -(g_s - Σ b g_h / a) / (c - Σ b² / a), that in h -(g_h + b ds) / a. h moves by at most 1
    and its own size, s by 1, and by less where a gradient has changed sign.
    """
    h, bounds = state[0], [torch.ones_like(p) for p in state]
    before = [torch.zeros_like(p) for p in state]
    for _ in range(STEPS):
        loss()
        found = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in state]
        slack = _slack(state)
        turned = [now * last < 0 for now, last in zip(found, before, strict=True)]
        most = [1 + h.detach().abs(), *map(torch.ones_like, state[1:])]
        grown = [b * torch.where(t, 0.5, 2.0) for b, t in zip(bounds, turned, strict=True)]
        bounds = [torch.minimum(*pair) for pair in zip(grown, most, strict=True)]
        before = found
        for p, step in zip(state, _arrow(state, found, bounds, loss), strict=True):
            p.data = p.detach() + step
        if slack <= TOLERANCE / 1000:  # and this step has squared the rest
            return


def _arrow(
    state: list[Tensor], slopes: list[Tensor], bounds: list[Tensor], loss: Callable[[], Tensor]
) -> list[Tensor]:
    """Return the Newton step of each tensor, within its bounds."""
    h, g = state[0], slopes[0]
    at = h.detach().clone()
    a = (_slope(h, at + SMALL, loss) - g).clamp(min=0) / SMALL
    h.data = at
    if len(state) == 1:
        return [_downhill(g, a, bounds[0])]
    s, g_s = state[1], slopes[1]
    at = s.detach().clone()
    c = (_slope(s, at + SMALL, loss) - g_s) / SMALL
    s.data = at
    assert h.grad is not None
    b = (h.grad - g) / SMALL
    ratio = torch.where(a > 0, b / a, 0.0)
    less, flatter = ((ratio * other)[0].sum_to_size(s.shape) for other in (g, b))
    ds = _downhill(g_s - less, c - flatter, bounds[1])
    return [_downhill(g + b * ds, a, bounds[0]), ds]


def _downhill(slope: Tensor, curvature: Tensor, bound: Tensor) -> Tensor:
    """Return −slope / curvature within ±bound; ±bound where the loss is not convex, 0 where the
    slope is 0."""
    step = torch.where(curvature > 0, -slope / curvature, -slope.sign() * bound)
    return torch.where(slope == 0, 0.0, step.clamp(-bound, bound))
