"""The manifest of a run, `config.json`: its settings, data and package versions.

Keys: format (version of the run folder), config (every setting), threads, created (UTC), data
(name, fingerprint, event_shape, levels, classes, class_names, examples; location and scale of each
column, empty without a rescaling; whether values are missing; channels of series; kinds of the
columns of a mixed table), packages
(name → version) and, for a network in a file of the user, network_file (name, sha256 and text of
the file).
"""

import math
import platform
import sys
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae.base import files
from vae.base.foreign import one_line
from vae.base.json_text import is_count, is_number
from vae.base.kinds import KINDS, Columns
from vae.base.records import Domain
from vae.components import network_file
from vae.components.network_file import NetworkFile, is_file
from vae.runs import recorded

if TYPE_CHECKING:
    from vae.config import RunConfig
    from vae.data import Dataset

FORMAT = 1
LARGEST = {"levels": 2**16, "classes": 2**20, "examples": 2**40}
ELEMENTS, THREADS = 2**26, 2**10  # of an example, of a process; at most
AXES = (1, 2, 3)  # of an example: a vector, a picture
NAMED = 256  # most columns or channels with their names in a manifest
ENTRIES = 5000  # most names of the values of columns
PACKAGES = ("torch", "numpy", "streamlit", "plotly", "scikit-learn")
LOOPS = ("torch", "jax", "tensorflow", "numpy")  # packages of training loops elsewhere
UNKNOWN = {  # data of which a recorded run has no example yet
    "event_shape": [1, 1, 1],
    "levels": 2,
    "classes": 0,
    "class_names": [],
    "examples": 0,
}
TABLED = ("data", "network", "likelihood", "posterior", "prior", "objective")
SETTINGS = (*TABLED, "latent_dim", "condition", "epochs", "device")


def head(config: "RunConfig", data: "Dataset") -> dict[str, Any]:
    """Return the content of config.json for a new run. Raises ValueError for a network in a file
    that may not run: the run would put the file in place."""
    from vae.components.network_code import check_allowed
    from vae.footprint import cost

    check_allowed(config.network)
    domain = config.domain(data)
    file = network_file.recalled(config.network) if is_file(config.network) else None
    beside = {"name": file.name, "sha256": file.sha256, "text": file.text} if file else None
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
            "class_names": list(data.classes),
            "examples": len(data.x),
            "location": list(domain.location),
            "scale": list(domain.scale),
            "missing": domain.missing,
            "library_size": domain.library_size,
            **({"kinds": list(domain.kinds)} if domain.kinds else {}),
            **({"channels": list(data.columns)} if len(data.columns) <= NAMED else {}),
            **({"entries": data.entries} if 0 < sum(map(len, data.entries)) <= ENTRIES else {}),
        },
        "packages": {p: version(p) for p in PACKAGES} | {"python": platform.python_version()},
        **({"network_file": beside} if beside else {}),
    }


def recorded_head(settings: dict[str, Any], data: str) -> dict[str, Any]:
    """Return the content of config.json for a run that a training loop elsewhere records on a
    data set of this name."""
    about = {"name": data, "fingerprint": f"recorded: {data}", "location": [], "scale": []}
    return {
        "format": FORMAT,
        "config": settings | {"network": recorded.NETWORK},
        "threads": 1,
        "created": datetime.now(UTC).isoformat(timespec="microseconds"),
        "data": about | UNKNOWN,
        "packages": _loaded_versions() | {"python": platform.python_version()},
    }


def _loaded_versions() -> dict[str, str]:
    found = {}
    for package in LOOPS:
        if package in sys.modules:
            with suppress(PackageNotFoundError):
                found[package] = version(package)
    return found


def read_head(path: Path) -> dict[str, Any]:
    """Read config.json of a run folder; raises ValueError if it cannot be used."""
    found = saved(path)
    if is_newer(found):
        raise ValueError(
            f"The run {path.name} was written by a newer VAE Lab (format {found['format']}): "
            "update to open it."
        )
    if problem := problem_of(found):
        raise ValueError(
            f"The run {path.name} is damaged: {path / 'config.json'} {problem}. Restore the file, "
            "or delete the folder."
        )
    head: dict[str, Any] = found
    if file := network_file_of(head):
        network_file.remember(file)
    head["config"].setdefault("data_scale", _before_rescaling(head["data"]))
    return head


def saved(path: Path) -> Any:
    """Return the JSON in config.json of a run folder, unchecked; None if it is none."""
    return files.read_json(path / "config.json")


def is_newer(found: Any) -> bool:
    """Whether a newer VAE Lab has written a manifest."""
    number = found.get("format") if isinstance(found, dict) else None
    return isinstance(number, int) and number > FORMAT


def _before_rescaling(data: dict[str, Any]) -> str:
    """Return the data_scale of a run that is older than this setting: no rescaling, which is auto
    unless the data are vectors of real numbers."""
    return "auto" if data["levels"] or len(data["event_shape"]) > 1 else "none"


def domain_of(head: dict[str, Any]) -> Domain:
    """Return the domain of a run's data."""
    data = head["data"]
    location, scale = (tuple(data.get(name, ())) for name in ("location", "scale"))
    shape, missing = tuple(data["event_shape"]), bool(data.get("missing", False))
    size = float(data.get("library_size", 0))
    kinds = tuple(data.get("kinds", ()))
    return Domain(shape, data["levels"], data["classes"], location, scale, missing, size, kinds)


def channels(head: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the channels of series, or of the columns of vectors, as far as the run
    has recorded them."""
    return tuple(head["data"].get("channels", ()))


def versions(head: dict[str, Any]) -> dict[str, str]:
    """Return the version of each package that trained a run, as far as they are recorded as
    texts."""
    found = head.get("packages")
    pairs = found.items() if isinstance(found, dict) else ()
    return {name: version for name, version in pairs if isinstance(version, str)}


def origin(head: dict[str, Any], machine: str) -> str:
    """Return the packages and the machine that trained a run; "" if neither is recorded."""
    found = versions(head)
    words = ", ".join(f"{n} {found[n]}" for n in ("torch", "numpy", "python") if n in found)
    return one_line(" on ".join(filter(None, (words, machine))))


def columns_of(head: dict[str, Any]) -> Columns:
    """Return the names of the columns of vectors, as far as the run has recorded them."""
    data = head["data"]
    shape, kinds = tuple(data["event_shape"]), tuple(data.get("kinds", ()))
    entries = data.get("entries") or [()] * len(kinds)
    return Columns(shape, channels(head), kinds, tuple(map(tuple, entries)))


def class_names(head: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the classes; their numbers for a run that did not record them."""
    data = head["data"]
    return tuple(data.get("class_names") or map(str, range(data["classes"])))


def network_file_of(head: dict[str, Any]) -> NetworkFile | None:
    """Return the network's file as the manifest holds it; None unless its SHA-256 is that of the
    setting."""
    saved = head.get("network_file")
    match = network_file.VALUE.fullmatch(str(head["config"].get("network")))
    text = saved.get("text") if isinstance(saved, dict) else None
    if match is None or not isinstance(text, str) or len(text) > network_file.LARGEST:
        return None
    found = NetworkFile(match[1], match[2], text)
    return found if found.value == match[0] else None


def problem_of(found: Any) -> str:
    """Return the first fault of a manifest, "" if every value that readers rely on is valid."""
    if not isinstance(found, dict):
        return "is missing or unreadable"
    config, data = found.get("config"), found.get("data")
    if not isinstance(config, dict) or not isinstance(data, dict):
        return "lacks the settings or the data"
    checks = {name: name in config for name in SETTINGS}
    checks |= recorded.checks(config) if recorded.is_recorded(config) else {}
    checks |= {name: isinstance(data.get(name), str) for name in ("name", "fingerprint")}
    checks |= {name: _is_count(data.get(name), most) for name, most in LARGEST.items()}
    checks["event_shape"] = _is_shape(data.get("event_shape"))
    checks["location or scale"] = checks["event_shape"] and _are_units(data)
    checks["library_size"] = is_number(size := data.get("library_size", 0)) and size >= 0
    checks["kinds"] = checks["location or scale"] and _are_kinds(data)
    checks["entries"] = checks["kinds"] and _are_entries(data)
    checks["class_names"] = _are_class_names(data)
    checks["channels"] = checks["event_shape"] and _are_channels(data)
    checks["threads"] = _is_count(found.get("threads"), THREADS) and found["threads"] > 0
    checks["network_file"] = network_file_of(found) is not None or not is_file(
        config.get("network")
    )
    checks["created"] = isinstance(found.get("created", ""), str)
    wrong = next((name for name, is_valid in checks.items() if not is_valid), "")
    return f"has no valid {wrong}" if wrong else ""


def _are_class_names(data: dict[str, Any]) -> bool:
    """Whether the names of the classes, if recorded, are one text for each class."""
    names = data.get("class_names", [])
    texts = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return texts and len(names) in (0, data.get("classes"))


def _are_kinds(data: dict[str, Any]) -> bool:
    """Whether the kinds of the columns of a mixed table, if recorded, are one for each column with
    a scale."""
    kinds = data.get("kinds", [])
    if not isinstance(kinds, list) or not set(map(str, kinds)) <= set(KINDS):
        return False
    named = [s for k, s in zip(kinds, data.get("scale", []), strict=False) if KINDS[k].named]
    return not kinds or (
        len(kinds) == len(data.get("scale", [])) and all(s == round(s) for s in named)
    )


def _are_entries(data: dict[str, Any]) -> bool:
    """Whether the names of values, if recorded, are texts for each column of a mixed table, as
    many as a named column has values."""
    found, kinds, scale = data.get("entries", []), data.get("kinds", []), data.get("scale", [])
    if not isinstance(found, list) or not found:
        return found == []
    texts = all(isinstance(one, list) and all(isinstance(t, str) for t in one) for one in found)
    if not texts or len(found) != len(kinds):
        return False
    counts = [round(s) + 1 if KINDS[k].named else 0 for k, s in zip(kinds, scale, strict=True)]
    return [len(one) for one in found] == counts


def _are_channels(data: dict[str, Any]) -> bool:
    """Whether the names of channels or columns, if recorded, are one text for each."""
    names = data.get("channels", [])
    texts = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return texts and len(names) in (0, data["event_shape"][0])


def _is_count(value: Any, most: int) -> bool:
    return is_count(value) and value <= most


def _is_shape(value: Any) -> bool:
    """Whether a value is the shape of a vector, a series or a picture of bearable size."""
    is_whole = isinstance(value, list) and len(value) in AXES and all(map(is_count, value))
    return is_whole and 0 < math.prod(value) <= ELEMENTS


def _are_units(data: dict[str, Any]) -> bool:
    """Whether location and scale are numbers for each column, or empty."""
    location, scale = (data.get(name, []) for name in ("location", "scale"))
    if not isinstance(location, list) or not isinstance(scale, list):
        return False
    whole = len(location) == len(scale) and len(scale) in (0, *data["event_shape"][:1])
    return whole and all(map(is_number, (*location, *scale))) and all(v > 0 for v in scale)
