"""The script that runs at every interaction: the page at the address, and the common parts of all
pages."""

from pathlib import Path

import streamlit as st

from vae.dashboard import login, navigation, plot
from vae.dashboard.first_paint import SIDEBAR
from vae.dashboard.learn import contents
from vae.dashboard.shared import address, errors, starting, widgets
from vae.dashboard.shared.current_run import sync_address
from vae.dashboard.shared.theme_css import shades
from vae.dashboard.sidebar.sidebar import sidebar, start
from vae.dashboard.tour.view import banner

STYLE = Path(__file__).with_name("style.css")

st.set_page_config(page_title="VAE Lab", layout="wide", initial_sidebar_state=SIDEBAR)
st.html(STYLE)
st.html(shades())
page = navigation.current_page()
login.require()
widgets.call_pressed()
navigation.row(page)
if contents.is_lesson(page):
    with address.page(page.title):
        contents.contents()
        page.run()
else:
    is_pressed = bool(st.session_state.get("train"))
    with starting.notice(is_pressed=is_pressed), address.page(page.title):
        sync_address()
        choice = sidebar()
        with st.sidebar:
            plot.warm()
            starting.watch_presses()
            login.offer_logout()
        banner()
        if choice.is_pressed:
            start(choice)
        with errors.as_sentences():
            page.run()
