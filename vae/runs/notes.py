"""Notes of a run, `notes.json`: title, tags, notes, favourite and archived.

They have no effect on training. An unreadable file counts as empty.
"""

from pathlib import Path
from typing import Any, NamedTuple

from vae.base import files, visitors
from vae.runs import glance, locks

FILE = "notes.json"
LONGEST = {"title": 120, "notes": 20_000}  # letters
TAGS, TAG = 20, 40  # tags at most, letters of one


class Notes(NamedTuple):
    """Title, tags and notes of a run, written by people."""

    title: str = ""
    tags: tuple[str, ...] = ()
    notes: str = ""
    favourite: bool = False
    archived: bool = False  # hidden from the table by default


def read(path: Path) -> Notes:
    """Read the notes in the run folder `path`; missing or mistyped fields have their defaults."""
    saved = files.read_json(path / FILE)
    if not isinstance(saved, dict):
        return Notes()
    if isinstance(saved.get("tags"), list):
        saved["tags"] = tuple(tag for tag in saved["tags"] if isinstance(tag, str))
    usual = Notes()._asdict()
    return Notes(**{k: saved[k] for k in usual if isinstance(saved.get(k), type(usual[k]))})


def change(path: Path, **fields: Any) -> Notes:
    """Change the given fields and return the new notes.

    Raises ValueError for text that is too long, OSError if the folder cannot be written.
    """
    visitors.check_change()
    with locks.held(path, "notes.lock"):
        notes = _checked(read(path)._replace(**fields))
        files.write_json(path / FILE, notes._asdict())
    glance.mark(path)
    return notes


def _checked(notes: Notes) -> Notes:
    """Trim the text and drop repeated tags; raises ValueError for text that is too long."""
    tags = tuple(dict.fromkeys(filter(None, (tag.strip() for tag in notes.tags))))
    notes = notes._replace(title=notes.title.strip(), notes=notes.notes.strip(), tags=tags)
    for name, most in LONGEST.items():
        if len(getattr(notes, name)) > most:
            raise ValueError(f"The {name} has more than {most:,} letters: shorten it.")
    if len(tags) > TAGS or any(len(tag) > TAG for tag in tags):
        raise ValueError(f"A run has up to {TAGS} tags of up to {TAG} letters: shorten them.")
    return notes
