"""Worker processes, which train runs, project latents and evaluate models, and their launcher.

`train` trains a run, `job` describes the other slow work, `project` and `evaluate` do it, `run`
carries out an order of either kind. `python -m vae.worker` is the process. Workers outlive the
server that started them: their state is in the run folder.
"""

from vae.worker.launcher import Launcher

__all__ = ["Launcher"]
