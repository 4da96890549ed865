"""Frames: latents, reconstructions and samples of fixed examples, for live pictures and replay."""

import numpy as np
import torch

from vae.base import rng
from vae.base.records import Examples, Floats, Frame, Ints
from vae.batches import Batch, Batches
from vae.config import RunConfig
from vae.data import Dataset, Splits
from vae.data.dataset import stratified
from vae.model import VAE, classes_in_turn

LATENTS = 1000
TILES = 12
CPU = torch.device("cpu")


def fixed_examples(config: RunConfig, data: Dataset, splits: Splits) -> Examples:
    """Return the examples that every frame of a run shows, a stratified draw by the run's seed."""
    rows = np.sort(np.concatenate([splits.train, splits.val]))
    index = stratified(data.labels, rows, LATENTS, config.seed)
    held_out = splits.val if len(splits.val) else splits.train
    originals = stratified(data.labels, held_out, TILES, config.seed)
    if data.labels is not None:
        originals = originals[np.argsort(data.labels[originals], kind="stable")]
    return Examples(
        index=index,
        label=None if data.labels is None else data.labels[index],
        factors={name: values[index] for name, values in data.factors.items()},
        classes=data.classes,
        original_index=originals,
        originals=_fixed_batch(config, data, originals, CPU).x.numpy(),
        total=len(rows),
    )


def frame(model: VAE, data: Dataset, examples: Examples, step: int, epoch: float) -> Frame:
    """Return latent means and reconstructions of the fixed examples, and samples of fixed z."""
    config, device = model.config, model.device
    with torch.no_grad(), rng.stream(device, config.seed, "page"):
        mean = model.posterior(*_fixed_batch(config, data, examples.index, device)).mean
        x, y = _fixed_batch(config, data, examples.original_index, device)
        z_mean = model.posterior(x, y).mean
        z = model.prior().sample(torch.Size((TILES,)))  # (S, Z)
        classes = classes_in_turn(model, TILES)
        return Frame(
            step=step,
            epoch=epoch,
            mean=_numpy(mean),
            reconstructions=_numpy(model.likelihood(z_mean, y, x).mean),
            samples=_numpy(model.likelihood(z, classes).mean),
        )


def _fixed_batch(config: RunConfig, data: Dataset, rows: Ints, device: torch.device) -> Batch:
    return Batches(data, rows, config, device).fixed(config.seed)


def _numpy(tensor: torch.Tensor) -> Floats:
    values: Floats = tensor.cpu().numpy()
    return values
