"""The grid against the decoder itself and against scipy's interpolation."""

import numpy as np
import pytest
import torch
from scipy.interpolate import RegularGridInterpolator

from vae.analysis.decoded_grid import (
    BYTES,
    SIDE,
    Box,
    DecodedGrid,
    blend,
    decode_grid,
    decode_tiles,
)
from vae.analysis.encoding import decode
from vae.analysis.projections import Plane, plane_of_latents
from vae.base.records import Domain
from vae.config import RunConfig
from vae.imaging.tiles import pixels
from vae.model import VAE, build

BOX = Box((-2.0, 3.0), (-1.0, 2.0))


def model(domain: Domain, **settings: object) -> VAE:
    made = build(RunConfig.of(**{"hidden": (16,), "latent_dim": 3} | settings), domain)
    with torch.no_grad():
        for weight in made.decoder.parameters():
            weight.mul_(3)  # so that the pictures differ from place to place
    return made.eval()


def plane(latents: int = 3) -> Plane:
    means = np.random.default_rng(0).standard_normal((50, latents)).astype(np.float32)
    return plane_of_latents(means.mean(0), (0, 2) if latents > 2 else (0, 1))


def places(count: int = 40) -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.uniform([BOX.x[0], BOX.y[0]], [BOX.x[1], BOX.y[1]], (count, 2)).astype(np.float32)


@pytest.mark.parametrize("shape", [(1, 8, 6), (3, 5, 7)])
def test_tiles_are_exact_decodes_and_the_sheet_has_the_highest_on_top(
    shape: tuple[int, ...],
) -> None:
    vae, way = model(Domain(shape, 256)), plane()
    grid = decode_grid(vae, way, BOX)
    assert grid.tiles.shape == (SIDE, SIDE, *shape[1:], shape[0])
    for i, j in ((0, 0), (0, 31), (31, 0), (7, 19)):
        z = way.origin.copy()
        z[0], z[2] = np.linspace(*BOX.x, SIDE)[j], np.linspace(*BOX.y, SIDE)[i]
        exact = pixels(decode(vae, z[None].astype(np.float32)))[0, ..., : shape[0]]
        np.testing.assert_array_equal(grid.tiles[i, j], exact)
        height, width = shape[1:]
        top, left = (SIDE - 1 - i) * height, j * width
        np.testing.assert_array_equal(
            grid.sheet[top : top + height, left : left + width], grid.tiles[i, j]
        )


def test_the_blend_is_bilinear() -> None:
    rng = np.random.default_rng(0)
    tiles = rng.integers(0, 256, (5, 4, 3, 2, 1)).astype(np.uint8)
    grid = DecodedGrid(BOX, tiles, (0, 0))
    axes = (np.linspace(*BOX.y, 5), np.linspace(*BOX.x, 4))
    expected = RegularGridInterpolator(axes, tiles.astype(float))(places()[:, ::-1])
    np.testing.assert_allclose(blend(grid, places()), expected, atol=1e-3)
    corners = np.array([[BOX.x[0], BOX.y[0]], [BOX.x[1], BOX.y[1]]], np.float32)
    np.testing.assert_array_equal(blend(grid, corners), tiles[[0, -1], [0, -1]])


@pytest.mark.parametrize("shape", [(1, 8, 8), (6,)])
def test_the_stated_error_is_the_error_of_the_blend(shape: tuple[int, ...]) -> None:
    likelihood = {} if len(shape) == 3 else {"likelihood": "gaussian"}
    vae, way = model(Domain(shape), **likelihood), plane()
    grid = decode_grid(vae, way, BOX)
    exact = decode_tiles(vae, way, places(400)).astype(float)
    blended = blend(grid, places(400))
    apart = np.abs((np.rint(blended) if len(shape) == 3 else blended) - exact)
    mean, largest = grid.error
    assert 0 < apart.mean() <= 1.05 * mean
    assert apart.max() <= 1.5 * largest + 1
    assert mean < largest
    if len(shape) == 3:
        assert largest < 16


def test_large_pictures_have_fewer_places() -> None:
    grid = decode_grid(model(Domain((3, 64, 64), 256)), plane(), BOX)
    assert 16 <= grid.tiles.shape[0] < SIDE
    assert grid.tiles.nbytes <= BYTES


def test_a_single_latent_lies_along_the_first_axis() -> None:
    vae, way = model(Domain((1, 4, 4), 256), latent_dim=1), plane(1)
    grid = decode_grid(vae, way, Box((-2, 2), (0, 30)))
    assert grid.tiles.shape[:2] == (2, SIDE)
    np.testing.assert_array_equal(grid.tiles[0], grid.tiles[1])
    exact = pixels(decode(vae, np.linspace(-2, 2, SIDE, dtype=np.float32)[:, None]))[..., :1]
    np.testing.assert_array_equal(grid.tiles[0], exact)


def test_a_conditional_model_decodes_for_one_class() -> None:
    vae = model(Domain((1, 4, 4), 256, 3), condition="labels")
    way = plane(vae.config.latent_dim)
    sheets = [decode_grid(vae, way, BOX, label).tiles for label in (0, 2)]
    assert (sheets[0] != sheets[1]).any()
    z = way.latents_at(np.array([[BOX.x[0], BOX.y[0]]], np.float32))
    exact = pixels(decode(vae, z, labels=np.array([2])))[0, ..., :1]
    np.testing.assert_array_equal(sheets[1][0, 0], exact)
