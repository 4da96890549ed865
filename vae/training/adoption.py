"""Weights that were trained elsewhere: fit them to a model by name, and observe it untrained.

A name of the file fits a name of the model, `encoder.fc1.weight`, if it is equal with or without
`encoder.` or `decoder.`; a prefix of all names, such as `module.`, does not count. `renamed` gives
other names.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from vae.base.foreign import quoted
from vae.base.records import Control, Domain
from vae.config import RunConfig
from vae.data import Dataset
from vae.model import VAE
from vae.training.trainer import Event, Trainer

BODIES = ("encoder.", "decoder.")
LISTED = 8  # names in a sentence, at most


class Fit(NamedTuple):
    """Weights under the names of a model, and the names of the file that it has no use for."""

    weights: dict[str, Tensor]
    left: tuple[str, ...]


def renamed(given: Mapping[str, Tensor], names: Mapping[str, str]) -> dict[str, Tensor]:
    """Return tensors under new names: old → new, each the name of a tensor or of a module.

    "a+b" → "c" puts the rows of b below those of a. Raises ValueError for an unknown name and for
    modules that do not fit below each other.
    """
    found = dict(given)
    for old, new in names.items():
        parts = {part: _of_module(found, part) for part in old.split("+")}
        if len({frozenset(tensors) for tensors in parts.values()}) > 1 or not all(parts.values()):
            raise ValueError(f"--rename {old}={new}: {_misfit(found, parts)}.")
        for part, tensors in parts.items():
            for ending in tensors:
                del found[part + ending]
        first, *_ = parts.values()
        for ending in first:
            found[new + ending] = _stacked([tensors[ending] for tensors in parts.values()])
    return found


def _stacked(tensors: list[Tensor]) -> Tensor:
    """Return one tensor with the rows of all; raises ValueError if they differ in width."""
    if len({tensor.shape[1:] for tensor in tensors}) > 1 or tensors[0].ndim == 0:
        shapes = " and ".join(str(tuple(tensor.shape)) for tensor in tensors)
        raise ValueError(f"--rename: tensors of {shapes} cannot lie below each other.")
    return torch.cat(tensors)


def _of_module(given: Mapping[str, Tensor], module: str) -> dict[str, Tensor]:
    """Return the ending of its name → each tensor of a module, or of a tensor's own name."""
    inside = {k: v for k, v in given.items() if k == module or k.startswith(f"{module}.")}
    return {name.removeprefix(module): tensor for name, tensor in inside.items()}


def _misfit(given: Mapping[str, Tensor], parts: Mapping[str, Mapping[str, Tensor]]) -> str:
    lost = [part for part, tensors in parts.items() if not tensors]
    if not lost:
        return "these modules have different parts"
    return f"the file has no {quoted(lost[0])}; it has {_listed(given)}"


def fitted(given: Mapping[str, Tensor], model: VAE) -> Fit:
    """Return the weights of a model from the tensors of a file.

    Raises ValueError that names a tensor which is missing, ambiguous, of another shape or not
    finite.
    """
    wanted = model.state_dict()
    short = _without_prefix(given, wanted)
    taken = {name: _source(name, wanted, short) for name in wanted}
    if lost := [name for name, source in taken.items() if source is None]:
        described = _listed({name: wanted[name] for name in lost})
        left = _listed({k: v for k, v in short.items() if k not in taken.values()})
        raise ValueError(
            f"The file has no tensor for {described} of the model; its own that are left: "
            f"{left or 'none'}. Give their names with --rename OLD=NEW."
        )
    weights = {}
    for name, source in taken.items():
        assert source is not None
        weights[name] = _checked(name, short[source], wanted[name])
    used = set(taken.values())
    return Fit(weights, tuple(name for name in short if name not in used))


def _without_prefix(
    given: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return the tensors without a first part that all their names share and no name wanted."""
    found = dict(given)
    while len(heads := {name.partition(".")[0] for name in found}) == 1:
        head = heads.pop()
        rest = {name.partition(".")[2]: tensor for name, tensor in found.items()}
        if "" in rest or any(name.startswith(f"{head}.") for name in wanted):
            break
        found = rest
    return found


def _source(name: str, wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str | None:
    """Return the name in the file of a name of the model; None without one."""
    if name in given:
        return name
    body = next((body for body in BODIES if name.startswith(body)), "")
    short = name.removeprefix(body)
    if not body or short not in given:
        return None
    rivals = [other for other in BODIES if other + short in wanted and other + short not in given]
    if len(rivals) > 1:
        raise ValueError(
            f"{quoted(short)} could be {' or '.join(other + short for other in rivals)}: give its "
            "name with --rename OLD=NEW."
        )
    return short


def _checked(name: str, tensor: Tensor, like: Tensor) -> Tensor:
    if tensor.shape != like.shape:
        raise ValueError(
            f"{quoted(name)} has the shape {tuple(tensor.shape)}, and the model needs "
            f"{tuple(like.shape)}: check the network's options, the latent dimensions and the "
            "data."
        )
    if not torch.isfinite(tensor).all():
        raise ValueError(f"{quoted(name)} holds numbers that are not finite.")
    return tensor.to(like.dtype)


def _listed(tensors: Mapping[str, Tensor]) -> str:
    """Return names and shapes of some tensors for people."""
    few = [f"{quoted(name)} {tuple(tensors[name].shape)}" for name in list(tensors)[:LISTED]]
    return ", ".join(few) + (f" and {len(tensors) - LISTED} more" if len(tensors) > LISTED else "")


def adopted(
    config: RunConfig, data: Dataset, weights: Mapping[str, Tensor], domain: Domain
) -> Iterator[Event]:
    """Yield the events of a run that is stopped before its first step, with these weights: the
    examples, a report on the validation part, a frame, and a snapshot from which it can resume."""
    trainer = Trainer(config, data, domain=domain)
    trainer.state.model.load_state_dict(dict(weights))
    yield from trainer.run(lambda step: Control("stop"))
