"""Text from outside becomes one short line without control characters."""

import re

import pytest

from vae.base.foreign import (
    JOINER,
    MOST,
    cell,
    inert,
    markdown,
    one_line,
    plotly_text,
    printed,
    quoted,
)
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


HOSTILE = (
    "![q](http://h.example/q.png)",
    "[q](http://h.example)",
    "http://h.example/q www.h.example q@h.example",
    ":red[q] :blue-badge[q] :material/home: :smile:",
    "*q* **q** _q_ __q__ ~~q~~ `q` $q$ <b>q</b> <img src=x onerror=q> &lt;q&gt;",
    "# q",
    "> q",
    "- q",
    "C:\\data\\[q]",
)


LIVE = re.compile(  # signs of Markdown that no backslash precedes, and marks that no joiner breaks
    r"(?<!\\)([\[\]<$`*~]|&(?=\w+;)|^[#>-]|\b_|_\b)|:[a-z/]|@\w|www\.", re.MULTILINE
)


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_a_text_as_it_is(text: str) -> None:
    """A backslash before a sign makes it text, so nothing is lost and no sign is live."""
    assert LIVE.search(text) or "\\" in text
    escaped = markdown(text)
    assert re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", escaped).replace(JOINER, "") == text
    assert not LIVE.search(escaped.replace("\\\\", "-"))


def test_ordinary_sentences_stay_as_they_are() -> None:
    for text in (
        "batch_size 5 is larger than the 3 examples: lower it (or batch_size).",
        "a-b.npz",
    ):
        assert markdown(text) == text


def test_a_label_of_plotly_has_no_tags() -> None:
    assert plotly_text("<a href='x'>1 & 2</a>") == "&lt;a href='x'>1 &amp; 2&lt;/a>"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1"])
def test_a_cell_is_no_formula(text: str) -> None:
    assert cell(text) == f"'{text}"
    assert cell("a=1") == "a=1"
    assert cell(-1.5) == -1.5


def test_a_terminal_gets_no_escape_codes() -> None:
    assert printed("\x1b[2J\x9b31m\u202eq\nq") == "[2J 31m q q"


def test_a_table_that_a_browser_saves_has_no_formula() -> None:
    shown = [inert(value) for value in (["=1", "a"], "@x", 3.0, "b")]
    assert shown == [[f"{JOINER}=1", "a"], f"{JOINER}@x", 3.0, "b"]
