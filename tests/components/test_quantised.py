"""The quantised posterior: nearest codes, straight-through gradient, moving averages, revival."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from tests.tables import each
from vae.components.posterior_base import Point
from vae.components.quantised import Quantised, code_figures

B, Z = 40, 6


def layer(groups: int = 2, codes: int = 5, **options: Any) -> Quantised:
    torch.manual_seed(4)
    return Quantised(Z, codes=codes, code_groups=groups, **options).double()


def outputs(batch: int = B) -> Tensor:
    return torch.randn(batch, Z, generator=torch.Generator().manual_seed(1)).double()


def by_hand(row: Quantised, z: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest code of each group (G, B) and its vectors (B, Z), by NumPy."""
    book, parts = row.codebook.numpy(), z.numpy().reshape(len(z), row.groups, -1)
    apart = ((parts[:, :, None] - book) ** 2).sum(-1)  # (B, G, K)
    codes = apart.argmin(-1).T
    return codes, np.concatenate([book[g][codes[g]] for g in range(row.groups)], -1)


# ── the decoder's input


@each("groups", [1, 2, 3, 6])
def test_the_decoder_reads_the_nearest_code_of_each_group(groups: int) -> None:
    row, z = layer(groups), outputs()
    codes, vectors = by_hand(row, z)
    np.testing.assert_array_equal(row.nearest(z), codes)
    np.testing.assert_array_equal(row.decoder_input(z), vectors)
    np.testing.assert_array_equal(row.decoder_input(z.view(4, 10, Z)), vectors.reshape(4, 10, Z))
    np.testing.assert_array_equal(row.vectors(torch.from_numpy(codes)), vectors)


def test_a_code_is_its_own_nearest_code() -> None:
    row = layer()
    for code in range(5):
        vector = row.vectors(torch.full((2, 1), code))
        assert torch.equal(row.decoder_input(vector), vector)


def test_the_encoder_has_the_gradient_for_the_codes() -> None:
    """Straight-through: ∂f/∂z is ∂f/∂e at e = the nearest code."""
    row, z = layer(), outputs().requires_grad_()
    weights = torch.randn(Z, generator=torch.Generator().manual_seed(2)).double()

    def f(vectors: Tensor) -> Tensor:
        return (vectors.sin() * weights).sum()

    f(row.decoder_input(z)).backward()
    vectors = row.decoder_input(z).detach().requires_grad_()
    f(vectors).backward()
    assert torch.equal(z.grad, vectors.grad)
    assert not torch.allclose(z.grad, z.detach().cos() * weights)


def test_the_commitment_pulls_z_to_its_codes_and_not_the_codes() -> None:
    row, z = layer(commitment=0.3), outputs().requires_grad_()
    (term, weight) = row.loss_terms(Point(z))["commitment"]
    _, vectors = by_hand(row, z.detach())
    exact = ((z.detach().numpy() - vectors) ** 2).sum(1).mean()
    assert float(term.detach()) == pytest.approx(exact, rel=1e-12)
    assert weight == 0.3
    term.backward()
    np.testing.assert_allclose(z.grad, 2 * (z.detach().numpy() - vectors) / B, rtol=1e-10)
    assert not row.codebook.requires_grad


# ── learning


def test_codes_follow_the_averages_of_the_paper() -> None:
    """e_k = m_k / N_k, N_k ← γ N_k + (1 − γ) n_k and m_k ← γ m_k + (1 − γ) Σ z (van den Oord et
    al. 2017, appendix A.1), over several steps."""
    row = layer(code_decay=0.8, code_revival=0.0)
    row.use.fill_(1 / 5)
    counts = row.use.numpy() * B
    sums = row.codebook.numpy() * counts[..., None]
    for step in range(4):
        z = outputs() + 0.3 * step
        codes, _ = by_hand(row, z)
        row.learn(Point(z))
        parts = z.numpy().reshape(B, 2, -1)
        for g in range(2):
            for k in range(5):
                mine = codes[g] == k
                counts[g, k] = 0.8 * counts[g, k] + 0.2 * mine.sum()
                sums[g, k] = 0.8 * sums[g, k] + 0.2 * parts[mine, g].sum(0)
        np.testing.assert_allclose(row.codebook, sums / counts[..., None], rtol=1e-10)
        np.testing.assert_allclose(row.use, counts / B, rtol=1e-10)


def test_without_decay_a_step_is_a_step_of_k_means() -> None:
    """The mean of the nearest outputs; a code without any stays. The sum of squares falls until
    it is stationary, and the codes are then those of Lloyd's algorithm."""
    row, z = layer(groups=1, code_decay=0.0, code_revival=0.0), outputs(200)
    row.codebook[0, 0] = 100.0  # nearest to nothing
    before = math.inf
    for _ in range(30):
        book = row.codebook.clone()
        codes, vectors = by_hand(row, z)
        row.learn(Point(z))
        for k in range(5):
            mine = z[torch.from_numpy(codes[0] == k)]
            expected = mine.mean(0) if len(mine) else book[0, k]
            torch.testing.assert_close(row.codebook[0, k], expected)
        error = ((z.numpy() - vectors) ** 2).sum()
        assert error <= before * (1 + 1e-9)
        before = error
    torch.testing.assert_close(row.codebook, book)
    assert (row.codebook[0, 0] == 100.0).all()


def test_dead_codes_move_to_outputs_of_the_batch() -> None:
    row, z = layer(code_revival=0.5), outputs()
    row.use.fill_(1 / 5)
    row.use[0, 3] = row.use[1, 0] = 1e-6
    row.codebook[0, 3] = row.codebook[1, 0] = 50.0
    row.learn(Point(z))
    parts = row._grouped(z)
    for g, k in ((0, 3), (1, 0)):
        assert (parts[g] == row.codebook[g, k]).all(-1).any()
        assert float(row.use[g, k]) == pytest.approx(0.1)
    others = torch.ones(2, 5, dtype=torch.bool)
    others[0, 3] = others[1, 0] = False
    assert not (row.codebook[others].unsqueeze(1) == parts.reshape(-1, Z // 2)).all(-1).any()


def test_without_revival_dead_codes_stay() -> None:
    row, z = layer(code_revival=0.0), outputs()
    row.codebook[:, 2] = 50.0
    for _ in range(20):
        row.learn(Point(z))
    assert (row.codebook[:, 2] == 50.0).all()
    assert row.codebook.isfinite().all()


def test_the_first_step_places_all_codes_at_outputs() -> None:
    row, z = layer(codes=30), outputs()
    row.learn(Point(z))
    found = (row.codebook.unsqueeze(2) == row._grouped(z).unsqueeze(1)).all(-1).any(-1)
    assert found.all()


# ── the use of the codes


def test_the_shares_of_batches_average_to_those_of_all_examples() -> None:
    row, z = layer(), outputs(90)
    parts = [row.code_use(Point(part))["code_shares"] for part in z.split(30)]
    whole = row.code_use(Point(z))["code_shares"]
    torch.testing.assert_close(torch.stack(parts).mean(0), whole)
    codes, _ = by_hand(row, z)
    for g in range(2):
        np.testing.assert_allclose(whole[g], np.bincount(codes[g], minlength=5) / 90)
    entropies = [stats.entropy(np.bincount(codes[g])) for g in range(2)]
    found = code_figures(whole)
    assert found["perplexity"] == pytest.approx(np.exp(np.mean(entropies)), rel=1e-6)
    batch = np.mean([code_figures(part)["perplexity"] for part in parts])
    assert batch < found["perplexity"]


def test_equal_shares_use_every_code() -> None:
    found = code_figures(torch.full((3, 8), 1 / 8))
    assert found["perplexity"] == pytest.approx(8)
    assert found["unused_codes"] == 0
    one = torch.zeros(3, 8)
    one[:, 2] = 1
    assert code_figures(one) == {"perplexity": 1.0, "unused_codes": 21.0}
