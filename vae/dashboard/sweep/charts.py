"""Charts of a sweep: a small chart of curves for each configuration, and a measure against the
swept setting."""

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
from vae.dashboard.sweep import arrangement
from vae.dashboard.sweep.plane import plane
from vae.experiments import sweeps
from vae.experiments.configurations import Entry, Fold, Line, line, spell, written
from vae.figures import sweep
from vae.figures.palette import CLASSES
from vae.runs import Run
from vae.runs.result_keys import run_key

ACROSS = 6  # small charts beside each other at most
ROOM, LETTER = 560, 7.0  # pixels for them, and for a letter of their names
CHART = 380  # pixels
WIDE = 20  # ratio of the largest to the smallest value that begins with a log scale
PLANE = "plane"
MEASURES = {
    "elbo": "−ELBO",
    "reconstruction": "Reconstruction",
    "kl": "KL",
    PLANE: "Reconstruction against KL",
}
HELP = {
    "multiples": "One small chart per configuration and one line per seed, on validation data (on "
    "training data without validation), nats per example, all with the same axes. −ELBO is the "
    "sum of reconstruction and KL; lower is better. Beside a name: the number of finished seeds.",
    "figure": "Value of each run's best weights on validation data, nats per example. Lower −ELBO "
    "and reconstruction are better. The KL is the information in z about an example. "
    "Reconstruction against KL is the rate–distortion plane, with the knee of the curve.",
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


def multiples(name: str, folds: Sequence[Fold], differ: Sequence[str]) -> None:
    """Draw one small chart per configuration; `differ` are the settings that differ."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            "**Validation curves**", help=HELP["multiples"] + lesson_link("bound"), width="content"
        )
        st.html(_legend(), width="content")
    heads, progress = arrangement.titles(folds, differ), [_progress(fold) for fold in folds]
    longest = max(len(f"{head}  {more}") for head, more in zip(heads, progress, strict=True))
    across = max(1, min(ACROSS, int(ROOM / (LETTER * longest))))
    places = arrangement.places(folds, differ, across)
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
    if figure == PLANE:
        plane(name, folds, differ, against, CHART)
        return
    values = arrangement.values_of(folds, against)
    numeric = arrangement.is_numeric(folds, against)
    positive = numeric and min(values) > 0
    usual = positive and (_is_log(against) or max(values) >= WIDE * min(values))
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
        help=HELP["summary"] + lesson_link("bound"),
    )


def _is_log(setting: str) -> bool:
    return sweeps.field_of(setting.split(" ")[0]).option.log


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
            place, arrangement.title(fold, differ), values, interval(list(values.values()))
        )
        groups.setdefault(arrangement.title(fold, rest), []).append(arm)
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
