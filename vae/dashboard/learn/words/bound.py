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
    "ratio": Text("dotted: ln p(x,z)/q(z|x), in nats", "点线：ln p(x,z)/q(z|x)（奈特）"),
    "gap": Text("gap", "差距"),
    "your_guess": Text("your guess", "你的猜测"),
    # steps
    "evidence.title": Text("A number out of reach", "一个求不出的数"),
    "evidence.text": Text(
        r"""Tonight we measure the lit fraction $\X{x}$ of the moon and ask for its phase $z$. The model is simpler than that
of the first lesson: nature draws $\P{z \sim N(0, 1)}$, this phase lights the fraction $1/(1 + e^{-z})$, and the
measurement has an error of standard deviation 0.1.

Bayes' rule has the answer: $\T{p(z|x)} = p(\X{x}|z)\,\P{p(z)} / p(\X{x})$. The numerator is easy: it is the filled
curve. The denominator $p(\X{x})$ is the area under that curve. Move $\X{x}$ and watch the area.

With one latent variable, a sum over 100 grid points gives this area. With 20 of them the grid has $100^{20}$ points.
So for a real model neither $\ln p(\X{x})$, the **log marginal likelihood** or **log evidence**, nor the posterior can
be computed.""",
        r"""今晚测得月亮的亮面比例 $\X{x}$，要推断的是月相 $z$。这个模型比第一课的简单：先抽取 $\P{z \sim N(0, 1)}$，
它对应的亮面比例是 $1/(1 + e^{-z})$，测量误差的标准差为 0.1。

贝叶斯公式给出答案：$\T{p(z|x)} = p(\X{x}|z)\,\P{p(z)} / p(\X{x})$。分子好算，就是图中填了色的曲线；
分母 $p(\X{x})$ 是曲线下的面积。移动 $\X{x}$，观察面积的变化。

只有一个隐变量时，在 100 个网格点上求和便得到面积。若有 20 个，网格就有 $100^{20}$ 个点。
所以对真实的模型，$\ln p(\X{x})$ 求不出来，后验也就求不出来。
$\ln p(\X{x})$ 叫作**对数边际似然**（log marginal likelihood），也叫对数证据（log evidence）。""",
    ),
    "guess.title": Text("Which phase was it?", "当时是哪一种月相？"),
    "guess.text": Text(
        r"""Two things pull at $z$. The measurement $\X{x} = [[x]]$ fits best at $z = [[inverse]]$, which lights exactly this
fraction. The prior $\P{p(z)}$ says that phases near $z = 0$ are more common.

For a real model the posterior is out of reach. So we put a Gaussian $\Q{q(z|x)}$ in its place, as close to it as
possible. Where is the centre of this Gaussian?""",
        r"""有两种力量在拉 $z$。测量值 $\X{x} = [[x]]$ 与 $z = [[inverse]]$ 最吻合，这个月相恰好给出这个比例；
先验 $\P{p(z)}$ 则认为，$z = 0$ 附近的月相更常见。

真实模型的后验求不出来，所以用一个高斯分布 $\Q{q(z|x)}$ 代替它，并让两者尽量接近。这个高斯分布的中心应该在哪里？""",
    ),
    "bound.title": Text("Two bars of the same length", "两根条总是一样长"),
    "bound.text": Text(
        r"""Write $p(x,z) = p(\X{x}|z)\,\P{p(z)}$. Bayes' rule says $\ln p(\X{x}) = \ln p(x,z) - \ln \T{p(z|x)}$ for every $z$.
Take any density $\Q{q}$, subtract and add $\ln \Q{q}$, and average over $\Q{q}$:

$\ln p(\X{x}) = \E{\mathbb{E}_q[\ln p(x,z) - \ln q]} + \T{\mathbb{E}_q[\ln q - \ln p(z|x)]}$.

The first part is the **evidence lower bound (ELBO)**. It contains no posterior, so it can be computed. The second
part is the **KL divergence** from $\Q{q}$ to the posterior. It is 0 if they are equal and never negative: this is
the gap.

Move $\Q{\mu}$ and $\Q{\sigma}$ and watch the pink bar: what the ELBO gains, the gap loses. Even the best Gaussian
leaves a gap of [[best_gap:3]] nats, because the posterior is not Gaussian.""",
        r"""记 $p(x,z) = p(\X{x}|z)\,\P{p(z)}$。由贝叶斯公式，对每个 $z$ 都有 $\ln p(\X{x}) = \ln p(x,z) - \ln \T{p(z|x)}$。
任取一个密度 $\Q{q}$，减去再加上 $\ln \Q{q}$，然后对 $\Q{q}$ 取平均：

$\ln p(\X{x}) = \E{\mathbb{E}_q[\ln p(x,z) - \ln q]} + \T{\mathbb{E}_q[\ln q - \ln p(z|x)]}$。

前一部分是**证据下界**（evidence lower bound，ELBO）。它不含后验，所以算得出来。
后一部分是 $\Q{q}$ 到后验的**KL散度**（KL divergence）：两者相同时为 0，而且从不为负。这就是差距。

移动 $\Q{\mu}$ 和 $\Q{\sigma}$，注意粉色的条：证据下界增加多少，差距就减少多少。
后验不是高斯分布，所以即使用最好的高斯分布，也还有 [[best_gap:3]] 奈特的差距。""",
    ),
    "jensen.title": Text("Jensen's way to the same bound", "由Jensen不等式得到同一个下界"),
    "jensen.text": Text(
        r"""The bound also follows without the posterior. Under $\Q{q}$ the ratio $p(x,z)/\Q{q(z|x)}$ has the mean
$\int p(x,z)\,dz = p(\X{x})$. The dotted line is the logarithm of this ratio, with its scale at the right. Its mean
under $\Q{q}$ is the ELBO, the lower horizontal line.

The logarithm is concave, so the mean of logarithms never exceeds the logarithm of the mean (**Jensen's
inequality**). Here this says: the ELBO never exceeds $\ln p(\X{x})$, the upper horizontal line.

The two lines meet only if the dotted line is flat wherever $\Q{q}$ has mass. Then $\Q{q}$ is the true posterior. Move
$\Q{\mu}$ and $\Q{\sigma}$: the flatter the dotted line under $\Q{q}$, the smaller the gap.""",
        r"""不用后验，也能得到这个下界。在 $\Q{q}$ 下，比值 $p(x,z)/\Q{q(z|x)}$ 的均值是 $\int p(x,z)\,dz = p(\X{x})$。
点线是这个比值的对数，刻度在右边；它在 $\Q{q}$ 下的均值就是证据下界，即下面那条水平线。

对数是凹函数，“对数的均值”不会超过“均值的对数”，这就是**Jensen不等式**。
用在这里：证据下界不会超过 $\ln p(\X{x})$，即上面那条水平线。

只有当点线在 $\Q{q}$ 有概率的地方处处是平的，两条水平线才会重合，这时 $\Q{q}$ 就是真实后验。
移动 $\Q{\mu}$ 和 $\Q{\sigma}$：点线在 $\Q{q}$ 的范围内越平，差距越小。""",
    ),
    "conclusions.title": Text("One objective, two networks", "一个目标，两个网络"),
    "conclusions.text": Text(
        r"""In a VAE the decoder has the weights $\theta$, the encoder the weights $\phi$. Three
conclusions follow.

1. Change $\theta$ so that the ELBO rises: then $\ln p_\theta(\X{x})$ rises, or the gap shrinks, or both.
2. Change $\phi$ so that the ELBO rises: $\ln p_\theta(\X{x})$ does not depend on $\phi$, so the gap
$\T{\mathrm{KL}(q_\phi\,\|\,p_\theta(z|x))}$ must shrink. $\Q{q}$ comes closer to the true posterior,
which nobody had to compute.
3. So one objective, the ELBO, trains both networks together.

A slip to avoid: $\Q{q(z|x)}$ approximates the posterior $\T{p(z|x)}$, not the prior
$\P{p(z)}$.""",
        r"""记解码器的权重为 $\theta$，编码器的权重为 $\phi$。由此得到三个结论。

1. 改变 $\theta$ 使证据下界上升：那么 $\ln p_\theta(\X{x})$ 上升，或者差距缩小，或者兼而有之。
2. 改变 $\phi$ 使证据下界上升：$\ln p_\theta(\X{x})$ 与 $\phi$ 无关，
所以差距 $\T{\mathrm{KL}(q_\phi\,\|\,p_\theta(z|x))}$ 必然缩小。$\Q{q}$ 更接近真实后验了，而真实后验始终不必算出来。
3. 因此只用证据下界这一个目标，就能同时训练两个网络。

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
        r"""试试 $\X{x} = 0.95$，接近满月：后验偏向一侧，没有哪个高斯分布能与它完全吻合。
再把 $\Q{\sigma}$ 调得很小，看证据下界下降。原因在 $\K{\mathrm{KL}(q\,\|\,p(z))}$，现在是 [[kl]] 奈特：
$\Q{\sigma}$ 趋于 0 时，它无限增大。

证据下界也可以用这个KL散度来写，下一课就来拆开这第二种写法：
$\E{\mathrm{ELBO}} = \ln p(\X{x}) - \T{\mathrm{KL}(q\,\|\,p(z|x))} =
\R{\mathbb{E}_q[\ln p(x|z)]} - \K{\mathrm{KL}(q\,\|\,p(z))}$。""",
    ),
}
