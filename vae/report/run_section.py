"""One run in a report: latent map, KL, reconstructions, samples, and saved evaluations.

All of it is computed from the best weights, on test examples, else validation, else training
examples, at most `POINTS` of them. If weights or data are missing, a sentence takes its place.
"""

from collections.abc import Sequence
from html import escape

import numpy as np

from vae.analysis.encoding import decode, prior_sample
from vae.analysis.entry_tables import as_pairs, as_rows
from vae.analysis.latent_map import class_hue, latent_map, overview
from vae.analysis.loaded_run import LoadedRun
from vae.base.numbers import plural
from vae.base.records import Encoding, Floats, Tiles
from vae.components.network_file import title
from vae.experiments.configurations import Entry
from vae.experiments.entries import evaluations_of_best
from vae.figures.latent_bars import kl_bars
from vae.figures.latent_map import latent_scatter, map_caption
from vae.figures.quantities import SPLITS, examples_of
from vae.figures.vectors import reconstruction_pairs, sample_vectors
from vae.imaging import tiles
from vae.report.html import Page, picture, section, table
from vae.report.recorded_section import recorded_parts
from vae.report.run_summary import notes, rows
from vae.runs import Run
from vae.runs.evaluations import SavedEvaluation
from vae.runs.manifest import network_file_of

POINTS = 2000
TILES, SAMPLES, ACROSS = 16, 32, 8
ROWS = 12  # samples of a mixed table
ROOM = 480  # pixels, width of a grid of images
HEIGHT = 340


def run_section(page: Page, run: Run, entry: Entry, title: str) -> str:
    """Return HTML: the section of one run."""
    parts = [_notes(entry, title)]
    if run.is_recorded:
        return section(title, *parts, *recorded_parts(page, run))
    try:
        loaded = LoadedRun.of(run)
    except (ValueError, OSError) as error:
        parts.append(f'<p class="about">No pictures: {escape(str(error))}</p>')
        parts.append(f'<div class="pair"><div>{_kl(page, run, None)}</div></div>')
    else:
        split = loaded.default_split()
        encoding = loaded.encode(loaded.subset(split, POINTS))
        left = _map(page, loaded, encoding, split)
        parts.append(
            f'<div class="pair"><div>{left}</div><div>{_kl(page, run, encoding)}</div></div>'
        )
        parts.append(_pictures(page, loaded, split))
    parts += [_network(run)]
    parts += [_evaluations(*item) for item in evaluations_of_best(run).items()]
    return section(title, *parts)


def _notes(entry: Entry, title: str) -> str:
    """Return the name, tags and notes of a run."""
    tags = "".join(f'<span class="tag">{escape(tag)}</span>' for tag in entry.tags)
    name = f"Run {escape(entry.name)}" if title != entry.name else ""
    head = " ".join(filter(None, [name, tags]))
    notes = f'<p class="notes">{escape(entry.notes)}</p>' if entry.notes else ""
    return (f"<p>{head}</p>" if head else "") + notes


def _network(run: Run) -> str:
    """Return the text of a network in a file; "" for a row of the table."""
    file = network_file_of(run.header)
    if file is None:
        return ""
    head = f"Network {title(file.value)}, SHA-256 {file.sha256}"
    return f"<details><summary>{escape(head)}</summary><pre>{escape(file.text)}</pre></details>"


def _map(page: Page, loaded: LoadedRun, encoding: Encoding, split: str) -> str:
    """Return the latent map of the examples."""
    labels = loaded.data.labels
    hue = class_hue(None if labels is None else labels[encoding.index], loaded.data.classes)
    total = len(loaded.rows(split))
    projection = overview(encoding.mean, None if hue is None else hue.values)
    standard = loaded.run.config.unit_normal
    record = latent_map(projection, encoding.index, hue, total, standard)
    chart = page.chart(latent_scatter(record), "Latent map", HEIGHT)
    caption = map_caption(record) or f"all {total:,} shown"
    rest = f"{SPLITS[split]} examples, {caption}"
    return f'<h3>Latent map</h3>{chart}<p class="small">{escape(rest)}</p>'


def _kl(page: Page, run: Run, encoding: Encoding | None) -> str:
    """Return a chart of the KL of each latent dimension."""
    values = encoding.kl_per_dimension if encoding is not None else None
    per = run.curves().kl_per_dimension if values is None else values.mean(0)
    if per is None:
        return '<h3>KL per dimension</h3><p class="about">Not defined for this model.</p>'
    if values is None:
        caption = "at the last report, nats per example"
    else:
        caption = f"best weights, mean over {len(values):,} examples, nats per example"
    chart = page.chart(kl_bars(np.asarray(per, np.float32)), "KL per dimension", HEIGHT)
    return f'<h3>KL per dimension</h3>{chart}<p class="small">{caption}</p>'


def _pictures(page: Page, loaded: LoadedRun, split: str) -> str:
    """Return originals above their reconstructions, and samples of the prior."""
    rows_ = loaded.subset(split, TILES)
    originals = loaded.inputs(rows_)
    reconstructed = loaded.decode(loaded.encode(rows_).mean, rows_)
    drawn = _samples(loaded)
    if not loaded.data.is_image:
        return _vectors(page, loaded, originals, reconstructed, drawn)
    scale = max(1, ROOM // (ACROSS * (originals.shape[3] + 1)))
    both = tiles.png(tiles.strip([originals, reconstructed], ACROSS, scale=scale))
    caption = f"{examples_of(len(rows_), split)} above, their reconstructions below"
    left = f"<h3>Reconstructions</h3>{_captioned(both, caption)}"
    if drawn is None:
        right = (
            f"A model with a {loaded.run.config.posterior} posterior is trained without a prior, "
            "so it has no samples."
        )
        return f'<div class="pair"><div>{left}</div><p class="about">{right}</p></div>'
    grid = tiles.grid_png(drawn, ACROSS, scale=scale)
    caption = f"{len(drawn)} draws z ~ p(z), decoded to E[x|z]; seed 0"
    return (
        f'<div class="pair"><div>{left}</div>'
        f"<div><h3>Samples of the prior</h3>{_captioned(grid, caption)}</div></div>"
    )


def _captioned(png: bytes, caption: str) -> str:
    return f'{picture(tiles.data_uri(png), caption)}<p class="small">{escape(caption)}</p>'


def _samples(loaded: LoadedRun) -> Floats | None:
    """Return means of p(x|z) at draws of the prior, (S, *event); None without a prior."""
    if not loaded.model.has_kl:
        return None
    return decode(loaded.model, prior_sample(loaded.model, SAMPLES, 0))


def _vectors(
    page: Page, loaded: LoadedRun, originals: Floats, reconstructed: Floats, drawn: Floats | None
) -> str:
    """Return charts of vectors or series, their reconstructions and samples; of a mixed table its
    rows by name."""
    if loaded.data.kinds:
        return _rows(loaded, originals, reconstructed, drawn)
    domain, names = loaded.model.domain, loaded.data.columns
    values = {"Reconstructions": reconstructed, "Samples of the prior": drawn}
    charts = {
        name: sample_vectors(x, names, originals, domain)
        for name, x in values.items()
        if x is not None
    }
    if loaded.data.is_series:
        pair = Tiles(originals), Tiles(reconstructed)
        charts["Reconstructions"] = reconstruction_pairs(*pair, names, domain=domain)
    cells = (
        f"<div><h3>{name}</h3>{page.chart(figure, name, HEIGHT)}</div>"
        for name, figure in charts.items()
    )
    return f'<div class="pair">{"".join(cells)}</div>'


def _rows(
    loaded: LoadedRun, originals: Floats, reconstructed: Floats, drawn: Floats | None
) -> str:
    """Return tables of a mixed table: reconstructions of a few examples, and samples."""
    data, titles = loaded.data, [f"example {k + 1}" for k in range(len(originals))]
    found = {"Reconstructions": as_pairs(originals, reconstructed, data, titles)}
    if drawn is not None:
        numbers = {"sample": range(1, min(len(drawn), ROWS) + 1)}
        found["Samples of the prior"] = as_rows(drawn[:ROWS], data, numbers)
    cells = []
    for name, columns in found.items():
        lines = zip(*columns.values(), strict=True)
        body = [[escape(str(text)) for text in line] for line in lines]
        cells.append(f"<div><h3>{name}</h3>{table([*map(escape, columns)], body)}</div>")
    return f'<div class="pair">{"".join(cells)}</div>'


def _evaluations(split: str, ordered: Sequence[SavedEvaluation]) -> str:
    """Return a table of every measure on a split, each from the first evaluation that defines
    it."""
    found, name = rows(ordered), SPLITS.get(split, split)
    used = [saved for saved in ordered if any(row.saved is saved for row in found)]
    lines = [
        [escape(cell) for cell in (*row.cells, str(used.index(row.saved) + 1))] for row in found
    ]
    heads = ("Measure", "Value", "Error or interval", "Unit", "Evaluation")
    captions = [f"{k}: {_described(saved)}" for k, saved in enumerate(used, 1)]
    captions.append("± is one standard error over the examples, a range a 95 % interval.")
    intro = "".join(f'<p class="small">{escape(text)}</p>' for text in captions)
    remarks = "".join(f'<p class="small">{escape(text)}</p>' for text in notes(ordered))
    return (
        f"<h3>Evaluation on {escape(name)} data</h3>{intro}"
        f'<div class="scroll">{table(heads, lines, "figures")}</div>{remarks}'
    )


def _described(saved: SavedEvaluation) -> str:
    """Return time, weights, examples and samples of an evaluation, as text."""
    request, record = saved.request, saved.record
    examples = examples_of(record.examples, record.split)
    samples = f"L = {plural(request.elbo_samples, 'sample')} of q(z|x)"
    time = f"{saved.created:%Y-%m-%d %H:%M} UTC"
    return f"evaluated {time}, {request.checkpoint} weights, {examples}, {samples}."
