"""A failure that the diagnostics find on the curves, in one line, with a button that applies its
fix: it moves a live setting of a run in training, or else trains a variant of the run.
"""

from typing import NamedTuple

import streamlit as st

from vae.base import files
from vae.base.foreign import markdown
from vae.base.options import Field
from vae.config import RunConfig, fields
from vae.dashboard import server
from vae.dashboard.shared import cache, current_run, starting, training_time
from vae.dashboard.shared.widgets import press
from vae.dashboard.train import live_settings
from vae.diagnostics.checks import CHECKS
from vae.diagnostics.findings import Finding, Fix, validation_examples, with_fix
from vae.diagnostics.watch import watched, with_changes
from vae.experiments import variants
from vae.experiments.configurations import written
from vae.runs import Run, Status
from vae.runs.result_keys import run_key

HEIGHT = 40  # pixels of the line
AGAIN = (
    "Train a variant of this run from the start with this one change, the same seed and data. "
    "This run stays as it is."
)
MOVE = "Change the setting of this run now. The change is marked on the curves and can be undone."


class Course(NamedTuple):
    """Facts about the course of training, computed from the reports of a run."""

    findings: dict[str, Finding]  # by name, in the order of the table of checks
    pace: float | None  # seconds of a step over the last reports


def course(run: Run, status: Status) -> Course:
    """Return the course of a run, computed again when it has new reports or changes."""
    return _course(run, run_key(run, files=cache.CURVE_FILES), status.state, status.message)


@st.cache_data(max_entries=16, show_spinner=False)
def _course(_run: Run, key: str, state: str, message: str) -> Course:
    reports, status = _run.reports(), Status(state, message)
    held = validation_examples(_run.config, _run.header["data"]["examples"])
    found = watched(_run.config, reports, _run.changes(), status, held)
    if _run.is_recorded:  # its settings are those of another loop
        found = {name: finding._replace(fix=None) for name, finding in found.items()}
    return Course(found, training_time.pace(reports))


def first_finding(run: Run, status: Status) -> tuple[str, Finding] | None:
    """Return the first finding in the order of the table of checks, with its name; or None."""
    return next(iter(course(run, status).findings.items()), None)


def line(run: Run, status: Status, name: str, finding: Finding) -> None:
    """Show symptom, advice and button of a finding, and a link to the whole diagnostics."""
    check, fix = CHECKS[name], finding.fix
    about = " ".join(finding.evidence)
    with st.container(key="advice", horizontal=True, vertical_alignment="center", gap="small"):
        words = f":orange-badge[{check.symptom or check.title}]"
        if fix is not None:
            words += f" :small[{fix.advice or _advice(_now(run), fix)}]"
            about += f"\n\n{fix.why}"
        st.markdown(words, help=about, width="content")
        if fix is not None:
            _button(run, status, fix)
        st.page_link(server.PAGES / "evaluate.py", label="All diagnostics", width="content")


def _button(run: Run, status: Status, fix: Fix) -> None:
    field = _field(fix)
    if status.alive and field.option.live:
        change = f"{live_settings.short(field)} {written(_now(run).get(field.name))}"
        press(
            f"{change} → {written(fix.value)}",
            "apply_fix",
            lambda: live_settings.move(run, field.name, float(fix.value)),
            MOVE,
            changes=True,
        )
    else:
        train_again(run, fix)


def train_again(run: Run, fix: Fix, is_main: bool = False) -> None:
    """Show the button that trains a variant of a run with its live changes and one fix."""
    press(
        f"Train again with {live_settings.short(_field(fix))} {written(fix.value)}",
        "train_again",
        lambda: _train_again(run, fix),
        AGAIN,
        changes=True,
        type="primary" if is_main else "secondary",
    )


def _train_again(run: Run, fix: Fix) -> None:
    config = with_fix(_now(run), fix)
    try:
        variants.check_variant(run, config)
        variant = variants.create(run, config, variants.free_name(run, fix.field, fix.value))
    except ValueError as error:
        st.toast(markdown(error))
        return
    except OSError as error:
        st.toast(markdown(files.sentence(error)))
        return
    server.launcher.pump()
    current_run.choose(variant.name)
    starting.announce(variant.name)


def _now(run: Run) -> RunConfig:
    return with_changes(run.config, run.changes())


def _field(fix: Fix) -> Field:
    return next(field for field in fields() if field.name == fix.field)


def _advice(config: RunConfig, fix: Fix) -> str:
    """Return the fix as an imperative: "lower the learning rate"."""
    label, before = _field(fix).label, config.get(fix.field)
    name = label if len(label) < 3 else f"the {label[0].lower()}{label[1:]}"
    if isinstance(before, int | float) and isinstance(fix.value, int | float):
        return f"{'lower' if fix.value < before else 'raise'} {name}"
    return f"change {name}"
