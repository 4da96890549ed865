"""The recorder of a run: reports, latents and pictures of a training loop as a run folder.

Numbers are nats per example: sums over the values of an example and over the latents, averaged
over the examples. Letters in shapes: N examples, Z latent dimensions, M pictures, S samples,
*event the shape of one example: (C, H, W) for a picture, (C, T) for a series of T steps, (D,) for
a vector.
"""

import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from vae.base.criterion import ELBO, RECONSTRUCTION, Criterion
from vae.base.numbers import plural
from vae.base.places import working_root
from vae.base.records import Floats, Report, Tick
from vae.recorder import arrays
from vae.recorder.folder import Folder
from vae.recorder.frames import Frames, facts
from vae.recorder.settings import checked
from vae.recorder.units import check_kl, check_parts, factor, warning
from vae.runs import Run, checked_name
from vae.runs.artifacts import SPLITS
from vae.runs.manifest import recorded_head

PICTURES, SERIES = LAYOUTS = ("pictures", "series")


class Recorder:
    """A run folder that a training loop writes; the dashboard shows it like any other run.

    As a context manager it begins a run and ends it: finished, failed with the message of an
    exception, stopped by Ctrl-C, and interrupted if the process is killed.
    """

    def __init__(
        self,
        name: str,
        *,
        likelihood: str,
        units: str = "nats per example",
        data: str = "",
        shape: Sequence[int] | None = None,
        layout: str = PICTURES,
        channels: Sequence[str] = (),
        beta: float = 1.0,
        posterior: str = "diagonal",
        prior: str = "standard",
        objective: str = "elbo",
        seed: int = 0,
        steps_per_epoch: int = 1,
        epochs: int = 0,
        root: Path | str | None = None,
    ) -> None:
        """Describe a run, which `start` or the `with` block creates.

        `likelihood`, `posterior`, `prior` and `objective` are rows of VAE Lab's tables, or names
        of others. `units` are those of every number: nats or bits per example. `data` names the
        data set: nats of runs with one `data` and one likelihood are compared. `shape` is the
        shape of flat examples, such as (1, 28, 28). With the `layout` "series", examples of three
        axes are series (M, T, C), and a flat shape is (T, C); `channels` are their names. `beta`
        is the weight of the KL in the loss.
        With `steps_per_epoch`, steps are optimiser steps, else epochs; `epochs` is the planned
        number, 0 if unknown. `root` is the folder of the runs, by default the environment
        variable VAE_LAB_ROOT, else `checkpoints`.

        Raises ValueError for a name or units that are not valid.
        """
        self.likelihood, self.beta = likelihood, float(beta)
        self.steps_per_epoch, self.epochs = max(1, int(steps_per_epoch)), int(epochs)
        self._nats = factor(units)
        if layout not in LAYOUTS:
            raise ValueError(f"Unknown layout {layout!r}; one of {', '.join(LAYOUTS)}.")
        self._channels = [str(name) for name in channels]
        settings = checked(
            data=data or name,
            likelihood=likelihood,
            posterior=posterior,
            prior=prior,
            objective=objective,
            epochs=self.epochs,
            seed=int(seed),
            beta=self.beta,
        )
        root = root if root is not None else working_root()
        self._folder = Folder(
            Path(root) / checked_name(name), recorded_head(settings, data or name)
        )
        sizes = None if shape is None else tuple(map(int, shape))
        self._frames = Frames(sizes, layout == SERIES)
        self._began = time.monotonic()
        self._step, self._epoch = 0, 0.0
        self._first: float | None = None  # reconstruction of the first report
        self._best: tuple[float, float] | None = None  # score and epoch
        self._best_by = ""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.finish(error)

    def start(self) -> Self:
        """Create the run folder; raises ValueError for a taken name or a failed write."""
        self._folder.start()
        self._began = time.monotonic()
        return self

    def finish(self, error: BaseException | None = None) -> None:
        """End the run: finished, stopped by Ctrl-C, or failed with an error."""
        self._folder.finish(self._tick(), error)

    def log(
        self,
        step: int,
        split: str = "train",
        *,
        reconstruction: Any,
        kl: Any = None,
        kl_per_dimension: Any = None,
        loss: Any = None,
        lr: float | None = None,
        beta: float | None = None,
        epoch: float | None = None,
        terms: Mapping[str, Any] | None = None,
    ) -> None:
        """Record one point of the curves of "train" or "val".

        `reconstruction` is −E_q[ln p(x|z)], `kl` is KL(q(z|x) ‖ p(z)), by default the sum of
        `kl_per_dimension` (Z,); without both there is no KL and no ELBO. `loss` is the minimised
        value, `beta` the present weight of the KL, `terms` are further numbers to plot.

        Raises ValueError for numbers that are not finite, a negative KL, and parts that do not
        add up.
        """
        if split not in SPLITS:
            raise ValueError(f"Unknown split {split!r}; one of {', '.join(SPLITS)}.")
        run = self._at(step, epoch)
        error = self._number(reconstruction, "reconstruction")
        parts = self._parts(kl_per_dimension)
        rate = self._number(kl, "kl") if kl is not None else None
        rate = float(parts.sum(dtype=np.float64)) if rate is None and parts is not None else rate
        if rate is not None:
            check_kl(rate, self._step)
        if rate is not None and parts is not None:
            check_parts(rate, parts, self._step)
        weight = self.beta if beta is None else arrays.number(beta, "beta", self._step)
        report = Report(
            step=self._step,
            epoch=self._epoch,
            split=split,
            reconstruction=error,
            kl=rate,
            elbo=None if rate is None else -(error + rate),
            loss=None if loss is None else self._number(loss, "loss"),
            beta=None if rate is None else weight,
            lr=None if lr is None else arrays.number(lr, "lr", self._step),
            kl_per_dimension=None if parts is None else tuple(parts.tolist()),
            terms={k: arrays.number(v, k, self._step) for k, v in (terms or {}).items()},
            images_per_second=None,
            seconds=time.monotonic() - self._began,
        )
        run.record(report)
        self._judge(report)
        if self._first is None:
            self._first = error
            self._check_units()
        self._folder.note(self._tick())

    def latents(
        self,
        step: int,
        mean: Any,
        log_variance: Any = None,
        *,
        labels: Any = None,
        classes: Sequence[str] = (),
        total: int | None = None,
        epoch: float | None = None,
    ) -> None:
        """Record the latents of the same N examples as before: mean and ln σ² of q(z|x), (N, Z).

        `labels` (N,) are numbers of `classes`, or names; they are needed once. `total` is the
        number of examples that the N were drawn from.
        """
        run = self._at(step, epoch)
        means = arrays.floats(mean, "mean", self._step, (2,))
        widths = None
        if log_variance is not None:
            widths = arrays.floats(log_variance, "log_variance", self._step, (2,))
        self._set_latents(means.shape[1])
        found = None if labels is None else arrays.labels(labels, len(means), classes)
        self._frames.latents(run, self._step, self._epoch, means, widths, found, total)
        names = list(self._frames.classes)
        self._folder.describe(examples=self._frames.total, classes=len(names), class_names=names)
        self._folder.note(self._tick())

    def pictures(
        self,
        step: int,
        originals: Any,
        reconstructions: Any,
        samples: Any = None,
        *,
        epoch: float | None = None,
    ) -> None:
        """Record reconstructions of the same M examples as before, and samples of the same z.

        Pictures (M, C, H, W) or (M, H, W) with values in [0, 1], vectors (M, D), or with the
        layout "series" (M, T, C) or (M, T). Values NaN of originals that are no pictures were not
        observed; at the end of a series they end it.
        """
        run, frames = self._at(step, epoch), self._frames
        is_first = frames.originals is None
        frames.pictures(run, self._step, self._epoch, originals, reconstructions, samples)
        if is_first and frames.originals is not None:
            self._folder.describe(**facts(frames.originals, self._channels))
            self._check_units()
        self._folder.note(self._tick())

    def _at(self, step: int, epoch: float | None) -> Run:
        """Move to a step; raises ValueError for one before the last."""
        run, step = self._folder.run, int(step)
        if step < self._step:
            raise ValueError(f"Step {step} comes after step {self._step}: steps ascend.")
        self._step = step
        self._epoch = step / self.steps_per_epoch if epoch is None else float(epoch)
        return run

    def _number(self, value: Any, name: str) -> float:
        """Return a number in nats."""
        return self._nats * arrays.number(value, name, self._step)

    def _parts(self, value: Any) -> Floats | None:
        """Return the KL of each latent in nats, (Z,)."""
        if value is None:
            return None
        parts = arrays.floats(value, "kl_per_dimension", self._step, (1,))
        self._set_latents(len(parts))
        return np.asarray(parts * self._nats, np.float32)

    @property
    def _latents(self) -> int:
        """The number of latents; 0 before it is known."""
        return int(self._folder.head["config"]["latent_dim"])

    def _set_latents(self, count: int) -> None:
        """Record the number of latents; raises ValueError if it was another one before."""
        before = self._latents
        if before and before != count:
            raise ValueError(
                f"Step {self._step} has {plural(count, 'latent')}, and earlier steps {before}."
            )
        self._folder.describe(latents=count)

    def _judge(self, report: Report) -> None:
        """Note the best validation value so far."""
        by: Criterion = RECONSTRUCTION if report.elbo is None else ELBO
        score = by.score(report._asdict())
        if report.split == "val" and score is not None:
            self._best_by = by.score_title
            if self._best is None or score > self._best[0]:
                self._best = score, report.epoch

    def _check_units(self) -> None:
        """Warn once, here and on the pages, of a reconstruction that is a mean over values."""
        originals = self._frames.originals
        if self._first is None or originals is None:
            return
        if words := warning(self._first, originals, self.likelihood, self.beta, self._latents):
            warnings.warn(words, stacklevel=3)
            self._folder.run.set_status(message=words)

    def _tick(self) -> Tick:
        best, best_epoch = self._best or (None, None)
        epochs = max(self.epochs, int(np.ceil(self._epoch)))
        return Tick(
            step=self._step,
            steps=max(self.epochs * self.steps_per_epoch, self._step),
            epoch=self._epoch,
            epochs=epochs,
            images_per_second=0.0,
            seconds=time.monotonic() - self._began,
            best=best,
            best_epoch=best_epoch,
            best_by=self._best_by,
        )
