"""Under way."""

from vae.dashboard.header import pick_run

pick_run()
