"""The run folder, where everything meets: create, record, read, list, checkpoint, resume.

`folder` is the folder as one object, `shelf` all the folders of a root. Its parts: `names` what it
may be called, `header` its settings, `status` what it is doing, `wishes` what is wanted of it and
the live changes, `trail` what training leaves, `history` its curves, `notes` what people say of
it. None of them loads torch to list runs.
"""

from vae.runs.names import checked_name, default_stem
from vae.runs.notes import Notes
from vae.runs.run import FILES, Run
from vae.runs.status import Status, identity
from vae.runs.store import find, listing

__all__ = [
    "FILES",
    "Notes",
    "Run",
    "Status",
    "checked_name",
    "default_stem",
    "find",
    "identity",
    "listing",
]
