"""Examples of a run for the lessons: their places in the latent plane and their gaps."""

from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from vae.analysis.density import Field
from vae.analysis.posterior_fields import ExampleGaps, example_gaps, field_alone
from vae.analysis.projections import plane_of_latents
from vae.analysis.true_posterior import Joint
from vae.base.records import Floats, Ints
from vae.components.posteriors import POSTERIORS
from vae.dashboard.learn.later import Later, later
from vae.dashboard.shared import cache
from vae.runs import Run
from vae.runs.result_keys import run_key

START = 0.05  # of the reports, from which the course begins
PLANE = plane_of_latents(np.zeros(2, np.float32), (0, 1))
POINTS = 200  # examples from which the reader chooses


class RunExamples(NamedTuple):
    """The examples of a run from which the reader chooses, held out if there are such."""

    rows: Ints  # (M,) of the data set
    places: Floats  # (M, 2) means of q(z|x)


class OneExample(NamedTuple):
    """An example of a run: the encoder's q, and the gaps, which take a second to compute."""

    q: Field
    gaps: Later[ExampleGaps]


class TermCourse(NamedTuple):
    """Both terms of the bound over the training, means over validation examples, (T,)."""

    epoch: Floats
    reconstruction: Floats
    kl: Floats


def course_of(run: Run) -> TermCourse:
    """Return both terms of a run that has reports of them; the first large steps are left out."""
    found = cache.curves(run).curves
    error, kl = found["val", "reconstruction"], found["val", "kl"]
    both = np.isin(error.step, kl.step)
    both &= np.arange(len(error.step)) >= START * len(error.step)
    values = kl.value[np.searchsorted(kl.step, error.step[both])]
    return TermCourse(error.epoch[both], error.value[both], values)


def examples(run: Run) -> RunExamples:
    """Return at most `POINTS` examples, each class in proportion."""
    split = cache.load_run(run).default_split()
    encoding = cache.encoding(run, "best", split, POINTS)
    return RunExamples(encoding.index, encoding.mean)


def image(run: Run, row: int) -> Floats | None:
    """Return an example as a grey picture (1, H, W); None for data that are no pictures."""
    loaded = cache.load_run(run)
    if not loaded.data.is_image:
        return None
    picture: Floats = loaded.inputs(np.array([row]))[0].mean(0, keepdims=True)
    return picture


def gaps_of(run: Run, row: int) -> OneExample:
    """Return q of an example, and its gaps once they are computed."""
    loaded = cache.load_run(run)
    x, y = loaded.batches(np.array([row])).fixed(loaded.seed)
    with torch.no_grad():
        q = loaded.model.posterior(x, y)
    work = partial(example_gaps, Joint(loaded.model, x, y), q, PLANE, _correlates(run))
    key = run_key(run, "best"), row
    return OneExample(field_alone(q, PLANE), later("gaps", key, work))


def _correlates(run: Run) -> bool:
    return POSTERIORS[run.config.posterior].correlates
