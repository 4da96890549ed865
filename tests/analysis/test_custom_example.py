"""Custom and corrupted examples are evaluated like examples of the data set."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.decomposition import PCA

from tests.pages.conftest import trained
from vae.analysis.custom_example import picture_to_x, place_example, reconstruct, row_to_picture
from vae.analysis.denoising import denoise, squared_error
from vae.analysis.encoding import errors_at
from vae.analysis.loaded_run import LoadedRun
from vae.data import DataError, Description
from vae.data.decoding import fitted
from vae.data.pictures import read_folder

KINDS: dict[str, dict[str, object]] = {
    "digits": {},
    "binarized": {"binarize": "threshold"},
    "conditional": {"condition": "labels"},
    "plain": {"posterior": "point", "objective": "reconstruction"},
    "binary": {"data": "shapes", "examples": 200},
    "in colour": {"data": "COLOUR"},
    "vectors": {"data": "mixture", "likelihood": "gaussian-learned", "examples": 200},
}


@pytest.fixture(params=KINDS)
def loaded(request: pytest.FixtureRequest, tmp_path: Path) -> LoadedRun:
    coloured = tmp_path / "coloured.npz"
    np.savez(coloured, x=np.random.default_rng(0).integers(0, 256, (200, 6, 5, 3), dtype=np.uint8))
    settings = KINDS[request.param]
    if settings.get("data") == "COLOUR":
        settings = {"data": str(coloured)}
    return LoadedRun.of(trained(tmp_path, "a-run", epochs=1, **settings))


def test_a_training_example_has_the_numbers_of_its_split(loaded: LoadedRun) -> None:
    rows = loaded.splits.train[:5]
    encoding = loaded.encode(loaded.splits.train)
    values, seen = loaded.decode(encoding.mean[:5], rows), loaded.inputs(rows)
    labels = loaded.data.labels
    assert encoding.reconstruction is not None
    for k, row in enumerate(rows):
        x = loaded.data.x[row : row + 1]
        if loaded.data.is_image:
            x = picture_to_x(row_to_picture(loaded, int(row)), loaded)  # by way of the pad's bytes
            np.testing.assert_array_equal(x, loaded.data.x[row : row + 1])
        found = reconstruct(loaded, x, 0 if labels is None else int(labels[row]))
        np.testing.assert_array_equal(found.x, seen[k : k + 1])
        np.testing.assert_allclose(found.values, values[k : k + 1], rtol=1e-4, atol=1e-5)
        assert found.reconstruction == pytest.approx(encoding.reconstruction[k], rel=1e-4)
        np.testing.assert_allclose(found.encoding.mean[0], encoding.mean[k], rtol=1e-3, atol=1e-5)
        if encoding.kl is None:
            assert found.kl is None
            assert found.bound == found.reconstruction
        else:
            assert found.kl == pytest.approx(encoding.kl[k], rel=1e-3, abs=1e-5)
            assert found.bound == pytest.approx(found.reconstruction + found.kl)


def test_a_corruption_of_strength_zero_leaves_the_reconstruction_unchanged(
    loaded: LoadedRun,
) -> None:
    rows = loaded.splits.train[:9]
    encoding, x = loaded.encode(rows), loaded.inputs(rows)
    same = denoise(loaded, x, x, rows)
    np.testing.assert_allclose(same.reconstruction, encoding.reconstruction, rtol=1e-4)
    np.testing.assert_allclose(same.values, loaded.decode(encoding.mean, rows), atol=1e-5)
    assert not same.damage.any()
    domain = loaded.model.domain
    np.testing.assert_allclose(same.squared, squared_error(same.values, x, domain))
    broken = 1 - x
    other = denoise(loaded, x, broken, rows)
    unit = np.array(domain.scale) if domain.scale else 1.0
    for found, change in ((other.damage, 1 - 2 * x), (other.squared, other.values - x)):
        expected = ((change / unit) ** 2).reshape(9, -1).mean(1)
        np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert not np.allclose(other.values, same.values)
    y = loaded.batches(rows).fixed(0).y
    z = loaded.model(torch.from_numpy(broken), 0, y).z[0].detach().numpy()
    clean = errors_at(loaded.model, loaded.batches(rows), z, loaded.seed)  # of x, not of 1 - x
    np.testing.assert_allclose(other.reconstruction, clean, rtol=1e-4)


def test_the_percentile_of_an_example_is_its_rank(tmp_path: Path) -> None:
    loaded = LoadedRun.of(trained(tmp_path, "a-run"))
    encoding = loaded.encode(loaded.splits.test)
    assert encoding.reconstruction is not None
    assert encoding.kl is not None
    bound = encoding.reconstruction + encoding.kl
    at = int(np.argsort(bound)[120])
    found = reconstruct(loaded, loaded.data.x[[loaded.splits.test[at]]])
    assert found.percentile(bound) == pytest.approx(120 / len(bound), abs=1.5 / len(bound))


@pytest.mark.parametrize("latents", [1, 2, 5])
def test_the_map_places_examples_by_pca(latents: int) -> None:
    rng = np.random.default_rng(0)
    means = (rng.standard_normal((80, latents)) * np.arange(1, latents + 1)).astype(np.float32)
    found = place_example(means, means[7])
    np.testing.assert_allclose(found.points[7], found.custom, atol=1e-5)
    if latents == 5:
        known = PCA(2).fit_transform(means)
        np.testing.assert_allclose(np.abs(found.points), np.abs(known), atol=1e-4)
    else:
        np.testing.assert_array_equal(found.points[:, :latents], means)


def saved(picture: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


def test_a_picture_is_read_like_a_folder_of_pictures(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8))
    for name, image in {"a.png": picture, "b.png": picture.resize((45, 20))}.items():
        (tmp_path / name).write_bytes(saved(image, "PNG"))
    raw = read_folder(tmp_path, Description()).x
    for k, name in enumerate(("a.png", "b.png")):
        made = fitted(name, (tmp_path / name).read_bytes(), raw.shape[1:])
        np.testing.assert_array_equal(made, raw[k])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_takes_the_shape_of_the_data(kind: str) -> None:
    picture = Image.new("RGB", (90, 60), (200, 40, 40))
    grey = fitted("a", saved(picture, kind), (1, 8, 8))
    assert (grey.shape, grey.dtype) == ((1, 8, 8), np.uint8)
    np.testing.assert_allclose(grey, 0.299 * 200 + 0.587 * 40 + 0.114 * 40, atol=4)
    coloured = fitted("a", saved(picture, kind), (3, 8, 6))
    np.testing.assert_allclose(coloured.mean((1, 2)), [200, 40, 40], atol=6)
    alike = fitted("a", saved(picture.convert("L"), kind), (3, 5, 5))
    np.testing.assert_array_equal(alike[0], alike[2])


@pytest.mark.parametrize(
    ("content", "why"), [(b"", "is empty"), (b"not a picture", "not a picture")]
)
def test_an_invalid_file_raises_an_error_with_a_sentence(content: bytes, why: str) -> None:
    with pytest.raises(DataError, match=why) as error:
        fitted("cat.png", content, (1, 8, 8))
    assert str(error.value).startswith("cat.png ")
