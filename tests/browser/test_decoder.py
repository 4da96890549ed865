"""The decoder in the browser against torch: every likelihood with every activation and network."""

import base64
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from tests.browser.conftest import ROOT, Tab
from tests.tables import SINGLE
from vae.analysis.encoding import decode
from vae.analysis.portable import Portable, portable, portable_encoder
from vae.base.records import Domain, Floats
from vae.components.likelihoods import LIKELIHOODS
from vae.components.networks import ACTIVATIONS
from vae.config import RunConfig
from vae.imaging.tiles import pixels
from vae.model import VAE, build

SOURCE = (ROOT / "vae/dashboard/plot/decoder.js").read_text("utf-8")
LOAD = """async (source) => {
    const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
    window.decoding = await import(url);
}"""
DECODE = """([recipe, weights, all, label]) => {  // → [E[x|z] of each z, bytes of each picture]
    const bytes = Uint8Array.from(atob(weights), (c) => c.charCodeAt(0));
    const decode = decoding.decoderOf(recipe, new Float32Array(bytes.buffer));
    const { shape } = recipe;
    const pixels = () => new Uint8ClampedArray(4 * shape[1] * shape[2]);
    return all.map((z) => {
        const values = decode(z, label);
        const picture = shape.length === 3 ? decoding.pixelsOf(values, shape, pixels()) : [];
        return [[...values], [...picture]];
    });
}"""
ENCODE = """([recipe, weights, all, latents]) => {  // → the first Z outputs for each x
    const bytes = Uint8Array.from(atob(weights), (c) => c.charCodeAt(0));
    const encode = decoding.encoderOf(recipe, new Float32Array(bytes.buffer));
    return all.map((x) => [...encode(Float32Array.from(x))].slice(0, latents));
}"""
PICTURES = Domain((3, 5, 4), 9, 3)
SERIES = Domain((2, 11), 9, 3, (-2.0, 50.0), (0.5, 8.0))
VECTORS = Domain((6,), 9, 3, (-2.0, 0.0, 1.0, 50.0, 0.5, 3.0), (0.5, 2.0, 1.0, 8.0, 0.01, 4.0))
LATENTS = 3
CASES = [
    *({"likelihood": row, "activation": way} for row in SINGLE for way in ACTIVATIONS),
    *({"likelihood": row, "network": "conv"} for row in SINGLE),
    *(
        {"likelihood": name, "library_size": "observed"}
        for name, row in LIKELIHOODS.items()
        if row.support == "counts"
    ),
    {"network": "linear"},
    {"condition": "labels"},
    {"posterior": "quantised", "objective": "wae", "condition": "labels"},
]


@cache
def model(domain: Domain, **settings: Any) -> VAE:
    """A decoder with large weights, so that every part of a function is reached."""
    made = build(RunConfig.of(**{"latent_dim": LATENTS} | settings), domain)
    with torch.no_grad():
        for weight in made.parameters():
            weight.mul_(4)
    return made.eval()


def packed(network: Portable) -> str:
    """Return the weights as text."""
    return base64.b64encode(network.weights.astype("<f4").tobytes()).decode()


def in_browser(tab: Tab, vae: VAE, z: Floats, label: int) -> tuple[Floats, np.ndarray]:
    """Return E[x|z] of z (N, Z) and the bytes of the pictures, as the browser computes them."""
    found = portable(vae)
    sent = tab.page.evaluate(DECODE, [found.recipe, packed(found), z.tolist(), label])
    return (
        np.array([values for values, _ in sent], np.float32),
        np.array([picture for _, picture in sent]),
    )


def test_the_browser_decodes_series_as_torch_does(ready: Tab) -> None:
    z = np.random.default_rng(0).normal(0, 2, (8, LATENTS)).astype(np.float32)
    vae = model(SERIES, network="conv1d", likelihood="gaussian", channels=(3, 5))
    exact = decode(vae, z, labels=np.full(len(z), 1))
    values, _ = in_browser(ready, vae, z, 1)
    np.testing.assert_allclose(values, exact.reshape(len(z), -1), atol=1e-4, rtol=1e-4)


@pytest.fixture(scope="module")
def ready(module_tab: Tab) -> Tab:
    """A window with the decoder's module in it."""
    module_tab.page.evaluate(LOAD, SOURCE)
    return module_tab


@pytest.mark.parametrize("settings", CASES, ids=lambda case: "-".join(case.values()))
def test_the_browser_decodes_as_torch_does(settings: dict[str, Any], ready: Tab) -> None:
    z = np.random.default_rng(0).normal(0, 2, (8, LATENTS)).astype(np.float32)
    for domain in (PICTURES, VECTORS):
        if domain is VECTORS and settings.get("network") == "conv":
            continue
        vae = model(domain, **settings)
        exact = decode(vae, z, labels=np.full(len(z), 1))
        values, picture = in_browser(ready, vae, z, 1)
        np.testing.assert_allclose(values, exact.reshape(len(z), -1), atol=1e-4, rtol=1e-4)
        if domain is PICTURES:
            shown = picture.reshape(len(z), 5, 4, 4)
            assert (shown[..., 3] == 255).all()
            assert np.abs(shown[..., :3] - pixels(exact).astype(int)).max() <= 1


@pytest.mark.parametrize(
    "settings",
    [{"posterior": "full"}, {"network": "conv", "posterior": "point"}, {"network": "linear"}],
    ids=lambda case: "-".join(case.values()),
)
def test_the_browser_encodes_as_torch_does(settings: dict[str, Any], ready: Tab) -> None:
    if settings.get("posterior") == "point":
        settings = settings | {"objective": "reconstruction"}
    domain = VECTORS if settings.get("network") == "linear" else PICTURES
    vae = model(domain, **settings)
    x = np.random.default_rng(0).uniform(size=(8, *domain.shape)).astype(np.float32)
    x = domain.restore(x)
    found = portable_encoder(vae)
    rows = x.reshape(8, -1).tolist()
    z = ready.page.evaluate(ENCODE, [found.recipe, packed(found), rows, LATENTS])
    with torch.no_grad():
        exact = vae.posterior(torch.from_numpy(x)).mean.numpy()
    np.testing.assert_allclose(np.array(z), exact, atol=1e-4, rtol=1e-4)
