"""The job "project": latents → two dimensions, stored as arrays `points` (N, 2) and `index` (N,).

The spec has checkpoint, split, points, projection, options and seed. While the job runs, its
partial result holds the points computed so far.
"""

from pathlib import Path
from typing import Any

from vae.base import files
from vae.base.records import Floats, Projection
from vae.worker.job import Job


def project(job: Job) -> None:
    """Project latents. Raises Cancelled, or ValueError if the spec does not fit the run."""
    from vae.analysis import projections
    from vae.analysis.loaded_run import LoadedRun

    loaded = LoadedRun.of(job.run, job.spec["checkpoint"])
    encoding = loaded.encode(loaded.subset(job.spec["split"], job.spec["points"]))

    def report(share: float, points: Floats | None) -> None:
        job.report(share)
        if points is not None:
            files.write_arrays(job.partial, {"points": points, "index": encoding.index})

    labels = loaded.data.labels
    done = projections.project(
        job.spec["projection"],
        encoding.mean,
        None if labels is None else labels[encoding.index],
        job.spec["options"],
        job.spec["seed"],
        report,
    )
    arrays: dict[str, Any] = {"points": done.points, "index": encoding.index}
    files.write_arrays(job.result, arrays, {"axes": done.axes, "note": done.note})


def projection_of(path: Path) -> tuple[Projection, Any]:
    """Return the projection in a (partial) result file, and the data set's rows of its points.

    Raises OSError or ValueError without a readable result.
    """
    arrays, meta = files.read_arrays(path)
    axes, note = (meta["axes"], meta["note"]) if meta else (("", ""), "")
    return Projection(arrays["points"], tuple(axes), note), arrays["index"]
