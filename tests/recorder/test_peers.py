"""The adapters of the README with the real libraries, which no other test needs.

    VAE_LAB_PEERS=PYTHON python -m pytest -m long tests/recorder/test_peers.py

PYTHON has lightning, pythae and scvi-tools, and the requirements of the recorder.
"""

import os
import subprocess
from pathlib import Path

import pytest

from vae.runs import Run, find

SECONDS = 900  # of a process that imports a peer and trains it for three epochs on a busy machine
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
DIGITS = """
import torch
from sklearn.datasets import load_digits
x, y = load_digits(return_X_y=True)
x = torch.tensor(x / 16, dtype=torch.float32)
"""
LIGHTNING = """
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy
class Module(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = torch.nn.Linear(64, 4), torch.nn.Linear(2, 64)
    def encode(self, x):
        return self.encoder(x).chunk(2, dim=1)
    def decode(self, z):
        return self.decoder(z).sigmoid()
    def loss(self, batch):
        mean, log_variance = self.encode(batch[0])
        z = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        error = cross_entropy(self.decoder(z), batch[0], reduction="sum") / len(z)
        kl = (mean**2 + log_variance.exp() - 1 - log_variance).sum(1).mean() / 2
        return error, kl
    def training_step(self, batch):
        return sum(self.loss(batch))
    def validation_step(self, batch):
        error, kl = self.loss(batch)
        self.log_dict({"val_reconstruction": error, "val_kl": kl})
    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)
load = lambda x: torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x), 64)
callback = RecorderCallback("peer", x, y, likelihood="bernoulli", data="digits", shape=(1, 8, 8))
trainer = lightning.Trainer(max_epochs=3, callbacks=[callback], logger=False,
                            enable_checkpointing=False, accelerator="cpu")
trainer.fit(Module(), load(x[:1500]), load(x[1500:]))
"""
PYTHAE = """
from pythae.models import VAE, VAEConfig
from pythae.pipelines import TrainingPipeline
from pythae.trainers import BaseTrainerConfig
from vae.recorder import Recorder
x = x.reshape(-1, 1, 8, 8)
model = VAE(VAEConfig(input_dim=(1, 8, 8), latent_dim=2, reconstruction_loss="bce"))
config = BaseTrainerConfig(output_dir="out", num_epochs=3, no_cuda=True)
with Recorder("peer", likelihood="bernoulli", data="digits", shape=(1, 8, 8)) as recorder:
    callback = PythaeRecorder(recorder, model, x[1500:], y[1500:])
    pipeline = TrainingPipeline(model=model, training_config=config)
    pipeline(train_data=x[:1500], eval_data=x[1500:], callbacks=[callback])
"""
SCVI = """
import anndata, scvi
cells = anndata.AnnData((x * 16).numpy().astype("float32"))
scvi.model.SCVI.setup_anndata(cells)
model = scvi.model.SCVI(cells, n_latent=2)
model.train(max_epochs=3, check_val_every_n_epoch=1, accelerator="cpu")
record("peer", model, y, "zero-inflated-negative-binomial")
"""


def example(mark: str) -> str:
    """Return the Python text after a comment of the README."""
    return README.partition(f"<!-- {mark} -->\n```python\n")[2].partition("```")[0]


@pytest.mark.long
@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.parametrize(
    ("mark", "training"), [("callback", LIGHTNING), ("pythae", PYTHAE), ("scvi", SCVI)]
)
def test_a_peer_records_its_run(mark: str, training: str, tmp_path: Path) -> None:
    python = os.environ.get("VAE_LAB_PEERS")
    if not python:
        pytest.skip("VAE_LAB_PEERS names no Python that has the peers")
    done = subprocess.run(
        [python, "-c", example(mark) + DIGITS + training],
        env=os.environ | {"VAE_LAB_ROOT": str(tmp_path), "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert not done.returncode, done.stderr[-2000:]
    run: Run = find(tmp_path, "peer")
    values = [report["elbo"] for report in run.reports() if report["split"] == "val"]
    assert (run.status().state, len(values)) == ("finished", 3)
    assert values[-1] > values[0]
    frame = run.frame()
    assert frame is not None
    assert frame.mean.shape[1] == 2
