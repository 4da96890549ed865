"""The folders of the dashboard: entry point, pages and settings, and the runs that it shows.

A checkout has `app.py`, `pages/` and `.streamlit/` in its root, an installed package has them in
`vae/app/`.
"""

import os
from pathlib import Path

_INSTALLED = Path(__file__).parents[1] / "app"
IS_INSTALLED = _INSTALLED.is_dir()
VARIABLE = "VAE_LAB_ROOT"  # environment variable: the folder of the runs
APP = _INSTALLED if IS_INSTALLED else Path(__file__).parents[2]  # the folder of app.py


def default_root() -> Path:
    """Return the folder of the runs: `checkpoints` of the checkout, or of the working folder."""
    return (Path.cwd() if IS_INSTALLED else APP) / "checkpoints"


def dashboard_root() -> Path:
    """Return the folder that the dashboard shows: that of the environment, or the default."""
    return Path(os.environ.get(VARIABLE) or default_root())


def working_root() -> str:
    """Return where commands and recorders write: the folder of the environment, or `checkpoints`
    of the working folder."""
    return os.environ.get(VARIABLE) or "checkpoints"
