"""Random streams: pure functions of (seed, purpose, position), independent of one another."""

import itertools
import threading

import numpy as np
import pytest
import torch

from vae.base import rng
from vae.base.rng import _PURPOSES, mix, permutation, reseed, stream

CPU = torch.device("cpu")


def drawn(seed: int, purpose: str, position: int = 0, n: int = 4) -> torch.Tensor:
    with stream(CPU, seed, purpose, position):
        return torch.randn(n)


def test_a_stream_is_deterministic() -> None:
    for purpose in _PURPOSES:
        assert torch.equal(drawn(3, purpose, 5), drawn(3, purpose, 5))


def test_streams_differ_in_seed_purpose_and_position() -> None:
    uses = list(itertools.product(range(12), _PURPOSES, range(40)))
    seeds = {mix(*use) for use in uses}
    assert len(seeds) == len(uses)
    assert all(0 <= seed < 2**63 for seed in seeds)
    first = {float(drawn(*use, n=1)) for use in uses[:500]}
    assert len(first) == 500


def test_large_seeds_and_positions_are_accepted() -> None:
    assert mix(2**31 - 1, "step", 10**9) != mix(2**31 - 2, "step", 10**9)


def test_neighbouring_steps_are_uncorrelated() -> None:
    """Correlations of the noise of successive steps and seeds stay within 5 standard errors."""
    n = 4000
    for rows in ([(0, "step", i) for i in range(8)], [(i, "step", 0) for i in range(8)]):
        noise = torch.stack([drawn(*row, n=n) for row in rows])
        off = torch.corrcoef(noise) - torch.eye(8)
        assert off.abs().max() < 5 / n**0.5


def test_the_bits_of_a_seed_are_balanced() -> None:
    bits = np.array(
        [[mix(s, "step", i) >> b & 1 for b in range(63)] for s in (0, 1) for i in range(500)]
    )
    assert np.abs(bits.mean(0) - 0.5).max() < 5 * 0.5 / len(bits) ** 0.5


def test_a_stream_restores_the_default_generator() -> None:
    torch.manual_seed(1)
    expected = torch.randn(3)
    torch.manual_seed(1)
    drawn(0, "page")
    with pytest.raises(RuntimeError), stream(CPU, 1, "page"):
        torch.randn(5) @ torch.randn(4)  # it fails after it drew
    with stream(CPU, 2, "page"):
        drawn(3, "evaluation")
    assert torch.equal(torch.randn(3), expected)


def test_a_nested_stream_leaves_the_outer_one_unchanged() -> None:
    with stream(CPU, 0, "page"):
        first = torch.randn(2)
        drawn(7, "evaluation")
        second = torch.randn(2)
    assert torch.equal(torch.cat([first, second]), drawn(0, "page"))


def test_threads_have_independent_streams() -> None:
    results: dict[int, torch.Tensor] = {}

    def work(seed: int) -> None:
        for _ in range(50):
            results[seed] = drawn(seed, "page")

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(results[seed], drawn(seed, "page")) for seed in range(4))


def test_reseed_starts_the_same_stream() -> None:
    reseed(CPU, 3, "step", 9)
    assert torch.equal(torch.randn(4), drawn(3, "step", 9))


@pytest.mark.parametrize("n", [1, 2, 17, 1000])
def test_each_epoch_has_a_different_permutation(n: int) -> None:
    order = permutation(n, 0, 3)
    assert torch.equal(order.sort().values, torch.arange(n))
    assert torch.equal(order, permutation(n, 0, 3))
    if n > 10:
        assert not torch.equal(order, permutation(n, 0, 4))
        assert not torch.equal(order, permutation(n, 1, 3))


def test_a_permutation_leaves_the_default_generator_unchanged() -> None:
    before = torch.get_rng_state()
    permutation(50, 0, 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_every_position_of_the_order_is_equally_likely() -> None:
    first = torch.stack([permutation(5, 0, epoch) for epoch in range(1000)])
    for place in range(5):
        counts = torch.bincount(first[:, place], minlength=5)
        assert (counts - 200).abs().max() < 5 * (1000 * 0.2 * 0.8) ** 0.5


def test_unknown_purposes_are_refused() -> None:
    with pytest.raises(ValueError, match="tuple"):
        rng.mix(0, "nonsense")
