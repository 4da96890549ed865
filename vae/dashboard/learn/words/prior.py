"""Words of the lesson on the prior N(0, I)."""

from vae.dashboard.learn.lesson import Text

WORDS = {
    "title": Text("Why the prior is N(0, I)", "先验为什么是 N(0, I)"),
    "caption": Text(
        r"60 pictures of the moon, two latents. Coloured points: means of $\Q{q(z|x)}$, dark for new moon, bright for full moon. Grey: draws from $\P{p(z)}$, circles at 1σ and 2σ of N(0, I). Red: decoded pictures far from every real moon. Below: decoded draws and their mean distance to the nearest real moon.",
        r"60 张月亮图像，两个隐变量。彩色点：$\Q{q(z|x)}$ 的均值，新月深、满月亮。灰色：从 $\P{p(z)}$ 抽取的点，圆为 N(0, I) 的 1σ 和 2σ。红色：解码后与任何真实月亮都相差很远。下方：解码后的抽样，以及它们到最近的真实月亮的平均距离。",
    ),
    "width": Text("width of each posterior", "每个后验的标准差"),
    "beta": Text("weight of the KL", "KL 的权重"),
    "beta.0": Text("0", "0"),
    "beta.0.01": Text("0.01", "0.01"),
    "beta.0.1": Text("0.1", "0.1"),
    "beta.1": Text("1", "1"),
    "beta.10": Text("10", "10"),
    "prior": Text("prior", "先验分布"),
    "prior.standard": Text("N(0, I)", "N(0, I)"),
    "prior.mixture": Text("mixture of 20 Gaussians", "20 个高斯的混合"),
    "prior.vamp": Text("VampPrior", "后验混合（VampPrior）"),
    "autoencoder": Text("plain autoencoder", "普通自编码器"),
    "vae": Text("VAE", "变分自编码器"),
    "drawn": Text("decoded draws, distance", "解码后的抽样，距离"),
    "aggregate": Text("average of all posteriors", "所有后验的平均"),
    "ninth": Text("of nine moons, each divided by 9", "九张月亮各自的后验，除以 9"),
    "axis_density": Text("density", "密度"),
    "your_guess": Text("your guess", "你的猜测"),
    "models.title": Text("From where would you draw z?", "该从哪里抽取 z？"),
    "models.text": Text(
        r"""To make a picture of a new moon, draw a $z$ and decode it. But draw it from where? The VAE fixes the answer
before training: from the **prior** $\P{p(z) = N(0, I)}$, the grey points.

Press Train: an **autoencoder** and a VAE learn the same moons. The autoencoder has no $\P{p(z)}$ and no
$\Q{\sigma}$: each picture becomes one point, and only the reconstruction counts.

Watch where the coloured points go. In the VAE they stay near the circles, since the
$\K{\mathrm{KL}}$ charges for every step outwards. In the autoencoder they go anywhere.""",
        r"""要生成一张新的月亮，就抽一个 $z$ 再解码。可是从哪里抽？变分自编码器在训练之前就定好了答案：
从**先验分布（prior）** $\P{p(z) = N(0, I)}$ 中抽，即灰色的点。

用同样的月亮训练一个**自编码器（autoencoder）** 和一个变分自编码器。自编码器没有 $\P{p(z)}$，也没有 $\Q{\sigma}$：
一张图只是一个点，目标里只有重构。

观察彩色点往哪里去。在变分自编码器中，它们留在圆内，因为每往外一步，$\K{\mathrm{KL}}$ 都要付出代价；
在自编码器中，它们可以在任何地方。""",
    ),
    "samples.title": Text("Decode the draws", "把抽样解码出来"),
    "samples.text": Text(
        r"""After training (press Train), both models decode draws from $N(0, I)$, below each map. Their mean distance to the nearest real moon is
[[left_error:3]] for the autoencoder and [[right_error:3]] for the VAE (root mean squared difference, pixels from 0 to 1).

The autoencoder was never trained on these places. Between its points lie **holes** (red), where the decoded
picture is not a moon.

In the map of the VAE the circles are nearly free of red. During training $z$ was drawn from $\Q{q(z|x)}$, and
the $\K{\mathrm{KL}}$ pulled these regions together until they nearly covered the prior. The fit is not perfect: the
phases form a ring, and a ring does not fill a disc evenly.""",
        r"""现在两个模型都解码来自 $N(0, I)$ 的抽样。它们到最近的真实月亮的平均距离：
自编码器 [[left_error:3]]，变分自编码器 [[right_error:3]]（均方根之差，像素值从 0 到 1）。

训练自编码器时，从来没有用到过这些位置。它的点与点之间有**空洞（hole）**，即红色区域，那里解码出来的不是月亮。

变分自编码器的圆内几乎没有红色。训练时 $z$ 从 $\Q{q(z|x)}$ 中抽取，$\K{\mathrm{KL}}$ 又把这些区域拉到一起，
直到盖住先验。但并不完美：月相构成一个环，而环不能均匀地填满圆盘。""",
    ),
    "guess.title": Text("Is every posterior N(0, I)?", "每个后验都是 N(0, I) 吗？"),
    "guess.caption": Text(
        r"One latent. Grey: $\P{p(z) = N(0, 1)}$. Points: means of $\Q{q(z|x)}$ of nine moons.",
        r"一个隐变量。灰色：$\P{p(z) = N(0, 1)}$。点：九张月亮的 $\Q{q(z|x)}$ 的均值。",
    ),
    "guess.text": Text(
        r"""One often reads "in a VAE the posterior is $N(0, I)$". This is wrong: the **prior** is $N(0, I)$.

Take one latent, and suppose that the posterior densities of all moons, averaged, give exactly $N(0, 1)$. Their centres
$\Q{\mu}$ have the standard deviation [[means]], and all have the same width $\Q{\sigma}$.

How wide is the posterior $\Q{q(z|x)}$ of a single moon? Click at its $\Q{\sigma}$ on the axis of $z$.""",
        r"""常有人说“变分自编码器的后验是 $N(0, I)$”，这是错的。$N(0, I)$ 是**先验**。

假设所有后验的平均恰好是 $N(0, 1)$，它们的均值 $\Q{\mu}$ 的标准差是 [[means]]。

那么单独一张月亮的后验 $\Q{q(z|x)}$ 有多宽？在横轴上点一下它的 $\Q{\sigma}$。""",
    ),
    "pieces.title": Text("Many narrow posteriors add up to the prior", "许多窄的后验合成先验"),
    "pieces.caption": Text(
        r"One latent. Grey: $\P{p(z) = N(0, 1)}$. Points: means of $\Q{q(z|x)}$ of nine moons. Dashed: the aggregate posterior.",
        r"一个隐变量。灰色：$\P{p(z) = N(0, 1)}$。点：九张月亮的 $\Q{q(z|x)}$ 的均值。虚线：聚合后验。",
    ),
    "pieces.text": Text(
        r"""Variances add: $1 = \Q{\sigma^2} + \mathrm{Var}(\Q{\mu})$. In the question $\mathrm{Var}(\Q{\mu}) = 0.98^2$, so
$\Q{\sigma} = 0.2$. No single posterior looks like the prior. Their average does: the **aggregate posterior**
$\Q{q(z)}$.

The $\K{\mathrm{KL}}$ of the ELBO, averaged over $\X{x}$, has two parts. $I(\X{x}; z)$ is the information that $z$
carries about $\X{x}$: it is worth its price. The $\K{\mathrm{KL}}$ from $\Q{q(z)}$ to the prior buys nothing. Here it
is 0 for every $\Q{\sigma}$.

Move $\Q{\sigma}$ to 1. Now each posterior is the prior, and $z$ carries nothing: **posterior collapse**.""",
        r"""方差相加：$1 = \Q{\sigma^2} + \mathrm{Var}(\Q{\mu})$。均值的标准差为 0.98 时，只给 $\Q{\sigma}$ 留下 0.2。
没有哪个后验像先验，像先验的是它们的平均，即**聚合后验（aggregate posterior）** $\Q{q(z)}$。

证据下界里的 $\K{\mathrm{KL}}$ 分成两部分：一是 $z$ 携带的关于 $\X{x}$ 的信息，这份代价花得值；
二是 $\Q{q(z)}$ 与先验的距离，纯属损失。在这里，无论 $\Q{\sigma}$ 是多少，第二部分都是 0。

把 $\Q{\sigma}$ 移到 1：每个后验都成了先验，$z$ 什么也不携带，这就是**后验坍塌（posterior collapse）**。""",
    ),
    "beta.title": Text("β pulls the points in", "β 把点拉进来"),
    "beta.text": Text(
        r"""The weight $\beta$ of the $\K{\mathrm{KL}}$ leads from one model to the other. At $\beta = 0$ the right
model is an autoencoder again: its $\Q{\sigma}$ falls to 0.

Choose a $\beta$, press Train, then try the next. Watch two things: with each larger $\beta$ the
$\K{\mathrm{KL}}$ from $\Q{q(z)}$ to the prior falls, and the points fill the circles better.

The distance of the pictures alone can mislead: with a small $\beta$ all draws may decode to the same good moon. The
draws must land on the points **and** the points must fill the prior.""",
        r"""两个模型之间，差的是 $\K{\mathrm{KL}}$ 的权重 $\beta$。$\beta = 0$ 时右边又成了自编码器，$\Q{\sigma}$ 降向 0。

对每个 $\beta$ 训练一个模型，注意两件事：$\beta$ 每增大一步，$\Q{q(z)}$ 与先验的距离就减小；
彩色点则铺开，直到把圆填满。

只看图像的距离会上当：$\beta$ 很小时，抽样可能只落在少数地方，解码出来都是同一张像样的月亮。
先验不仅要对得上，**还要**填得满。""",
    ),
    "others.title": Text("Or change the prior", "也可以换一个先验"),
    "others.text": Text(
        r"""$N(0, I)$ is a choice: it is simple, easy to draw from, has the KL in closed form, and prefers no direction. If the
data form a ring, another prior fits better.

The best prior would be $\Q{q(z)}$ itself. A **mixture** learns 20 Gaussians to come close. The **VampPrior** learns 20
pictures instead, and averages their posteriors.

Press Train and watch the grey draws on the right: they follow the points. ELBO: left [[left_elbo:1]], right
[[right_elbo:1]] nats. The price: more parameters, and a map without a fixed scale.""",
        r"""$N(0, I)$ 只是一种选择：简单，容易抽样，KL 有解析解，没有哪个方向特殊。如果数据是一个环，别的先验更合适。

**混合先验（mixture）** 学习 20 个高斯。**后验混合先验（VampPrior）** 是 20 张学出来的图像的后验的平均：
最好的先验就是 $\Q{q(z)}$ 本身，而它模仿的正是 $\Q{q(z)}$。

训练并观察灰色的点：它们跟着彩色点走。证据下界：左 [[left_elbo:1]]，右 [[right_elbo:1]] 奈特。
代价是更多的参数，以及没有固定尺度的隐空间。""",
    ),
    "sandbox.title": Text("Everything is free", "自由探索"),
    "sandbox.text": Text(
        r"""Left: $\beta = 1$ with $N(0, I)$. Right: your $\beta$ and your prior. With $\beta = 10$ and $N(0, I)$
the points fill the circles, but the reconstruction gets worse.

Press "Open this as a run" to train on 2,000 moons that are also tilted. Two hidden causes fill two latents better
than one ring does.""",
        r"""左边：$\beta = 1$，先验为 $N(0, I)$。右边：由你选择 $\beta$ 和先验。$\beta = 10$ 时，
先验为 $N(0, I)$ 时彩色点填满圆，代价由重构承担。

作为训练任务打开，可以在 2000 张带倾角的月亮上训练。两个隐藏的原因，比一个环更能填满两个隐变量。""",
    ),
}
