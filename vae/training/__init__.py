"""Training: `train(config, data)` yields events; `Trainer` holds the state between two steps."""

from vae.training.trainer import Trainer, train

__all__ = ["Trainer", "train"]
