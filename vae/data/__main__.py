"""`python -m vae.data PATH NAME OPTIONS FOLDER`: the process of `apart`."""

import json
import sys
from pathlib import Path

from vae.data.apart import save_result
from vae.data.description import Description
from vae.data.files import read_here

if __name__ == "__main__":
    path, name, options, folder = sys.argv[1:]
    save_result(Path(path), name, Description(**json.loads(options)), Path(folder), read_here)
