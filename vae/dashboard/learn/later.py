"""Slow numbers of a picture: a thread computes them while the page shows the rest of it.

A session waits for one of them at a time: with the next movement of a control it no longer wants
the last one. All sessions share the results.
"""

from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from time import sleep
from typing import TypeVar

import streamlit as st

LOOK = 0.05  # seconds between two looks at whether a result is there
T = TypeVar("T")


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "lesson")


def compute(kind: str, key: Hashable, work: Callable[[], T]) -> Future[T]:
    """Return the result of `work`, which may still be computed; the same one for the same key."""
    found = _started(kind, key, work)
    if found.cancelled() or (found.done() and found.exception() is not None):
        _started.clear(kind, key, work)
        found = _started(kind, key, work)
    name = f"later_{kind}"
    last = st.session_state.get(name)
    if last is not None and last is not found:
        last.cancel()  # no effect once it has begun
    st.session_state[name] = found
    return found


@st.cache_resource(max_entries=256, show_spinner=False)
def _started(kind: str, key: Hashable, _work: Callable[[], T]) -> Future[T]:
    return _pool().submit(_work)


def wait(result: Future[T]) -> None:
    """Wait for a result; the next movement of a control ends the waiting."""
    place = st.empty()
    while not result.done():
        sleep(LOOK)
        place.empty()  # here Streamlit stops a script that is to run again
