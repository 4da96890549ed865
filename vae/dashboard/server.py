"""Objects of the server process: the root of the runs, the launcher, the loop of the queue."""

import asyncio
import gc
import importlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from vae.base import permission, visitors
from vae.base.deferred import defer_compiler
from vae.base.places import APP, dashboard_root
from vae.dashboard import page_switch
from vae.experiments.entries import entries
from vae.runs import active
from vae.runs.exporter import UPLOADS
from vae.worker import Launcher

MAIN = Path(__file__).with_name("main.py")  # runs at every interaction
PAGES = APP / "pages"
ROOT = dashboard_root()
WARM = os.environ.get("VAE_LAB_WARM", "1") != "0"  # 0: start without a spare worker or imports
PUMP_SECONDS = 1.0
SLOW = (
    "vae.figures",
    "vae.analysis.loaded_run",
    "sklearn.decomposition",
    "scipy.stats",
    "sympy",  # torch counts shapes with it
)

defer_compiler()
permission.allow_by_environment()
launcher = Launcher(ROOT, spare=WARM and not visitors.is_read_only())
visitors.open_folder(ROOT / UPLOADS)


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Run the server with a spare worker, slow imports done early, and a loop over the queue."""
    # Plotly looks into pandas if it is loaded, and fails while another thread is still loading it.
    importlib.import_module("pandas")
    page_switch.protect()
    heart = asyncio.create_task(_heart())
    try:
        yield
    finally:
        heart.cancel()
        launcher.close()
        going_on = [run.name for run in active(ROOT) if run.status().alive]
        if going_on:
            print(
                f"Training goes on: {', '.join(going_on)}. End it with: python -m vae stop NAME",
                file=sys.stderr,
            )


async def _heart() -> None:
    if WARM:
        if not visitors.is_read_only():
            await asyncio.to_thread(launcher.warm)
        await asyncio.to_thread(_import_slow)
        with suppress(OSError, ValueError):
            await asyncio.to_thread(entries, ROOT)  # of ten thousand runs: seconds
    frozen = 0
    while True:
        with suppress(OSError, ValueError):
            await asyncio.to_thread(launcher.pump)
        frozen = await asyncio.to_thread(freeze, frozen)
        await asyncio.sleep(PUMP_SECONDS)


def freeze(frozen: int) -> int:
    """Exempt all objects from garbage collection if more modules than `frozen` are loaded, and
    return the number of modules.

    Streamlit collects garbage after each run of the script, which takes 0.15 s for the objects
    of the libraries.
    """
    if len(sys.modules) > frozen:
        gc.collect()
        gc.freeze()
    return len(sys.modules)


def _import_slow() -> None:
    """Import the modules of the first page before its first visitor."""
    for name in SLOW:
        importlib.import_module(name)
    import torch

    torch.set_num_threads(1)  # leave the other cores to a run in training
