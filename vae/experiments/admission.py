"""Whether a configuration can train here: its data, its network, its device and the memory.

The rules of `vae.config.rules` are checked by `RunConfig` itself and, with the data, by its
`split`; sidebar, sweeps, variants and the command line ask for the rest here.
"""

from contextlib import suppress

from vae.base.devices import resolve
from vae.components.network_code import check_allowed
from vae.config import RunConfig
from vae.data import Dataset
from vae.experiments.network_probes import check_network
from vae.footprint import UncountableError, check_memory, check_quotas


def check_admitted(config: RunConfig, data: Dataset) -> None:
    """Raise ValueError if a configuration does not suit its data, its device, the memory or a
    quota of the server, or if its network is code that may not run or fails a probe."""
    check_allowed(config.network)
    config.split(data)
    resolve(config.device)
    domain = config.domain(data)
    with suppress(UncountableError):  # a probe of the network finds the cause
        check_quotas(config, domain, len(data.x))
        check_memory(config, domain, data.resident)
    check_network(config, domain)


def admitted_data(config: RunConfig) -> Dataset:
    """Return the data of a configuration that can train here; raises ValueError or OSError."""
    data = config.load_data()
    check_admitted(config, data)
    return data
