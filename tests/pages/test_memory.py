"""The sidebar's settings come back from the browser; an unreadable cookie breaks nothing."""

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import OpenPage
from vae.components.schedules import SCHEDULES
from vae.config import RunConfig, fields
from vae.config.presets import PRESETS
from vae.dashboard.sidebar import memory

ODD = ("x", None, [], {}, "9" * 5000, 10**400, -1, 1e308, float("nan"), True, "warmup:nan")
ODD += ("warmup:-1", [1, "a"], "</script><img src=x>")


def open_with(open_page: OpenPage, patch: pytest.MonkeyPatch, text: str) -> AppTest:
    """Open a page in a browser with this cookie."""
    patch.setattr(memory, "cookie", lambda: text)
    return open_page("train.py")


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_survives_a_reload(
    preset: str, root: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = RunConfig.of(**PRESETS[preset].values | {"lr": 0.005, "batch_size": 65, "seed": 3})
    text = memory.write(config.model_dump(), preset)
    assert len(text) < memory.LONGEST
    at = open_with(open_page, monkeypatch, text)
    assert at.selectbox(key="preset").value == preset
    assert at.session_state["chosen"].config == config


def test_every_schedule_and_another_page_keep_their_settings(
    root: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, row in SCHEDULES.items():
        written = f"{name}:7" if row.takes_epochs else name
        found = memory.read(memory.write({"lr_schedule": written}, "2-D map"))
        usual = {"lr_schedule": "constant"} | (found or {})
        assert usual == {"lr_schedule": written, "preset": "2-D map"}
    at = open_with(open_page, monkeypatch, "")
    at.number_input("set_latent_dim").set_value(5).run()
    (script,) = (h.proto.body for h in at.sidebar.get("html") if "vaeLabKeeps" in h.proto.body)
    assert "latent_dim%22%3A5" in script


@pytest.mark.parametrize("text", ["", "%", "{", "[]", "1", "9" * 5000, quote("[" * 3000), "\x00"])
def test_without_a_readable_cookie_there_are_the_usual_settings(
    text: str, root: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert memory.read(text) is None
    if text in ("", "%"):
        usual = open_page("train.py").session_state["chosen"].config
        assert open_with(open_page, monkeypatch, text).session_state["chosen"].config == usual


@pytest.mark.parametrize("value", ODD)
def test_a_forged_cookie_breaks_nothing(
    value: object, root: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {field.name: value for field in fields() if field.name != "data"}
    at = open_with(open_page, monkeypatch, quote(json.dumps(given | {"preset": value, "a": 1})))
    assert at.button(key="train")
