"""A published data set in the sidebar: a download starts at a press only, and every failure has a
sentence."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pages.conftest import OpenPage, trained
from vae.base import files
from vae.base.visitors import READ_ONLY
from vae.dashboard.sidebar import download
from vae.data import SOURCES, DownloadError, load, online


@pytest.fixture(autouse=True)
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache without the files of a package."""
    monkeypatch.setenv("VAE_LAB_CACHE", str(tmp_path / "cache"))
    for name, source in SOURCES.items():
        monkeypatch.setitem(SOURCES, name, source._replace(installed=None))


def refuse(name: str, progress: Callable[[int, int], None]) -> None:
    raise DownloadError(f"{name} is not on this machine, and there is no network: connect.")


@pytest.mark.parametrize("name", SOURCES)
def test_a_choice_downloads_nothing(
    name: str, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vae.data.online.fetch", lambda *a, **k: pytest.fail("it asked"))
    at = open_page("train.py")
    at.selectbox(key="set_data").select(name).run()
    assert not at.exception
    assert f"{name} is not on this machine yet: press Download under Data" in at.info[0].value
    assert at.button(key="train").disabled
    size = sum(f.size for f in SOURCES[name].files) / 1e6
    assert at.button(key=f"download_{name}").label == f"Download {size:,.0f} MB"


def test_a_failed_download_has_a_sentence(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "download", refuse)
    at = open_page("train.py")
    at.selectbox(key="set_data").select("mnist").run()
    at.button(key="download_mnist").click().run()
    assert not at.exception
    assert any("there is no network: connect." in e.value for e in at.error)


def test_a_download_shows_its_progress_and_then_the_data(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []

    def fetched(name: str, progress: Callable[[int, int], None]) -> None:
        for done in (10, 20):
            progress(done * 10**6, 20 * 10**6)
            told.append((done, 20))
        monkeypatch.setattr(online, "on_disk", lambda name: True)
        monkeypatch.setattr("vae.data.loader.loaded", lambda request: load("digits"))

    monkeypatch.setattr(download, "download", fetched)
    at = open_page("train.py")
    at.selectbox(key="set_data").select("mnist").run()
    at.button(key="download_mnist").click().run()
    assert not at.exception
    assert told == [(10, 20), (20, 20)]
    assert not at.error
    assert not at.button(key="train").disabled


@pytest.mark.parametrize(
    "page", ["latent.py", "samples.py", "traversals.py", "reconstructions.py"]
)
def test_a_page_downloads_no_data_of_a_run(
    page: str, root: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A press on Download alone opens a connection."""
    run = trained(root, "a-run")
    head = files.read_json(run.path / "config.json")
    head["config"]["data"] = "mnist"
    files.write_json(run.path / "config.json", head)
    asked: list[Path] = []
    monkeypatch.setattr(online, "fetch", lambda path, *a, **k: asked.append(path))
    at = open_page(page, run="a-run")
    assert not at.exception
    texts = " ".join(e.value for e in (*at.error, *at.markdown, *at.info))
    assert "mnist is not on this machine yet: press Download" in texts
    assert not asked


def test_a_read_only_server_does_not_ask_to_download(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(READ_ONLY, "1")
    at = open_page("data.py", data="mnist")
    assert "mnist is not on this machine yet: choose other data." in at.info[0].value
