"""What a run's folder says of it, as a report needs it: how far it came, and what was judged."""

from typing import Any

from vae.base import files
from vae.base.records import Change, Evaluation
from vae.experiments.configurations import Entry, Figures
from vae.runs import Run
from vae.runs.notes import read
from vae.worker.evaluate import Kept, kept


def entry(run: Run) -> Entry:
    """A run as it is listed; without settings, and with the problem, where they cannot be read."""
    said = read(run.path)._asdict()
    status = run.status()
    try:
        header, settings, _ = run.header, run.settings, run.config
    except ValueError as error:
        return Entry(run.name, {}, problem=str(error), state=status.state, **said)
    data = header["data"]
    return Entry(
        run.name,
        settings,
        str(data["name"]),
        str(data["fingerprint"]),
        str(header.get("created", "")),
        tuple(Change(c.step, c.field, c.value) for c in run.changes()),
        _validated(run),
        _tested(run),
        epochs=status.epoch,
        seconds=status.seconds,
        state=status.state,
        **said,
    )


def _validated(run: Run) -> Figures:
    """The best report on validation data: by ELBO, else by reconstruction."""
    held = [r for r in run.reports() if r["split"] == "val"]
    best = max(held, key=_rank, default=None)
    if best is None:
        return Figures()
    return Figures(best.get("elbo"), best["reconstruction"], best.get("kl"), epoch=best["epoch"])


def _rank(report: dict[str, Any]) -> float:
    elbo = report.get("elbo")
    return float(-report["reconstruction"] if elbo is None else elbo)


def evaluations(run: Run) -> list[Kept]:
    """The newest evaluation of each split that is kept of the present best weights."""
    try:
        step = files.read_meta(run.weights_path("best")).get("step")
    except (ValueError, OSError):
        return []
    found: dict[str, Kept] = {}
    for one in kept(run):
        if one.wanted.checkpoint == "best" and one.weights.step == step:
            found.setdefault(one.wanted.split, one)
    return list(found.values())


def _tested(run: Run) -> Figures:
    test = next((k.record for k in evaluations(run) if k.wanted.split == "test"), None)
    if test is None:
        return Figures()
    return Figures(test.elbo, test.reconstruction, test.kl, test.nll, test.nll_samples)


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
