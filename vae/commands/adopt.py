"""adopt: a run from weights that were trained elsewhere."""

import argparse
import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from vae.base import files
from vae.base.foreign import one_line, printed, quoted
from vae.base.numbers import fixed
from vae.commands.arguments import counted
from vae.commands.train import admitted, root_flag, train_flags
from vae.runs import Run, default_stem

if TYPE_CHECKING:
    from torch import Tensor

    from vae.config import RunConfig
    from vae.data import Dataset
    from vae.training.adoption import Fit

ENDING = ".safetensors"


def adopt_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("weights", metavar=f"FILE{ENDING}", help="file of the weights")
    parser.add_argument(
        "--rename",
        action="append",
        default=[],
        metavar="OLD=NEW",
        help="name in the file = name in the model, of a tensor or a module; A+B=NEW puts the "
        "rows of B below those of A; can be repeated (default: the same name)",
    )
    train_flags(parser)


def adopt(args: argparse.Namespace) -> int:
    """Make a run of weights that were trained elsewhere, so that they can be explored."""
    from vae.model import build
    from vae.training.adoption import fitted, renamed

    path = Path(args.weights)
    content = path.read_bytes()
    tensors = tensors_in(content, path.name)
    names = dict(_pair(text) for text in args.rename)
    config, data, note = admitted(args)
    fit = fitted(renamed(tensors, names), build(config, config.domain(data)))
    source = {"name": path.name, "sha256": hashlib.sha256(content).hexdigest()}
    run = _new_run(Path(args.root), args.run, config, data, fit, source)
    print(note + _about(run, fit, path), end="")
    return 0


def tensors_in(content: bytes, name: str) -> dict[str, "Tensor"]:
    """Return the tensors of a .safetensors file; raises ValueError for any other content."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return dict(sorted(load(content).items()))  # the file has them in any order
    except SafetensorError as error:
        raise ValueError(
            f"{name} is no {ENDING} file ({one_line(error)}). For a file of torch.save: "
            f"python -m vae weights {name} OUT{ENDING}."
        ) from None


def _pair(text: str) -> tuple[str, str]:
    old, _, new = text.partition("=")
    if not old or not new:
        raise ValueError(f"--rename takes OLD=NEW, not {quoted(text)}.")
    return old, new


def _new_run(
    root: Path,
    name: str | None,
    config: "RunConfig",
    data: "Dataset",
    fit: "Fit",
    source: Mapping[str, str],
) -> Run:
    """Make the run in a hidden folder and move it into the root when it is complete."""
    from vae.runs.store import move_in

    with _hidden(root) as hidden:
        stem = default_stem(data.name, config.network, config.latent_dim)
        free = name or next(n for k in count(1) if not (root / (n := f"{stem}-{k}")).exists())
        complete = _recorded(hidden / free, config, data, fit.weights, source)
        return move_in(complete.path, root, name)


@contextmanager
def _hidden(root: Path) -> Iterator[Path]:
    root.mkdir(parents=True, exist_ok=True)
    files.sweep(root)
    hidden = files.temporary_folder(root / "adopt")
    try:
        yield hidden
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _recorded(
    folder: Path,
    config: "RunConfig",
    data: "Dataset",
    weights: Mapping[str, "Tensor"],
    source: Mapping[str, str],
) -> Run:
    from vae.runs import notes
    from vae.runs.manifest import domain_of, head
    from vae.training.adoption import adopted

    run = Run.claim(folder, head(config, data) | {"adopted": source}, {"state": "starting"})
    for event in adopted(config, data, weights, domain_of(run.header)):
        run.record(event)
    run.set_status(state="stopped", message="")
    words = f"{one_line(source['name'])}, SHA-256 {source['sha256']}"
    notes.change(run.path, notes=f"Weights trained elsewhere: {words}.")
    return run


def _about(run: Run, fit: "Fit", path: Path) -> str:
    """Return words about the run, the names left out, and the bound on the validation part."""
    left = f"Left out: {', '.join(map(quoted, fit.left))}.\n" if fit.left else ""
    report = next((r for r in reversed(run.reports()) if r.get("elbo") is not None), None)
    bound = ""
    if report is not None:
        value = fixed(-report["elbo"], 2)
        bound = (
            f"−ELBO {value} nats per example on the validation part, which the weights may have "
            "been trained on.\n"
        )
    name = f"{run.name}{root_flag(run.path.parent)}"
    text = f"{run.name}: {counted(list(fit.weights), 'tensor')} of {path.name}.\n{left}{bound}"
    return printed(text.rstrip("\n")) + f"\nTrain it further with: python -m vae resume {name}\n"
