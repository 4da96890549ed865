"""A recorded run in a report: the latest latents and pictures of its training loop."""

from html import escape

import numpy as np

from vae.analysis.latent_map import class_hue, latent_map, overview
from vae.analysis.recorded_latents import recorded_encoding
from vae.base.numbers import compact
from vae.base.records import Examples, Floats, Frame
from vae.figures.latent_bars import kl_bars
from vae.figures.latent_map import latent_scatter, map_caption
from vae.figures.vectors import sample_vectors
from vae.imaging import tiles
from vae.report.html import Page, picture
from vae.runs import Run
from vae.runs.manifest import domain_of
from vae.runs.recorded import no_network

ACROSS, ROOM, HEIGHT = 8, 480, 340  # tiles, and pixels of a grid and of a chart


def recorded_parts(page: Page, run: Run) -> list[str]:
    """Return HTML: the map, the KL of each latent, the pictures, and the missing network."""
    examples, frame = run.examples(), run.frame()
    cells = []
    if examples is not None and frame is not None and len(frame.mean):
        cells.append(_map(page, run, examples, frame))
    cells.append(_kl(page, run, examples, frame))
    if examples is not None and frame is not None:
        when = f"epoch {compact(round(frame.epoch, 1), 6)}"
        both = {
            f"Originals above their reconstructions, {when}": [
                examples.originals,
                frame.reconstructions,
            ],
            f"Samples, {when}": [frame.samples],
        }
        cells += [_pictures(page, run, *item) for item in both.items() if len(item[1][-1])]
    pairs = "".join(f"<div>{cell}</div>" for cell in cells)
    about = f'<p class="about">{escape(no_network(run.name))}</p>'
    return [about, f'<div class="pair">{pairs}</div>']


def _map(page: Page, run: Run, examples: Examples, frame: Frame) -> str:
    hue, rings = class_hue(examples.label, examples.classes), run.config.unit_normal
    projection = overview(frame.mean, examples.label)
    record = latent_map(projection, examples.index, hue, examples.total, rings)
    chart = page.chart(latent_scatter(record), "Latent map", HEIGHT)
    caption = map_caption(record) or f"all {len(frame.mean):,} recorded examples"
    return f'<h3>Latent map</h3>{chart}<p class="small">{escape(caption)}</p>'


def _kl(page: Page, run: Run, examples: Examples | None, frame: Frame | None) -> str:
    """Return the KL of each latent at the last report, else of the latest latents."""
    per, caption = run.curves().kl_per_dimension, "at the last report, nats per example"
    if per is None and examples is not None and frame is not None and len(frame.mean):
        each = recorded_encoding(frame, examples, run.config.unit_normal).kl_per_dimension
        per = None if each is None else each.mean(0)
        caption = "mean over the recorded examples, nats per example"
    if per is None:
        return '<h3>KL per dimension</h3><p class="about">Not recorded.</p>'
    chart = page.chart(kl_bars(np.asarray(per, np.float32)), "KL per dimension", HEIGHT)
    return f'<h3>KL per dimension</h3>{chart}<p class="small">{caption}</p>'


def _pictures(page: Page, run: Run, title: str, layers: list[Floats]) -> str:
    """Return a grid of pictures, one layer above the other, or a chart of vectors."""
    if layers[0].ndim != 4:
        figure = sample_vectors(layers[-1], background=layers[0], domain=domain_of(run.header))
        return f"<h3>{escape(title)}</h3>{page.chart(figure, title, HEIGHT)}"
    scale = max(1, ROOM // (ACROSS * (layers[0].shape[3] + 1)))
    png = tiles.png(tiles.strip(layers, ACROSS, scale=scale))
    return f"<h3>{escape(title)}</h3>{picture(tiles.data_uri(png), title)}"
