"""Laws over every lesson: words in both languages, coloured symbols, live numbers, addresses."""

import json
import re
import runpy
from collections import defaultdict
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import ROOT, OpenPage
from vae.dashboard.learn import view as learn_view
from vae.dashboard.learn.lesson import Lesson, Slider, Text, Values, View
from vae.dashboard.learn.lessons import LESSONS, step_names
from vae.dashboard.learn.spoken import SIGN, SIGNS, groups, spoken
from vae.dashboard.learn.text import MACROS, render
from vae.dashboard.learn.words.frame import WORDS as FRAME

NAMES = list(LESSONS)
TABLES = {**LESSONS, "frame": FRAME}
FORMULA = re.compile(r"\$[^$]*\$")
LATIN = {"KL", "ELBO", "Jensen", "VAE", "IWAE", "PCA", "EM", "Adam", "softplus", "sigmoid"}
SYMBOLS = {  # the plain form of a symbol → the macro that colours it
    r"q(_\\phi)?\(z\|x\)": "Q",
    r"p(_\\theta)?\(z\|x\)": "T",
    r"p\(z\)": "P",
}


@cache
def lesson(name: str) -> Lesson:
    """The lesson of a page, without showing it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learn_view, "show", lambda _: None)
        found: Lesson = runpy.run_path(str(ROOT / "pages" / "learn" / f"{name}.py"))["LESSON"]
    return found


def views(of: Lesson) -> list[View]:
    """Every step with its start, and with each control at both ends; asked and answered."""
    start: Values = {name: control.start for name, control in of.controls.items()}
    found = []
    for step in of.steps:
        places = [start | step.starts]
        for name in step.controls:
            control = of.controls[name]
            is_slider = isinstance(control, Slider)
            ends = (control.low, control.high) if is_slider else control.options
            places += [start | step.starts | {name: end} for end in ends]
        for values in places:
            found.append(View(values, step.name, lambda key: of.words[key].zh))
        if step.guess is not None:
            found.append(found[-1]._replace(guess=0.5, is_revealed=False))
    return found


def test_every_page_is_a_lesson_of_the_table() -> None:
    assert {p.stem for p in (ROOT / "pages" / "learn").glob("*.py")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_words_have_the_order_of_the_steps(name: str) -> None:
    assert [step.name for step in lesson(name).steps] == step_names(name)


@pytest.mark.parametrize("name", TABLES)
def test_words_stand_in_both_languages(name: str) -> None:
    for key, text in TABLES[name].items():
        assert text.en.strip(), key
        assert text.zh.strip(), key
        assert "!" not in re.sub(r"\\!", "", text.en), key
        assert "！" not in text.zh, key
        assert not FORMULA.sub("", text.en).count("$"), key
        assert not re.search(r"[）”]\*\*\w", text.zh.replace("\n", "")), (
            f"{key}: ** stays on screen"
        )


@pytest.mark.parametrize("name", TABLES)
def test_chinese_words_have_no_english_left(name: str) -> None:
    for key, text in TABLES[name].items():
        bare = FORMULA.sub("", re.sub(r"\[\[.*?\]\]|\{\w+\}|`.*?`", "", text.zh))
        bare = re.sub(r"（[^（）]*）", "", bare)
        left = set(re.findall(r"[A-Za-z]{2,}", re.sub(r"ln p\(|[pqz]\([^)]*\)", "", bare)))
        assert left <= LATIN, f"{key}: {left - LATIN}"


def test_a_line_breaks_neither_after_a_bracket_nor_before_a_mark_beside_a_formula() -> None:
    assert render("($x$), $y$。（$z$） a", {}) == (
        r"$\text{(}x\text{)}$, $y\text{\footnotesize 。}$"
        "\u200b"
        r"$\text{\footnotesize （}z\text{\footnotesize ）}$ a"
    )


@pytest.mark.parametrize("name", NAMES)
def test_formulas_take_their_words_from_the_table(name: str) -> None:
    for step in lesson(name).steps:
        assert not re.search(r"\\text\{[^}\[]*[a-z]{2}", step.formula), step.name


@pytest.mark.parametrize("name", NAMES)
def test_symbols_have_their_colours(name: str) -> None:
    for key, text in LESSONS[name].items():
        for written in text:
            for formula in FORMULA.findall(written):
                bare = uncoloured(formula)
                for symbol, macro in SYMBOLS.items():
                    assert not re.search(symbol, bare), f"{key}: {symbol} needs \\{macro}{{…}}"
                coloured = {m for m in MACROS if f"\\{m}{{q" in formula}
                assert coloured <= {"Q"}, key


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_described_without_markup(name: str) -> None:
    for key, text in LESSONS[name].items():
        for written in text if key.endswith("caption") else ():
            signs = {m[1] for f in FORMULA.findall(groups(written)) for m in SIGN.finditer(f)}
            assert signs <= SIGNS.keys() | {"frac"}, key
            assert not re.search(r"[$\\{}*`]|\[\[", spoken(written, defaultdict(float))), key


def test_formulas_are_spoken_in_unicode() -> None:
    text = r"The **gap** $\T{\mathrm{KL}(q_1\,\|\,p)} = -\frac12\Q{\sigma}^2$ is [[gap]]"
    assert spoken(text, {"gap": -1.0}) == "The gap KL(q₁‖p) = −1/2σ² is −1.00"


def uncoloured(formula: str) -> str:
    """A formula without the parts that stand inside a macro."""
    rest, depth, start = "", 0, re.compile(r"\\[" + "".join(MACROS) + r"]\{")
    place = 0
    while place < len(formula):
        found = start.match(formula, place)
        if not depth and found:
            depth, place = 1, found.end()
            continue
        if depth:
            depth += {"{": 1, "}": -1}.get(formula[place], 0)
        else:
            rest += formula[place]
        place += 1
    return rest


@pytest.mark.usefixtures("checked_figures")
@pytest.mark.parametrize("name", NAMES)
def test_every_step_is_drawn_at_both_ends_of_its_controls(name: str) -> None:
    found = lesson(name)
    assert found.words is LESSONS[name]
    drawn: list[tuple[View, str]] = []
    for view in views(found):
        picture = found.picture(view)
        drawn.append((view, picture.figure.to_json()))
        values = [v for v in picture.numbers.values() if not isinstance(v, str)]
        assert np.isfinite(values).all(), (view.step, view.values)
        step = next(s for s in found.steps if s.name == view.step)
        keys = (found.caption(step), f"{step.name}.title", f"{step.name}.text")
        for text in (*(found.words[key] for key in keys), Text(step.formula, step.formula)):
            numbers = {"nats": "nats", **picture.numbers}
            assert "[[" not in render(text.en, numbers)
            assert "[[" not in render(text.zh, numbers)
        if step.guess is not None:
            assert step.guess.answer in picture.numbers
    every_control_changes_the_picture(found, drawn)


def every_control_changes_the_picture(found: Lesson, drawn: list[tuple[View, str]]) -> None:
    for step in found.steps:
        if found.runs and step.name in found.runs.steps and not found.runs.has_own_example:
            continue  # no run
        of_step = [(v.values, picture) for v, picture in drawn if v.step == step.name]
        for name in step.controls:
            first = {k: value for k, value in of_step[0][0].items() if k != name}
            pictures = {picture for values, picture in of_step if first.items() <= values.items()}
            assert len(pictures) > 1, (step.name, name)


@pytest.mark.parametrize("name", NAMES)
def test_texts_between_two_interactions_are_short(name: str) -> None:
    for step in lesson(name).steps:
        text = lesson(name).words[f"{step.name}.text"]
        words = len(FORMULA.sub("x", text.en).split())
        assert words <= 130, f"{step.name}: {words} words"
        assert len(step.controls) <= 2 or step is lesson(name).steps[-1], step.name


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", NAMES)
def test_page_opens_at_its_last_step_and_its_first(
    name: str, language: str, root: Path, open_page: OpenPage
) -> None:
    total = len(lesson(name).steps)
    at = open_page(f"learn/{name}.py", lang=language, step=str(total))
    title = LESSONS[name]["title"]
    assert title[language == "zh"] in written(at)
    for _ in range(2):
        at.button(key="learn_back").click().run()
        assert not at.exception
    assert at.query_params["step"] == str(total - 2)
    assert at.query_params["lang"] == language


@pytest.mark.parametrize("name", NAMES)
def test_an_address_out_of_range_is_clamped_and_reported(
    name: str, root: Path, open_page: OpenPage
) -> None:
    found = lesson(name)
    wrong = {n: "1e8" if isinstance(c, Slider) else "<b>x" for n, c in found.controls.items()}
    at = open_page(f"learn/{name}.py", step="9" * 500, **wrong)
    assert len(at.warning) == 1
    assert all(n in at.warning[0].value for n in wrong)
    for n, control in found.controls.items():
        nearest = f"{control.high:g}" if isinstance(control, Slider) else None
        at_start = control.start == getattr(control, "high", control.start)
        assert at.query_params.get(n) == (None if at_start else nearest)


def test_quiz_off_hides_the_question(root: Path, open_page: OpenPage) -> None:
    asked = open_page("learn/bound.py", step="2")
    assert FRAME["guess"].en in written(asked)
    hidden = open_page("learn/bound.py", step="2", quiz="off")
    assert FRAME["guess"].en not in written(hidden)


def test_a_step_without_controls_blocks_no_later_movement(root: Path, open_page: OpenPage) -> None:
    """The browser counts anew after it, and the page takes movements with higher numbers only."""
    at = open_page("learn/gaps.py", step="5")
    moved = {"number": 3, "values": {"samples": "1"}}
    at.session_state["learn_controls_gaps"] = {"moved": moved}
    at.run()
    assert at.query_params["samples"] == "1"
    at.button(key="learn_back").click().run()
    at.session_state["learn_controls_gaps"] = {"moved": None}  # Streamlit drops it
    at.button(key="learn_next").click().run()
    sent = [json.loads(c.proto.json) for c in at.get("bidi_component") if c.proto.json]
    assert [data["number"] for data in sent if "number" in data] == [3]


def written(at: AppTest) -> str:
    return " ".join(element.value for element in at.markdown)


def test_the_language_lasts_in_the_browser(
    root: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts = [e.proto.body for e in open_page("learn/bound.py", lang="zh").get("html")]
    assert any("vae-lab-language=zh" in s and 'lang = "zh"' in s for s in scripts)
    kept = {"vae-lab-language": "zh"}
    monkeypatch.setattr(type(st.context), "cookies", property(lambda _: kept))
    assert LESSONS["bound"]["title"].zh in written(open_page("learn/bound.py"))
    assert LESSONS["bound"]["title"].en in written(open_page("learn/bound.py", lang="en"))
    kept["vae-lab-language"] = "<script>"
    assert LESSONS["bound"]["title"].en in written(open_page("learn/bound.py"))
