"""The table of pages in groups, and the row of links above every page.

Streamlit's own row hides the last links behind "2 more" and its sections become menus, which hide
the current page. The row here shows every link, and scrolls sideways on a phone.
"""

import json
from pathlib import Path

import streamlit as st
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from vae.dashboard.learn.lessons import LESSONS
from vae.dashboard.server import PAGES
from vae.dashboard.shared import address

TABLE = {  # group → title → file in pages/; the first page is the one at the address "/"
    "Train": {
        "Train": "train.py",
        "Sweep": "sweep.py",
        "Data": "data.py",
    },
    "Explore": {
        "Latent space": "latent.py",
        "Traversals": "traversals.py",
        "Reconstructions": "reconstructions.py",
        "Samples": "samples.py",
        "Time machine": "replay.py",
    },
    "Judge": {
        "Evaluate": "evaluate.py",
        "Compare": "compare.py",
    },
    "Learn": {words["title"].en: f"learn/{name}.py" for name, words in LESSONS.items()},
}
FOLDED = ("Learn",)  # groups of which the row shows one link, to the first page
_STYLE = Path(__file__).with_name("navigation.css")
_EVERYWHERE = ("pressed.js", "popover_keys.js", "navigation.js")
_SCRIPT = "\n".join(Path(__file__).with_name(n).read_text("utf-8") for n in _EVERYWHERE)


def in_row() -> dict[str, dict[str, str]]:
    """Return group → label → file of the links of the row."""
    return {group: _links(group, pages) for group, pages in TABLE.items()}


def _links(group: str, pages: dict[str, str]) -> dict[str, str]:
    return {group: next(iter(pages.values()))} if group in FOLDED else pages


def marked(title: str) -> str:
    """Return the label of the link that the row marks on this page."""
    group = next(group for group, pages in TABLE.items() if title in pages)
    return group if group in FOLDED else title


def current_page() -> st.Page:
    """Register every page, and return the one at the present address."""
    files = {title: file for pages in TABLE.values() for title, file in pages.items()}
    first = next(iter(files))
    pages = [st.Page(PAGES / f, title=title, default=title == first) for title, f in files.items()]
    return st.navigation(pages, position="hidden")


def names() -> set[str]:
    """Return the last parts of the addresses of all pages."""
    return {Path(file).stem for pages in TABLE.values() for file in pages.values()}


def routes() -> list[Route]:
    """Routes from the name of the first page to its address: /train leads to /."""
    first = next(iter(next(iter(TABLE.values())).values()))
    return [Route(f"/{Path(first).stem}", to_first_page)]


def to_first_page(request: Request) -> Response:
    """Redirect to the first page with the same parameters."""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"./{query}")


def row(page: st.Page) -> None:
    """Show a link to each page, and mark the current one."""
    groups = in_row()
    st.html(_STYLE)
    with st.container(key="navigation"):
        for group, pages in groups.items():
            with st.container(key=f"navigation_{group.lower()}"):
                if list(pages) != [group]:
                    st.caption(group)
                for title, file in pages.items():
                    st.page_link(PAGES / file, label=title)
        with st.container(key="navigation_link"):
            address.copy_link()
        mark = json.dumps([marked(page.title), sum(map(len, groups.values()))])
        script = f"{_SCRIPT}({mark});"
        st.html(f"<script>{script}</script>", unsafe_allow_javascript=True)
