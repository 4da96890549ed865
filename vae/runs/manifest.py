"""The manifest of a run, `config.json`: its settings, data and package versions.

Keys: format (version of the run folder), config (every setting), threads, created (UTC), data
(name, fingerprint, event_shape, levels, classes, examples; location and scale of each column,
empty without a rescaling) and packages (name → version).
"""

import math
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae.base import files
from vae.base.records import Domain

if TYPE_CHECKING:
    from vae.config import RunConfig
    from vae.data import Dataset

FORMAT = 1
PACKAGES = ("torch", "numpy", "streamlit", "plotly", "scikit-learn")
TABLED = ("data", "network", "likelihood", "posterior", "prior", "objective")
SETTINGS = (*TABLED, "latent_dim", "condition", "epochs", "device")
DATA = ("name", "fingerprint", "event_shape", "levels", "classes", "examples")


def head(config: "RunConfig", data: "Dataset") -> dict[str, Any]:
    """Return the content of config.json for a new run."""
    from vae.footprint import cost

    domain = config.domain(data)
    return {
        "format": FORMAT,
        "config": config.as_read(data).model_dump(mode="json"),
        "threads": config.threads or cost(config, domain).threads,
        "created": datetime.now(UTC).isoformat(timespec="microseconds"),
        "data": {
            "name": data.name,
            "fingerprint": data.fingerprint,
            "event_shape": list(domain.shape),
            "levels": domain.levels,
            "classes": domain.classes,
            "examples": len(data.x),
            "location": list(domain.location),
            "scale": list(domain.scale),
        },
        "packages": {p: version(p) for p in PACKAGES} | {"python": platform.python_version()},
    }


def read_head(path: Path) -> dict[str, Any]:
    """Read config.json of a run folder; raises ValueError if it cannot be used."""
    found = files.read_json(path / "config.json")
    newer = isinstance(found, dict) and found.get("format")
    if isinstance(newer, int) and newer > FORMAT:
        raise ValueError(
            f"The run {path.name} was written by a newer VAE Lab (format {newer}): update to open "
            "it."
        )
    if not _whole(found):
        raise ValueError(
            f"The run {path.name} is damaged: {path / 'config.json'} is missing or unreadable. "
            "Restore the file, or delete the folder."
        )
    head: dict[str, Any] = found
    head["config"].setdefault("data_scale", _before_rescaling(head["data"]))
    return head


def _before_rescaling(data: dict[str, Any]) -> str:
    """Return the data_scale of a run that is older than this setting: no rescaling, which is auto
    unless the data are vectors of real numbers."""
    return "auto" if data["levels"] or len(data["event_shape"]) > 1 else "none"


def domain_of(head: dict[str, Any]) -> Domain:
    """Return the domain of a run's data."""
    data = head["data"]
    units = (tuple(data.get(name, ())) for name in ("location", "scale"))
    return Domain(tuple(data["event_shape"]), data["levels"], data["classes"], *units)


def _whole(found: Any) -> bool:
    """Whether every key that readers rely on exists and has its type."""
    if not isinstance(found, dict):
        return False
    config, data, threads = (found.get(key) for key in ("config", "data", "threads"))
    return (
        isinstance(config, dict)
        and all(key in config for key in SETTINGS)
        and isinstance(data, dict)
        and all(key in data for key in DATA)
        and isinstance(data["event_shape"], list)
        and isinstance(data["levels"], int)
        and isinstance(data["classes"], int)
        and isinstance(threads, int)
        and threads > 0
        and _are_units(data)
    )


def _are_units(data: dict[str, Any]) -> bool:
    """Whether location and scale are numbers for each column, or empty."""
    location, scale = (data.get(name, []) for name in ("location", "scale"))
    if not isinstance(location, list) or not isinstance(scale, list):
        return False
    numbers = all(isinstance(v, int | float) and math.isfinite(v) for v in (*location, *scale))
    whole = len(location) == len(scale) and len(scale) in (0, *data["event_shape"][:1])
    return whole and numbers and all(v > 0 for v in scale)
