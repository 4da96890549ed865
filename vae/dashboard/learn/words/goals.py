"""Words of the lesson on hidden causes and the two goals."""

from vae.dashboard.learn.lesson import Text

WORDS = {
    "title": Text("What we want", "我们想要什么"),
    "caption": Text(
        r"Lit share of the moon over one month, 2,000 evenly spaced moments.",
        r"一个月之内月亮的亮面比例，取 2000 个等间隔的时刻。",
    ),
    "components": Text("Gaussians", "高斯成分数"),
    "axis_share": Text("lit share of the disc", "亮面比例"),
    "axis_density": Text("density", "密度"),
    "your_guess": Text("your guess", "你的猜测"),
    "infer": Text("infer", "推断"),
    "generate": Text("generate", "生成"),
    "vae": Text("VAE", "变分自编码器"),
    "autoencoder": Text("plain autoencoder", "普通自编码器"),
    "pixels": Text("average of the pixels", "像素平均"),
    "error": Text("error in between", "中间的误差"),
    "moons.title": Text("Pictures with a hidden cause", "有隐藏原因的图像"),
    "moons.caption": Text(
        "24 pictures of 28×28 pixels, as they were found: without order, without labels.",
        "24 张 28×28 像素的图像，就像刚找到时那样：没有顺序，没有标签。",
    ),
    "moons.text": Text(
        r"""Here is a box of moon pictures without dates. Each has 784 pixels, but one number explains them all: the phase
of the moon. A number that causes the picture, but that we cannot see, is a **latent variable** $z$.

The pixels are the **observed variable** $\X{x}$. A **generative model** describes how the data arise:
first nature draws a phase from the **prior** $\P{p(z)}$, then a picture with this phase from $p(\X{x}|z)$.

Look at the pictures. Could you put them in the order of a month? Then you have just inferred $z$.""",
        r"""一盒月亮的照片，谁也没有写上日期。每张有 784 个像素，但只要一个数就能解释它们：月相。
像这样造成我们所见、自己却看不见的数，叫作**隐变量（latent variable）** $z$。

像素是**观测变量（observed variable）** $\X{x}$。**生成模型（generative model）** 讲的是数据的来历：
自然先从**先验（prior）** $\P{p(z)}$ 中抽出一个月相，月相再生成图像，即 $p(\X{x}|z)$。

看看这些图：你能把它们排好顺序吗？如果能，你刚刚就推断出了 $z$。""",
    ),
    "guess.title": Text("Which moon is the rarest?", "哪种月亮最少见？"),
    "guess.text": Text(
        r"""Measure one thing only: the lit share $\X{x}$ of the disc, from 0 % (new moon) to 100 % (full moon). The phase runs
evenly through the month.

Which lit share is the rarest in a month? Click at that place; its height does not count.""",
        r"""只量一样东西：圆面被照亮的比例 $\X{x}$，从 0 %（新月）到 100 %（满月）。月相在一个月里匀速变化。

一个月中，哪个亮面比例最少见？在那个位置点一下。""",
    ),
    "mixture.title": Text("Real data is not one Gaussian", "真实数据不是一个高斯分布"),
    "mixture.text": Text(
        r"""The half moon is the rarest, because the lit share changes fastest there. One Gaussian (the line) makes it the
most common, and even allows moons that are 120 % lit.

The simplest hidden cause is a choice among $K$ components: draw one of them, then draw $\X{x}$ from its Gaussian.
This is a **Gaussian mixture model**. Raise $K$ and watch the mean log-likelihood rise toward the limit on the right of
the formula, which only the true density $p^*$ reaches. A nat is the unit of natural logarithms.

A VAE takes the next step: its $z$ is continuous, so $p(\X{x})$ mixes infinitely many Gaussians.""",
        r"""半月最少见，因为那时亮面比例变化最快。单个高斯分布（图中的曲线）却认为半月最常见，还预言会有 120 % 被照亮的月亮。

最简单的隐藏原因是从 $K$ 个里选一个：先抽一个成分，再从它的高斯分布抽出 $\X{x}$。
这就是**高斯混合模型（Gaussian mixture model）**。增大 $K$，看平均对数似然升向右边的上限，只有真实的密度 $p^*$ 能达到它。奈特是自然对数的单位。

变分自编码器由此再进一步：它的 $z$ 是连续的，相当于无穷多个高斯分布的混合。""",
    ),
    "goals.title": Text("Two goals", "两个目标"),
    "goals.caption": Text(
        "The same pictures in the order of their hidden cause.",
        "同样的图像，按隐藏的原因排好顺序。",
    ),
    "goals.text": Text(
        r"""A model with a hidden cause should do two things.

**Infer**: given a picture, say which causes are plausible. An **inference network** (encoder) returns a density
over them, $\Q{q(z|x)}$.

**Generate**: given a cause, make a picture. A **generative network** (decoder) returns $p(\X{x}|z)$. For a new
picture, first draw a cause from the prior: $\P{z \sim p(z)}$.

Both networks are learned from the pictures alone. The next lesson derives the objective that trains them.""",
        r"""有隐藏原因的模型应该做到两件事。

**推断**：给出图像，说出哪些原因是可能的，即 $\Q{q(z|x)}$。这由**推断网络（编码器）** 完成。

**生成**：给出原因，画出图像，即 $p(\X{x}|z)$。这由**生成网络（解码器）** 完成；生成新图像从 $\P{z \sim p(z)}$ 开始。

两者起初都未知，都只从图像中学得。下一课讲学习的目标是什么。""",
    ),
    "between.title": Text("From full moon to half moon", "从满月到半月"),
    "between.caption": Text(
        "Left full moon, right half moon. Error: root mean squared difference of the middle pictures to the nearest real moon, in units of the pixel range.",
        "左端满月，右端半月。误差：中间的图像与最接近的真实月亮的均方根之差，以像素取值范围为单位。",
    ),
    "between.text": Text(
        r"""Press Train: two models learn the same 24 moons. An **autoencoder** gives each picture one point $z$. A VAE gives
it a region: training draws $z$ from $\Q{q(z|x)}$, so every $z$ near that of a picture must decode to that picture.

Each row walks from the $z$ of the full moon to that of the half moon. Averaging the pixels shows two moons at
once. The autoencoder is exact at its 24 points and breaks up in between; the VAE was trained there too.

Error in between: VAE [[error_vae:3]], autoencoder [[error_autoencoder:3]], pixels [[error_pixels:3]].""",
        r"""点“开始训练”，用同样的 24 张月亮训练两个模型。**自编码器（autoencoder）** 给每张图一个点 $z$；变分自编码器给它一片区域：
训练时 $z$ 从 $\Q{q(z|x)}$ 中抽取，所以这个点附近的 $z$ 也必须解码成这张图。

现在从满月的 $z$ 走到半月的 $z$。像素平均会同时出现两个月亮；普通自编码器在自己的图上很准，中间却会撕裂；
变分自编码器训练时到过中间的位置。

中间的误差：变分自编码器 [[error_vae:3]]，普通自编码器 [[error_autoencoder:3]]，像素平均 [[error_pixels:3]]。""",
    ),
    "sandbox.title": Text("Where this leads", "由此出发"),
    "sandbox.text": Text(
        r"""A VAE gives each image a region of $z$, an autoencoder only a point. This is the main difference, and it makes walks
between pictures and new samples possible.

Raise $K$ once more, up to 6. Or press "Open this as a run" to train a VAE on 2,000 moons that are also tilted: two
causes, two latents. The Latent space page then shows the month as a ring.""",
        r"""变分自编码器给每张图 $z$ 的一片区域，普通自编码器只给一个点：这是两者的主要区别，插值和采样由此成为可能。

作为训练任务打开，可以在 2000 张带倾角的月亮上训练：两个原因，两个隐变量。隐空间页面上，一个月会成为一个环。""",
    ),
}
