"""Charts of a sweep: a small chart of curves for each configuration, and a measure against the
swept setting."""

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from vae.base.statistics import by_seed, interval
from vae.dashboard import server
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import plot
from vae.dashboard.shared import widgets
from vae.dashboard.shared.html_gallery import colour
from vae.experiments import sweeps
from vae.experiments.configurations import Entry, Fold, Line, line, spell, written
from vae.figures import sweep
from vae.figures.palette import CLASSES
from vae.runs import Run
from vae.runs.result_keys import run_key

ACROSS = 6  # small charts beside each other at most
ROOM, LETTER = 560, 7.0  # pixels for them, and for a letter of their names
CHART = 380  # pixels
MEASURES = {"elbo": "−ELBO", "reconstruction": "Reconstruction", "kl": "KL"}
HELP = {
    "multiples": "One small chart per configuration and one line per seed, on validation data (on "
    "training data without validation), nats per example, all with the same axes. −ELBO is the "
    "sum of reconstruction and KL; lower is better. Beside a name: the number of finished seeds.",
    "figure": "Value of each run's best weights on validation data, nats per example. Lower −ELBO "
    "and reconstruction are better. The KL is the information in z about an example.",
    "summary": "A point is a seed; a bar is the mean over seeds, with its 95 % interval "
    "(Student's t) from three seeds on. Configurations at one value are drawn side by side.",
    "against": "Setting on the horizontal axis; a second swept setting sets the colours.",
    "log": "Use a logarithmic horizontal axis; needs values above 0.",
}


def _legend() -> str:
    """Return HTML of the meaning of the three colours."""
    spans = "".join(
        f'<span><i style="background:{colour(name)}"></i>{title}</span>'
        for name, title in sweep.TITLES.items()
    )
    return f'<div class="vae-legend">{spans}</div>'


def _order(folds: Sequence[Fold], name: str) -> list[Any]:
    """Return the values of a setting, numbers in ascending order."""
    values = list({written(f.settings.get(name)): f.settings.get(name) for f in folds}.values())
    return sorted(values) if _numeric(folds, name) else values


def _numeric(folds: Sequence[Fold], name: str) -> bool:
    return all(isinstance(f.settings.get(name), int | float) for f in folds)


def _places(folds: Sequence[Fold], differ: Sequence[str], most: int) -> list[tuple[int, int]]:
    """Return row and column of each configuration, at most `most` in a row. Two settings: a row
    for each value of the first, or of the second if only that fits. Otherwise: in reading
    order."""
    for down, over in [differ, differ[::-1]] if len(differ) == 2 else []:
        rows, columns = _order(folds, down), _order(folds, over)
        if len(columns) <= most:
            return [
                (rows.index(f.settings.get(down)), columns.index(f.settings.get(over)))
                for f in folds
            ]
    rank = list(range(len(folds)))
    if len(differ) == 1:
        values = _order(folds, differ[0])
        rank = [values.index(f.settings.get(differ[0])) for f in folds]
    across = min(most, math.ceil(math.sqrt(len(folds) * 1.5)))
    across = math.ceil(len(folds) / math.ceil(len(folds) / across))  # as full a last row as can be
    return [divmod(place, across) for place in rank]


def _name(fold: Fold, names: Sequence[str]) -> str:
    return sweeps.format_settings({name: fold.settings.get(name) for name in names})


def _heads(folds: Sequence[Fold], differ: Sequence[str]) -> list[str]:
    """Return the text above each small chart: the differing settings, or only the value of a
    single categorical one."""
    if len(differ) == 1 and not _numeric(folds, differ[0]):
        return [written(fold.settings.get(differ[0])) for fold in folds]
    return [_name(fold, differ) for fold in folds]


def multiples(name: str, folds: Sequence[Fold], differ: Sequence[str]) -> None:
    """Draw one small chart per configuration; `differ` are the settings that differ."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            "**Validation curves**", help=HELP["multiples"] + lesson_link("bound"), width="content"
        )
        st.html(_legend(), width="content")
    heads, progress = _heads(folds, differ), [_progress(fold) for fold in folds]
    longest = max(len(f"{head}  {more}") for head, more in zip(heads, progress, strict=True))
    places = _places(folds, differ, max(1, min(ACROSS, int(ROOM / (LETTER * longest)))))
    panels = [
        sweep.Panel(head, more, place, _lines(fold))
        for head, more, place, fold in zip(heads, progress, places, folds, strict=True)
    ]
    epochs = max(float(fold.settings["epochs"]) for fold in folds)
    chart = sweep.small_multiples(panels, epochs)
    plot(
        chart,
        key="sweep_multiples",
        revision=name,
        height=int(chart.layout.height),
        label="Reconstruction, KL and −ELBO of every configuration over training, on shared axes",
    )


def _progress(fold: Fold) -> str:
    """Return the number of finished seeds, unless all are."""
    done = sum(run.state == "finished" for run in fold.runs)
    return "" if done == len(fold.runs) else f"{done} of {len(fold.runs)}"


def _lines(fold: Fold) -> dict[str, dict[int, Line]]:
    """Return quantity → seed → line on validation data, or on training data where there are none,
    with reconstruction + KL as −ELBO."""
    lines: dict[str, dict[int, Line]] = {name: {} for name in sweep.TITLES}
    for run in fold.runs:
        path, split = server.ROOT / run.name, "val" if run.settings["val_share"] else "train"
        for name, one in _read(path, run_key(Run(path), files=("metrics.jsonl",)), split).items():
            lines[name][run.seed] = one
    return lines


@lru_cache(maxsize=5 * sweeps.MOST)
def _read(path: Path, key: str, split: str) -> dict[str, Line]:
    """Return the lines of a run, from a cache until there are more reports."""
    reports = Run(path).reports()
    found = {name: line(reports, name, split, "epoch") for name in sweep.TITLES}
    found["elbo"] = found["elbo"]._replace(value=-found["elbo"].value)
    return {name: one for name, one in found.items() if len(one.value)}


def summary(name: str, folds: Sequence[Fold], differ: Sequence[str]) -> None:
    """Draw the measure against the swept setting, with its controls."""
    row = st.columns([9, 10, 11], vertical_alignment="bottom")
    figure = widgets.choose(
        row[0], "Measure", "sweep_figure", MEASURES, "elbo", HELP["figure"], link="measure"
    )
    against = differ[0] if differ else "objective"
    if len(differ) > 1:
        titles = {name: spell(name) for name in differ}
        key = f"sweep_against_{name}"
        against = widgets.choose(
            row[1], "Against", key, titles, against, HELP["against"], link="against"
        )
    values = _order(folds, against)
    numeric = _numeric(folds, against)
    positive = numeric and min(values) > 0
    usual = positive and sweeps.field_of(against.split(" ")[0]).option.log
    key = f"sweep_log_{name}_{against}"
    log = widgets.log_scale(row[2], key, HELP["log"], usual, off=not positive)
    chart = sweep.setting_summary(
        _series(folds, differ, against, figure, values if not numeric else None),
        figure,
        spell(against),
        [] if numeric else [(float(k), written(v)) for k, v in enumerate(values)],
        bool(log) and positive,
        CHART,
    )
    plot(
        chart,
        key="sweep_summary",
        revision=f"{name} {figure} {against} {log}",
        height=CHART,
        label=f"{MEASURES[figure]} against {spell(against)}, a point a seed, means with intervals",
    )
    st.caption(
        f"Points: the best weights of each run, by validation {_criteria(folds)}. Bars: means "
        "over seeds with 95 % intervals.",
        help=HELP["summary"],
    )


def _series(
    folds: Sequence[Fold], differ: Sequence[str], against: str, figure: str, order: Any
) -> list[sweep.Series]:
    """Group the configurations by the settings that are not on the axis."""
    rest = [name for name in differ if name != against]
    groups: dict[str, list[sweep.SettingPoint]] = {}
    for fold in folds:
        values = by_seed((run.seed, _figure(run, figure)) for run in fold.runs)
        if not values:
            continue
        value: Any = fold.settings.get(against)
        place = float(value if order is None else order.index(value))
        arm = sweep.SettingPoint(
            place, _name(fold, differ), values, interval(list(values.values()))
        )
        groups.setdefault(_name(fold, rest), []).append(arm)
    several = len(groups) > 1
    return [
        sweep.Series(
            title if several else "",
            k % CLASSES if several else None,
            tuple(sorted(arms, key=lambda arm: arm.x)),
        )
        for k, (title, arms) in enumerate(groups.items())
    ]


def _criteria(folds: Sequence[Fold]) -> str:
    """The values that selected the best weights of these runs."""
    return ", ".join(dict.fromkeys(fold.runs[0].best_by.title for fold in folds))


def _figure(entry: Entry, figure: str) -> float | None:
    """A value of a run's best weights on validation data, nats per example."""
    value: float | None = getattr(entry.val, figure)
    return -value if value is not None and figure == "elbo" else value
