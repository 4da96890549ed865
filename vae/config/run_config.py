"""RunConfig: all settings of a run, validated, with the values derived from them."""

from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any, Self

from pydantic import ValidationError, model_validator

from vae.base.criterion import Criterion
from vae.base.kinds import kind_of
from vae.base.options import (
    FILE,
    Field,
    Option,
    Spec,
    check,
    coerce,
    derive,
    options_of,
    refuse_unknown,
    row_of,
)
from vae.base.records import Domain
from vae.components import rescalings
from vae.components.count_distributions import typical_size
from vae.components.likelihoods import LIKELIHOODS
from vae.components.network_file import declaration, is_file, title
from vae.components.networks import NETWORKS
from vae.components.objectives import OBJECTIVES
from vae.components.schedules import CONSTANT, Progress, names, parse
from vae.config import rules
from vae.config.derived import DerivedSettings
from vae.config.settings import DEFAULTS, TABLES
from vae.data import DATASETS, Dataset, Splits, loader, scan, split
from vae.data.mapping import Rows


class RunConfig(DerivedSettings):
    """The settings of a run; `RunConfig.of(...)` raises errors that users can read."""

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Return a validated configuration; raises ValueError with a sentence for each fault."""
        try:
            return cls(**values)
        except ValidationError as error:
            raise ValueError(" ".join(_sentence(e) for e in error.errors())) from None

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, values: dict[str, Any]) -> dict[str, Any]:
        chosen = {kind: values.get(kind, DEFAULTS[kind]) for kind in TABLES}
        network = chosen["network"] if isinstance(chosen["network"], str) else ""
        known, tables = fields(network), tables_of(network)
        refuse_unknown(values, [field.name for field in known])
        complete = dict(values)
        for field in known:
            if field.belongs_to(chosen):
                given = values.get(field.name, field.default_for(chosen))
                complete[field.name] = coerce(field, given)
            elif values.get(field.name) is not None and _exists(tables[field.kind], chosen, field):
                raise ValueError(field.misplaced(chosen))
            else:
                complete.pop(field.name, None)
        return complete

    @model_validator(mode="after")
    def _check(self) -> Self:
        for field in fields(self.network):
            if (value := self.get(field.name)) is not None:
                check(field, value)
                if field.option.scheduled:
                    _factor(self.get(f"{field.name}_schedule"))
        rules.check_settings(self)
        return self

    def chosen(self, kind: str) -> dict[str, Any]:
        """Return the options of the chosen row of a table: name → value."""
        table = tables_of(self.network)[kind]
        row = table.get(row_of(table, getattr(self, kind)))
        return {name: self.get(name) for name in options_of(row)} if row else {}

    def at(self, name: str, progress: Progress, value: float | None = None) -> float:
        """Return a scalar at a step: its value (or `value`, if changed live) × its schedule."""
        base = self.get(name) if value is None else value
        return float(base * _factor(self.get(f"{name}_schedule") or CONSTANT)(progress))

    @property
    def scheduled(self) -> tuple[str, ...]:
        """Names of the settings that may follow a schedule in this run."""
        known = (field.name for field in fields(self.network) if field.option.scheduled)
        return tuple(name for name in known if self.get(name) is not None)

    @property
    def best_by(self) -> Criterion:
        """The validation value by which training selects the best weights."""
        return OBJECTIVES[self.objective].best_by

    def domain(self, dataset: Dataset) -> Domain:
        """Return the shape, levels and classes of the examples, and their rescaling and typical
        library size, from the training rows."""
        levels = 2 if self.binarized else dataset.levels
        plain = Domain(
            dataset.event_shape,
            levels,
            len(dataset.classes),
            missing=dataset.missing,
            library_size=self._typical_size(dataset) if self.reads_size else 0.0,
            kinds=dataset.kinds,
        )
        if dataset.kinds:
            x = Rows(dataset.x, self.divide(dataset).train)
            names = [len(entries) for entries in dataset.entries]
            return rescalings.of_columns(plain._replace(levels=0), x, names)
        name = self.rescaling(plain)
        if name == "none":
            return plain
        if dataset.in_memory:
            return self._rescaled(plain, name, dataset)
        key = (name, self.seed, self.val_share, self.test_share, dataset.test)

        def fit() -> list[list[float]]:
            found = self._rescaled(plain, name, dataset)
            return [list(found.location), list(found.scale)]

        kind = f"rescaling {key} {dataset.fingerprint}"
        location, scale = scan.stored(dataset.x, kind, fit)
        return plain._replace(location=tuple(location), scale=tuple(scale))

    def _rescaled(self, plain: Domain, name: str, dataset: Dataset) -> Domain:
        """Return the domain with this rescaling, fitted to its rows."""
        wide = rescalings.RESCALINGS[name].all_rows
        x = dataset.x if wide else Rows(dataset.x, self.divide(dataset).train)
        return rescalings.rescaled(plain, name, x, dataset.scale)

    def _typical_size(self, dataset: Dataset) -> float:
        """Return the median over the training examples of the sum of their values."""

        def median() -> float:
            return typical_size(Rows(dataset.x, self.divide(dataset).train), dataset.scale)

        if dataset.in_memory:
            return median()
        key = (self.seed, self.val_share, self.test_share, dataset.test)
        kind = f"library size {key} {dataset.fingerprint}"
        return float(scan.stored(dataset.x, kind, median))

    def rescaling(self, domain: Domain) -> str:
        """Return the row of RESCALINGS for data of this shape and these levels."""
        if self.data_scale != rescalings.AUTO:
            return self.data_scale
        is_real = LIKELIHOODS[self.likelihood].support == "real" and not domain.levels
        return "standardise" if is_real and kind_of(domain.shape) != "pictures" else "none"

    def as_read(self, dataset: Dataset) -> Self:
        """Return the configuration with the settings by which a file was read: none is auto."""
        found = dataset.reading.settings if dataset.reading else {}
        return self.model_copy(update=found) if self.data not in DATASETS else self

    def divide(self, dataset: Dataset) -> Splits:
        """Return the rows for training, validation and test."""
        return split(dataset, self.val_share, self.test_share, self.seed)

    def load_data(self) -> Dataset:
        """Return the data set, loaded once for equal requests; raises ValueError or OSError if it
        cannot be read."""
        return loader.loaded(self.data_request)

    @property
    def data_request(self) -> loader.Request:
        """The request of the data set; configurations with equal requests have equal data."""
        options = self.chosen("data")
        return loader.request(self.data, self.examples, self.seed, options, self.hide_share)

    def split(self, dataset: Dataset) -> Splits:
        """Return the train, validation and test rows of a run on this data set.

        Raises ValueError if the data set does not suit the settings.
        """
        rules.check_data(self, dataset, self.domain(dataset))
        splits = self.divide(dataset)
        rules.check_batch(self, len(splits.train))
        return splits


def _exists(table: Mapping[str, Any], chosen: Mapping[str, Any], field: Field) -> bool:
    """Whether the table has the chosen row, which can be a file's.

    An unknown row is reported as such, not through an option that would not suit it.
    """
    return row_of(table, chosen[field.kind]) in table


_factor = cache(parse)


@lru_cache(maxsize=256)
def fields(network: str = "") -> tuple[Field, ...]:
    """Return all settings in order: each general one, then the options of its table's rows.

    With a network in a file, its options take the place of those of the other networks. Raises
    ValueError if one of them has the name of another setting.
    """
    general = [
        Spec(name, info.annotation, info.default, _option(info.metadata))
        for name, info in RunConfig.model_fields.items()
    ]
    tables = tables_of(network)
    if FILE in tables["network"]:
        others = {f.name for f in fields() if f.kind != "network"}
        for name in options_of(tables["network"][FILE]).keys() & others:
            raise ValueError(
                f"The network {title(network)} has an option {name}, which is another setting: "
                "give the option another name."
            )
        plain_rows: dict[str, Callable[..., Any]] = dict.fromkeys(NETWORKS, _no_options)
        tables = tables | {"network": plain_rows | dict(tables["network"])}
    return derive(general, tables, f"one of {names()}", CONSTANT)


def tables_of(network: str) -> dict[str, Mapping[str, Callable[..., Any]]]:
    """Return the tables of rows; for a network in a file, with that file as the row FILE."""
    if not is_file(network):
        return TABLES
    return TABLES | {"network": {FILE: declaration(network)}}


def _no_options() -> None:
    """A row without options."""


def _option(metadata: list[Any]) -> Option:
    return next(m for m in metadata if isinstance(m, Option))


def _sentence(error: Any) -> str:
    """Return a validation error as a sentence; pydantic's messages get the name of the setting."""
    message = str(error["msg"]).removeprefix("Value error, ")
    where = ".".join(str(part) for part in error["loc"])
    return f"{where}: {message}, not {error['input']!r}." if where else message
