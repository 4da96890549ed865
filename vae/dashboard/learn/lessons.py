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


def lesson_link(name: str) -> str:
    """Return the end of a help text: a link to the lesson that explains it."""
    return f"\n\nLesson: [{LESSONS[name]['title'].en}](/{name})"
