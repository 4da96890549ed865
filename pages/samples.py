"""Samples: decoded samples of a source of z, and a decoded grid of latent space."""

from vae.dashboard.samples.recorded import recorded_samples
from vae.dashboard.samples.view import samples_page
from vae.dashboard.shared.run_picker import guard_weights, pick_run

run = pick_run("samples_sheet", "samples")
guard_weights(run, recorded_samples)
samples_page(run)
