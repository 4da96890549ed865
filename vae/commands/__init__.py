"""The command line, `python -m vae` or `vae-lab`: one row of `COMMANDS` for each command.

A command is a function of its parsed arguments and returns the exit status. The commands and the
dashboard share the run folders. The flags of `train` are the settings of `RunConfig` in kebab
case.

Exit status: 0 success; 1 a run failed; 2 bad input, with one line on standard error; 128 + n ended
by signal n, so 130 by Ctrl-C. The first Ctrl-C saves the run, a second one ends at once.
"""

import argparse
import difflib
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, NoReturn

from vae.base import files, memory, permission
from vae.base.deferred import defer_compiler
from vae.base.foreign import printed
from vae.base.places import working_root
from vae.base.progress import watched
from vae.base.world import place
from vae.commands import (
    adopt,
    app,
    archive,
    documents,
    encode,
    impute,
    inspect,
    listing,
    sweep,
    train,
    weights,
)
from vae.commands.progress_bar import reading

INTERRUPTED = 130  # exit status after a second Ctrl-C
ABOUT = "Train, evaluate and share VAEs. All commands work on one folder of runs, --root."
ALLOW = "run the code of a network in a file, FILE.py:FUNCTION (default: refuse it)"
ROOT = "folder of the runs (default: %(default)s)"


class Command(NamedTuple):
    """A command: its function, and the function that adds its flags."""

    run: Callable[[argparse.Namespace], int]
    flags: Callable[[argparse.ArgumentParser], Any]
    runs_models: bool = True
    in_ranks: bool = False  # torchrun can start it as several processes


COMMANDS: dict[str, Command] = {
    "train": Command(train.train, train.train_flags, in_ranks=True),
    "sweep": Command(sweep.sweep, sweep.sweep_flags),
    "resume": Command(train.resume, train.resume_flags, in_ranks=True),
    "stop": Command(train.stop, train.stop_flags, runs_models=False),
    "runs": Command(listing.runs, listing.runs_flags, runs_models=False),
    "data": Command(listing.data, listing.data_flags, runs_models=False),
    "evaluate": Command(inspect.evaluate, inspect.evaluate_flags),
    "encode": Command(encode.encode, encode.encode_flags),
    "impute": Command(impute.impute, impute.impute_flags),
    "sample": Command(inspect.sample, inspect.sample_flags),
    "report": Command(documents.report, documents.report_flags),
    "script": Command(documents.script, documents.script_flags),
    "export": Command(archive.export, archive.export_flags, runs_models=False),
    "import": Command(archive.import_runs, archive.import_flags, runs_models=False),
    "adopt": Command(adopt.adopt, adopt.adopt_flags),
    "weights": Command(weights.weights, weights.weights_flags, runs_models=False),
    "app": Command(app.app, app.app_flags),
}


class Parser(argparse.ArgumentParser):
    """A parser whose errors take one line and suggest the nearest flag for an unknown one."""

    given: Sequence[str] = ()  # all arguments: a network in a file brings flags

    def error(self, message: str) -> NoReturn:
        unknown = message.removeprefix("unrecognized arguments: ").split()[0]
        close = difflib.get_close_matches(unknown, self._option_string_actions, 1)
        hint = f"; did you mean {close[0]}?" if unknown.startswith("-") and close else "."
        self.exit(2, f"vae: {message}{hint} See {self.prog} --help\n")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    defer_compiler()
    try:
        args = _parse(given)
        with memory.guarded(), _permission(args), watched(reading()):
            return _run(args)
    except ValueError as error:
        print(f"vae: {printed(error)}", file=sys.stderr)
    except OSError as error:
        print(f"vae: {printed(files.sentence(error))}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nvae: ended at once. The last saved state is intact.", file=sys.stderr)
        return INTERRUPTED
    return 2


def _run(args: argparse.Namespace) -> int:
    """Run the command; of the processes that torchrun has started, only the first does so."""
    row, rank = COMMANDS[args.command], place().rank
    if row.in_ranks or place().size == 1:
        return train.follow() if rank else row.run(args)
    if not rank:
        raise ValueError(f"{args.command} is the work of one process: start it without torchrun.")
    return 2


def _permission(args: argparse.Namespace) -> AbstractContextManager[None]:
    """Allow the code of network files inside the block if the command line has the flag."""
    return permission.allowing() if getattr(args, "allow_code", False) else nullcontext()


def _parse(arguments: list[str]) -> argparse.Namespace:
    """Parse the arguments. Only the called command adds its flags, because those of `train` load
    torch."""
    parser = Parser(
        "python -m vae",
        description="Train, evaluate and share VAEs. Runs live in one folder (--root).",
        allow_abbrev=False,
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    subs = {}
    for name, row in COMMANDS.items():
        about = (row.run.__doc__ or "").splitlines()[0]
        sub = subparsers.add_parser(name, help=about, description=about, allow_abbrev=False)
        sub.add_argument(
            "--root", default=working_root(), help="folder of the runs (default: %(default)s)"
        )
        if row.runs_models:
            sub.add_argument(permission.FLAG, action="store_true", help=ALLOW)
        if arguments[:1] == [name]:
            sub.given = arguments
            row.flags(sub)
        subs[name] = sub
    args, unknown = parser.parse_known_args(arguments)
    if unknown:
        subs[args.command].error(f"unrecognized arguments: {' '.join(unknown)}")
    return args
