"""Words of the lesson on the KL divergence of two Gaussians."""

from vae.dashboard.learn.lesson import Text

WORDS = {
    "title": Text("The KL of two Gaussians", "两个高斯分布的KL散度"),
    "caption": Text(
        r"Above: each point is one Gaussian, and a line joins Gaussians of equal "
        r"$\K{\mathrm{KL}(q\,\|\,p)}$, in nats. $\Q{q}$ is the approximate posterior, $\P{p(z)}$ the prior.",
        r"上图：每一点是一个高斯分布，同一条等高线上的 $\K{\mathrm{KL}(q\,\|\,p)}$ 相同（单位：奈特）。"
        r"$\Q{q}$ 是近似后验，$\P{p(z)}$ 是先验分布。",
    ),
    "directions.caption": Text(
        r"Above: the divergence between each Gaussian and the target $\T{p}$, in nats. Below: the target "
        r"and its best Gaussians, $\Q{q_1}$ for the reverse, $\Q{q_2}$ for the forward KL.",
        r"上图：每个高斯分布与目标 $\T{p}$ 之间的散度（单位：奈特）。下图：目标及其最优高斯近似，"
        r"$\Q{q_1}$ 对应逆向KL散度，$\Q{q_2}$ 对应前向KL散度。",
    ),
    "sandbox.caption": Text(
        r"Above: the divergence between each Gaussian and the target $\T{p}$, in nats; crosses mark the "
        r"minima. Below: the target and your $\Q{q}$.",
        r"上图：每个高斯分布与目标 $\T{p}$ 之间的散度（单位：奈特），叉号是最小值点。"
        r"下图：目标与你放置的 $\Q{q}$。",
    ),
    "samples.caption": Text(
        r"Errors of Monte Carlo estimates of $\K{\mathrm{KL}(q\,\|\,p)}$ against the number of samples. "
        r"Both axes are logarithmic.",
        r"用蒙特卡罗方法估计 $\K{\mathrm{KL}(q\,\|\,p)}$ 的误差随样本数的变化，两轴均为对数刻度。",
    ),
    # controls
    "mean": Text("mean of q", "q 的均值"),
    "sd": Text("width of q", "q 的标准差"),
    "mean2": Text("mean, dimension 2", "第 2 维的均值"),
    "sd2": Text("width, dimension 2", "第 2 维的标准差"),
    "apart": Text("humps at ±a", "两峰位于 ±a"),
    "direction": Text("surface of", "等高线所示"),
    "direction.reverse": Text("reverse KL(q‖p)", "逆向 KL(q‖p)"),
    "direction.forward": Text("forward KL(p‖q)", "前向 KL(p‖q)"),
    # labels of the picture
    "axis_mean": Text("mean μ", "均值 μ"),
    "axis_sd": Text("width σ", "标准差 σ"),
    "axis_density": Text("density", "密度"),
    "axis_nats": Text("nats", "奈特"),
    "axis_samples": Text("number of samples M", "样本数 M"),
    "axis_error": Text("error of the estimate, nats", "估计的误差（奈特）"),
    "prior": Text("prior p(z)", "先验 p(z)"),
    "target": Text("target p", "目标 p"),
    "nats": Text("nats", "奈特"),
    "right": Text("KL", "KL"),
    "doubled": Text("without ½", "漏掉 ½"),
    "sign": Text("+ ln σ", "对数项变号"),
    "width": Text("σ for σ²", "σ² 写成 σ"),
    "first": Text("dimension 1", "第 1 维"),
    "second": Text("dimension 2", "第 2 维"),
    "sum": Text("together", "合计"),
    "a_tenth": Text("a tenth of the error at M = {few}", "M = {few} 时误差的十分之一"),
    "typical": Text("root mean square of {runs} estimates", "{runs} 次估计的均方根误差"),
    "your_guess": Text("your guess", "你的猜测"),
    "verdict": Text(
        "The error falls as 1/√M: a tenth of it takes 100 times the samples, {needed} in place of "
        "{few}. The closed form needs none.",
        "误差按 1/√M 减小：要缩小到十分之一，样本数须变为 100 倍，从 {few} 个增加到 {needed} 个。"
        "解析解则一个样本也不需要。",
    ),
    # steps
    "surface.title": Text("A price for leaving the prior", "离开先验的代价"),
    "surface.text": Text(
        r"""The ELBO charges $\Q{q(z|x)}$ a price for every difference from the prior. The price is the
**KL divergence**. For $\Q{q} = N(\Q{\mu}, \Q{\sigma}^2)$ and the standard normal prior
$\P{p(z) = N(0, 1)}$ it has the closed form below.

Each point of the upper picture is one such $\Q{q}$, and a line joins those of equal price. Only one
is free: $\Q{\mu} = 0$, $\Q{\sigma} = 1$, the prior itself.

Move the point with the sliders. Watch how close together the lines run near $\Q{\sigma} = 0$:
certainty is expensive.""",
        r"""只要 $\Q{q(z|x)}$ 与先验分布不同，证据下界就要扣掉一笔代价，这笔代价就是**KL散度**。
当 $\Q{q} = N(\Q{\mu}, \Q{\sigma}^2)$、先验是标准正态分布 $\P{p(z) = N(0, 1)}$ 时，它有解析解，见下面的公式。

上图中每一点是一个这样的 $\Q{q}$，同一条线上的代价相同。不付代价的只有一个：
$\Q{\mu} = 0$，$\Q{\sigma} = 1$，即先验本身。

用滑块移动这个点，注意 $\Q{\sigma} = 0$ 附近的线有多密：越确定，代价越高。""",
    ),
    "parts.title": Text("Four parts", "四个部分"),
    "parts.text": Text(
        r"""The price is a sum of four parts; each bar starts where the one before ends.
$\frac12\Q{\mu}^2$ pulls the centre to 0. $\frac12\Q{\sigma}^2$ punishes a wide $\Q{q}$, and
$-\ln\Q{\sigma}$ a narrow one, without limit as $\Q{\sigma}$ goes to 0. The constant $-\frac12$ makes
the sum 0 at the prior.

Programs compute the same number from $\ln\Q{\sigma}^2$, the output of the network:
`-0.5 * (1 + log_var - mu**2 - exp(log_var))`.

Move $\Q{\sigma}$ from 1 to both sides. Watch the second and the fourth bar: near $\Q{\sigma} = 1$
one grows as fast as the other shrinks.""",
        r"""代价由四部分相加而成，图中每根条从上一根的末端接着画。$\frac12\Q{\mu}^2$ 把中心拉向 0；
$\frac12\Q{\sigma}^2$ 惩罚过宽的 $\Q{q}$，$-\ln\Q{\sigma}$ 惩罚过窄的 $\Q{q}$，$\Q{\sigma}$ 趋于 0 时没有上限；
常数 $-\frac12$ 使总和在先验处为 0。

网络输出的是 $\ln\Q{\sigma}^2$，所以程序里把同一个数写成
`-0.5 * (1 + log_var - mu**2 - exp(log_var))`。

让 $\Q{\sigma}$ 从 1 出发向两边移动，观察第二根和第四根条：在 $\Q{\sigma} = 1$ 附近，
一根增长多快，另一根就缩短多快。""",
    ),
    "slips.title": Text("Three slips, and where they hide", "三种笔误，以及它们藏在哪里"),
    "slips.text": Text(
        r"""Three wrong forms are common; the red bars show them. Without $\frac12$ the price doubles, and
the model trains as with $\beta = 2$. With $+\ln\Q{\sigma}$ the value can be negative, which a KL
never is, and training drives $\Q{\sigma}$ to 0. With $\Q{\sigma}$ in place of $\Q{\sigma}^2$ the value
is a little wrong almost everywhere.

Set $\Q{\sigma} = 1$ and watch the last two bars. Now both are right: a test at $\Q{\sigma} = 1$
finds neither slip.

A widely read text prints the objective as $-\|x-\mu\|^2 + \K{\mathrm{KL}}$, where $\mu$ is the
decoder's output. To be maximised, with unit variance, it must be
$\R{-\tfrac12\|x-\mu\|^2} - \K{\mathrm{KL}}$.""",
        r"""常见的错误写法有三种，图中画成红色的条。漏掉 $\frac12$，代价加倍，等于用 $\beta = 2$ 训练；
把 $-\ln\Q{\sigma}$ 写成 $+\ln\Q{\sigma}$，结果可能为负（KL散度从不为负），
训练会把 $\Q{\sigma}$ 推向 0；把 $\Q{\sigma}^2$ 写成 $\Q{\sigma}$，则几乎处处错一点。

令 $\Q{\sigma} = 1$，看最后两根条：这时它们都是对的。所以只在 $\Q{\sigma} = 1$ 处检验，查不出这两种笔误。

有一份流传很广的讲义把目标函数写成 $-\|x-\mu\|^2 + \K{\mathrm{KL}}$，其中 $\mu$ 是解码器的输出。
既然要最大化，KL 前面应是减号；方差为 1 时，前一项还应乘以二分之一：
$\R{-\tfrac12\|x-\mu\|^2} - \K{\mathrm{KL}}$。""",
    ),
    "dimensions.title": Text("More dimensions: a sum", "多个维度：逐维相加"),
    "dimensions.text": Text(
        r"""In $d$ dimensions the price needs the trace and the determinant of the covariance
$\Q{\Sigma}$. If $\Q{\Sigma}$ is diagonal, as in most encoders, the price is a sum of $d$ prices, one
for each dimension. Here $d = 2$: two points on the same surface, two bars, one total.

That is why this app can list the KL per dimension. Move dimension 2 to $\Q{\mu} = 0$,
$\Q{\sigma} = 1$ and watch its bar: a dimension that costs nothing says nothing about $\X{x}$.""",
        r"""在 $d$ 维情形，代价要用到协方差 $\Q{\Sigma}$ 的迹（trace）和行列式（determinant）。
多数编码器的 $\Q{\Sigma}$ 是对角阵，此时代价是 $d$ 个一维代价之和。这里 $d = 2$：
上图中有两个点，下图中有两根条，加起来就是总代价。

所以本应用可以逐维列出KL散度。把第 2 维移到 $\Q{\mu} = 0$、$\Q{\sigma} = 1$，
观察它的条：不付代价的维度，也不携带 $\X{x}$ 的任何信息。""",
    ),
    "samples.title": Text("And without a formula?", "要是没有公式呢？"),
    "samples.text": Text(
        r"""For many other distributions the KL has no closed form. Then $M$ samples of $\Q{q}$ give a **Monte
Carlo estimate**. It is right on average, but a single estimate can even be negative.

A small dot is the error of one estimate of $\K{\mathrm{KL}} = [[kl]]$ nats, a large dot the
typical error of [[runs:0]] of them. With $M = [[few:0]]$ it is [[error]] nats.

At which $M$ does the typical error fall to a tenth of that, the dashed line?

[[verdict]]""",
        r"""换成别的分布，KL散度往往没有解析解。这时可以从 $\Q{q}$ 中抽取 $M$ 个样本，
作**蒙特卡罗估计**（Monte Carlo estimate）。多次估计的平均是对的，但单独一次估计甚至可能为负。

真值是 $\K{\mathrm{KL}} = [[kl]]$ 奈特。小点是一次估计的误差，大点是 [[runs:0]] 次估计的典型误差；
当 $M = [[few:0]]$ 时，典型误差为 [[error]] 奈特。

$M$ 要多大，典型误差才会降到它的十分之一，也就是虚线处？

[[verdict]]""",
    ),
    "directions.title": Text("Which way round?", "哪个在前？"),
    "directions.text": Text(
        r"""The KL is not symmetric. Here the target $\T{p}$ has two humps, and one Gaussian $\Q{q}$ must
approximate it.

The **reverse** $\mathrm{KL}(\Q{q}\,\|\,\T{p})$, as in the gap of the ELBO, punishes $\Q{q}$ for mass
where $\T{p}$ is small: its minimum $\Q{q_1}$ *chooses* a hump. The **forward**
$\mathrm{KL}(\T{p}\,\|\,\Q{q})$, which maximum likelihood minimises, punishes $\Q{q}$ for missing mass
where $\T{p}$ is large: its minimum $\Q{q_2}$ *covers* both.

The table gives both divergences of both Gaussians: by the reverse KL $\Q{q_1}$ is better, by the forward KL
$\Q{q_2}$. Move the humps together and watch $\Q{q_1}$: below which $a$ does it cover both?""",
        r"""KL散度不对称。这里的目标 $\T{p}$ 有两个峰，而只能用一个高斯分布 $\Q{q}$ 去近似它。

证据下界的差距是**逆向KL散度**（reverse KL）$\mathrm{KL}(\Q{q}\,\|\,\T{p})$。
$\T{p}$ 很小的地方，$\Q{q}$ 若有概率就要受罚，所以最优的 $\Q{q_1}$ **选择**一个峰。
最大似然最小化的是**前向KL散度**（forward KL）$\mathrm{KL}(\T{p}\,\|\,\Q{q})$。
$\T{p}$ 很大的地方，$\Q{q}$ 若没有概率就要受罚，所以最优的 $\Q{q_2}$ **覆盖**两个峰。

下表列出两者的两种散度：按逆向KL散度，$\Q{q_1}$ 更好；按前向KL散度，$\Q{q_2}$ 更好。让两峰靠近，观察 $\Q{q_1}$：$a$ 小到多少，它就覆盖两个峰了？""",
    ),
    "sandbox.title": Text("Everything is free", "自由探索"),
    "sandbox.text": Text(
        r"""Place $\Q{q}$ yourself and try to come as low as the crosses, the computed minima $\Q{q_1}$
and $\Q{q_2}$.

With the humps far apart, the reverse surface has two valleys, and gradient descent ends in the one
where it starts. The forward surface has only one valley. At $a = 0$ the target is a Gaussian, and
both directions have the same minimum.""",
        r"""自己放置 $\Q{q}$，试试能不能降到叉号那么低；叉号是算出的最小值点 $\Q{q_1}$ 和 $\Q{q_2}$。

两峰相距较远时，逆向KL散度的曲面有两个谷，梯度下降从哪个谷出发，就停在哪个谷；
前向KL散度的曲面只有一个谷。当 $a = 0$ 时，目标本身就是高斯分布，两个方向的最小值点相同。""",
    ),
}
