"""The KL strip and the collapse doctor on screen, for finished and for living runs.

A remedy is one click: it fills the sidebar with the run's own settings and the one change, or it
trains the run on. Nothing starts before Train is pressed.
"""

import math
from typing import Any

import streamlit as st

from vae.config import RunConfig, fields
from vae.dashboard import server
from vae.dashboard.plot import plot
from vae.dashboard.shared import cache
from vae.dashboard.sidebar.sidebar import fill
from vae.diagnostics.checks import ILLNESSES, examine
from vae.diagnostics.findings import Case, Examination, Finding, Measured, Remedy, remedied
from vae.diagnostics.latent_swap import measure
from vae.diagnostics.training_stats import course_of
from vae.figures.kl_heatmap import kl_heatmap
from vae.runs import Run, Status
from vae.runs.result_keys import run_key

POLL = 2.0  # seconds between two looks at a run that trains
AT_ONCE = 256  # elements of an example up to which the reference takes about a second
STRIP = (
    "KL(q(z|x) ‖ p(z)) of each latent, mean over the validation examples (training examples where "
    "none are held out), nats; the largest at the end on top. Grey: below 0.01 nats, the latent "
    "carries nothing. Bright from some epoch on: it came into use there."
)
DOCTOR = (
    "What may ail the run, by its curves and by a look at its last weights on held-out examples. "
    "A remedy changes one setting. Thresholds were fixed on one data set and tried on others; a "
    "verdict is a reason to look, not a proof."
)
SWAP = (
    "“Another example's z costs” is how many nats worse an example is reconstructed from the z of "
    "another one, mean ± one standard error; 0 if the decoder ignores z."
)
COMPARE = (
    "Fit the best model without latents to the training examples and judge it on held-out ones: "
    "with a vanished KL, the run's ELBO is no better. Takes seconds to minutes."
)


def doctor(run: Run) -> None:
    """Both side by side; anew every POLL seconds while the run trains."""
    living = run.status().alive

    @st.fragment(run_every=POLL if living else None)
    def view() -> None:
        status = run.status()
        if living and not status.alive:
            st.rerun()
        with st.container(key="doctor"):
            left, right = st.columns(2, gap="large")
            with left:
                _strip(run)
            with right:
                _examined(run, status)

    view()


def _strip(run: Run) -> None:
    st.markdown("##### KL of each latent while it trained", help=STRIP)
    config = run.config
    why = "No KL per latent yet"
    if not config.kl_per_dimension:
        why = f"A {config.posterior} posterior with a {config.prior} prior has no KL per latent"
    chart = kl_heatmap(run.reports(), config.latent_dim, why)
    plot(
        chart,
        key="kl_strip",
        revision=run.name,
        height=int(chart.layout.height),
        label="KL of each latent dimension over the epochs, nats per example",
    )


def _examined(run: Run, status: Status) -> None:
    st.markdown("##### Collapse doctor", help=f"{DOCTOR} {SWAP}")
    measured, problem = _looked_at(run)
    case = Case(
        run.config, course_of(run.reports(), run.config.best_by), status.state, status.message
    )
    found = examine(case._replace(measured=measured))
    vanished = any(f.name == "vanished" for f in found.findings)
    if vanished and measured is not None and measured.elbo is not None:
        measured = _with_reference(run, measured)
        found = examine(case._replace(measured=measured))
    for finding in found.findings:
        _finding(run, status, finding)
    if not found.findings:
        st.markdown("**Nothing found.**")
    _quiet(found, problem)


def _quiet(found: Examination, problem: str) -> None:
    """Where nothing was seen, and where nothing could be."""
    said = [
        f"- {ILLNESSES[name].title}: {quiet.sentence}"
        for name, quiet in found.quiet.items()
        if quiet.looked
    ]
    unsaid = [
        f"- {ILLNESSES[name].title}: not looked for. {quiet.sentence}"
        for name, quiet in found.quiet.items()
        if not quiet.looked
    ]
    with st.expander("What was looked at", expanded=not found.findings):
        st.caption("\n".join([*said, *unsaid]))
        if problem:
            st.caption(f"The model could not be looked at. {problem}")


def _finding(run: Run, status: Status, finding: Finding) -> None:
    illness, remedy = ILLNESSES[finding.name], finding.seen.remedy
    colour, word = ("orange", "illness") if illness.serious else ("gray", "note")
    with st.container(border=True, key=f"finding_{finding.name}"):
        st.markdown(f":{colour}-badge[{word}] **{illness.title}**", help=illness.about)
        st.markdown(" ".join(finding.seen.evidence))
        if remedy is not None:
            _remedy(run, status, finding.name, remedy)


def _remedy(run: Run, status: Status, name: str, remedy: Remedy) -> None:
    left, right = st.columns([8, 4], vertical_alignment="center")
    left.markdown(f"**Remedy**: {_change(run.config, remedy)}. {remedy.why}")
    if remedy.resume and status.extendable:
        pressed = right.button(
            "Train on",
            key=f"remedy_{name}",
            width="stretch",
            on_click=_train_on,
            args=(run, int(remedy.value)),
            help="Resume this run until it has so many epochs; it goes on from its last weights.",
        )
    else:
        changed = remedied(run.config, remedy)
        pressed = right.button(
            "Fill the sidebar",
            key=f"remedy_{name}",
            width="stretch",
            on_click=fill,
            args=(changed.model_dump(),),
            help="Put this run's settings with the one change into the sidebar. Train starts it.",
        )
        if st.session_state.chosen.config == changed:
            st.caption(
                f"The sidebar holds this run's settings with {_change(run.config, remedy)}: press "
                "Train there to start it."
            )
    if pressed:
        st.rerun()


def _train_on(run: Run, epochs: int) -> None:
    run.want(epochs=epochs)
    server.launcher.resume(run)


def _change(config: RunConfig, remedy: Remedy) -> str:
    """The field, its value and what it was: "β = 1 (was 20)"."""
    label = next(f.label for f in fields() if f.name == remedy.field)
    return f"{label} = {_value(remedy.value)} (was {_value(config.get(remedy.field))})"


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _looked_at(run: Run) -> tuple[Measured | None, str]:
    """The checkup of the last weights, or why there is none."""
    try:
        return _measured(run, run_key(run, "last")), ""
    except (ValueError, OSError) as error:
        return None, str(error)


@st.cache_data(max_entries=16, show_spinner="Looking at the model…")
def _measured(_run: Run, key: str) -> Measured:
    return measure(cache.load_run(_run, "last"))


def _with_reference(run: Run, measured: Measured) -> Measured:
    """With what a model without latents pays: at once for small examples, else at a press."""
    elements = math.prod(run.header["data"]["event_shape"])
    asked = f"doctor_reference_{run_key(run)}"
    if elements > AT_ONCE and not st.session_state.get(asked):
        if st.button("Compare with a model without latents", key="reference", help=COMPARE):
            st.session_state[asked] = True
        else:
            return measured
    nats, se = _reference(run, run_key(run))
    return measured._replace(reference=nats, reference_se=se)


@st.cache_data(max_entries=16, show_spinner="Fitting a model without latents…")
def _reference(_run: Run, key: str) -> tuple[float | None, float | None]:
    from vae.evaluation.baseline import baseline

    found = baseline(_run.data(), _run.config, _run.config.likelihood)
    return found.nats, found.se
