"""The test part beside a training part, and both as one record of arrays."""

import re
from pathlib import Path

import numpy as np

from vae.base.numbers import plural
from vae.data.arrays import Array, Raw
from vae.data.column_kinds import UNKNOWN


def test_beside(path: Path) -> Path | None:
    """Return the file NAME_TEST beside NAME_TRAIN, as in the UCR archive, if there is one."""
    name = re.sub(r"_TRAIN(?=\.[^/]+$)", "_TEST", path.name)
    test = path.with_name(name)
    return test if name != path.name and test.is_file() else None


def joined_parts(raw: Raw, test: Raw, name: str) -> Raw:
    """Return a training part with its test part of this name. Names and factors need both parts;
    without classes in one part, its examples have no class."""
    note = f"Test part: {name}, {plural(len(test.x), 'example')}."
    unknown = [n for n in test.reading.notes if n.startswith(UNKNOWN)]
    labels, test_labels = _labels(raw, test), _labels(test, raw)
    names = None
    if raw.names is not None and test.names is not None:
        names = np.concatenate([raw.names, test.names])
    common = [name for name in raw.factors if name in test.factors]
    return raw._replace(
        test_x=test.x,
        labels=labels,
        test_labels=test_labels,
        names=names,
        factors={k: np.concatenate([raw.factors[k], test.factors[k]]) for k in common},
        reading=raw.reading._replace(notes=(*raw.reading.notes, note, *unknown)),
    )


def _labels(part: Raw, other: Raw) -> Array | None:
    """Return the labels of a part; missing ones if only the other part has any."""
    if part.labels is not None or other.labels is None:
        return part.labels
    is_text = other.labels.dtype.kind == "U"
    return np.full(len(part.x), "") if is_text else np.full(len(part.x), np.nan)
