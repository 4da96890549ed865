"""A process that trains tiny runs, kills and resumes them, and compares their final files with
those of an uninterrupted run.

`python -m tests.worker.driver boundaries ROOT EVERY` kills at every EVERY-th write boundary, and
`… power ROOT EVERY` drops there the bytes not flushed to the disk, as a loss of power does,
`… random ROOT KILLS` kills at KILLS random moments, and `… choices ROOT KILLS` as often in runs of
every valid combination of objective, posterior and prior and of further kinds of data and network,
a third of them in the middle of a write. All print a summary as one JSON object. The process forks
each victim from itself, because importing torch a hundred times would take minutes.

The law: a killed and resumed run ends like an uninterrupted run with the same `changes.jsonl`. (A
request that was not yet recorded when the worker died takes effect later.)
"""

import contextlib
import itertools
import json
import math
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vae.base import files
from vae.base.records import Tick
from vae.config import TABLES, RunConfig
from vae.data import load, mapping
from vae.runs import Run, listing
from vae.training import metrics, milestones
from vae.worker import train as worker

MODELS = ("objective", "posterior", "prior")
TIMES = ("seconds", "images_per_second")
TINY = {"examples": 30, "epochs": 2, "batch_size": 8, "frames": 3}  # 24 to train on: 6 steps
LONG = {"examples": 1000, "epochs": 5, "batch_size": 10, "frames": 5}  # 800: 400 steps
SHORT = {"examples": 500, "epochs": 4, "batch_size": 10, "frames": 4}  # 400: 160 steps
SHARED = {"data": "mixture", "likelihood": "gaussian", "threads": 1, "lr": 1e-2}


def create(root: Path, name: str, settings: dict[str, Any]) -> Run:
    layers = {"hidden": (8,)} if settings.get("network", "mlp") == "mlp" else {}
    config = RunConfig.of(**{"device": "cpu"} | SHARED | layers | settings)
    data = load(config.data, examples=config.examples, options=config.chosen("data"))
    return Run.create(root, config, data, name)


def train(run: Run, act: Callable[[int], None] = lambda step: None) -> None:
    """Train to the end or the next pause; `act(step)` is called at every tick."""
    run.want("run")
    for event in worker.train_run(run):
        if isinstance(event, Tick):
            act(event.step)


def everything(run: Run) -> dict[str, Any]:
    """Return the final files of a run without times: two equal runs must agree on them."""
    end: dict[str, Any] = {}
    for name in ("last", "best"):
        arrays, meta = files.read_arrays(run.path / f"{name}.safetensors")
        end |= {f"{name}:{k}": (v.dtype.str, v.shape, v.tobytes()) for k, v in arrays.items()}
        end[f"{name} meta"] = {k: v for k, v in meta.items() if k not in TIMES}
    lines = files.read_lines(run.path / "metrics.jsonl")
    end["metrics"] = [{k: v for k, v in line.items() if k not in TIMES} for line in lines]
    for path in sorted(run.path.glob("frames/*")):
        end[path.name] = path.read_bytes()
    changes = run.path / "changes.jsonl"
    end["changes"] = changes.read_bytes() if changes.exists() else b""
    end["hidden"] = [p.name for p in run.path.rglob(".*")]
    return end


class Judge:
    """Compares a run with an uninterrupted run of the same changes."""

    def __init__(self, root: Path, settings: dict[str, Any]) -> None:
        self.root, self.settings = root, settings
        self.known: dict[bytes, dict[str, Any]] = {}

    def judge(self, run: Run, what: str) -> None:
        """Raise AssertionError naming the files that differ."""
        assert run.status().state == "finished", (what, run.status())
        mine = everything(run)
        changes = mine["changes"]
        if changes not in self.known:
            reference = create(self.root, f"reference-{len(self.known)}", self.settings)
            for change in run.changes():
                files.append_line(reference.path / "changes.jsonl", change._asdict())
            train(reference)
            self.known[changes] = everything(reference)
        right = self.known[changes]
        differ = [k for k in mine.keys() | right.keys() if mine.get(k) != right.get(k)]
        assert not differ, f"{what}: {sorted(differ)} differ from those of a run never killed"


def victim(work: Callable[[], None]) -> int:
    """Run `work` in a fork of this process. Return its pid."""
    pid = os.fork()
    if pid:
        return pid
    with contextlib.suppress(BaseException):
        work()
        os._exit(0)
    os._exit(1)


def died(pid: int) -> bool:
    """Wait for a victim. Return whether it was killed; a victim that failed is an error."""
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status) == signal.SIGKILL
    assert os.WEXITSTATUS(status) == 0, "the victim failed before it was killed"
    return False


# Every write boundary


class Fault:
    """Counts the calls of `os` that change the disk, and kills the process before the n-th call or
    in the middle of it."""

    DEEDS = ("write", "fsync", "replace", "rename", "unlink", "mkdir")

    def __init__(self, at: int, half: bool, deeds: Sequence[str] = DEEDS) -> None:
        self.at, self.half, self.count = at, half, 0
        self.writes: list[int] = []
        for name in deeds:
            setattr(os, name, self._wrapped(name, getattr(os, name)))

    def _wrapped(self, name: str, deed: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **keywords: Any) -> Any:
            self.count += 1
            if name == "write":
                self.writes.append(self.count)
            if self.count == self.at:
                if self.half and name == "write":
                    deed(args[0], bytes(args[1])[: max(1, len(args[1]) // 2)])
                os.kill(os.getpid(), signal.SIGKILL)
            return deed(*args, **keywords)

        return counted


class PowerCut(Fault):
    """Before the n-th call, takes from every file the bytes since its last fsync, or half
    of it, and kills the process. Names of files last: a file system writes them in order."""

    def __init__(self, at: int, half: bool, folder: Path) -> None:
        self.folder = folder
        self.flushed: dict[int, bytes] = {}  # inode → content of the file at its last fsync
        super().__init__(at, half)

    def _wrapped(self, name: str, deed: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **keywords: Any) -> Any:
            self.count += 1
            if self.count == self.at:
                self._forget()
                os.kill(os.getpid(), signal.SIGKILL)
            if name == "fsync":
                path = Path(f"/proc/self/fd/{args[0]}")
                if path.is_file():
                    self.flushed[path.stat().st_ino] = path.read_bytes()
            elif name in ("replace", "rename", "unlink"):  # its inode can serve another file
                with contextlib.suppress(OSError):
                    self.flushed.pop(Path(args[-1]).stat().st_ino, None)
            return deed(*args, **keywords)

        return counted

    def _forget(self) -> None:
        for path in self.folder.rglob("*"):
            if path.is_file():
                kept, now = self.flushed.get(path.stat().st_ino, b""), path.read_bytes()
                tail = now[len(kept) :] if self.half and now.startswith(kept) else b""
                with path.open("r+b") as file:
                    file.write(kept + tail[: len(tail) // 2])
                    file.truncate()


def story(root: Path) -> None:
    """A run with a history: β moved at step 1, a pause at 4, and β moved back at 5."""
    run = create(root, "victim", TINY)

    def act(step: int) -> None:
        if step == 1:
            run.want(beta=4.0)
        elif step == 4 and not run.changes()[1:]:
            run.want("pause")
        elif step == 5:
            run.want(beta=1.0)

    train(run, act)
    assert run.status().state == "paused"
    train(run, act)
    assert run.status().state == "finished"


def boundaries(root: Path, every: int) -> dict[str, Any]:
    """Kill the story before calls that change the disk, and in the middle of writes: at all of
    them in turn, or at every `every`-th one."""
    return ends_of(root, every, lambda home, n, half: Fault(n, half), lambda deeds, writes: writes)


def power(root: Path, every: int) -> dict[str, Any]:
    """Cut the power before calls that change the disk, with nothing or half of the bytes not
    flushed."""
    return ends_of(
        root,
        every,
        lambda home, n, half: PowerCut(n, half, home),
        lambda deeds, writes: range(1, deeds + 1),
    )


def ends_of(
    root: Path,
    every: int,
    fault: Callable[[Path, int, bool], Fault],
    halves: Callable[[int, list[int]], Iterable[int]],
) -> dict[str, Any]:
    """Let every `every`-th fault end the story, resume the run, and compare. `halves` are the
    calls in whose middle a fault is tried too."""
    metrics.TICK_SECONDS, worker.STATUS_SECONDS = 0.0, -1.0  # at every step, not by the clock
    milestones.SNAPSHOT_EXAMPLES = 2 * TINY["batch_size"]  # every second step: in mid-epoch
    judge = Judge(root / "references", TINY)
    deeds, writes = _count(root)
    states: dict[str, int] = {}
    trials = [(n, False) for n in range(1, deeds + 1)] + [(n, True) for n in halves(deeds, writes)]
    trials = trials[::every]
    for n, half in trials:
        what = f"killed {'in' if half else 'before'} deed {n} of {deeds}"
        home = root / f"{n}-{half}"

        def work(home: Path = home, n: int = n, half: bool = half) -> None:
            fault(home, n, half)
            story(home)

        assert died(victim(work)), what
        runs = listing(home)
        run = runs[0] if runs else create(home, "victim", TINY)  # killed before it existed
        state = run.status().state if runs else "none"
        assert state in ("none", "queued", "interrupted", "paused", "finished"), (what, state)
        states[state] = states.get(state, 0) + 1
        train(run)
        judge.judge(run, what)
        assert [p.name for p in home.glob("[!.]*")] == ["victim"], what
    return {"trials": len(trials), "deeds": deeds, "states": states, "ends": len(judge.known)}


def _count(root: Path) -> tuple[int, list[int]]:
    """Return the number of calls in the story, and which of them are writes."""
    out = root / "count.json"

    def work() -> None:
        fault = Fault(0, False)
        story(root / "count")
        out.write_text(json.dumps([fault.count, fault.writes]))

    assert not died(victim(work))
    deeds, writes = json.loads(out.read_text())
    return deeds, writes


# Any moment


def at_random(root: Path, kills: int) -> dict[str, Any]:
    """Kill runs at random moments, β moved and paused at others, until `kills` have died.

    The moments lie within half the time of an uninterrupted run, so that runs also end on a busy
    machine.
    """
    milestones.SNAPSHOT_EXAMPLES = 30 * LONG["batch_size"]
    draw = random.Random(0)
    judge = Judge(root / "references", LONG)
    whole = _seconds(lambda: train(create(root, "whole", LONG)))  # of a run that nothing kills
    dead, paused, in_epoch, runs, ends = 0, 0, 0, 0, []
    while dead < kills:
        run = create(root, f"victim-{runs}", LONG)
        runs += 1
        while run.status().state != "finished":
            pid = victim(lambda run=run: train(run))  # type: ignore[misc]
            if draw.random() < 0.4:
                time.sleep(draw.uniform(0.0, whole / 4))
                run.want(beta=draw.choice((0.5, 2.0, 4.0)))
            if draw.random() < 0.2:
                time.sleep(draw.uniform(0.0, whole / 4))
                run.want("pause")
            time.sleep(draw.uniform(0.0, whole / 2))
            os.kill(pid, signal.SIGKILL)
            if died(pid):
                state = run.status().state
                assert state in ("interrupted", "queued", "paused", "finished"), state
                dead += state == "interrupted"
                in_epoch += bool(run.reports()) and run.reports()[-1]["step"] % 80 != 0
            paused += run.status().state == "paused"
        judge.judge(run, run.name)
        ends.append(len(run.changes()))
    found = {"kills": dead, "in_epoch": in_epoch, "pauses": paused, "runs": runs}
    return found | {"changes": ends}


# Every combination


def combinations() -> Iterator[dict[str, Any]]:
    """Yield every valid combination of objective, posterior and prior."""
    tables = [[(kind, name) for name in TABLES[kind]] for kind in MODELS]
    for rows in itertools.product(*tables):
        with contextlib.suppress(ValueError):
            RunConfig.of(**SHARED | SHORT | dict(rows))
            yield SHORT | dict(rows)


def further(root: Path) -> Iterator[dict[str, Any]]:
    """Yield settings with other networks, other likelihoods, and data in files."""
    root.mkdir(parents=True)
    rng = np.random.default_rng(0)
    counts = rng.negative_binomial(2, 0.3, (500, 6)) * rng.integers(0, 2, (500, 6))
    np.save(root / "counts.npy", counts)
    np.save(root / "series.npy", rng.random((500, 16, 2), np.float32))
    np.save(root / "mapped.npy", rng.random((500, 12), np.float32))
    lines = [
        f"{x:.3f},{c},{'ab'[c % 2]}" for x, c in zip(rng.random(500), counts[:, 0], strict=True)
    ]
    (root / "mixed.csv").write_text("\n".join(["height,visits,city", *lines]) + "\n")
    pictures = {"data": "moon-phases", "size": 8, "likelihood": "bernoulli", "examples": 100}
    yield SHORT | pictures | {"network": "conv", "channels": (2, 3)}
    yield SHORT | pictures | {"network": "resnet", "channels": (2, 3)}
    series = {"data": str(root / "series.npy"), "data_layout": "series", "examples": 0}
    yield SHORT | series | {"network": "conv1d", "channels": (2, 3)}
    zinb = {"data": str(root / "counts.npy"), "likelihood": "zero-inflated-negative-binomial"}
    yield SHORT | zinb | {"examples": 0}
    mixed = {"data": str(root / "mixed.csv"), "likelihood": "mixed", "data_label": "none"}
    yield SHORT | mixed | {"examples": 0}
    yield SHORT | {"data": str(root / "mapped.npy"), "examples": 0}
    yield SHORT | {"precision": "bf16"}


def choices(root: Path, kills: int) -> dict[str, Any]:
    """Kill runs of every combination and of the further kinds in turn, `kills` times in all; the
    learning rate moves."""
    milestones.SNAPSHOT_EXAMPLES = 10 * SHORT["batch_size"]
    mapping.MAPPED = 10_000  # bytes: a file of a few examples is mapped
    draw, all_settings = random.Random(1), [*further(root / "data"), *combinations()]
    found = {"combinations": len(all_settings), "kills": 0, "in_write": 0, "in_epoch": 0}
    changes, each = 0, 1 + math.ceil(kills / len(all_settings))
    for k, settings in enumerate(all_settings):
        home = root / str(k)
        run, whole = create(home, "victim", settings), create(home, "whole", settings)
        seconds = _seconds(lambda whole=whole: train(whole))  # type: ignore[misc]
        writes = _writes(home, settings)
        left = each
        while run.status().state != "finished":
            at = draw.randint(1, max(1, writes // 2)) if left and draw.random() < 0.5 else 0
            pid = victim(lambda run=run, at=at: _fragile(run, at))  # type: ignore[misc]
            if left and draw.random() < 0.3:
                time.sleep(draw.uniform(0.0, seconds / 4))
                run.want(lr=draw.choice((1e-3, 3e-3, 1e-2)))
            if left and not at:
                time.sleep(draw.uniform(0.0, seconds / 2))
                os.kill(pid, signal.SIGKILL)
            if died(pid):
                left -= 1
                found["kills"] += 1
                found["in_write"] += bool(at)
                found["in_epoch"] += bool(run.reports()) and run.reports()[-1]["step"] % 40 != 0
        Judge(home / "references", settings).judge(run, str(settings))
        changes += len(run.changes())
        print(json.dumps({"done": k + 1, **found}), file=sys.stderr, flush=True)
        shutil.rmtree(home)
    return found | {"changes": changes}


def _fragile(run: Run, at: int) -> None:
    if at:
        Fault(at, True, ("write",))
    train(run)


def _writes(home: Path, settings: dict[str, Any]) -> int:
    """Return the number of writes of an uninterrupted run."""
    out, counted = home / "count.json", create(home, "counted", settings)

    def work() -> None:
        fault = Fault(0, False, ("write",))
        train(counted)
        out.write_text(str(fault.count))

    assert not died(victim(work))
    return int(out.read_text())


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main(arguments: list[str]) -> int:
    torch.set_num_threads(1)
    os.fsync = lambda handle: None  # slow, and matters to a loss of power only
    which, root, number = arguments[0], Path(arguments[1]), int(arguments[2])
    train(create(root / "warm", "warm", TINY))
    began = time.perf_counter()
    found = {"boundaries": boundaries, "power": power, "random": at_random, "choices": choices}[
        which
    ](root, number)
    print(json.dumps(found | {"seconds": round(time.perf_counter() - began, 1)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
