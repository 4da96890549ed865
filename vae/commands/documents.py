"""report and script: runs as files that need no VAE Lab."""

import argparse
from pathlib import Path

from vae.base.files import replace
from vae.runs import find


def report_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="+", metavar="NAME", help="names of the runs")
    parser.add_argument("--out", required=True, metavar="FILE.html", help="file to write")


def report(args: argparse.Namespace) -> int:
    """Write runs as a report: one HTML file that opens without a network."""
    from vae.report import report as made

    out = _out(args.out, ".html")
    runs = [find(args.root, name) for name in dict.fromkeys(args.names)]
    content = made(runs).encode()
    replace(out, content)
    what = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    print(f"{what} in {out}, {len(content) / 1e6:.1f} MB")
    return 0


def script_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="name of the run")
    parser.add_argument("--out", required=True, metavar="FILE.py", help="file to write")


def script(args: argparse.Namespace) -> int:
    """Write a run as a Python file that trains it again without VAE Lab, and the data it needs."""
    from vae.script import data_file, file_name
    from vae.script import script as made

    out = _out(args.out, ".py")
    run = find(args.root, args.name)
    text = made(run)
    beside = file_name(run)
    if beside:
        replace(out.with_name(beside), data_file(run))
    replace(out, text.encode())
    print(f"{args.name} in {out}" + (f", its data in {out.with_name(beside)}" if beside else ""))
    return 0


def _out(text: str, suffix: str) -> Path:
    """The file to write; raises ValueError with a sentence where it cannot be."""
    path = Path(text)
    if path.suffix != suffix:
        raise ValueError(f"--out ends in {suffix}, not {path.name!r}.")
    if not path.parent.is_dir():
        raise ValueError(f"The folder {path.parent} of --out does not exist: create it first.")
    return path
