"""Field trial of the diagnostics: runs with a known failure and healthy runs on data, networks and
seeds other than those of its thresholds (digits, mlp, seed 0).

`python -m pytest -m long tests/diagnostics/test_field_trial.py` takes about an hour on one core;
`python -m tests.diagnostics.test_field_trial` prints the table. A failure is detected if a check
names it. It is fixed if the run with the fix has no such finding and a better score (which is not
comparable if the likelihood changed). A healthy run must have no serious finding. HARMLESS,
UNFINISHED, MISSED and TRUE_AS_WELL record results of trials; they were not predicted. The
thresholds changed after trials on seeds 3 and 4, and not after the trial on seeds 21 and 22. The
failures of a decoder that ignores z, "paid for nothing" and "heavy decay", were added later. The
strength of the decay was tuned on seed 1, which the trial does not use. The checks of the price
of the KL and of the codebook were tried last, on seed 31. There `wide_noise` raised two false
alarms (mixture, σ 0.1: with β 0.2, and with a codebook). It now takes β into account and needs a
KL; nothing else changed.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from vae.analysis.loaded_run import LoadedRun
from vae.config import RunConfig
from vae.data import load
from vae.diagnostics.checks import CHECKS, diagnose
from vae.diagnostics.findings import Diagnosis, Observations, with_fix
from vae.diagnostics.latent_swap import model_stats
from vae.diagnostics.training_stats import training_stats
from vae.runs import Run
from vae.worker.train import train_run

BASES: dict[str, dict[str, Any]] = {
    "digits conv": {"data": "digits", "network": "conv", "channels": (16, 32), "latent_dim": 3},
    "moons mlp": {
        "data": "moon-phases",
        "examples": 1200,
        "size": 16,
        "hidden": (128, 64),
        "latent_dim": 3,
        "epochs": 80,
    },
    "mixture mlp": {"data": "mixture", "likelihood": "gaussian-learned", "hidden": (64, 64)},
    "shapes conv": {
        "data": "shapes",
        "examples": 1500,
        "network": "conv",
        "channels": (16, 32),
        "latent_dim": 4,
        "epochs": 40,
    },
    "fashion mlp": {
        "data": "fashion-mnist-10k",
        "examples": 3000,
        "hidden": (256, 128),
        "latent_dim": 4,
        "epochs": 40,
    },
}
SEEDS = {name: (21,) if name in ("shapes conv", "fashion mlp") else (21, 22) for name in BASES}
FEW = {"examples": 400, "val_share": 0.5, "test_share": 0.25, "batch_size": 50, "epochs": 400}
LARGE = {"conv": {"channels": (64, 128)}, "mlp": {"hidden": (512, 256)}}
FAILURES: dict[str, tuple[str, dict[str, Any]]] = {
    "healthy": ("", {}),
    "large β": ("posterior_collapse", {"beta": 20.0, "epochs": 40}),
    "64 latents": ("unused_latents", {"latent_dim": 64}),
    "lr 0.1": ("learning_rate", {"lr": 0.1, "epochs": 40}),
    "lr 0.5": ("learning_rate", {"lr": 0.5, "epochs": 40}),
    "100 examples": ("overfitting", FEW | {"latent_dim": 8}),
    "constant data": (
        "variance_floor",
        {"likelihood": "gaussian-learned", "lr": 1e-2, "epochs": 300},
    ),
    "2 epochs": ("undertrained", {"epochs": 2}),
    "lr 0.00002": ("undertrained", {"lr": 2e-5, "epochs": 20}),
    "paid for nothing": ("ignored_latents", {"likelihood": "gaussian", "objective": "capacity"}),
    "heavy decay": ("ignored_latents", {"posterior": "point", "objective": "reconstruction"}),
}
FIXED = {"likelihood": "gaussian", "sigma": 0.1}
CODES = FIXED | {"posterior": "quantised", "objective": "reconstruction"}
PRICED = ("digits conv", "moons mlp")  # where the price of the KL is planted
NEAR_IT: dict[str, tuple[str, dict[str, Any]]] = {  # healthy, on every data set
    "a warm-up that ends": ("", {"likelihood": "gaussian-learned", "beta_schedule": "warmup:10"}),
    "σ 0.1": ("", FIXED),
    "β 0.2": ("", FIXED | {"beta": 0.2}),
    "codebook": ("", CODES),
}
PRICES: dict[str, tuple[str, dict[str, Any]]] = {
    "endless warm-up": ("unfinished_warmup", FIXED | {"beta_schedule": "warmup:4000"}),
    "β 0.01": ("holes", FIXED | {"beta": 0.01}),
    "σ 0.6": ("wide_noise", FIXED | {"sigma": 0.6}),
    "dead codes": (
        "codebook_collapse",
        CODES | {"code_revival": 0.0, "commitment": 1000.0, "lr": 3e-3},
    ),
}
FAILURES |= {
    name: (wanted, {"epochs": 40} | given) for name, (wanted, given) in (NEAR_IT | PRICES).items()
}
DECAY = {  # less leaves some of z, more makes training leap about
    "digits conv": 30.0,
    "moons mlp": 100.0,
    "mixture mlp": 30.0,
    "shapes conv": 50.0,
    "fashion mlp": 80.0,
}
COPIES = ("constant data", "paid for nothing")  # trained on copies of one example


class Row(NamedTuple):
    """One run with a failure and its findings; the score is of the last epochs, nats."""

    base: str
    seed: int
    failure: str
    wanted: str
    found: tuple[str, ...]
    fix: str
    after: tuple[str, ...]  # what the with_fix run has
    scores: tuple[float, float] | None  # before and after, where they can be compared

    @property
    def hit(self) -> bool:
        return self.wanted in self.found

    @property
    def alarms(self) -> tuple[str, ...]:
        """The serious findings other than the expected failure."""
        expected = {self.wanted} | TRUE_AS_WELL.get(self.failure, set())
        return tuple(n for n in self.found if CHECKS[n].serious and n not in expected)

    @property
    def better(self) -> bool:
        """Whether there was a fix, and the score is better with it."""
        return bool(self.fix) and (self.scores is None or self.scores[1] > self.scores[0])

    @property
    def mended(self) -> bool:
        return self.better and self.wanted not in self.after


def settings(base: str, failure: str, seed: int, folder: Path) -> dict[str, Any]:
    own = BASES[base]
    given = {"frames": 0, "threads": 1, "device": "cpu", "seed": seed, "epochs": 60} | own
    given |= FAILURES[failure][1]
    if failure == "100 examples":
        given |= LARGE[own.get("network", "mlp")]
        given |= {} if own["data"] == "mixture" else {"binarize": "threshold"}
    if failure in COPIES:
        given = {k: v for k, v in given.items() if k not in ("size", "examples")}
        given["data"] = _constant(own, folder)
    if failure == "heavy decay":
        given["weight_decay"] = DECAY[base]
    if failure == "large β" and own["data"] in ("shapes", "fashion-mnist", "moon-phases"):
        given["beta"] = 1000.0  # 20 shuts no latent that is worth a hundred nats
    return given


def _constant(own: dict[str, Any], folder: Path) -> str:
    """Return a file of 1,000 copies of one example with noise of 1e-4."""
    options = {"size": own["size"]} if "size" in own else {}
    one = load(own["data"], examples=300, options=options)
    x = one.x[7] / one.scale
    noise = 1e-4 * np.random.default_rng(0).normal(size=(1000, *x.shape))
    path = folder / f"{own['data']}.npy"
    held = np.clip(x + noise, 0, 1) if one.in_unit_interval else x + noise
    np.save(path, held.squeeze(1).astype(np.float32) if held.ndim == 4 else held.astype("f4"))
    return str(path)


def trained(config: RunConfig, folder: Path) -> tuple[Diagnosis, float]:
    """Return the findings of a run with these settings, and its final score."""
    options = config.chosen("data")
    data = load(config.data, examples=config.examples, seed=config.seed, options=options)
    run = Run.create(folder, config, data)
    try:
        for _ in train_run(run):
            pass
    except FloatingPointError:
        pass
    stats, status = training_stats(run.reports(), config.best_by), run.status()
    try:
        measured = model_stats(LoadedRun.of(run, "last"))
    except ValueError:
        measured = None
    score = float(stats.smooth[-1]) if status.state == "finished" else -np.inf
    return diagnose(Observations(config, stats, status.state, status.message, measured)), score


def trial(base: str, failure: str, seed: int, folder: Path) -> Row:
    config = RunConfig.of(**settings(base, failure, seed, folder))
    found, before = trained(config, folder)
    names = tuple(found.findings)
    wanted = FAILURES[failure][0]
    fix = found.findings[wanted].fix if wanted in found.findings else None
    if fix is None:
        return Row(base, seed, failure, wanted, names, "", (), None)
    then, after = trained(with_fix(config, fix), folder)
    comparable = fix.field not in ("likelihood", "examples")
    return Row(
        base,
        seed,
        failure,
        wanted,
        names,
        f"{fix.field} = {fix.value}",
        tuple(then.findings),
        (before, after) if comparable else None,
    )


EARLIER = [name for name in FAILURES if name not in NEAR_IT | PRICES]
GRID = [(base, failure, seed) for base in BASES for failure in EARLIER for seed in SEEDS[base]]
GRID += [(base, failure, 31) for base in BASES for failure in NEAR_IT]
GRID += [(base, failure, 31) for base in PRICED for failure in PRICES]
TRUE_AS_WELL = {
    name: {"posterior_collapse", "ignored_latents"} for name in COPIES
}  # z has nothing to tell
TRUE_AS_WELL |= {  # with a hundredth of the KL a posterior of the moons shrinks to a point
    name: {"variance_floor"} for name in ("endless warm-up", "β 0.01")
}
UNFINISHED = {  # fixes that improve a run and do not end its failure
    ("moons mlp", "lr 0.00002"): "20 epochs are too few at any learning rate",
    ("shapes conv", "lr 0.00002"): "likewise",
    ("mixture mlp", "lr 0.00002"): "more epochs at this rate; the same fix again",
    ("fashion mlp", "lr 0.00002"): "likewise",
    ("moons mlp", "2 epochs"): "20 epochs are too few; the same fix again",
    ("shapes conv", "2 epochs"): "likewise",
    ("digits conv", "paid for nothing"): "z still has nothing to tell",
    ("mixture mlp", "paid for nothing"): "likewise",
}
MISSED = {
    ("shapes conv", "constant data"): "a learning rate too high is named instead",
    ("shapes conv", "paid for nothing"): "a swap costs 0 ± 3 nats, which resolves nothing",
}
HARMLESS = {  # failures without effect there: no check may report one
    ("mixture mlp", "100 examples"): "the validation ELBO never falls",
    ("shapes conv", "64 latents"): "every latent has more than 0.01 nats",
}


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("base", "failure", "seed"), GRID)
def test_planted_failures_are_found_and_fixed(
    base: str, failure: str, seed: int, tmp_path: Path
) -> None:
    row = trial(base, failure, seed, tmp_path)
    if (base, failure) in MISSED:
        return
    assert not row.alarms, row
    if (base, failure) in HARMLESS:
        assert not row.hit, row
    elif row.wanted:
        assert row.hit, row
        assert row.better if (base, failure) in UNFINISHED else row.mended, row


def main() -> None:
    wanted = sys.argv[1:]
    for base, failure, seed in GRID:
        if not wanted or base in wanted:
            with tempfile.TemporaryDirectory() as folder:
                row = trial(base, failure, seed, Path(folder))
            scores = "→".join(f"{s:.2f}" for s in row.scores) if row.scores else ""
            verdict = "mended" if row.mended else "hit" if row.hit else "MISS"
            if not row.wanted or (base, failure) in HARMLESS:
                verdict = "silent" if not row.alarms else "ALARM"
            found, after = ",".join(row.found) or "-", ",".join(row.after) or "-"
            cells = (base, seed, failure, verdict, found, row.fix, after, scores)
            sys.stdout.write(" | ".join(map(str, cells)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
