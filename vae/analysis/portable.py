"""Decoder and encoder as plain numbers, for a browser that computes E[x|z] and E[z|x] itself.

The browser runs `plot/decoder.js` of the dashboard. It receives a recipe (the layers, their sizes,
the formula of the mean, and location and scale of rescaled data) and one block of weights. A
network is portable if it is a sequence of layers of `LAYERS` and small enough for sixty pictures a
second. The likelihood of the decoder must name the formula of its mean (`Likelihood.browser`); of
an encoder the first Z outputs must be the mean of q(z|x).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from vae.base.numbers import plain
from vae.base.records import Floats
from vae.base.rng import stream
from vae.components.binarizations import BINARIZATIONS
from vae.components.likelihood_base import Likelihood
from vae.components.networks import Grow, Lengthen
from vae.components.products import Linear
from vae.model import VAE

MOST_WEIGHTS = 2_000_000  # 8 MB, sent once
MOST_PRODUCTS = 8_000_000  # in one decode: about 8 ms


class Layer(NamedTuple):
    """One layer: its recipe for the browser, its weights in their order, and its cost."""

    recipe: dict[str, Any]
    weights: tuple[Tensor, ...] = ()
    products: int = 0  # of weights and inputs


class Portable(NamedTuple):
    """A network for a browser: a recipe that JSON can hold, and the weights of all layers."""

    recipe: dict[str, Any]
    weights: Floats  # (W,)


def portable(model: VAE) -> Portable:
    """Return the decoder of a model for a browser. Raises ValueError with the reason if a browser
    cannot compute it."""
    likelihood = model._likelihood
    mean = mean_formula(likelihood)
    if not mean:
        raise ValueError("The browser does not know the mean of this likelihood.")
    start = torch.zeros(1, model.config.latent_dim + model.classes)
    found = _network(model, model.decoder, start, _codebook(model))
    about = {
        "latents": model.config.latent_dim,
        "classes": model.classes,
        "mean": mean,
        "shape": list(model.domain.shape),
        "levels": model.domain.levels,
        "constants": likelihood.mean_constants().detach().flatten().tolist(),
    }
    return found._replace(recipe=found.recipe | about)


def portable_encoder(model: VAE) -> Portable:
    """Return the encoder of a model for a browser: x → the mean of q(z|x). Raises ValueError with
    the reason if a browser cannot compute it."""
    if model.domain.kinds:
        raise ValueError("The browser does not know the names of a category.")
    probe = torch.linspace(0, 1, 9)
    row = BINARIZATIONS[model.config.binarize]
    likelihood_input = model._likelihood.encoder_input(probe)
    as_it_is = torch.equal(row.apply(probe), probe) and torch.equal(likelihood_input, probe)
    if model.classes or model.domain.missing or row.random or not as_it_is:
        raise ValueError("The browser does not know the input of this encoder.")
    if not _begins_with_mean(model):
        raise ValueError("The browser does not know the mean of this posterior.")
    return _network(model, model.encoder, torch.zeros(1, *model.domain.shape))


def _begins_with_mean(model: VAE) -> bool:
    """Return whether the first Z outputs of the encoder are the mean of q(z|x)."""
    h = torch.linspace(-1, 1, model._posterior.outputs)[None]
    with torch.no_grad(), stream(torch.device("cpu"), 0, "page"):
        mean = model._posterior(h).mean
    return torch.equal(mean, h[:, : model.config.latent_dim])


def _codebook(model: VAE) -> list[Layer]:
    """Return the layer that replaces z by its nearest codes; none without a codebook."""
    if model.codes is None:
        return []
    book, latents = model.codes.codebook, model.config.latent_dim
    groups, codes, _ = book.shape
    recipe = {"kind": "codes", "groups": groups, "codes": codes, "latents": latents}
    return [Layer(recipe | {"outputs": latents + model.classes}, (book,), book.numel())]


def _network(
    model: VAE, network: nn.Module, start: Tensor, first: Sequence[Layer] = ()
) -> Portable:
    """Return encoder or decoder after the layers `first`; `start` (1, …) is an input."""
    if model.config.precision != "fp32":
        raise ValueError("The browser computes with 32 bits, and this run does not.")
    layers = [*first, *_layers(network, start)]
    weights = [w.detach().float().flatten() for layer in layers for w in layer.weights]
    _check_size(sum(map(len, weights)), sum(layer.products for layer in layers))
    recipe = {
        "inputs": start.numel(),
        "layers": [layer.recipe for layer in layers if layer.recipe],
        "location": list(model.domain.location),
        "scale": list(model.domain.scale),
    }
    return Portable(recipe, torch.cat(weights).numpy().astype(np.float32))


def mean_formula(likelihood: Likelihood) -> str:
    """Return the name of the formula of E[x|z], "" without one. The class that defines `forward`
    names it, so that a subclass with another `forward` does not inherit it."""
    kind = type(likelihood)
    owner = next(base for base in kind.__mro__ if "forward" in vars(base))
    return kind.browser if any("browser" in vars(b) for b in _between(kind, owner)) else ""


def _between(kind: type, base: type) -> tuple[type, ...]:
    """Return the classes from `kind` up to its base, both included."""
    return kind.__mro__[: kind.__mro__.index(base) + 1]


def _layers(network: nn.Module, h: Tensor) -> list[Layer]:
    """Return the layers of a network; the sizes of their inputs follow from one pass of h."""
    if type(network) is not nn.Sequential:
        raise ValueError("The network is not a sequence of layers, so the browser cannot run it.")
    found = []
    with torch.no_grad():
        for layer in network:
            x, h = h, layer(h)
            found.append(_layer(layer, x, h))
    return found


def _layer(layer: nn.Module, x: Tensor, h: Tensor) -> Layer:
    """Return a layer that maps x (1, …) to h (1, …)."""
    if (name := FUNCTIONS.get(str(layer))) is not None:
        return Layer({"kind": name, "outputs": h.numel()})
    make = LAYERS.get(type(layer))
    if make is None:
        raise ValueError(f"The browser does not know a layer of this network: {layer}.")
    return make(layer, x, h)


def _linear(layer: nn.Linear, x: Tensor, h: Tensor) -> Layer:
    recipe = {"kind": "linear", "inputs": x.numel(), "outputs": h.numel()}
    return Layer(recipe, _weights(layer), layer.weight.numel())


TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d)
Convolution = nn.Conv1d | nn.Conv2d | nn.ConvTranspose1d | nn.ConvTranspose2d


def _convolution(layer: Convolution, x: Tensor, h: Tensor) -> Layer:
    """Return a convolution, its weights as (outputs, height, width, inputs); one over a series has
    height 1."""
    plain_one = layer.groups == 1 and set(layer.dilation) == {1} and layer.padding_mode == "zeros"
    if not plain_one or isinstance(layer.padding, str):
        raise ValueError(f"The browser does not know a layer of this network: {layer}.")
    is_transposed = isinstance(layer, TRANSPOSED)
    flat = x.ndim == 3
    recipe = {
        "kind": "convolution",
        "transposed": is_transposed,
        "from": _planes(x),
        "to": _planes(h),
        "outputs": h.numel(),
        "kernel": [1] * flat + list(layer.kernel_size),
        "stride": [1] * flat + list(layer.stride),
        "padding": [0] * flat + list(layer.padding),
    }
    weight, bias = _weights(layer)
    wide = weight.unsqueeze(2) if flat else weight
    turned = wide.permute(1, 2, 3, 0) if is_transposed else wide.permute(0, 2, 3, 1)
    places = math.prod((x if is_transposed else h).shape[2:])
    return Layer(recipe, (turned, bias), weight.numel() * places)


def _planes(x: Tensor) -> list[int]:
    """Return channels, height and width of x (1, C, H, W), or of series (1, C, T)."""
    channels, *size = x.shape[1:]
    return [channels, *([1] * (2 - len(size))), *size]


def _weights(layer: nn.Linear | Convolution) -> tuple[Tensor, Tensor]:
    """Return weights and biases, zeros for a layer without biases."""
    outputs = layer.weight.shape[1 if isinstance(layer, TRANSPOSED) else 0]
    return layer.weight, torch.zeros(outputs) if layer.bias is None else layer.bias


def _reshaped(layer: nn.Module, x: Tensor, h: Tensor) -> Layer:
    """Return a layer that leaves the numbers in their order: nothing to compute."""
    return Layer({})


# The exact type of a layer: a subclass may compute something else
LAYERS: dict[type[nn.Module], Callable[[Any, Tensor, Tensor], Layer]] = {
    nn.Linear: _linear,
    Linear: _linear,
    nn.Conv1d: _convolution,
    nn.Conv2d: _convolution,
    nn.ConvTranspose1d: _convolution,
    nn.ConvTranspose2d: _convolution,
    Grow: _convolution,
    Lengthen: _convolution,
    nn.Flatten: _reshaped,
    nn.Unflatten: _reshaped,
}
# Functions of single numbers, with their options → the function in plot/decoder.js
FUNCTIONS = {
    str(nn.ReLU()): "relu",
    str(nn.Tanh()): "tanh",
    str(nn.GELU()): "gelu",
    str(nn.SiLU()): "silu",
}


def _check_size(weights: int, products: int) -> None:
    """Raise ValueError for a network that a browser computes too slowly."""
    for number, most, what in (
        (weights, MOST_WEIGHTS, "weights"),
        (products, MOST_PRODUCTS, "products for a picture"),
    ):
        if number > most:
            raise ValueError(
                f"The network has {plain(number / 1e6)} million {what}; the browser computes up "
                f"to {plain(most / 1e6)} million."
            )
