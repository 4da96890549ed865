"""The record of a latent map: places, colours and hover texts of examples.

Every page and the report draw the same map of the same latents: up to two latents as they are,
more in the plane of the two principal components. Notation: N examples, Z latent dimensions.
"""

import math
from collections.abc import Mapping, Sequence

from vae.analysis.embeddings import dot_histogram
from vae.analysis.projections import overview_plane
from vae.base.numbers import compact, fixed
from vae.base.records import Encoding, Floats, Hue, Ints, LatentMap, Projection
from vae.data import Dataset

CLASS, KL, RECONSTRUCTION = "class", "KL", "reconstruction"  # hues that are not known factors


def overview(means: Floats, labels: Ints | None = None) -> Projection:
    """Return latents (N, Z) in their default plane; a single latent becomes a histogram of dots,
    stacked by class (N,)."""
    if means.shape[1] == 1:
        return dot_histogram(means[:, 0], labels)
    return overview_plane(means).project(means)


def latent_map(
    projection: Projection, index: Ints, hue: Hue | None, total: int, standard_prior: bool
) -> LatentMap:
    """Return the record of the map of examples with rows `index` (N,) of `total` in the split.

    Rings show the prior where it is N(0, I) (`standard_prior`) and two latents are the axes.
    """
    return LatentMap(
        points=projection.points,
        axes=projection.axes,
        index=index,
        hue=hue,
        total=total,
        rings=standard_prior and len(projection.latents) == 2,
        note=projection.note,
    )


def class_hue(labels: Ints | None, classes: Sequence[str]) -> Hue | None:
    """Return the classes (N,) as a hue; None for examples without labels."""
    return None if labels is None else Hue(CLASS, labels, tuple(classes))


def hues(data: Dataset, encoding: Encoding) -> dict[str, Hue]:
    """Return every quantity that can colour the points: name → values (N,)."""
    rows = encoding.index
    by_class = class_hue(None if data.labels is None else data.labels[rows], data.classes)
    found = {} if by_class is None else {CLASS: by_class}
    found |= {name: Hue(name, values[rows]) for name, values in data.factors.items()}
    if encoding.kl is not None:
        found[KL] = Hue("KL (nats per example)", encoding.kl)
    if encoding.reconstruction is not None:
        title = "reconstruction error (nats per example)"
        found[RECONSTRUCTION] = Hue(title, encoding.reconstruction)
    return found


def factors(colours: Mapping[str, Hue]) -> dict[str, Hue]:
    """Return the hues that are known factors of the data."""
    return {n: hue for n, hue in colours.items() if n not in (CLASS, KL, RECONSTRUCTION)}


def class_name(hue: Hue, label: int) -> str:
    """Return the name of a class of a hue; "no class" for a label without name."""
    return hue.classes[label] if 0 <= label < len(hue.classes) else "no class"


def hover_texts(encoding: Encoding, colours: Mapping[str, Hue]) -> list[str]:
    """Return the text under the pointer of each example, (N,): class, row, factors, nats."""
    by_class = colours.get(CLASS)
    columns = [] if by_class is None else [[class_name(by_class, int(k)) for k in by_class.values]]
    columns.append([f"#{row}" for row in encoding.index])
    for name, hue in factors(colours).items():
        columns.append([f"{name} {compact(value, 3)}" for value in hue.values])
    nats = [
        [f"{name} {fixed(value, 1)} nats" for value in colours[name].values]
        for name in (RECONSTRUCTION, KL)
        if name in colours
    ]
    first = (" · ".join(parts) for parts in zip(*columns, strict=True))
    return ["\n".join(lines) for lines in zip(first, *nats, strict=True)]


def rounded_range(low: float, high: float) -> tuple[float, float]:
    """Return a range rounded outwards to half its power of ten, which stays the same while points
    move a little: −3.17 to 3.24 → −3.5 to 3.5."""
    step = 0.5 * 10.0 ** math.floor(math.log10(high - low))
    return math.floor(low / step) * step, math.ceil(high / step) * step
