"""The table of the values of the curves: quantities and splits as headers, gaps as empty cells."""

import math

import numpy as np

from vae.base.records import Curve, Curves
from vae.dashboard.shared.number_table import NATS, Column, styled
from vae.dashboard.train.values import values


def curve(*points: tuple[float, float]) -> Curve:
    epoch, value = np.array(points).T
    return Curve(np.arange(len(epoch)), epoch, value)


def test_each_report_is_a_line_and_each_quantity_a_column_for_each_split() -> None:
    curves = {
        ("val", "elbo"): curve((1.0, -3.0)),
        ("train", "kl"): curve((0.5, 1.0), (1.0, 1200.0)),
        ("train", "lr"): curve((0.5, 0.1)),  # not in nats
    }
    found = values(Curves(curves, (), None, None))
    assert list(found) == [("", "epoch"), ("KL", "train"), ("ELBO", "validation")]
    assert found["", "epoch"] == [1.0, 0.5]
    assert found["KL", "train"] == [1200.0, 1.0]
    last, gap = found["ELBO", "validation"]
    assert last == -3.0
    assert math.isnan(gap)
    table = styled(found, {name: Column(NATS, "") for name in found})
    assert table.columns.nlevels == 2
    html = table.to_html()
    assert all(f">{text}</td>" in html for text in ("1.00", "0.50", "1,200.00", "\u22123.00", ""))
