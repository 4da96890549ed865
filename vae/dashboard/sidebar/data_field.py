"""The sidebar's field for the data: a data set by name, or a file by path or upload."""

import os
from typing import Any

import streamlit as st

from vae.base import visitors
from vae.base.options import Field
from vae.config import DEFAULTS
from vae.dashboard import server, uploads
from vae.dashboard.shared import address
from vae.dashboard.shared.address_values import same
from vae.dashboard.shared.setting_choices import setting_titles
from vae.dashboard.shared.widgets import choose
from vae.dashboard.sidebar import download, file_settings
from vae.data import DATASETS, save_upload
from vae.data.files import KINDS

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
        file_settings.begin(name)


def data_widget(field: Field, about: str) -> str:
    """Show the choice of the data and return a name or a path; `about` is the help."""
    titles = setting_titles(field) | {FILE: FILE}
    _take_link()
    name = str(choose(st, field.label, "set_data", titles, field.default, about))
    address.put(LINK, name if name in DATASETS and address.is_of(PAGE) else None)
    if name != FILE:
        download.offer(name)
        return name
    path = st.text_input(
        "Path",
        key="set_path",
        persist_state="session",
        placeholder="/data/examples.npz",
        help=f"A file on the machine that runs VAE Lab: {KINDS}. For a train-images file, the "
        "labels and the t10k files beside it are found automatically. The Data page shows how "
        "the file is read, and changes it.",
    )
    files = st.file_uploader(
        "Or upload",
        accept_multiple_files=True,
        max_upload_size=uploads.most_mb(),
        disabled=visitors.is_read_only(),
        key="set_upload",
        help="One file, or several that belong together: pictures, series, a training and a test "
        "table, parts of an array, examples and labels, or the files of MNIST's format.",
    )
    if files:
        return _uploaded(files)
    file_settings.belong_to(path.strip())
    file_settings.note_error(None)
    return _absolute(path.strip())


def _take_link() -> None:
    """Choose the data of a new address on the page that shows them."""
    if address.is_of(PAGE) and address.pending(LINK) is not None:
        name = address.take(LINK, same(DATASETS), chosen_data() or DEFAULTS["data"])
        choose_data(name)


def _absolute(path: str) -> str:
    """Return the absolute path: a worker may run in another folder."""
    found = os.path.expanduser(path)
    return os.path.abspath(found) if path and os.path.exists(found) else path


def _uploaded(files: list[Any]) -> str:
    """Store an upload once and return its path; the sidebar reports files that are not valid."""
    file_settings.belong_to(repr(sorted((f.name, f.size) for f in files)))
    contents = {f.name: f.getvalue() for f in files}
    try:
        path = str(save_upload(contents, server.ROOT, file_settings.current()))
    except (ValueError, OSError) as error:
        file_settings.note_error(error)
        return ""
    file_settings.note_error(None)
    return path
