"""The docstring of a script: model, notation, requirements and the expected figures."""

import re
import sys
import textwrap
from collections.abc import Iterable
from string import Template

from vae.base.numbers import compact, plural
from vae.components import network_file
from vae.runs import Run
from vae.runs.manifest import versions as recorded_versions
from vae.script.run_facts import Recorded, kind

NOTATION = """x (B, *event) are examples, z (K, B, Z) latents; figures are nats per example. The
reconstruction is -E_q[ln p(x|z)], the KL is KL(q(z|x) || p(z)), the ELBO is
-(reconstruction + KL)."""

NEEDS = """The script needs $versions; Python $python. $data It uses the same split, first weights,
batches and noise as the run, which was trained on $device with $threads CPU thread$s. With these
versions on such a CPU, the figures are exactly those of the run if the version of VAE Lab that
wrote this script trained it. With others, sums and draws differ slightly, and the difference
grows during training."""

SOURCES = {
    "drawn": "The data are generated below.",
    "idx": "The data are the publisher's four IDX files, in the folder that --data names.",
    "arrays": "The data are in an .npz beside it, which `python -m vae script` wrote.",
}
HELP = {
    "drawn": "not used: the script generates the data",
    "idx": "folder of the four IDX files",
    "arrays": "the .npz with the examples",
}
DISTRIBUTIONS = {"sklearn": "scikit-learn"}  # imported name → name of the package, if another


def head(run: Run, done: Recorded, code: Iterable[str]) -> str:
    """Return the docstring of the file that contains this code."""
    header, c = run.header, run.config
    versions = {name: _plain(version) for name, version in recorded_versions(header).items()}
    model = f"{network_file.title(c.network)} network, Z = {c.latent_dim}, "
    model += f"{c.likelihood} likelihood, "
    model += f"{c.posterior} posterior, {c.prior} prior, objective {c.objective}."
    threads = header["threads"]
    needs = Template(NEEDS).substitute(
        versions=", ".join(f"{n} {versions.get(n, '')}".strip() for n in packages(code)),
        python=versions.get("python", "3.11"),
        device=_plain(run.status().device) or "cpu",
        threads=threads,
        s="" if threads == 1 else "s",
        data=SOURCES[kind(c)],
    )
    title = f"{run.name}: a variational autoencoder, trained as VAE Lab trained it."
    usage = "    python FILE.py [--data FILE] [--device cpu] [--save weights.pt]"
    words = [title, usage, *map(_filled, (model, NOTATION, needs)), _expected(done)]
    return "\n\n".join(words)


def packages(code: Iterable[str]) -> list[str]:
    """Return the packages that the code imports or looks up, without the standard library."""
    pattern = r"^(?:import|from) (\w+)|find_spec\(\"(\w+)\"\)"
    pairs = re.findall(pattern, "\n".join(code), re.M)
    names = {a or b for a, b in pairs} - sys.stdlib_module_names
    return sorted(DISTRIBUTIONS.get(name, name) for name in names)


def _plain(words: object) -> str:
    """Return only letters, digits and a few signs: foreign text must not end the docstring."""
    return re.sub(r"[^\w.+:-]", "", str(words))


def _expected(done: Recorded) -> str:
    if not done.steps:
        return "The run had recorded nothing yet when this file was written."
    lines = [f"Expected after epoch {compact(done.epoch, 6)} ({plural(done.steps, 'step')}):"]
    for part, figures in done.figures.items():
        listed = ", ".join(f"{done.titles[n]} {v:.4f}" for n, v in figures.items())
        lines.append(f"    {part}: {listed} nats per example")
    return "\n".join(lines)


def _filled(words: str) -> str:
    """Return a paragraph in lines of the file's width."""
    return textwrap.fill(" ".join(words.split()), 95, break_on_hyphens=False)
