"""The hand-written parts of a script: reading the data, the loop over the steps, the command line.

A run fills each `$name`. Everything else in a script is the library's own source.
"""

DRAWN = '''
def load_data(path: str | None) -> Dataset:
    """Return the examples of the run."""
    return $call(CONFIG.examples, CONFIG.seed, **CONFIG.chosen("data"))
'''

IDX = '''
def load_data(path: str | None) -> Dataset:
    """Read four files in the folder `path`: train-images-idx3-ubyte, …, each .gz or not."""
    folder = Path(path or ".")
    x = [read_idx(folder / f"{part}-images-idx3-ubyte") for part in ("train", "t10k")]
    labels = [read_idx(folder / f"{part}-labels-idx1-ubyte") for part in ("train", "t10k")]
    whole = Dataset(
        name=CONFIG.data,
        x=np.concatenate(x)[:, None],  # (N, 1, H, W)
        scale=255.0,
        labels=np.concatenate(labels).astype(np.int64),
        test=len(x[1]),
    )
    return subset(whole, CONFIG.examples, CONFIG.seed)


def read_idx(path: Path) -> np.ndarray:
    """Read an array in the IDX format: two zeros, a type (8: bytes), the number of axes, their
    lengths in four bytes each, the most significant byte first, and the values."""
    packed = path.with_name(path.name + ".gz")
    if not packed.exists() and not path.exists():
        raise SystemExit(f"There is no {path.name}[.gz] in {path.parent}: name its folder, --data")
    content = gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes()
    axes = content[3]
    shape = np.frombuffer(content, ">i4", axes, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
'''

ARRAYS = '''
def load_data(path: str | None) -> Dataset:
    """Read the arrays of an .npz: x (N, *event), scale, test and, if present, labels (N,)."""
    file = Path(path) if path else Path(__file__).with_name($file)
    if not file.exists():
        raise SystemExit(f"There is no {file}: name the file with the data, --data FILE.npz")
    with np.load(file, allow_pickle=False) as arrays:
        whole = Dataset(
            name=CONFIG.data,
            x=arrays["x"],
            scale=float(arrays["scale"]),
            labels=arrays["labels"] if "labels" in arrays else None,
            test=int(arrays["test"]),
        )
    return subset(whole, CONFIG.examples, CONFIG.seed)
'''

MAIN = '''
def train(data: Dataset, device: torch.device) -> tuple[dict[str, Any], State]:
    """Train for STEPS steps. Return the last figures of training and validation and those of the
    best weights, and the state at the end."""
    state = State(CONFIG, DOMAIN, data, CONFIG.divide(data), device)
    init_from_data(state)
    state.changes = CHANGES
    end = STEPS or state.plan.steps
    found: dict[str, Any] = {}
    while True:
        for split, figures in due_figures(state, end):
            part = {"train": "training", "val": "validation"}[split]
            found[part] = figures
            if split == "val" and state.best["step"] == state.step:
                found["best"] = figures
            print(f"epoch {state.step / state.plan.steps_per_epoch:g}  {line(part, figures)}")
        if state.step >= end:
            return found, state
        train_step(state, next_rows(state))


def line(part: str, figures: dict[str, Any]) -> str:
    """Return the figures of one part as a line."""
    words = [f"{TERMS[name]} {figures[name]:.4f}" for name in TERMS if name in figures]
    return f"{part}: {', '.join(words)}"


def main() -> None:
    """Train, then print the figures beside those that VAE Lab recorded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help=$data_help)
    parser.add_argument("--device", default=$device, help="cpu, cuda or mps (%(default)s)")
    parser.add_argument("--save", metavar="FILE.pt", help="where to write the best weights")
    args = parser.parse_args()
    torch.set_num_threads($threads)
    data = load_data(args.data)
    if data.fingerprint != $fingerprint:
        raise SystemExit("These are not the data of the run: their fingerprint differs.")
    found, state = train(data, torch.device(args.device))
    if args.save:
        torch.save(state.best_weights or state.model.state_dict(), args.save)
    print(f"\\n{'nats per example':<32}{'this script':>14}{'VAE Lab':>14}")
    for part, expected in EXPECTED.items():
        for name, value in expected.items():
            print(f"{part + ', ' + TERMS[name]:<32}{found[part][name]:>14.6f}{value:>14.6f}")


if __name__ == "__main__":
    main()
'''
