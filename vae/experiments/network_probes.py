"""Probes of a network in a file, before the first step: each fault is one sentence.

The probes use the encoder and the decoder as training does: shapes for B = 1, 2 and 7, equal
outputs for equal inputs, rows that do not depend on each other, finite numbers, a gradient for
every weight, and a state that goes through a file of safetensors and back.
"""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from vae.base.records import Domain
from vae.base.rng import stream
from vae.components import network_file
from vae.components.network_code import run_guarded
from vae.components.network_file import is_file, recalled
from vae.config import RunConfig
from vae.footprint import model_settings
from vae.model import VAE, build

SIZES = (1, 2, 7)
ROW = 3  # the row that must not depend on the others
LARGE = 1e-4  # of the largest output: more than the rounding of another order of sums
MOST = 3  # names in a sentence


class Facts(NamedTuple):
    """Findings about a network that is valid."""

    weights: int
    seconds: float  # of one pass forward and back for a batch, on this CPU
    tied: tuple[str, ...] = ()  # names of weights that share their numbers with an earlier one


def check_network(config: RunConfig, domain: Domain) -> Facts | None:
    """Return the facts about a network in a file; None for a row of the table.

    Raises ValueError for the first probe that fails.
    """
    if not is_file(config.network):
        return None
    found = _probed(tuple(model_settings(config).items()), domain)
    if isinstance(found, str):
        raise ValueError(f"The network {network_file.title(config.network)}: {found}")
    return found


@lru_cache(maxsize=64)
def _probed(settings: tuple[tuple[str, Any], ...], domain: Domain) -> Facts | str:
    """Return the facts, or the sentence of the first fault."""
    config = RunConfig.of(**dict(settings))
    model, other = build(config, domain), build(config.model_copy(update={"seed": 1}), domain)
    try:
        with stream(torch.device("cpu"), 0, "weights"):
            found: Facts = run_guarded(recalled(config.network), lambda: _facts(model, other))
            return found
    except _Fault as fault:
        return str(fault)
    except ValueError as error:  # of the user's code, with its line
        return str(error)


class _Fault(BaseException):
    """A probe has failed; the message is a sentence. No error of the user's code is one."""


def _facts(model: VAE, other: VAE) -> Facts:
    z = model.config.latent_dim + model.classes
    coded = model._likelihood.coded_shape
    outputs = (model._posterior.outputs,), (model._likelihood.multiplicity, *coded)
    bodies = {
        "encoder": (model.encoder, other.encoder, _inputs(coded), outputs[0]),
        "decoder": (model.decoder, other.decoder, _inputs((z,)), outputs[1]),
    }
    for name, (body, copy, inputs, shape) in bodies.items():
        _check_shapes(name, body, inputs, shape, SIZES[1:])
        _check_finite(name, body, inputs)
        _check_repetition(name, body, inputs)
        _check_rows(name, body, inputs)
        _check_modes(name, body, inputs)
        _check_shapes(name, body, inputs, shape, SIZES[:1])  # batch normalisation fails here
        _check_state(name, body, copy, inputs)
    _check_gradients(model, bodies["encoder"][2](2), bodies["decoder"][2](2))
    return Facts(
        sum(p.numel() for p in model.parameters()),
        _seconds(model, bodies["encoder"][2], bodies["decoder"][2]),
        _tied(model),
    )


def _inputs(shape: tuple[int, ...]) -> Callable[[int], Tensor]:
    """Return a function that draws inputs (B, *shape) of values from 0 to 1 and beyond."""
    return lambda size: torch.randn(size, *shape)


def _check_shapes(
    name: str,
    body: nn.Module,
    inputs: Callable[[int], Tensor],
    shape: tuple[int, ...],
    sizes: tuple[int, ...],
) -> None:
    for size in sizes:
        found = body(inputs(size))
        wanted = (size, *shape)
        if not isinstance(found, Tensor) or tuple(found.shape) != wanted:
            form = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise _Fault(
                f"for {size} examples the {name} must return {wanted}, and returns {form}."
            )


def _check_repetition(name: str, body: nn.Module, inputs: Callable[[int], Tensor]) -> None:
    x = inputs(SIZES[-1])
    with torch.no_grad():
        if not torch.equal(body(x), body(x)):
            raise _Fault(
                f"the {name} returns two outputs for one input: leave out dropout and other "
                "noise, because the posterior is the model's only noise."
            )


def _check_modes(name: str, body: nn.Module, inputs: Callable[[int], Tensor]) -> None:
    x = inputs(SIZES[-1])
    with torch.no_grad():
        trained = body(x)
        body.eval()
        evaluated = body(x)
        body.train()
    if _differ(trained, evaluated):
        raise _Fault(
            f"the {name} returns another output in evaluation than in training: leave out layers "
            "that depend on the mode."
        )


def _check_rows(name: str, body: nn.Module, inputs: Callable[[int], Tensor]) -> None:
    x, others = inputs(SIZES[-1]), 3 * inputs(SIZES[-1]) + 1
    others[ROW] = x[ROW]
    with torch.no_grad():
        if _differ(body(x)[ROW], body(others)[ROW]):
            raise _Fault(
                f"the {name}'s output for an example depends on the other examples of the batch: "
                "replace batch normalisation by group or layer normalisation, and let attention "
                "look along an example, not across the batch."
            )


def _check_finite(name: str, body: nn.Module, inputs: Callable[[int], Tensor]) -> None:
    x = inputs(2)
    with torch.no_grad():
        for title, value in {"0": 0 * x, "1": 0 * x + 1, "noise": x}.items():
            if not body(value).isfinite().all():
                raise _Fault(f"the {name}'s output is not finite for an input of {title}.")


def _check_gradients(model: VAE, x: Tensor, z: Tensor) -> None:
    """Every weight needs a gradient from the outputs; tied ones get it through either body."""
    bodies = nn.ModuleDict({"encoder": model.encoder, "decoder": model.decoder})
    for output in (model.encoder(x), model.decoder(z)):
        if output.requires_grad:
            (output * torch.randn_like(output)).sum().backward()
    weights = [(n, p.grad) for n, p in bodies.named_parameters() if p.requires_grad]
    model.zero_grad(set_to_none=True)
    unused = [name for name, gradient in weights if gradient is None]
    wild = [name for name, gradient in weights if gradient is not None and _is_wild(gradient)]
    if unused:
        raise _Fault(f"no output depends on these weights, so they cannot learn: {_some(unused)}.")
    if wild:
        raise _Fault(f"the gradients of these weights are not finite: {_some(wild)}.")


def _is_wild(gradient: Tensor) -> bool:
    return not bool(gradient.isfinite().all())


def _check_state(
    name: str, body: nn.Module, copy: nn.Module, inputs: Callable[[int], Tensor]
) -> None:
    """A second network, drawn with another seed, must compute the same with the same state."""
    state = body.state_dict()
    odd = [key for key, value in state.items() if not isinstance(value, Tensor)]
    if odd:
        raise _Fault(f"the state of the {name} holds values that are no tensors: {_some(odd)}.")
    try:
        copies = {key: value.detach().clone().contiguous() for key, value in state.items()}
        copy.load_state_dict(load(save(copies)))
    except (RuntimeError, SafetensorError) as error:
        raise _Fault(f"the state of the {name} cannot be saved and loaded: {error}.") from None
    x = inputs(2)
    with torch.no_grad():
        if _differ(body(x), copy(x)):
            raise _Fault(
                f"the {name} computes with numbers that its state does not hold: register them as "
                "parameters or buffers, or derive them from the options alone."
            )


def _tied(model: VAE) -> tuple[str, ...]:
    """Return the names of weights that are other names of earlier ones."""
    once = {name for name, _ in model.named_parameters()}
    every = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    return tuple(sorted(every - once))


def _seconds(model: VAE, x: Callable[[int], Tensor], z: Callable[[int], Tensor]) -> float:
    """Return the seconds of a pass forward and back through both bodies for a batch."""
    size = min(model.config.batch_size, SIZES[-1])
    start = time.thread_time()
    loss = (
        model.encoder(x(size)).sum()
        + model.decoder(z(size * model.config.posterior_samples)).sum()
    )
    loss.backward()
    model.zero_grad(set_to_none=True)
    return (time.thread_time() - start) * model.config.batch_size / size


def _differ(a: Tensor, b: Tensor) -> bool:
    largest = float(torch.maximum(a.abs().max(), b.abs().max()))
    return bool((a - b).abs().max() > LARGE * max(largest, 1e-6))


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return ", ".join(names[:MOST]) + more
