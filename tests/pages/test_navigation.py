"""The table of pages, and the row of links above every page."""

import json
from pathlib import Path

import pytest
from starlette.requests import Request

from tests.pages.conftest import ROOT, OpenPage
from vae.dashboard import navigation


def test_the_table_names_every_page_once() -> None:
    files = [file for pages in navigation.TABLE.values() for file in pages.values()]
    folder = ROOT / "pages"
    assert sorted(files) == sorted(str(p.relative_to(folder)) for p in folder.rglob("*.py"))
    titles = [title for pages in navigation.TABLE.values() for title in pages]
    assert len({*titles}) == len({Path(file).stem for file in files}) == len(files)  # addresses


def test_a_folded_group_has_one_link_marked_on_all_its_pages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(navigation.TABLE, "Learn", {"A": "learn/a.py", "B": "learn/b.py"})
    assert navigation.in_row()["Learn"] == {"Learn": "learn/a.py"}
    assert navigation.marked("A") == navigation.marked("B") == "Learn"


@pytest.mark.parametrize("title", ["Train", "Compare"])
def test_the_row_links_to_every_page_and_marks_the_current_one(
    title: str, root: Path, open_page: OpenPage
) -> None:
    row = {t: file for pages in navigation.in_row().values() for t, file in pages.items()}
    at = open_page(row[title])
    assert [link.proto.label for link in at.get("page_link")][: len(row)] == [*row]
    assert json.dumps([title, len(row)]) in "".join(html.proto.body for html in at.get("html"))


def test_the_name_of_the_first_page_leads_to_its_address() -> None:
    (route,) = navigation.routes()
    assert route.path == "/train"
    for query, wanted in ((b"run=a&tour=2", "./?run=a&tour=2"), (b"", "./")):
        scope = {"type": "http", "method": "GET", "path": "/train", "query_string": query}
        request = Request(scope | {"headers": [(b"host", b"localhost")]})
        assert navigation.to_first_page(request).headers["location"] == wanted
