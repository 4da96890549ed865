"""The converter of β: its table, its conversions, and the values that its buttons put into the
sidebar."""

import pytest
from streamlit.testing.v1 import AppTest

from vae.config.beta_conventions import CONVENTIONS

Given = dict[str, object]


def script() -> None:
    """A script with β and σ of the sidebar, and the converter."""
    import streamlit as st

    from vae.config import RunConfig
    from vae.dashboard.shared import widgets
    from vae.dashboard.sidebar.beta_converter import ledger
    from vae.data import load

    widgets.call_pressed()
    given = dict(st.session_state.given)
    for name in ("beta", "sigma"):
        if name in given:
            st.session_state.setdefault(f"set_{name}", given[name])
            given[name] = st.number_input(name, 0.0, 1000.0, key=f"set_{name}")
    config = RunConfig.of(**given)
    ledger(config, load(config.data, options=config.chosen("data")))


def opened(**given: object) -> AppTest:
    """Open the panel of the converter under a configuration."""
    at = AppTest.from_function(script, default_timeout=30)
    at.session_state["given"] = given
    at.session_state["ledger"] = True
    return fine(at.run())


def fine(at: AppTest) -> AppTest:
    assert not at.exception, [e.value for e in at.exception]
    return at


def text(at: AppTest) -> str:
    """Return all text on the page."""
    return " ".join(e.value for e in [*at.markdown, *at.caption]).replace("\\", "")


def titles(at: AppTest) -> list[str]:
    """Return the conventions in the table."""
    table = next(m.value for m in at.markdown if "| Value now |" in m.value)
    return [line.split(" | ")[0].strip("| ") for line in table.replace("\\", "").splitlines()[2:]]


def of_kind(kind: str) -> list[str]:
    return [row.title for row in CONVENTIONS.values() if kind in row.kinds]


def enter(at: AppTest, convention: str, value: float) -> AppTest:
    at.selectbox(key="ledger_convention").select(convention).run()
    return fine(at.number_input(key=f"ledger_value_{convention}").set_value(value).run())


def test_an_objective_without_beta_has_no_converter() -> None:
    at = opened(posterior="point", objective="reconstruction")
    assert len(at.main) == 0


def test_a_closed_panel_computes_nothing() -> None:
    at = AppTest.from_function(script, default_timeout=30)
    at.session_state["given"] = {"beta": 4.0}
    fine(at.run())
    assert text(at) == ""


def test_a_gaussian_with_fixed_sigma_has_known_conversions() -> None:
    at = opened(likelihood="gaussian", sigma=0.5, beta=4.0)
    assert titles(at) == of_kind("squared error")
    assert "| MSE | S / D + w · KL | w = **0.03125** |" in text(at)  # 4 · 2 · 0.25 / 64
    assert "| s = **1** |" in text(at)
    assert "D = 64, Z = 2, B = 64, N = 1,437, σ = 0.5" in text(at)
    assert "learned" not in text(at)


def test_a_cross_entropy_has_no_sigma() -> None:
    at = opened(likelihood="bernoulli", beta=4.0)
    assert titles(at) == of_kind("cross-entropy")
    assert "| w = **0.0625** |" in text(at)  # 4 / 64
    assert "σ" not in text(at)


def test_a_learned_sigma_has_no_fixed_conversion() -> None:
    at = opened(likelihood="gaussian-learned", beta=2.0)
    assert "there is no fixed conversion" in text(at)
    assert "| MSE | S / D + w · KL | w = **0.0625** |" in text(at)  # 2 · 2 / 64
    fine(at.number_input(key="ledger_sigma").set_value(0.5).run())
    assert "| MSE | S / D + w · KL | w = **0.01562** |" in text(at)
    assert [b.label for b in at.button][1:] == ["Set β = 128"]  # 64 / (2 · 0.25)


@pytest.mark.parametrize("likelihood", ["categorical", "logistic", "gaussian-per-dimension"])
def test_a_likelihood_without_squared_errors_has_a_note(likelihood: str) -> None:
    at = opened(likelihood=likelihood, beta=1.0)
    assert titles(at) == of_kind("other")
    assert f"does not apply to a {likelihood} likelihood" in text(at)


def test_beta_zero_and_a_schedule_are_shown() -> None:
    at = opened(beta=0.0, beta_schedule="warmup:20")
    assert "| λ = **∞** |" in text(at)
    assert "β follows warmup:20" in text(at)


GAUSSIAN = [n for n, row in CONVENTIONS.items() if "squared error" in row.kinds and n != "ours"]


@pytest.mark.parametrize("convention", GAUSSIAN)
def test_every_convention_can_be_converted(convention: str) -> None:
    at = enter(opened(likelihood="gaussian", sigma=0.5, beta=1.0), convention, 0.3)
    row = CONVENTIONS[convention]
    assert f"β = {row.rule} = **" in text(at)
    assert not at.error
    assert row.about in text(at)


def test_a_button_puts_the_value_of_a_paper_into_the_sidebar() -> None:
    at = enter(opened(likelihood="gaussian", sigma=0.5, beta=1.0), "mse", 0.1)
    assert "β = w D / (2σ²) = **12.8** at σ = 0.5" in text(at)  # 0.1 · 64 / (2 · 0.25)
    fine(at.button(key="ledger_set_beta").click().run())
    assert at.session_state["set_beta"] == pytest.approx(12.8)
    assert "**β = 12.8 elsewhere**" in text(at)
    assert "| w = **0.1** |" in text(at)


def test_beta_one_at_another_sigma_is_the_same_loss() -> None:
    at = enter(opened(likelihood="gaussian", sigma=0.5, beta=3.0), "mse", 0.1)
    fine(at.button(key="ledger_set_beta_sigma").click().run())
    assert at.session_state["set_beta"] == 1
    assert at.session_state["set_sigma"] == pytest.approx(3.2**0.5, rel=1e-5)  # σ² = w D / 2
    assert "| w = **0.1** |" in text(at)


def test_sizes_and_range_of_the_paper_change_the_conversion() -> None:
    at = enter(opened(likelihood="gaussian", sigma=0.5, beta=1.0), "mse", 0.1)
    fine(at.number_input(key="ledger_D_64").set_value(128).run())
    assert "= **25.6** at σ = 0.5" in text(at)
    fine(at.selectbox(key="ledger_range").select(2.0).run())
    assert "= **6.4** at σ = 1, which is 0.5 in the unit of x there" in text(at)
    fine(at.button(key="ledger_set_beta_sigma").click().run())
    assert at.session_state["set_sigma"] == pytest.approx(0.5 * 6.4**0.5, rel=1e-5)


def test_a_value_out_of_range_is_reported() -> None:
    at = enter(opened(likelihood="gaussian", sigma=0.1, beta=1.0), "mse", 1.0)
    assert at.button(key="ledger_set_beta").disabled  # 3200
    assert not at.button(key="ledger_set_beta_sigma").disabled
    assert "β goes from 0 to 1000 here." in text(at)


def test_a_weight_of_zero_is_refused() -> None:
    at = enter(opened(beta=1.0), "lambda", 0.0)
    assert "above 0" in at.error[0].value
    at = enter(opened(likelihood="gaussian", sigma=0.5, beta=1.0), "mse", 0.0)
    assert [b.label for b in at.button][1:] == ["Set β = 0"]


def test_an_unavailable_convention_is_replaced() -> None:
    """Another likelihood has other conventions, so the stored choice can be invalid."""
    at = enter(opened(likelihood="gaussian", sigma=0.5, beta=1.0), "mse", 0.1)
    at.session_state["given"] = {"likelihood": "bernoulli", "beta": 1.0}
    fine(at.run())
    assert titles(at) == of_kind("cross-entropy")


def test_vectors_have_no_choice_of_range() -> None:
    at = opened(data="mixture", likelihood="gaussian", sigma=0.5, beta=1.0)
    assert "ledger_range" not in [s.key for s in at.selectbox]
