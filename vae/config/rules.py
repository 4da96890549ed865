"""Rules that settings must satisfy together, and with the data: each is written here once.

A function raises ValueError with one sentence that names the conflict and a way out.
"""

from vae.base.options import first_row, rows_with
from vae.base.records import Domain
from vae.components.count_likelihoods import NONE, OBSERVED
from vae.components.likelihoods import LIKELIHOODS, check_domain
from vae.components.networks import NETWORKS
from vae.components.objectives import OBJECTIVES
from vae.components.posteriors import POSTERIORS
from vae.components.priors import PRIORS
from vae.components.rescalings import RESCALINGS
from vae.config.derived import DerivedSettings
from vae.data import Dataset


def check_settings(config: DerivedSettings) -> None:
    """Check everything that does not depend on the data."""
    _check_objective(config)
    _check_gradient(config)
    _check_prior(config)
    _check_scale(config)
    _check_size(config)
    _check_training(config)


def _check_objective(config: DerivedSettings) -> None:
    """The objective needs a KL that posterior and prior define, and trains the prior."""
    posterior, prior = POSTERIORS[config.posterior], PRIORS[config.prior]
    objective = OBJECTIVES[config.objective]
    if objective.needs != "nothing" and not posterior.has_density:
        raise ValueError(
            f"A {config.posterior} posterior has no density, so no KL and no ELBO: choose "
            f"objective {rows_with(OBJECTIVES, needs='nothing')}, or another posterior."
        )
    if objective.needs == "nothing" and not prior.gaussian:
        raise ValueError(
            f"Objective {config.objective} has no KL, so it cannot train the {config.prior} "
            f"prior: choose prior {rows_with(PRIORS, gaussian=True)}, or another objective."
        )
    if objective.needs == "factors" and not config.kl_per_dimension:
        raise ValueError(
            f"Objective {config.objective} needs the KL of each latent dimension, which posterior "
            f"{config.posterior} with prior {config.prior} does not define: choose posterior "
            f"{rows_with(POSTERIORS, factorises=True)} and prior "
            f"{rows_with(PRIORS, factorises=True)}, or another objective."
        )


def _check_gradient(config: DerivedSettings) -> None:
    posterior = POSTERIORS[config.posterior]
    posterior.check(config.latent_dim, config.get)
    if config.get("gradient") == "doubly" and not posterior.gaussian:
        raise ValueError(
            f"The doubly reparameterised gradient is not defined for a {config.posterior} "
            "posterior: choose gradient reparameterised, or posterior "
            f"{rows_with(POSTERIORS, gaussian=True)}."
        )
    if not posterior.has_density and config.posterior_samples > 1:
        raise ValueError(
            f"All samples of a {config.posterior} posterior are equal: set posterior_samples to 1."
        )


def _check_prior(config: DerivedSettings) -> None:
    if not PRIORS[config.prior].encodes:
        return
    if config.conditional:
        raise ValueError(
            f"The pseudo-inputs of a {config.prior} prior have no class: choose another prior, or "
            "condition none."
        )
    if POSTERIORS[config.posterior].mean_samples:
        raise ValueError(
            f"A {config.prior} prior would invert the {config.posterior} posterior for every "
            "pseudo-input, which is a hundred times slower than the rest of a step: choose "
            "another prior or another posterior."
        )


def _check_scale(config: DerivedSettings) -> None:
    """A rescaling changes the unit of a density; a probability is one of values as they are."""
    row, name = RESCALINGS.get(config.data_scale), config.data_scale
    if row is None or row is RESCALINGS["none"]:
        return
    if config.binarized:
        raise ValueError(
            f"binarize {config.binarize} turns x to 0 or 1, and data_scale {name} would rescale "
            "it: choose data_scale none, or binarize none."
        )
    likelihood = LIKELIHOODS[config.likelihood]
    if likelihood.discrete or likelihood.support not in row.supports:
        suitable = {k: v for k, v in LIKELIHOODS.items() if v.support in row.supports}
        raise ValueError(
            f"The {config.likelihood} likelihood does not suit values that data_scale {name} has "
            f"rescaled: choose likelihood {rows_with(suitable, discrete=False)}, or data_scale "
            "none."
        )


def _check_size(config: DerivedSettings) -> None:
    if config.reads_size and config.binarized:
        raise ValueError(
            f"binarize {config.binarize} turns counts to 0 or 1, whose sum is no library size: "
            f"choose library_size {NONE}, or binarize none."
        )


def _check_training(config: DerivedSettings) -> None:
    if config.batch_size < (least := OBJECTIVES[config.objective].batch):
        raise ValueError(
            f"Objective {config.objective} compares the examples of a batch: set batch_size to "
            f"{least} or more."
        )
    if config.patience and not config.val_share:
        raise ValueError(
            "Early stopping needs validation data, and val_share is 0: set val_share above 0, or "
            "patience to 0."
        )
    if config.val_share + config.test_share >= 1:
        raise ValueError("val_share and test_share leave nothing to train on: lower one.")


def check_data(config: DerivedSettings, dataset: Dataset, domain: Domain) -> None:
    """Check that the model can be trained on this data set; `domain` describes its inputs."""
    if row := NETWORKS.get(config.network):
        row.check(dataset.event_shape, dataset.name)
    check_domain(config.likelihood, domain, dataset.name)
    _check_kinds(config, dataset)
    if config.binarized and not dataset.in_unit_interval:
        raise ValueError(
            f"binarize {config.binarize} needs values in [0, 1], and {dataset.name} has others: "
            "choose binarize none."
        )
    if config.binarized and dataset.missing:
        raise ValueError(
            f"binarize {config.binarize} needs every value, and {dataset.name} has some that were "
            "not observed: choose binarize none."
        )
    if config.reads_size and dataset.missing:
        raise ValueError(
            f"library_size {OBSERVED} needs every count, and {dataset.name} has some that were "
            f"not observed: choose library_size {NONE}."
        )
    if not (domain.scale or domain.levels == 2 or is_in_support(dataset, config.likelihood)):
        raise ValueError(_other_values(config.likelihood, dataset))
    labels = dataset.labels
    if config.conditional and (labels is None or not dataset.classes or labels.min() < 0):
        raise ValueError(
            f"condition {config.condition} needs a class for every example, and {dataset.name} "
            "has examples without one: choose condition none, or data with labels."
        )


def _check_kinds(config: DerivedSettings, dataset: Dataset) -> None:
    """A mixed table needs the likelihood of its kinds, and values as they are."""
    if not dataset.kinds:
        return
    mixed = first_row(LIKELIHOODS, support="columns")
    if config.likelihood != mixed:
        raise ValueError(
            f"The {config.likelihood} likelihood is one for all columns, and each column of "
            f"{dataset.name} has its kind: choose likelihood {mixed}, or data_kinds none, which "
            "leaves out text."
        )
    if config.binarized:
        raise ValueError(
            f"binarize {config.binarize} needs grey values, and {dataset.name} is a mixed table: "
            "choose binarize none."
        )


def _other_values(likelihood: str, dataset: Dataset) -> str:
    """Return the error sentence for a likelihood that is undefined for values of the data set."""
    real = rows_with(LIKELIHOODS, support="real")
    if LIKELIHOODS[likelihood].support == "counts":
        needs, remedy = "counts 0, 1, 2, …", f"likelihood {real}"
    else:
        counts = f"{rows_with(LIKELIHOODS, support='counts')} or " if dataset.is_counts else ""
        needs, remedy = "values in [0, 1]", f"likelihood {counts}{real}, or rescale the data"
    return f"The {likelihood} likelihood needs {needs}, and {dataset.name} has others: choose " + (
        f"{remedy}."
    )


def is_in_support(dataset: Dataset, likelihood: str) -> bool:
    """Return whether the likelihood is defined for all values of the data set."""
    support = LIKELIHOODS[likelihood].support
    if dataset.kinds or support == "columns":
        return bool(dataset.kinds) and support == "columns"
    if support == "counts":
        return dataset.is_counts
    return support != "unit" or dataset.in_unit_interval


def suitable_likelihood(dataset: Dataset, likelihood: str) -> str:
    """Return the likelihood, or one for columns of several kinds, counts or real values if it is
    undefined for the data: one for each column, a negative binomial, which is Poisson without
    dispersion, or a Gaussian with a learned σ."""
    if is_in_support(dataset, likelihood):
        return likelihood
    if dataset.kinds:
        return first_row(LIKELIHOODS, support="columns")
    if dataset.is_counts:
        return first_row(LIKELIHOODS, support="counts")
    return first_row(LIKELIHOODS, support="real", noise="learned")


def values_of(dataset: Dataset) -> str:
    """Return the kind of values of a data set outside [0, 1]: "columns of several kinds", "counts"
    or "real values"."""
    if dataset.kinds:
        return "columns of several kinds"
    return "counts" if dataset.is_counts else "real values"


def check_batch(config: DerivedSettings, training: int) -> None:
    """Check that a batch is not larger than the number of training examples."""
    if config.batch_size > training:
        raise ValueError(
            f"batch_size {config.batch_size} is larger than the {training} training examples: "
            f"choose at most {training}."
        )
