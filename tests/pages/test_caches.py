"""A cached result belongs to one run and its weights, not to the name of a folder.

The test trains a run, deletes it and trains another one under the same name, with the same
modification times. Every cached function of the dashboard must then return the new run's content.
"""

import hashlib
import importlib
import os
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

import vae.dashboard
from tests.pages.conftest import trained
from vae.analysis.decoded_grid import Box
from vae.config import RunConfig
from vae.dashboard import server
from vae.dashboard.compare import charts as compare_charts
from vae.dashboard.evaluate import columns, diagnostics
from vae.dashboard.evaluate import recorded as evaluate_recorded
from vae.dashboard.latent import densities, exact_decoder, hover_decoder, layers, recorded
from vae.dashboard.latent.request import MapContext, MapRequest
from vae.dashboard.learn import run_choice, run_symbols
from vae.dashboard.reconstructions import live_model, missing
from vae.dashboard.replay import films
from vae.dashboard.replay import view as replay
from vae.dashboard.samples import samples
from vae.dashboard.samples.samples import SamplesRequest
from vae.dashboard.shared import cache, latent_scale, tile_route
from vae.dashboard.sweep import charts as sweep_charts
from vae.dashboard.train import advice
from vae.experiments import configurations, entries
from vae.runs import Run, result_keys
from vae.runs.store import delete

NAME = "a-run"
BOX = Box((-2.0, 2.0), (-2.0, 2.0))
REQUEST = MapRequest("best", "train", 100, "pca", {}, "class", 0, False)


def _context(run: Run) -> MapContext:
    return MapContext.of(run, REQUEST)


def _sheet(run: Run) -> bytes:
    found = hover_decoder.hover_decoder(_context(run), BOX, 0)
    assert found is not None
    return found.sheet.content


def answer(address: str) -> Response:
    """Return the answer of the server's route to an address."""
    (route,) = tile_route.routes()
    match, found = route.matches({"type": "http", "method": "GET", "path": address})
    assert match == Match.FULL
    return tile_route._tile(Request({"type": "http", **found}))


def _tile(run: Run) -> bytes:
    return bytes(answer(tile_route.pattern(run).format(i=3)).body)


def _near(run: Run, number: int) -> Any:
    return samples.nearest_examples(cache.load_run(run), SamplesRequest(4, 0, 1.0, "mean"))[number]


def _lines(run: Run) -> Any:
    (only,) = entries.entries(server.ROOT)
    fold = configurations.fold([only])[0]
    return [line.value for line in sweep_charts._lines(fold)["reconstruction"].values()]


def _epochs(run: Run) -> str:
    return str(run.config.epochs)


# Cached function → a look at its result for a run
RESULTS: dict[str, Callable[[Run], Any]] = {
    "shared.cache._load_run": lambda run: cache.load_run(run).model.state_dict(),
    "shared.cache._encoding": lambda run: cache.encoding(run, "best", "train", 50),
    "shared.cache._training_latents": lambda run: cache.training_latents(cache.load_run(run)).z,
    "shared.cache._curves": lambda run: next(iter(cache.curves(run).curves.values())).value,
    "shared.cache._latest": lambda run: cache.latest(run)[1].mean,
    "shared.tile_route._data": _tile,
    "train.advice._course": lambda run: advice.course(run, run.status()),
    "evaluate.diagnostics._model": lambda run: repr(diagnostics._model_stats(run)[0]),
    "evaluate.diagnostics._reference": lambda run: (
        diagnostics._with_reference(run, diagnostics._model_stats(run)[0]).reference
    ),
    "evaluate.recorded._evaluation": lambda run: (
        evaluate_recorded._evaluation(run, 0, result_keys.run_key(run, files=("frames",))).probes
    ),
    "evaluate.columns._terms": lambda run: (
        columns._terms(result_keys.run_key(run, "best"), cache.load_run(run), "val").model
    ),
    "latent.hover_decoder._sheet": _sheet,
    "latent.densities._cached": lambda run: (
        densities.cached_density("aggregate", _context(run), BOX).field.value
    ),
    "latent.layers._trustworthiness": lambda run: layers.trustworthiness_text(
        context := _context(run), context.encoding.mean[:, :2]
    ),
    "samples.samples._nearest": lambda run: _near(run, 0).distance,
    "samples.samples._held_out_distance": lambda run: _near(run, 1),
    "shared.latent_scale._prior_samples": lambda run: latent_scale.reference_latents(
        cache.load_run(run)
    ),
    "latent.exact_decoder._portable": lambda run: (
        exact_decoder._portable(_context(run).weights_key, _context(run))[0].weights
    ),
    "reconstructions.live_model._networks": lambda run: (
        live_model._networks(result_keys.run_key(run, "best"), cache.load_run(run))[0].weights
    ),
    "reconstructions.missing._imputed": lambda run: (
        missing._imputed(result_keys.run_key(run, "best"), 2, cache.load_run(run), "val").expected
    ),
    "learn.run_choice._misfit": lambda run: run_choice._misfit(
        result_keys.run_key(run, files=run_choice.WATCHED), "gaps", run, _epochs
    ),
    "learn.run_symbols._run_facts": lambda run: repr(run_symbols.run_facts(run)),
    "latent.recorded._project": lambda run: (
        recorded._project(run, 0, result_keys.run_key(run, files=("frames",)), "pca").points
    ),
    "replay.films._reel": lambda run: films.reel(run).record.aligned,
    "replay.view._load": lambda run: replay.saved_frames(run).record.aligned,
    "compare.charts._reports": lambda run: compare_charts.reports(entries.entry(run))[-1][
        "reconstruction"
    ],
    "sweep.charts._read": _lines,
    "experiments.entries._read": lambda run: entries.entry(run),
    "runs.result_keys._digest": lambda run: result_keys.digest(run.weights_path()),
}
# Cached functions of values or of data alone
OTHERS = {
    "shared.training_time._trial": "settings of a model",
    "shared.film_files.encoded": "pictures",
    "learn.demonstration._demonstration": "settings of a model",
    "latent.posterior_layer._examined": "needs a plane; by the keys of MapContext",
    "learn.outcomes._arrays": "settings and progress of a demonstration",
    "learn.outcomes._stored": "a file of the package",
    "learn.latents._lit_shares": "settings of a data set",
    "learn.run_symbols.line_of": "the code of the package",
    "learn.later._pool": "one thread",
    "learn.later.later": "gaps of an example of a plane; by run_key",
    "data.view._summary": "data and settings, by their key",
    "data.charts._moments": "data and settings, by their key",
    "data.baselines._finished_fits": "holds tables under keys of their own",
}


def cached_functions() -> Iterator[str]:
    """Yield every function of the dashboard that Streamlit or functools caches."""
    for found in pkgutil.walk_packages(vae.dashboard.__path__, "vae.dashboard."):
        if found.name.endswith("dashboard.main"):
            continue
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            is_cached = hasattr(value, "cache_clear") or type(value).__name__ == "CachedFunc"
            if is_cached and value.__module__ == found.name:
                yield f"{found.name.removeprefix('vae.dashboard.')}.{name}"


def forget() -> None:
    """Empty every cache."""
    st.cache_data.clear()
    st.cache_resource.clear()
    for cached in (sweep_charts._read, compare_charts._reports, tile_route._data):
        cached.cache_clear()
    result_keys._digest.cache_clear()
    entries._known.clear()
    entries._looks.clear()


def stored(value: Any) -> Any:
    """Return a value that `assert` can compare: arrays as lists, bytes as their hash."""
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, dict):
        return {key: stored(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [stored(item) for item in value]
    return value


def train(root: Path, seed: int) -> Run:
    return trained(
        root,
        NAME,
        examples=240,
        seed=seed,
        epochs=1 + seed,
        latent_dim=3,
        prior="mixture",
        posterior_samples=1,
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[Any]]]:
    """Cached function → result for the first run, for the second, and for the second uncached."""
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "ROOT", root)
        forget()
        first = train(root, 0)
        found = {name: [stored(look(first))] for name, look in RESULTS.items()}
        times = {
            path.relative_to(first.path): path.stat().st_mtime_ns for path in first.path.rglob("*")
        }
        delete(first)
        second = train(root, 1)
        for path in sorted(second.path.rglob("*"), reverse=True):
            if (when := times.get(path.relative_to(second.path))) is not None:
                os.utime(path, ns=(when, when))
        for name, look in RESULTS.items():
            found[name].append(stored(look(second)))
        for name, look in RESULTS.items():
            forget()
            found[name].append(stored(look(second)))
        yield found


@pytest.mark.parametrize("name", RESULTS)
def test_a_new_run_of_the_same_name_gets_its_own_results(
    name: str, results: dict[str, list[Any]]
) -> None:
    first, second, uncached = results[name]
    np.testing.assert_equal(second, uncached)
    assert repr(second) != repr(first), "the test cannot tell the two runs apart"


def test_every_cached_function_is_tested() -> None:
    found = set(cached_functions())
    named = {name for name in RESULTS if not name.startswith(("experiments.", "runs."))}
    assert found == named | set(OTHERS)


def test_a_replaced_data_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    config = RunConfig.of(data=str(path), likelihood="gaussian-learned")
    for value in (0.25, 0.75):
        fresh = tmp_path / "fresh.npz"
        np.savez(fresh, x=np.full((64, 3), value, np.float32))
        os.utime(fresh, ns=(10**18, 10**18))
        os.replace(fresh, path)
        assert config.load_data().x.flat[0] == np.float32(value)


def test_an_address_of_a_picture_belongs_to_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "ROOT", tmp_path)
    first = train(tmp_path, 0)
    address = tile_route.pattern(first).format(i=3)
    for digits in ("9" * 12, "9" * 5000, "-1", "x"):
        assert answer(tile_route.pattern(first).format(i=digits)).status_code == 204
    picture = answer(address)
    assert picture.status_code == 200
    assert "immutable" in picture.headers["Cache-Control"]
    delete(first)
    second = train(tmp_path, 1)
    assert answer(address).status_code == 204
    assert answer(tile_route.pattern(second).format(i=3)).body != picture.body
