"""Text from outside becomes one short line without control characters."""

import pytest

from vae.base.foreign import MOST, one_line, quoted
from vae.config import RunConfig
from vae.data import DataError
from vae.data.formats import parsing


def test_a_text_becomes_one_short_line() -> None:
    assert one_line("a\n\tb  c\x1b[31m\u202ered\x00") == "a b c [31m red"
    assert one_line("é" * 201) == "é" * 199 + "…"
    assert one_line("é" * 200) == "é" * 200
    assert len(quoted("x" * 10**6)) == 60


def test_messages_of_libraries_are_cut() -> None:
    with pytest.raises(DataError) as caught, parsing("f" * 500, "a file"):
        raise RuntimeError("\x1b]0;title\x07" + "x" * 10**6)
    assert len(str(caught.value)) < 2 * MOST + 80
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "settings", [{"x" * 9999: 1}, {"lr": "y" * 9999}, {"network": "z" * 9999}]
)
def test_settings_of_any_length_give_a_readable_sentence(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="…") as caught:
        RunConfig.of(**settings)
    assert len(str(caught.value)) < 1500
