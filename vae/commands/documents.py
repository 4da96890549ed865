"""report and script: runs as files that need no VAE Lab."""

import argparse

from vae.base.files import replace
from vae.commands.arguments import (
    counted,
    name_argument,
    names_argument,
    out_flag,
    output_path,
    runs_of,
)
from vae.commands.presence import fetch, with_data
from vae.runs import find


def report_flags(parser: argparse.ArgumentParser) -> None:
    names_argument(parser)
    out_flag(parser, ".html")


def report(args: argparse.Namespace) -> int:
    """Write runs as a report: one HTML file that opens without a network."""
    from vae.report import report as html_of

    out, runs = output_path(args.out, ".html"), runs_of(args)
    content = html_of([with_data(run) for run in runs]).encode()
    replace(out, content)
    print(f"{counted(runs, 'run')} in {out}, {len(content) / 1e6:.1f} MB")
    return 0


def script_flags(parser: argparse.ArgumentParser) -> None:
    name_argument(parser)
    out_flag(parser, ".py")


def script(args: argparse.Namespace) -> int:
    """Write a run as a Python file that trains it again without VAE Lab, with its data."""
    from vae.script import data_file, file_name
    from vae.script import script as source_of

    out = output_path(args.out, ".py")
    run = find(args.root, args.name)
    text = source_of(run)
    beside = file_name(run)
    if beside:
        fetch(run.settings["data"])
        replace(out.with_name(beside), data_file(run))
    replace(out, text.encode())
    print(f"{args.name} in {out}" + (f", its data in {out.with_name(beside)}" if beside else ""))
    return 0
