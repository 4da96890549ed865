"""Add a row called "new" to every table, then train, evaluate and show a run of these rows.

`tests/test_rows.py` runs this in a separate process, because the settings read the tables once.
"""

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from vae.components.binarizations import BINARIZATIONS, Binarization
from vae.components.likelihoods import LIKELIHOODS, Bernoulli
from vae.components.networks import NETWORKS, Bodies, Network, mlp
from vae.components.objectives import OBJECTIVES, Loss, Objective, elbo
from vae.components.posteriors import POSTERIORS, Diagonal
from vae.components.priors import PRIORS, Mixture
from vae.components.schedules import SCHEDULES, Progress, Row
from vae.components.terms import Pass
from vae.data import DATASETS, Dataset


class NewLikelihood(Bernoulli):
    """A new likelihood."""


class NewPosterior(Diagonal):
    """A new posterior."""


class NewPrior(Mixture):
    """A new prior."""


def new_network(*sizes: Any) -> Bodies:
    """A new network."""
    return mlp(*sizes, hidden=(8,))


def new_objective(out: Pass) -> Loss:
    """A new objective."""
    return elbo(out)


def new_schedule(progress: Progress, epochs: float) -> float:
    """A new schedule."""
    return 0.5


def new_binarization(x: Tensor) -> Tensor:
    """A new binarization."""
    return (x > 0.3).float()


def new_data(examples: int, seed: int) -> Dataset:
    """A new data set."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (examples or 120, 1, 8, 8), np.uint8)
    return Dataset("new", x, 255.0, np.arange(len(x)) % 3, ("a", "b", "c"))


def new_corruption(x: Any, rng: Any, *, strength: float = 0.5) -> Any:
    """A new corruption."""
    return x


def add_rows() -> None:
    """Add "new" to every table of a setting, before the settings are imported."""
    LIKELIHOODS["new"] = NewLikelihood
    POSTERIORS["new"] = NewPosterior
    PRIORS["new"] = NewPrior
    NETWORKS["new"] = Network(new_network)
    OBJECTIVES["new"] = Objective(new_objective)
    SCHEDULES["new"] = Row(new_schedule)
    BINARIZATIONS["new"] = Binarization(new_binarization)
    DATASETS["new"] = new_data


def add_views() -> None:
    """Add "new" to the tables of the analysis, which imports the settings."""
    from vae.analysis.corruption import CORRUPTIONS, Corruption
    from vae.analysis.projections import PROJECTIONS
    from vae.analysis.projections_3d import SPACES
    from vae.analysis.ranking import ORDERS
    from vae.analysis.sampling import SOURCES, Source

    first = next(iter(PROJECTIONS.values()))
    PROJECTIONS["new"] = first._replace(title="new projection")
    SPACES["new-3d"] = next(iter(SPACES.values()))._replace(title="new space")
    ORDERS["new"] = next(iter(ORDERS.values()))._replace(title="new order")
    SOURCES["new"] = Source("new source", SOURCES["noise"].draw, lambda latents: True)
    CORRUPTIONS["new"] = Corruption("New", new_corruption, "share", lambda pictures, binary: True)


KINDS = ("data", "network", "likelihood", "posterior", "prior", "objective", "binarize")
PAGES = ("train", "data", "latent", "reconstructions", "samples", "evaluate", "compare")


def command(*arguments: str) -> str:
    """Return the output of a command."""
    from vae.commands import main

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        assert not main(list(arguments))
    return said.getvalue()


def use_commands(root: Path) -> None:
    """Train and evaluate on the command line."""
    shown = command("train", "--help")
    assert shown.count("new") >= len(KINDS) - 1, shown  # data sets have a command of their own
    assert "new" in command("data")
    rows = [part for kind in KINDS for part in (f"--{kind}", "new")]
    flags = ["--epochs", "1", "--frames", "2", "--latent-dim", "3", "--lr-schedule", "new"]
    command("train", "--root", str(root), "--run", "new-run", *rows, *flags)
    assert '"elbo": -' in command("evaluate", "--root", str(root), "new-run", "--json")


def use_pages(root: Path) -> None:
    """Open the pages on the run, each with its new row chosen."""
    from streamlit.testing.v1 import AppTest

    from vae.dashboard import server
    from vae.dashboard.shared.widgets import key_of
    from vae.runs import Run

    server.ROOT = root
    run = Run(root / "new-run")
    folder = Path(__file__).parents[1]
    choices = {
        "latent": ({key_of("latent_projection", run): name} for name in ("new", "new-3d")),
        "reconstructions": ({"reconstruct_order": "new"},),
    }
    for page in PAGES:
        for state in choices.get(page, ({},)):
            at = AppTest.from_file(str(folder / "vae/dashboard/main.py"), default_timeout=60)
            at.query_params["run"] = "new-run"
            at.session_state["all_settings"] = page == "train"  # whether the box is open
            for key, value in state.items():
                at.session_state[key] = value
            at.run()
            for kind in KINDS if page == "train" else ():
                box = at.selectbox(key=f"set_{kind}")
                assert "new" in box.options, (kind, box.options)
            if page != "train":
                at.switch_page(f"../../pages/{page}.py").run()
            assert not at.exception, (page, [e.value + e.stack_trace[-1] for e in at.exception])


def main(root: Path) -> None:
    """Add the rows, then use them with runs in the folder `root`."""
    add_rows()
    add_views()
    use_commands(root)
    use_pages(root)
    print("every new row works")
