"""Networks: the layers of encoder and decoder, built from the shape of the data.

A network is a function
`f(event_shape, encoder_outputs, latent_dim, multiplicity, *, <options>) -> Bodies`.
The encoder maps x (B, *event) to the posterior's parameters (B, encoder_outputs) with a single
last linear layer. The decoder maps z (B, Z) to the likelihood's parameters
(B, multiplicity, *event).
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, NamedTuple

import torch
from torch import Tensor, nn

from vae.base.kinds import kind_of
from vae.base.options import Option, rows_with
from vae.components.products import Linear


class Bodies(NamedTuple):
    """The encoder and decoder of a VAE."""

    encoder: nn.Module
    decoder: nn.Module


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}

# Gradient for h from the gradient for y = f(h): function of that gradient, h and y
SLOPES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "relu": lambda slope, h, y: torch.ops.aten.threshold_backward(slope, h, 0),
    "tanh": lambda slope, h, y: torch.ops.aten.tanh_backward(slope, y),
    "gelu": lambda slope, h, y: torch.ops.aten.gelu_backward(slope, h),
    "silu": lambda slope, h, y: torch.ops.aten.silu_backward(slope, h),
}

Activation = Annotated[
    str,
    Option("Nonlinearity between layers.", choices=tuple(ACTIVATIONS)),
]


Channels = Annotated[
    tuple[int, ...],
    Option(
        "Channels of the encoder's convolutions, separated by commas. Each convolution halves "
        "width and height, or the time steps; the decoder mirrors them. More channels fit more "
        "and take longer.",
        low=1,
        high=2048,
        label="Channels",
    ),
]


def mlp(
    event_shape: tuple[int, ...],
    encoder_outputs: int,
    latent_dim: int,
    multiplicity: int,
    *,
    hidden: Annotated[
        tuple[int, ...],
        Option(
            "Numbers of units of the encoder's hidden layers, separated by commas; the decoder "
            "mirrors them. More and wider layers fit more and take longer.",
            low=1,
            high=8192,
            label="Hidden layers",
        ),
    ] = (256, 128),
    activation: Activation = "relu",
) -> Bodies:
    """Fully connected layers, for pictures, series and vectors."""
    size = math.prod(event_shape)
    decoder = _stack((latent_dim, *reversed(hidden), multiplicity * size), activation)
    return Bodies(
        encoder=nn.Sequential(nn.Flatten(), *_stack((size, *hidden, encoder_outputs), activation)),
        decoder=nn.Sequential(*decoder, nn.Unflatten(1, (multiplicity, *event_shape))),
    )


def _stack(widths: Sequence[int], activation: str) -> list[nn.Module]:
    """Return linear layers of these widths with the nonlinearity between them."""
    layers: list[nn.Module] = []
    for i in range(len(widths) - 1):
        layers += [Linear(widths[i], widths[i + 1]), ACTIVATIONS[activation]()]
    return layers[:-1]


def linear(
    event_shape: tuple[int, ...], encoder_outputs: int, latent_dim: int, multiplicity: int
) -> Bodies:
    """One linear layer each in encoder and decoder. With a Gaussian likelihood: probabilistic PCA
    (Tipping & Bishop 1999; Lucas et al. 2019, https://arxiv.org/abs/1911.02469)."""
    return mlp(event_shape, encoder_outputs, latent_dim, multiplicity, hidden=())


def conv(
    event_shape: tuple[int, ...],
    encoder_outputs: int,
    latent_dim: int,
    multiplicity: int,
    *,
    channels: Channels = (32, 64),
    activation: Activation = "relu",
) -> Bodies:
    """Strided 3×3 convolutions, for pictures of any size."""
    ends = (encoder_outputs, latent_dim, multiplicity)
    shrink = partial(nn.Conv2d, kernel_size=3, stride=2, padding=1)
    return _strided(event_shape, ends, channels, activation, shrink, Grow)


def conv1d(
    event_shape: tuple[int, ...],
    encoder_outputs: int,
    latent_dim: int,
    multiplicity: int,
    *,
    channels: Channels = (32, 64),
    activation: Activation = "relu",
) -> Bodies:
    """Strided convolutions over five time steps, for series of any length."""
    ends = (encoder_outputs, latent_dim, multiplicity)
    shrink = partial(nn.Conv1d, kernel_size=5, stride=2, padding=2)

    def grow(inputs: int, outputs: int, to: tuple[int, ...], start: tuple[int, ...]) -> Lengthen:
        return Lengthen(inputs, outputs, *to, *start)

    return _strided(event_shape, ends, channels, activation, shrink, grow)


def _strided(
    event_shape: tuple[int, ...],
    ends: tuple[int, int, int],
    channels: Sequence[int],
    activation: str,
    shrink: Callable[[int, int], nn.Module],
    grow: Callable[..., nn.Module],
) -> Bodies:
    """Return convolutions that halve every length, and their mirror.

    `ends` are the encoder's outputs, the latents and the multiplicity. `shrink` takes the channels
    before and after; `grow` also the lengths after and before.
    """
    encoder_outputs, latent_dim, multiplicity = ends
    sizes, planes = _halvings(event_shape[1:], len(channels)), (event_shape[0], *channels)
    down: list[nn.Module] = []
    for i in range(len(channels)):
        down += [shrink(planes[i], planes[i + 1]), ACTIVATIONS[activation]()]
    up: list[nn.Module] = []
    for i in reversed(range(len(channels))):
        out = planes[i] if i else multiplicity * event_shape[0]
        up += [ACTIVATIONS[activation](), grow(planes[i + 1], out, sizes[i], sizes[i + 1])]
    inside, event = (channels[-1], *sizes[-1]), (multiplicity, event_shape[0])
    return _between(down, up, inside, encoder_outputs, latent_dim, event)


def resnet(
    event_shape: tuple[int, ...],
    encoder_outputs: int,
    latent_dim: int,
    multiplicity: int,
    *,
    channels: Channels = (32, 64, 128, 128),
    blocks: Annotated[
        int,
        Option(
            "Residual blocks after each halving. More blocks fit more and take longer.",
            low=1,
            high=16,
            label="Residual blocks",
        ),
    ] = 1,
    activation: Activation = "silu",
) -> Bodies:
    """Strided convolutions with residual blocks between them (He et al. 2016,
    https://arxiv.org/abs/1512.03385), for colour pictures of 32×32 to 256×256."""
    sizes = _halvings(event_shape[1:], len(channels))
    planes = (event_shape[0], *channels)
    down: list[nn.Module] = []
    up: list[nn.Module] = []
    for i in range(len(channels)):
        down.append(nn.Conv2d(planes[i], planes[i + 1], 3, 2, 1))
        down += [Residual(planes[i + 1], activation) for _ in range(blocks)]
    for i in reversed(range(len(channels))):
        out = planes[i] if i else multiplicity * event_shape[0]
        up += [Residual(planes[i + 1], activation) for _ in range(blocks)]
        up += [ACTIVATIONS[activation](), Grow(planes[i + 1], out, sizes[i], sizes[i + 1])]
    ends = (encoder_outputs, latent_dim, (multiplicity, event_shape[0]))
    last = ACTIVATIONS[activation]()
    return _between([*down, last], up, (channels[-1], *sizes[-1]), *ends)


def _between(
    down: Sequence[nn.Module],
    up: Sequence[nn.Module],
    bottom: tuple[int, ...],
    encoder_outputs: int,
    latent_dim: int,
    outputs: tuple[int, ...],
) -> Bodies:
    """Return convolutions down to `bottom` and up again, with a linear layer to and from the
    latents; the channels of the last layer become the axes `outputs`."""
    flat = math.prod(bottom)
    return Bodies(
        encoder=nn.Sequential(*down, nn.Flatten(), Linear(flat, encoder_outputs)),
        decoder=nn.Sequential(
            Linear(latent_dim, flat), nn.Unflatten(1, bottom), *up, nn.Unflatten(1, outputs)
        ),
    )


SMALL = 0.1  # factor on the first weights of a residual block's last layer


class Residual(nn.Module):
    """x + f(x), with f two 3×3 convolutions of as many channels. The second begins small, so that
    the block begins near the identity (after Zhang et al. 2019, https://arxiv.org/abs/1901.09321).
    """

    def __init__(self, channels: int, activation: str) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, 1, 1)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1)
        self.activation = ACTIVATIONS[activation]()
        with torch.no_grad():
            self.second.weight.mul_(SMALL)

    def forward(self, x: Tensor) -> Tensor:
        f: Tensor = self.second(self.activation(self.first(self.activation(x))))
        return x + f


def _halvings(size: tuple[int, ...], times: int) -> list[tuple[int, ...]]:
    """Return the sizes after 0, 1, …, `times` strided convolutions: each halves a side, rounded
    up."""
    sizes = [size]
    for _ in range(times):
        sizes.append(tuple((side + 1) // 2 for side in sizes[-1]))
    return sizes


class Grow(nn.ConvTranspose2d):
    """A transposed strided convolution that restores exactly the input size of the convolution."""

    def __init__(
        self, inputs: int, outputs: int, to: tuple[int, ...], start: tuple[int, ...]
    ) -> None:
        # A transposed 3x3 convolution with stride 2 and padding 1 maps size n to 2n - 1
        extra = (to[0] - (2 * start[0] - 1), to[1] - (2 * start[1] - 1))
        super().__init__(inputs, outputs, 3, 2, 1, output_padding=extra)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        return super().forward(x)


class Lengthen(nn.ConvTranspose1d):
    """A transposed strided convolution that restores exactly the length of a series."""

    def __init__(self, inputs: int, outputs: int, to: int, start: int) -> None:
        # Five taps with stride 2 and padding 2 map length n to 2n - 1
        super().__init__(inputs, outputs, 5, 2, 2, output_padding=to - (2 * start - 1))

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        return super().forward(x)


class Network(NamedTuple):
    """A row of the table: the function, and the only kind of examples that it takes."""

    build: Callable[..., Bodies]
    only: str = ""  # "pictures" or "series"; "" takes examples of every kind
    dense: bool = False  # encoder and decoder are linear layers with a nonlinearity between them

    def takes(self, event_shape: tuple[int, ...]) -> bool:
        """Whether the network takes examples of this shape."""
        return self.only in ("", kind_of(event_shape))

    def check(self, event_shape: tuple[int, ...], data: str = "this data set") -> None:
        """Raise ValueError if the network cannot take examples of this shape."""
        if not self.takes(event_shape):
            suitable = {name: row for name, row in NETWORKS.items() if row.takes(event_shape)}
            raise ValueError(
                f"The {self.build.__name__} network needs {self.only}, and {data} holds "
                f"{kind_of(event_shape)}: choose network {rows_with(suitable)}."
            )

    def __call__(self, event_shape: tuple[int, ...], *sizes: int, **options: Any) -> Bodies:
        """Return `build(event_shape, *sizes, **options)` after `check`."""
        self.check(event_shape)
        return self.build(event_shape, *sizes, **options)


NETWORKS: dict[str, Network] = {
    "mlp": Network(mlp, dense=True),
    "conv": Network(conv, only="pictures"),
    "linear": Network(linear, dense=True),
    "resnet": Network(resnet, only="pictures"),
    "conv1d": Network(conv1d, only="series"),
}
