"""app: the dashboard, which shows the runs of one folder in a browser."""

import argparse
import importlib.util
import os
import sys
from pathlib import Path

from vae.base import permission
from vae.base.places import APP, VARIABLE

PORTS = range(1, 2**16)


def app_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port", type=int, default=8501, help="port of the dashboard (default: %(default)s)"
    )
    about = "print the address and open no browser (default: open one)"
    parser.add_argument("--headless", action="store_true", help=about)


def app(args: argparse.Namespace) -> int:
    """Show the runs in the dashboard. Ctrl-C ends it; training runs go on."""
    if args.port not in PORTS:
        raise ValueError(f"--port is a number from 1 to {PORTS[-1]}, not {args.port}.")
    if importlib.util.find_spec("streamlit") is None:
        raise ValueError("The dashboard needs streamlit: install VAE Lab with its requirements.")
    command = [sys.executable, "-m", "streamlit", "run", str(APP / "app.py")]
    command += ["--server.port", str(args.port)]
    command += ["--server.headless", "true"] if args.headless else []
    environment = os.environ | {VARIABLE: str(Path(args.root).resolve())}
    if permission.is_allowed():
        environment[permission.VARIABLE] = "1"
    environment |= {permission.VARIABLE: "1"} if args.allow_code else {}
    os.execve(sys.executable, command, environment)
