"""The settings with the properties that follow from them alone, which the rules read."""

from typing import Any

from vae.components.count_likelihoods import OBSERVED
from vae.components.posteriors import POSTERIORS
from vae.components.priors import PRIORS
from vae.config.settings import DEFAULTS, Settings


class DerivedSettings(Settings):
    """The settings of a run, and the properties of model and data that they imply."""

    def get(self, name: str) -> Any:
        """Return the value of a setting or option by name; None if it does not apply."""
        return getattr(self, name, None)

    def is_default(self, name: str) -> bool:
        """Whether a general setting has its default value."""
        return bool(getattr(self, name) == DEFAULTS[name])

    @property
    def conditional(self) -> bool:
        """Whether encoder and decoder receive the class of an example."""
        return not self.is_default("condition")

    @property
    def binarized(self) -> bool:
        """Whether the values of x become 0 or 1."""
        return not self.is_default("binarize")

    @property
    def reads_size(self) -> bool:
        """Whether p(x|z) depends on the library size of an example, the sum of its counts."""
        return bool(self.get("library_size") == OBSERVED)

    @property
    def has_kl(self) -> bool:
        """Whether q(z|x) has a density, and therefore a KL."""
        return POSTERIORS[self.posterior].has_density

    @property
    def no_density(self) -> str:
        """Why there is no KL, as a sentence; "" with a density."""
        return POSTERIORS[self.posterior].no_density

    @property
    def unit_normal(self) -> bool:
        """Whether the KL pulls the latents towards N(0, I)."""
        return self.has_kl and PRIORS[self.prior].unit_normal

    @property
    def closed_kl(self) -> bool:
        """Whether KL(q(z|x) || p(z)) has a closed form; else it is estimated from samples."""
        return POSTERIORS[self.posterior].gaussian and PRIORS[self.prior].gaussian

    @property
    def kl_per_dimension(self) -> bool:
        """Whether the KL is a sum over latent dimensions."""
        return POSTERIORS[self.posterior].factorises and PRIORS[self.prior].factorises
