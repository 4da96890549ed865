"""The language of the lessons: in the address, else of this session, else as chosen before in this
browser, else that of the browser itself.
"""

import streamlit as st

from vae.dashboard.learn.lesson import Text
from vae.dashboard.shared import address

LANGUAGES = {"en": "English", "zh": "中文"}
_LANGUAGE = "lang"  # of the session and of the address
_COOKIE = "vae-lab-language"
_YEAR = 365 * 24 * 3600  # seconds


def current() -> str:
    """Return "en" or "zh", and write it into the address."""
    state, cookie = st.session_state.get(_LANGUAGE), st.context.cookies.get(_COOKIE)
    wishes = ((address.take_texts([_LANGUAGE]) or {}).get(_LANGUAGE), state, cookie)
    given = next((wish for wish in wishes if wish in LANGUAGES), None) or _of_browser()
    choose(given)
    return given


def _of_browser() -> str:
    return "zh" if (st.context.locale or "").lower().startswith("zh") else "en"


def keep() -> None:
    """Let the browser keep the language of the lessons."""
    language = st.session_state[_LANGUAGE]
    cookie = f"{_COOKIE}={language}; path=/; max-age={_YEAR}; samesite=strict"
    _run(f'document.cookie = "{cookie}"; document.documentElement.lang = "{language}";')


def mark_english() -> None:
    """Tell screen readers that the page is in English, after a lesson in another language."""
    _run('document.documentElement.lang = "en";')


def _run(script: str) -> None:
    st.html(f"<script>{script}</script>", unsafe_allow_javascript=True)


def choose(language: str) -> None:
    """Use this language from now on."""
    st.session_state[_LANGUAGE] = language
    address.put(_LANGUAGE, language)


def say(text: Text) -> str:
    """Return a text in the current language."""
    return text.zh if st.session_state.get(_LANGUAGE) == "zh" else text.en
