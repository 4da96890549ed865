"""Charts of the selected runs: rate–distortion plane, curves and settings.

A configuration has one colour in all of them for as long as it stays selected.
"""

from collections.abc import Sequence
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st

from vae.base.statistics import by_seed, interval
from vae.dashboard import server
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import plot
from vae.dashboard.shared import smoothing, widgets
from vae.dashboard.shared.html_gallery import colour
from vae.experiments import configurations
from vae.experiments.configurations import Entry, Figures, Fold, line, mean_line
from vae.figures import comparison
from vae.figures.palette import CLASSES
from vae.figures.quantities import SPLITS, TERMS
from vae.figures.rate_distortion import RunPoint, rate_distortion
from vae.figures.smoothing import smoothing_words
from vae.runs import Run
from vae.runs.result_keys import run_key

HEIGHT = 350
LAYOUT = (10, 3)  # widths of the chart and of its controls
SLOTS = "compare_slots"
DRAWN_FOR = "compare_drawn_for"  # names of the runs that were selected at the last drawing
TINTS = ";".join(f"--{name}:{colour(name)}" for name in ("accent", "muted", "background"))
DRAWN = 60  # runs with curves, at most
PER = {"epoch": "epochs", "step": "steps", "seconds": "seconds of training"}
CURVES = {name: SPLITS[name] for name in ("val", "train")} | {"both": "both"}
STROKES = {"val": "Dashed: validation.", "train": "Solid: train."}
STROKES["both"] = "Solid: train. Dashed: validation."
SOURCES = {"val": "validation, best weights", "test": "test, best weights"}
UNIT = "Nats per example, in the units of x, also where columns are standardised."
HELP = {
    "fold": "Combine runs that differ in their seed only: mean and 95 % interval over three seeds "
    "or more (Student's t), each seed as a thin line.",
    "per": "Horizontal axis of the curves.",
    "split": "Train values (solid) are means over the batches since the last report. Validation "
    "values (dashed) are those of the weights at that moment.",
    "plane": "Nats are comparable for runs with the same data, split, preprocessing and "
    "likelihood. Each such group has its own plane.",
    "source": "Values of the best weights of each run: on validation data from their report, on "
    "test data from a saved evaluation. Runs without these values or without a KL are left out.",
    "rd": "Rate is the KL, the information in z about its example. Distortion is the "
    "reconstruction term. Both are nats per example; down and to the left is better. On a thin "
    "line their sum, −ELBO, is constant. β selects the point on the rate–distortion curve: β < 1 "
    "favours reconstruction, β > 1 favours low rate.",
    "all": "Show the settings that all runs share, too.",
    "shaded": "Shaded values differ from the first column. Seeds of one configuration share a "
    "column.",
}


class Chosen(NamedTuple):
    """The selected configurations with their labels and colours."""

    folds: list[Fold]
    names: list[str]
    slots: dict[str, int]  # key of a configuration → its colour; only the first ten have one


def chosen(selected: Sequence[Entry], folding: bool) -> Chosen:
    """Return the selection by configuration, or each run in its configuration's colour."""
    whole = configurations.fold(selected)
    slots = configurations.slots(st.session_state.get(SLOTS, {}), [f.key for f in whole], CLASSES)
    st.session_state[SLOTS] = slots
    folds = whole if folding else configurations.unfold(whole)
    return Chosen(folds, configurations.labels(folds), slots)


def fold_toggle() -> bool:
    """The toggle for combining seeds."""
    return widgets.switch(st, "Fold seeds", "compare_fold", True, HELP["fold"], "fold")


def names(picked: Chosen) -> str:
    """Return HTML: the colour and the name of each configuration."""
    spans = [
        f"<span>{_dot(picked.slots.get(fold.key))}{escape(name)}</span>"
        for fold, name in zip(picked.folds, picked.names, strict=True)
    ]
    return f'<div class="vae-names">{"".join(spans)}</div>'


def _dot(slot: int | None) -> str:
    ink = colour("prior" if slot is None else f"class{slot}")
    return f'<i style="background:{ink}"></i>'


def of(entry: Entry, source: str) -> Figures:
    """Return the results of a run on "val" or "test" data."""
    return entry.test if source == "test" else entry.val


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count:,} runs"


def plane(visible: Sequence[Entry], selected: Sequence[Entry]) -> None:
    """The rate–distortion plane of every visible run, the selected ones in colour."""
    known = list({entry.name: entry for entry in [*selected, *visible]}.values())
    groups, mine = configurations.planes(known), {entry.name for entry in selected}
    if not groups:
        st.info("None of these runs has readable settings.")
        return
    left, right = st.columns(LAYOUT, gap="medium")
    titles = {g.label: f"{g.label} ({len(g.entries):,})" for g in groups}
    first = max(groups, key=lambda group: _priority(group.entries, mine))
    _follow(mine, first.label)
    label = widgets.choose(
        right, "Comparable runs", "compare_plane", titles, first.label, HELP["plane"], link="among"
    )
    source = widgets.choose(
        right, "Measured on", "compare_source", SOURCES, "val", HELP["source"], link="measured_on"
    )
    with right:
        folding = fold_toggle()
    group = next(g.entries for g in groups if g.label == label)
    drawable = [entry for entry in group if _has_place(entry, source)]
    slots, all_ = chosen(selected, folding).slots, called(drawable, folding)
    picked = [pair for pair in all_ if any(run.name in mine for run in pair[0].runs)]
    own_slots = {fold.key: slots.get(fold.key) for fold, _ in picked}
    with left:
        st.markdown(
            _plane_title(len(drawable), len(group), len(known)),
            help=HELP["rd"] + lesson_link("terms", "frontier"),
        )
        spots = [_spot(fold, name, own_slots.get(fold.key), source) for fold, name in all_]
        plot(
            rate_distortion(spots, HEIGHT),
            key="compare_plane_chart",
            revision=f"{label} {source} {folding}",
            height=HEIGHT,
            label="Rate and distortion of every run, nats per example, with lines of equal −ELBO",
        )
    right.caption(UNIT)
    right.html(names(Chosen([fold for fold, _ in picked], [name for _, name in picked], slots)))


def _has_place(entry: Entry, source: str) -> bool:
    """Whether a run has a KL and a reconstruction of this source."""
    return None not in (of(entry, source).kl, of(entry, source).reconstruction)


def _priority(entries: Sequence[Entry], mine: set[str]) -> tuple[bool, int, int, int]:
    """Return the rank of comparable runs as the plane shown first: those with a place in it, many
    selected ones, many others."""
    placed = [entry for entry in entries if _has_place(entry, "val")]
    chosen = sum(entry.name in mine for entry in placed)
    return bool(placed), chosen, sum(e.name in mine for e in entries), len(placed)


def _follow(mine: set[str], label: str) -> None:
    """Choose the comparable runs `label` once after a change of the selection."""
    if mine and st.session_state.get(DRAWN_FOR) != mine:
        st.session_state["compare_plane"] = label
    st.session_state[DRAWN_FOR] = mine


def _plane_title(drawn: int, comparable: int, all_: int) -> str:
    """Return the number of runs in the plane, and the reasons for leaving out others."""
    parts = [f"**Rate–distortion plane** · {_runs(drawn)}"]
    if comparable > drawn:
        parts.append(f"{_runs(comparable - drawn)} without these values")
    if all_ > comparable:
        parts.append(f"{_runs(all_ - comparable)} on other data or likelihoods")
    return " · ".join(parts)


def called(entries: Sequence[Entry], folding: bool) -> list[tuple[Fold, str]]:
    """Return these runs by configuration, or each one alone, with labels."""
    folds = configurations.fold(entries)
    folds = folds if folding else configurations.unfold(folds)
    return list(zip(folds, configurations.labels(folds), strict=True))


def _spot(fold: Fold, name: str, slot: int | None, source: str) -> RunPoint:
    found = [(run.seed, of(run, source)) for run in fold.runs]
    rate, distortion = (
        interval(list(by_seed((seed, getattr(f, term)) for seed, f in found).values()))
        for term in ("kl", "reconstruction")
    )
    elbo = -(rate.mean + distortion.mean)
    return RunPoint(name, fold.runs[0].settings.get("beta"), rate, distortion, elbo, slot)


def curves(selected: Sequence[Entry]) -> None:
    """Reconstruction, KL and ELBO of the selected runs over training."""
    left, right = st.columns(LAYOUT, gap="medium")
    about = HELP["per"] + lesson_link("terms")
    per = widgets.choose(right, "Against", "compare_per", PER, "epoch", about, link="against")
    about = HELP["split"]
    split = widgets.choose(right, "Data", "compare_split", CURVES, "val", about, link="split")
    smooth = smoothing.smoothing(right)
    with right:
        folding = fold_toggle()
    picked = chosen(selected[:DRAWN], folding)
    right.html(names(picked))
    right.caption(STROKES[split] + (f" {smoothing_words(smooth)}" if smooth else ""))
    drawn: list[comparison.RunCurve] = []
    for fold, name in zip(picked.folds, picked.names, strict=True):
        for part in ("train", "val") if split == "both" else (split,):
            for quantity in TERMS:
                drawn += _lines(fold, name, picked.slots.get(fold.key), quantity, part, per)
    with left:
        plot(
            comparison.overlaid_curves(drawn, per, HEIGHT, smooth),
            key="compare_curves",
            revision=f"{per} {split} {folding} {[fold.key for fold in picked.folds]}",
            height=HEIGHT,
            label="Reconstruction, KL and ELBO of the selected runs, nats per example",
        )
        if len(selected) > DRAWN:
            st.caption(f"The curves of the first {DRAWN} of {len(selected)} runs are drawn.")


def _lines(
    fold: Fold, name: str, slot: int | None, quantity: str, split: str, per: str
) -> list[comparison.RunCurve]:
    """Return one line per run with this quantity, and the mean over several seeds."""
    found = [(run, line(reports(run), quantity, split, per)) for run in fold.runs]
    found = [(run, one) for run, one in found if len(one.value)]
    several = len(fold.runs) > 1
    lines = [
        comparison.RunCurve(
            f"{name}, seed {run.seed}" if several else name, quantity, split, slot, one, several
        )
        for run, one in found
    ]
    seeds = {run.seed: one for run, one in found}
    if len(seeds) > 1:
        mean = mean_line(list(seeds.values()))
        lines.append(comparison.RunCurve(f"{name}, mean", quantity, split, slot, mean))
    return lines


def reports(entry: Entry) -> list[dict[str, Any]]:
    """Return every report of a run, from a cache until there are more."""
    path = server.ROOT / entry.name
    return _reports(path, run_key(Run(path), files=("metrics.jsonl",)))


@lru_cache(maxsize=DRAWN)
def _reports(path: Path, key: str) -> list[dict[str, Any]]:
    return Run(path).reports()


def settings(selected: Sequence[Entry]) -> None:
    """The settings in which configurations differ, side by side."""
    everything = widgets.switch(
        st, "All settings", "compare_all", False, HELP["all"], "all_settings"
    )
    picked = chosen(selected, folding=True)
    differ = configurations.differing(picked.folds)
    every = list(dict.fromkeys(name for fold in picked.folds for name in fold.settings))
    if len(picked.folds) == 1:
        st.caption("One configuration is selected. Tick others to see the differences.")
    st.html(differences(picked, every if everything or len(picked.folds) == 1 else differ))
    if len(picked.folds) > 1:
        st.caption(HELP["shaded"])


def differences(picked: Chosen, rows: Sequence[str]) -> str:
    """Return HTML: a column per configuration, a row per setting, with differences marked."""
    heads = "".join(
        f'<th title="{escape(name)}">{_dot(picked.slots.get(fold.key))}{escape(name)}</th>'
        for fold, name in zip(picked.folds, picked.names, strict=True)
    )
    body = [(configurations.spell(name), _cells(picked, name)) for name in rows]
    seeds = "".join(_cell(", ".join(map(str, fold.seeds))) for fold in picked.folds)
    runs = "".join(_cell(", ".join(run.name for run in fold.runs)) for fold in picked.folds)
    body += [("seed", seeds), ("runs", runs)]
    lines = "".join(f"<tr><th>{escape(head)}</th>{cells}</tr>" for head, cells in body)
    return (
        f'<div class="vae-differences" style="{TINTS}"><table>'
        f"<thead><tr><th></th>{heads}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _cells(picked: Chosen, name: str) -> str:
    values = [configurations.written(fold.settings.get(name)) for fold in picked.folds]
    return "".join(_cell(value, value != values[0]) for value in values)


def _cell(text: str, other: bool = False) -> str:
    mark = ' class="other"' if other else ""
    return f'<td{mark} title="{escape(text)}">{escape(text)}</td>'
