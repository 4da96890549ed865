"""Measures of a codebook: the use of its codes over all examples, and the information in them.

A batch uses fewer codes than all examples, so these are never means over batches. Letters: N
examples, G groups of K codes.
"""

import math
from collections.abc import Callable

from vae.base.numbers import compact
from vae.evaluation.inputs import Inputs, Result
from vae.evaluation.rows import Measure


def code_entropies(inputs: Inputs) -> list[float]:
    """Return the entropy of the codes of each group over the examples, nats."""
    sizes = [codes.unique(return_counts=True)[1] for codes in inputs.terms["codes"].T]
    shares = [size.double() / len(inputs) for size in sizes]
    return [float(-(p * p.log()).sum()) for p in shares]


def perplexity(inputs: Inputs) -> Result:
    """Return exp(entropy) of the codes, the geometric mean over the groups."""
    entropies, codes = code_entropies(inputs), inputs.model.codes
    assert codes is not None
    groups, number, _ = codes.codebook.shape
    each = f" in each of {groups} groups" if groups > 1 else ""
    note = f"Of {number:,} codes{each}, on {len(inputs):,} examples."
    return Result(math.exp(sum(entropies) / groups), note=note)


def unused_codes(inputs: Inputs) -> Result:
    """Return the number of codes that are nearest to no example."""
    assert inputs.model.codes is not None
    found = sum(len(codes.unique()) for codes in inputs.terms["codes"].T)
    return Result(inputs.model.codes.use.numel() - found)


def code_entropy(inputs: Inputs) -> Result:
    """Return the sum over the groups of the entropy of their codes."""
    assert inputs.model.codes is not None
    groups, number, _ = inputs.model.codes.codebook.shape
    even = groups * math.log(number)
    factor = f"{groups} " if groups > 1 else ""
    note = f"{compact(even)} nats, {factor}ln {number}, under a uniform prior over the codes."
    return Result(sum(code_entropies(inputs)), note=note)


CODES: dict[str, Measure[Callable[[Inputs], Result]]] = {
    "perplexity": Measure(
        "Perplexity",
        "codes",
        "exp of the entropy of the codes over all these examples, the geometric mean over the "
        "groups: K if all codes are used alike, 1 if one serves for all. The perplexity of a "
        "batch is smaller. Few examples make it too small.",
        perplexity,
        group="latents",
        needs=("codes",),
        companions=(),
        special=True,
    ),
    "unused_codes": Measure(
        "Unused codes",
        "codes",
        "Codes that are nearest to none of these examples, in all groups. Many unused codes mean "
        "a codebook that has collapsed or is larger than needed.",
        unused_codes,
        group="latents",
        needs=("codes",),
        companions=(),
        special=True,
    ),
    "code_entropy": Measure(
        "Entropy of the codes",
        "nats",
        "Information in the codes of an example, the sum over the groups: the rate under the best "
        "prior with independent groups, and the KL of the discrete model from it. Reconstruction "
        "plus this rate is −ELBO of that model. Few examples make it too small.",
        code_entropy,
        group="latents",
        needs=("codes",),
        companions=(),
        special=True,
    ),
}
