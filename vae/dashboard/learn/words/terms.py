"""Words of the lesson on the two terms of the ELBO."""

from vae.dashboard.learn.lesson import Text

WORDS = {
    "title": Text("The ELBO taken apart", "拆开证据下界"),
    "caption": Text(
        r"The moon of the last lesson, $\X{x} = 0.8$. Each point of the plane is one Gaussian $\Q{q}$. Blue "
        r"contours: how many nats the reconstruction loses against its own best point; orange contours: the same for the KL. One contour every half nat.",
        r"仍是上一课的月亮，$\X{x} = 0.8$。平面上每一点是一个高斯分布 $\Q{q}$；蓝色等高线：重构项比它自己的最优点差多少奈特；橙色等高线：KL 比它自己的最优点差多少。每半奈特一条。",
    ),
    "beta": Text("weight of the KL", "KL 的权重"),
    "training": Text("of the training", "训练进度"),
    "axis_kl": Text("KL (nats per example)", "KL（奈特/样本）"),
    "axis_error": Text(
        "reconstruction −E[ln p(x|z)] (nats per example)", "重构误差 −E[ln p(x|z)]（奈特/样本）"
    ),
    "no_run": Text(
        "No run fits this step: train one, and its curves appear here.",
        "没有适合这一步的训练任务：先训练一个，它的曲线就会出现在这里。",
    ),
    "axis_mean": Text("mean μ of q", "q 的均值 μ"),
    "axis_sd": Text("standard deviation σ of q", "q 的标准差 σ"),
    "axis_rate": Text("rate R: KL (nats per example)", "率 R：KL（奈特/样本）"),
    "axis_distortion": Text(
        "distortion D: squared error per example", "失真 D：每个样本的平方误差"
    ),
    "wish_reconstruction": Text("optimum of the reconstruction", "重构项的最优点"),
    "wish_kl": Text("optimum of the KL: the prior", "KL 的最优点：先验"),
    "your_guess": Text("your guess", "你的猜测"),
    "wishes.title": Text("Two terms, two optima", "两项各有最优点"),
    "wishes.text": Text(
        r"""The ELBO has two terms. Each alone would choose another $\Q{q}$.

The **reconstruction term** is largest if every draw from $\Q{q(z|x)}$ explains $\X{x}$: $\Q{q}$ becomes
a narrow needle at the $z$ that decodes to $\X{x}$. The **regularisation term**, the KL, is smallest if
$\Q{q}$ equals the prior $\P{p(z)}$ for every $\X{x}$. Then $z$ says nothing about $\X{x}$.

The green dot is the $\Q{q}$ with the largest ELBO. Watch where it lies: between the two optima.

A slip to avoid: the first term is $\mathbb{E}[\ln p(x|z)]$, the likelihood of $x$, not
$\mathbb{E}[\ln \T{p(z|x)}]$.""",
        r"""证据下界有两项；只看其中一项，选出的 $\Q{q}$ 就不同。

从 $\Q{q(z|x)}$ 抽出的每个 $z$ 都能解释 $\X{x}$ 时，**重构项**（reconstruction term）最大：
$\Q{q}$ 变成一根细针，立在能解码出 $\X{x}$ 的那个 $z$ 上。**正则化项**（regularisation term）就是KL散度；
不论 $\X{x}$ 是什么，$\Q{q}$ 都等于先验 $\P{p(z)}$ 时，它最小。这时 $z$ 不含 $\X{x}$ 的任何信息。

绿点是证据下界最大的 $\Q{q}$。注意它的位置：在两个最优点之间。

一个常见的笔误：第一项是 $\mathbb{E}[\ln p(x|z)]$，即 $x$ 的似然，而不是 $\mathbb{E}[\ln \T{p(z|x)}]$。""",
    ),
    "gaussian.title": Text("Where the squared error comes from", "平方误差从何而来"),
    "gaussian.text": Text(
        r"""Let the decoder return $f(z)$, and let $\X{x} = f(z) + s\varepsilon$ with $\varepsilon \sim N(0, 1)$: its output plus
noise of standard deviation $s$. So the decoder's output is a **mean**. Then $-\ln p(\X{x}|z)$ is the squared error divided
by $2s^2$, plus a constant. With $s = 1$ the first part is the familiar $\tfrac{1}{2}\|\X{x} - f(z)\|^2$.

For a fixed $s$ the constant moves no optimum, so papers drop it. Without it the sum is no longer a bound on
$\ln p(\X{x})$. And $s$ matters: it sets the price of an error relative to the KL.

Mind the signs: maximise $-\text{error} - \mathrm{KL}$. A widely read draft prints $+\,\mathrm{KL}$.""",
        r"""设解码器的输出为 $f(z)$，而 $\X{x} = f(z) + s\varepsilon$，$\varepsilon \sim N(0, 1)$：输出加上标准差为 $s$ 的噪声。
所以解码器输出的是**均值**。这时 $-\ln p(\X{x}|z)$ 等于平方误差除以 $2s^2$，再加一个常数；
取 $s = 1$，前一部分就是熟悉的 $\tfrac{1}{2}\|\X{x} - f(z)\|^2$。

$s$ 固定时，常数不影响最优解，论文里常省略；但省略之后，目标就不再是 $\ln p(\X{x})$ 的下界。
$s$ 则很重要：它决定误差相对于 KL 有多贵。

注意符号：要最大化的是“负误差减 KL”。一份流传很广的讲义在这里印成了“加 KL”。""",
    ),
    "guess.title": Text("Make the KL eight times as expensive", "把 KL 的价格乘以 8"),
    "guess.text": Text(
        r"""Multiply the KL by $\beta = 8$. With $\beta = 1$ the best $\Q{q}$ had its mean at $\mu = 1.17$.

Where is the best mean now? Click at that $\mu$.""",
        r"""把 KL 乘以 $\beta = 8$。$\beta = 1$ 时，最好的 $\Q{q}$ 的均值是 $\mu = 1.17$。

现在最好的均值在哪里？在图中那个 $\mu$ 处点一下。""",
    ),
    "beta.title": Text("β is an exchange rate", "β 是汇率"),
    "beta.text": Text(
        r"""$\beta$ (in some texts $\lambda$) says how many nats of reconstruction one nat of KL costs. The thick
line joins the best $\Q{q}$ for every $\beta$.

As $\beta$ goes to 0, $\Q{q}$ becomes a needle, as in a plain autoencoder. As $\beta$ grows, $\Q{q}$
becomes the prior: this is **posterior collapse**. Only $\beta = 1$ maximises the ELBO.

Move $\beta$ and watch both numbers: as one falls, the other rises.""",
        r"""$\beta$（有的文献写作 $\lambda$）表示一奈特的 KL 值多少奈特的重构。粗线是 $\beta$ 变化时，最优的 $\Q{q}$ 走过的路。

$\beta$ 趋于 0 时，$\Q{q}$ 变成一根针，与普通自编码器一样。$\beta$ 增大时，$\Q{q}$ 趋于先验，
这就是**后验坍塌**（posterior collapse）。只有 $\beta = 1$ 时，最大化的才是证据下界。

移动 $\beta$，看两个数：一个下降，另一个就上升。""",
    ),
    "frontier.title": Text("The frontier of a whole data set", "整个数据集的极限"),
    "frontier.text": Text(
        r"""For a linear model of the digits the whole trade-off is known: the **rate–distortion curve**. The rate
$R$ is the KL, the distortion $D$ the squared error. No linear model with eight latents gets below the
curve, and each $\beta$ has its own point on it. The $\lambda_i$ are the eigenvalues of the data's
covariance, largest first.

Three models with $\beta = 1, 3, 9$, trained from random weights, are the green points. Each lies at its place
on the curve. Press Train to watch them move there.""",
        r"""对手写数字的线性模型，两项之间的取舍可以精确算出，这就是**率失真曲线**（rate–distortion curve）。
率 $R$ 是 KL，失真 $D$ 是平方误差。有 8 个隐变量的线性模型，没有一个能到曲线下方；
每个 $\beta$ 在曲线上对应一点。$\lambda_i$ 是数据协方差的特征值，从大到小。

绿点是从随机权重训练出来的三个模型，$\beta = 1, 3, 9$，各自落在曲线上的位置。
点“开始训练”，可以看它们怎样走过去。""",
    ),
    "frontier.caption": Text(
        r"Handwritten digits, 8×8 pixels. The line is exact, computed from the eigenvalues of the data with $\sigma^2 = 0.05$; green points are trained models.",
        r"8×8 像素的手写数字。曲线由数据的特征值精确算出，噪声方差 $\sigma^2 = 0.05$；绿点是训练出来的模型。",
    ),
    "run.title": Text("The same two terms in a real run", "真实训练中的这两项"),
    "run.caption": Text(
        r"The path of a run, measured on its validation examples, without the first 5 % of its reports. The dot is at epoch [[epoch:1]]. Dotted: all points with the same $\E{\mathrm{ELBO}}$.",
        r"一个训练任务走过的路，由验证样本测得，略去最初 5 % 的记录。圆点：第 [[epoch:1]] 轮。点线：$\E{\mathrm{ELBO}}$ 与圆点相同的所有位置。",
    ),
    "run.text": Text(
        r"""At the start of training the latents say little: the KL is small and the reconstruction poor. Then the
KL rises, because each nat of it improves the reconstruction by more than one nat. Both terms
are in nats; $\ln p(\X{x}|z)$ can be positive, because a density can exceed 1.

Move the slider and compare the path with the dotted line. Where the path falls more steeply than
this line, the $\E{\mathrm{ELBO}}$ rises. Where it runs along the line, the $\E{\mathrm{ELBO}}$ stays the same.

Then choose another run, perhaps one with another $\beta$.""",
        r"""训练刚开始时，隐变量几乎不含信息：KL 很小，重构很差。随后 KL 上升，因为每多一奈特的 KL，重构的改进不止一奈特。
两项的单位都是奈特；$\ln p(\X{x}|z)$ 可以是正数，因为密度可以大于 1。

拖动训练进度，把这条路与点线相比：比点线陡，$\E{\mathrm{ELBO}}$ 就上升；沿着点线走，$\E{\mathrm{ELBO}}$ 就不变。

再换一个训练任务，例如 $\beta$ 不同的。""",
    ),
    "sandbox.title": Text("Everything is free", "自由探索"),
    "sandbox.text": Text(
        r"""Move $\beta$ from end to end. The ELBO itself, now [[elbo]] nats, is largest at $\beta = 1$ and falls on both sides.
Another $\beta$ gives up some ELBO for something else, such as more independent latents.

See the same trade-off on pictures: press "Open this as a run" ($\beta = 4$), and compare it with a run with
$\beta = 1$ on the Compare page.""",
        r"""把 $\beta$ 从一端移到另一端。证据下界本身（现在是 [[elbo]] 奈特）在 $\beta = 1$ 处最大，向两边都下降。
取别的 $\beta$，就是拿一部分证据下界去换别的好处，例如彼此更独立的隐变量。

在图像上也能看到同样的取舍：点“作为训练任务打开”（$\beta = 4$），再到比较页面（Compare）与 $\beta = 1$ 的训练任务对照。""",
    ),
}
