"""Words of the lesson on mean-field variational inference."""

from vae.dashboard.learn.lesson import Text

POINTS = Text(
    r"150 points of three Gaussians. Each circle is a component, with a radius of two standard deviations; the number is its expected weight. Below: the bound after each sweep; it starts far below the axis.",
    r"三个高斯分布产生的 150 个点。每个圆是一个成分，半径为两个标准差，数字是期望的混合系数。下方：每轮之后的证据下界，起点远低于坐标轴。",
)

WORDS = {
    "title": Text("The other road: mean field", "另一条路：平均场"),
    "caption": Text(
        r"The data are the numbers 1 to 5. The prior of μ is centred at 0, so the posterior is centred at 2.5, not 3. Contours at 10, 30, 50, 70 and 90 % of the peak of each density.",
        r"数据是 1 到 5 这五个数。μ 的先验以 0 为中心，所以后验的中心是 2.5 而不是 3。等高线取在各密度峰值的 10、30、50、70、90 % 处。",
    ),
    "sweeps": Text("sweeps", "更新轮数"),
    "rho": Text("correlation", "相关系数"),
    "rounds": Text("sweeps", "更新轮数"),
    "axis_mean": Text("mean μ of the data", "数据的均值 μ"),
    "axis_precision": Text("precision τ of the data", "数据的精度 τ"),
    "axis_sweep": Text("sweep", "更新轮数"),
    "axis_elbo": Text("ELBO (nats)", "证据下界（奈特）"),
    "exact": Text("exact posterior", "精确后验"),
    "factorised": Text("q, a product of two factors", "q：两个因子的乘积"),
    "by_mean_field": Text("mean field: three components", "平均场：三个成分"),
    "by_vae": Text("VAE: means of q(z|x)", "变分自编码器：q(z|x) 的均值"),
    "axis_epoch": Text("epoch", "轮次"),
    "axis_example": Text("ELBO (nats per example)", "证据下界（奈特/样本）"),
    "alive": Text("components alive:", "剩余成分："),
    "your_guess": Text("your guess", "你的猜测"),
    "factor.title": Text("Inference without a network", "不用网络的推断"),
    "factor.text": Text(
        r"""Before VAEs, variational inference worked on one data set at a time. Here it is five numbers from a Gaussian whose
mean $\mu$ and precision $\tau$ (one over the variance) are unknown. So $z = (\mu, \tau)$. For this model the exact
posterior is known: the pink lines.

**Mean field** looks for a density of the form $\Q{q(\mu, \tau) = q(\mu)\,q(\tau)}$, and assumes nothing else.
**Coordinate ascent** finds it: fix one factor, set the other to its optimum, then change roles. Doing both once is a
sweep.

Move the slider sweep by sweep and watch the green lines. The ELBO below never falls. The gap ends at 0.070 nats and
not at 0: in a product the width in $\mu$ is the same for every $\tau$, but the pink shape is wider where $\tau$ is
small.""",
        r"""在变分自编码器之前，变分推断（variational inference）每次只处理一个数据集。
这里的数据是五个数，来自一个高斯分布，它的均值 $\mu$ 和精度 $\tau$（方差的倒数）未知，所以 $z = (\mu, \tau)$。
这个模型的精确后验是已知的，即粉色的线。

**平均场**（mean field）要找一个形如 $\Q{q(\mu, \tau) = q(\mu)\,q(\tau)}$ 的密度，此外什么也不假设。
**坐标上升**（coordinate ascent）的找法是：固定一个因子，把另一个设为最优，再交换。两个都更新一次，就是一轮。

一轮一轮地移动滑块，观察绿线。下方的证据下界从不下降。差距停在 0.070 奈特，而不是 0：
在乘积中，不论 $\tau$ 是多少，$\mu$ 方向的宽度都一样；而粉色的形状在 $\tau$ 小的地方更宽。""",
    ),
    "guess.title": Text("How wide will q be?", "q 会有多宽？"),
    "guess.caption": Text(
        r"A Gaussian with unit variances and correlation $\rho = 0.9$.",
        r"方差为 1、相关系数 $\rho = 0.9$ 的高斯分布。",
    ),
    "guess.text": Text(
        r"""Now the posterior is a Gaussian with two correlated coordinates. Each coordinate alone has the standard deviation 1.
If one is known, the other is known much better: this is what the narrow ridge shows.

Mean field fits it with two independent factors. Which standard deviation will each factor have? Click at this number
on the $z_1$ axis, between 0 and 3.""",
        r"""现在后验是一个二维高斯分布，两个坐标相关。单看每个坐标，标准差都是 1；知道其中一个，另一个就清楚得多，
图中狭长的山脊说的就是这一点。

平均场用两个独立的因子去近似它。每个因子的标准差会是多少？在 $z_1$ 轴上 0 到 3 之间，点出这个数。""",
    ),
    "correlated.title": Text("Too sure of itself", "过于自信"),
    "correlated.caption": Text(
        r"Green: the factorised $\Q{q}$ with the path of its mean. Pink: the correlated Gaussian.",
        r"绿色：分解的 $\Q{q}$ 及其均值走过的路。粉色：相关的高斯分布。",
    ),
    "correlated.text": Text(
        r"""Each factor has the variance $1 - \rho^2$ instead of 1. That is the variance of one coordinate when the other is
known: mean field **underestimates** the uncertainty. ($\Lambda$ in the formula is the precision matrix, the inverse
of the covariance.)

The reason is the direction of the KL. $\mathrm{KL}(\Q{q}\,\|\,\T{p})$ punishes $\Q{q}$ for mass where $\T{p}$ has
almost none, so $\Q{q}$ shrinks until it fits into the ridge. A $\Q{q(z|x)}$ with diagonal covariance, as in most
VAEs, errs in the same direction.

Move $\rho$ to 0 and back, and watch the green circle grow and shrink. Each sweep multiplies the distance of its
centre from 0 by $\rho^2$.""",
        r"""每个因子的方差是 $1 - \rho^2$ 而不是 1。这正是已知一个坐标时，另一个坐标的方差：平均场**低估**了不确定性。
（公式里的 $\Lambda$ 是精度矩阵，即协方差矩阵的逆。）

原因在 KL散度的方向。$\T{p}$ 几乎为零的地方，$\Q{q}$ 若有概率，$\mathrm{KL}(\Q{q}\,\|\,\T{p})$ 就很大，
所以 $\Q{q}$ 一直收缩，直到能放进山脊里。多数变分自编码器的 $\Q{q(z|x)}$ 取对角协方差，误差的方向相同。

把 $\rho$ 移到 0 再移回来，看绿圈变大又收缩。每一轮更新，都使圆心到 0 的距离乘以 $\rho^2$。""",
    ),
    "mixture.title": Text("Components die", "多余的成分消失"),
    "mixture.caption": POINTS,
    "amortised.caption": Text(
        r"Left: 150 points, each in the colour of its component. Right: the means of $\Q{q(z|x)}$ of the same points in a VAE. Below: its ELBO during training. It belongs to another model than the bound of the mixture, so the two cannot be compared.",
        r"左图：150 个点，颜色表示所属的成分。右图：变分自编码器中，同样这些点的 $\Q{q(z|x)}$ 的均值。下图：训练中的证据下界。它与混合模型的下界属于不同的模型，两者不能比较。",
    ),
    "family.caption": POINTS,
    "mixture.text": Text(
        r"""A **Bayesian mixture of Gaussians** gets six components for data that have three. The factors of $\Q{q}$ are those
of the mixing coefficients (the weights), of the means, and for each point its **responsibilities**: the probability
of each component.

Move the slider and watch two things. The ELBO only rises, sometimes after a long plateau. And components that explain
nothing lose their points and die: [[alive:0]] of 6 are alive now. Nothing in the model says that there are three.""",
        r"""数据来自三个高斯分布，而**贝叶斯高斯混合模型**有六个成分。$\Q{q}$ 的各个因子是：混合系数（各成分的权重）、均值，
以及每个点的**责任**（responsibility），即这个点属于各个成分的概率。

移动滑块，注意两件事。证据下界只升不降，有时要先经过一段很长的平台。
什么也解释不了的成分会失去自己的点，然后消失：6 个成分中，现在还剩 [[alive:0]] 个。模型事先并不知道应该是三个。""",
    ),
    "amortised.title": Text("What amortisation buys, and costs", "摊销换来什么，付出什么"),
    "amortised.text": Text(
        r"""Coordinate ascent needs the best factor in closed form, so priors and likelihood must fit together: the model must
be **conjugate**. With a neural network inside $p(x|z)$ it is not. And each new data set starts from nothing.

A VAE uses **amortised inference**: one network computes $\Q{q(z|x)}$ for every $\X{x}$, also a new one, in one pass.
On the right a VAE has learned the same 150 points, each in the colour of its component. Watch: the colours stay
together, although the VAE has no components.

The price is the **amortisation gap**: for a given $\X{x}$ the network's $\Q{q}$ is not the best of its family. The
best Gaussian for each point, $\Q{q^*}$, raises the mean ELBO by [[amortisation:3]] nats.""",
        r"""坐标上升要求最好的因子有解析解，因此先验与似然必须相配：模型要是**共轭**（conjugate）的。
$p(x|z)$ 里一旦有神经网络，就不再共轭。而且每换一个数据集，都要从头算起。

变分自编码器改用**摊销推断**：网络只需计算一遍，就为任何 $\X{x}$（包括没见过的）给出 $\Q{q(z|x)}$。
右图是学习了同样 150 个点的变分自编码器，每个点沿用它在混合模型中的颜色。
注意：这个模型里没有“成分”，同色的点却仍聚在一起。

代价是**摊销差距**：对某个具体的 $\X{x}$，网络给出的 $\Q{q}$ 并不是同一分布族里最好的。
为每个点单独搜索最好的高斯分布 $\Q{q^*}$，平均的证据下界会升高 [[amortisation:3]] 奈特。""",
    ),
    "family.title": Text("The family, and when to use which", "各种方法，何时用哪个"),
    "family.text": Text(
        r"""| method | use it for |
|---|---|
| mean field, coordinate ascent | a conjugate model and a small data set |
| stochastic variational inference | a conjugate model and a large data set |
| black-box variational inference (score function or reparameterised) | any model with a density, one posterior at a time |
| amortised: VAE | many examples, each with its own latents |
| expectation propagation | a $\Q{q}$ that covers the posterior instead of being too narrow |
| Monte Carlo (MCMC) | exact results, if time matters less |

The update of coordinate ascent, below, comes from the calculus of variations, which finds optimal functions. Finite
elements and maximum entropy use it too, but they are not variational *inference*.""",
        r"""| 方法 | 适用情形 |
|---|---|
| 平均场，坐标上升 | 模型共轭，数据量小 |
| 随机变分推断 | 模型共轭，数据量大 |
| 黑箱变分推断（得分函数或重参数化） | 任何写得出密度的模型，一次一个后验 |
| 摊销：变分自编码器 | 样本多，每个样本有自己的隐变量 |
| 期望传播 | 希望 $\Q{q}$ 盖住后验，而不是过窄 |
| 蒙特卡罗（MCMC） | 要精确的结果，不太在乎时间 |

坐标上升的更新公式（见下）来自变分法（calculus of variations），也就是寻找最优的函数。有限元和最大熵也用变分法，但它们不是变分**推断**。""",
    ),
}
