"""The run folder, where everything meets: create, record, read, list, checkpoint, resume.

`folder` is the folder and its files, `status` what a run is doing, `history` its curves. Listing
runs imports no torch.
"""

from vae.runs.folder import FILES, Run, checked_name, default_stem, find, listing
from vae.runs.status import Status, identity

__all__ = ["FILES", "Run", "Status", "checked_name", "default_stem", "find", "identity", "listing"]
