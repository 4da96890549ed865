"""The Reconstructions page: pictures and numbers are the model's for the examples on the page."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import PAGES, OpenPage, trained
from tests.tables import each
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.ranking import ORDERS, BoundTerms, percent
from vae.base.numbers import fixed
from vae.base.records import Floats
from vae.components.terms import kl_per_dimension, reconstruction_error
from vae.dashboard.reconstructions.common import (
    ANY,
    ReconstructionRequest,
    score_split,
    select,
    summary,
)
from vae.dashboard.shared import html_grid
from vae.imaging import tiles

KINDS = {
    "two latents": {},
    "colourless moons": {"data": "moon-phases", "examples": 300, "size": 9},
    "points": {"data": "mixture", "likelihood": "gaussian-learned"},
    "plain": {"posterior": "point", "objective": "reconstruction"},
    "nothing held out": {"val_share": 0.0, "test_share": 0.0},
}
REQUEST = ReconstructionRequest("best", "val", "random", ANY, 8, "mean", 0)


def body(at: AppTest) -> str:
    return " ".join(e.proto.body for e in at.get("html"))


def stacks(at: AppTest) -> list[np.ndarray]:
    """Return the pictures of the cards, (3 h + 2, w, 3) each."""
    found = re.findall(r'<figure.*?base64,([^"]+)', body(at))
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(p))).convert("RGB")) for p in found]


def numbers(at: AppTest) -> list[list[str]]:
    """Return class, reconstruction, KL and percentile of surprise below each card."""
    captions = re.findall(r"<figcaption.*?</figcaption>", body(at))
    return [re.findall(r">([^<>]+)<", caption) for caption in captions]


def exact(loaded: LoadedRun, rows: np.ndarray) -> tuple[Floats, Floats, Floats, Floats]:
    """Return x, E[x|z], −ln p(x|z) and the KL of rows at the mean of q, from the model alone."""
    x = torch.from_numpy(loaded.data.x[rows] / np.float32(loaded.data.scale))
    with torch.no_grad():
        out = loaded.model(x, 0)
        error, kl = reconstruction_error(out)[0], kl_per_dimension(out).sum(1)
        return x.numpy(), out.px.mean[0].numpy(), error.numpy(), kl.numpy()


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_opens_for_every_kind_of_run(kind: str, root: Path, open_page: OpenPage) -> None:
    trained(root, "a-run", **KINDS[kind])
    at = open_page("reconstructions.py")
    words = " ".join(m.value for m in at.markdown)
    assert re.search(r"\*\*24 of [\d,]+\*\* (test|train) examples", words)
    assert (len(stacks(at)) == 24) == (kind != "points")
    assert ("not defined" in words) == (kind == "plain")
    if kind == "points":
        assert len(at.dataframe[0].value) == 24
        assert at.get("bidi_component")


HOLES = {"data": "mixture", "examples": 200, "likelihood": "gaussian", "hide_share": 0.2}


def test_missing_values_are_filled_in(root: Path, open_page: OpenPage) -> None:
    trained(root, "a-run", **HOLES)
    at = open_page("reconstructions.py", view="Missing values")
    (words,) = [m.value for m in at.markdown if "not observed" in m.value]
    columns, examples = (frame.value for frame in at.dataframe)
    assert f"**{columns['missing'].sum()} values**" in words
    assert f"at the {columns['hidden'].sum()} hidden ones" in words
    cells = examples.drop(columns="row").to_numpy().ravel()
    assert sum(cell.startswith("[") for cell in cells) == columns["missing"].sum()


@pytest.mark.long
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("data", ["mixture", "table"])
def test_every_page_opens_for_missing_values(
    page: str, data: str, root: Path, tmp_path: Path, open_page: OpenPage
) -> None:
    path = tmp_path / "table.npy"
    np.save(path, np.random.default_rng(0).normal(size=(200, 5)))
    other = {"data": str(path), "examples": 0} if data == "table" else {}
    trained(root, "a-run", **HOLES | other)
    open_page(page)


def test_the_cards_equal_a_forward_pass(root: Path, open_page: OpenPage) -> None:
    """Pixels and numbers on the page equal those of a separate forward pass."""
    run = trained(root, "a-run")
    at = open_page("reconstructions.py")
    at.selectbox(key="reconstruct_order").select("worst-elbo").run()
    at.number_input(key="reconstruct_number").set_value(8).run()
    loaded = LoadedRun.of(run)
    test = loaded.splits.test
    x, values, error, kl = exact(loaded, test)
    worst = np.argsort(-(error + kl), kind="stable")[:8]
    shown = stacks(at)
    scale = shown[0].shape[1] // 8
    difference = tiles.difference(x[worst], values[worst])
    assert body(at).count(f'<div style="height:{8 * scale + 1}px">') == 3  # the words beside
    for k, place in enumerate(worst):
        layers = [x[place : place + 1], values[place : place + 1], difference.tiles[k : k + 1]]
        np.testing.assert_array_equal(shown[k], tiles.strip(layers, 1, scale=scale)[..., :3])
    label = loaded.data.labels[test[worst]]
    expected = [
        [str(c), fixed(e), fixed(d), percent(1 - k / 180)]
        for k, c, e, d in zip(range(1, 9), label, error[worst], kl[worst], strict=True)
    ]
    assert numbers(at) == expected
    assert f"+{fixed(difference.limit)}" in body(at)
    words = " ".join(m.value for m in at.markdown)
    assert f"reconstruction **{error.mean():.2f}**" in words
    assert f"KL **{kl.mean():.2f}**" in words


def judged(n: int = 40, kl: bool = True) -> BoundTerms:
    rng = np.random.default_rng(0)
    error, divergence = rng.random((2, n)).astype(np.float32)
    z = rng.random((n, 2)).astype(np.float32)
    return BoundTerms(np.arange(n) * 3, z, error, divergence if kl else None)


@each("name", ORDERS)
@each("kl", [True, False])
def test_every_order_sorts_the_examples(name: str, kl: bool) -> None:
    record, at = judged(kl=kl), np.arange(5, 35)
    order = ORDERS[name].order
    places = order(record, at, 7)
    np.testing.assert_array_equal(np.sort(places), at)  # each example once
    score = record.bound if "elbo" in name else record.reconstruction
    steps = np.diff(score[places])
    if name == "random":
        np.testing.assert_array_equal(places, order(record, at, 7))
        assert not np.array_equal(places, order(record, at, 8))
    else:
        assert (steps <= 0).all() if "worst" in name else (steps >= 0).all()


@pytest.mark.parametrize("binarize", ["none", "stochastic"])
@pytest.mark.parametrize("seed", [None, 3])
def test_the_numbers_belong_to_the_pictures(binarize: str, seed: int | None, root: Path) -> None:
    """The x and the z of a card give its reconstruction term, also for stochastic binarization and
    for a sample of q."""
    loaded = LoadedRun.of(trained(root, "a-run", binarize=binarize))
    record = score_split(loaded, "train", seed)
    chosen = select(loaded, record, REQUEST._replace(split="train", order="worst", number=20))
    z = record.z[np.searchsorted(record.rows, chosen.rows)]
    with torch.no_grad():
        px = loaded.model.likelihood(torch.from_numpy(z))
        error = -px.log_prob(torch.from_numpy(chosen.x)).numpy()
    np.testing.assert_allclose(chosen.reconstruction, error, rtol=1e-5)
    np.testing.assert_allclose(chosen.values, px.mean.numpy(), rtol=1e-5)
    if binarize == "stochastic":
        assert set(np.unique(chosen.x)) == {0.0, 1.0}


def test_a_sample_of_q_is_worse_than_its_mean_and_follows_the_seed(root: Path) -> None:
    loaded = LoadedRun.of(trained(root, "a-run", epochs=15, beta=0.01))
    mean, first, second = (score_split(loaded, "val", seed) for seed in (None, 0, 1))
    assert first.reconstruction.mean() > mean.reconstruction.mean()
    np.testing.assert_array_equal(first.z, score_split(loaded, "val", 0).z)
    assert not np.array_equal(first.z, second.z)
    np.testing.assert_array_equal(first.kl, mean.kl)


def test_a_single_class_can_be_shown(root: Path) -> None:
    loaded = LoadedRun.of(trained(root, "a-run"))
    record = score_split(loaded, "val", None)
    request = REQUEST._replace(label=3, number=64)
    chosen = select(loaded, record, request)
    labels = loaded.data.labels
    assert labels is not None
    assert (labels[chosen.rows] == 3).all()
    own = labels[record.rows] == 3
    among = [np.mean(record.bound < bound) for bound in record.bound[own]]  # of all classes
    np.testing.assert_allclose(np.sort(chosen.surprise), np.sort(among))
    assert chosen.total == own.sum() == len(chosen.rows)
    assert chosen.means[0] == pytest.approx(record.reconstruction[own].mean(), rel=1e-5)
    words = summary(request, chosen, loaded.data)
    assert f"{own.sum()} of {own.sum()}** validation examples of class 3" in words


def test_the_terms_of_the_summary_add_up(root: Path) -> None:
    loaded = LoadedRun.of(trained(root, "a-run"))
    request = REQUEST._replace(latent="sample")
    words = summary(request, select(loaded, score_split(loaded, "val", 0), request), loaded.data)
    error, kl, bound = map(float, re.findall(r"\*\*([\d.]+)\*\*", words))
    assert bound == pytest.approx(error + kl, abs=0.011)


@each("count", [1, 8, 24, 64])
@each("shape", [(1, 8, 8), (3, 17, 23), (1, 28, 28), (1, 64, 64)])
def test_cards_are_enlarged_by_whole_factors(shape: tuple[int, int, int], count: int) -> None:
    words = [html_grid.Card("", "7", (("1", "kl"), ("2", "kl")))] * count
    room = (960, 620)
    scale = html_grid.enlargement(shape, 3, words, room)
    assert scale * shape[2] >= html_grid.LEAST
    across = html_grid.columns(shape[2] * scale, room[0], count)
    assert across * (max(shape[2] * scale, html_grid.CARD) + 8) - 8 <= room[0]
    down = -(-count // across)
    assert (across - 1) * down < count  # the rows are equally long, the last at most `down` short
    bigger = (scale + 1) * shape[2]
    fits = -(-count // html_grid.columns(bigger, room[0], count)) * (
        3 * ((scale + 1) * shape[1] + 1) + 3 * 16 + 15
    )
    assert bigger > html_grid.MOST or fits > room[1]


def test_damaged_weights_have_a_sentence(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "a-run")
    run.weights_path("best").write_bytes(b"not weights")
    at = open_page("reconstructions.py")
    assert "cannot be opened" in " ".join(s.value for s in at.subheader)
