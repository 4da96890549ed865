"""RunConfig: everything that a run depends on, checked once.

A field is its sidebar widget, its command-line flag, its JSON key and its help. General settings
are fields of `RunConfig`; the options of a chosen row (the sigma of a Gaussian, the β of the ELBO)
are declared in that row's signature and appear beside them under their own names. A scalar X that
may follow a schedule has a companion X_schedule.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from vae.base.criterion import Criterion
from vae.base.options import Field, Option, Spec, check, coerce, derive, options_of, refuse_unknown
from vae.base.records import Domain
from vae.components import schedules
from vae.components.likelihoods import LIKELIHOODS
from vae.components.networks import NETWORKS
from vae.components.objectives import OBJECTIVES
from vae.components.posteriors import POSTERIORS
from vae.components.priors import PRIORS
from vae.data import DATASETS, Dataset, Splits, split

TABLES: dict[str, Mapping[str, Callable[..., Any]]] = {
    "data": DATASETS,
    "network": NETWORKS,
    "likelihood": LIKELIHOODS,
    "posterior": POSTERIORS,
    "prior": PRIORS,
    "objective": {name: row.loss for name, row in OBJECTIVES.items()},
}

BINARIZE = ("none", "threshold", "stochastic")
CONDITIONS = ("none", "labels")
PRECISIONS = ("fp32", "bf16")


class RunConfig(BaseModel):
    """The settings of a run; `RunConfig.of(...)` builds one with errors for people."""

    model_config = ConfigDict(frozen=True, extra="allow", validate_default=True)

    data: Annotated[
        str,
        Option(
            "What to learn from: a data set by name, or the path of a file.",
            group="Data",
        ),
    ] = "digits"
    examples: Annotated[
        int,
        Option(
            "How many examples to take (drawn evenly over the classes) or to generate; 0 takes "
            "all. A file's own test part stays whole.",
            low=0,
            high=10_000_000,
            label="Examples, 0 for all",
            group="Data",
        ),
    ] = 0
    val_share: Annotated[
        float,
        Option(
            "Share of the examples held out for validation: its ELBO chooses the best checkpoint. "
            "0 holds out none, and best is then last.",
            low=0,
            high=0.9,
            label="Validation share",
            group="Data",
        ),
    ] = 0.1
    test_share: Annotated[
        float,
        Option(
            "Share of the examples never seen before the final evaluation. A file's own test part "
            "wins over it.",
            low=0,
            high=0.9,
            group="Data",
        ),
    ] = 0.1
    binarize: Annotated[
        str,
        Option(
            "How grey values become 0 or 1: not at all, by a threshold at one half, or by a coin "
            "with that probability (fresh for every batch; one fixed draw in evaluation).",
            choices=BINARIZE,
            label="Binarise",
            group="Data",
        ),
    ] = "none"
    network: Annotated[
        str,
        Option(
            "The bodies of encoder and decoder. conv needs pictures.",
            choices=tuple(NETWORKS),
            group="Model",
        ),
    ] = "mlp"
    latent_dim: Annotated[
        int,
        Option(
            "Number of latent dimensions Z. 2 makes a map that can be seen whole; more carry more "
            "information (a larger KL) and reconstruct better.",
            low=1,
            high=1024,
            label="Latent dimensions",
            group="Model",
        ),
    ] = 2
    likelihood: Annotated[
        str,
        Option(
            "p(x|z), how the decoder's output h becomes a distribution over examples: bernoulli "
            "for pictures of values in [0, 1]; gaussian with a fixed σ, or with one σ that is "
            "learned.",
            choices=tuple(LIKELIHOODS),
            group="Model",
        ),
    ] = "bernoulli"
    posterior: Annotated[
        str,
        Option(
            "q(z|x), what the encoder makes of an example: a Gaussian with its own variance in "
            "each dimension, or a single point (the plain autoencoder).",
            choices=tuple(POSTERIORS),
            group="Model",
        ),
    ] = "diagonal"
    prior: Annotated[
        str,
        Option(
            "p(z), where latents are before an example is seen, and what samples are drawn from: "
            "standard is N(0, I).",
            choices=tuple(PRIORS),
            group="Model",
        ),
    ] = "standard"
    condition: Annotated[
        str,
        Option(
            "Whether encoder and decoder are told the class of each example: labels makes the "
            "conditional VAE (Sohn et al. 2015), whose latents need not say what the class says "
            "already, and whose samples can be asked for by class.",
            choices=CONDITIONS,
            label="Condition on",
            group="Model",
        ),
    ] = "none"
    objective: Annotated[
        str,
        Option(
            "The loss that training makes small. elbo is the usual one: reconstruction + β · KL, "
            "which for β = 1 is the negative ELBO.",
            choices=tuple(OBJECTIVES),
            group="Objective",
        ),
    ] = "elbo"
    posterior_samples: Annotated[
        int,
        Option(
            "K, samples z ~ q(z|x) per example and step. More make the gradient steadier and each "
            "step about K times as long in the decoder.",
            low=1,
            high=1000,
            label="Posterior samples",
            group="Objective",
        ),
    ] = 1
    epochs: Annotated[
        int,
        Option(
            "Passes over the training data.",
            low=1,
            high=1_000_000,
            group="Training",
        ),
    ] = 120
    batch_size: Annotated[
        int,
        Option(
            "Examples per optimiser step. Larger batches run faster per example and take fewer "
            "steps per epoch.",
            low=1,
            high=1_000_000,
            group="Training",
        ),
    ] = 64
    lr: Annotated[
        float,
        Option(
            "Learning rate of Adam. Too large is unstable, too small is slow.",
            low=1e-8,
            high=10.0,
            log=True,
            scheduled=True,
            live=True,
            label="Learning rate",
            group="Training",
        ),
    ] = 2e-3
    adam_eps: Annotated[
        float,
        Option(
            "ε of Adam, added to the root of the squared gradient's mean, in its units. Larger "
            "takes smaller steps where gradients are small.",
            low=1e-16,
            high=1.0,
            log=True,
            label="Adam ε",
            group="Training",
        ),
    ] = 1e-8
    weight_decay: Annotated[
        float,
        Option(
            "Decoupled weight decay (AdamW), per step in units of the learning rate. Larger pulls "
            "the weights towards 0.",
            low=0.0,
            high=100.0,
            log=True,
            group="Training",
        ),
    ] = 0.0
    grad_clip: Annotated[
        float,
        Option(
            "Largest norm of the gradient, in nats per unit of weight; longer ones are scaled "
            "back to it. 0 does not clip.",
            low=0.0,
            high=1e6,
            log=True,
            label="Gradient clipping",
            group="Training",
        ),
    ] = 0.0
    patience: Annotated[
        int,
        Option(
            "Early stopping: epochs without a better validation ELBO before training ends. 0 "
            "never stops early.",
            low=0,
            high=100_000,
            label="Early stopping",
            group="Training",
        ),
    ] = 0
    seed: Annotated[
        int,
        Option(
            "Fixes every random draw: split, weights, order, noise. The same seed on the same CPU "
            "gives the same weights.",
            low=0,
            high=2**31 - 1,
            group="Training",
        ),
    ] = 0
    device: Annotated[
        str,
        Option(
            "Where to compute: auto takes a GPU where there is one, else the CPU.",
            group="Training",
        ),
    ] = "auto"
    precision: Annotated[
        str,
        Option(
            "fp32, or bf16: matrix products in bfloat16, weights and losses in float32. Faster on "
            "recent hardware, a little less exact.",
            choices=PRECISIONS,
            group="Training",
        ),
    ] = "fp32"
    threads: Annotated[
        int,
        Option(
            "CPU threads for training; 0 takes one per core, or a single one for a model so small "
            "that more would only wait for each other. Recorded with the run, because sums "
            "depend on it in the last digit.",
            low=0,
            high=512,
            label="CPU threads",
            group="Training",
        ),
    ] = 0
    frames: Annotated[
        int,
        Option(
            "Moments of training to keep for the live pictures and for replay: latents of up to "
            "1,000 examples, reconstructions and samples. 0 keeps none.",
            low=0,
            high=1000,
            group="Training",
        ),
    ] = 32

    @classmethod
    def of(cls, **values: Any) -> Self:
        """A checked configuration; raises ValueError with a sentence for each thing wrong."""
        try:
            return cls(**values)
        except ValidationError as error:
            raise ValueError(" ".join(_sentence(e) for e in error.errors())) from None

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, values: dict[str, Any]) -> dict[str, Any]:
        refuse_unknown(values, [field.name for field in fields()])
        chosen = {kind: values.get(kind, cls.model_fields[kind].default) for kind in TABLES}
        complete = dict(values)
        for field in fields():
            if field.belongs_to(chosen):
                given = values.get(field.name, field.default_for(chosen))
                complete[field.name] = coerce(field, given)
            elif values.get(field.name) is not None and _exists(field.kind, chosen):
                raise ValueError(field.misplaced(chosen))
            else:
                complete.pop(field.name, None)
        return complete

    @model_validator(mode="after")
    def _check(self) -> Self:
        for field in fields():
            if (value := self.get(field.name)) is not None:
                check(field, value)
                if field.option.scheduled:
                    _factor(self.get(f"{field.name}_schedule"))
        self._check_model()
        if not POSTERIORS[self.posterior].has_density and self.posterior_samples > 1:
            raise ValueError("The samples of a point posterior are all alike: take 1.")
        if self.patience and not self.val_share:
            raise ValueError(
                "Early stopping watches the validation ELBO, and there is no validation data: "
                "set val_share above 0, or patience to 0."
            )
        if self.val_share + self.test_share >= 1:
            raise ValueError("val_share and test_share leave nothing to train on: lower one.")
        return self

    def _check_model(self) -> None:
        """Raise ValueError for a posterior, prior and objective that make no sense together."""
        posterior, prior = POSTERIORS[self.posterior], PRIORS[self.prior]
        needs = OBJECTIVES[self.objective].needs
        free = " or ".join(n for n, row in OBJECTIVES.items() if row.needs == "nothing")
        if needs != "nothing" and not posterior.has_density:
            raise ValueError(
                f"A {self.posterior} posterior has no density, so no KL and no ELBO: "
                f"choose objective {free} with it."
            )
        if needs == "nothing" and not prior.gaussian:
            raise ValueError(
                f"Objective {self.objective} has no KL, so nothing would train the {self.prior} "
                "prior: choose prior standard, or another objective."
            )
        if needs == "factors" and not self.kl_per_dimension:
            raise ValueError(
                f"Objective {self.objective} takes the KL apart by latent dimension, and that of "
                f"posterior {self.posterior} with prior {self.prior} has no such parts: choose "
                "posterior diagonal and prior standard, or another objective."
            )
        if self.batch_size < (least := OBJECTIVES[self.objective].batch):
            raise ValueError(
                f"Objective {self.objective} compares the examples of a batch: choose batch_size "
                f"{least} or more."
            )
        if self.get("gradient") == "doubly" and not posterior.gaussian:
            raise ValueError(
                f"The doubly reparameterised gradient is not there for a {self.posterior} "
                "posterior: choose gradient reparameterised, or a Gaussian posterior."
            )
        if prior.encodes and self.conditional:
            raise ValueError(
                f"The pseudo-inputs of a {self.prior} prior have no class: choose another prior, "
                "or condition none."
            )
        if prior.encodes and posterior.mean_samples:
            raise ValueError(
                f"A {self.prior} prior would invert the {self.posterior} posterior for every "
                "pseudo-input, a hundred times slower than the rest: choose another of the two."
            )

    def get(self, name: str) -> Any:
        """The value of a setting or option by name; None where it does not apply."""
        return getattr(self, name, None)

    def chosen(self, kind: str) -> dict[str, Any]:
        """The options of the chosen row of a table: name → value, ready to pass on."""
        row = TABLES[kind].get(getattr(self, kind))
        return {name: self.get(name) for name in options_of(row)} if row else {}

    def at(self, name: str, progress: schedules.Progress, value: float | None = None) -> float:
        """A scalar at a moment of training: its value (or `value`, moved live) × its schedule."""
        base = self.get(name) if value is None else value
        return float(base * _factor(self.get(f"{name}_schedule") or "constant")(progress))

    @property
    def conditional(self) -> bool:
        """Whether encoder and decoder are told the class of an example."""
        return self.condition == "labels"

    @property
    def best_by(self) -> Criterion:
        """The validation value by which training selects the best weights."""
        return OBJECTIVES[self.objective].best_by

    @property
    def closed_kl(self) -> bool:
        """Whether KL(q(z|x) || p(z)) has a closed form; else it is estimated from samples."""
        return POSTERIORS[self.posterior].gaussian and PRIORS[self.prior].gaussian

    @property
    def kl_per_dimension(self) -> bool:
        """Whether each latent dimension has a KL of its own."""
        return POSTERIORS[self.posterior].factorises and PRIORS[self.prior].factorises

    def domain(self, dataset: Dataset) -> Domain:
        """The space that the examples live in as the model sees them."""
        levels = dataset.levels if self.binarize == "none" else 2
        return Domain(dataset.event_shape, levels, len(dataset.classes))

    def split(self, dataset: Dataset) -> Splits:
        """The train, validation and test rows of a run on this data.

        Raises ValueError where these settings cannot work on it.
        """
        self._check_data(dataset)
        splits = split(dataset, self.val_share, self.test_share, self.seed)
        if self.batch_size > len(splits.train):
            raise ValueError(
                f"batch_size {self.batch_size} is larger than the {len(splits.train)} training "
                f"examples: choose at most {len(splits.train)}."
            )
        return splits

    def _check_data(self, dataset: Dataset) -> None:
        if self.network == "conv" and not dataset.is_image:
            raise ValueError(
                f"The conv network needs pictures, and {dataset.name} holds vectors: choose "
                "network mlp or linear."
            )
        if self.binarize != "none" and not dataset.in_unit_interval:
            raise ValueError(
                f"binarize {self.binarize} needs values in [0, 1], and {dataset.name} has others: "
                "choose binarize none."
            )
        if LIKELIHOODS[self.likelihood].support == "levels" and not self.domain(dataset).levels:
            raise ValueError(
                f"The {self.likelihood} likelihood needs whole numbers such as the bytes of "
                f"pictures, and {dataset.name} has real values: choose likelihood gaussian or "
                "gaussian-learned."
            )
        labels = dataset.labels
        if self.conditional and (labels is None or not dataset.classes or labels.min() < 0):
            raise ValueError(
                f"condition labels needs a class for every example, and {dataset.name} has not: "
                "choose condition none, or data with labels."
            )
        if LIKELIHOODS[self.likelihood].support == "unit" and not dataset.in_unit_interval:
            raise ValueError(
                f"The {self.likelihood} likelihood needs values in [0, 1], and {dataset.name} has "
                "others: choose likelihood gaussian or gaussian-learned, or rescale the data."
            )


def _exists(kind: str, chosen: Mapping[str, Any]) -> bool:
    """Whether the chosen row is one of its table; data may be the path of a file as well. A row
    that is not is told as such, and not by way of an option that does not suit it."""
    return kind == "data" or chosen[kind] in TABLES[kind]


_factor = cache(schedules.parse)


@cache
def fields() -> tuple[Field, ...]:
    """Every setting in order: each general one, then the options of the table that it chooses."""
    general = [
        Spec(name, info.annotation, info.default, _option(info.metadata))
        for name, info in RunConfig.model_fields.items()
    ]
    return derive(general, TABLES, f"one of {schedules.names()}")


def _option(metadata: list[Any]) -> Option:
    return next(m for m in metadata if isinstance(m, Option))


def _sentence(error: Any) -> str:
    """One validation error for people: our own sentences as they are, pydantic's with the name."""
    message = str(error["msg"]).removeprefix("Value error, ")
    where = ".".join(str(part) for part in error["loc"])
    return f"{where}: {message}, and it is {error['input']!r}." if where else message
