"""Arguments that several commands share: names of runs and the file to write."""

import argparse
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vae.base.options import Option
from vae.runs import Run, find


def name_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="name of the run")


def names_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="+", metavar="NAME", help="names of the runs")


def out_flag(parser: argparse.ArgumentParser, ending: str) -> None:
    """Require --out, a file with this ending."""
    parser.add_argument("--out", required=True, metavar=f"FILE{ending}", help="file to write")


def option_flag(
    parser: argparse.ArgumentParser, name: str, option: Option, default: object
) -> None:
    """Add the flag of a setting, with its help and default."""
    about, choices = option.help.replace("%", "%%"), " | ".join(option.choices)
    parser.add_argument(
        "--" + name.replace("_", "-"),
        metavar=choices or "X",
        help=f"{about} (default: {default})",
    )


def runs_of(args: argparse.Namespace) -> list[Run]:
    """Return the named runs, each once; raises ValueError for a name without a run."""
    return [find(args.root, name) for name in dict.fromkeys(args.names)]


def run_flags(parser: argparse.ArgumentParser) -> None:
    name_argument(parser)
    parser.add_argument(
        "--checkpoint",
        choices=("best", "last"),
        default="best",
        help="weights with the best validation value, or the last (default: %(default)s)",
    )


def split_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--split",
        choices=("train", "val", "test", "all"),
        help="which examples; val is the validation part (default: the first that exists of test, "
        "val, train)",
    )


def output_path(text: str, *endings: str) -> Path:
    """Return the path of a file to write.

    Raises ValueError for another ending and for a folder that does not exist.
    """
    path = Path(text)
    if not path.name.endswith(endings):
        raise ValueError(f"--out ends in {' or '.join(endings)}, not {path.name!r}.")
    if not path.parent.is_dir():
        raise ValueError(f"The folder {path.parent} of --out does not exist: create it first.")
    return path


def counted(items: int | Sequence[object], noun: str) -> str:
    """Return a count with its noun: "1 run", "1,200 runs"."""
    count = items if isinstance(items, int) else len(items)
    return f"{count:,} {noun}{'s' * (count != 1)}"


def save_npz(path: Path, **arrays: Any) -> None:
    """Write arrays to a compressed .npz file atomically."""
    import numpy as np

    from vae.base.files import replace

    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path, buffer.getvalue())
