"""A network in a file: its options are read from the text, and the text is never run for it."""

from pathlib import Path

import pytest

from tests.tables import each
from vae.base.options import options_of
from vae.components import network_code, network_file
from vae.components.network_file import declaration, is_file, stem, title
from vae.components.networks import ACTIVATIONS
from vae.config import RunConfig, fields
from vae.experiments.sweeps import changed

EXAMPLES = Path(__file__).parents[1] / "networks"
HEAD = """
import os
from typing import Annotated
from vae.base.options import Option
from vae.components.networks import Activation, Bodies
open(os.environ["MARKER"], "w").close()
"""
BODY = "event_shape, encoder_outputs, latent_dim, multiplicity"


def written(folder: Path, options: str = "", head: str = HEAD, name: str = "mine.py") -> str:
    """Write a file with one network, and return its place."""
    star = f", *, {options}" if options else ""
    (folder / name).write_text(f'{head}\n\ndef net({BODY}{star}):\n    """Mine. More."""\n')
    return f"{folder / name}:net"


@pytest.fixture
def marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the code of these networks would write."""
    monkeypatch.setenv("MARKER", str(tmp_path / "marker"))
    return tmp_path / "marker"


def test_options_are_settings_and_nothing_is_run(tmp_path: Path, marker: Path) -> None:
    options = 'width: Annotated[int, Option("Units.", 1, high=64, label="Width")] = 32, '
    options += 'sizes: Annotated[tuple[int, ...], Option("Sizes.", 1, 9)] = (2, 3), '
    options += 'rate: Annotated[float, Option("Rate.", 0.1, 2.0, log=True)] = 1, '
    options += 'kind: Annotated[str, Option("Kind.", choices=("a", "b"))] = "a", '
    options += 'activation: Activation = "silu"'
    network = network_code.choose(written(tmp_path, options))
    config = RunConfig.of(network=network, width="7", sizes="4,5", kind="b")
    assert config.chosen("network") == {
        "width": 7,
        "sizes": (4, 5),
        "rate": 1.0,
        "kind": "b",
        "activation": "silu",
    }
    known = {field.name: field for field in fields(network)}
    assert known["width"].label == "Width"
    assert known["activation"].option.choices == tuple(ACTIVATIONS)
    assert "channels" not in known
    assert {"hidden", "channels"} <= {field.name for field in fields()}
    assert RunConfig.of(**config.model_dump(mode="json")) == config
    assert (stem(network), title(network)[:15]) == ("net", "net of mine.py ")
    assert declaration(network).__doc__ == "Mine. More."
    assert not marker.exists()


@each(
    ("options", "why"),
    [
        ("width: int = 3", "option width: it has no description"),
        ("width=3", "option width: it has no description"),
        ('width: Annotated[int, Option("Units.")] = f()', "option width: it is not a literal"),
        ('width: Annotated[int, Option("Units.")]', "width must be a whole number"),
        ('width: Annotated[int, Option("Units.", 1, 9)] = 10', "width must be at most 9"),
        ("width: Annotated[int, Option(low=1)] = 3", "help, label and choices are texts"),
        ('width: Annotated[int, Option("Units.", f())] = 3', "it is not a literal"),
        ('width: Annotated[int, Option("Units.", live=True)] = 3', "has no live"),
        ('width: Annotated[list, Option("Units.")] = 3', "its type is one of int, float"),
        ('kind: Annotated[str, Option("Kind.")] = "a"', "a text needs choices"),
        ('kind: Annotated[str, Option("Kind.", choices=3)] = "a"', "choices are texts"),
        ('beta: Annotated[float, Option("Mine.")] = 1.0', "beta, which is another setting"),
    ],
)
def test_an_option_that_cannot_be_read_is_refused(
    tmp_path: Path, marker: Path, options: str, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        RunConfig.of(network=network_code.choose(written(tmp_path, options)))
    assert not marker.exists()


@each(
    ("place", "text", "why"),
    [
        ("mine.py", "def net(a, b, c, d): ...", r"Name the function of mine.py .* one of net"),
        ("mine.py:other", "def net(a, b, c, d): ...", "has no function other; it has net"),
        ("mine.py:net", "def net(a, b, c): ...", "net of mine.py takes event_shape"),
        ("mine.py:net", "def net(a, b, c, d, **k): ...", "net of mine.py takes event_shape"),
        ("mine.py:net", "x = (", r"mine.py, line 1: .*never closed"),
        ("mine.py:net", "\0", "mine.py"),
        ("mine.py:net", "import beside\ndef net(a, b, c, d): ...", "put everything into mine.py"),
        ("mine.py:net", "import parts.a\ndef net(a, b, c, d): ...", "put everything into"),
        ("mine.py:net", "from .x import y\ndef net(a, b, c, d): ...", "put everything into"),
        ("mine.py:net", "x = " + "(" * 5000, "mine.py"),
        ("mine.py:net", "#" * 2**18 + "##", "larger than 256 KB"),
        ("gone.py:net", "", r"Cannot read .*gone.py: No such file"),
        ("mine.txt:net", "", "Name a network in a file as FILE.py:FUNCTION|A network is in"),
        ("my net.py:net", "def net(a, b, c, d): ...", "Rename 'my net.py'"),
    ],
)
def test_a_file_without_a_network_is_refused(
    tmp_path: Path, place: str, text: str, why: str
) -> None:
    (tmp_path / "parts").mkdir(exist_ok=True)
    for name in ("beside.py", "parts/a.py"):
        (tmp_path / name).write_text("")
    if "gone" not in place:
        (tmp_path / place.partition(":")[0]).write_text(text)
    with pytest.raises(ValueError, match=why):
        network_code.choose(f"{tmp_path}/{place}")


def test_a_network_of_unknown_text_is_refused() -> None:
    value = f"mine.py:net@{'0' * 64}"
    assert is_file(value)
    with pytest.raises(ValueError, match="is not here"):
        RunConfig.of(network=value)
    for wrong in (
        "mine.py:net",
        value[:-1],
        f"../{value}",
        f"{value}\n",
        "mine.py:a-b@" + "0" * 64,
    ):
        assert not is_file(wrong)
        with pytest.raises(ValueError, match="Unknown network"):
            RunConfig.of(network=wrong)


def test_another_network_brings_its_options_and_drops_those_before() -> None:
    gated = network_code.choose(f"{EXAMPLES}/gated.py:gated")
    residual = network_code.choose(f"{EXAMPLES}/residual.py:residual")
    base = RunConfig.of(network=gated, width=7)
    assert changed(base, {"network": "mlp"}).chosen("network")["hidden"] == (256, 128)
    there = changed(base, {"network": residual})
    assert set(there.chosen("network")) == {"channels", "blocks", "activation"}
    assert changed(there, {"network": gated}).get("width") == 300
    assert (
        changed(RunConfig.of(network="conv", channels=(4,)), {"network": gated}).get("layers") == 2
    )


def test_the_examples_declare_all_their_options() -> None:
    """A function of an example has the options that are read from its text."""
    from tests.networks import gated, residual, transformer

    for module in (gated, residual, transformer):
        name = module.__name__.rpartition(".")[2]
        value = network_code.choose(f"{EXAMPLES}/{name}.py:{name}")
        specs = options_of(declaration(value))
        assert specs == options_of(getattr(module, name))
        assert network_file.recalled(value).value == value
