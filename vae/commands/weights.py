"""weights: the weights of a model trained elsewhere, as a file that cannot run code."""

import argparse
from pathlib import Path

from vae.base.foreign import printed
from vae.commands.arguments import counted, output_path

ENDING = ".safetensors"


def weights_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE.pth", help="file of torch.save(model.state_dict(), …)"
    )
    parser.add_argument("out", metavar=f"OUT{ENDING}", help="file to write")


def weights(args: argparse.Namespace) -> int:
    """Convert the weights in a file of torch.save to safetensors, without running its code."""
    from vae.worker.weights import convert, listed

    out = output_path(args.out, ENDING)
    found = convert(Path(args.file), out)
    where = f" of its entry {printed(found.key)}" if found.key else ""
    print(f"{counted(found.names, 'tensor')}{where} in {out}")
    if found.left:
        print(printed(f"Left out, not tensors of the model: {listed(found.left)}"))
    return 0
