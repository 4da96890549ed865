"""The speed of training beside other loops, also beside a dashboard or a busy core.

    python tests/benchmarks/training_speed.py [--data FILE] [--rounds 5] [--jax PYTHON]
                                              [--pythae PYTHON] [--loops simple,worker,…]
                                              [--network mlp|conv] [--dashboard] [--busy]

The network mlp is that of pytorch/examples, 784-400-20-400-784; conv has two strided 3×3
convolutions to 32 and 64 channels, and their mirror. Both: Bernoulli, Adam 1e-3, batch 128. Each
loop runs in a separate process, in turns, and each round gives one ratio to the simple loop. The
second figure, processor seconds, depends less on other processes of the machine.

    simple      the best short loop: bytes in memory, one fused layer for mu and ln sigma²,
                cross-entropy with logits, fused Adam, no `.item()`; no reports, files or checks
    worker      ours with all its bookkeeping, recording into a run folder
    autograd    the same, with the gradient of autograd
    bf16        the same, with matrix products in bfloat16
    example     a loop like that of pytorch/examples: a picture at a time from a DataLoader
    jax         a jitted scan over an epoch (`--jax`: a Python that has JAX)
    pythae      the trainer of pythae (`--pythae`: a Python that has it)
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[2]))
EXAMPLES, SIDE, BATCH = 60_000, 28, 128


def arrays(path: str | None) -> Any:
    """uint8 (N, 1, 28, 28): the file's, or grey noise of the same shape."""
    import numpy as np

    if path:
        from vae.data import load

        return load(path).x[:EXAMPLES]
    noise = np.random.default_rng(0).integers(0, 256, (EXAMPLES, 1, SIDE, SIDE))
    return noise.astype(np.uint8)


class Rate(NamedTuple):
    """The speed of a loop."""

    images: float  # a second
    cpu: float  # seconds of the processor for 1,000 images


class Meter:
    """Counts the images of a loop after its first steps, for some seconds."""

    def __init__(self, seconds: float, warm: int = 50) -> None:
        self.seconds, self.warm, self.done = seconds, warm, 0
        self.began = self.cpu = 0.0

    def count(self, images: int) -> Rate | None:
        """Count the images of a step. Return the rate at the end."""
        self.warm -= 1
        if self.warm == 0:
            self.began, self.cpu = time.perf_counter(), time.process_time()
        if self.warm >= 0:
            return None
        self.done += images
        elapsed = time.perf_counter() - self.began
        if elapsed < self.seconds:
            return None
        return Rate(self.done / elapsed, 1000 * (time.process_time() - self.cpu) / self.done)


def bodies(network: str) -> tuple[Any, Any]:
    """Encoder (B, 784) → (B, 40) and decoder (B, 20) → (B, 784) in plain PyTorch."""
    from torch import nn

    if network == "mlp":
        return (
            nn.Sequential(nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 40)),
            nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784)),
        )
    return (
        nn.Sequential(
            nn.Unflatten(1, (1, SIDE, SIDE)),
            *(nn.Conv2d(1, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(3136, 40)),
        ),
        nn.Sequential(
            *(nn.Linear(20, 3136), nn.Unflatten(1, (64, 7, 7)), nn.ReLU()),
            *(nn.ConvTranspose2d(64, 32, 3, 2, 1, 1), nn.ReLU()),
            *(nn.ConvTranspose2d(32, 1, 3, 2, 1, 1), nn.Flatten()),
        ),
    )


def simple(path: str | None, seconds: float, root: str, network: str) -> Rate:
    """The best simple loop."""
    import torch
    import torch.nn.functional as F

    x = torch.from_numpy(arrays(path)).flatten(1)
    encoder, decoder = bodies(network)
    weights = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(weights, lr=1e-3, fused=True)
    meter = Meter(seconds)
    while True:
        order = torch.randperm(len(x))
        for i in range(0, len(x), BATCH):
            rows = order[i : i + BATCH]
            batch = x.index_select(0, rows).float().div_(255)
            mu, log_var = encoder(batch).chunk(2, dim=1)
            z = mu + torch.exp(0.5 * log_var) * torch.randn_like(mu)
            error = F.binary_cross_entropy_with_logits(decoder(z), batch, reduction="sum")
            kl = -0.5 * (1 + log_var - mu.square() - log_var.exp()).sum()
            optimizer.zero_grad(set_to_none=True)
            ((error + kl) / len(rows)).backward()
            optimizer.step()
            if rate := meter.count(len(rows)):
                return rate


def example(path: str | None, seconds: float, root: str, network: str) -> Rate:
    """A loop like that of pytorch/examples: every picture becomes a tensor by itself."""
    import numpy as np
    import torch
    import torch.nn.functional as F
    from PIL import Image
    from torch import nn
    from torch.utils.data import DataLoader, Dataset

    pictures = arrays(path)[:, 0]

    class Pictures(Dataset):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return len(pictures)

        def __getitem__(self, index: int) -> torch.Tensor:
            picture = Image.fromarray(pictures[index], mode="L")
            return torch.from_numpy(np.array(picture)).unsqueeze(0).float().div(255)

    first, mean, log_variance = nn.Linear(784, 400), nn.Linear(400, 20), nn.Linear(400, 20)
    third, last = nn.Linear(20, 400), nn.Linear(400, 784)
    modules = nn.ModuleList([first, mean, log_variance, third, last])
    optimizer = torch.optim.Adam(modules.parameters(), lr=1e-3)
    meter = Meter(seconds)
    while True:
        for batch in DataLoader(Pictures(), BATCH, shuffle=True, num_workers=0):
            x = batch.view(-1, 784)
            optimizer.zero_grad()
            h = F.relu(first(x))
            mu, log_var = mean(h), log_variance(h)
            sd = torch.exp(0.5 * log_var)
            z = mu + torch.randn_like(sd) * sd
            y = torch.sigmoid(last(F.relu(third(z))))
            error = F.binary_cross_entropy(y, x, reduction="sum")
            loss = error - 0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp())
            loss.backward()
            loss.item()
            optimizer.step()
            if rate := meter.count(len(x)):
                return rate


def jax_bodies(network: str, key: Any) -> tuple[Any, Any, Any]:
    """Weights, encoder and decoder as in `bodies`, in JAX: pictures as height, width, channel."""
    import jax.numpy as jnp
    from jax import lax, random
    from jax.nn import relu

    shapes: list[tuple[int, ...]]
    if network == "mlp":
        shapes = [(784, 400), (400, 40), (20, 400), (400, 784)]
    else:
        shapes = [(3, 3, 1, 32), (3, 3, 32, 64), (3136, 40)]
        shapes += [(20, 3136), (3, 3, 64, 32), (3, 3, 32, 1)]

    def drawn(key: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
        bound = float(jnp.prod(jnp.array(shape[:-1]))) ** -0.5
        return random.uniform(key, shape, minval=-bound, maxval=bound), jnp.zeros(shape[-1])

    def half(x: Any, w: Any) -> Any:
        kinds = ("NHWC", "HWIO", "NHWC")
        return lax.conv_general_dilated(x, w, (2, 2), ((1, 1), (1, 1)), dimension_numbers=kinds)

    def double(x: Any, w: Any) -> Any:
        kinds, ends = ("NHWC", "HWIO", "NHWC"), ((1, 2), (1, 2))
        return lax.conv_general_dilated(x, w, (1, 1), ends, (2, 2), dimension_numbers=kinds)

    def encode(weights: Any, x: Any) -> Any:
        if network == "mlp":
            (a, b), (c, d) = weights[:2]
            return relu(x @ a + b) @ c + d
        (a, b), (c, d), (e, f) = weights[:3]
        h = relu(half(relu(half(x.reshape(-1, SIDE, SIDE, 1), a) + b), c) + d)
        return h.reshape(len(x), -1) @ e + f

    def decode(weights: Any, z: Any) -> Any:
        if network == "mlp":
            (a, b), (c, d) = weights[2:]
            return relu(z @ a + b) @ c + d
        (a, b), (c, d), (e, f) = weights[3:]
        h = relu(z @ a + b).reshape(-1, 7, 7, 64)
        return (double(relu(double(h, c) + d), e) + f).reshape(len(z), -1)

    keys = random.split(key, len(shapes))
    return [drawn(*each) for each in zip(keys, shapes, strict=True)], encode, decode


def jax(path: str | None, seconds: float, root: str, network: str) -> Rate:
    """A jitted scan over an epoch in JAX, from the arrays that `root` holds."""
    import jax.numpy as jnp
    import numpy as np
    from jax import jit, lax, random, tree, value_and_grad
    from jax.nn import softplus

    data = jnp.asarray(np.load(Path(root) / "x.npy"))
    steps = len(data) // BATCH
    weights, encode, decode = jax_bodies(network, random.key(0))

    def loss(weights: Any, x: Any, key: Any) -> Any:
        mu, log_var = jnp.split(encode(weights, x), 2, axis=1)
        z = mu + jnp.exp(0.5 * log_var) * random.normal(key, mu.shape)
        logits = decode(weights, z)
        error = jnp.sum(softplus(logits) - x * logits)
        return (error - 0.5 * jnp.sum(1 + log_var - mu**2 - jnp.exp(log_var))) / len(x)

    def step(state: Any, given: Any) -> Any:
        weights, mean, square, t = state
        value, slope = value_and_grad(loss)(weights, data[given[0]] / jnp.float32(255), given[1])
        t = t + 1
        mean = tree.map(lambda m, s: 0.9 * m + 0.1 * s, mean, slope)
        square = tree.map(lambda v, s: 0.999 * v + 0.001 * s * s, square, slope)
        rates = 1e-3 / (1 - 0.9**t), 1 - 0.999**t
        weights = tree.map(
            lambda w, m, v: w - rates[0] * m / (jnp.sqrt(v / rates[1]) + 1e-8),
            weights,
            mean,
            square,
        )
        return (weights, mean, square, t), value

    @jit
    def epoch(state: Any, key: Any) -> Any:
        first, second = random.split(key)
        order = random.permutation(first, len(data))[: steps * BATCH].reshape(steps, BATCH)
        return lax.scan(step, state, (order, random.split(second, steps)))

    zeros = tree.map(jnp.zeros_like, weights)
    state, number, meter = (weights, zeros, zeros, jnp.float32(0)), 0, Meter(seconds, warm=1)
    while True:
        state, values = epoch(state, random.key(number))
        values.block_until_ready()
        number += 1
        if rate := meter.count(steps * BATCH):
            return rate


def pythae(path: str | None, seconds: float, root: str, network: str) -> Rate:
    """Short epochs of pythae's trainer on the arrays that `root` holds, with the same network."""
    import numpy as np
    import torch
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    some = np.load(Path(root) / "x.npy")[: 100 * BATCH]  # a short epoch: it has no pause
    x = torch.from_numpy(some).reshape(-1, 1, SIDE, SIDE) / 255
    encoder, decoder = bodies(network)

    class Encoder(BaseEncoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.body = encoder

        def forward(self, x: torch.Tensor) -> Any:
            mean, log_variance = self.body(x.flatten(1)).chunk(2, dim=1)
            return ModelOutput(embedding=mean, log_covariance=log_variance)

    class Decoder(BaseDecoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.body = decoder

        def forward(self, z: torch.Tensor) -> Any:
            y = torch.sigmoid(self.body(z))
            return ModelOutput(reconstruction=y.view(-1, 1, SIDE, SIDE))

    config = VAEConfig(input_dim=(1, SIDE, SIDE), latent_dim=20, reconstruction_loss="bce")
    model = VAE(config, Encoder(), Decoder())
    settings = BaseTrainerConfig(
        output_dir=root,
        num_epochs=1,
        learning_rate=1e-3,
        per_device_train_batch_size=BATCH,
        no_cuda=True,
    )
    trainer = BaseTrainer(model, BaseDataset(x, torch.zeros(len(x))), None, settings)
    trainer.prepare_training()
    meter, number = Meter(seconds, warm=1), 1
    while True:
        trainer.train_step(number)
        number += 1
        if rate := meter.count(len(x)):
            return rate


def autograd(path: str | None, seconds: float, root: str, network: str) -> Rate:
    """A worker that leaves every model to autograd."""
    from vae.training import steps

    steps.is_written = lambda config: False
    return worker(path, seconds, root, network)


def bf16(path: str | None, seconds: float, root: str, network: str) -> Rate:
    """A worker that multiplies matrices in bfloat16."""
    return worker(path, seconds, root, network, precision="bf16")


def worker(path: str | None, seconds: float, root: str, network: str, **more: str) -> Rate:
    """A worker that records everything."""
    from vae.base.records import Tick
    from vae.config import RunConfig
    from vae.data import Dataset, load
    from vae.runs import Run, identity
    from vae.worker.train import train_run

    data = load(path) if path else Dataset("noise", arrays(None), 255.0)
    settings = {"latent_dim": 20, "batch_size": BATCH, "epochs": 100, "lr": 1e-3, **more}
    settings |= {"hidden": "400"} if network == "mlp" else {"channels": "32,64"}
    settings |= {"network": network, "val_share": 0, "test_share": 0}
    config = RunConfig.of(data=path or "digits", **settings)
    claim = {"state": "starting", "heartbeat": time.time(), **identity()}
    run = Run.create(root, config, data, "speed", **claim)
    run.data = lambda: data  # the noise has no name to be loaded by
    events = train_run(run, lambda: None)
    meter, before = Meter(seconds, warm=2), 0
    for event in events:
        if isinstance(event, Tick):
            if rate := meter.count((event.step - before) * BATCH):
                events.close()
                return rate
            before = event.step
    raise RuntimeError("Training ended before it was measured: lower --seconds.")


LOOPS: dict[str, Callable[[str | None, float, str, str], Rate]] = {
    "simple": simple,
    "worker": worker,
    "autograd": autograd,
    "bf16": bf16,
    "example": example,
    "jax": jax,
    "pythae": pythae,
}
BY_WORKER = ("simple", "worker", "autograd", "bf16")  # with the wait policy of a worker


def measure(which: str, args: argparse.Namespace, root: str) -> Rate:
    """Return one measurement, in a separate process."""
    from vae.worker.launcher import ENVIRONMENT

    python = getattr(args, which, None) or sys.executable
    command = [python, str(HERE), "--one", which, "--seconds", str(args.seconds)]
    command += ["--network", args.network, "--root", root] + (
        ["--data", args.data] if args.data else []
    )
    more = ENVIRONMENT if which in BY_WORKER else {}
    done = subprocess.run(
        command, env=os.environ | more, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return Rate(*json.loads(done.stdout.splitlines()[-1]))


@contextmanager
def busy() -> Iterator[None]:
    """Keep one core busy inside the block."""
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        other.kill()
        other.wait()


# The run appears after the page: look again until it is shown
LOOK_AGAIN = """setTimeout(() => {
    if (!document.body.innerText.includes("running")) location.assign("/?run=speed");
}, 3000);"""


def watched(args: argparse.Namespace, root: str) -> Rate:
    """A worker beside the app and a browser that shows the run."""
    from browsing import dashboard  # the Python of a peer may lack its modules

    with dashboard(root, script=LOOK_AGAIN):
        return measure("worker", args, root)


def compare(title: str, args: argparse.Namespace, names: Sequence[str]) -> None:
    """Rounds of the loops in turns; print rates, ratios to the first loop and processor time."""
    import numpy as np

    rates: dict[str, list[Rate]] = {name: [] for name in names}
    for _ in range(args.rounds):
        for name, found in rates.items():
            with tempfile.TemporaryDirectory() as root:
                if name in ("jax", "pythae"):
                    np.save(Path(root) / "x.npy", arrays(args.data).reshape(-1, SIDE * SIDE))
                found.append(
                    watched(args, root) if name == "watched" else measure(name, args, root)
                )
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{title} (load averages at the end {load})")
    for name, found in rates.items():
        pairs = zip(found, rates[names[0]], strict=True)
        ratios = [mine.images / first.images for mine, first in pairs]
        print(
            f"  {name:<10} {statistics.median(r.images for r in found) / 1000:6.1f} k images/s   "
            f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})   "
            f"processor {statistics.median(r.cpu for r in found) * 1000:.1f} ms per 1,000 images",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="an IDX file; grey noise of its shape without it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--jax", metavar="PYTHON", help="a Python that has JAX")
    parser.add_argument("--pythae", metavar="PYTHON", help="a Python that has pythae")
    parser.add_argument("--loops", default=",".join(LOOPS), help="which, the first is ratio 1")
    parser.add_argument("--network", choices=("mlp", "conv"), default="mlp")
    parser.add_argument("--dashboard", action="store_true", help="also with a browser watching")
    parser.add_argument("--busy", action="store_true", help="also with one core busy")
    parser.add_argument("--one", choices=LOOPS, help=argparse.SUPPRESS)
    parser.add_argument("--root", default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(LOOPS[args.one](args.data, args.seconds, args.root, args.network)))
        return
    missing = {peer for peer in ("jax", "pythae") if not getattr(args, peer)}
    if args.network == "conv":  # the example has no convolutions, and only autograd trains them
        missing |= {"example", "autograd"}
    names = [name for name in args.loops.split(",") if name not in missing]
    print(f"{args.network}: {args.rounds} rounds of {args.seconds:g} s for each loop, in turns")
    compare("idle", args, names)
    if args.dashboard:
        compare("dashboard open", args, ["worker", "watched"])
    if args.busy:
        with busy():
            compare("one core busy", args, names)


if __name__ == "__main__":
    main()
