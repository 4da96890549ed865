"""Effects of the settings of a user's file: each changes how the file is read, as in its help."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vae.data import Dataset, load

ROWS = [f"{k},{k % 3},{k * k}.5,{'ab'[k % 2]}" for k in range(12)]
HEADER = "first,second,third,kind"


def table(folder: Path, lines: list[str], **settings: Any) -> Dataset:
    path = folder / "table.csv"
    path.write_text("\n".join(lines))
    return load(str(path), options=settings)


def test_data_examples_is_the_array_of_the_examples(tmp_path: Path) -> None:
    arrays = {name: np.full((6, 3), value, np.float32) for name, value in (("u", 1.5), ("v", 2.5))}
    np.savez(tmp_path / "two.npz", **arrays)
    for name, array in arrays.items():
        data = load(str(tmp_path / "two.npz"), options={"data_examples": name})
        np.testing.assert_array_equal(data.x, array)


def test_data_label_is_the_column_of_the_classes(tmp_path: Path) -> None:
    lines = [HEADER, *ROWS]
    assert table(tmp_path, lines, data_label="second").classes == ("0", "1", "2")
    assert table(tmp_path, lines, data_label="kind").classes == ("a", "b")
    assert table(tmp_path, lines, data_label="none").classes == ()


def test_data_factors_are_columns_that_the_model_never_sees(tmp_path: Path) -> None:
    data = table(tmp_path, [HEADER, *ROWS], data_factors="second", data_names="none")
    assert list(data.factors) == ["second"]
    assert data.factors["second"][:4].tolist() == [0, 1, 2, 0]
    assert 2 not in data.x[:, 1:]


def test_data_ignore_leaves_columns_out(tmp_path: Path) -> None:
    lines = [HEADER, *ROWS]
    one = table(tmp_path, lines, data_ignore="first").event_shape
    assert one == (2,)
    assert table(tmp_path, lines, data_ignore="first,second").event_shape == (1,)


def test_data_kinds_are_the_kinds_of_the_columns(tmp_path: Path) -> None:
    lines = [HEADER, *(f"{row}" for row in ROWS)]
    settings = {"data_label": "none", "data_names": "none", "data_ignore": "first"}
    guessed = table(tmp_path, lines, **settings)
    assert guessed.columns == ("second", "third", "kind")
    assert guessed.kinds == ("count", "real", "binary")
    assert guessed.entries == ((), (), ("a", "b"))
    assert guessed.x[:3].tolist() == [[0, 0.5, 0], [1, 1.5, 1], [2, 4.5, 0]]
    named = table(tmp_path, lines, **settings, data_kinds="second=category, third=positive")
    assert named.kinds == ("category", "positive", "binary")
    assert named.entries[0] == ("0", "1", "2")
    bare = {"data_label": "none", "data_names": "none"}
    plain = table(tmp_path, lines, **bare, data_kinds="none")
    assert (plain.kinds, plain.columns) == ((), ("second", "third"))
    ignored = {"data_ignore": "first,kind"} | bare
    assert table(tmp_path, lines, **ignored).kinds == ()
    assert table(tmp_path, lines, **ignored, data_kinds="all").kinds == ("count", "real")


def test_data_names_is_the_column_of_the_names_of_rows(tmp_path: Path) -> None:
    data = table(tmp_path, [HEADER, *ROWS], data_names="third")
    assert data.names is not None
    assert list(data.names[:3]) == ["0.5", "1.5", "4.5"]


def test_data_header_makes_the_first_line_names(tmp_path: Path) -> None:
    lines = [f"{k},{k}.5" for k in range(8)]
    assert [len(table(tmp_path, lines, data_header=h).x) for h in ("yes", "no")] == [7, 8]


def test_data_decimal_is_the_decimal_mark(tmp_path: Path) -> None:
    lines = ["a;b", *(f"{k},25;{2 * k},5" for k in range(8))]
    data = table(tmp_path, lines, data_decimal="comma")
    assert data.x[1].tolist() == [1.25, 2.5]


def test_data_layout_is_the_order_of_the_axes(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(6 * 5 * 8, dtype=np.float32).reshape(6, 5, 8))
    shapes = {
        layout: load(str(tmp_path / "x.npy"), options={"data_layout": layout}).event_shape
        for layout in ("vectors", "series", "hw")
    }
    assert shapes == {"vectors": (40,), "series": (5, 8), "hw": (1, 5, 8)}


def test_data_shape_is_the_shape_of_a_flat_picture(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(6 * 48, dtype=np.float32).reshape(6, 48))
    for text, shape in (("6x8", (1, 6, 8)), ("3x4x4", (3, 4, 4)), ("none", (48,))):
        data = load(str(tmp_path / "x.npy"), options={"data_shape": text})
        assert data.event_shape == shape


def test_data_range_are_the_values_that_become_0_and_1(tmp_path: Path) -> None:
    x = np.linspace(0, 50, 6 * 30, dtype=np.float32).reshape(6, 5, 6)
    np.save(tmp_path / "x.npy", x)
    for high in (50, 100):
        data = load(str(tmp_path / "x.npy"), options={"data_range": f"0,{high}"})
        np.testing.assert_allclose(data.x[:, 0] / data.scale, x / high, atol=1e-6)


def test_data_ground_is_the_colour_behind_transparent_pixels(tmp_path: Path) -> None:
    for k in range(3):
        Image.fromarray(np.zeros((6, 6, 4), np.uint8)).save(tmp_path / f"{k}.png")
    for ground, grey in (("white", 255), ("grey", 128), ("black", 0)):
        assert (load(str(tmp_path), options={"data_ground": ground}).x == grey).all()


EFFECTS: dict[str, Callable[..., None]] = {
    "data_examples": test_data_examples_is_the_array_of_the_examples,
    "data_label": test_data_label_is_the_column_of_the_classes,
    "data_factors": test_data_factors_are_columns_that_the_model_never_sees,
    "data_ignore": test_data_ignore_leaves_columns_out,
    "data_kinds": test_data_kinds_are_the_kinds_of_the_columns,
    "data_names": test_data_names_is_the_column_of_the_names_of_rows,
    "data_header": test_data_header_makes_the_first_line_names,
    "data_decimal": test_data_decimal_is_the_decimal_mark,
    "data_layout": test_data_layout_is_the_order_of_the_axes,
    "data_shape": test_data_shape_is_the_shape_of_a_flat_picture,
    "data_range": test_data_range_are_the_values_that_become_0_and_1,
    "data_ground": test_data_ground_is_the_colour_behind_transparent_pixels,
}
