"""Latent space: a map of the encoded examples, with the decoder under the pointer."""

from vae.dashboard.latent.recorded import recorded_map
from vae.dashboard.latent.view import latent_page
from vae.dashboard.shared.run_picker import guard_weights, pick_run

run = pick_run("latent_map")
guard_weights(run, recorded_map)
latent_page(run)
