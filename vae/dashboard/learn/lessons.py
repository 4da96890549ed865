"""The lessons in their order, each with its table of words; the file is `pages/learn/NAME.py`."""

from vae.dashboard.learn.lesson import Words
from vae.dashboard.learn.words import (
    bound,
    failures,
    gaps,
    gaussian_kl,
    goals,
    linear,
    mean_field,
    prior,
    reparameterisation,
    symbols,
    terms,
)

LESSONS: dict[str, Words] = {
    "goals": goals.WORDS,
    "bound": bound.WORDS,
    "terms": terms.WORDS,
    "gaussian_kl": gaussian_kl.WORDS,
    "reparameterisation": reparameterisation.WORDS,
    "prior": prior.WORDS,
    "linear": linear.WORDS,
    "gaps": gaps.WORDS,
    "mean_field": mean_field.WORDS,
    "failures": failures.WORDS,
    "symbols": symbols.WORDS,
}


def step_names(name: str) -> list[str]:
    """Return the steps of a lesson in their order, which is that of its words."""
    return [key.removesuffix(".title") for key in LESSONS[name] if key.endswith(".title")]


def lesson_at(name: str, step: str = "") -> tuple[str, str]:
    """Return address and title of a lesson, or of one step of it."""
    place = f"?step={step_names(name).index(step) + 1}" if step else ""
    return f"/{name}{place}", LESSONS[name][f"{step}.title" if step else "title"].en


def lesson_link(name: str, step: str = "") -> str:
    """Return the end of a help text: a link to the lesson that explains it, or to one step."""
    place, title = lesson_at(name, step)
    return f"\n\nLesson: [{title}]({place})"
