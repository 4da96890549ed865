"""The table of measures: each is a function and its row.

The command line, the Evaluate page, the report and the files iterate over `MEASURES` and `TABLES`.
The key of a row is its key in `python -m vae evaluate --json`; the row has the title, help
and function of the measure, and its requirements.

A row of `MEASURES` computes one value from `Inputs`; "nats" are nats per example. A row of
`TABLES` computes several values in one pass, and each of its rows has the signature of its table:
a probe counts correct predictions, a score reads a draw of latents and factors, a statistic reads
real examples and samples. Standard errors are over the examples, those of the aggregate posterior
over draws of z, those of a score over the choice of examples. Intervals are of 95 %.
"""

from collections.abc import Callable
from typing import Any

from vae.evaluation import averages, extended, probes, sample_quality
from vae.evaluation.codes import CODES
from vae.evaluation.disentanglement import Score, largest_value, mig, one_factor, sap
from vae.evaluation.factor_sets import beta_vae, factor_vae
from vae.evaluation.inputs import Inputs, Result
from vae.evaluation.probes import Probe
from vae.evaluation.rows import Measure, Row, Table
from vae.evaluation.sample_quality import NEIGHBOURS, Statistic

SE = " ± is one standard error over the examples."

MEASURES: dict[str, Measure[Callable[[Inputs], Result]]] = {
    "elbo": Measure(
        "ELBO",
        "nats",
        "The evidence lower bound on ln p(x), mean over the examples: −(reconstruction + KL). "
        "Larger is better." + SE,
        averages.elbo,
        needs=("density",),
    ),
    "reconstruction": Measure(
        "Reconstruction",
        "nats",
        "−ln p(x|z) for z ~ q(z|x), mean over the examples and their posterior samples: the error "
        "of decoding an example from its own z. Smaller is better." + SE,
        averages.reconstruction,
        full_title="Reconstruction, −E[ln p(x|z)]",
    ),
    "kl": Measure(
        "KL",
        "nats",
        "KL(q(z|x) ‖ p(z)), mean over the examples: the information in z about an example beyond "
        "the prior, and the price of the reconstruction." + SE,
        averages.kl,
        needs=("density",),
        full_title="KL(q(z|x) ‖ p(z))",
        of_latents=True,
    ),
    "kl_per_dimension": Measure(
        "KL per latent",
        "nats",
        "KL(q(z|x) ‖ p(z)) of each latent, mean over the examples. A latent near 0 carries no "
        "information. Whiskers are one standard error over the examples.",
        averages.kl_per_dimension,
        group="latents",
        needs=("density", "factorised posterior"),
        per_latent=True,
        of_latents=True,
    ),
    "active_units": Measure(
        "Active units",
        "latents",
        "Latents whose posterior mean has a variance above 0.01 over the examples (Burda et al. "
        "2016). The others carry no information. The count is exact for these examples. The 95 % "
        "interval is for all examples of the same kind; variances near 0.01 widen it. The bars "
        "below and the diagnostics count by KL instead, above 0.01 nats.",
        averages.active_latents,
        group="latents",
        needs=("density",),
        companions=("interval",),
        out_of="latents",
        of_latents=True,
    ),
    **CODES,
    "nll": Measure(
        "−ln p(x)",
        "nats",
        "The negative log-likelihood, by importance sampling with K samples of q(z|x) (Burda et "
        "al. 2016). It is too high in expectation, less so with more samples, and above −ELBO "
        "only by chance. Smaller is better." + SE,
        averages.nll,
        needs=("density", "samples", "likelihood"),
        companions=("se", "samples"),
    ),
    "ess": Measure(
        "Effective samples",
        "samples",
        "Effective number of the K importance samples, mean over the examples: K if all weights "
        "are equal, 1 if one weight dominates. The number below is the smallest of any example. "
        "Larger is better: with few effective samples −ln p(x) is too high. It has no standard "
        "error.",
        averages.effective_samples,
        needs=("density", "samples", "likelihood"),
        companions=(),
        out_of="samples",
    ),
    "bits_per_dimension": Measure(
        "Bits per dimension",
        "bits",
        "−ln p(x), or without importance samples −ELBO, in bits for each number of an example. "
        "Smaller is better; comparable only on the same data in the same grey levels." + SE,
        averages.bits_per_dimension,
        needs=("complete examples", "probability", "density"),
    ),
    "mutual_information": Measure(
        "I(x; z)",
        "nats",
        "Mutual information of z and the example, against the mixture of all q(z|x); at most the "
        "ln of the number of examples. Larger: z identifies its example better. ± is one "
        "standard error over the draws of z.",
        averages.mutual_information,
        group="latents",
        needs=("full", "density", "gaussian posterior"),
        seconds=extended.aggregate_seconds,
        full_title="Mutual information I(x; z)",
        of_latents=True,
    ),
    "aggregate_kl": Measure(
        "KL(q(z) ‖ p(z))",
        "nats",
        "The distance of all encoded examples together from the prior: where it is large, samples "
        "of the prior fall where the decoder had few examples. 0 is best. ± is one standard error "
        "over the draws of z.",
        averages.aggregate_kl,
        group="latents",
        needs=("full", "density", "gaussian posterior"),
        of_latents=True,
    ),
}

PROBES: dict[str, Measure[Probe]] = {
    "linear": Measure(
        "Linear probe",
        "accuracy",
        "Share of new examples whose class logistic regression predicts from the posterior mean "
        "(5-fold cross-validation). High: planes separate the classes.",
        probes.linear,
    ),
    "knn": Measure(
        "k-NN probe",
        "accuracy",
        "Share of examples whose class is that of most of their 10 nearest neighbours (5-fold "
        "cross-validation). High: neighbours share their class, for any shape of its region.",
        probes.knn,
    ),
    "chance": Measure(
        "Chance",
        "accuracy",
        "The share of the largest class: the accuracy of a prediction without z.",
        probes.chance,
    ),
}

SCORES: dict[str, Measure[Score]] = {
    "mig": Measure(
        "MIG",
        "1 is best",
        "The lead of the best latent of a factor over the second, in mutual information.",
        Score(lambda draw: mig(draw.sample, draw.progress)),
    ),
    "sap": Measure(
        "SAP",
        "1 is best",
        "The lead of the best latent of a factor over the second, in prediction.",
        Score(lambda draw: sap(draw.train, draw.test, draw.progress)),
    ),
    "dci_disentanglement": Measure(
        "DCI disentanglement",
        "1 is best",
        "Degree to which each latent depends on a single factor.",
        Score(lambda draw: draw.trees["dci_disentanglement"], seconds=30.0),
    ),
    "dci_completeness": Measure(
        "DCI completeness",
        "1 is best",
        "Degree to which each factor depends on a single latent.",
        Score(lambda draw: draw.trees["dci_completeness"], seconds=0.0),
    ),
    "dci_informativeness": Measure(
        "DCI informativeness",
        "1 is best",
        "Accuracy of predicting the factors from all latents.",
        Score(lambda draw: draw.trees["dci_informativeness"], largest_value, 0.0),
    ),
    "beta_vae": Measure(
        "β-VAE score",
        "1 is best",
        "Accuracy of a linear classifier that names the factor shared by a set.",
        Score(lambda draw: beta_vae(draw.sample, draw.rng, draw.progress), one_factor, 3.0),
    ),
    "factor_vae": Measure(
        "FactorVAE score",
        "1 is best",
        "Accuracy of naming the factor shared by a set from its least varying latent.",
        Score(lambda draw: factor_vae(draw.sample, draw.rng, draw.progress), one_factor),
    ),
}

STATISTICS: dict[str, Measure[Statistic]] = {
    "precision": Measure(
        "Precision",
        "share",
        "The share of samples near a real example: within the ball around one that reaches to "
        "its 5th nearest neighbour (Kynkäänniemi et al. 2019). Low: samples resemble no real "
        "example.",
        Statistic(sample_quality.precision, share=True),
    ),
    "recall": Measure(
        "Recall",
        "share",
        "The share of real examples near a sample, by the same balls around samples. Low: the "
        "model misses a part of the data.",
        Statistic(sample_quality.recall, share=True),
    ),
    "density": Measure(
        "Density",
        "no unit",
        "The number of balls of real examples around a sample, divided by 5 (Naeem et al. 2020). "
        "1 where both are alike, more where samples crowd in the middle of the data.",
        Statistic(sample_quality.density, resolution=1 / NEIGHBOURS),
    ),
    "coverage": Measure(
        "Coverage",
        "share",
        "The share of real examples whose ball holds a sample (Naeem et al. 2020). Near 0.97 at "
        "best; there its interval is up to a half too wide.",
        Statistic(sample_quality.coverage, share=True, clustered=True),
    ),
    "squared_frechet": Measure(
        "Squared Fréchet",
        "squared units of x",
        "The squared distance, in squared units of x, of normal distributions with the means and "
        "covariances of both sides, in principal components of the data (standardised columns: "
        "in units of their SD). 0 is best. It is not comparable with the FID.",
        Statistic(sample_quality.frechet, biased=True),
        full_title="Squared Fréchet distance",
    ),
}

TABLES: dict[str, Table[Any]] = {
    "probes": Table(
        "Probes",
        "accuracy",
        "Accuracy of classifiers that predict the class from the posterior mean, beside chance.",
        extended.probe_table,
        PROBES,
        group="knowledge",
        needs=("full", "labels"),
        seconds=extended.probe_seconds,
        of_latents=True,
    ),
    "disentanglement": Table(
        "Disentanglement",
        "score, 1 is best",
        "Agreement of single latents with single factors that generated the data, as defined by "
        "Locatello et al. 2019; 1 is best, no unit. **MIG**, **SAP**: the lead of the best "
        "latent of a factor over the second. **DCI**: a latent depends on one factor "
        "(disentanglement), a factor on one latent (completeness), all latents predict it "
        "(informativeness). **β-VAE**, **FactorVAE**: how often a shared factor is named. "
        "Whiskers are one standard error over the choice of examples; the grey stroke is the "
        "score of latents without information.",
        extended.score_table,
        SCORES,
        group="knowledge",
        needs=("full", "factors"),
        seconds=extended.score_seconds,
        of_latents=True,
    ),
    "fidelity": Table(
        "Samples",
        "samples against examples",
        "Distances of samples of the prior from examples, beside those of real examples.",
        extended.sample_table,
        STATISTICS,
        group="samples",
        needs=("full", "prior", "training examples", "complete examples"),
        seconds=extended.sample_seconds,
    ),
}


def json_keys() -> list[str]:
    """Return the keys of an evaluation's values, in order."""
    rows: dict[str, Row] = {**MEASURES, **TABLES}
    return [name for key, row in rows.items() for name in row.keys(key)]
