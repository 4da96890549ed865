"""A network in a file on the pages: its options are fields; no page runs code from elsewhere."""

import json
from pathlib import Path

import pytest

from tests.pages.conftest import OpenPage
from tests.runs.test_network_code import PAYLOAD, archive, marker, place  # noqa: F401
from vae.base import permission
from vae.components import network_code
from vae.config import RunConfig
from vae.dashboard.sidebar import memory
from vae.dashboard.sidebar.network_field import FILE
from vae.runs import Run, listing
from vae.runs.importer import unpack


@pytest.fixture
def imported(root: Path, archive: bytes) -> Run:  # noqa: F811
    return unpack(root, archive)[0].run


@pytest.mark.parametrize(
    "file", ["train.py", "latent.py", "samples.py", "evaluate.py", "replay.py"]
)
def test_no_page_runs_the_code_of_an_imported_run(
    file: str,
    imported: Run,
    open_page: OpenPage,
    marker: Path,  # noqa: F811
) -> None:
    """With the permission, too, and with the network in the address."""
    with permission.allowing():
        at = open_page(file, box=True, run=imported.name, network=imported.settings["network"])
    texts = [f"{code.value}\n" for code in at.code]
    if file in ("train.py", "latent.py", "samples.py"):
        assert texts == [PAYLOAD]
    if file in ("latent.py", "samples.py"):
        assert "code from elsewhere" in " ".join(m.value for m in at.markdown)
    assert at.selectbox(key="set_network").value == "mlp"
    assert not marker.exists()


def test_an_address_or_a_cookie_chooses_no_file(
    root: Path,
    place: str,  # noqa: F811
    open_page: OpenPage,
    marker: Path,  # noqa: F811
) -> None:
    network = RunConfig.of(network=network_code.choose(place)).network
    network_code._chosen.clear()
    with permission.allowing():
        for value in (place, network, "../payload.py:net"):
            at = open_page(
                "train.py", True, network=value, set_network=value, set_network_place=value
            )
            assert at.selectbox(key="set_network").value == "mlp"
            read = memory.read(json.dumps({"network": value, "width": 4, "beta": 2.0}))
            assert read == {"beta": 2.0}
    assert not marker.exists()


def test_the_sidebar_offers_the_options_and_refuses_to_run(
    root: Path,
    place: str,  # noqa: F811
    open_page: OpenPage,
    marker: Path,  # noqa: F811
) -> None:
    at = open_page("train.py", box=True)
    at.selectbox(key="set_network").select(FILE).run()
    assert "give the path of a file" in " ".join(info.value for info in at.info)
    at.text_input(key="set_network_place").set_value(place).run()
    assert at.number_input(key="set_width").value == 8
    assert "VAE\\_LAB\\_ALLOW\\_CODE=1" in " ".join(e.value for e in at.error).replace(
        "VAE_LAB_ALLOW_CODE", "VAE\\_LAB\\_ALLOW\\_CODE"
    )
    assert at.button(key="train").disabled
    assert not marker.exists()
    with permission.allowing():
        at.number_input(key="set_width").set_value(5).run()
        assert not at.error
        assert marker.exists()
        at.button(key="train").click().run()
        assert not at.exception
        [run] = listing(root)
        assert run.config.chosen("network") == {"width": 5}
        assert (run.path / "network.py").read_text() == PAYLOAD
        again = memory.read(memory.write(run.config.model_dump(), "2-D map"))
        assert again is not None
        assert (again["network"], again["width"]) == (run.config.network, 5)
    at.text_input(key="set_network_place").set_value("/nowhere/mine.py:net").run()
    assert "Cannot read /nowhere/mine.py" in " ".join(e.value for e in at.error)


def test_a_sweep_page_offers_the_options_of_the_file(
    root: Path,
    place: str,  # noqa: F811
    open_page: OpenPage,
) -> None:
    with permission.allowing():
        at = open_page("sweep.py", box=True)
        at.selectbox(key="set_network").select(FILE).run()
        at.text_input(key="set_network_place").set_value(place).run()
        assert not at.exception
        at.selectbox(key="sweep_first").select("width").run()
        assert not at.exception
        at.selectbox(key="sweep_first").select("network").run()
        assert not at.exception
