"""runs and data: lists of runs and of data sets."""

import argparse
import json
from typing import TYPE_CHECKING, Any

from vae.base.criterion import value_of_score
from vae.base.foreign import printed
from vae.base.numbers import compact, event_size, fixed, number, percent, plural, with_error
from vae.commands.arguments import option_flag
from vae.runs import Run, listing
from vae.runs.status import BROKEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vae.base.data_records import Baseline
    from vae.data import Reading


def runs_flags(parser: argparse.ArgumentParser) -> None:
    about = "print a JSON list, with the settings of each run"
    parser.add_argument("--json", action="store_true", help=about)


def runs(args: argparse.Namespace) -> int:
    """List the runs, the newest first, each with its state and best validation value."""
    rows = [_row(run) for run in listing(args.root)]
    if args.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False))
        return 0
    if not rows:
        print(f"No runs in {args.root} yet: python -m vae train")
    for row in rows:
        best = "" if row["best"] is None else f"best validation {printed(_best(row))} nats"
        text = row["message"] if row["state"] in BROKEN else ""
        epoch = fixed(row["epoch"], 1)
        words = " ".join(filter(None, (best, printed(text))))
        print(f"{row['run']:<36} {row['state']:<12} epoch {epoch:<8} {words}")
    return 0


def _row(run: Run) -> dict[str, Any]:
    status = run.status()
    settings = None if status.state == "damaged" else run.settings
    return {"run": run.name, **status._asdict(), "settings": settings}


def _best(row: dict[str, Any]) -> str:
    """Name and value of the criterion that selected the best weights, as in a page's header."""
    title, value = value_of_score(row["best_by"], row["best"])
    return f"{title} {fixed(value)}".strip()


def data_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "data", nargs="?", help="name or path of a data set to describe (default: list all names)"
    )
    from vae.base.options import options_of
    from vae.data import Description

    for name, spec in options_of(Description).items():
        option_flag(parser, name, spec.option, spec.default)


def data(args: argparse.Namespace) -> int:
    """List the named data sets, or describe one of them or a file."""
    from vae.data import summary
    from vae.data.description import SETTINGS
    from vae.data.files import KINDS

    if args.data:
        given = {name: getattr(args, name) for name in SETTINGS}
        return _describe(args.data, {k: v for k, v in given.items() if v is not None})
    for row in summary():
        print(f"{row.name:<14} {row.about}")
    print(f"A path works too: {KINDS}.")
    return 0


def _describe(name: str, options: dict[str, str]) -> int:
    """Describe a data set, and the −ln p(x) of the best constant output on its held-out part."""
    from vae.analysis.dataset_summary import summarise
    from vae.components.rescalings import described
    from vae.config import RunConfig
    from vae.config.rules import suitable_likelihood
    from vae.data import load
    from vae.data.column_kinds import unseen_names
    from vae.data.missing import element_names
    from vae.evaluation.baseline import baselines

    dataset = load(name, options=options)
    config = RunConfig.of(likelihood=suitable_likelihood(dataset, RunConfig.of().likelihood))
    domain = config.domain(dataset)
    s = summarise(dataset, config)
    parts = ", ".join(f"{size:,} {part}" for part, size in s.splits.items() if size)
    print(f"{printed(s.name)}: {printed(s.about)}")
    if dataset.reading:
        _print_reading(dataset.reading)
    if words := unseen_names(dataset, config.divide(dataset).train):
        print(printed(words))
    print(f"examples     {s.examples:,} ({parts})")
    print(f"shape        {event_size(s.shape)}, {s.dtype} / {compact(s.scale)}")
    if not dataset.kinds:  # the columns of a mixed table have no unit in common
        print(f"x            {_range(s.low, s.high)}, mean {number(s.mean)}, SD {number(s.sd)}")
        constant = plural(s.constant, "constant element")
        print(f"zeros        {percent(s.zeros, 1)} of the values; {constant}")
    if 0 < s.shortest < s.shape[-1]:
        print(f"lengths      {s.shortest:,} to {s.shape[-1]:,} steps")
    if s.missing is not None:
        for name, count in zip(element_names(s.columns, s.shape), s.missing, strict=True):
            if count:
                share = percent(count / s.inside, 1)
                print(f"missing      {printed(name)}: {plural(count, 'value')} ({share})")
    if words := described(config.rescaling(domain), domain):
        print(f"scale        {words}")
    print(f"classes      {printed(', '.join(s.classes)) or 'none'}")
    for f in s.factors:
        values = f"{_range(f.low, f.high)}, {f.distinct:,} different values"
        print(f"factor       {printed(f.name)}: {values}")
    print(f"fingerprint  {s.fingerprint}")
    _print_baselines(baselines(dataset, config))
    return 0


def _print_baselines(rows: "Sequence[Baseline]") -> None:
    """Print the number of each likelihood, then the reasons why others do not fit."""
    print("The best constant output, nats per held-out example:")
    refused: dict[str, list[str]] = {}
    for row in rows:
        if row.nats is None:
            refused.setdefault(row.reason, []).append(row.likelihood)
            continue
        nats = " ± ".join(filter(None, with_error(row.nats, row.se)))
        print(f"  {row.likelihood:<31} {nats} {row.caveat}".rstrip())
    for reason, names in refused.items():
        print(f"Not for these data: {', '.join(names)} ({printed(reason)}).")


def _print_reading(reading: "Reading") -> None:
    """Print how a file was read: each setting with its flag and its reason, and the rest."""
    from vae.base.options import options_of
    from vae.data import Description

    specs = options_of(Description)
    for guess in reading.guesses:
        title = specs[guess.setting].option.label.lower()
        flag = "--" + guess.setting.replace("_", "-")
        print(f"{title:<16} {printed(guess.value):<16} {flag:<16} {printed(guess.why)}")
    for line in (*reading.left_lines, *reading.notes):
        print(printed(line))


def _range(low: float, high: float) -> str:
    return f"{compact(low, 6)} to {compact(high, 6)}"
