"""Branch, Export and Import on the Compare page: they use the functions of the command line, and a
refusal has a reason in its popover."""

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import OpenPage, trained
from tests.runs.test_archive import as_file, content
from vae.dashboard import server
from vae.dashboard.compare import archive
from vae.dashboard.shared.run_selection import SELECTED
from vae.runs import Run, listing, notes
from vae.runs.store import delete

TINY: dict[str, Any] = {"examples": 300, "frames": 0}


def page(open_page: OpenPage, *selected: str, open_: str = "") -> AppTest:
    """Open the page with these runs ticked and one popover open."""
    at = open_page("compare.py")
    at.session_state[SELECTED] = list(selected)
    checked(at.run())
    if open_:  # once it can be opened
        at.session_state[f"compare_{open_}"] = True
    return checked(at.run())


def checked(at: AppTest) -> AppTest:
    assert not at.exception, [e.value for e in at.exception]
    return at


def text(at: AppTest) -> str:
    found = [*at.markdown, *at.caption, *at.error, *at.success]
    return " ".join(element.value for element in found)


def downloads(at: AppTest) -> list[str]:
    return [button.proto.label for button in at.get("download_button")]


def popovers(at: AppTest) -> dict[str, bool]:
    """Return label → whether the popover can be opened."""
    found = {b.proto.popover.label: not b.proto.popover.disabled for b in at.get("popover")}
    return {label: found[label] for label in ("Branch", "Export", "Import")}


def keys(at: AppTest) -> set[str]:
    return {str(button.key) for button in at.button}


def test_the_possible_actions_depend_on_the_selection(root: Path, open_page: OpenPage) -> None:
    for name in ("one", "two"):
        trained(root, name, **TINY)
    off, on = False, True
    assert popovers(page(open_page)) == {"Branch": off, "Export": off, "Import": on}
    assert popovers(page(open_page, "one")) == {"Branch": on, "Export": on, "Import": on}
    assert popovers(page(open_page, "one", "two")) == {"Branch": off, "Export": on, "Import": on}


def test_export_offers_the_runs_and_the_documents(root: Path, open_page: OpenPage) -> None:
    for name in ("one", "two"):
        trained(root, name, **TINY)
    assert downloads(page(open_page, "one")) == []
    at = page(open_page, "one", open_="export")
    size = sum(len(found) for found in content(root / "one").values()) / 1e6
    runs = f"Run (.vae.zip), {size:.1f} MB"
    assert downloads(at) == [runs, "Report of 1 run (.html)", "Script of the run (.py)"]
    at = page(open_page, "one", "two", open_="export")
    assert downloads(at)[0].startswith("2 runs (.vae.zip), ")
    made = archive._packed([Run(root / "one")])
    assert made == as_file([Run(root / "one")])


def test_a_too_large_export_names_the_command(
    root: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(root, "one", **TINY)
    monkeypatch.setattr(archive, "size", lambda runs: 3 * 2**30)
    at = page(open_page, "one", open_="export")
    assert "Run, 3.0 GB: too large for a browser." in text(at)
    assert "python -m vae export one --out runs.vae.zip" in text(at)
    assert downloads(at) == ["Report of 1 run (.html)", "Script of the run (.py)"]


def bring(at: AppTest, file: bytes, name: str = "x.vae.zip") -> AppTest:
    uploader = at.get("file_uploader")
    own = next(u for u in uploader if str(u.key).startswith("compare_import_"))
    own.set_value((name, file, "application/zip"))
    return checked(at.run())


def test_import_brings_runs_and_selects_them(root: Path, open_page: OpenPage) -> None:
    for name in ("one", "two"):
        trained(root, name, **TINY)
    before, file = content(root / "one"), as_file(listing(root))
    delete(Run(root / "two"))
    at = bring(page(open_page), file)
    assert "Imported two, one-2 (exported as one, which is taken here)." in text(at)
    assert at.session_state[SELECTED] == ["two", "one-2"]
    assert "**2 selected**" in text(at)
    assert content(root / "one-2") == before
    assert sorted(r.name for r in listing(root)) == ["one", "one-2", "two"]
    at = bring(at, b"none")
    assert "This file cannot be imported: it is damaged" in text(at)
    assert "Imported" not in text(at)
    assert at.session_state[SELECTED] == ["two", "one-2"]
    assert len(listing(root)) == 3
    assert "For a file of more than 200 MB" in text(at)
    assert "python -m vae import FILE.vae.zip" in text(at)


def test_a_run_can_be_imported_into_an_empty_folder(root: Path, open_page: OpenPage) -> None:
    file = as_file([trained(root, "one", **TINY)])
    delete(Run(root / "one"))
    at = bring(open_page("compare.py"), file)
    assert [r.name for r in listing(root)] == ["one"]
    assert "Imported one." in text(at)


def branching(at: AppTest) -> tuple[Any, list[Any]]:
    """Return the box of the setting, and the widgets that follow it."""
    box = next(b for b in at.selectbox if str(b.key).startswith("compare_branch_field"))
    start = f"compare_branch_{box.value}_"
    rest = [*at.number_input, *at.selectbox, *at.text_input]
    return box, [w for w in rest if str(w.key).startswith(start)]


def test_a_branch_is_described_queued_and_selected(
    root: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    pumped: list[int] = []
    run = trained(root, "one", frames=0, epochs=1, seed=5)
    monkeypatch.setattr(server.launcher, "pump", lambda: pumped.append(1), raising=False)
    at = page(open_page, "one", open_="branch")
    _, [value] = branching(at)
    assert value.value == 1.0
    assert "one has β 1: choose another value." in text(at)
    assert "compare_branch_queue" not in keys(at)
    value.set_value(4.0)
    checked(at.run())
    assert "**β 1 → 4**" in text(at)
    assert "All else as in one, seed 5 included." in text(at)
    at.text_input(key="compare_branch_name_one-beta-4").set_value("mine")  # and pressed at once
    checked(at.button(key="compare_branch_queue").click().run())
    made = Run(root / "mine")
    assert made.config == run.config.model_copy(update={"beta": 4.0})
    assert made.status().state == "queued"
    assert notes.read(made.path).notes == "branched from one: β 1 → 4"
    assert at.session_state[SELECTED] == ["one", "mine"]
    assert "**2 selected**" in text(at)
    assert pumped == [1]


def test_an_invalid_branch_has_no_button(root: Path, open_page: OpenPage) -> None:
    run = trained(root, "one", **TINY)
    at = page(open_page, "one", open_="branch")
    box, _ = branching(at)
    box.set_value("batch_size").run()
    _, [value] = branching(at)
    value.set_value(5000)
    checked(at.run())
    assert "larger than the 240 training examples" in text(at)
    assert "compare_branch_queue" not in keys(at)
    _, [value] = branching(at)
    value.set_value(64)
    checked(at.run())
    names = [t for t in at.text_input if str(t.key).startswith("compare_branch_name")]
    names[0].set_value("one")
    checked(at.run())
    checked(at.button(key="compare_branch_queue").click().run())
    assert "The name 'one' is taken" in text(at)
    assert listing(root)[0].path == run.path
    assert len(listing(root)) == 1


def test_every_setting_has_a_widget_of_its_type(root: Path, open_page: OpenPage) -> None:
    trained(root, "one", **TINY)
    at = page(open_page, "one", open_="branch")
    box, _ = branching(at)
    kinds = {}
    for name in _names(root):
        box.set_value(name)
        checked(at.run())
        box, [value] = branching(at)
        kinds[name] = type(value).__name__
        assert "choose another value." in text(at), name
    assert kinds["beta"] == kinds["epochs"] == kinds["lr"] == "NumberInput"
    assert (
        kinds["objective"] == kinds["network"] == kinds["device"] == kinds["data"] == "Selectbox"
    )
    assert kinds["hidden"] == kinds["beta_schedule"] == "TextInput"


def _names(root: Path) -> list[str]:
    from vae.experiments import variants

    return [field.name for field in variants.settings(Run(root / "one").config)]


def test_live_changes_are_not_in_the_branch(root: Path, open_page: OpenPage) -> None:
    trained(root, "one", **TINY)
    (root / "one" / "changes.jsonl").write_text('{"step": 3, "field": "lr", "value": 0.1}\n')
    at = page(open_page, "one", open_="branch")
    _, [value] = branching(at)
    value.set_value(4.0)
    checked(at.run())
    assert "one had lr moved while it trained; the branch has not." in text(at)
