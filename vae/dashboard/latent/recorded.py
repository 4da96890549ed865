"""The Latent space page of a run that a training loop elsewhere has recorded: the map of its
latest latents and their KL. Without a decoder nothing is decoded."""

import streamlit as st

from vae.analysis.latent_map import CLASS, KL, class_hue, latent_map
from vae.analysis.projections import PROJECTIONS, default_projection, project
from vae.analysis.recorded_latents import recorded_encoding
from vae.base.numbers import compact, fixed
from vae.base.records import Encoding, Examples, Frame, Hue, Projection
from vae.dashboard.latent.map import HEIGHT
from vae.dashboard.latent.request import choices
from vae.dashboard.learn.lessons import lesson_link
from vae.dashboard.plot import plot
from vae.dashboard.shared import cache, remedies, run_picker, widgets
from vae.dashboard.shared.html_gallery import figures_line
from vae.figures.latent_bars import kl_bars
from vae.figures.latent_map import latent_scatter, map_caption, trace_rows
from vae.runs import Run
from vae.runs.result_keys import run_key

FOLLOW = 2.0  # seconds between two draws of a run that is being recorded
BARS = 300
MOST = 5_000  # examples up to which a slow projection is offered
NONE = (
    "The training loop of this run has recorded no latents so far: call r.latents(step, mean, "
    "log_variance, labels=…) in it."
)
HELP = {
    "projection": "From the recorded means to the map. t-SNE takes seconds.",
    "map": "The latents of the last call of r.latents in the training loop.",
    "hue": "Class: the recorded labels. KL: KL(q(z|x) ‖ N(0, I)) of an example in nats, from the "
    "recorded mean and log_variance.",
    "kl": "Mean over the recorded examples of ½ (μ² + σ² − 1 − ln σ²), from the recorded mean and "
    "log_variance.",
}


def recorded_map(run: Run) -> None:
    """Show controls, map and KL of the latest recorded latents, again while the run continues."""
    examples, frame = cache.latest(run)
    alive = run.status().alive
    if examples is None or frame is None or not len(frame.mean):
        run_picker.empty("There are no latents to show.", NONE, remedies.to_train)
    titles = choices(frame.mean.shape[1], alive or len(frame.mean) > MOST, _labelled(examples))
    titles = {name: title for name, title in titles.items() if name in PROJECTIONS}
    default = default_projection(frame.mean.shape[1])
    left, right, _ = st.columns([3, 3, 8], vertical_alignment="bottom")
    key, about = widgets.key_of("recorded_projection", run), HELP["projection"]
    name = widgets.choose(left, "Projection", key, titles, default, about, link="projection")
    hues = list(_hues(examples, _encoding(run, examples, frame)))
    hue = None
    if hues:
        names, about = {title: title for title in hues}, HELP["hue"]
        hue = widgets.choose(
            right, "Colour by", "recorded_hue", names, hues[0], about, link="colour"
        )

    @st.fragment(run_every=FOLLOW if alive else None)
    def live() -> None:
        _draw(run, str(name), hue)
        if alive and not run.status().alive:
            st.rerun()

    live()


def _labelled(examples: Examples) -> bool:
    return examples.label is not None


def _encoding(run: Run, examples: Examples, frame: Frame) -> Encoding:
    return recorded_encoding(frame, examples, run_picker.has_rings(run))


def _hues(examples: Examples, encoding: Encoding) -> dict[str, Hue]:
    """Return the quantities that can colour the points."""
    by_class = class_hue(examples.label, examples.classes)
    found = {} if by_class is None else {CLASS: by_class}
    if encoding.kl is not None:
        found[KL] = Hue("KL (nats per example)", encoding.kl)
    return found


def _draw(run: Run, name: str, hue: str | None) -> None:
    examples, frame = cache.latest(run)
    if examples is None or frame is None:
        return
    encoding = _encoding(run, examples, frame)
    left, right = st.columns([63, 37])
    with left:
        try:
            placed = _project(run, frame.step, run_key(run, files=("frames",)), name)
        except ValueError as error:
            st.info(str(error))
            return
        colour = _hues(examples, encoding).get(hue or "")
        rings = run_picker.has_rings(run)
        record = latent_map(placed, examples.index, colour, examples.total, rings)
        place = f"epoch {compact(round(frame.epoch, 1), 6)} · step {frame.step:,}"
        number = map_caption(record) or f"all {len(frame.mean):,} examples"
        words = f"{place} · {number} · means of q(z|x)"
        st.caption(words, help=HELP["map"] + lesson_link("prior"))
        plot(
            latent_scatter(record),
            key="latent_map",
            revision=f"{run_key(run)} {name}",
            height=HEIGHT,
            index=trace_rows(record),
            label=f"{len(frame.mean)} recorded examples in latent space",
        )
    with right:
        _summary(run, encoding)


@st.cache_data(max_entries=16, show_spinner="Projecting the latents…")
def _project(_run: Run, step: int, key: str, name: str) -> Projection:
    examples, frame = cache.latest(_run)
    assert examples is not None
    assert frame is not None
    return project(name, frame.mean, examples.label)


def _summary(run: Run, encoding: Encoding) -> None:
    """Show mean KL, active units and the KL of each latent; without ln σ², that of the reports."""
    per = cache.curves(run).kl_per_dimension
    words, about = "KL per latent dimension, last report", lesson_link("gaussian_kl").strip()
    if encoding.kl is not None and encoding.kl_per_dimension is not None:
        mean = ("mean KL", f"{fixed(float(encoding.kl.mean()))} nats", "kl")
        st.html(figures_line([mean]))
        per = encoding.kl_per_dimension.mean(0)
        words, about = "KL per latent dimension", HELP["kl"] + lesson_link("gaussian_kl")
    st.markdown(f"**{words}**", help=about)
    figure = kl_bars(per)
    plot(figure, key="latent_kl", revision=run_key(run), height=BARS, label=words)
