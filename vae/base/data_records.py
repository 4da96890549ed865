"""Records about a data set: numbers, strings and NumPy arrays, without torch.

Values are those of the model's input. Letters in shapes: N examples, *event the shape of one
example. Nats are per example.
"""

from typing import Any, NamedTuple

from vae.base.records import Floats, Ints


class Moments(NamedTuple):
    """Mean and standard deviation of each element over N examples, in the unit of x."""

    mean: Floats  # (*event)
    sd: Floats  # (*event) divided by N, not N - 1
    examples: int  # N


class Factor(NamedTuple):
    """A known factor of the data."""

    name: str
    distinct: int  # number of different values
    low: float
    high: float


class DataSummary(NamedTuple):
    """Statistics of a data set; values are those of the model's input x / scale."""

    name: str
    about: str
    fingerprint: str
    examples: int
    shape: tuple[int, ...]  # *event
    dtype: str  # of the stored values: "uint8" or "float32"
    scale: float  # divisor of the stored values
    binarize: str
    levels: int  # x is k / (levels - 1); 0 for real values
    distinct: int | None  # number of different values; None: more than the counting limit
    low: float
    high: float
    mean: float
    sd: float
    zeros: float  # share of all values that are exactly 0
    constant: int  # number of elements with the same value in every example
    edges: Floats  # (B + 1,) of the histogram's bins
    counts: Ints  # (B,) values in each bin
    splits: dict[str, int]  # "train", "val", "test" → examples
    classes: tuple[str, ...]  # with "no class" as the last one if an example has none
    class_counts: Ints  # (classes, 3) examples in train, val, test
    factors: tuple[Factor, ...]
    moments: Moments
    missing: Ints | None = None  # (D,) or (C,) values of each column or channel not observed
    inside: int = 0  # values of each column or channel, before the ends of series
    shortest: int = 0  # steps of the shortest series
    columns: tuple[str, ...] = ()  # names of the elements of a vector, or channels of a series


class Baseline(NamedTuple):
    """The fit of a likelihood to data without latents, nats per example."""

    likelihood: str
    refused: str = ""  # reason why the likelihood cannot model these data; then no other field
    caveat: str = ""  # reason why its values are not log-likelihoods of these data
    options: dict[str, Any] = {}  # noqa: RUF012 (never changed) settings of the likelihood
    learned: dict[str, float] = {}  # noqa: RUF012 (never changed) fitted parameters
    nats: float | None = None  # mean of -ln p(x | h) at the best constant h
    se: float | None = None  # standard error of that mean over the evaluated examples
    bits_per_dimension: float | None = None  # bits; None for the log of a density
    probability: bool = False  # nats is the log of a probability, not of a density
    split: str = ""  # split of the evaluated examples
    examples: tuple[int, int] = (0, 0)  # number of evaluated examples, and of all in the split
    fitted: tuple[int, int] = (0, 0)  # number of examples of the fit, and of all available
    converged: bool = False

    @property
    def reason(self) -> str:
        """The reason of a refusal without the name of the likelihood and the remedy."""
        clause = self.refused.partition(": ")[0]
        return clause.removeprefix(f"The {self.likelihood} likelihood ").rstrip(".")
