"""KL of each latent over training, and diagnostics of common failures, also while a run trains.

One click applies a fix: it fills the sidebar with the settings of the run and the one change, or
it resumes the run for more epochs. Train starts a filled sidebar.
"""

import math

import streamlit as st

from vae.config import RunConfig, fields
from vae.dashboard import server
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import plot
from vae.dashboard.shared import cache
from vae.dashboard.shared.widgets import key_of, press
from vae.dashboard.sidebar import choice
from vae.dashboard.sidebar.sidebar import fill
from vae.diagnostics.checks import CHECKS, diagnose
from vae.diagnostics.findings import (
    Diagnosis,
    Finding,
    Fix,
    ModelStats,
    Observations,
    validation_examples,
    with_fix,
)
from vae.diagnostics.latent_swap import model_stats
from vae.diagnostics.training_stats import training_stats
from vae.diagnostics.watch import with_changes
from vae.experiments.configurations import written
from vae.figures.kl_heatmap import kl_heatmap
from vae.runs import Run, Status
from vae.runs.result_keys import run_key

POLL = 2.0  # seconds between two updates while a run trains
AT_ONCE = 256  # elements of an example up to which fitting the reference takes about a second
STRIP = (
    "KL(q(z|x) ‖ p(z)) of each latent, mean over the validation examples (training examples "
    "without validation), nats; the largest at the end on top. Grey: below 0.01 nats, the latent "
    "is inactive. Bright from some epoch on: the latent became active there."
)
ABOUT = (
    "Checks for common failures, such as posterior collapse, on the curves of the run and on its "
    "last weights with held-out examples. A fix changes one setting. The thresholds were fixed on "
    "one data set and tried on others: a finding is a reason to look, not a proof."
)
SWAP = (
    "“Another example's z costs” is the increase of −ln p(x|z) when z comes from another example, "
    "mean ± one standard error, nats; 0 if the decoder ignores z."
)
COMPARE = (
    "Fit the best model without latents to the training examples and evaluate it on others: "
    "after posterior collapse, the ELBO of the run is no better. Takes seconds to minutes."
)


def diagnostics(run: Run) -> None:
    """Draw both side by side, again every POLL seconds while the run trains."""
    alive = run.status().alive

    @st.fragment(run_every=POLL if alive else None)
    def view() -> None:
        status = run.status()
        with st.container(key="diagnostics"):
            left, right = st.columns(2, gap="large")
            with left:
                _strip(run)
            with right:
                _checks(run, status)
        if alive and not status.alive:  # at the end: before the buttons it would lose a press
            st.rerun()

    view()


def _strip(run: Run) -> None:
    st.markdown("##### KL of each latent over training", help=STRIP + lesson_link("linear", "kl"))
    config = run.config
    why = "No report has a KL per latent"
    if not config.kl_per_dimension:
        why = f"A {config.posterior} posterior with a {config.prior} prior has no KL per latent"
    chart = kl_heatmap(run.reports(), config.latent_dim, why)
    plot(
        chart,
        key="kl_strip",
        revision=run_key(run),
        height=int(chart.layout.height),
        label="KL of each latent dimension over the epochs, nats per example",
    )


def _checks(run: Run, status: Status) -> None:
    st.markdown("##### Diagnostics", help=f"{ABOUT} {SWAP}" + lesson_link("failures", "fails"))
    model, problem = _model_stats(run)
    stats = training_stats(run.reports(), run.config.best_by)
    config = with_changes(run.config, run.changes())
    held = validation_examples(config, run.header["data"]["examples"])
    obs = Observations(config, stats, status.state, status.message, model, held)
    found = diagnose(obs)
    if model is not None and model.elbo is not None and "posterior_collapse" in found.findings:
        found = diagnose(obs._replace(model=_with_reference(run, model)))
    for name, finding in found.findings.items():
        _finding(run, status, name, finding)
    if not found.findings:
        st.markdown("**No failure found.**")
    _clear(found, "" if status.recorded else problem)


def _clear(found: Diagnosis, problem: str) -> None:
    """Checks without a finding, then checks that do not apply."""
    lines = [
        f"- {CHECKS[name].title}: {one.sentence}"
        for name, one in found.clear.items()
        if one.checked
    ]
    lines += [
        f"- {CHECKS[name].title}: not checked. {one.sentence}"
        for name, one in found.clear.items()
        if not one.checked
    ]
    with st.expander("Other checks", expanded=not found.findings):
        st.caption("\n".join(lines))
        if problem:
            st.caption(f"The last weights could not be checked. {problem}")


def _finding(run: Run, status: Status, name: str, finding: Finding) -> None:
    check = CHECKS[name]
    colour, word = ("orange", "failure") if check.serious else ("gray", "note")
    with st.container(border=True, key=f"finding_{name}"):
        st.markdown(f":{colour}-badge[{word}] **{check.title}**", help=check.help)
        st.markdown(" ".join(finding.evidence))
        if finding.fix is not None and not status.recorded:
            _fix(run, status, name, finding.fix)


def _fix(run: Run, status: Status, name: str, fix: Fix) -> None:
    left, right = st.columns([8, 4], vertical_alignment="center")
    config = with_changes(run.config, run.changes())
    left.markdown(f"**Fix**: {_change(config, fix)}. {fix.why}")
    changed = with_fix(config, fix)
    with right:
        if fix.resume and status.extendable:
            press(
                "Train longer",
                f"fix_{name}",
                lambda: _train_on(run, int(fix.value)),
                "Resume this run from its last weights, up to this number of epochs.",
                changes=True,
                width="stretch",
            )
            return
        press(
            "Fill the sidebar",
            f"fix_{name}",
            lambda: fill(changed.model_dump()),
            "Put the settings of this run with the one change into the sidebar. Train starts it.",
            width="stretch",
        )
    if choice.current().config == changed:
        st.caption(
            f"The sidebar has the settings of this run with {_change(config, fix)}: press "
            "Train there to start it."
        )


def _train_on(run: Run, epochs: int) -> None:
    run.want(epochs=epochs)
    server.launcher.resume(run)


def _change(config: RunConfig, fix: Fix) -> str:
    """Return field, new value and old value: "β = 1 (was 20)"."""
    label = next(f.label for f in fields() if f.name == fix.field)
    return f"{label} = {written(fix.value)} (was {written(config.get(fix.field))})"


def _model_stats(run: Run) -> tuple[ModelStats | None, str]:
    """Return the statistics of the last weights, or None and the reason."""
    try:
        return _model(run, run_key(run, "last")), ""
    except (ValueError, OSError) as error:
        return None, str(error)


@st.cache_data(max_entries=16, show_spinner="Checking the model…")
def _model(_run: Run, key: str) -> ModelStats:
    return model_stats(cache.load_run(_run, "last"))


def _with_reference(run: Run, model: ModelStats) -> ModelStats:
    """Return statistics with −ELBO of a model without latents: at once if examples are small,
    else after a press."""
    elements = math.prod(run.header["data"]["event_shape"])
    key = key_of("diagnostics_reference", run)
    if elements > AT_ONCE and not st.session_state.get(key):
        title = "Compare with a model without latents"
        press(title, "reference", lambda: st.session_state.update({key: True}), COMPARE)
        return model
    nats, se = _reference(run, run_key(run))
    return model._replace(reference=nats, reference_se=se)


@st.cache_data(max_entries=16, show_spinner="Fitting a model without latents…")
def _reference(_run: Run, key: str) -> tuple[float | None, float | None]:
    from vae.evaluation.baseline import baseline

    found = baseline(_run.data(), _run.config, _run.config.likelihood)
    return found.nats, found.se
