"""The fixtures of small runs are those of `tests/runs`."""

from tests.runs.conftest import make, trained

__all__ = ["make", "trained"]
