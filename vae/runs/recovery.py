"""The settings of a run whose config.json is damaged, from its other files.

Every checkpoint `last.safetensors` holds the whole manifest. Of a run without such a checkpoint
the frames give the shape of the data and the number of latents: enough to show curves, latents
and pictures, as of a run that another training loop has recorded.
"""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from vae.components.network_file import is_file
from vae.runs import artifacts
from vae.runs.exporter import UPLOADS
from vae.runs.manifest import is_newer, problem_of, recorded_head, saved

FROM_WEIGHTS = "its settings are in last.safetensors, where training saved them with the weights"
FROM_FRAMES = (
    "no other file has its settings: a new one shows its curves, latents and pictures, as those "
    "of a recorded run. Its weights, best.safetensors, open as a new run with python -m vae adopt"
)
LOST = "no other file has its settings: restore the file, or delete the run"
UNKNOWN = {  # settings of a recorded run that its frames do not give
    "data": "data",
    "likelihood": "unknown",
    "posterior": "unknown",
    "prior": "unknown",
    "objective": "unknown",
    "binarize": "none",
    "condition": "none",
    "beta": None,
    "seed": 0,
    "device": "auto",
}


class Recovered(NamedTuple):
    """The content of config.json that takes the place of a damaged one, and its source."""

    head: dict[str, Any] | None  # None if it is lost
    source: str


def problem(path: Path) -> str:
    """Return why config.json of a run folder cannot be used; "" if it can, and for the file of a
    newer VAE Lab, which is not damaged."""
    found = saved(path)
    return "" if is_newer(found) else _problem(found)


def recovered(path: Path) -> Recovered:
    """Return the settings that other files of a run folder hold."""
    if not _problem(head := artifacts.manifest_of(path)):
        return Recovered(_with_upload(head, path.parent), FROM_WEIGHTS)
    if not _problem(head := _from_frames(path)):
        return Recovered(head, FROM_FRAMES)
    return Recovered(None, LOST)


def _problem(found: Any) -> str:
    """Return the first fault of a manifest or of its settings."""
    from vae.config import RunConfig
    from vae.runs import recorded

    if fault := problem_of(found):
        return fault
    if not recorded.is_recorded(found["config"]) and not is_file(found["config"]["network"]):
        with suppress(ValueError):
            RunConfig.of(**found["config"])
            return ""
        return "has settings that are not valid"
    return ""


def _with_upload(head: dict[str, Any], root: Path) -> dict[str, Any]:
    """Return a manifest with the upload of this root: an import changes its path."""
    beside = root.resolve() / UPLOADS / Path(str(head["config"]["data"])).name
    if beside.is_file():
        head["config"]["data"] = str(beside)
    return head


def _from_frames(path: Path) -> dict[str, Any]:
    examples, frame = artifacts.examples(path), artifacts.frame(path)
    if examples is None or frame is None or frame.mean.ndim != 2:
        return {}
    reports = artifacts.reports(path)
    epochs = int(max((report["epoch"] for report in reports), default=0))
    sizes = {"latent_dim": frame.mean.shape[1], "epochs": epochs, "examples": 0}
    head = recorded_head(UNKNOWN | sizes, path.name)
    classes = [str(name) for name in examples.classes]
    about = {"event_shape": list(examples.originals.shape[1:]), "classes": len(classes)}
    head["data"] |= about | {"class_names": classes, "examples": examples.total, "levels": 0}
    head["created"] = datetime.fromtimestamp(_oldest(path), UTC).isoformat(timespec="microseconds")
    return head


def _oldest(path: Path) -> float:
    return min(file.stat().st_mtime for file in path.iterdir() if file.is_file())
