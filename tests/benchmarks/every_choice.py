"""The results of each objective, likelihood, prior and posterior: a table over three seeds.

    python -m tests.benchmarks.every_choice [--data digits] [--seeds 3] [--only iwae]

One setting is changed at a time, the rest stays as in `BASE`, on data that are binarized for every
batch again; the likelihoods receive the grey values. Every row: test ELBO, reconstruction and KL
in nats per example, -ln p(x) by importance sampling where the likelihood is one, active units,
seconds an epoch; mean ± standard deviation over the seeds. Values under different likelihoods are
not comparable with each other; bits per dimension are, between probabilities of the same data.
"""

import argparse
from typing import Any, NamedTuple

import numpy as np
import torch

from vae.base.records import Evaluation, Report, Snapshot
from vae.batches import Batches
from vae.components.likelihoods import LIKELIHOODS
from vae.components.objectives import OBJECTIVES
from vae.components.posteriors import POSTERIORS
from vae.components.priors import PRIORS
from vae.config import RunConfig
from vae.data import Dataset, load
from vae.evaluation import evaluate
from vae.model import VAE, build
from vae.training import train

BASE = {"latent_dim": 8, "hidden": (256, 128), "batch_size": 64, "frames": 0, "device": "cpu"}
COLUMNS = ("elbo", "reconstruction", "kl", "nll", "bits_per_dimension", "active_units")


class Row(NamedTuple):
    """One line of the table."""

    table: str
    name: str
    settings: dict[str, Any]


def rows() -> list[Row]:
    """Return every row of every table, with the settings that it requires."""
    found = [Row("objective", name, _objective(name)) for name in OBJECTIVES]
    found += [
        Row("objective", "elbo, 50 samples", {"posterior_samples": 50}),
        Row("objective", "iwae, 50 samples", {"objective": "iwae", "posterior_samples": 50}),
        Row("objective", "iwae, 50 samples, doubly", _doubly()),
        Row("objective", "elbo, β = 4", {"beta": 4.0}),
    ]
    binary = {"binarize": "stochastic"}  # counts 0 and 1
    found += [
        Row("likelihood", n, {"likelihood": n} | (binary if row.support == "counts" else {}))
        for n, row in LIKELIHOODS.items()
        if row.support != "columns"  # mixed_table.py
    ]
    found += [Row("likelihood", "bernoulli, binarized", {"binarize": "stochastic"})]
    found += [
        Row("posterior", n, {"posterior": n} | ({} if p.has_density else _objective("wae")))
        for n, p in POSTERIORS.items()
    ]
    found += [Row("prior", name, {"prior": name}) for name in PRIORS]
    return [*found, Row("condition", "labels", {"condition": "labels"})]


def _objective(name: str) -> dict[str, Any]:
    return {"objective": name} | ({"posterior_samples": 5} if name == "iwae" else {})


def _doubly() -> dict[str, Any]:
    return {"objective": "iwae", "posterior_samples": 50, "gradient": "doubly"}


def trained(config: RunConfig, data: Dataset, weights: str) -> tuple[VAE, float]:
    """Return the model with the "best" weights by validation ELBO or with the last ("model"), and
    the seconds per epoch."""
    reports, end = [], None
    for event in train(config, data):
        if isinstance(event, Report):
            reports.append(event)
        if isinstance(event, Snapshot):
            end = event
    assert end is not None
    model = build(config, config.domain(data))
    prefix = f"{weights}."
    kept = {k.removeprefix(prefix): v for k, v in end.arrays.items() if k.startswith(prefix)}
    model.load_state_dict({k: torch.from_numpy(v) for k, v in kept.items()})
    return model.eval(), reports[-1].seconds / reports[-1].epoch


def judged(
    config: RunConfig, data: Dataset, samples: int, weights: str = "best"
) -> tuple[Evaluation, float]:
    """Return a run's values on the test examples, and the seconds per epoch."""
    model, seconds = trained(config, data, weights)
    held = config.split(data).test
    with torch.no_grad():
        batches = Batches(data, held, config, torch.device("cpu"))
        return evaluate(model, batches, elbo_samples=20, nll_samples=samples), seconds


def _line(row: Row, found: list[tuple[Evaluation, float]]) -> str:
    cells = []
    for name in COLUMNS:
        values = [getattr(record, name) for record, _ in found]
        if None in values:
            cells.append(f"{'–':>16}")
        else:
            cells.append(f"{np.mean(values):9.2f} ±{np.std(values, ddof=1):5.2f}")
    seconds = np.median([s for _, s in found])
    return f"{row.table:<10} {row.name:<26} {' '.join(cells)} {seconds:7.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="digits")
    parser.add_argument("--examples", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=200, help="importance samples")
    parser.add_argument("--only", default="", help="rows whose table or name contains this")
    args = parser.parse_args()
    torch.set_num_threads(1)
    data = load(args.data, examples=args.examples)
    heads = " ".join(f"{name:>16}" for name in COLUMNS)
    print(f"{'table':<10} {'row':<26} {heads} s/epoch", flush=True)
    for row in rows():
        if args.only not in f"{row.table} {row.name}":
            continue
        base = BASE | {"data": args.data, "examples": args.examples, "epochs": args.epochs}
        if row.table != "likelihood":
            base["binarize"] = "stochastic"  # so that Bernoulli is a likelihood
        configs = [RunConfig.of(**base, seed=s, **row.settings) for s in range(args.seeds)]
        found = [judged(config, data, args.samples) for config in configs]
        print(_line(row, found), flush=True)


if __name__ == "__main__":
    main()
