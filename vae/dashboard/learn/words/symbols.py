"""Words of the lesson on the symbols."""

from vae.dashboard.learn.lesson import Text
from vae.theory.symbols import GROUPS, SYMBOLS

CARD = Text(
    "**[[mark]]**: [[name]].\n\n- tensor `[[tensor]]`, shape `[[shape]]`\n- value here: [[value]]\n"
    "- computed by `[[code]]`, line [[line:0]]\n- in Chinese: [[chinese]]",
    "**[[mark]]**：[[name]]。\n\n- 张量 `[[tensor]]`，形状 `[[shape]]`\n- 此处的值：[[value]]\n"
    "- 计算它的函数：`[[code]]`，第 [[line:0]] 行\n- 英文：[[english]]",
)
BRIDGE = """
| | $\\Q{q(z\\vert x)}$ | $\\P{p(z)}$ | $p(\\X{x}\\vert z)$ | $\\theta,\\phi$ |
|---|---|---|---|---|
"""
ROWS = r"""| $\Q{q(z\vert x;\phi)}$, $\Q{\mu_I}$, $\Q{\sigma_I}$ | $\P{p(z;\theta)}$ | $p(\X{x}\vert z;\theta)$, $\R{\mu_G}$ | $\theta,\phi$ |
| {prml} | $\Q{q(Z)}$ | $\P{p(Z)}$ | $p(\X{X}\vert Z)$ | $\theta$ |
| {kexue} | $\Q{p(z\vert x)}$ | $\P{{}q(z)}$ | $q(\X{x}\vert z)$ | – |
| {note} | $\Q{f_I}$ | $\P{P(Z)}$ | $P(\X{X}\vert Z;\theta)$, $\R{f_G}$ | $\theta$ |
"""


def _bridge(qiu: str, prml: str, kexue: str, note: str) -> str:
    rows = ROWS.replace("{prml}", prml).replace("{kexue}", kexue).replace("{note}", note)
    return f"{BRIDGE}| {qiu} {rows}"


NAMES = {
    "x": Text(
        "observed variable, one example; value: one of its numbers",
        "观测变量，即一个样本；值为其中一个数",
    ),
    "phi": Text(
        "parameters of the inference network (encoder); value: how many",
        "推断网络（编码器）的参数；值为参数的个数",
    ),
    "q": Text(
        "approximate posterior; value: its log density at z", "近似后验；值为 z 处的对数密度"
    ),
    "mu": Text("mean of q, the encoder's first output", "q 的均值，编码器的第一个输出"),
    "sigma": Text(
        r"standard deviation of q; the encoder returns $\ln\sigma^2$",
        r"q 的标准差；编码器输出的是 $\ln\sigma^2$",
    ),
    "eps": Text("standard normal noise, independent of φ", "标准正态噪声，与 φ 无关"),
    "z": Text("latent variable, z = μ + σ ε", "隐变量，z = μ + σ ε"),
    "prior": Text(
        "prior, the standard normal; value: its log density at z",
        "先验分布，即标准正态分布；值为 z 处的对数密度",
    ),
    "samples": Text(
        "number of samples of z per example; M in the Monte Carlo estimate",
        "样本数，即每个样例采样 z 的次数；蒙特卡罗估计中也写作 M",
    ),
    "theta": Text(
        "parameters of the generative network (decoder); value: how many",
        "生成网络（解码器）的参数；值为参数的个数",
    ),
    "likelihood": Text(
        "likelihood of x given z; the picture shows its mean", "给定 z 时 x 的似然；图中画的是均值"
    ),
    "posterior": Text(
        "true posterior, out of reach in general; value: its mean, known here with 2 latents",
        "真实后验，一般求不出；值为它的均值，这里只有 2 个隐变量，所以求得出",
    ),
    "reconstruction": Text(
        "reconstruction error, the negative of the reconstruction term, in nats",
        "重构误差，即重构项的相反数（奈特）",
    ),
    "kl": Text(
        "KL divergence from q(z|x) to the prior p(z), in nats",
        "q(z|x) 到先验分布 p(z) 的KL散度（奈特）",
    ),
    "beta": Text("weight of the KL; 1 gives the ELBO", "KL散度的权重；取 1 便是证据下界"),
    "elbo": Text(
        "evidence lower bound, estimated with K samples, in nats",
        "证据下界，用 K 个样本估计（奈特）",
    ),
    "evidence": Text(
        "log marginal likelihood, log evidence, in nats; ≈ marks an estimate",
        "对数边际似然，即对数证据（奈特）；≈ 表示估计值",
    ),
    "eigenvalue": Text(
        "largest eigenvalue of the data's covariance; some texts write λ for β",
        "数据协方差的最大特征值；有些文献用 λ 表示 β",
    ),
}

WORDS = {
    "title": Text("Symbols", "符号表"),
    "caption": Text(
        "[[example]] All numbers belong to this one example, [[row]]. Training does not need the "
        "dashed boxes.",
        "[[example]]图中的数值都属于这一个样本（[[row]]）。训练用不到虚线框中的量。",
    ),
    # controls
    **{group: Text("symbol", "符号") for group in GROUPS},
    **{
        f"{group}.{key}": Text(SYMBOLS[key].mark, SYMBOLS[key].mark)
        for group, keys in GROUPS.items()
        for key in keys
    },
    **{f"name.{key}": text for key, text in NAMES.items()},
    "example_own": Text(
        "One digit passes through a linear model with 2 latents.",
        "一个手写数字通过有 2 个隐变量的线性模型。",
    ),
    "example_run": Text(
        "A held-out example passes through the model of the run.",
        "一个留出的样本通过该训练任务的模型。",
    ),
    # labels of the picture
    "eigenvalue_node": Text("largest eigenvalue", "最大特征值"),
    "encoder": Text("encoder φ", "编码器 φ"),
    "decoder": Text("decoder θ", "解码器 θ"),
    "reconstruction_node": Text("reconstruction", "重构误差"),
    "your_guess": Text("your guess", "你的猜测"),
    "noise": Text("noise", "噪声"),
    # steps
    "inference.title": Text("From x to q(z|x)", "从 x 到 q(z|x)"),
    "inference.text": Text(
        "The inference network reads an example and returns a distribution, not a point. "
        f"Select a symbol and watch it light up.\n\n{CARD.en}",
        f"推断网络读入一个样本，输出的是一个分布，而不是一个点。选择一个符号，看它在图中亮起。\n\n{CARD.zh}",
    ),
    "guess.title": Text("Where does chance enter?", "随机性从哪里进入？"),
    "guess.text": Text(
        "If the model runs twice on the same digit, the two reconstructions differ. Only one box "
        "is random by itself; the others follow from it, the digit and the weights.\n\nClick at "
        "the place where chance enters. Only the horizontal position counts.",
        """同一个数字两次通过模型，得到的重构却不同。图中只有一个框本身是随机的，其余都由它、这个数字和权重决定。

在图中随机性进入的地方点一下，只看水平位置。""",
    ),
    "latent.title": Text("Sampling z", "对 z 采样"),
    "latent.text": Text(
        r"The sample is $z = \Q{\mu} + \Q{\sigma}\,\varepsilon$: chance comes from $\varepsilon$ "
        r"alone, so the gradient passes through $\Q{\mu}$ and $\Q{\sigma}$ "
        f"(**reparameterisation**).\n\n{CARD.en}",
        r"样本 $z = \Q{\mu} + \Q{\sigma}\,\varepsilon$：随机性只来自 $\varepsilon$，"
        r"所以梯度可以通过 $\Q{\mu}$ 和 $\Q{\sigma}$，这就是**重参数化**（reparameterisation）。"
        f"\n\n{CARD.zh}",
    ),
    "generative.title": Text("From z back to x", "从 z 回到 x"),
    "generative.text": Text(
        r"The generative network turns $z$ into a distribution over $\X{x}$. Together with the "
        r"prior it is the whole model: Bayes' rule then gives $\T{p(z|x)}$."
        f"\n\n{CARD.en}",
        r"生成网络把 $z$ 变成 $\X{x}$ 的分布。它与先验合起来就是整个模型，"
        r"$\T{p(z|x)}$ 则由贝叶斯公式得出。"
        f"\n\n{CARD.zh}",
    ),
    "objective.title": Text("What is trained", "训练的目标"),
    "objective.text": Text(
        r"Both networks are trained to maximise the ELBO. It is below $\ln p(\X{x})$ by "
        r"$\T{\mathrm{KL}(q\,\|\,p(z|x))}$, up to the noise of the $K$ samples."
        f"\n\n{CARD.en}",
        r"训练两个网络，都是要最大化证据下界。它比 $\ln p(\X{x})$ 低 "
        r"$\T{\mathrm{KL}(q\,\|\,p(z|x))}$，只差 $K$ 个样本的采样噪声。"
        f"\n\n{CARD.zh}",
    ),
    "bridge.title": Text("Other notations", "其他文献的记号"),
    "bridge.text": Text(
        "Other texts write the same objects in another way. Watch the letters p and q: one source "
        "exchanges them.\n"
        + _bridge("Qiu", "Bishop (PRML)", "kexue.fm", "f notation")
        + r"""
PRML writes $\mathcal{L}(\Q{q})$ for the ELBO and ln for the logarithm, as we do. $I$ stands for
inference, $G$ for generation. A slip to avoid: $\T{p(z|x)}$ is the posterior, never the prior.""",
        "同样的量，各家记号不同。留意 p 和 q 两个字母：科学空间（自该系列第二篇起）与这里恰好互换。\n"
        + _bridge("邱锡鹏", "毕晓普（PRML）", "科学空间（kexue.fm）", "f 写法")
        + r"""
毕晓普用 $\mathcal{L}(\Q{q})$ 表示证据下界，并与本课程一样用 $\ln$ 表示自然对数。
下标 $I$ 指推断（inference），$G$ 指生成（generation）；$f_I$ 和 $f_G$ 是两个网络，输出分布的参数。
一个常见的笔误：把 $\T{p(z|x)}$ 叫作先验。它是后验。""",
    ),
    "sandbox.title": Text("All symbols", "全部符号"),
    "sandbox.text": Text(
        f"Select any symbol and watch it light up.\n\n{CARD.en}",
        f"任选一个符号，看它在图中亮起。\n\n{CARD.zh}",
    ),
}
