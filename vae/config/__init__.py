"""The configuration of a run: `RunConfig`, its fields and the tables they choose from."""

from vae.config.run_config import RunConfig, fields
from vae.config.settings import DEFAULTS, TABLES

__all__ = ["DEFAULTS", "TABLES", "RunConfig", "fields"]
