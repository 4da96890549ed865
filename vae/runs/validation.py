"""Validation of an untrusted run folder.

Readers of a run skip missing and torn files and trust the rest, because VAE Lab wrote it. The
checks here establish that trust for an imported run: sizes stay within memory limits, weights fit
the settings, frames fit the examples, and data fit the fingerprint. A size is checked before
anything of that size is allocated.
"""

import json
from pathlib import Path
from typing import Any

from vae.base import files
from vae.base.archives import ZipArchive
from vae.components.network_file import is_file
from vae.runs import artifacts
from vae.runs.exporter import own_data
from vae.runs.manifest import domain_of
from vae.runs.run import Run

WEIGHTS = 2**31  # of a model, at most
LINES = 2**20  # of a file, at most: compressed, empty lines and objects need next to no space


def examine(run: Run) -> None:
    """Check a run; raises an exception of nearly any type if it cannot be used."""
    _lines(run)
    _weights(run)
    _curves(run)
    _frames(run)
    for path in run.path.glob("derived/*"):
        _ = files.read_arrays(path) if path.suffix == ".safetensors" else _object(path)
    if beside := own_data(run):
        _data(run, beside)


def _object(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_bytes())
    if not isinstance(found, dict):
        raise ValueError(f"{path} is not a JSON object")
    return found


def _lines(run: Run) -> None:
    for path in run.path.glob("*.jsonl"):
        if path.read_bytes().count(b"\n") > LINES:
            raise ValueError(f"{path} has more than {LINES:,} lines")


def _weights(run: Run) -> None:
    """Load every checkpoint, unless the settings need more weights than it holds. A network in a
    file is code from elsewhere, and not run: its arrays alone are read."""
    from vae.footprint import cost

    run.snapshot()
    paths = {"last": run.path / artifacts.LAST, "best": run.path / artifacts.BEST}
    if is_file(run.config.network):
        for path in filter(Path.exists, paths.values()):
            files.read_arrays(path)
        return
    count, found = cost(run.config, domain_of(run.header)).weights, False
    for name, path in paths.items():
        if path.exists():
            arrays, found = files.read_arrays(path)[0], True
            if count > sum(a.size for k, a in arrays.items() if k[:6] == "model."):
                raise ValueError(f"{path} does not fit the settings in config.json")
            run.load_model(name)
    if count > WEIGHTS and not found:
        raise ValueError("its settings make a model that is too large")


def _curves(run: Run) -> None:
    reports = run.reports()
    numbers = all(report.get("reconstruction") is not None for report in reports)
    if not numbers or len(reports) < len(files.read_lines(run.path / artifacts.METRICS)):
        raise ValueError(f"{artifacts.METRICS} has a report without its numbers")
    run.curves()


def _frames(run: Run) -> None:
    shape, examples = tuple(run.header["data"]["event_shape"]), run.examples()
    if (run.path / artifacts.FRAMES / "examples.safetensors").exists() and examples is None:
        raise ValueError("the examples of its frames cannot be read")
    for step in run.frame_steps():
        frame = run.frame(step)
        if frame is None or examples is None:
            raise ValueError(f"its frame of step {step} cannot be read")
        means = (len(examples.index), run.config.latent_dim)
        fits = frame.mean.shape == means and frame.samples.shape[1:] == shape
        if not fits or frame.reconstructions.shape != examples.originals.shape:
            raise ValueError(f"its frame of step {step} does not fit the settings")


def _data(run: Run, upload: Path) -> None:
    """Read an upload. Stored without compression, it needs no more memory than disk space."""
    from vae.data import load

    with ZipArchive(upload) as arrays:
        if sum(info.file_size for info in arrays.infolist()) > upload.stat().st_size:
            raise ValueError("its data are compressed, and VAE Lab stores uploads uncompressed")
    data = load(str(upload), examples=run.config.examples, seed=run.config.seed)
    if data.fingerprint != run.header["data"]["fingerprint"]:
        raise ValueError("its data differ from those it was trained on")
