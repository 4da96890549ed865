"""evaluate and sample: commands that read the weights of a run.

They are deterministic, do not change the weights, and write files atomically. The Evaluate page
lists the evaluations saved by the command.
"""

import argparse
import json
import math
import sys
from typing import TYPE_CHECKING, Any

from vae.base.files import sentence
from vae.base.foreign import printed
from vae.base.kinds import kind_of
from vae.base.numbers import counted, number, plural, whole, with_error
from vae.commands.arguments import output_path, run_flags, save_npz, split_flag
from vae.commands.presence import with_data
from vae.commands.progress_bar import share
from vae.figures.quantities import examples_of
from vae.runs import find

if TYPE_CHECKING:
    from vae.analysis.loaded_run import LoadedRun
    from vae.base.records import Estimate, Evaluation
    from vae.runs import Run


def evaluate_flags(parser: argparse.ArgumentParser) -> None:
    run_flags(parser)
    split_flag(parser)
    parser.add_argument(
        "--elbo-samples",
        type=int,
        default=10,
        metavar="L",
        help="samples of q(z|x) per example for the reconstruction (default: %(default)s)",
    )
    parser.add_argument(
        "--samples",
        type=int,
        default=0,
        metavar="K",
        help="importance samples per example for estimating −ln p(x); 0 skips the estimate "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="add the slow measures: mutual information, KL of the aggregate posterior, probes of "
        "the class, disentanglement, sample quality (default: skip them)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object with every key")


def evaluate(args: argparse.Namespace) -> int:
    """Evaluate a run on held-out examples, in nats per example, and save the result."""
    from vae.runs.evaluations import EvaluationRequest, save
    from vae.worker.evaluate import evaluation_of, load_run

    loaded, weights = load_run(with_data(find(args.root, args.name)), args.checkpoint)
    split = args.split or loaded.default_split()
    request = EvaluationRequest(args.checkpoint, split, args.elbo_samples, args.samples, args.full)
    with share(f"{args.name}, {split}") as progress:
        record = evaluation_of(loaded, request, progress)
    try:
        save(loaded.run, request, weights, record)
    except OSError as error:
        print(f"vae: The result could not be saved. {sentence(error)}", file=sys.stderr)
    if args.json:
        print(
            json.dumps(
                _with_columns(record.as_json(), loaded, split),
                indent=2,
                ensure_ascii=False,
                allow_nan=False,
            )
        )
        return 0
    examples = examples_of(record.examples, record.split)
    print(f"{record.run}, {record.checkpoint} weights, {examples}")
    print("  nats are per example; ± is one standard error, an interval one of 95 %")
    print(
        "\n".join(f"  {line}" for line in (*_lines(record, args.full), *_columns(loaded, split)))
    )
    return 0


def _with_columns(found: dict[str, Any], loaded: "LoadedRun", split: str) -> dict[str, Any]:
    """Return the JSON object of an evaluation; of a mixed table with the terms of its columns."""
    columns = _column_records(loaded, split)
    return found if columns is None else {**found, "columns": columns}


def _column_records(loaded: "LoadedRun", split: str) -> list[dict[str, Any]] | None:
    """Return name, kind, nats, standard error and the nats of the best constant of each column of
    a mixed table; None for other data."""
    if not loaded.data.kinds:
        return None
    from vae.analysis.column_terms import column_terms

    found = column_terms(loaded, loaded.rows(split))
    names = zip(loaded.data.columns, loaded.data.kinds, strict=True)
    numbers = zip(*(part.tolist() for part in found), strict=True)
    return [
        {"name": name, "kind": kind, "nats": nats, "se": se, "constant": constant}
        for (name, kind), (nats, se, constant) in zip(names, numbers, strict=True)
    ]


def _columns(loaded: "LoadedRun", split: str) -> list[str]:
    """One line for each column of a mixed table: its nats, and those of the best constant."""
    lines = []
    for row in _column_records(loaded, split) or ():
        nats = " ± ".join(filter(None, with_error(row["nats"], row["se"])))
        name, constant = printed(row["name"]), number(row["constant"])
        lines.append(f"column: {name:<20} {nats} nats, constant {constant}")
    return lines


def _lines(record: "Evaluation", full: bool) -> list[str]:
    """One line for each value and each row of a table, then why values are undefined."""
    from vae.evaluation.measures import MEASURES, TABLES
    from vae.evaluation.reading import cautions, estimate, estimates, reasons, unit
    from vae.evaluation.rows import Row

    rows: dict[str, Row] = {**MEASURES, **TABLES}
    keys = [key for key, row in rows.items() if full or "full" not in row.needs]
    found = []
    for key in keys:
        if key in TABLES:
            table = TABLES[key]
            found += [
                f"{key}: {name:<20} {_number(value, table.rows[name].unit)}"
                for name, value in estimates(record, key).items()
            ]
        elif not MEASURES[key].per_latent and (value := estimate(record, key)):
            found.append(f"{key:<20} {_number(value, unit(record, key))}")
    found += [f"{', '.join(keys)}: {text}" for text, keys in cautions(record, keys).items()]
    missing = reasons(record, keys)
    return found + [f"{', '.join(keys)}: not defined. {why}" for why, keys in missing.items()]


def _number(value: "Estimate", unit: str) -> str:
    """An estimate with its uncertainty, its unit, and the values it compares with."""
    mean, error = with_error(value.value, value.se)
    text = f"{mean} ± {error} {unit}" if error else f"{mean} {unit}"
    if isinstance(value.value, int):
        text = counted(value.value, unit.removesuffix("s"))
    if value.low is not None and value.high is not None:
        text += f" ({whole(value.low)} to {whole(value.high)})"
    beside = {"smallest": value.smallest, "chance": value.chance, "real": value.reference}
    return text + "".join(f", {k} {number(v)}" for k, v in beside.items() if v is not None)


def sample_flags(parser: argparse.ArgumentParser) -> None:
    run_flags(parser)
    parser.add_argument("-n", type=int, default=64, help="sample count (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: %(default)s)")
    parser.add_argument(
        "--temperature", type=float, default=1.0, help="factor on z (default: %(default)s)"
    )
    parser.add_argument(
        "--class",
        dest="label",
        metavar="NAME",
        help="name of the class for a conditional model (default: each in turn)",
    )
    parser.add_argument("--out", required=True, metavar="FILE", help="file: .png, .npz or .csv")


def sample(args: argparse.Namespace) -> int:
    """Write samples from the prior, as an image, as arrays x and z, or as a table of x.

    n samples of Z latents: x (n, *event) float32, the means of p(x|z); z (n, Z) float32. Of a
    mixed table x has the positions of names; columns (D,) and entries (D, K) hold the names.
    """
    from vae.analysis.encoding import decode, prior_sample
    from vae.analysis.entry_tables import as_csv
    from vae.base.files import replace
    from vae.data.column_kinds import documented
    from vae.imaging import tiles
    from vae.runs.manifest import columns_of

    out = output_path(args.out, ".png", ".npz", ".csv")
    if args.n < 1 or args.seed < 0:
        raise ValueError(f"-n is at least 1 and --seed at least 0, not {args.n} and {args.seed}.")
    if not (math.isfinite(args.temperature) and args.temperature >= 0):
        raise ValueError(f"--temperature is a number from 0 up, not {args.temperature}.")
    run = find(args.root, args.name)
    model = run.load_model(args.checkpoint)
    if out.suffix == ".png" and len(model.domain.shape) != 3:
        kind = kind_of(model.domain.shape)
        raise ValueError(f"Samples of {kind} are not an image: write them to a .npz file.")
    if out.suffix == ".csv" and len(model.domain.shape) != 1:
        kind = kind_of(model.domain.shape)
        raise ValueError(f"Samples of {kind} are no table: write them to a .npz file.")
    z = prior_sample(model, args.n, args.seed, args.temperature)
    x = decode(model, z, labels=_labels(args, run))
    if out.suffix == ".npz":
        save_npz(out, x=x, z=z, **documented(columns_of(run.header)))
    elif out.suffix == ".csv":
        replace(out, as_csv(x, columns_of(run.header)))
    else:
        replace(out, tiles.grid_png(x, columns=math.ceil(args.n**0.5), scale=2))
    print(f"{plural(args.n, 'sample')} in {out}")
    return 0


def _labels(args: argparse.Namespace, run: "Run") -> Any:
    """Return the class of each sample, (n,), or None; raises ValueError for an unknown class."""
    import numpy as np

    from vae.runs.manifest import class_names

    if args.label is None:
        return None
    if not run.config.conditional:
        raise ValueError(f"{args.name} is not conditional on labels: leave --class out.")
    names = class_names(run.header)
    if args.label not in names:
        some = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
        raise ValueError(f"There is no class {args.label!r}: --class is one of {some}.")
    return np.full(args.n, names.index(args.label))
