"""Data: the chosen data set, before a model is trained on it."""

import streamlit as st

from vae.dashboard.data import charts as pictures
from vae.dashboard.data.baselines import likelihoods
from vae.dashboard.data.view import STYLE, chosen, facts
from vae.dashboard.shared import html_grid

st.html(html_grid.STYLE)
st.html(STYLE)
shown = chosen()
with st.container(key="data_page"):
    with st.container(key="data_facts"):
        facts(shown)
    left, right = st.columns([58, 42], gap="medium")
    with left:
        asked = pictures.controls(shown)
        pictures.examples(shown, asked)
    with right:
        pictures.average(shown, asked)
        pictures.histogram(shown)
    left, right = st.columns([58, 42], gap="medium")
    with left:
        pictures.each_class(shown)
        pictures.factors(shown)
    with right if pictures.has_classes(shown) or shown.summary.factors else left:
        pictures.balance(shown)
    likelihoods(shown)
