"""Titles, colours and units of the quantities that are plotted over training.

reconstruction = −E_q[ln p(x|z)] and kl are positive, elbo = −(reconstruction + kl) is negative,
all in nats per example. Every figure and page reads a quantity's title and colour here.
"""

from typing import NamedTuple

from vae.base.numbers import plural
from vae.base.records import Domain
from vae.figures.palette import token

NATS = "nats"  # per example
X_UNITS = "units of x"
COLUMN_UNITS = "units of each column's scale"  # of rescaled data: their standard deviation
MINIBATCH = "minibatch estimate"


class Quantity(NamedTuple):
    """Title, colour and unit of a plotted quantity."""

    title: str
    colour: str  # a name of the palette
    unit: str = NATS  # "" for a number without unit
    note: str = ""  # printed beside the title

    @property
    def ink(self) -> str:
        """The colour as a token."""
        return token(self.colour)


QUANTITIES: dict[str, Quantity] = {
    "reconstruction": Quantity("Reconstruction", "reconstruction"),
    "kl": Quantity("KL", "kl"),
    "elbo": Quantity("ELBO", "elbo"),
    "loss": Quantity("Trained loss", "accent"),
    "iwae_bound": Quantity("K-sample bound", "elbo"),
    "mutual_information": Quantity("Mutual information", "kl", note=MINIBATCH),
    "total_correlation": Quantity("Total correlation", "kl", note=MINIBATCH),
    "dimension_wise_kl": Quantity("Dimension-wise KL", "kl", note=MINIBATCH),
    "mmd": Quantity("MMD² of q(z) and p(z)", "kl", "", "without unit"),
    "commitment": Quantity("Commitment ‖z − e‖²", "kl", "", "squared units of z"),
    "perplexity": Quantity("Perplexity of the codes", "kl", "", "codes"),
    "unused_codes": Quantity("Unused codes", "muted", "", "codes"),
    "sigma": Quantity("σ of p(x|z)", "reconstruction", X_UNITS, X_UNITS),
    "sigma_min": Quantity("Smallest σ of p(x|z)", "reconstruction", X_UNITS, X_UNITS),
    "sigma_max": Quantity("Largest σ of p(x|z)", "reconstruction", X_UNITS, X_UNITS),
    "scale": Quantity("Scale of p(x|z)", "reconstruction", X_UNITS, X_UNITS),
    "degrees_of_freedom": Quantity("ν of p(x|z)", "reconstruction", "", "without unit"),
    "dispersion_min": Quantity("Smallest dispersion", "reconstruction", "", "without unit"),
    "dispersion_max": Quantity("Largest dispersion", "reconstruction", "", "without unit"),
    "beta": Quantity("β", "muted", ""),
    "lr": Quantity("learning rate", "muted", ""),
}
TERMS = ("reconstruction", "kl", "elbo")  # of the bound
SETTINGS = ("beta", "lr")  # that change during training: a thin panel each
SPLITS = {"train": "train", "val": "validation", "test": "test"}  # as text on screen
EVERY = "all"  # the name of all splits together
PER_EXAMPLE = "nats per example"  # the axis title


def examples_of(count: int, split: str) -> str:
    """Return a number of examples with their split: "1 test example", "120 examples (all)"."""
    if split == EVERY:
        return f"{plural(count, 'example')} ({EVERY})"
    return plural(count, f"{SPLITS[split]} example")


def nats_unit(domain: Domain) -> str:
    """Return the unit of the bound; nats of rescaled columns are in units of x."""
    return f"{PER_EXAMPLE}, in {X_UNITS}" if domain.scale else PER_EXAMPLE


def distance_units(domain: Domain) -> str:
    """Return the unit of distances between examples, which are of rescaled values."""
    return COLUMN_UNITS if domain.scale else X_UNITS


def quantity(name: str) -> Quantity:
    """The quantity called `name`; a muted one with its own name as title if it has no row."""
    return QUANTITIES.get(name, Quantity(name, "muted"))
