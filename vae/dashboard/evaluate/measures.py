"""What an evaluation says, in words: every figure's title, unit and help, its digits and its file.

Nothing here knows a screen.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from vae.base.records import Evaluation
from vae.figures.base import number
from vae.figures.evaluation import with_error
from vae.runs.evaluations import EvaluationRequest, SavedEvaluation


class Figure(NamedTuple):
    """What there is to say of a figure beside its value."""

    title: str
    unit: str
    help: str


SE = " ± is one standard error over the examples."
BOUND = {
    "elbo": Figure(
        "ELBO",
        "nats",
        "The evidence lower bound on ln p(x), mean over the examples: −(reconstruction + KL). "
        "Larger is better." + SE,
    ),
    "reconstruction": Figure(
        "Reconstruction",
        "nats",
        "−ln p(x|z) for z ~ q(z|x), mean over the examples and their posterior samples: how badly "
        "the decoder predicts an example from its own z. Smaller is better.",
    ),
    "kl": Figure(
        "KL",
        "nats",
        "KL(q(z|x) ‖ p(z)), mean over the examples: how much z tells of an example beyond the "
        "prior. It is the price of the reconstruction.",
    ),
    "nll": Figure(
        "−ln p(x)",
        "nats",
        "The negative log-likelihood, by importance sampling with K samples of q(z|x) (Burda et "
        "al. 2016). On average it is too high, less so with more samples, and never above −ELBO "
        "but by chance. Smaller is better." + SE,
    ),
    "ess": Figure(
        "Effective samples",
        "of K",
        "How many of the K importance samples count, mean over the examples: K if all weights are "
        "equal, 1 if a single one outweighs the rest; below it the smallest of an example. "
        "Few mean that −ln p(x) is too high. It says how far to trust these very weights and "
        "estimates nothing beyond them, so it has no error of its own.",
    ),
    "bits_per_dimension": Figure(
        "Bits per dimension",
        "bits",
        "−ln p(x), or where it was not asked for −ELBO, in bits for each number of an example. "
        "Smaller is better; comparable only on the same data in the same grey levels.",
    ),
}
LATENTS = {
    "active_units": Figure(
        "Active units",
        "of the latents",
        "Latents whose posterior mean varies over the examples, with a variance above 0.01 (Burda "
        "et al. 2016). The others carry nothing. The count is exact for these examples; the 95 % "
        "interval is for all examples of their kind: units whose variance may lie on either side "
        "of 0.01 make it wide. The bars below and the collapse doctor count by KL instead, above "
        "0.01 nats.",
    ),
    "mutual_information": Figure(
        "I(x; z)",
        "nats",
        "Mutual information: what z tells of which example it is, at most the ln of their number; "
        "against the mixture of all q(z|x). ± is one standard error over the draws of z.",
    ),
    "aggregate_kl": Figure(
        "KL(q(z) ‖ p(z))",
        "nats",
        "How far the encoded examples together stray from the prior: where it is large, samples "
        "of the prior land where the decoder has seen little. 0 is best. ± is one standard error "
        "over the draws of z.",
    ),
}
PROBES = {
    "linear": Figure(
        "Linear probe",
        "accuracy",
        "How often logistic regression names the class from the posterior mean, on examples it "
        "has not seen (5-fold cross-validation). High: planes part the classes. The interval "
        "holds the true share with 95 %.",
    ),
    "knn": Figure(
        "k-NN probe",
        "accuracy",
        "How often the 10 nearest neighbours' majority names the class (5-fold cross-validation). "
        "High: neighbours share their class, whatever the shape of its region. The interval holds "
        "the true share with 95 %.",
    ),
    "chance": Figure(
        "Chance",
        "accuracy",
        "The share of the largest class: what one gets without looking at z.",
    ),
}
SCORES = {
    "mig": "MIG",
    "sap": "SAP",
    "dci_disentanglement": "DCI disentanglement",
    "dci_completeness": "DCI completeness",
    "dci_informativeness": "DCI informativeness",
    "beta_vae": "β-VAE score",
    "factor_vae": "FactorVAE score",
}
SCORES_HELP = (
    "Whether each latent stands for one factor that generated the data; 1 is best, no unit; as "
    "defined by Locatello et al. 2019. **MIG**, **SAP**: how far the best latent of a factor is "
    "ahead of the second. **DCI**: a latent serves one factor (disentanglement), a factor is "
    "served by one latent (completeness), all latents predict it (informativeness). **β-VAE**, "
    "**FactorVAE**: how often a shared factor is named. Whiskers are one standard error over the "
    "choice of examples; the grey stroke is a code that tells nothing."
)
FIDELITY = {
    "precision": Figure(
        "Precision",
        "share",
        "The share of samples that lie near a real example: within the ball around one that "
        "reaches to its 5th nearest neighbour (Kynkäänniemi et al. 2019). Low: samples look like "
        "nothing in the data.",
    ),
    "recall": Figure(
        "Recall",
        "share",
        "The share of real examples that lie near a sample, by the same balls around samples. "
        "Low: much of the data is never drawn.",
    ),
    "density": Figure(
        "Density",
        "no unit",
        "In how many balls of real examples a sample lies, over 5 (Naeem et al. 2020). 1 where "
        "both are alike, more where samples crowd in the middle of the data.",
    ),
    "coverage": Figure(
        "Coverage",
        "share",
        "The share of real examples whose ball holds a sample (Naeem et al. 2020). Near 0.97 at "
        "best; there its interval is up to a half too wide.",
    ),
    "squared_frechet": Figure(
        "Squared Fréchet",
        "squared units of x",
        "The squared distance, in squared units of x, of normal distributions with the means and "
        "covariances of both sides. 0 is best. It is taken in principal components of the data "
        "and is no FID.",
    ),
}
FIDELITY_HEADS = {
    "": "",
    "value": "Of the samples against held-out examples.",
    "95 % interval": "It holds what endless samples and examples would give, at this number of "
    "them, with 95 %.",
    "real examples": "The reference: the same figure of real examples against other real ones, "
    "mean over 20 halvings of them. It is what perfect samples would have, so read each value "
    "against it.",
}
KNOWN_TABLES = ("probes", "disentanglement", "fidelity", "ess", "notes")
TABLES = {"fidelity": "The samples"}
TABLE_HELP = {
    "fidelity": "How well samples of the prior pass for examples of the split, in principal "
    "components of the training examples. What is compared is pixels, or features: a blurred "
    "picture may score well.",
}
NOT_FULL = "Not asked for: switch All figures on and press Evaluate."
EARLIER = "This result is of an earlier version. Press Evaluate to make it anew."
NO_SAMPLES = "Not asked for: choose K above 0 and press Evaluate."
COLUMNS = ("figure", "value", "se", "low", "high", "chance", "unit", "note")


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def thousandths(value: float) -> str:
    """Three digits behind the point, or four in all where it is large."""
    return f"{value:.3f}" if abs(value) < 10 else number(value)


def said(record: Evaluation, name: str, latents: int) -> tuple[str, str]:
    """The value of a figure and what stands below it: error, unit, samples."""
    value = getattr(record, name)
    figure = (BOUND | LATENTS)[name]
    if value is None:
        return "not defined", ""
    if name == "active_units":
        ends = record.active_units_interval
        low, high = ends or (value, value)
        return f"{value} of {latents}", f"{low} to {high} latents" if low < high else "latents"
    if name == "ess":
        worst = value["smallest"] * (record.nll_samples or 0)
        return f"{value['mean']:.1f} of {record.nll_samples}", f"smallest {worst:.1f}"
    text, error = with_error(value, getattr(record, f"{name}_se", None))
    below = f"± {error} {figure.unit}" if error else figure.unit
    return text, below + (f", K = {record.nll_samples}" if name == "nll" else "")


def reasons(record: Evaluation, names: Sequence[str]) -> list[str]:
    """Which of these figures are not defined and why, each reason once, as Markdown."""
    found: dict[str, list[str]] = {}
    for name in names:
        if getattr(record, name) is None:
            why = record.notes.get(name, EARLIER)
            found.setdefault(why, []).append(title_of(name))
    return [
        f"**{', '.join(titles)}**{'' if why.startswith('Not ') else ' not defined'}: {why}"
        for why, titles in found.items()
    ]


def caveats(record: Evaluation, names: Sequence[str]) -> dict[str, str]:
    """What to beware of in those of these figures that are defined: name → sentence."""
    known = [name for name in names if getattr(record, name) is not None]
    return {name: record.notes[name] for name in known if name in record.notes}


def title_of(name: str) -> str:
    """What a field of the record is called."""
    if name in BOUND | LATENTS:
        return (BOUND | LATENTS)[name].title
    own = {"probes": "Probes", "disentanglement": "Disentanglement"}
    own["kl_per_dimension"] = "KL per latent"
    return own.get(name) or TABLES.get(name) or name.replace("_", " ").capitalize()


def tables(record: Evaluation) -> dict[str, Mapping[str, Any] | None]:
    """The tables of figures that have no place of their own: name → rows, None where there are
    none."""
    found = {}
    for name in record._fields:
        value = getattr(record, name)
        table = isinstance(value, dict) and all(isinstance(v, dict) for v in value.values())
        if name not in KNOWN_TABLES and (table or (value is None and name in TABLES)):
            found[name] = value
    return found


def settings(request: EvaluationRequest) -> str:
    """An evaluation's settings in a few words."""
    k = f"K = {request.samples:,}, " if request.samples else ""
    full = "all figures" if request.full else "in short"
    return (
        f"{request.split}, {request.checkpoint} weights, {k}L = {request.elbo_samples:,}, {full}"
    )


def file_name(kept: SavedEvaluation) -> str:
    """What the files of a result are called, without their ending."""
    request = kept.request
    return f"{kept.path.parents[1].name}-{request.checkpoint}-{request.split}-evaluation"


def as_csv(record: Evaluation) -> bytes:
    """Every figure in a row: value, standard error or interval, chance, unit, note."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", extrasaction="ignore")
    writer.writeheader()
    for name in record._fields:
        writer.writerows(_rows(record, name))
    return text.getvalue().encode()


def _rows(record: Evaluation, name: str) -> list[dict[str, Any]]:
    value, note = getattr(record, name), record.notes.get(name, "")
    if name == "notes" or name.endswith(("_se", "_interval")):
        return []
    if name == "kl_per_dimension" and value is not None:
        names = [f"kl z{d + 1}" for d in range(len(value))]
        errors = record.kl_per_dimension_se or (None,) * len(value)
        return [
            {"figure": n, "value": v, "se": se, "unit": "nats"}
            for n, v, se in zip(names, value, errors, strict=True)
        ]
    if isinstance(value, dict):
        return [
            {"figure": f"{name} {key}", "note": note}
            | (row if isinstance(row, dict) else {"value": row})
            for key, row in value.items()
        ]
    figure = (BOUND | LATENTS).get(name)
    unit = "" if figure is None or name == "active_units" else figure.unit
    se = getattr(record, f"{name}_se", None)
    ends = dict(
        zip(("low", "high"), getattr(record, f"{name}_interval", None) or (), strict=False)
    )
    return [{"figure": name, "value": value, "se": se, "unit": unit, "note": note} | ends]
