"""Networks of encoder and decoder: shapes for every kind of data, sizes and layers."""

import itertools
import math

import pytest
import torch
from torch import nn

from tests.tables import each, fitting
from vae.base.options import options_of
from vae.base.records import Domain
from vae.components.networks import (
    ACTIVATIONS,
    NETWORKS,
    Residual,
    conv,
    conv1d,
    linear,
    mlp,
    resnet,
)
from vae.config import RunConfig
from vae.footprint import cost

PICTURES = [(1, 8, 8), (1, 28, 28), (1, 7, 11), (3, 9, 9), (1, 3, 2), (1, 1, 1), (3, 16, 5)]
SERIES = [(1, steps) for steps in range(8, 40)] + [(2, 1), (3, 77), (1, 300), (2, 299)]
VECTORS = [(2,), (13,), (1,)]
CASES = [
    (name, shape)
    for name, row in NETWORKS.items()
    for shape in PICTURES + VECTORS + (SERIES if row.only else SERIES[:2])
    if row.takes(shape)
]


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@each(("name", "shape"), CASES)
@each("multiplicity", [1, 2])
def test_encoder_and_decoder_have_the_required_shapes(
    name: str, shape: tuple[int, ...], multiplicity: int
) -> None:
    encoder, decoder = NETWORKS[name](shape, 10, 5, multiplicity)
    assert encoder(torch.rand(4, *shape)).shape == (4, 10)
    assert decoder(torch.randn(4, 5)).shape == (4, multiplicity, *shape)


@each(("name", "shape"), CASES)
def test_examples_do_not_affect_each_other(name: str, shape: tuple[int, ...]) -> None:
    encoder, decoder = (body.double() for body in NETWORKS[name](shape, 4, 2, 1))
    x, z = torch.rand(6, *shape).double(), torch.randn(6, 2).double()
    torch.testing.assert_close(encoder(x)[2:4], encoder(x[2:4]))
    torch.testing.assert_close(decoder(z)[2:4], decoder(z[2:4]))


@each(("name", "shape"), CASES)
def test_every_input_and_every_output_has_an_effect(name: str, shape: tuple[int, ...]) -> None:
    """Each element of x changes the latents, and z changes each element of the output."""
    torch.manual_seed(0)
    own = {"activation": "tanh"} if "activation" in options_of(NETWORKS[name].build) else {}
    encoder, decoder = NETWORKS[name](shape, 4, 2, 1, **own)
    x = torch.rand(1, *shape, requires_grad=True)
    encoder(x).pow(2).sum().backward()
    assert (x.grad != 0).all()
    assert (decoder(torch.randn(1, 2)) != decoder(torch.randn(1, 2))).all()


@pytest.mark.parametrize("shape", VECTORS)
def test_conv_on_vectors_is_refused_with_a_remedy(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"conv network needs pictures.* choose network mlp"):
        NETWORKS["conv"](shape, 4, 2, 1)


@pytest.mark.parametrize("shape", VECTORS[:1] + PICTURES[:1])
def test_conv1d_on_other_examples_is_refused_with_a_remedy(shape: tuple[int, ...]) -> None:
    suitable = "mlp or conv or linear or resnet" if len(shape) == 3 else "mlp or linear"
    words = rf"conv1d network needs series, and .* choose network {suitable}\."
    with pytest.raises(ValueError, match=words):
        NETWORKS["conv1d"](shape, 4, 2, 1)


def test_conv1d_is_equivariant_to_a_shift_in_time() -> None:
    """A shift by 2^L steps shifts the output of L strided convolutions by one place, and back."""
    encoder, decoder = (body.double() for body in conv1d((2, 96), 4, 2, 1, channels=(3, 5)))
    down, up = encoder[:4], decoder[2:-1]
    x = torch.zeros(1, 2, 96, dtype=torch.float64)
    x[..., 30:50] = torch.randn(1, 2, 20)
    h = down(x)
    torch.testing.assert_close(down(x.roll(8, -1))[..., 3:-3], h.roll(2, -1)[..., 3:-3])
    torch.testing.assert_close(up(h.roll(2, -1))[..., 20:-20], up(h).roll(8, -1)[..., 20:-20])
    assert not torch.allclose(down(x.roll(2, -1))[..., 3:-3], h[..., 3:-3])


def test_a_series_of_constants_is_constant_after_conv1d_but_at_its_ends() -> None:
    """A constant offset of a channel adds one number to each output of a convolution."""
    first = conv1d((2, 40), 4, 2, 1, channels=(3,))[0][0].double()
    x, offset = torch.randn(2, 2, 40).double(), torch.tensor([0.7, -1.2]).double()
    added = (first(x + offset[:, None]) - first(x))[..., 1:-1]
    expected = first.weight.sum(-1) @ offset
    torch.testing.assert_close(added, expected[:, None].expand_as(added[0]).expand_as(added))


@pytest.mark.parametrize("hidden", [(), (7,), (7, 5), (3, 3, 3)])
def test_the_mlp_has_the_configured_layers(hidden: tuple[int, ...]) -> None:
    encoder, decoder = mlp((1, 2, 3), 8, 4, 2, hidden=hidden)
    down = [(m.in_features, m.out_features) for m in encoder if isinstance(m, nn.Linear)]
    up = [(m.in_features, m.out_features) for m in decoder if isinstance(m, nn.Linear)]
    widths = (6, *hidden, 8)
    assert down == list(itertools.pairwise(widths))
    mirrored = (4, *reversed(hidden), 12)
    assert up == list(itertools.pairwise(mirrored))
    between = [m for m in encoder if isinstance(m, nn.ReLU)]
    assert len(between) == len(hidden)


def test_linear_is_affine() -> None:
    encoder, decoder = (body.double() for body in linear((1, 3, 3), 4, 2, 1))
    a, b = torch.randn(2, 1, 3, 3).double(), torch.randn(2, 1, 3, 3).double()
    torch.testing.assert_close(encoder(a) + encoder(b), encoder(a + b) + encoder(0 * a))
    u, v = torch.randn(2, 2).double(), torch.randn(2, 2).double()
    torch.testing.assert_close(decoder(u) + decoder(v), decoder(u + v) + decoder(0 * u))
    assert count(encoder) == 9 * 4 + 4
    assert count(decoder) == 2 * 9 + 9


@pytest.mark.parametrize("channels", [(4,), (4, 6), (2, 3, 5)])
def test_conv_halves_the_size_and_its_decoder_doubles_it(channels: tuple[int, ...]) -> None:
    encoder, decoder = conv((3, 9, 14), 8, 4, 2, channels=channels)
    down = [(m.in_channels, m.out_channels) for m in encoder if isinstance(m, nn.Conv2d)]
    assert down == list(zip((3, *channels), channels, strict=False))
    up = [(m.in_channels, m.out_channels) for m in decoder if isinstance(m, nn.ConvTranspose2d)]
    assert up == list(zip(reversed(channels), (*reversed(channels[:-1]), 6), strict=True))
    height, width = 9, 14
    for _ in channels:
        height, width = math.ceil(height / 2), math.ceil(width / 2)
    flat = channels[-1] * height * width
    assert (decoder[0].in_features, decoder[0].out_features) == (4, flat)


def test_resnet_begins_near_plain_convolutions_and_each_block_learns() -> None:
    """A block begins near the identity, up to the offset of its second convolution."""
    block = Residual(6, "silu")
    x = torch.randn(2, 6, 5, 4)
    added = block(x) - x - block.second.bias[:, None, None]
    assert 0 < added.std() < 0.1 * x.std()
    encoder, decoder = resnet((3, 9, 14), 8, 4, 2, channels=(4, 6), blocks=2)
    for body in (encoder, decoder):
        assert sum(isinstance(m, Residual) for m in body.modules()) == 4
    decoder(torch.randn(3, 4)).pow(2).sum().backward()
    assert all(m.second.weight.grad.abs().sum() > 0 for m in decoder if isinstance(m, Residual))


def test_resnet_takes_large_colour_pictures() -> None:
    """At 256×256 it has fewer weights than a layer of the mlp; nothing of this size is built."""
    domain = Domain((3, 256, 256), 256, 0)
    found = cost(RunConfig.of(network="resnet", batch_size=16), domain)
    assert found.weights < 10_000_000
    assert found.activations < 4 * 2**30


def test_conv_is_equivariant_to_translation() -> None:
    """A shift of a dot shifts the output of the first layer by the same distance."""
    first = conv((1, 8, 8), 4, 2, 1)[0][0]
    here, there = torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)
    here[0, 0, 2, 2] = there[0, 0, 4, 6] = 1
    torch.testing.assert_close(first(here)[..., :2, :2], first(there)[..., 1:3, 2:4])


@each("name", ACTIVATIONS)
@each("network", ["mlp", "conv", "resnet", "conv1d"])
def test_the_configured_activation_is_used(network: str, name: str) -> None:
    kinds = tuple(type(make()) for make in ACTIVATIONS.values())
    for body in NETWORKS[network](fitting(network, (1, 8, 8)), 4, 2, 1, activation=name):
        used = {type(m) for m in body.modules() if isinstance(m, kinds)}
        assert used == {type(ACTIVATIONS[name]())}
