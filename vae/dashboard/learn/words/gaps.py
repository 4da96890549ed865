"""Words of the lesson on the gaps between the bound and ln p(x)."""

from vae.dashboard.learn.lesson import Text

WORDS = {
    "title": Text("The gaps", "差距从何而来"),
    "caption": Text(
        r"Above: densities over $z$. Below: how many nats each $\Q{q}$ stays below $\ln p(\X{x})$.",
        r"上图：$z$ 的各个密度。下图：每个 $\Q{q}$ 的下界比 $\ln p(\X{x})$ 低多少奈特。",
    ),
    # controls
    "x": Text("lit fraction", "亮面比例"),
    "degree": Text("encoder", "编码器"),
    "degree.1": Text("linear", "线性"),
    "degree.3": Text("cubic", "三次"),
    "degree.5": Text("quintic", "五次"),
    "family": Text("family of q", "q 的分布族"),
    "family.gaussian": Text("Gaussian", "高斯"),
    "family.flow": Text("flow", "标准化流"),
    "family.mixture": Text("two Gaussians", "两个高斯"),
    "samples": Text("samples", "样本数"),
    "samples.1": Text("1", "1"),
    "samples.10": Text("10", "10"),
    "samples.100": Text("100", "100"),
    "samples.1000": Text("1000", "1000"),
    "sd": Text("width of q", "q 的标准差"),
    "example": Text("example", "样本"),
    "bar": Text("KL(q ‖ p(z|x))", "KL(q ‖ p(z|x))"),
    "computing": Text("computing p(z|x) on a grid …", "正在网格上计算 p(z|x)……"),
    "no_run": Text(
        "No run fits this step: train one with two latents.",
        "没有适合这一步的训练任务：请先训练一个有两个隐变量的模型。",
    ),
    # labels of the picture
    "axis_z": Text("z: phase of the moon", "z：月相"),
    "axis_density": Text("density", "密度"),
    "axis_gap": Text("nats below ln p(x)", "比 ln p(x) 低多少（奈特）"),
    "axis_samples": Text("K, samples of q (log scale)", "K：q 的样本数（对数刻度）"),
    "axis_bound": Text("bound − ln p(x), in nats", "下界 − ln p(x)（奈特）"),
    "axis_ratio": Text("signal-to-noise ratio (log scale)", "信噪比（对数刻度）"),
    "posterior": Text("true posterior p(z|x)", "真实后验 p(z|x)"),
    "encoder": Text("the encoder's q(z|x)", "编码器给出的 q(z|x)"),
    "best": Text("best q of the family", "分布族中最好的 q"),
    "approximation": Text("approximation", "近似"),
    "amortisation": Text("amortisation", "摊销"),
    "plain": Text("plain gradient", "普通梯度"),
    "doubly": Text("doubly reparameterised", "双重重参数化"),
    "your_guess": Text("your guess", "你的猜测"),
    # steps
    "two_gaps.title": Text("Two reasons to miss ln p(x)", "差距的两个来源"),
    "two_gaps.text": Text(
        r"""The ELBO is below $\ln p(\X{x})$ by the gap $\T{\mathrm{KL}(q\,\|\,p(z|x))}$. The gap has two
causes.

The **approximation gap**: the posterior is skewed, and a Gaussian is symmetric. Even the best
Gaussian, the dashed curve, leaves this gap.

The **amortisation gap**: an encoder is one function for all examples. The mean of this one is linear
in $\X{x}$, and its width is the same for every $\X{x}$. So its $\Q{q(z|x)}$ is rarely the best Gaussian.

Move $\X{x}$ to 0.8, then to 0.5, and watch: first nearly all of the gap is approximation, then nearly
all is amortisation.""",
        r"""证据下界比 $\ln p(\X{x})$ 低，差距是 $\T{\mathrm{KL}(q\,\|\,p(z|x))}$，来源有两个。

**近似差距**（approximation gap）：后验偏向一侧，而高斯分布是对称的。
即使是最好的高斯分布（虚线），也还有这么多差距。

**摊销差距**（amortisation gap）：编码器是所有样本共用的一个函数。
这里的编码器，均值是 $\X{x}$ 的线性函数，标准差对每个 $\X{x}$ 都相同，
所以它给出的 $\Q{q(z|x)}$ 很少是最好的高斯分布。

把 $\X{x}$ 移到 0.8，再移到 0.5，观察：先是几乎全是近似差距，后来几乎全是摊销差距。""",
    ),
    "encoder.title": Text("A larger encoder closes one gap", "更强的编码器只缩小一个差距"),
    "encoder.text": Text(
        r"""To use one function for all examples is called **amortised inference**: a new $\X{x}$ costs one
evaluation instead of a search for the best $\Q{q}$. The price is the green part.

Select the cubic encoder: its mean is cubic in $\X{x}$, and its width depends on $\X{x}$. Watch the
green part nearly vanish, while the pink part stays at [[approximation:4]] nats: the encoder returns a
Gaussian, so it cannot beat the best Gaussian.""",
        r"""让所有样本共用一个函数，叫作**摊销推断**（amortised inference）：
遇到新的 $\X{x}$，只需计算一次函数值，不必再去搜索最好的 $\Q{q}$。代价就是绿色部分。

改选三次的编码器：它的均值是 $\X{x}$ 的三次函数，标准差也随 $\X{x}$ 变化。绿色部分几乎消失，
粉色部分却仍是 [[approximation:4]] 奈特。
编码器给出的总是高斯分布，再强也胜不过最好的高斯分布。""",
    ),
    "family.title": Text("A richer q closes the other", "更丰富的 q 缩小另一个差距"),
    "family.text": Text(
        r"""To close the approximation gap, allow more shapes for $\Q{q}$. A **normalising flow** bends a Gaussian:
in $z = \Q{\mu} + \Q{\sigma}\sinh(t\,(\operatorname{arsinh}\varepsilon + s))$ the number $s$ sets the
skew and $t$ the weight of the tails. A **mixture** adds a second Gaussian.

Select each family and watch the dashed curve approach the posterior. The gap falls from
[[gaussian:4]] to [[flow:4]] nats (flow) and [[mixture:4]] (mixture).""",
        r"""要缩小近似差距，就要让 $\Q{q}$ 有更多的形状。**标准化流**（normalising flow）把高斯分布变弯：
$z = \Q{\mu} + \Q{\sigma}\sinh(t\,(\operatorname{arsinh}\varepsilon + s))$，
其中 $s$ 控制偏斜，$t$ 控制尾部的轻重。**混合分布**（mixture）则再加一个高斯分布。

依次选择各个分布族，观察虚线怎样贴近后验。差距从 [[gaussian:4]] 奈特降到
[[flow:4]]（标准化流）和 [[mixture:4]]（混合分布）。""",
    ),
    "guess.title": Text("Ten samples instead of one", "用十个样本代替一个"),
    "guess.caption": Text(
        r"The bound with $K$ samples, relative to $\ln p(\X{x})$; $\Q{q}$ is that of the linear encoder.",
        r"$K$ 个样本的下界与 $\ln p(\X{x})$ 之差；$\Q{q}$ 由线性编码器给出。",
    ),
    "guess.text": Text(
        r"""There is a third way, without a better $\Q{q}$. Draw $K$ samples of $z$ from the encoder's $\Q{q}$,
average their ratios $p(\X{x}, z)/\Q{q(z|x)}$, and only **then** take the logarithm. The mean of the result
is again a bound. With $K = 1$ it is the ELBO, [[gap:3]] nats below $\ln p(\X{x})$.

How far below is it with $K = 10$? Click at that height on the dotted line.""",
        r"""还有第三种办法，不必改进 $\Q{q}$：从编码器的 $\Q{q}$ 中抽取 $K$ 个样本，
**先**对比值 $p(\X{x}, z)/\Q{q(z|x)}$ 求平均，再取对数，它的期望仍是下界。
$K = 1$ 时它就是证据下界，比 $\ln p(\X{x})$ 低 [[gap:3]] 奈特。

$K = 10$ 时还低多少？在点线上你认为的高度点一下。""",
    ),
    "iwae.title": Text("The importance-weighted bound", "重要性加权的下界"),
    "iwae.caption": Text(
        r"Computed by quadrature, without sampling noise. $L_1$ is the ELBO.",
        r"由数值积分算出，没有采样噪声。$L_1$ 就是证据下界。",
    ),
    "iwae.text": Text(
        r"""The bound $L_K$ of the **importance weighted autoencoder (IWAE)** never falls as $K$ grows, and it
tends to $\ln p(\X{x})$. The gap shrinks because the mean of $K$ ratios varies less than one ratio: Jensen's
inequality loses less.

If the ratios have a finite variance, the gap falls as $1/K$ for large $K$. At $\X{x} = 0.95$ the tail of
$\Q{q}$ is thinner than that of the posterior, a few ratios are huge, and the gap falls more slowly.

Watch the gap from $K = 100$ to $1000$: at $\X{x} = 0.5$ a tenth of it is left, at $0.95$ a quarter.""",
        r"""**重要性加权自编码器**（importance weighted autoencoder，IWAE）的下界 $L_K$ 随 $K$ 增大从不下降，并趋于 $\ln p(\X{x})$。
$K$ 个比值的平均比单个比值波动小，所以Jensen不等式损失得少，差距变小。

如果比值的方差有限，$K$ 很大时差距与 $1/K$ 成正比。
在 $\X{x} = 0.95$ 处，$\Q{q}$ 的尾部比后验的薄，少数比值极大，差距缩小得更慢。

观察 $K$ 从 $100$ 到 $1000$：在 $\X{x} = 0.5$ 处，差距只剩十分之一；在 $0.95$ 处，还剩四分之一。""",
    ),
    "noise.title": Text("A tighter bound, a worse gradient", "下界更紧，梯度更差"),
    "noise.caption": Text(
        r"Both axes are logarithmic. Grey guides: slopes $-\frac12$ and $+\frac12$. "
        r"$\Q{q} = N(0, \Q{\sigma}^2)$, an encoder before training.",
        r"两轴均为对数刻度，灰线的斜率为 $-\frac12$ 和 $+\frac12$。"
        r"$\Q{q} = N(0, \Q{\sigma}^2)$，相当于训练之前的编码器。",
    ),
    "noise.text": Text(
        r"""The encoder learns from a noisy gradient. The mean of the gradient divided by its standard deviation
is the **signal-to-noise ratio**, shown in picture and table. For the plain gradient with respect to
$\Q{\mu}$ it falls like $1/\sqrt{K}$: the tighter the bound, the weaker the signal.

The **doubly reparameterised** gradient is another estimate with the same mean. Its ratio rises like
$\sqrt{K}$ for large $K$.

Move $\Q{\sigma}$ below 0.7 and watch the green line turn down: it rises only if huge values of
$p(\X{x}, z)/\Q{q(z|x)}$ are rare enough.""",
        r"""编码器靠带噪声的梯度学习。梯度的均值除以标准差，就是**信噪比**（signal-to-noise ratio），见图和表。
对 $\Q{\mu}$ 求普通梯度，信噪比按 $1/\sqrt{K}$ 下降：下界越紧，编码器得到的信号越弱。

**双重重参数化**（doubly reparameterised）的梯度是另一种估计，均值相同，$K$ 很大时信噪比却按 $\sqrt{K}$ 上升。

把 $\Q{\sigma}$ 调到 0.7 以下，观察绿线转而向下：只有当 $p(\X{x}, z)/\Q{q(z|x)}$ 极少取到极大的值时，信噪比才会上升。""",
    ),
    "images.title": Text("The gaps of a real model", "真实模型的差距"),
    "images.caption": Text(
        r"Left: the latent plane of the run, one dot per example. Right: example [[row]] close up. Lines hold 39 % and 86 % of each density. $\T{p(z|x)}$ is computed on a grid.",
        r"左图：该任务的隐变量平面，每个点是一个样本。右图：样本 [[row]] 的放大图，两条线内分别含各密度的 39 % 和 86 %。$\T{p(z|x)}$ 由网格算出。",
    ),
    "images.text": Text(
        r"""With two latents the true posterior of an image can be computed: weigh each point of a fine grid by
$p(\X{x}|z)\,\P{p(z)}$. The right picture compares it with the encoder's $\Q{q(z|x)}$ and with the best Gaussian of
the same family, found by a search for this image alone.

Click on dots, also at the edge of the cloud. Watch how far the solid lines are from the dashed ones:
this is the amortisation gap, here often the larger one. The darker part of the pink bar, [[full:3]] nats, would
remain for a Gaussian with **full covariance**.

Then choose another run. A Gaussian $p(\X{x}|z)$ is a density, so $\ln p(\X{x})$ may be positive. With a
Bernoulli, grey values have no true probability: compare the gaps only.""",
        r"""只有两个隐变量时，图像的真实后验算得出来：在细网格的每一点，用 $p(\X{x}|z)\,\P{p(z)}$ 加权。
右图把它同编码器的 $\Q{q(z|x)}$，以及同一分布族中最好的高斯分布（只为这一张图像搜索到的）相比较。

点一点各处的点，也试试点云边缘的。看实线离虚线有多远：这就是摊销差距，在这里它往往更大。
粉色条中较深的一段（[[full:3]] 奈特），是换成**完整协方差**（full covariance）的高斯分布之后仍会剩下的差距。

再换一个训练任务。高斯的 $p(\X{x}|z)$ 是灰度的密度，所以 $\ln p(\X{x})$ 可以大于 0；
伯努利分布（Bernoulli distribution）用于灰度时，得到的并不是 $\X{x}$ 的概率：这时只能比较差距。""",
    ),
    "sandbox.title": Text("Three remedies side by side", "三种办法放在一起"),
    "sandbox.text": Text(
        r"""A larger encoder shrinks the green part, a richer $\Q{q}$ the pink part, more samples the whole gap.

With one latent variable the gaps are small; in the image models of Cremer et al., as in the last
step, the amortisation gap is often the larger one.

A slip to avoid: a small gap alone does not make a good model. $\ln p(\X{x})$ itself may be low.""",
        r"""更强的编码器缩小绿色部分，更丰富的 $\Q{q}$ 缩小粉色部分，更多的样本缩小整个差距。

这里只有一个隐变量，所以差距很小。在图像模型上，摊销差距常常更大，上一步和文献（Cremer et al.）都是如此。

一个常见的误解：差距小，不等于模型好，因为 $\ln p(\X{x})$ 本身可能很低。""",
    ),
}
