"""The commands: `python -m vae train | resume | stop | runs | data | evaluate | encode | sample`.

They share the run folders with the dashboard. A flag is a setting of `RunConfig` in kebab case.
Errors are one line on standard error; the exit status is 2 for bad input, 1 for a failed run.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch loads: see worker/launcher.py

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from vae.runs import Run, find, identity, listing


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = _parser(arguments if arguments is not None else sys.argv[1:])
    args = parser.parse_args(arguments)
    try:
        return int(args.command(args))
    except (ValueError, OSError) as error:
        print(f"vae: {error}", file=sys.stderr)
        return 2


def _parser(arguments: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m vae", description="Train and use VAEs.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function: Callable[..., int]) -> argparse.ArgumentParser:
        about = (function.__doc__ or "").splitlines()[0]
        sub = commands.add_parser(name, help=about, description=about)
        sub.add_argument("--root", default="checkpoints", help="folder of the runs")
        sub.set_defaults(command=function)
        return sub

    _train_flags(command("train", train), wanted=arguments[:1] == ["train"])
    resuming = command("resume", resume)
    resuming.add_argument("name")
    resuming.add_argument("--epochs", help="+N trains N epochs more than now planned; N, up to N")
    command("stop", stop).add_argument("name")
    command("runs", runs).add_argument("--json", action="store_true")
    command("data", data)
    _look_flags(command("evaluate", evaluate), json_flag=True)
    encoding = _look_flags(command("encode", encode))
    encoding.add_argument("--out", required=True, help="file to write, .npz")
    sampling = _look_flags(command("sample", sample), split=False)
    sampling.add_argument("-n", type=int, default=64, help="how many (default 64)")
    sampling.add_argument("--seed", type=int, default=0)
    sampling.add_argument("--temperature", type=float, default=1.0, help="scale of z (default 1)")
    sampling.add_argument("--out", required=True, help="file to write, .png or .npz")
    return parser


def _train_flags(parser: argparse.ArgumentParser, wanted: bool) -> None:
    """One flag for each setting; they are only made when needed, because torch is slow to load."""
    parser.add_argument("--run", metavar="NAME", help="name of the run (default: a free one)")
    if not wanted:
        return
    from vae.config import fields

    for field in fields():
        flag, about = "--" + field.name.replace("_", "-"), field.option.help.replace("%", "%%")
        default = (
            ",".join(map(str, field.default))
            if isinstance(field.default, tuple)
            else field.default
        )
        choices = " | ".join(field.option.choices)
        parser.add_argument(flag, metavar=choices or "X", help=f"{about} (default {default})")


def _look_flags(
    parser: argparse.ArgumentParser, split: bool = True, json_flag: bool = False
) -> argparse.ArgumentParser:
    parser.add_argument("name")
    parser.add_argument("--checkpoint", choices=("best", "last"), default="best")
    if split:
        parser.add_argument("--split", choices=("train", "val", "test", "all"))
    if json_flag:
        parser.add_argument("--elbo-samples", type=int, default=10, help="(default 10)")
        parser.add_argument(
            "--samples", type=int, default=0, help="importance samples of -ln p(x)"
        )
        parser.add_argument("--json", action="store_true")
    return parser


def train(args: argparse.Namespace) -> int:
    """Train a VAE here, with a progress bar; Ctrl-C saves and exits."""
    from vae.config import RunConfig, fields
    from vae.data import load

    given = {f.name: getattr(args, f.name, None) for f in fields()}
    config = RunConfig.of(**{k: v for k, v in given.items() if v is not None})
    options = config.chosen("data")
    dataset = load(config.data, examples=config.examples, seed=config.seed, options=options)
    config.split(dataset)
    _check_machine(config, dataset.event_shape)
    claim = {"state": "starting", "heartbeat": time.time(), **identity()}
    return _work(Run.create(args.root, config, dataset, args.run, **claim))


def _check_machine(config: Any, event_shape: tuple[int, ...]) -> None:
    """Raise ValueError before anything is written, if device or network cannot do it."""
    from vae.devices import resolve
    from vae.model import parameters

    resolve(config.device)
    parameters(config, event_shape)


def resume(args: argparse.Namespace) -> int:
    """Go on with a run here, from its last saved state, for more epochs if asked."""
    run = find(args.root, args.name)
    status = run.status()
    if status.alive:
        raise ValueError(f"{run.name} is {status.state} already; stop it first, or let it be.")
    if args.epochs:
        run.want(epochs=_epochs(args.epochs, run))
    elif status.state == "finished":
        raise ValueError(f"{run.name} is finished: add epochs with --epochs +10.")
    run.want("run")
    return _work(run)


def _epochs(text: str, run: Run) -> int:
    planned = [c.value for c in run.changes() if c.field == "epochs"]
    now = int(planned[-1]) if planned else int(run.settings["epochs"])
    try:
        epochs = int(text) + (now if text.startswith("+") else 0)
    except ValueError:
        raise ValueError(f"--epochs is a whole number such as 50 or +10, not {text!r}.") from None
    if epochs <= now:
        raise ValueError(f"{run.name} is planned for {now} epochs: ask for more than that.")
    return epochs


def _work(run: Run) -> int:
    """Train a run in this process, with a bar; Ctrl-C and SIGTERM save and end it."""
    from vae.worker.jobs import train_run

    signalled: list[str] = []
    previous = [
        (s, signal.signal(s, lambda *_: signalled.append("stop")))
        for s in (signal.SIGINT, signal.SIGTERM)
    ]
    print(f"{run.name}  ({run.path})", file=sys.stderr)
    try:
        for _ in _with_bar(train_run(run, lambda: signalled[-1] if signalled else None)):
            pass
    except Exception as error:
        print(f"vae: {error}", file=sys.stderr)
        return 1
    finally:
        for number, handler in previous:
            signal.signal(number, handler)
    status = run.status()
    if signalled:
        print(f"Saved. Go on with: python -m vae resume {run.name}", file=sys.stderr)
    elif status.message:
        print(status.message, file=sys.stderr)
    return 0


def _with_bar(events: Iterator[Any]) -> Iterator[Any]:
    from tqdm import tqdm

    from vae.records import Report, Tick

    with tqdm(unit="step", dynamic_ncols=True) as bar:
        latest: dict[str, str] = {}
        for event in events:
            if isinstance(event, Tick):
                bar.total = event.steps
                bar.update(event.step - bar.n)
                bar.set_description(f"epoch {event.epoch:.1f} of {event.epochs}", refresh=False)
            if isinstance(event, Report):
                bound = event.reconstruction if event.elbo is None else -event.elbo
                name = "reconstruction" if event.elbo is None else "-ELBO"
                latest[f"{event.split} {name}"] = f"{bound:.2f} nats"
                bar.set_postfix(latest, refresh=False)
            yield event


def stop(args: argparse.Namespace) -> int:
    """End a run wherever it is being trained; it saves first."""
    run = find(args.root, args.name)
    status = run.status()
    if status.state == "queued":
        run.want("stop")
        run.set_status(state="stopped", message="Stopped before it began.")
    elif not status.alive:
        raise ValueError(f"{run.name} is not running: it is {status.state}.")
    run.want("stop")
    deadline = time.monotonic() + 60
    while run.status().alive and time.monotonic() < deadline:
        time.sleep(0.1)
    print(f"{run.name} is {run.status().state}.")
    return 0 if not run.status().alive else 1


def runs(args: argparse.Namespace) -> int:
    """List the runs, the newest first."""
    rows = []
    for run in listing(args.root):
        status = run.status()
        with suppress(ValueError):
            settings = run.settings
            rows.append({"run": run.name, **status._asdict(), "settings": settings})
            continue
        rows.append({"run": run.name, **status._asdict(), "settings": None})
    if args.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return 0
    if not rows:
        print(f"No runs in {args.root} yet: python -m vae train")
    for row in rows:
        best = "" if row["best"] is None else f"best {row['best']:.2f} nats"
        print(f"{row['run']:<36} {row['state']:<12} epoch {row['epoch']:<8.1f} {best}")
    return 0


def data(args: argparse.Namespace) -> int:
    """List the data sets that have a name; any file's path is one too."""
    from vae.data import summary

    for row in summary():
        print(f"{row.name:<14} {row.about}")
    print("A path works too: .npz, .npy, .csv, IDX (…-images-idx3-ubyte[.gz]).")
    return 0


def evaluate(args: argparse.Namespace) -> int:
    """Judge a run on held-out examples, in nats per example."""
    from vae.opened import Opened

    opened = Opened.of(find(args.root, args.name), args.checkpoint)
    record = opened.evaluate(args.split, args.elbo_samples, args.samples)
    if args.json:
        print(json.dumps(record._asdict(), indent=2, ensure_ascii=False, allow_nan=False))
        return 0
    print(f"{record.run}, {record.checkpoint} weights, {record.examples} {record.split} examples")
    for name in ("elbo", "reconstruction", "kl", "nll", "active_units", "bits_per_dimension"):
        value = getattr(record, name)
        unit = {"active_units": "", "bits_per_dimension": " bits"}.get(name, " nats per example")
        text = "not defined" if value is None else f"{value:.6g}{unit}"
        note = record.notes.get(name, "")
        print(f"  {name:<20} {text}" + (f"  ({note})" if note else ""))
    if "likelihood" in record.notes:
        print(f"  {record.notes['likelihood']}")
    return 0


def encode(args: argparse.Namespace) -> int:
    """Write the latents of a split: mean, std, label, split, index."""
    import numpy as np

    from vae.opened import Opened

    opened = Opened.of(find(args.root, args.name), args.checkpoint)
    encoding = opened.encode(opened.rows(args.split or opened.default_split()))
    labels = opened.data.labels
    blank = np.full(len(encoding.index), -1)
    std = encoding.std if encoding.std is not None else np.full_like(encoding.mean, np.nan)
    _save_npz(
        _out(args.out, ".npz"),
        mean=encoding.mean,
        std=std,
        label=blank if labels is None else labels[encoding.index],
        split=opened.split_of(encoding.index),
        index=encoding.index,
    )
    print(f"{len(encoding.index)} latents of {encoding.mean.shape[1]} dimensions in {args.out}")
    return 0


def sample(args: argparse.Namespace) -> int:
    """Write samples from the prior, as a picture or as arrays x and z."""
    from vae import images
    from vae.latent import decode, prior_sample

    out = _out(args.out, ".png", ".npz")
    if args.n < 1:
        raise ValueError(f"-n is at least 1, and it is {args.n}.")
    run = find(args.root, args.name)
    model = run.load_model(args.checkpoint)
    z = prior_sample(model, args.n, args.seed, args.temperature)
    x = decode(model, z)
    if out.suffix == ".npz":
        _save_npz(out, x=x, z=z)
    elif x.ndim != 4:
        raise ValueError("Samples of vector data are no picture: write them to a .npz file.")
    else:
        from vae.storage import replace

        replace(out, images.grid_png(x, columns=max(1, round(args.n**0.5)), scale=2))
    print(f"{args.n} samples in {args.out}")
    return 0


def _out(text: str, *suffixes: str) -> Path:
    path = Path(text)
    if path.suffix not in suffixes:
        raise ValueError(f"--out ends in {' or '.join(suffixes)}, not {path.name!r}.")
    if not path.parent.is_dir():
        raise ValueError(f"The folder {path.parent} of --out does not exist: create it first.")
    return path


def _save_npz(path: Path, **arrays: Any) -> None:
    import io

    import numpy as np

    from vae.storage import replace

    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    replace(path, buffer.getvalue())


if __name__ == "__main__":
    sys.exit(main())
