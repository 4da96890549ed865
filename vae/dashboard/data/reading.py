"""How the user's file is read: each guess with its reason and a control, and the rest."""

from html import escape

import streamlit as st

from vae.base.foreign import markdown
from vae.base.options import options_of
from vae.dashboard.data.view import DataView
from vae.dashboard.shared import widgets
from vae.dashboard.shared.remedies import Remedy
from vae.dashboard.sidebar import file_settings
from vae.dashboard.sidebar.choice import Choice
from vae.data import DATASETS, Description
from vae.data.column_kinds import unseen_names
from vae.data.description import AUTO, Guess, joined, listed

ABOUT = (
    "Guesses with their reasons. A change reads the file again. A run records the settings, so "
    "that it reads the file in the same way."
)
LISTS = ("data_factors", "data_ignore")  # settings of several columns


def reading(view: DataView) -> None:
    """Show the guesses on a user's file; nothing for a named data set."""
    found = view.data.reading
    if found is None or view.config.data in DATASETS or not found.guesses:
        return
    st.markdown("**How the file is read**", help=ABOUT)
    with st.container(key="data_reading"):
        for guess in found.guesses:
            _row(guess)
        unseen = unseen_names(view.data, view.config.divide(view.data).train)
        for line in filter(None, (*found.left_lines, *found.notes, unseen)):
            st.caption(markdown(line))
    _offer_guesses()


def remedy(choice: Choice) -> Remedy | None:
    """Return the controls that mend a file which cannot be read as it is."""
    changed = any(value != AUTO for value in file_settings.current().values())
    if choice.offer is None and not changed:
        return None

    def mend() -> None:
        if choice.offer is not None:
            _row(Guess(choice.offer.setting, AUTO, "", choice.offer.choices))
        _offer_guesses()

    return mend


def _row(guess: Guess) -> None:
    """Show a setting: its name, its value in a control, and the reason."""
    option = options_of(Description)[guess.setting].option
    left, middle, right = st.columns([20, 40, 40], vertical_alignment="center", gap="small")
    left.html(f'<span class="vae-setting" title="{escape(option.help)}">{option.label}</span>')
    key, value = f"reading_{guess.setting}", file_settings.current()[guess.setting]

    def put(chosen: str | list[str]) -> None:
        text = joined(chosen) if isinstance(chosen, list) else chosen.strip() or AUTO
        file_settings.put(guess.setting, text)

    if guess.setting in LISTS:
        names = listed(guess.value if value == AUTO else value)
        options = list(dict.fromkeys([*guess.choices, *names]))
        widgets.choose_some(middle, option.label, key, options, names, put)
    elif guess.choices:
        titles = {AUTO: f"auto · {guess.value}" if guess.value != AUTO else "choose"}
        titles |= {one: one for one in (*guess.choices, guess.value, value) if one != AUTO}
        st.session_state[key] = value
        widgets.choose(middle, option.label, key, titles, AUTO, option.help, True, act=put)
    else:
        widgets.typed(middle, option.label, key, value, guess.value, put)
    right.caption(markdown(guess.why))


def _offer_guesses() -> None:
    """Offer to drop the settings made by hand, if there are any."""
    if any(value != AUTO for value in file_settings.current().values()):
        widgets.press(
            "Guess again", "reading_reset", file_settings.forget, "Drop the settings made by hand."
        )
