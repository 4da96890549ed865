"""The runs of a root folder: one by its name, or all of them.

What is no run's name (a hidden folder such as `.uploads`, a lock, a file) is passed over.
"""

from pathlib import Path

from vae import storage
from vae.runs.folder import Run
from vae.runs.names import NAME, checked_name


def find(root: Path | str, name: str) -> Run:
    """The run of that name; raises ValueError naming those there are."""
    run = Run(Path(root) / checked_name(name))
    if not run.path.is_dir():
        names = ", ".join(r.name for r in listing(root)[:8]) or "none yet"
        raise ValueError(f"There is no run {name!r} in {root}; there are: {names}.")
    return run


def listing(root: Path | str) -> list[Run]:
    """Every run, the newest first."""
    try:
        folders = [p for p in Path(root).iterdir() if p.is_dir() and NAME.fullmatch(p.name)]
    except OSError:
        return []
    return [Run(p) for p in sorted(folders, key=_created, reverse=True)]


def _created(path: Path) -> tuple[str, str]:
    header = storage.read_json(path / "config.json")
    created = header.get("created", "") if isinstance(header, dict) else ""
    return str(created), path.name
