"""Held-out ELBO of counts beside scvi-tools: the same cells, network sizes and number of steps.

    python -m tests.benchmarks.counts [--scvi PYTHON] [--seeds 5] [--epochs 100] [--cells 1500]

`--scvi` names a Python that has scvi-tools (Lopez et al. 2018). Each seed simulates new cells:
negative binomial counts of 200 genes whose shares depend on two latents, a tenth of them lost,
with depths that vary 10-fold. A fifth of the cells is held out. Both models have one hidden layer
of 128 units in encoder and decoder, 10 latents, batches of 128, a learning rate of 1e-3, the
observed library size and the weights of the last epoch. The rest is as each library ships it.

    ours        VAE Lab with library_size observed
    scvi        scvi-tools with dropout 0.1, batch normalisation, and a KL weight that rises from 0
                to 1 over 400 epochs
    scvi, even  the same without dropout and with the KL weight 1 from the start, as ours
    no offset   VAE Lab with library_size none: its nats pay for the depth too

The ELBO is that of ln p(x|ℓ), nats per cell: minus the mean over the held-out cells and 10 draws
of z ~ q(z|x) of −ln p(x|z, ℓ) + KL(q(z|x) ‖ N(0, I)). That of scvi-tools is the mean of as many
calls of its `get_elbo`, each with one draw. Printed: the mean over the seeds, and the mean
difference from ours with its 95 % interval over the paired seeds.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

LIKELIHOODS = {  # ours → the name in scvi-tools
    "poisson": "poisson",
    "negative-binomial": "nb",
    "zero-inflated-negative-binomial": "zinb",
}
GENES, LATENTS, HIDDEN, BATCH, DRAWS = 200, 10, 128, 128, 10
WAYS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # options of the model, of training
    "scvi": ({}, {}),
    "scvi, even": ({"dropout_rate": 0.0}, {"n_epochs_kl_warmup": None}),
}
Table = dict[str, dict[str, float]]


def config_of(likelihood: str, size: str, seed: int, epochs: int) -> Any:
    from vae.config import RunConfig

    return RunConfig.of(
        likelihood=likelihood,
        library_size=size,
        seed=seed,
        epochs=epochs,
        latent_dim=LATENTS,
        hidden=(HIDDEN,),
        batch_size=BATCH,
        lr=1e-3,
        val_share=0.0,
        test_share=0.2,
        device="cpu",
        frames=0,
    )


def ours(data: Any, config: Any) -> float:
    """Return the ELBO of the held-out cells."""
    import torch

    from vae.base.records import Snapshot
    from vae.batches import Batches
    from vae.evaluation import evaluate
    from vae.model import build
    from vae.training import train

    (*_, end) = train(config, data)
    assert isinstance(end, Snapshot)
    model = build(config, config.domain(data))
    weights = {k[6:]: v for k, v in end.arrays.items() if k.startswith("model.")}
    model.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
    batches = Batches(data, config.split(data).test, config, torch.device("cpu"))
    return float(evaluate(model, batches, elbo_samples=DRAWS).elbo)


def theirs(file: Path, seed: int, epochs: int) -> Table:
    """Return the ELBO of the held-out cells by likelihood and way; runs in the Python of scvi."""
    import anndata
    import numpy as np
    import scvi

    with np.load(file) as arrays:
        x, train, test = (arrays[name] for name in ("x", "train", "test"))
    cells = anndata.AnnData(x)
    scvi.model.SCVI.setup_anndata(cells)
    found: Table = {}
    for likelihood, gene_likelihood in LIKELIHOODS.items():
        found[likelihood] = {}
        for way, (options, plan) in WAYS.items():
            scvi.settings.seed = seed
            sizes = {"n_hidden": HIDDEN, "n_latent": LATENTS, "n_layers": 1}
            model = scvi.model.SCVI(cells, gene_likelihood=gene_likelihood, **sizes, **options)
            model.train(
                max_epochs=epochs,
                batch_size=BATCH,
                accelerator="cpu",
                enable_progress_bar=False,
                plan_kwargs={"lr": 1e-3, **plan},
                datasplitter_kwargs={"external_indexing": [train, np.empty(0, int), test]},
            )
            draws = [float(model.get_elbo(indices=test)) for _ in range(DRAWS)]
            found[likelihood][way] = sum(draws) / DRAWS
    return found


def peer_table(python: str, data: Any, config: Any) -> Table:
    """Return the ELBOs of scvi-tools on the split of a configuration."""
    import numpy as np

    splits = config.split(data)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "cells.npz")
        np.savez(file, x=data.x, train=splits.train, test=splits.test)
        job = ("--peer", str(file), str(config.seed), str(config.epochs))
        command = [python, str(Path(__file__).resolve()), *job]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        raise SystemExit(found.stderr[-2000:])
    table: Table = json.loads(found.stdout.splitlines()[-1])
    return table


def row(name: str, values: list[float], reference: list[float]) -> str:
    """Return mean and, beside other values of the same seeds, the interval of the difference."""
    import numpy as np

    from vae.base.statistics import half_width

    mean = sum(values) / len(values)
    text = f"    {name:<12}{mean:>12.2f}"
    if values == reference:
        return text
    gaps = [a - b for a, b in zip(values, reference, strict=True)]
    gap = sum(gaps) / len(gaps)
    return f"{text}{gap:>+10.2f} ± {half_width(np.array(gaps)):.2f}"


def measured(args: argparse.Namespace, seed: int) -> Table:
    """Return the ELBO of each model on the cells of a seed: likelihood → model → value."""
    from tests.cells import cells

    data = cells(args.cells, GENES, (500, 5000), seed, dispersion=0.3, dropout=0.1).data
    found: Table = {}
    for likelihood in LIKELIHOODS:
        for name, size in (("ours", "observed"), ("no offset", "none")):
            config = config_of(likelihood, size, seed, args.epochs)
            found.setdefault(likelihood, {})[name] = ours(data, config)
    peer = peer_table(args.scvi, data, config) if args.scvi else {}
    return {name: values | peer.get(name, {}) for name, values in found.items()}


def measure(args: argparse.Namespace) -> None:
    """Train all models for every seed and print the table."""
    tables = []
    for seed in range(args.seeds):
        tables.append(measured(args, seed))
        print(json.dumps(tables[-1]), file=sys.stderr, flush=True)
    print(f"{'':4}{'nats per cell':<12}{'ELBO':>11}{'minus ours (95 %)':>20}")
    for likelihood in LIKELIHOODS:
        print(likelihood)
        reference = [table[likelihood]["ours"] for table in tables]
        for name in tables[0][likelihood]:
            print(row(name, [table[likelihood][name] for table in tables], reference))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scvi", metavar="PYTHON", help="a Python that has scvi-tools")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--cells", type=int, default=1500)
    parser.add_argument("--peer", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        file, seed, epochs = args.peer
        print(json.dumps(theirs(Path(file), int(seed), int(epochs))))
    else:
        measure(args)


if __name__ == "__main__":
    main()
