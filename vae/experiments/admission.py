"""Whether a configuration can train here: its data, its network and its device.

The rules of `vae.config.rules` are checked by `RunConfig` itself and, with the data, by its
`split`; sidebar, sweeps, variants and the command line ask for the rest here.
"""

from vae.base.devices import resolve
from vae.config import RunConfig
from vae.data import Dataset, is_missing
from vae.model import cost


def present_data(config: RunConfig) -> Dataset:
    """Return the data of a configuration without a download; raises ValueError or OSError."""
    if is_missing(config.data):
        raise ValueError(
            f"{config.data} is not on this machine yet: press Download under Data, in the sidebar."
        )
    return config.load_data()


def check_admitted(config: RunConfig, data: Dataset) -> None:
    """Raise ValueError if a configuration does not suit its data, or its device is not there."""
    config.split(data)
    resolve(config.device)


def admitted_data(config: RunConfig) -> Dataset:
    """Return the data of a configuration that can train here: its network can be built, too.

    Raises ValueError or OSError.
    """
    data = present_data(config)
    check_admitted(config, data)
    cost(config, config.domain(data))
    return data
