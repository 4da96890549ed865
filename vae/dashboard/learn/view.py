"""The page of a lesson: words, formula and controls at the left, the picture at the right."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st

from vae.base.foreign import markdown
from vae.base.numbers import fixed, percent
from vae.config import RunConfig
from vae.dashboard import plot, server
from vae.dashboard.learn import controls, language, outcomes, run_choice, state
from vae.dashboard.learn.contents import following
from vae.dashboard.learn.demonstration import Course, course, is_at_work
from vae.dashboard.learn.language import say
from vae.dashboard.learn.lesson import Lesson, Picture, Step, View
from vae.dashboard.learn.lessons import LESSONS
from vae.dashboard.learn.spoken import spoken
from vae.dashboard.learn.text import render, theme_style
from vae.dashboard.learn.words.frame import WORDS as FRAME
from vae.dashboard.plot.events import Click
from vae.dashboard.shared import stage
from vae.dashboard.shared.widgets import press
from vae.dashboard.sidebar.sidebar import prepare

FAR = 0.2  # of the width of the places, from which a click chooses none
AROUND = 240  # px of the window above the picture and for the caption below it
TICK = 0.5  # seconds between two pictures of a demonstration
_STYLE = Path(__file__).with_name("learn.css").read_text("utf-8")
_LECTERN = Path(__file__).with_name("lectern.css").read_text("utf-8")
_SCRIPTS = "\n".join(
    Path(__file__).with_name(name).read_text("utf-8") for name in ("light.js", "lectern.js")
)


def show(lesson: Lesson) -> None:
    """Show a lesson at the reader's place in it."""
    st.html(f"<style>{_STYLE.replace('__AROUND__', str(AROUND))}</style>")
    st.html(theme_style())
    state.enter(lesson)
    chosen = language.current()
    name = json.dumps(say(FRAME["formula"]))
    scripts = _SCRIPTS.replace("__NAME__", name)
    st.html(f"<script>{scripts}</script>", unsafe_allow_javascript=True)
    _header(lesson, chosen)
    every = TICK if is_at_work(_courses(lesson)) else None
    st.fragment(_body, run_every=every)(lesson, is_live=every is not None)


def _header(lesson: Lesson, chosen: str) -> None:
    number = list(LESSONS).index(lesson.name) + 1
    place = say(FRAME["place"]).format(number=number, total=len(LESSONS))
    with st.container(key="learn_header", horizontal=True, vertical_alignment="center"):
        st.markdown(f":small[:gray[{place}]] &nbsp; **{say(lesson.words['title'])}**")
        with st.container(key="learn_choices", horizontal=True, width="content"):
            picked = _languages(chosen)
            words = stage.Words(*(say(FRAME[f"stage.{part}"]) for part in stage.Words._fields))
            stage.stage((f"learn_picture_{lesson.name}",), words, _LECTERN)
    if picked is not None and picked != chosen:
        language.choose(picked)
        st.rerun()


def _languages(chosen: str) -> str | None:
    """Show the switch of the language, and return the choice."""
    return st.segmented_control(
        say(FRAME["language"]),
        list(language.LANGUAGES),
        format_func=language.LANGUAGES.__getitem__,
        default=chosen,
        key=f"learn_language_{chosen}",
        label_visibility="collapsed",
        width="content",
    )


def _body(lesson: Lesson, is_live: bool) -> None:
    place = state.current(lesson)
    has_moved = _merge(lesson, place)
    left, right = st.columns([5, 7], gap="medium")
    step = place.step_of(lesson)
    with right:
        picture = _picture(lesson, place)
        click = _drawn(lesson, place, step, picture)
    if click is not None and _taken(place, step, picture, click):
        st.rerun()
    with left:
        _words(lesson, place, step, picture)
    if picture.rest is not None and not has_moved:
        picture.rest.begin()
    state.write_address(lesson, place)
    if is_live and not is_at_work(_courses(lesson)):
        st.rerun()  # ends the timer


def _merge(lesson: Lesson, place: state.Place) -> bool:
    """Take the movement of a control; return whether it is a new one."""
    key = f"learn_controls_{lesson.name}"
    number, values = controls.moved(key, lesson.controls)
    if number <= place.merged:
        return False
    place.merged = number
    place.refused = []
    place.values |= values
    return True


def _is_asking(place: state.Place, step: Step) -> bool:
    return step.guess is not None and state.has_quiz() and step.name not in place.revealed


def _courses(lesson: Lesson) -> list[Course]:
    """Return the demonstrations of the present step, if the reader has started them."""
    place = state.current(lesson)
    configs = _configs(lesson, place)
    if not configs or not {c.model_dump_json() for c in configs} <= place.started:
        return []
    return [course(config) for config in configs]


def _outcomes(lesson: Lesson, place: state.Place) -> list[outcomes.Outcome]:
    """Return the outcomes of the demonstrations, the stored ones until the reader starts them."""
    courses = _courses(lesson)
    if not courses:
        return outcomes.stored(lesson.name, _configs(lesson, place))
    assert lesson.shows is not None
    return [outcomes.of_course(lesson.name, lesson.shows, course) for course in courses]


def _configs(lesson: Lesson, place: state.Place) -> list[RunConfig]:
    step = place.step_of(lesson)
    return [] if step.trains is None else list(step.trains(place.values))


def _picture(lesson: Lesson, place: state.Place) -> Picture:
    step = place.step_of(lesson)
    return lesson.picture(
        View(
            place.values,
            step.name,
            lambda key: say(lesson.words[key]),
            place.guesses.get(step.name) if state.has_quiz() else None,
            not _is_asking(place, step),
            _outcomes(lesson, place),
            run_choice.chosen(lesson, place, step),
        )
    )


def _drawn(lesson: Lesson, place: state.Place, step: Step, picture: Picture) -> Click | None:
    """Draw the picture; return a new click in it."""
    caption = lesson.caption(step)
    event = plot.plot(
        picture.figure,
        key=f"learn_picture_{lesson.name}",
        revision=f"{step.name}{place.run}",
        label=spoken(say(lesson.words[caption]), _numbers(picture)),
        height=lesson.height,
        around=AROUND,
        clickable=_is_asking(place, step) or bool(step.pick),
        aimed=_is_asking(place, step),
    )
    st.caption(_rendered(lesson, caption, picture))
    return event.click


def _taken(place: state.Place, step: Step, picture: Picture, click: Click) -> bool:
    """Take a click as the guess of the step or as its example; return whether it is a new one."""
    if step.guess is not None and _is_asking(place, step):
        guess = round(float(getattr(click, step.guess.axis)), step.guess.places)
        is_new = guess != place.guesses.get(step.name)
        place.guesses[step.name] = guess
        return is_new
    if not step.pick or picture.places is None:
        return False
    try:
        at = np.array([float(click.x), float(click.y)])
    except (TypeError, ValueError):
        return False  # on a bar
    distance = np.linalg.norm(picture.places - at, axis=1)
    if distance.min() > FAR * float(np.ptp(picture.places, axis=0).max()):
        return False
    number = float(distance.argmin()) + 1
    is_new = number != place.values[step.pick]
    place.values[step.pick] = number
    return is_new


def _rendered(lesson: Lesson, key: str, picture: Picture) -> str:
    return _coloured(say(lesson.words[key]), picture)


def _coloured(text: str, picture: Picture) -> str:
    return render(text, _numbers(picture))


def _numbers(picture: Picture) -> dict[str, float | str]:
    return {"nats": say(FRAME["nats"]), **picture.numbers}


def _words(lesson: Lesson, place: state.Place, step: Step, picture: Picture) -> None:
    if place.refused:
        names = ", ".join(place.refused)
        st.warning(say(FRAME["refused"]).format(names=names), icon=":material/info:")
    st.markdown(f"#### {_rendered(lesson, f'{step.name}.title', picture)}")
    if step.is_optional:
        st.caption(say(FRAME["optional"]))
    with st.container(key="learn_text"):
        st.markdown(_rendered(lesson, f"{step.name}.text", picture))
    if step.formula:
        st.latex(_coloured(step.formula, picture))
    if step.guess is not None and state.has_quiz():
        _question(lesson, place, step, picture)
    run_choice.choice(lesson, place, step)
    if step.controls and not run_choice.lacks_run(lesson, place, step):
        _controls(lesson, place, step, picture.rest is not None)
    if step.trains is not None:
        _training(lesson, place)
    _navigation(lesson, place)
    if place.step == len(lesson.steps):
        _ending(lesson)


def _controls(lesson: Lesson, place: state.Place, step: Step, is_open: bool) -> None:
    free = {name: lesson.controls[name] for name in step.controls}
    labels = {key: say(text) for key, text in lesson.words.items()}
    key = f"learn_controls_{lesson.name}"
    controls.show(key, free, place.values, labels, place.merged, is_open)


def _question(lesson: Lesson, place: state.Place, step: Step, picture: Picture) -> None:
    guess = place.guesses.get(step.name)
    if _is_asking(place, step):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f":violet[{say(FRAME['guess'])}]")
            reveal = partial(place.revealed.add, step.name)
            press(say(FRAME["show"]), "learn_show", reveal, disabled=guess is None)
    elif guess is not None and step.guess is not None:
        answer = float(picture.numbers[step.guess.answer])
        values = {"guess": guess, "answer": answer, "gap": abs(guess - answer)}
        written = {name: fixed(v, step.guess.places) for name, v in values.items()}
        st.markdown(f":violet[{say(FRAME['apart']).format(**written)}]")


def _training(lesson: Lesson, place: state.Place) -> None:
    """Show the button that starts the demonstrations of the step, or their progress."""
    courses = _courses(lesson)
    if not courses:
        names = [config.model_dump_json() for config in _configs(lesson, place)]
        press(say(FRAME["train"]), "learn_train", partial(place.started.update, names))
        _origin(_outcomes(lesson, place))
    elif is_at_work(courses):
        share = min(c.share for c in courses)
        st.progress(share, say(FRAME["training"]).format(percent=percent(share)))
    for problem in {c.problem for c in courses if c.problem}:
        st.error(markdown(problem))


def _origin(found: list[outcomes.Outcome]) -> None:
    """Say that the picture shows stored outcomes, and of which seed and length."""
    if found:
        config = found[0].config
        words = say(FRAME["stored"]).format(seed=config.seed, epochs=config.epochs)
        st.caption(words)


def _navigation(lesson: Lesson, place: state.Place) -> None:
    total, number = len(lesson.steps), place.step
    with st.container(key="learn_steps", horizontal=True, vertical_alignment="center"):
        back, forward = (partial(state.go, lesson, place, number + way) for way in (-1, 1))
        press(say(FRAME["back"]), "learn_back", back, disabled=number == 1)
        if number < total:
            press(say(FRAME["next"]), "learn_next", forward, type="primary")
        elif (after := following(lesson.name)) is not None:
            st.page_link(after, label=f"{say(FRAME['next_lesson'])} →")
        words = say(FRAME["step"]).format(number=number, total=total)
        st.markdown(f":small[:gray[{words}]]")


def _ending(lesson: Lesson) -> None:
    if lesson.run is not None:
        opens = st.button(say(FRAME["run"]), key="learn_run", help=say(FRAME["run_help"]))
        if opens:
            _open(lesson)
    with st.expander(f"{say(FRAME['check'])} · {say(FRAME['sources'])}"):
        st.code(lesson.check, language=None)
        st.markdown("\n".join(f"- {source}" for source in lesson.sources))


def _open(lesson: Lesson) -> None:
    """Fill the sidebar with the settings of the lesson and go to the Train page."""
    prepare(lesson.run or {})
    st.switch_page(server.PAGES / "train.py")
