"""The worker: the process that does long work, and what starts, queues and ends it.

`jobs` is the work (train a run, project its latents, evaluate it), `launcher` starts processes and
works off the queue, and `python -m vae.worker` is the process itself. Workers outlive the server
that started them; what they know stands in the run folder.
"""

from vae.worker.launcher import Launcher

__all__ = ["Launcher"]
