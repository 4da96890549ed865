"""The layer p(z|x) of the latent page shows the library's numbers."""

from pathlib import Path

import numpy as np
import torch

from tests.pages.conftest import OpenPage, trained
from tests.pages.test_latent import drawn, over, select, text
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.true_posterior import Joint, compare, nodes
from vae.base.numbers import fixed

PICTURE = "latent_posterior_picture"


def test_the_selected_example_has_its_true_posterior(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "two", latent_dim=2)
    loaded = LoadedRun.of(run)
    row = int(loaded.rows("test")[3])
    at = open_page("latent.py", run="two", posterior="on")
    assert "Select one example" in text(at)
    select(at, np.array([row]))
    x, y = loaded.batches(np.array([row])).fixed(loaded.seed)
    with torch.no_grad():
        found = compare(Joint(loaded.model, x, y), nodes(loaded.model.posterior(x, y)))
    assert f"p(z|x) of #{row}" in text(at)
    for value in (found.posterior.log_evidence, found.elbo, found.kl):
        assert f"{fixed(value)} nats" in text(at)
    assert [t["name"] for t in over(at)["traces"]] == ["posterior", "q"]
    assert [t["name"] for t in drawn(at, PICTURE)["figure"]["data"][1:]] == ["posterior", "q"]
    assert "on" in at.query_params["posterior"]
    select(at, loaded.rows("test")[[3, 40]])
    assert "Select one example" in text(at)
    assert not over(at)["traces"]


def test_three_latents_and_autoencoders_have_a_reason(root: Path, open_page: OpenPage) -> None:
    trained(root, "three", latent_dim=3)
    switch = open_page("latent.py").toggle(key="latent_posterior")
    assert switch.disabled
    assert "two latents" in switch.help
    trained(root, "point", latent_dim=2, posterior="point", objective="reconstruction")
    switch = open_page("latent.py", run="point").toggle(key="latent_posterior")
    assert switch.disabled
    assert "without a prior" in switch.help
