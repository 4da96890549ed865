"""The recorder: a training loop elsewhere writes a run folder that the dashboard shows.

    from vae.recorder import Recorder

    with Recorder("my-run", likelihood="bernoulli", data="my data") as r:
        r.log(step, "val", reconstruction=…, kl=…, kl_per_dimension=…)
        r.latents(step, mean, log_variance, labels=…)
        r.pictures(step, originals, reconstructions, samples)

Importing it does not import torch; arrays may be tensors, NumPy arrays or lists. `recorder` writes
the folder, `arrays` and `units` check the input.
"""

from vae.recorder.recorder import Recorder

__all__ = ["Recorder"]
