"""The general settings of a run, as fields: type, default, range and help of each.

A field is at once its sidebar widget, its command-line flag, its JSON key and its help. The
options of a chosen row (the σ of a Gaussian, the β of the ELBO) are declared in the signature of
that row and appear beside these under their own names. A scalar X that can follow a schedule has a
companion X_schedule.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict

from vae.base.options import FILE, Option, rows_with
from vae.components.binarizations import BINARIZATIONS
from vae.components.likelihoods import LIKELIHOODS
from vae.components.network_file import VALUE
from vae.components.networks import NETWORKS
from vae.components.objectives import OBJECTIVES
from vae.components.posteriors import POSTERIORS
from vae.components.priors import PRIORS
from vae.components.rescalings import AUTO, DataScale
from vae.data import DATASETS, Description, HideShare

TABLES: dict[str, Mapping[str, Callable[..., Any]]] = {
    "data": DATASETS | {FILE: Description},
    "network": {name: row.build for name, row in NETWORKS.items()},
    "likelihood": LIKELIHOODS,
    "posterior": POSTERIORS,
    "prior": PRIORS,
    "objective": {name: row.loss for name, row in OBJECTIVES.items()},
}

CONDITIONS, PRECISIONS = ("none", "labels"), ("fp32", "bf16")


class Settings(BaseModel):
    """The settings that apply to every run."""

    model_config = ConfigDict(frozen=True, extra="allow", validate_default=True)

    data: Annotated[
        str, Option("The data set: its name, or the path of a file.", group="Data")
    ] = "digits"
    examples: Annotated[
        int,
        Option(
            "Number of examples to draw (evenly over the classes) or to generate; 0 uses all. "
            "The test part of a file is always used whole.",
            low=0,
            high=10_000_000,
            label="Examples, 0 for all",
            group="Data",
        ),
    ] = 0
    val_share: Annotated[
        float,
        Option(
            "Share of the examples held out for validation, which selects the best checkpoint. "
            "With 0 there is no validation, and the best checkpoint is the last one.",
            low=0,
            high=0.9,
            label="Validation share",
            group="Data",
        ),
    ] = 0.1
    test_share: Annotated[
        float,
        Option(
            "Share of the examples held out for testing: training never uses them. Ignored if the "
            "file has a test part.",
            low=0,
            high=0.9,
            group="Data",
        ),
    ] = 0.1
    binarize: Annotated[
        str,
        Option(
            "How grey values become 0 or 1. none: they stay grey. threshold: values of ½ and more "
            "become 1. stochastic: each value is the probability of a 1, drawn anew for every "
            "batch, and once for evaluation.",
            choices=tuple(BINARIZATIONS),
            label="Binarize",
            group="Data",
        ),
    ] = "none"
    hide_share: HideShare = 0.0
    data_scale: DataScale = AUTO
    network: Annotated[
        str,
        Option(
            f"Architecture of encoder and decoder. {rows_with(NETWORKS, only='pictures')} needs "
            f"pictures, {rows_with(NETWORKS, only='series')} series. A network in a file of "
            "yours is FILE.py:FUNCTION; its code runs only if it is allowed.",
            choices=tuple(NETWORKS),
            beside=VALUE.pattern,
            group="Model",
        ),
    ] = "mlp"
    latent_dim: Annotated[
        int,
        Option(
            "Number of latent dimensions Z. With 2, one map shows the whole latent space. More "
            "dimensions carry more information (a larger KL) and reconstruct better.",
            low=1,
            high=1024,
            label="Latent dimensions",
            group="Model",
        ),
    ] = 2
    likelihood: Annotated[
        str,
        Option(
            "p(x|z): the distribution over examples that the decoder's output h defines. "
            "bernoulli suits pictures with values in [0, 1], gaussian any real values, student-t "
            "those with outliers, negative-binomial counts.",
            choices=tuple(LIKELIHOODS),
            group="Model",
        ),
    ] = "bernoulli"
    posterior: Annotated[
        str,
        Option(
            "q(z|x): the distribution over latents that the encoder's output defines. point has "
            "no variance and makes a plain autoencoder.",
            choices=tuple(POSTERIORS),
            group="Model",
        ),
    ] = "diagonal"
    prior: Annotated[
        str,
        Option(
            "p(z): the distribution of latents before an example is known, and the one that "
            "samples are drawn from. standard is N(0, I).",
            choices=tuple(PRIORS),
            group="Model",
        ),
    ] = "standard"
    condition: Annotated[
        str,
        Option(
            "Additional input of encoder and decoder. labels gives them the class of each "
            "example: the conditional VAE (Sohn et al. 2015), whose latents need not encode the "
            "class and which generates samples of a chosen class.",
            choices=CONDITIONS,
            label="Condition on",
            group="Model",
        ),
    ] = "none"
    objective: Annotated[
        str,
        Option(
            "The loss that training minimises. elbo is the usual one: reconstruction + β · KL, "
            "which for β = 1 is the negative ELBO.",
            choices=tuple(OBJECTIVES),
            group="Objective",
        ),
    ] = "elbo"
    posterior_samples: Annotated[
        int,
        Option(
            "K, samples z ~ q(z|x) per example and step. More samples reduce the noise of the "
            "gradient; the decoder's work grows in proportion to K.",
            low=1,
            high=1000,
            label="Posterior samples",
            group="Objective",
        ),
    ] = 1
    epochs: Annotated[
        int,
        Option(
            "Passes over the training data. More epochs fit better and take longer.",
            low=1,
            high=1_000_000,
            group="Training",
        ),
    ] = 120
    batch_size: Annotated[
        int,
        Option(
            "Examples per optimiser step. Larger batches run faster per example and take fewer "
            "steps per epoch.",
            low=1,
            high=1_000_000,
            group="Training",
        ),
    ] = 64
    lr: Annotated[
        float,
        Option(
            "Learning rate of Adam. Too large a rate makes training unstable, too small a rate "
            "makes it slow.",
            low=1e-8,
            high=10.0,
            log=True,
            scheduled=True,
            live=True,
            label="Learning rate",
            group="Training",
        ),
    ] = 2e-3
    adam_eps: Annotated[
        float,
        Option(
            "ε of Adam, added to the root of the mean squared gradient, in the unit of the "
            "gradient. Larger values take smaller steps where gradients are small.",
            low=1e-16,
            high=1.0,
            log=True,
            label="Adam ε",
            group="Training",
        ),
    ] = 1e-8
    weight_decay: Annotated[
        float,
        Option(
            "Decoupled weight decay (AdamW) per step, in units of the learning rate. Larger "
            "values pull the weights towards 0.",
            low=0.0,
            high=100.0,
            log=True,
            group="Training",
        ),
    ] = 0.0
    grad_clip: Annotated[
        float,
        Option(
            "Largest norm of the gradient, in nats per unit of weight. Longer gradients are "
            "scaled down to it. 0 turns clipping off.",
            low=0.0,
            high=1e6,
            log=True,
            label="Gradient clipping",
            group="Training",
        ),
    ] = 0.0
    patience: Annotated[
        int,
        Option(
            "Early stopping: epochs without a better validation value before training ends. 0 "
            "turns early stopping off.",
            low=0,
            high=100_000,
            label="Early stopping",
            group="Training",
        ),
    ] = 0
    seed: Annotated[
        int,
        Option(
            "Seed of every random draw: split, weights, order, noise. The same seed on the same "
            "CPU gives the same weights.",
            low=0,
            high=2**31 - 1,
            group="Training",
        ),
    ] = 0
    device: Annotated[
        str,
        Option(
            "Device that trains: cpu, cuda or mps. auto uses a GPU if there is one.",
            group="Training",
        ),
    ] = "auto"
    precision: Annotated[
        str,
        Option(
            "fp32, or bf16: matrix products in bfloat16, weights and losses in float32. bf16 is "
            "faster on recent hardware and a little less exact: after 10 epochs of Fashion-MNIST "
            "the ELBO differed by at most 0.5 nats over three seeds.",
            choices=PRECISIONS,
            group="Training",
        ),
    ] = "fp32"
    threads: Annotated[
        int,
        Option(
            "CPU threads for training. 0 uses one per core, and a single one for small models. "
            "Recorded with the run, because the last digit of sums depends on it.",
            low=0,
            high=512,
            label="CPU threads",
            group="Training",
        ),
    ] = 0
    frames: Annotated[
        int,
        Option(
            "Number of moments of training recorded for live pictures and replay: latents of up "
            "to 1,000 examples, reconstructions and samples. More make a smoother replay and a "
            "larger run folder. 0 records none.",
            low=0,
            high=1000,
            group="Training",
        ),
    ] = 32


DEFAULTS = {name: field.default for name, field in Settings.model_fields.items()}
