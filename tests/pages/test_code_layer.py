"""The codes of a codebook on the latent map and beside it."""

from pathlib import Path

import numpy as np

from tests.pages.conftest import OpenPage, trained
from tests.pages.test_latent import over, text
from vae.analysis.loaded_run import LoadedRun

CODED = {"posterior": "quantised", "objective": "reconstruction", "codes": 12}


def used_codes(loaded: LoadedRun) -> np.ndarray:
    """Return the nearest code of each test example and group, (N, G), by NumPy."""
    z = loaded.encode(loaded.rows("test")).mean
    assert loaded.model.codes is not None
    book = loaded.model.codes.codebook.numpy()
    parts = z.reshape(len(z), len(book), 1, -1)
    return ((parts - book) ** 2).sum(-1).argmin(-1)


def test_every_code_is_marked_with_its_examples(root: Path, open_page: OpenPage) -> None:
    loaded = LoadedRun.of(trained(root, "coded", latent_dim=2, epochs=3, **CODED))
    assert loaded.model.codes is not None
    counts = np.bincount(used_codes(loaded)[:, 0], minlength=12)
    at = open_page("latent.py")
    assert not at.exception
    found = {}
    for trace in over(at)["traces"]:
        for x, y, words in zip(trace["x"], trace["y"], trace["text"], strict=True):
            found[int(words.split()[1])] = (x, y, int(words.split(" · ")[1].split()[0]))
    assert found.keys() == set(range(12))
    for code, (x, y, count) in found.items():
        np.testing.assert_allclose((x, y), loaded.model.codes.codebook[0, code], rtol=1e-5)
        assert count == counts[code]
    assert f"{(counts > 0).sum()} codes in use" in text(at)
    at.toggle(key="latent_codes").set_value(False).run()
    assert not over(at)["traces"]
    assert not at.exception


def test_groups_show_their_most_frequent_combinations(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "grouped", latent_dim=4, code_groups=2, epochs=3, **CODED)
    found, counts = np.unique(used_codes(LoadedRun.of(run)), axis=0, return_counts=True)
    at = open_page("latent.py")
    assert not at.exception
    (trace,) = over(at)["traces"]
    largest = found[counts.argmax()]
    assert len(trace["x"]) == min(64, len(found))
    assert trace["text"][0] == f"code {largest[0]} {largest[1]} · {counts.max()} examples"
    assert f"{len(found)} codes in use" in text(at) or f"of {len(found)} codes" in text(at)
