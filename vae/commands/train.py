"""train, resume and stop: the commands that move a run."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae.base.records import Domain
from vae.commands.progress_bar import shown
from vae.runs import Run, checked_name, find, identity

if TYPE_CHECKING:
    from vae.config import RunConfig

STOP_SECONDS = 60.0  # to wait for a run to save and end
# What a signal asks of training; one that is ignored, as under nohup, stays so
ENDINGS: dict[int, str] = {
    signal.SIGINT: "stop",
    signal.SIGTERM: "pause",
    signal.SIGHUP: "pause",
}


def train_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", metavar="NAME", help="name of the run (default: a free one)")
    setting_flags(parser)


def setting_flags(parser: argparse.ArgumentParser) -> None:
    """One flag for each setting, with its help and default."""
    from vae.config import fields

    for field in fields():
        flag, about = "--" + field.name.replace("_", "-"), field.option.help.replace("%", "%%")
        of = field.default if isinstance(field.default, tuple) else (field.default,)
        choices = " | ".join(field.option.choices)
        default = ",".join(map(str, of))
        parser.add_argument(flag, metavar=choices or "X", help=f"{about} (default {default})")


def train(args: argparse.Namespace) -> int:
    """Train a VAE here, with a progress bar; Ctrl-C saves and exits."""
    from vae.data import load

    config = config_of(args)
    if args.run is not None:
        checked_name(args.run)
    fetch(config.data)
    options = config.chosen("data")
    dataset = load(config.data, examples=config.examples, seed=config.seed, options=options)
    config.split(dataset)
    device = _checked_device(config, config.domain(dataset))
    return work(Run.create(args.root, config, dataset, args.run, **claim(device)))


def config_of(args: argparse.Namespace) -> "RunConfig":
    """The configuration that the flags of the settings ask for; raises ValueError."""
    from vae.config import RunConfig, fields

    given = {f.name: getattr(args, f.name) for f in fields()}
    known = {name: value for name, value in given.items() if value is not None}
    return RunConfig.of(**known | ({"data": located(known["data"])} if "data" in known else {}))


def located(data: str) -> str:
    """Data as a run finds them from any folder: a name as it is, the path of a file in full."""
    from vae.data import DATASETS

    path = os.path.expanduser(data)
    return os.path.abspath(path) if data not in DATASETS and os.path.exists(path) else data


def claim(device: str) -> dict[str, Any]:
    """The status of a run that this process is about to train."""
    return {"state": "starting", "device": device, "heartbeat": time.time(), **identity()}


def fetch(data: str) -> None:
    """Download a published data set that is not here yet, under a bar; a second attempt goes on
    where the first one ended."""
    from vae.data import SOURCES, download, on_disk

    if data not in SOURCES or on_disk(data):
        return
    from tqdm import tqdm

    with tqdm(total=SOURCES[data].size, unit="B", unit_scale=True, desc=data) as bar:
        download(data, lambda done, whole: bar.update(done - bar.n))


def _checked_device(config: "RunConfig", domain: Domain) -> str:
    """The device; raises ValueError, before anything is written, if it or the network cannot."""
    from vae.base.devices import resolve
    from vae.model import cost

    cost(config, domain)
    return str(resolve(config.device))


def resume_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="name of the run")
    parser.add_argument(
        "--epochs",
        metavar="+N | N",
        help="+N trains N epochs more than are planned, N up to N (default: those planned)",
    )


def resume(args: argparse.Namespace) -> int:
    """Go on with a run here, from its last saved state, for more epochs if asked."""
    run = find(args.root, args.name)
    status = run.status()
    if status.state == "damaged":
        raise ValueError(status.message)
    if status.alive:
        raise ValueError(f"{run.name} is {status.state} already: stop it first, or let it be.")
    if args.epochs:
        run.want(epochs=_epochs(args.epochs, run))
    elif status.state == "finished":
        raise ValueError(f"{run.name} is finished: add epochs with --epochs +10.")
    run.want("run")
    return work(run)


def _epochs(text: str, run: Run) -> int:
    """The epochs that `--epochs` asks for, counted from the first."""
    planned = [c.value for c in run.changes() if c.field == "epochs"]
    now = int(planned[-1]) if planned else int(run.settings["epochs"])
    try:
        epochs = int(text) + (now if text.startswith("+") else 0)
    except ValueError:
        raise ValueError(f"--epochs is a whole number such as 50 or +10, not {text!r}.") from None
    if epochs <= now:
        raise ValueError(f"{run.name} is planned for {now} epochs: ask for more than that.")
    return epochs


def stop_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="name of the run")


def stop(args: argparse.Namespace) -> int:
    """End a run wherever it is being trained; it saves first."""
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
            f"vae: {run.name} has been asked to stop and is still {status.state} after "
            f"{STOP_SECONDS:g} s; it will end after its step.",
            file=sys.stderr,
        )
        return 1
    print(f"{run.name} is {status.state}.")
    return 0


def work(run: Run, title: str = "") -> int:
    """Train a run in this process, with a bar under a title (its name by default); Ctrl-C and its
    kin save and end it. The exit status."""
    from vae.worker.train import BusyError, error_sentence, train_run

    with _signals() as received:
        events = train_run(run, lambda: ENDINGS[received[0]] if received else None)
        try:
            for _ in shown(events, f"{title or run.name}  ({run.path})"):
                pass
        except BusyError:
            raise
        except Exception as error:
            print(f"vae: {error_sentence(error)}", file=sys.stderr)
            return 1
    status = run.status()
    if status.resumable:
        again = f"python -m vae resume {run.name}{root_flag(run.path.parent)}"
        print(f"Saved at epoch {status.epoch:.4g}. Go on with: {again}", file=sys.stderr)
    elif status.message:
        print(status.message, file=sys.stderr)
    return 128 + received[0] if received else 0


def root_flag(root: Path) -> str:
    """What has to be added to a command for this folder of runs."""
    return "" if root == Path("checkpoints") else f" --root {root}"


@contextmanager
def _signals() -> Iterator[list[int]]:
    """The signals to end that were received; a second one ends at once."""
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
