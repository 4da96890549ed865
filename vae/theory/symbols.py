"""The symbols of the lessons, each with its tensor and the function that computes it."""

from typing import NamedTuple


class Symbol(NamedTuple):
    """A symbol of the field as it stands in this project."""

    mark: str
    colour: str  # token of the palette
    tensor: str  # in the code of the functions that train
    module: str
    function: str  # or class and method

    @property
    def code(self) -> str:
        """The full name of the function."""
        return f"{self.module}.{self.function}"


SYMBOLS = {
    "x": Symbol("x", "data", "out.x", "vae.components.terms", "Pass"),
    "phi": Symbol("φ", "q", "vae.encoder", "vae.model", "VAE.posterior"),
    "q": Symbol("q(z|x)", "q", "out.q", "vae.components.posteriors", "Diagonal.forward"),
    "mu": Symbol("μ", "q", "q.loc", "vae.components.posteriors", "Diagonal.forward"),
    "sigma": Symbol("σ", "q", "q.scale", "vae.components.posteriors", "Diagonal.forward"),
    "eps": Symbol("ε", "text", "(z - mu) / sigma", "vae.model", "VAE.forward"),
    "z": Symbol("z", "text", "out.z", "vae.model", "VAE.forward"),
    "prior": Symbol("p(z)", "prior", "out.p", "vae.components.priors", "Standard.forward"),
    "samples": Symbol("K", "text", "len(out.z)", "vae.model", "VAE.forward"),
    "theta": Symbol("θ", "reconstruction", "vae.decoder", "vae.model", "VAE.likelihood"),
    "likelihood": Symbol(
        "p(x|z)",
        "reconstruction",
        "out.px",
        "vae.components.gaussian_likelihoods",
        "Gaussian.forward",
    ),
    "posterior": Symbol("p(z|x)", "posterior", "–", "vae.theory.one_example", "exact_posterior"),
    "reconstruction": Symbol(
        "−E[ln p(x|z)]",
        "reconstruction",
        "reconstruction_error(out)",
        "vae.components.terms",
        "reconstruction_error",
    ),
    "kl": Symbol("KL", "kl", "kl(out)", "vae.components.terms", "kl"),
    "beta": Symbol("β", "kl", "config.beta", "vae.components.objectives", "elbo"),
    "elbo": Symbol("ELBO", "elbo", "-elbo(out).total", "vae.components.objectives", "elbo"),
    "evidence": Symbol("ln p(x)", "data", "nll", "vae.evaluation.averages", "nll"),
    "eigenvalue": Symbol("λ", "data", "eigenvalues(data)", "vae.theory.linear_vae", "eigenvalues"),
}

HEADWORDS = {  # symbol → its name in English and in Chinese
    "x": ("observed variable", "观测变量"),
    "phi": ("parameters of the inference network", "推断网络的参数"),
    "q": ("approximate posterior", "近似后验"),
    "mu": ("mean", "均值"),
    "sigma": ("standard deviation", "标准差"),
    "eps": ("noise", "噪声"),
    "z": ("latent variable", "隐变量"),
    "prior": ("prior", "先验分布"),
    "samples": ("number of samples", "样本数"),
    "theta": ("parameters of the generative network", "生成网络的参数"),
    "likelihood": ("likelihood", "似然"),
    "posterior": ("true posterior", "真实后验"),
    "reconstruction": ("reconstruction error", "重构误差"),
    "kl": ("KL divergence", "KL散度"),
    "beta": ("weight of the KL", "KL散度的权重"),
    "elbo": ("evidence lower bound", "证据下界"),
    "evidence": ("log marginal likelihood", "对数边际似然"),
    "eigenvalue": ("largest eigenvalue", "最大特征值"),
}

GROUPS = {  # choice of a step → its symbols
    "inference": ("x", "phi", "q", "mu", "sigma"),
    "latent": ("eps", "z", "prior", "samples"),
    "generative": ("theta", "likelihood", "posterior"),
    "objective": ("reconstruction", "kl", "beta", "elbo", "evidence", "eigenvalue"),
    "symbol": tuple(SYMBOLS),
}
