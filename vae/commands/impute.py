"""impute: a run's examples with the values that were not observed filled in.

| file | content |
|---|---|
| .npz | completed (N, D), names as positions, observed (N, D) of bool, columns (D,), and the names of the rows; series (N, C, T), NaN after their ends |
| .csv, .parquet | a row per example: name, class, split, index, the columns, and for each column with missing values "NAME observed", 1 or 0 |
"""  # noqa: E501 (a table)

import argparse
from typing import TYPE_CHECKING

from vae.base.foreign import printed
from vae.base.numbers import number, percent, plural
from vae.commands.arguments import out_flag, output_path, run_flags, save_npz, split_flag
from vae.commands.encode import Arrays, row_arrays, save_csv, save_parquet
from vae.commands.presence import with_data
from vae.figures.quantities import examples_of
from vae.runs import find

if TYPE_CHECKING:
    from vae.analysis.imputation import HiddenErrors, Imputed
    from vae.data import Dataset

ENDINGS = (".csv", ".parquet", ".npz")


def impute_flags(parser: argparse.ArgumentParser) -> None:
    run_flags(parser)
    split_flag(parser)
    parser.add_argument(
        "--draws",
        type=int,
        default=100,
        metavar="K",
        help="draws of z for each example; more are closer to the expectation "
        "(default: %(default)s)",
    )
    out_flag(parser, "|".join(ENDINGS))


def impute(args: argparse.Namespace) -> int:
    """Write examples with their missing values filled in, and print the errors at hidden ones."""
    from vae.analysis.imputation import hidden_errors
    from vae.analysis.imputation import impute as filled
    from vae.analysis.loaded_run import LoadedRun
    from vae.data.missing import element_names

    out = output_path(args.out, *ENDINGS)
    if args.draws < 1:
        raise ValueError(f"--draws is at least 1, not {args.draws}.")
    loaded = LoadedRun.of(with_data(find(args.root, args.name)), args.checkpoint)
    if not loaded.model.domain.missing:
        raise ValueError(f"{args.name} has no missing values: every value was observed.")
    if loaded.data.is_series and out.suffix != ".npz":
        raise ValueError("Series are not a table: write them to a .npz file.")
    split = args.split or loaded.default_split()
    found = filled(loaded, loaded.rows(split), args.draws)
    names = element_names(loaded.data.columns, loaded.data.event_shape)
    named = row_arrays(loaded, found.rows)
    if out.suffix == ".npz":
        arrays = {"completed": found.completed, "observed": found.is_observed}
        save_npz(out, **arrays, columns=names, **named)
    else:
        save = save_csv if out.suffix == ".csv" else save_parquet
        save(out, _columns(found, names, named, loaded.data))
    n, missing = len(found.rows), int(found.is_missing.sum())
    print(f"{examples_of(n, split)}, {plural(missing, 'value')} filled in, in {out}")
    errors = hidden_errors(loaded, found)
    print("\n".join(_lines(errors, names)) if errors else "No value was hidden (--hide-share).")
    return 0


def _columns(found: "Imputed", names: list[str], named: Arrays, data: "Dataset") -> Arrays:
    """Return the columns of the table."""
    from vae.data.column_kinds import values_of
    from vae.data.columns import unique_names

    first = {key: named[key] for key in ("name", "class", "split", "index")}
    marked = [k for k in range(len(names)) if found.is_missing[:, k].any()]
    titles = [*first, *names, *(f"{names[k]} observed" for k in marked)]
    values = [
        *values_of(found.completed, data),
        *(found.is_observed[:, k].astype(int) for k in marked),
    ]
    columns = zip(unique_names(titles), [*first.values(), *values], strict=True)
    return dict(columns)


def _lines(errors: "HiddenErrors", names: list[str]) -> list[str]:
    """Return the root mean squared error of each column and of all, beside that of the mean."""
    model, mean = map(number, errors.total)
    head = "root mean squared error at hidden values, and that of the column's mean:"
    rows = zip(names, errors.counts, errors.model, errors.mean, errors.named, strict=True)
    each = [
        f"  {printed(name):<24} {_error(a, named)}, {'most common name' if named else 'mean'} "
        f"{_error(b, named)} ({plural(count, 'value')})"
        for name, count, a, b, named in rows
        if count
    ]
    total = [f"  {'all, in SD of the column':<24} {model}, mean {mean}"]
    if wrong := errors.wrong:
        model_share, common = (percent(share, 1) for share in wrong)
        total.append(f"  {'all names, wrong':<24} {model_share}, most common name {common}")
    return [head, *each, *total]


def _error(value: float, named: bool) -> str:
    """Return a root mean squared error, or a share of wrong names."""
    return percent(value, 1) + " wrong" if named else number(value)
