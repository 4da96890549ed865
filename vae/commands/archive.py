"""export and import: runs as one archive, for backup or for another machine."""

import argparse
from pathlib import Path

from vae.commands import progress_bar
from vae.commands.arguments import counted, names_argument, out_flag, output_path, runs_of
from vae.runs.exporter import ENDING, pack
from vae.runs.importer import unpack


def export_flags(parser: argparse.ArgumentParser) -> None:
    names_argument(parser)
    out_flag(parser, ENDING)


def export(args: argparse.Namespace) -> int:
    """Write runs, and the uploaded data they were trained on, to one archive."""
    out, runs = output_path(args.out, ENDING), runs_of(args)
    with progress_bar.share("exporting") as show:
        pack(runs, out, show)
    print(f"{counted(runs, 'run')} in {out}, {out.stat().st_size / 1e6:.1f} MB")
    return 0


def import_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar=f"FILE{ENDING}", help="archive written by export")
    about = "new name of its run (default: the name in the archive, or the next free one)"
    parser.add_argument("--name", help=about)


def import_runs(args: argparse.Namespace) -> int:
    """Check an archive and add its runs to the folder of runs."""
    with progress_bar.share("importing") as show:
        arrived = unpack(args.root, Path(args.file), args.name, show)
    for run, name in arrived:
        renamed = "" if run.name == name else f", exported as {name}"
        print(f"{run.name}: {run.status().state}{renamed}")
    return 0
