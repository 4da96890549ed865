"""Codebook of a quantised posterior beside vector-quantize-pytorch: the quantiser alone differs.

    python -m tests.benchmarks.codebook [--peer PYTHON] [--seeds 5] [--epochs 40] [--codes 64]

`--peer` names a Python that has vector-quantize-pytorch and the requirements of VAE Lab. Both
train encoder and decoder of the same initial weights on the same batches of the digits: one
hidden layer of 128 units, 16 latents as one group, AdamW as a run has it by default, the
cross-entropy of the grey values, and the weights of the last epoch.

    ours        VAE Lab as it ships: decay .99, revival below a tenth of even use, commitment .25
    no revival  VAE Lab with code_revival 0
    as shipped  VectorQuantize with decay .8, commitment 1 (mean over the dimensions), no revival
    even        VectorQuantize with our decay, commitment and threshold of revival, and the
                straight-through gradient
    k-means     "even", with codes from k-means of the first batch

Printed, on the held-out fifth: reconstruction in nats per example, perplexity of the codes over
the whole split and unused codes; means over the seeds, and the mean difference of the
reconstruction from ours with its 95 % interval over the paired seeds.
"""

import argparse
import json
import subprocess
import sys
from typing import Any

LATENTS = 16
OURS: dict[str, dict[str, Any]] = {"ours": {}, "no revival": {"code_revival": 0.0}}
PEERS = ("as shipped", "even", "k-means")
Row = dict[str, float]


def config_of(seed: int, epochs: int, codes: int, **settings: Any) -> Any:
    from vae.config import RunConfig

    return RunConfig.of(
        data="digits",
        posterior="quantised",
        objective="reconstruction",
        likelihood="bernoulli",
        hidden=(128,),
        latent_dim=LATENTS,
        codes=codes,
        seed=seed,
        epochs=epochs,
        val_share=0.0,
        test_share=0.2,
        device="cpu",
        threads=1,
        frames=0,
        **settings,
    )


def state_of(config: Any) -> Any:
    import torch

    from vae.data import load
    from vae.training.steps import State

    torch.set_num_threads(1)
    data = load(config.data)
    return State(config, config.domain(data), data, config.split(data), torch.device("cpu"))


def measured(state: Any, quantised: Any) -> Row:
    """Return the figures of the held-out examples; `quantised` maps z to its vectors and codes."""
    import torch

    from vae.batches import Batches
    from vae.components.quantised import code_figures
    from vae.data import load

    data = load(state.config.data)
    test = state.config.split(data).test
    with torch.no_grad():
        x = Batches(data, test, state.config, state.device).fixed(0).x
        z = state.model.encoder(x)
        vectors, codes = quantised(z)
        logits = state.model.decoder(vectors).flatten(1)
        bce = torch.nn.functional.binary_cross_entropy_with_logits
        error = bce(logits, x.flatten(1), reduction="sum") / len(x)
        shares = torch.bincount(codes, minlength=state.config.codes) / len(x)
    return {"reconstruction": float(error)} | code_figures(shares[None])


def ours(config: Any) -> Row:
    from vae.training.steps import next_rows, train_step

    state = state_of(config)
    for _ in range(state.plan.steps):
        train_step(state, next_rows(state))
    codes = state.model.codes
    return measured(state, lambda z: (codes.decoder_input(z), codes.nearest(z)[0]))


def peer_layer(way: str, config: Any) -> Any:
    from vector_quantize_pytorch import VectorQuantize

    if way == "as shipped":
        return VectorQuantize(LATENTS, config.codes)
    return VectorQuantize(
        LATENTS,
        config.codes,
        decay=config.code_decay,
        commitment_weight=config.commitment * LATENTS,  # its distance is a mean over dimensions
        threshold_ema_dead_code=config.code_revival * config.batch_size / config.codes,
        kmeans_init=way == "k-means",
        rotation_trick=False,
    )


def peer(way: str, config: Any) -> Row:
    import torch

    from vae.training.steps import next_rows

    state = state_of(config)
    model, layer = state.model, peer_layer(way, config)
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    for step in range(state.plan.steps):
        torch.manual_seed(1000 * config.seed + step)
        x = state.batches.take(next_rows(state)).x
        vectors, _, commitment = layer(model.encoder(x))
        logits = model.decoder(vectors).flatten(1)
        loss = bce(logits, x.flatten(1), reduction="sum") / len(x) + commitment.sum()
        state.optimizer.zero_grad()
        loss.backward()
        state.optimizer.step()
        state.step += 1
    layer.eval()
    return measured(state, lambda z: layer(z)[:2])


def peer_rows(args: argparse.Namespace) -> dict[str, list[Row]]:
    configs = [config_of(seed, args.epochs, args.codes) for seed in range(args.seeds)]
    return {way: [peer(way, config) for config in configs] for way in PEERS}


def from_peer(args: argparse.Namespace) -> dict[str, list[Row]]:
    """Return the rows that the other Python computes."""
    command = [args.peer, "-m", "tests.benchmarks.codebook", "--as-peer"]
    for name in ("seeds", "epochs", "codes"):
        command += [f"--{name}", str(getattr(args, name))]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, list[Row]] = json.loads(done.stdout.splitlines()[-1])
    return found


def table(rows: dict[str, list[Row]]) -> str:
    import numpy as np
    from scipy import stats

    lines = [f"{'':<12}{'nats':>8}{'perplexity':>12}{'unused':>8}   − ours, 95 % interval"]
    base = np.array([row["reconstruction"] for row in rows["ours"]])
    for way, found in rows.items():
        each = {name: np.array([row[name] for row in found]) for name in found[0]}
        gap = each["reconstruction"] - base
        reach = stats.t.ppf(0.975, len(gap) - 1) * gap.std(ddof=1) / len(gap) ** 0.5
        interval = "" if way == "ours" else f"{gap.mean():+.2f} ± {reach:.2f}"
        lines.append(
            f"{way:<12}{each['reconstruction'].mean():>8.2f}{each['perplexity'].mean():>12.1f}"
            f"{each['unused_codes'].mean():>8.1f}   {interval}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peer", default="")
    parser.add_argument("--as-peer", action="store_true")
    for name, default in (("seeds", 5), ("epochs", 40), ("codes", 64)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    if args.as_peer:
        print(json.dumps(peer_rows(args)))
        return
    rows = {
        way: [ours(config_of(s, args.epochs, args.codes, **more)) for s in range(args.seeds)]
        for way, more in OURS.items()
    }
    if args.peer:
        rows |= from_peer(args)
    print(table(rows))


if __name__ == "__main__":
    sys.exit(main())
