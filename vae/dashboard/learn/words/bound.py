"""Words of the lesson on ln p(x) and its lower bound."""

from vae.dashboard.learn.lesson import Text

WORDS = {
    "title": Text("ln p(x) out of reach, and the bound", "求不出的 ln p(x) 与它的下界"),
    "caption": Text(
        r"Above: densities over z, the phase of the moon. Below, in nats: the ELBO and the gap "
        r"$\T{\mathrm{KL}(q\,\|\,p(z|x))}$ together always reach $\ln p(\X{x})$.",
        r"上图：月相 $z$ 的各个密度。下图（单位：奈特）：证据下界与差距 "
        r"$\T{\mathrm{KL}(q\,\|\,p(z|x))}$ 之和恒等于 $\ln p(\X{x})$。",
    ),
    "evidence.caption": Text(
        r"Densities over z, the phase of the moon. The shaded area is $p(\X{x})$, not its logarithm.",
        r"月相 $z$ 的密度。阴影的面积是 $p(\X{x})$，而不是它的对数。",
    ),
    "guess.caption": Text(
        "The prior density of z, the phase of the moon. Under each z: the lit fraction that it gives.",
        "月相 z 的先验密度。每个 z 下方是它给出的亮面比例。",
    ),
    # controls
    "x": Text("lit fraction", "亮面比例"),
    "mean": Text("mean of q", "q 的均值"),
    "sd": Text("width of q", "q 的标准差"),
    # labels of the picture
    "axis_z": Text("z: phase of the moon (below: lit fraction)", "z：月相（下方：亮面比例）"),
    "axis_density": Text("density", "密度"),
    "axis_nats": Text("nats", "奈特"),
    "prior": Text("prior p(z)", "先验 p(z)"),
    "joint": Text("p(x|z) p(z), area p(x)", "p(x|z) p(z)，面积即 p(x)"),
    "posterior": Text("true posterior p(z|x)", "真实后验 p(z|x)"),
    "approximate": Text("q(z|x)", "q(z|x)"),
    "ratio": Text("ln p(x,z)/q(z), in nats", "ln p(x,z)/q(z)（奈特）"),
    "gap": Text("gap", "差距"),
    "your_guess": Text("your guess", "你的猜测"),
    # steps
    "evidence.title": Text("A number out of reach", "一个求不出的数"),
    "evidence.text": Text(
        r"""Tonight a fraction $\X{x}$ of the moon is lit. We did not see the phase $z$ that caused it.
A small model, not that of the first lesson: $\P{z \sim N(0, 1)}$, and $z$ lights the fraction
$1/(1 + e^{-z})$, measured with noise.

How probable is $\X{x}$ under this model? Each phase contributes $p(\X{x}|z)\,\P{p(z)}$, the coloured
curve. The area under it is the density $p(\X{x})$.

Here a sum over 100 grid points gives the area. With 20 latent variables the same grid has
$100^{20}$ points. So $\ln p(\X{x})$, the **log marginal likelihood** or **log evidence**, is out of
reach for a real model.

Move $\X{x}$ and watch the area.""",
        r"""今晚月亮的亮面占 $\X{x}$。它由月相 $z$ 决定，但我们没有看到 $z$。
这里用一个小模型，与第一课的不同：$\P{z \sim N(0, 1)}$，$z$ 照亮的比例是 $1/(1 + e^{-z})$，测量带有噪声。

要评价一个模型，需要知道它给所见之物多大的概率密度；
为此必须把每一种可能的月相都算进去：也就是彩色曲线下的面积。

这里的 $z$ 只是一个数，在网格上求和便能得到面积。若有 20 个隐变量（latent variable），
同样的网格需要 $100^{20}$ 个点。
所以对真实的模型而言，**对数边际似然（证据，evidence）** $\ln p(\X{x})$ 求不出来。

移动 $\X{x}$，观察面积的变化。""",
    ),
    "guess.title": Text("Which phase was it?", "当时是哪一种月相？"),
    "guess.text": Text(
        r"""We see $\X{x} = [[x]]$, measured with an error of standard deviation 0.1. A phase
$z = [[inverse]]$ would give exactly this fraction. But phases near $z = 0$ are more common: that is
what the prior $\P{p(z)}$ says.

Let your guess of the cause be a Gaussian $\Q{q(z|x)}$, as close to the truth as possible. Where is
its centre?""",
        r"""我们看到 $\X{x} = [[x]]$，测量误差的标准差为 0.1。月相 $z = [[inverse]]$
恰好给出这个比例；但先验分布（prior）$\P{p(z)}$ 告诉我们，$z = 0$ 附近的月相更常见。

如果只能指出一处作为隐藏的原因，你会把 $\Q{q(z|x)}$ 的中心放在哪里？""",
    ),
    "bound.title": Text("Two bars of the same length", "两根总是一样长的条"),
    "bound.text": Text(
        r"""Take any density $\Q{q}$ as a guess of the cause. It splits $\ln p(\X{x})$ into two numbers.
The **evidence lower bound (ELBO)** can be computed: it needs only $\Q{q}$, $\P{p(z)}$ and
$p(\X{x}|z)$. The **KL divergence** measures how far $\Q{q}$ is from the true posterior
$\T{p(z|x)}$: it is 0 if they are equal, and never negative. It is the gap.

Their sum does not depend on $\Q{q}$. Move $\Q{\mu}$ and $\Q{\sigma}$ and watch the pink part: what
the ELBO gains, the gap loses. Even the best Gaussian leaves a gap of [[best_gap:3]] nats, because
the true posterior is not Gaussian.""",
        r"""任取一个 $\Q{q}$ 作为对原因的猜测。它对应两个数：一个是**证据下界（ELBO）**，
计算它不需要任何未知量；另一个是 $\Q{q}$ 到真实后验分布 $\T{p(z|x)}$ 的 **KL散度**，
它永远不为负。

两者之和与 $\Q{q}$ 无关。移动 $\Q{\mu}$ 和 $\Q{\sigma}$，注意粉色部分：
证据下界增加多少，差距就减少多少。
真实后验不是高斯分布，所以即使最好的高斯分布也还差 [[best_gap:3]] 奈特。""",
    ),
    "jensen.title": Text("Jensen's way to the same bound", "由Jensen不等式得到同一个下界"),
    "jensen.text": Text(
        r"""Write $p(x,z) = p(\X{x}|z)\,\P{p(z)}$. Under $\Q{q}$ the ratio $p(x,z)/\Q{q(z|x)}$ has the
mean $\int p(x,z)\,dz = p(\X{x})$. Its logarithm, the dotted line, has the mean ELBO. The logarithm
is concave, so the mean of a logarithm never exceeds the logarithm of the mean: the ELBO never
exceeds $\ln p(\X{x})$ (Jensen's inequality).

The two are equal only if the line is flat wherever $\Q{q}$ has mass. Then $\Q{q}$ is the true
posterior. Move $\Q{\mu}$ and $\Q{\sigma}$ and watch the line: the flatter it is under $\Q{q}$, the
smaller the gap.""",
        r"""点线是 $\ln \frac{p(x,z)}{\Q{q(z|x)}}$，它在 $\Q{q}$ 下的均值就是证据下界。
对数函数是凹的，所以“对数的均值”不会超过“均值的对数”，而后者就是 $\ln p(\X{x})$。

只有当这条线在 $\Q{q}$ 有概率的地方是平的，两者才相等；
只有当 $\Q{q}$ 就是真实后验，它才是平的。移动 $\Q{\mu}$ 和 $\Q{\sigma}$，
观察这条线：它越平，差距越小。""",
    ),
    "conclusions.title": Text("One objective, two networks", "一个目标，两个网络"),
    "conclusions.text": Text(
        r"""In a VAE the decoder has the weights $\theta$, the encoder the weights $\phi$. Three
conclusions follow.

1. Change $\theta$ so that the ELBO rises: then $\ln p_\theta(\X{x})$ rises, or the gap shrinks.
2. Change $\phi$ so that the ELBO rises: $\ln p_\theta(\X{x})$ does not depend on $\phi$, so the gap
$\T{\mathrm{KL}(q_\phi\,\|\,p_\theta(z|x))}$ must shrink. $\Q{q}$ comes closer to the true posterior,
which nobody had to compute.
3. So one objective, the ELBO, trains both networks together.

A slip to avoid: $\Q{q(z|x)}$ approximates the posterior $\T{p(z|x)}$, not the prior
$\P{p(z)}$.""",
        r"""整个理论建立在三个结论上。

1. 对生成网络的参数 $\theta$：提高证据下界，要么提高 $\ln p_\theta(\X{x})$，要么缩小差距。
2. 对推断网络的参数 $\phi$：$\ln p_\theta(\X{x})$ 与 $\phi$ 无关，所以提高证据下界
只会减小 $\T{\mathrm{KL}(q_\phi\,\|\,p_\theta(z|x))}$。
不必算出真实后验，下界就把 $\Q{q}$ 拉向它。
3. 因此同一个目标同时训练两个网络。

一个常见的笔误：$\Q{q(z|x)}$ 近似的是后验 $\T{p(z|x)}$，而不是先验 $\P{p(z)}$。""",
    ),
    "sandbox.title": Text("Everything is free", "自由探索"),
    "sandbox.text": Text(
        r"""Try $\X{x} = 0.95$, an almost full moon: the posterior is skewed, and no Gaussian fits it
exactly. Then make $\Q{\sigma}$ very small and watch the ELBO fall. The cause is
$\K{\mathrm{KL}(q\,\|\,p(z))}$, now [[kl]] nats: it grows without limit as $\Q{\sigma}$ goes to 0.

The ELBO can also be written with this KL. The next lesson takes that second form apart:
$\E{\mathrm{ELBO}} = \ln p(\X{x}) - \T{\mathrm{KL}(q\,\|\,p(z|x))} =
\R{\mathbb{E}_q[\ln p(x|z)]} - \K{\mathrm{KL}(q\,\|\,p(z))}$.""",
        r"""试试 $\X{x} = 0.95$，接近满月：后验偏向一侧，任何高斯分布都贴不紧它。
再把 $\Q{\sigma}$ 调得很小：下界会无止境地下降，因为
$\K{\mathrm{KL}(q\,\|\,p(z))} = [[kl]]$ 会惩罚过分自信的 $\Q{q}$。

证据下界有两种写法，下一课拆解第二种：
$\E{\mathrm{ELBO}} = \ln p(\X{x}) - \T{\mathrm{KL}(q\,\|\,p(z|x))} =
\R{\mathbb{E}_q[\ln p(x|z)]} - \K{\mathrm{KL}(q\,\|\,p(z))}$。""",
    ),
}
