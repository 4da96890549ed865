"""A report of runs: one HTML file that opens without a network and without VAE Lab.

It contains the data, settings, curves, rate–distortion planes and verdicts of the runs, and for
each run the latent map, KL per dimension, reconstructions and samples of its best weights, and
their saved evaluations. `html` builds the file, `comparison_section` compares runs, `run_section`
describes one run. All text written by people is escaped. The file has about 5 MB, most of it
Plotly's script, plus 0.1 to 0.2 MB per run.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape

from vae.base.numbers import compact, event_size, number
from vae.components.network_file import title
from vae.experiments.configurations import Entry
from vae.experiments.entries import entry
from vae.report import comparison_section
from vae.report.comparison_section import Group
from vae.report.html import Page, section, table
from vae.report.run_section import run_section
from vae.runs import Run
from vae.runs.manifest import origin

MOST = 60  # runs; each is loaded and drawn


def report(runs: Sequence[Run]) -> str:
    """Return the report as HTML. Raises ValueError for no run, too many runs, or if no run has
    readable settings."""
    if not 0 < len(runs) <= MOST:
        raise ValueError(f"A report holds 1 to {MOST} runs, not {len(runs)}.")
    entries = [entry(run) for run in runs]
    usable = [one for one in entries if one.settings]
    if not usable:
        raise ValueError(" ".join(one.problem for one in entries))
    group = Group.of(usable)
    page = Page(_title(entries))
    page.add(_opening(page.title, runs))
    page.add(_overview(entries))
    page.add(_data([run for run, one in zip(runs, entries, strict=True) if one.settings]))
    page.add(comparison_section.verdicts(group))
    page.add(comparison_section.settings(group))
    reports = {run.name: run.reports() for run in runs}
    page.add(comparison_section.curves(page, group, reports))
    page.add(comparison_section.planes(page, group, usable))
    for run, one in zip(runs, entries, strict=True):
        if one.settings:
            page.add(run_section(page, run, one, one.label))
    return page.html()


def _title(entries: Sequence[Entry]) -> str:
    return entries[0].label if len(entries) == 1 else f"{len(entries)} runs"


def _opening(title: str, runs: Sequence[Run]) -> str:
    """Return the title, the date, and the packages and machines that trained the runs."""
    now = datetime.now(UTC)
    trained = "; ".join(dict.fromkeys(filter(None, map(_trained, runs))))
    origin = f"VAE Lab, {now:%Y-%m-%d %H:%M} UTC. Trained with {trained}." if trained else ""
    return (
        f'<h1>{escape(title)}</h1><p class="about">{escape(origin)} Values are nats per example '
        "unless stated otherwise: log-probabilities summed over an example, mean over examples. "
        'ELBO = <span class="whole">−(reconstruction + KL)</span>, a lower bound on ln p(x); '
        "higher is better.</p>"
    )


def _trained(run: Run) -> str:
    """Return the packages and the machine that trained a run; "" if unknown."""
    try:
        return origin(run.header, run.status().machine)
    except ValueError:
        return ""


def _overview(entries: Sequence[Entry]) -> str:
    """Return one row per run: its progress and its results."""
    heads = ["Run", "State", "Model", "Epochs", "Validation ELBO", "Reconstruction", "KL"]
    heads += ["Best by", "Test ELBO", "Test −ln p(x)"]
    lines = [_line(one) for one in entries]
    about = (
        "All values are of the best weights, in nats per example. Training selects them by the "
    )
    about += "validation value named under Best by. Test values come from a saved evaluation."
    return section("Runs", f'<div class="scroll">{table(heads, lines, "runs")}</div>', about=about)


def _line(one: Entry) -> list[str]:
    if not one.settings:
        return [escape(one.label), escape(one.state), escape(one.problem), *[""] * 7]
    s, val, test = one.settings, one.val, one.test
    model = f"{title(s['network'])}, Z = {s['latent_dim']}, {s['likelihood']}, {s['objective']}"
    figures = (val.elbo, val.reconstruction, val.kl, test.elbo, test.nll)
    *held, elbo, nll = ("–" if value is None else number(value) for value in figures)
    nll += f" (K = {test.nll_samples:,})" if test.nll_samples else ""
    values = [*held, escape(_selected(one)), elbo, nll]
    return [escape(one.label), escape(one.state), escape(model), compact(one.epochs, 6), *values]


def _selected(one: Entry) -> str:
    """Return title and value of the criterion that selected the best weights."""
    value = one.val.best
    return "–" if value is None else f"{one.best_by.title} {number(value)}"


def _data(runs: Sequence[Run]) -> str:
    """Return one row per data set with the sizes of its splits."""
    heads = ["Data", "Fingerprint", "Shape", "Examples", "Train", "Validation", "Test", "Classes"]
    rows = dict.fromkeys(tuple(_division(run)) for run in runs)
    return section("Data", f'<div class="scroll">{table(heads, list(rows))}</div>')


def _division(run: Run) -> list[str]:
    about = run.header["data"]
    shape = escape(event_size(about["event_shape"]))
    try:
        splits = [f"{len(part):,}" for part in run.config.split(run.data())]
    except (ValueError, OSError):
        splits = ["not recorded" if run.is_recorded else "not on this machine", "", ""]
    name = [escape(str(about["name"])), escape(str(about["fingerprint"])), shape]
    return [*name, f"{about['examples']:,}", *splits, escape(str(about["classes"] or "none"))]
