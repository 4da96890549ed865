"""A script as text: the library's pieces that a run needs, its settings, and the templates."""

import json
import math
import re
import textwrap
from string import Template
from typing import Any

import torch

from vae.base.records import Change, Domain
from vae.components.network_file import is_file
from vae.components.schedules import SCHEDULES
from vae.config import fields
from vae.data import DATASETS
from vae.runs import Run
from vae.runs.manifest import domain_of
from vae.script import network, templates
from vae.script.bundle import Bundle, heading
from vae.script.docstring import HELP, head
from vae.script.run_facts import file_name, kind, recorded
from vae.script.settings import ABOUT, PLACE, literal, settings_class
from vae.script.source import Place
from vae.training.steps import GRADIENTS, gradient_of
from vae.training.trainer import effective

IMPORTS = ("import argparse", "import torch", "from typing import Any")
READING = ("import numpy as np", "from pathlib import Path")
SUBSET: Place = ("vae.data.dataset", "subset")
DATA_IMPORTS = {"drawn": (), "arrays": READING, "idx": (*READING, "import gzip")}
TRAINING: tuple[Place, ...] = (  # the pieces that the templates call by name
    ("vae.training.steps", "State"),
    ("vae.training.steps", "init_from_data"),
    ("vae.training.steps", "due_figures"),
    ("vae.training.steps", "next_rows"),
    ("vae.training.steps", "train_step"),
    ("vae.base.records", "Change"),
    ("vae.base.records", "Domain"),
    ("vae.data.dataset", "Dataset"),
    PLACE,
)


class Writer:
    """The parts of a script for one run."""

    def __init__(self, run: Run) -> None:
        self.run, self.config = run, run.config
        self.done = recorded(run)
        self.kind = kind(self.config)
        hand = "\n".join(self._hand({}))
        given = re.findall(r"^(?:def|class) (\w+)|^([A-Z]+)(?:: .*)? =", hand, re.M)
        self.bundle = Bundle(
            self._wanted(),
            hand,
            (a or b for a, b in given),
            texts={
                PLACE: settings_class(self.config, str(run.header["data"]["name"])),
                network.NETWORK_OF: network.text_of(self.config.network),
            },
            rows=self._rows(),
        )
        network.check_name(self.bundle, self.config.network)

    def text(self) -> str:
        """Return the whole file."""
        bundle = self.bundle
        about = {PLACE[0]: ABOUT}
        code = [bundle.section(m, about.get(m, "")) for m in bundle.modules()]
        constants, data, main = self._hand(bundle.names)
        code += [
            heading("Constants of this run", constants),
            heading("Data", data.strip("\n")),
            heading("Training", main.strip("\n")),
        ]
        imports = bundle.imports((*IMPORTS, *DATA_IMPORTS[self.kind]))
        docstring = f'"""{head(self.run, self.done, [imports, *code])}\n"""'
        text = "\n\n\n".join(part.strip("\n") for part in (docstring, imports, *code)) + "\n"
        return re.sub(r"\n{4,}", "\n\n\n", text)

    def _hand(self, names: dict[Place, str]) -> tuple[str, str, str]:
        """Return constants, data and main part, with the file's names of the pieces."""
        return self._constants(), self._data(names), self._main()

    def _wanted(self) -> list[Place]:
        """Return the pieces of the library that the templates name."""
        source = _place(DATASETS[self.config.data]) if self.kind == "drawn" else SUBSET
        return [*TRAINING, source, *network.places(self.config.network)]

    def _rows(self) -> dict[frozenset[str], frozenset[str]]:
        """Return, for the keys of each table, the rows that the settings choose."""
        chosen = {}
        for field in fields(self.config.network):
            value = self.config.get(field.name)
            if is_file(self.config.network) and "network" in (field.name, field.kind):
                continue  # code of the user may name any row
            if field.option.choices and isinstance(value, str):
                chosen[frozenset(field.option.choices)] = frozenset({value})
        names = {str(self.config.get(f"{name}_schedule")) for name in self.config.scheduled}
        chosen[frozenset(SCHEDULES)] = frozenset(name.partition(":")[0] for name in names)
        missing = domain_of(self.run.header).missing
        ways = {gradient_of(self.config, torch.device(d), missing) for d in ("cpu", "cuda")}
        chosen[frozenset(GRADIENTS)] = frozenset(ways)
        return chosen

    def _constants(self) -> str:
        domain = domain_of(self.run.header)
        expected = {
            part: {n: round(v, 6) for n, v in figures.items() if n in self.done.titles}
            for part, figures in self.done.figures.items()
        }
        lines = [
            "CONFIG = RunConfig()",
            f"DOMAIN = {_record(domain)}",
            f"STEPS = {self.done.steps}  # of the run when this file was written",
            f"CHANGES: list[Change] = {self._changes()}",
            f"TERMS = {json.dumps(self.done.titles, ensure_ascii=False)}",
            f"EXPECTED: dict[str, dict[str, float]] = {_table(expected)}",
        ]
        return "\n".join(lines)

    def _changes(self) -> str:
        """Return the live changes of scheduled settings as Python."""
        changes = [Change(c.step, c.field, c.value) for c in self.run.changes()]
        held = [
            f"    Change({c.step}, {literal(c.field)}, {c.value!r}),\n"
            for c in effective(changes)
            if c.field in self.config.scheduled and math.isfinite(c.value)
        ]
        return "[\n" + "".join(held) + "]" if held else "[]"

    def _data(self, names: dict[Place, str]) -> str:
        if self.kind == "drawn":
            place = _place(DATASETS[self.config.data])
            return Template(templates.DRAWN).substitute(call=names.get(place, place[1]))
        template = templates.IDX if self.kind == "idx" else templates.ARRAYS
        return Template(template).substitute(file=literal(file_name(self.run)))

    def _main(self) -> str:
        return Template(templates.MAIN).substitute(
            threads=self.run.header["threads"],
            fingerprint=json.dumps(self.run.header["data"]["fingerprint"]),
            device=json.dumps((self.run.status().device or "cpu").partition(":")[0]),
            data_help=json.dumps(HELP[self.kind]),
        )


def _place(row: Any) -> Place:
    return row.__module__, row.__name__


def _record(domain: Domain) -> str:
    """Return a domain as Python, without fields that have their defaults."""
    given = {k: v for k, v in domain._asdict().items() if v != Domain._field_defaults.get(k)}
    text = f"Domain({', '.join(f'{name}={value!r}' for name, value in given.items())})"
    return textwrap.fill(text, 85, subsequent_indent="    ", break_on_hyphens=False)


def _table(figures: dict[str, dict[str, float]]) -> str:
    """Return a dict of dicts as Python, one line each."""
    if not figures:
        return "{}"
    return (
        "{\n" + "".join(f'    "{part}": {json.dumps(f)},\n' for part, f in figures.items()) + "}"
    )
