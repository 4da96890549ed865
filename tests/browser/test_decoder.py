"""The decoder in the browser against torch: every likelihood with every activation and network."""

import base64
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from tests.browser.conftest import ROOT, Tab
from vae.analysis.encoding import decode
from vae.analysis.portable import portable
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
PICTURES, VECTORS = Domain((3, 5, 4), 9, 3), Domain((6,), 9, 3)
LATENTS = 3
CASES = [
    *({"likelihood": row, "activation": way} for row in LIKELIHOODS for way in ACTIVATIONS),
    *({"likelihood": row, "network": "conv"} for row in LIKELIHOODS),
    {"network": "linear"},
    {"condition": "labels"},
]


@cache
def model(domain: Domain, **settings: Any) -> VAE:
    """A decoder with large weights, so that every part of a function is reached."""
    made = build(RunConfig.of(**{"latent_dim": LATENTS} | settings), domain)
    with torch.no_grad():
        for weight in made.parameters():
            weight.mul_(4)
    return made.eval()


def in_browser(tab: Tab, vae: VAE, z: Floats, label: int) -> tuple[Floats, np.ndarray]:
    """Return E[x|z] of z (N, Z) and the bytes of the pictures, as the browser computes them."""
    found = portable(vae)
    weights = base64.b64encode(found.weights.astype("<f4").tobytes()).decode()
    sent = tab.page.evaluate(DECODE, [found.recipe, weights, z.tolist(), label])
    return (
        np.array([values for values, _ in sent], np.float32),
        np.array([picture for _, picture in sent]),
    )


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
