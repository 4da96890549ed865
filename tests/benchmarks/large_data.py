"""Data larger than the memory: speed and memory of training, decoding once, encoding.

    python tests/benchmarks/large_data.py train [--gigabytes 20] [--rounds 3] [--seconds 15]
    python tests/benchmarks/large_data.py decode [--pictures 100000]
    python tests/benchmarks/large_data.py encode [--examples 20000,200000]

Every figure comes from a separate process. Memory is the peak of RssAnon in /proc/self/status,
read every 20 ms: the resident memory without the pages of mapped files, which the kernel may drop
at any time. `train` writes bytes of noise (N×784) into --folder, reads them once to warm the
cache of the disk, and trains the VAE of pytorch/examples from the file and, in turns, from 60,000
of its examples in memory.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))
PIXELS, BATCH, FEW = 784, 128, 60_000
WARM = 50  # steps that are not measured


class Peak:
    """The largest RssAnon of this process in bytes, from now on."""

    def __init__(self) -> None:
        self.bytes = 0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            lines = Path("/proc/self/status").read_text().splitlines()
            row = next(line for line in lines if line.startswith("RssAnon"))
            self.bytes = max(self.bytes, 1024 * int(row.split()[1]))
            time.sleep(0.02)


def measured_training(path: str, examples: int, seconds: float) -> dict[str, float]:
    """Train from a file, or from so many of its examples in memory."""
    peak, began = Peak(), time.perf_counter()
    import torch

    from vae.base.records import Tick
    from vae.config import RunConfig
    from vae.footprint import cost
    from vae.training import train

    config = RunConfig.of(
        data=path,
        examples=examples,
        network="mlp",
        hidden=(400,),
        latent_dim=20,
        likelihood="bernoulli",
        batch_size=BATCH,
        val_share=0.0005,
        test_share=0.0005,
        frames=0,
        epochs=1000,
    )
    data = config.load_data()
    assert data.in_memory == bool(examples)
    torch.set_num_threads(cost(config, config.domain(data)).threads)
    events = train(config, data)
    loaded, first, start = 0.0, 0, 0.0
    for event in events:
        if not isinstance(event, Tick) or event.step < WARM:
            continue
        now = time.perf_counter()
        if not first:
            loaded, first, start = now - began, event.step, now
        elif now - start > seconds:
            rate = (event.step - first) * BATCH / (now - start)
            return {"rate": rate, "peak": peak.bytes, "loaded": loaded}
    raise AssertionError("the epochs ended too early")


def measured_encoding(path: str) -> dict[str, float]:
    """Encode all examples of a file with an untrained model."""
    peak, began = Peak(), time.perf_counter()
    import numpy as np
    import torch

    from vae.analysis.encoding import encode
    from vae.batches import Batches
    from vae.config import RunConfig
    from vae.model import build

    config = RunConfig.of(data=path, hidden=(400,), latent_dim=20, likelihood="bernoulli")
    data = config.load_data()
    model = build(config, config.domain(data))
    rows = np.arange(len(data.x))
    found = encode(model, Batches(data, rows, config, torch.device("cpu")), rows, 0)
    arrays = [value for value in found if value is not None]
    seconds = time.perf_counter() - began
    return {"peak": peak.bytes, "outputs": sum(a.nbytes for a in arrays), "seconds": seconds}


def measured_evaluation(path: str) -> dict[str, float]:
    """Evaluate an untrained model on all examples of a file."""
    peak, began = Peak(), time.perf_counter()
    import numpy as np
    import torch

    from vae.batches import Batches
    from vae.config import RunConfig
    from vae.evaluation import evaluate
    from vae.model import build

    config = RunConfig.of(data=path, hidden=(400,), latent_dim=20, likelihood="bernoulli")
    data = config.load_data()
    model = build(config, config.domain(data))
    batches = Batches(data, np.arange(len(data.x)), config, torch.device("cpu"))
    evaluate(model, batches, elbo_samples=1)
    return {"peak": peak.bytes, "outputs": 0, "seconds": time.perf_counter() - began}


def measured_reading(path: str) -> dict[str, float]:
    """Read a folder of pictures."""
    peak, began = Peak(), time.perf_counter()
    from vae.data import read

    data = read(path)
    found = {"examples": len(data.x), "mapped": int(not data.in_memory)}
    return found | {"peak": peak.bytes, "seconds": time.perf_counter() - began}


def apart(*arguments: Any, **environment: str) -> dict[str, float]:
    """Return the figures of a measurement in a separate process."""
    command = [sys.executable, __file__, "one", *map(str, arguments)]
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def write_noise(path: Path, examples: int, dtype: str = "uint8") -> None:
    """Write an .npy file of blocks of noise, a block at a time."""
    import numpy as np

    block = np.random.default_rng(0).integers(0, 256, (2**15, PIXELS)).astype(np.uint8)
    content = block if dtype == "uint8" else (block / 255).astype(dtype)
    with path.open("wb") as file:
        header = {"descr": content.dtype.str, "fortran_order": False, "shape": (examples, PIXELS)}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, examples, len(content)):
            file.write(np.roll(content, start, 1)[: examples - start].data.tobytes())


def warm(path: Path) -> None:
    with path.open("rb", buffering=0) as file:
        while file.read(2**24):
            pass


def train_table(args: argparse.Namespace, folder: Path) -> None:
    path = folder / "large.npy"
    write_noise(path, int(args.gigabytes * 1e9) // PIXELS)
    warm(path)
    print(f"{path.stat().st_size / 1e9:.1f} GB, {int(args.gigabytes * 1e9) // PIXELS:,} examples")
    apart("training", path, 0, 1)  # looks at all values once
    rows = {"in memory": FEW, "mapped": 0}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in rows}
    for _ in range(args.rounds):
        for name, examples in rows.items():
            found[name].append(apart("training", path, examples, args.seconds))
    for name, rounds in found.items():
        ratios = [a["rate"] / b["rate"] for a, b in zip(rounds, found["in memory"], strict=True)]
        rate = statistics.median(r["rate"] for r in rounds)
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        peak = max(r["peak"] for r in rounds) / 1e9
        loaded = statistics.median(r["loaded"] for r in rounds)
        print(f"{name:<10} {rate / 1e3:6.1f} k images/s, ratio {spread}, peak of RssAnon "
              f"{peak:.2f} GB, first steps after {loaded:.1f} s")  # fmt: skip


def decode_table(args: argparse.Namespace, folder: Path) -> None:
    import numpy as np
    from PIL import Image

    draw = np.random.default_rng(0)
    for k in range(args.pictures):
        place = folder / "pictures" / str(k % 10)
        place.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(draw.integers(0, 256, (8, 8, 3)).astype(np.uint8))
        small.resize((64, 64)).save(place / f"{k}.jpg")
    for name in ("first", "again"):
        found = apart("reading", folder / "pictures", VAE_LAB_CACHE=str(folder / "cache"))
        assert found["mapped"]
        print(f"{name}: {found['examples']:,} pictures in {found['seconds']:.1f} s, peak of "
              f"RssAnon {found['peak'] / 1e9:.2f} GB")  # fmt: skip


def encode_table(args: argparse.Namespace, folder: Path) -> None:
    for dtype in ("uint8", "float32"):
        for examples in map(int, args.examples.split(",")):
            path = folder / f"{dtype}-{examples}.npy"
            write_noise(path, examples, dtype)
            for work in ("encoding", "evaluation"):
                found = apart(work, path)
                print(f"{work} of {examples:>8,} × 784 {dtype}: peak of RssAnon "
                      f"{found['peak'] / 1e9:.2f} GB, of which outputs "
                      f"{found['outputs'] / 1e9:.2f}, {found['seconds']:.0f} s")  # fmt: skip


TABLES = {"train": train_table, "decode": decode_table, "encode": encode_table}
ONE = {
    "training": lambda path, few, seconds: measured_training(path, int(few), float(seconds)),
    "encoding": measured_encoding,
    "evaluation": measured_evaluation,
    "reading": measured_reading,
}


def main() -> None:
    if sys.argv[1:2] == ["one"]:
        print(json.dumps(ONE[sys.argv[2]](*sys.argv[3:])))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("--gigabytes", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--examples", default="20000,200000")
    parser.add_argument("--folder", help="where to write, with the room for all files")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as place:
        os.environ["VAE_LAB_CACHE"] = str(Path(place) / "cache")
        TABLES[args.table](args, Path(place))


if __name__ == "__main__":
    main()
