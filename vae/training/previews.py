"""Frames: what a model makes of a few fixed examples, for the live pictures and for replay."""

import numpy as np
import torch

from vae.base import rng
from vae.base.records import Examples, Floats, Frame, Ints
from vae.batches import Batch, Batches
from vae.config import RunConfig
from vae.data import Dataset, Splits
from vae.data.dataset import stratified
from vae.model import VAE, turn

SHOWN_LATENTS = 1000
SHOWN_TILES = 12
CPU = torch.device("cpu")


def fixed_examples(config: RunConfig, data: Dataset, splits: Splits) -> Examples:
    """The examples that every frame of a run shows, stratified, with a seed of their own."""
    seen = np.sort(np.concatenate([splits.train, splits.val]))
    index = stratified(data.labels, seen, SHOWN_LATENTS, config.seed)
    held_out = splits.val if len(splits.val) else splits.train
    originals = stratified(data.labels, held_out, SHOWN_TILES, config.seed)
    if data.labels is not None:
        originals = originals[np.argsort(data.labels[originals], kind="stable")]
    return Examples(
        index=index,
        label=None if data.labels is None else data.labels[index],
        factors={name: values[index] for name, values in data.factors.items()},
        classes=data.classes,
        original_index=originals,
        originals=_seen(config, data, originals, CPU).x.numpy(),
        total=len(seen),
    )


def frame(model: VAE, data: Dataset, examples: Examples, step: int, epoch: float) -> Frame:
    """The model's view of the fixed examples, and of fixed z, at this step."""
    config, device = model.config, model.device
    with torch.no_grad(), rng.stream(device, config.seed, "page"):
        mean = model.posterior(*_seen(config, data, examples.index, device)).mean
        x, y = _seen(config, data, examples.original_index, device)
        shown = model.posterior(x, y).mean
        z = model.prior().sample(torch.Size((SHOWN_TILES,)))  # (S, Z)
        turns = turn(model, SHOWN_TILES)
        return Frame(
            step=step,
            epoch=epoch,
            mean=_numpy(mean),
            reconstructions=_numpy(model.likelihood(shown, y).mean),
            samples=_numpy(model.likelihood(z, turns).mean),
        )


def _seen(config: RunConfig, data: Dataset, rows: Ints, device: torch.device) -> Batch:
    return Batches(data, rows, config, device).fixed(config.seed)


def _numpy(tensor: torch.Tensor) -> Floats:
    values: Floats = tensor.cpu().numpy()
    return values
