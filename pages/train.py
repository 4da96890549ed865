"""Train: the bound comes apart live, and the latent space organises itself."""

from vae.dashboard.header import head
from vae.dashboard.live import live_view

live_view(*head())
