"""The error of all data, and the largest array."""

LIMIT = 8 * 2**30  # bytes; the largest array that is read or drawn


class DataError(ValueError):
    """An error in the data; the message names the problem and a solution."""
