"""Nearest examples equal scikit-learn's."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from vae.analysis.nearest import CHUNK, nearest


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("shape", [(300, 3), (CHUNK + 700, 1, 6, 6), (3, 4)])
def test_nearest_examples_equal_scikit_learns(shape: tuple[int, ...], k: int) -> None:
    rng = np.random.default_rng(0)
    among = (rng.standard_normal(shape) + 20).astype(np.float32)  # far from 0: cancellation shows
    queries = (rng.standard_normal((40, *shape[1:])) + 20).astype(np.float32)
    found = nearest(queries, among, k=k)
    k = min(k, shape[0])
    fitted = NearestNeighbors(n_neighbors=k, algorithm="brute")
    fitted.fit(among.reshape(shape[0], -1).astype(np.float64))
    distance, place = fitted.kneighbors(queries.reshape(40, -1).astype(np.float64))
    np.testing.assert_allclose(found.distance, distance, rtol=1e-6)
    np.testing.assert_array_equal(found.place, place)


def test_bytes_are_scaled_and_a_copy_is_found() -> None:
    rng = np.random.default_rng(1)
    among = rng.integers(0, 256, (CHUNK + 9, 1, 7, 7), dtype=np.uint8)
    rows = np.array([0, 5, CHUNK - 1, CHUNK, CHUNK + 8])
    found = nearest((among[rows] / 255).astype(np.float32), among, 255.0)
    np.testing.assert_array_equal(found.place[:, 0], rows)
    assert (found.distance < 1e-6).all()
    far = nearest(np.zeros((1, 1, 7, 7), np.float32), among, 255.0)
    direct = np.sqrt(((among / 255) ** 2).sum((1, 2, 3)))
    assert far.distance[0, 0] == pytest.approx(direct.min(), rel=1e-6)
    assert far.place[0, 0] == direct.argmin()
