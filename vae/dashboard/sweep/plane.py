"""The reconstruction against the KL of a sweep, with the knee of the curve in words."""

from collections.abc import Sequence

import streamlit as st

from vae.base.foreign import markdown
from vae.base.numbers import number
from vae.base.statistics import MIN_SEEDS, interval
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import plot
from vae.dashboard.sweep import arrangement
from vae.experiments.configurations import Fold, spell, written
from vae.experiments.knee import Knee, NoKnee, knee
from vae.figures.palette import CLASSES
from vae.figures.sweep_plane import PlaneCurve, PlanePoint, sweep_plane

ABOUT = (
    "The knee is the value farthest below the straight line between the configurations of lowest "
    "and highest KL, with both axes scaled to the range of the sweep (Kneedle, Satopää et al. "
    "2011). A wider range of values can move it. Its 95 % interval comes from the seeds: the "
    "means are drawn again from their t distribution, and the interval holds the knees of 95 % of "
    f"the draws. It needs {MIN_SEEDS} seeds; validation examples and seeds vary together."
)
ORDERED = NoKnee("A knee needs a setting with numbers.")


def plane(
    name: str, folds: Sequence[Fold], differ: Sequence[str], against: str, height: int
) -> None:
    """Draw the plane of the best weights on validation data, and the knees in words."""
    curves = _curves(folds, differ, against)
    plot(
        sweep_plane(curves, height),
        key="sweep_summary",
        revision=f"{name} plane {against}",
        height=height,
        label=f"Reconstruction against KL for every {spell(against)}, with the knee of the curve",
    )
    st.caption("  \n".join(sentences(curves)), help=ABOUT + lesson_link("terms", "frontier"))


def _curves(folds: Sequence[Fold], differ: Sequence[str], against: str) -> list[PlaneCurve]:
    """A curve for each value of the settings that are not on the curve."""
    rest = [name for name in differ if name != against]
    numeric = arrangement.is_numeric(folds, against)
    values = arrangement.values_of(folds, against)
    groups: dict[str, list[Fold]] = {}
    for fold in sorted(folds, key=lambda fold: values.index(fold.settings.get(against))):
        if _seeds(fold):
            groups.setdefault(arrangement.title(fold, rest), []).append(fold)
    return [
        PlaneCurve(
            title if len(groups) > 1 else "",
            k % CLASSES if len(groups) > 1 else None,
            tuple(_point(fold, differ, against) for fold in group),
            knee([_seeds(fold) for fold in group]) if numeric else ORDERED,
        )
        for k, (title, group) in enumerate(groups.items())
    ]


def _seeds(fold: Fold) -> dict[int, tuple[float, float]]:
    """Seed → rate and distortion of its best weights on validation data."""
    return {
        run.seed: (run.val.kl, run.val.reconstruction)
        for run in fold.runs
        if run.val.kl is not None and run.val.reconstruction is not None
    }


def _point(fold: Fold, differ: Sequence[str], against: str) -> PlanePoint:
    pairs = tuple(_seeds(fold).values())
    rate, distortion = zip(*pairs, strict=True)
    label = f"{spell(against)} {written(fold.settings.get(against))}"
    return PlanePoint(
        arrangement.title(fold, differ), label, interval(rate), interval(distortion), pairs
    )


def sentences(curves: Sequence[PlaneCurve]) -> list[str]:
    """The knee of each curve in words; a common reason for having none only once."""
    words = [_sentence(curve.points, curve.knee) for curve in curves]
    if len(set(words)) > 1:
        names = [markdown(curve.name) for curve in curves]
        return [f"{name}: {text}" for name, text in zip(names, words, strict=True)]
    found = next((curve.knee for curve in curves if isinstance(curve.knee, Knee)), None)
    return [words[0] + _slope(found)] if found and len(curves) == 1 else words[:1]


def _sentence(points: Sequence[PlanePoint], one: Knee | NoKnee) -> str:
    if isinstance(one, NoKnee):
        return one.reason
    return f"**Knee at {markdown(points[one.place].label)}**, {_interval(points, one)}."


def _slope(one: Knee) -> str:
    return (
        f" Over the whole range a nat of KL buys {number(one.slope)} nats of reconstruction: more "
        "at a KL below the knee, and less above it."
    )


def _interval(points: Sequence[PlanePoint], one: Knee) -> str:
    if one.low is None or one.high is None:
        return f"without an interval, which needs {MIN_SEEDS} seeds"
    low, high = (markdown(points[end].label) for end in (one.low, one.high))
    ends = f"{low} alone" if low == high else f"{low} to {high}"
    return f"95 % interval {ends} (from {one.seeds} seeds)"
