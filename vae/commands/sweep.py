"""sweep: train a grid of one or two settings with several seeds for each combination.

All runs are created first and wait in the queue of their folder, where a dashboard lists them.
This process then trains one after another, or a Ray cluster several at a time. If it ends early,
the remaining runs stay queued: a dashboard on the same folder trains them, and so does `--resume
NAME`.
"""

import argparse
import math
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vae.base.foreign import printed
from vae.base.numbers import fixed
from vae.base.statistics import by_seed, interval
from vae.commands.arguments import counted
from vae.commands.cluster import train_on
from vae.commands.presence import fetch
from vae.commands.search import TRIALS, search
from vae.commands.train import (
    claim,
    config_of,
    located,
    located_network,
    root_flag,
    setting_flags,
    suited,
    work,
)
from vae.runs import Run, identity, notes
from vae.runs.status import RESUMABLE

if TYPE_CHECKING:
    from vae.config import RunConfig
    from vae.experiments.configurations import Fold
    from vae.experiments.sweeps import Arm, Axis
    from vae.worker.cluster import Cluster

SIGNALLED = 128  # plus the number of the signal that ended the process: the exit status
SEEDS = 3  # for each configuration
POLL_SECONDS = 0.5  # between two checks of runs that another process trains


def sweep_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the grid, and one for each setting of the base configuration."""
    over = "a setting and its values, at most twice: beta=0.5,1,2 or a range (from, to, count), "
    over += "lr=log:1e-4:1e-2:5 or latent_dim=linear:2:10:5. Separate values that contain commas "
    over += "by ; (default: seeds only)"
    seeds = f"number of seeds for each configuration, counted up from --seed (default: {SEEDS})"
    name = "name of the sweep; its runs get the tag sweep:NAME (default: a free name)"
    resume = "train the unfinished runs of an existing sweep (default: a new sweep)"
    dry = "print the runs and the refused combinations without training (default: train)"
    from vae.experiments.search import METHODS

    how = "let Optuna choose the values: ranges in --over have no count (lr=log:1e-4:1e-2), and "
    how += "any number of settings (default: a grid)"
    trials = f"runs of a search (default: {TRIALS})"
    parser.add_argument("--search", metavar="METHOD", choices=METHODS, help=how)
    parser.add_argument("--trials", metavar="N", type=int, help=trials)
    parser.add_argument("--over", metavar="SETTING=VALUES", action="append", default=[], help=over)
    parser.add_argument("--seeds", metavar="N", type=int, help=seeds)
    parser.add_argument("--name", metavar="NAME", help=name)
    parser.add_argument("--resume", metavar="NAME", help=resume)
    parser.add_argument("--dry-run", action="store_true", help=dry)
    on = "ray: train on the machines of a Ray cluster, several runs at a time (default: in this "
    on += "process, one after another)"
    parser.add_argument("--on", choices=("ray",), help=on)
    setting_flags(parser)


def sweep(args: argparse.Namespace) -> int:
    """Train a grid of settings with several seeds each, one run after another."""
    from vae.experiments import sweeps
    from vae.experiments.search import is_search
    from vae.worker.cluster import Cluster

    if args.search or (args.resume and is_search(args.root, args.resume)):
        if args.on:
            raise ValueError("A search trains one run after another: leave --on ray out.")
        return search(args)
    if args.trials is not None:
        raise ValueError("--trials is the number of runs of a search: add --search tpe.")
    cluster = Cluster() if args.on and not args.dry_run else None
    if args.resume:
        return _train_all(args.resume, _queued_again(args.root, args.resume), cluster)
    network = located_network(args.network or "")
    axes = [_axis(text, network) for text in args.over]
    arms, runs = _planned(args, axes)
    known = sweeps.taken(args.root)
    name = sweeps.checked_name(args.name or sweeps.free_name(known, axes), known)
    if args.dry_run:
        return _print_plan(name, arms, [title for title, _ in runs])
    created, refused = sweeps.create(args.root, name, runs, **({} if cluster else _mine(runs)))
    if not created:
        raise ValueError(refused[0])
    for arm in arms:
        refused += [f"{arm.name}: {arm.problem}"] if arm.config is None else []
    for sentence in refused:
        print(f"left out: {sentence}", file=sys.stderr)
    return _train_all(name, created, cluster)


def _axis(text: str, network: str) -> "Axis":
    from vae.experiments import sweeps

    axis, places = sweeps.axis(text, network), {"data": located, "network": located_network}
    values = map(places.get(axis.field, lambda value: value), axis.values)
    return axis._replace(values=tuple(values))


def _planned(
    args: argparse.Namespace, axes: Sequence["Axis"]
) -> tuple[list["Arm"], list[tuple[str, "RunConfig"]]]:
    """Return every combination and the runs to train; raises ValueError if there are none."""
    from vae.experiments import sweeps

    base = config_of(args)
    for data in dict.fromkeys([base.data, *(v for a in axes if a.field == "data" for v in a[1])]):
        fetch(data)
    base, note = suited(base, args)
    seeds = SEEDS if args.seeds is None else args.seeds
    arms = sweeps.plan(base, axes, seeds)
    runs = sweeps.configurations(arms, seeds)
    if not runs:
        raise ValueError(f"There is nothing to run. {arms[0].name}: {arms[0].problem}")
    print(note, end="", file=sys.stderr)
    return arms, runs


def _print_plan(name: str, arms: Sequence["Arm"], titles: Sequence[str]) -> int:
    """Print the runs of a sweep and the combinations that are left out."""
    count = sum(arm.config is not None for arm in arms)
    grid = f"{counted(count, 'configuration')} × {counted(len(titles) // count, 'seed')}"
    print(f"{name}: {grid} = {counted(len(titles), 'run')}")
    for title in titles:
        print(f"  {title}")
    for arm in arms:
        if arm.config is None:
            print(f"left out: {arm.name}: {printed(arm.problem)}")
    return 0


def _queued_again(root: str, name: str) -> list[Run]:
    """Queue the unfinished runs of a sweep again, and return all of its runs.

    Raises ValueError if there is no such sweep.
    """
    from vae.experiments import sweeps

    runs = sweeps.members(root, name)
    if not runs:
        there = ", ".join(sorted(sweeps.taken(root))) or "none yet"
        raise ValueError(f"There is no sweep {name!r} in {root}; there are: {there}.")
    for run in runs:
        if run.status().resumable:
            run.want("run")
            run.take(RESUMABLE, state="queued", message="")
    return runs


def _train_all(name: str, runs: Sequence[Run], cluster: "Cluster | None") -> int:
    """Train the queued runs, wait for those of other processes, print the results.

    Returns the exit status.
    """
    status = train_on(cluster, runs) if cluster else _one_by_one(runs)
    if status >= SIGNALLED:
        _print_remaining(name, runs)
    else:
        _table(runs)
    return status


def _one_by_one(runs: Sequence[Run]) -> int:
    """Train the runs in this process; return the exit status."""
    worst, waited = 0, ""
    while moving := [run for run in runs if run.status().active]:
        mine = next((run for run in moving if _claimed(run)), None)
        if mine is None:
            others = ", ".join(run.name for run in moving)
            if others != waited:
                print(f"Another process trains {others}: waiting for it.", file=sys.stderr)
            waited = others
            time.sleep(POLL_SECONDS)
            continue
        title = notes.read(mine.path).title or mine.name
        status = work(mine, f"{runs.index(mine) + 1} of {len(runs)}: {title}")
        if status >= SIGNALLED:
            return status
        worst = max(worst, status)
    return worst


def _claimed(run: Run) -> bool:
    """Claim a queued run for this process; True if it is claimed, now or at its creation."""
    from vae.base.devices import resolve

    if identity().items() <= run.status()._asdict().items():
        return True
    return run.take(("queued",), message="", **claim(str(resolve(run.settings["device"]))))


def _mine(runs: Sequence[tuple[str, "RunConfig"]]) -> dict[str, Any]:
    """Return the status of the first run, which this process trains at once."""
    from vae.base.devices import resolve

    return claim(str(resolve(runs[0][1].device)))


def _print_remaining(name: str, runs: Sequence[Run]) -> None:
    """Print how to train the runs that are still queued."""
    waiting = sum(run.status().state == "queued" for run in runs)
    again = f"python -m vae sweep --resume {name}{root_flag(runs[0].path.parent)}"
    print(
        f"{waiting} of {len(runs)} runs stay queued. A dashboard on this folder trains them, or "
        f"continue the sweep here: {again}",
        file=sys.stderr,
    )


def _table(runs: Sequence[Run]) -> None:
    """Print the best validation value of every configuration."""
    from vae.experiments import sweeps
    from vae.experiments.configurations import fold
    from vae.experiments.entries import entry

    folds = fold(entry(run) for run in runs)
    differ = sweeps.swept(folds)
    names = [sweeps.format_settings({n: one.settings.get(n) for n in differ}) for one in folds]
    width = max(map(len, names), default=0)
    title = max((len(one.runs[0].best_by.title) for one in folds), default=0)
    print("Best validation value of each configuration, nats per example: mean over seeds, with")
    print("the half-width of its 95 % interval from three seeds on")
    for name, one in zip(names, folds, strict=True):
        print(f"{name:<{width}}  {one.runs[0].best_by.title:<{title}}  {_mean(one)}")


def _mean(one: "Fold") -> str:
    """Return a configuration's mean over seeds with its interval, as text."""
    values = list(by_seed((run.seed, run.val.best) for run in one.runs).values())
    if not values:
        return "no validation report"
    found = interval(values)
    half = f"± {fixed(found.high - found.mean):<7}" if math.isfinite(found.high) else " " * 9
    return f"{fixed(found.mean):>10} {half}  {counted(len(values), 'seed')}"
