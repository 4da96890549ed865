"""The validation value by which training selects the best weights of a run.

It is a field or a term of a report, in nats per example. Its score is the value, or minus the
value where lower is better, so that the highest score is always the best.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Values = Mapping[str, Any]  # a report: its fields, and its "terms"


class Criterion(NamedTuple):
    """The value that selects the best weights; every objective's row has one."""

    key: str  # of the field or term
    title: str  # for headings and sentences
    minimised: bool = False

    @property
    def score_title(self) -> str:
        """The name of the score: the title, after a minus sign where lower values are better."""
        return f"−{self.title}" if self.minimised else self.title

    def value(self, report: Values) -> float | None:
        """Return the value in a report, nats per example; None where it is absent."""
        value = {**(report.get("terms") or {}), **report}.get(self.key)
        if not isinstance(value, int | float) or not math.isfinite(value):
            return None
        return float(value)

    def score(self, report: Values) -> float | None:
        """Return the value of a report, or minus the value, such that higher is better."""
        value = self.value(report)
        return value if value is None else self.signed(value)

    def signed(self, value: float) -> float:
        """Turn a value into its score, and a score into its value."""
        return -value if self.minimised else value

    def best(self, reports: Iterable[Values]) -> Values | None:
        """Return the report with the highest score, the first of equal ones; None for none."""
        scored = [
            (score, report) for report in reports if (score := self.score(report)) is not None
        ]
        return max(scored, key=lambda pair: pair[0])[1] if scored else None


def value_of_score(title: str, score: float) -> tuple[str, float]:
    """Return the title and the value of a criterion from the title and the value of its score."""
    return (title[1:], -score) if title.startswith("−") else (title, score)


ELBO = Criterion("elbo", "ELBO")
RECONSTRUCTION = Criterion("reconstruction", "reconstruction", minimised=True)
