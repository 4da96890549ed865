"""Which decoders a browser computes, and the reason for the others."""

from collections.abc import Callable
from typing import Any

import pytest
from torch import Tensor, nn
from torch.distributions import Distribution

from tests.tables import SINGLE, fitting
from vae.analysis import portable as module
from vae.analysis.portable import mean_formula, portable, portable_encoder
from vae.base.records import Domain
from vae.components.likelihoods import LIKELIHOODS, Bernoulli, Logistic
from vae.components.networks import ACTIVATIONS, NETWORKS
from vae.config import RunConfig
from vae.model import VAE, build

DOMAIN = Domain((1, 8, 8), 17)


def model(**settings: Any) -> VAE:
    shape = fitting(settings.get("network", "mlp"), DOMAIN.shape)
    return build(RunConfig.of(**settings), DOMAIN._replace(shape=shape))


@pytest.mark.parametrize("network", [name for name in NETWORKS if name != "resnet"])
def test_a_network_of_plain_layers_is_portable_with_all_its_weights(
    network: str,
) -> None:
    vae = model(network=network)
    found = portable(vae)
    assert len(found.weights) == sum(p.numel() for p in vae.decoder.parameters())
    kinds = [layer["kind"] for layer in found.recipe["layers"]]
    assert kinds[-1] in ("linear", "convolution")  # no activation after the last layer


def test_a_codebook_travels_before_the_decoder() -> None:
    free = {"objective": "reconstruction", "latent_dim": 6}
    vae = model(posterior="quantised", codes=7, code_groups=3, **free)
    found, plain = portable(vae), portable(model(posterior="point", **free))
    assert len(found.weights) == len(plain.weights) + 7 * 6
    assert [layer["kind"] for layer in found.recipe["layers"]][:2] == ["codes", "linear"]


def test_a_network_of_other_layers_is_decoded_by_the_server() -> None:
    with pytest.raises(ValueError, match="The browser does not know a layer of this network"):
        portable(model(network="resnet"))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_has_its_function(activation: str) -> None:
    kinds = [layer["kind"] for layer in portable(model(activation=activation)).recipe["layers"]]
    assert kinds[1] == module.FUNCTIONS[str(ACTIVATIONS[activation]())]


class Shifted(Bernoulli):
    """Another mean than that of its base."""

    def forward(self, h: Tensor) -> Distribution:
        return super().forward(h + 1)


class Alike(Logistic):
    """The mean of its base."""


@pytest.mark.parametrize("kind", [*map(LIKELIHOODS.get, SINGLE), Alike])
def test_a_likelihood_names_the_formula_of_its_mean(kind: type[Bernoulli]) -> None:
    assert mean_formula(kind(DOMAIN))


def test_a_subclass_with_another_mean_does_not_inherit_the_formula() -> None:
    assert not mean_formula(Shifted(DOMAIN))
    vae = model()
    vae._likelihood = Shifted(DOMAIN)
    with pytest.raises(ValueError, match="mean of this likelihood"):
        portable(vae)


class Doubled(nn.Linear):
    """A layer that looks like another."""


def _into(place: int, layer: nn.Module) -> Callable[[VAE], None]:
    def change(vae: VAE) -> None:
        vae.decoder[place] = layer  # type: ignore[index]

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_into(1, nn.LeakyReLU(0.2)), r"a layer of this network: LeakyReLU"),
        (_into(1, nn.GELU(approximate="tanh")), r"a layer of this network: GELU"),
        (_into(0, Doubled(2, 128)), r"a layer of this network: Doubled"),
        (lambda vae: setattr(vae, "decoder", nn.Linear(2, 64)), "not a sequence of layers"),
    ],
    ids=["an option", "another option", "a subclass", "no sequence"],
)
def test_an_unknown_layer_is_named(change: Callable[[VAE], None], reason: str) -> None:
    vae = model()
    change(vae)
    with pytest.raises(ValueError, match=reason):
        portable(vae)


def test_large_and_coarse_decoders_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="32 bits"):
        portable(model(precision="bf16"))
    with pytest.raises(ValueError, match=r"4\.\d+ million weights; .* up to 2 million"):
        portable(model(hidden=(2048, 2000)))
    monkeypatch.setattr(module, "MOST_PRODUCTS", 10_000)
    with pytest.raises(ValueError, match="million products for a picture"):
        portable(model(network="conv"))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"posterior": "flow"}, "mean of this posterior"),
        ({"binarize": "threshold"}, "input of this encoder"),
        ({"binarize": "stochastic"}, "input of this encoder"),
    ],
    ids=str,
)
def test_an_encoder_with_another_input_or_mean_is_refused(
    settings: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        portable_encoder(model(**settings))


@pytest.mark.parametrize("posterior", ["diagonal", "full"])
def test_the_weights_of_an_encoder_travel(posterior: str) -> None:
    vae = model(posterior=posterior)
    found = portable_encoder(vae)
    assert len(found.weights) == sum(p.numel() for p in vae.encoder.parameters())
