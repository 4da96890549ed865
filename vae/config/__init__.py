"""The configuration of a run: `RunConfig`, its fields and the tables they choose from."""

from vae.config.run_config import TABLES, RunConfig, fields

__all__ = ["TABLES", "RunConfig", "fields"]
