"""The measures of an evaluation as rows of a table, for a report."""

from vae.base.records import Evaluation

TITLES = {
    "elbo": "ELBO",
    "reconstruction": "Reconstruction, −E[ln p(x|z)]",
    "kl": "KL(q(z|x) ‖ p(z))",
    "nll": "−ln p(x)",
    "bits_per_dimension": "Bits per dimension",
    "active_units": "Active units",
    "mutual_information": "Mutual information I(x; z)",
    "aggregate_kl": "KL(q(z) ‖ p(z))",
}
KEYS = {"knn": "k-NN", "squared_frechet": "squared Fréchet distance"}  # the others: as they are
UNITS = {"active_units": "latents", "bits_per_dimension": "bits"}  # of the others: nats
TABLES = {
    "probes": ("Probe", "accuracy, a share"),
    "disentanglement": ("Disentanglement", "score, 1 is best"),
    "fidelity": ("Samples", "share"),
}
UNITLESS = {"density": "no unit", "squared_frechet": "squared units of x"}


def rows(record: Evaluation) -> list[tuple[str, float | int, str, str]]:
    """Every figure that is defined: (what, value, error or 95 % interval, unit)."""
    found: list[tuple[str, float | int, str, str]] = []
    for name, title in TITLES.items():
        value = getattr(record, name)
        if value is not None:
            k = f", K = {record.nll_samples:,}" if name == "nll" and record.nll_samples else ""
            found.append((title + k, value, _error(record, name), UNITS.get(name, "nats")))
    if record.ess is not None:
        worst = f"smallest {record.ess['smallest'] * (record.nll_samples or 0):.4g}"
        found.append(("Effective samples", record.ess["mean"], worst, f"of {record.nll_samples}"))
    for name, (title, unit) in TABLES.items():
        for key, row in (getattr(record, name) or {}).items():
            told = f"{title}: {KEYS.get(key, key.replace('_', ' '))}"
            own = UNITLESS.get(key, "share") if name == "fidelity" else unit
            found.append((told, row["value"], _ends(row), own))
    return found


def _error(record: Evaluation, name: str) -> str:
    if name == "active_units":
        ends = record.active_units_interval
        return f"{ends[0]} to {ends[1]}" if ends else ""
    se = getattr(record, f"{name}_se", None)
    return "" if se is None else f"± {se:.2g}"


def _ends(row: dict[str, float]) -> str:
    """The interval of a score, and what it is by chance or of real examples."""
    beside = {"chance": "chance", "reference": "real examples"}
    told = [f"{word} {row[key]:.3g}" for key, word in beside.items() if key in row]
    if "low" in row:
        told.insert(0, f"{row['low']:.3g} to {row['high']:.3g}")
    elif row.get("se") is not None:
        told.insert(0, f"± {row['se']:.2g}")
    return "; ".join(told)
