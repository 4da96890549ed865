"""The tensors of one example for the lesson on the symbols: of the lesson's model, or of a run."""

import inspect
from functools import cache as remember
from pkgutil import resolve_name
from typing import NamedTuple

import numpy as np
import streamlit as st
import torch
from torch import nn

from vae.analysis.loaded_run import LoadedRun
from vae.analysis.true_posterior import Joint, compare, nodes, obstacle
from vae.base import rng
from vae.base.numbers import compact, fixed
from vae.base.records import Floats
from vae.components.likelihoods import LIKELIHOODS
from vae.components.posteriors import POSTERIORS
from vae.components.priors import PRIORS
from vae.dashboard.shared import cache
from vae.data.missing import filled
from vae.evaluation.bound import log_weights
from vae.evaluation.importance import log_mean
from vae.runs import Run
from vae.runs.result_keys import run_key
from vae.theory import Doubles, one_example
from vae.theory.one_example import Quantity

WEIGHTS = 500  # importance samples that estimate ln p(x) where a grid is too large
MOST = 1000  # training examples whose covariance is computed
WRITTEN = 2  # numbers of a vector that are written out


class SymbolFacts(NamedTuple):
    """Everything that the lesson shows of one example."""

    tensors: dict[str, Quantity]
    others: dict[str, tuple[str, str]]  # symbol → shape and value, for what is no tensor
    code: dict[str, str]  # symbol → full name of the function, where it depends on the run
    row: int  # of the data set

    def live(self, key: str) -> tuple[str, str]:
        """Return shape and value of a symbol as text."""
        if key in self.others:
            return self.others[key]
        shape, value = self.tensors[key]
        return str(shape), written(value)


def written(value: Doubles) -> str:
    """Return a few numbers of a tensor as text."""
    flat = value.ravel()
    if value.ndim > 1:  # an example: a pixel that is not at the border
        return f"{fixed(float(flat[min(4, flat.size - 1)]))} …"
    more = ", …" if flat.size > WRITTEN else ""
    return ", ".join(fixed(float(v)) for v in flat[:WRITTEN]) + more


def lesson_facts() -> SymbolFacts:
    """Return the facts of the lesson's example, all of them exact."""
    phi, theta = one_example.parameters()
    others = {
        "phi": ("(4, 64), (4,)", f"{phi}"),
        "theta": ("(64, 2), (64,)", f"{theta}"),
        "samples": ("()", f"{one_example.SAMPLES}"),
        "beta": ("()", "1"),
        "evidence": ("()", fixed(one_example.log_evidence())),
        "eigenvalue": ("(64,)", fixed(float(one_example.weights().carried[0]), 3)),
        "posterior": ("(2,)", written(one_example.exact_posterior()[0])),
    }
    return SymbolFacts(one_example.quantities(), others, {}, one_example.DIGIT)


def run_facts(run: Run) -> SymbolFacts:
    """Return the facts of a run's first held-out example; computed once for the same weights."""
    return _run_facts(run_key(run, "best"), run)


@st.cache_resource(max_entries=16, show_spinner=False)
def _run_facts(key: str, _run: Run) -> SymbolFacts:
    loaded = cache.load_run(_run)
    row = int(loaded.rows(loaded.default_split())[0])
    x, y = loaded.batches(np.array([row])).fixed(loaded.seed)
    model, config = loaded.model, _run.config
    beta = config.chosen("objective").get("beta")
    evidence, posterior = _out_of_reach(loaded, x, y)
    values = filled(loaded.inputs(loaded.subset("train", MOST)).reshape(-1, x[0].numel()))
    others = {
        "phi": _weights(model.encoder),
        "theta": _weights(model.decoder),
        "samples": ("()", f"{one_example.SAMPLES}"),
        "beta": ("()", compact(beta) if beta is not None else "–"),
        "evidence": ("()", evidence),
        "eigenvalue": (f"({values.shape[1]},)", compact(largest_eigenvalue(values), 4)),
        "posterior": (f"({config.latent_dim},)", posterior),
    }
    rows = {
        **dict.fromkeys(("q", "mu", "sigma"), POSTERIORS[config.posterior]),
        "likelihood": LIKELIHOODS[config.likelihood],
        "prior": PRIORS[config.prior],
    }
    code = {key: forward_of(row) for key, row in rows.items()}
    if not obstacle(model):
        code |= dict.fromkeys(("evidence", "posterior"), "vae.analysis.true_posterior.integrate")
    return SymbolFacts(one_example.quantities_of(model, x, y), others, code, row)


def _out_of_reach(loaded: LoadedRun, x: torch.Tensor, y: torch.Tensor | None) -> tuple[str, str]:
    """Return ln p(x) and the mean of p(z|x) as text: by a grid, else ≈ from importance weights."""
    model = loaded.model
    with torch.no_grad(), rng.stream(model.device, loaded.seed, "page"):
        if obstacle(model):
            estimate = log_mean(log_weights(model, x, WEIGHTS, y))
            return f"≈ {fixed(float(estimate[0]))}", "–"
        found = compare(Joint(model, x, y), nodes(model.posterior(x, y))).posterior
    return fixed(found.log_evidence), written(found.share @ found.z)


def _weights(body: nn.Module) -> tuple[str, str]:
    """Return the shapes of the first and last weights, and the number of all of them."""
    shapes = [str(tuple(p.shape)) for p in body.parameters()]
    number = sum(p.numel() for p in body.parameters())
    return (f"{shapes[0]}, …, {shapes[-1]}" if len(shapes) > 2 else ", ".join(shapes)), f"{number}"


def forward_of(row: type[nn.Module]) -> str:
    """Return the full name of the function that computes the distribution of a row of a table."""
    return f"{row.forward.__module__}.{row.forward.__qualname__}"


@remember
def line_of(code: str) -> int:
    """Return the line of its file at which a function begins, from its full name."""
    return inspect.getsourcelines(resolve_name(code))[1]


def largest_eigenvalue(values: Floats) -> float:
    """Return the largest eigenvalue of the covariance of values (N, D)."""
    centred = values - values.mean(0)
    small = centred @ centred.T if len(centred) < centred.shape[1] else centred.T @ centred
    return float(np.linalg.eigvalsh(small.astype(np.float64))[-1]) / len(values)
