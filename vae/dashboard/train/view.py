"""The live view of a run: progress and controls, curves, latent map, pictures, KL per dimension.

A fragment redraws it while the run waits or trains, and stops with the run.
"""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vae.analysis.entry_tables import as_pairs, as_rows
from vae.analysis.latent_map import class_hue, latent_map, overview
from vae.base.numbers import compact
from vae.base.records import Curves, Examples, Floats, Frame, Hue, LatentMap, Tiles
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import TOOLS, plot
from vae.dashboard.shared import cache, damaged_files, html_grid, run_picker, smoothing
from vae.dashboard.shared.tile_route import pattern
from vae.dashboard.train import advice, controls, values
from vae.figures.base import empty_figure
from vae.figures.history import training_curves
from vae.figures.latent_bars import kl_bars
from vae.figures.latent_map import latent_scatter, trace_rows
from vae.figures.quantities import X_UNITS, nats_unit
from vae.figures.vectors import reconstruction_pairs, sample_vectors
from vae.runs import Run, Status
from vae.runs.manifest import columns_of, domain_of
from vae.runs.result_keys import run_key

BEFORE_FIRST, WHILE_TRAINING = 0.4, 1.0  # seconds between two redraws
CHARTS = 370  # pixels, so that all fits into 1440×900 below the greeting
BELOW = 176
SHARES = [5.2, 3.45, 2.45]  # reconstructions, samples, KL: six and four columns of clothes
MARGIN = {"l": 48, "r": 104, "t": 16, "b": 44}  # of the map, with its legend on the right
NAMES = 13  # pixels, letters of the class names on the map
TILE = 84  # largest side of a tile, pixels


def live_view(run: Run, header: DeltaGenerator) -> None:
    """Show everything about a run's training, redrawn together with the facts in its header while
    it waits or trains."""
    status = run.status()
    run_picker.show_facts(run, status, header)
    waiting = status.active
    started = bool(cache.curves(run).curves)
    every = (WHILE_TRAINING if started else BEFORE_FIRST) if waiting else None

    @st.fragment(run_every=every)
    def view() -> None:
        now = damaged_files.status(run)
        run_picker.show_facts(run, now, header)
        controls.draw(run, now)
        _pictures(run, now)
        began = waiting and not started and cache.curves(run).curves
        if now.active != waiting or began:  # the page and the pace of this fragment follow
            st.rerun()

    view()


def _pictures(run: Run, status: Status) -> None:
    curves = cache.curves(run)
    examples, frame = cache.latest(run)
    left, right = st.columns([6, 4])
    found = None if status.diverged else advice.first_finding(run, status)
    room = CHARTS - (controls.MESSAGE if status.message else 0)  # the page below stays in place
    height = room - (advice.HEIGHT if found else 0)
    with left:
        if controls.is_table() and curves.curves:
            values.table(curves, height)
        else:
            _curves(run, status, curves, height)
        if found is not None:
            advice.line(run, status, *found)
    with right:
        _map(run, examples, frame, room)
    below = st.columns(SHARES)
    with below[0]:
        _reconstructions(run, examples, frame)
    with below[1]:
        _samples(run, examples, frame)
    with below[2]:
        _kl(run, curves.kl_per_dimension)


def _curves(run: Run, status: Status, curves: Curves, height: int) -> None:
    plot(
        training_curves(
            curves,
            quantities=controls.quantities(run, curves),
            log=controls.log_scale(),
            epochs=status.epochs or None,
            height=height - TOOLS,
            kl_note="" if run.config.closed_kl else "from samples",
            smooth=smoothing.span(),
            unit=nats_unit(domain_of(run.header)),
        ),
        key="curves",
        revision=run_key(run),
        height=height,
        label="Reconstruction, KL and ELBO over training, in nats per example",
    )


def _kl(run: Run, kl_per_dimension: Floats | None) -> None:
    st.markdown("**KL per latent dimension**", help=KL_HELP + lesson_link("gaussian_kl"))
    if not run.config.kl_per_dimension:
        q, p = run.settings["posterior"], run.settings["prior"]
        whole = f"With a {q} posterior and a {p} prior the KL is one whole: see the curves."
        st.caption(run.config.no_density or whole)
        return
    plot(
        kl_bars(kl_per_dimension, is_narrow=True).update_layout(height=BELOW),
        key="kl",
        revision=run_key(run),
        height=BELOW,
        label="KL per latent dimension in nats per example",
    )


KL_HELP = (
    "Information of each latent dimension about an example: KL(q(z|x) ‖ p(z)) of that dimension, "
    "averaged over the validation data, in nats per example. A dimension near 0 is not used."
)


def frame_map(examples: Examples, frame: Frame, standard_prior: bool = True) -> LatentMap:
    """Return the map of a frame's latents, coloured by class or by the first known factor; rings
    show a prior N(0, I) (`standard_prior`) where the axes are the latents themselves."""
    hue = class_hue(examples.label, examples.classes)
    if hue is None and examples.factors:
        name = next(iter(examples.factors))
        hue = Hue(name, examples.factors[name])
    projection = overview(frame.mean, examples.label)
    return latent_map(projection, examples.index, hue, examples.total, standard_prior)


def _map(run: Run, examples: Examples | None, frame: Frame | None, height: int) -> None:
    if frame is not None and examples is not None and len(frame.mean):
        number = f"{len(frame.mean):,} of {examples.total:,} examples"
        small = f":small[epoch {compact(round(frame.epoch, 1), 6)} · {number}]"
        st.markdown(f"**Latent map** {small}", help=MAP_HELP + lesson_link("prior"))
    if examples is None or frame is None or not len(frame.mean):
        figure = empty_figure("No frame of the latents is saved so far")
        plot(figure, key="live_map", revision=run_key(run), height=height)
        return
    record = frame_map(examples, frame, run_picker.has_rings(run))
    plot(
        latent_scatter(record, name_size=NAMES).update_layout(margin=MARGIN),
        key="live_map",
        revision=run_key(run),
        height=height - 26,
        index=trace_rows(record),
        tiles=pattern(run) if examples.originals.ndim > 2 and not run.is_recorded else None,
        label="Posterior means of examples in latent space",
    )


def _reconstructions(run: Run, examples: Examples | None, frame: Frame | None) -> None:
    st.markdown(
        "**Reconstructions** of held-out examples", help=RECONSTRUCTION_HELP + lesson_link("terms")
    )
    if examples is None or frame is None or not len(frame.reconstructions):
        st.caption("No reconstruction is saved so far.")
    elif examples.originals.ndim == 4:
        chosen = _spread(len(examples.originals))  # they are sorted by class
        pair = [examples.originals[chosen], frame.reconstructions[chosen]]
        st.html(html_grid.line(pair, TILE, "Originals above their reconstructions"))
    else:
        pairs = Tiles(examples.originals), Tiles(frame.reconstructions)
        about = columns_of(run.header)
        if about.kinds:
            titles = [f"example {k + 1}" for k in range(len(examples.originals))]
            named = as_pairs(examples.originals, frame.reconstructions, about, titles)
            st.dataframe(named, hide_index=True, height=BELOW)
            return
        figure = reconstruction_pairs(*pairs, about.columns, domain=domain_of(run.header))
        plot(
            figure.update_layout(height=BELOW),
            key="live_pairs",
            revision=run_key(run),
            height=BELOW,
        )


def _spread(count: int) -> list[int]:
    """Return the numbers below `count` in an order of which every beginning is spread evenly."""
    bits = max(count - 1, 1).bit_length()
    mirrored = (int(f"{i:0{bits}b}"[::-1], 2) for i in range(2**bits))
    return [i for i in mirrored if i < count]


MAP_HELP = (
    "A point is an example of the training or the validation data: the mean of its q(z|x), in the "
    "colour of its class or first factor. With two latents the axes are the latents themselves, "
    "and the dashed circles are one and two standard deviations of the prior N(0, I); with more, "
    "the two directions in which the means vary most (principal components, PC), each with its "
    "share of the variance. It is drawn anew at some moments of training, so that its epoch may "
    "lie behind that of the curves."
)
RECONSTRUCTION_HELP = (
    "Above the original, below E[x|z] at z = mean of q(z|x) (series: over each other), for the "
    "same validation examples throughout training."
)
SAMPLES_HELP = "E[x|z] for z drawn once from the prior; the same z throughout training."


def _samples(run: Run, examples: Examples | None, frame: Frame | None) -> None:
    point = not run.config.has_kl
    title = "**Decoded noise**" if point else "**Samples** from the prior"
    if domain_of(run.header).scale and not domain_of(run.header).kinds:
        title += f" :small[:gray[· pointer: {X_UNITS}]]"
    st.markdown(title, help=SAMPLES_HELP + lesson_link("goals"))
    if examples is None or frame is None or not len(frame.samples):
        st.caption("No sample is saved so far.")
    elif frame.samples.ndim == 4:
        pair = [frame.samples[::2][: len(frame.samples) // 2], frame.samples[1::2]]
        st.html(html_grid.line(pair, TILE, "Samples"))
    else:
        background, domain = examples.originals, domain_of(run.header)
        about = columns_of(run.header)
        if about.kinds:
            rows = {"sample": range(1, len(frame.samples) + 1)}
            st.dataframe(as_rows(frame.samples, about, rows), hide_index=True, height=BELOW)
            return
        figure = sample_vectors(frame.samples, about.columns, background, domain)
        plot(
            figure.update_layout(height=BELOW),
            key="live_samples",
            revision=run_key(run),
            height=BELOW,
        )
