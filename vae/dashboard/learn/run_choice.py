"""The choice of a run in a lesson whose picture can come from any run of the user."""

from collections.abc import Callable

import streamlit as st

from vae.base.foreign import markdown
from vae.components.posteriors import POSTERIORS
from vae.dashboard import server
from vae.dashboard.learn.language import say
from vae.dashboard.learn.lesson import Lesson, Step
from vae.dashboard.learn.state import Place
from vae.dashboard.learn.words.frame import WORDS as FRAME
from vae.dashboard.shared.widgets import choose
from vae.experiments.entries import best_report
from vae.runs import Run, listing
from vae.runs.result_keys import run_key

LATENTS = 2
USUAL = "clothes-first-look"  # the run that a lesson shows first, if it is there
NEWEST = 100  # runs among which one is chosen, at most
WATCHED = ("config.json", "metrics.jsonl", "best.safetensors")


def without_weights(run: Run) -> str:
    """Return why a run shows no q(z|x), a key of the frame's words; "" if it does."""
    if not run.config.has_kl:
        return "misfit.point"
    try:
        run.weights_path("best")
    except ValueError:
        return "misfit.weights"
    return ""


def without_tensors(run: Run) -> str:
    """Return why a run has no Gaussian q(z|x) = N(μ, σ²); "" if it has one."""
    is_flow = not POSTERIORS[run.config.posterior].gaussian
    return without_weights(run) or ("misfit.flow" if is_flow else "")


def without_plane(run: Run) -> str:
    """Return why a run has no Gaussian q(z|x) in a plane; "" if it has one."""
    if run.config.latent_dim != LATENTS:
        return "misfit.latents"
    return without_tensors(run)


def without_bound(run: Run) -> str:
    """Return why a run has no reports of both terms of the bound; "" if it has them."""
    if not run.config.has_kl:
        return "misfit.point"
    return "" if best_report(run) else "misfit.reports"


def chosen(lesson: Lesson, place: Place, step: Step) -> Run | None:
    """Return the run that the step shows; None for the lesson's own example or without a run."""
    if lesson.runs is None or step.name not in lesson.runs.steps:
        return None
    fits = [name for name, reason in _reasons(lesson).items() if not reason]
    if place.run in fits:
        return Run(server.ROOT / place.run)
    if lesson.runs.has_own_example or not fits:
        return None
    return Run(server.ROOT / (USUAL if USUAL in fits else fits[0]))


def lacks_run(lesson: Lesson, place: Place, step: Step) -> bool:
    """Whether the step has no picture because no run fits."""
    of = lesson.runs
    needs = of is not None and step.name in of.steps and not of.has_own_example
    return needs and chosen(lesson, place, step) is None


def choice(lesson: Lesson, place: Place, step: Step) -> None:
    """Show the list of runs in a step that can show one, and why a wanted run does not fit."""
    if lesson.runs is None or step.name not in lesson.runs.steps:
        return
    reasons, run = _reasons(lesson), chosen(lesson, place, step)
    if place.run and reasons.get(place.run, "misfit.missing"):
        reason = say(FRAME[reasons.get(place.run, "misfit.missing")])
        text = say(FRAME["misfit"]).format(name=markdown(place.run), reason=reason)
        st.warning(text, icon=":material/info:")
    example = [""] if lesson.runs.has_own_example else []
    options = [*example, *sorted(reasons, key=lambda name: bool(reasons[name]))]
    if not options:
        return
    titles = {name: _title(name, reasons) for name in options}
    key = f"learn_of_{lesson.name}"
    st.session_state[key] = run.name if run else options[0]

    def take(name: str) -> None:
        place.run = name

    choose(st, say(FRAME["of"]), key, titles, options[0], say(FRAME["of_help"]), act=take)


def _title(name: str, reasons: dict[str, str]) -> str:
    if not name:
        return say(FRAME["of_own"])
    reason = reasons.get(name, "")
    return f"{name} · {say(FRAME[reason])}" if reason else name


def _reasons(lesson: Lesson) -> dict[str, str]:
    """Return, for each run, why it does not fit the lesson, the newest run first."""
    assert lesson.runs is not None
    return {
        run.name: _misfit(run_key(run, files=WATCHED), lesson.name, run, lesson.runs.misfit)
        for run in listing(server.ROOT, NEWEST)
    }


@st.cache_data(max_entries=16 * NEWEST, show_spinner=False)
def _misfit(key: str, lesson: str, _run: Run, _misfit_of: Callable[[Run], str]) -> str:
    try:
        return _misfit_of(_run)
    except (ValueError, OSError):
        return "misfit.damaged"
