"""runs and data: what there is."""

import argparse
import json
from typing import Any

from vae.runs import Run, listing


def runs_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as a JSON list, with the settings")


def runs(args: argparse.Namespace) -> int:
    """List the runs, the newest first."""
    rows = [_row(run) for run in listing(args.root)]
    if args.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False))
        return 0
    if not rows:
        print(f"No runs in {args.root} yet: python -m vae train")
    for row in rows:
        best = "" if row["best"] is None else f"best {row['best']:.2f} nats"
        told = row["message"] if row["state"] in ("failed", "damaged") else ""
        print(f"{row['run']:<36} {row['state']:<12} epoch {row['epoch']:<8.1f} {best}{told}")
    return 0


def _row(run: Run) -> dict[str, Any]:
    status = run.status()
    settings = None if status.state == "damaged" else run.settings
    return {"run": run.name, **status._asdict(), "settings": settings}


def data(args: argparse.Namespace) -> int:
    """List the data sets that have a name; any file's path is one too."""
    from vae.data import summary

    for row in summary():
        print(f"{row.name:<14} {row.about}")
    print("A path works too: .npz, .npy, .csv, .parquet, IDX (…-images-idx3-ubyte[.gz]), or a")
    print("folder or .zip of pictures.")
    return 0
