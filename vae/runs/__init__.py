"""The run folder: create, record, read, list, export and import runs.

`run` is one folder as an object, `overview` notices changes of a root, `store` lists its folders.
The parts of a folder: `names`, `manifest` (settings and data), `status`, `control` (requests and
live changes), `artifacts` (reports, frames, weights), `curves`, `notes`, `evaluations`. `recorded`
is about runs of a training loop elsewhere. `exporter`, `importer` and `validation` handle
archives. Listing runs does not load torch.
"""

from vae.runs.artifacts import FILES
from vae.runs.names import checked_name, default_stem
from vae.runs.notes import Notes
from vae.runs.run import Run
from vae.runs.status import Status, identity
from vae.runs.store import active, find, listing, names

__all__ = [
    "FILES",
    "Notes",
    "Run",
    "Status",
    "active",
    "checked_name",
    "default_stem",
    "find",
    "identity",
    "listing",
    "names",
]
