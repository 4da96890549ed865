"""Words of the lesson on the reparameterisation trick."""

from vae.dashboard.learn.lesson import Text

WORDS = {
    "title": Text("The reparameterisation trick", "重参数化技巧"),
    "caption": Text(
        r"Estimates of $\partial_{\Q{\mu}}\,\mathbb{E}_{\Q{q}}[f(z)]$ with $z \sim \Q{q} = "
        r"\mathcal{N}(\Q{\mu}, \Q{\sigma}^2)$, each the mean of $M$ samples. The vertical line is the "
        r"exact gradient.",
        r"对 $\partial_{\Q{\mu}}\,\mathbb{E}_{\Q{q}}[f(z)]$ 的估计，其中 $z \sim \Q{q} = "
        r"\mathcal{N}(\Q{\mu}, \Q{\sigma}^2)$，每个估计是 $M$ 个样本的平均。竖线是精确的梯度。",
    ),
    "cut.caption": Text(
        r"Grey: forward, from $\X{x}$ to $f(z)$. Blue: backward, the derivatives of $f(z) = z^2$. Circles "
        r"are random, squares are computed.",
        r"灰色：前向计算，从 $\X{x}$ 到 $f(z)$。蓝色：反向传播，$f(z) = z^2$ 的各个导数。"
        r"圆圈是随机的量，方框是算出来的量。",
    ),
    "noise.caption": Text(
        r"Above: draws of $\varepsilon$ from $\mathcal{N}(0, 1)$. Below: the same draws as "
        r"$z = \Q{\mu} + \Q{\sigma}\varepsilon$.",
        r"上图：从 $\mathcal{N}(0, 1)$ 中抽取的 $\varepsilon$。下图：同一批 $\varepsilon$ 变成 "
        r"$z = \Q{\mu} + \Q{\sigma}\varepsilon$。",
    ),
    "widths.caption": Text(
        r"Above: $\Q{\sigma}$ for an output $s$ of the network. Below: the slope of $\K{\mathrm{KL}}$ in "
        r"$s$, in nats.",
        r"上图：网络输出 $s$ 所对应的 $\Q{\sigma}$。下图：$\K{\mathrm{KL}}$ 对 $s$ 的斜率（单位：奈特）。",
    ),
    "batch.caption": Text(
        r"Variance of the gradient of a batch of $B$ examples with $M$ samples each, for $f(z) = z^2$. "
        r"Diamonds: measured in [[runs:0]] simulated batches.",
        r"一个批量（$B$ 个样例，每个样例抽 $M$ 个样本）的梯度方差，其中 $f(z) = z^2$。"
        r"菱形：由 [[runs:0]] 个模拟批量测得。",
    ),
    # controls
    "mean": Text("mean of q", "q 的均值"),
    "sd": Text("width of q", "q 的标准差"),
    "narrow": Text("width of q", "q 的标准差"),
    "output": Text("output of the network", "网络的输出"),
    "function": Text("function f(z)", "函数 f(z)"),
    "function.square": Text("z²", "z²"),
    "function.cosine": Text("cos z", "余弦函数"),
    "samples": Text("samples M", "样本数 M"),
    "samples.1": Text("1", "1"),
    "samples.10": Text("10", "10"),
    "samples.100": Text("100", "100"),
    "samples.1000": Text("1,000", "1,000"),
    # labels of the picture
    "drawn": Text("z is drawn from N(μ, σ²)", "z 从 N(μ, σ²) 中抽出"),
    "computed": Text("z = μ + σ ε is computed", "z = μ + σ ε 是算出来的"),
    "no_path": Text("no derivative", "没有导数"),
    "random": Text("random number", "随机数"),
    "axis_gradient": Text("estimate of the gradient", "梯度的估计"),
    "pathwise": Text("pathwise", "路径导数估计"),
    "score": Text("score function", "得分函数估计"),
    "spread": Text("variance {measured} (theory {theory})", "方差 {measured}（理论值 {theory}）"),
    "ends": Text("ends at {end}", "止于 {end}"),
    "exact": Text("exact", "精确值"),
    "your_guess": Text("your guess", "你的猜测"),
    "axis_output": Text("output s of the network", "网络的输出 s"),
    "axis_sd": Text("σ", "σ"),
    "axis_slope": Text("slope of the KL, nats", "KL的斜率（奈特）"),
    "log_var": Text("s = ln σ²", "s 为方差的对数"),
    "softplus": Text("softplus", "softplus"),
    "raw": Text("σ = s", "σ = s"),
    "undefined": Text("undefined", "无定义"),
    "axis_variance": Text("variance of the gradient of a batch", "批量梯度的方差"),
    "data_part": Text("examples differ", "样例各不相同"),
    "sampling_part": Text("z is sampled", "z 是随机抽取的"),
    "cost": Text("cost {cost}", "开销 {cost}"),
    # steps
    "cut.title": Text("A path that ends at a dice throw", "路断在掷骰子的地方"),
    "cut.text": Text(
        r"""Training needs the derivatives of $\mathbb{E}_{\Q{q}}[f(z)]$ with respect to the encoder's
outputs $\Q{\mu}$ and $\Q{\sigma}$. In a VAE $f(z)$ is $\ln p(\X{x}|z)$; here it is $z^2$. In the upper
row $z$ is drawn at random. A draw has no derivative, so the way back ends at the circle.

In the lower row the dice throw is an input, $\varepsilon$, and $z$ is computed from it. Now every
arrow on the way back has a derivative, and the chain rule applies: this is the
**reparameterisation trick**.

Move $\Q{\mu}$ and $\Q{\sigma}$ and watch the derivatives in the lower row; $\varepsilon$ stays the
same.""",
        r"""训练需要 $\mathbb{E}_{\Q{q}}[f(z)]$ 对编码器输出 $\Q{\mu}$ 和 $\Q{\sigma}$ 的导数。
在变分自编码器中，$f(z)$ 是 $\ln p(\X{x}|z)$；这里取 $f(z) = z^2$。
上面一行中，$z$ 是随机抽出的；这一步没有导数，反向的路就断在圆圈处。

下面一行中，掷骰子成了一个输入 $\varepsilon$，$z$ 由它计算得到。
反向的每个箭头都有导数，链式法则一路畅通：这就是**重参数化技巧**（reparameterisation trick），
也译作再参数化。

移动 $\Q{\mu}$ 和 $\Q{\sigma}$，观察下面一行的导数；$\varepsilon$ 始终不变。""",
    ),
    "noise.title": Text("The same dice, another cloud", "同样的骰子，不同的点云"),
    "noise.text": Text(
        r"""Draw $\varepsilon$ once from the standard normal. Then
$z = \Q{\mu} + \Q{\sigma}\varepsilon$ has the distribution $\Q{q}$, and for a fixed $\varepsilon$ it
moves smoothly: $\partial z / \partial\Q{\mu} = 1$ and
$\partial z / \partial\Q{\sigma} = \varepsilon$.

With several latent variables each has its own noise, and $\odot$ multiplies them one by one:
$z = \Q{\mu} + \Q{\sigma} \odot \varepsilon$.

Move both sliders and watch the green dots: $\Q{\mu}$ shifts all of them alike, $\Q{\sigma}$ moves each
in proportion to its $\varepsilon$.""",
        r"""从标准正态分布中抽一次 $\varepsilon$，则 $z = \Q{\mu} + \Q{\sigma}\varepsilon$ 服从 $\Q{q}$；
而且 $\varepsilon$ 固定时，$z$ 随参数平滑地移动：$\partial z / \partial\Q{\mu} = 1$，
$\partial z / \partial\Q{\sigma} = \varepsilon$。

有多个隐变量时，每个隐变量各有自己的噪声：$z = \Q{\mu} + \Q{\sigma} \odot \varepsilon$，
其中 $\odot$ 是逐元素相乘。

移动两个滑块，观察绿点：$\Q{\mu}$ 让它们一起平移，$\Q{\sigma}$ 让每个点按自己的 $\varepsilon$ 成比例地移动。""",
    ),
    "guess.title": Text("Two unbiased estimators", "两个无偏的估计"),
    "guess.text": Text(
        r"""We want one number, the slope of $\mathbb{E}_{\Q{q}}[f(z)]$ in $\Q{\mu}$, and estimate it from samples. Two ways:

The **pathwise** estimator is the trick: move $\Q{\mu}$ with $\varepsilon$ fixed and average $f'(z)$. The
**score-function** estimator (REINFORCE) leaves $z$ where it fell and averages $f(z)\,\partial_{\Q{\mu}} \ln \Q{q}(z)$;
it never needs $f'$. Both are unbiased: right on average.

The upper picture shows pathwise estimates, each from $M = 1$ sample, for $f(z) = z^2$, $\Q{\mu} = [[mean:0]]$,
$\Q{\sigma} = [[sd:1]]$. The bracket from the exact slope to [[pathwise_end]] is one standard deviation long,
[[pathwise_sd]].

Where would the bracket of the score-function estimates end?""",
        r"""要求的是一个数：$\mathbb{E}_{\Q{q}}[f(z)]$ 对 $\Q{\mu}$ 的斜率，用样本来估计。有两种办法。

**路径导数估计**（pathwise estimator）就是上面的技巧：固定 $\varepsilon$，移动 $\Q{\mu}$，对 $f'(z)$ 取平均。
**得分函数估计**（score-function estimator，REINFORCE）不移动 $z$，
而是对 $f(z)\,\partial_{\Q{\mu}} \ln \Q{q}(z)$ 取平均，完全不用 $f'$。两者都是无偏的：平均起来是对的。

上图是路径导数估计，每个只用 $M = 1$ 个样本，$f(z) = z^2$，$\Q{\mu} = [[mean:0]]$，$\Q{\sigma} = [[sd:1]]$。
图中的横线从精确的斜率到 [[pathwise_end]]，长一个标准差，即 [[pathwise_sd]]。

换成得分函数估计，横线会止于何处？""",
    ),
    "samples.title": Text("More samples, the same ratio", "样本再多，比例不变"),
    "samples.text": Text(
        r"""The score function is the noisier one. It uses only how large $f$ is where the sample fell; the pathwise estimator
also uses in which direction $f$ grows. For the same precision the score function needs [[ratio]] times as many
samples. Both variances fall as $1/M$, so more samples do not change this ratio.

Choose $M$ and watch the two widths. Then make $\Q{\sigma}$ small: the pathwise variance falls, but that of the score
function grows, in the end as $1/\Q{\sigma}^2$.

In practice a constant, the **baseline**, is subtracted from $f$. This helps, but a gap remains.""",
        r"""得分函数估计的噪声更大。它只知道 $f$ 在样本处有多大；路径导数估计还知道 $f$ 朝哪个方向增大。
要达到同样的精度，得分函数估计需要 [[ratio]] 倍的样本。两者的方差都按 $1/M$ 减小，所以样本再多，比例也不变。

选择 $M$，比较两者的宽度。再把 $\Q{\sigma}$ 调小：路径导数估计的方差变小，
得分函数估计的方差却变大，最终按 $1/\Q{\sigma}^2$ 增长。

实际使用时会从 $f$ 中减去一个常数，即**基线**（baseline）。这有帮助，但差距仍在。""",
    ),
    "widths.title": Text(
        r"Why the network puts out $\ln\Q{\sigma}^2$", r"网络为什么输出 $\ln\Q{\sigma}^2$"
    ),
    "widths.text": Text(
        r"""A network's output $s$ can be any number, but $\Q{\sigma}$ must be positive. There are three ways to compute
$\Q{\sigma}$ from $s$. The last row of the table is the slope of the KL in $s$, which training follows.

1. $\Q{\sigma} = s$ fails for $s \le 0$. Near 0 the slope has no limit: one step throws $s$ far away.
2. $\Q{\sigma} = \ln(1 + e^s)$, called **softplus**, is always positive, and the slope stays above $-1$.
3. $s = \ln\Q{\sigma}^2$ makes the KL simplest, $\frac12(\Q{\mu}^2 + e^s - 1 - s)$. Its slope $\frac12(e^s - 1)$ stays
above $-\frac12$. Only a large $s$ is dangerous: in float32 $e^s$ is infinite above $s = [[limit:1]]$.

Move $s$ across 0 and compare the three slopes; NaN means undefined.""",
        r"""网络的输出 $s$ 可以是任何数，而 $\Q{\sigma}$ 必须为正。从 $s$ 得到 $\Q{\sigma}$ 有三种办法。
表的最后一行是 KL散度对 $s$ 的斜率，训练就沿着它走。

1. $\Q{\sigma} = s$：$s \le 0$ 时无定义；靠近 0 时斜率没有界限，一步更新就会把 $s$ 抛得很远。
2. $\Q{\sigma} = \ln(1 + e^s)$，叫作**softplus**：恒为正，斜率总高于 $-1$。
3. $s = \ln\Q{\sigma}^2$：KL散度最简单，$\frac12(\Q{\mu}^2 + e^s - 1 - s)$，斜率 $\frac12(e^s - 1)$ 总高于 $-\frac12$。
只有 $s$ 很大时才危险：用单精度浮点数（float32）计算，$s$ 超过 [[limit:1]]，$e^s$ 就成了无穷大。

让 $s$ 越过 0，比较三个斜率（NaN 表示无定义）。""",
    ),
    "batch.title": Text("Why one sample is enough", "为什么一个样本就够"),
    "batch.text": Text(
        r"""The gradient of a step is the mean over a batch of $B$ examples with $M$ samples each. Its
variance has two parts. The examples differ: this part is $\X{V_x}/B$. Each $z$ is sampled: this part is
$\R{V_\varepsilon}/(BM)$, so with $B = 100$ even $M = 1$ averages over 100 dice throws.

The second and the third bar cost the same, 1,000 passes through the decoder. Ten samples for each
example shrink only the blue part; ten times as many examples shrink both parts.

Move $\Q{\sigma}$ and watch the blue part: $M$ matters only if the posteriors are wide.""",
        r"""一步更新的梯度，是一个批量（batch）的平均：$B$ 个样例，每个样例抽 $M$ 个样本。它的方差有两部分：
样例各不相同，这部分是 $\X{V_x}/B$；$z$ 是随机抽取的，这部分是 $\R{V_\varepsilon}/(BM)$。
所以当 $B = 100$ 时，即使 $M = 1$，也已经对 100 次掷骰子取了平均。

第二根和第三根条的开销相同，都要让解码器运行 1,000 次。
每个样例抽十个样本，只缩小蓝色部分；样例增加到十倍，两部分都缩小。

移动 $\Q{\sigma}$，观察蓝色部分：后验较宽时，$M$ 才起作用。""",
    ),
    "sandbox.title": Text("Everything is free", "自由探索"),
    "sandbox.text": Text(
        r"""No estimator always wins. Take $f(z) = \cos z$ and $\Q{\sigma} = 2$: the slope of $f$ changes its
sign several times under $\Q{q}$, and now the score function has the smaller variance.

But for a $\Q{q}$ as narrow as that of a trained encoder, and for dozens of latent variables, the
pathwise estimator is far better. It needs a differentiable $f$ and a continuous $z$: with discrete
latent variables it cannot be used.""",
        r"""没有哪种估计总是最好。取 $f(z) = \cos z$、$\Q{\sigma} = 2$：在 $\Q{q}$ 的范围内，
$f$ 的斜率多次变号，这时得分函数估计的方差反而更小。

但训练好的编码器给出的 $\Q{q}$ 很窄，隐变量又有几十个，此时路径导数估计远远领先。
它要求 $f$ 可导、$z$ 连续；隐变量若是离散的，就不能用它。""",
    ),
}
