"""Plotly checks every property of the figures of these tests."""

import pytest


@pytest.fixture(autouse=True)
def checked(checked_figures: None) -> None:
    """Let Plotly refuse a property that it does not know."""
