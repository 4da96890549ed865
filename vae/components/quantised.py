"""A quantised posterior: the decoder reads the code of a codebook that is nearest to z.

The Z latents form G groups of d = Z/G. Each group has a codebook of K vectors e_k (d,), and the
decoder reads for each group the e_k nearest to the encoder's output z. No gradient passes through
this choice: the encoder receives the gradient for e_k (straight-through), and the codes learn as
moving averages of the outputs nearest to them (van den Oord et al. 2017, section 3.2 and appendix
A.1, https://arxiv.org/abs/1711.00937). Letters: B, M examples.
"""

import math
from collections.abc import Callable
from typing import Annotated, Any

import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.nn.functional import one_hot

from vae.base.options import Option
from vae.components.posterior_base import PointMass


class Quantised(PointMass):
    """A point mass that the decoder reads as the nearest of K codes: a VQ-VAE, without KL.

    Codes learn with the decay γ from a batch with the outputs z and the shares p_k of the codes:
    u_k ← γ u_k + (1 − γ) p_k and e_k ← e_k + (1 − γ) (mean of z − e_k over the batch where k is
    nearest, times p_k) / u_k. This is e_k = m_k/N_k of appendix A.1. A code with u_k below a share
    of its even part 1/K is dead: it moves to the output of a random example of the batch and
    starts again with this least u_k, until a batch uses it. All codes begin dead, so the first
    step places them at outputs (without revival they begin at random vectors).
    """

    no_density = (
        "A quantised posterior has no density: KL, ELBO and −ln p(x) do not exist. With a uniform "
        "prior over its codes the KL is a constant that nothing trains."
    )
    codebook: Tensor  # (G, K, d)
    use: Tensor  # (G, K) u_k

    def __init__(
        self,
        latent_dim: int,
        *,
        codes: Annotated[
            int,
            Option(
                "K, number of vectors in the codebook of each group. More codes reconstruct "
                "better and need more data; the information is at most ln K nats a group.",
                low=1,
                high=8192,
            ),
        ] = 64,
        code_groups: Annotated[
            int,
            Option(
                "G, number of groups of latents, each with a separate codebook; it divides the "
                "number of latents. More groups allow Kᴳ combinations of codes.",
                low=1,
                high=512,
                label="Groups of latents",
            ),
        ] = 1,
        commitment: Annotated[
            float,
            Option(
                "Weight of the squared distance from z to its codes, in nats per squared unit of "
                "z. Larger values hold the encoder closer to its codes and let it move less.",
                low=0.0,
                high=1000.0,
                log=True,
                label="Commitment weight",
            ),
        ] = 0.25,
        code_decay: Annotated[
            float,
            Option(
                "γ, decay of the moving averages that the codes follow, in each step. Larger "
                "values average over more batches, about 1/(1 − γ); 0 takes the latest one only.",
                low=0.0,
                high=0.9999,
            ),
        ] = 0.99,
        code_revival: Annotated[
            float,
            Option(
                "A code whose average use is below this share of 1/K moves to a random z. Larger "
                "values revive codes earlier; 0 leaves dead codes dead.",
                low=0.0,
                high=1.0,
            ),
        ] = 0.1,
    ) -> None:
        super().__init__(latent_dim)
        self.groups, self.weight = code_groups, commitment
        self.decay, self.revival = code_decay, code_revival
        size = (code_groups, codes, latent_dim // code_groups)
        self.register_buffer("codebook", torch.randn(size))
        self.register_buffer("use", torch.zeros(size[:2]))

    @classmethod
    def check(cls, latent_dim: int, option: Callable[[str], Any]) -> None:
        groups = option("code_groups")
        if latent_dim % groups:
            raise ValueError(
                f"code_groups {groups} does not divide latent_dim {latent_dim}: choose a divisor "
                f"of {latent_dim}, or another number of latents."
            )

    def nearest(self, z: Tensor) -> Tensor:
        """Return the codes nearest to z (M, Z), (G, M) int64."""
        points = self._grouped(z)
        half = 0.5 * self.codebook.square().sum(-1, keepdim=True)  # (G, K, 1)
        return (half - self.codebook @ points.mT).argmin(1)  # (G, K, M), ½|z − e|² − ½|z|²

    def vectors(self, codes: Tensor) -> Tensor:
        """Return the vectors of codes (G, M), (M, Z)."""
        at = codes.unsqueeze(-1).expand(-1, -1, self.codebook.shape[-1])
        return self.codebook.gather(1, at).transpose(0, 1).flatten(1)

    def decoder_input(self, z: Tensor) -> Tensor:
        flat = z.reshape(-1, self.latent_dim)
        vectors = self.vectors(self.nearest(flat)).view_as(z)
        return vectors + (z - z.detach())  # exactly the vectors, with the gradient of z

    def loss_terms(self, q: Distribution) -> dict[str, tuple[Tensor, float]]:
        distance = (q.mean - self.decoder_input(q.mean).detach()).square().sum(-1)
        return {"commitment": (distance.mean(), self.weight)}

    def code_use(self, q: Distribution) -> dict[str, Tensor]:
        return {"code_shares": self._chosen(q.mean).mean(1)}

    @torch.no_grad()
    def learn(self, q: Distribution) -> None:
        points, chosen = self._grouped(q.mean), self._chosen(q.mean)
        share = chosen.mean(1)  # (G, K)
        sums = chosen.mT @ points / len(q.mean) - share.unsqueeze(-1) * self.codebook
        self.use.lerp_(share, 1 - self.decay)
        tiny = torch.finfo(self.use.dtype).tiny  # an unused code has a sum of 0
        self.codebook.add_((1 - self.decay) * sums / self.use.clamp_min(tiny).unsqueeze(-1))
        self._revive(points)

    def _revive(self, points: Tensor) -> None:
        """Move dead codes to random outputs of the batch, points (G, B, d)."""
        least = self.revival / self.use.shape[1]
        dead = self.use < least
        rows = torch.randint(points.shape[1], dead.shape, device=dead.device).unsqueeze(-1)
        outputs = points.gather(1, rows.expand(-1, -1, points.shape[-1]))
        self.codebook.copy_(torch.where(dead.unsqueeze(-1), outputs, self.codebook))
        self.use.masked_fill_(dead, least)

    def _grouped(self, z: Tensor) -> Tensor:
        """Return z (M, Z) by group, (G, M, d)."""
        return z.reshape(len(z), self.groups, -1).transpose(0, 1)

    def _chosen(self, z: Tensor) -> Tensor:
        """Return 1 for the nearest code of each z (M, Z) and 0 for the others, (G, M, K)."""
        return one_hot(self.nearest(z), self.codebook.shape[1]).to(z.dtype)


def code_figures(shares: Tensor) -> dict[str, float]:
    """Return perplexity and number of unused codes of the shares of examples with each code,
    (G, K).

    The perplexity is exp(entropy), the geometric mean over the groups: the number of codes that
    would be as informative if all were used alike.
    """
    entropy = -torch.xlogy(shares, shares).sum(1).mean()
    return {"perplexity": math.exp(entropy), "unused_codes": float((shares == 0).sum())}
