"""The codes of a codebook on a map: their vectors, and the number of examples with each.

Letters: M codes, N examples, G groups, Z latents.
"""

from typing import NamedTuple

import numpy as np
import torch

from vae.base.records import Floats, Ints
from vae.model import VAE


class CodeUse(NamedTuple):
    """Codes, those of most examples first; with several groups their combinations in use."""

    codes: Ints  # (M, G)
    vectors: Floats  # (M, Z)
    counts: Ints  # (M,) examples with this code

    @property
    def unused(self) -> int:
        return int((self.counts == 0).sum())

    def title(self, i: int) -> str:
        """Return the name of code `i`: its number in each group."""
        return " ".join(f"{code}" for code in self.codes[i])


def code_use(model: VAE, means: Floats) -> CodeUse:
    """Return the codes nearest to the latents (N, Z); with one group also the unused codes."""
    codes = model.codes
    assert codes is not None
    near = codes.nearest(torch.from_numpy(means).to(model.device)).T.cpu().numpy()  # (N, G)
    found, counts = np.unique(near, axis=0, return_counts=True)
    if near.shape[1] == 1:
        unused = np.setdiff1d(np.arange(codes.codebook.shape[1]), found)
        found = np.concatenate([found, unused[:, None]])
        counts = np.concatenate([counts, np.zeros(len(unused), counts.dtype)])
    order = np.argsort(-counts, kind="stable")
    vectors = codes.vectors(torch.from_numpy(found[order].T.copy()).to(model.device))
    return CodeUse(found[order], vectors.cpu().numpy(), counts[order])
