"""The Evaluate page: settings, the job behind the button, progress, and saved evaluations.

All state is in the folder of the run, so that a reload, another tab and the command line see the
same jobs and results. Weights and settings identify a result.
"""

import time
from pathlib import Path

import streamlit as st

from vae.analysis.loaded_run import LoadedRun
from vae.base.foreign import markdown
from vae.base.numbers import percent
from vae.base.records import Estimate
from vae.dashboard import server
from vae.dashboard.evaluate.selected import selected
from vae.dashboard.evaluate.text import as_csv, file_name, settings
from vae.dashboard.shared import widgets
from vae.dashboard.shared.run_choices import SPLIT_TITLES, load_checkpoint, split_titles
from vae.dashboard.shared.training_time import duration
from vae.evaluation.measures import MEASURES
from vae.evaluation.reading import estimate, is_complete, numbers
from vae.figures.evaluation import described
from vae.runs import Run
from vae.runs.evaluations import KIND, EvaluationRequest, SavedEvaluation, saved_evaluations
from vae.runs.status import ALIVE
from vae.worker.job import Job, attempts

STYLE = Path(__file__).with_name("view.css")
POLL = 0.5  # seconds between two updates of the progress
TENTH = 0.1  # share from which the remaining time is shown
LEGEND = (
    "Means over the examples, in nats per example unless another unit is given; ± is one standard "
    "error, an interval is of 95 %."
)
WHEN = "%-d %b %Y, %H:%M"
HELP = {
    "split": (
        "The examples of the evaluation. The run was fitted to the training examples; only the "
        "others measure its quality on new examples."
    ),
    "samples": "Importance samples per example for estimating −ln p(x). 0 skips the estimate. "
    "More samples tighten the bound and take longer.",
    "elbo_samples": "Posterior samples z ~ q(z|x) per example for the reconstruction. More "
    "samples make it less noisy and take longer.",
    "full": "Also the measures that take longer: mutual information, KL(q(z) ‖ p(z)), probes, "
    "disentanglement if the data have known factors, and sample quality.",
    "evaluate": "Evaluate in the background and save one result for each choice of settings with "
    "the run. The command python -m vae evaluate gives the same result.",
    "kept": "This result is saved already, and evaluation is deterministic. Delete it to compute "
    "it again.",
}


def controls(run: Run) -> tuple[LoadedRun, EvaluationRequest]:
    """Draw one row of settings and the button; stop the page with a message if the run cannot be
    loaded."""
    row = st.columns([10, 14, 14, 14, 13, 11], vertical_alignment="bottom")
    loaded = load_checkpoint(run, row[0], "evaluate_checkpoint")
    present = split_titles(loaded, with_all=True)
    key, start = widgets.key_of("evaluate_split", run), loaded.default_split()
    split = widgets.choose(row[1], "Examples", key, present, start, HELP["split"], link="split")
    samples = widgets.whole(
        row[2],
        "Importance samples K",
        "evaluate_samples",
        (0, 100_000, 100),
        HELP["samples"],
        step=100,
        link="importance_samples",
    )
    elbo_samples = widgets.whole(
        row[3],
        "Posterior samples L",
        "evaluate_elbo_samples",
        (1, 10_000, 10),
        HELP["elbo_samples"],
        step=10,
        link="posterior_samples",
    )
    full = widgets.switch(
        row[4], "All measures", "evaluate_full", True, HELP["full"], "all_measures"
    )
    request = EvaluationRequest(loaded.checkpoint, split, elbo_samples, samples, full)
    _button(run, request, row[5])
    return loaded, request


def _button(
    run: Run, request: EvaluationRequest, place: st.delta_generator.DeltaGenerator
) -> None:
    job = job_of(run, request)
    there = any(k.path == job.result and is_complete(k.record) for k in saved_evaluations(run))
    busy = any(j.spec == job.spec for j in at_work(run))
    with place:
        widgets.press(
            "Evaluated" if there else "Evaluating" if busy else "Evaluate",
            "evaluate",
            lambda: _submit(run, job),
            HELP["kept" if there else "evaluate"],
            disabled=there or busy,
            changes=True,
            type="primary",
            width="stretch",
        )


def _submit(run: Run, job: Job) -> None:
    """Start the job, and remove earlier jobs with these settings."""
    for earlier in _ended(run):
        if earlier.spec == job.spec:
            earlier.clear()
    job.result.unlink(missing_ok=True)  # an unreadable or incomplete result
    server.launcher.submit(job)


def job_of(run: Run, request: EvaluationRequest) -> Job:
    """Return the job on the present weights of the run."""
    return Job.of(run, KIND, request._asdict())


def at_work(run: Run) -> list[Job]:
    """Return the active evaluation jobs of a run."""
    return [job for job in attempts(run, KIND) if job.status()["state"] in ALIVE]


def _ended(run: Run) -> list[Job]:
    """Return the evaluation jobs that ended without a result."""
    return [job for job in attempts(run, KIND) if job.status()["state"] not in ALIVE]


def progress(run: Run, request: EvaluationRequest) -> None:
    """Draw the progress of each active job with a button to cancel it; else the outcome of the
    last job with these settings, or the legend of the page."""
    busy = at_work(run)

    @st.fragment(run_every=POLL if busy else None)
    def view() -> None:
        now = at_work(run)
        for job in now:
            _bar(job)
        if [job.key for job in now] != [job.key for job in busy]:
            st.rerun()

    if busy:
        view()
    elif not _outcome(run, request):
        st.caption(LEGEND)


def _outcome(run: Run, request: EvaluationRequest) -> bool:
    """Draw the outcome of the last job with these settings; return whether it ended without a
    result."""
    last = next((job for job in _ended(run) if job.spec == request._asdict()), None)
    if last is None:
        return False
    status = last.status()
    if status["state"] == "cancelled":
        st.caption("The evaluation with these settings was cancelled.")
    else:
        st.error(f"The evaluation with these settings failed. {markdown(status['message'])}")
    return True


def _bar(job: Job) -> None:
    bar, button = st.columns([8, 2], vertical_alignment="center")
    status = job.status()
    ending, share = job.cancelled, float(status["progress"])
    step = "cancelling" if ending else _share_done(share, status.get("begun"))
    bar.progress(
        min(max(share, 0.0), 1.0), text=f"{settings(EvaluationRequest(**job.spec))}: {step}"
    )
    with button:
        widgets.press(
            "Cancel",
            f"evaluate_cancel_{job.key}",
            job.cancel,
            "Cancel this evaluation without saving a result.",
            disabled=ending,
            changes=True,
            width="stretch",
        )


def _share_done(share: float, begun: float | None) -> str:
    """Return the completed share and, from a tenth on, the remaining time at this pace."""
    if share == 0:
        return "starting"
    done = f"{percent(share, 0)}"
    if begun is None or share < TENTH:
        return done
    return f"{done}, about {duration((time.time() - begun) * (1 / share - 1))} left"


def choose(
    run: Run, request: EvaluationRequest, found: list[SavedEvaluation]
) -> SavedEvaluation | None:
    """Return the selected result, else that of the settings and the present weights, else the
    latest with these settings and earlier weights."""
    if (picked := selected(table_key(run, request, found), found)) is not None:
        return picked
    job = job_of(run, request)
    same = [k for k in found if k.request == request]
    return next((k for k in same if k.path == job.result), next(iter(same), None))


def table_key(run: Run, request: EvaluationRequest, found: list[SavedEvaluation]) -> str:
    """Return a key that clears the selection when settings or results change."""
    results = (k.path.stem for k in found)
    return " ".join([widgets.key_of("evaluations", run), *map(str, request), *results])


def weights_in_words(run: Run, result: SavedEvaluation) -> str:
    """Return the weights of a result in words, and whether the run has newer ones."""
    step = "" if result.weights.step is None else f", step {result.weights.step:,}"
    if is_present(run, result):
        return f"{result.request.checkpoint} weights{step}"
    return f"of earlier {result.request.checkpoint} weights{step}"


def is_present(run: Run, result: SavedEvaluation) -> bool:
    """Return whether a result has the present weights of the run."""
    return job_of(run, result.request).result == result.path


def table(run: Run, request: EvaluationRequest, found: list[SavedEvaluation]) -> None:
    """Draw all saved evaluations of the run; the page shows the selected one above."""
    st.markdown("##### Saved evaluations", help=TABLE_HELP)
    if not found:
        st.caption("None yet. Every result is saved with the run.")
        return
    keys = numbers([result.record for result in found])
    rows = [_row(run, result, keys) for result in found]
    helps = COLUMNS | {MEASURES[key].title: MEASURES[key].help for key in keys}
    st.dataframe(
        {name: [row[name] for row in rows] for name in rows[0]},
        key=table_key(run, request, found),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        column_config={n: st.column_config.TextColumn(help=h) for n, h in helps.items()},
        height="content" if len(rows) < 8 else 300,
    )


def _row(run: Run, result: SavedEvaluation, keys: list[str]) -> dict[str, str]:
    record, request = result.record, result.request
    step = "" if result.weights.step is None else f"{result.weights.step:,}"
    return {
        "created": result.created.astimezone().strftime(WHEN),
        "examples": f"{SPLIT_TITLES[request.split]} ({record.examples:,})",
        "weights": request.checkpoint,
        "step": step + ("" if is_present(run, result) else " (earlier)"),
        "K": f"{request.samples:,}",
        "L": f"{request.elbo_samples:,}",
        "all measures": "yes" if request.full else "no",
    } | {MEASURES[key].title: _short(estimate(record, key)) for key in keys}


def _short(found: Estimate | None) -> str:
    if found is None:
        return ""
    value, rest = described(found)
    return f"{value} ({rest})" if rest and not rest.startswith("±") else f"{value} {rest}".strip()


TABLE_HELP = (
    "Every evaluation saved with this run, by this page and by the command line, newest first. "
    "Select a row to show it above. An empty cell is undefined or was not requested. ± is one "
    "standard error; nats per example."
)
COLUMNS = {
    "created": "Date and time on the server.",
    "examples": "The split and its number of examples.",
    "weights": "The evaluated checkpoint.",
    "step": "Optimiser step of the weights; earlier: the run has been trained further.",
    "K": "Importance samples for −ln p(x); 0: not estimated.",
    "L": "Posterior samples for the reconstruction.",
    "all measures": "With mutual information, probes and the other measures that take longer.",
}


def result_buttons(result: SavedEvaluation, place: st.delta_generator.DeltaGenerator) -> None:
    """Draw buttons to download the result, and to delete it."""
    with place.container(horizontal=True, horizontal_alignment="right", gap="small"):
        name = file_name(result)
        about = "The whole result: all measures, settings and weights."
        widgets.download("JSON", result.path.read_bytes, f"{name}.json", about)
        about = "One line for each measure: value, standard error or interval, unit, note."
        widgets.download("CSV", lambda: as_csv(result.record), f"{name}.csv", about)
        widgets.press(
            "Delete",
            "evaluate_delete",
            lambda: result.path.unlink(missing_ok=True),
            "Remove this result from the folder of the run. Evaluate computes it again.",
            changes=True,
        )
