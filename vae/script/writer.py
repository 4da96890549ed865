"""A script as text: the parts that are chosen and filled for one run."""

import json
import re
from string import Template
from typing import Any

from vae.base.records import Change
from vae.components.likelihoods import LIKELIHOODS
from vae.components.networks import NETWORKS
from vae.components.objectives import OBJECTIVES
from vae.components.posteriors import POSTERIORS
from vae.components.priors import PRIORS
from vae.components.schedules import CONSTANT, SCHEDULES
from vae.data import DATASETS
from vae.runs import Run
from vae.runs.manifest import domain_of
from vae.script import templates
from vae.script.bundle import Bundle, heading
from vae.script.docstring import HELP, head
from vae.script.run_facts import file_name, kind, recorded
from vae.script.source import Place
from vae.training.trainer import effective

IMPORTS = (
    "import argparse",
    "import copy",
    "import math",
    "import torch",
    "from collections.abc import Iterator",
    "from typing import Any",
    "from torch import Tensor, nn",
    "from torch.distributions import Distribution",
)
DATA = (  # what the hand-written parts call by name
    ("vae.data.dataset", "Dataset"),
    ("vae.data.dataset", "split"),
    ("vae.base.records", "Domain"),
    ("vae.base.records", "Ints"),
    ("vae.base.rng", "stream"),
    ("vae.base.rng", "reseed"),
    ("vae.base.rng", "permutation"),
)
TRAINING = (
    ("vae.components.terms", "Pass"),
    ("vae.components.objectives", "Loss"),
    ("vae.training.metrics", "yardstick"),
    ("vae.training.metrics", "Sums"),
)
MODEL = ("vae.model", "VAE")  # written out for the run


class Writer:
    """The parts of the file, chosen and filled for one run."""

    def __init__(self, run: Run) -> None:
        self.run, self.config = run, run.config
        self.domain = domain_of(run.header)
        self.done = recorded(run)
        self.moves = effective([Change(c.step, c.field, c.value) for c in run.changes()])
        self.scheduled = any(
            name.endswith("_schedule") and value != CONSTANT
            for name, value in self.config.model_dump().items()
        )
        hand = self._hand({})
        given = re.findall(r"^(?:def|class) (\w+)|^([A-Z]+) =", hand, re.M)
        self.bundle = Bundle(self._wanted(), hand, (a or b for a, b in given), instead=(MODEL,))

    def text(self) -> str:
        """The whole file."""
        bundle, names = self.bundle, self.bundle.names
        after = [m for m in bundle.modules() if m == "vae.training.metrics"]
        before = [bundle.section(m) for m in bundle.modules() if m not in after]
        data, model, rest = self._parts(names)
        sections = [
            f'"""{head(self.run, self.done)}\n"""',
            bundle.imports(self._imports()),
            *before,
            heading("This run", self._constants()),
            data,
            model,
            *(bundle.section(m) for m in after),
            heading("Training", rest.strip("\n")),
        ]
        text = "\n\n\n".join(section.strip("\n") for section in sections) + "\n"
        return re.sub(r"\n{4,}", "\n\n\n", text)

    def _hand(self, names: dict[Place, str]) -> str:
        """All that is written by hand."""
        return "\n\n\n".join([self._constants(), *self._parts(names)])

    def _parts(self, names: dict[Place, str]) -> tuple[str, str, str]:
        """The data, the model, and all else."""
        data = "\n\n".join([self._data(names), self._part()])
        return data, self._model(names), "\n\n".join([self._loss(names), self._loop(names)])

    def _wanted(self) -> list[Place]:
        """The pieces of the library that this run is made of."""
        found = list(DATA)
        if kind(self.config) == "drawn":
            found.append(_place(DATASETS[self.config.data]))
        elif self.config.examples:
            found.append(("vae.data.dataset", "subset"))
        found += [_place(table[name]) for table, name in self._rows().values()]
        found += [
            *TRAINING,
            *([("vae.components.schedules", "Progress")] if self.scheduled else []),
        ]
        schedules = {self._schedule(name)[0] for name in self._scalars()}
        return found + [_place(SCHEDULES[name].factor) for name in schedules if name]

    def _rows(self) -> dict[str, tuple[Any, str]]:
        c = self.config
        return {
            "network": ({n: row.build for n, row in NETWORKS.items()}, c.network),
            "posterior": (POSTERIORS, c.posterior),
            "prior": (PRIORS, c.prior),
            "likelihood": (LIKELIHOODS, c.likelihood),
            "objective": ({n: row.loss for n, row in OBJECTIVES.items()}, c.objective),
        }

    def _called(self, kind: str, names: dict[Place, str]) -> str:
        """The name of a chosen row in the file."""
        table, name = self._rows()[kind]
        place = _place(table[name])
        return names.get(place, place[1])

    def _imports(self) -> list[str]:
        more = {"arrays": ["import numpy as np", "from pathlib import Path"]}
        more["idx"] = [*more["arrays"], "import gzip"]
        extra = more.get(kind(self.config), [])
        told = ["from torch.nn.functional import one_hot"] if self.config.conditional else []
        return [*IMPORTS, *extra, *told]

    def _constants(self) -> str:
        c, domain = self.config, self.domain
        expected = {
            part: {n: round(v, 6) for n, v in figures.items() if n in self.done.titles}
            for part, figures in self.done.figures.items()
        }
        lines = [
            f"DOMAIN = Domain({domain.shape}, levels={domain.levels}, classes={domain.classes})",
            f"SEED = {c.seed}",
            f"Z = {c.latent_dim}  # latent dimensions",
            f"K = {c.posterior_samples}  # samples z ~ q(z|x) of an example",
            f"BATCH = {c.batch_size}  # examples a step",
            f"EPOCHS = {c.epochs}  # planned: schedules are spread over them",
            f"STEPS = {self.done.steps}  # that the run had taken when this file was written",
            f"TERMS = {json.dumps(self.done.titles)}",
            f"EXPECTED: dict[str, dict[str, float]] = {_table(expected)}",
        ]
        return "\n".join(lines)

    def _data(self, names: dict[Place, str]) -> str:
        c, comes = self.config, kind(self.config)
        if comes == "drawn":
            call = _call(DATASETS[c.data].__name__, c.chosen("data"), f"{c.examples}, SEED")
            return Template(templates.DRAWN).substitute(call=call)
        subset = f"subset(whole, {c.examples}, SEED)" if c.examples else "whole"
        name = repr(str(self.run.header["data"]["name"]))
        template = Template(templates.IDX if comes == "idx" else templates.ARRAYS)
        return template.substitute(
            data=c.data, subset=subset, name=name, file=repr(file_name(self.run))
        )

    def _part(self) -> str:
        told = self.config.conditional
        return Template(templates.PART).substitute(
            labels=templates.LABELS if told else "",
            and_classes=", and their classes" if told else "",
            y="self.y.index_select(0, rows)" if told else "None",
            binarize=templates.BINARIZE[self.config.binarize],
        )

    def _model(self, names: dict[Place, str]) -> str:
        c = self.config
        told = c.conditional
        own = c.chosen("network").items()
        options = "".join(f"\n            {k}={_literal(v)}," for k, v in own)

        def made(kind: str, first: str) -> str:
            return _call(self._called(kind, names), c.chosen(kind), first)

        return Template(templates.MODEL).substitute(
            has_kl=POSTERIORS[c.posterior].has_density,
            likelihood=made("likelihood", "DOMAIN"),
            posterior=made("posterior", "Z"),
            prior=made("prior", "Z, DOMAIN"),
            network=self._called("network", names),
            options=options,
            decoded="Z + DOMAIN.classes" if told else "Z",
            offset=templates.OFFSET if told else "",
            given=" given the class too" if told else "",
            given_z=" given the class too" if told else "",
            encode=(templates.TELL_ENCODER if told else "") + templates.ENCODE[c.precision],
            decode=(templates.TELL_DECODER if told else "") + templates.DECODE[c.precision],
        )

    def _scalars(self) -> list[str]:
        """What may move while training: the learning rate and weights in the objective."""
        own = self.config.chosen("objective")
        return ["lr", *(name for name in own if self.config.get(f"{name}_schedule"))]

    def _schedule(self, name: str) -> tuple[str, str]:
        """The name of a scalar's schedule, "" where it is constant, and its epochs."""
        told, _, epochs = str(self.config.get(f"{name}_schedule")).partition(":")
        return ("", "") if told == CONSTANT else (told, epochs or "0.0")

    def _value(self, name: str) -> str:
        """A scalar at a step, as Python."""
        moved = {c.step: c.value for c in self.moves if c.field == name}
        base = _literal(self.config.get(name))
        if moved:
            base = f"at({ ({0: self.config.get(name)} | moved)!r}, step)"
        schedule, epochs = self._schedule(name)
        if not schedule:
            return base
        factor = SCHEDULES[schedule].factor.__name__
        return f"{base} * {factor}(moment_of(step, per_epoch), {float(epochs)})"

    def _loss(self, names: dict[Place, str]) -> str:
        movable, own = self._scalars(), self.config.chosen("objective")
        own = {k: self._value(k) if k in movable else _literal(v) for k, v in own.items()}
        loss = Template(templates.LOSS).substitute(
            objective=self._called("objective", names),
            weights="".join(f", {k}={v}" for k, v in own.items()),
            at_step=", step: int, per_epoch: int" if self._moves else "",
        )
        helpers = [templates.MOMENT_OF] if self.scheduled else []
        helpers += [templates.AT] if any(m.field in movable for m in self.moves) else []
        return "\n\n".join([*helpers, loss])

    @property
    def _moves(self) -> bool:
        """Whether the objective depends on the step."""
        return any("step" in self._value(name) for name in self._scalars() if name != "lr")

    def _loop(self, names: dict[Place, str]) -> str:
        c, moves = self.config, self._moves
        lr = self._value("lr")
        loop = Template(templates.LOOP).substitute(
            steps="STEPS" if self.done.steps else "per_epoch * EPOCHS",
            val_share=c.val_share,
            test_share=c.test_share,
            start=templates.VAMP if PRIORS[c.prior].encodes else "",
            lr=_literal(c.lr),
            eps=_literal(c.adam_eps),
            decay=_literal(c.weight_decay),
            move_lr=Template(templates.MOVE_LR).substitute(value=lr) if "step" in lr else "",
            clip=Template(templates.CLIP).substitute(norm=c.grad_clip) if c.grad_clip else "",
            first=", 0, per_epoch" if moves else "",
            now=", step, per_epoch" if moves else "",
            next=", step + 1, per_epoch" if moves else "",
            passed=", step, per_epoch" if moves else "",
            at_step=", step: int, per_epoch: int" if moves else "",
            rank="-" * c.best_by.minimised + f'figures["{c.best_by.key}"]',
        )
        main = Template(templates.MAIN).substitute(
            threads=self.run.header["threads"],
            fingerprint=json.dumps(self.run.header["data"]["fingerprint"]),
            device=json.dumps((self.run.status().device or "cpu").partition(":")[0]),
            data_help=json.dumps(HELP[kind(c)]),
        )
        return "\n\n".join([loop, main])


def _place(row: Any) -> Place:
    return row.__module__, row.__name__


def _literal(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _call(name: str, options: dict[str, Any], first: str) -> str:
    told = "".join(f", {k}={_literal(v)}" for k, v in options.items())
    return f"{name}({first}{told})"


def _table(figures: dict[str, dict[str, float]]) -> str:
    """A dict of dicts, a line each."""
    if not figures:
        return "{}"
    return (
        "{\n" + "".join(f'    "{part}": {json.dumps(f)},\n' for part, f in figures.items()) + "}"
    )
