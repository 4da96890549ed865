"""Slow numbers of a picture: a thread computes them while the page shows the rest of it.

The page begins the work when its control rests: one in motion has the processor for itself. The
browser asks for the page again until the result is there (controls.js), because a script that
waits would delay the next movement. All sessions share the results.
"""

import os
import sys
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from threading import get_native_id
from typing import Generic, TypeVar

import streamlit as st

NICE = 10  # priority of the thread below that of the pages, on Linux
T = TypeVar("T")


class Later(Generic[T]):
    """The result of a function that has perhaps not been called yet."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._future: Future[T] | None = None

    @property
    def value(self) -> T | None:
        """The result; None while it is missing. An error is raised once, then the work can begin
        again."""
        if self._future is None or not self._future.done():
            return None
        future = self._future
        if future.exception() is not None:
            self._future = None
        return future.result()

    def begin(self) -> None:
        """Let the thread call the function, if it does not do so already."""
        if self._future is None:
            self._future = _pool().submit(self._work)


@st.cache_resource(max_entries=256, show_spinner=False)
def later(kind: str, key: Hashable, _work: Callable[[], T]) -> Later[T]:
    """Return the result of `work`, which may be missing; the same one for the same key."""
    return Later(_work)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "lesson", _yield_to_pages)


def _yield_to_pages() -> None:
    if sys.platform == "linux":  # elsewhere a thread has no priority of its own
        os.setpriority(os.PRIO_PROCESS, get_native_id(), NICE)
