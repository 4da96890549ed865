"""Weights, memory and operations of a configuration, counted before anything is built.

One training step runs on torch's meta device, whose tensors have shapes and no values: nothing is
allocated and nothing is computed. The step counts the weights, the products of the layers, and
the activations: the tensors that autograd saves for the backward pass. Memory is in bytes.

    on the device   weights, gradients, two moments of Adam, best weights; activations; examples
    on the machine  the snapshot: weights, best weights and moments, once as arrays, once as bytes
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.distributions import Distribution
from torch.overrides import TorchFunctionMode

from vae.base import memory, quotas
from vae.base.devices import resolve
from vae.base.numbers import byte_count
from vae.base.options import Field
from vae.base.records import Domain
from vae.base.rng import stream
from vae.components.network_code import sentence
from vae.components.network_file import is_file, recalled
from vae.config import RunConfig, fields
from vae.model import VAE

WORTH_THREADS = 200_000_000  # operations per step: below, threads cost more time than they save
FLOAT = 4  # bytes
HELD, SAVED = 5, 8  # floats per weight: of training on the device, of a snapshot on the machine
CHUNK = 512  # examples of a pass without gradient
TABLED = ("network", "likelihood", "posterior", "prior", "objective")
SIZED = (*TABLED, "latent_dim", "condition", "batch_size", "posterior_samples")


class Cost(NamedTuple):
    """Size and computation of a model."""

    weights: int
    flops: int  # floating-point operations of one training step, forward and backward
    constants: int  # bytes of the tensors of the model that do not learn
    activations: int  # bytes that one training step saves for its backward pass
    largest: int  # bytes of the largest of these tensors

    @property
    def threads(self) -> int:
        """CPU threads for a training step: one thread is faster for small matrix products."""
        return (os.cpu_count() or 1) if self.flops > WORTH_THREADS else 1


class UncountableError(ValueError):
    """The code of a network in a file fails in a training step; the message is a sentence."""


class Memory(NamedTuple):
    """The memory that training needs, by cause."""

    weights: int
    activations: int
    examples: int

    @property
    def total(self) -> int:
        return sum(self)


def cost(config: RunConfig, domain: Domain) -> Cost:
    """Return the cost of a configuration. Raises ValueError if the network does not fit."""
    return _counted(tuple(model_settings(config).items()), domain)


def model_settings(config: RunConfig) -> dict[str, Any]:
    """Return the settings that the cost depends on."""
    live = {field.name for field in fields() if field.option.live}
    options = {k: v for n in TABLED for k, v in config.chosen(n).items() if k not in live}
    return {name: config.get(name) for name in SIZED} | options


@lru_cache(maxsize=256)
def _counted(settings: tuple[tuple[str, Any], ...], domain: Domain) -> Cost:
    config = RunConfig.of(**dict(settings))
    try:
        with _hollow():
            return _cost(config, domain, config.batch_size)
    except Exception:
        if not is_file(config.network):
            raise
    # Code of the user may read values, which tensors without values lack: count a real example
    try:
        with stream(torch.device("cpu"), config.seed, "weights"):
            found, batch = _cost(config, domain, 1), config.batch_size
    except ValueError:
        raise
    except Exception as error:
        raise UncountableError(sentence(recalled(config.network), error)) from None
    return found._replace(
        flops=found.flops * batch,
        activations=found.activations * batch,
        largest=found.largest * batch,
    )


def _cost(config: RunConfig, domain: Domain, examples: int) -> Cost:
    """Return the cost of a step on so many examples."""
    products = list[int]()

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """Add the products of one layer: a convolution uses its weights at every place."""
        if isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d):
            products.append(inputs[0].numel() * layer.weight[0].numel())
        elif isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
            products.append(output.numel() * layer.weight[0].numel())

    vae = VAE(config, domain)
    for layer in vae.modules():
        layer.register_forward_hook(count)
    saved = _activations(vae, examples)
    return Cost(
        weights=sum(p.numel() for p in vae.parameters()),
        # One product and one sum each; the backward pass needs twice as many as the forward pass
        flops=2 * 3 * sum(products),
        constants=sum(b.numel() * b.element_size() for b in vae.buffers()),
        activations=sum(saved),
        largest=max(saved, default=0),
    )


def _activations(vae: VAE, examples: int) -> list[int]:
    """Return the sizes of the tensors that a step saves, the model's own ones excepted."""
    config = vae.config
    found: dict[int, Any] = {}  # the storages stay alive, so that each has its own address

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        found[storage._cdata] = storage
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        x = torch.zeros(examples, *vae.domain.shape)
        y = torch.zeros(examples, dtype=torch.long)
        loss = vae.loss(vae(x, config.posterior_samples, y), {})
    model = {tensor.untyped_storage()._cdata for tensor in (*vae.parameters(), *vae.buffers())}
    del loss
    return [storage.nbytes() for key, storage in found.items() if key not in model]


class _Shapes(TorchFunctionMode):
    """Answers of tensors without values: the masks of flows have their shapes, and no zeros."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name == "unique":
            return args[0], torch.arange(len(args[0]))
        if name == "nonzero":
            return torch.arange(len(args[0])).unsqueeze(-1)
        if name == "__bool__":
            return False
        return func(*args, **(kwargs or {}))


@contextmanager
def _hollow() -> Iterator[None]:
    """Make tensors without values inside the block; distributions cannot check such values."""
    checks = Distribution._validate_args
    Distribution.set_default_validate_args(False)
    try:
        with torch.device("meta"), _Shapes():
            yield
    finally:
        Distribution.set_default_validate_args(checks)


def training_memory(config: RunConfig, domain: Domain, examples: int) -> Memory:
    """Return the memory of training on the device, for examples of so many bytes."""
    found = cost(config, domain)
    rows = max(1, CHUNK // config.batch_size)  # a pass without gradient holds few tensors at once
    half = 2 * found.weights if config.precision == "bf16" else 0
    return Memory(
        HELD * FLOAT * found.weights + half + found.constants,
        found.activations + 2 * found.largest * rows,
        examples,
    )


def check_quotas(config: RunConfig, domain: Domain, examples: int) -> None:
    """Raise RefusedError for more examples or weights than the server admits."""
    quotas.check("examples", examples)
    if quotas.most("weights") is not None:
        quotas.check("weights", cost(config, domain).weights)


def check_memory(config: RunConfig, domain: Domain, examples: int) -> None:
    """Raise ValueError if this machine or the device of the run lacks the memory for training.

    `examples` is the size of the data in bytes.
    """
    device = str(resolve(config.device))
    needs = training_memory(config, domain, examples)
    snapshot = SAVED * FLOAT * cost(config, domain).weights
    if device.startswith("cuda"):
        _compare(config, needs, memory.free(device), f"{device} has")
        _compare(config, Memory(snapshot, 0, examples), memory.free(), "this machine has")
    else:
        # A snapshot is saved between two steps, when no activations exist
        whole = needs._replace(
            weights=needs.weights + snapshot, activations=max(0, needs.activations - snapshot)
        )
        _compare(config, whole, memory.free(), "this machine has")


def _compare(config: RunConfig, needs: Memory, free: int, where: str) -> None:
    if needs.total > free:
        raise ValueError(
            f"This run needs about {byte_count(needs.total)} of memory, and {where} "
            f"{byte_count(free)} free: lower {_remedy(config, needs)}."
        )


def _remedy(config: RunConfig, needs: Memory) -> str:
    """Return the settings that the largest part of the memory depends on."""
    if needs.examples == max(needs):
        return "examples, or give them as an .npy file, which stays on the disk"
    if needs.activations == max(needs):
        samples = " or posterior_samples" if config.posterior_samples > 1 else ""
        return f"batch_size{samples}"
    chosen = {name for kind in ("network", "posterior", "prior") for name in config.chosen(kind)}
    sizes = [f.name for f in fields(config.network) if f.name in chosen and _is_size(f)]
    return " or ".join([*sizes, "latent_dim"])


def _is_size(field: Field) -> bool:
    return field.type is int or field.type == tuple[int, ...]


def check_loading(config: RunConfig, domain: Domain, file: int) -> None:
    """Raise ValueError if this machine lacks the memory for the model and its file of weights, of
    `file` bytes."""
    needs, free = FLOAT * cost(config, domain).weights + file, memory.free()
    if needs > free:
        raise ValueError(
            f"This model needs about {byte_count(needs)} of memory, and this machine has "
            f"{byte_count(free)} free: end other processes, or open it on a larger machine."
        )


def data_bytes(domain: Domain, examples: int) -> int:
    """Return the size of a data set of so many examples: grey levels are bytes."""
    return examples * math.prod(domain.shape) * (1 if 0 < domain.levels <= 256 else FLOAT)
