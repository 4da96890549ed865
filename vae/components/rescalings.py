"""Rescalings: x in its own units → u, the numbers that the networks receive.

u = (x − location) / scale, with one location and one scale for each column of a vector or channel
of a picture or series (`Domain`). A model takes and returns x: the encoder receives u, and p(x|z)
is the distribution of x = location + scale · u for u from p(u|z). Its density is p(u|z) / |dx/du|,
so ln p(x|z) is in nats in the units of x, and the weights do not depend on these units.

A rescaling is a function of all values in parts (columns, n), float64 → (location, scale), each
(columns,). Values that were not observed, NaN, do not count. A column that never varies gets
scale 1.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributions import Distribution

from vae.base.kinds import KINDS, transformed
from vae.base.numbers import fixed
from vae.base.options import Option
from vae.base.records import Domain

CHUNK = 2**20  # numbers in memory at once

Doubles = NDArray[np.float64]
Parts = Callable[[], Iterator[Doubles]]  # each call yields all values again
Fit = tuple[Doubles, Doubles]


def standardise(parts: Parts) -> Fit:
    """Return mean and standard deviation: the mean becomes 0, the standard deviation 1."""
    count = np.maximum(sum((part == part).sum(1) for part in parts()), 1)
    mean: Doubles = sum(np.nansum(part, 1) for part in parts()) / count
    square = sum(np.nansum((part - mean[:, None]) ** 2, 1) for part in parts())
    return mean, np.sqrt(square / count)


def minmax(parts: Parts) -> Fit:
    """Return smallest value and range: the smallest value becomes 0, the largest 1."""
    low = np.fmin.reduce([np.fmin.reduce(part, 1) for part in parts()])
    return low, np.fmax.reduce([np.fmax.reduce(part, 1) for part in parts()]) - low


def none(parts: Parts) -> Fit:
    """Return no numbers: the values stay."""
    return np.empty(0), np.empty(0)


class Rescaling(NamedTuple):
    """A row of the table: the function and its properties."""

    fit: Callable[[Parts], Fit]
    supports: tuple[str, ...]  # of the likelihoods that suit its values
    result: str = ""  # in words, after "columns" or "channels"
    about: str = ""
    all_rows: bool = False  # fitted to all examples, not only to the training examples


RESCALINGS: dict[str, Rescaling] = {
    "standardise": Rescaling(
        standardise, ("real",), "standardised", "mean 0, SD 1; from the training rows"
    ),
    "minmax": Rescaling(
        minmax, ("real", "unit"), "scaled to 0…1", "smallest and largest value of all rows", True
    ),
    "none": Rescaling(none, ("real", "unit", "levels", "counts", "columns")),
}


MIXED = (
    "Numbers, logarithms of positive numbers and ln(1 + x) of counts are standardised from the "
    "training rows; a category enters as one number for each name. Nats are the sum over the "
    "columns, in units of x."
)


def briefly(name: str, domain: Domain) -> str:
    """Return the rescaling of a domain in two words: "columns standardised"; "" for none."""
    what = "columns" if len(domain.shape) == 1 else "channels"
    if domain.kinds:
        return "a kind for each column"
    return f"{what} {RESCALINGS[name].result}" if domain.scale else ""


def described(name: str, domain: Domain) -> str:
    """Return the rescaling of a domain and the unit of its nats in sentences; "" for none."""
    if domain.kinds:
        return MIXED
    if not domain.scale:
        return ""
    words, still = briefly(name, domain), sum(s == 1 for s in domain.scale)
    constant = f" {still} of them never vary and have scale 1." if still else ""
    volume = domain.log_volume
    if domain.missing:
        return (
            f"{words.capitalize()} ({RESCALINGS[name].about}).{constant} Nats are in units of x."
        )
    return (
        f"{words.capitalize()} ({RESCALINGS[name].about}).{constant} Nats are in units of x; with "
        f"x in these new units the ELBO is {fixed(abs(volume))} nats "
        f"{'higher' if volume > 0 else 'lower'} (Σ ln scale)."
    )


AUTO = "auto"  # the row that suits the data, see `RunConfig.rescaling`
DataScale = Annotated[
    str,
    Option(
        "Scale in which the model receives each column of a vector (channel of a picture or "
        "series); pictures, samples and nats stay in the units of x. standardise: mean 0 and "
        "standard deviation 1 over the training rows. minmax: 0 to 1 over all rows. none: as they "
        "are. auto: standardise for vectors and series of real numbers under a Gaussian "
        "likelihood, else none.",
        choices=(AUTO, *RESCALINGS),
        group="Data",
    ),
]


class Examples(Protocol):
    """x (N, *event), of which parts are read."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> NDArray[Any]: ...


def rescaled(domain: Domain, name: str, x: Examples, unit: float) -> Domain:
    """Return a domain with the location and the scale of a rescaling, fitted to the examples
    x / unit, x (N, *event)."""
    rows = max(1, CHUNK // x[:1].size)
    first = _first(x)[:, None].astype(np.float64) / unit  # (columns, 1)

    def parts() -> Iterator[Doubles]:
        for start in range(0, len(x), rows):
            part = np.moveaxis(x[start : start + rows], 1, 0).reshape(len(first), -1)
            yield part.astype(np.float64) / unit - first  # small differences keep their digits

    location, scale = RESCALINGS[name].fit(parts)
    location = np.nan_to_num(location) + first[: len(location), 0]
    scale = np.where(scale > np.finfo(np.float32).tiny, scale, 1)
    return domain._replace(location=tuple(location.tolist()), scale=tuple(scale.tolist()))


class Transformed:
    """g(x) of the columns of a mixed table, of which parts are read."""

    def __init__(self, x: Examples, kinds: tuple[str, ...]) -> None:
        self.x, self.kinds = x, kinds

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, part: slice, /) -> NDArray[Any]:
        return transformed(self.x[part], self.kinds)


def of_columns(domain: Domain, x: Examples, names: Sequence[int]) -> Domain:
    """Return the domain of a mixed table with location and scale of each column, fitted to the
    examples x (N, D); `names` are the numbers of names of each column."""
    found = rescaled(domain, "standardise", Transformed(x, domain.kinds), 1.0)
    named = [KINDS[kind].named for kind in domain.kinds]
    fitted = zip(named, found.location, found.scale, names, strict=True)
    units = [(0.0, float(n - 1)) if is_named else (a, b) for is_named, a, b, n in fitted]
    return domain._replace(location=tuple(a for a, _ in units), scale=tuple(b for _, b in units))


def _first(x: Examples) -> NDArray[Any]:
    """Return the first observed value of each column, (columns,); 0 without one."""
    found: NDArray[Any] | None = None
    rows = max(1, CHUNK // x[:1].size)
    for start in range(0, len(x), rows):
        part = x[start : start + rows]
        values = part.reshape(*part.shape[:2], -1)[:, :, 0]  # (n, columns)
        place = (values == values).argmax(0)
        first = values[place, np.arange(values.shape[1])]
        found = first if found is None else np.where(found == found, found, first)
        if (found == found).all():
            break
    assert found is not None
    numbers: NDArray[Any] = np.nan_to_num(found)
    return numbers


class Units(nn.Module):
    """The map x → u of a domain, its inverse, and p(u) → p(x).

    `location` has the leading 32 bits of the location and `rest` the further ones: a column of
    large numbers with small differences loses no digit of the differences.
    """

    location: Tensor
    rest: Tensor
    scale: Tensor

    def __init__(self, domain: Domain) -> None:
        super().__init__()
        self.log_volume = domain.log_volume
        self.missing = domain.missing
        each = (-1, *(1 for _ in domain.shape[1:]))  # one number for each column or channel
        if domain.kinds:  # the likelihood rescales each column
            domain = domain._replace(location=(), scale=())
        both = domain.location, domain.scale
        location, scale = (torch.tensor(v, dtype=torch.float64) for v in both)
        rest = location - location.float()
        for name, values in {"location": location, "rest": rest, "scale": scale}.items():
            shape = each if domain.scale else (0,)
            self.register_buffer(name, values.float().reshape(shape), persistent=False)

    @property
    def is_identity(self) -> bool:
        """Whether u = x."""
        return not len(self.scale)

    def forward(self, x: Tensor) -> Tensor:
        """Return u for x (..., *event)."""
        return x if self.is_identity else ((x - self.location) - self.rest) / self.scale

    def inverse(self, u: Tensor) -> Tensor:
        """Return x for u (..., *event)."""
        return u if self.is_identity else self.location + (self.rest + self.scale * u)

    def of_x(self, pu: Distribution) -> Distribution:
        """Return p(x) for p(u) with event shape *event."""
        if self.missing:
            return Observed(pu, self)
        return pu if self.is_identity else Rescaled(pu, self)


class Rescaled(Distribution):
    """The distribution of x = location + scale · u for u from `base`.

    ln p(x) is computed from u, because differences of x would lose digits where x is large.
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012  torch's own attribute

    def __init__(self, base: Distribution, units: Units) -> None:
        super().__init__(base.batch_shape, base.event_shape, validate_args=False)
        self.base, self.units = base, units

    def log_prob(self, x: Tensor) -> Tensor:
        """Return ln p(x) in nats, in the units of x."""
        return self.base.log_prob(self.units(x)) - self.units.log_volume

    def each(self, x: Tensor) -> Tensor:
        """Return ln p(x_d) of each value, in the units of x; 0 of one that was not observed."""
        mask = ~x.isnan()  # (..., *event)
        u = torch.where(mask, self.units(x), 0.0)
        each: Tensor = self.base.base_dist.log_prob(u)  # type: ignore[attr-defined]
        if not self.units.is_identity:
            each = each - self.units.scale.log()
        return torch.where(mask, each, 0.0)

    @property
    def mean(self) -> Tensor:
        return self.units.inverse(self.base.mean)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self.units.inverse(self.base.sample(sample_shape))


class Observed(Rescaled):
    """p(x) of the observed values of x: a value NaN was not observed and has no term."""

    def log_prob(self, x: Tensor) -> Tensor:
        """Return Σ ln p(x_d) over the observed values of each example, in the units of x."""
        return self.each(x).flatten(-len(self.event_shape)).sum(-1)


def log_prob_of_each(px: Distribution, x: Tensor) -> Tensor:
    """Return ln p(x_d|z) of each value of x (..., *event) that is independent given z; 0 of a
    value that was not observed."""
    if isinstance(px, Rescaled):
        return px.each(x)
    each: Tensor = px.base_dist.log_prob(x)  # type: ignore[attr-defined]
    return each
