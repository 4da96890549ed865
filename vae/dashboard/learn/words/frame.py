"""Words around every lesson: navigation, questions, errors."""

from vae.dashboard.learn.lesson import Text

WORDS = {
    "learn": Text("Learn", "学习"),
    "language": Text("Language", "语言"),
    "place": Text("Lesson {number} of {total}", "第 {number} 课，共 {total} 课"),
    "step": Text("Step {number} of {total}", "第 {number} 步，共 {total} 步"),
    "back": Text("Back", "上一步"),
    "next": Text("Next", "下一步"),
    "next_lesson": Text("Next lesson", "下一课"),
    "guess": Text(
        "Click in the picture where you think it is, or Tab to it and use the arrow keys and Enter.",
        "先猜一猜：在图中你认为的位置点一下；也可以用键盘（Tab 键、方向键、回车键）。",
    ),
    "show": Text("Show the answer", "显示答案"),
    "apart": Text(
        "Your guess: {guess}. Computed: {answer}. Difference: {gap}.",
        "你的猜测：{guess}；计算结果：{answer}；相差 {gap}。",
    ),
    "optional": Text(
        "Goes deeper: this step may be skipped at the first reading.",
        "深入内容：第一次读可以跳过这一步。",
    ),
    "refused": Text(
        "The address asked for a value of {names} out of range; the nearest valid one is shown.",
        "网址中 {names} 的取值超出范围，已改用最接近的有效值。",
    ),
    "stage.enter": Text("Stage", "演示"),
    "stage.leave": Text("Leave (Esc)", "退出演示（按 Esc 键）"),
    "stage.about": Text(
        "For a lecture: the picture and one paragraph at a time in large type. The arrow keys or a presenter's remote turn the pages.",
        "授课用：大字显示图和一段文字。用方向键或翻页笔翻页。",
    ),
    "train": Text("Train", "开始训练"),
    "stored": Text(
        "The picture shows a stored result of the same press, trained beforehand: seed {seed}, {epochs} epochs. Train repeats it live.",
        "图中是事先训练好的结果，与点按钮所得相同：随机种子 {seed}，{epochs} 轮。点“开始训练”，可以看到训练的全过程。",
    ),
    "training": Text("Training: {percent} of the epochs", "训练中：轮次已完成 {percent}"),
    "run": Text("Open this as a run", "作为训练任务打开"),
    "run_help": Text(
        "Fill the sidebar of the Train page with these settings.",
        "把这些设置填入训练页面（Train）的侧边栏。",
    ),
    "formula": Text(
        "Formula. The arrow keys light its terms in the picture.",
        "公式。按方向键，公式的各项会在图中依次亮起。",
    ),
    "of": Text("From the run", "取自训练任务"),
    "of_help": Text(
        "The picture and the numbers come from this run. Runs that do not fit the lesson stand last.",
        "图和数值都来自这个训练任务。不适合本课的训练任务排在最后。",
    ),
    "of_own": Text("the lesson's own example", "本课自带的例子"),
    "misfit": Text("{name} does not fit: {reason}.", "{name} 不适合本课：{reason}。"),
    "misfit.missing": Text("there is no run of this name", "没有这个名称的训练任务"),
    "misfit.damaged": Text("its settings cannot be read", "它的设置无法读取"),
    "misfit.weights": Text("it has no weights yet", "它还没有保存权重"),
    "misfit.reports": Text("it has no validation report yet", "它还没有验证结果"),
    "misfit.latents": Text(
        "the posterior is drawn in a plane, which needs two latents",
        "后验画在平面上，需要正好两个隐变量",
    ),
    "misfit.point": Text("its posterior has no density q(z|x)", "它的后验没有密度 q(z|x)"),
    "misfit.flow": Text(
        "its q(z|x) is a flow, not a Gaussian with μ and σ",
        "它的 q(z|x) 是标准化流，而不是由 μ 和 σ 给出的高斯分布",
    ),
    "check": Text("Check the numbers", "核对这些数值"),
    "sources": Text("Sources", "参考文献"),
    "nats": Text("nats", "奈特"),
    "menu": Text("Lessons", "课程目录"),
}
