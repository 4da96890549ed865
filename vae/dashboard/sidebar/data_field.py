"""The sidebar's field for the data: a data set by name, or a file by path or upload."""

import os
from typing import Any

import streamlit as st

from vae.base.options import Field, first_row
from vae.components.likelihoods import LIKELIHOODS
from vae.config import DEFAULTS
from vae.config.rules import is_in_support
from vae.dashboard import server
from vae.dashboard.shared import address
from vae.dashboard.shared.address_values import same
from vae.dashboard.shared.setting_choices import setting_titles
from vae.dashboard.shared.widgets import choose
from vae.dashboard.sidebar import download
from vae.data import DATASETS, OFFLINE, load, save_upload

FILE = "a file of your own"
LINK, PAGE = "data", "Data"  # parameter of the address, on this page


def chosen_data() -> str | None:
    """Return the chosen name, or `FILE`; None before the field is drawn for the first time."""
    name: str | None = st.session_state.get("set_data")
    return name


def choose_data(name: str) -> None:
    """Put a name, `FILE` or a path into the field, before it is drawn."""
    is_path = name not in DATASETS and name != FILE
    st.session_state["set_data"] = FILE if is_path else name
    if is_path:
        st.session_state["set_path"] = name


def data_widget(field: Field, about: str) -> str:
    """Show the choice of the data and return a name or a path; `about` is the help."""
    titles = setting_titles(field) | {FILE: FILE}
    _take_link()
    name = str(
        choose(st, field.label, "set_data", titles, field.default, about, act=_suit_likelihood)
    )
    address.put(LINK, name if name in DATASETS and address.is_of(PAGE) else None)
    if name != FILE:
        download.offer(name)
        return name
    path = st.text_input(
        "Path",
        key="set_path",
        persist_state="session",
        placeholder="/data/train-images-idx3-ubyte.gz",
        help="A file on the machine that runs VAE Lab: .npz, .npy, .csv, .parquet or IDX, or a "
        "folder or .zip of pictures, whose subfolders are the classes. For a train-images file, "
        "the labels and the t10k files beside it are found automatically.",
    )
    files = st.file_uploader(
        "Or upload",
        accept_multiple_files=True,
        key="set_upload",
        help="Images N×H×W, N×H×W×C, N×C×H×W or vectors N×D, with labels if there are any. "
        "For IDX, upload the images file and, optionally, its labels file.",
    )
    return _uploaded(files) if files else _absolute(path.strip())


def _take_link() -> None:
    """Choose the data of a new address on the page that shows them."""
    if address.is_of(PAGE) and address.pending(LINK) is not None:
        name = address.take(LINK, same(DATASETS), chosen_data() or DEFAULTS["data"])
        choose_data(name)
        _suit_likelihood(name)


def _absolute(path: str) -> str:
    """Return the absolute path: a worker may run in another folder."""
    found = os.path.expanduser(path)
    return os.path.abspath(found) if path and os.path.exists(found) else path


def _suit_likelihood(name: str) -> None:
    """Choose a likelihood of real values for data with values outside [0, 1]."""
    chosen = st.session_state.get("set_likelihood", DEFAULTS["likelihood"])
    if name in OFFLINE and not is_in_support(load(name, examples=20), chosen):
        suitable = first_row(LIKELIHOODS, support="real", noise="learned")
        st.session_state.set_likelihood = suitable
        st.toast(f"{name} holds real values: the likelihood is now {suitable}.")


def _uploaded(files: list[Any]) -> str:
    """Store an upload once and return its path; the sidebar reports files that are not valid."""
    labels = [f for f in files if "labels" in f.name]
    main = [f for f in files if f not in labels] or labels
    extra = labels[0].getvalue() if labels and labels[0] is not main[0] else None
    try:
        return str(save_upload(main[0].name, main[0].getvalue(), server.ROOT, extra))
    except (ValueError, OSError) as error:
        st.error(str(error))
        return ""
