"""The head of a script: what it is, needs and covers, and the figures that it should find."""

import re
import textwrap
from string import Template

from vae.runs import Run
from vae.script.run_facts import Recorded, kind

NOTATION = """x (B, *event) are examples, z (K, B, Z) latents; figures are nats per example. The
reconstruction is -E_q[ln p(x|z)], the KL that of q(z|x) from p(z), the ELBO is
-(reconstruction + KL)."""

NEEDS = """It needs $versions; Python $python. $data It takes the same examples for validation, the
same first weights, the same batches in the same order and the same noise as the run, which was
trained on $device with $threads CPU thread$s. With these versions on such a CPU the figures are
the run's own; elsewhere sums and draws differ, and the figures with them, by little at first and
by more the longer it trains."""

COMES = {
    "drawn": "Its data are made below.",
    "idx": "Its data are the publisher's four IDX files, in the folder that --data names.",
    "arrays": "Its data lie in an .npz beside it, which `python -m vae script` wrote.",
}
HELP = {
    "drawn": "not used: the data are made here",
    "idx": "folder of the four IDX files",
    "arrays": "the .npz of the examples",
}


def head(run: Run, done: Recorded) -> str:
    """The words at the head of the file."""
    header, c = run.header, run.config
    needs = ["torch", "numpy", *(["scikit-learn"] if c.data == "digits" else [])]
    needs += ["zuko"] if "flow" in (c.posterior, c.prior) else []
    versions = {name: _plain(version) for name, version in header.get("packages", {}).items()}
    model = f"{c.network} network, Z = {c.latent_dim}, {c.likelihood} likelihood, "
    model += f"{c.posterior} posterior, {c.prior} prior, objective {c.objective}."
    threads = header["threads"]
    covered = Template(NEEDS).substitute(
        versions=", ".join(f"{name} {versions.get(name, '')}".strip() for name in needs),
        python=versions.get("python", "3.11"),
        device=_plain(run.status().device) or "cpu",
        threads=threads,
        s="" if threads == 1 else "s",
        data=COMES[kind(c)],
    )
    title = f"{run.name}: a variational autoencoder, trained as VAE Lab trained it."
    usage = "    python FILE.py [--data FILE] [--device cpu] [--save weights.pt]"
    words = [title, usage, *map(_filled, (model, NOTATION, covered)), _expected(done)]
    return "\n\n".join(words)


def _plain(words: object) -> str:
    """Letters, digits and a few signs: what a file says may not end the text that it stands in."""
    return re.sub(r"[^\w.+:-]", "", str(words))


def _expected(done: Recorded) -> str:
    if not done.steps:
        return "The run had recorded nothing yet when this file was written."
    lines = [f"Expected after {done.epoch:g} epochs ({done.steps:,} steps):"]
    for part, figures in done.figures.items():
        told = ", ".join(f"{done.titles[n]} {v:.4f}" for n, v in figures.items())
        lines.append(f"    {part}: {told} nats per example")
    return "\n".join(lines)


def _filled(words: str) -> str:
    """A paragraph in lines of the file's width."""
    return textwrap.fill(" ".join(words.split()), 95, break_on_hyphens=False)
