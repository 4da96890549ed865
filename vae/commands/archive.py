"""export and import: runs as one file, to keep, to send, to open elsewhere."""

import argparse
from pathlib import Path

from vae.commands import progress_bar
from vae.runs import find
from vae.runs.exporter import ENDING, pack
from vae.runs.importer import unpack


def export_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="+", metavar="NAME", help="names of the runs")
    parser.add_argument("--out", required=True, metavar=f"FILE{ENDING}", help="file to write")


def export(args: argparse.Namespace) -> int:
    """Write runs as one file, with the data of their own that they were trained on."""
    out = Path(args.out)
    if not out.name.endswith(ENDING):
        raise ValueError(f"--out ends in {ENDING}, not {out.name!r}.")
    if not out.parent.is_dir():
        raise ValueError(f"The folder {out.parent} of --out does not exist: create it first.")
    runs = [find(args.root, name) for name in dict.fromkeys(args.names)]
    with progress_bar.share("exporting") as show:
        pack(runs, out, show)
    what = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    print(f"{what} in {out}, {out.stat().st_size / 1e6:.1f} MB")
    return 0


def take_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar=f"FILE{ENDING}", help="file that has been exported")
    parser.add_argument("--name", help="of its run here (default: its own, or the next free)")


def take(args: argparse.Namespace) -> int:
    """Bring the runs in an exported file among those here."""
    with progress_bar.share("importing") as show:
        arrived = unpack(args.root, Path(args.file), args.name, show)
    for run, name in arrived:
        told = "" if run.name == name else f", exported as {name}"
        print(f"{run.name}: {run.status().state}{told}")
    return 0
