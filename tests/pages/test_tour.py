"""The tour: every step is on its page, also from the address, and the last one ends it."""

from pathlib import Path

import pytest

from tests.pages.conftest import OpenPage, trained
from vae.dashboard import server
from vae.dashboard.tour.steps import STEPS


def _banner(at) -> str:  # type: ignore[no-untyped-def]  # noqa: ANN001
    return " ".join(m.value for m in at.markdown if "Step" in m.value)


def test_every_step_is_shown_on_its_page_and_the_last_ends_the_tour(
    root: Path, open_page: OpenPage
) -> None:
    trained(root, "a-run")
    at = open_page("compare.py")
    at.button("tour_start").click().run()
    for number, step in enumerate(STEPS, 1):
        assert f"Step {number} of {len(STEPS)}" in _banner(at)
        assert f"**{step.title}.** {step.text}" in _banner(at)
        assert at.query_params["tour"] == str(number)
        assert at.button("tour_back").disabled == (number == 1)
        at.button("tour_next").click().run()
        assert not at.exception
    assert not _banner(at)
    assert "tour" not in at.query_params
    assert at.button("tour_start")


def test_the_settings_of_a_page_and_of_the_sidebar_survive_a_step(
    root: Path, open_page: OpenPage
) -> None:
    trained(root, "a-run")
    at = open_page("samples.py")
    at.number_input("generate_seed").set_value(7).run()
    at.number_input("set_latent_dim").set_value(5).run()
    at.button("tour_start").click().run()
    for _ in range(6):
        at.button("tour_next").click().run()
    assert at.number_input("generate_seed").value == 7
    assert at.number_input("set_latent_dim").value == 5


@pytest.mark.parametrize(
    ("given", "number"), [("3", 3), ("99", len(STEPS)), ("0", 1), ("²", None), ("9" * 5000, None)]
)
def test_an_address_opens_a_step(
    given: str, number: int | None, root: Path, open_page: OpenPage
) -> None:
    at = open_page("latent.py", tour=given)
    assert _banner(at).startswith(f":small[Step {number} of" if number else "")
    assert bool(_banner(at)) == (number is not None)


def test_every_step_has_a_page_and_a_short_text() -> None:
    for step in STEPS:
        assert (server.PAGES / step.page).exists()
        assert len(step.text) < 200
