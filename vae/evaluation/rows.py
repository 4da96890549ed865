"""The types of rows in the table of measures."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from vae.base.records import Estimate
from vae.evaluation.inputs import Encoded, Inputs, Result

Function = TypeVar("Function")
Seconds = Callable[[Inputs], float]


GROUPS = {  # of the Evaluate page: title and help
    "bound": (
        "The bound",
        "ln p(x) ≥ ELBO = −(reconstruction + KL), in nats per example, mean over the examples.",
    ),
    "latents": ("The latents", "Number of latents in use, and the information in each."),
    "knowledge": (
        "Information in the latents",
        "Accuracy of simple classifiers that predict the class from the posterior mean.",
    ),
    "samples": (
        "The samples",
        "Distances of samples of the prior from examples of the split, in principal components "
        "of the training examples. They compare pixels or features: a blurred picture may score "
        "well.",
    ),
}


class Measure(NamedTuple, Generic[Function]):
    """A measure: a value with its unit, help and function."""

    title: str
    unit: str
    help: str
    compute: Function
    group: str = "bound"  # a key of GROUPS
    needs: tuple[str, ...] = ()  # keys of `inputs.NEEDS`
    companions: tuple[str, ...] = ("se",)  # fields of Result, written under KEY_FIELD
    seconds: Seconds = lambda inputs: 0.0  # about; for the progress
    full_title: str = ""  # in a report, where it differs
    out_of: str = ""  # the total that the value is a part of: "samples" or "latents"
    per_latent: bool = False  # a list, one value for each latent
    of_latents: bool = False  # `compute` takes `Encoded`: it needs no network
    special: bool = False  # of a kind of models; no page mentions it for others

    def keys(self, key: str) -> tuple[str, ...]:
        """Return the JSON keys of the value and its companions."""
        return (key, *(f"{key}_{name}" for name in self.companions))

    def entries(self, key: str, inputs: Encoded) -> tuple[dict[str, Any], str]:
        """Return JSON key → value, and a caution."""
        assert callable(self.compute)
        result: Result = self.compute(inputs)
        names = ("value", *self.companions)
        values = [getattr(result, name) for name in names]
        return dict(zip(self.keys(key), values, strict=True)), result.note


class Table(NamedTuple, Generic[Function]):
    """Measures that one function computes together."""

    title: str
    unit: str
    help: str
    compute: Callable[[Any, Mapping[str, Function]], tuple[dict[str, Estimate], str]]
    rows: dict[str, Measure[Function]]
    group: str
    needs: tuple[str, ...]
    seconds: Seconds
    of_latents: bool = False

    def keys(self, key: str) -> tuple[str, ...]:
        return (key,)

    def entries(self, key: str, inputs: Encoded) -> tuple[dict[str, Any], str]:
        """Return JSON key → row → estimate, and a caution."""
        found, note = self.compute(inputs, self.functions)
        return {key: {name: estimate.as_json() for name, estimate in found.items()}}, note

    @property
    def functions(self) -> dict[str, Function]:
        return {name: row.compute for name, row in self.rows.items()}


Row = Measure[Any] | Table[Any]

NO_SPREAD = "One example has no spread: there is no standard error."


def entries(
    key: str, row: Row, inputs: Encoded, reason: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values of one row, and a note for each value that is None; a `reason` why a
    requirement is not met makes all of them None."""
    if not reason:
        try:
            values, caution = row.entries(key, inputs)
        except ValueError as error:
            reason = str(error)
        else:
            missing = {name: NO_SPREAD for name, value in values.items() if value is None}
            return values, missing | ({key: caution} if caution else {})
    keys = row.keys(key)
    return dict.fromkeys(keys), dict.fromkeys(keys, reason)
