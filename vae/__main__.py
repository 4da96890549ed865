"""`python -m vae`: the commands, in a process whose threads wait patiently."""

import os

from vae.worker.launcher import ENVIRONMENT

os.environ.update(ENVIRONMENT | os.environ)  # before torch loads: see worker/launcher.py

import sys

from vae.commands import main

if __name__ == "__main__":
    sys.exit(main())
