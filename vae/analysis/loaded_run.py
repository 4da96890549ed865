"""A run at one checkpoint: its model, its data and its splits.

Pages, commands and jobs use the model of a run through this module. Every method is deterministic,
computes on the CPU and changes nothing in the run folder.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from vae.analysis.encoding import decode, encode
from vae.base.records import Encoding, Evaluation, Floats, Ints
from vae.batches import Batches
from vae.data import Dataset, Splits
from vae.data.dataset import stratified
from vae.evaluation import evaluate
from vae.model import VAE
from vae.runs import Run

SPANNING = 5000  # training examples at most that define the components of sample quality
SPLITS = ("train", "val", "test", "all")


class LoadedRun(NamedTuple):
    """The model of one checkpoint of a run, its data and their splits."""

    run: Run
    checkpoint: str
    model: VAE
    data: Dataset
    splits: Splits

    @classmethod
    def of(cls, run: Run, checkpoint: str = "best") -> "LoadedRun":
        """Load a run. Raises ValueError if its weights or its data are missing or damaged."""
        data = run.data()
        return cls(run, checkpoint, run.load_model(checkpoint), data, run.config.split(data))

    @property
    def seed(self) -> int:
        return self.run.config.seed

    def rows(self, split: str) -> Ints:
        """Return the rows of a split. Raises ValueError for an unknown or an empty split."""
        if split not in SPLITS:
            raise ValueError(f"Unknown split {split!r}; one of {', '.join(SPLITS)}.")
        rows = self.splits.rows(split)
        if not len(rows):
            has = ", ".join(n for n in SPLITS[:3] if len(self.splits.rows(n)))
            raise ValueError(f"The run {self.run.name} has no {split} examples; it has {has}.")
        return rows

    def default_split(self) -> str:
        """Return test, else val, else train: the first that has examples."""
        return next(name for name in ("test", "val", "train") if len(self.splits.rows(name)))

    def subset(self, split: str, points: int) -> Ints:
        """Return at most `points` rows of a split, a stratified sample with the run's seed."""
        return stratified(self.data.labels, self.rows(split), points, self.seed)

    def batches(self, rows: Ints) -> Batches:
        return Batches(self.data, rows, self.run.config, torch.device("cpu"))

    def inputs(self, rows: Ints) -> Floats:
        """Return the inputs of the encoder in evaluation (scaled, binarized), (N, *event)."""
        values: Floats = self.batches(rows).fixed(self.seed).x.numpy()
        return values

    def encode(self, rows: Ints) -> Encoding:
        """Return the encoding of rows of the data set."""
        return encode(self.model, self.batches(rows), rows, self.seed)

    def decode(self, z: Floats, rows: Ints) -> Floats:
        """Return E[x|z] for z (N, Z) of these rows, (N, *event); the model decodes each row with
        its class and its library size where it reads them."""
        labels = self.data.labels
        x = self.inputs(rows) if self.model.reads_size else None
        return decode(self.model, z, labels=None if labels is None else labels[rows], x=x)

    def split_of(self, rows: Ints) -> Any:
        """Return the name of the split of each row, (N,) of str."""
        names = np.full(len(self.data.x), "train", dtype="<U5")
        names[self.splits.val] = "val"
        names[self.splits.test] = "test"
        return names[rows]

    def evaluate(
        self,
        split: str | None = None,
        elbo_samples: int = 10,
        nll_samples: int = 0,
        full: bool = False,
        progress: Callable[[float], None] = lambda share: None,
    ) -> Evaluation:
        """Evaluate the run on a split, by default test, else validation, else train; `full` adds
        the slow measures. `progress` receives the share that is done and may raise to cancel."""
        name = split or self.default_split()
        rows, labels = self.rows(name), self.data.labels
        record = evaluate(
            self.model,
            self.batches(rows),
            elbo_samples=elbo_samples,
            nll_samples=nll_samples,
            seed=self.seed,
            full=full,
            labels=None if labels is None else labels[rows],
            factors={factor: values[rows] for factor, values in self.data.factors.items()},
            training=self.batches(self.subset("train", SPANNING)) if full else None,
            progress=progress,
        )
        return record._replace(run=self.run.name, split=name, checkpoint=self.checkpoint)
