"""Train queued runs on the machines of a Ray cluster.

A task of Ray trains one run folder, as a worker does. The folder of runs lies on a disk that all
machines see. If a machine is lost, Ray starts its tasks on another one, where each run goes on
from its last saved state. Locks and states of the run folders are those of every other worker: a
dashboard on the same folder never trains a run at the same time.
"""

import importlib
import importlib.util
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from vae.base import permission
from vae.runs import Run, identity
from vae.runs.status import WAITING
from vae.worker.launcher import ENVIRONMENT, PROJECT

ABSENT = "Training on Ray needs Ray: pip install ray."
NO_CLUSTER = (
    "There is no Ray cluster here: start one with ray start --head, or name it in RAY_ADDRESS."
)
TRIES = 10  # machines that may be lost in turn under one run
POLL_SECONDS = 0.5  # between two looks at the runs
LOCK_SECONDS = 5.0  # between two attempts to lock a run that a lost machine has locked
GPUS = ("auto", "cuda")  # devices of runs that get a GPU if the cluster has some
SETTINGS = "VAE_LAB_"  # how the variables of quotas and permissions begin


class Cluster:
    """A connection to Ray, which ends with this process."""

    def __init__(self) -> None:
        """Connect to the cluster in RAY_ADDRESS, or to that of this machine; raises ValueError."""
        if importlib.util.find_spec("ray") is None:
            raise ValueError(ABSENT)
        self.ray = importlib.import_module("ray")
        try:
            self.ray.init(
                address=os.environ.get("RAY_ADDRESS", "auto"),
                runtime_env={"env_vars": _variables()},
                log_to_driver=False,
                logging_level="ERROR",
            )
        except (ConnectionError, RuntimeError) as error:
            raise ValueError(f"{NO_CLUSTER} ({str(error).splitlines()[0]})") from None

    def size(self) -> tuple[int, int, int]:
        """Return the number of machines, cores and GPUs."""
        nodes = self._nodes()
        cores, gpus = (sum(int(node.get(key, 0)) for node in nodes) for key in ("CPU", "GPU"))
        return len(nodes), cores, gpus

    def _nodes(self) -> list[dict[str, float]]:
        """Return the resources of each machine."""
        return [node["Resources"] for node in self.ray.nodes() if node["Alive"]]

    def train(
        self, runs: Sequence[Run], requested: Callable[[], str | None] = lambda: None
    ) -> Iterator[tuple[Run, str]]:
        """Train the queued runs, as many at a time as the cluster has cores and GPUs for. Yield
        each run at its end, with the sentence of a task that was lost or "".

        If `requested()` returns "pause" or "stop", running runs are saved and end so, and the
        others stay queued.
        """
        tasks = {self._task(run): run for run in runs}
        while tasks and not (wanted := requested()):
            ended, _ = self.ray.wait(list(tasks), timeout=POLL_SECONDS)
            for task in ended:
                yield tasks.pop(task), self._problem(task)
        if tasks:
            self._end(tasks, wanted)

    def _end(self, tasks: dict[Any, Run], wanted: str | None) -> None:
        for task, run in tasks.items():
            if run.status().alive:
                run.want(wanted)
            else:
                self.ray.cancel(task)
        while any(run.status().alive for run in tasks.values()):
            time.sleep(POLL_SECONDS)

    def _task(self, run: Run) -> Any:
        nodes = self._nodes()
        cores = max(int(node.get("CPU", 0)) for node in nodes)
        has_gpus = any(node.get("GPU") for node in nodes)
        task = self.ray.remote(train_folder).options(
            num_cpus=min(run.header["threads"], cores),
            num_gpus=int(has_gpus and run.settings["device"] in GPUS),
            max_retries=TRIES,
            name=run.name,
        )
        return task.remote(str(run.path.resolve()), permission.is_allowed())

    def _problem(self, task: Any) -> str:
        try:
            self.ray.get(task)
        except self.ray.exceptions.RayError as error:
            return str(error).splitlines()[0]
        return ""


def _variables() -> dict[str, str]:
    """Return the environment of a task: threads that wait, this code, quotas and permissions."""
    path = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))
    ours = {name: value for name, value in os.environ.items() if name.startswith(SETTINGS)}
    return ENVIRONMENT | {"PYTHONPATH": path} | ours


def train_folder(path: str, allow_code: bool) -> str:
    """Train a run that is queued, or whose process is gone. Return the run's state afterwards.

    Another process that trains the run is waited for: it may be lost and not yet known to be.
    """
    from vae.worker.train import BusyError, train_run

    run = Run(path)
    if allow_code:
        permission.allow()
    while True:
        while run.status().alive:
            time.sleep(POLL_SECONDS)
        claim = {"state": "starting", "message": "", "heartbeat": time.time(), **identity()}
        if not run.take(WAITING, **claim):
            return run.status().state
        try:
            for _ in train_run(run):
                pass
        except BusyError:
            run.set_status(process_started=0.0)  # this process does not train it
            time.sleep(LOCK_SECONDS)
        except Exception:  # it is in the run's status and log
            return run.status().state
