"""The Data page: every number and pixel equals the library's, for data of every kind."""

import base64
import io
import math
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.runtime.scriptrunner import StopException
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import OpenPage
from vae.analysis.dataset_summary import summarise
from vae.base.numbers import number, with_error
from vae.base.progress import Progress
from vae.components.likelihoods import LIKELIHOODS
from vae.config import RunConfig
from vae.dashboard.data.baselines import judged, table
from vae.dashboard.sidebar.data_field import FILE
from vae.data import SOURCES, load, online, prepare
from vae.evaluation.baseline import baseline, baselines
from vae.figures.quantities import SPLITS
from vae.imaging import tiles

SIZES = {"digits": "8×8", "moon-phases": "28×28", "shapes": "32×32", "mixture": "2"}


@pytest.fixture
def page(root: Path, open_page: OpenPage) -> AppTest:
    return open_page("data.py")


@pytest.fixture
def page_and_box(root: Path, open_page: OpenPage) -> AppTest:
    """The page, and the open box of all settings."""
    return open_page("data.py", box=True)


def choose(at: AppTest, data: str) -> AppTest:
    at.selectbox(key="set_data").select(data).run()
    assert not at.exception
    return at


def choose_file(at: AppTest, path: Path) -> AppTest:
    """Choose a file by its path."""
    choose(at, FILE)
    at.text_input(key="set_path").set_value(str(path)).run()
    assert not at.exception
    return at


def words(at: AppTest) -> str:
    return " ".join(e.value for e in [*at.main.markdown, *at.main.subheader, *at.main.caption])


def facts(at: AppTest) -> dict[str, tuple[str, str]]:
    return {m.label: (m.value, m.delta.strip()) for m in at.metric}


def pictures(at: AppTest, part: str) -> list[np.ndarray]:
    """Return the pictures in the HTML element with this class, (h, w, 3) each."""
    body = " ".join(e.proto.body for e in at.get("html") if f'class="{part}"' in e.proto.body)
    found = re.findall(r'base64,([^"]+)', body)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(p))).convert("RGB")) for p in found]


def rows(at: AppTest) -> list[int]:
    """Return the rows of the examples in the data set."""
    body = next(e.proto.body for e in at.get("html") if "vae-cards" in e.proto.body)
    return [int(row) for row in re.findall(r"<figure title=\"[^\"]*row (\d+) of", body)]


def photographs(path: Path) -> Path:
    """Write colour pictures of three sizes into two folders, and some other files."""
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(30):
            size = ((20, 16, 3), (20, 16, 3), (30, 40, 3))[i % 3]
            buffer = io.BytesIO()
            Image.fromarray(rng.integers(0, 256, size, np.uint8)).save(buffer, "PNG")
            archive.writestr(f"{('cats', 'dogs')[i % 2]}/{i}.png", buffer.getvalue())
    return path


def table_file(path: Path) -> Path:
    rng = np.random.default_rng(0)
    lines = ["width,height,mass,label"]
    lines += [f"{a:.4f},{b:.4f},{c:.4f},{'ab'[i % 2]}" for i, (a, b, c) in _numbered(rng)]
    path.write_text("\n".join(lines))
    return path


def _numbered(rng: np.random.Generator) -> list[tuple[int, np.ndarray]]:
    return list(enumerate(rng.normal([0, 5, 300], [1, 2, 40], (120, 3))))


@pytest.mark.parametrize("name", SIZES)
def test_facts_equal_the_librarys(name: str, page: AppTest) -> None:
    at = choose(page, name)
    likelihood = "bernoulli" if name != "mixture" else "gaussian-learned"
    s = summarise(load(name), RunConfig.of(likelihood=likelihood))
    told = facts(at)
    assert told["Examples"][0] == f"{s.examples:,}"
    assert told["Examples"][1] == " · ".join(f"{n:,} {SPLITS[k]}" for k, n in s.splits.items())
    assert told["Size"] == (SIZES[name], f"{math.prod(s.shape):,} elements")
    assert told["Mean x"] == (number(s.mean), f"SD {number(s.sd)}")
    assert told["Zeros"] == (f"{100 * s.zeros:.1f} %", f"{s.constant:,} constant")
    assert told["Classes"][0] == str(len(s.classes))
    assert told["Factors"][0] == str(len(s.factors) or "none")
    assert s.fingerprint in words(at)
    for factor in s.factors:
        assert f"| {factor.name} | {factor.distinct:,} |" in words(at)
    assert ("Each class" in words(at)) == (name != "mixture")
    assert all(m.help for m in at.metric)


@pytest.mark.parametrize("name", ["digits", "shapes"])
def test_examples_and_means_equal_the_datas(name: str, page: AppTest) -> None:
    at = choose(page, name)
    data = load(name)
    shown = rows(at)
    size = data.event_shape[1]
    cards = pictures(at, "vae-cards")
    assert len(set(shown)) == len(shown) == at.number_input(key=_number_key(at)).value
    assert data.labels is not None
    assert len(np.unique(data.labels[shown])) == len(data.classes)
    for picture, row in zip(cards, shown, strict=False):
        scale = picture.shape[1] // size
        expected = tiles.pixels(prepare(data, np.array([row])))[0]
        np.testing.assert_array_equal(picture[::scale, ::scale], expected)
    x = prepare(data).astype(np.float64)
    mean, _, sd, _ = pictures(at, "vae-scaled")
    for picture, values in ((mean, x.mean(0)), (sd, x.std(0) / 0.5)):
        scale = picture.shape[1] // size
        small = picture[scale // 2 :: scale, scale // 2 :: scale].astype(float)
        np.testing.assert_allclose(small[..., 0], values[0] * 255, atol=0.51)
    each = pictures(at, "vae-cards")[len(shown) :]
    assert len(each) == len(data.classes)
    scale = each[3 % len(each)].shape[1] // size
    label = 3 % len(each)
    small = each[label][: size * scale : scale, ::scale, 0].astype(float)
    np.testing.assert_allclose(small, x[data.labels == label].mean(0)[0] * 255, atol=0.51)


def _number_key(at: AppTest) -> str:
    return next(w.key for w in at.number_input if str(w.key).startswith("data_number"))


def test_a_single_class_can_be_shown(page: AppTest) -> None:
    data = load("digits")
    assert data.labels is not None
    page.selectbox(key="data_class_digits").select(3).run()
    assert not page.exception
    assert set(data.labels[rows(page)]) == {3}
    assert f"**Mean** of {(data.labels == 3).sum()}" in words(page)
    mean = pictures(page, "vae-scaled")[0]
    scale = mean.shape[1] // 8
    x = prepare(data, np.flatnonzero(data.labels == 3)).mean(0)[0]
    np.testing.assert_allclose(mean[::scale, ::scale, 0], x * 255, atol=0.51)


def test_another_seed_draws_other_examples(page: AppTest) -> None:
    first = rows(page)
    page.number_input(key="data_seed").set_value(1).run()
    assert rows(page) != first
    page.number_input(key="data_seed").set_value(0).run()
    assert rows(page) == first


def test_baselines_of_small_data_are_fitted_at_once(page: AppTest) -> None:
    """Small data need no press, and the numbers equal the library's."""
    assert all(name in words(page) for name in LIKELIHOODS)
    found = baseline(load("digits"), RunConfig.of(), "categorical")
    assert found.nats is not None
    assert found.se is not None
    assert found.bits_per_dimension is not None
    line = next(line for line in words(page).split("\n") if line.startswith("| categorical"))
    nats = " ± ".join(with_error(found.nats, found.se))
    assert f"| {nats} | {found.bits_per_dimension:.3f} |" in line
    assert "evaluated on 180 of 180 test examples" in words(page)


def test_the_likelihood_of_the_sidebar_has_its_options(page_and_box: AppTest) -> None:
    page_and_box.selectbox(key="set_likelihood").select("gaussian").run()
    page_and_box.number_input(key="set_sigma").set_value(0.5).run()
    assert "| **gaussian** (σ 0.5) |" in words(page_and_box)


def test_baselines_of_large_data_need_a_press(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def one(data: object, config: RunConfig, progress: Progress) -> tuple[object, ...]:
        asked.append(config.data)
        progress(0.5)
        return baselines(load("digits"), RunConfig.of())

    monkeypatch.setattr("vae.dashboard.data.baselines.baselines", one)
    at = choose(page, "moon-phases")
    assert not asked
    at.button(key="data_fit").click().run()
    assert asked == ["moon-phases"]
    assert "| **bernoulli** |" in words(at)
    assert not [b for b in at.button if b.key == "data_cancel"]
    choose(choose(at, "digits"), "moon-phases")
    assert asked == ["moon-phases"]  # it is kept


def test_a_press_on_fit_uses_a_seed_that_is_still_typed(
    page_and_box: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = []

    def one(data: object, config: RunConfig, progress: Progress) -> tuple[object, ...]:
        seeds.append(config.seed)
        return baselines(load("digits"), RunConfig.of())

    monkeypatch.setattr("vae.dashboard.data.baselines.baselines", one)
    at = choose(page_and_box, "moon-phases")
    at.number_input(key="set_seed").set_value(7)
    at.button(key="data_fit").click().run()
    assert seeds == [7]


def test_a_cancelled_fit_can_be_started_again(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancel ends the fit by an exception at a report of progress."""
    shown: list[float] = []

    def ended(data: object, config: RunConfig, progress: Progress) -> tuple[object, ...]:
        for share in (0.2, 0.4):
            progress(share)
            shown.append(share)
        raise StopException

    monkeypatch.setattr("vae.dashboard.data.baselines.baselines", ended)
    at = choose(page, "shapes")
    at.button(key="data_fit").click().run()
    assert shown == [0.2, 0.4]
    assert at.button(key="data_cancel").help
    at.run()
    assert at.button(key="data_fit")
    assert not [b for b in at.button if b.key == "data_cancel"]


def test_a_fit_without_convergence_has_a_note() -> None:
    found = baseline(load("mixture"), RunConfig.of(), "gaussian")
    assert "not converged" not in table((found,), "")
    assert "not converged" in table((found._replace(converged=False),), "")
    assert "on the same" in judged((found._replace(split="train"),))


def test_vectors_are_drawn_as_points_or_lines(page: AppTest, tmp_path: Path) -> None:
    at = choose_file(page, table_file(tmp_path / "table.csv"))
    assert "Each line is an example over its features · 120 of 120 examples shown" in words(at)
    assert facts(at)["Size"] == ("3", "3 elements")
    told = [line.value for line in at.sidebar.caption]
    assert any("hold real values: the likelihood is gaussian-learned" in line for line in told)
    assert "| gaussian-per-dimension (σ from" in words(at)
    np.save(tmp_path / "counts.npy", np.arange(120).reshape(40, 3))
    at = choose_file(at, tmp_path / "counts.npy")
    assert facts(at)["Values of x"] == ("0 to 119", "counts, 120 different")
    at = choose(at, "mixture")
    assert "Two features against each other · 2,000 of 2,000 examples shown" in words(at)


def test_photographs_of_mixed_sizes_are_shown(page: AppTest, tmp_path: Path) -> None:
    at = choose_file(page, photographs(tmp_path / "photos.zip"))
    assert facts(at)["Size"] == ("16×20", "3 × 320 elements")
    assert facts(at)["Classes"] == ("2", "15 each")
    data = load(str(tmp_path / "photos.zip"))
    shown = rows(at)
    for picture, row in zip(pictures(at, "vae-cards"), shown, strict=False):
        scale = picture.shape[1] // 16
        expected = tiles.pixels(prepare(data, np.array([row])))[0]
        np.testing.assert_array_equal(picture[::scale, ::scale], expected)
    mean, _, sd, _ = pictures(at, "vae-scaled")
    assert (mean[..., 0] != mean[..., 2]).any()
    assert (sd[..., 0] == sd[..., 2]).all()
    at.button(key="data_fit").click().run()
    found = baseline(data, RunConfig.of(), "gaussian-learned")
    assert found.nats is not None
    line = next(line for line in words(at).split("\n") if "| gaussian-learned" in line)
    assert f"| {' ± '.join(with_error(found.nats, found.se))} |" in line


@pytest.mark.parametrize(("labels", "classes"), [(None, "none"), (np.zeros(60, int), "1")])
def test_data_without_labels_or_with_one_class_are_shown(
    labels: np.ndarray | None, classes: str, page: AppTest, tmp_path: Path
) -> None:
    arrays = {} if labels is None else {"labels": labels}
    x = np.random.default_rng(0).integers(0, 256, (60, 9, 9), np.uint8)
    np.savez(tmp_path / "plain.npz", x=x, **arrays)
    at = choose_file(page, tmp_path / "plain.npz")
    assert facts(at)["Classes"][0] == classes
    assert len(rows(at) or pictures(at, "vae-cards")) > 8
    assert "Each class" not in words(at)


@pytest.mark.parametrize("binarize", ["threshold", "stochastic"])
def test_binarized_examples_are_shown(binarize: str, page_and_box: AppTest) -> None:
    page_and_box.selectbox(key="set_binarize").select(binarize).run()
    assert not page_and_box.exception
    assert "The data have 17 levels; the model sees 2." in words(page_and_box)
    assert facts(page_and_box)["Values of x"] == ("0 to 1", "2 of 2 levels")
    assert all(set(np.unique(p)) <= {0, 255} for p in pictures(page_and_box, "vae-cards")[:20])


def test_refused_binarization_leaves_the_data_unchanged(page_and_box: AppTest) -> None:
    at = choose(page_and_box, "mixture")
    at.selectbox(key="set_binarize").select("threshold").run()
    assert not at.exception
    assert "binarize threshold needs values in" in at.main.warning[0].value
    assert facts(at)["Values of x"][1].startswith("real")


@pytest.mark.parametrize(
    ("path", "sentence"), [("", "give the path of a file"), ("/no/such.npz", "such.npz")]
)
def test_missing_data_have_a_sentence(path: str, sentence: str, page: AppTest) -> None:
    choose(page, FILE)
    page.text_input(key="set_path").set_value(path).run()
    assert not page.exception
    assert page.main.subheader[0].value == "There are no data to show."
    assert sentence in words(page)
    assert not page.metric


def test_shares_without_training_examples_are_reported(page_and_box: AppTest) -> None:
    page_and_box.number_input(key="set_val_share").set_value(0.9).run()
    assert not page_and_box.exception
    assert "leave nothing to train on" in words(page_and_box)


def test_missing_published_data_offer_a_download(
    page: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAE_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(online, "on_disk", lambda name: False)
    at = choose(page, next(iter(SOURCES)))
    assert "is not on this machine yet: press Download" in words(at)
    assert any(str(b.key).startswith("download_") for b in at.sidebar.button)


def test_invalid_settings_do_not_hide_the_data(page_and_box: AppTest) -> None:
    page_and_box.number_input(key="set_batch_size").set_value(100_000).run()
    assert not page_and_box.exception
    assert "larger than the 1437 training examples" in page_and_box.main.warning[0].value
    assert facts(page_and_box)["Examples"][0] == "1,797"
    assert page_and_box.button(key="train").disabled


def test_the_guesses_on_a_file_are_shown_and_can_be_changed(page: AppTest, tmp_path: Path) -> None:
    """A control changes the reading, another file starts anew, a wrong choice can be undone."""
    rows = [f"{k},{k % 7}.5,{k * k % 11}.25,{'ab'[k % 2]},{k % 3}" for k in range(90)]
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(["Id,height,width,sort,grade", *rows]))
    at = choose_file(page, path)
    assert facts(at)["Classes"][0] == "2"
    assert facts(at)["Size"][0] == "3"
    label = at.selectbox(key="reading_data_label")
    assert label.options[0] == "auto · sort"
    assert "The last column of text has 2 different entries" in words(at)
    label.select("grade").run()
    assert facts(at)["Classes"][0] == "3"
    at.multiselect(key="reading_data_ignore").set_value(["sort", "width"]).run()
    assert facts(at)["Size"][0] == "1"
    assert "3 of 5 columns used" in words(at)
    at.button(key="reading_reset").click().run()
    assert (facts(at)["Classes"][0], facts(at)["Size"][0]) == ("2", "3")
    at.selectbox(key="reading_data_header").select("no").run()
    assert not at.metric
    at.button(key="reading_reset").click().run()
    assert facts(at)["Size"][0] == "3"
    at.selectbox(key="reading_data_names").select("none").run()
    np.savez(tmp_path / "two.npz", a=np.ones((70, 3)), b=np.ones((70, 4)))
    at = choose_file(at, tmp_path / "two.npz")
    assert not at.metric
    at.selectbox(key="reading_data_examples").select("b").run()
    assert facts(at)["Size"][0] == "4"


def test_a_condition_chooses_the_examples(page: AppTest) -> None:
    data = load("digits")
    assert data.labels is not None
    page.text_input(key="data_search").set_value("class in ('3', '5') and row < 200").run()
    assert not page.exception
    drawn = rows(page)
    assert drawn
    assert set(data.labels[drawn]) == {3, 5}
    assert max(drawn) < 200
    page.text_input(key="data_search").set_value("row < 0").run()
    assert "No example satisfies" in page.info[0].value
    page.text_input(key="data_search").set_value("clas = '3'").run()
    assert "did you mean class?" in page.warning[0].value
