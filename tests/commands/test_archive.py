"""`python -m vae export` and `import`, and the variants of a run."""

import re
from pathlib import Path

import pytest

from tests.commands.test_commands import Shell
from tests.runs.conftest import make_in
from tests.runs.test_archive import content, finish
from vae.config import RunConfig, fields
from vae.experiments import variants
from vae.runs import Run, listing, notes


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    (tmp_path / "root").mkdir()
    return Shell(tmp_path / "root", capsys)


def test_an_exported_run_can_be_imported(shell: Shell, tmp_path: Path) -> None:
    runs = [finish(make_in(shell.root, name, epochs=1)) for name in ("one", "two")]
    out = tmp_path / "both.vae.zip"
    status, told, err = shell("export", "one", "two", "one", "--out", str(out))
    size = out.stat().st_size / 1e6
    assert (status, told, err) == (0, f"2 runs in {out}, {size:.1f} MB\n", "")
    status, told, err = shell("import", str(out))
    wanted = "one-2: finished, exported as one\ntwo-2: finished, exported as two\n"
    assert (status, told, err) == (0, wanted, "")
    for run in runs:
        assert content(run.path) == content(shell.root / f"{run.name}-2")
    shell("export", "one", "--out", str(out))
    status, told, _ = shell("import", str(out), "--name", "new")
    assert (status, told) == (0, "new: finished, exported as one\n")
    assert content(shell.root / "new") == content(shell.root / "one")
    assert shell("import", str(out), "--name", "new")[0] == 2


def test_invalid_exports_and_imports_are_refused(shell: Shell, tmp_path: Path) -> None:
    make_in(shell.root, "one")
    out = str(tmp_path / "x.vae.zip")
    for name in ("x.zip", "x.vae", "none/x.vae.zip"):
        where = str(tmp_path / name)
        assert re.search(
            r"--out (ends in|does not)", shell.refused("export", "one", "--out", where)
        )
    assert "There is no run 'two'" in shell.refused("export", "one", "two", "--out", out)
    assert "--out" in shell.refused("export", "one")
    assert "there is no such file or folder" in shell.refused("import", out)
    assert "it is a folder" in shell.refused("import", str(tmp_path))
    (tmp_path / "x.vae.zip").write_bytes(b"PK")
    assert "This file cannot be imported" in shell.refused("import", out)
    shell("export", "one", "--out", out)
    assert "is taken" in shell.refused("import", out, "--name", "one")
    assert "cannot be the name" in shell.refused("import", out, "--name", "a/b")


# Branches


def test_a_variant_changes_one_setting_and_keeps_the_seed(tmp_path: Path) -> None:
    run = make_in(tmp_path, "base", data="digits", examples=0, seed=7, beta=2.0)
    config = variants.changed(run, "beta", 4)
    assert config == RunConfig.of(**run.config.model_dump() | {"beta": 4.0})
    assert variants.format_changes(run.config, config) == "β 2 → 4"
    made = variants.create(run, config, variants.free_name(run, "beta", 4.0))
    assert made.name == "base-beta-4"
    assert made.status().state == "queued"
    assert made.config == config
    assert made.config.seed == 7
    assert made.header["data"] == run.header["data"]
    assert notes.read(made.path).notes == "branched from base: β 2 → 4"
    assert variants.free_name(run, "beta", 4.0) == "base-beta-4-1"
    assert run.config.beta == 2.0  # type: ignore[attr-defined]


def test_a_variant_lists_the_options_of_its_new_row(tmp_path: Path) -> None:
    run = make_in(tmp_path, "base")
    config = variants.changed(run, "likelihood", "gaussian-learned")
    told = variants.format_changes(run.config, config)
    assert told == "Likelihood gaussian → gaussian-learned, Noise σ 0.1 → –"


def test_every_setting_but_the_seed_can_be_changed(tmp_path: Path) -> None:
    run = make_in(tmp_path, "base")
    names = [field.name for field in variants.settings(run.config)]
    assert set(names) == {n for n in run.config.model_dump() if n != "seed"}
    assert names == [f.name for f in fields() if f.name in names]


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("beta", 1.0, r"base has β 1: choose another value\."),
        ("hidden", "8", "base has Hidden layers 8: "),
        ("beta", -1, "beta must be at least 0"),
        ("latent_dim", "x", "latent_dim must be a whole number"),
        ("network", "conv", "The conv network needs pictures"),
        ("posterior", "point", "choose objective wae or reconstruction"),
        ("batch_size", 5000, "larger than the 32 training examples"),
        ("none", 1, "Unknown setting"),
    ],
)
def test_an_invalid_variant_is_refused_with_the_reason(
    field: str, value: object, why: str, tmp_path: Path
) -> None:
    run = make_in(tmp_path, "base")
    with pytest.raises(ValueError, match=why):
        variants.changed(run, field, value)
    assert [r.name for r in listing(tmp_path)] == ["base"]


def test_a_variant_on_changed_data_is_refused(tmp_path: Path) -> None:
    import numpy as np

    path = tmp_path / "x.npy"
    np.save(path, np.random.default_rng(0).random((50, 4), dtype=np.float32))
    run = make_in(tmp_path / "root", "base", data=str(path), examples=0)
    np.save(path, np.random.default_rng(1).random((50, 4), dtype=np.float32))
    with pytest.raises(ValueError, match="differ from those it was trained on: restore the old"):
        variants.changed(run, "beta", 4)


def test_long_names_are_shortened(tmp_path: Path) -> None:
    run = make_in(tmp_path, "x" * 64)
    for field, value in (("hidden", (512, 256, 128, 64)), ("data", "/a/ü b.npz"), ("lr", 1e-05)):
        name = variants.free_name(run, field, value)
        assert Run.create(tmp_path, run.config, run.data(), name).name == name
        assert variants.free_name(run, field, value) == f"{name}-1"
        assert len(variants.free_name(run, field, value)) <= 64
