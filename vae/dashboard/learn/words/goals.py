"""Words of the lesson on hidden causes and the two goals."""

from vae.dashboard.learn.lesson import Text

MIXTURE = Text(
    r"Bars: lit share of the moon over one month, 2,000 evenly spaced moments. Line: the best mixture of $K$ Gaussians.",
    r"柱：一个月之内月亮的亮面比例，取 2000 个等间隔的时刻。曲线：最优的 $K$ 个高斯分布的混合。",
)

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
    "way": Text("from full to half moon", "从满月到半月"),
    "moons.title": Text("Pictures with a hidden cause", "有隐藏原因的图像"),
    "moons.caption": Text(
        "24 pictures of 28×28 pixels, as they were found: without order, without labels.",
        "24 张 28×28 像素的图像，既没有顺序，也没有标签。",
    ),
    "moons.text": Text(
        r"""Here is a box of moon pictures without dates. Each has 784 pixels, but one number explains them all: the phase
of the moon. A number that causes the picture, but that we cannot see, is a **latent variable** $z$.

The pixels are the **observed variable** $\X{x}$. A **generative model** describes how the data arise:
first nature draws a phase from the **prior** $\P{p(z)}$, then a picture with this phase from $p(\X{x}|z)$.

Look at the pictures. Could you put them in the order of a month? Then you have just inferred $z$.""",
        r"""这里有一盒月亮的照片，上面没有日期。每张有 784 个像素，但只要一个数就能解释：月相。
它决定了图像的样子，自己却看不见。这样的数叫作**隐变量**（latent variable）$z$。

像素是**观测变量**（observed variable）$\X{x}$。**生成模型**（generative model）描述数据是怎样产生的：
先从**先验分布**（prior）$\P{p(z)}$ 中抽取一个月相，再按这个月相，从 $p(\X{x}|z)$ 中抽取一张图像。

看看这些图：你能按一个月的先后把它们排好吗？如果能，你就已经推断出了 $z$。""",
    ),
    "guess.title": Text("Which moon is the rarest?", "哪种月亮最少见？"),
    "guess.text": Text(
        r"""Measure one thing only: the lit share $\X{x}$ of the disc, from 0 % (new moon) to 100 % (full moon). The phase runs
evenly through the month.

Which lit share is the rarest in a month? Click at that place. Only left and right count, not the height.""",
        r"""现在只看一个量：亮面比例 $\X{x}$，即圆面上亮的部分占多少，从 0 %（朔，即新月）到 100 %（满月）。
月相在一个月里匀速变化。

一个月中，哪个亮面比例最少见？在那个位置点一下，高低不限。""",
    ),
    "mixture.caption": MIXTURE,
    "sandbox.caption": MIXTURE,
    "mixture.title": Text("Real data is not one Gaussian", "一个高斯分布不够用"),
    "mixture.text": Text(
        r"""The half moon is the rarest, because the lit share changes fastest there. One Gaussian (the line) makes it the
most common, and even allows moons that are 120 % lit.

The simplest hidden cause is a choice among $K$ components: draw one of them, then draw $\X{x}$ from its Gaussian.
This is a **Gaussian mixture model**. Raise $K$ and watch the mean log-likelihood, at the left of the formula, rise
toward its limit at the right. Only the true density $p^*$ reaches this limit. A nat is the unit of natural logarithms.

A VAE takes the next step: its $z$ is continuous, so $p(\X{x})$ mixes infinitely many Gaussians.""",
        r"""半月最少见，因为那时亮面比例变化最快。用一个高斯分布去拟合（图中的曲线），结果却是半月最常见，甚至出现了亮面占 120 % 的月亮。

最简单的隐变量只有 $K$ 种取值：先从 $K$ 个成分中选一个，再从它的高斯分布中抽取 $\X{x}$。
这就是**高斯混合模型**（Gaussian mixture model）。增大 $K$，看平均对数似然怎样逼近公式右边的上限；
只有真实的密度 $p^*$ 能达到这个上限。这里用自然对数，单位叫奈特（nat）。

变分自编码器再进一步：它的 $z$ 是连续的，所以 $p(\X{x})$ 是无穷多个高斯分布的混合。""",
    ),
    "goals.title": Text("Two goals", "两个目标"),
    "goals.caption": Text(
        "The same pictures in the order of their hidden cause.",
        "同样的图像，按月相排好了顺序。",
    ),
    "goals.text": Text(
        r"""A model with a hidden cause should do two things.

**Infer**: given a picture, say which causes are plausible. An **inference network** (encoder) returns a density
over them, $\Q{q(z|x)}$.

**Generate**: given a cause, make a picture. A **generative network** (decoder) returns $p(\X{x}|z)$. For a new
picture, first draw a cause from the prior: $\P{z \sim p(z)}$.

Both networks are learned from the pictures alone. The next lesson derives the objective that trains them.""",
        r"""有了隐变量，模型应当能做两件事。

**推断**：看到图像，判断哪些 $z$ 是可能的，即给出密度 $\Q{q(z|x)}$。这由**推断网络**（编码器）完成。

**生成**：给定 $z$，画出图像，即给出 $p(\X{x}|z)$。这由**生成网络**（解码器）完成。要生成新图像，先从先验中抽取 $\P{z \sim p(z)}$。

两个网络都只从图像中学习。用什么目标来训练它们，下一课来推导。""",
    ),
    "between.title": Text("From full moon to half moon", "从满月到半月"),
    "between.caption": Text(
        "Left full moon, right half moon; enlarged, the picture at t. Error: root mean squared difference of the middle pictures to the nearest real moon, in units of the pixel range.",
        "左端为满月，右端为半月；大图是 t 处的图像。误差：中间各图与最接近的真实月亮之间的均方根误差，以像素的取值范围为 1。",
    ),
    "between.text": Text(
        r"""Two models learned the same 24 moons. An **autoencoder** gives each picture one point $z$. A VAE gives
it a region: training draws $z$ from $\Q{q(z|x)}$, so every $z$ of this region must decode to the picture.

Slide $z$ from that of the full moon, $z_0$, to that of the half moon, $z_1$. In the VAE the phases between
them appear one after the other, a little blurred, because it was trained there too. The autoencoder is right at its 24 points and breaks up in between.
Averaging the pixels shows two moons at once.

Error in between: VAE [[error_vae:3]], autoencoder [[error_autoencoder:3]], pixels [[error_pixels:3]].""",
        r"""两个模型学习了同样的 24 张月亮。**自编码器**（autoencoder）把每张图编码成一个点 $z$；
变分自编码器则编码成一片区域：训练时 $z$ 从 $\Q{q(z|x)}$ 中抽取，所以这片区域里的每个 $z$ 都必须解码成这张图。

拖动 $t$，让 $z$ 从满月的 $z_0$ 走到半月的 $z_1$。变分自编码器依次画出中间的各个月相（略有些模糊），因为训练时它已经到过那里；
普通自编码器在那 24 个点上很准，走到中间，图像就破碎了；像素平均则让两个月亮重叠。

中间的误差：变分自编码器 [[error_vae:3]]，普通自编码器 [[error_autoencoder:3]]，像素平均 [[error_pixels:3]]。""",
    ),
    "sandbox.title": Text("Where this leads", "由此出发"),
    "sandbox.text": Text(
        r"""A VAE gives each image a region of $z$, an autoencoder only a point. This is the main difference, and it makes walks
between pictures and new samples possible.

Raise $K$ once more, up to 6. Or press "Open this as a run" to train a VAE on 2,000 moons that are also tilted: two
causes, two latents. The Latent space page then shows the month as a ring.""",
        """变分自编码器把每张图编码成一片区域，普通自编码器只编码成一个点：这是两者的主要区别，也正因为如此，才能插值和采样。

再把 $K$ 增大到 6 试试。也可以点“作为训练任务打开”，在 2000 张倾角也会变化的月亮上训练：两个原因，两个隐变量。
那时在隐空间页面（Latent space）上，一个月会排成一个环。""",
    ),
}
