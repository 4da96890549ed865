"""Train the demonstrations of the lessons and store their outcomes, which the pages show first:

python -m tests.store_outcomes [LESSON ...]

It is not a part of the app, because it runs the pages of the lessons as files.
"""

import runpy
import sys
import time
from collections.abc import Iterator
from itertools import product
from unittest.mock import patch

from vae.config import RunConfig
from vae.dashboard.learn import view
from vae.dashboard.learn.contents import FOLDER as PAGES
from vae.dashboard.learn.demonstration import Course, course
from vae.dashboard.learn.lesson import Choice, Lesson, Step, Values
from vae.dashboard.learn.lessons import LESSONS
from vae.dashboard.learn.outcomes import FOLDER, key_of, of_course, save


def read(name: str) -> Lesson:
    """Return a lesson without showing its page."""
    with patch.object(view, "show", lambda _: None):
        found: Lesson = runpy.run_path(str(PAGES / f"{name}.py"))["LESSON"]
    return found


def demonstrations(lesson: Lesson) -> Iterator[tuple[Step, Values]]:
    """Yield each step that trains with all options of its choices and the start of its sliders."""
    start: Values = {name: control.start for name, control in lesson.controls.items()}
    for step in lesson.steps:
        if step.trains is None:
            continue
        free = {n: c for n in step.controls if isinstance(c := lesson.controls[n], Choice)}
        for options in product(*(choice.options for choice in free.values())):
            yield step, {**start, **step.starts, **dict(zip(free, options, strict=True))}


def configurations(lesson: Lesson) -> list[RunConfig]:
    """Return the settings of all demonstrations of a lesson, each once."""
    found: dict[str, RunConfig] = {}
    for step, values in demonstrations(lesson):
        assert step.trains is not None
        found |= {key_of(config): config for config in step.trains(values)}
    return list(found.values())


def complete(config: RunConfig) -> Course:
    """Train a demonstration to its end."""
    while not (found := course(config)).is_done:
        time.sleep(0.05)
    if found.problem:
        raise RuntimeError(f"{key_of(config)}: {found.problem}")
    return found


def main() -> None:
    """Write the file of each lesson that trains."""
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or LESSONS:
        lesson = read(name)
        if lesson.shows is not None:
            shows, configs = lesson.shows, configurations(lesson)
            outcomes = [of_course(name, shows, complete(config)) for config in configs]
            save(path := FOLDER / f"{name}.npz", outcomes)
            print(f"{name}: {len(outcomes)} outcomes, {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
