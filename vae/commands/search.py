"""sweep --search: trials of settings that Optuna chooses, one run after another.

Each trial is a run of a sweep. If this process ends early, `--resume NAME` goes on with the run of
the last trial, and then with new trials.
"""

import argparse
import math
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vae.base.foreign import printed
from vae.base.numbers import fixed, plural
from vae.commands.presence import fetch
from vae.commands.train import claim, config_of, located_network, root_flag, suited, work
from vae.runs import Run, find, notes
from vae.runs.status import ENDED

if TYPE_CHECKING:
    from vae.config import RunConfig
    from vae.experiments.search import Search
    from vae.training.trainer import Event

TRIALS = 20  # of a search


def search(args: argparse.Namespace) -> int:
    """Train the trials of a new search, or go on with one."""
    from vae.experiments.search import Search

    if args.resume and args.trials is not None:
        raise ValueError(
            f"The search {args.resume} has its number of trials: leave --trials out, or begin a "
            "new search."
        )
    found = Search(args.root, args.resume) if args.resume else _begun(args)
    if found is None:
        return 0
    worst = 0
    while (trial := found.trial()) is not None:
        status = _train(found, trial)
        if found.is_open(trial):
            again = f"python -m vae sweep --resume {found.name}{root_flag(found.root)}"
            print(f"Continue the search with: {again}", file=sys.stderr)
            return status
        worst = max(worst, status)
    _table(found)
    return worst


def _begun(args: argparse.Namespace) -> "Search | None":
    """Return a new search; None after printing it for --dry-run. Raises ValueError."""
    from vae.experiments import sweeps
    from vae.experiments.search import METHODS, begin, check_installed, space

    check_installed()
    if args.seeds is not None:
        raise ValueError("A trial of a search is one run, with --seed: leave --seeds out.")
    network = located_network(args.network or "")
    spaces = [space(text, network) for text in args.over]
    base = config_of(args)
    fetch(base.data)
    base, note = suited(base, args)
    print(note, end="", file=sys.stderr)
    known = sweeps.taken(args.root)
    stem = [sweeps.Axis(one.field.name, ()) for one in spaces]
    name = sweeps.checked_name(args.name or sweeps.free_name(known, stem), known)
    trials = TRIALS if args.trials is None else args.trials
    if args.dry_run:
        print(f"{name}: {plural(trials, 'trial')} by {METHODS[args.search].about}, over")
        print("\n".join(f"  {text}" for text in args.over))
        return None
    return begin(args.root, name, base, args.over, args.search, trials)


def _train(found: "Search", trial: Any) -> int:
    """Train the run of a trial, from its last saved state if it has one; return the status."""
    title = f"trial {trial.number + 1} of {found.trials}"
    try:
        changes, config = found.config(trial)
        run = _run_of(found, trial, config, changes)
    except (ValueError, OSError) as error:
        print(f"left out: {title}: {printed(error)}", file=sys.stderr)
        found.end(trial, None)
        return 0
    pruning = Pruning(trial, config)
    if run.status().state != "finished":
        status = work(run, f"{title}: {notes.read(run.path).title}", pruning)
        if status > 1 or run.status().state not in ENDED:
            return status
    ended = run.status()
    is_pruned = bool(pruning.epoch) and ended.state == "stopped"
    found.end(trial, None if ended.state == "failed" else ended.best, is_pruned)
    if is_pruned:
        words = f"Pruned at epoch {pruning.epoch}: below the median of the earlier trials."
        run.set_status(message=words)
        print(words, file=sys.stderr)
    return int(ended.state == "failed")


class Pruning:
    """Whether to end a run, at each of its events: reports its best scores to the study."""

    def __init__(self, trial: Any, config: "RunConfig") -> None:
        from vae.experiments.search import WARM

        self.trial, self.config = trial, config
        self.first = config.epochs // WARM  # epoch at which a run may end; epochs can be searched
        self.earlier = trial.study.trials[trial.number].intermediate_values  # of a resumed run
        self.best = max(self.earlier.values(), default=-math.inf)
        self.epoch = 0  # at which the run was ended

    def __call__(self, event: "Event") -> bool:
        from vae.base.records import Report

        if not isinstance(event, Report) or event.split != "val" or not event.step:
            return False
        score, epoch = self.config.best_by.score(event._asdict()), round(event.epoch)
        self.best = self.best if score is None else max(self.best, score)
        if math.isfinite(self.best):
            if epoch not in self.earlier:
                self.trial.report(self.best, epoch)
            if self.first <= epoch < self.config.epochs and self.trial.should_prune():
                self.epoch = epoch
        return bool(self.epoch)


def _run_of(found: "Search", trial: Any, config: "RunConfig", changes: dict[str, Any]) -> Run:
    """Return the run of a trial, which this process trains; raises ValueError or OSError."""
    from vae.base.devices import resolve
    from vae.experiments import sweeps
    from vae.experiments.admission import admitted_data

    with suppress(ValueError):  # its run was deleted, or there is none yet
        run = find(found.root, str(trial.user_attrs.get("run", "")))
        run.want("run")
        return run
    data = admitted_data(config)
    run = Run.create(found.root, config, data, **claim(str(resolve(config.device))))
    title = sweeps.format_settings(changes)[: notes.LONGEST["title"]]
    notes.change(run.path, title=title, tags=(sweeps.TAG + found.name,))
    trial.set_user_attr("run", run.name)
    trial.set_user_attr("title", title)
    return run


def _table(found: "Search") -> None:
    """Print the trials with a value, the best first."""
    ended = [t for t in found.study.trials if t.value is not None]
    print("Best validation score of each trial, nats per example, the best first")
    for trial in sorted(ended, key=lambda t: -t.value):
        name, chosen = (trial.user_attrs.get(key, "") for key in ("run", "title"))
        pruned = " (pruned)" if trial.state.name == "PRUNED" else ""
        print(f"{fixed(trial.value):>10}  {printed(name)}  {printed(chosen)}{pruned}")
    print(f"The study is {found.file}.")
