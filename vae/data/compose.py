"""The arrays that a reader found → a `Dataset` with the reading that led to it."""

from dataclasses import replace

import numpy as np

from vae.base.numbers import plural
from vae.data.arrays import Array, Raw, classes_of, times
from vae.data.dataset import Dataset
from vae.data.description import PLAIN, Description, Guess, check_applies
from vae.data.errors import DataError
from vae.data.layout import arranged, on_ground, scaled
from vae.data.mapped_dataset import mapped
from vae.data.mapping import mapping_of, together
from vae.data.missing import missing_note
from vae.data.series import same_steps, trimmed


def compose(name: str, file: str, raw: Raw, wanted: Description = PLAIN) -> Dataset:
    """Return the data set of these arrays; raises a DataError with the file's name if invalid."""
    x, guesses = _examples(raw, wanted, file)
    result = scaled(trimmed(x), wanted, file, raw.scale)
    x, ground = on_ground(result.x, result.scale, wanted)
    classes = classes_of(raw, file)
    guesses += tuple(guess for guess in (result.guess, ground) if guess)
    found = (classes.note, missing_note(x, raw.columns))
    notes = raw.reading.notes + tuple(note for note in found if note)
    reading = raw.reading._replace(guesses=(*raw.reading.guesses, *guesses), notes=notes)
    check_applies(wanted, reading, file)
    count = f"{plural(len(raw.x), 'example')} from {file}"
    tested = "" if raw.test_x is None else f", and {len(raw.test_x):,} of its test part"
    composed = Dataset(
        name=name,
        x=x if mapping_of(x) is not None else np.require(x, requirements=["C", "W"]),
        scale=result.scale,
        labels=classes.labels,
        classes=classes.names,
        factors=raw.factors,
        test=0 if raw.test_x is None else len(raw.test_x),
        about=f"{count}{tested}{raw.note}.",
        names=raw.names,
        reading=reading,
        kinds=raw.kinds,
        entries=raw.entries,
        columns=raw.columns if x.ndim < 4 and len(raw.columns) == x.shape[1] else (),
    )
    return mapped(composed)


def _examples(raw: Raw, wanted: Description, file: str) -> tuple[Array, tuple[Guess, ...]]:
    """Return the examples of both parts in the shape of the model, and the guesses."""
    if raw.scale and raw.x.ndim == 4:  # decoded pictures
        return raw.x if raw.test_x is None else together(raw.x, raw.test_x), ()
    if raw.kinds:
        return raw.x if raw.test_x is None else np.concatenate([raw.x, raw.test_x]), ()
    x, guesses = arranged(raw.x, wanted, file, raw.pixels, raw.series, raw.rows)
    if raw.test_x is None:
        return x, guesses
    alike = replace(wanted, **{guess.setting: guess.value for guess in guesses})
    test = arranged(raw.test_x, alike, f"{file} (test part)", series=raw.series).x
    if x.ndim == test.ndim == 3 and x.shape[1] == test.shape[1]:
        x, test = same_steps(x, test)
    if test.shape[1:] != x.shape[1:]:
        raise DataError(
            f"{file}: examples are {times(x.shape[1:])} and those of the test part "
            f"{times(test.shape[1:])}. Give both parts the same shape, or remove one."
        )
    return np.concatenate([x, test]), guesses
