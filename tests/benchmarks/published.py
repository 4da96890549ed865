"""Burda et al. 2016, table 1, one stochastic layer, on a shortened schedule: the order of the
results.

    python -m tests.benchmarks.published --data train-images-idx3-ubyte.gz [--epochs 20]

Their recipe: 784-200-200-50-200-200-784 with tanh, Bernoulli, binarized again for every batch,
Adam with ε = 1e-4, batches of 20, the learning rate 0.001 · 10^(-i/7) in stage i of the staircase,
3,280 epochs. Here the staircase is spread over `--epochs`, and batches may be larger. Printed: -ln
p(x) on the test part with `--samples` importance samples, in nats, and the active units.
"""

import argparse
from typing import Any

import torch

from tests.benchmarks.every_choice import judged
from vae.config import RunConfig
from vae.data import load

RECIPE = {
    "network": "mlp",
    "hidden": (200, 200),
    "activation": "tanh",
    "latent_dim": 50,
    "binarize": "stochastic",
    "adam_eps": 1e-4,
    "lr": 1e-3,
    "lr_schedule": "staircase",
    "frames": 0,
}
RUNS: dict[str, dict[str, Any]] = {
    "VAE, 1 sample": {},
    "VAE, 5 samples": {"posterior_samples": 5},
    "VAE, 50 samples": {"posterior_samples": 50},
    "IWAE, 5 samples": {"objective": "iwae", "posterior_samples": 5},
    "IWAE, 50 samples": {"objective": "iwae", "posterior_samples": 50},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=20)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="rows whose name contains this")
    args = parser.parse_args()
    torch.set_num_threads(1)
    data = load(args.data)
    more = {"epochs": args.epochs, "batch_size": args.batch_size, "seed": args.seed}
    for name, settings in RUNS.items():
        if args.only not in name:
            continue
        config = RunConfig.of(data=args.data, val_share=0.0, **RECIPE, **more, **settings)
        record, seconds = judged(
            config, data, args.samples, "model"
        )  # as trained, not as the ELBO chooses
        print(
            f"{name:<18} -ln p(x) {record.nll:8.2f}  -ELBO {-record.elbo:8.2f}  "
            f"KL {record.kl:6.2f}  active units {record.active_units:3d}  {seconds:6.1f} s/epoch",
            flush=True,
        )


if __name__ == "__main__":
    main()
