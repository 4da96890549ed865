"""The error of all data, and the largest array."""

LIMIT = 8 * 2**30  # bytes; the largest array that is read or drawn


class DataError(ValueError):
    """An error in the data; the message names the problem and a solution."""


class ChoiceError(DataError):
    """A file that cannot be read without a choice of the user."""

    def __init__(self, message: str, setting: str, choices: tuple[str, ...]) -> None:
        super().__init__(message)
        self.setting, self.choices = setting, choices
