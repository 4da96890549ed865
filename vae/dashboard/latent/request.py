"""Contents of a latent map: the request of the controls, and the context that its parts read.

Notation: N examples of a split, Z latent dimensions.
"""

from typing import Any, NamedTuple

from vae.analysis.latent_map import hues
from vae.analysis.loaded_run import LoadedRun
from vae.analysis.projections import PROJECTIONS, Plane, plane
from vae.analysis.projections_3d import LEAST, SPACES
from vae.base.records import Encoding, Hue, Ints
from vae.dashboard.shared import cache
from vae.runs import Run
from vae.runs.result_keys import run_key
from vae.worker.job import Job


class MapRequest(NamedTuple):
    """Weights, examples, projection and colour that the controls select."""

    checkpoint: str
    split: str
    points: int  # examples at most
    projection: str  # a row of PROJECTIONS or of SPACES
    options: dict[str, Any]  # of the row
    hue: str  # a key of `hues`
    seed: int
    following: bool  # draw every new state of a run in training

    @property
    def slow(self) -> bool:
        """Whether a background job computes the projection."""
        return not self.in_3d and PROJECTIONS[self.projection].slow

    @property
    def in_3d(self) -> bool:
        """Whether the map has three dimensions."""
        return self.projection in SPACES

    @property
    def latents(self) -> int:
        """Latent dimensions that are the axes; 0 for other axes."""
        return (SPACES if self.in_3d else PROJECTIONS)[self.projection].latents

    @property
    def no_inverse(self) -> str:
        """Why a place of the map cannot be decoded; "" where it can."""
        if self.following:
            return "Places are decoded when the map does not follow a run in training."
        if self.in_3d or PROJECTIONS[self.projection].linear:
            return ""
        title = PROJECTIONS[self.projection].title
        return f"{title} has no inverse: a place here is no place in latent space."

    def revision(self, run: str) -> str:
        """Return the identity of the map for zoom and selection; `run` is the key of the run.

        They outlive a change of the colours or of the number of points.
        """
        place = (run, self.checkpoint, self.split, self.projection, *self.options.values())
        return " ".join(map(str, place))


class MapContext(NamedTuple):
    """The run, its encoded examples and the request, for all parts of the page."""

    loaded: LoadedRun
    encoding: Encoding
    request: MapRequest
    colours: dict[str, Hue]
    plane: Plane | None  # of the map in latent space; None where places cannot be decoded

    @classmethod
    def of(cls, run: Run, request: MapRequest) -> "MapContext":
        """Return the context of a request. Raises ValueError or OSError for unreadable weights."""
        loaded = cache.load_run(run, request.checkpoint)
        encoding = cache.encoding(run, request.checkpoint, request.split, request.points)
        found = cls(loaded, encoding, request, hues(loaded.data, encoding), None)
        return found._replace(plane=found._plane())

    def _plane(self) -> Plane | None:
        if self.request.in_3d or self.request.no_inverse:
            return None
        name, options, seed = self.request.projection, self.request.options, self.request.seed
        try:
            return plane(name, self.encoding.mean, self.labels, options, seed)
        except ValueError:  # the map itself shows the sentence
            return None

    @property
    def labels(self) -> Ints | None:
        """The classes of the examples, (N,)."""
        labels = self.loaded.data.labels
        return None if labels is None else labels[self.encoding.index]

    @property
    def single(self) -> bool:
        """Whether there is a single latent, drawn as a histogram."""
        return bool(self.encoding.mean.shape[1] == 1)

    @property
    def total(self) -> int:
        """Examples of the split."""
        return len(self.loaded.splits.rows(self.request.split))

    @property
    def revision(self) -> str:
        return self.request.revision(run_key(self.loaded.run))

    @property
    def weights_key(self) -> str:
        """The key of caches that depend on the weights alone."""
        return run_key(self.loaded.run, self.loaded.checkpoint)

    @property
    def examples_key(self) -> tuple[object, ...]:
        """The key of caches that depend on the weights and the examples."""
        return (self.weights_key, self.request.split, self.request.points)

    @property
    def key(self) -> tuple[object, ...]:
        """The key of caches that also depend on the projection."""
        request = self.request
        return (*self.examples_key, request.projection, *request.options.values())


def choices(latent_dim: int, moving: bool, labelled: bool = False) -> dict[str, str]:
    """Return the projections that are possible: name → title.

    A single latent has one. A run in training (`moving`) changes too fast for a slow one, a
    labelled one needs classes, and a view in 3-D needs three latents.
    """
    if latent_dim == 1:
        name = next(name for name, row in PROJECTIONS.items() if row.latents)
        return {name: PROJECTIONS[name].title}
    rows = {
        name: row.title
        for name, row in PROJECTIONS.items()
        if not (row.slow and moving) and (labelled or not row.labelled)
    }
    spaces = {name: row.title for name, row in SPACES.items() if latent_dim >= LEAST}
    return rows | spaces


def projection_job(run: Run, request: MapRequest) -> Job:
    """Return the background job of a slow projection."""
    spec = request._asdict()
    return Job.of(
        run,
        "project",
        {k: spec[k] for k in ("checkpoint", "split", "points", "projection", "options", "seed")},
    )
