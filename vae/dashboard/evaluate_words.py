"""What an evaluation says, in words: every figure's title, unit and help, its digits and its file.

Nothing here knows a screen.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from vae.figures.yardstick import with_error
from vae.records import Evaluation
from vae.worker.evaluating import Kept, Wanted


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
        "Few mean that −ln p(x) is too high.",
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
        "et al. 2016). The others carry nothing. A count, exact for these examples.",
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
KNOWN_TABLES = ("probes", "disentanglement", "ess", "notes")
TABLES = {"fidelity": "The samples"}
TABLE_HELP = {
    "fidelity": "How well samples of the prior pass for held-out examples. Intervals are of 95 % "
    "where low and high are given; se is one standard error.",
}
NOT_FULL = "Not asked for: switch Full on and press Evaluate."
EARLIER = "This result is of an earlier version. Press Evaluate to make it anew."
NO_SAMPLES = "Not asked for: choose K above 0 and press Evaluate."
COLUMNS = ("figure", "value", "se", "low", "high", "chance", "unit", "note")


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def said(record: Evaluation, name: str, latents: int) -> tuple[str, str]:
    """The value of a figure and what stands below it: error, unit, samples."""
    value = getattr(record, name)
    figure = (BOUND | LATENTS)[name]
    if value is None:
        return "not defined", ""
    if name == "active_units":
        return f"{value} of {latents}", "latents"
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


def settings(wanted: Wanted) -> str:
    """An evaluation's settings in a few words."""
    k = f"K = {wanted.samples:,}, " if wanted.samples else ""
    full = "full" if wanted.full else "in short"
    return f"{wanted.split}, {wanted.checkpoint} weights, {k}L = {wanted.elbo_samples:,}, {full}"


def file_name(kept: Kept) -> str:
    """What the files of a result are called, without their ending."""
    wanted = kept.wanted
    return f"{kept.path.parents[1].name}-{wanted.checkpoint}-{wanted.split}-evaluation"


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
    if name == "notes" or name.endswith("_se"):
        return []
    if name == "kl_per_dimension" and value is not None:
        names = [f"kl z{d + 1}" for d in range(len(value))]
        return [
            {"figure": n, "value": v, "unit": "nats"} for n, v in zip(names, value, strict=True)
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
    return [{"figure": name, "value": value, "se": se, "unit": unit, "note": note}]
