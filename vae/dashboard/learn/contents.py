"""The table of contents in the sidebar of the Learn pages, in place of the settings."""

from pathlib import Path

import streamlit as st

from vae.dashboard import plot, server
from vae.dashboard.learn import language
from vae.dashboard.learn.language import say
from vae.dashboard.learn.lessons import LESSONS
from vae.dashboard.learn.words.frame import WORDS

FOLDER = server.PAGES / "learn"


def is_lesson(page: st.Page) -> bool:
    """Whether a page of the navigation is a lesson."""
    return page.url_path in LESSONS


def following(name: str) -> Path | None:
    """Return the file of the next lesson; None after the last."""
    names = list(LESSONS)
    after = names[names.index(name) + 1 :]
    return FOLDER / f"{after[0]}.py" if after else None


def contents() -> None:
    """Show the lessons in the sidebar."""
    language.current()
    with st.sidebar:
        plot.warm()
        language.keep()
    with st.sidebar, st.container(key="learn_contents", gap=None):
        st.markdown(f"**{say(WORDS['menu'])}**")
        for number, (name, words) in enumerate(LESSONS.items(), 1):
            st.page_link(FOLDER / f"{name}.py", label=f"{number} · {say(words['title'])}")
