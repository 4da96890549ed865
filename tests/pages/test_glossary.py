"""The Chinese of the lessons keeps to one headword a concept, and to Chinese punctuation."""

import re

import pytest

from tests.pages.test_learn import FORMULA, TABLES

HEADWORDS = {  # English in brackets at the first use → headword
    "Gaussian mixture model": "高斯混合模型",
    "KL divergence": "KL散度",
    "Monte Carlo estimate": "蒙特卡罗估计",
    "aggregate posterior": "聚合后验",
    "amortisation gap": "摊销差距",
    "amortised inference": "摊销推断",
    "approximation gap": "近似差距",
    "autoencoder": "自编码器",
    "baseline": "基线",
    "batch": "批量",
    "calculus of variations": "变分法",
    "conjugate": "共轭",
    "coordinate ascent": "坐标上升",
    "determinant": "行列式",
    "doubly reparameterised": "双重重参数化",
    "evidence lower bound": "证据下界",
    "forward KL": "前向KL散度",
    "full covariance": "完整协方差",
    "generative model": "生成模型",
    "hole": "空洞",
    "importance weighted autoencoder": "重要性加权自编码器",
    "latent variable": "隐变量",
    "log evidence": "对数证据",
    "log marginal likelihood": "对数边际似然",
    "mean field": "平均场",
    "nat": "奈特",
    "normalising flow": "标准化流",
    "observed variable": "观测变量",
    "pathwise estimator": "路径导数估计",
    "posterior collapse": "后验坍塌",
    "prior": "先验分布",
    "probabilistic PCA": "概率PCA",
    "rate–distortion curve": "率失真曲线",
    "reconstruction term": "重构项",
    "regularisation term": "正则化项",
    "reparameterisation": "重参数化",
    "reparameterisation trick": "重参数化技巧",
    "responsibility": "责任",
    "reverse KL": "逆向KL散度",
    "score-function estimator": "得分函数估计",
    "signal-to-noise ratio": "信噪比",
    "trace": "迹",
    "variational inference": "变分推断",
}
OTHERS = {  # headword → names of the same concept elsewhere
    "隐变量": ("潜变量", "隐含变量", "潜在变量", "隐藏变量"),
    "隐空间": ("潜空间", "潜在空间"),
    "重构": ("重建",),
    "重参数化": ("再参数化",),
    "变分推断": ("变分推理",),
    "边际似然": ("边缘似然", "模型证据"),
    "证据下界": ("变分下界",),
    "后验坍塌": ("塌缩", "崩溃", "坍缩"),
    "平均场": ("均值场", "均匀场"),
    "蒙特卡罗": ("蒙特卡洛",),
    "重要性加权": ("重要采样", "重要度"),
    "摊销": ("分摊", "均摊"),
    "采样": ("取样", "抽样"),
    "标准化流": ("归一化流",),
    "批量": ("批次",),
    "最大似然": ("极大似然",),
    "自编码器": ("自动编码",),
    "KL散度": ("相对熵", "KL 散度"),
    "Jensen不等式": ("琴生", "詹森"),
    "高斯混合模型": ("混合高斯",),
    "混合系数": ("混合权重",),
    "解析解": ("闭式解", "闭合解"),
    "聚合后验": ("聚合的后验",),
    "先验分布": ("先验概率",),
    "轮次": ("迭代周期",),
}
BRACKET = re.compile(r"([\u4e00-\u9fffA-Za-z]+)(?:\*\*)?（([A-Za-z][A-Za-z –-]+)(?:，[A-Z]+)?）")
ALIAS = re.compile(r"也译作\S+?。")  # names a term of other books
HALF = re.compile(r"[\u4e00-\u9fff][,;:?!()]|[,;:?!(][\u4e00-\u9fff]|[\u4e00-\u9fff]\.(?!\d)")


@pytest.mark.parametrize("name", TABLES)
def test_a_concept_has_the_headword_of_the_glossary(name: str) -> None:
    for key, text in TABLES[name].items():
        for chinese, english in BRACKET.findall(text.zh):
            wanted = HEADWORDS.get(english)
            assert wanted is None or chinese.endswith(wanted), (key, chinese, english)
        for headword, others in OTHERS.items():
            found = [other for other in others if other in ALIAS.sub("", text.zh)]
            assert not found, f"{key}: {found} instead of {headword}"


@pytest.mark.parametrize("name", TABLES)
def test_a_new_term_with_its_english_is_in_the_glossary(name: str) -> None:
    for key, text in TABLES[name].items():
        bold = re.findall(r"\*\*[^*]+\*\*（([A-Za-z][A-Za-z –-]+)(?:，[A-Z]+)?）", text.zh)
        assert set(bold) <= {*HEADWORDS, "VampPrior", "mixture"}, key


@pytest.mark.parametrize("name", TABLES)
def test_marks_between_chinese_letters_have_full_width(name: str) -> None:
    for key, text in TABLES[name].items():
        bare = re.sub(r"\[\[.*?\]\]|\{\w+\}|`.*?`", "", FORMULA.sub("x", text.zh))
        assert not HALF.findall(bare), key
