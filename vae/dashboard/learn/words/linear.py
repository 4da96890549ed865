"""Words of the lesson on the linear VAE, whose optimum is known exactly."""

from vae.dashboard.learn.lesson import Text

WORDS = {
    "title": Text("The exact case: a linear VAE", "能精确求解的线性变分自编码器"),
    "caption": Text(
        r"1,797 pictures of handwritten digits with 8×8 pixels, values from 0 to 1. The axis of the eigenvalues is logarithmic; KL and ELBO are in nats per example.",
        r"数据：1797 张 8×8 像素的手写数字，像素值在 0 与 1 之间。特征值的轴是对数刻度；KL 与证据下界的单位：奈特/样本。",
    ),
    "beta": Text("weight of the KL", "KL 的权重"),
    "noise": Text("noise of x", "x 的噪声方差"),
    "axis_latent": Text("latent, by decreasing eigenvalue", "隐变量（按特征值从大到小）"),
    "axis_eigenvalue": Text("eigenvalue λ of the covariance of x", "x 的协方差的特征值 λ"),
    "axis_kl": Text("KL of the latent (nats per example)", "该隐变量的 KL（奈特/样本）"),
    "axis_epoch": Text("epoch", "轮次"),
    "axis_elbo": Text("ELBO (nats per example)", "证据下界（奈特/样本）"),
    "open": Text("open", "开"),
    "predicted": Text("predicted", "预测值"),
    "trained": Text("trained", "训练结果"),
    "exact_maximum": Text("exact maximum of ln p(x):", "ln p(x) 的精确最大值："),
    "your_guess": Text("your guess", "你的猜测"),
    "exact.title": Text("A VAE that can be solved on paper", "能用纸笔解出的变分自编码器"),
    "exact.text": Text(
        r"""Make both networks linear and the noise Gaussian: the decoder returns $b + Wz$, and $\sigma$ is
the standard deviation of the noise. The model is then **probabilistic PCA**, and $\ln p(\X{x})$ has a
closed form.

Everything depends on the eigenvalues $\lambda_i$ of the data's covariance, drawn here. $\lambda_i$ is
the variance of the digits in the $i$th principal direction. The first is $\lambda_1 = 0.70$, the
sixteenth a tenth of it.

So here a VAE can be checked: we can predict what it learns before it trains.""",
        r"""让两个网络都是线性的，噪声取高斯分布：解码器的输出是 $b + Wz$，$\sigma$ 是噪声的标准差。
这样的模型就是**概率PCA**（probabilistic PCA），$\ln p(\X{x})$ 有解析解。

一切取决于数据协方差的特征值 $\lambda_i$，即图中的柱。$\lambda_i$ 是手写数字在第 $i$ 个主方向上的方差。
第一个是 $\lambda_1 = 0.70$，第十六个只有它的十分之一。

所以在这里，变分自编码器可以检验：它会学到什么，训练之前就能算出来。""",
    ),
    "guess.title": Text("How many latents will it use?", "它会用到几个隐变量？"),
    "guess.text": Text(
        r"""Give the model sixteen latents, the noise variance $\sigma^2 = 0.05$ and the weight $\beta = 4$ of
the KL. Each latent can carry one principal direction. It is **open** (in use) only if this direction
varies enough to be worth the KL; the formula below is the rule.

Which is the last latent that is open? Click on its bar.""",
        r"""给模型 16 个隐变量，噪声方差 $\sigma^2 = 0.05$，KL 的权重 $\beta = 4$。每个隐变量可以表示一个主方向。
只有当这个方向的变化足够大，值得付出 KL 时，这个隐变量才会**开着**，也就是派上用场；规则见下面的公式。

最后一个开着的隐变量是第几个？点一下它的柱。""",
    ),
    "threshold.title": Text("A latent is open or closed", "隐变量不是开，就是关"),
    "threshold.text": Text(
        r"""The rule is sharp: latent $i$ is open exactly if $\lambda_i > \beta\sigma^2$, the dashed line. A bar
below the line has a closed latent: $\Q{q(z_i|x)} = \P{p(z_i)}$, and its KL is 0. This is
**posterior collapse** of one latent, and here it is not a failure of training but the optimum.

Only the product $\beta\sigma^2$ counts: doubling $\beta$ closes the same latents as doubling
$\sigma^2$. Now [[open:0]] of 16 are open. Move $\beta$ and $\sigma^2$ and watch the line.""",
        r"""规则很分明：当且仅当 $\lambda_i > \beta\sigma^2$（虚线）时，第 $i$ 个隐变量是开的。
柱低于虚线，隐变量就关闭：$\Q{q(z_i|x)} = \P{p(z_i)}$，KL 为 0。
这就是单个隐变量的**后验坍塌**；在这里它不是训练失败，而正是最优解。

起作用的只有乘积 $\beta\sigma^2$：$\beta$ 加倍与 $\sigma^2$ 加倍，关掉的是同样的隐变量。
现在 16 个中有 [[open:0]] 个是开的。移动 $\beta$ 和 $\sigma^2$，注意虚线。""",
    ),
    "kl.title": Text("What an open latent carries", "开着的隐变量携带多少信息"),
    "kl.text": Text(
        r"""The KL of an open latent is $\tfrac{1}{2}\ln(\lambda_i / \beta\sigma^2)$ nats: half the logarithm of
its eigenvalue divided by the height of the line. A closed latent has 0. The outlines are these
predictions for a model with eight latents.

Lower $\beta$ and watch: every open bar grows by the same amount, and closed latents open one by one.""",
        r"""开着的隐变量，KL 是 $\tfrac{1}{2}\ln(\lambda_i / \beta\sigma^2)$ 奈特：特征值是虚线高度的多少倍，取对数，再除以 2。
关闭的隐变量，KL 是 0。图中的空心柱是对一个有 8 个隐变量的模型的预测。

减小 $\beta$，观察：每根开着的柱增长同样多，关闭的隐变量逐个打开。""",
    ),
    "train.title": Text("Predicted first, then trained", "先预测，再训练"),
    "train.text": Text(
        r"""Now check the prediction. Stochastic gradients trained a linear VAE with eight latents
on the digits for 120 epochs. Such a training never computes an eigenvalue.

The filled bars are its $\K{\mathrm{KL}_i}$, largest first, the mean over the last tenth of the epochs. They fill the
outlines: predicted [[kl]] nats in all, trained [[trained_kl]]. Press Train to watch them rise, also with another $\beta$. With a small $\beta$ the bars are more equal at first, since
the latents take long to turn to the principal directions.""",
        r"""现在来检验预测。用随机梯度在手写数字上训练一个有 8 个隐变量的线性变分自编码器，共 120 轮。训练过程从不计算特征值。

实心柱是训练得到的 $\K{\mathrm{KL}_i}$（最后十分之一轮次的平均），从大到小。它们填满了空心柱：预测总量 [[kl]] 奈特，
训练得到 [[trained_kl]]。点“开始训练”，可以看它们怎样长高，也可以换一个 $\beta$。$\beta$ 较小时，各柱起初差不多高，因为隐变量要很久才能转到主方向上。""",
    ),
    "gap.title": Text("The gap closes", "差距消失"),
    "gap.text": Text(
        r"""Let the model learn $\sigma$ too, with $\beta = 1$ and five latents. The true posterior of a linear
model *is* Gaussian, so $\Q{q(z|x)}$ can reach it: the gap $\T{\mathrm{KL}(q\,\|\,p(z|x))}$ can vanish, and the ELBO
can reach $\ln p(\X{x})$ itself.

The dashed line is the largest $\ln p(\X{x})$ of any $\theta$ (here $W$, $b$ and $\sigma$), computed from the
eigenvalues alone. No ELBO can pass it. See how close the curve comes.""",
        r"""让模型连 $\sigma$ 也一起学，取 $\beta = 1$ 和 5 个隐变量。线性模型的真实后验**就是**高斯分布，
$\Q{q(z|x)}$ 能够与它重合：差距 $\T{\mathrm{KL}(q\,\|\,p(z|x))}$ 可以为零，
证据下界可以达到 $\ln p(\X{x})$。

虚线是 $\ln p(\X{x})$ 对一切 $\theta$（这里是 $W$、$b$ 和 $\sigma$）的最大值，只用特征值算出；
没有哪个证据下界能超过它。看曲线离它有多近。""",
    ),
    "sandbox.title": Text("Everything is free", "自由探索"),
    "sandbox.text": Text(
        r"""Choose $\beta$ and $\sigma^2$, read the prediction, then train. Try $\beta\sigma^2 > 0.70$, above the
first eigenvalue: all latents close, and the KL of the trained model falls to 0.

Deep networks have no such formula, but the same rule of thumb: a latent is used if it improves the
reconstruction by more than $\beta$ times its KL.""",
        r"""选择 $\beta$ 和 $\sigma^2$，看预测，再训练。试试让 $\beta\sigma^2 > 0.70$，超过第一个特征值：
所有隐变量都关闭，训练后的 KL 降到 0。

深层网络没有这样的公式，但有同样的经验：一个隐变量对重构的改进，只有超过它的 KL 的 $\beta$ 倍，它才会用上。""",
    ),
}
