"""train, resume and stop: commands that start and end training."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae.base.foreign import printed
from vae.base.numbers import compact, plural
from vae.base.places import working_root
from vae.base.world import LostRankError
from vae.commands.arguments import option_flag
from vae.commands.presence import fetch, with_data
from vae.commands.progress_bar import show_progress
from vae.commands.ranks import announce, check_ranks
from vae.runs import Run, checked_name, find, identity

if TYPE_CHECKING:
    from vae.config import RunConfig
    from vae.data import Dataset
    from vae.training.trainer import Event

STOP_SECONDS = 60.0  # to wait for a run to save and end
# The request to training for each signal. An ignored signal, as under nohup, stays ignored.
ENDINGS: dict[int, str] = {
    signal.SIGINT: "stop",
    signal.SIGTERM: "pause",
    signal.SIGHUP: "pause",
}


def train_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--run", metavar="NAME", help="name of the run (default: the next free name)"
    )
    setting_flags(parser)


def setting_flags(parser: argparse.ArgumentParser) -> None:
    """One flag for each setting, also for each option of a network in a file."""
    from vae.config import fields

    for field in fields(_network_of(getattr(parser, "given", ()))):
        of = field.default if isinstance(field.default, tuple) else (field.default,)
        option_flag(parser, field.name, field.option, ",".join(map(str, of)))


def _network_of(arguments: Sequence[str]) -> str:
    """Return the value of the setting `network` in the arguments; "" without one."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--network", nargs="?", default="")
    return located_network(parser.parse_known_args(list(arguments))[0].network or "")


def located_network(network: str) -> str:
    """Return a network's name unchanged, or the value for a file: FILE.py:FUNCTION@SHA256."""
    from vae.components import network_code

    is_place = ".py" in network and not network_code.is_chosen(network)
    return network_code.choose(network) if is_place else network


def train(args: argparse.Namespace) -> int:
    """Train a VAE in this process, with a progress bar. Ctrl-C saves and exits."""
    from vae.base.devices import resolve

    config, dataset, note = admitted(args)
    check_ranks(config)
    print(note + _facts(config, dataset), end="", file=sys.stderr)
    device = str(resolve(config.device))
    return work(Run.create(args.root, config, dataset, args.run, **claim(device)))


def admitted(args: argparse.Namespace) -> tuple["RunConfig", "Dataset", str]:
    """Return the configuration of the flags, its data and a line about a changed default.

    It downloads published data. Raises ValueError if the name or the configuration is not valid.
    """
    from vae.experiments.admission import admitted_data

    config = config_of(args)
    if args.run is not None:
        checked_name(args.run)
    fetch(config.data)
    config, note = suited(config, args)
    return config, admitted_data(config), note


def _facts(config: "RunConfig", data: "Dataset") -> str:
    """Return a line about a network in a file; "" for a row of the table."""
    from vae.components.network_file import title
    from vae.experiments.network_probes import check_network

    found = check_network(config, config.domain(data))
    if found is None:
        return ""
    tied = f"; {', '.join(found.tied)} are tied to other weights" if found.tied else ""
    about = f"{found.weights:,} weights, about {compact(found.seconds, 2)} s a step on one core"
    return f"{title(config.network)}: {about}{tied}.\n"


def suited(config: "RunConfig", args: argparse.Namespace) -> tuple["RunConfig", str]:
    """Return the configuration with the settings that the data need where no flag names them, and
    a line about each."""
    from vae.config.adaptation import adaptations, sentences

    data = config.load_data()
    needed = adaptations(config, data).items()
    found = {name: value for name, value in needed if getattr(args, name) is None}
    vars(args).update(found)
    lines = "".join(f"{line}\n" for line in sentences(found, config, data))
    return (config_of(args), lines) if found else (config, "")


def config_of(args: argparse.Namespace) -> "RunConfig":
    """Return the configuration given by the flags; raises ValueError if it is not valid."""
    from vae.config import RunConfig, fields

    network = located_network(args.network or "")
    given = {f.name: getattr(args, f.name, None) for f in fields(network)}
    known = {name: value for name, value in given.items() if value is not None}
    places = {"data": located(known["data"])} if "data" in known else {}
    return RunConfig.of(**known | places | ({"network": network} if network else {}))


def located(data: str) -> str:
    """Return a data set's name unchanged, or the absolute path of a file."""
    from vae.data import DATASETS

    path = os.path.expanduser(data)
    return os.path.abspath(path) if data not in DATASETS and os.path.exists(path) else data


def claim(device: str) -> dict[str, Any]:
    """Return the status of a run that this process will train."""
    return {"state": "starting", "device": device, "heartbeat": time.time(), **identity()}


def resume_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="name of the run")
    parser.add_argument(
        "--epochs",
        metavar="+N | N",
        help="+N adds N epochs to the planned number, N sets it (default: the planned number)",
    )


def resume(args: argparse.Namespace) -> int:
    """Continue a run in this process from its last saved state, for more epochs if given."""
    run = with_data(find(args.root, args.name))
    status = run.status()
    if status.state == "damaged":
        raise ValueError(status.message)
    run.require_network()
    run.require_code()
    if status.alive:
        raise ValueError(
            f"{run.name} is {status.state} already: stop it first, or wait for its end."
        )
    check_ranks(run.config)
    if args.epochs:
        run.want(epochs=_epochs(args.epochs, run))
    elif status.state == "finished":
        raise ValueError(f"{run.name} has finished: add epochs with --epochs +10.")
    run.want("run")
    return work(run)


def _epochs(text: str, run: Run) -> int:
    """Return the total number of epochs that `--epochs` sets."""
    planned = [c.value for c in run.changes() if c.field == "epochs"]
    now = int(planned[-1]) if planned else int(run.settings["epochs"])
    try:
        epochs = int(text) + (now if text.startswith("+") else 0)
    except ValueError:
        raise ValueError(f"--epochs is a whole number such as 50 or +10, not {text!r}.") from None
    if epochs <= now:
        raise ValueError(
            f"{run.name} is planned for {plural(now, 'epoch')}: choose a larger number."
        )
    return epochs


def stop_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="name of the run")


def stop(args: argparse.Namespace) -> int:
    """Save and end a run, whichever process trains it."""
    run = find(args.root, args.name)
    status = run.status()
    if not status.active:
        raise ValueError(f"{run.name} is not running: it is {status.state}.")
    run.stop()
    deadline = time.monotonic() + STOP_SECONDS
    while (status := run.status()).alive and time.monotonic() < deadline:
        time.sleep(0.05)
    if status.alive:
        print(
            f"vae: {run.name} is still {status.state} {compact(STOP_SECONDS)} s after the "
            "request. It will save and end after its current step.",
            file=sys.stderr,
        )
        return 1
    print(f"{run.name} is {status.state}.")
    return 0


def work(run: Run, title: str = "", ends: Callable[["Event"], bool] = lambda _: False) -> int:
    """Train a run in this process and return the exit status.

    A progress bar has the title, by default the run's name. Ctrl-C, SIGTERM and SIGHUP save the
    run and end it, and so does the first event for which `ends` is true.
    """
    from vae.training.ranks import joined
    from vae.worker.train import BusyError, error_sentence, train_run

    with received_signals() as received, joined() as ranks:
        enough: list[bool] = []

        def wanted() -> str | None:
            return ENDINGS[received[0]] if received else "stop" if enough else None

        announce(run, ranks)
        events = train_run(run, wanted, ranks)
        try:
            for event in show_progress(events, f"{title or run.name}  ({run.path})"):
                if ends(event):
                    enough.append(True)
        except BusyError:
            raise
        except Exception as error:
            print(f"vae: {printed(error_sentence(error))}", file=sys.stderr)
            return 1
    status = run.status()
    if status.resumable and not enough:
        again = f"python -m vae resume {run.name}{root_flag(run.path.parent)}"
        print(f"Saved at epoch {compact(status.epoch)}. Continue with: {again}", file=sys.stderr)
    elif status.message:
        print(printed(status.message), file=sys.stderr)
    return 128 + received[0] if received else 0


def follow() -> int:
    """Train the run of rank 0 together with it; return the exit status."""
    from vae.training.ranks import joined
    from vae.worker import train

    with received_signals(), joined() as ranks:
        assert ranks
        try:
            train.follow(Run(ranks.say()), ranks)
        except LostRankError as error:
            print(f"vae: {error}", file=sys.stderr)
            return 1
        except Exception:  # rank 0 prints the sentence
            return 1
    return 0


def root_flag(root: Path) -> str:
    """Return the --root flag that a command needs for this folder of runs."""
    return "" if root == Path(working_root()) else f" --root {root}"


@contextmanager
def received_signals() -> Iterator[list[int]]:
    """Collect signals that end training inside the block; a second signal ends at once."""
    received: list[int] = []

    def receive(number: int, frame: object) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    heard = [n for n in ENDINGS if signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, receive) for number in heard}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
