"""The language of the lessons: in the address, else of this session, else of the browser."""

import streamlit as st

from vae.dashboard.learn.lesson import Text

LANGUAGES = {"en": "English", "zh": "中文"}
_LANGUAGE = "lang"  # of the session and of the address


def current() -> str:
    """Return "en" or "zh", and write it into the address."""
    given = st.query_params.get(_LANGUAGE) or st.session_state.get(_LANGUAGE)
    if given not in LANGUAGES:
        given = "zh" if (st.context.locale or "").lower().startswith("zh") else "en"
    choose(given)
    return given


def choose(language: str) -> None:
    """Use this language from now on."""
    st.session_state[_LANGUAGE] = st.query_params[_LANGUAGE] = language


def say(text: Text) -> str:
    """Return a text in the current language."""
    return text.zh if st.session_state.get(_LANGUAGE) == "zh" else text.en
