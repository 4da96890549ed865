"""Errors of the machine on a page: a sentence in place of a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from vae.base import memory
from vae.base.foreign import markdown


@contextmanager
def as_sentences() -> Iterator[None]:
    """Show an exhausted memory inside the block as a sentence, after its release."""
    try:
        with memory.guarded():
            yield
    except memory.ExhaustedError as error:
        st.error(markdown(error))
