"""Words of the lesson on the prior N(0, I)."""

from vae.dashboard.learn.lesson import Text

FAR = Text(
    r"Points: means of $\Q{q(z|x)}$, from dark (new moon) to bright (full moon); diamonds lie outside the map. Grey: draws from $\P{p(z)}$; circles: 1σ and 2σ of N(0, I). Red: what is decoded here is no moon. Below: decoded draws, with their mean distance to the nearest real moon.",
    r"彩色点：$\Q{q(z|x)}$ 的均值，颜色由深到亮对应由新月到满月；边上的菱形表示落在图外的点。灰色：从 $\P{p(z)}$ 抽取的点，圆为 N(0, I) 的 1σ 和 2σ。红色：这里解码出来的不像月亮。下方：抽取的点解码后的图像，以及它们到最近的真实月亮的平均距离。",
)

WORDS = {
    "title": Text("Why the prior is N(0, I)", "先验为什么是 N(0, I)"),
    "caption": Text(
        r"60 moons, two latents. Points: means of $\Q{q(z|x)}$, from dark (new moon) to bright (full moon). Grey: draws from $\P{p(z)}$; circles: 1σ and 2σ of N(0, I). Red: what is decoded here is no moon. Below: decoded draws, with their mean distance to the nearest real moon.",
        r"60 张月亮图像，两个隐变量。彩色点：$\Q{q(z|x)}$ 的均值，颜色由深到亮对应由新月到满月。灰色：从 $\P{p(z)}$ 抽取的点，圆为 N(0, I) 的 1σ 和 2σ。红色：这里解码出来的不像月亮。下方：抽取的点解码后的图像，以及它们到最近的真实月亮的平均距离。",
    ),
    "beta.caption": FAR,
    "sandbox.caption": FAR,
    "width": Text("width of each posterior", "每个后验的标准差"),
    "beta": Text("weight of the KL", "KL 的权重"),
    "beta.0": Text("0", "0"),
    "beta.0.01": Text("0.01", "0.01"),
    "beta.0.1": Text("0.1", "0.1"),
    "beta.1": Text("1", "1"),
    "beta.10": Text("10", "10"),
    "prior": Text("prior", "先验分布"),
    "prior.standard": Text("N(0, I)", "N(0, I)"),
    "prior.mixture": Text("mixture of 20 Gaussians", "20 个高斯分布的混合"),
    "prior.vamp": Text("VampPrior", "后验混合（VampPrior）"),
    "autoencoder": Text("plain autoencoder", "普通自编码器"),
    "vae": Text("VAE", "变分自编码器"),
    "drawn": Text("draws, mean distance", "解码结果，平均距离"),
    "aggregate": Text("q(z): average of all posteriors", "q(z)：所有后验的平均"),
    "ninth": Text("q(z|x) of nine moons, each divided by 9", "q(z|x)：九张月亮各自的后验，除以 9"),
    "axis_density": Text("density", "密度"),
    "your_guess": Text("your guess", "你的猜测"),
    "models.title": Text("From where would you draw z?", "该从哪里抽取 z？"),
    "models.text": Text(
        r"""To make a new picture of the moon, draw a $z$ and decode it. But draw it from where? The VAE fixes the answer
before training: from the **prior** $\P{p(z) = N(0, I)}$, the grey points.

An **autoencoder** and a VAE learned the same moons. The autoencoder has no $\P{p(z)}$ and no
$\Q{\sigma}$: each picture becomes one point, and only the reconstruction counts.

See where the coloured points lie. In the VAE they stay near the circles, since the
$\K{\mathrm{KL}}$ charges for every step outwards. In the autoencoder they can lie anywhere. Press Train to watch them
move there.""",
        r"""要生成一张新的月亮图像，就抽一个 $z$ 再解码。可是从哪里抽？变分自编码器在训练之前就定好了答案：
从**先验分布** $\P{p(z) = N(0, I)}$ 中抽，即灰色的点。

**自编码器**和变分自编码器学习了同样的月亮。自编码器没有 $\P{p(z)}$，也没有 $\Q{\sigma}$：
每张图只是一个点，目标里只有重构。

看彩色点在哪里。在变分自编码器中，它们留在圆的附近，因为每往外一步，都要多付 $\K{\mathrm{KL}}$；
在自编码器中，它们可以落在任何地方。点“开始训练”，可以看它们怎样走到那里。""",
    ),
    "samples.title": Text("Decode the draws", "把抽到的点解码"),
    "samples.text": Text(
        r"""Both models decode draws from $N(0, I)$, below each map. Their mean distance to the nearest real moon is
[[left_error:3]] for the autoencoder and [[right_error:3]] for the VAE (root mean squared difference, pixels from 0 to 1).

The autoencoder was trained at its coloured points only. Most draws fall elsewhere, often into **holes** (red), where
the decoded picture is not a moon.

In the map of the VAE the circles are nearly free of red. During training $z$ was drawn from $\Q{q(z|x)}$, and
the $\K{\mathrm{KL}}$ pulled these regions together until they nearly covered the prior. The fit is not perfect: the
phases form a ring, and a ring does not fill a disc evenly.""",
        r"""两个模型都去解码从 $N(0, I)$ 抽取的点，结果在各图下方。它们到最近的真实月亮的平均距离：
自编码器 [[left_error:3]]，变分自编码器 [[right_error:3]]（均方根误差，像素值从 0 到 1）。

自编码器只在那些彩色点上训练过。抽到的点大多落在别处，常常掉进**空洞**（hole），即红色区域，那里解码出来的不是月亮。

变分自编码器的圆内几乎没有红色。训练时 $z$ 从 $\Q{q(z|x)}$ 中抽取，$\K{\mathrm{KL}}$ 又把这些区域拉到一起，
直到几乎盖住先验。但并不完美：月相构成一个环，而环不能均匀地填满圆盘。""",
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

只看一个隐变量。假设所有月亮的后验密度平均起来，恰好是 $N(0, 1)$；各个后验的中心 $\Q{\mu}$ 的标准差是 [[means]]，
宽度 $\Q{\sigma}$ 都相同。

那么单独一张月亮的后验 $\Q{q(z|x)}$ 有多宽？在 $z$ 轴上点出它的 $\Q{\sigma}$。""",
    ),
    "pieces.title": Text(
        "Many narrow posteriors add up to the prior", "许多窄的后验，平均起来就是先验"
    ),
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
        r"""方差相加：$1 = \Q{\sigma^2} + \mathrm{Var}(\Q{\mu})$。上一步中 $\mathrm{Var}(\Q{\mu}) = 0.98^2$，所以 $\Q{\sigma} = 0.2$。
没有哪个后验像先验，像先验的是它们的平均，即**聚合后验**（aggregate posterior）$\Q{q(z)}$。

证据下界里的 $\K{\mathrm{KL}}$，对 $\X{x}$ 取平均后分成两部分。$I(\X{x}; z)$ 是 $z$ 携带的关于 $\X{x}$ 的信息，这份代价花得值；
$\Q{q(z)}$ 到先验的 $\K{\mathrm{KL}}$ 则什么也换不来。在这里，无论 $\Q{\sigma}$ 是多少，后者都是 0。

把 $\Q{\sigma}$ 移到 1：每个后验都成了先验，$z$ 什么也不携带，这就是**后验坍塌**。""",
    ),
    "beta.title": Text("β pulls the points in", "β 把点拉进来"),
    "beta.text": Text(
        r"""Change the weight $\beta$ of the $\K{\mathrm{KL}}$, and one model turns into the other. At $\beta = 0$ the right
model is an autoencoder again: its $\Q{\sigma}$ falls to 0.

Choose one $\beta$ after the other. Watch two things: with each larger $\beta$ the
$\K{\mathrm{KL}}$ from $\Q{q(z)}$ to the prior falls, and the points fill the circles better.

The distance of the pictures alone can mislead: with a small $\beta$ all draws may decode to the same good moon. The
draws must land on the points **and** the points must fill the prior.""",
        r"""改变 $\K{\mathrm{KL}}$ 的权重 $\beta$，就从一个模型走到另一个模型。$\beta = 0$ 时，右边的模型又成了自编码器，它的 $\Q{\sigma}$ 降向 0。

依次选每一个 $\beta$，注意两件事：$\beta$ 每增大一步，$\Q{q(z)}$ 到先验的 $\K{\mathrm{KL}}$ 就减小，
彩色点也把圆填得更满。

只看图像的距离会上当：$\beta$ 很小时，抽到的点可能都解码成同一张像样的月亮。
抽到的点要落在彩色点上，**而且**彩色点要填满先验。""",
    ),
    "others.title": Text("Or change the prior", "也可以换一个先验"),
    "others.text": Text(
        r"""$N(0, I)$ is one choice among many: it is easy to draw from, its KL has a closed form, and it prefers no direction. If
the data form a ring, another prior fits better.

The best prior would be $\Q{q(z)}$ itself. A **mixture** learns 20 Gaussians to come close. The **VampPrior** learns 20
pictures instead, and averages their posteriors.

See the grey draws on the right: most lie where the points are. ELBO: left [[left_elbo:1]], right
[[right_elbo:1]] nats. The price: more parameters, and a map without a fixed scale.""",
        r"""$N(0, I)$ 只是一种选择：简单，容易采样，KL 有解析解，不偏向任何方向。数据若排成一个环，别的先验更合适。

最好的先验就是 $\Q{q(z)}$ 本身。**混合先验**（mixture）学习 20 个高斯分布，去接近它。
**后验混合先验**（VampPrior）改为学习 20 张图像，再把它们的后验平均。

看右边灰色的点：它们大多落在彩色点附近。证据下界：左 [[left_elbo:1]]，右 [[right_elbo:1]] 奈特。
代价是参数更多，隐空间也没有了固定的尺度。""",
    ),
    "sandbox.title": Text("Everything is free", "自由探索"),
    "sandbox.text": Text(
        r"""Left: $\beta = 1$ with $N(0, I)$. Right: your $\beta$ and your prior. With $\beta = 10$ and $N(0, I)$
the points fill the circles, but the reconstruction gets worse. With $\beta = 0$ no prior is learned, so it stays $N(0, I)$.

Press "Open this as a run" to train on 2,000 moons that are also tilted. Two hidden causes fill two latents better
than one ring does.""",
        r"""左边：$\beta = 1$，先验为 $N(0, I)$。右边：由你选择 $\beta$ 和先验。取 $\beta = 10$ 和 $N(0, I)$，
彩色点会填满圆，重构却变差。$\beta = 0$ 时先验学不到东西，所以总是 $N(0, I)$。

点“作为训练任务打开”，可以在 2000 张倾角也会变化的月亮上训练。两个原因填两个隐变量，比一个环填得更满。""",
    ),
}
