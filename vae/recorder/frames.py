"""The frames of a recorded run: latents and pictures of the same examples at some steps.

Latents and pictures of one step are one frame; each holds the latest ones of both kinds.
"""

from typing import Any

import numpy as np

from vae.base.records import Examples, Floats, Frame, Ints
from vae.recorder import arrays
from vae.runs import Run

NO_PICTURE = (0, 1, 1, 1)  # shape of the pictures of a run without any
SAME = "Record the same ones each time, so that movement means change."


def facts(originals: Floats, channels: list[str]) -> dict[str, Any]:
    """Return facts about the data of the first originals (M, *event), with names of channels."""
    shape, gone = list(originals.shape[1:]), np.isnan(originals)
    if channels and (len(shape) != 2 or len(channels) != shape[0]):
        raise ValueError(f"There are {len(channels)} names of channels for examples {shape}.")
    is_binary = bool((np.isin(originals, (0, 1)) | gone).all())
    found: dict[str, Any] = {"event_shape": shape, "levels": 2 if is_binary else 0}
    found |= {"missing": True} if gone.any() else {}
    return found | ({"channels": channels} if channels else {})


class Frames:
    """The latest latents and pictures, and the fixed examples."""

    def __init__(self, shape: tuple[int, ...] | None, is_series: bool = False) -> None:
        self.is_series = is_series
        # Of one example, *event; None until the first pictures. People give series as T×C.
        self.shape = shape[::-1] if shape is not None and is_series else shape
        self.originals: Floats | None = None  # (M, *event)
        self.label: Ints | None = None  # (N,)
        self.classes: tuple[str, ...] = ()
        self.total = 0
        self._mean = np.zeros((0, 1), np.float32)
        self._log_variance: Floats | None = None
        self._reconstructions = self._samples = np.zeros(NO_PICTURE, np.float32)

    def latents(
        self,
        run: Run,
        step: int,
        epoch: float,
        mean: Floats,
        log_variance: Floats | None,
        labels: tuple[Ints, tuple[str, ...]] | None,
        total: int | None,
    ) -> None:
        """Record latents (N, Z). Raises ValueError if they do not fit the earlier ones."""
        count = len(mean)
        if not 0 < count <= arrays.EXAMPLES:
            raise ValueError(f"mean has {count:,} examples: record 1 to {arrays.EXAMPLES:,}.")
        if log_variance is not None and log_variance.shape != mean.shape:
            raise ValueError(f"log_variance has shape {log_variance.shape}, mean {mean.shape}.")
        if len(self._mean) not in (0, count):
            raise ValueError(f"mean has {count:,} examples, before {len(self._mean):,}. {SAME}")
        if labels is not None and self.label is not None and (labels[0] != self.label).any():
            raise ValueError(f"labels differ from the earlier ones: these are others. {SAME}")
        is_new = not len(self._mean) or (labels is not None and self.label is None)
        self._mean, self._log_variance = mean, log_variance
        if labels is not None and self.label is None:
            self.label, self.classes = labels
        self.total = max(count, int(total or 0), self.total)
        if is_new:
            self._write_examples(run)
        self._write(run, step, epoch)

    def pictures(
        self,
        run: Run,
        step: int,
        epoch: float,
        originals: Any,
        reconstructions: Any,
        samples: Any,
    ) -> None:
        """Record pictures. Raises ValueError if they do not fit the earlier ones."""
        x = arrays.examples(originals, "originals", step, self.shape, self.is_series, missing=True)
        arrays.check_range(x)
        if not len(x):
            raise ValueError("originals has no examples: record one or more.")
        same = self.originals is None or np.array_equal(x, self.originals, equal_nan=True)
        if not same:
            raise ValueError(f"originals differ from the earlier ones. {SAME}")
        shape = x.shape[1:]
        r = arrays.examples(reconstructions, "reconstructions", step, shape, self.is_series)
        if len(r) != len(x):
            raise ValueError(f"There are {len(r)} reconstructions of {len(x)} originals.")
        s = self._samples.reshape(-1, *shape) if samples is None else None
        if s is None:
            s = arrays.examples(samples, "samples", step, shape, self.is_series)
        self.shape, self._reconstructions, self._samples = shape, r, s
        if self.originals is None:
            self.originals = x
            self._write_examples(run)
            self._fill_earlier(run, step)
        self._write(run, step, epoch)

    def _write_examples(self, run: Run) -> None:
        originals = np.zeros(NO_PICTURE, np.float32) if self.originals is None else self.originals
        examples = Examples(
            index=np.arange(len(self._mean)),
            label=self.label,
            factors={},
            classes=self.classes,
            original_index=np.arange(len(originals)),
            originals=originals,
            total=self.total,
        )
        run.record(examples)

    def _fill_earlier(self, run: Run, step: int) -> None:
        """Give the frames before the first pictures blank ones of the same shape."""
        for earlier in run.frame_steps():
            frame = run.frame(earlier)
            if frame is not None and earlier < step:
                blank = (np.zeros_like(self._reconstructions), np.zeros_like(self._samples))
                run.record(frame._replace(reconstructions=blank[0], samples=blank[1]))

    def _write(self, run: Run, step: int, epoch: float) -> None:
        run.record(
            Frame(
                step=step,
                epoch=epoch,
                mean=self._mean,
                reconstructions=self._reconstructions,
                samples=self._samples,
                log_variance=self._log_variance,
            )
        )
