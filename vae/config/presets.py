"""Presets: settings to start from, by name, for the sidebar."""

from typing import Any, NamedTuple


class Preset(NamedTuple):
    """A starting point: its purpose, and the settings that it changes."""

    about: str
    values: dict[str, Any]


PRESETS: dict[str, Preset] = {
    "2-D map": Preset("Two latents: the whole latent space is one picture.", {}),
    "Sharp reconstructions": Preset(
        "Sixteen latents and a learned σ: little is lost on the way.",
        {"latent_dim": 16, "likelihood": "gaussian-learned", "hidden": (512, 256)},
    ),
    "β-VAE": Preset(
        "Ten latents under β = 4: latents that hardly improve the reconstruction switch off.",
        {"latent_dim": 10, "beta": 4.0, "beta_schedule": "warmup:20"},
    ),
    "Plain autoencoder": Preset(
        "A point for each example and no prior: for comparison with a VAE.",
        {"posterior": "point", "objective": "reconstruction"},
    ),
    "Tighter bound (IWAE)": Preset(
        "Sixteen samples inside the logarithm: a bound nearer to ln p(x) than the ELBO.",
        {"latent_dim": 8, "objective": "iwae", "posterior_samples": 16},
    ),
    "Independent latents (β-TCVAE)": Preset(
        "Only the total correlation has a higher price: latents that do without one another.",
        {"latent_dim": 8, "objective": "beta-tc"},
    ),
    "Learned prior (VampPrior)": Preset(
        "The prior is the mean posterior of fifty learned examples, and follows the latents.",
        {"latent_dim": 8, "prior": "vamp"},
    ),
    "Told the class (conditional)": Preset(
        "Encoder and decoder know the class: the latents hold the style alone.",
        {"condition": "labels"},
    ),
    "Linear (probabilistic PCA)": Preset(
        "One linear layer each way with a learned σ: its best ELBO is known exactly.",
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
