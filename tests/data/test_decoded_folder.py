"""Large folders of pictures: decoded once, into the cache, as a small folder is in memory."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vae.base.numbers import byte_count
from vae.base.progress import watched
from vae.data import DataError, Dataset, cache_bound, read
from vae.data import decoded_folder as large
from vae.data import scan as scans
from vae.data.array_cache import ArrayWriter, cached
from vae.data.mapping import Array

DRAW = np.random.default_rng(1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VAE_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(scans, "SETTLED", -1)
    monkeypatch.setattr(large, "TOGETHER", 4)
    monkeypatch.setattr("vae.data.array_cache.PIECE", 800)
    for k in range(30):
        part = "test" if k % 5 == 0 else "train"
        place = tmp_path / "pictures" / part / "ab"[k % 2]
        place.mkdir(parents=True, exist_ok=True)
        size = (12, 10, 3) if k in (13, 20) else (12, 10)
        pixels = DRAW.integers(0, 256, (size[0] + (k == 3), *size[1:])).astype(np.uint8)
        Image.fromarray(pixels).save(place / f"{k}.png")
    return tmp_path / "pictures"


def equal(first: Any, second: Any) -> None:
    assert first == second


def both(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Dataset]:
    found = []
    for many in (10_000, 1):
        monkeypatch.setattr(large, "MANY", many)
        found.append(read(folder))
    return found


def arrays(folder: Path) -> list[Path]:
    return sorted((folder.parent / "cache" / "arrays").glob("*.npy"))


def test_a_large_folder_is_the_data_set_of_a_small_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With grey and colour pictures, classes, a test part and a picture of another size."""
    whole, mapped = both(folder, monkeypatch)
    assert (whole.in_memory, mapped.in_memory) == (True, False)
    for field in Dataset._fields:
        pair = getattr(whole, field), getattr(mapped, field)
        same = np.testing.assert_array_equal if isinstance(pair[0], np.ndarray) else equal
        same(*pair)
    assert whole.fingerprint == mapped.fingerprint
    assert whole.x.shape == (30, 3, 12, 10)
    assert whole.test == 6
    for path in folder.rglob("*.png"):  # then grey ones
        Image.open(path).convert("L").save(path)
    whole, mapped = both(folder, monkeypatch)
    assert np.array_equal(whole.x, mapped.x)
    assert whole.x.shape == (30, 1, 12, 10)


def test_the_pictures_are_decoded_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until one of them changes; the old array is then removed."""
    seen: dict[str, list[float]] = {}
    with watched(lambda work, share: seen.setdefault(work, []).append(share)):
        first = both(folder, monkeypatch)[1]
    decoding = next(shares for work, shares in seen.items() if "Decoding" in work)
    assert decoding == sorted(decoding)
    assert decoding[-1] == 1
    before = arrays(folder)
    assert len(before) == 1
    with monkeypatch.context() as patch:
        patch.setattr(large, "pixels_of", None)
        assert np.array_equal(read(folder).x, first.x)
    Image.new("L", (10, 12)).save(next(folder.rglob("7.png")))
    assert read(folder).fingerprint != first.fingerprint
    after = arrays(folder)
    assert len(after) == 1
    assert after != before


def test_decoding_that_is_ended_leaves_no_array(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(work: str, share: float) -> None:
        if "Decoding" in work and share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), watched(end):
        both(folder, monkeypatch)
    assert not arrays(folder)
    assert not list((folder.parent / "cache" / "arrays").glob(".*.tmp"))
    assert not both(folder, monkeypatch)[1].in_memory


def test_deep_pictures_are_read_in_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = Image.fromarray(np.full((12, 10), 40_000, np.uint16))
    deep.save(folder / "train" / "a" / "deep.png")
    whole, also = both(folder, monkeypatch)
    assert also.in_memory
    assert np.array_equal(whole.x, also.x)


def test_a_damaged_entry_of_the_cache_is_computed_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON of other values, and arrays that are cut, of another form, or no arrays."""
    wanted = both(folder, monkeypatch)[1]
    wanted = (wanted.fingerprint, wanted.in_unit_interval, wanted.reading)
    array = arrays(folder)[0]

    def check() -> None:
        scans._latest.clear()
        found = read(folder)
        assert (found.fingerprint, found.in_unit_interval, found.reading) == wanted

    for file in (*array.parent.glob("*.json"), *array.parents[1].glob("scans/*.json")):
        whole = file.read_text()
        for content in ("[]", whole.replace("0", "1")):
            file.write_text(content)
            check()
            assert "sha256" in file.read_text()
    content = array.read_bytes()
    for cut in (0, len(content) - 1):
        array.write_bytes(content[:cut])
        check()
    np.save(array, np.zeros((30, 12, 10)))
    check()


def test_the_arrays_used_least_recently_are_removed_beyond_the_bound(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never one that is in use, nor a new one."""
    monkeypatch.setattr(cache_bound, "YOUNG", 0.0)
    monkeypatch.setenv(cache_bound.VARIABLE, "0.0025")
    texts: list[str] = []

    def make(name: str) -> Array:
        def write(writer: ArrayWriter) -> None:
            writer.begin((10, 100_000), np.dtype(np.uint8))
            writer.add(np.full((10, 100_000), 7, np.uint8))

        with watched(lambda text, share: texts.append(text)):
            return cached(name, 0, write)[0]

    def used(name: str, seconds: int) -> Array:
        before, made = arrays(folder), make(name)
        [path] = set(arrays(folder)) - set(before)
        for file in (path, path.with_suffix(".json")):
            os.utime(file, (seconds, seconds))
        return made

    in_use = used("first", 1)
    [first] = arrays(folder)
    used("second", 2)
    assert len(arrays(folder)) == 2
    assert not texts
    used("third", 3)  # removes the second one: the first is older, and in use
    assert len(arrays(folder)) == 2
    assert first in arrays(folder)
    assert [text for text in texts if "Removed" in text] == [
        f"Removed {byte_count(arrays(folder)[0].stat().st_size)} of older arrays from the cache "
        "(VAE_LAB_CACHE_GB)…"
    ]
    assert in_use[9, 5] == 7
    del in_use
    used("fourth", 4)
    assert first not in arrays(folder)
    monkeypatch.setenv(cache_bound.VARIABLE, "much")
    with pytest.raises(DataError, match="is a number of gigabytes such as 50, not 'much'"):
        make("fifth")
