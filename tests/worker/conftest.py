"""The small runs of the run folder's tests serve here too."""

from tests.runs.conftest import make, trained

__all__ = ["make", "trained"]
