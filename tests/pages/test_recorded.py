"""Every page opens for a run that a training loop elsewhere has recorded."""

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import PAGES, OpenPage
from vae.recorder import Recorder

DECODES = {"traversals.py"}  # pages of which nothing works without a decoder
SHOWS = {"latent.py", "reconstructions.py", "samples.py"}
WAY_OUT = "Record more in that loop, or train such a model here"


def record(root: Path, name: str = "mine", latents: int = 3, arrays: bool = True) -> None:
    """Record a short run of pictures with labels."""
    rng = np.random.default_rng(0)
    x = rng.random((6, 1, 5, 4)).astype(np.float32)
    with Recorder(name, likelihood="bernoulli", data="mine", root=root, epochs=4) as r:
        for epoch in range(4):
            parts = np.full(latents, 0.5 + epoch)
            for split in ("train", "val"):
                r.log(epoch, split, reconstruction=20.0 - epoch, kl_per_dimension=parts)
            if arrays:
                mean = rng.normal(size=(40, latents))
                r.latents(epoch, mean, np.zeros_like(mean), labels=np.arange(40) % 4)
                r.pictures(epoch, x, 0.9 * x, rng.random((4, 1, 5, 4)))


def words(at: AppTest) -> str:
    return " ".join(e.value for e in [*at.markdown, *at.subheader, *at.caption, *at.info])


@pytest.mark.parametrize("arrays", [True, False], ids=["arrays", "curves only"])
def test_every_page_opens(arrays: bool, root: Path, open_page: OpenPage) -> None:
    record(root, arrays=arrays)
    for page in PAGES:
        at = open_page(page, run="mine")
        found = words(at)
        if page in ("data.py", "sweep.py"):
            continue
        assert "finished" in found, page
        if page != "compare.py":
            assert "mine · recorded, 3 latents, bernoulli" in found, page
        if page in DECODES or (
            page in SHOWS | {"evaluate.py"} and (arrays or page == "evaluate.py")
        ):
            assert WAY_OUT in found, page
        elif page in SHOWS | {"replay.py"} and not arrays:
            assert "in it." in found, page
