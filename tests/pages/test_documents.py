"""Files of the selected runs on the Compare page: built at the press, by the functions of the
command line."""

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import trained
from vae.commands import main
from vae.dashboard import server
from vae.dashboard.compare import documents as compare_documents
from vae.data import save_upload
from vae.experiments.entries import entry
from vae.runs import Run
from vae.script import script


def offered(*names: str) -> AppTest:
    """Return the downloads for these runs on a separate page."""

    def page(names: list[str]) -> None:
        from vae.dashboard import server
        from vae.dashboard.compare.documents import documents
        from vae.experiments.entries import entry
        from vae.runs import Run

        documents([entry(Run(server.ROOT / name)) for name in names])

    at = AppTest.from_function(page, args=(list(names),), default_timeout=60).run()
    assert not at.exception, [e.value for e in at.exception]
    return at


def labels(at: AppTest) -> list[str]:
    return [button.proto.label for button in at.get("download_button")]


def captions(at: AppTest) -> str:
    return " ".join(caption.value for caption in at.caption)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the files that were built."""
    found: list[str] = []
    for name in ("_report", "_text", "_data"):
        monkeypatch.setattr(compare_documents, name, lambda *_, name=name: found.append(name))
    return found


def test_documents_are_built_at_the_press(root: Path, built: list[str]) -> None:
    trained(root, "one", examples=200, frames=0)
    at = offered("one")
    assert labels(at) == ["Report of 1 run (.html)", "Script of the run (.py)"]
    assert built == []


def test_a_script_needs_one_run_and_a_report_any_number(root: Path) -> None:
    for name in ("one", "two"):
        trained(root, name, examples=200, frames=0)
    at = offered("one", "two")
    assert labels(at) == ["Report of 2 runs (.html)"]
    assert "A script trains one run" in captions(at)


def test_a_refused_document_has_a_reason(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "broken").mkdir()
    assert labels(offered("broken")) == []
    assert "Tick runs with readable settings" in captions(offered("broken"))
    for name in ("one", "two"):
        trained(root, name, examples=200, frames=0)
    monkeypatch.setattr(compare_documents, "MOST", 1)
    at = offered("one", "two")
    assert labels(at) == []
    assert "A report contains up to 1 runs, but 2 are selected." in captions(at)


def test_a_script_of_uploaded_data_has_a_data_file(root: Path) -> None:
    x = np.random.default_rng(0).random((40, 5), np.float32)
    (root / "mine.npy").write_bytes(b"")
    np.save(root / "mine.npy", x)
    path = save_upload({"mine.npy": (root / "mine.npy").read_bytes()}, root)
    own = {"data": str(path), "likelihood": "gaussian-learned", "batch_size": 8}
    run = trained(root, "mine", **own, frames=0)
    assert labels(offered("mine"))[-1] == "Data of the script (.npz)"
    kept = compare_documents._data(run)
    (root / "kept.npz").write_bytes(kept)
    np.testing.assert_array_equal(np.load(root / "kept.npz")["x"], x)


def test_the_page_and_the_command_write_the_same(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained(root, "one", examples=200, frames=0)
    where = ["--root", str(root)]
    assert main(["script", "one", *where, "--out", str(root / "train.py")]) == 0
    assert (root / "train.py").read_bytes() == compare_documents._text(run) == script(run).encode()
    assert main(["report", "one", *where, "--out", str(root / "r.html")]) == 0
    clock = b"UTC. Trained"
    written, shown = (root / "r.html").read_bytes(), compare_documents._report([run])
    assert written.partition(clock)[2] == shown.partition(clock)[2]
    assert "1 run in" in capsys.readouterr().out


def test_bad_input_prints_one_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--root", str(root), "--out"]
    for command, out, told in (
        (["report", "none"], "r.html", "There is no run 'none'"),
        (["report", "none"], "r.pdf", "--out ends in .html"),
        (["script", "none"], "t.txt", "--out ends in .py"),
        (["script", "none"], "no/t.py", "does not exist"),
    ):
        assert main([*command, *where, str(root / out)]) == 2
        error = capsys.readouterr().err
        assert told in error
        assert error.count("\n") == 1
    assert root == server.ROOT
    assert entry(Run(root / "nothing")).settings == {}
