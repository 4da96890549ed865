"""Words of the lesson on common failures of training."""

from vae.dashboard.learn.lesson import Text

WORDS = {
    "title": Text("When it goes wrong", "训练出问题时"),
    "caption": Text(
        "Upper curves: ELBO, lower curves: KL, nats per example; means over epochs, solid on training examples, dotted on validation examples. Below, in three rows: digits, their reconstructions, decoded draws from the prior.",
        "上方曲线：证据下界；下方曲线：KL。单位：奈特/样本，每轮的平均；实线为训练样本，点线为验证样本。最下方三行：手写数字、它们的重构、从先验抽取的 z 解码后的图像。",
    ),
    "beta": Text("weight of the KL", "KL 的权重"),
    "failure": Text("failure", "问题"),
    "failure.collapse": Text("KL too expensive", "KL 太贵"),
    "failure.blur": Text("σ too large", "σ 太大"),
    "failure.overfitting": Text("few examples", "样本太少"),
    "failure.floor": Text("σ per pixel", "逐像素的 σ"),
    "failure.warmup": Text("endless warm-up", "预热太长"),
    "failure.holes": Text("KL too cheap", "KL 太便宜"),
    "axis_sigma": Text("σ, the decoder's noise", "解码器噪声的标准差 σ"),
    "axis_nats": Text("KL in nats; squared error of a digit", "KL（奈特）；每个数字的平方误差"),
    "axis_epoch": Text("epoch", "轮次"),
    "kl": Text("KL", "KL"),
    "squared_error": Text("squared error of the reconstruction", "重构的平方误差"),
    "collapse": Text("all latents are closed", "所有隐变量都关闭"),
    "your_guess": Text("your guess", "你的猜测"),
    "fails": Text("as it fails", "出问题的"),
    "cured": Text("cured", "修正后的"),
    # the one setting in which they differ
    "fails.collapse": Text("β = 40", "β = 40"),
    "cured.collapse": Text("β = 1", "β = 1"),
    "fails.blur": Text("σ = 0.45", "σ = 0.45"),
    "cured.blur": Text("σ = 0.2", "σ = 0.2"),
    "fails.overfitting": Text("all 250 epochs", "训练满 250 轮"),
    "cured.overfitting": Text("early stopping", "提前停止"),
    "fails.floor": Text("one σ per pixel", "每个像素一个 σ"),
    "cured.floor": Text("one σ for all pixels", "所有像素共用一个 σ"),
    "fails.warmup": Text("warm-up of 4,000 epochs", "预热 4000 轮"),
    "cured.warmup": Text("warm-up of 10 epochs", "预热 10 轮"),
    "fails.holes": Text("β = 0.01", "β = 0.01"),
    "cured.holes": Text("β = 1", "β = 1"),
    "press": Text("Press Train.", "请点“开始训练”。"),
    "and": Text(" and ", "、"),
    "nothing": Text("nothing", "没有问题"),
    # the checks of the product, by name
    "check.variance_floor": Text("variance at its floor", "方差触底"),
    "check.large_values": Text("values too large", "数值过大"),
    "check.learning_rate": Text("learning rate too high", "学习率过高"),
    "check.posterior_collapse": Text("posterior collapse", "后验坍塌"),
    "check.codebook_collapse": Text("codebook collapse", "码本坍塌"),
    "check.ignored_latents": Text("a decoder that ignores z", "解码器不用 z"),
    "check.overfitting": Text("overfitting", "过拟合"),
    "check.unfinished_warmup": Text("a warm-up that did not end", "预热没有结束"),
    "check.holes": Text("holes in the latent space", "隐空间有空洞"),
    "check.wide_noise": Text("σ larger than the errors", "σ 大于误差"),
    "check.undertrained": Text("training too short", "训练太短"),
    "check.unused_latents": Text("more latents than needed", "隐变量多于所需"),
    # one symptom and one cure for each failure
    "story.collapse": Text(
        "β = 40: one nat of KL costs as much as 40 nats of reconstruction, and no latent is worth that. The KL falls to 0, and all reconstructions become the same mean digit.",
        "β = 40：一奈特的 KL 与 40 奈特的重构一样贵，没有哪个隐变量值这个价。KL 降到 0，所有的重构都成了同一个平均数字。",
    ),
    "story.blur": Text(
        "With σ = 0.45 an error costs little, and few latents are worth their KL. The curves look healthy; only the pictures are blurred.",
        "σ = 0.45 时误差的代价很小，没几个隐变量值得付出 KL。曲线看上去很健康，只有图像是模糊的。",
    ),
    "story.overfitting": Text(
        "The model memorises its 100 training digits: the training ELBO keeps rising, while the validation ELBO falls from its best. The sign is the growing gap between the solid and the dotted curve.",
        "模型把 100 个训练样本背了下来：训练样本的证据下界继续上升，验证样本的证据下界却从最高点回落。实线与点线越离越远，就是征兆。",
    ),
    "story.floor": Text(
        "Each pixel learns its own σ. Corner pixels are always 0, so their σ falls to the smallest value allowed, the floor 0.001, and their density grows. The ELBO gains about 50 nats that say nothing about the digits.",
        "每个像素各学一个 σ。角上的像素总是 0，它们的 σ 一直降到允许的最小值（下限）0.001，密度随之大增。证据下界因此升高约 50 奈特，却与数字本身无关。",
    ),
    "story.warmup": Text(
        "A warm-up raises β from 0 to 1 during the first epochs. Here it takes 4,000 epochs, but training ends after 40, with β = 0.01. The KL grows to about 30 nats, and the ELBO, which has β = 1, is low.",
        "预热就是在最初若干轮里让 β 从 0 升到 1。这里预热要 4000 轮，训练却到 40 轮就结束，β 只升到 0.01。KL 涨到约 30 奈特，而按 β = 1 计算的证据下界很低。",
    ),
    "story.holes": Text(
        "β = 0.01: a nat of KL costs a hundredth of a nat of reconstruction, so the KL grows to about 28 nats. The posteriors become narrow and lie far apart. The reconstructions are sharp, but draws from the prior (last row) fall into the holes between the posteriors.",
        "β = 0.01：一奈特的 KL 只抵百分之一奈特的重构，于是 KL 涨到约 28 奈特。各个后验变得很窄，彼此离得很远。重构很清楚，但从先验抽取的点（最下一行）落进后验之间的空洞里，解码出来不像数字。",
    ),
    "remedy.collapse": Text(
        "Set β = 1: the objective is then the ELBO itself.",
        "取 β = 1：目标就是证据下界本身。",
    ),
    "remedy.blur": Text(
        "Set σ = 0.2, close to the real error of the reconstructions; or let the model learn one σ.",
        "取 σ = 0.2，接近重构的真实误差；或者让模型学习一个 σ。",
    ),
    "remedy.overfitting": Text(
        "Stop 18 epochs after the best validation ELBO. More examples would be better still. A check may still note that the curve was rising at the end; here that is no reason to train longer.",
        "验证样本的证据下界过了最高点，再过 18 轮就停止。样本更多，当然更好。诊断或许仍会指出，结束时曲线还在上升；在这里，这不是继续训练的理由。",
    ),
    "remedy.floor": Text(
        "Use one σ for all pixels: a few constant pixels cannot take it to the floor. The ELBO is lower now, but it measures the digits.",
        "所有像素共用一个 σ，少数不变的像素就无法让它触底。证据下界变低了，但它衡量的是数字本身。",
    ),
    "remedy.warmup": Text(
        "Shorten the warm-up to 10 epochs, a quarter of the training.",
        "把预热缩短到 10 轮，即训练的四分之一。",
    ),
    "remedy.holes": Text(
        "Set β = 1: the KL pulls the posteriors together until they nearly cover the prior.",
        "取 β = 1：KL 把各个后验拉到一起，直到几乎盖住先验。",
    ),
    # steps
    "noise.title": Text("A collapse on paper", "用纸笔算出的坍塌"),
    "noise.caption": Text(
        "The best linear VAE with six latents on 8×8 digits, for each σ.",
        "对每个固定的 σ，8×8 手写数字的最优线性变分自编码器（6 个隐变量）。",
    ),
    "noise.text": Text(
        r"""Here $\sigma$ is the standard deviation of the decoder's noise. The larger it is, the less an error costs, while the
price of the $\K{\mathrm{KL}}$ stays the same.

For a linear VAE both curves can be computed. From left to right the reconstruction becomes worse, latent after
latent closes (its KL becomes 0), and at $\sigma = $ [[closes:3]] the last one closes: **posterior collapse**. Training did not
fail here: the collapse is the optimum of a badly chosen objective.

Raise $\beta$ and watch the arrow move to the left.""",
        r"""这里 $\sigma$ 是解码器噪声的标准差。$\sigma$ 越大，误差的代价越小，而 $\K{\mathrm{KL}}$ 的价格不变。

对线性变分自编码器，两条曲线都能精确算出。从左到右，重构越来越差，隐变量一个接一个关闭（它的 KL 变成 0），
到 $\sigma = $ [[closes:3]] 时最后一个也关闭：这就是**后验坍塌**。训练并没有失败：
目标选得不好，坍塌正是它的最优解。

增大 $\beta$，观察箭头向左移动。""",
    ),
    "guess.title": Text("Where does it collapse?", "在哪里坍塌？"),
    "guess.caption": Text(
        "The best linear VAE with six latents on 8×8 digits, with β = 4.",
        "8×8 手写数字的最优线性变分自编码器（6 个隐变量），β = 4。",
    ),
    "guess.text": Text(
        r"""Set $\beta = 4$. The largest eigenvalue of the digits is [[largest:3]], and a latent stays open only while
$\lambda > \beta\sigma^2$.

At which $\sigma$ does the $\K{\mathrm{KL}}$ reach 0? Click at that place.""",
        r"""取 $\beta = 4$。手写数字的最大特征值是 [[largest:3]]，隐变量只有在 $\lambda > \beta\sigma^2$ 时才是开的。

$\sigma$ 等于多少时 $\K{\mathrm{KL}}$ 降到 0？在那个位置点一下。""",
    ),
    "fails.title": Text("Six ways to fail", "六种失败"),
    "fails.text": Text(
        r"""Choose a failure.

[[story]]

The Evaluate page runs these automatic checks on every run. They find here: **[[left_found]]**

A model without findings may still be bad, because a check sees only what it measures. So look at the pictures too.""",
        r"""选一种问题。

[[story]]

评估页面（Evaluate）会对每个训练任务自动做这些诊断。这里的结果：**[[left_found]]**

诊断没有报警，不等于没有问题：每项诊断只看它所测量的东西。所以还要看图像。""",
    ),
    "cure.title": Text("One setting cures it", "改一个设置就好"),
    "cure.text": Text(
        r"""Left the failure, right a model with one setting changed.

[[remedy]]

Findings of the checks. Left: **[[left_found]]**. Right: **[[right_found]]**.

Both columns have the same axes. In both the ELBO is a lower bound of $\ln p(\X{x})$, so the two can be compared. The
exception is a $\sigma$ at its floor: there a few constant pixels alone raise the ELBO.""",
        r"""左边是出问题的模型，右边只改了一个设置。

[[remedy]]

诊断结果。左边：**[[left_found]]**。右边：**[[right_found]]**。

左右两列的坐标轴相同。两边的证据下界都是 $\ln p(\X{x})$ 的下界，所以可以比较。
例外是 $\sigma$ 触底的时候：单凭几个不变的像素，证据下界就会升高。""",
    ),
    "sandbox.title": Text("Your own run", "你自己的训练任务"),
    "sandbox.text": Text(
        r"""Press "Open this as a run": the Train page gets the settings of the collapse, with $\beta = 40$. Train it, go to Evaluate
and read the diagnosis; its button sets the cure.

For every run look first at the pictures, then at the curves, then at the checks. Signs of failure: a
$\K{\mathrm{KL}}$ near 0, a gap between training and validation, a $\sigma$ at its floor.""",
        r"""点“作为训练任务打开”：训练页面（Train）就填好了坍塌的设置，$\beta = 40$。训练之后，到评估页面（Evaluate）看诊断，那里的按钮会填好修正的设置。

对每个训练任务，都先看图像，再看曲线，最后看诊断。出问题的征兆：$\K{\mathrm{KL}}$ 接近 0，训练与验证的曲线分开，$\sigma$ 触底。""",
    ),
}
