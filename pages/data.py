"""Data: the chosen data set, before a model is trained on it."""

import streamlit as st

from vae.dashboard.data import charts as pictures
from vae.dashboard.data.baselines import likelihoods
from vae.dashboard.data.reading import reading, remedy
from vae.dashboard.data.view import STYLE, chosen, facts, missing
from vae.dashboard.shared import html_grid

st.html(html_grid.STYLE)
st.html(STYLE)
view = chosen(remedy)
with st.container(key="data_page"):
    with st.container(key="data_facts"):
        facts(view)
    left, right = st.columns([58, 42], gap="medium")
    with left:
        request = pictures.controls(view)
        pictures.examples(view, request)
    with right:
        reading(view)
        pictures.average(view, request)
        pictures.histogram(view)
        missing(view.summary)
    left, right = st.columns([58, 42], gap="medium")
    with left:
        pictures.each_class(view)
        pictures.factors(view)
    with right if pictures.has_classes(view) or view.summary.factors else left:
        pictures.balance(view)
    likelihoods(view)
