"""Words from files are text on every page: no chart and no Markdown has them as markup."""

import json
import re
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import OpenPage, trained
from vae.recorder import Recorder
from vae.runs import Run, notes

WORD = "var(--q)Qx<b>-Zq</b>![p](http://h.example/p)<a href='http://h.example/a'>"
TAG = re.compile(r"(?<!\\)<(?:b>-Z|a href='http|img src)")  # raw: not escaped
PICTURE = re.compile(r"!\[p\]")
OF_RUNS = ("train", "latent", "traversals", "reconstructions", "samples", "replay", "evaluate")


def table(root: Path) -> Run:
    """A mixed table whose columns, categories and classes are hostile."""
    rows = [f"{k / 7:.2f},{k * k % 11},{WORD} {k % 3},{WORD} {k % 2}" for k in range(60)]
    header = f"{WORD} height,{WORD} visits,{WORD} city,label"
    path = root / "<img src=x>.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    settings = {"data_label": "label", "latent_dim": 2, "epochs": 1, "batch_size": 16}
    return trained(root / "runs", "table", data=str(path), likelihood="mixed", **settings)


def pictures(root: Path) -> Run:
    """Pictures whose classes and factors are hostile; three latents."""
    x = np.random.default_rng(0).integers(0, 255, (60, 1, 8, 8)).astype(np.uint8)
    labels = np.array([f"{WORD} {k % 3}" for k in range(60)])
    factors = {f"factor_{WORD[:9]}": np.arange(60.0)}
    np.savez(root / "pictures.npz", x=x, labels=labels, **factors)
    settings = {"latent_dim": 3, "epochs": 1, "batch_size": 16, "examples": 60}
    return trained(root / "runs", "pictures", data=str(root / "pictures.npz"), **settings)


def vectors(root: Path) -> Run:
    """Two columns of numbers, which are a plane."""
    rows = [f"{np.sin(k):.3f},{np.cos(k):.3f}" for k in range(60)]
    (root / "plane.csv").write_text("\n".join([f"{WORD} x,{WORD} y", *rows]) + "\n")
    settings = {"latent_dim": 2, "epochs": 1, "batch_size": 16, "likelihood": "gaussian"}
    return trained(root / "runs", "vectors", data=str(root / "plane.csv"), **settings)


def series(root: Path) -> Run:
    """A recorded run of series whose channels, classes and data are hostile, and its message."""
    x = np.random.default_rng(0).normal(size=(6, 40, 2)).astype(np.float32)
    about: dict[str, Any] = {"layout": "series", "channels": (f"{WORD} l", f"{WORD} r")}
    with Recorder("series", likelihood="gaussian", data=WORD, root=root / "runs", **about) as r:
        for epoch in (1, 2):
            r.log(epoch, "val", reconstruction=900.0 - epoch, kl_per_dimension=np.ones(3))
            names = [f"{WORD} {k % 3}" for k in range(40)]
            r.latents(epoch, np.eye(40, 3) + epoch, np.zeros((40, 3)), labels=names)
            r.pictures(epoch, x, 0.9 * x, x[:3])
    return Run(root / "runs" / "series")


RUNS = {make.__name__: make for make in (table, pictures, vectors, series)}
QUICK = {
    ("table", "compare"),
    ("pictures", "latent"),
    ("vectors", "reconstructions"),
    ("vectors", "samples"),
    ("series", "train"),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_all(tmp_path_factory.mktemp("foreign"))


def make_all(root: Path) -> Path:
    """Create every run, with hostile notes and a hostile message; return the folder of runs."""
    for make in RUNS.values():
        run = make(root)
        notes.change(run.path, title=WORD[:60], tags=(WORD[:20],), notes=WORD)
        run.set_status(message=WORD)
    return root / "runs"


def texts(value: Any) -> list[str]:
    """Every text in a nested value; not that of points whose card is drawn as text."""
    if isinstance(value, dict) and value.get("hoverinfo") == "none":
        value = {k: v for k, v in value.items() if k not in ("text", "customdata")}
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in texts(each)]


def charts(at: AppTest) -> list[str]:
    """The texts of every chart, where Plotly reads tags."""
    found = []
    for component in at.get("bidi_component"):
        content = component.proto.bytes or component.proto.json.encode()
        start = content.find(b"{")
        message, _ = json.JSONDecoder().raw_decode(content[start:].decode("utf-8", "replace"))
        found += texts(message.get("figure", {}))
    return found


def bodies(at: AppTest) -> list[str]:
    alerts = [*at.error, *at.warning, *at.info, *at.success, *at.toast]
    return [each.value for each in (*at.markdown, *at.caption, *at.subheader, *at.title, *alerts)]


@pytest.mark.parametrize(
    ("name", "page"),
    [
        pytest.param(*pair, marks=[] if pair in QUICK else pytest.mark.long)
        for pair in product(RUNS, (*OF_RUNS, "data", "compare"))
    ],
)
def test_words_from_files_are_text(
    name: str, page: str, runs: Path, root: Path, open_page: OpenPage
) -> None:
    root.rmdir()
    root.symlink_to(runs)
    at = open_page(f"{page}.py", run=name, runs=name)
    assert not at.exception
    drawn, written = charts(at), bodies(at)
    assert not [text[:200] for text in (*drawn, *written) if TAG.search(text)]
    assert not [text[:200] for text in written if PICTURE.search(text)]
