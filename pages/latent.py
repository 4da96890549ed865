"""Latent space: a map of the encoded examples, with the decoder under the pointer."""

from vae.dashboard.latent.view import latent_page
from vae.dashboard.shared.run_picker import facts, guard_weights, head

run, line = head()
line.markdown(facts(run, run.status()))
guard_weights(run)
latent_page(run, line)
