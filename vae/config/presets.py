"""Presets of the sidebar: named settings for typical models."""

from typing import Any, NamedTuple


class Preset(NamedTuple):
    """A starting point: its purpose, and the settings that it changes."""

    about: str
    values: dict[str, Any]


class Start(NamedTuple):
    """The preset and the data set of a new session of the dashboard."""

    preset: str
    data: str


START = Start("2-D map of grey pictures", "fashion-mnist-10k")
PRESETS: dict[str, Preset] = {
    "2-D map": Preset("Two latents: one map displays the whole latent space.", {}),
    "2-D map of grey pictures": Preset(
        "Two latents, a learned σ and a small network: an ELBO that bounds ln p(x) of grey "
        "values. On fashion-mnist-10k it trains in about 20 seconds.",
        {
            "likelihood": "gaussian-learned",
            "hidden": (64, 64),
            "batch_size": 128,
            "epochs": 60,
        },
    ),
    "Sharp reconstructions": Preset(
        "Sixteen latents and a learned σ: low reconstruction error.",
        {"latent_dim": 16, "likelihood": "gaussian-learned", "hidden": (512, 256)},
    ),
    "β-VAE": Preset(
        "Ten latents and β = 4: latents that hardly improve the reconstruction switch off.",
        {"latent_dim": 10, "beta": 4.0, "beta_schedule": "warmup:20"},
    ),
    "Plain autoencoder": Preset(
        "A point for each example and no prior: for comparison with a VAE.",
        {"posterior": "point", "objective": "reconstruction"},
    ),
    "Tighter bound (IWAE)": Preset(
        "Sixteen samples inside the logarithm: a bound closer to ln p(x) than the ELBO.",
        {"latent_dim": 8, "objective": "iwae", "posterior_samples": 16},
    ),
    "Independent latents (β-TCVAE)": Preset(
        "Only the total correlation has a larger weight: the latents become more independent.",
        {"latent_dim": 8, "objective": "beta-tc"},
    ),
    "Learned prior (VampPrior)": Preset(
        "The prior is the mean posterior of fifty learned examples and adapts to the encoder.",
        {"latent_dim": 8, "prior": "vamp"},
    ),
    "Conditional on the class": Preset(
        "Encoder and decoder receive the class: the latents encode only the style.",
        {"condition": "labels"},
    ),
    "Linear (probabilistic PCA)": Preset(
        "One linear layer each in encoder and decoder, and a learned σ. The optimal ELBO has a "
        "closed form.",
        {
            "network": "linear",
            "likelihood": "gaussian-learned",
            "latent_dim": 5,
            "batch_size": 128,
            "lr": 1e-2,
            "lr_schedule": "cosine",
        },
    ),
}
