"""The hand-written pieces of a script: what reads the data, the model, the loop, the main part.

`$name` is a place that the run fills. The loop draws from the same streams, in the same order, and
sums in the same order as `vae.training.trainer`; the tests hold both to the same numbers.
"""

DRAWN = '''
def load_data(path: str | None) -> Dataset:
    """The examples of the run."""
    return $call
'''

IDX = '''
def load_data(path: str | None) -> Dataset:
    """The four files of $data in the folder `path`: train-images-idx3-ubyte, …, .gz or not."""
    folder = Path(path or ".")
    x = [read_idx(folder / f"{part}-images-idx3-ubyte") for part in ("train", "t10k")]
    labels = [read_idx(folder / f"{part}-labels-idx1-ubyte") for part in ("train", "t10k")]
    whole = Dataset(
        name="$data",
        x=np.concatenate(x)[:, None],  # (N, 1, H, W)
        scale=255.0,
        labels=np.concatenate(labels).astype(np.int64),
        test=len(x[1]),
    )
    return $subset


def read_idx(path: Path) -> np.ndarray:
    """An array in the IDX format: two zeros, a type (8: bytes), the number of axes, their lengths
    in four bytes each, the largest first, and the values."""
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
    """The arrays of an .npz: x (N, *event), scale, test and, if there are any, labels (N,)."""
    file = Path(path) if path else Path(__file__).with_name($file)
    if not file.exists():
        raise SystemExit(f"There is no {file}: name the data's file, --data FILE.npz")
    with np.load(file, allow_pickle=False) as kept:
        whole = Dataset(
            name=$name,
            x=kept["x"],
            scale=float(kept["scale"]),
            labels=kept["labels"] if "labels" in kept else None,
            test=int(kept["test"]),
        )
    return $subset
'''

PART = '''
class Part:
    """Some rows of the data on a device."""

    def __init__(self, data: Dataset, rows: Ints, device: torch.device) -> None:
        self.x = torch.from_numpy(data.x[rows]).to(device)  # (N, *event)
        self.scale = data.scale$labels

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor | None]:
        """Examples as the model sees them, float32 (B, *event)$and_classes."""
        x = self.x.index_select(0, rows).float().div_(self.scale)$binarize
        return x, $y

    def chunks(self, size: int = 512) -> Iterator[tuple[Tensor, Tensor | None]]:
        """All examples in order, `size` (or fewer) at a time."""
        for start in range(0, len(self), size):
            rows = torch.arange(start, min(start + size, len(self)), device=self.x.device)
            yield self.take(rows)
'''

LABELS = """
        assert data.labels is not None
        self.y = torch.from_numpy(data.labels[rows]).to(device)  # (N,)"""

BINARIZE = {
    "none": "",
    "threshold": "\n        x = (x >= 0.5).float()",
    "stochastic": "\n        x = torch.bernoulli(x)",
}

MODEL = '''
class VAE(nn.Module):
    """x (B, *event) → q(z|x) → z (K, B, Z) → p(x|z)."""

    has_kl = $has_kl

    def __init__(self) -> None:
        super().__init__()
        self.to_px = $likelihood
        self.to_q = $posterior
        self.to_pz = $prior
        self.encoder, self.decoder = $network(
            DOMAIN.shape,
            self.to_q.outputs,
            $decoded,
            self.to_px.multiplicity,$options
        )$offset

    def posterior(self, x: Tensor, y: Tensor | None = None) -> Distribution:
        """q(z|x)$given, batch shape (B,)."""$encode

    def likelihood(self, z: Tensor, y: Tensor | None = None) -> Distribution:
        """p(x|z)$given_z, batch shape (K, B)."""$decode

    def forward(self, x: Tensor, y: Tensor | None = None) -> Pass:
        q = self.posterior(x, y)
        z = q.rsample(torch.Size((K,)))  # (K, B, Z)
        return Pass(x, y, q, self.to_pz(self.posterior), z, self.likelihood(z, y))
'''

OFFSET = """
        self.offset = nn.Embedding(DOMAIN.classes, math.prod(DOMAIN.shape))
        nn.init.zeros_(self.offset.weight)"""

TELL_ENCODER = """
        x = x + self.offset(y).unflatten(-1, DOMAIN.shape)"""

TELL_DECODER = """
        code = one_hot(y, DOMAIN.classes).to(z.dtype)  # (B, classes)
        z = torch.cat([z, code.expand(*z.shape[:-1], -1)], -1)"""

ENCODE = {
    "fp32": """
        return self.to_q(self.encoder(x).float())""",
    "bf16": """
        with torch.autocast(x.device.type, torch.bfloat16):
            h = self.encoder(x)
        return self.to_q(h.float())""",
}

DECODE = {
    "fp32": """
        h = self.decoder(z.reshape(-1, z.shape[-1]))
        return self.to_px(h.float().unflatten(0, z.shape[:-1]))""",
    "bf16": """
        with torch.autocast(z.device.type, torch.bfloat16):
            h = self.decoder(z.reshape(-1, z.shape[-1]))
        return self.to_px(h.float().unflatten(0, z.shape[:-1]))""",
}

LOOP = '''
def train(data: Dataset, device: torch.device) -> tuple[dict[str, Any], VAE]:
    """Train; the last figures of train and validation and those of the best weights, and the
    model with these."""
    rows = split(data, $val_share, $test_share, SEED)
    seen, held_out = Part(data, rows.train, device), Part(data, rows.val, device)
    per_epoch = math.ceil(len(seen) / BATCH)
    report_every = math.ceil(per_epoch / max(1, min(per_epoch, 400 // EPOCHS)))
    with stream(torch.device("cpu"), SEED, "weights"):
        model = VAE().to(device)$start
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=$lr, eps=$eps, weight_decay=$decay, fused=device.type != "mps"
    )
    sums, order = Sums(), torch.empty(0)
    found: dict[str, Any] = {"train": {}, "validation": validate(model, held_out$first)}
    best, weights = found["validation"], copy.deepcopy(model.state_dict())
    for step in range($steps):
        epoch, position = divmod(step, per_epoch)
        if position == 0:
            order = permutation(len(seen), SEED, epoch).to(device)
        if position % report_every == 0:
            sums = Sums()  # train figures are means over the steps since then$move_lr
        reseed(device, SEED, "step", step)
        x, y = seen.take(order[position * BATCH : (position + 1) * BATCH])
        out = model(x, y)
        loss = loss_of(out$now)
        optimizer.zero_grad(set_to_none=True)
        loss.total.backward()$clip
        optimizer.step()
        sums.add(yardstick(model, out, loss), len(x))
        if position + 1 == per_epoch or step + 1 == $steps:
            found = {"train": told(sums.means()), "validation": {}}
            if position + 1 == per_epoch:
                found["validation"] = validate(model, held_out$next)
            if found["validation"] and rank(found["validation"]) > rank(best):
                best, weights = found["validation"], copy.deepcopy(model.state_dict())
            words = "; ".join(line(*part) for part in found.items())
            print(f"epoch {(step + 1) / per_epoch:g}  {words}")
    if best:
        model.load_state_dict(weights)
    return found | {"best": best}, model


def validate(model: VAE, held_out: Part$at_step) -> dict[str, Any]:
    """The yardstick on the validation examples, with random draws of its own."""
    sums = Sums()
    with torch.no_grad(), stream(next(model.parameters()).device, SEED, "validation"):
        for x, y in held_out.chunks():
            out = model(x, y)
            sums.add(yardstick(model, out, loss_of(out$passed)), len(x))
    return told(sums.means()) if len(held_out) else {}


def told(means: dict[str, Any]) -> dict[str, Any]:
    """With the ELBO, where there is a KL: -(reconstruction + KL)."""
    if "kl" not in means:
        return means
    return means | {"elbo": -(means["reconstruction"] + means["kl"])}


def rank(figures: dict[str, Any]) -> float:
    """What the best weights are best in: the higher, the better."""
    return $rank
'''

LOSS = '''
def loss_of(out: Pass$at_step) -> Loss:
    """What is minimised, nats per example."""
    return $objective(out$weights)
'''

MOMENT_OF = '''
def moment_of(step: int, per_epoch: int) -> Progress:
    """Where training is; beyond the planned epochs a schedule holds its last value."""
    return Progress(min(step, per_epoch * EPOCHS), per_epoch * EPOCHS, per_epoch)
'''

VAMP = """
    with stream(device, SEED, "start"):
        some = torch.randperm(len(seen))[:1000].to(device)
        model.to_pz.start(seen.take(some)[0])"""

MOVE_LR = """
        optimizer.param_groups[0]["lr"] = $value"""

CLIP = """
        torch.nn.utils.clip_grad_norm_(model.parameters(), $norm)"""

AT = '''
def at(values: dict[int, float], step: int) -> float:
    """The value at a step of a setting that was moved by hand: step → value from there on."""
    return values[max(since for since in values if since <= step)]
'''

MAIN = '''
def line(part: str, figures: dict[str, Any]) -> str:
    """The figures of one part in words."""
    words = [f"{TERMS[name]} {figures[name]:.4f}" for name in TERMS if name in figures]
    return f"{part}: {', '.join(words) or 'none'}"


def main() -> None:
    """Train, and tell the figures beside those that VAE Lab recorded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help=$data_help)
    parser.add_argument("--device", default=$device, help="cpu, cuda or mps (%(default)s)")
    parser.add_argument("--save", metavar="FILE.pt", help="where to write the best weights")
    args = parser.parse_args()
    torch.set_num_threads($threads)
    data = load_data(args.data)
    if data.fingerprint != $fingerprint:
        raise SystemExit("These are not the data of the run: their fingerprint differs.")
    found, model = train(data, torch.device(args.device))
    if args.save:
        torch.save(model.state_dict(), args.save)
    print(f"\\n{'nats per example':<32}{'this script':>14}{'VAE Lab':>14}")
    for part, expected in EXPECTED.items():
        for name, value in expected.items():
            print(f"{part + ', ' + TERMS[name]:<32}{found[part][name]:>14.6f}{value:>14.6f}")


if __name__ == "__main__":
    main()
'''
