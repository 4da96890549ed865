"""The sidebar: the run has the values of its widgets, and invalid settings cannot start."""

import io
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import PAGES, ROOT, OpenPage, trained
from vae.base.options import options_of
from vae.components.schedules import SCHEDULES
from vae.config import TABLES, RunConfig, fields
from vae.config.adaptation import adaptations
from vae.config.presets import PRESETS, START
from vae.dashboard import server
from vae.dashboard.sidebar import sidebar
from vae.dashboard.sidebar.data_field import FILE
from vae.runs import Run, listing

MODEL = ("likelihood", "posterior", "prior", "objective")


@pytest.fixture
def open_box(open_page: OpenPage) -> OpenPage:
    """Open a page and the box of all settings."""
    return partial(open_page, box=True)


def train(at: AppTest, root: Path) -> Run:
    """Press Train and return the new run."""
    before = {run.name for run in listing(root)}
    at.button(key="train").click().run()
    assert not at.exception
    return next(run for run in listing(root) if run.name not in before)


def sentences(at: AppTest) -> str:
    return " ".join(error.value for error in at.error)


def test_the_defaults_are_one_click_away(root: Path, open_page: OpenPage) -> None:
    run = train(open_page("train.py"), root)
    assert run.settings == RunConfig.of().model_dump(mode="json")
    assert run.status().state == "queued"


def test_a_new_session_offers_the_run_that_ships(
    root: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sidebar, "START", START)
    at = open_page("train.py")
    assert not [c.value for c in at.sidebar.caption if "not ln p(x)" in c.value]
    given = train(at, root).settings
    shipped = Run(ROOT / "checkpoints" / "clothes-first-look").config.model_dump(mode="json")
    assert given | {"frames": shipped["frames"]} == shipped
    at.selectbox(key="preset").select("β-VAE").run()
    assert at.selectbox(key="set_data").value == START.data, "a preset keeps the data"


def adapted(preset: str) -> dict[str, Any]:
    """Return the values of a preset that follow the usual data."""
    config = RunConfig.of(**PRESETS[preset].values)
    return adaptations(config, config.load_data())


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_sets_its_values(preset: str, root: Path, open_page: OpenPage) -> None:
    at = open_page("train.py")
    at.selectbox(key="preset").select(preset).run()
    assert not at.error
    assert train(at, root).config == RunConfig.of(**PRESETS[preset].values | adapted(preset))


def test_a_preset_replaces_the_previous_one(root: Path, open_page: OpenPage) -> None:
    at = open_page("train.py")
    for preset in ("Plain autoencoder", "β-VAE", "2-D map"):
        at.selectbox(key="preset").select(preset).run()
    assert train(at, root).config == RunConfig.of()


def test_every_setting_has_its_widget_and_help(root: Path, open_box: OpenPage) -> None:
    at = open_box("train.py")
    widgets = [*at.sidebar.selectbox, *at.sidebar.number_input, *at.sidebar.text_input]
    shown = {str(w.key).removeprefix("set_"): w for w in widgets}
    chosen = RunConfig.of().model_dump()
    for field in fields():
        if field.belongs_to(chosen):
            about, schedule = shown[field.name].help, field.name.endswith("_schedule")
            said = field.option.help  # of a schedule without how it is written in the shell
            assert about.startswith(said.partition(" one of")[0] if schedule else said)
            for row in SCHEDULES if schedule else TABLES.get(field.name, ()):
                assert f"**{row}**: " in about
        else:
            assert field.name not in shown


@pytest.mark.parametrize(
    ("widget", "value", "option"),
    [
        ("likelihood", "gaussian", "sigma"),
        ("network", "conv", "channels"),
        ("data", "moon-phases", "tilt"),
    ],
)
def test_a_choice_shows_its_options(
    widget: str, value: str, option: str, root: Path, open_box: OpenPage
) -> None:
    at = open_box("train.py")
    assert f"set_{option}" not in at.session_state
    at.selectbox(key=f"set_{widget}").select(value).run()
    assert f"set_{option}" in at.session_state
    assert train(at, root).config.get(option) is not None


def test_a_schedule_has_a_field_for_its_epochs(root: Path, open_box: OpenPage) -> None:
    at = open_box("train.py")
    at.selectbox(key="set_beta_schedule").select("warmup").run()
    at.number_input(key="set_beta_schedule_epochs").set_value(7.0).run()
    assert train(at, root).config.get("beta_schedule") == "warmup:7"


def test_numbers_reach_the_run(root: Path, open_box: OpenPage) -> None:
    at = open_box("train.py")
    at.number_input(key="set_lr").set_value(0.0005)
    at.number_input(key="set_latent_dim").set_value(7)
    at.text_input(key="set_hidden").set_value("64, 32").run()
    config = train(at, root).config
    assert (config.lr, config.latent_dim, config.get("hidden")) == (0.0005, 7, (64, 32))


@pytest.mark.parametrize(
    ("widget", "value", "sentence"),
    [
        ("set_batch_size", 100_000, "larger than the 1437 training examples"),
        ("set_val_share", 0.9, "leave nothing to train on"),
        ("set_patience", 0, ""),
    ],
)
def test_invalid_settings_are_reported_before_the_start(
    widget: str, value: float, sentence: str, root: Path, open_box: OpenPage
) -> None:
    at = open_box("train.py")
    at.number_input(key=widget).set_value(value).run()
    assert sentence in sentences(at)
    assert at.button(key="train").disabled == bool(sentence)
    assert listing(root) == []


def test_a_point_posterior_requires_another_objective(root: Path, open_box: OpenPage) -> None:
    at = open_box("train.py")
    at.selectbox(key="set_posterior").select("point").run()
    assert "choose objective wae or reconstruction" in sentences(at)
    assert at.button(key="train").disabled
    at.selectbox(key="set_objective").select("reconstruction").run()
    assert not at.error


def test_real_valued_data_get_a_suitable_likelihood(root: Path, open_page: OpenPage) -> None:
    at = open_page("train.py")
    at.selectbox(key="set_data").select("mixture").run()
    assert not at.error
    assert train(at, root).config.likelihood == "gaussian-learned"


@pytest.mark.parametrize("path", ["", "/no/such/file.npz", "/"])
def test_a_wrong_path_is_reported(path: str, root: Path, open_page: OpenPage) -> None:
    at = open_page("train.py")
    at.selectbox(key="set_data").select(FILE).run()
    at.text_input(key="set_path").set_value(path).run()
    assert [len(at.info), len(at.error)] == ([0, 1] if path else [1, 0])  # nothing is wrong yet
    assert at.button(key="train").disabled


def test_the_estimate_names_the_next_run(open_box: OpenPage) -> None:
    at = open_box("train.py")
    price = next(c for c in at.sidebar.caption if "weights" in c.value)
    assert price.value.startswith("New run: ")
    assert "with the settings below" in price.help
    assert ("not ln p(x)" in price.value) is ("not ln p(x)" in price.help) is True
    at.selectbox(key="set_likelihood").select("gaussian").run()
    price = next(c for c in at.sidebar.caption if "weights" in c.value)
    assert "not ln p(x)" not in price.value + price.help


def test_a_file_can_be_given_by_path_or_upload(root: Path, open_page: OpenPage) -> None:
    x = np.random.default_rng(0).integers(0, 256, (200, 9, 7), np.uint8)
    np.savez(root / "scans.npz", images=x, labels=np.arange(200) % 3)
    at = open_page("train.py")
    at.selectbox(key="set_data").select(FILE).run()
    at.text_input(key="set_path").set_value(str(root / "scans.npz")).run()
    first = train(at, root)
    content = io.BytesIO((root / "scans.npz").read_bytes()).getvalue()
    at.file_uploader(key="set_upload").set_value(
        [("scans.npz", content, "application/octet-stream")]
    ).run()
    second = train(at, root)
    assert first.header["data"]["fingerprint"] == second.header["data"]["fingerprint"]
    assert second.settings["data"].startswith(str(server.ROOT / ".uploads"))
    assert first.name == "scans-mlp-z2-1"
    assert second.name == "scans-mlp-z2-2"


def test_a_damaged_upload_is_reported(root: Path, open_page: OpenPage) -> None:
    at = open_page("train.py")
    at.selectbox(key="set_data").select(FILE).run()
    at.file_uploader(key="set_upload").set_value(
        [("scans.npz", b"not a zip", "application/octet-stream")]
    ).run()
    assert "scans.npz" in sentences(at)
    assert at.button(key="train").disabled
    assert list(root.glob(".uploads/*")) == []


@pytest.mark.parametrize(("kind", "row"), [(kind, row) for kind in MODEL for row in TABLES[kind]])
def test_every_row_shows_exactly_its_options(
    kind: str, row: str, root: Path, open_box: OpenPage
) -> None:
    """An invalid combination is refused at once, with a remedy."""
    at = open_box("train.py")
    at.selectbox(key=f"set_{kind}").select(row).run()
    assert not at.exception
    shown = {str(w.key).removeprefix("set_") for w in [*at.sidebar.selectbox, *at.number_input]}
    own = set(options_of(TABLES[kind][row]))
    for field in fields():
        if field.kind == kind and field.type is not tuple:
            assert (field.name in shown) == (field.name.removesuffix("_schedule") in own), field
    if sentences(at):
        assert ": choose " in sentences(at)
        assert at.button(key="train").disabled
    else:
        assert train(at, root).config.get(kind) == row


@pytest.mark.parametrize("page", PAGES)
def test_train_on_any_page_keeps_the_settings(page: str, root: Path, open_box: OpenPage) -> None:
    trained(root, "a-run", epochs=1)
    at = open_box(page)
    at.selectbox("preset").set_value("β-VAE").run()
    at.number_input("set_latent_dim").set_value(5)
    at.selectbox("set_data").set_value("moon-phases").run()
    at.number_input("set_tilt").set_value(10.0).run()
    for _ in range(2):
        at.button("train").click().run()
        assert not at.exception
    first, second = (run for run in listing(root) if run.name != "a-run")
    assert first.settings == second.settings
    assert [first.settings[k] for k in ("data", "latent_dim", "tilt")] == ["moon-phases", 5, 10.0]
    assert at.number_input("set_latent_dim").value == 5
    assert at.selectbox("preset").value == "β-VAE"


def test_a_closed_box_keeps_its_settings(root: Path, open_box: OpenPage) -> None:
    """They last over a change of page, and apply to a row that is chosen later."""
    at = open_box("train.py")
    at.selectbox(key="set_prior").select("mixture").run()
    at.number_input(key="set_prior_components").set_value(7)
    at.number_input(key="set_lr").set_value(0.0005)
    at.selectbox(key="set_beta_schedule").select("warmup").run()
    at.text_input(key="set_hidden").set_value("64, 32").run()
    opened = train(at, root).settings
    at.session_state["all_settings"] = False
    at.switch_page("../../pages/data.py").run()
    assert {str(w.key) for w in at.sidebar.number_input} == {
        f"set_{name}" for name in ("latent_dim", "beta", "epochs")
    }
    assert train(at, root).settings == opened
    assert opened["prior_components"] == 7
    at.session_state["all_settings"] = True
    at.run()
    assert at.number_input(key="set_lr").value == 0.0005
    assert at.text_input(key="set_hidden").value == "64, 32"
    at.number_input(key="set_lr").set_value(0.002).run()
    assert train(at, root).settings == opened | {"lr": 0.002}


def box(at: AppTest) -> str:
    """The label of the box of settings."""
    return next(e.label for e in at.sidebar.expander if e.label.startswith("All settings"))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_counts_adapted_values_only(preset: str, root: Path, open_page: OpenPage) -> None:
    at = open_page("train.py")
    at.selectbox(key="preset").select(preset).run()
    assert box(at) == "All settings" + " · 1 changed" * len(adapted(preset))


def test_changed_settings_are_counted_and_reset(root: Path, open_box: OpenPage) -> None:
    """Settings in sight keep their value."""
    at = open_box("train.py")
    at.selectbox(key="preset").select("β-VAE").run()
    before = train(at, root).settings
    at.number_input(key="set_latent_dim").set_value(3)
    at.number_input(key="set_lr").set_value(0.01)
    at.text_input(key="set_hidden").set_value("256,128")  # the preset's, written otherwise
    at.number_input(key="set_beta_schedule_epochs").set_value(7.0)
    at.selectbox(key="set_network").select("conv").run()
    assert box(at) == "All settings · 3 changed"
    caption = next(c.value for c in at.sidebar.caption if c.value.startswith("Changed: "))
    assert caption == "Changed: Network, β schedule, Learning rate"
    at.button(key="settings_reset").click().run()
    assert box(at) == "All settings"
    assert train(at, root).settings == before | {"latent_dim": 3}


def test_the_settings_follow_the_data_and_return(
    root: Path, tmp_path: Path, open_page: OpenPage
) -> None:
    """A small file gets small batches and a likelihood of real values, with a sentence on each;
    the data before get their settings back."""
    np.savetxt(tmp_path / "t.csv", np.random.default_rng(0).normal(size=(40, 3)), "%.3f", ",")
    at = open_page("train.py")
    at.selectbox(key="preset").select("2-D map").run()
    at.selectbox(key="set_data").select(FILE).run()
    at.text_input(key="set_path").input(str(tmp_path / "t.csv")).run()
    assert not at.error
    words = " ".join(caption.value for caption in at.sidebar.caption)
    assert "The data hold real values: the likelihood is gaussian-learned." in words
    assert "The data have 32 training examples: the batch size is 8." in words
    config = train(at, root).config
    assert (config.likelihood, config.batch_size) == ("gaussian-learned", 8)
    at.selectbox(key="set_data").select("digits").run()
    assert not at.error
    usual = RunConfig.of()
    assert at.session_state["set_likelihood"] == usual.likelihood
    assert at.session_state["set_batch_size"] == usual.batch_size
